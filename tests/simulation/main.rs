//! Whole days of a router on one thread, from a seed: the real shards, scheduler, journal, recovery,
//! snapshots, connections and those who bring about what happens outside; clients of the documented
//! protocol; a simulated clock, network, disk, model and partners; and 40 kinds of faults. What is
//! promised is held as it happens: with every frame, every record and after every step. A seed gives
//! the same day each time.

mod client;
#[expect(dead_code, reason = "the tests of the journal need more of it")]
#[path = "../journal_simulated/disk.rs"]
mod disk;
mod door;
mod engine;
mod faults;
mod hooks;
mod judge;
mod mail;
mod mishaps;
mod model;
mod network;
mod owed;
mod panics;
mod process;
#[path = "../reliability/mod.rs"]
mod reliability;
mod restarts;
mod setting;
mod story;
mod view;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use faults::{Faults, Plant};
use owed::Counts;
use setting::Setting;
use world::{Outcome, run};

/// Seeds in a plain test run.
const SEEDS: u64 = 60;
/// Every so many seeds one is run twice.
const TWICE_EVERY: u64 = 100;
const THREADS: usize = 2;

/// Runs a seed; what went wrong, and how to see it again.
fn judged(setting: &Setting, seed: u64) -> Result<Outcome, String> {
    let replay = format!(
        "seed {seed}: TRADEWIND_SEED={seed} TRADEWIND_SIZE=1 TRADEWIND_LOG=1 cargo test --test simulation \
         -- --exact {TEST} --nocapture"
    );
    let log = std::env::var_os("TRADEWIND_LOG").is_some();
    let outcome = catch_unwind(AssertUnwindSafe(|| run(setting, seed, log, None)))
        .map_err(|_| format!("the world itself broke, see above\n{replay}"))?;
    outcome.log.iter().for_each(|line| println!("{line}"));
    if outcome.violations.is_empty() {
        return Ok(outcome);
    }
    Err(format!("{}\n{replay}", outcome.violations.join("\n")))
}

const TEST: &str = "promises_hold_in_every_simulated_day";

#[test]
fn promises_hold_in_every_simulated_day() {
    let (first, seeds) = (reliability::first_seed(), reliability::size(SEEDS));
    let setting = Setting::new();
    let next = AtomicU64::new(first);
    let failures = Mutex::new(Vec::new());
    let total = Mutex::new((Faults::default(), 0, 0, Counts::default()));
    std::thread::scope(|threads| {
        for _ in 0..THREADS {
            threads.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Relaxed);
                    if seed >= first + seeds || failures.lock().expect("no panic").len() > 4 {
                        return;
                    }
                    let lived = judged(&setting, seed).and_then(|outcome| {
                        if !seed.is_multiple_of(TWICE_EVERY) {
                            return Ok(outcome);
                        }
                        let again = judged(&setting, seed)?;
                        match again.trace == outcome.trace {
                            true => Ok(outcome),
                            false => Err(format!("seed {seed} twice gives two traces")),
                        }
                    });
                    match lived {
                        Ok(Outcome { faults, frames, records, outside, .. }) => {
                            let mut total = total.lock().expect("no panic");
                            total.0.add(&faults);
                            total.1 += frames;
                            total.2 += records;
                            total.3.add(&outside);
                        }
                        Err(failure) => failures.lock().expect("no panic").push(failure),
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("no panic");
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n\n"));
    let (faults, frames, records, outside) = total.into_inner().expect("no panic");
    println!("{seeds} seeds, {frames} frames to clients, {records} records, {outside:?}");
    for (fault, count) in &faults.0 {
        println!("  {count:>7} {fault:?}");
    }
    if seeds >= SEEDS {
        assert_eq!(faults.missing(), [], "every kind of fault has happened");
    }
    reliability::done(seeds);
}

/// Seeds in which a mistake that was put in has to show.
const SEEDS_TO_FIND: u64 = 40;

#[test]
fn every_mistake_that_is_put_in_is_found_within_a_few_seeds() {
    let well = Setting::new();
    let one_more = Setting::with_slots(setting::SLOTS + 1);
    for plant in Plant::ALL {
        let setting = if plant == Plant::OneSlotMore { &one_more } else { &well };
        let found = (0..SEEDS_TO_FIND).find_map(|seed| {
            let outcome = run(setting, seed, false, Some(plant));
            Some((seed, outcome.violations.first()?.clone()))
        });
        let (seed, violation) = found.unwrap_or_else(|| panic!("{plant:?} is not found"));
        println!("{plant:?}: seed {seed}: {violation}");
    }
}
