//! A system clock that was set while the router did not run. While it runs, it looks at it only where an instant
//! of its own is compared with one of others.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

#[path = "plan/mod.rs"]
mod plan;
#[path = "reliability/mod.rs"]
mod reliability;
#[path = "router/mod.rs"]
mod router;
#[path = "webhook_receiver/mod.rs"]
mod webhook_receiver;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use router::{Client, Router, config, visitor};
use serde_json::{Value, json};
use tradewind::config::shop::ShopFiles;
use tradewind::flow::{Entry, Fact, Keyring, Record};
use tradewind::journal::{Batch, Options, open};
use tradewind::vault::{MasterSource, Vault};
use webhook_receiver::{Receiver, hook};

const HOUR: i64 = 3600;
const SECRET: &str = "the secret of the shop's own server";
const CASES: [i64; 5] = [0, 5 * 60, 23 * HOUR, -24 * HOUR, 24 * 365 * HOUR];

fn started(folder: &Path) -> Router {
    started_with(folder, "")
}

/// The same where `more` stands at the end of the shop's file.
fn started_with(folder: &Path, more: &str) -> Router {
    for (file, text) in &ShopFiles::demo().0 {
        let path = folder.join("shops/demo").join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let more = if file == "shop.toml" { more } else { "" };
        std::fs::write(path, format!("{text}{more}")).unwrap();
    }
    // A day that passed by the clock must not end the conversation.
    let lines = "[timers]\ncustomer_silence_ask = \"23h\"\ncustomer_silence_close = \"48h\"\n\
        resume_for = \"30d\"\n[webhooks]\nreach = \"anywhere\"\n";
    Router::start(config(folder, lines)).unwrap()
}

/// What the shop's server signs, by its own clock, for a minute.
fn identity() -> Value {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let head = part(json!({"alg": "HS256", "kid": "own"}));
    let body = part(json!({"sub": "user-7", "aud": "demo", "nbf": now.as_secs(),
        "exp": now.as_secs() + 60}));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET.as_bytes());
    let tag = ring::hmac::sign(&key, format!("{head}.{body}").as_bytes());
    json!({"jwt": format!("{head}.{body}.{}", URL_SAFE_NO_PAD.encode(tag))})
}

/// The `Date` of an answer that gives a token, and when the token ends.
fn date_and_end(address: SocketAddr) -> (jiff::Timestamp, jiff::Timestamp) {
    let asked = json!({"shop": "demo"}).to_string();
    let length = asked.len();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let text = format!(
        "POST /v1/widget/session HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{asked}"
    );
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let date = head.lines().find_map(|line| line.strip_prefix("date: ")).unwrap();
    let granted: Value = serde_json::from_str(body).unwrap();
    let ends = granted["expires_at"].as_str().unwrap().parse().unwrap();
    (jiff::fmt::rfc2822::parse(date).unwrap().timestamp(), ends)
}

/// Writes the journal anew as a router would have whose clock was `ahead_s` seconds ahead of now.
fn shift(folder: &Path, ahead_s: i64) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let dir = folder.join("data/journal");
    runtime.block_on(async {
        let (journal, replay) = open(&dir, Options::default()).unwrap();
        let vault = Vault::open(&folder.join("data/keys"), &MasterSource::Beside).unwrap();
        let mut keys = Keyring::new(vault);
        let records: Vec<Record> = replay
            .map(|entry| match Entry::read(&entry.unwrap().1, &mut keys).unwrap().0 {
                Entry::Conversation(record) => record,
                Entry::Seat(_) => panic!("no seat was there"),
            })
            .collect();
        journal.close().await.unwrap();
        std::fs::remove_dir_all(&dir).unwrap();
        let (journal, _) = open(&dir, Options::default()).unwrap();
        for mut record in records {
            for fact in &mut record.facts {
                let by = Duration::from_secs(ahead_s.unsigned_abs());
                let at = match fact {
                    Fact::Opened(opened) => &mut opened.at,
                    Fact::Event(event) => &mut event.at,
                    _ => continue,
                };
                *at = if ahead_s < 0 { *at - by } else { *at + by };
            }
            journal.append(Batch::of(&record.encode()).unwrap()).await.unwrap();
        }
        journal.close().await.unwrap();
    });
}

/// Events of a conversation from its start: number, instant, text.
fn read_all(router: &Router, session: &Value, conversation: &str) -> Vec<(u64, String, String)> {
    let from_start = json!({"session": null, "last_seq": {conversation: 0}});
    let (mut client, welcome) =
        Client::hello(router.address, "/v1/widget", &session["token"], &from_start);
    assert_eq!(welcome["recovered"], true, "nothing is lost");
    let last = welcome["conversations"][0]["seq"].as_u64().unwrap();
    let mut events = Vec::new();
    while events.last().is_none_or(|(seq, _, _)| *seq < last) {
        let event = client.next("event");
        let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        events.push((event["seq"].as_u64().unwrap(), text("at"), text("text")));
    }
    events
}

