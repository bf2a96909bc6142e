//! A real process that is killed at each step of reading a mailbox: each letter joins its conversation
//! exactly once, and none is skipped.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

#[path = "mail_server/mod.rs"]
mod mail_server;
#[path = "mailbox/mod.rs"]
mod mailbox;
#[path = "reliability/mod.rs"]
mod reliability;
#[path = "router/mod.rs"]
mod router;

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use mail_server::MailServer;
use mailbox::dovecot::Dovecot;
use mailbox::proxy::Proxy;
use mailbox::{Mailbox, PASSWORD, letter, settings};
use router::{Client, visitor, write_shop};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// How often the two sides speak in a session that takes one letter: with each of them the router is
/// killed once, before the other side hears it. The later ones go first, since a smaller run should see
/// the letter fetched, taken, marked and settled.
const STEPS: usize = 17;

struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    fn start(folder: &Path, mail: SocketAddr) -> Self {
        Self::start_logging(folder, mail, ("error", Stdio::inherit()))
    }

    fn start_logging(folder: &Path, mail: SocketAddr, (level, log): (&str, Stdio)) -> Self {
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
            format!("log.level={level}"),
        ];
        for setting in &settings {
            command.args(["--set", setting]);
        }
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().expect("it says where it listens").unwrap();
        let address = first.strip_prefix("listening on http://").unwrap().parse().unwrap();
        Self { child, address }
    }

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

/// A shop with a mailbox that is closed today and tomorrow.
fn closed_shop(folder: &Path, mailbox: SocketAddr) {
    let now = jiff::Zoned::now().in_tz("UTC").unwrap();
    let opens = now.checked_add(jiff::Span::new().days(3)).unwrap();
    let open = format!("open = [\"{} 09:00-10:00\"]", opens.strftime("%a"));
    let email = format!("\n[email]\nreply_to = \"a@shop.example\"\n{}", settings(mailbox, ""));
    let edit = |text: &str| text.replace("open = [\"always\"]", &open) + &email;
    write_shop(folder, "late", edit);
    std::fs::write(folder.join("shops/late/imap.password"), PASSWORD).unwrap();
}

/// Where the customer answers who got a ticket by e-mail.
fn reply_address(process: &Process, mail: &MailServer) -> String {
    let session = visitor(process.address, "late", &Value::Null);
    let mut client = Client::open(process.address, "/v1/widget", &session["token"]);
    client.say("I want to talk to a real person");
    client.next("ticket");
    client.say("ana@example.org");
    mail.wait_for(1)[0].header("Reply-To").unwrap().to_owned()
}

/// What customers have said, of everything that the journal holds.
fn said(folder: &Path) -> Vec<String> {
    let data = folder.join("data");
    let dumped = Command::new(env!("CARGO_BIN_EXE_tradewind"))
        .args(["journal", "dump", "--json", "--show-texts"])
        .arg(&data)
        .arg("--keys")
        .arg(data.join("keys"))
        .output()
        .unwrap();
    assert!(dumped.status.success(), "{}", String::from_utf8_lossy(&dumped.stderr));
    let mut said = Vec::new();
    for line in String::from_utf8(dumped.stdout).unwrap().lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        for fact in record["facts"].as_array().into_iter().flatten() {
            let message = &fact["Event"]["kind"]["message"];
            if message["from"] == json!("customer") {
                said.push(message["text"].as_str().unwrap().to_owned());
            }
        }
    }
    said
}

/// Puts a letter into a mailbox, and waits until it is marked there.
struct Lying<'a> {
    put: &'a dyn Fn(&str, &str),
    wait: &'a dyn Fn(&str),
}

/// Kills the router at each step of taking a letter.
fn kill_at_each_step(mailbox: SocketAddr, lying: &Lying<'_>) {
    let size = reliability::size(STEPS as u64);
    let folder = tempfile::tempdir().unwrap();
    let mail = MailServer::start();
    let proxy = Proxy::start(mailbox);
    closed_shop(folder.path(), proxy.address);
    let mut process = Process::start(folder.path(), mail.address);
    let to = reply_address(&process, &mail);

    for number in 0..size {
        let step = STEPS - usize::try_from(number).unwrap() % STEPS;
        let (killed, wait_for_kill) = mpsc::channel();
        let pid = Pid::from_child(&process.child);
        let name = format!("n{number}");
        proxy.at(step, move || {
            kill_process(pid, Signal::KILL).unwrap();
            killed.send(()).unwrap();
        });
        (lying.put)(&name, &letter(&to, &name, "", &format!("answer {number} of mine")));
        let waited = wait_for_kill.recv_timeout(Duration::from_secs(60));
        waited.unwrap_or_else(|_| panic!("no session came to its step {step}"));
        drop(process);
        process = Process::start(folder.path(), mail.address);
        (lying.wait)(&name);
    }
    process.stop();

    let said = said(folder.path());
    for number in 0..size {
        let text = format!("answer {number} of mine");
        let copies = said.iter().filter(|it| **it == text).count();
        assert_eq!(copies, 1, "{text}, of {said:?}");
    }
    reliability::done(size);
}

#[test]
fn a_kill_at_any_step_of_reading_a_mailbox_loses_no_letter_and_takes_none_twice() {
    let inbox = Mailbox::start();
    let put = |_: &str, raw: &str| {
        inbox.put(raw);
    };
    let wait = |_: &str| {
        inbox.wait_until("the letter is marked", |inner| {
            inner.letters.values().all(|letter| letter.is_read)
        });
    };
    kill_at_each_step(inbox.address, &Lying { put: &put, wait: &wait });
}

#[test]
fn the_same_holds_with_a_real_server() {
    let Some(dovecot) = Dovecot::start() else { return };
    let put = |name: &str, raw: &str| dovecot.put(name, raw);
    let wait = |name: &str| dovecot.wait_until("the letter is marked", |it| it.is_read(name));
    kill_at_each_step(dovecot.plain, &Lying { put: &put, wait: &wait });
}

#[test]
fn no_log_holds_the_password_of_a_mailbox_or_anything_of_a_letter() {
    let folder = tempfile::tempdir().unwrap();
    let (mail, inbox) = (MailServer::start(), Mailbox::start());
    closed_shop(folder.path(), inbox.address);
    let log = folder.path().join("log.txt");
    let file = Stdio::from(std::fs::File::create(&log).unwrap());
    let process = Process::start_logging(folder.path(), mail.address, ("trace", file));
    let to = reply_address(&process, &mail);

    inbox.put(&letter(&to, "planted-id", "X-Odd: planted-header\r\n", "planted-text"));
    inbox.put(&letter("planted-stranger@shop.example", "two", "", "planted-text"));
    inbox.wait_until("both were fetched", |inner| inner.fetched == [1, 2]);
    inbox.inner().odd =
        Some(("LOGIN", b"* NO planted-text\r\n* 1 FETCH (planted-text\r\n".to_vec()));
    let before = inbox.inner().connections;
    inbox.wait_until("it was tried again", |inner| inner.connections > before + 1);
    process.stop();

    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("mailbox not read") && log.contains("letter"), "{log}");
    for secret in [PASSWORD, "planted", &to, "ana@example.org"] {
        assert!(!log.contains(secret), "{secret} stands in the log");
    }
}
