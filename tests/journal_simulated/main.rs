//! The journal on a disk that fails, fills up, loses power and rots.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod damage;
#[expect(dead_code, reason = "the simulation of the whole flow needs more of it")]
mod disk;
mod faults;
mod holds;
mod power_cut;
mod refusals;
#[path = "../reliability/mod.rs"]
mod reliability;
mod rewrite;
mod snapshots;

use std::sync::Arc;
use std::time::{Duration, Instant};

use disk::SimulatedDisk;
use tradewind::journal::{
    Batch, Damage, Journal, JournalError, Options, Position, Replay, ReplaySummary, open_in,
};

fn options() -> Options {
    Options { segment_bytes: 16 << 10, retry_pause: Duration::ZERO, ..Options::default() }
}

fn open(disk: &SimulatedDisk) -> (Journal, Replay) {
    open_in(Arc::new(disk.clone()), options()).unwrap()
}

async fn append(journal: &Journal, payload: &[u8]) -> Result<Position, JournalError> {
    journal.append(Batch::of(payload).unwrap()).await
}

/// What a replay gave.
struct Content {
    records: Vec<Vec<u8>>,
    damages: Vec<Damage>,
    summary: ReplaySummary,
}

fn drain(mut replay: Replay) -> Content {
    let (mut records, mut damages) = (Vec::new(), Vec::new());
    for entry in replay.by_ref() {
        match entry {
            Ok((_, payload)) => records.push(payload),
            Err(JournalError::Damaged(damage)) => damages.push(damage),
            Err(error) => panic!("replay failed: {error}"),
        }
    }
    Content { records, damages, summary: replay.summary().clone() }
}

/// Opens, reads everything and closes again.
async fn content(disk: &SimulatedDisk) -> Content {
    let (journal, replay) = open(disk);
    let content = drain(replay);
    journal.close().await.unwrap();
    content
}

/// A journal of `count` records of about 200 bytes, closed.
async fn written(count: usize) -> (SimulatedDisk, Vec<Vec<u8>>) {
    let disk = SimulatedDisk::new();
    let (journal, _) = open(&disk);
    let records: Vec<_> = (0..count).map(record).collect();
    for payload in &records {
        append(&journal, payload).await.unwrap();
    }
    journal.close().await.unwrap();
    (disk, records)
}

/// Returns once another thread made it true.
async fn until(mut is_true: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_true() {
        assert!(started.elapsed() < Duration::from_secs(20), "it never came");
        tokio::task::yield_now().await;
    }
}

fn record(number: usize) -> Vec<u8> {
    let mut payload = format!("record {number}").into_bytes();
    payload.resize(150 + number % 100, 0xa5);
    payload
}
