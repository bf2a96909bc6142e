//! A lane: the conversations that the same seats can take, in order.

use std::collections::VecDeque;
use std::time::Duration;

use super::bitset::Bitset;
use super::choice::{Claim, Rank};
use super::index::{ByPrice, SeatIndex};
use super::queues::QueueNo;
use super::rings::Ring;
use crate::domain::{ConversationId, Language, Priority, RegionId, Select, SkillId, Timestamp};

/// What tells one lane from another. Bounded by the words of the roster: a language that nobody
/// speaks is replaced by the fallback, or by none where only translation helps, and regions that
/// no seat names share one key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LaneKey {
    /// `None` stands for every language that no seat speaks.
    pub language: Option<Language>,
    pub skill: SkillId,
    pub region: LaneRegion,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LaneRegion {
    /// No region was asked for.
    Any,
    Named(RegionId),
    /// A region that no seat names: only seats without a list of regions serve it.
    Unnamed,
}

/// One waiting conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub arrived_at: Timestamp,
    pub seq: u64,
    pub conversation: ConversationId,
}

/// Conversations of one priority, the earliest arrival first.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue(VecDeque<Entry>);

impl Queue {
    /// Almost always at the end; in the middle only for one that comes back.
    pub fn insert(&mut self, entry: Entry) {
        let at = self.position(&entry);
        self.0.insert(at, entry);
    }

    pub fn remove(&mut self, entry: &Entry) {
        let at = self.position(entry);
        assert_eq!(self.0.get(at), Some(entry), "a waiting conversation is in its queue");
        self.0.remove(at);
    }

    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.0.iter()
    }

    pub fn last(&self) -> Option<&Entry> {
        self.0.back()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    fn position(&self, entry: &Entry) -> usize {
        self.0.partition_point(|e| (e.arrived_at, e.seq) < (entry.arrived_at, entry.seq))
    }

    /// How many rank below `rank`; `rank_of` must rise along the queue.
    fn count_below(&self, rank: Rank, rank_of: impl Fn(&Entry) -> Rank) -> usize {
        self.0.partition_point(|entry| rank_of(entry) < rank)
    }
}

/// The seats of one step.
#[derive(Clone, Debug)]
pub(super) struct Circle {
    pub seats: Bitset,
    pub by_price: ByPrice,
}

/// The waiting conversations of one key and the seats that can take them.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    pub key: LaneKey,
    /// Whose business hours it has.
    pub queue: QueueNo,
    /// Seats that have the skill; of these, those that speak the lane's language, and those that
    /// speak the fallback language.
    pub able: [u32; 3],
    /// Seats that speak the lane's language.
    pub native: Bitset,
    /// Other seats that speak the shop's fallback language; empty when that is the lane's own.
    pub fallback: Bitset,
    pub native_by_price: ByPrice,
    pub fallback_by_price: ByPrice,
    /// Those of `native` that have every skill that is preferred; empty where none is.
    pub preferred_by_price: ByPrice,
    preferred: Bitset,
    /// The wider circles of seats of the lane's language, each without those before it.
    pub steps: Vec<Circle>,
    /// Which of several free seats is asked.
    pub select: Select,
    /// The seats that could help out through translation, where the shop allows it.
    pub helpers: Option<usize>,
    /// How many of `native` are at work.
    pub native_present: usize,
    /// When the last of them left; they often come back within seconds.
    pub native_gone_at: Timestamp,
    /// Share of the seats' slots that works for this lane, and when that was worked out.
    pub slots_share: Option<(Timestamp, f64)>,
    queues: [Queue; Priority::ALL.len()],
}

impl Lane {
    pub fn new(
        key: LaneKey,
        queue: QueueNo,
        native: Bitset,
        fallback: Bitset,
        now: Timestamp,
    ) -> Self {
        Self {
            preferred_by_price: ByPrice::default(),
            preferred: Bitset::default(),
            steps: Vec::new(),
            select: Select::default(),
            native_present: 0,
            native_gone_at: now,
            key,
            queue,
            able: [0; 3],
            native,
            fallback,
            native_by_price: ByPrice::default(),
            fallback_by_price: ByPrice::default(),
            helpers: None,
            slots_share: None,
            queues: Default::default(),
        }
    }

