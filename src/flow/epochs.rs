//! New epochs for a journal that lost its end: what clients hold of it may never have happened.

use std::collections::BTreeMap;

use crate::domain::{ConversationId, Timestamp};

use super::conversation::Conversation;
use super::fact::{Fact, Opened, Record};

/// The epoch that begins at `at` behind one of which `known` is the last that is known of. It may have
/// been followed by others that were lost with the rest, or that a restored backup knows nothing of, so
/// counting on would give one of them again: it is the second in which it begins.
pub fn epoch_after(known: u32, at: Timestamp) -> u32 {
    let second = u32::try_from(at.as_millis() / 1000).unwrap_or(u32::MAX);
    known.saturating_add(1).max(second)
}

/// The epoch of every conversation in a journal.
#[derive(Debug, Default)]
pub struct Epochs(BTreeMap<ConversationId, u32>);

impl Epochs {
    /// Takes a conversation of a snapshot.
    pub fn note_kept(&mut self, conversation: &Conversation) {
        let known = self.0.entry(conversation.id).or_default();
        *known = (*known).max(conversation.epoch);
    }

    /// Takes the next record of the journal.
    pub fn note(&mut self, record: &Record) {
        for fact in &record.facts {
            match fact {
                Fact::Opened(Opened { epoch, .. }) | Fact::Epoch(epoch) => {
                    let known = self.0.entry(record.conversation).or_default();
                    *known = (*known).max(*epoch);
                }
                _ => {}
            }
        }
    }

    /// Conversations that were noted.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Records that begin the next epoch of each at `at`.
    pub fn next(&self, at: Timestamp) -> impl Iterator<Item = Record> + '_ {
        self.0.iter().map(move |(conversation, epoch)| Record {
            conversation: *conversation,
            facts: vec![Fact::Epoch(epoch_after(*epoch, at))],
        })
    }
}
