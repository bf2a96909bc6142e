//! What a seat's frames do in a conversation that it owns.

use std::sync::Arc;

use crate::dedup::Delivery as Redelivery;
use crate::domain::{By, ConversationId, EventKind, MessageId, SeatId, Sender};
use crate::metrics::names::{Counter, From, Repeat};
use crate::protocol::{ErrorCode, ServerFrame, encode};
use crate::schedule::Command;

use super::conversation::{Conversation, HandingOn, Stage};
use super::customer::FULL;
use super::dispatch::{Dispatch, SeatLine};
use super::fact::{Fact, Noted};
use super::input::{FromSeat, SeatAct, SeatRef};
use super::shard::{Cause, Shard, refuse};
use super::step::Step;
use super::turn::{FirstResponse, Turn};
use super::viewers::{acknowledge_again, count_message, deliver, note_of};

impl Shard {
    pub(super) fn seat_frame(&mut self, cause: Cause, frame: FromSeat, turn: &mut Turn) {
        let id = frame.conversation;
        let in_shop = self
            .conversations
            .get(&id)
            .is_some_and(|conversation| conversation.opened.shop == frame.seat.shop);
        let Some(mut conversation) = in_shop.then(|| self.conversations.remove(&id)).flatten()
        else {
            let text = "no such conversation";
            return refuse(turn, &frame.link.outbox, frame.frame, ErrorCode::NotFound, text);
        };
        if let Err((code, text)) = self.seat_acts(cause, &frame, &mut conversation, turn) {
            refuse(turn, &frame.link.outbox, frame.frame, code, text);
        }
        self.conversations.insert(id, conversation);
    }

    fn seat_acts(
        &mut self,
        cause: Cause,
        frame: &FromSeat,
        conversation: &mut Conversation,
        turn: &mut Turn,
    ) -> Result<(), (ErrorCode, &'static str)> {
        if let SeatAct::Send { id, text } = &frame.act
            && self.seat_redelivers(frame, conversation, *id, text, turn)?
        {
            return Ok(());
        }
        if conversation.is_closed() && conversation.seat_viewer.as_ref() == Some(&frame.seat.id) {
            return match frame.act {
                SeatAct::Close | SeatAct::Typing | SeatAct::Received(_) => Ok(()),
                _ => Err((ErrorCode::Conflict, "the conversation is closed")),
            };
        }
        let is_owner = conversation.is_owned_by(&frame.seat.id);
        if !is_owner || matches!(frame.act, SeatAct::Assign(_) | SeatAct::Approve) {
            return self.supervisor_acts(cause, frame, conversation, turn);
        }
        let from = Sender::Seat;
        match &frame.act {
            SeatAct::Send { id, text } => {
                return self.seat_sends(cause, frame, conversation, *id, text.clone(), turn);
            }
            SeatAct::Close => self.close(cause, conversation, By::Seat, turn),
            SeatAct::Note(_)
                if conversation.notes.len() >= self.settings.messages_per_conversation_max =>
            {
                return Err((ErrorCode::Conflict, "the conversation has too many notes"));
            }
            SeatAct::Note(text) => self.seat_notes(cause, frame, conversation, text, turn),
            SeatAct::Transfer(to) => {
                if conversation.handing_on.is_some() {
                    return Err((ErrorCode::Conflict, "it is being handed on already"));
                }
                conversation.handing_on = Some(HandingOn {
                    to: to.clone(),
                    asked_by: frame.link.outbox.clone(),
                    frame: frame.frame,
                });
                let command = Command::Transfer {
                    shop: frame.seat.shop.clone(),
                    conversation: conversation.id,
                    from: frame.seat.id.clone(),
                    to: to.clone(),
                };
                ask_scheduler(cause, frame, command, turn);
            }
            SeatAct::Assign(_) | SeatAct::Approve => {}
            SeatAct::Translate(seq) => {
                let now = cause.now;
                return self.seat_wants_translation(now, frame, conversation, *seq, turn);
            }
            SeatAct::Part(seq) => self.part(cause, (&frame.seat.id, *seq), conversation, turn)?,
            SeatAct::Typing => {
                if conversation.passes_on_typing(from, cause.now) {
                    let typing = ServerFrame::Typing { conversation: conversation.id, from };
                    self.tell_customer(conversation, &typing, turn);
                }
            }
            SeatAct::Received(seq) => {
                let received =
                    ServerFrame::Received { conversation: conversation.id, seq: *seq, from };
                self.tell_customer(conversation, &received, turn);
            }
        }
        Ok(())
    }

