//! Snapshots on a disk that loses power, fills up and rots.

use std::sync::Arc;

use tradewind::journal::{
    Damage, DamageKind, Journal, JournalError, Position, SegmentId, Snapshots, open_in,
};

use super::disk::{Chance, SimulatedDisk};
use super::{append, drain, open, options, record, written};

fn position(segment: u64, offset: u64) -> Position {
    Position { segment: SegmentId::new(segment).unwrap(), offset }
}

type Entries = Vec<(Position, Vec<u8>)>;

/// Entries of different sizes, some beyond the buffer.
fn entries(count: u64) -> Entries {
    let size = |number: u64| usize::try_from(1 + number * number * 7919 % 40_000).unwrap();
    (0..count)
        .map(|number| (position(1 + number, number), vec![number as u8; size(number)]))
        .collect()
}

fn write(
    snapshots: &Snapshots,
    from: Position,
    entries: &[(Position, Vec<u8>)],
    end: Position,
) -> Result<u64, JournalError> {
    let mut writer = snapshots.begin(from)?;
    for (at, payload) in entries {
        writer.push(*at, payload)?;
    }
    writer.finish(end)
}

/// Where to read from, and the entries, of the newest snapshot.
fn newest(journal: &Journal) -> Option<(Position, Entries)> {
    let snapshots = journal.snapshots();
    let id = *snapshots.list().unwrap().first()?;
    let reader = snapshots.open(id).expect("what has its name is whole");
    let from = reader.from();
    Some((from, reader.map(Result::unwrap).collect()))
}

#[tokio::test]
async fn a_snapshot_comes_back_as_it_was_written_and_the_replay_begins_where_it_says() {
    let disk = SimulatedDisk::new();
    let (journal, _) = open(&disk);
    for number in 0..100 {
        append(&journal, &record(number)).await.unwrap();
    }
    let from = journal.end().unwrap();
    for number in 100..200 {
        append(&journal, &record(number)).await.unwrap();
    }
    let written = entries(60);
    write(&journal.snapshots(), from, &written, journal.end().unwrap()).unwrap();
    journal.close().await.unwrap();

    let (journal, mut replay) = open(&disk);
    let (found_from, found) = newest(&journal).unwrap();
    replay.skip_to(found_from);
    let content = drain(replay);

    assert_eq!((found_from, found), (from, written));
    assert_eq!(content.records, (100..200).map(record).collect::<Vec<_>>());
    assert_eq!(content.damages, []);
    journal.close().await.unwrap();
}

#[tokio::test]
async fn the_newest_are_kept_and_the_others_removed() {
    let disk = SimulatedDisk::new();
    let (journal, _) = open(&disk);
    let snapshots = journal.snapshots();
    for number in 1..=4 {
        let (from, end) = (position(number, 5), position(number, 9));
        write(&snapshots, from, &entries(3), end).unwrap();
    }

    let kept = snapshots.keep_newest(2).unwrap();

    assert_eq!(kept, [position(4, 5), position(3, 5)]);
    assert_eq!(snapshots.list().unwrap().len(), 2);
    journal.close().await.unwrap();
}

