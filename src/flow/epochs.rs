//! New epochs for a journal that lost its end: what clients hold of it may never have happened.

use std::collections::BTreeSet;

use crate::domain::{ConversationId, Timestamp};

use super::conversation::Conversation;
use super::fact::{Fact, Opened, Record};

/// The epoch that every conversation begins at `at`, where `known` is the last of any that is known of.
/// It may have been followed by others that were lost with the rest, or that a restored backup knows
/// nothing of, so counting on would give one of them again: it is the second in which it begins. One for
/// all, so that what is left of the last one in any conversation says that it was there.
pub fn epoch_after(known: u32, at: Timestamp) -> u32 {
    let second = u32::try_from(at.as_millis() / 1000).unwrap_or(u32::MAX);
    known.saturating_add(1).max(second)
}

/// The conversations of a journal, and the last epoch of any.
#[derive(Debug, Default)]
pub struct Epochs {
    conversations: BTreeSet<ConversationId>,
    last: u32,
}

impl Epochs {
    /// Takes a conversation of a snapshot.
    pub fn note_kept(&mut self, conversation: &Conversation) {
        self.conversations.insert(conversation.id);
        self.last = self.last.max(conversation.epoch);
    }

    /// Takes the next record of the journal.
    pub fn note(&mut self, record: &Record) {
        for fact in &record.facts {
            match fact {
                Fact::Opened(Opened { epoch, .. }) | Fact::Epoch(epoch) => {
                    self.conversations.insert(record.conversation);
                    self.last = self.last.max(*epoch);
                }
                _ => {}
            }
        }
    }

    /// Conversations that were noted.
    pub fn len(&self) -> usize {
        self.conversations.len()
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.conversations.is_empty()
    }

    /// Records that begin the next epoch of each at `at`.
    pub fn next(&self, at: Timestamp) -> impl Iterator<Item = Record> + '_ {
        let epoch = epoch_after(self.last, at);
        self.conversations.iter().map(move |conversation| Record {
            conversation: *conversation,
            facts: vec![Fact::Epoch(epoch)],
        })
    }
}
