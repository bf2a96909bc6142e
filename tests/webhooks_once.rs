//! A real process that is killed at each step of telling a shop's own system what happened: everything that
//! the journal wants to be told is told, under one id each, which never says two things.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

#[path = "reliability/mod.rs"]
mod reliability;
#[path = "router/mod.rs"]
mod router;
#[path = "webhook_receiver/mod.rs"]
mod webhook_receiver;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use router::{Client, metric, visitor, write_shop};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
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

struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    fn start(folder: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tradewind"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
        command.arg("--data").arg(folder.join("data"));
        let settings = [
            format!("shops={}", folder.join("shops").display()),
            "webhooks.reach=anywhere".to_owned(),
            "webhooks.retry_first=100ms".to_owned(),
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

    /// Waits until it has kept that so many were told: the next kill is to hit one of the next conversation.
    fn wait_until_told(&self, count: usize) {
        let line = "tradewind_outward_webhooks_total{result=\"delivered\"}";
        let until = Instant::now() + Duration::from_secs(60);
        while metric(self.address, line) < count as f64 {
            assert!(
                Instant::now() < until,
                "{count} are to be told: {}",
                metric(self.address, line)
            );
            std::thread::yield_now();
        }
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

/// The ids of all that the journal wants to be told, and whether something final is said of each.
fn wanted(folder: &Path) -> BTreeMap<String, bool> {
    let dumped = Command::new(env!("CARGO_BIN_EXE_tradewind"))
        .args(["journal", "dump", "--json"])
        .arg(folder.join("data").join("journal"))
        .output()
        .unwrap();
    assert!(dumped.status.success(), "{}", String::from_utf8_lossy(&dumped.stderr));
    let mut wanted = BTreeMap::new();
    for line in String::from_utf8(dumped.stdout).unwrap().lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        for fact in record["facts"].as_array().into_iter().flatten() {
            if fact["Wanted"]["webhook"].is_object() {
                wanted.insert(fact["Wanted"]["key"].as_str().unwrap().to_owned(), false);
            }
            let progressed = &fact["Progressed"];
            if progressed["progress"] == "done" {
                wanted.insert(progressed["key"].as_str().unwrap().to_owned(), true);
            }
        }
    }
    wanted
}

fn ids(deliveries: &[Delivery]) -> BTreeSet<&str> {
    deliveries.iter().map(|delivery| delivery.id.as_str()).collect()
}

#[test]
fn a_kill_at_any_step_of_a_webhook_loses_none_and_tells_each_under_one_id() {
    let size = reliability::size(STEPS.len() as u64);
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start();
    let shop = folder.path().join("shops/told");
    let lines = hook(&shop, receiver.address, &EVENTS, "");
    write_shop(folder.path(), "told", |text| format!("{text}{lines}"));
    let mut process = Process::start(folder.path());

    for (_, step) in (0..size).zip(STEPS.into_iter().cycle()) {
        let (killed, wait_for_kill) = mpsc::channel();
        let pid = Pid::from_child(&process.child);
        if let Some(step) = step {
            receiver.at(step, move || {
                kill_process(pid, Signal::KILL).unwrap();
                killed.send(()).unwrap();
            });
        }
        let session = visitor(process.address, "told", &Value::Null);
        let mut client = Client::open(process.address, "/v1/widget", &session["token"]);
        client.say("hello");
        match step {
            None => {
                client.next("ack");
                kill_process(pid, Signal::KILL).unwrap();
            }
            Some(step) => {
                let waited = wait_for_kill.recv_timeout(Duration::from_secs(60));
                waited.unwrap_or_else(|_| panic!("no delivery was ever at {step:?}"));
            }
        }
        drop(process);
        let owed = wanted(folder.path()).values().filter(|is_done| !**is_done).count();
        process = Process::start(folder.path());
        process.wait_until_told(owed);
    }
    process.stop();
    let deliveries = receiver.deliveries();

    let wanted = wanted(folder.path());
    assert_eq!(wanted.len(), EVENTS.len() * usize::try_from(size).unwrap());
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
    reliability::done(size);
}
