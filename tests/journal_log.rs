//! The journal on a real disk, as its callers see it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use tradewind::journal::{
    BATCH_BYTES_MAX, Batch, Durability, Journal, JournalError, Options, PAYLOAD_BYTES_MAX,
    Position, Replay, SegmentId, open,
};

fn small() -> Options {
    Options { segment_bytes: 16 << 10, ..Options::default() }
}

async fn append(journal: &Journal, payload: &[u8]) -> Position {
    journal.append(Batch::of(payload).unwrap()).await.unwrap()
}

fn records(replay: &mut Replay) -> Vec<(Position, Vec<u8>)> {
    replay.by_ref().map(Result::unwrap).collect()
}

async fn content(dir: &Path) -> Vec<(Position, Vec<u8>)> {
    let (journal, mut replay) = open(dir, small()).unwrap();
    let records = records(&mut replay);
    journal.close().await.unwrap();
    records
}

/// A payload of 8 to 1,500 bytes that differs from every other.
fn payload(number: usize) -> Vec<u8> {
    let mut bytes = number.to_le_bytes().to_vec();
    bytes.resize(8 + number * 37 % 1500, u8::try_from(number % 251).unwrap());
    bytes
}

#[tokio::test]
async fn replay_returns_exactly_what_was_appended_across_segments() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, mut replay) = open(dir.path(), small()).unwrap();
    assert_eq!(records(&mut replay), []);
    let mut appended = Vec::new();
    for number in 0..200 {
        appended.push((append(&journal, &payload(number)).await, payload(number)));
    }
    let stats = journal.stats();
    journal.close().await.unwrap();

    let (journal, mut replay) = open(dir.path(), small()).unwrap();
    let replayed = records(&mut replay);
    let summary = replay.summary().clone();
    journal.close().await.unwrap();

    assert_eq!(replayed, appended);
    assert!(appended.is_sorted_by_key(|(position, _)| *position));
    assert!(stats.rotations > 5 && stats.commits == 200, "{stats:?}");
    assert_eq!((summary.records, summary.torn_tail, summary.damaged_total), (200, None, 0));
    assert_eq!(summary.segments, stats.rotations);
    let payload_bytes: usize = appended.iter().map(|(_, payload)| payload.len()).sum();
    assert_eq!(summary.bytes, payload_bytes as u64);
}

#[tokio::test]
async fn appends_of_many_tasks_share_commits_and_keep_each_task_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let seen = Arc::new(Mutex::new((0_u64, 0_u64)));
    let counted = Arc::clone(&seen);
    let observer = move |report: &tradewind::journal::CommitReport| {
        let mut seen = counted.lock().unwrap();
        seen.0 += 1;
        seen.1 += u64::from(report.records);
    };
    let options = Options { observer: Some(Arc::new(observer)), ..small() };
    let (journal, _) = open(dir.path(), options).unwrap();

    let mut tasks = tokio::task::JoinSet::new();
    for task in 0_u8..20 {
        let journal = journal.clone();
        tasks.spawn(async move {
            for number in 0_u8..20 {
                append(&journal, &[task, number]).await;
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    let stats = journal.stats();
    journal.close().await.unwrap();

    let mut next = [0_u8; 20];
    for (_, record) in content(dir.path()).await {
        assert_eq!(record[1], next[usize::from(record[0])], "records of one task keep their order");
        next[usize::from(record[0])] += 1;
    }
    assert_eq!(next, [20; 20]);
    assert_eq!((stats.records, stats.batches, stats.failed_commits), (400, 400, 0));
    assert!(stats.commits < 400, "tasks share commits: {stats:?}");
    assert_eq!(*seen.lock().unwrap(), (stats.commits, 400));
}

#[tokio::test]
async fn a_second_open_of_the_same_folder_is_refused_until_the_first_closes() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path(), small()).unwrap();

    let refused = open(dir.path(), small()).err().unwrap();
    journal.close().await.unwrap();
    let (again, _) = open(dir.path(), small()).unwrap();

    assert!(matches!(&refused, JournalError::Locked { folder } if folder == dir.path()));
    assert!(refused.to_string().contains("in use by another process"), "{refused}");
    again.close().await.unwrap();
}

#[tokio::test]
async fn sizes_outside_the_bounds_are_refused_and_leave_the_batch_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path(), small()).unwrap();
    let mut batch = Batch::new();

    let empty_batch = journal.append(batch.clone()).await;
    let empty = batch.push(b"");
    let large = batch.push(&vec![0; PAYLOAD_BYTES_MAX + 1]);
    let largest = batch.push(&vec![0; PAYLOAD_BYTES_MAX]);
    let over_segment = journal.append(batch.clone()).await;
    while batch.push(&vec![0; PAYLOAD_BYTES_MAX]).is_ok() {}

    assert!(matches!(empty_batch, Err(JournalError::EmptyBatch)));
    assert!(matches!(empty, Err(JournalError::PayloadSize { len_bytes: 0, .. })));
    assert!(matches!(large, Err(JournalError::PayloadSize { .. })));
    assert!(largest.is_ok());
    assert!(matches!(over_segment, Err(JournalError::BatchTooLarge { .. })), "{over_segment:?}");
    assert_eq!(batch.records(), 7, "the eighth mebibyte has no room for the frames");
    assert!(batch.frame_bytes() <= BATCH_BYTES_MAX);
    journal.close().await.unwrap();
}

