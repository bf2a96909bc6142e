//! The rings of seats that a waiting conversation is offered to, each wider than the one before.

use std::time::Duration;

use super::bitset::Bitset;
use super::index::{ByPrice, SeatIndex};
use super::lane::Lane;
use super::scheduler::{Case, Scheduler, Station};
use super::shop::{LaneNo, SeatNo, Shop};
use crate::domain::{ConversationId, Timestamp};

/// Which seats of a lane. A wider ring opens later and is asked only when no seat of a narrower
/// one is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ring {
    /// Seats that speak the customer's language.
    Native,
    /// Seats that speak the shop's fallback language, while nobody of the native ones is there.
    Fallback,
    /// Any seat with the skill, through translation. Such a seat has to have nothing else to do
    /// and keeps some slots free for its own languages.
    Translated,
}

impl Ring {
    /// All of them, the narrowest first.
    pub const ALL: [Self; 3] = [Self::Native, Self::Fallback, Self::Translated];
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
    /// Whether a seat of a lane is in a ring.
    pub fn is_in_ring(&self, lane: &Lane, ring: Ring, seat: SeatNo) -> bool {
        match ring {
            Ring::Native => lane.native.contains(seat),
            Ring::Fallback => lane.fallback.contains(seat),
            Ring::Translated => self.helps(lane, seat),
        }
    }

    /// Whether a seat could take conversations of a lane through translation, and in no other way.
    pub fn helps(&self, lane: &Lane, seat: SeatNo) -> bool {
        let helpers = lane.helpers.is_some_and(|no| self.helpers[no].seats.contains(seat));
        helpers && !lane.native.contains(seat)
    }

    /// Whether a seat that takes one more conversation still keeps the slots free that it must
    /// keep when it translates.
    pub fn has_room_to_translate(&self, seat: SeatNo) -> bool {
        let kept = self.translation.map_or(0, |rule| usize::from(rule.slots_kept_free));
        let seat = &self.seats[seat];
        seat.used() + 1 + kept <= seat.slots()
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
        self.opens_at(shop, lane, ring, arrived_at).is_some_and(|at| at <= self.now)
    }

    /// When the next ring opens for one who waits in a lane.
    pub(super) fn next_ring_at(
        &self,
        shop: &Shop,
        lane: &Lane,
        arrived_at: Timestamp,
    ) -> Option<Timestamp> {
        Ring::ALL
            .into_iter()
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
    fn find_seat(&self, case: &Case, lane_no: LaneNo) -> Option<(SeatNo, Ring)> {
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
        Ring::ALL.into_iter().filter(open).find_map(|ring| {
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
        match ring {
            Ring::Native => shop.index.choose(&lane.native_by_price, passed_over),
            Ring::Fallback => shop.index.choose(&lane.fallback_by_price, passed_over),
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
