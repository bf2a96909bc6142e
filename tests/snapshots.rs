//! A router that makes snapshots, starts from them, and from less when they are damaged.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

#[path = "router/mod.rs"]
mod router;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use router::{Client, Router, config, get, visitor};
use serde_json::{Value, json};
use tradewind::app::StartError;
use tradewind::config::shop::ShopFiles;
use tradewind::journal::JournalError;

const LINES: &str = "[gateway]\nmessages_per_s = 10000\nmessages_burst = 10000\n\
    [journal]\nsegment = \"1MiB\"\nsnapshot_every = \"1s\"\n";

fn started(folder: &Path) -> Router {
    for (file, text) in &ShopFiles::demo().0 {
        let path = folder.join("shops/demo").join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    Router::start(config(folder, LINES)).unwrap()
}

/// Why a router does not start.
fn refused(folder: &Path) -> StartError {
    Router::start(config(folder, LINES)).err().unwrap()
}

/// Files of the journal that end so, the oldest first.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder.join("data/journal")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = paths.filter(|path| path.to_str().unwrap().ends_with(ending)).collect();
    found.sort();
    found
}

/// A customer whose conversation began in the first file of the journal and goes on.
struct Talk {
    session: Value,
    conversation: String,
    said: Vec<String>,
    client: Client,
}

impl Talk {
    fn begin(router: &Router) -> Self {
        let session = visitor(router.address, "demo", &Value::Null);
        let (mut client, _) =
            Client::hello(router.address, "/v1/widget", &session["token"], &Value::Null);
        client.say("the very first");
        let conversation = client.next("ack")["conversation"].as_str().unwrap().to_owned();
        Self { session, conversation, said: vec!["the very first".to_owned()], client }
    }

    /// Talks until it is so; each message fills a good part of a file.
    fn until(&mut self, mut is_so: impl FnMut() -> bool) {
        let started = Instant::now();
        while !is_so() {
            assert!(started.elapsed() < Duration::from_secs(60), "it never came");
            let text = format!("message {} {}", self.said.len(), "x".repeat(15_000));
            self.client.say(&text);
            self.client.next("ack");
            self.said.push(text);
        }
    }

    /// Epoch and texts that a router has of it.
    fn read_again(&self, router: &Router) -> Option<(u64, Vec<String>)> {
        let session = visitor(router.address, "demo", &self.session["visitor"]);
        let from_start = json!({"session": null, "last_seq": {self.conversation.as_str(): 0}});
        let (mut client, welcome) =
            Client::hello(router.address, "/v1/widget", &session["token"], &from_start);
        let held = welcome["conversations"].as_array()?.first()?;
        let mut texts = Vec::new();
        loop {
            let event = client.next("event");
            if event["kind"] == "message" && event["from"] == "customer" {
                texts.push(event["text"].as_str()?.to_owned());
            }
            if event["seq"] == held["seq"] {
                return Some((held["epoch"].as_u64()?, texts));
            }
        }
    }
}

