//! Group commit: 1, 64 and 256 records of 256 bytes in flight, on disk against handed to the
//! operating system; a bare write with `fdatasync` beside them as the floor; and a start that
//! replays 100,000 records.
//!
//! `cargo bench --bench journal`. The folder is made under the target folder, because a temporary
//! folder may lie in memory, where a sync costs nothing. Compare rows of one run only: the disk is
//! shared with whatever else runs.

use std::io::Write;
use std::os::unix::fs::FileExt;
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

/// What the disk itself takes for the write of one commit of one record.
fn bare_sync(criterion: &mut Criterion) {
    const FILE_BYTES: usize = 16 << 20;
    let mut file = tempfile::tempfile_in(Path::new(env!("CARGO_TARGET_TMPDIR")))
        .expect("a file can be made under the target folder");
    file.write_all(&vec![0; FILE_BYTES]).expect("the disk has room");
    file.sync_all().expect("the disk keeps the file");
    let mut offset = 0;
    criterion.bench_function("journal_bare_sync/1", |bencher| {
        bencher.iter(|| {
            file.write_all_at(&[0x5a; 272], offset).expect("the disk takes the write");
            file.sync_data().expect("the disk keeps the write");
            offset = (offset + 272) % (FILE_BYTES as u64 - 272);
        });
    });
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

fn replay(criterion: &mut Criterion) {
    const RECORDS: u64 = 100_000;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime can be built");
    let dir = tempfile::tempdir_in(Path::new(env!("CARGO_TARGET_TMPDIR")))
        .expect("a folder can be made under the target folder");
    let options = Options { segment_bytes: 16 << 20, ..Options::default() };
    let (journal, _) = open(dir.path(), options.clone()).expect("an empty folder opens");
    runtime.block_on(async {
        let mut last = None;
        for _ in 0..RECORDS {
            let batch = Batch::of(&RECORD).expect("the record fits");
            last = Some(journal.enqueue(batch).await.expect("the queue has room"));
        }
        last.expect("records were appended").await.expect("the disk takes the records");
        journal.close().await.expect("an open journal closes");
    });

    let mut group = criterion.benchmark_group("journal_start");
    group.throughput(Throughput::Elements(RECORDS));
    group.bench_function(BenchmarkId::from_parameter(RECORDS), |bencher| {
        bencher.iter(|| {
            let (journal, replay) = open(dir.path(), options.clone()).expect("the folder opens");
            assert_eq!(replay.filter(Result::is_ok).count() as u64, RECORDS);
            runtime.block_on(journal.close()).expect("an open journal closes");
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .sample_size(20);
    targets = bare_sync, group_commit, replay
}
criterion_main!(benches);
