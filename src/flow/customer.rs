//! What a customer's frames do.

use std::sync::Arc;

use crate::automate;
use crate::config::shop::{GENERAL_SKILL, Shop};
use crate::dedup::{Delivery as Redelivery, DeliveryId};
use crate::deliver::Outbox;
use crate::domain::{
    By, ConversationId, EventKind, MessageId, Priority, SeatId, Sender, SkillId, Timestamp,
};
use crate::metrics::names::{Counter, From, Helpful, Outcome, Repeat};
use crate::protocol::{ErrorCode, ServerFrame, encode};
use crate::schedule::{Approval, Command, Contact};

use super::conversation::{Conversation, Stage};
use super::fact::{Fact, Opened};
use super::for_many;
use super::input::{CustomerAct, CustomerRef, FromCustomer};
use super::matter::Matter;
use super::shard::{Cause, Shard, refuse};
use super::step::Step;
use super::turn::Turn;
use super::viewers::{acknowledge_again, count_message, deliver};

/// What a client is told when a conversation has as many events as it may.
pub(super) const FULL: &str = "the conversation is full, close it";

/// A message that a customer sends.
pub(super) struct Message {
    pub(super) id: MessageId,
    pub(super) conversation: Option<ConversationId>,
    pub(super) text: Arc<str>,
}

impl Shard {
    pub(super) fn customer_frame(&mut self, cause: Cause, frame: FromCustomer, turn: &mut Turn) {
        let id = match &frame.act {
            CustomerAct::Send { id, conversation, text } => {
                let message = Message { id: *id, conversation: *conversation, text: text.clone() };
                return self.customer_sends(cause, &frame, message, turn);
            }
            CustomerAct::Person(id)
            | CustomerAct::Rate(id, _)
            | CustomerAct::Helpful(id, _)
            | CustomerAct::Close(id)
            | CustomerAct::Typing(id)
            | CustomerAct::Received(id, _) => *id,
        };
        let Some(mut conversation) = self.take_customers(&frame, id) else {
            let message = "no such conversation";
            return refuse(turn, &frame.link.outbox, frame.frame, ErrorCode::NotFound, message);
        };
        match frame.act {
            CustomerAct::Person(_) | CustomerAct::Rate(..) | CustomerAct::Helpful(..)
                if self.is_full(&conversation) =>
            {
                refuse(turn, &frame.link.outbox, frame.frame, ErrorCode::Conflict, FULL);
            }
            CustomerAct::Send { .. } => {}
            CustomerAct::Person(_) => self.ask_for_person(cause, &mut conversation, turn),
            CustomerAct::Helpful(..) if conversation.machine_sources.is_empty() => {
                let message = "no machine has answered here";
                refuse(turn, &frame.link.outbox, frame.frame, ErrorCode::Conflict, message);
            }
            CustomerAct::Helpful(_, helpful) => {
                self.judge_answer(cause, &mut conversation, helpful, turn);
            }
            CustomerAct::Rate(_, score) => {
                let mut step = Step::new(&mut conversation, cause.now);
                step.event(EventKind::Rated { score });
                step.finish(turn);
            }
            CustomerAct::Close(_) => self.close(cause, &mut conversation, By::Customer, turn),
            CustomerAct::Typing(_) => {
                conversation.typed_at = Some(cause.now);
                if conversation.passes_on_typing(Sender::Customer, cause.now) {
                    let typing = ServerFrame::Typing { conversation: id, from: Sender::Customer };
                    self.tell_seat(&conversation, &typing, turn);
                }
            }
            CustomerAct::Received(_, seq) => {
                let received =
                    ServerFrame::Received { conversation: id, seq, from: Sender::Customer };
                self.tell_seat(&conversation, &received, turn);
            }
        }
        self.conversations.insert(id, conversation);
    }

    /// The conversation, if it is this customer's; to be put back.
    fn take_customers(
        &mut self,
        frame: &FromCustomer,
        id: ConversationId,
    ) -> Option<Box<Conversation>> {
        let customer = self.customers.get(&frame.profile.customer)?;
        if !customer.conversations.contains(&id) {
            return None;
        }
        self.conversations.remove(&id)
    }

    fn customer_sends(
        &mut self,
        cause: Cause,
        frame: &FromCustomer,
        message: Message,
        turn: &mut Turn,
    ) {
        // Looked up only: a frame may be read after its socket is gone, and leaves no entry then.
        let customer = self.customers.get(&frame.profile.customer);
        let theirs = customer.map(|customer| customer.conversations.clone()).unwrap_or_default();
        if self.redelivered(cause.now, frame, &message, &theirs, turn) {
            return;
        }
        let (id, matter) = match self.target(cause, frame, &message, &theirs, turn) {
            Ok(target) => target,
            Err((code, text)) => {
                return refuse(turn, &frame.link.outbox, frame.frame, code, text);
            }
        };
        self.take_in(cause, id, message, Some(&frame.link.outbox), turn);
        self.write_joined(cause.now, id, matter, turn);
    }

