//! New seats and rules for a shop that is at work, and shops that come and go.
//!
//! The shop is built anew and takes over what its seats hold. Owners keep their conversations,
//! seats that are being asked are asked on, and who waits keeps the place; only what a seat held
//! that is gone goes to others.

use super::decision::{Decision, TakeBackReason, WithdrawReason};
use super::scheduler::{Scheduler, Station};
use super::settings::Roster;
use super::shop::{SeatNo, Shop, ShopNo};
use super::timers::Timer;
use crate::domain::{ConversationId, Timestamp};

impl Scheduler {
    /// Puts new seats and rules in the place of a shop's old ones, or takes in a new shop. One that
    /// is no longer served is [closed](Roster::closed). Gives what follows from it.
    pub fn reload(&mut self, now: Timestamp, roster: Roster) -> Vec<Decision> {
        let mut decisions = self.on_timer(now);
        match self.shop_no(&roster.shop) {
            Some(shop_no) => self.replace(shop_no, roster),
            None => {
                let shop_no = self.add_shop(roster);
                self.start_hours_of(shop_no);
            }
        }
        decisions.append(&mut self.decisions);
        decisions
    }

    fn replace(&mut self, shop_no: ShopNo, roster: Roster) {
        let mut new = Shop::new(roster, &self.settings);
        let old = &self.shops[shop_no];
        let number_of = |seat: &super::shop::Seat| new.seat_no(&seat.profile.id);
        let numbers: Vec<Option<SeatNo>> = old.seats.iter().map(number_of).collect();

        let mut moving = self.without_place(shop_no);
        for (seat, _) in numbers.iter().enumerate().filter(|(_, new)| new.is_none()) {
            moving.extend(self.empty_seat(shop_no, seat));
        }
        self.clear_timers_of(shop_no);
        new.take_over(&mut self.shops[shop_no], &numbers);
        self.shops[shop_no] = new;
        self.renumber(shop_no, &numbers);

        for queue in 0..self.shops[shop_no].queues.len() {
            self.read_queue(shop_no, queue);
        }
        for seat in 0..self.shops[shop_no].seats.len() {
            self.read_shift(shop_no, seat);
            self.set_wrap_up_timer(shop_no, seat);
            self.shops[shop_no].refresh(seat);
        }
        self.reprice(shop_no);
        for seat in 0..self.shops[shop_no].seats.len() {
            let held = &self.shops[shop_no].seats[seat];
            // It may have fewer slots than before. What it owns it keeps.
            if held.used() > held.slots() && !held.offers.is_empty() {
                moving.extend(self.withdraw_all(shop_no, seat, WithdrawReason::Cancelled));
            }
        }
        let (now, age_bound) = (self.now, self.settings.age_bound);
        moving.sort_by_cached_key(|conversation| {
            self.case(*conversation).claim().rank(now, age_bound)
        });
        moving.into_iter().for_each(|conversation| self.place(conversation));
        for seat in 0..self.shops[shop_no].seats.len() {
            self.fill(shop_no, seat);
        }
        self.find_left_behind(shop_no);
    }

    /// Takes every conversation that waits out of its place.
    fn without_place(&mut self, shop_no: ShopNo) -> Vec<ConversationId> {
        let waits = |station: &Station| matches!(station, Station::Lane(_) | Station::Kept(_));
        let of_shop = self.cases.iter().filter(|(_, case)| case.shop == shop_no);
        let waiting = of_shop.filter(|(_, case)| waits(&case.station)).map(|(id, _)| *id);
        let mut waiting: Vec<ConversationId> = waiting.collect();
        // The map has no order of its own.
        self.sort_by_arrival(&mut waiting);
        for conversation in &waiting {
            self.leave_station(*conversation);
        }
        waiting
    }

    /// Takes everything from a seat that is no longer in the roster.
    fn empty_seat(&mut self, shop_no: ShopNo, seat_no: SeatNo) -> Vec<ConversationId> {
        let mut moving = self.withdraw_all(shop_no, seat_no, WithdrawReason::SeatGone);
        let owned: Vec<_> = self.shops[shop_no].seats[seat_no].owned.iter().copied().collect();
        let (seat, now) = (self.seat_id(shop_no, seat_no), self.now);
        for conversation in owned {
            self.leave_station(conversation);
            let case = self.case_mut(conversation);
            case.contact.hops = case.contact.hops.saturating_add(1);
            case.waits_since = now;
            let (seat, reason) = (seat.clone(), TakeBackReason::SeatGone);
            self.decide(Decision::TakenBack { conversation, seat, reason });
            moving.push(conversation);
        }
        moving
    }

    /// Timers that name seats or lanes by their numbers, which are void from here on.
    fn clear_timers_of(&mut self, shop_no: ShopNo) {
        for seat in 0..self.shops[shop_no].seats.len() {
            self.timers.clear(Timer::Shift(shop_no, seat));
            self.timers.clear(Timer::WrapUpEnds(shop_no, seat));
        }
        for queue in 0..self.shops[shop_no].queues.len() {
            self.timers.clear(Timer::Queue(shop_no, queue));
        }
        for lane in 0..self.shops[shop_no].lanes.len() {
            self.timers.clear(Timer::LaneFallbackOpens(shop_no, lane));
        }
        self.timers.clear(Timer::TellPlaces(shop_no));
    }

    /// Writes the new numbers of seats wherever the old ones stand.
    fn renumber(&mut self, shop_no: ShopNo, numbers: &[Option<SeatNo>]) {
        for case in self.cases.values_mut().filter(|case| case.shop == shop_no) {
            if let Station::Owned(owned) = &mut case.station {
                owned.seat = numbers[owned.seat].expect("a seat that is gone owns nothing");
            }
            case.first = case.first.and_then(|first| {
                Some(super::chosen::First { seat: numbers[first.seat]?, ..first })
            });
            case.barred = std::mem::take(&mut case.barred)
                .into_iter()
                .filter_map(|(seat, until)| Some((numbers[seat]?, until)))
                .collect();
            case.last_refusal = case.last_refusal.and_then(|seat| numbers[seat]);
        }
        self.offers.renumber(shop_no, numbers);
    }
}

impl Shop {
    /// Takes over what the seats of an old shop hold and what was measured there.
    fn take_over(&mut self, old: &mut Shop, numbers: &[Option<SeatNo>]) {
        for (old_no, new_no) in numbers.iter().enumerate() {
            let Some(new_no) = *new_no else { continue };
            let (from, to) = (&mut old.seats[old_no], &mut self.seats[new_no]);
            to.state = from.state;
            to.owned = std::mem::take(&mut from.owned);
            to.offers = std::mem::take(&mut from.offers);
            to.wrapping = std::mem::take(&mut from.wrapping);
            to.unanswered = from.unanswered;
            to.unanswered_at = from.unanswered_at;
            to.idle_since = from.idle_since;
            self.index.take_over(new_no, &old.index, old_no);
        }
        self.handling = old.handling;
        self.told_waits = old.told_waits;
        self.take_over_demand(old);
    }
}
