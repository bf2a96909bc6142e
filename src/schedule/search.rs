//! How a seat was looked for: what each filter left, and what the best ones scored.
//!
//! Counts that follow from the roster alone are worked out when somebody asks; what changes by the
//! minute is kept with the decision.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::index::Scored;
use super::lane::Lane;
use super::rings::Ring;
use super::scheduler::Scheduler;
use super::shop::{LaneNo, SeatNo, Shop};
use crate::domain::{ConversationId, Language, Priority, RegionId, SeatId, SkillId};

/// Seats of one search that are kept with their score, the chosen one included.
pub(super) const BEST_MAX: usize = 3;

/// One search for a seat.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Search {
    language: Language,
    skill: SkillId,
    pub(super) region: Option<RegionId>,
    priority: Priority,
    waited_ms: u64,
    /// Conversations of the shop that waited, in any lane.
    waiting: u32,
    ring: Ring,
    on_shift: u32,
    at_work: u32,
    free: u32,
    barred: u32,
    /// Seats of the shop, those with the skill, those that also speak the language, and those of
    /// the ring.
    roster: [u32; 4],
    best: SmallVec<[ScoredSeat; BEST_MAX]>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct ScoredSeat {
    seat: SeatId,
    slots: u8,
    scored: Scored,
}

/// One search for a seat, to be read.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SearchView {
    /// The customer's language.
    pub language: Language,
    /// What the seat must be able to do.
    pub skill: SkillId,
    /// Where the customer is.
    pub region: Option<RegionId>,
    /// How much the conversation weighs.
    pub priority: Priority,
    /// How long the customer had waited.
    pub waited_ms: u64,
    /// Conversations of the shop that waited then.
    pub waiting: u32,
    /// Which seats were asked: those of the language (`native`), of the shop's fallback language
    /// (`fallback`), or any through translation (`translated`).
    pub ring: &'static str,
    /// What each filter left of the seats, in their order.
    pub filters: Vec<FilterView>,
    /// The chosen seat, if any, and the next best ones.
    pub seats: Vec<ScoredView>,
}

/// What one filter did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FilterView {
    /// Which filter; the first one lets every seat of the shop pass.
    pub filter: &'static str,
    /// Seats that it removed.
    pub removed: u32,
    /// Seats that it left.
    pub left: u32,
}

/// A seat and what it scored; the lowest score goes first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScoredView {
    /// Which seat.
    pub seat: SeatId,
    /// Slots in use.
    pub used: u8,
    /// Slots of the seat.
    pub slots: u8,
    /// How busy what else it can do keeps such seats.
    pub price: f64,
    /// 0.4 × slots in use + 0.6 × price.
    pub score: f64,
}

impl Scheduler {
    /// The search for a seat in a ring of a lane, before the chosen seat takes the slot.
    pub(super) fn search(
        &self,
        conversation: ConversationId,
        (lane_no, ring): (LaneNo, Ring),
        chosen: Option<SeatNo>,
    ) -> Search {
        let case = self.case(conversation);
        let (shop, contact) = (&self.shops[case.shop], &case.contact);
        let lane = &shop.lanes[lane_no];
        let (seats, by_price) = shop.ring(lane, ring);
        let is_barred = |seat: SeatNo| case.is_barred(seat, self.now);
        let barred = case.barred.iter().filter(|(seat, until)| {
            *until > self.now && seats.contains(*seat) && shop.index.is_free(*seat)
        });
        let others = shop.index.best(by_price, BEST_MAX, |seat| {
            !is_barred(seat) && chosen != Some(seat) && shop.is_in_ring(lane, ring, seat)
        });
        let named = |scored: Scored| {
            let profile = &shop.seats[scored.seat].profile;
            ScoredSeat { seat: profile.id.clone(), slots: profile.slots.get(), scored }
        };
        let best = chosen.map(|seat| shop.index.scored(seat, shop.seats[seat].used() as u8));
        Search {
            language: contact.language,
            roster: shop.roster_counts(lane, ring),
            skill: contact.skill.clone(),
            region: contact.region.clone(),
            priority: contact.priority,
            waited_ms: self.now.since(contact.arrived_at).as_millis() as u64,
            waiting: shop.waiting as u32,
            ring,
            on_shift: seats.common_len(&shop.on_shift) as u32,
            at_work: seats.common_len(&shop.present) as u32,
            free: shop.index.count_free(by_price) as u32,
            barred: barred.count() as u32,
            best: best.into_iter().chain(others).take(BEST_MAX).map(named).collect(),
        }
    }
}

impl Search {
    pub fn view(&self) -> SearchView {
        let seat = |ScoredSeat { seat, slots, scored }: &ScoredSeat| ScoredView {
            seat: seat.clone(),
            used: scored.used,
            slots: *slots,
            price: scored.price as f64 / 1_000.0,
            score: scored.score as f64 / 10_000.0,
        };
        SearchView {
            language: self.language,
            skill: self.skill.clone(),
            region: self.region.clone(),
            priority: self.priority,
            waited_ms: self.waited_ms,
            waiting: self.waiting,
            ring: self.ring.as_str(),
            filters: self.filters(),
            seats: self.best.iter().map(seat).collect(),
        }
    }

    fn filters(&self) -> Vec<FilterView> {
        let language = match self.ring {
            Ring::Native | Ring::Step(_) => "language",
            Ring::Fallback => "fallback language",
            Ring::Translated => "any language, translated",
        };
        let [seats, skilled, speaking, in_ring] = self.roster;
        let steps = [
            ("seats of the shop", seats),
            ("skill", skilled),
            (language, speaking),
            ("region and level", in_ring),
            ("on shift", self.on_shift),
            ("at work", self.at_work),
            ("free slot", self.free),
            ("has not just refused it", self.free.saturating_sub(self.barred)),
        ];
        let mut before = seats;
        let filter = |(filter, left): (&'static str, u32)| {
            let left = left.min(before);
            let removed = std::mem::replace(&mut before, left) - left;
            FilterView { filter, removed, left }
        };
        steps.into_iter().map(filter).collect()
    }
}

impl Shop {
    /// Seats of the shop, those with a lane's skill, those that also speak the language of a ring,
    /// and those of the ring. Those of an inner ring are not asked again in a wider one.
    fn roster_counts(&self, lane: &Lane, ring: Ring) -> [u32; 4] {
        let [skilled, native, fallback] = lane.able;
        let speaking = match ring {
            Ring::Native | Ring::Step(_) => native,
            Ring::Fallback => fallback,
            Ring::Translated => skilled,
        };
        [self.seats.len() as u32, skilled, speaking, self.ring(lane, ring).0.len() as u32]
    }
}
