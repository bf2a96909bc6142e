//! Questions that many ask, in the conversations of those who ask them: what the owner of incidents is
//! told, and how its answer comes in and is taken back.

use std::time::Instant;

use crate::automate;
use crate::domain::{ConversationId, Event, EventKind, Priority, Sender, ShopId, Timestamp};
use crate::metrics::names::Counter;
use crate::schedule::{Approval, Command, Contact};
use crate::understand::pii;

use super::conversation::{Conversation, Stage};
use super::customer::needs;
use super::fact::{Fact, Noted};
use super::incidents::{Asks, Report};
use super::input::ForMany;
use super::lines::is_from_customer;
use super::shard::{Cause, Shard};
use super::step::Step;
use super::ticket::{is_only_address, says_only_address};
use super::translated::with_original;
use super::turn::{FirstResponse, Turn};

/// How often a customer says something before a conversation is a matter of its own.
const TURNS_MAX: usize = 3;
/// Messages of which that may consist.
const LINES_MAX: usize = 12;

impl Shard {
    /// Gives a customer the answer that a seat has written for everybody who asks the same. The place in
    /// the queue is kept, or the turn of a ticket, for a customer to whom it is no answer. Who does not wait
    /// any more, has said something since a machine has answered, or has it already, gets nothing: so it comes
    /// once, whatever is told twice.
    pub(super) fn answered_for_many(&mut self, cause: Cause, answer: ForMany, turn: &mut Turn) {
        let ForMany { conversation: id, incident, seat, text, language, translated, by } = answer;
        let Some(mut conversation) = self.conversations.remove(&id) else { return };
        let Some(place) = self.place_for_answer(cause.now, &conversation) else {
            self.conversations.insert(id, conversation);
            return;
        };
        let waits = matches!(conversation.stage, Stage::Waiting(_));
        let message = self.message_id(cause.now);
        if !conversation.had_first_response
            && let Some(asked_at) = conversation.unanswered_since
        {
            let waited = cause.now.since(asked_at).as_millis();
            let waited_ms = u64::try_from(waited).unwrap_or(u64::MAX);
            turn.first_responses.push((FirstResponse::Person, waited_ms));
        }
        let mut step = Step::new(&mut conversation, cause.now);
        let from = Sender::Machine;
        let mut letter = text.clone();
        step.event(EventKind::Message { from, id: message, text, language: Some(language) });
        let seq = step.conversation.seq();
        if let Some(translated) = translated {
            letter = with_original(&translated, &letter);
            step.fact(Fact::Translated { seq, translated });
        }
        self.answer_by_email(cause.now, seq, (from, &letter), &mut step, turn);
        step.event(EventKind::AnsweredByMachine { source: format!("incident/{incident}").into() });
        let evidence = format!("Answered for all of incident {incident}. It belongs by: {by}.");
        step.fact(Fact::Noted(Noted { at: cause.now, seat, text: evidence.into() }));
        step.fact(Fact::Aside(place));
        step.finish(turn);
        turn.counts.push(Counter::AnsweredForMany);
        if waits {
            turn.commands.push((Command::Leave { conversation: id }, cause.at));
        }
        self.conversations.insert(id, conversation);
    }

    /// Where a conversation stands that is to get an answer for many; `None` when it is to get none.
    fn place_for_answer(&self, now: Timestamp, conversation: &Conversation) -> Option<Contact> {
        match &conversation.stage {
            _ if self.is_full(conversation) || conversation.is_of_its_own => None,
            // Where nobody would hear it, a ticket keeps its turn, and with it somebody who looks.
            Stage::Waiting(contact) if contact.priority == Priority::Ticket => {
                let hears = self.can_be_told(conversation);
                hears.then(|| held_anew((**contact).clone()))
            }
            Stage::Waiting(contact) => Some(held_anew((**contact).clone())),
            Stage::Ticketed if self.can_be_told(conversation) => {
                let contact = self.contact_of(now, conversation);
                Some(Contact { priority: Priority::Ticket, ..contact })
            }
            Stage::Open if is_answered_by_machine(conversation) => {
                Some(self.contact_of(now, conversation))
            }
            _ => None,
        }
    }

    /// Tells the owner of incidents again, after a restart, what a conversation asks that waits or has a machine's
    /// answer.
    pub(super) fn ask_again(&self, now: Timestamp, conversation: &Conversation, turn: &mut Turn) {
        let waits = matches!(conversation.stage, Stage::Waiting(_) | Stage::Ticketed);
        if waits || is_answered_by_machine(conversation) {
            let contact = self.contact_of(now, conversation);
            let asks = self.asks(conversation, &contact);
            turn.incidents.extend(asks.map(Report::AsksStill));
        }
    }

    /// Tells the owner of incidents what a machine has just answered: by what is always true, while more may be
    /// known of what many ask.
    pub(super) fn ask_answered(
        &self,
        now: Timestamp,
        conversation: &Conversation,
        turn: &mut Turn,
    ) {
        if is_answered_by_machine(conversation) {
            let contact = self.contact_of(now, conversation);
            self.ask(conversation, &contact, turn);
        }
    }