    /// Puts its seats in the order of their prices, after these have changed.
    pub fn set_order(&mut self, index: &SeatIndex) {
        self.native_by_price = index.by_price(&self.native);
        self.fallback_by_price = index.by_price(&self.fallback);
        self.preferred_by_price = index.by_price(&self.preferred);
        for step in &mut self.steps {
            step.by_price = index.by_price(&step.seats);
        }
    }

    /// Sets which of its seats come first, which of them is asked, and the wider circles.
    pub fn set_rules(&mut self, select: Select, preferred: Bitset, steps: Vec<Bitset>) {
        self.select = select;
        self.preferred = preferred;
        let circle = |seats| Circle { seats, by_price: ByPrice::default() };
        self.steps = steps.into_iter().map(circle).collect();
    }

    /// The rings that it has, the narrowest first.
    pub fn rings(&self) -> impl Iterator<Item = Ring> + use<> {
        let steps = (0..self.steps.len()).map(Ring::Step);
        std::iter::once(Ring::Native).chain(steps).chain([Ring::Fallback, Ring::Translated])
    }

    /// The first of the wider circles that a seat is in.
    pub fn step_of(&self, seat: usize) -> Option<Ring> {
        self.steps.iter().position(|step| step.seats.contains(seat)).map(Ring::Step)
    }

    /// Seats that work for the lane now: those of its language if one of them is there, else those
    /// of the fallback.
    pub fn ring(&self) -> &Bitset {
        if self.native_present > 0 { &self.native } else { &self.fallback }
    }

    /// When the fallback opens for one who has arrived then; `None` while a seat of the lane's
    /// own language is at work, and where there is no fallback.
    pub fn fallback_opens_at(&self, arrived_at: Timestamp, after: Duration) -> Option<Timestamp> {
        let stands_in = self.native_present == 0 && !self.fallback.is_empty();
        stands_in.then(|| arrived_at.max(self.native_gone_at) + after)
    }

    pub fn len(&self) -> usize {
        self.queues.iter().map(Queue::len).sum()
    }

    /// How many wait before a screen, which nobody does behind a ticket.
    pub fn live_len(&self) -> usize {
        self.len() - self.queue(Priority::Ticket).len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn queue(&self, priority: Priority) -> &Queue {
        &self.queues[priority as usize]
    }

    pub fn insert(&mut self, priority: Priority, entry: Entry) {
        self.queues[priority as usize].insert(entry);
    }

    pub fn remove(&mut self, priority: Priority, entry: &Entry) {
        self.queues[priority as usize].remove(entry);
    }

    /// Place from 1 that a claim has or would have in the lane.
    pub fn place(&self, claim: &Claim, now: Timestamp, age_bound: Duration) -> usize {
        let rank = claim.place_rank(now, age_bound);
        let ahead: usize = Priority::ALL
            .into_iter()
            .map(|priority| {
                let rank_of = |entry: &Entry| entry.claim(priority).place_rank(now, age_bound);
                self.queue(priority).count_below(rank, rank_of)
            })
            .sum();
        ahead + 1
    }

    /// Whether somebody who is told a place has one behind a claim.
    pub fn has_live_behind(&self, claim: &Claim, now: Timestamp, age_bound: Duration) -> bool {
        let rank = claim.place_rank(now, age_bound);
        let live = Priority::ALL.into_iter().filter(|priority| *priority != Priority::Ticket);
        let mut last =
            live.filter_map(|priority| Some(self.queue(priority).last()?.claim(priority)));
        last.any(|last| last.place_rank(now, age_bound) > rank)
    }

    /// The conversations in the order in which they would be served if nothing changed.
    pub fn in_order(
        &self,
        now: Timestamp,
        age_bound: Duration,
    ) -> impl Iterator<Item = ConversationId> + '_ {
        self.in_order_of(move |claim| claim.rank(now, age_bound))
    }