#[tokio::test]
async fn what_is_written_after_the_log_lost_its_end_lies_behind_the_snapshot_of_before() {
    // How many of the files the power cut leaves; of the last one it takes the end.
    for left in 0..4 {
        let disk = SimulatedDisk::new();
        let (journal, _) = open(&disk);
        append(&journal, b"first").await.unwrap();
        let from = journal.end().unwrap();
        let mut kept = Vec::new();
        for number in 0..250 {
            append(&journal, &record(number)).await.unwrap();
            kept.push((journal.end().unwrap(), record(number)));
        }
        let before = journal.end().unwrap();
        assert!(before.segment.get() > 3);
        write(&journal.snapshots(), from, &kept, before).unwrap();
        journal.close().await.unwrap();
        for name in disk.names().into_iter().filter(|name| name.ends_with(".journal")) {
            let number: usize = name[..20].parse().unwrap();
            let mut bytes = disk.content(&name);
            if number >= left.max(1) {
                disk.delete(&name);
            }
            if number == left {
                bytes[8000..].fill(0);
                disk.plant(&name, bytes);
            }
        }

        let (journal, replay) = open(&disk);
        let damages = drain(replay).damages;
        let lost = damages.last().expect("the end is missing");
        assert_eq!((lost.kind, damages.len()), (DamageKind::LostEnd, 1), "{left} files");
        let at = append(&journal, b"later").await.unwrap();
        assert!(at > before, "{at} is not behind {before}");
        journal.close().await.unwrap();

        let (journal, replay) = open(&disk);
        let found = drain(replay);
        assert_eq!(found.damages, [], "{left} files");
        assert_eq!(found.records.last().unwrap(), b"later");
        let end = journal.end().unwrap();
        write(&journal.snapshots(), end, &entries(2), end).unwrap();
        assert_eq!(newest(&journal).unwrap(), (end, entries(2)), "newer ones are in front");
        assert_eq!(journal.snapshots().keep_newest(1).unwrap(), [end]);
        journal.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_replay_says_when_the_segment_that_it_begins_in_is_gone() {
    let (disk, records) = written(160).await;
    disk.delete("00000000000000000001.journal");
    disk.delete("00000000000000000002.journal");
    let (journal, mut replay) = open(&disk);
    let from = position(1, 9000);

    replay.skip_to(from);
    let found = drain(replay);

    let gone = Damage { kind: DamageKind::MissingSegment, position: from, bytes: 0 };
    assert_eq!(found.damages, [gone]);
    assert_eq!(found.records.last(), records.last());
    journal.close().await.unwrap();
}

#[tokio::test]
async fn a_power_cut_leaves_the_snapshot_of_before_or_the_new_one_whole() {
    for seed in 0..120 {
        let mut chance = Chance(seed);
        let disk = SimulatedDisk::new();
        let (journal, _) = open(&disk);
        append(&journal, b"one").await.unwrap();
        let (first, second) = (entries(4), entries(40));
        write(&journal.snapshots(), position(1, 1), &first, position(1, 2)).unwrap();
        disk.cut_power_after(1 + chance.below(14) as u64);
        let finished = write(&journal.snapshots(), position(2, 1), &second, position(2, 2)).is_ok();
        journal.close().await.unwrap();

        let cut = disk.after_power_cut(&mut chance);
        let (journal, _) = open(&cut);
        let (from, found) = newest(&journal).expect("the first was finished");

        assert!(from == position(2, 1) || !finished, "seed {seed}: a finished one is lost");
        assert!(found == if from == position(2, 1) { second } else { first }, "seed {seed}");
        // What was left aside is in nobody's way.
        write(&journal.snapshots(), position(3, 1), &entries(2), position(3, 2)).unwrap();
        journal.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_flipped_bit_or_a_missing_end_makes_a_snapshot_unusable_and_nothing_else() {
    let disk = SimulatedDisk::new();
    let (journal, _) = open(&disk);
    let written = entries(12);
    write(&journal.snapshots(), position(1, 1), &written, position(1, 2)).unwrap();
    journal.close().await.unwrap();
    let name = disk.names().into_iter().find(|name| name.ends_with(".snapshot")).unwrap();
    let whole = disk.content(&name);
    let mut chance = Chance(5);

    for round in 0..400 {
        let mut bytes = whole.clone();
        if round % 4 == 0 {
            bytes.truncate(chance.below(whole.len()));
        } else {
            let at = chance.below(whole.len());
            bytes[at] ^= 1 << chance.below(8);
        }
        let copy = disk.copy();
        copy.delete(&name);
        copy.plant(&name, bytes);
        let (journal, _) = open_in(Arc::new(copy.clone()), options()).unwrap();
        let id = journal.snapshots().list().unwrap()[0];

        let opened = journal.snapshots().open(id).map(|_| ());

        assert!(matches!(opened, Err(JournalError::BadSnapshot { .. })), "{opened:?}");
        journal.snapshots().set_aside(id).unwrap();
        assert_eq!(journal.snapshots().list().unwrap(), []);
        journal.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_full_disk_fails_a_snapshot_and_leaves_the_one_of_before() {
    let disk = SimulatedDisk::new();
    let (journal, _) = open(&disk);
    write(&journal.snapshots(), position(1, 1), &entries(3), position(1, 2)).unwrap();
    disk.limit_capacity(Some(disk.used_bytes() + 1000));

    let refused = write(&journal.snapshots(), position(2, 1), &entries(50), position(2, 2));

    assert!(matches!(refused, Err(JournalError::Full { .. })), "{refused:?}");
    assert_eq!(newest(&journal).unwrap().0, position(1, 1));
    disk.limit_capacity(None);
    journal.close().await.unwrap();
}

/// Snapshot format versions, as the golden files have them. Other bytes need a new version.
#[tokio::test]
async fn version_2_is_written_and_both_are_read_byte_for_byte() {
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/journal_golden/v2/snapshot");
    let disk = SimulatedDisk::new();
    let (journal, _) = open(&disk);
    let written =
        vec![(position(7, 4128), b"first".to_vec()), (position(8, 4096), vec![0xa5; 300])];
    write(&journal.snapshots(), position(6, 5000), &written, position(8, 9000)).unwrap();
    journal.close().await.unwrap();
    let name = "00000000000000000008-0000009000.snapshot";

    if std::env::var_os("TRADEWIND_WRITE_GOLDEN").is_some() {
        std::fs::write(golden, disk.content(name)).unwrap();
    }
    assert!(disk.content(name) == std::fs::read(golden).unwrap(), "the bytes differ");

    let older = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/journal_golden/v1/snapshot");
    let disk = SimulatedDisk::new();
    disk.plant(name, std::fs::read(older).unwrap());
    let (journal, _) = open(&disk);
    assert_eq!(newest(&journal), Some((position(6, 5000), written)));
    journal.close().await.unwrap();
}
