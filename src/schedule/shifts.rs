//! Shifts: when a seat takes new conversations, and what becomes of the open ones at the end.
//!
//! Some time before a shift ends nothing new comes to its seat. At the end, what it still has open
//! goes on to a colleague of the language and skill who is at work and free: at once, or as soon as
//! one is. Until then it stays where it is.

use super::decision::TakeBackReason;
use super::rings::Ring;
use super::scheduler::{Scheduler, Station};
use super::shop::{LaneNo, SeatNo, Shop, ShopNo};
use super::timers::Timer;
use crate::domain::{ConversationId, Timestamp};

/// A shift gives at most this part of itself to its end, however short it is.
const DRAIN_SHARE_MAX: u32 = 4;

/// Where a seat stands in its hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shift {
    /// Not at work.
    Off,
    /// At work, and new conversations may come.
    On,
    /// About to go: what is open stays, nothing new comes.
    Ending,
}

impl Scheduler {
    /// Works out the shifts of every seat and the hours of every queue, at the first instant that
    /// the scheduler learns of.
    pub(super) fn start_hours(&mut self) {
        (0..self.shops.len()).for_each(|shop| self.start_hours_of(shop));
    }

    /// The same for one shop.
    pub(super) fn start_hours_of(&mut self, shop: ShopNo) {
        for queue in 0..self.shops[shop].queues.len() {
            self.read_queue(shop, queue);
        }
        for seat in 0..self.shops[shop].seats.len() {
            self.read_shift(shop, seat);
            self.shops[shop].refresh(seat);
        }
    }

    /// Sets where the seat stands in its hours, and the timer for the next change.
    pub(super) fn read_shift(&mut self, shop: ShopNo, seat_no: SeatNo) {
        let (now, drain) = (self.now, self.settings.shift_drain);
        let seat = &mut self.shops[shop].seats[seat_no];
        let hours = &seat.profile.hours;
        if hours.never_close() {
            seat.shift = Shift::On;
            return;
        }
        let stretch = hours.stretch(now);
        let (shift, next_change, opens_at) = match stretch {
            None => {
                let opens_at = hours.next_open(now);
                (Shift::Off, opens_at, opens_at)
            }
            Some((start, end)) => {
                let drains_at = end - drain.min(end.since(start) / DRAIN_SHARE_MAX);
                match now < drains_at {
                    true => (Shift::On, Some(drains_at), None),
                    false => (Shift::Ending, Some(end), hours.next_open(end)),
                }
            }
        };
        seat.shift = shift;
        seat.shift_ends_at = stretch.map(|(_, end)| end);
        seat.opens_at = opens_at;
        if let Some(at) = next_change {
            self.timers.set(Timer::Shift(shop, seat_no), at);
        }
    }

    /// Shifts begin, are about to end, or end at one instant. All are noted before anything follows
    /// from one: what a seat leaves must not be offered to another that leaves with it.
    pub(super) fn shifts_change(&mut self, seats: &[(ShopNo, SeatNo)]) {
        let before: Vec<Shift> =
            seats.iter().map(|&(shop, seat)| self.shops[shop].seats[seat].shift).collect();
        for &(shop, seat) in seats {
            self.read_shift(shop, seat);
            self.seat_changed(shop, seat);
        }
        for (&(shop, seat), was) in seats.iter().zip(before) {
            self.shift_changed(shop, seat, was);
        }
    }

    /// What follows from a shift that was another before. The seat may still answer a running offer.
    fn shift_changed(&mut self, shop: ShopNo, seat_no: SeatNo, was: Shift) {
        let is = self.shops[shop].seats[seat_no].shift;
        if is == was {
            return;
        }
        if is == Shift::On {
            self.shops[shop].left_behind.retain(|_, (_, owner)| *owner != seat_no);
            return self.fill(shop, seat_no);
        }
        if was == Shift::On {
            let kept = self.drop_kept(shop, seat_no);
            self.place_in_order(kept);
            for lane in self.shops[shop].waiting_lanes_of(seat_no) {
                self.close_lane_if_out_of_reach(shop, lane);
            }
        }
        if is == Shift::Off {
            let owned = self.shops[shop].seats[seat_no].owned.iter().copied().collect();
            self.leave_all_behind(owned);
        }
    }

    fn leave_all_behind(&mut self, mut owned: Vec<ConversationId>) {
        self.sort_by_arrival(&mut owned);
        owned.into_iter().for_each(|conversation| self.leave_behind(conversation));
    }

    /// Looks anew for what the seats of a shop have left behind.
    pub(super) fn find_left_behind(&mut self, shop: ShopNo) {
        let off_shift = self.shops[shop].seats.iter().filter(|seat| seat.shift == Shift::Off);
        let owned = off_shift.flat_map(|seat| seat.owned.iter().copied()).collect();
        self.leave_all_behind(owned);
    }

    /// Hands an owned conversation on if its owner is off shift: now when somebody is free, else
    /// when somebody is.
    pub(super) fn leave_behind(&mut self, conversation: ConversationId) {
        let case = self.case(conversation);
        let Station::Owned(owned) = case.station else { return };
        let (shop_no, contact, order) = (case.shop, case.contact.clone(), case.order());
        if self.shops[shop_no].seats[owned.seat].shift != Shift::Off {
            return;
        }
        let Some(lane) = self.shops[shop_no].lane_for(&contact, self.now) else { return };
        if self.find_colleague(conversation, lane).is_some() {
            return self.take_back(conversation, TakeBackReason::ShiftEnded);
        }
        self.shops[shop_no].left_behind.insert(order, (lane, owned.seat));
    }

    /// A seat that has room and nobody waiting takes over what a colleague left behind.
    pub(super) fn relieve(&mut self, shop_no: ShopNo, seat_no: SeatNo) {
        while self.shops[shop_no].index.is_free(seat_no) {
            let shop = &self.shops[shop_no];
            let may_take = |lane: LaneNo| {
                shop.is_open(lane) && shop.seats[seat_no].native_lanes.contains(lane)
            };
            let found = shop.left_behind.iter().find(|(_, (lane, _))| may_take(*lane));
            let Some(((_, _, conversation), _)) = found else { return };
            self.take_back(*conversation, TakeBackReason::ShiftEnded);
        }
    }

    /// A free seat of the lane's own language.
    fn find_colleague(&self, conversation: ConversationId, lane: LaneNo) -> Option<SeatNo> {
        let case = self.case(conversation);
        let (seat, ring) = self.find_seat(case, lane)?;
        matches!(ring, Ring::Native | Ring::Step(_)).then_some(seat)
    }
}

impl Shop {
    /// The first conversation of a lane whose owner is off shift.
    pub fn left_behind_in(&self, lane_no: LaneNo) -> Option<Order> {
        let found = self.left_behind.iter().find(|(_, (lane, _))| *lane == lane_no);
        found.map(|(order, _)| *order)
    }
}

/// The order in which conversations were first asked, and which one.
pub(super) type Order = (Timestamp, u64, ConversationId);