    /// Makes a message the next event of a conversation, which begins with it if need be, and has it
    /// understood. `origin` is the socket that it came from.
    pub(super) fn take_in(
        &mut self,
        cause: Cause,
        id: ConversationId,
        message: Message,
        origin: Option<&Arc<Outbox>>,
        turn: &mut Turn,
    ) {
        let Some(mut conversation) = self.conversations.remove(&id) else { return };
        let began = conversation.events.is_empty();
        let opened = began.then(|| conversation.opened.clone());
        let mut step = Step::new(&mut conversation, cause.now);
        if let Some(opened) = opened {
            step.fact(Fact::Opened(opened));
        }
        step.event(EventKind::Message {
            from: Sender::Customer,
            id: message.id,
            text: message.text,
            language: None,
        });
        step.finish(turn);
        if let (Some(in_flight), Some(origin)) = (conversation.in_flight.last_mut(), origin) {
            in_flight.sent_by(origin);
            count_message(From::Customer, cause.at, turn);
        }
        let unread = self.to_understand(&conversation, conversation.seq(), cause.at);
        turn.to_understand.extend(unread);
        self.conversations.insert(id, conversation);
    }

    /// Answers a message that was sent before; whether it was one.
    fn redelivered(
        &mut self,
        now: Timestamp,
        frame: &FromCustomer,
        message: &Message,
        theirs: &[ConversationId],
        turn: &mut Turn,
    ) -> bool {
        for id in theirs {
            let Some(conversation) = self.conversations.get_mut(id) else { continue };
            let elsewhere = message.conversation.is_some_and(|named| named != *id);
            match conversation.delivery(message.id, &message.text) {
                Redelivery::Fresh => {}
                Redelivery::Redelivered { seq } if !elsewhere => {
                    turn.counts.push(Counter::Repeated(Repeat::Redelivered));
                    let level = self.settings.ack_level;
                    acknowledge_again(
                        conversation,
                        message.id,
                        seq,
                        &frame.link.outbox,
                        level,
                        turn,
                    );
                    return true;
                }
                Redelivery::Redelivered { .. } | Redelivery::Conflict { .. } => {
                    let text = "this id was used for another message";
                    let outbox = &frame.link.outbox;
                    refuse(turn, outbox, frame.frame, ErrorCode::Conflict, text);
                    return true;
                }
            }
        }
        let CustomerRef { shop, id: customer } = &frame.profile.customer;
        let gone = DeliveryId::of_customer(shop, customer, message.id);
        if self.was_delivered(now, gone) {
            turn.counts.push(Counter::Repeated(Repeat::Redelivered));
            let text = "this message was taken before, its conversation is not kept any more";
            refuse(turn, &frame.link.outbox, frame.frame, ErrorCode::Conflict, text);
            return true;
        }
        false
    }

    /// The conversation that a message goes to, begun if need be, and why that one.
    fn target(
        &mut self,
        cause: Cause,
        frame: &FromCustomer,
        message: &Message,
        theirs: &[ConversationId],
        turn: &mut Turn,
    ) -> Result<(ConversationId, Matter), (ErrorCode, &'static str)> {
        let shop = self.shop(&frame.profile.customer.shop);
        let is_verified = frame.profile.verified.is_some();
        let matter = match (message.conversation, &shop) {
            (Some(named), _) if !theirs.contains(&named) => {
                return Err((ErrorCode::NotFound, "no such conversation"));
            }
            (Some(named), _) if self.conversations.get(&named).is_none_or(|it| it.is_closed()) => {
                return Err((ErrorCode::Conflict, "the conversation is closed"));
            }
            (Some(named), Some(shop)) => {
                self.named_matter(named, is_verified, (&message.text, shop))
            }
            (Some(named), None) => Matter::Open(named, None),
            (None, Some(shop)) => {
                self.matter(cause.now, theirs, is_verified, (&message.text, shop))
            }
            (None, None) => Matter::New,
        };
        if let Matter::Open(id, _) | Matter::Named(id) = matter {
            if self.conversations.get(&id).is_some_and(|conversation| self.is_full(conversation)) {
                return Err((ErrorCode::Conflict, FULL));
            }
            if message.conversation.is_none() {
                turn.counts.push(Counter::Repeated(Repeat::Joined));
            }
            return Ok((id, matter));
        }
        if shop.is_none() {
            return Err((ErrorCode::NotFound, "this shop is no longer served"));
        }
        if self.conversations.len() >= self.room_for(is_verified) {
            return Err((ErrorCode::Overloaded, "too many conversations"));
        }
        let profile = &frame.profile;
        let id = self.open(Opened {
            shop: profile.customer.shop.clone(),
            customer: profile.customer.id.clone(),
            verified: profile.verified.clone(),
            epoch: 1,
            at: cause.now,
            locale: profile.locale,
            time_zone: profile.time_zone.clone(),
            region: profile.region.clone(),
            value: profile.value,
        });
        Ok((id, matter))
    }

