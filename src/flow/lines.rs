//! Several short lines that are one question, in the flow: they are read together, and what follows
//! from them may wait for the next one.

use std::time::Duration;

use smallvec::{SmallVec, smallvec};

use crate::automate::{self, AutomateInput, Automated, FromArticles, Unfinished, WhySeat};
use crate::config::shop::Shop;
use crate::domain::{Event, EventKind, Sender, Timestamp, Understanding};
use crate::understand::pii;

use super::conversation::Conversation;
use super::fact::Fact;
use super::shard::{Cause, Shard};
use super::step::Step;
use super::turn::Turn;
use super::understood::Understood;

/// When to look again while the model has not read the last line.
const UNREAD_PAUSE: Duration = Duration::from_millis(25);

/// What a customer said at last, as one question.
pub(super) struct Question {
    /// The number of its first line.
    pub first: u64,
    /// Its lines as one text.
    pub text: String,
    /// Bytes of it before the last line.
    pub before_last: usize,
    /// When the last line came.
    pub last_at: Timestamp,
    /// Whether the model has read it.
    pub is_read: bool,
}

impl Shard {
    /// The question that the customer's message `seq` ends; that message alone where lines are not
    /// waited for.
    pub(super) fn question(&self, conversation: &Conversation, seq: u64) -> Option<Question> {
        let events =
            &conversation.events[..usize::try_from(seq).ok()?.min(conversation.events.len())];
        let last = events.last()?;
        let EventKind::Message { from: Sender::Customer, text, language, .. } = &last.kind else {
            return None;
        };
        let lines: SmallVec<[&Event; 4]> = match self.settings.lines_wait_max.is_zero() {
            true => smallvec![last],
            false => automate::lines_of(events),
        };
        let joined = automate::joined(&lines);
        Some(Question {
            first: lines.first().map_or(seq, |event| event.seq),
            before_last: joined.len().saturating_sub(text.len()),
            text: joined,
            last_at: last.at,
            is_read: language.is_some(),
        })
    }

