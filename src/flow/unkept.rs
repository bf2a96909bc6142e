//! What is known in memory and not on disk yet, while the disk refuses: readers do not get it.

use ahash::AHashMap;

use crate::domain::ConversationId;

use super::fact::{Fact, Record};

/// The conversations that records not yet on disk belong to.
#[derive(Debug, Default)]
pub struct Unkept(AHashMap<ConversationId, u64>);

impl Unkept {
    /// What `records` would make durable. `was_held_back` says of a message whether it waited for its
    /// translation: nobody has been shown it before that is on disk, while what a customer said was shown
    /// long before it is translated for a seat.
    pub fn of(records: &[Record], was_held_back: impl Fn(ConversationId, u64) -> bool) -> Self {
        let mut kept = AHashMap::new();
        for record in records {
            let first_event = record.facts.iter().find_map(|fact| match fact {
                Fact::Event(event) => Some(event.seq),
                Fact::Translated { seq, .. } => {
                    was_held_back(record.conversation, *seq).then_some(*seq)
                }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Pair, Said, Translated, Untranslated};

    #[test]
    fn a_translation_that_is_not_on_disk_hides_a_message_only_where_it_waited_for_that() {
        let conversation = ConversationId::from_uuid(uuid::Uuid::from_u128(1));
        let pair = Pair { from: "es".parse().expect("one"), to: "th".parse().expect("one") };
        let said = Said::AsWritten(Untranslated::Late);
        let fact =
            |seq| Fact::Translated { seq, translated: Translated { pair, said: said.clone() } };
        let facts = [6, 9].map(fact);
        let records = facts.map(|fact| Record { conversation, facts: vec![fact] });

        let on_disk = |held: &[u64]| {
            let unkept = Unkept::of(&records, |_, seq| held.contains(&seq));
            assert!(unkept.concerns(conversation));
            unkept.on_disk(conversation)
        };

        assert_eq!(on_disk(&[6, 9]), 5);
        assert_eq!(on_disk(&[9]), 8, "the customer has been shown his message 6");
        assert_eq!(on_disk(&[]), u64::MAX);
    }
}
