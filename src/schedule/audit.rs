//! Checks of the scheduler's own promises.

use std::collections::BTreeSet;

use super::lane::Lane;
use super::rings::Ring;
use super::scheduler::{Case, Scheduler, Station};
use super::shifts::{Order, Shift};
use super::shop::{LaneNo, SeatNo, ShopNo};
use super::timers::Timer;
use crate::domain::{ConversationId, SeatState};

/// Conversations of a lane that one part of a running audit looks at: those that are served next.
const LANE_HEAD_LEN: usize = 20;

/// Where a running audit goes on: seats and lanes are looked at one after the other, round and
/// round.
#[derive(Clone, Copy, Debug, Default)]
pub struct AuditCursor {
    shop: ShopNo,
    unit: usize,
}

/// A seat that could take something.
struct Free {
    seat: SeatNo,
    /// Whether it may do so through translation.
    translates: bool,
}

impl Scheduler {
    /// Every promise that does not hold, in words; empty unless the scheduler has a bug. Takes
    /// time in proportion to all that it holds.
    pub fn audit(&self) -> Vec<String> {
        let mut broken = Vec::new();
        let mut placed = BTreeSet::new();
        for (shop_no, shop) in self.shops.iter().enumerate() {
            let kept: usize = shop.seats.iter().map(|seat| seat.kept.len()).sum();
            let lined_up: usize = shop.lanes.iter().map(|lane| lane.len()).sum();
            let waiting = kept + lined_up + shop.all_held().count();
            if waiting != shop.waiting {
                broken.push(format!("{} of {waiting} are counted", shop.waiting));
            }
            self.audit_held(shop_no, usize::MAX, &mut placed, &mut broken);
            for seat_no in 0..shop.seats.len() {
                self.audit_seat(shop_no, seat_no, &mut placed, &mut broken);
            }
            for lane_no in 0..shop.lanes.len() {
                self.audit_lane(shop_no, lane_no, usize::MAX, &mut placed, &mut broken);
            }
        }
        if placed.len() != self.cases.len() {
            let (placed, known) = (placed.len(), self.cases.len());
            broken.push(format!("{known} conversations are known and {placed} have a place"));
        }
        broken
    }

    /// As [`Self::audit`], for the next `units` seats and lanes and of each lane those that are
    /// served next: to run beside the work, in small parts. Gives how many were looked at.
    pub fn audit_part(&self, cursor: &mut AuditCursor, units: usize) -> (usize, Vec<String>) {
        let mut broken = Vec::new();
        let mut looked_at = 0;
        // Each shop once at most, so that it ends also where there is nothing.
        let mut shops_left = self.shops.len();
        while looked_at < units && shops_left > 0 {
            cursor.shop %= self.shops.len();
            let shop = &self.shops[cursor.shop];
            let (seats, lanes) = (shop.seats.len(), shop.lanes.len());
            if cursor.unit >= seats + lanes {
                *cursor = AuditCursor { shop: cursor.shop + 1, unit: 0 };
                shops_left -= 1;
                continue;
            }
            let (no, mut placed) = (cursor.unit, BTreeSet::new());
            if no == 0 {
                self.audit_held(cursor.shop, LANE_HEAD_LEN, &mut placed, &mut broken);
            }
            match no.checked_sub(seats) {
                None => self.audit_seat(cursor.shop, no, &mut placed, &mut broken),
                Some(lane) => {
                    self.audit_lane(cursor.shop, lane, LANE_HEAD_LEN, &mut placed, &mut broken);
                }
            }
            cursor.unit += 1;
            looked_at += 1;
        }
        (looked_at, broken)
    }

    /// The longest held ones: each is held by a rule that ends.
    fn audit_held(
        &self,
        shop_no: ShopNo,
        head: usize,
        placed: &mut BTreeSet<ConversationId>,
        broken: &mut Vec<String>,
    ) {
        for conversation in self.shops[shop_no].all_held().take(head) {
            let is_held = |case: &Case| matches!(case.station, Station::Held);
            self.audit_place(shop_no, conversation, is_held, placed, broken);
            if !self.timers.is_set(Timer::HoldEnds(conversation)) {
                broken.push(format!("{conversation} may be held for ever"));
            }
        }
    }

