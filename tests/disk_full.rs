//! A real process whose disk has no room: nothing is acknowledged, what is on disk is still read,
//! health turns red, and all of it ends by itself when there is room again.
//!
//! The limit on the size of files stands for the full disk: the system refuses the write in the same
//! way, and nobody needs to be root for it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

#[path = "reliability/mod.rs"]
mod reliability;
#[path = "router/mod.rs"]
mod router;

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use router::{Client, get, visitor};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::{Value, json};

struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    /// Serves the demo shop from `data`. The shell lets the process live through the signal that
    /// would end it at the limit.
    fn start(data: &Path) -> Self {
        Self::start_with(data, "")
    }

    /// The same with more flags.
    fn start_with(data: &Path, flags: &str) -> Self {
        let serve = "trap '' XFSZ; exec \"$0\" serve --data \"$1\" --listen 127.0.0.1:0 \
            --admin-listen 127.0.0.1:0 --set journal.segment=1MiB --set log.level=error";
        let mut child = Command::new("sh")
            .args([
                "-c",
                &format!("{serve} {flags}"),
                env!("CARGO_BIN_EXE_tradewind"),
                data.to_str().unwrap(),
            ])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().expect("it says where it listens").unwrap();
        let address = first.strip_prefix("listening on http://").unwrap().parse().unwrap();
        Self { child, address }
    }

    /// Lets no file of the process grow beyond `bytes`; `None` lifts the limit.
    fn limit_files(&self, bytes: Option<u64>) {
        let pid = Pid::from_child(&self.child);
        let limit = Rlimit { current: bytes, maximum: None };
        prlimit(Some(pid), Resource::Fsize, limit).unwrap();
    }

    /// How long after `since` `/readyz` answers with `status`.
    fn ready_is(&self, status: u16, since: Instant) -> Duration {
        while get(self.address, "/readyz", "").0 != status {
            assert!(since.elapsed() < Duration::from_secs(30), "/readyz never says {status}");
        }
        since.elapsed()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // As a power cut would have it, and nothing else is left to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The texts of the messages that a customer who holds nothing finds.
fn read_all(address: SocketAddr, session: &Value, conversation: &Value) -> Vec<String> {
    let from_start = json!({"session": null, "last_seq": {conversation.as_str().unwrap(): 0}});
    let (mut client, welcome) =
        Client::hello(address, "/v1/widget", &session["token"], &from_start);
    let held = &welcome["conversations"][0];
    assert_eq!((&held["conversation"], &welcome["recovered"]), (conversation, &json!(true)));
    let mut texts = Vec::new();
    loop {
        let event = client.next("event");
        if event["kind"] == "message" && event["from"] == "customer" {
            texts.push(event["text"].as_str().unwrap().to_owned());
        }
        if event["seq"] == held["seq"] {
            return texts;
        }
    }
}

#[test]
fn a_full_disk_stops_acknowledgements_but_not_reads_and_recovers_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::start(folder.path());
    let address = process.address;
    let hello =
        |session: &Value| Client::hello(address, "/v1/widget", &session["token"], &Value::Null);
    let (ana, min) =
        (visitor(address, "demo", &Value::Null), visitor(address, "demo", &Value::Null));
    let (mut ana_before, _) = hello(&ana);
    ana_before.say("where is my order TW-10482?");
    let conversation = ana_before.next("ack")["conversation"].clone();
    let (mut min_before, _) = hello(&min);

    process.limit_files(Some(4096));
    let sent = Instant::now();
    min_before.say("this waits for room");
    let red_after = process.ready_is(503, sent);

    assert!(red_after < Duration::from_secs(2), "red after {red_after:?}");
    assert_eq!(
        get(address, "/healthz", "").0,
        200,
        "the process is alive, a restart would not help"
    );
    assert_eq!(read_all(address, &ana, &conversation), ["where is my order TW-10482?"]);
    // What is not on disk is not shown, not even to the one who said it.
    let (mut min_again, welcome) = hello(&min);
    assert_eq!(welcome["conversations"], json!([]));
    let (mut ana_again, _) = hello(&ana);
    ana_again.say("is anybody there?");
    let refused = ana_again.any().unwrap();
    assert_eq!((&refused["type"], &refused["code"]), (&json!("error"), &json!("unavailable")));
    // A seat signs in as ever.
    let asked = json!({"shop": "demo", "user": "lucia", "password": "demo"});
    let token = router::post(address, "/v1/seat/session", &asked).1["token"].clone();
    Client::hello(address, "/v1/seat", &token, &Value::Null);
    assert_eq!(get(address, "/readyz", "").0, 503);

    let freed = Instant::now();
    process.limit_files(None);
    let green_after = process.ready_is(200, freed);
    let acked = min_before.next("ack");

    assert!(green_after < Duration::from_secs(5), "green after {green_after:?}");
    let waited = acked["conversation"].clone();
    // The socket that was shown less is asked to come back, and then finds everything.
    while min_again.any().is_some() {}
    assert_eq!(read_all(address, &min, &waited), ["this waits for room"]);
    // Hers may be asked as well: what the encoder read may have come when the disk refused.
    let (mut ana_again, _) = hello(&ana);
    ana_again.say("is anybody there?");
    // Refused before, so it is new now.
    ana_again.next("ack");

    drop(process);
    process = Process::start(folder.path());
    assert_eq!(read_all(process.address, &min, &waited), ["this waits for room"]);
    assert_eq!(
        read_all(process.address, &ana, &conversation),
        ["where is my order TW-10482?", "is anybody there?"]
    );
    println!("red after {red_after:?}, green after {green_after:?}");
    reliability::done(1);
}

#[test]
fn what_is_put_aside_while_the_disk_refuses_has_a_bound() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start_with(
        folder.path(),
        "--set flow.shards=1 --set flow.shard_queue_capacity=64 --set flow.batch_max=64 \
         --set gateway.messages_per_s=10000 --set gateway.messages_burst=10000",
    );
    let open = || {
        let session = visitor(process.address, "demo", &Value::Null);
        Client::open(process.address, "/v1/widget", &session["token"])
    };
    let mut client = open();
    client.say("hello there");
    let conversation = client.next("ack")["conversation"].clone();
    process.limit_files(Some(0));
    let mut other = open();
    other.say("nobody can keep this");
    process.ready_is(503, Instant::now());

    // Messages are refused at the door now; other frames are put aside, up to the bound. A few at a time,
    // so that the inbox itself is never full before that.
    let typing = json!({"type": "typing", "conversation": conversation});
    let (mut put_aside, mut taken_at) = (0, Instant::now());
    while taken_at.elapsed() < Duration::from_secs(2) {
        let refused = client.refused_of(&vec![typing.clone(); 16], "overloaded");
        put_aside += 16 - refused;
        if refused < 16 {
            taken_at = Instant::now();
        }
        assert!(put_aside < 20_000, "nothing is refused");
    }

    assert!((8_192..8_192 + 3 * 64).contains(&put_aside), "{put_aside}");
    process.limit_files(None);
    process.ready_is(200, Instant::now());
    // What was put aside goes first, as soon as the disk takes it.
    let is_taken = (0..2_000).any(|_| {
        client.say("hello again");
        client.next_of_any(&["ack", "error"])["type"] == "ack"
    });
    assert!(is_taken);
}