#[tokio::test]
async fn a_batch_that_fills_a_whole_segment_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path(), small()).unwrap();
    // 16 KiB less the header page, the two opening frames and the record's own head.
    let full = vec![7; (16 << 10) - 4096 - 2 * 32 - 16];
    let over = [full.clone(), vec![7]].concat();

    append(&journal, b"before").await;
    append(&journal, &full).await;
    let refused = journal.append(Batch::of(&over).unwrap()).await;
    append(&journal, b"after").await;
    journal.close().await.unwrap();

    assert!(matches!(refused, Err(JournalError::BatchTooLarge { .. })), "{refused:?}");
    let sizes: Vec<_> = content(dir.path()).await.iter().map(|(_, record)| record.len()).collect();
    assert_eq!(sizes, [6, full.len(), 5]);
}

#[tokio::test]
async fn many_small_records_are_cut_into_pieces_that_the_smallest_segments_of_a_router_take() {
    let dir = tempfile::tempdir().unwrap();
    let options = || Options { segment_bytes: 1 << 20, ..Options::default() };
    let (journal, _) = open(dir.path(), options()).unwrap();
    // Less than a segment without their heads, and more with them.
    let payloads: Vec<_> = (0..20_000_u32).map(|n| n.to_le_bytes().repeat(12)).collect();

    let mut pieces = 0;
    for piece in journal.pieces(&payloads, 1 << 20) {
        let mut batch = Batch::new();
        piece.iter().for_each(|payload| batch.push(payload).unwrap());
        journal.append(batch).await.unwrap();
        pieces += 1;
    }
    let lengths = |payloads: &[Vec<u8>], bytes| {
        journal.pieces(payloads, bytes).map(<[_]>::len).collect::<Vec<_>>()
    };
    let uneven = [4, 4, 100, 4].map(|len| vec![7_u8; len]);
    assert_eq!(lengths(&uneven, 40), [2, 1, 1], "what is larger goes by itself");
    assert_eq!(lengths(&[], 40), [0; 0]);
    journal.close().await.unwrap();

    let (journal, mut replay) = open(dir.path(), options()).unwrap();
    let replayed: Vec<_> = records(&mut replay).into_iter().map(|(_, record)| record).collect();
    journal.close().await.unwrap();
    assert_eq!(pieces, 2);
    assert!(replayed == payloads, "{} records", replayed.len());
}

#[tokio::test]
async fn a_folder_takes_another_segment_size_and_another_durability() {
    let dir = tempfile::tempdir().unwrap();
    for (segment_bytes, durability) in [
        (16 << 10, Durability::Durable),
        (64 << 10, Durability::Memory),
        (32 << 10, Durability::Durable),
    ] {
        let options = Options { segment_bytes, durability, ..Options::default() };
        let (journal, mut replay) = open(dir.path(), options).unwrap();
        let before = records(&mut replay).len();
        for number in before..before + 60 {
            append(&journal, &payload(number)).await;
        }
        journal.close().await.unwrap();
    }

    let replayed: Vec<_> =
        content(dir.path()).await.into_iter().map(|(_, record)| record).collect();
    assert_eq!(replayed, (0..180).map(payload).collect::<Vec<_>>());
}

