//! Power cuts at every kind of moment, also during the repair of the one before.

use std::collections::BTreeMap;
use std::sync::Arc;

use tradewind::journal::{Batch, Journal, JournalError, Position, Replay, SegmentId, open_in};

use super::disk::{Chance, SimulatedDisk};
use super::{options, reliability};

/// Cuts in a plain test run.
const CUTS: u64 = 400;

/// What the callers of the journal know.
#[derive(Default)]
struct Known {
    next: u64,
    acknowledged: BTreeMap<u64, Position>,
    floor: Option<SegmentId>,
}

#[test]
fn no_acknowledged_record_is_lost_to_a_power_cut() {
    let cuts = reliability::size(CUTS);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let first_seed = reliability::first_seed();
    let (mut done, mut seed, mut acknowledged) = (0, first_seed, 0);
    while done < cuts {
        let (cuts_here, acknowledged_here) = runtime.block_on(one_life(seed));
        done += cuts_here;
        acknowledged += acknowledged_here;
        seed += 1;
    }
    let seeds = seed - first_seed;
    println!("{done} power cuts, {seeds} seeds, {acknowledged} acknowledged records, 0 lost");
    reliability::done(done);
}

/// One journal through several cuts.
async fn one_life(seed: u64) -> (u64, usize) {
    let mut chance = Chance(seed);
    let mut disk = SimulatedDisk::new();
    let mut known = Known::default();
    let mut cuts = 0;
    for _ in 0..6 {
        // Often so early that the repair itself is cut, sometimes after several segments.
        let reach = [12, 40, 400][chance.below(3)];
        disk.cut_power_after(1 + chance.below(reach) as u64);
        match open_in(Arc::new(disk.clone()), options()) {
            Ok((journal, replay)) => {
                check(seed, &mut known, replay);
                load(&journal, &mut known, &mut chance).await;
                journal.close().await.unwrap();
            }
            Err(JournalError::Io { .. }) => {}
            Err(error) => panic!("seed {seed}: open failed: {error}"),
        }
        disk = disk.after_power_cut(&mut chance);
        cuts += 1;
    }
    let (journal, replay) = open_in(Arc::new(disk), options()).unwrap();
    check(seed, &mut known, replay);
    journal.close().await.unwrap();
    (cuts, known.acknowledged.len())
}

/// Appends batches of one to four numbered records until the power is off.
async fn load(journal: &Journal, known: &mut Known, chance: &mut Chance) {
    loop {
        let mut receipts = Vec::new();
        for _ in 0..1 + chance.below(5) {
            let records = 1 + chance.below(4) as u64;
            let mut batch = Batch::new();
            for number in known.next..known.next + records {
                batch.push(&numbered(number, known.next, records, chance)).unwrap();
            }
            receipts.push((known.next, records, journal.enqueue(batch).await.unwrap()));
            known.next += records;
        }
        for (first, records, receipt) in receipts {
            let Ok(position) = receipt.await else { return };
            known.acknowledged.extend((first..first + records).map(|number| (number, position)));
        }
        if chance.below(8) == 0
            && let Some(last) = known.acknowledged.values().next_back()
        {
            known.floor = Some(last.segment);
            journal.recycle_below(last.segment);
        }
    }
}

/// A record that says its number, the first number of its batch and the size of the batch.
fn numbered(number: u64, first: u64, records: u64, chance: &mut Chance) -> Vec<u8> {
    let mut payload = Vec::new();
    for word in [number, first, records] {
        payload.extend_from_slice(&word.to_le_bytes());
    }
    payload.resize(24 + chance.below(700), 0x5a);
    payload
}

/// Everything acknowledged is there, in order and in whole batches; and what a replay shows counts
/// as acknowledged from then on, because its reader acts on it.
fn check(seed: u64, known: &mut Known, replay: Replay) {
    let mut seen = BTreeMap::new();
    let mut batches: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    for entry in replay {
        let (position, payload) = entry.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        let word = |at: usize| u64::from_le_bytes(payload[at * 8..at * 8 + 8].try_into().unwrap());
        let (number, first, records) = (word(0), word(1), word(2));
        let last = seen.last_key_value().map(|(last, _)| *last);
        assert!(last < Some(number), "seed {seed}: {number} is out of order or twice");
        seen.insert(number, position);
        batches.entry(first).or_insert((records, 0)).1 += 1;
    }
    for (first, (records, found)) in batches {
        assert_eq!(records, found, "seed {seed}: batch {first} came back in part");
    }
    for (number, position) in &known.acknowledged {
        let is_freed = known.floor.is_some_and(|floor| position.segment < floor);
        let is_there = seen.contains_key(number);
        assert!(is_freed || is_there, "seed {seed}: {number} at {position} is lost");
    }
    known.acknowledged.extend(seen);
}
