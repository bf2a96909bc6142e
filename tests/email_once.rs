//! A real process that is killed at each step between a ticket and its e-mail: the mail server, which
//! keeps every copy that it gets, has exactly one.

#[path = "killed/mod.rs"]
mod killed;
#[path = "mail_server/mod.rs"]
mod mail_server;
#[path = "plan/mod.rs"]
mod plan;
#[path = "reliability/mod.rs"]
mod reliability;
#[path = "router/mod.rs"]
mod router;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Instant;

use killed::{Kill, PATIENCE, Process, Round, Rounds, facts, killed_at_each_step};
use mail_server::{MailServer, Step};
use router::{Client, closed, visitor, write_shop};
use serde_json::Value;
use tempfile::TempDir;

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

/// Gets a ticket.
fn get_ticket(router: SocketAddr) -> Client {
    let session = visitor(router, "late", &Value::Null);
    let mut client = Client::open(router, "/v1/widget", &session["token"]);
    client.say("I want to talk to a real person");
    client.next("ticket");
    client
}

/// Effects that the journal wants and says nothing final about.
fn unsettled(folder: &Path) -> Vec<String> {
    let mut open: BTreeMap<String, bool> = BTreeMap::new();
    for fact in facts(folder) {
        if let Some(key) = fact["Wanted"]["key"].as_str() {
            open.insert(key.to_owned(), true);
        }
        let progressed = &fact["Progressed"];
        if let Some(key) = progressed["key"].as_str() {
            let is_open = progressed["progress"] == "ending" || progressed["progress"].is_object();
            open.insert(key.to_owned(), is_open);
        }
    }
    assert!(!open.is_empty(), "the journal knows of e-mails");
    open.into_iter().filter_map(|(key, is_open)| is_open.then_some(key)).collect()
}

/// A shop that gives tickets, and the mail server that their e-mails go to.
struct Mailed {
    folder: TempDir,
    mail: MailServer,
}

impl Rounds for Mailed {
    type Step = Option<Step>;
    type Left = Client;

    fn start(&mut self) -> Process {
        Process::start(self.folder.path(), &self.mail.settings())
    }

    fn lead(&mut self, router: &Process, round: Round<Option<Step>>, kill: Kill) -> Client {
        let mut client = get_ticket(router.address);
        let address = format!("customer{}@example.org", round.number);
        if let Some(step) = round.step {
            self.mail.at(step, || kill.now());
            client.say(&address);
        } else {
            client.say(&address);
            client.next("ack");
            kill.now();
        }
        client
    }

    fn judge(&mut self, _: &Process, round: Round<Option<Step>>, _: Client) {
        self.mail.wait_for(round.number + 1);
    }

    fn end(self, router: Process, rounds: usize) {
        let letters = self.mail.letters();
        // Where the last kill came after the end of a letter, no other letter tells that the router has
        // decided what became of it: only its journal does.
        let until = Instant::now() + PATIENCE;
        while !unsettled(self.folder.path()).is_empty() && Instant::now() < until {}
        router.stop();

        assert_eq!(unsettled(self.folder.path()), [""; 0], "everything came to an end");
        assert!(letters.len() == self.mail.letters().len(), "none came after the last was awaited");
        let mut copies: BTreeMap<&str, usize> = BTreeMap::new();
        for letter in &letters {
            *copies.entry(&letter.to).or_default() += 1;
        }
        let more: Vec<_> = copies.iter().filter(|(_, copies)| **copies != 1).collect();
        assert!(more.is_empty(), "more than one came: {more:?}");
        assert_eq!(copies.len(), rounds, "each customer has one: {copies:?}");
    }
}

#[test]
fn a_kill_at_any_step_between_ticket_and_email_leaves_exactly_one_email() {
    let mailed = Mailed { folder: tempfile::tempdir().unwrap(), mail: MailServer::start() };
    write_shop(mailed.folder.path(), "late", closed);

    killed_at_each_step(mailed, &STEPS);
}
