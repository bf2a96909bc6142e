//! A contact centre as a journal has recorded it: the same contacts under other rules.
//!
//! What a journal does not know is estimated from what it does know, and said in the notes: how long
//! customers who were answered would have waited ([`patience`]), and how much work those would have
//! been who were not ([`centre`]).

mod centre;
mod patience;
mod presence;
mod story;

use std::collections::BTreeMap;

use crate::domain::{ConversationId, SeatId, SeatState, ShopId, Timestamp};
use crate::flow::{Entry, Record, SeatRecord};

pub use centre::Recorded;
use story::Story;

/// Which contacts of a journal are taken: those that needed a seat in `from..to`.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// From then on.
    pub from: Timestamp,
    /// Before then.
    pub to: Timestamp,
}

impl Default for Span {
    /// All of them.
    fn default() -> Self {
        Self { from: Timestamp::default(), to: Timestamp::from_millis(u64::MAX) }
    }
}

impl Span {
    fn holds(&self, at: Timestamp) -> bool {
        (self.from..self.to).contains(&at)
    }
}

/// The states of a seat, and since when each; `None` while it was not there.
type States = Vec<(Timestamp, Option<SeatState>)>;

/// What a journal says, taken in entry by entry. It keeps no text.
#[derive(Debug, Default)]
pub struct Recording {
    stories: BTreeMap<ConversationId, Story>,
    seats: BTreeMap<ShopId, BTreeMap<SeatId, States>>,
    /// The first instant that it speaks of, but for seats that were there before.
    since: Option<Timestamp>,
    /// The last one.
    until: Timestamp,
    /// Records of conversations whose beginning is not there.
    without_beginning: u64,
}

impl Recording {
    /// Takes the next entry of the journal, in its order.
    pub fn take(&mut self, entry: Entry) {
        self.since = self.since.or(entry.at());
        match entry {
            Entry::Conversation(record) => self.take_record(record),
            Entry::Seat(SeatRecord { shop, seat, at, state }) => {
                self.until = self.until.max(at);
                let seats = self.seats.entry(shop).or_default();
                seats.entry(seat).or_default().push((at, state));
            }
        }
    }

    /// Takes a seat of a snapshot, after the last entry: where the journal no longer says when it came,
    /// this does.
    pub fn take_kept(&mut self, seat: SeatRecord) {
        let SeatRecord { shop, seat, at, state } = seat;
        let states = self.seats.entry(shop).or_default().entry(seat).or_default();
        if states.first().is_none_or(|(first, _)| at < *first) {
            states.insert(0, (at, state));
        }
    }

    fn take_record(&mut self, record: Record) {
        let Record { conversation, facts } = record;
        let story = match self.stories.entry(conversation) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(new) => match Story::begin(&facts) {
                Some(story) => new.insert(story),
                None => {
                    self.without_beginning += 1;
                    return;
                }
            },
        };
        facts.into_iter().for_each(|fact| story.take(fact));
        self.until = self.until.max(story.last_at);
    }

    /// The shops that it speaks of, with the contacts of each that needed a seat.
    pub fn shops(&self) -> BTreeMap<ShopId, usize> {
        let mut shops = BTreeMap::new();
        for story in self.stories.values() {
            *shops.entry(story.shop.clone()).or_default() += story.needs.len();
        }
        shops
    }
}
