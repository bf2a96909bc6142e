//! The bounds and times that the scheduler keeps.

use std::time::Duration;

use super::queues::QueueHours;
use super::rings::Translation;
use crate::domain::{Language, Rules, SeatProfile, ShopId};

/// One shop with its seats.
#[derive(Clone, Debug)]
pub struct Roster {
    /// Which shop.
    pub shop: ShopId,
    /// Its seats; of two with the same id the first counts.
    pub seats: Vec<SeatProfile>,
    /// Language that stands in where nobody speaks the customer's; `None` for no stand-in.
    pub fallback_language: Option<Language>,
    /// Business hours.
    pub hours: QueueHours,
    /// The shop's own rules.
    pub rules: Rules,
    /// Answers through translation; `None` for none.
    pub translation: Option<Translation>,
}

impl Roster {
    /// A shop that is no longer served: nobody works for it.
    pub fn closed(shop: ShopId) -> Self {
        Self {
            shop,
            seats: Vec::new(),
            fallback_language: None,
            hours: QueueHours::default(),
            rules: Rules::default(),
            translation: None,
        }
    }
}

/// Times and bounds, the same for every shop of a scheduler. A time below a millisecond counts as
/// one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long a seat has to answer an offer.
    pub offer_ttl: Duration,
    /// Unanswered offers in a row after which a seat is set away; those open side by side count
    /// as one.
    pub unanswered_max: u8,
    /// How long a seat that has lost its connection keeps a conversation it has replied in.
    pub seat_grace: Duration,
    /// How long an owner may leave a customer's message unanswered.
    pub owner_silence: Duration,
    /// How long a seat that was silent or handed a conversation on is not offered it again.
    pub same_seat_pause: Duration,
    /// Moves from seat to seat; after them a silent owner is reported instead of replaced.
    pub hops_max: u8,
    /// When the first response is due, from arrival.
    pub first_response_target: Duration,
    /// Wait after which a conversation goes before every priority, the oldest first.
    pub age_bound: Duration,
    /// Wait after which the fallback language opens, if nobody who speaks the customer's language
    /// and has the skill is there, and has not been for as long.
    pub fallback_after: Duration,
    /// How soon a shift must open for a conversation to wait for it.
    pub promise: Duration,
    /// How long before the end of a shift nothing new comes to its seat, at most a quarter of the
    /// shift.
    pub shift_drain: Duration,
    /// Longest time in the queue; then a ticket.
    pub queue_wait_max: Duration,
    /// Conversations of one shop that may wait, tickets included; a further one gets a ticket. One
    /// that comes back from a seat is never refused.
    pub waiting_max: usize,
    /// Least time between two tellings of its place to one conversation.
    pub place_update_interval: Duration,
    /// Past decisions that are remembered, of all conversations together; 0 for none.
    pub records_max: usize,
    /// Mean handling time that is assumed before any was measured.
    pub handling_start: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            // The wire protocol's table of timers.
            offer_ttl: Duration::from_secs(6),
            seat_grace: Duration::from_secs(20),
            owner_silence: Duration::from_secs(90),
            hops_max: 3,
            first_response_target: Duration::from_secs(15),
            // One missed offer can be chance; two mean that nobody sits there.
            unanswered_max: 2,
            // Long enough that a colleague finishes something first.
            same_seat_pause: Duration::from_secs(60),
            // Eight times the target: below it priorities decide, above it age alone.
            age_bound: Duration::from_secs(120),
            // A third of the target: leaves room for an offer and a first reply.
            fallback_after: Duration::from_secs(5),
            promise: Duration::from_secs(120),
            // Three to four conversations of the usual length.
            shift_drain: Duration::from_secs(900),
            queue_wait_max: Duration::from_secs(600),
            waiting_max: 20_000,
            place_update_interval: Duration::from_secs(5),
            records_max: 100_000,
            handling_start: Duration::from_secs(240),
        }
    }
}

impl Settings {
    /// The settings with every time at least a millisecond, so that no timer fires at the instant
    /// it is set.
    pub(super) fn sane(mut self) -> Self {
        for time in [
            &mut self.offer_ttl,
            &mut self.seat_grace,
            &mut self.owner_silence,
            &mut self.same_seat_pause,
            &mut self.first_response_target,
            &mut self.age_bound,
            &mut self.fallback_after,
            &mut self.promise,
            &mut self.queue_wait_max,
            &mut self.place_update_interval,
            &mut self.handling_start,
        ] {
            *time = (*time).max(Duration::from_millis(1));
        }
        self.unanswered_max = self.unanswered_max.max(1);
        self
    }
}
