//! Backups made beside a running router and at rest, restored and started on.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

#[path = "router/mod.rs"]
mod router;

use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use router::{Client, Router, config, visitor};
use serde_json::{Value, json};
use tradewind::backup::{BackupError, make};
use tradewind::config::shop::ShopFiles;
use tradewind::domain::Timestamp;
use tradewind::journal::{self, Batch, CopyPlan, Options, Piece};
use tradewind::vault::{Found, MasterSource, Vault};

/// Allows a test to send as fast as it is answered, and to fill several files.
const LINES: &str = "[gateway]\nmessages_per_s = 10000\nmessages_burst = 10000\n\
    [journal]\nsegment = \"1MiB\"\n";
const CUSTOMERS: usize = 4;

fn tradewind(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tradewind")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn started(folder: &Path) -> Router {
    for (file, text) in &ShopFiles::demo().0 {
        let path = folder.join("shops/demo").join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    Router::start(config(folder, LINES)).unwrap()
}

/// An acknowledged message.
#[derive(Clone, Debug, PartialEq)]
struct Acked {
    seq: u64,
    text: String,
}

/// What the customers have had acknowledged, and a bell for whoever waits for more of it.
struct Ledger {
    acked: Mutex<Vec<Vec<Acked>>>,
    more: Condvar,
    stop: AtomicBool,
}

impl Ledger {
    /// Returns once every customer has so many acknowledgements more than in `since`.
    fn wait_for(&self, since: &[Vec<Acked>], more: usize) -> Vec<Vec<Acked>> {
        let mut acked = self.acked.lock().unwrap();
        while acked.iter().zip(since).any(|(now, then)| now.len() < then.len() + more) {
            acked = self.more.wait(acked).unwrap();
        }
        acked.clone()
    }
}

/// A customer that sends one message after another until it is told to stop; gives its conversation.
fn talk(address: SocketAddr, token: &Value, number: usize, ledger: &Ledger) -> Value {
    let (mut client, _) = Client::hello(address, "/v1/widget", token, &Value::Null);
    let mut conversation = Value::Null;
    for count in 0.. {
        // Long, so that several files are filled in a short time.
        let text = format!("customer {number} message {count} {}", "x".repeat(4000));
        client.say(&text);
        let ack = client.next("ack");
        conversation = ack["conversation"].clone();
        let seq = ack["seq"].as_u64().unwrap();
        ledger.acked.lock().unwrap()[number].push(Acked { seq, text });
        ledger.more.notify_all();
        if ledger.stop.load(Ordering::Relaxed) {
            break;
        }
    }
    conversation
}

/// Every message of a conversation that a customer who holds nothing gets, and its epoch.
fn read_all(address: SocketAddr, token: &Value, conversation: &Value) -> (u64, Vec<Acked>) {
    let from_start = json!({"session": null, "last_seq": {conversation.as_str().unwrap(): 0}});
    let (mut client, welcome) = Client::hello(address, "/v1/widget", token, &from_start);
    assert_eq!(welcome["recovered"], true);
    let held = welcome["conversations"].as_array().unwrap();
    let held = held.iter().find(|held| held["conversation"] == *conversation).unwrap();
    let mut messages = Vec::new();
    loop {
        let event = client.next("event");
        let seq = event["seq"].as_u64().unwrap();
        if event["kind"] == "message" && event["from"] == "customer" {
            messages.push(Acked { seq, text: event["text"].as_str().unwrap().to_owned() });
        }
        if seq == held["seq"].as_u64().unwrap() {
            return (held["epoch"].as_u64().unwrap(), messages);
        }
    }
}

#[test]
fn a_backup_under_load_holds_what_was_acknowledged_before_it_and_says_where_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let router = started(folder.path());
    let sessions: Vec<_> =
        (0..CUSTOMERS).map(|_| visitor(router.address, "demo", &Value::Null)).collect();
    let ledger = Ledger {
        acked: Mutex::new(vec![Vec::new(); CUSTOMERS]),
        more: Condvar::new(),
        stop: AtomicBool::new(false),
    };
    let target = folder.path().join("backup");
    let (before, conversations) = std::thread::scope(|scope| {
        let (address, ledger) = (router.address, &ledger);
        let talking: Vec<_> = sessions
            .iter()
            .enumerate()
            .map(|(number, session)| {
                scope.spawn(move || talk(address, &session["token"], number, ledger))
            })
            .collect();
        let before = ledger.wait_for(&vec![Vec::new(); CUSTOMERS], 100);

        let made = tradewind(&[
            "backup",
            path(&target),
            "--json",
            "--data",
            path(&folder.path().join("data")),
            "--admin-listen",
            &router.admin_address.to_string(),
        ]);

        let at_end = ledger.acked.lock().unwrap().clone();
        ledger.wait_for(&at_end, 5);
        ledger.stop.store(true, Ordering::Relaxed);
        assert!(made.status.success(), "{}", text(&made.stderr));
        let made: Value = serde_json::from_slice(&made.stdout).unwrap();
        assert_eq!(made["online"], true);
        assert!(made["position"]["offset"].as_u64().unwrap() > 4096, "{made}");
        (before, talking.into_iter().map(|it| it.join().unwrap()).collect::<Vec<_>>())
    });
    let acked = ledger.acked.into_inner().unwrap();
    drop(router);

    let other = tempfile::tempdir().unwrap();
    let data = other.path().join("data");
    let keys = folder.path().join("data/keys");
    let restored =
        tradewind(&["restore", path(&target), path(&data), "--keys", path(&keys), "--json"]);
    assert!(restored.status.success(), "{}", text(&restored.stderr));
    let restored: Value = serde_json::from_slice(&restored.stdout).unwrap();
    assert_eq!(restored["conversations"], CUSTOMERS);

    let router = started(other.path());
    for number in 0..CUSTOMERS {
        let conversation = &conversations[number];
        let again = visitor(router.address, "demo", &sessions[number]["visitor"]);
        let (epoch, found) = read_all(router.address, &again["token"], conversation);
        assert!(epoch > 1, "clients are told not to trust what they hold");
        assert!(found.len() >= before[number].len());
        assert!(found.len() < acked[number].len(), "the last ones came after the backup");
        assert_eq!(found, acked[number][..found.len()], "what is there is what was acknowledged");

        let last = acked[number].last().unwrap().seq;
        let ahead = json!({"session": null, "last_seq": {conversation.as_str().unwrap(): last}});
        let (_, welcome) = Client::hello(router.address, "/v1/widget", &again["token"], &ahead);
        assert_eq!(welcome["recovered"], false, "what is missing is said to be missing");
    }
}

