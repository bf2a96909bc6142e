//! What the scheduler's decisions do to conversations.

use std::sync::Arc;

use crate::domain::{
    ConversationId, EventKind, OfferId, Priority, SeatId, Timestamp, TransferTarget, WaitReason,
};
use crate::metrics::names::{Counter, OfferAnswer, Outcome, TakenFrom};
use crate::protocol::{ErrorCode, Offer, ServerFrame, encode};
use crate::schedule::{
    Approval, Command, Contact, Decision, DecisionRecord, RefuseReason, TakeBackReason,
    WithdrawReason,
};

use super::conversation::{Conversation, HandingOn, Stage, TakenBy};
use super::fact::{Fact, Noted};
use super::for_many;
use super::shard::{Cause, Shard, refuse};
use super::step::Step;
use super::summary::Summary;
use super::turn::{Timing, Turn};
use super::viewers::deliver;

impl Shard {
    pub(super) fn decided(&mut self, cause: Cause, decision: Decision, turn: &mut Turn) {
        if let Decision::Refused { conversation: Some(id), reason, .. } = decision {
            return self.transfer_refused(id, reason, turn);
        }
        let Some(id) = decision.conversation() else { return };
        let Some(mut conversation) = self.conversations.remove(&id) else { return };
        match decision {
            Decision::Offered { .. } => self.offered(cause, &conversation, &decision, turn),
            Decision::Withdrawn { offer, seat, reason, .. } => {
                self.withdrawn(&conversation, offer, &seat, reason, turn);
            }
            Decision::Assigned { offer, seat, fence, .. } => {
                self.assigned(cause, &mut conversation, (offer, seat, fence), turn);
            }
            Decision::Waiting { place, wait_s, reason, .. } => {
                // Who has a ticket was told when somebody answers, and watches no queue.
                let tells = |contact: &Contact| contact.priority != Priority::Ticket;
                if matches!(&conversation.stage, Stage::Waiting(contact) if tells(contact)) {
                    let mut step = Step::new(&mut conversation, cause.now);
                    step.event(EventKind::Queued { place, wait_s, reason });
                    step.finish(turn);
                }
            }
            Decision::Held { place, until, .. } => {
                self.held(cause.now, &mut conversation, (place, until), turn);
            }
            Decision::Approved { by, .. } => {
                self.approved(cause.now, &mut conversation, by.as_ref(), turn);
            }
            Decision::Ticket { opens_at, .. } => {
                self.ticket(cause.now, &mut conversation, opens_at, turn);
            }
            Decision::TakenBack { seat, reason, .. } => {
                self.taken_back(cause, &mut conversation, &seat, reason, turn);
            }
            Decision::Escalated { hops, .. } => {
                turn.counts.push(Counter::Escalated);
                tracing::warn!(conversation = %id, hops, "a supervisor must look");
                let frame = ServerFrame::Escalated { conversation: id, hops };
                self.tell_supervisors(&conversation.opened.shop, &frame, turn);
            }
            Decision::SeatState { .. }
            | Decision::SlotsChanged { .. }
            | Decision::Refused { .. } => {}
        }
        self.conversations.insert(id, conversation);
    }

    /// Keeps why something was decided about a conversation. Nobody is told anything by it.
    pub(super) fn record_decision(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        record: Arc<DecisionRecord>,
        turn: &mut Turn,
    ) {
        let Some(conversation) = self.conversations.get_mut(&id) else { return };
        // The scheduler is told to forget what it decided about somebody who is erased.
        if conversation.opened.is_erased() {
            return;
        }
        let mut step = Step::new(conversation, now);
        step.fact(Fact::Decided(record));
        step.finish(turn);
    }

    fn transfer_refused(&mut self, id: ConversationId, reason: RefuseReason, turn: &mut Turn) {
        let conversation = self.conversations.get_mut(&id);
        if let Some(asked) = conversation.and_then(|conversation| conversation.handing_on.take()) {
            let (code, message) = refusal(reason);
            refuse(turn, &asked.asked_by, asked.frame, code, message);
        }
    }

