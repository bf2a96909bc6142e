//! A router that is a process of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use rustix::process::{Pid, Signal, kill_process};

/// A running router.
pub struct Process {
    child: Child,
    pub address: SocketAddr,
}

/// Ends one process at once, from wherever, and tells that it did.
pub struct Kill {
    process: Pid,
    killed: mpsc::Sender<()>,
}

impl Kill {
    pub fn now(self) {
        kill_process(self.process, Signal::KILL).expect("it runs");
        // A test that has failed meanwhile does not listen.
        let _ = self.killed.send(());
    }
}

impl Process {
    /// On the folders of data and shops below `folder`.
    pub fn start<S: AsRef<str>>(folder: &Path, settings: &[S]) -> Self {
        Self::start_logging(folder, settings, ("error", Stdio::inherit()))
    }

    /// The same that logs so much, and there.
    pub fn start_logging<S: AsRef<str>>(
        folder: &Path,
        settings: &[S],
        (level, log): (&str, Stdio),
    ) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tradewind"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
        command.arg("--data").arg(folder.join("data"));
        let shops = format!("shops={}", folder.join("shops").display());
        let level = format!("log.level={level}");
        let usual: [&str; 6] = [
            &shops,
            &level,
            "journal.segment=1MiB",
            "understand.encoder=off",
            // Where the machine that tests is busy, every message is understood nevertheless, and nobody
            // is dead who says nothing while he waits.
            "understand.wait_max=10s",
            "timers.peer_dead_after=10min",
        ];
        for setting in usual.into_iter().chain(settings.iter().map(AsRef::as_ref)) {
            command.args(["--set", setting]);
        }
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().expect("the router");
        let stdout = child.stdout.take().expect("a pipe");
        let first = BufReader::new(stdout).lines().next().expect("it says where it listens");
        let first = first.expect("a line");
        let address = first.strip_prefix("listening on http://").expect("an address");
        let address = address.parse().expect("an address");
        Self { child, address }
    }

    /// What ends it, and hears that it was ended.
    pub fn kill(&self) -> (Kill, mpsc::Receiver<()>) {
        let (killed, was_killed) = mpsc::channel();
        (Kill { process: Pid::from_child(&self.child), killed }, was_killed)
    }

    /// Stops it and waits until everything that was begun is done.
    pub fn stop(mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("it runs");
        assert!(self.child.wait().expect("it ends").success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have been killed before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
