//! A real process that is killed at each step between a ticket and its e-mail: the mail server, which
//! keeps every copy that it gets, has exactly one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

#[path = "mail_server/mod.rs"]
mod mail_server;
#[path = "reliability/mod.rs"]
mod reliability;
#[path = "router/mod.rs"]
mod router;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use mail_server::{MailServer, Step};
use router::{Client, visitor, write_shop};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Steps at which the router is killed, in turn; `None` is before it has turned to the mail server.
const STEPS: [Option<Step>; 10] = [
    None,
    Some(Step::Connected),
    Some(Step::Greeted),
    Some(Step::Mail),
    Some(Step::Rcpt),
    Some(Step::Data),
    Some(Step::Content),
    Some(Step::Ended),
    Some(Step::Told),
    Some(Step::Quit),
];

struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    fn start(folder: &Path, mail: SocketAddr) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tradewind"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
        command.arg("--data").arg(folder.join("data"));
        let settings = [
            format!("shops={}", folder.join("shops").display()),
            format!("email.server={mail}"),
            "email.tls=none".to_owned(),
            "email.from=help@shop.example".to_owned(),
            "email.retry_first=100ms".to_owned(),
            "journal.segment=1MiB".to_owned(),
            "understand.encoder=off".to_owned(),
            "log.level=error".to_owned(),
        ];
        for setting in &settings {
            command.args(["--set", setting]);
        }
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().expect("it says where it listens").unwrap();
        let address = first.strip_prefix("listening on http://").unwrap().parse().unwrap();
        Self { child, address }
    }

    /// Stops it and waits until everything that was begun is done.
    fn stop(mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A shop that is closed today and tomorrow.
fn closed_shop(folder: &Path) {
    let now = jiff::Zoned::now().in_tz("UTC").unwrap();
    let opens = now.checked_add(jiff::Span::new().days(3)).unwrap();
    let open = format!("open = [\"{} 09:00-10:00\"]", opens.strftime("%a"));
    write_shop(folder, "late", |text| text.replace("open = [\"always\"]", &open));
}

/// Gets a ticket, and names an address.
fn get_ticket(router: SocketAddr, address: &str) -> Client {
    let session = visitor(router, "late", &Value::Null);
    let mut client = Client::open(router, "/v1/widget", &session["token"]);
    client.say("I want to talk to a real person");
    client.next("ticket");
    client.say(address);
    client
}

/// Effects that the journal wants and says nothing final about.
fn unsettled(folder: &Path) -> Vec<String> {
    let journal: PathBuf = folder.join("data").join("journal");
    let dumped = Command::new(env!("CARGO_BIN_EXE_tradewind"))
        .args(["journal", "dump", "--json"])
        .arg(journal)
        .output()
        .unwrap();
    assert!(dumped.status.success(), "{}", String::from_utf8_lossy(&dumped.stderr));
    let mut open: BTreeMap<String, bool> = BTreeMap::new();
    for line in String::from_utf8(dumped.stdout).unwrap().lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        for fact in record["facts"].as_array().into_iter().flatten() {
            if let Some(key) = fact["Wanted"]["key"].as_str() {
                open.insert(key.to_owned(), true);
            }
            let progressed = &fact["Progressed"];
            if let Some(key) = progressed["key"].as_str() {
                let is_open =
                    progressed["progress"] == "ending" || progressed["progress"].is_object();
                open.insert(key.to_owned(), is_open);
            }
        }
    }
    assert!(!open.is_empty(), "the journal knows of e-mails");
    open.into_iter().filter_map(|(key, is_open)| is_open.then_some(key)).collect()
}

#[test]
fn a_kill_at_any_step_between_ticket_and_email_leaves_exactly_one_email() {
    let size = reliability::size(STEPS.len() as u64);
    let folder = tempfile::tempdir().unwrap();
    closed_shop(folder.path());
    let mail = MailServer::start();
    let mut process = Process::start(folder.path(), mail.address);

    for (number, step) in (0..size).zip(STEPS.into_iter().cycle()) {
        let (killed, wait_for_kill) = mpsc::channel();
        let pid = Pid::from_child(&process.child);
        if let Some(step) = step {
            mail.at(step, move || {
                kill_process(pid, Signal::KILL).unwrap();
                killed.send(()).unwrap();
            });
        }
        let mut client = get_ticket(process.address, &format!("customer{number}@example.org"));
        match step {
            None => {
                client.next("ack");
                kill_process(pid, Signal::KILL).unwrap();
            }
            Some(step) => {
                let waited = wait_for_kill.recv_timeout(Duration::from_secs(60));
                waited.unwrap_or_else(|_| panic!("the mail server never saw {step:?}"));
            }
        }
        drop(process);
        process = Process::start(folder.path(), mail.address);
        mail.wait_for(usize::try_from(number).unwrap() + 1);
    }
    let letters = mail.letters();
    process.stop();

    assert_eq!(unsettled(folder.path()), [""; 0], "everything came to an end");
    assert!(letters.len() == mail.letters().len(), "none came after the last was awaited");
    let mut copies: BTreeMap<&str, usize> = BTreeMap::new();
    for letter in &letters {
        *copies.entry(&letter.to).or_default() += 1;
    }
    let more: Vec<_> = copies.iter().filter(|(_, copies)| **copies != 1).collect();
    assert!(more.is_empty(), "more than one came: {more:?}");
    assert_eq!(copies.len() as u64, size, "each customer has one: {copies:?}");
    reliability::done(size);
}
