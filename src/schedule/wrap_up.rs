//! Wrap-up: a slot stays in use for a while after its seat has ended a conversation, handed it on, or
//! lost it to a supervisor.

use super::decision::Decision;
use super::scheduler::{Ownership, Scheduler};
use super::shop::{SeatNo, ShopNo};
use super::timers::Timer;
use crate::domain::SkillId;

impl Scheduler {
    /// An owner is done with a conversation, by the skill that it asked for meanwhile. Whoever has
    /// not written has nothing to wrap up.
    pub(super) fn begin_wrap_up(&mut self, shop_no: ShopNo, owned: &Ownership, skill: &SkillId) {
        let shop = &mut self.shops[shop_no];
        let seat = &mut shop.seats[owned.seat];
        let lasts = shop.rules.wrap_up(skill);
        if lasts.is_zero() || !owned.replied || seat.state.is_none() {
            return;
        }
        seat.wrapping.push(self.now + lasts);
        seat.wrapping.sort_unstable();
        shop.refresh(owned.seat);
        self.set_wrap_up_timer(shop_no, owned.seat);
        self.tell_slots(shop_no, owned.seat);
    }

    /// The slots whose time is over are free.
    pub(super) fn wrap_up_ends(&mut self, shop_no: ShopNo, seat_no: SeatNo) {
        let now = self.now;
        let shop = &mut self.shops[shop_no];
        shop.seats[seat_no].wrapping.retain(|ends_at| *ends_at > now);
        shop.refresh(seat_no);
        self.set_wrap_up_timer(shop_no, seat_no);
        self.tell_slots(shop_no, seat_no);
        self.fill(shop_no, seat_no);
    }

    /// A seat that says it is ready, or leaves, has no more paperwork.
    pub(super) fn clear_wrap_up(&mut self, shop_no: ShopNo, seat_no: SeatNo) {
        self.shops[shop_no].seats[seat_no].wrapping.clear();
        self.timers.clear(Timer::WrapUpEnds(shop_no, seat_no));
    }

    pub(super) fn set_wrap_up_timer(&mut self, shop_no: ShopNo, seat_no: SeatNo) {
        let timer = Timer::WrapUpEnds(shop_no, seat_no);
        match self.shops[shop_no].seats[seat_no].wrapping.first() {
            Some(ends_at) => self.timers.set(timer, *ends_at),
            None => self.timers.clear(timer),
        }
    }

    fn tell_slots(&mut self, shop_no: ShopNo, seat_no: SeatNo) {
        let (shop, seat) = (self.shops[shop_no].id.clone(), self.seat_id(shop_no, seat_no));
        self.decide(Decision::SlotsChanged { shop, seat });
    }
}