/// A folder with a backup of a stopped router's data, with one message in it.
fn at_rest() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let router = started(folder.path());
    let mut customer = router.customer("demo");
    customer.say("where is my order TW-10482?");
    customer.next("ack");
    drop(router);
    let data = folder.path().join("data");
    let made = tradewind(&["backup", path(&folder.path().join("backup")), "--data", path(&data)]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    assert!(text(&made.stdout).contains("position   1:"));
    folder
}

#[test]
fn a_folder_at_rest_is_copied_without_a_router_and_only_into_an_empty_folder() {
    let folder = at_rest();
    let (data, backup) = (folder.path().join("data"), folder.path().join("backup"));

    let again = tradewind(&["backup", path(&backup), "--data", path(&data)]);
    let inside = tradewind(&["backup", path(&data.join("b")), "--data", path(&data)]);
    let over = tradewind(&["restore", path(&backup), path(&data)]);
    let verified = tradewind(&["journal", "verify", path(&backup), "--json"]);

    assert_eq!(
        (again.status.code(), inside.status.code(), over.status.code()),
        (Some(1), Some(1), Some(1))
    );
    assert!(text(&again.stderr).contains("is not empty"));
    assert!(text(&inside.stderr).contains("lies in the data folder"));
    assert!(text(&over.stderr).contains("is not empty"));
    assert!(verified.status.success());
    let verified: Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert_eq!((&verified["whole"], &verified["conversations"]), (&json!(true), &json!(1)));
    let secret = |folder: &Path| std::fs::read(folder.join("secret.key")).unwrap();
    assert_eq!(secret(&data), secret(&backup));
}

#[test]
fn how_far_mailboxes_are_read_is_in_no_backup_and_is_restored_from_none() {
    let folder = at_rest();
    let (data, old) = (folder.path().join("data"), folder.path().join("backup"));
    let mailboxes = |folder: &Path| {
        std::fs::create_dir(folder.join("mailboxes")).unwrap();
        std::fs::write(folder.join("mailboxes/demo.json"), "{}").unwrap();
    };
    mailboxes(&data);
    // Backups of before held it.
    mailboxes(&old);
    let manifest = std::fs::read(old.join("backup.json")).unwrap();
    let mut manifest: Value = serde_json::from_slice(&manifest).unwrap();
    manifest["files"].as_array_mut().unwrap().push(json!({
        "path": "mailboxes/demo.json",
        "bytes": 2,
        "sha256": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
    }));
    std::fs::write(old.join("backup.json"), manifest.to_string()).unwrap();
    let (new, restored) = (folder.path().join("new"), folder.path().join("restored"));

    let made = tradewind(&["backup", path(&new), "--data", path(&data)]);
    let keys = data.join("keys");
    let again = tradewind(&["restore", path(&old), path(&restored), "--keys", path(&keys)]);

    assert!(made.status.success(), "{}", text(&made.stderr));
    assert!(!new.join("mailboxes").exists());
    assert!(again.status.success(), "{}", text(&again.stderr));
    assert!(!restored.join("mailboxes").exists());
    assert!(restored.join("secret.key").exists());
}