    fn offered(
        &self,
        cause: Cause,
        conversation: &Conversation,
        decision: &Decision,
        turn: &mut Turn,
    ) {
        let Decision::Offered { offer, shop, seat, expires_at, waiting_ms, deadline, why, .. } =
            decision
        else {
            return;
        };
        let latest = conversation.latest.as_ref();
        let why: Vec<String> = why.iter().map(ToString::to_string).collect();
        let frame = ServerFrame::Offer(Offer {
            offer: *offer,
            conversation: conversation.id,
            expires_at: *expires_at,
            waiting_ms: *waiting_ms,
            deadline: *deadline,
            language: conversation.language(),
            intent: latest.map_or(crate::domain::Intent::Other, |u| u.intent.label),
            sentiment: latest.map_or(crate::domain::Sentiment::Neutral, |u| u.sentiment.label),
            confidence: latest.map_or(0.0, |u| u.intent.confidence),
            own_intent: latest.and_then(|u| u.own_intent.as_ref()),
            why: &why,
        });
        deliver(self.seat_links(shop, seat), None, &encode(&frame).into(), turn);
        turn.counts.push(Counter::Offer(OfferAnswer::Made));
        turn.timings.push((Timing::Offer, cause.at));
    }

    fn withdrawn(
        &self,
        conversation: &Conversation,
        offer: OfferId,
        seat: &SeatId,
        reason: WithdrawReason,
        turn: &mut Turn,
    ) {
        let frame = encode(&ServerFrame::Withdrawn { offer, reason: reason.as_str() });
        deliver(self.seat_links(&conversation.opened.shop, seat), None, &frame.into(), turn);
        turn.counts.push(Counter::Offer(match reason {
            WithdrawReason::Expired => OfferAnswer::Expired,
            WithdrawReason::Cancelled | WithdrawReason::SeatGone => OfferAnswer::Cancelled,
        }));
    }

    fn assigned(
        &mut self,
        cause: Cause,
        conversation: &mut Conversation,
        (offer, seat, fence): (Option<OfferId>, SeatId, u64),
        turn: &mut Turn,
    ) {
        let is_given = offer.is_none() && !conversation.is_closed();
        if !is_given && !matches!(conversation.stage, Stage::Waiting(_)) {
            // It ended while the seat was accepting.
            if let Some(offer) = offer {
                self.withdrawn(conversation, offer, &seat, WithdrawReason::Cancelled, turn);
            }
            let command = Command::Release { conversation: conversation.id };
            turn.commands.push((command, cause.at));
            return;
        }
        turn.counts.push(match offer {
            Some(_) => Counter::Offer(OfferAnswer::Accepted),
            None => Counter::AssignedBySupervisor,
        });
        turn.counts.push(Counter::Outcome(Outcome::Seat));
        for_many::leave(conversation, turn);
        conversation.taken_by = Some(offer.map_or(TakenBy::Supervisor, TakenBy::Accepting));
        // A scheduler that has restarted counts from the conversations that have an owner; this one
        // may have had a higher fence before it began to wait.
        let fence = fence.max(conversation.last_fence + 1);
        let mut stood = self.contact_of(cause.now, conversation);
        let was_held = matches!(stood.approval, Approval::Held { .. });
        if is_given {
            stood.approval = Approval::Given;
        }
        let mut step = Step::new(conversation, cause.now);
        if was_held || !matches!(step.conversation.stage, Stage::Waiting(_)) {
            self.needs_person(stood, &mut step);
        }
        step.event(EventKind::Assigned { seat: seat.clone() });
        step.fact(Fact::Owned { seat, fence });
        step.finish(turn);
        self.own(conversation);
        self.taken_over(cause.now, conversation, turn);
    }

    /// Keeps until when it is held, so that a restart holds it no longer, and tells everybody.
    fn held(
        &self,
        now: Timestamp,
        conversation: &mut Conversation,
        (place, until): (u32, Timestamp),
        turn: &mut Turn,
    ) {
        let Stage::Waiting(contact) = &conversation.stage else { return };
        let contact = Contact { approval: Approval::Held { until }, ..(**contact).clone() };
        let skill = contact.skill.clone();
        let mut step = Step::new(conversation, now);
        step.fact(Fact::Waits(contact));
        step.event(EventKind::Queued { place, wait_s: None, reason: WaitReason::Approval });
        step.finish(turn);
        turn.counts.push(Counter::Held);
        let id = conversation.id;
        let frame = ServerFrame::Held { conversation: id, skill: &skill, until: Some(until) };
        self.tell_supervisors(&conversation.opened.shop, &frame, turn);
    }