    /// Tells the owner of incidents what a conversation asks that begins to wait.
    pub(super) fn ask(&self, conversation: &Conversation, contact: &Contact, turn: &mut Turn) {
        turn.incidents.extend(self.asks(conversation, contact).map(Report::Asks));
    }

    /// What a conversation asks, if it may be what many ask. An address to write to is no part of it.
    fn asks(&self, conversation: &Conversation, contact: &Contact) -> Option<Asks> {
        let shop = &conversation.opened.shop;
        let is_address = |event: &Event| match &event.kind {
            EventKind::Message { text, .. } if is_only_address(text) => {
                !self.is_letter(shop, event) || says_only_address(text, &pii::find(text))
            }
            _ => false,
        };
        let events = || conversation.events.iter().filter(|event| !is_address(event));
        let lines = events().filter(|event| is_from_customer(event)).take(LINES_MAX + 1);
        let lines: Vec<&Event> = lines.collect();
        let is_long = lines.len() > LINES_MAX || self.turns(events()) > TURNS_MAX;
        // Who has had an owner has somebody who knows what it is about.
        let is_first = !conversation.had_first_response || is_answered_by_machine(conversation);
        let had_owner = conversation.last_fence > 0 || !is_first;
        let has_place = contact.only.is_none() && contact.hops == 0;
        if conversation.is_of_its_own || is_long || had_owner || !has_place {
            return None;
        }
        Some(Asks {
            shop: shop.clone(),
            conversation: conversation.id,
            customer: conversation.opened.customer.clone(),
            asked_at: contact.arrived_at,
            language: conversation.language(),
            text: automate::joined(&lines).into(),
            needs_person: conversation.asked_for_person || self.is_special(conversation),
            waits: !matches!(conversation.stage, Stage::Open),
        })
    }

    /// Whether a customer is a VIP, or surely complains or is about to leave. The place in the queue does not tell: a ticket
    /// has that of tickets, and reports of incidents are urgent as a rule.
    fn is_special(&self, conversation: &Conversation) -> bool {
        self.shop(&conversation.opened.shop).is_some_and(|shop| {
            let urgency = conversation.mood.urgency(&shop.priorities);
            let (_, priority) = needs(conversation, &shop);
            urgency.needs_person || priority == Priority::Vip
        })
    }

    /// Notes that a seat has said of a conversation of its shop that it is none of those that an incident is
    /// about.
    pub(super) fn was_wrong(
        &mut self,
        now: Timestamp,
        shop: &ShopId,
        id: ConversationId,
        turn: &mut Turn,
    ) {
        let Some(conversation) = self.conversations.get_mut(&id) else { return };
        let is_theirs = conversation.opened.shop == *shop;
        if !is_theirs || conversation.is_closed() || conversation.is_of_its_own {
            return;
        }
        let mut step = Step::new(conversation, now);
        step.fact(Fact::OfItsOwn);
        step.finish(turn);
    }

    /// Puts a conversation back where it stood.
    pub(super) fn return_to(
        &mut self,
        place: Contact,
        mut step: Step<'_>,
        caused_at: Instant,
        turn: &mut Turn,
    ) {
        let (shop, conversation) = (place.shop.clone(), place.conversation);
        self.needs_person(place.clone(), &mut step);
        step.finish(turn);
        turn.incidents.push(Report::Returned(shop, conversation));
        turn.commands.push((Command::Arrive(place), caused_at));
    }
}

/// Whether a machine has answered the one thing that was asked, by what is true for everybody, and the customer
/// has said nothing since, nor that it helped.
fn is_answered_by_machine(conversation: &Conversation) -> bool {
    let is_last_said = matches!(conversation.stage, Stage::Open)
        && conversation.aside.is_none()
        && conversation.unanswered_since.is_none();
    let is_for_everybody = match conversation.machine_sources.as_slice() {
        [source] => automate::is_for_everybody(source),
        _ => false,
    };
    is_last_said && is_for_everybody && conversation.found_helpful() != Some(true)
}

/// Tells the owner of incidents that a conversation is a matter of its own from now on.
pub(super) fn leave(conversation: &Conversation, turn: &mut Turn) {
    turn.incidents.push(Report::Left(conversation.opened.shop.clone(), conversation.id));
}

/// As [`leave`], for a conversation that goes on waiting, and for good: a restart does not tell it again.
pub(super) fn part(step: &mut Step<'_>, turn: &mut Turn) {
    leave(step.conversation, turn);
    if !step.conversation.is_of_its_own {
        step.fact(Fact::OfItsOwn);
    }
}

/// The place of who was held for approval and leaves the queue: the hold begins anew when he is back, since
/// no supervisor could have looked meanwhile.
fn held_anew(place: Contact) -> Contact {
    let approval = match place.approval {
        Approval::Held { .. } => Approval::None,
        other => other,
    };
    Contact { approval, ..place }
}

/// Where a conversation stood when it was answered for many, unless its customer has only thanked for that.
pub(super) fn place_again(conversation: &Conversation, is_only_thanks: bool) -> Option<Contact> {
    conversation.aside.as_deref().filter(|_| !is_only_thanks).cloned()
}
