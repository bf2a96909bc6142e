//! Refused writes, a full disk, a disk that hangs.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tradewind::journal::{Batch, JournalError, Options, open_in};

use super::disk::{Chance, SimulatedDisk};
use super::{append, content, drain, open, options, record, until};

#[tokio::test]
async fn a_batch_whose_sync_failed_is_refused_and_never_comes_back() {
    let disk = SimulatedDisk::new();
    let (journal, _) = open(&disk);
    let before = append(&journal, b"before").await.unwrap();

    wait_for_prepared(&disk, 2).await;
    disk.fail_syncs(1);
    let failed = append(&journal, b"lost").await;
    let was_healthy = journal.healthy();
    let after = append(&journal, b"after").await.unwrap();

    assert!(matches!(failed, Err(JournalError::Io { .. })), "{failed:?}");
    assert!(!was_healthy && journal.healthy(), "health follows the last commit");
    assert!(after.segment > before.segment, "the segment was given up");
    journal.close().await.unwrap();
    // The bytes of the refused batch still stand in the given-up segment.
    let content = content(&disk).await;
    assert_eq!(content.records, [b"before".to_vec(), b"after".to_vec()]);
    assert_eq!((content.damages.len(), content.summary.torn_tail), (0, None));
}

#[tokio::test]
async fn what_one_replay_showed_after_a_failed_sync_survives_the_next_power_cut() {
    let disk = SimulatedDisk::new();
    let (journal, _) = open(&disk);
    append(&journal, b"kept").await.unwrap();
    wait_for_prepared(&disk, 2).await;
    disk.fail_syncs(1);
    append(&journal, b"in doubt").await.unwrap_err();
    journal.close().await.unwrap();

    // The operating system still has the bytes and takes them for clean; the disk never got them.
    let shown = content(&disk).await.records;
    let cut = disk.after_power_cut(&mut Chance(7));

    assert_eq!(shown, [b"kept".to_vec(), b"in doubt".to_vec()]);
    assert_eq!(content(&cut).await.records, shown);
}

#[tokio::test]
async fn a_disk_that_refuses_twice_in_a_row_loses_nothing_that_was_acknowledged() {
    let disk = SimulatedDisk::new();
    let (journal, _) = open(&disk);
    append(&journal, b"first").await.unwrap();
    wait_for_prepared(&disk, 2).await;

    disk.fail_syncs(1);
    append(&journal, b"lost in the first segment").await.unwrap_err();
    disk.fail_syncs(1);
    append(&journal, b"lost in the opening of the second").await.unwrap_err();
    disk.fail_syncs(0);
    append(&journal, b"second").await.unwrap();
    journal.close().await.unwrap();

    let content = content(&disk).await;
    assert_eq!(content.records, [b"first".to_vec(), b"second".to_vec()]);
    assert_eq!(content.damages, []);
}

#[tokio::test]
async fn what_the_disk_refused_does_not_come_back_when_a_bit_of_the_opening_behind_it_flips() {
    let disk = SimulatedDisk::new();
    let (journal, _) = open(&disk);
    append(&journal, b"first").await.unwrap();
    wait_for_prepared(&disk, 2).await;
    disk.fail_syncs(1);
    append(&journal, b"refused").await.unwrap_err();
    append(&journal, b"second").await.unwrap();
    append(&journal, b"third").await.unwrap();
    journal.close().await.unwrap();
    let second = "00000000000000000002.journal";
    let mut bytes = disk.content(second);
    bytes[4100] ^= 1;
    disk.delete(second);
    disk.plant(second, bytes);

    let content = content(&disk).await;

    assert_eq!(content.records, [b"first".to_vec(), b"second".to_vec(), b"third".to_vec()]);
    assert_eq!(content.damages.len(), 1, "{:?}", content.damages);
}

#[tokio::test]
async fn a_log_whose_first_segment_was_given_up_still_begins_at_the_beginning() {
    let disk = SimulatedDisk::new();
    let (journal, _) = open(&disk);
    wait_for_prepared(&disk, 1).await;
    disk.fail_syncs(1);
    append(&journal, b"refused").await.unwrap_err();
    let first = append(&journal, b"kept").await.unwrap().segment;
    let mut last = first;
    while last == first {
        last = append(&journal, &record(1)).await.unwrap().segment;
    }
    journal.close().await.unwrap();

    let (journal, replay) = open(&disk);
    let is_whole = replay.begins_at_the_beginning();
    drain(replay);
    journal.recycle_below(last);
    until(|| journal.stats().recycled > 0).await;
    journal.close().await.unwrap();
    let (journal, replay) = open(&disk);

    assert!(first.get() > 1 && is_whole);
    assert!(!replay.begins_at_the_beginning(), "what stood before is gone now");
    journal.close().await.unwrap();
}