    fn audit_seat(
        &self,
        shop_no: ShopNo,
        seat_no: SeatNo,
        placed: &mut BTreeSet<ConversationId>,
        broken: &mut Vec<String>,
    ) {
        let shop = &self.shops[shop_no];
        let seat = &shop.seats[seat_no];
        let name = &seat.profile.id;
        if seat.used() > seat.slots() && !seat.offers.is_empty() {
            broken.push(format!("{name} has {} of {} slots used", seat.used(), seat.slots()));
        }
        let free = seat.shift == Shift::On
            && seat.state == Some(SeatState::Ready)
            && seat.fits(seat.used());
        if free != shop.index.is_free(seat_no) {
            broken.push(format!("{name} is indexed as free although it is not, or not as free"));
        }
        let wrap_up = Timer::WrapUpEnds(shop_no, seat_no);
        if seat.wrapping.is_empty() == self.timers.is_set(wrap_up) {
            broken.push(format!("{name} wraps up for ever, or a timer runs for nothing"));
        }
        let owned = |owner: SeatNo, (.., conversation): &Order| {
            let owner = &shop.seats[owner];
            owner.shift == Shift::Off && owner.owned.contains(conversation)
        };
        for (order, (_, owner)) in &shop.left_behind {
            if *owner == seat_no && !owned(*owner, order) {
                broken.push(format!("{name} has not left {} behind", order.2));
            }
        }
        for conversation in &seat.owned {
            let owns =
                |case: &Case| matches!(&case.station, Station::Owned(o) if o.seat == seat_no);
            self.audit_place(shop_no, *conversation, owns, placed, broken);
        }
        for offer in &seat.offers {
            let Some(open) = self.offers.get(*offer) else {
                broken.push(format!("{name} holds a slot for the closed offer {offer}"));
                continue;
            };
            let asked = |case: &Case| matches!(&case.station, Station::Offered(o) if o == offer);
            self.audit_place(shop_no, open.conversation, asked, placed, broken);
            if !self.timers.is_set(Timer::OfferExpires(*offer)) {
                broken.push(format!("offer {offer} never expires"));
            }
        }
        for (_, entry) in &seat.kept {
            let kept = |case: &Case| matches!(case.station, Station::Kept(s) if s == seat_no);
            self.audit_place(shop_no, entry.conversation, kept, placed, broken);
            if free {
                broken.push(format!("{name} idles while {} is kept for it", entry.conversation));
            }
        }
    }

    fn audit_lane(
        &self,
        shop_no: ShopNo,
        lane_no: LaneNo,
        head: usize,
        placed: &mut BTreeSet<ConversationId>,
        broken: &mut Vec<String>,
    ) {
        let shop = &self.shops[shop_no];
        let lane = &shop.lanes[lane_no];
        let present = lane.native.iter_common(&shop.present, 0).count();
        if present != lane.native_present {
            broken.push(format!("a lane counts {} of {present} seats", lane.native_present));
        }
        let colleague = || lane.native.iter().find(|seat| shop.index.is_free(*seat));
        if shop.is_open(lane_no)
            && let Some((.., conversation)) = shop.left_behind_in(lane_no)
            && let Some(seat) = colleague()
        {
            let name = &shop.seats[seat].profile.id;
            broken.push(format!("{name} idles while {conversation} was left behind"));
        }
        if lane.is_empty() == shop.waiting_lanes.contains(lane_no) {
            broken.push("a lane is marked as waiting and empty, or not".to_owned());
        }
        if !lane.is_empty() && shop.reach(lane_no, self.now + self.settings.promise).is_err() {
            broken.push("a lane waits for nobody".to_owned());
        }
        let free: Vec<Free> = if lane.is_empty() { Vec::new() } else { self.free(shop_no) };
        for conversation in lane.in_order(self.now, self.settings.age_bound).take(head) {
            let waits = |case: &Case| matches!(case.station, Station::Lane(l) if l == lane_no);
            self.audit_place(shop_no, conversation, waits, placed, broken);
            if !self.timers.is_set(Timer::WaitedTooLong(conversation)) {
                broken.push(format!("{conversation} may wait for ever"));
            }
            let Some(case) = self.cases.get(&conversation) else { continue };
            for free in free.iter().filter(|free| self.must_take(case, free, lane)) {
                let name = &shop.seats[free.seat].profile.id;
                broken.push(format!("{name} idles while {conversation} waits"));
            }
        }
    }

