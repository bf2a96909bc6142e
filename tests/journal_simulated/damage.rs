//! Cut, flipped, missing and foreign bytes.

use std::sync::Arc;

use proptest::prelude::*;
use tradewind::journal::{Batch, DamageKind, JournalError, Options, Unreadable, open_in};

use super::disk::{Chance, SimulatedDisk};
use super::{append, content, drain, open, options, record, reliability, until, written};

/// Flipped bits in a plain test run.
const FLIPS: u64 = 600;

const FIRST: &str = "00000000000000000001.journal";

#[tokio::test]
async fn a_log_cut_at_any_byte_of_its_last_record_is_readable_without_it() {
    let (whole, records) = written(3).await;
    let bytes = whole.content(FIRST);
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let start = end - records[2].len() - 16;

    for cut in start..end {
        for keeps_length in [false, true] {
            let disk = whole.copy();
            let mut bytes = bytes[..cut].to_vec();
            if keeps_length {
                bytes.resize(16 << 10, 0);
            }
            disk.delete(FIRST);
            disk.plant(FIRST, bytes);

            let (journal, replay) = open(&disk);
            let found = drain(replay);
            append(&journal, b"goes on").await.unwrap();
            journal.close().await.unwrap();

            assert_eq!(found.records, records[..2], "cut at {cut}");
            assert_eq!(found.damages, [], "cut at {cut}");
            assert_eq!(found.summary.torn_tail.is_some(), cut > start, "cut at {cut}");
            let again = content(&disk).await;
            assert_eq!(again.records[2..], [b"goes on".to_vec()], "cut at {cut}");
            assert_eq!((again.damages.len(), again.summary.torn_tail), (0, None));
        }
    }
}

#[tokio::test]
async fn a_torn_batch_is_dropped_whole() {
    let disk = SimulatedDisk::new();
    let (journal, _) = open(&disk);
    append(&journal, b"alone").await.unwrap();
    let mut batch = Batch::new();
    for part in [b"part 1", b"part 2", b"part 3"] {
        batch.push(part).unwrap();
    }
    journal.append(batch).await.unwrap();
    journal.close().await.unwrap();

    let mut bytes = disk.content(FIRST);
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    bytes[end - 22..end].fill(0); // the last record, as a disk that did not write its sector
    disk.delete(FIRST);
    disk.plant(FIRST, bytes);

    assert_eq!(content(&disk).await.records, [b"alone".to_vec()]);
}

#[tokio::test]
async fn a_flipped_bit_never_changes_a_record_and_never_hides_one_in_silence() {
    let (whole, records) = written(160).await;
    let segments: Vec<_> = whole.names().into_iter().filter(|name| whole.is_used(name)).collect();
    assert!(segments.len() >= 3, "the flips must meet inner segments too: {segments:?}");
    let flips = reliability::size(FLIPS);
    let mut chance = Chance(2026 + reliability::first_seed());

    for _ in 0..flips {
        let name = &segments[chance.below(segments.len())];
        let mut bytes = whole.content(name);
        let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        let (at, bit) = (chance.below(end), chance.below(8));
        bytes[at] ^= 1 << bit;
        let disk = whole.copy();
        disk.delete(name);
        disk.plant(name, bytes);

        let found = content(&disk).await;

        let is_reported = !found.damages.is_empty() || found.summary.torn_tail.is_some();
        assert!(is_reported, "bit {bit} of byte {at} of {name} went unnoticed");
        let lost = records.len() - found.records.len();
        assert!(lost <= 1, "one bit cost {lost} records: byte {at} of {name}");
        let mut originals = records.iter();
        for record in &found.records {
            assert!(originals.any(|original| original == record), "a record changed or moved");
        }
    }
    reliability::done(flips);
}

#[tokio::test]
async fn a_missing_segment_between_others_is_reported() {
    let (disk, records) = written(160).await;
    disk.delete("00000000000000000002.journal");

    let found = content(&disk).await;

    assert_eq!(found.damages[0].kind, DamageKind::MissingSegment);
    assert_eq!(found.damages[0].position.segment.get(), 2);
    assert_eq!(found.records.first(), records.first());
    assert_eq!(found.records.last(), records.last());
    assert!(found.records.len() < records.len());
}

#[tokio::test]
async fn a_segment_that_cannot_be_read_is_no_damage_and_nothing_is_changed() {
    let (disk, records) = written(160).await;
    for segment in ["00000000000000000001.journal", "00000000000000000002.journal"] {
        disk.fail_reads_of(Some(segment));
        let refused = open_in(Arc::new(disk.clone()), options()).err();
        disk.fail_reads_of(None);

        assert!(matches!(refused, Some(JournalError::Io { .. })), "{refused:?}");
    }

    let readable = content(&disk).await;
    assert_eq!((readable.records, readable.damages), (records, vec![]));
}