#[tokio::test]
async fn a_full_disk_refuses_appends_and_recovers_by_itself() {
    let disk = SimulatedDisk::new();
    let (journal, _) = open(&disk);
    append(&journal, &record(0)).await.unwrap();
    wait_for_prepared(&disk, 2).await;
    disk.limit_capacity(Some(disk.used_bytes()));

    let mut kept = vec![record(0)];
    let error = loop {
        let payload = record(kept.len());
        match append(&journal, &payload).await {
            Ok(_) => kept.push(payload),
            Err(error) => break error,
        }
        assert!(kept.len() < 1000, "two segments hold fewer records");
    };
    let was_healthy = journal.healthy();
    disk.limit_capacity(None);
    kept.push(b"room again".to_vec());
    append(&journal, b"room again").await.unwrap();

    assert!(matches!(error, JournalError::Full { .. }) && error.is_retriable(), "{error:?}");
    assert!(!was_healthy && journal.healthy());
    journal.close().await.unwrap();
    assert_eq!(content(&disk).await.records, kept);
}

#[tokio::test]
async fn a_full_disk_is_not_asked_again_before_the_pause_is_over() {
    let disk = SimulatedDisk::new();
    disk.limit_capacity(Some(0));
    let pausing = Options { retry_pause: Duration::from_secs(3600), ..options() };
    let (journal, _) = open_in(Arc::new(disk.clone()), pausing).unwrap();

    append(&journal, b"refused").await.unwrap_err();
    disk.limit_capacity(None);
    let second = append(&journal, b"refused by memory").await;

    assert!(matches!(second, Err(JournalError::Full { .. })), "{second:?}");
    journal.close().await.unwrap();
}

#[tokio::test]
async fn a_full_queue_makes_appends_wait_and_then_refuses_them() {
    let disk = SimulatedDisk::new();
    let bounded = Options {
        queue_capacity: NonZeroUsize::new(3).unwrap(),
        queue_wait_max: Duration::from_millis(20),
        ..options()
    };
    let (journal, _) = open_in(Arc::new(disk.clone()), bounded).unwrap();
    append(&journal, b"warm").await.unwrap();
    wait_for_prepared(&disk, 2).await;
    disk.close_gate();
    let mut receipts = vec![journal.enqueue(Batch::of(b"at the disk").unwrap()).await.unwrap()];
    disk.wait_for_sync_at_gate();

    for _ in 0..3 {
        receipts.push(journal.enqueue(Batch::of(b"waits").unwrap()).await.unwrap());
    }
    let at_once = journal.try_enqueue(Batch::of(b"no room").unwrap()).err();
    let waited = journal.append(Batch::of(b"no room").unwrap()).await;

    assert!(matches!(at_once, Some(JournalError::Overloaded { .. })), "{at_once:?}");
    assert!(matches!(waited, Err(JournalError::Overloaded { .. })), "{waited:?}");
    assert_eq!((journal.stats().refused, journal.stats().queued), (2, 3));
    disk.open_gate();
    for receipt in receipts {
        receipt.await.unwrap();
    }
    journal.close().await.unwrap();
    assert_eq!(content(&disk).await.records.len(), 5);
}

#[tokio::test]
async fn waiting_batches_share_one_sync() {
    let disk = SimulatedDisk::new();
    let (journal, _) = open(&disk);
    append(&journal, b"warm").await.unwrap();
    wait_for_prepared(&disk, 2).await;
    disk.close_gate();
    let first = journal.enqueue(Batch::of(b"at the disk").unwrap()).await.unwrap();
    disk.wait_for_sync_at_gate();
    let mut receipts = Vec::new();
    for number in 0..50 {
        receipts.push(journal.enqueue(Batch::of(&[number; 20]).unwrap()).await.unwrap());
    }

    disk.open_gate();
    first.await.unwrap();
    let mut positions = Vec::new();
    for receipt in receipts {
        positions.push(receipt.await.unwrap());
    }

    assert_eq!(journal.stats().commits, 3);
    assert!(positions.is_sorted(), "batches stand in the order of the queue");
    journal.close().await.unwrap();
}

#[tokio::test]
async fn closing_finishes_what_was_taken_and_refuses_what_comes_after() {
    let disk = SimulatedDisk::new();
    let (journal, _) = open(&disk);
    let late = journal.clone();
    let receipt = journal.enqueue(Batch::of(b"taken").unwrap()).await.unwrap();

    journal.close().await.unwrap();

    receipt.await.unwrap();
    let refused = append(&late, b"late").await;
    assert!(matches!(refused, Err(JournalError::Closed)), "{refused:?}");
    drop(late);
    let (journal, replay) = open(&disk);
    assert_eq!(drain(replay).records, [b"taken".to_vec()]);
    journal.close().await.unwrap();
}

/// Returns once the keeper has put that many segments into the folder and rests, so that a fault
/// set now meets the writer.
async fn wait_for_prepared(disk: &SimulatedDisk, segments: usize) {
    until(|| {
        let prepared = disk.names().iter().filter(|name| name.ends_with(".journal")).count();
        prepared >= segments && disk.is_settled()
    })
    .await;
}
