//! What must hold of the queues between threads in whatever order their steps come.
//!
//! Half of the orders are drawn by chance, half with few changes between threads, which finds what needs
//! one change at a bad moment. A failure prints its order, to be run again by `shuttle::replay`.

#[path = "../../../tests/reliability/mod.rs"]
mod reliability;

mod folder;
mod journal;

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::Arc;

use interleavings::admission::rate::{Rate, SharedBucket};
use interleavings::deliver::outbox::{Outbox, Ready};
use interleavings::domain::Timestamp;
use interleavings::protocol::CloseCode;
use interleavings::runtime::inbox::Inbox;
use interleavings::runtime::sync::ArrayQueue;
use interleavings::understand::room::Rooms;
use shuttle::future::block_on;
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::thread;
use shuttle::{Config, Runner};

/// Models here and in `journal.rs`: each gets its share of the orders.
const MODELS: u64 = 8;
/// Orders of all models in a plain test run.
const FEW: u64 = 4_000;
/// Changes between threads in an order that has few.
const CHANGES: usize = 3;

/// Runs a model in its share of the orders.
fn explore(model: impl Fn() + Send + Sync + 'static) {
    let orders = (reliability::size(FEW) / MODELS).max(2);
    let half = usize::try_from(orders / 2).expect("a number that fits");
    let seed = reliability::first_seed();
    let model = Arc::new(model);
    let config = || {
        let mut config = Config::new();
        // The journal keeps buffers on its stack.
        config.stack_size = 1 << 20;
        // The first comment of the package says what it warns of.
        config.silence_warnings = true;
        config
    };
    let (first, second) = (model.clone(), model);
    let by_chance = RandomScheduler::new_from_seed(seed, half);
    let with_few_changes = PctScheduler::new_from_seed(seed, CHANGES, half);
    let run = Runner::new(by_chance, config()).run(move || first())
        + Runner::new(with_few_changes, config()).run(move || second());
    reliability::done(run as u64);
}

#[test]
fn an_inbox_loses_nothing_keeps_the_order_of_each_sender_and_wakes_its_owner() {
    explore(|| {
        let inbox = Arc::new(Inbox::new(2));
        let senders: Vec<_> = (0..2_u32)
            .map(|sender| {
                let inbox = inbox.clone();
                thread::spawn(move || {
                    (0..3).filter(|number| inbox.offer((sender, *number)).is_ok()).count()
                })
            })
            .collect();
        let following_up = {
            let inbox = inbox.clone();
            thread::spawn(move || (0..3).for_each(|number| inbox.follow_up((2, number))))
        };
        let owner = {
            let inbox = inbox.clone();
            thread::spawn(move || {
                let mut taken = Vec::new();
                // The last follow-up of a sender who knows how much was let in ends it.
                while !taken.contains(&(9, 9)) {
                    block_on(inbox.take(&mut taken, 2));
                }
                while inbox.take_now(&mut taken, 2) {}
                taken
            })
        };

        let offered: usize = senders.into_iter().map(|it| it.join().expect("no panic")).sum();
        following_up.join().expect("no panic");
        inbox.follow_up((9, 9));
        let taken = owner.join().expect("it is woken");

        assert_eq!(taken.len(), offered + 3 + 1);
        assert!(inbox.is_empty());
        for sender in 0..3 {
            let own: Vec<_> = taken.iter().filter(|(from, _)| *from == sender).collect();
            assert!(own.is_sorted(), "{own:?}");
        }
        assert_eq!(taken.iter().filter(|(from, _)| *from == 2).count(), 3, "none is refused");
    });
}

#[test]
fn an_owner_that_waits_is_woken_by_the_last_entry_too() {
    explore(|| {
        let inbox = Arc::new(Inbox::new(1));
        let owner = {
            let inbox = inbox.clone();
            thread::spawn(move || {
                let mut taken = Vec::new();
                // Both may have come by the first look.
                while taken.len() < 2 {
                    block_on(inbox.take(&mut taken, 8));
                }
                taken
            })
        };

        // The second may find the inbox full until the owner has come.
        inbox.offer(1).expect("an empty inbox has room");
        while inbox.offer(2).is_err() {
            thread::yield_now();
        }

        assert_eq!(owner.join().expect("it is woken"), [1, 2]);
    });
}

