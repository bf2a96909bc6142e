//! What follows from a message once it is understood: an answer, a seat, or nothing.

use std::sync::Arc;
use std::time::Instant;

use crate::automate::{self, Automated, WhySeat};
use crate::dedup::Freshness;
use crate::domain::{
    ConversationId, EventKind, Intent, Language, Sender, Timestamp, Understanding,
};
use crate::metrics::names::{Counter, Outcome, Repeat};
use crate::schedule::{Command, Contact};
use crate::understand::pii;

use super::conversation::{Conversation, Stage};
use super::fact::Fact;
use super::for_many;
use super::lines::Question;
use super::shard::Shard;
use super::step::Step;
use super::turn::{FirstResponse, ToUnderstand, Turn};

/// How often a waiting conversation finds another place by what its customer says: each time costs
/// the scheduler a search, and one customer must not cost it more than others.
const NEED_CHANGES_MAX: u8 = 8;

/// A message that came back from the model.
#[derive(Debug)]
pub struct Understood {
    /// Where.
    pub conversation: ConversationId,
    /// Its number.
    pub seq: u64,
    /// What was read out of it; `None` when the model failed or took too long.
    pub understanding: Option<Understanding>,
    /// When its frame arrived.
    pub caused_at: Instant,
}

impl Shard {
    /// A message for the model, whether it has just come or was left unread by a stop: a customer's with
    /// the lines before it, a seat's with what the seat writes. `None` when `seq` is no message.
    pub(super) fn to_understand(
        &self,
        conversation: &Conversation,
        seq: u64,
        caused_at: Instant,
    ) -> Option<ToUnderstand> {
        let EventKind::Message { from, text, .. } = &conversation.event(seq)?.kind else {
            return None;
        };
        let question = self.question(conversation, seq);
        let seat_writes = match from {
            Sender::Seat => self.seat_writes(conversation),
            Sender::Customer | Sender::Machine => None,
        };
        let previous = conversation.latest.as_ref().map(|latest| latest.language.label);
        Some(ToUnderstand {
            customer_of: (*from == Sender::Customer).then(|| conversation.opened.shop.clone()),
            conversation: conversation.id,
            seq,
            text: question.map_or_else(|| text.clone(), |question| question.text.into()),
            locale: seat_writes.or(conversation.opened.locale),
            previous: previous.filter(|_| seat_writes.is_none()),
            caused_at,
        })
    }

    /// Takes a message back from the model and decides what follows, or lets it wait behind a message
    /// of its conversation that the encoder looks at.
    pub fn understood(&mut self, now: Timestamp, message: Understood, turn: &mut Turn) {
        if let Some(message) = self.second_looks.behind(message) {
            self.act_on(now, message, turn);
        }
    }

    /// Decides what follows from a message.
    pub(super) fn act_on(&mut self, now: Timestamp, mut message: Understood, turn: &mut Turn) {
        let Some(mut conversation) = self.conversations.remove(&message.conversation) else {
            return;
        };
        if message.understanding.is_none() {
            turn.counts.push(Counter::NotUnderstood);
        }
        if conversation.opened.is_erased() {
            // It was read before its text went, and goes with it.
            message.understanding = None;
        }
        let question = self.question(&conversation, message.seq);
        let understanding = message.understanding.as_mut();
        if let Some((question, understanding)) = question.as_ref().zip(understanding) {
            // Earlier lines have been looked at.
            understanding.pii.retain_mut(|span| span.move_back(question.before_last));
        }
        let mut step = Step::new(&mut conversation, now);
        step.fact(Fact::Understood {
            seq: message.seq,
            understanding: message.understanding.clone(),
        });
        let from_seat = match step.conversation.event(message.seq).map(|event| &event.kind) {
            Some(EventKind::Message { from: Sender::Seat, text, .. }) => Some(text.clone()),
            _ => None,
        };
        match (question, from_seat) {
            (Some(question), _) => {
                self.want_phrases_for(step.conversation, turn);
                self.follow_up(now, &message, &question, step, turn);
            }
            (None, Some(text)) => self.seat_spoke(now, &message, &text, step, turn),
            (None, None) => step.finish(turn),
        }
        if matches!(conversation.stage, Stage::Owned(_)) {
            self.customer_spoke(now, &conversation, message.seq, turn);
        }
        self.conversations.insert(message.conversation, conversation);
    }

