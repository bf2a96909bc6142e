//! A customer who is erased, looked for in every file and by every tool, while a real router and its
//! backups go on with the others.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

#[path = "erasure/plain.rs"]
mod plain;
#[path = "reliability/mod.rs"]
mod reliability;
#[path = "router/mod.rs"]
mod router;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use router::{Client, get, post};
use serde_json::{Value, json};
use tradewind::config::shop::ShopFiles;

const SECRET: &str = "the secret of the shop's own server";
/// Longest that a test waits for something to happen.
const PATIENCE: Duration = Duration::from_secs(60);

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn tradewind(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tradewind")).args(arguments).output().unwrap()
}

/// Standard output of a command that has to succeed.
fn run(arguments: &[&str]) -> String {
    let output = tradewind(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Folders of a router, with the demo shop that knows a secret of its own.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self::of(&[])
    }

    /// A shop with a region and an order for each of these customers.
    fn of(names: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (file, text) in &ShopFiles::demo().0 {
            let path = folder.path().join("shops/demo").join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let mut text = text.clone();
            if file == "shop.toml" {
                // Whenever the test runs, somebody is at work.
                text = text.replace("\"Mon-Fri 09:00-18:00\"", "\"always\"");
                text = format!("identity_secret = \"{SECRET}\"\n{text}");
            }
            for name in names {
                text.push_str(&match file.as_str() {
                    "shop.toml" => format!(
                        "\n[[regions]]\nid = \"{}\"\ntime_zones = [\"{}\"]\n",
                        region(name),
                        zone(name)
                    ),
                    "orders.csv" => {
                        format!("{},processing,,,today-2,,today+9,,Yoga mat,\n", order(name))
                    }
                    _ => String::new(),
                });
            }
            std::fs::write(path, text).unwrap();
        }
        Self { folder }
    }

    fn path(&self, below: &str) -> String {
        self.folder.path().join(below).to_str().unwrap().to_owned()
    }
}

/// A router as an operator runs it, whose log is kept.
struct Process {
    child: Child,
    address: SocketAddr,
    admin_address: SocketAddr,
    /// Read no further, and not closed: the router may say more.
    _rest: std::io::Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start(place: &Place, data: &str) -> Self {
        let log = File::options().create(true).append(true).open(place.path("log.txt")).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_tradewind"))
            .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
            .args(["--data", &place.path(data), "--shops", &place.path("shops")])
            .args(["--set", "log.level=trace", "--set", "journal.snapshot_every=1s"])
            .args(["--set", "journal.segment=1MiB"])
            // A machine answers also where the machine that tests is busy.
            .args(["--set", "understand.wait_max=10s"])
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut told = |prefix: &str| -> SocketAddr {
            let line = lines.find_map(|line| Some(line.unwrap().split_once(prefix)?.1.to_owned()));
            line.expect("it says where it listens").parse().unwrap()
        };
        let address = told("listening on http://");
        let admin_address = told("management http://");
        Self { child, address, admin_address, _rest: lines }
    }

    fn seat(&self, user: &str) -> Client {
        let asked = json!({"shop": "demo", "user": user, "password": "demo"});
        let token = post(self.address, "/v1/seat/session", &asked).1["token"].clone();
        let mut client = Client::open(self.address, "/v1/seat", &token);
        client.send(&json!({"type": "state", "state": "ready"}));
        client.next("state");
        client
    }

    /// A customer whom the shop vouches for.
    fn customer(&self, user: &str) -> (Client, Value) {
        self.customer_in(user, Value::Null)
    }

