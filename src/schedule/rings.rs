//! The rings of seats that a waiting conversation is offered to, each wider than the one before.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::bitset::Bitset;
use super::index::{ByPrice, SeatIndex};
use super::lane::Lane;
use super::scheduler::{Case, Scheduler, Station};
use super::shop::{LaneNo, SeatNo, Shop};
use crate::domain::{ConversationId, Select, Step, Timestamp};

/// Which seats of a lane. A wider ring opens later and is asked only when no seat of a narrower
/// one is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ring {
    /// Seats that speak the customer's language and have all that the queue asks for at first.
    Native,
    /// A wider circle of seats that speak it, by a rule of the queue.
    Step(usize),
    /// Seats that speak the shop's fallback language, while nobody of the native ones is there.
    Fallback,
    /// Any seat with the skill, through translation. Such a seat has to have nothing else to do
    /// and keeps some slots free for its own languages.
    Translated,
}

impl Ring {
    /// Its name in explanations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Step(_) => "step",
            Self::Fallback => "fallback",
            Self::Translated => "translated",
        }
    }
}

/// How a shop answers in languages that a seat does not speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Translation {
    /// Wait after which it opens to a conversation.
    pub after: Duration,
    /// Slots that a seat keeps free for its own languages: it takes no translated conversation
    /// that would leave fewer.
    pub slots_kept_free: u8,
}

/// Seats that have the skill and serve the region of a lane, whatever they speak. Lanes that
/// differ only in language share them.
#[derive(Debug)]
pub(super) struct Helpers {
    pub seats: Bitset,
    by_price: ByPrice,
}

impl Helpers {
    pub fn new(seats: Bitset, index: &SeatIndex) -> Self {
        let by_price = index.by_price(&seats);
        Self { seats, by_price }
    }

    /// Puts its seats in the order of their prices, after these have changed.
    pub fn set_order(&mut self, index: &SeatIndex) {
        self.by_price = index.by_price(&self.seats);
    }
}

impl Shop {
    /// The seats of a ring of a lane, and the same in the order of their prices.
    pub fn ring<'a>(&'a self, lane: &'a Lane, ring: Ring) -> (&'a Bitset, &'a ByPrice) {
        match (ring, lane.helpers) {
            (Ring::Fallback, _) => (&lane.fallback, &lane.fallback_by_price),
            (Ring::Translated, Some(no)) => (&self.helpers[no].seats, &self.helpers[no].by_price),
            (Ring::Step(no), _) => (&lane.steps[no].seats, &lane.steps[no].by_price),
            (Ring::Native | Ring::Translated, _) => (&lane.native, &lane.native_by_price),
        }
    }

    /// Whether a seat of a lane is in a ring.
    pub fn is_in_ring(&self, lane: &Lane, ring: Ring, seat: SeatNo) -> bool {
        match ring {
            Ring::Native => lane.native.contains(seat),
            Ring::Step(no) => lane.steps.get(no).is_some_and(|step| step.seats.contains(seat)),
            Ring::Fallback => lane.fallback.contains(seat),
            Ring::Translated => self.helps(lane, seat),
        }
    }

    /// Whether a seat could take conversations of a lane through translation, and in no other way.
    pub fn helps(&self, lane: &Lane, seat: SeatNo) -> bool {
        let helpers = lane.helpers.is_some_and(|no| self.helpers[no].seats.contains(seat));
        helpers && !lane.native.contains(seat) && lane.step_of(seat).is_none()
    }

    /// The free seat of a set that is asked next, by the rule of the lane's queue.
    fn select(&self, lane: &Lane, seats: &ByPrice, passed_over: &[SeatNo]) -> Option<SeatNo> {
        let may = |seat: SeatNo| !passed_over.contains(&seat);
        match lane.select {
            Select::Balanced => self.index.choose(seats, passed_over),
            Select::RoundRobin => self.index.round_robin(seats, may),
            Select::LeastLoaded => self.index.least_loaded(seats, may),
            Select::LongestIdle => {
                self.index.longest_idle(seats, may, |seat| self.seats[seat].idle_since)
            }
        }
    }

    /// The rule of a step of a lane.
    fn step(&self, lane: &Lane, no: usize) -> Option<&Step> {
        self.rules.queues.get(&lane.key.skill)?.steps.get(no)
    }

    /// Whether a step is open because of what waits in its lane.
    fn is_pressed_open(&self, lane: &Lane, step: usize) -> bool {
        let limit = self.step(lane, step).and_then(|step| step.longer_than);
        limit.is_some_and(|limit| lane.live_len() > limit)
    }

    /// Whether one more live conversation in a lane has just opened a step.
    pub fn has_just_opened(&self, lane: &Lane) -> bool {
        let rules = self.rules.queues.get(&lane.key.skill).into_iter();
        let mut limits = rules.flat_map(|rules| &rules.steps).filter_map(|step| step.longer_than);
        limits.any(|limit| lane.live_len() == limit + 1)
    }

    /// Whether a seat that takes one more conversation still keeps the slots free that it must
    /// keep when it translates.
    pub fn has_room_to_translate(&self, seat: SeatNo) -> bool {
        let kept = self.translation.map_or(0, |rule| usize::from(rule.slots_kept_free));
        let seat = &self.seats[seat];
        seat.used() + seat.weight() + kept <= seat.slots()
    }
}