#[test]
fn an_outbox_delivers_in_order_up_to_its_close_and_nothing_after_it() {
    explore(|| {
        let outbox = Arc::new(Outbox::new(1_000));
        let senders: Vec<_> = ["a", "b"]
            .map(|sender| {
                let outbox = outbox.clone();
                thread::spawn(move || {
                    (0..3).for_each(|number| outbox.push(format!("{sender}{number}").into()));
                })
            })
            .into();
        let reader = {
            let outbox = outbox.clone();
            thread::spawn(move || block_on(read(&outbox)))
        };

        for sender in senders {
            sender.join().expect("no panic");
        }
        outbox.close(CloseCode::Draining);
        outbox.push("too late".into());
        let (frames, code) = reader.join().expect("it is woken");

        assert_eq!(code, CloseCode::Draining);
        assert_eq!(frames.len(), 6, "{frames:?}");
        for sender in ["a", "b"] {
            let own: Vec<_> = frames.iter().filter(|frame| frame.starts_with(sender)).collect();
            assert!(own.is_sorted(), "{frames:?}");
        }
    });
}

/// Everything that an outbox gives, and the code that ends it.
async fn read(outbox: &Outbox) -> (Vec<String>, CloseCode) {
    let mut frames = Vec::new();
    loop {
        let mut buffer = Vec::new();
        match poll_fn(|context| outbox.poll_ready(context, &mut buffer)).await {
            Ready::Write => frames.extend(buffer.iter().map(ToString::to_string)),
            Ready::Close(code) => return (frames, code),
        }
    }
}

#[test]
fn a_reader_that_is_too_slow_is_closed_once_and_one_that_keeps_up_is_not() {
    explore(|| {
        // Room for two frames of four bytes.
        let outbox = Arc::new(Outbox::new(8));
        let sender = {
            let outbox = outbox.clone();
            thread::spawn(move || (0..5).for_each(|_| outbox.push("four".into())))
        };
        let closer = {
            let outbox = outbox.clone();
            thread::spawn(move || outbox.close(CloseCode::Draining))
        };

        let (frames, code) = block_on(read(&outbox));
        sender.join().expect("no panic");
        closer.join().expect("no panic");

        assert!(outbox.is_closed());
        assert!(frames.len() <= 5);
        assert!([CloseCode::Slow, CloseCode::Draining].contains(&code));
        // The first reason stays.
        assert_eq!(block_on(read(&outbox)), (Vec::new(), code));
    });
}

#[test]
fn an_allowance_that_many_share_is_given_out_once() {
    explore(|| {
        const NOW: Timestamp = Timestamp::from_millis(1_000);
        let bucket = Arc::new(SharedBucket::new(Rate::new(1, 3).expect("not zero")));
        let takers: Vec<_> = (0..3)
            .map(|_| {
                let bucket = bucket.clone();
                thread::spawn(move || (0..2).filter(|_| bucket.take(NOW).is_ok()).count())
            })
            .collect();

        let taken: usize = takers.into_iter().map(|it| it.join().expect("no panic")).sum();

        assert_eq!(taken, 3);
        assert!(bucket.take(NOW).is_err());
    });
}

/// The pool of the understanding threads, of which the room and the order of its use are the router's:
/// room is taken before a batch is put in, and given back when the batch is gone.
#[test]
fn the_understanding_queue_never_holds_more_than_its_room_and_gives_all_of_it_back() {
    explore(|| {
        const CAPACITY: usize = 3;
        let rooms = Rooms::new(CAPACITY);
        let queue = Arc::new(ArrayQueue::new(CAPACITY));
        let askers: Vec<_> = (1..=3)
            .map(|messages| {
                let (rooms, queue) = (rooms.clone(), queue.clone());
                thread::spawn(move || match rooms.take(messages) {
                    Ok(room) => {
                        let is_put = queue.push((messages, room)).is_ok();
                        assert!(is_put, "what has room is never refused");
                        messages
                    }
                    Err(overloaded) => {
                        assert!(overloaded.waiting <= CAPACITY, "{overloaded}");
                        0
                    }
                })
            })
            .collect();
        let reader = {
            let (rooms, queue) = (rooms.clone(), queue.clone());
            thread::spawn(move || {
                let mut read = 0;
                for _ in 0..4 {
                    if let Some((messages, _room)) = queue.pop() {
                        assert!((messages..=CAPACITY).contains(&rooms.waiting()));
                        read += messages;
                    }
                    thread::yield_now();
                }
                read
            })
        };

        let put: usize = askers.into_iter().map(|it| it.join().expect("no panic")).sum();
        let mut read = reader.join().expect("no panic");
        while let Some((messages, _room)) = queue.pop() {
            read += messages;
        }

        assert_eq!(read, put);
        assert_eq!(rooms.waiting(), 0, "all room is given back");
        assert!(rooms.take(CAPACITY).is_ok());
    });
}

/// Each entry of the journal's model by its text.
fn distinct(records: &[Vec<u8>]) -> BTreeSet<&[u8]> {
    records.iter().map(Vec::as_slice).collect()
}