    /// The same in a time zone.
    fn customer_in(&self, user: &str, zone: Value) -> (Client, Value) {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET.as_bytes());
        let tag = ring::hmac::sign(&key, user.as_bytes());
        let hmac: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let identity = json!({"user_id": user, "hmac": hmac});
        let asked =
            json!({"shop": "demo", "identity": identity, "locale": "en-GB", "time_zone": zone});
        let (status, granted) = post(self.address, "/v1/widget/session", &asked);
        assert_eq!(status, 201, "{granted}");
        let (client, welcome) =
            Client::hello(self.address, "/v1/widget", &granted["token"], &Value::Null);
        (client, welcome)
    }

    /// What the shop's customer finds again, of the router's own id of a conversation.
    fn conversations_of(&self, user: &str) -> Vec<String> {
        let (_, welcome) = self.customer(user);
        let held = welcome["conversations"].as_array().unwrap();
        held.iter().map(|held| held["conversation"].as_str().unwrap().to_owned()).collect()
    }

    fn admin(&self) -> String {
        self.admin_address.to_string()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Everything that was acknowledged is on disk.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A customer of whom something stands in every field that a router takes from people.
struct Planted {
    user: String,
    /// Each occurs in one field and nowhere else.
    words: Vec<String>,
    conversation: String,
}

/// What stands in one field of what is told of a customer.
fn word(name: &str, field: &str) -> String {
    format!("{name}-{field}-Q7")
}

/// The number of an order that only this customer asks about.
fn order(name: &str) -> String {
    format!("TW-{}", 70_000 + crc32c::crc32c(name.as_bytes()) % 30_000)
}

/// The region that only this customer is in.
fn region(name: &str) -> String {
    word(name, "region").to_lowercase()
}

/// Where only this customer is.
fn zone(name: &str) -> &'static str {
    if name.starts_with("ana") { "Antarctica/Troll" } else { "Antarctica/Vostok" }
}

impl Planted {
    fn talk(process: &Process, seat: &mut Client, name: &str) -> Self {
        let word = |field: &str| word(name, field);
        let user = word("user");
        let (said, more, answer, note) = (word("said"), word("more"), word("answer"), word("note"));
        let (mut customer, _) = process.customer_in(&user, zone(name).into());
        customer.say(&format!("Where is my order {}?", order(name)));
        let event = customer.next("answered_by_machine");
        assert_eq!(event["source"], format!("orders/{}", order(name)));
        customer.say(&format!(
            "I want to talk to a person. {said}@example.org, +34 612 345 678, I am {said}"
        ));
        let conversation = customer.next("ack")["conversation"].as_str().unwrap().to_owned();
        let offer = seat.next("offer");
        seat.send(&json!({"type": "accept", "offer": offer["offer"]}));
        seat.next("accepted");
        let id = uuid::Uuid::new_v4();
        let reply = json!({"type": "send", "id": id, "conversation": conversation, "text": answer});
        seat.send(&reply);
        seat.next("ack");
        seat.send(&json!({"type": "note", "conversation": conversation, "text": note}));
        seat.next("note");
        customer.say(&more);
        customer.next("ack");
        seat.send(&json!({"type": "close", "conversation": conversation}));
        customer.next("closed");
        customer.send(&json!({"type": "rate", "conversation": conversation, "score": 4}));
        customer.next("rated");
        let words = vec![user.clone(), said, more, answer, note, order(name), region(name)];
        Self { words, user, conversation }
    }

    /// The words that `found` has.
    fn in_text(&self, found: &str) -> Vec<&str> {
        self.words.iter().map(String::as_str).filter(|word| found.contains(word)).collect()
    }
}

/// Every file below `folder`.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

/// The files below `folder` in which one of `words` stands as it is, but for those of the shop itself.
fn raw_hits(folder: &Path, words: &[String]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    files(folder, &mut found);
    found.retain(|path| !path.starts_with(folder.join("shops")));
    assert!(found.len() > 10, "there is something to search");
    found.retain(|path| {
        let Ok(bytes) = std::fs::read(path) else { return false };
        let any = words.join("|");
        regex::bytes::Regex::new(&any).unwrap().is_match(&bytes)
    });
    found
}