    fn free(&self, shop_no: ShopNo) -> Vec<Free> {
        let shop = &self.shops[shop_no];
        let seats = (0..shop.seats.len()).filter(|seat| shop.index.is_free(*seat));
        let free = seats.map(|seat| Free {
            seat,
            translates: shop.has_room_to_translate(seat) && self.next_own(shop_no, seat).is_none(),
        });
        free.collect()
    }

    /// Whether no rule with an end holds a free seat back from a conversation in its lane.
    fn must_take(&self, case: &Case, free: &Free, lane: &Lane) -> bool {
        let shop = &self.shops[case.shop];
        let takes = |ring: Ring| {
            shop.is_in_ring(lane, ring, free.seat)
                && (ring != Ring::Translated || free.translates)
                && self.is_open(shop, lane, ring, case.contact.arrived_at)
        };
        !case.is_barred(free.seat, self.now) && lane.rings().any(takes)
    }

    fn audit_place(
        &self,
        shop_no: ShopNo,
        conversation: ConversationId,
        is_there: impl Fn(&Case) -> bool,
        placed: &mut BTreeSet<ConversationId>,
        broken: &mut Vec<String>,
    ) {
        if !placed.insert(conversation) {
            broken.push(format!("{conversation} is in two places"));
        }
        match self.cases.get(&conversation) {
            Some(case) if case.shop == shop_no && is_there(case) => {}
            Some(case) => broken.push(format!("{conversation} believes to be {:?}", case.station)),
            None => broken.push(format!("{conversation} has a place and is not known")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU8;

    use super::*;
    use crate::domain::{
        Hours, Language, Proficiency, Rules, SeatId, SeatProfile, ShopId, SkillId,
    };
    use crate::schedule::{Roster, Settings};

    #[test]
    fn a_broken_promise_is_found_at_once_by_the_whole_audit_and_in_one_round_by_its_parts() {
        let seat = |n: u32| SeatProfile {
            id: SeatId::from(format!("seat-{n}")),
            languages: vec![Language::ENGLISH],
            skills: vec![SkillId::from("orders")],
            proficiency: Proficiency::default(),
            regions: Vec::new(),
            slots: NonZeroU8::MIN,
            hours: Hours::always(),
        };
        let roster = |shop: &str| Roster {
            shop: ShopId::from(shop),
            seats: (0..7).map(seat).collect(),
            fallback_language: None,
            hours: crate::schedule::QueueHours::default(),
            rules: Rules::default(),
            translation: None,
        };
        let mut scheduler = Scheduler::new(Settings::default(), vec![roster("one"), roster("two")]);
        let mut cursor = AuditCursor::default();
        assert_eq!(scheduler.audit(), Vec::<String>::new());
        assert_eq!(scheduler.audit_part(&mut cursor, 100), (14, Vec::new()));

        // Nobody is signed in, so nobody is free.
        scheduler.shops[1].index.set_load(3, Some(0));

        assert_eq!(scheduler.audit().len(), 1);
        let parts: Vec<_> = (0..7).flat_map(|_| scheduler.audit_part(&mut cursor, 2).1).collect();
        assert_eq!(parts, scheduler.audit());
    }
}
