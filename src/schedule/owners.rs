//! Conversations that have an owner: who must answer, and how they change hands.

use super::command::Contact;
use super::decision::{Decision, RefuseReason, TakeBackReason};
use super::scheduler::{Ownership, Scheduler, Station};
use super::timers::Timer;
use crate::domain::{ConversationId, SeatId, ShopId, TransferTarget};

impl Scheduler {
    pub(super) fn seat_spoke(&mut self, conversation: ConversationId) {
        if let Some(owned) = self.owned_mut(conversation) {
            owned.replied = true;
            self.timers.clear(Timer::OwnerSilent(conversation));
        }
    }

    /// Starts the owner's time to answer, unless it runs already.
    pub(super) fn customer_spoke(&mut self, conversation: ConversationId) {
        let timer = Timer::OwnerSilent(conversation);
        if self.owned_mut(conversation).is_some() && !self.timers.is_set(timer) {
            self.timers.set(timer, self.now + self.settings.owner_silence);
        }
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
            self.decisions.push(Decision::Escalated { conversation, hops });
        }
    }

    /// Takes a conversation from its owner and finds a new place for it, by its first arrival.
    pub(super) fn take_back(&mut self, conversation: ConversationId, reason: TakeBackReason) {
        let freed = self.leave_station(conversation);
        let seat_no = freed.expect("only an owned conversation is taken back");
        let (now, pause) = (self.now, self.settings.same_seat_pause);
        let case = self.case_mut(conversation);
        case.contact.hops = case.contact.hops.saturating_add(1);
        case.waits_since = now;
        if reason == TakeBackReason::SeatGone {
            // Not its fault: it may have it back as soon as it is there again.
            case.last_refusal = Some(seat_no);
        } else {
            case.bar(seat_no, now + pause, now);
        }
        let (shop, hops) = (case.shop, case.contact.hops);
        let seat = self.seat_id(shop, seat_no);
        self.decisions.push(Decision::TakenBack { conversation, seat, reason });
        if hops > self.settings.hops_max {
            self.decisions.push(Decision::Escalated { conversation, hops });
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
        match self.set_target(conversation, (&shop, &from), to) {
            Ok(()) => self.take_back(conversation, TakeBackReason::Transferred),
            Err(reason) => self.refuse((shop, from), None, Some(conversation), reason),
        }
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
                case.only = Some((seat_no, kept_until));
                case.contact.only = Some(seat);
            }
            TransferTarget::Skill(skill) => {
                if !shop.index.has_skill(&skill) {
                    return Err(RefuseReason::NotFound);
                }
                case.contact.skill = skill;
                case.contact.only = None;
            }
        }
        Ok(())
    }

    /// Puts a conversation back with the owner it had before a restart.
    pub(super) fn restore(&mut self, contact: Contact, seat_id: SeatId, fence: u64, replied: bool) {
        self.last_fence = self.last_fence.max(fence);
        let conversation = contact.conversation;
        if self.cases.contains_key(&conversation) {
            return;
        }
        let Some((shop, seat_no)) = self.seat_numbers(&contact.shop, &seat_id) else {
            // The seat is no longer in the roster.
            let (seat, reason) = (seat_id, TakeBackReason::SeatGone);
            self.decisions.push(Decision::TakenBack { conversation, seat, reason });
            let hops = contact.hops.saturating_add(1);
            return self.arrive(Contact { hops, ..contact });
        };
        let owned = Ownership { seat: seat_no, fence, since: self.now, replied };
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