    fn seat_redelivers(
        &self,
        frame: &FromSeat,
        conversation: &mut Conversation,
        id: MessageId,
        text: &str,
        turn: &mut Turn,
    ) -> Result<bool, (ErrorCode, &'static str)> {
        match conversation.delivery(id, text) {
            Redelivery::Fresh => Ok(false),
            Redelivery::Conflict { .. } => {
                Err((ErrorCode::Conflict, "this id was used for another message"))
            }
            Redelivery::Redelivered { seq } => {
                turn.counts.push(Counter::Repeated(Repeat::Redelivered));
                let level = self.settings.ack_level;
                acknowledge_again(conversation, id, seq, &frame.link.outbox, level, turn);
                Ok(true)
            }
        }
    }

    fn seat_sends(
        &mut self,
        cause: Cause,
        frame: &FromSeat,
        conversation: &mut Conversation,
        id: MessageId,
        text: Arc<str>,
        turn: &mut Turn,
    ) -> Result<(), (ErrorCode, &'static str)> {
        if self.is_full(conversation) {
            return Err((ErrorCode::Conflict, FULL));
        }
        if !conversation.had_first_response
            && let Some(asked_at) = conversation.unanswered_since
        {
            let waited = cause.now.since(asked_at).as_millis();
            let waited_ms = u64::try_from(waited).unwrap_or(u64::MAX);
            turn.first_responses.push((FirstResponse::Person, waited_ms));
        }
        let mut step = Step::new(conversation, cause.now);
        let from = Sender::Seat;
        step.event(EventKind::Message { from, id, text, language: None });
        step.finish(turn);
        if let Some(in_flight) = conversation.in_flight.last_mut() {
            in_flight.sent_by(&frame.link.outbox);
        }
        count_message(From::Seat, cause.at, turn);
        turn.commands.push((Command::SeatSpoke { conversation: conversation.id }, cause.at));
        let unread = self.to_understand(conversation, conversation.seq(), cause.at);
        turn.to_understand.extend(unread);
        Ok(())
    }

    fn seat_notes(
        &mut self,
        cause: Cause,
        frame: &FromSeat,
        conversation: &mut Conversation,
        text: &Arc<str>,
        turn: &mut Turn,
    ) {
        let (seat, text) = (frame.seat.id.clone(), text.clone());
        let noted = Noted { at: cause.now, seat, text };
        let shown = encode(&ServerFrame::Note(note_of(conversation.id, &noted)));
        let links = self.seat_links(&frame.seat.shop, &frame.seat.id);
        deliver(links, None, &shown.into(), turn);
        let mut step = Step::new(conversation, cause.now);
        step.fact(Fact::Noted(noted));
        step.finish(turn);
    }

    fn tell_customer(&self, conversation: &Conversation, frame: &ServerFrame<'_>, turn: &mut Turn) {
        let opened = &conversation.opened;
        let links = self.customer_links(&opened.shop, &opened.customer);
        deliver(links, None, &encode(frame).into(), turn);
    }

    /// Takes a conversation off the list of a seat.
    pub(super) fn disown(&mut self, conversation: &Conversation, seat: &SeatId) {
        let seat = SeatRef { shop: conversation.opened.shop.clone(), id: seat.clone() };
        if let Some(views) = self.seats.get_mut(&seat) {
            views.owned.remove(&conversation.id);
        }
    }

    /// Puts a conversation on the list of its owner.
    pub(super) fn own(&mut self, conversation: &Conversation) {
        if let Stage::Owned(owned) = &conversation.stage {
            let seat = SeatRef { shop: conversation.opened.shop.clone(), id: owned.seat.clone() };
            self.seats.entry(seat).or_default().owned.insert(conversation.id);
        }
    }

    /// Whether a seat may see a conversation.
    pub fn is_owned_by(&self, id: ConversationId, seat: &SeatRef) -> bool {
        self.conversations
            .get(&id)
            .is_some_and(|c| c.opened.shop == seat.shop && c.is_owned_by(&seat.id))
    }
}

/// Passes on what a seat asks of the scheduler; a refusal goes back to the frame that asked.
pub(super) fn ask_scheduler(cause: Cause, frame: &FromSeat, command: Command, turn: &mut Turn) {
    let line = SeatLine { seat: (*frame.seat).clone(), link: frame.link.clone() };
    let dispatch = Dispatch::FromSeat { line, frame: frame.frame, command };
    turn.from_seats.push((dispatch, cause.at));
}