    /// Conversations beyond which none begins: the last eighth is kept for customers whom a shop vouched
    /// for, so that strangers cannot fill it.
    const fn room_for(&self, is_known: bool) -> usize {
        let all = self.settings.conversations_max;
        if is_known { all } else { all - all / 8 }
    }

    /// Keeps what the customer says of the machine's answer. Whom it did not help gets a person, with the
    /// place of the question.
    fn judge_answer(
        &mut self,
        cause: Cause,
        conversation: &mut Conversation,
        helpful: bool,
        turn: &mut Turn,
    ) {
        if conversation.found_helpful() != Some(helpful) {
            let mut step = Step::new(conversation, cause.now);
            step.event(EventKind::FoundHelpful { helpful });
            step.finish(turn);
            turn.counts.push(Counter::FoundHelpful(if helpful {
                Helpful::Yes
            } else {
                Helpful::No
            }));
        }
        if helpful {
            // Nothing more is to be said of it.
            for_many::leave(conversation, turn);
        } else {
            self.ask_for_person(cause, conversation, turn);
        }
    }

    fn ask_for_person(&mut self, cause: Cause, conversation: &mut Conversation, turn: &mut Turn) {
        let asked_before = conversation.asked_for_person;
        let is_in_care = !matches!(conversation.stage, Stage::Open | Stage::Ticketed);
        if conversation.is_closed() || (is_in_care && asked_before) {
            return;
        }
        let mut step = Step::new(conversation, cause.now);
        if !asked_before {
            step.fact(Fact::AskedForPerson);
        }
        let Some(shop) = self.shop(&step.conversation.opened.shop).filter(|_| !is_in_care) else {
            return step.finish(turn);
        };
        if let Some(place) = for_many::place_again(step.conversation, false) {
            return self.return_to(place, step, cause.at, turn);
        }
        let (skill, priority) = needs(step.conversation, &shop);
        let contact = self.contact(cause.now, step.conversation, skill, priority);
        step.fact(Fact::Waits(contact.clone()));
        step.finish(turn);
        turn.commands.push((Command::Arrive(contact), cause.at));
    }

    /// What the scheduler needs to know of a conversation that waits from the time of its first
    /// unanswered message.
    pub(super) fn contact(
        &self,
        now: Timestamp,
        conversation: &Conversation,
        skill: SkillId,
        priority: Priority,
    ) -> Contact {
        let asked_at = conversation.events.iter().find_map(|event| match event.kind {
            EventKind::Message { from: Sender::Customer, .. } => Some(event.at),
            _ => None,
        });
        // Who wants a person after a machine's answer waits since the question that it answered.
        let answered = conversation.machine_answered.filter(|_| conversation.asked_for_person);
        Contact {
            conversation: conversation.id,
            shop: conversation.opened.shop.clone(),
            language: conversation.language(),
            skill,
            region: conversation.opened.region.clone(),
            priority,
            arrived_at: answered.or(conversation.unanswered_since).or(asked_at).unwrap_or(now),
            hops: 0,
            only: None,
            last_seat: self.last_seat(now, conversation),
            approval: Approval::None,
        }
    }

    /// The seat that the customer spoke to last, in this conversation or in one that ended not
    /// too long ago.
    fn last_seat(&self, now: Timestamp, conversation: &Conversation) -> Option<SeatId> {
        let Opened { shop, customer, .. } = &conversation.opened;
        let sticky_for = self.shops.get(shop)?.rules.sticky_for;
        let customer = CustomerRef { shop: shop.clone(), id: customer.clone() };
        let earlier = self.customers.get(&customer).into_iter().flat_map(|c| &c.conversations);
        let earlier = earlier.rev().filter_map(|id| self.conversations.get(id));
        let spoke = |conversation: &Conversation| {
            let ended_at = conversation.events.last()?.at;
            let seat = conversation.seat_viewer.clone()?;
            (ended_at + sticky_for > now).then_some(seat)
        };
        spoke(conversation).or_else(|| earlier.map(Box::as_ref).find_map(spoke))
    }

