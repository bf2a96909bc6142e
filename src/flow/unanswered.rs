//! Questions for which a person was needed and that an article could have answered, as far as their
//! conversations are kept. What is erased or let go of is none any more.

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::config::shop::ARTICLE_INTENTS;
use crate::domain::{ConversationId, Intent, Language, ShopId, Timestamp};
use crate::schedule::Contact;
use crate::understand::{mask, pii};

use super::conversation::{Conversation, Stage};
use super::fact::Fact;
use super::lines::is_from_customer;
use super::shard::Shard;
use super::step::Step;

/// Conversations of one shop that a shard remembers for this; of more, the latest.
pub(super) const UNANSWERED_MAX: usize = 500;
/// Characters of a question that count: a longer one tells a story of its own.
const UNANSWERED_CHARS_MAX: usize = 500;

/// Somebody wants to know what was asked in vain.
#[derive(Debug)]
pub struct WantsUnanswered {
    /// In which shop.
    pub shop: ShopId,
    /// Gets them, the oldest first.
    pub reply: oneshot::Sender<Vec<UnansweredQuestion>>,
}

/// A question that a person had to answer, as its conversation remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unanswered {
    /// The message that ends it.
    seq: u64,
    /// What it was taken for then.
    intent: Intent,
    /// The language that it was taken for.
    language: Language,
}

/// A question that a person had to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnansweredQuestion {
    /// When it was asked.
    pub at: Timestamp,
    /// As it was typed, all lines of it; for nobody to see, see [`shown`].
    pub text: String,
    /// What the conversation took it for: one of [`ARTICLE_INTENTS`].
    pub intent: Intent,
    /// In which language.
    pub language: Language,
}

/// A question as it may be shown: without personal data, and not longer than one that counts. It is cut
/// last, as half an address is not known for one.
pub fn shown(question: &str) -> String {
    mask(question, &pii::find(question)).chars().take(UNANSWERED_CHARS_MAX).collect()
}

impl Conversation {
    /// Takes in that a person is needed from now on: whether an article could have answered. Only what nobody
    /// has answered or taken on counts: what is said to a ticket or a seat is said to a person.
    pub(super) fn person_is_needed(&mut self) {
        let is_asked = self.unanswered_since.is_some() && !self.asked_for_person;
        if !matches!(self.stage, Stage::Open) || self.unanswered.is_some() || !is_asked {
            return;
        }
        let Some(latest) = &self.latest else { return };
        let (intent, language) = (latest.intent.label, latest.language.label);
        let asked = self.events.iter().rev().find(|event| is_from_customer(event));
        if let Some(asked) = asked.filter(|_| ARTICLE_INTENTS.contains(&intent)) {
            self.unanswered = Some(Unanswered { seq: asked.seq, intent, language });
        }
    }
}

impl Shard {
    /// Lets a conversation wait for a person from now on, and remembers it if that is news and an article
    /// could have answered.
    pub(super) fn needs_person(&mut self, contact: Contact, step: &mut Step<'_>) {
        let was_noted = step.conversation.unanswered.is_some();
        step.fact(Fact::Waits(contact));
        if !was_noted {
            self.note_unanswered(step.conversation);
        }
    }

    /// Remembers a conversation if a person was needed where an article could have answered.
    pub(super) fn note_unanswered(&mut self, conversation: &Conversation) {
        if conversation.unanswered.is_none() {
            return;
        }
        let Self { unanswered, conversations, .. } = self;
        let noted = unanswered.entry(conversation.opened.shop.clone()).or_default();
        if noted.len() == UNANSWERED_MAX {
            // What was let go of takes no place of one that is kept, as after a restart.
            noted.retain(|id| conversations.contains_key(id));
        }
        if noted.len() == UNANSWERED_MAX {
            noted.pop_front();
        }
        noted.push_back(conversation.id);
    }

    /// Tells what was asked in vain.
    pub(super) fn tell_unanswered(&self, wanted: WantsUnanswered) {
        let noted = self.unanswered.get(&wanted.shop).into_iter().flatten();
        let mut asked: Vec<_> = noted.filter_map(|id| self.unanswered_of(*id)).collect();
        asked.sort_by_key(|question| question.at);
        // Who asked may not want it any more.
        drop(wanted.reply.send(asked));
    }

    fn unanswered_of(&self, id: ConversationId) -> Option<UnansweredQuestion> {
        let conversation = self.conversations.get(&id).filter(|it| !it.opened.is_erased())?;
        let Unanswered { seq, intent, language } = conversation.unanswered?;
        let text = self.question(conversation, seq)?.text;
        Some(UnansweredQuestion { at: conversation.event(seq)?.at, text, intent, language })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_straddles_the_cut_is_not_shown_in_part() {
        for beside in UNANSWERED_CHARS_MAX - 30..UNANSWERED_CHARS_MAX + 5 {
            let question = format!("{} ana.lopez@example.com?", "x".repeat(beside));

            let shown = shown(&question);

            assert!(!shown.contains("ana"), "{shown}");
            assert!(shown.chars().count() <= UNANSWERED_CHARS_MAX);
        }
    }
}