impl Scheduler {
    /// When a ring of a lane opens for one who arrived then; `None` while no such time is known.
    pub(super) fn opens_at(
        &self,
        shop: &Shop,
        lane: &Lane,
        ring: Ring,
        arrived_at: Timestamp,
    ) -> Option<Timestamp> {
        match ring {
            Ring::Native => Some(arrived_at),
            Ring::Step(no) => {
                let rule = shop.step(lane, no)?;
                let after = rule.after.map(|after| arrived_at + after);
                let gone = rule.if_nobody_there && lane.native_present == 0;
                let gone = gone
                    .then(|| arrived_at.max(lane.native_gone_at) + self.settings.fallback_after);
                after.into_iter().chain(gone).min()
            }
            Ring::Fallback => lane.fallback_opens_at(arrived_at, self.settings.fallback_after),
            Ring::Translated => {
                lane.helpers.and(shop.translation).map(|rule| arrived_at + rule.after)
            }
        }
    }

    pub(super) fn is_open(
        &self,
        shop: &Shop,
        lane: &Lane,
        ring: Ring,
        arrived_at: Timestamp,
    ) -> bool {
        let pressed = matches!(ring, Ring::Step(no) if shop.is_pressed_open(lane, no));
        shop.queues[lane.queue].is_open
            && (pressed
                || self.opens_at(shop, lane, ring, arrived_at).is_some_and(|at| at <= self.now))
    }

    /// When the next ring opens for one who waits in a lane.
    pub(super) fn next_ring_at(
        &self,
        shop: &Shop,
        lane: &Lane,
        arrived_at: Timestamp,
    ) -> Option<Timestamp> {
        lane.rings()
            .filter_map(|ring| self.opens_at(shop, lane, ring, arrived_at))
            .filter(|at| *at > self.now)
            .min()
    }

    /// The seat that a conversation of a lane is offered to now, if any. A seat that would
    /// translate for it, and at this very instant has something of its own to take, takes that
    /// first.
    pub(super) fn seat_for(
        &mut self,
        conversation: ConversationId,
        lane_no: LaneNo,
    ) -> Option<(SeatNo, Ring)> {
        loop {
            let (seat, ring) = self.find_seat(self.case(conversation), lane_no)?;
            let shop = self.case(conversation).shop;
            if ring != Ring::Translated || self.next_own(shop, seat).is_none() {
                return Some((seat, ring));
            }
            self.fill(shop, seat);
            if matches!(self.case(conversation).station, Station::Offered(_)) {
                return None;
            }
        }
    }

    /// The best free seat for a conversation of a lane, in the narrowest open ring that has one.
    /// Inside a ring the last seat that did not keep it comes only when there is no other.
    pub(super) fn find_seat(&self, case: &Case, lane_no: LaneNo) -> Option<(SeatNo, Ring)> {
        let shop = &self.shops[case.shop];
        let lane = &shop.lanes[lane_no];
        let mut passed_over: Vec<SeatNo> = case
            .barred
            .iter()
            .filter(|(_, until)| *until > self.now)
            .map(|(seat, _)| *seat)
            .collect();
        let barred = passed_over.len();
        passed_over.extend(case.last_refusal);
        let arrived_at = case.contact.arrived_at;
        let open = |ring: &Ring| self.is_open(shop, lane, *ring, arrived_at);
        lane.rings().filter(open).find_map(|ring| {
            let seat = self
                .best_seat(case, lane, ring, &passed_over)
                .or_else(|| self.best_seat(case, lane, ring, &passed_over[..barred]))?;
            Some((seat, ring))
        })
    }

    fn best_seat(
        &self,
        case: &Case,
        lane: &Lane,
        ring: Ring,
        passed_over: &[SeatNo],
    ) -> Option<SeatNo> {
        let shop = &self.shops[case.shop];
        let select = |seats: &ByPrice| shop.select(lane, seats, passed_over);
        match ring {
            Ring::Native => {
                select(&lane.preferred_by_price).or_else(|| select(&lane.native_by_price))
            }
            Ring::Step(no) => select(&lane.steps[no].by_price),
            Ring::Fallback => select(&lane.fallback_by_price),
            Ring::Translated => {
                let helpers = &shop.helpers[lane.helpers?].by_price;
                shop.index.choose_where(helpers, |seat| {
                    !passed_over.contains(&seat)
                        && shop.has_room_to_translate(seat)
                        && shop.helps(lane, seat)
                })
            }
        }
    }
}