#[test]
fn a_clock_that_was_set_changes_no_order_and_loses_nothing() {
    for ahead_s in CASES {
        let folder = tempfile::tempdir().unwrap();
        let router = started(folder.path());
        let session = visitor(router.address, "demo", &Value::Null);
        let (mut client, _) =
            Client::hello(router.address, "/v1/widget", &session["token"], &Value::Null);
        client.say("the first thing I say");
        let conversation = client.next("ack")["conversation"].as_str().unwrap().to_owned();
        drop((client, router));
        shift(folder.path(), ahead_s);

        let router = started(folder.path());
        let session = visitor(router.address, "demo", &session["visitor"]);
        let (mut client, _) =
            Client::hello(router.address, "/v1/widget", &session["token"], &Value::Null);
        let text = "the second thing I say";
        client.say(text);
        let ack = client.next("ack");

        assert_eq!(ack["conversation"], *conversation, "ahead by {ahead_s} s");
        let events = read_all(&router, &session, &conversation);
        let seqs: Vec<u64> = events.iter().map(|(seq, _, _)| *seq).collect();
        assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
        let at = |text: &str| {
            let found = events.iter().find(|(_, _, said)| said == text).unwrap();
            found.1.parse::<jiff::Timestamp>().unwrap()
        };
        let (first, second) = (at("the first thing I say"), at(text));
        // A year ahead was a clock that was wrong, and is not believed.
        let goes_on = ahead_s <= 24 * HOUR;
        assert_eq!(first <= second, goes_on, "ahead by {ahead_s} s: {first} then {second}");
        if ahead_s <= 0 || !goes_on {
            let now = jiff::Timestamp::try_from(SystemTime::now()).unwrap();
            assert!(now.duration_since(second).as_secs() < 60, "ahead by {ahead_s} s: {second}");
        }
    }
    reliability::done(CASES.len() as u64);
}

#[test]
fn whoever_takes_webhooks_is_told_the_time_of_the_system_clock_after_that_was_set_back() {
    let folder = tempfile::tempdir().unwrap();
    // It refuses what was not sent within the last minutes, as its own clock has it.
    let receiver = Receiver::start();
    let events = ["message.received"];
    let lines = hook(&folder.path().join("shops/demo"), receiver.address, &events, "");
    let router = started_with(folder.path(), &lines);
    let mut customer = router.customer("demo");
    customer.say("the first thing I say");
    receiver.wait_for(|all| !all.is_empty());
    drop((customer, router));
    shift(folder.path(), 23 * HOUR);

    let router = started_with(folder.path(), &lines);
    let mut customer = router.customer("demo");
    customer.say("the second thing I say");

    receiver.wait_for(|all| all.iter().map(|it| &it.id).collect::<BTreeSet<_>>().len() == 2);
}

#[test]
fn a_customer_is_proved_by_the_system_clock_after_that_was_set_back() {
    let folder = tempfile::tempdir().unwrap();
    let key =
        format!("\n[[identity.keys]]\nkid = \"own\"\nalg = \"HS256\"\nsecret = \"{SECRET}\"\n");
    let router = started_with(folder.path(), &key);
    let mut customer = router.proved_customer("demo", &identity());
    customer.say("the first thing I say");
    let conversation = customer.next("ack")["conversation"].clone();
    drop((customer, router));
    shift(folder.path(), 23 * HOUR);

    let router = started_with(folder.path(), &key);
    // Its token opens a socket: it ends a minute from now, and not a day ago.
    let mut customer = router.proved_customer("demo", &identity());
    customer.say("the second thing I say");

    assert_eq!(customer.next("ack")["conversation"], conversation);
}

#[test]
fn pages_are_told_the_time_that_the_instants_are_of_after_the_clock_was_set_back() {
    let folder = tempfile::tempdir().unwrap();
    let router = started(folder.path());
    let mut customer = router.customer("demo");
    customer.say("the first thing I say");
    customer.next("ack");
    drop((customer, router));
    shift(folder.path(), 23 * HOUR);

    let router = started(folder.path());
    let (date, ends) = date_and_end(router.address);

    // The token is good for ten minutes; `Date` has no parts of a second.
    let lasts_s = ends.duration_since(date).as_secs();
    assert!((540..=601).contains(&lasts_s), "{lasts_s} s");
}
