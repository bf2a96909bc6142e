//! Conversations that have an owner: who must answer, and how they change hands.

use super::chosen::{First, FirstWhy};
use super::command::{Approval, Contact};
use super::decision::{Decision, RefuseReason, TakeBackReason};
use super::scheduler::{Ownership, Scheduler, Station};
use super::shop::{SeatNo, ShopNo};
use super::timers::Timer;
use crate::domain::{
    ConversationId, OfferId, Priority, SeatId, ShopId, SkillId, Timestamp, TransferTarget,
};

impl Scheduler {
    /// Makes a seat the owner of a conversation that has left its place.
    pub(super) fn own(
        &mut self,
        conversation: ConversationId,
        seat: SeatNo,
        offer: Option<OfferId>,
    ) {
        self.last_fence += 1;
        let fence = self.last_fence;
        let owned = Ownership { seat, fence, since: self.now, replied: false };
        let case = self.case_mut(conversation);
        case.station = Station::Owned(owned);
        case.first = None;
        case.barred.clear();
        case.last_refusal = None;
        case.times_refused = 0;
        case.told = None;
        let shop_no = case.shop;
        let shop = &mut self.shops[shop_no];
        shop.seats[seat].owned.insert(conversation);
        shop.refresh(seat);
        let (shop, seat) = (shop.id.clone(), shop.seats[seat].profile.id.clone());
        // The customer still waits for the first word of this owner.
        let silent_at = self.now + self.settings.owner_silence;
        self.timers.set(Timer::OwnerSilent(conversation), silent_at);
        self.decide(Decision::Assigned { offer, conversation, shop, seat, fence });
    }

    /// A supervisor gives a conversation to a seat. It is no move that the conversation is to
    /// blame for, so it does not count as one.
    pub(super) fn assign(&mut self, contact: Contact, to: SeatId, by: SeatId) {
        let conversation = contact.conversation;
        let (shop, seat) = match self.assignable(&contact, &to, &by) {
            Ok(numbers) => numbers,
            Err(reason) => return self.refuse((contact.shop, by), None, None, reason),
        };
        let mut left = None;
        if self.cases.contains_key(&conversation) {
            let owned = self.work_in(conversation);
            left = self.leave_station(conversation);
            if let Some((owned, skill)) = owned {
                let (seat, reason) = (self.seat_id(shop, owned.seat), TakeBackReason::Supervisor);
                self.decide(Decision::TakenBack { conversation, seat, reason });
                self.begin_wrap_up(shop, &owned, &skill);
            }
        } else {
            self.open_case(shop, contact, Station::Moving);
        }
        let case = self.case_mut(conversation);
        case.admitted = true;
        case.contact.approval = Approval::Given;
        self.own(conversation, seat, None);
        if let Some(left) = left {
            self.fill(shop, left);
        }
    }

    /// The numbers of a seat that a supervisor may give a conversation to.
    fn assignable(
        &self,
        contact: &Contact,
        to: &SeatId,
        by: &SeatId,
    ) -> Result<(ShopNo, SeatNo), RefuseReason> {
        let (shop_no, seat_no) =
            self.seat_numbers(&contact.shop, to).ok_or(RefuseReason::NotFound)?;
        let shop = &self.shops[shop_no];
        let seat = &shop.seats[seat_no];
        let case = self.cases.get(&contact.conversation);
        if case.is_some_and(|case| case.shop != shop_no) {
            return Err(RefuseReason::NotFound);
        }
        let is_asked = match case.map(|case| &case.station) {
            Some(Station::Owned(owned)) if owned.seat == seat_no => {
                return Err(RefuseReason::OwnedAlready);
            }
            Some(Station::Offered(offer)) => seat.offers.contains(offer),
            _ => false,
        };
        let is_there = if to == by { seat.state.is_some() } else { seat.is_present() };
        let used = seat.used() - usize::from(is_asked) * seat.weight();
        let region = case.map_or(contact, |case| &case.contact).region.as_ref();
        if !is_there {
            Err(RefuseReason::SeatNotThere)
        } else if !shop.index.serves(seat_no, region) {
            Err(RefuseReason::WrongRegion)
        } else if !seat.fits(used) {
            Err(RefuseReason::SeatFull)
        } else {
            Ok((shop_no, seat_no))
        }
    }

    pub(super) fn seat_spoke(&mut self, conversation: ConversationId) {
        if let Some(owned) = self.owned_mut(conversation) {
            owned.replied = true;
            self.timers.clear(Timer::OwnerSilent(conversation));
        }
    }

    /// Starts the owner's time to answer, unless it runs already. Behind a ticket there is somebody
    /// who waits from now on, whoever owns it next.
    pub(super) fn customer_spoke(&mut self, conversation: ConversationId) {
        let Some(case) = self.cases.get_mut(&conversation) else { return };
        if !matches!(case.station, Station::Owned(_)) {
            return;
        }
        if case.contact.priority == Priority::Ticket {
            case.contact.priority = Priority::Normal;
        }
        let timer = Timer::OwnerSilent(conversation);
        if !self.timers.is_set(timer) {
            self.timers.set(timer, self.now + self.settings.owner_silence);
        }
    }

    /// The ownership of a conversation, and the skill that its owner has worked with.
    fn work_in(&self, conversation: ConversationId) -> Option<(Ownership, SkillId)> {
        let case = self.cases.get(&conversation)?;
        let Station::Owned(owned) = &case.station else { return None };
        Some((*owned, case.contact.skill.clone()))
    }