/// Waits until the router has made so many snapshots of what is new.
fn wait_for_snapshots(place: &Place, process: &Process, count: usize) {
    let snapshots = || {
        let mut found = Vec::new();
        files(&place.folder.path().join("data/journal"), &mut found);
        found.retain(|path| path.extension().is_some_and(|ending| ending == "snapshot"));
        found.sort();
        found.pop()
    };
    for number in 0..count {
        let (before, began) = (snapshots(), Instant::now());
        let (mut customer, _) = process.customer(&format!("passer-by-{number}"));
        customer.say("hello");
        customer.next("ack");
        while snapshots() == before {
            assert!(began.elapsed() < PATIENCE, "no snapshot is made");
            std::thread::yield_now();
        }
    }
}

fn dump(folder: &str, keys: &str) -> String {
    run(&["journal", "dump", folder, "--keys", keys, "--show-texts"])
}

#[test]
fn an_erased_customer_is_in_no_file_and_no_backup_and_the_others_are() {
    let erasures = reliability::size(3);
    let first = reliability::first_seed();
    for number in first..first + erasures {
        erase_one(number);
    }
    reliability::done(erasures);
}

fn erase_one(number: u64) {
    let names = [format!("ana{number}"), format!("min{number}")];
    let place = Place::of(&[&names[0], &names[1]]);
    let process = Process::start(&place, "data");
    let mut mai = process.seat("mai");
    let ana = Planted::talk(&process, &mut mai, &names[0]);
    let min = Planted::talk(&process, &mut mai, &names[1]);
    wait_for_snapshots(&place, &process, 1);
    let at = |path: &str| place.path(path);
    let settings = ["--data", &at("data"), "--admin-listen", &process.admin()];
    run(&[&["backup", &at("backup")], &settings[..]].concat());
    run(&["keys", "copy", &at("keys-before"), "--data", &at("data")]);

    // Nothing lies there as it was said, and yet everything can be read.
    let all = [ana.words.clone(), min.words.clone()].concat();
    assert_eq!(raw_hits(place.folder.path(), &all), [] as [PathBuf; 0]);
    std::fs::write(at("control"), format!("x{}x", ana.words[1])).unwrap();
    assert_eq!(raw_hits(place.folder.path(), &all), [PathBuf::from(at("control"))]);
    std::fs::remove_file(at("control")).unwrap();
    for whole in [dump(&at("data"), &at("data/keys")), dump(&at("backup"), &at("keys-before"))] {
        // The shop's id of a customer is in the record, and no part of the text form.
        assert_eq!((ana.in_text(&whole).len(), min.in_text(&whole).len()), (6, 6), "{whole}");
    }

    let erase = ["erase", "--shop", "demo", "--customer", &ana.user, "--json"];
    let erased: Value = serde_json::from_str(&run(&[&erase[..], &settings[..]].concat())).unwrap();
    assert_eq!(
        erased,
        json!({
            "shop": "demo", "conversations": 1, "keys": 1, "unsealed": 0, "emptied": 0,
            "set_aside": 0,
        }),
        "{number}"
    );
    run(&["keys", "copy", &at("keys"), "--data", &at("data")]);
    assert_eq!(process.conversations_of(&ana.user), [] as [&str; 0]);
    assert_eq!(process.conversations_of(&min.user), [min.conversation.as_str()]);
    wait_for_snapshots(&place, &process, 2);

    assert_eq!(raw_hits(place.folder.path(), &all), [] as [PathBuf; 0]);
    let log = std::fs::read_to_string(at("log.txt")).unwrap();
    assert!(log.contains("customer erased") && ana.in_text(&log).is_empty());
    gone_for_the_tools(&place, &ana, &min);
    drop((mai, process));
    gone_after(&place, "data", &ana, &min);
    // An older copy of the keys beside the last one brings nothing back.
    let keys = [at("keys-before"), at("keys")];
    run(&["restore", &at("backup"), &at("other"), "--keys", &keys[0], "--keys", &keys[1]]);
    gone_after(&place, "other", &ana, &min);
    assert_eq!(raw_hits(place.folder.path(), &all), [] as [PathBuf; 0]);
}