fn path(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// What a command that succeeds prints.
fn run(arguments: &[&str]) -> String {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_tradewind"))
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A conversation that `seat` has accepted and closed.
fn answered(router: &Router, seat: &mut Client) -> String {
    let mut customer = router.customer("demo");
    customer.say("I want to talk to a person");
    let offer = seat.next("offer");
    seat.send(&json!({"type": "accept", "offer": offer["offer"]}));
    seat.next("accepted");
    seat.send(&json!({"type": "close", "conversation": offer["conversation"]}));
    customer.next("closed");
    offer["conversation"].as_str().unwrap().to_owned()
}

fn flip_a_bit(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

/// The same snapshot with a format that this program does not know.
fn of_a_later_program(whole: &[u8]) -> Vec<u8> {
    let mut later = whole.to_vec();
    later[8..12].copy_from_slice(&7u32.to_le_bytes());
    let crc = crc32c::crc32c(&later[..32]).to_le_bytes();
    later[32..36].copy_from_slice(&crc);
    later
}

#[test]
fn a_start_needs_no_more_than_a_snapshot_and_what_came_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let router = started(folder.path());
    let mut talk = Talk::begin(&router);
    let first = files(folder.path(), "00000000000000000001.journal");
    assert_eq!(first.len(), 1);

    // The conversation is still open, and yet the file in which it began is used again.
    talk.until(|| !first[0].exists());
    let is_two = || files(folder.path(), ".snapshot").len() == 2;
    talk.until(is_two);
    drop(router);

    let router = started(folder.path());
    assert_eq!(talk.read_again(&router), Some((1, talk.said.clone())));
    drop(router);

    let snapshots = files(folder.path(), ".snapshot");
    flip_a_bit(snapshots.last().unwrap());
    let router = started(folder.path());
    assert_eq!(talk.read_again(&router), Some((1, talk.said.clone())), "the older one serves");
    drop(router);
    assert_eq!(files(folder.path(), ".snapshot.damaged").len(), 1);

    // With neither, the start is refused, again and again, and changes nothing.
    let snapshots = files(folder.path(), ".snapshot");
    for snapshot in &snapshots {
        flip_a_bit(snapshot);
    }
    for _ in 0..2 {
        let refused = refused(folder.path());
        assert!(matches!(refused, StartError::StateLost { .. }), "{refused}");
        assert!(refused.to_string().contains("restore a backup"), "{refused}");
        assert_eq!(files(folder.path(), ".snapshot"), snapshots);
    }

    // Whoever wants it so goes on with what is left: nothing is served in the old epoch.
    let lines = format!("{LINES}lost_state = \"start\"\n");
    let router = Router::start(config(folder.path(), &lines)).unwrap();
    assert_eq!(talk.read_again(&router), None);
}

/// A router whose journal has lost its first segment to new records, and the customer who said them.
fn started_and_recycled(folder: &Path) -> (Router, Talk) {
    let router = started(folder);
    let mut talk = Talk::begin(&router);
    let first = files(folder, "00000000000000000001.journal");
    talk.until(|| !first[0].exists());
    (router, talk)
}

#[test]
fn a_journal_whose_beginning_was_recycled_is_refused_also_where_no_snapshot_lies_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let (router, talk) = started_and_recycled(folder.path());
    drop(router);
    for snapshot in files(folder.path(), ".snapshot") {
        std::fs::remove_file(snapshot).unwrap();
    }
    let segments = files(folder.path(), ".journal");

    for _ in 0..2 {
        let refused = refused(folder.path());
        assert!(matches!(refused, StartError::StateLost { .. }), "{refused}");
        assert_eq!(files(folder.path(), ".journal"), segments);
    }

    let lines = format!("{LINES}lost_state = \"start\"\n");
    let router = Router::start(config(folder.path(), &lines)).unwrap();
    assert_eq!(talk.read_again(&router), None);
}

#[test]
fn no_other_damaged_file_than_a_snapshot_of_what_is_left_says_that_a_loss_was_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let (router, _) = started_and_recycled(folder.path());
    drop(router);
    for snapshot in files(folder.path(), ".snapshot") {
        std::fs::remove_file(snapshot).unwrap();
    }

    for damaged in [
        "00000000000000000001.damaged",
        "00000000000000000001-0000004096.snapshot.damaged",
        // What a start finds unusable, and sets aside itself.
        "00000000000000000099.journal",
    ] {
        std::fs::write(folder.path().join("data/journal").join(damaged), "").unwrap();
        let refused = refused(folder.path());
        assert!(matches!(refused, StartError::StateLost { .. }), "{damaged}: {refused}");
    }
}

