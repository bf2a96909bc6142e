//! `kill -9` of a real router under load, again and again, on the same folder.
//!
//! Customers send one message after another, come back after each kill, resume, and send again what
//! had no acknowledgement, with the same id. Seats accept what they are offered and look on. Whatever
//! they see is compared at once ([`View`](super::view::View)); at the end every customer reads everything again, and
//! what was acknowledged must be there, once, in its place.

mod customer;
mod seat;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Tally;
use super::router::{self, Router};
use customer::Customer;

/// Customers that talk at the same time.
const CUSTOMERS: usize = 40;
/// The load is the point here, and small files, so that kills meet the change from one to the next.
const FLAGS: &[&str] = &[
    "--set",
    "gateway.messages_per_s=1000",
    "--set",
    "gateway.messages_burst=1000",
    "--set",
    "journal.segment=1MiB",
];
/// Seats of the demo shop that are signed in.
const SEATS: usize = 6;
/// Shortest and longest life of a router after its first acknowledgement, in milliseconds.
const LIFE_MS: (u64, u64) = (5, 300);
/// One life in so many ends before anybody is acknowledged: in the middle of the start and of
/// everybody's coming back.
const SHORT_LIVES: u64 = 8;
/// Longest wait for the first acknowledgement of a life.
const PATIENCE: Duration = Duration::from_secs(20);

/// Kills a router `kills` times.
///
/// # Errors
/// When there is no router to start, or it does not start: that is a bug to look at, and no figure.
pub fn run(binary: Option<&Path>, kills: u64, seed: u64) -> Result<Tally> {
    let binary = router::binary(binary)?;
    let folder = crate::root().join("target/reliability/kill-9");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).context("the folder of the last run")?;
    }
    std::fs::create_dir_all(&folder)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let tally = runtime.block_on(kill_again_and_again(&binary, &folder.join("data"), kills, seed));
    // What went wrong is worth a look at the journal.
    if tally.as_ref().is_ok_and(Tally::is_clean) {
        std::fs::remove_dir_all(&folder)?;
    }
    tally
}

async fn kill_again_and_again(binary: &Path, data: &Path, kills: u64, seed: u64) -> Result<Tally> {
    let mut router = Router::start(binary, data, FLAGS)?;
    let address = router.address;
    let stop = CancellationToken::new();
    let (acks, mut acknowledged) = watch::channel(0u64);
    let acks = Arc::new(acks);
    let mut customers = JoinSet::new();
    for number in 0..CUSTOMERS {
        customers.spawn(Customer::new(address, number, acks.clone()).talk(stop.clone()));
    }
    let mut seats = JoinSet::new();
    for number in 1..=SEATS {
        seats.spawn(seat::look_on(address, format!("seat-{number:03}"), stop.clone()));
    }
    let (mut killed, mut silent_lives) = (0, 0);
    while killed < kills {
        if !(seed + killed).is_multiple_of(SHORT_LIVES) {
            let before = *acknowledged.borrow_and_update();
            let first = acknowledged.wait_for(|now| *now > before);
            silent_lives += u64::from(tokio::time::timeout(PATIENCE, first).await.is_err());
        }
        tokio::time::sleep(life(seed + killed)).await;
        router.kill();
        killed += 1;
        router = Router::start_at(binary, data, address, FLAGS)
            .with_context(|| format!("the router after kill {killed}"))?;
    }
    // One life to the end, so that what waits for an acknowledgement gets it.
    tokio::time::sleep(Duration::from_secs(1)).await;
    stop.cancel();
    let mut tally = Tally { size: killed, violations: silent_lives, ..Tally::default() };
    while let Some(seen) = seats.join_next().await {
        tally += seen?;
    }
    let (mut visits, mut messages) = (JoinSet::new(), 0);
    let address = Arc::new(address);
    while let Some(customer) = customers.join_next().await {
        let (seen, visited) = customer?;
        tally += seen;
        for visit in visited {
            messages += visit.acked.len();
            let address = address.clone();
            visits.spawn(async move { visit.read_again(*address).await });
        }
    }
    while let Some(read) = visits.join_next().await {
        tally += read??;
    }
    eprintln!("    {killed} kills, {messages} acknowledged messages");
    if silent_lives > 0 {
        eprintln!("    in {silent_lives} lives nothing was acknowledged within {PATIENCE:?}");
    }
    router.kill();
    Ok(tally)
}

/// The length of a life: spread by a multiplicative hash, the same for the same number.
fn life(number: u64) -> Duration {
    let spread = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    Duration::from_millis(LIFE_MS.0 + spread % (LIFE_MS.1 - LIFE_MS.0))
}