/// What the tools show of the data folder and of a backup that was made before the erasure.
fn gone_for_the_tools(place: &Place, ana: &Planted, min: &Planted) {
    for (folder, keys) in [("data", "data/keys"), ("backup", "keys")] {
        let (folder, keys) = (place.path(folder), place.path(keys));
        let shown = dump(&folder, &keys);
        assert_eq!(ana.in_text(&shown), [] as [&str; 0]);
        assert_eq!(min.in_text(&shown).len(), 6, "{shown}");
        // The ids and the order stay, and nothing pretends to be whole.
        let of_ana: Vec<_> = shown.lines().filter(|it| it.contains(&ana.conversation)).collect();
        assert!(of_ana.iter().any(|line| line.contains("customer: \"[erased]\"")), "{shown}");
        assert!(of_ana.iter().any(|line| line.contains("opened by somebody of demo")), "{shown}");
        let json = run(&["journal", "dump", &folder, "--keys", &keys, "--show-texts", "--json"]);
        assert_eq!(ana.in_text(&json), [] as [&str; 0]);
        assert_eq!(min.in_text(&json).len(), 7);
        let verified = run(&["journal", "verify", &folder, "--keys", &keys, "--json"]);
        let verified: Value = serde_json::from_str(&verified).unwrap();
        assert_eq!((&verified["whole"], &verified["sealed"]["locked"]), (&json!(true), &json!(0)));
        assert!(verified["sealed"]["erased"].as_u64().unwrap() > 0, "{verified}");
    }
    let locked = run(&["journal", "dump", &place.path("backup"), "--show-texts"]);
    assert_eq!((ana.in_text(&locked).len(), min.in_text(&locked).len()), (0, 0));
    assert!(locked.contains("[sealed]"));
}

/// What a router that starts on a folder has of the two.
fn gone_after(place: &Place, data: &str, ana: &Planted, min: &Planted) {
    let process = Process::start(place, data);
    assert_eq!(process.conversations_of(&ana.user), [] as [&str; 0]);
    assert_eq!(process.conversations_of(&min.user), [min.conversation.as_str()]);
    let path = format!("/v1/conversations/{}/explanation", ana.conversation);
    let (_, explained) = get(process.admin_address, &path, "");
    assert_eq!(ana.in_text(&explained), [] as [&str; 0]);
    drop(process);
    let shown = dump(&place.path(data), &place.path(&format!("{data}/keys")));
    assert_eq!((ana.in_text(&shown).len(), min.in_text(&shown).len()), (0, 6), "{shown}");
}