#[test]
fn a_loss_that_was_accepted_by_a_start_that_failed_begins_a_new_epoch_at_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let (router, _) = started_and_recycled(folder.path());
    // All of it stands in what is left of the journal.
    let later = Talk::begin(&router);
    drop(router);
    for snapshot in files(folder.path(), ".snapshot") {
        flip_a_bit(&snapshot);
    }
    let password = folder.path().join("no such file");
    let lines = format!(
        "{LINES}lost_state = \"start\"\n[email]\nserver = \"mail.shop.example:587\"\n\
         from = \"help@shop.example\"\nuser = \"help\"\npassword_file = {password:?}\n"
    );

    let failed = Router::start(config(folder.path(), &lines)).err().unwrap();

    assert!(matches!(failed, StartError::Email(_)), "{failed}");
    assert_eq!(files(folder.path(), ".snapshot.damaged").len(), 2);
    let router = started(folder.path());
    let (epoch, said) = later.read_again(&router).unwrap();
    assert!(epoch > 1, "something is missing, and that is told");
    assert_eq!(said, later.said);
}

#[test]
fn a_snapshot_that_cannot_be_read_now_or_was_written_by_a_later_program_ends_the_start_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    let router = started(folder.path());
    let mut talk = Talk::begin(&router);
    talk.until(|| files(folder.path(), ".snapshot").len() == 1);
    drop(router);
    let snapshot = files(folder.path(), ".snapshot").remove(0);
    let whole = std::fs::read(&snapshot).unwrap();

    std::fs::write(&snapshot, of_a_later_program(&whole)).unwrap();
    let refused_later = refused(folder.path());
    // A folder opens as a file does, and cannot be read as one.
    std::fs::remove_file(&snapshot).unwrap();
    std::fs::create_dir(&snapshot).unwrap();
    let refused_unreadable = refused(folder.path());

    assert!(refused_later.to_string().contains("format 7"), "{refused_later}");
    assert!(
        matches!(refused_unreadable, StartError::Snapshots { error: JournalError::Io { .. }, .. }),
        "{refused_unreadable}"
    );
    assert!(snapshot.exists());
    std::fs::remove_dir(&snapshot).unwrap();
    std::fs::write(&snapshot, whole).unwrap();
    let router = started(folder.path());
    assert_eq!(talk.read_again(&router), Some((1, talk.said.clone())));
}

#[test]
fn a_damaged_only_snapshot_costs_nothing_while_the_journal_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let router = started(folder.path());
    let mut talk = Talk::begin(&router);
    talk.until(|| files(folder.path(), ".snapshot").len() == 1);
    drop(router);
    flip_a_bit(&files(folder.path(), ".snapshot")[0]);

    let router = started(folder.path());

    assert_eq!(talk.read_again(&router), Some((1, talk.said.clone())));
}

#[test]
fn a_start_that_had_to_read_the_journal_makes_a_snapshot_though_nobody_says_anything() {
    let folder = tempfile::tempdir().unwrap();
    let router = started(folder.path());
    let mut talk = Talk::begin(&router);
    talk.until(|| files(folder.path(), ".journal").len() > 1);
    drop(router);
    for snapshot in files(folder.path(), ".snapshot") {
        std::fs::remove_file(snapshot).unwrap();
    }

    let router = started(folder.path());
    let began = Instant::now();
    while files(folder.path(), ".snapshot").is_empty() {
        assert!(began.elapsed() < Duration::from_secs(60), "none was made");
        std::thread::sleep(Duration::from_millis(20));
    }

    assert_eq!(talk.read_again(&router), Some((1, talk.said.clone())));
}

#[test]
fn what_is_said_after_the_journal_lost_its_end_outlives_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let router = started(folder.path());
    let mut talk = Talk::begin(&router);
    talk.until(|| files(folder.path(), ".snapshot").len() == 1);
    drop(router);
    // As after a power cut that took all that was in memory only.
    for segment in files(folder.path(), ".journal") {
        std::fs::remove_file(segment).unwrap();
    }

    let router = started(folder.path());
    let (epoch, before) = talk.read_again(&router).unwrap();
    assert!(epoch > 1, "what is missing is said to be missing");
    assert!(!before.is_empty() && talk.said.starts_with(&before));
    let session = visitor(router.address, "demo", &talk.session["visitor"]);
    let (mut client, _) =
        Client::hello(router.address, "/v1/widget", &session["token"], &Value::Null);
    client.say("later");
    client.next("ack");
    drop(router);

    let router = started(folder.path());
    let (_, after) = talk.read_again(&router).unwrap();
    assert_eq!(after, [before, vec!["later".to_owned()]].concat());
}

