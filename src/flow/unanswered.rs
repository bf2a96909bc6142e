//! Questions for which a person was needed and that an article could have answered, as far as their
//! conversations are kept. What is erased or let go of is none any more.

use tokio::sync::oneshot;

use crate::config::shop::ARTICLE_INTENTS;
use crate::domain::{ConversationId, EventKind, Sender, ShopId, Timestamp};

use super::conversation::Conversation;
use super::shard::Shard;

/// Conversations of one shop that a shard remembers for this; of more, the latest.
pub(super) const UNANSWERED_MAX: usize = 500;
/// Characters of a question that count: a longer one tells a story of its own.
pub const UNANSWERED_CHARS_MAX: usize = 500;

/// Somebody wants to know what was asked in vain.
#[derive(Debug)]
pub struct WantsUnanswered {
    /// In which shop.
    pub shop: ShopId,
    /// Gets them, the oldest first.
    pub reply: oneshot::Sender<Vec<UnansweredQuestion>>,
}

/// A question that a person had to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnansweredQuestion {
    /// When it was asked.
    pub at: Timestamp,
    /// As it was typed, all lines of it.
    pub text: String,
}

impl Conversation {
    /// Takes in that a person is needed from now on: whether an article could have answered.
    pub(super) fn person_is_needed(&mut self) {
        let Some(latest) = self.latest.as_ref().filter(|_| !self.asked_for_person) else { return };
        let asked =
            self.events.iter().rev().find(|event| {
                matches!(event.kind, EventKind::Message { from: Sender::Customer, .. })
            });
        if let Some(asked) = asked.filter(|_| ARTICLE_INTENTS.contains(&latest.intent.label)) {
            self.unanswered = Some(asked.seq);
        }
    }
}

impl Shard {
    /// Remembers a conversation if a person was needed where an article could have answered.
    pub(super) fn note_unanswered(&mut self, conversation: &Conversation) {
        if conversation.unanswered.is_none() {
            return;
        }
        let noted = self.unanswered.entry(conversation.opened.shop.clone()).or_default();
        if noted.contains(&conversation.id) {
            return;
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
        let seq = conversation.unanswered?;
        let text = self.question(conversation, seq)?.text;
        let text = text.chars().take(UNANSWERED_CHARS_MAX).collect();
        Some(UnansweredQuestion { at: conversation.event(seq)?.at, text })
    }
}