    /// The conversations in the order of the places that they are told.
    pub fn in_order_of_places(
        &self,
        now: Timestamp,
        age_bound: Duration,
    ) -> impl Iterator<Item = ConversationId> + '_ {
        self.in_order_of(move |claim| claim.place_rank(now, age_bound))
    }

    /// The lowest rank first; it must rise along each queue.
    fn in_order_of(
        &self,
        rank_of: impl Fn(&Claim) -> Rank,
    ) -> impl Iterator<Item = ConversationId> {
        let mut heads = Priority::ALL.map(|priority| self.queue(priority).iter().peekable());
        std::iter::from_fn(move || {
            let next = Priority::ALL
                .into_iter()
                .filter_map(|priority| {
                    let entry = heads[priority as usize].peek()?;
                    Some((rank_of(&entry.claim(priority)), priority as usize))
                })
                .min()?;
            heads[next.1].next().map(|entry| entry.conversation)
        })
    }
}

impl Entry {
    pub fn claim(&self, priority: Priority) -> Claim {
        Claim { priority, arrived_at: self.arrived_at, seq: self.seq }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: Duration = Duration::from_secs(120);

    fn lane_of(waiting: &[(Priority, u64)]) -> Lane {
        let key = LaneKey {
            language: Some(Language::ENGLISH),
            skill: SkillId::from("orders"),
            region: LaneRegion::Any,
        };
        let (nobody, start) = (Bitset::default(), Timestamp::default());
        let mut lane = Lane::new(key, 0, nobody.clone(), nobody, start);
        for (seq, (priority, arrived_s)) in waiting.iter().enumerate() {
            lane.insert(*priority, entry(seq as u64, *arrived_s));
        }
        lane
    }

    fn entry(seq: u64, arrived_s: u64) -> Entry {
        let conversation = ConversationId::from_uuid(uuid::Uuid::from_u128(seq.into()));
        Entry { arrived_at: Timestamp::from_millis(arrived_s * 1_000), seq, conversation }
    }

    #[test]
    fn places_follow_the_order_of_service_over_all_priorities() {
        let waiting = [
            (Priority::Normal, 0),
            (Priority::Vip, 40),
            (Priority::Normal, 10),
            (Priority::Raised, 30),
            (Priority::Vip, 5),
        ];
        let lane = lane_of(&waiting);
        let now = Timestamp::from_millis(60_000);

        let order: Vec<_> = lane.in_order(now, BOUND).collect();

        // 3 × 56, 3 × 21, 2 × 31, 61 and 51 seconds.
        let expected = [4, 1, 3, 0, 2].map(|seq| entry(seq, 0).conversation);
        assert_eq!(order, expected);
        for (at, conversation) in order.iter().enumerate() {
            let seq = conversation.as_uuid().as_u128() as usize;
            let (priority, arrived_s) = waiting[seq];
            let claim = entry(seq as u64, arrived_s).claim(priority);
            assert_eq!(lane.place(&claim, now, BOUND), at + 1);
        }
    }

    #[test]
    fn tickets_have_places_behind_all_who_wait_before_a_screen_until_they_reach_the_age_bound() {
        let hour = 3_600;
        let waiting = [
            (Priority::Ticket, 11 * hour),
            (Priority::Normal, 130 * hour),
            (Priority::Ticket, 0),
            (Priority::Vip, 130 * hour - 1),
        ];
        let lane = lane_of(&waiting);
        let now = Timestamp::from_millis(130 * hour * 1_000);

        let order: Vec<_> = lane.in_order_of_places(now, BOUND).collect();

        assert_eq!(order, [2, 3, 1, 0].map(|seq| entry(seq, 0).conversation));
        let claim_of = |seq: u64| {
            let (priority, arrived_s) = waiting[seq as usize];
            entry(seq, arrived_s).claim(priority)
        };
        for (at, seq) in [2, 3, 1, 0].into_iter().enumerate() {
            assert_eq!(lane.place(&claim_of(seq), now, BOUND), at + 1);
            assert_eq!(lane.has_live_behind(&claim_of(seq), now, BOUND), at < 2, "behind {seq}");
        }
        assert_eq!((lane.len(), lane.live_len()), (4, 2));
    }

    #[test]
    fn one_that_comes_back_gets_its_old_place() {
        let mut lane = lane_of(&[(Priority::Normal, 10), (Priority::Normal, 30)]);

        lane.insert(Priority::Normal, entry(7, 20));

        let now = Timestamp::from_millis(40_000);
        let order: Vec<_> = lane.in_order(now, BOUND).collect();
        assert_eq!(order, [0, 7, 1].map(|seq| entry(seq, 0).conversation));
    }
}