#[tokio::test]
async fn freed_segments_are_reused_and_the_folder_stays_small() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path(), small()).unwrap();

    for number in 0..400 {
        let position = append(&journal, &payload(number)).await;
        journal.recycle_below(position.segment);
    }
    // A floor above the last commit must not free the segment that is written to.
    journal.recycle_below(SegmentId::new(u64::MAX).unwrap());
    append(&journal, b"still there").await;
    journal.close().await.unwrap();

    let files = std::fs::read_dir(dir.path()).unwrap().count();
    assert!(files <= 6, "live, prepared, two spares, one on its way, the lock; found {files}");
    assert_eq!(content(dir.path()).await.last().unwrap().1, b"still there");
}

/// Format versions, as the golden files have them. A change of these bytes needs a new version.
#[tokio::test]
async fn version_3_is_written_and_every_one_is_read_byte_for_byte() {
    let golden_dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/journal_golden");
    let name = "00000000000000000001.journal";
    let mut pair = Batch::new();
    pair.push(b"second").unwrap();
    pair.push(b"third").unwrap();

    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path(), small()).unwrap();
    append(&journal, b"first").await;
    journal.append(pair).await.unwrap();
    append(&journal, "第四".as_bytes()).await;
    journal.close().await.unwrap();
    let (written, golden) = (dir.path().join(name), golden_dir.join("v3").join(name));
    if std::env::var_os("TRADEWIND_WRITE_GOLDEN").is_some() {
        std::fs::create_dir_all(golden_dir.join("v3")).unwrap();
        std::fs::copy(&written, &golden).unwrap();
    }
    assert!(std::fs::read(written).unwrap() == std::fs::read(golden).unwrap(), "the bytes differ");

    for version in ["v1", "v2", "v3"] {
        let copy = tempfile::tempdir().unwrap();
        std::fs::copy(golden_dir.join(version).join(name), copy.path().join(name)).unwrap();
        let read = content(copy.path()).await.into_iter().map(|(_, record)| record);
        let read: Vec<_> = read.collect();
        assert_eq!(read, [b"first".as_slice(), b"second", b"third", "第四".as_bytes()]);
    }
}

#[tokio::test]
async fn a_segment_of_an_older_version_is_read_and_gets_nothing_new() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/journal_golden");
    let (first, second) = ("00000000000000000001.journal", "00000000000000000002.journal");
    for version in ["v1", "v2"] {
        let golden = golden.join(version).join(first);
        let dir = tempfile::tempdir().unwrap();
        std::fs::copy(&golden, dir.path().join(first)).unwrap();

        let (journal, _) = open(dir.path(), small()).unwrap();
        append(&journal, b"fifth").await;
        journal.close().await.unwrap();

        let old = std::fs::read(dir.path().join(first)).unwrap();
        assert!(old == std::fs::read(golden).unwrap(), "the old segment stays as it was");
        assert_eq!(std::fs::read(dir.path().join(second)).unwrap()[8], 3);
        assert_eq!(content(dir.path()).await.len(), 5);
    }
}

#[tokio::test]
async fn nobody_but_the_owner_can_read_the_files() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("data/journal");
    let (journal, _) = open(&dir, small()).unwrap();
    append(&journal, b"what a customer wrote").await;
    journal.close().await.unwrap();

    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    for entry in std::fs::read_dir(&dir).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn options_outside_their_range_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |options| open(dir.path(), options).err().unwrap().to_string();

    assert_eq!(
        refused(Options { segment_bytes: 5, ..Options::default() }),
        "journal option segment_bytes: 16 KiB to 1 GiB"
    );
    assert_eq!(
        refused(Options { commit_bytes_max: 0, ..Options::default() }),
        "journal option commit_bytes_max: 1 byte to 8 MiB"
    );
    assert_eq!(
        refused(Options { queue_bytes_max: 1, ..Options::default() }),
        "journal option queue_bytes_max: 8 MiB to 1 GiB"
    );
}