/// Writes a record that this program does not understand.
fn append_of_a_later_program(data: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let (journal, mut replay) =
            journal::open(&data.join("journal"), Options::default()).unwrap();
        assert!(replay.by_ref().all(|entry| entry.is_ok()));
        let mut batch = Batch::new();
        batch.push(b"of a later program").unwrap();
        journal.append(batch).await.unwrap();
        journal.close().await.unwrap();
    });
}

/// Keys of the demo shop that are destroyed in a data folder.
fn keys_destroyed(data: &Path) -> usize {
    // More than are made for two customers.
    const SLOTS: u64 = 4096;
    let vault = Vault::open(&data.join("keys"), &MasterSource::Beside).unwrap();
    (0..SLOTS).filter(|slot| matches!(vault.find("demo", *slot), Ok(Found::Destroyed))).count()
}

#[test]
fn a_restore_destroys_the_keys_that_are_not_needed_unless_something_is_not_understood() {
    let folder = at_rest();
    let at = |name: &str| folder.path().join(name);
    let restore = |backup: &str, data: &str| {
        let keys = at("data").join("keys");
        tradewind(&["restore", path(&at(backup)), path(&at(data)), "--keys", path(&keys)])
    };
    assert!(restore("backup", "trial").status.success());
    append_of_a_later_program(&at("trial"));
    let made = tradewind(&["backup", path(&at("odd")), "--data", path(&at("trial"))]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    // Neither backup holds anything of this customer.
    let router = started(folder.path());
    let mut customer = router.customer("demo");
    customer.say("where is my order TW-10482?");
    customer.next("ack");
    drop(router);
    let before = keys_destroyed(&at("data"));

    let understood = restore("backup", "understood");
    let not_understood = restore("odd", "not-understood");

    assert_eq!(understood.status.code(), Some(0), "{}", text(&understood.stderr));
    assert_eq!(keys_destroyed(&at("understood")), before + 1);
    assert_eq!(not_understood.status.code(), Some(3), "{}", text(&not_understood.stderr));
    assert_eq!(keys_destroyed(&at("not-understood")), before);
}

#[test]
fn a_backup_that_changed_or_was_not_finished_is_refused_and_no_router_starts_on_what_it_left() {
    let folder = at_rest();
    let backup = folder.path().join("backup");
    let segment = backup.join("journal/00000000000000000001.journal");
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[4200] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let other = tempfile::tempdir().unwrap();
    let data = other.path().join("data");

    let changed = tradewind(&["restore", path(&backup), path(&data)]);
    let started = tradewind(&["serve", "--data", path(&data), "--listen", "127.0.0.1:0"]);
    let manifest = std::fs::read_to_string(backup.join("backup.json")).unwrap();
    let later = manifest.replacen("\"format\": 2", "\"format\": 7", 1);
    std::fs::write(backup.join("backup.json"), later).unwrap();
    let other_format = tradewind(&["restore", path(&backup), path(&other.path().join("b"))]);
    std::fs::remove_file(backup.join("backup.json")).unwrap();
    let unfinished = tradewind(&["restore", path(&backup), path(&other.path().join("c"))]);

    assert_eq!(changed.status.code(), Some(1));
    assert!(text(&changed.stderr).contains("is not what was written"));
    assert_eq!(started.status.code(), Some(1));
    assert!(text(&started.stderr).contains("was not finished"), "{}", text(&started.stderr));
    assert!(text(&other_format.stderr).contains("format 7; this program reads up to 2"));
    assert!(text(&unfinished.stderr).contains("is no backup, or was not finished"));
}

const NEWEST: &str = "00000000000000000002-0000009000.snapshot";
const OLDER: &str = "00000000000000000001-0000009000.snapshot";

/// A data folder with files of the journal that have so many bytes, and what to copy of it.
fn plan(files: &[(&str, usize)]) -> (tempfile::TempDir, CopyPlan) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("data/journal")).unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.path().join("data/journal").join(name), vec![7; *bytes]).unwrap();
    }
    let piece =
        |&(name, bytes): &(&str, usize)| Piece { name: name.to_owned(), bytes: bytes as u64 };
    let pieces = files.iter().map(piece).collect();
    (folder, CopyPlan { pieces, end: None, damaged: Vec::new() })
}