    fn owned_mut(&mut self, conversation: ConversationId) -> Option<&mut Ownership> {
        match &mut self.cases.get_mut(&conversation)?.station {
            Station::Owned(owned) => Some(owned),
            _ => None,
        }
    }

    pub(super) fn grace_ends(&mut self, conversation: ConversationId) {
        self.take_back(conversation, TakeBackReason::SeatGone);
    }

    /// A silent owner loses the conversation, as long as it may still move; after that it stays
    /// and a supervisor is called.
    pub(super) fn owner_was_silent(&mut self, conversation: ConversationId) {
        let hops = self.case(conversation).contact.hops;
        if hops < self.settings.hops_max {
            self.take_back(conversation, TakeBackReason::Silent);
        } else {
            self.decide(Decision::Escalated { conversation, hops });
        }
    }

    /// Takes a conversation from its owner and finds a new place for it, by its first arrival.
    pub(super) fn take_back(&mut self, conversation: ConversationId, reason: TakeBackReason) {
        let freed = self.leave_station(conversation);
        let seat_no = freed.expect("only an owned conversation is taken back");
        let (now, pause) = (self.now, self.settings.same_seat_pause);
        let case = self.case_mut(conversation);
        let hop = u8::from(reason.counts_as_hop());
        case.contact.hops = case.contact.hops.saturating_add(hop);
        case.waits_since = now;
        if reason == TakeBackReason::SeatGone {
            // Not its fault: it may have it back as soon as it is there again.
            case.last_refusal = Some(seat_no);
        } else {
            case.bar(seat_no, now + pause, now);
        }
        let (shop, hops) = (case.shop, case.contact.hops);
        let seat = self.seat_id(shop, seat_no);
        self.decide(Decision::TakenBack { conversation, seat, reason });
        if reason.counts_as_hop() && hops > self.settings.hops_max {
            self.decide(Decision::Escalated { conversation, hops });
        }
        self.place(conversation);
        self.fill(shop, seat_no);
    }

    /// Hands a conversation on, to one seat or to whoever has a skill.
    pub(super) fn transfer(
        &mut self,
        conversation: ConversationId,
        (shop, from): (ShopId, SeatId),
        to: TransferTarget,
    ) {
        let worked = self.work_in(conversation);
        if let Err(reason) = self.set_target(conversation, (&shop, &from), to) {
            return self.refuse((shop, from), None, Some(conversation), reason);
        }
        // Begun before the slot is given up, so that nothing else takes it in between.
        if let Some((owned, skill)) = worked {
            self.begin_wrap_up(self.case(conversation).shop, &owned, &skill);
        }
        self.take_back(conversation, TakeBackReason::Transferred);
    }

    fn set_target(
        &mut self,
        conversation: ConversationId,
        (shop_id, from): (&ShopId, &SeatId),
        to: TransferTarget,
    ) -> Result<(), RefuseReason> {
        let kept_until = self.now + 2 * self.settings.offer_ttl;
        let case = self.cases.get_mut(&conversation).ok_or(RefuseReason::NotFound)?;
        // A conversation of another shop is not even admitted to exist.
        if case.contact.shop != *shop_id {
            return Err(RefuseReason::NotFound);
        }
        let shop = &self.shops[case.shop];
        let Station::Owned(owned) = &case.station else { return Err(RefuseReason::Forbidden) };
        if shop.seats[owned.seat].profile.id != *from {
            return Err(RefuseReason::Forbidden);
        }
        match to {
            TransferTarget::Seat(seat) => {
                let seat_no = shop.seat_no(&seat).ok_or(RefuseReason::NotFound)?;
                if seat_no == owned.seat {
                    return Err(RefuseReason::Forbidden);
                }
                let why = FirstWhy::Chosen;
                case.first = Some(First { seat: seat_no, until: kept_until, why });
                case.contact.only = Some(seat);
            }
            TransferTarget::Skill(skill) => {
                if !shop.index.has_skill(&skill) {
                    return Err(RefuseReason::NotFound);
                }
                case.contact.set_skill(skill);
                case.contact.only = None;
            }
        }
        Ok(())
    }

    /// Puts a conversation back with the owner it had before a restart.
    pub(super) fn restore(
        &mut self,
        contact: Contact,
        seat_id: SeatId,
        (fence, since): (u64, Timestamp),
        replied: bool,
    ) {
        self.last_fence = self.last_fence.max(fence);
        let conversation = contact.conversation;
        if self.cases.contains_key(&conversation) {
            return;
        }
        let Some((shop, seat_no)) = self.seat_numbers(&contact.shop, &seat_id) else {
            // The seat is no longer in the roster.
            let (seat, reason) = (seat_id, TakeBackReason::SeatGone);
            self.decide(Decision::TakenBack { conversation, seat, reason });
            let hops = contact.hops.saturating_add(1);
            return self.arrive(Contact { hops, ..contact }, true);
        };
        let owned = Ownership { seat: seat_no, fence, since, replied };
        self.open_case(shop, contact, Station::Owned(owned));
        let seat = &mut self.shops[shop].seats[seat_no];
        seat.owned.insert(conversation);
        let signed_in = seat.state.is_some();
        self.shops[shop].refresh(seat_no);
        if !signed_in {
            let grace_ends = self.now + self.settings.seat_grace;
            self.timers.set(Timer::GraceEnds(conversation), grace_ends);
        }
        if !replied {
            let silent_at = self.now + self.settings.owner_silence;
            self.timers.set(Timer::OwnerSilent(conversation), silent_at);
        }
        self.leave_behind(conversation);
    }
}