    fn approved(
        &self,
        now: Timestamp,
        conversation: &mut Conversation,
        by: Option<&SeatId>,
        turn: &mut Turn,
    ) {
        let Stage::Waiting(contact) = &conversation.stage else { return };
        let contact = Contact { approval: Approval::Given, ..(**contact).clone() };
        let skill = contact.skill.clone();
        let mut step = Step::new(conversation, now);
        step.fact(Fact::Waits(contact));
        step.finish(turn);
        if by.is_some() {
            turn.counts.push(Counter::Approved);
        }
        let id = conversation.id;
        let frame = ServerFrame::Held { conversation: id, skill: &skill, until: None };
        self.tell_supervisors(&conversation.opened.shop, &frame, turn);
    }

    fn taken_back(
        &mut self,
        cause: Cause,
        conversation: &mut Conversation,
        seat: &SeatId,
        reason: TakeBackReason,
        turn: &mut Turn,
    ) {
        let Stage::Owned(owned) = &conversation.stage else { return };
        turn.counts.push(Counter::TakenBack(match reason {
            TakeBackReason::SeatGone => TakenFrom::SeatGone,
            TakeBackReason::Silent => TakenFrom::Silent,
            TakeBackReason::Transferred => TakenFrom::Transferred,
            TakeBackReason::Supervisor => TakenFrom::Supervisor,
            TakeBackReason::ShiftEnded => TakenFrom::ShiftEnded,
        }));
        let was_ticket = owned.contact.priority == Priority::Ticket;
        let mut contact = self.contact_of(cause.now, conversation);
        contact.hops = contact.hops.saturating_add(u8::from(reason.counts_as_hop()));
        contact.only = None;
        self.disown(conversation, seat);
        let mut step = Step::new(conversation, cause.now);
        let handing_on = step.conversation.handing_on.take();
        if let (TakeBackReason::Transferred, Some(HandingOn { to, .. })) = (reason, handing_on) {
            // As the scheduler has it, so that a restart sends it there too.
            match &to {
                TransferTarget::Seat(seat) => contact.only = Some(seat.clone()),
                TransferTarget::Skill(skill) => contact.set_skill(skill.clone()),
            }
            step.event(EventKind::Transferred { to });
            // The old owner sees the end of its part before it stops being a viewer.
            self.pass_on_events(step.conversation, turn);
        }
        let has_room = step.conversation.notes.len() < self.settings.messages_per_conversation_max;
        if reason == TakeBackReason::ShiftEnded && has_room {
            let text = Summary::of(step.conversation).to_string().into();
            step.fact(Fact::Noted(Noted { at: cause.now, seat: seat.clone(), text }));
        }
        step.fact(Fact::Waits(contact.clone()));
        step.finish(turn);
        if was_ticket && contact.priority != Priority::Ticket {
            // The scheduler does not know how much somebody weighs who has come back to a ticket. Where nobody
            // is there any more, it has made it a ticket again by now.
            turn.commands.push((Command::Change(contact), cause.at));
        }
        let frame =
            ServerFrame::TakenBack { conversation: conversation.id, reason: reason.as_str() };
        let links = self.seat_links(&conversation.opened.shop, seat);
        deliver(links, None, &encode(&frame).into(), turn);
    }
}

/// A refusal of the scheduler as a seat is told it.
pub(super) const fn refusal(reason: RefuseReason) -> (ErrorCode, &'static str) {
    match reason {
        RefuseReason::OfferExpired => (ErrorCode::OfferExpired, "the offer is over"),
        RefuseReason::OfferTaken => (ErrorCode::OfferTaken, "another seat took it"),
        RefuseReason::NotFound => (ErrorCode::NotFound, "no such offer, seat or skill"),
        RefuseReason::Forbidden => (ErrorCode::Forbidden, "it belongs to another seat"),
        RefuseReason::OwnedAlready => (ErrorCode::Conflict, "the seat has it already"),
        RefuseReason::SeatNotThere => (ErrorCode::Conflict, "the seat is not at work"),
        RefuseReason::SeatFull => (ErrorCode::Conflict, "every slot of the seat is in use"),
        RefuseReason::NotHeld => (ErrorCode::Conflict, "it is not held for approval"),
        RefuseReason::WrongRegion => {
            (ErrorCode::Conflict, "the seat does not serve the customer's region")
        }
    }
}