    /// What a conversation would wait as now, whatever has been said in it so far.
    pub(super) fn contact_of(&self, now: Timestamp, conversation: &Conversation) -> Contact {
        if let Stage::Waiting(contact) = &conversation.stage {
            return (**contact).clone();
        }
        let (skill, priority) = match self.shop(&conversation.opened.shop) {
            Some(shop) => needs(conversation, &shop),
            None => (SkillId::from(GENERAL_SKILL), Priority::Normal),
        };
        if let Stage::Owned(owned) = &conversation.stage {
            let mut contact = owned.contact.clone();
            // Who writes on does not wait as a ticket if that owner is lost.
            if contact.priority == Priority::Ticket && conversation.has_written_to_owner() {
                contact.priority = priority;
            }
            return contact;
        }
        self.contact(now, conversation, skill, priority)
    }

    /// Ends a conversation: out of the queue, or its slot free.
    pub(super) fn close(
        &mut self,
        cause: Cause,
        conversation: &mut Conversation,
        by: By,
        turn: &mut Turn,
    ) {
        let id = conversation.id;
        let command = match &conversation.stage {
            Stage::Closed { .. } => return,
            Stage::Waiting(_) => {
                turn.counts.push(Counter::LeftQueue);
                Some(Command::Leave { conversation: id })
            }
            Stage::Owned(owned) => {
                let seat = owned.seat.clone();
                self.disown(conversation, &seat);
                Some(Command::Release { conversation: id })
            }
            Stage::Open | Stage::Ticketed => None,
        };
        for_many::leave(conversation, turn);
        let mut step = Step::new(conversation, cause.now);
        step.event(EventKind::Closed { by });
        step.finish(turn);
        turn.commands.extend(command.map(|command| (command, cause.at)));
        turn.counts.push(Counter::Outcome(match by {
            By::Customer => Outcome::ClosedByCustomer,
            By::Seat => Outcome::ClosedBySeat,
            By::Silence => Outcome::ClosedBySilence,
            By::Supervisor => Outcome::ClosedBySupervisor,
            By::Shop => Outcome::ClosedWithShop,
            By::Erasure => Outcome::ClosedByErasure,
        }));
    }

    pub(super) fn tell_seat(
        &self,
        conversation: &Conversation,
        frame: &ServerFrame<'_>,
        turn: &mut Turn,
    ) {
        if let Some(seat) = &conversation.seat_viewer {
            let links = self.seat_links(&conversation.opened.shop, seat);
            deliver(links, None, &encode(frame).into(), turn);
        }
    }
}

/// The skill and the priority that a conversation asks for, by what was understood of it so far.
/// What a conversation needs by what its customer said last.
pub(super) fn needs(conversation: &Conversation, shop: &Shop) -> (SkillId, Priority) {
    match &conversation.latest {
        Some(latest) => {
            let customer = conversation.known_customer();
            automate::needs(latest, &conversation.mood, customer, shop)
        }
        None => (SkillId::from(GENERAL_SKILL), Priority::Normal),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::domain::{CustomerId, CustomerKey, ShopId};
    use crate::flow::{CustomerRef, Envelope, Input, Link, Profile, Settings};

    #[test]
    fn a_frame_that_is_read_after_its_socket_is_gone_leaves_no_customer_behind() {
        let settings = Settings {
            ack_level: "durable",
            conversations_max: 1,
            messages_per_conversation_max: 1,
            resume_for: Duration::ZERO,
            greeting_wait: Duration::ZERO,
            lines_wait_max: Duration::ZERO,
            customer_silence_ask: Duration::ZERO,
            customer_silence_close: Duration::ZERO,
            email: None,
            joins_for: Duration::ZERO,
            dedup: crate::dedup::Settings::default(),
            delivered: crate::dedup::DeliveredLimits::default(),
        };
        let mut shard = Shard::new(settings, Arc::default(), 7);
        let customer = CustomerRef { shop: ShopId::from("demo"), id: CustomerId::from("ana") };
        let unknown = ConversationId::new(1, CustomerKey::of(&customer.shop, &customer.id), 1);
        let frame = FromCustomer {
            profile: Arc::new(Profile {
                customer,
                verified: None,
                locale: None,
                time_zone: None,
                region: None,
                value: crate::domain::CustomerValue::Normal,
            }),
            link: Link {
                outbox: Arc::new(crate::deliver::Outbox::new(1)),
                session: uuid::Uuid::nil(),
            },
            frame: None,
            act: CustomerAct::Send {
                id: MessageId::from_uuid(uuid::Uuid::nil()),
                conversation: Some(unknown),
                text: "hola".into(),
            },
        };

        let envelope = Envelope { caused_at: Instant::now(), input: Input::Customer(frame) };
        let mut turn = Turn::default();
        shard.handle(Timestamp::default(), envelope, &mut turn);

        assert!(shard.customers.is_empty());
        assert_eq!(turn.deliveries.len(), 1, "the error");
    }
}
