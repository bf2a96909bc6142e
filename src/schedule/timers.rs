//! Everything that happens by the passing of time.

use std::collections::BTreeSet;
use std::collections::HashMap;

use super::queues::QueueNo;
use super::shop::{LaneNo, SeatNo, ShopNo};
use crate::domain::{ConversationId, OfferId, Timestamp};

/// One thing to do at an instant. Of those due together the order is that of the variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Timer {
    /// The seats of a shop are put in order by what is asked for.
    Reprice(ShopNo),
    /// A queue opens or closes.
    Queue(ShopNo, QueueNo),
    /// A shift of a seat begins, is about to end, or ends.
    Shift(ShopNo, SeatNo),
    /// A slot of a seat has been wrapped up.
    WrapUpEnds(ShopNo, SeatNo),
    /// An offer was not answered.
    OfferExpires(OfferId),
    /// A seat that lost its connection did not come back.
    GraceEnds(ConversationId),
    /// An owner left the customer without an answer.
    OwnerSilent(ConversationId),
    /// A conversation is no longer kept for one seat.
    KeptEnds(ConversationId),
    /// A seat that refused a conversation may be asked again.
    BarEnds(ConversationId),
    /// A wider ring of seats opens for a conversation.
    RingOpens(ConversationId),
    /// Wider rings open for those who were in a lane when its last seat left.
    LaneFallbackOpens(ShopNo, LaneNo),
    /// A conversation has waited as long as it may.
    WaitedTooLong(ConversationId),
    /// A conversation was held for approval as long as it may be.
    HoldEnds(ConversationId),
    /// Places in the lanes of a shop have changed and may be told.
    TellPlaces(ShopNo),
}

/// The timers that are set, each at most once.
#[derive(Debug, Default)]
pub(super) struct Timers {
    due: BTreeSet<(Timestamp, Timer)>,
    /// Only looked up, never walked: its order reaches no output.
    set: HashMap<Timer, Timestamp, ahash::RandomState>,
}

impl Timers {
    /// Sets a timer, in place of the same one set before.
    pub fn set(&mut self, timer: Timer, at: Timestamp) {
        if let Some(old) = self.set.insert(timer, at) {
            self.due.remove(&(old, timer));
        }
        self.due.insert((at, timer));
    }

    pub fn clear(&mut self, timer: Timer) {
        if let Some(at) = self.set.remove(&timer) {
            self.due.remove(&(at, timer));
        }
    }

    pub fn is_set(&self, timer: Timer) -> bool {
        self.set.contains_key(&timer)
    }

    pub fn next(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// As [`Self::pop_due`], if the next one is that of a shift.
    pub fn pop_due_shift(&mut self, now: Timestamp) -> Option<(ShopNo, SeatNo)> {
        let (_, Timer::Shift(shop, seat)) = *self.due.first()? else { return None };
        self.pop_due(now).map(|_| (shop, seat))
    }

    /// Takes the earliest timer that is due.
    pub fn pop_due(&mut self, now: Timestamp) -> Option<Timer> {
        let (at, timer) = *self.due.first()?;
        (at <= now).then(|| {
            self.due.pop_first();
            self.set.remove(&timer);
            timer
        })
    }
}
