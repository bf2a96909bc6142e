//! Group commit: 1, 64 and 256 records of 256 bytes in flight, on disk against handed to the
//! operating system.
//!
//! `cargo bench --bench journal`. The folder is made under the target folder, because a temporary
//! folder may lie in memory, where a sync costs nothing. Compare rows of one run only: the disk is
//! shared with whatever else runs.

use std::path::Path;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tradewind::journal::{Batch, Durability, Journal, Options, open};

const RECORD: [u8; 256] = [0x5a; 256];

async fn commit_together(journal: &Journal, records: u64) {
    let mut receipts = Vec::new();
    for _ in 0..records {
        let batch = Batch::of(&RECORD).expect("the record fits");
        receipts.push(journal.enqueue(batch).await.expect("the queue has room"));
    }
    for receipt in receipts {
        let position = receipt.await.expect("the disk takes the record");
        // Keeps the folder at a few segments, as a snapshot would.
        journal.recycle_below(position.segment);
    }
}

fn group_commit(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime can be built");
    for (name, durability) in [("durable", Durability::Durable), ("memory", Durability::Memory)] {
        let mut group = criterion.benchmark_group(format!("journal_{name}"));
        for records in [1, 64, 256] {
            let dir = tempfile::tempdir_in(Path::new(env!("CARGO_TARGET_TMPDIR")))
                .expect("a folder can be made under the target folder");
            let options = Options { durability, segment_bytes: 16 << 20, ..Options::default() };
            let (journal, replay) = open(dir.path(), options).expect("an empty folder opens");
            drop(replay);
            runtime.block_on(commit_together(&journal, 1));

            group.throughput(Throughput::Elements(records));
            group.bench_function(BenchmarkId::from_parameter(records), |bencher| {
                bencher.iter(|| runtime.block_on(commit_together(&journal, records)));
            });
            runtime.block_on(journal.close()).expect("an open journal closes");
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .sample_size(20);
    targets = group_commit
}
criterion_main!(benches);