#[test]
fn a_backup_of_a_router_with_snapshots_restores_what_only_they_hold() {
    let folder = tempfile::tempdir().unwrap();
    let router = started(folder.path());
    let mut talk = Talk::begin(&router);
    let first = files(folder.path(), "00000000000000000001.journal");
    talk.until(|| !first[0].exists());
    let backup = folder.path().join("backup");

    let (data, admin) = (folder.path().join("data"), router.admin_address.to_string());
    run(&["backup", &path(&backup), "--data", &path(&data), "--admin-listen", &admin]);
    drop(router);
    let other = tempfile::tempdir().unwrap();
    let keys = path(&folder.path().join("data/keys"));
    run(&["restore", &path(&backup), &path(&other.path().join("data")), "--keys", &keys]);

    let router = started(other.path());
    let (epoch, said) = talk.read_again(&router).unwrap();
    assert!(epoch > 1, "it was restored");
    assert_eq!(said, talk.said);
}

#[test]
fn a_restore_ends_at_a_snapshot_of_a_later_program_and_tells_of_a_damaged_one() {
    let folder = tempfile::tempdir().unwrap();
    let router = started(folder.path());
    let mut talk = Talk::begin(&router);
    talk.until(|| files(folder.path(), ".snapshot").len() == 1);
    drop(router);
    let data = folder.path().join("data");
    let snapshot = files(folder.path(), ".snapshot").remove(0);
    let whole = std::fs::read(&snapshot).unwrap();
    let restored = |name: &str| {
        let backup = path(&folder.path().join(format!("backup-{name}")));
        let (target, keys) = (path(&folder.path().join(name)), path(&data.join("keys")));
        run(&["backup", &backup, "--data", &path(&data)]);
        let arguments: [&str; 6] = ["restore", &backup, &target, "--keys", &keys, "--json"];
        let program = env!("CARGO_BIN_EXE_tradewind");
        std::process::Command::new(program).args(arguments).output().unwrap()
    };

    std::fs::write(&snapshot, of_a_later_program(&whole)).unwrap();
    let later = restored("later");
    std::fs::write(&snapshot, &whole).unwrap();
    flip_a_bit(&snapshot);
    let damaged = restored("damaged");

    assert_eq!(later.status.code(), Some(1));
    let why = String::from_utf8_lossy(&later.stderr);
    assert!(why.contains("format 7"), "{why}");
    assert_eq!(damaged.status.code(), Some(3));
    let told: Value = serde_json::from_slice(&damaged.stdout).unwrap();
    assert_eq!(told["damage_total"], 1, "{told}");
}

#[test]
fn why_it_was_decided_and_who_was_there_outlive_the_file_that_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let router = started(folder.path());
    let mut seat = router.seat("demo", "mai");
    let conversation = answered(&router, &mut seat);
    let page = format!("/v1/conversations/{conversation}/explanation");
    let mut talk = Talk::begin(&router);
    let first = files(folder.path(), "00000000000000000001.journal");
    talk.until(|| !first[0].exists());
    talk.client.send(&json!({"type": "close", "conversation": talk.conversation}));
    talk.client.next("closed");
    let (_, before) = get(router.admin_address, &page, "");
    assert!(before.contains("offered") && before.contains("assigned"), "{before}");
    drop(router);

    let router = started(folder.path());

    assert_eq!(get(router.admin_address, &page, ""), (200, before));
    let (data, shops) = (path(&folder.path().join("data")), path(&folder.path().join("shops")));
    let dumped = run(&["journal", "dump", &data]);
    assert!(!dumped.contains("seat mai of demo is ready"), "that file is used again");
    assert!(dumped.contains("seat mai of demo left"), "a start tells that she is gone");

    answered(&router, &mut router.seat("demo", "mai"));
    let simulated = run(&["simulate", "--journal", &data, "--shops", &shops]);
    assert!(simulated.contains("conversations that began before are left out"), "{simulated}");
}
