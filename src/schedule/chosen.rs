//! One seat that is asked before all others: because a person chose it, or because the customer
//! spoke to it last.

use std::time::Duration;

use super::command::Contact;
use super::dispatch::Found;
use super::scheduler::{Case, Scheduler, Station};
use super::shop::{SeatNo, Shop, ShopNo};
use super::timers::Timer;
use crate::domain::{ConversationId, Timestamp};

/// Longest time that the seat a customer knows is asked alone.
const HEAD_START_MAX: Duration = Duration::from_secs(5);
/// Shortest time in which a person can answer; below it the others are asked at once.
pub(super) const HEAD_START_MIN: Duration = Duration::from_secs(1);

/// The seat that is asked first and alone, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct First {
    pub seat: SeatNo,
    pub until: Timestamp,
    pub why: FirstWhy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FirstWhy {
    /// A person named it: its languages and skills do not matter.
    Chosen,
    /// The customer spoke to it last.
    Known,
}

impl Scheduler {
    /// The seat that a new contact asks first, if any.
    pub(super) fn first_seat(&self, shop_no: ShopNo, contact: &Contact) -> Option<First> {
        let shop = &self.shops[shop_no];
        if let Some(seat) = &contact.only {
            let (seat, why) = (shop.seat_no(seat)?, FirstWhy::Chosen);
            return Some(First { seat, until: self.now + 2 * self.settings.offer_ttl, why });
        }
        let (seat, why) = (shop.seat_no(contact.last_seat.as_ref()?)?, FirstWhy::Known);
        let due = contact.arrived_at + self.settings.first_response_target;
        let head_start = HEAD_START_MAX.min(due.since(self.now) / 2);
        let until = self.now + head_start;
        (head_start >= HEAD_START_MIN).then_some(First { seat, until, why })
    }

    /// Offers to the seat that comes first, or keeps the conversation for it while its time runs.
    /// Gives whether that settled it.
    pub(super) fn place_with_first_seat(&mut self, conversation: ConversationId) -> bool {
        let case = self.case(conversation);
        let Some(first) = case.first else { return false };
        let shop = &self.shops[case.shop];
        if first.until <= self.now || !self.may_be_first(shop, case, first) {
            self.case_mut(conversation).first = None;
            return false;
        }
        if shop.index.is_free(first.seat) {
            self.offer(conversation, first.seat, Found::from(first.why));
            return true;
        }
        let case = self.case_mut(conversation);
        case.station = Station::Kept(first.seat);
        case.admitted = true;
        let (shop_no, kept) = (case.shop, (case.contact.priority, case.entry()));
        let shop = &mut self.shops[shop_no];
        shop.seats[first.seat].kept.push(kept);
        shop.waiting += 1;
        self.timers.set(Timer::KeptEnds(conversation), first.until);
        self.tell_place(conversation);
        true
    }

    fn may_be_first(&self, shop: &Shop, case: &Case, first: First) -> bool {
        let contact = &case.contact;
        let refused = case.last_refusal == Some(first.seat) && case.is_barred(first.seat, self.now);
        let seat = &shop.seats[first.seat];
        if refused || !seat.is_present() || !shop.index.serves(first.seat, contact.region.as_ref())
        {
            return false;
        }
        match first.why {
            FirstWhy::Chosen => true,
            FirstWhy::Known => {
                let needs = shop.rules.queues.get(&contact.skill).map(|queue| &queue.needs);
                let needs = needs.cloned().unwrap_or_default();
                let stays_until = seat.profile.hours.open_until(self.now);
                let leaves_at = self.now + shop.rules.sticky_shift_left;
                // A seat that is full of conversations may stay so for long: nobody waits for it.
                shop.is_open_for(&contact.skill)
                    && seat.has_room_but_for_wrap_up()
                    && stays_until.is_some_and(|end| end >= leaves_at)
                    && seat.profile.fluency(contact.language) >= needs.fluency
                    && seat.profile.level(&contact.skill) >= needs.level
            }
        }
    }

    /// The first seat's time is over: whoever has the skill may take it.
    pub(super) fn kept_ends(&mut self, conversation: ConversationId) {
        self.leave_station(conversation);
        self.case_mut(conversation).first = None;
        self.place(conversation);
    }
}
