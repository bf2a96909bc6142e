//! Messages whose translation is on its way, each with the instant from which it is too late.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{ConversationId, Pair, Timestamp};

type Message = (ConversationId, u64);

/// What is awaited.
#[derive(Debug, Default)]
pub struct Awaited {
    messages: BTreeMap<Message, (Timestamp, Pair)>,
    deadlines: BTreeSet<(Timestamp, Message)>,
}

impl Awaited {
    /// Awaits the translation of a message.
    pub fn add(&mut self, until: Timestamp, conversation: ConversationId, seq: u64, pair: Pair) {
        let message = (conversation, seq);
        self.take(conversation, seq);
        self.messages.insert(message, (until, pair));
        self.deadlines.insert((until, message));
    }

    /// Whether that of a message is.
    pub fn has(&self, conversation: ConversationId, seq: u64) -> bool {
        self.messages.contains_key(&(conversation, seq))
    }

    /// How many are in a conversation.
    pub fn count(&self, conversation: ConversationId) -> usize {
        self.messages.range((conversation, 0)..=(conversation, u64::MAX)).count()
    }

    /// Awaits that of a message no longer; whether it was.
    pub fn take(&mut self, conversation: ConversationId, seq: u64) -> bool {
        let message = (conversation, seq);
        let Some((until, _)) = self.messages.remove(&message) else { return false };
        self.deadlines.remove(&(until, message));
        true
    }

    /// Awaits nothing of a conversation any more.
    pub fn forget(&mut self, conversation: ConversationId) {
        let all = self.messages.range((conversation, 0)..=(conversation, u64::MAX));
        let seqs: Vec<u64> = all.map(|((_, seq), _)| *seq).collect();
        for seq in seqs {
            self.take(conversation, seq);
        }
    }

    /// When the next one is too late.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.first().map(|(until, _)| *until)
    }

    /// Awaits one no longer that is too late.
    pub fn take_late(&mut self, now: Timestamp) -> Option<(ConversationId, u64, Pair)> {
        let (_, message) = self.deadlines.first().copied().filter(|(until, _)| *until <= now)?;
        self.deadlines.pop_first();
        let (_, pair) = self.messages.remove(&message)?;
        Some((message.0, message.1, pair))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::{CustomerId, CustomerKey, ShopId};

    #[test]
    fn what_came_or_is_forgotten_is_never_late() {
        let pair = Pair { from: "en".parse().expect("one"), to: "th".parse().expect("one") };
        let key = CustomerKey::of(&ShopId::from("demo"), &CustomerId::from("v"));
        let (one, other) = (ConversationId::new(1, key, 1), ConversationId::new(1, key, 2));
        let at = Timestamp::from_millis(5_000);
        let mut awaited = Awaited::default();
        for (conversation, seq) in [(one, 1), (one, 2), (other, 1), (other, 7)] {
            awaited.add(at + Duration::from_secs(seq), conversation, seq, pair);
        }
        assert_eq!(
            (awaited.count(one), awaited.next_deadline()),
            (2, Some(Timestamp::from_millis(6_000)))
        );

        assert!(awaited.take(one, 1) && !awaited.take(one, 1));
        awaited.forget(other);

        assert_eq!(awaited.take_late(at), None);
        assert_eq!(awaited.take_late(at + Duration::from_secs(2)), Some((one, 2, pair)));
        assert_eq!(
            (awaited.take_late(Timestamp::from_millis(u64::MAX / 2)), awaited.next_deadline()),
            (None, None)
        );
    }
}
