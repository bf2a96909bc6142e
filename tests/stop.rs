//! The program ends when it is told to, whatever the system holds up.

#[path = "router/mod.rs"]
mod router;

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use router::write_shop;
use rustix::process::{Pid, Signal, kill_process};

/// Longest wait for the end: a machine may be slow, but nobody ends a call that it waits for.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program itself, ended with the test.
struct Program {
    child: Child,
    admin_address: String,
}

impl Program {
    fn serve(folder: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tradewind"))
            .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
            .args(["--set", "timers.drain=1s"])
            .arg("--shops")
            .arg(folder.join("shops"))
            .arg("--data")
            .arg(folder.join("data"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let line = lines.map_while(Result::ok).find(|line| line.contains("management"));
        let line = line.expect("it says where management is");
        let (_, address) = line.split_once("http://").expect("an address");
        Self { child, admin_address: address.trim().to_owned() }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_stop_does_not_wait_for_a_file_that_cannot_be_read_to_its_end() {
    ends_while_a_file_is_read(|program| {
        let address = &program.admin_address;
        let mut asks = TcpStream::connect(address).expect("a connection");
        write!(
            asks,
            "POST /v1/shops/reload HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\n\r\n"
        )
        .expect("sent");
        Some(asks)
    });
}

#[test]
fn a_stop_is_heard_while_a_reload_by_signal_waits_for_a_file() {
    ends_while_a_file_is_read(|program| {
        kill_process(Pid::from_child(&program.child), Signal::HUP).expect("it is there");
        None
    });
}

/// Lets `reload` have a program read a file whose end does not come, and stops it meanwhile. The
/// connection that the reload came by stays open.
fn ends_while_a_file_is_read(reload: impl Fn(&Program) -> Option<TcpStream>) {
    let folder = tempfile::tempdir().expect("a folder");
    write_shop(folder.path(), "cafe", |text| {
        format!(
            "{text}\n[openid]\nissuer = \"https://login.example\"\nclient_id = \"tradewind\"\n\
             router = \"http://localhost:8080\"\nclient_secret_file = \"client.secret\"\n\
             label = \"Shop account\"\n"
        )
    });
    let secret = folder.path().join("shops/cafe/client.secret");
    std::fs::write(&secret, "a-secret-of-the-client\n").expect("a file");
    let mut program = Program::serve(folder.path());
    // A reload reads from a pipe into which nobody writes.
    std::fs::remove_file(&secret).expect("removed");
    let made = Command::new("mkfifo").arg(&secret).status().expect("mkfifo");
    assert!(made.success());
    let _asks = reload(&program);
    // Opens when the program has it open as well.
    let _silent = OpenOptions::new().write(true).open(&secret).expect("the other end");

    kill_process(Pid::from_child(&program.child), Signal::TERM).expect("it is there");

    let until = Instant::now() + PATIENCE;
    let ended = loop {
        if let Some(status) = program.child.try_wait().expect("asked") {
            break status;
        }
        assert!(Instant::now() < until, "it waits for the file");
        std::thread::yield_now();
    };
    assert_eq!(ended.code(), Some(0));
}
