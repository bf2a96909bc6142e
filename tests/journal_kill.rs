//! `kill -9` of a real process that appends under load loses nothing it acknowledged.
//!
//! The test runs itself again as the child. The child prints a line for each batch that is on
//! disk; the parent kills it after a seeded number of lines, in the middle of its work.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use tradewind::journal::{Batch, Options, open};

/// Kills in a plain test run; `TRADEWIND_KILLS` asks for more.
const KILLS: u64 = 20;

/// The folder, in the child's environment.
const DIR: &str = "TRADEWIND_JOURNAL_KILL_DIR";
/// The number of this life, in the child's environment.
const LIFE: &str = "TRADEWIND_JOURNAL_KILL_LIFE";

const TASKS: u64 = 32;
const RECORDS_IN_BATCH: u64 = 3;

fn options() -> Options {
    Options { segment_bytes: 64 << 10, ..Options::default() }
}

/// A batch: life, task and count within the task.
type Id = (u64, u64, u64);

#[test]
fn child_that_appends_until_it_is_killed() {
    // Run by itself it has nothing to do: it is the process that the test below starts and kills.
    let Some(dir) = std::env::var_os(DIR) else { return };
    let life: u64 = std::env::var(LIFE).unwrap().parse().unwrap();
    let (journal, replay) = open(Path::new(&dir), options()).unwrap();
    drop(replay);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..TASKS {
            let journal = journal.clone();
            tasks.spawn(async move {
                for count in 0_u64.. {
                    let mut batch = Batch::new();
                    for part in 0..RECORDS_IN_BATCH {
                        batch.push(&record((life, task, count), part)).unwrap();
                    }
                    journal.append(batch).await.unwrap();
                    let line = format!("durable {life} {task} {count}\n");
                    std::io::stdout().write_all(line.as_bytes()).unwrap();
                }
            });
        }
        tasks.join_all().await;
    });
}

fn record((life, task, count): Id, part: u64) -> Vec<u8> {
    let mut payload = Vec::new();
    for word in [life, task, count, part] {
        payload.extend_from_slice(&word.to_le_bytes());
    }
    payload.resize(40 + usize::try_from(count * 31 % 400).unwrap(), 0x5a);
    payload
}

#[tokio::test]
async fn no_acknowledged_batch_is_lost_to_kill_minus_nine() {
    let kills = std::env::var("TRADEWIND_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeSet::new();
    for life in 0..kills {
        // 1 to 1,500 lines, spread by a multiplicative hash of the life's number.
        let lines = 1 + (life + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) % 1500;
        acknowledged.extend(run_until_killed(dir.path(), life, lines));
        check(dir.path(), life, &acknowledged).await;
    }
    println!("{kills} kills, {} acknowledged batches, 0 lost", acknowledged.len());
}

fn run_until_killed(dir: &Path, life: u64, lines: u64) -> Vec<Id> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_appends_until_it_is_killed", "--nocapture"])
        .env(DIR, dir)
        .env(LIFE, life.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut acknowledged = Vec::new();
    let mut killed = false;
    // Reading goes on behind the kill: what the child wrote before it died counts.
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let Some(id) = line.strip_prefix("durable ") else { continue };
        let words: Vec<u64> = id.split(' ').map_while(|word| word.parse().ok()).collect();
        if let [life, task, count] = words[..] {
            acknowledged.push((life, task, count));
        }
        if acknowledged.len() as u64 >= lines && !killed {
            child.kill().unwrap();
            killed = true;
        }
    }
    let status = child.wait().unwrap();
    assert!(killed, "life {life} ended by itself: {status}");
    acknowledged
}

async fn check(dir: &Path, life: u64, acknowledged: &BTreeSet<Id>) {
    let (journal, mut replay) = open(dir, options()).unwrap();
    let mut whole = BTreeSet::new();
    let mut next_part = 0;
    for entry in replay.by_ref() {
        let (_, payload) = entry.unwrap_or_else(|error| panic!("life {life}: {error}"));
        let word = |at: usize| u64::from_le_bytes(payload[at * 8..at * 8 + 8].try_into().unwrap());
        let id = (word(0), word(1), word(2));
        assert_eq!(payload, record(id, word(3)), "life {life}: {id:?} changed");
        assert_eq!(word(3), next_part, "life {life}: {id:?} is not whole");
        next_part = (next_part + 1) % RECORDS_IN_BATCH;
        if next_part == 0 {
            let is_next = id.2 == 0 || whole.contains(&(id.0, id.1, id.2 - 1));
            assert!(is_next && whole.insert(id), "life {life}: {id:?} is out of order or twice");
        }
    }
    assert_eq!(next_part, 0, "life {life}: the last batch is not whole");
    let lost: Vec<_> = acknowledged.difference(&whole).collect();
    assert!(lost.is_empty(), "life {life}: lost {lost:?}");
    journal.close().await.unwrap();
}