#[test]
fn the_hold_is_asked_for_within_a_long_file_and_a_lost_one_ends_the_copy() {
    const FILE_BYTES: usize = 8 << 20;
    let (folder, plan) = plan(&[(NEWEST, FILE_BYTES)]);
    let (data, target) = (folder.path().join("data"), folder.path().join("backup"));
    let make = |target: &Path, goes_on: &mut dyn FnMut() -> bool| {
        make(&data, target, plan.clone(), Timestamp::default(), true, goes_on)
    };

    // A disk that takes ten seconds for a mebibyte, and a lease of a minute from each question on.
    let (mut clock, mut leased_until) = (Duration::ZERO, Duration::from_secs(60));
    let slow = make(&target, &mut || {
        clock += Duration::from_secs(10);
        let is_held = clock < leased_until;
        leased_until = clock + Duration::from_secs(60);
        is_held
    });
    let mut asked = 0;
    let lost = make(&folder.path().join("lost"), &mut || {
        asked += 1;
        asked < 4
    });

    assert_eq!(slow.unwrap().manifest.files[0].bytes, FILE_BYTES as u64);
    assert!(clock >= Duration::from_secs(80), "asked for each mebibyte");
    assert!(matches!(lost, Err(BackupError::HoldLost)), "{lost:?}");
    let copied = std::fs::metadata(folder.path().join("lost/journal").join(NEWEST)).unwrap().len();
    assert!(copied < FILE_BYTES as u64, "it ended within the file");
    assert!(!folder.path().join("lost/backup.json").exists());
}

#[test]
fn an_older_snapshot_that_was_replaced_meanwhile_is_left_out_and_nothing_else_is() {
    let (folder, plan) = plan(&[(NEWEST, 10), (OLDER, 10), ("00000000000000000001.journal", 10)]);
    let data = folder.path().join("data");
    let without = |missing: &str, target: &str| {
        let (file, aside) = (data.join("journal").join(missing), folder.path().join("aside"));
        std::fs::rename(&file, &aside).unwrap();
        let target = folder.path().join(target);
        let made = make(&data, &target, plan.clone(), Timestamp::default(), true, || true);
        std::fs::rename(&aside, &file).unwrap();
        made.map(|made| made.manifest.files.len())
    };

    assert_eq!(without(OLDER, "a").unwrap(), 2);
    assert!(matches!(without(NEWEST, "b"), Err(BackupError::File { .. })));
    assert!(matches!(without("00000000000000000001.journal", "c"), Err(BackupError::File { .. })));
}

#[test]
fn files_that_are_being_written_are_left_out_and_links_to_files_are_followed() {
    let (folder, plan) = plan(&[]);
    let (data, target) = (folder.path().join("data"), folder.path().join("backup"));
    for name in ["a.partial", "letters.begun.new", "signed-out.json", "signed-out.tmp"] {
        std::fs::write(data.join(name), "it").unwrap();
    }
    std::fs::write(folder.path().join("mounted"), "a key").unwrap();
    symlink(folder.path().join("mounted"), data.join("secret.key")).unwrap();

    let made = make(&data, &target, plan, Timestamp::default(), true, || true).unwrap();

    let names: Vec<_> = made.manifest.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(names, ["secret.key", "signed-out.json"]);
    let copied = target.join("secret.key");
    assert!(std::fs::symlink_metadata(&copied).unwrap().is_file());
    assert_eq!(std::fs::read(&copied).unwrap(), b"a key");
}

#[test]
fn a_link_that_leads_to_a_folder_or_nowhere_ends_the_backup_with_its_name() {
    let (folder, plan) = plan(&[]);
    let data = folder.path().join("data");
    std::fs::create_dir(folder.path().join("elsewhere")).unwrap();
    let refused = |link: &str, to: &str| {
        let (link, target) = (data.join(link), folder.path().join(format!("without-{link}")));
        symlink(folder.path().join(to), &link).unwrap();
        let made = make(&data, &target, plan.clone(), Timestamp::default(), true, || true);
        std::fs::remove_file(&link).unwrap();
        made.unwrap_err().to_string()
    };

    let to_a_folder = refused("incidents", "elsewhere");
    let to_nowhere = refused("secret.key", "missing");

    assert!(to_a_folder.contains("data/incidents: it is a link to a folder"), "{to_a_folder}");
    assert!(to_nowhere.contains("cannot follow the link"), "{to_nowhere}");
    assert!(to_nowhere.contains("data/secret.key"), "{to_nowhere}");
}

#[test]
fn a_router_of_another_folder_is_not_taken_for_the_one_that_is_asked_for() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (first, second) = (started(one.path()), started(other.path()));

    let made = tradewind(&[
        "backup",
        path(&one.path().join("backup")),
        "--data",
        path(&one.path().join("data")),
        "--admin-listen",
        &second.admin_address.to_string(),
    ]);

    assert_eq!(made.status.code(), Some(1));
    assert!(text(&made.stderr).contains("has another data folder"), "{}", text(&made.stderr));
    drop(first);
}