#[tokio::test]
async fn a_segment_that_is_passed_over_is_set_aside_and_does_not_come_back() {
    let (disk, records) = written(160).await;
    // Without the openings of segment 3 nothing says where segment 2 ends, so open itself reads it.
    let (second, third) = ("00000000000000000002.journal", "00000000000000000003.journal");
    let mut bytes = disk.content(third);
    bytes[4100] ^= 1;
    bytes[4132] ^= 1;
    disk.delete(third);
    disk.plant(third, bytes);
    disk.fail_reads_of(Some(second));

    let pass_over = Options { unreadable: Unreadable::PassOver, ..options() };
    let (journal, replay) = open_in(Arc::new(disk.clone()), pass_over).unwrap();
    let unreadable = drain(replay);
    journal.close().await.unwrap();
    disk.fail_reads_of(None);
    let later = content(&disk).await;

    let kinds: Vec<_> = unreadable.damages.iter().map(|damage| damage.kind).collect();
    assert_eq!(kinds, [DamageKind::Unreadable, DamageKind::Records]);
    assert!(unreadable.records.len() < records.len());
    assert_eq!(later.records, unreadable.records, "what went on without it goes on");
    assert!(disk.names().contains(&"00000000000000000002.damaged".to_owned()));
}

#[tokio::test]
async fn a_short_inner_segment_is_reported_with_the_bytes_it_lacks() {
    let (disk, records) = written(160).await;
    let bytes = disk.content(FIRST);
    disk.delete(FIRST);
    disk.plant(FIRST, bytes[..8192].to_vec());

    let found = content(&disk).await;

    assert_eq!(found.damages.len(), 1);
    assert!(found.damages[0].bytes > 4096, "{:?}", found.damages);
    assert_eq!(found.records.last(), records.last());
}

#[tokio::test]
async fn recycled_segments_do_not_bring_old_records_back() {
    let disk = SimulatedDisk::new();
    let (journal, _) = open(&disk);
    let mut places = Vec::new();
    for number in 0..300 {
        let at = append(&journal, &record(number)).await.unwrap();
        places.push((at.segment, record(number)));
        journal.recycle_below(at.segment);
    }
    let floor = places.last().unwrap().0;
    until(|| journal.stats().recycled == floor.get() - 1).await;
    journal.close().await.unwrap();

    let found = content(&disk).await;

    let kept: Vec<_> =
        places.into_iter().filter(|(at, _)| *at >= floor).map(|(_, record)| record).collect();
    assert_eq!(found.records, kept);
    assert_eq!((found.damages.len(), found.summary.torn_tail), (0, None));
    assert!(disk.names().len() <= 4, "files are reused: {:?}", disk.names());
}

#[tokio::test]
async fn old_bytes_that_were_never_zeroed_are_not_taken_for_records() {
    // A whole journal's first segment under the header of the next one, as a recycling that forgot
    // to zero would leave it.
    let (other, _) = written(40).await;
    let (disk, records) = written(20).await;
    let old = other.content(FIRST);
    let prepared = disk.names().into_iter().find(|name| !disk.is_used(name)).unwrap();
    let mut bytes = disk.content(&prepared);
    bytes[4096..].copy_from_slice(&old[4096..]);
    disk.delete(&prepared);
    disk.plant(&prepared, bytes);

    assert_eq!(content(&disk).await.records, records);
}

#[tokio::test]
async fn a_later_format_is_refused_with_its_version() {
    let (disk, _) = written(1).await;
    let mut bytes = disk.content(FIRST);
    bytes[8] = 9;
    let crc = crc32c::crc32c(&bytes[..4092]);
    bytes[4092..4096].copy_from_slice(&crc.to_le_bytes());
    disk.delete(FIRST);
    disk.plant(FIRST, bytes);

    let refused = tradewind::journal::open_in(std::sync::Arc::new(disk), super::options()).err();

    assert_eq!(
        refused.unwrap().to_string(),
        "segment 1 has journal format 9; this program reads up to 3"
    );
}

/// A file of any bytes, or a real segment with any bytes in some places.
fn any_segment() -> impl Strategy<Value = Vec<(usize, Vec<u8>)>> {
    let patch = (0usize..20 << 10, prop::collection::vec(any::<u8>(), 0..600));
    prop::collection::vec(patch, 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn no_bytes_in_a_segment_stop_the_journal(
        patches in any_segment(),
        is_real in any::<bool>(),
        cut in prop::option::of(0usize..20 << 10),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (disk, _) = written(if is_real { 100 } else { 0 }).await;
            let name = disk.names().first().cloned().unwrap_or_else(|| FIRST.to_owned());
            let mut bytes = if is_real { disk.content(&name) } else { Vec::new() };
            for (at, patch) in patches {
                bytes.resize(bytes.len().max(at + patch.len()), 0);
                bytes[at..at + patch.len()].copy_from_slice(&patch);
            }
            bytes.truncate(cut.unwrap_or(usize::MAX));
            disk.delete(&name);
            disk.plant(&name, bytes);

            let (journal, replay) = open(&disk);
            let before = drain(replay).records;
            append(&journal, b"still takes records").await.unwrap();
            journal.close().await.unwrap();

            let mut expected = before;
            expected.push(b"still takes records".to_vec());
            assert_eq!(content(&disk).await.records, expected);
        });
    }
}
