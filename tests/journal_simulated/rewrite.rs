//! Records that are changed where they lie, also when the power goes at any moment of it.

use std::sync::Arc;

use tradewind::journal::{Folder, JournalError, Rewritten, rewrite};

use super::disk::{Chance, SimulatedDisk};
use super::{append, content, drain, open};

const RECORDS: u64 = 120;

/// Every third record is of somebody; most of them are longer than what takes their place.
fn record(n: u64) -> Vec<u8> {
    let of = if n.is_multiple_of(3) { "ana" } else { "min" };
    format!("{of} {n} {}", "x".repeat(usize::try_from(n * 7 % 900).unwrap())).into_bytes()
}

fn without_ana(payload: &[u8]) -> Option<Vec<u8>> {
    payload.starts_with(b"ana ").then(|| b"?".to_vec())
}

/// Some segments and a snapshot, in which `ana` stands.
async fn written() -> SimulatedDisk {
    let disk = SimulatedDisk::new();
    let (journal, replay) = open(&disk);
    drain(replay);
    for n in 0..RECORDS {
        append(&journal, &record(n)).await.unwrap();
    }
    let end = journal.end().unwrap();
    let mut snapshot = journal.snapshots().begin(end).unwrap();
    for n in 0..9 {
        snapshot.push(end, &record(n)).unwrap();
    }
    snapshot.finish(end).unwrap();
    journal.close().await.unwrap();
    disk
}

fn try_to_rewrite(disk: &SimulatedDisk) -> Result<Rewritten, JournalError> {
    let folder: Arc<dyn Folder> = Arc::new(disk.clone());
    rewrite(&folder, without_ana, without_ana)
}

/// How many records and entries still are of `ana`. Everything else is as it was, and nothing is damaged.
async fn left(disk: &SimulatedDisk, seed: u64) -> usize {
    let look = tradewind::journal::look_in(Arc::new(disk.clone())).unwrap();
    let id = look.snapshots.list().unwrap()[0];
    let entries = look.snapshots.open(id).unwrap().map(|entry| entry.unwrap().1);
    let mut left = entries.filter(|entry| without_ana(entry).is_some()).count();
    let found = content(disk).await;
    assert!(found.damages.is_empty(), "seed {seed}: {:?}", found.damages);
    assert_eq!(found.records.len() as u64, RECORDS, "seed {seed}");
    for (n, payload) in (0..).zip(found.records) {
        if payload == record(n) {
            left += usize::from(without_ana(&payload).is_some());
            continue;
        }
        assert!(n.is_multiple_of(3), "seed {seed}: record {n} is of somebody else");
        assert_eq!(payload.len(), record(n).len(), "nothing moves");
        assert!(payload[0] == b'?' && payload[1..].iter().all(|byte| *byte == 0));
    }
    left
}

#[test]
fn what_is_changed_keeps_its_place_and_the_rest_is_as_it_was() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let disk = written().await;
        assert_eq!(left(&disk, 0).await, 43);

        let rewritten = try_to_rewrite(&disk).unwrap();

        assert_eq!(rewritten, Rewritten { records: 40, entries: 3, set_aside: 0 });
        assert_eq!(left(&disk, 0).await, 0);
        let again = try_to_rewrite(&disk).unwrap();
        assert_eq!((again.records, again.entries), (0, 0));
    });
}

#[test]
fn a_power_cut_at_any_moment_of_it_loses_and_changes_nothing_else_and_it_can_be_done_again() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let (mut seed, mut cuts) = (0, 0);
        loop {
            let mut chance = Chance(seed);
            let disk = written().await;
            disk.cut_power_after(1 + seed);
            let done = try_to_rewrite(&disk).is_ok();
            if done && !disk.is_off() {
                break;
            }
            cuts += 1;
            let disk = disk.after_power_cut(&mut chance);
            left(&disk, seed).await;
            try_to_rewrite(&disk).unwrap();
            assert_eq!(left(&disk, seed).await, 0, "seed {seed}");
            seed += 1;
        }
        assert!(cuts > 10, "{cuts}");
    });
}
