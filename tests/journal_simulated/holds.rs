//! Segments that a reader beside the writer keeps from being recycled.

use std::time::Duration;

use tradewind::journal::{HOLDS_MAX, Journal};

use super::disk::SimulatedDisk;
use super::{append, open, record, until};

const LONG: Duration = Duration::from_secs(3600);

/// Appends until so many segments have been begun beyond the present one, letting go of all behind.
async fn move_on(journal: &Journal, segments: u64) {
    let first = append(journal, &record(0)).await.unwrap().segment.get();
    loop {
        let at = append(journal, &record(1)).await.unwrap().segment;
        journal.recycle_below(at);
        if at.get() >= first + segments {
            return;
        }
    }
}

#[tokio::test]
async fn what_is_held_stays_until_it_is_let_go() {
    let disk = SimulatedDisk::new();
    let (journal, _) = open(&disk);
    move_on(&journal, 2).await;
    until(|| journal.stats().recycled == 2).await;

    let hold = journal.hold(LONG).unwrap();
    move_on(&journal, 3).await;

    assert_eq!((hold.from.get(), hold.end.unwrap().segment.get()), (3, 3));
    assert_eq!(journal.stats().recycled, 2);
    assert!(journal.extend_hold(hold.id, LONG) && journal.end_hold(hold.id));
    until(|| journal.stats().recycled == 5).await;
    assert!(!journal.end_hold(hold.id) && !journal.extend_hold(hold.id, LONG));
    journal.close().await.unwrap();
}

#[tokio::test]
async fn a_hold_that_is_not_extended_ends_by_itself_and_there_are_only_so_many() {
    let disk = SimulatedDisk::new();
    let (journal, _) = open(&disk);
    move_on(&journal, 1).await;

    let forgotten = journal.hold(Duration::ZERO).unwrap();
    move_on(&journal, 3).await;
    until(|| journal.stats().recycled == 4).await;

    assert!(!journal.extend_hold(forgotten.id, LONG));
    let holds: Vec<_> = (0..HOLDS_MAX).map(|_| journal.hold(LONG).unwrap()).collect();
    assert_eq!(journal.hold(LONG), None);
    holds.iter().for_each(|hold| assert!(journal.end_hold(hold.id)));
    journal.close().await.unwrap();
}