#[test]
fn a_customer_is_erased_in_a_folder_that_no_router_has_and_what_was_open_ends() {
    let place = Place::new();
    let process = Process::start(&place, "data");
    let (mut ana, _) = process.customer("ana-7311");
    ana.say("I want to talk to a person, I am ana-7311-said");
    let conversation = ana.next("ack")["conversation"].as_str().unwrap().to_owned();
    drop(process);

    let data = place.path("data");
    let erase = |conversation: &str| {
        tradewind(&["erase", "--shop", "demo", "--conversation", conversation, "--data", &data])
    };
    let unknown = erase("0190f3a2-5b1e-7c3d-9a44-0c6f6b2f9d10");
    assert_eq!(unknown.status.code(), Some(1), "{}", text(&unknown.stdout));
    let erased = erase(&conversation);
    assert!(erased.status.success(), "{}", text(&erased.stderr));
    assert!(text(&erased.stdout).starts_with("erased: 1 conversations, 1 keys destroyed"));
    let again = erase(&conversation);
    assert!(text(&again.stderr).contains("erased already"), "{}", text(&again.stderr));

    let process = Process::start(&place, "data");
    assert_eq!(process.conversations_of("ana-7311"), [] as [&str; 0]);
    drop(process);
    let shown = dump(&data, &place.path("data/keys"));
    assert!(!shown.contains("ana-7311-said"), "{shown}");
    assert!(shown.contains(r#"{"closed":{"by":"erasure"}}"#), "{shown}");
}

#[test]
fn conversations_that_begin_faster_than_keys_lie_ready_wait_and_forgotten_ones_lose_theirs() {
    const CONVERSATIONS: usize = 700;
    let place = Place::new();
    let lines = "[gateway]\nmessages_per_s = 10000\nmessages_burst = 10000\n";
    let router = router::Router::start(router::config(place.folder.path(), lines)).unwrap();
    let mut customer = router.customer("demo");

    for _ in 0..CONVERSATIONS {
        customer.say("one more");
        let conversation = customer.next("ack")["conversation"].clone();
        customer.send(&json!({"type": "close", "conversation": conversation}));
        customer.next("closed");
    }

    // Those that the customer may have beside the open one are kept, and have their keys.
    drop((customer, router));
    let slots = std::fs::read(place.path("data/keys/demo.keys")).unwrap();
    let slots = slots.chunks_exact(80).skip(1);
    let destroyed = slots.filter(|slot| slot.iter().all(|byte| *byte == 0)).count();
    assert_eq!(destroyed, CONVERSATIONS - 64);
    let shown = dump(&place.path("data"), &place.path("data/keys"));
    let opened = shown.lines().filter(|line| line.contains("opened by a_")).count();
    assert_eq!(opened, 64, "of the others only the order of what happened is left");
}

#[test]
fn an_erasure_that_was_cut_short_before_the_keys_were_destroyed_is_finished_by_the_next_start() {
    let place = Place::new();
    let process = Process::start(&place, "data");
    let (mut ana, _) = process.customer("ana-7311");
    ana.say("I am ana-7311-said");
    ana.next("ack");
    let data = place.path("data");
    run(&["keys", "copy", &place.path("before"), "--data", &data]);
    let admin = process.admin();
    let settings = ["--data", &data, "--admin-listen", &admin];
    run(&[&["erase", "--shop", "demo", "--customer", "ana-7311"], &settings[..]].concat());
    drop(process);

    // The facts are on disk, the keys are as they were before.
    std::fs::remove_dir_all(place.path("data/keys")).unwrap();
    std::fs::rename(place.path("before"), place.path("data/keys")).unwrap();
    assert!(dump(&data, &place.path("data/keys")).contains("ana-7311-said"));
    let process = Process::start(&place, "data");
    // A key is made for him only after those of before are gone.
    wait_for_snapshots(&place, &process, 1);
    drop(process);

    assert!(!dump(&data, &place.path("data/keys")).contains("ana-7311-said"));
}

#[test]
fn a_missing_or_wrong_master_key_is_an_error_and_no_new_key_is_made() {
    let place = Place::new();
    let process = Process::start(&place, "data");
    let (mut ana, _) = process.customer("ana-7311");
    ana.say("hello");
    ana.next("ack");
    drop(process);
    let (data, shops) = (place.path("data"), place.path("shops"));
    let master = PathBuf::from(place.path("data/keys/master.key"));
    let key = std::fs::read(&master).unwrap();
    let refused = |why: &str, more: &[&str]| {
        let serve = ["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
        let folders = ["--data", &data, "--shops", &shops];
        let output = tradewind(&[&serve[..], &folders[..], more].concat());
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains(why), "{}", text(&output.stderr));
    };

    std::fs::remove_file(&master).unwrap();
    refused("there is no master key (file)", &[]);
    assert!(!master.exists());
    std::fs::write(&master, "ab".repeat(32)).unwrap();
    refused("does not open", &[]);
    std::fs::write(&master, "short").unwrap();
    refused("not 32 bytes", &[]);
    std::fs::write(&master, &key).unwrap();
    refused(
        "there is no master key (env:TW_NO_SUCH_KEY)",
        &["--set", "keys.master=env:TW_NO_SUCH_KEY"],
    );
    // All keys gone: the journal is sealed, so nothing begins anew over it.
    std::fs::rename(place.path("data/keys"), place.path("aside")).unwrap();
    refused("bring back the folder of keys", &[]);
    assert!(!Path::new(&place.path("data/keys")).exists());

    std::fs::rename(place.path("aside"), place.path("data/keys")).unwrap();
    let process = Process::start(&place, "data");
    assert_eq!(process.conversations_of("ana-7311").len(), 1);
}

/// What this version sealed. `TRADEWIND_WRITE_GOLDEN=1` writes the files of a new version.
#[test]
fn what_was_sealed_by_version_2_is_opened() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/journal_golden/sealed");
    let at = |name: &str| golden.join(name).to_str().unwrap().to_owned();
    if std::env::var_os("TRADEWIND_WRITE_GOLDEN").is_some() {
        let place = Place::new();
        let process = Process::start(&place, "data");
        let (mut ana, _) = process.customer("user-7311");
        ana.say("I want to talk to a person: ana@example.org");
        ana.next("queued");
        let (mut min, _) = process.customer("user-7312");
        min.say("erase this");
        min.next("ack");
        let settings = ["--data", &place.path("data"), "--admin-listen", &process.admin()];
        run(&[&["erase", "--shop", "demo", "--customer", "user-7312"], &settings[..]].concat());
        drop(process);
        for below in ["keys/master.key", "keys/demo.tenant", "keys/demo.keys"] {
            std::fs::create_dir_all(golden.join("keys")).unwrap();
            std::fs::copy(place.path(&format!("data/{below}")), golden.join(below)).unwrap();
        }
        std::fs::create_dir_all(golden.join("journal")).unwrap();
        let used = "journal/00000000000000000001.journal";
        let mut bytes = std::fs::read(place.path(&format!("data/{used}"))).unwrap();
        bytes.truncate(16 << 10);
        std::fs::write(golden.join(used), bytes).unwrap();
        std::fs::write(golden.join("dump.txt"), dump(&at(""), &at("keys"))).unwrap();
    }

    let shown = dump(&at(""), &at("keys"));

    assert_eq!(shown, std::fs::read_to_string(golden.join("dump.txt")).unwrap());
    for part in ["ana@example.org", "opened by u_", "opened by somebody", "\"[erased]\""] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
}

#[test]
fn another_master_key_opens_what_was_sealed_before_and_the_old_one_nothing() {
    let place = Place::new();
    let process = Process::start(&place, "data");
    let (mut ana, _) = process.customer("ana-7311");
    ana.say("hello, I am ana-7311-said");
    ana.next("ack");
    let (data, keys) = (place.path("data"), place.path("data/keys"));
    let rotate = ["keys", "rotate", "--data", &data];

    let in_use = tradewind(&rotate);
    assert!(text(&in_use.stderr).contains("stop the router first"), "{}", text(&in_use.stderr));
    drop(process);
    let old = std::fs::read(place.path("data/keys/master.key")).unwrap();
    run(&rotate);
    assert_ne!(std::fs::read(place.path("data/keys/master.key")).unwrap(), old);
    assert!(dump(&data, &keys).contains("ana-7311-said"));

    // To another place, and interrupted before the settings name it.
    let elsewhere = format!("file:{}", place.path("master"));
    std::fs::write(place.path("master"), "cd".repeat(32)).unwrap();
    run(&[&rotate[..], &["--to", &elsewhere]].concat());
    let stale = tradewind(&["keys", "check", "--data", &data]);
    assert!(text(&stale.stderr).contains("it is another one"), "{}", text(&stale.stderr));
    let set = format!("keys.master={elsewhere}");
    run(&["keys", "check", "--data", &data, "--set", &set]);
    let shown = run(&["journal", "dump", &data, "--keys", &keys, "--master", &elsewhere]);
    assert!(shown.contains("hello"), "{shown}");
}
