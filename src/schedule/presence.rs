//! Seats that come, go and change their state.

use super::decision::{RefuseReason, TakeBackReason, WithdrawReason};
use super::scheduler::{Scheduler, Station};
use super::shop::{SeatNo, ShopNo};
use super::timers::Timer;
use crate::domain::{ConversationId, OfferId, SeatId, SeatState, ShopId};

impl Scheduler {
    pub(super) fn sign_in(&mut self, shop_id: ShopId, seat_id: SeatId, state: SeatState) {
        let Some((shop, seat_no)) = self.seat_numbers(&shop_id, &seat_id) else {
            return self.refuse((shop_id, seat_id), None, None, RefuseReason::NotFound);
        };
        let seat = &self.shops[shop].seats[seat_no];
        if seat.state.is_none() {
            for conversation in &seat.owned {
                self.timers.clear(Timer::GraceEnds(*conversation));
            }
            self.shops[shop].index.mark_signed_in(seat_no, self.now);
        }
        self.enter_state(shop, seat_no, state);
    }

    /// Of a seat that is not signed in this is a message that came too late, and means nothing.
    pub(super) fn set_state(&mut self, shop_id: ShopId, seat_id: SeatId, state: SeatState) {
        let Some((shop, seat_no)) = self.seat_numbers(&shop_id, &seat_id) else {
            return self.refuse((shop_id, seat_id), None, None, RefuseReason::NotFound);
        };
        if self.shops[shop].seats[seat_no].state.is_some() {
            self.enter_state(shop, seat_no, state);
        }
    }

    fn enter_state(&mut self, shop: ShopNo, seat_no: SeatNo, state: SeatState) {
        if state == SeatState::Ready {
            self.shops[shop].seats[seat_no].unanswered = 0;
            self.clear_wrap_up(shop, seat_no);
        }
        let freed = self.change_state(shop, seat_no, state);
        self.place_in_order(freed);
        self.fill(shop, seat_no);
    }

    /// Sets the state, and takes back what is offered to or kept for a seat that does not take it
    /// now. Gives the conversations that are without a place.
    pub(super) fn change_state(
        &mut self,
        shop: ShopNo,
        seat_no: SeatNo,
        state: SeatState,
    ) -> Vec<ConversationId> {
        self.shops[shop].seats[seat_no].state = Some(state);
        self.seat_changed(shop, seat_no);
        let mut freed = Vec::new();
        if state != SeatState::Ready {
            freed.extend(self.withdraw_all(shop, seat_no, WithdrawReason::Cancelled));
        }
        if state == SeatState::Away {
            freed.extend(self.drop_kept(shop, seat_no));
        }
        freed
    }

    /// The connection is lost. What the seat had not begun goes on at once; what it had begun
    /// waits for it for the grace time.
    pub(super) fn sign_out(&mut self, shop_id: ShopId, seat_id: SeatId) {
        let Some((shop, seat_no)) = self.seat_numbers(&shop_id, &seat_id) else { return };
        if self.shops[shop].seats[seat_no].state.take().is_none() {
            return;
        }
        self.clear_wrap_up(shop, seat_no);
        self.seat_changed(shop, seat_no);
        let mut moving = self.withdraw_all(shop, seat_no, WithdrawReason::SeatGone);
        moving.extend(self.drop_kept(shop, seat_no));
        let owned: Vec<_> = self.shops[shop].seats[seat_no].owned.iter().copied().collect();
        let grace_ends = self.now + self.settings.seat_grace;
        for conversation in owned {
            match &self.case(conversation).station {
                Station::Owned(owned) if owned.replied => {
                    self.timers.set(Timer::GraceEnds(conversation), grace_ends);
                }
                _ => moving.push(conversation),
            }
        }
        self.sort_by_arrival(&mut moving);
        for conversation in moving {
            if matches!(self.case(conversation).station, Station::Owned(_)) {
                self.take_back(conversation, TakeBackReason::SeatGone);
            } else {
                self.place(conversation);
            }
        }
    }

    pub(super) fn withdraw_all(
        &mut self,
        shop: ShopNo,
        seat_no: SeatNo,
        reason: WithdrawReason,
    ) -> Vec<ConversationId> {
        let offers: Vec<OfferId> = self.shops[shop].seats[seat_no].offers.iter().copied().collect();
        let mut freed = Vec::with_capacity(offers.len());
        for offer in offers {
            freed.extend(self.offers.get(offer).map(|offer| offer.conversation));
            self.withdraw(offer, reason);
        }
        freed
    }

    /// Conversations kept for a seat that is no longer there are for everyone.
    pub(super) fn drop_kept(&mut self, shop: ShopNo, seat_no: SeatNo) -> Vec<ConversationId> {
        let kept = &self.shops[shop].seats[seat_no].kept;
        let kept: Vec<_> = kept.iter().map(|(_, entry)| entry.conversation).collect();
        for conversation in &kept {
            self.leave_station(*conversation);
            self.case_mut(*conversation).first = None;
        }
        kept
    }

    /// Places conversations that have none, the earliest arrival first.
    pub(super) fn place_in_order(&mut self, moving: impl IntoIterator<Item = ConversationId>) {
        let mut moving: Vec<_> = moving.into_iter().collect();
        self.sort_by_arrival(&mut moving);
        moving.into_iter().for_each(|conversation| self.place(conversation));
    }

    pub(super) fn sort_by_arrival(&self, conversations: &mut [ConversationId]) {
        conversations.sort_by_key(|conversation| self.case(*conversation).order());
    }

    /// Brings everything that depends on a seat up to date.
    pub(super) fn seat_changed(&mut self, shop_no: ShopNo, seat_no: SeatNo) {
        let opens_at = self.now + self.settings.fallback_after;
        for lane_no in self.shops[shop_no].refresh(seat_no) {
            let lane = &mut self.shops[shop_no].lanes[lane_no];
            lane.native_gone_at = self.now;
            let is_wider = !lane.fallback.is_empty() || !lane.steps.is_empty();
            if is_wider && !lane.is_empty() {
                self.timers.set(Timer::LaneFallbackOpens(shop_no, lane_no), opens_at);
            }
        }
        for lane_no in self.shops[shop_no].waiting_lanes_of(seat_no) {
            self.mark_untold(shop_no, lane_no);
        }
    }

    pub(super) fn seat_numbers(&self, shop: &ShopId, seat: &SeatId) -> Option<(ShopNo, SeatNo)> {
        let shop = self.shop_no(shop)?;
        Some((shop, self.shops[shop].seat_no(seat)?))
    }
}
