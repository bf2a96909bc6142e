//! A change of one conversation: facts that are applied at once and written down together.

use crate::domain::{Event, EventKind, Timestamp};

use super::conversation::Conversation;
use super::effects::Errand;
use super::fact::{Fact, Record};
use super::turn::Turn;

/// A change that is being made.
pub struct Step<'a> {
    /// The conversation, with the facts so far applied.
    pub conversation: &'a mut Conversation,
    now: Timestamp,
    facts: Vec<Fact>,
}

impl<'a> Step<'a> {
    /// Begins a change at `now`.
    pub fn new(conversation: &'a mut Conversation, now: Timestamp) -> Self {
        Self { conversation, now, facts: Vec::new() }
    }

    /// Adds the next numbered event.
    pub fn event(&mut self, kind: EventKind) -> &mut Self {
        let event = Event { seq: self.conversation.seq() + 1, at: self.now, kind };
        self.fact(Fact::Event(event))
    }

    /// Adds a fact.
    pub fn fact(&mut self, fact: Fact) -> &mut Self {
        self.conversation.apply(&fact);
        self.facts.push(fact);
        self
    }

    /// Hands the change over to be written.
    pub fn finish(self, turn: &mut Turn) {
        let conversation = self.conversation.id;
        turn.touched.push(conversation);
        // What is wanted begins once it is durable.
        turn.errands.extend(self.facts.iter().filter_map(|fact| match fact {
            Fact::Wanted(effect) => Some(Errand {
                shop: self.conversation.opened.shop.clone(),
                conversation,
                effect: effect.clone(),
                tries: 0,
                not_before: self.now,
                ending_at: None,
            }),
            _ => None,
        }));
        turn.records.push(Record { conversation, facts: self.facts });
    }
}
