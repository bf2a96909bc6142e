//! The journal between its callers, its writer and its keeper.

use std::sync::Arc;
use std::time::Duration;

use interleavings::journal::{self, Batch, Journal, JournalError, Options, Position, SegmentId};
use shuttle::future::block_on;
use shuttle::thread;

use super::folder::MemoryFolder;
use super::{distinct, explore};

/// The smallest segment: two records of the size below fit.
const SEGMENT_BYTES: u64 = 16 << 10;
const LARGE: usize = 5 << 10;

fn open(folder: &MemoryFolder) -> (Journal, Vec<Vec<u8>>) {
    let options = Options { segment_bytes: SEGMENT_BYTES, ..Options::default() };
    let (journal, replay) = journal::open_in(Arc::new(folder.clone()), options).expect("a journal");
    let records = replay.map(|record| record.expect("no damage").1).collect();
    (journal, records)
}

fn batch(record: &[u8]) -> Batch {
    let mut batch = Batch::new();
    batch.push(record).expect("a small record");
    batch
}

#[test]
fn every_receipt_of_a_journal_comes_and_what_it_said_is_there_while_others_close_it() {
    explore(|| {
        let folder = MemoryFolder::default();
        let (journal, _) = open(&folder);
        let appenders: Vec<_> = [b'a', b'b']
            .map(|appender| {
                let journal = journal.clone();
                thread::spawn(move || {
                    let append = |number: u8| {
                        let record = vec![appender, number];
                        match block_on(journal.append(batch(&record))) {
                            Ok(position) => Some((position, record)),
                            Err(JournalError::Closed) => None,
                            Err(error) => panic!("{error}"),
                        }
                    };
                    (0..3).filter_map(append).collect::<Vec<_>>()
                })
            })
            .into();
        let closer = thread::spawn(move || block_on(journal.close()));

        let acked: Vec<Vec<(Position, Vec<u8>)>> =
            appenders.into_iter().map(|it| it.join().expect("every receipt comes")).collect();
        closer.join().expect("no panic").expect("it is closed once");

        let (_journal, records) = open(&folder);
        assert_eq!(distinct(&records).len(), records.len(), "none is there twice");
        for own in &acked {
            assert!(own.is_sorted(), "places grow: {own:?}");
            for (_, record) in own {
                assert!(records.contains(record), "{record:?} was acknowledged");
            }
        }
        for appender in [b'a', b'b'] {
            let own: Vec<_> = records.iter().filter(|record| record[0] == appender).collect();
            assert!(own.is_sorted(), "{own:?}");
        }
    });
}

#[test]
fn what_a_reader_holds_is_not_recycled_under_it_while_the_journal_goes_on() {
    explore(|| {
        let folder = MemoryFolder::default();
        let (journal, _) = open(&folder);
        let first = block_on(journal.append(batch(&[b'x'; LARGE]))).expect("room");
        let appender = {
            let journal = journal.clone();
            thread::spawn(move || {
                for number in 0..4 {
                    let position = block_on(journal.append(batch(&[number; LARGE]))).expect("room");
                    journal.recycle_below(position.segment);
                }
            })
        };

        let hold = journal.hold(Duration::from_secs(3_600)).expect("nobody else holds");
        let is_there = |segment: SegmentId| {
            let name = format!("{:020}.journal", segment.get());
            journal::Folder::list(&folder).expect("a list").contains(&name)
        };
        let end = hold.end.expect("something was written");
        assert!(hold.from <= end.segment && first.segment <= end.segment);
        // Whatever is acknowledged and held now is there until the hold ends.
        for _ in 0..3 {
            assert!(is_there(end.segment), "{end} is held from {}", hold.from);
            assert!(is_there(hold.from), "{} is held", hold.from);
            thread::yield_now();
        }
        appender.join().expect("no panic");
        assert!(is_there(hold.from), "{} is held", hold.from);
        assert!(journal.end_hold(hold.id));
        block_on(journal.close()).expect("it is closed once");
    });
}
