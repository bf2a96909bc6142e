//! What is known in memory and not on disk yet, while the disk refuses: readers do not get it.

use ahash::AHashMap;

use crate::domain::ConversationId;

use super::fact::{Fact, Record};

/// The conversations that records not yet on disk belong to.
#[derive(Debug, Default)]
pub struct Unkept(AHashMap<ConversationId, u64>);

impl Unkept {
    /// What `records` would make durable.
    pub fn of(records: &[Record]) -> Self {
        let mut kept = AHashMap::new();
        for record in records {
            let first_event = record.facts.iter().find_map(|fact| match fact {
                Fact::Event(event) => Some(event.seq),
                Fact::Translated { seq, .. } => Some(*seq),
                _ => None,
            });
            let on_disk = first_event.map_or(u64::MAX, |seq| seq.saturating_sub(1));
            let entry = kept.entry(record.conversation).or_insert(u64::MAX);
            *entry = on_disk.min(*entry);
        }
        Self(kept)
    }

    /// Whether something of a conversation is not on disk.
    pub fn concerns(&self, conversation: ConversationId) -> bool {
        self.0.contains_key(&conversation)
    }

    /// The last number of a conversation that is on disk, as far as it is not its very last.
    pub fn on_disk(&self, conversation: ConversationId) -> u64 {
        self.0.get(&conversation).copied().unwrap_or(u64::MAX)
    }
}
