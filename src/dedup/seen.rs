//! The same message delivered again: by the id that its sender gave it.

use crate::domain::MessageId;

/// Ids that are at hand. A client resends what was not acknowledged, and it may have far fewer such
/// messages than this; the oldest ids go first, and are looked up in the conversation itself.
pub const SEEN_MAX: usize = 256;

/// Whether a message was delivered before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Its id is new.
    Fresh,
    /// It is here already, as number `seq` of the conversation.
    Redelivered {
        /// Number that it got.
        seq: u64,
    },
    /// Its id belongs to another text, number `seq` of the conversation.
    Conflict {
        /// Number of the message that has the id.
        seq: u64,
    },
}

/// The ids of a conversation's messages.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Oldest first from `oldest` on, once the list is full and runs in a circle.
    entries: Vec<Entry>,
    /// The last bits of every id that there was, side by side: nearly every message is new, and is known to
    /// be without a look at the entries, or at the conversation for those that had to go.
    marks: Vec<u32>,
    oldest: usize,
}

#[derive(Clone, Debug)]
struct Entry {
    id: MessageId,
    /// Check sum of the text: tells a retry from a client that uses an id twice.
    text_crc: u32,
    seq: u64,
}

impl Seen {
    /// Whether the message `id` with `text` is here already.
    pub fn check(&self, id: MessageId, text: &str) -> Delivery {
        let known = self.may_know(id);
        let entry = known.then(|| self.entries.iter().find(|entry| entry.id == id)).flatten();
        match entry {
            None => Delivery::Fresh,
            Some(entry) if entry.text_crc == text_crc(text) => {
                Delivery::Redelivered { seq: entry.seq }
            }
            Some(entry) => Delivery::Conflict { seq: entry.seq },
        }
    }

    /// Remembers a fresh message and the number it got.
    pub fn record(&mut self, id: MessageId, text: &str, seq: u64) {
        let entry = Entry { id, text_crc: text_crc(text), seq };
        if self.entries.len() < SEEN_MAX {
            // Most conversations are short: grow by few, not by doubling.
            if self.entries.len() == self.entries.capacity() {
                self.entries.reserve_exact(4);
                self.marks.reserve_exact(4);
            }
            self.entries.push(entry);
        } else {
            self.entries[self.oldest] = entry;
            self.oldest = (self.oldest + 1) % SEEN_MAX;
        }
        self.marks.push(mark(id));
    }

    /// Whether a message with this id may have been here; never no of one that was, also of those whose
    /// entries had to go.
    pub fn may_know(&self, id: MessageId) -> bool {
        let mark = mark(id);
        // Without an early end, so that many marks are compared at a time.
        self.marks.iter().fold(false, |known, other| known | (*other == mark))
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>() + self.marks.capacity() * size_of::<u32>()
    }
}

/// The bits of an id that are random in every version of UUID that clients use.
fn mark(id: MessageId) -> u32 {
    id.as_uuid().as_u128() as u32
}

fn text_crc(text: &str) -> u32 {
    crc32c::crc32c(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u128) -> MessageId {
        MessageId::from_uuid(uuid::Uuid::from_u128(n))
    }

    #[test]
    fn the_same_id_gets_the_same_number_and_another_text_is_a_conflict() {
        let mut seen = Seen::default();
        seen.record(id(1), "where is my parcel", 3);

        assert_eq!(seen.check(id(1), "where is my parcel"), Delivery::Redelivered { seq: 3 });
        assert_eq!(seen.check(id(1), "where is my parcel?"), Delivery::Conflict { seq: 3 });
        assert_eq!(seen.check(id(2), "where is my parcel"), Delivery::Fresh);
    }

    #[test]
    fn a_full_memory_forgets_its_oldest_id_and_grows_by_a_mark_a_message_only() {
        let mut seen = Seen::default();
        for n in 0..3 * SEEN_MAX as u64 {
            seen.record(id(u128::from(n)), "hello", n);
        }

        let newest = 3 * SEEN_MAX as u64 - 1;
        let kept = newest - (SEEN_MAX as u64 - 1);
        assert_eq!(
            seen.check(id(u128::from(newest)), "hello"),
            Delivery::Redelivered { seq: newest }
        );
        assert_eq!(seen.check(id(u128::from(kept)), "hello"), Delivery::Redelivered { seq: kept });
        assert_eq!(seen.check(id(u128::from(kept - 1)), "hello"), Delivery::Fresh);
        assert!(seen.may_know(id(u128::from(kept - 1))) && seen.may_know(id(0)));
        assert!(!seen.may_know(id(u128::from(newest + 1))));
        // A list that has grown has room for twice as many at most.
        assert!(seen.heap_bytes() <= SEEN_MAX * 32 + 2 * 3 * SEEN_MAX * 4);
    }

    #[test]
    fn a_conversation_of_four_messages_takes_no_more_than_its_share() {
        let mut seen = Seen::default();
        for n in 0..4 {
            seen.record(id(n), "hello", n as u64);
        }

        assert!(size_of::<Seen>() + seen.heap_bytes() <= 200);
    }
}