    fn follow_up(
        &mut self,
        now: Timestamp,
        message: &Understood,
        question: &Question,
        mut step: Step<'_>,
        turn: &mut Turn,
    ) {
        let text = &question.text[question.before_last..];
        if self.hear_address(now, (message, text), &mut step, turn) {
            return step.finish(turn);
        }
        let conversation = &mut *step.conversation;
        let id = conversation.id;
        let freshness = conversation.recent.check(now, message.seq, text, &self.settings.dedup);
        let said_again = matches!(freshness, Freshness::Repeat { .. });
        if said_again {
            turn.counts.push(Counter::Repeated(Repeat::SaidAgain));
        }
        match &conversation.stage {
            Stage::Owned(_) => {
                step.finish(turn);
                turn.commands
                    .push((Command::CustomerSpoke { conversation: id }, message.caused_at));
                return;
            }
            Stage::Waiting(contact) if !said_again => {
                let changed = self.changed_need(conversation, contact, message);
                // What the customer says now is no part of what many ask.
                for_many::part(&mut step, turn);
                return wait_for(changed, step, message, turn);
            }
            Stage::Waiting(_) | Stage::Closed { .. } => return step.finish(turn),
            // What a customer says again after a ticket is on the ticket already.
            Stage::Ticketed if said_again => return step.finish(turn),
            Stage::Open if conversation.aside.is_some() => {
                // What was not understood, or is of a shop that is gone, may say anything.
                let read = message.understanding.as_ref().zip(self.shop(&conversation.opened.shop));
                let is_only_thanks = read.is_some_and(|(read, shop)| {
                    automate::is_only_thanks(&question.text, read, &shop)
                });
                return match for_many::place_again(conversation, is_only_thanks) {
                    Some(place) => self.return_to(place, step, message.caused_at, turn),
                    None => step.finish(turn),
                };
            }
            // Nobody waits for an answer now: with what is said anew it is told again.
            Stage::Ticketed => for_many::leave(conversation, turn),
            Stage::Open if !conversation.machine_sources.is_empty() => {
                for_many::leave(conversation, turn);
            }
            Stage::Open => {}
        }
        let Some(shop) = self.shop(&conversation.opened.shop) else { return step.finish(turn) };
        // Nothing is sure, so that a person answers.
        let unknown = || Understanding::unknown(conversation.language());
        let understanding = message.understanding.clone().unwrap_or_else(unknown);
        // What an earlier line names is asked about as well.
        let understanding = Understanding { pii: pii::find(&question.text), ..understanding };
        let follows = self.what_follows(now, conversation, (question, &understanding), &shop);
        if let Some(step) = self.hold_back(now, (message, text), &follows, step, turn) {
            let language = understanding.language.label;
            self.carry_out(now, (follows, language), message.caused_at, step, turn);
        }
    }

    /// Does what follows from a question in `language`.
    pub(super) fn carry_out(
        &mut self,
        now: Timestamp,
        (follows, language): (Automated, Language),
        caused_at: Instant,
        mut step: Step<'_>,
        turn: &mut Turn,
    ) {
        if step.conversation.held_from.is_some() {
            step.fact(Fact::SaidAll);
        }
        match follows {
            Automated::Answer { text, source, .. } => {
                turn.counts.push(Counter::Outcome(Outcome::Machine));
                self.say(now, text.into(), language, &mut step, turn);
                step.event(EventKind::AnsweredByMachine { source });
                self.ask_answered(now, step.conversation, turn);
                step.finish(turn);
            }
            Automated::Asks { text } => {
                turn.counts.push(Counter::Outcome(Outcome::Asked));
                self.say(now, text.into(), language, &mut step, turn);
                step.finish(turn);
            }
            Automated::NeedsSeat { skill, priority, why } => {
                if why == WhySeat::AskedForPerson && !step.conversation.asked_for_person {
                    step.fact(Fact::AskedForPerson);
                }
                let contact = self.contact(now, step.conversation, skill, priority);
                self.needs_person(contact.clone(), &mut step);
                self.ask(step.conversation, &contact, turn);
                step.finish(turn);
                turn.commands.push((Command::Arrive(contact), caused_at));
            }
            Automated::Greeted => {
                self.set_alarm(step.conversation, now + self.settings.greeting_wait);
                step.finish(turn);
            }
            Automated::NoReply => step.finish(turn),
        }
    }

    /// What a conversation waits for from now on, when a later message of the customer has changed
    /// it. Only what the model is sure of counts, and a mood only ever raises the priority: nobody
    /// loses the place by a word of thanks. Who changes the subject again and again stays where the
    /// last change led: [`NEED_CHANGES_MAX`].
    fn changed_need(
        &self,
        conversation: &Conversation,
        contact: &Contact,
        message: &Understood,
    ) -> Option<Contact> {
        if conversation.need_changes >= NEED_CHANGES_MAX {
            return None;
        }
        let understanding = message.understanding.as_ref()?;
        let shop = self.shop(&conversation.opened.shop)?;
        let Understanding { language, intent, .. } = understanding;
        let customer = conversation.known_customer();
        let (skill, priority) = automate::needs(understanding, &conversation.mood, customer, &shop);
        let mut changed = contact.clone();
        let is_topic = !matches!(
            intent.label,
            Intent::Greeting | Intent::ThanksBye | Intent::TalkToHuman | Intent::Other
        );
        if is_topic && intent.confidence >= shop.answering.threshold(intent.label) {
            changed.set_skill(skill);
        }
        if language.confidence >= shop.answering.language_confidence {
            changed.language = language.label;
        }
        changed.priority = changed.priority.max(priority);
        (changed != *contact).then_some(changed)
    }

    /// Lets the machine say something to the customer.
    pub(super) fn say(
        &mut self,
        now: Timestamp,
        text: Arc<str>,
        language: Language,
        step: &mut Step<'_>,
        turn: &mut Turn,
    ) {
        note_first_response(now, step.conversation, turn);
        self.machine_says(now, &text, language, step, turn);
        self.answer_by_email(now, step.conversation.seq(), (Sender::Machine, &text), step, turn);
    }
}

/// The machine answers: notes after how long, if nobody has before.
pub(super) fn note_first_response(now: Timestamp, conversation: &Conversation, turn: &mut Turn) {
    if !conversation.had_first_response
        && let Some(asked_at) = conversation.unanswered_since
    {
        let waited_ms = u64::try_from(now.since(asked_at).as_millis()).unwrap_or(u64::MAX);
        turn.first_responses.push((FirstResponse::Machine, waited_ms));
    }
}

/// Ends a step, after which the conversation waits for something else if that has changed.
fn wait_for(changed: Option<Contact>, mut step: Step<'_>, message: &Understood, turn: &mut Turn) {
    let Some(contact) = changed else { return step.finish(turn) };
    step.fact(Fact::Waits(contact.clone()));
    step.finish(turn);
    turn.commands.push((Command::Arrive(contact), message.caused_at));
}
