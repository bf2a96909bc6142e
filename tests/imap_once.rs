//! A real process that is killed at each step of reading a mailbox: each letter joins its conversation
//! exactly once, and none is skipped.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

#[path = "killed/mod.rs"]
mod killed;
#[path = "mail_server/mod.rs"]
mod mail_server;
#[path = "mailbox/mod.rs"]
mod mailbox;
#[path = "plan/mod.rs"]
mod plan;
#[path = "reliability/mod.rs"]
mod reliability;
#[path = "router/mod.rs"]
mod router;

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use killed::{Kill, Process, Round, Rounds, facts, killed_at_each_step};
use mail_server::MailServer;
use mailbox::dovecot::Dovecot;
use mailbox::proxy::Proxy;
use mailbox::{Mailbox, PASSWORD, letter, settings};
use router::{Client, closed, visitor, write_shop};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The two sides speak so often in a session that takes one letter: with each of them the router is killed
/// once, before the other side hears it. The later ones go first, since a smaller run should see the letter
/// fetched, taken, marked and settled.
const STEPS: [usize; 17] = [17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1];

/// A shop with a mailbox that is closed today and tomorrow.
fn closed_shop(folder: &Path, mailbox: SocketAddr) {
    let email = format!("\n[email]\nreply_to = \"a@shop.example\"\n{}", settings(mailbox, ""));
    write_shop(folder, "late", |text| closed(text) + &email);
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
    let facts = facts(folder);
    let messages = facts.iter().map(|fact| &fact["Event"]["kind"]["message"]);
    let theirs = messages.filter(|message| message["from"] == json!("customer"));
    theirs.map(|message| message["text"].as_str().unwrap().to_owned()).collect()
}

/// Puts a letter into a mailbox, and waits until it is marked there.
struct Lying<'a> {
    put: &'a dyn Fn(&str, &str),
    wait: &'a dyn Fn(&str),
}

/// A shop whose mailbox is read through a proxy that sees how far a session is.
struct Fetched<'a> {
    folder: TempDir,
    mail: MailServer,
    proxy: Proxy,
    lying: Lying<'a>,
    /// Where the customer answers; known once there was an e-mail.
    to: Option<String>,
}

impl Fetched<'_> {
    fn name(number: usize) -> String {
        format!("n{number}")
    }

    fn text(number: usize) -> String {
        format!("answer {number} of mine")
    }
}

impl Rounds for Fetched<'_> {
    type Step = usize;
    type Left = ();

    fn start(&mut self) -> Process {
        Process::start(self.folder.path(), &self.mail.settings())
    }

    fn lead(&mut self, router: &Process, round: Round<usize>, kill: Kill) {
        let to = self.to.get_or_insert_with(|| reply_address(router, &self.mail));
        let (name, text) = (Self::name(round.number), Self::text(round.number));
        self.proxy.at(round.step, || kill.now());
        (self.lying.put)(&name, &letter(to, &name, "", &text));
    }

    fn judge(&mut self, _: &Process, round: Round<usize>, (): ()) {
        (self.lying.wait)(&Self::name(round.number));
    }

    fn end(self, router: Process, rounds: usize) {
        router.stop();

        let said = said(self.folder.path());
        for text in (0..rounds).map(Self::text) {
            let copies = said.iter().filter(|it| **it == text).count();
            assert_eq!(copies, 1, "{text}, of {said:?}");
        }
    }
}

/// Kills the router at each step of taking a letter.
fn killed_while_it_fetches(mailbox: SocketAddr, lying: Lying<'_>) {
    let folder = tempfile::tempdir().unwrap();
    let (mail, proxy) = (MailServer::start(), Proxy::start(mailbox));
    closed_shop(folder.path(), proxy.address);
    killed_at_each_step(Fetched { folder, mail, proxy, lying, to: None }, &STEPS);
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
    killed_while_it_fetches(inbox.address, Lying { put: &put, wait: &wait });
}

#[test]
fn the_same_holds_with_a_real_server() {
    let Some(dovecot) = Dovecot::start() else { return };
    let put = |name: &str, raw: &str| dovecot.put(name, raw);
    let wait = |name: &str| dovecot.wait_until("the letter is marked", |it| it.is_read(name));
    killed_while_it_fetches(dovecot.plain, Lying { put: &put, wait: &wait });
}

#[test]
fn no_log_holds_the_password_of_a_mailbox_or_anything_of_a_letter() {
    let folder = tempfile::tempdir().unwrap();
    let (mail, inbox) = (MailServer::start(), Mailbox::start());
    closed_shop(folder.path(), inbox.address);
    let log = folder.path().join("log.txt");
    let file = Stdio::from(std::fs::File::create(&log).unwrap());
    let process = Process::start_logging(folder.path(), &mail.settings(), ("trace", file));
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
