//! Checks of the scheduler's own promises.

use std::collections::BTreeSet;

use super::lane::Lane;
use super::rings::Ring;
use super::scheduler::{Case, Scheduler, Station};
use super::shop::{SeatNo, Shop, ShopNo};
use super::timers::Timer;
use crate::domain::{ConversationId, SeatState};

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
            self.audit_seats(shop_no, shop, &mut placed, &mut broken);
            self.audit_lanes(shop_no, shop, &mut placed, &mut broken);
        }
        if placed.len() != self.cases.len() {
            let (placed, known) = (placed.len(), self.cases.len());
            broken.push(format!("{known} conversations are known and {placed} have a place"));
        }
        broken
    }

    fn audit_seats(
        &self,
        shop_no: ShopNo,
        shop: &Shop,
        placed: &mut BTreeSet<ConversationId>,
        broken: &mut Vec<String>,
    ) {
        for (seat_no, seat) in shop.seats.iter().enumerate() {
            let name = &seat.profile.id;
            if seat.used() > seat.slots() && !seat.offers.is_empty() {
                broken.push(format!("{name} has {} of {} slots used", seat.used(), seat.slots()));
            }
            let free =
                seat.on_shift && seat.state == Some(SeatState::Ready) && seat.used() < seat.slots();
            if free != shop.index.is_free(seat_no) {
                broken
                    .push(format!("{name} is indexed as free although it is not, or not as free"));
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
                let asked =
                    |case: &Case| matches!(&case.station, Station::Offered(o) if o == offer);
                self.audit_place(shop_no, open.conversation, asked, placed, broken);
                if !self.timers.is_set(Timer::OfferExpires(*offer)) {
                    broken.push(format!("offer {offer} never expires"));
                }
            }
            for (_, entry) in &seat.kept {
                let kept = |case: &Case| matches!(case.station, Station::Kept(s) if s == seat_no);
                self.audit_place(shop_no, entry.conversation, kept, placed, broken);
                if free {
                    broken
                        .push(format!("{name} idles while {} is kept for it", entry.conversation));
                }
            }
        }
    }

    fn audit_lanes(
        &self,
        shop_no: ShopNo,
        shop: &Shop,
        placed: &mut BTreeSet<ConversationId>,
        broken: &mut Vec<String>,
    ) {
        let kept: usize = shop.seats.iter().map(|seat| seat.kept.len()).sum();
        let lined_up: usize = shop.lanes.iter().map(|lane| lane.len()).sum();
        if kept + lined_up != shop.waiting {
            broken.push(format!("{} of {} are counted", shop.waiting, kept + lined_up));
        }
        let free = (0..shop.seats.len()).filter(|seat| shop.index.is_free(*seat));
        let free = free.map(|seat| Free {
            seat,
            translates: shop.has_room_to_translate(seat) && self.next_own(shop_no, seat).is_none(),
        });
        let free: Vec<Free> = free.collect();
        for (lane_no, lane) in shop.lanes.iter().enumerate() {
            let present = lane.native.iter_common(&shop.present, 0).count();
            if present != lane.native_present {
                broken.push(format!("a lane counts {} of {present} seats", lane.native_present));
            }
            if lane.is_empty() == shop.waiting_lanes.contains(lane_no) {
                broken.push("a lane is marked as waiting and empty, or not".to_owned());
            }
            if !lane.is_empty() && shop.reach(lane_no, self.now + self.settings.promise).is_err() {
                broken.push("a lane waits for nobody".to_owned());
            }
            for conversation in lane.in_order(self.now, self.settings.age_bound) {
                let waits = |case: &Case| matches!(case.station, Station::Lane(l) if l == lane_no);
                self.audit_place(shop_no, conversation, waits, placed, broken);
                if !self.timers.is_set(Timer::WaitedTooLong(conversation)) {
                    broken.push(format!("{conversation} may wait for ever"));
                }
                let case = self.case(conversation);
                for free in free.iter().filter(|free| self.must_take(case, free, lane)) {
                    let name = &shop.seats[free.seat].profile.id;
                    broken.push(format!("{name} idles while {conversation} waits"));
                }
            }
        }
    }

    /// Whether no rule with an end holds a free seat back from a conversation in its lane.
    fn must_take(&self, case: &Case, free: &Free, lane: &Lane) -> bool {
        let shop = &self.shops[case.shop];
        let takes = |ring: Ring| {
            shop.is_in_ring(lane, ring, free.seat)
                && (ring != Ring::Translated || free.translates)
                && self.is_open(shop, lane, ring, case.contact.arrived_at)
        };
        !case.is_barred(free.seat, self.now) && Ring::ALL.into_iter().any(takes)
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
