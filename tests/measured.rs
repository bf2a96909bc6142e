//! What the router measures of itself takes no more memory the longer it runs.

#[path = "router/mod.rs"]
mod router;

use std::time::Duration;

use peak_alloc::PeakAlloc;
use router::{config, write_shop};
use tradewind::app::App;
use tradewind::metrics::names::Histogram;

/// Counts what this process holds.
#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const ROUNDS: usize = 100;
/// Values of a round, of 16 bytes each: 80 MB in all.
const VALUES: usize = 50_000;
/// What a few rounds take, and what a router does beside.
const HELD_MAX: usize = 24 << 20;

#[tokio::test]
async fn what_is_measured_takes_no_more_memory_where_nobody_scrapes() {
    let folder = tempfile::tempdir().expect("a folder");
    write_shop(folder.path(), "first", str::to_owned);
    let app = App::start(config(folder.path(), "")).await.expect("a router");
    tokio::time::pause();
    let before = MEMORY.current_usage();

    for _ in 0..ROUNDS {
        for _ in 0..VALUES {
            app.metrics.record(Histogram::AdmissionCheck, Duration::from_micros(3));
        }
        tokio::time::advance(Duration::from_secs(5)).await;
    }

    let held = MEMORY.current_usage().saturating_sub(before);
    assert!(held < HELD_MAX, "{held} bytes");
    tokio::time::resume();
    app.stop().await;
}
