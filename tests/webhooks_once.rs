//! A real process that is killed at each step of telling a shop's own system what happened: everything that
//! the journal wants to be told is told, under one id each, which never says two things.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

#[path = "killed/mod.rs"]
mod killed;
#[path = "plan/mod.rs"]
mod plan;
#[path = "reliability/mod.rs"]
mod reliability;
#[path = "router/mod.rs"]
mod router;
#[path = "webhook_receiver/mod.rs"]
mod webhook_receiver;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::mpsc::{self, TryRecvError};
use std::time::{Duration, Instant};

use killed::{Kill, Process, Round, Rounds, facts, killed_at_each_step};
use router::{Client, metric, visitor, write_shop};
use serde_json::Value;
use tempfile::TempDir;
use webhook_receiver::{Delivery, Receiver, Step, hook};

/// Steps at which the router is killed, in turn; `None` is once it has acknowledged the message.
const STEPS: [Option<Step>; 6] = [
    None,
    Some(Step::Connected),
    Some(Step::Head),
    Some(Step::Body),
    Some(Step::Kept),
    Some(Step::Answered),
];
/// Of each conversation its beginning and its message are told.
const EVENTS: [&str; 2] = ["conversation.opened", "message.received"];

/// Waits until a router has kept that so many were told.
fn wait_until_told(router: SocketAddr, count: usize) {
    let told = || metric(router, "tradewind_outward_webhooks_total{result=\"delivered\"}");
    let until = Instant::now() + Duration::from_secs(60);
    while told() < count as f64 {
        assert!(Instant::now() < until, "{count} are to be told: {}", told());
        std::thread::yield_now();
    }
}

/// The ids of all that the journal wants to be told, and whether something final is said of each.
fn wanted(folder: &Path) -> BTreeMap<String, bool> {
    let mut wanted = BTreeMap::new();
    for fact in facts(folder) {
        if fact["Wanted"]["webhook"].is_object() {
            wanted.insert(fact["Wanted"]["key"].as_str().unwrap().to_owned(), false);
        }
        let progressed = &fact["Progressed"];
        if progressed["progress"] == "done" {
            wanted.insert(progressed["key"].as_str().unwrap().to_owned(), true);
        }
    }
    wanted
}

fn ids(deliveries: &[Delivery]) -> BTreeSet<&str> {
    deliveries.iter().map(|delivery| delivery.id.as_str()).collect()
}

/// A shop that is told of its conversations.
struct Told {
    folder: TempDir,
    receiver: Receiver,
    /// What the journal said was told when the router was started last.
    told_before: usize,
}

impl Rounds for Told {
    type Step = Option<Step>;
    type Left = Client;

    fn start(&mut self) -> Process {
        self.told_before = wanted(self.folder.path()).values().filter(|is_done| **is_done).count();
        Process::start(
            self.folder.path(),
            &["webhooks.reach=anywhere", "webhooks.retry_first=100ms"],
        )
    }

    fn lead(&mut self, router: &Process, round: Round<Option<Step>>, kill: Kill) -> Client {
        let session = visitor(router.address, "told", &Value::Null);
        let mut client = Client::open(router.address, "/v1/widget", &session["token"]);
        if let Some(step) = round.step {
            self.receiver.at(step, || kill.now());
            client.say("hello");
        } else {
            client.say("hello");
            client.next("ack");
            kill.now();
        }
        client
    }

    fn judge(&mut self, router: &Process, round: Round<Option<Step>>, _: Client) {
        // All of every conversation so far, so that nothing of them is told any more when the next kill is
        // planned.
        let owed = EVENTS.len() * (round.number + 1) - self.told_before;
        wait_until_told(router.address, owed);
    }

    fn end(self, router: Process, rounds: usize) {
        router.stop();
        let deliveries = self.receiver.deliveries();

        let wanted = wanted(self.folder.path());
        assert_eq!(wanted.len(), EVENTS.len() * rounds);
        let open: Vec<_> = wanted.iter().filter(|(_, is_done)| !**is_done).collect();
        assert!(open.is_empty(), "the journal says of each that it was told: {open:?}");
        let wanted: BTreeSet<&str> = wanted.keys().map(String::as_str).collect();
        assert_eq!(ids(&deliveries), wanted, "each was told, and nothing else");
        let mut said: BTreeMap<&str, &[u8]> = BTreeMap::new();
        for delivery in &deliveries {
            let first = *said.entry(&delivery.id).or_insert(&delivery.bytes);
            assert_eq!(first, delivery.bytes, "whoever has an id already knows what it says");
        }
        println!("{} deliveries of {} webhooks", deliveries.len(), wanted.len());
    }
}

#[test]
fn a_kill_at_any_step_of_a_webhook_loses_none_and_tells_each_under_one_id() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start();
    let lines = hook(&folder.path().join("shops/told"), receiver.address, &EVENTS, "");
    write_shop(folder.path(), "told", |text| format!("{text}{lines}"));

    killed_at_each_step(Told { folder, receiver, told_before: 0 }, &STEPS);
}

#[test]
fn a_delivery_that_began_before_a_kill_was_planned_does_not_set_it_off() {
    let receiver = Receiver::start();
    let connect = || TcpStream::connect(receiver.address).unwrap();
    // A head without a length: the receiver has it, wants nothing more and hangs up.
    let send_head = |mut stream: TcpStream| {
        stream.write_all(b"POST /in?from=router HTTP/1.1\r\n\r\n").unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
    };
    let (kill, kills) = mpsc::channel();
    let late = connect();
    while receiver.connections() == 0 {
        std::thread::yield_now();
    }
    receiver.at(Step::Head, move || kill.send(()).unwrap());

    send_head(late);
    assert_eq!(kills.try_recv(), Err(TryRecvError::Empty));
    send_head(connect());
    assert_eq!(kills.try_recv(), Ok(()));
}