    /// How often the customer has begun to say something in these events.
    pub(super) fn turns<'a>(&self, events: impl Iterator<Item = &'a Event>) -> usize {
        match self.settings.lines_wait_max.is_zero() {
            true => events.filter(|event| is_from_customer(event)).count(),
            false => automate::turns(events),
        }
    }

    /// What follows from a question of which `read` was understood.
    pub(super) fn what_follows(
        &mut self,
        now: Timestamp,
        conversation: &Conversation,
        (question, read): (&Question, &Understanding),
        shop: &Shop,
    ) -> Automated {
        let text = question.text.as_str();
        let turns = self.turns(conversation.events.iter());
        let articles = match &self.library {
            Some(library) => library.look_up(shop, text, read, &mut self.scratch),
            None => FromArticles::Nothing,
        };
        // Nobody hears from one source twice, also not in the conversation that this one goes on from.
        let earlier = conversation.goes_on_from().and_then(|id| self.conversations.get(&id));
        let mut answered_from = conversation.machine_sources.clone();
        answered_from.extend(earlier.into_iter().flat_map(|it| it.machine_sources.iter().cloned()));
        // A word that asks for a person does so between other lines as well.
        let is_person_word = |line: &str| shop.knowledge.answers.is_person_word(line);
        let phrases = self.phrases_for_answer(conversation, shop, read.language.label);
        let input = AutomateInput {
            text,
            understanding: read,
            mood: &conversation.mood,
            customer: conversation.known_customer(),
            asked_for_person: conversation.asked_for_person || text.lines().any(is_person_word),
            customer_turns: u32::try_from(turns).unwrap_or(u32::MAX),
            machine_spoke: conversation.machine_spoke(),
            answered_from: &answered_from,
            articles: &articles,
            phrases: phrases.as_deref(),
        };
        let follows = automate::decide(&input, shop, now);
        let is_a_part = conversation.held_from.is_some_and(|seq| seq < question.first);
        if !is_a_part || matches!(follows, Automated::NeedsSeat { .. }) {
            return follows;
        }
        // What was said before these lines waits as well. Nobody reads it again: a machine that answers
        // the rest alone would let it go.
        let (customer, mood) = (conversation.known_customer(), &conversation.mood);
        let (skill, priority) = automate::needs(read, mood, customer, shop);
        Automated::NeedsSeat { skill, priority, why: WhySeat::NotReadTogether }
    }

    /// Lets what follows from message `seq` wait for another line, if it should; gives the step back
    /// when it should not.
    pub(super) fn hold_back<'a>(
        &mut self,
        now: Timestamp,
        (message, line): (&Understood, &str),
        follows: &Automated,
        mut step: Step<'a>,
        turn: &mut Turn,
    ) -> Option<Step<'a>> {
        if self.settings.lines_wait_max.is_zero() {
            return Some(step);
        }
        let conversation = &*step.conversation;
        let goes_on = conversation.in_flight.iter().any(|other| {
            other.seq > message.seq && conversation.event(other.seq).is_some_and(is_from_customer)
        });
        let at = conversation.event(message.seq).map_or(now, |event| event.at);
        let until = self.unfinished(conversation, follows, (line, at)).until();
        if until <= now && !goes_on {
            return Some(step);
        }
        step.fact(Fact::MayGoOn(message.seq));
        self.set_alarm(step.conversation, until.max(now + UNREAD_PAUSE));
        step.finish(turn);
        None
    }

    fn unfinished<'a>(
        &self,
        conversation: &Conversation,
        follows: &'a Automated,
        (line, last_at): (&'a str, Timestamp),
    ) -> Unfinished<'a> {
        let first = conversation.held_from.and_then(|seq| conversation.event(seq));
        Unfinished {
            follows,
            text: line,
            language: conversation.language(),
            first_at: first.map_or(last_at, |event| event.at),
            last_at,
            typed_at: conversation.typed_at,
            wait_max: self.settings.lines_wait_max,
        }
    }

    /// When what is held back comes about, and what; `None` when nothing is held back, or its shop is
    /// no longer served.
    pub(super) fn held_back(
        &mut self,
        now: Timestamp,
        conversation: &Conversation,
    ) -> Option<Held> {
        conversation.held_from?;
        let shop = self.shop(&conversation.opened.shop)?;
        let last = conversation.events.iter().rev().find(|event| is_from_customer(event))?;
        let question = self.question(conversation, last.seq)?;
        if conversation.in_flight.iter().any(|message| !message.understood) {
            return Some(Held { at: now + UNREAD_PAUSE, read: None, follows: Automated::NoReply });
        }
        let unknown = || Understanding::unknown(conversation.language());
        let read = conversation.latest.clone().filter(|_| question.is_read).unwrap_or_else(unknown);
        let read = Understanding { pii: pii::find(&question.text), ..read };
        let follows = self.what_follows(now, conversation, (&question, &read), &shop);
        let last = (&question.text[question.before_last..], question.last_at);
        let at = self.unfinished(conversation, &follows, last).until();
        Some(Held { at, read: Some(read), follows })
    }

    /// Lets come about what was held back, as the customer seems to have said all.
    pub(super) fn say_held_back(
        &mut self,
        Cause { now, at }: Cause,
        held: Held,
        conversation: &mut Conversation,
        turn: &mut Turn,
    ) {
        let Held { read: Some(read), follows, .. } = held else { return };
        let language = read.language.label;
        let step = Step::new(conversation, now);
        self.carry_out(now, (follows, language), at, step, turn);
    }
}

/// What is held back.
pub(super) struct Held {
    /// Until when.
    pub at: Timestamp,
    /// What was understood of it; `None` while the model has not read all of it.
    read: Option<Understanding>,
    /// What follows.
    follows: Automated,
}

pub(super) fn is_from_customer(event: &Event) -> bool {
    matches!(event.kind, EventKind::Message { from: Sender::Customer, .. })
}
