//! What channels have delivered, remembered by exact id beyond the life of a conversation: the same
//! again has no effect.

use serde::{Deserialize, Serialize};

use crate::dedup::{DeliveryId, OneDelivery};
use crate::domain::{EventKind, Sender, Timestamp};

use super::conversation::Conversation;
use super::fact::{Fact, Record};
use super::shard::Shard;
use super::step::Step;
use super::turn::Turn;

/// Deliveries in one entry of a snapshot, or one record of the journal: some 300 KiB, where a record may have
/// 1 MiB. A long conversation has more.
const PART_MAX: usize = 4096;

/// A part of what a shard remembers, as a snapshot keeps it.
#[derive(Debug, Serialize, Deserialize)]
pub struct KeptDeliveries {
    /// Deliveries, the oldest first.
    pub delivered: Vec<OneDelivery>,
}

impl Shard {
    /// Whether a channel delivered this before.
    pub(super) fn was_delivered(&self, now: Timestamp, id: DeliveryId) -> bool {
        self.delivered.knows(now, id)
    }

    /// Takes in that a channel delivered something.
    pub fn note_delivery(&mut self, delivery: OneDelivery) {
        self.delivered.record(delivery);
    }

    /// Writes down that something was delivered, beside what it brings about.
    pub(super) fn write_delivery(&mut self, now: Timestamp, id: DeliveryId, step: &mut Step<'_>) {
        let delivery = OneDelivery { id, at: now, conversation: step.conversation.id };
        step.fact(Fact::Delivered(delivery));
        self.delivered.record(delivery);
    }

    /// Remembers the ids of a conversation that is let go of. What was erased leaves nothing.
    pub(super) fn remember_ids_of(&mut self, conversation: &Conversation) {
        let Conversation { id: conversation_id, opened, events, .. } = conversation;
        if opened.is_erased() {
            return;
        }
        for event in events {
            if let EventKind::Message { from: Sender::Customer, id, .. } = &event.kind {
                let delivery = OneDelivery {
                    id: DeliveryId::of_customer(&opened.shop, &opened.customer, *id),
                    at: event.at,
                    conversation: *conversation_id,
                };
                self.delivered.record(delivery);
                self.let_go_of.push(delivery);
            }
        }
    }

    /// Writes down the ids of what was let go of, those that are still remembered: its key is destroyed,
    /// so they are read from nothing else. None needs another, so they need not stand in one record.
    pub(super) fn write_ids_let_go_of(&mut self, now: Timestamp, turn: &mut Turn) {
        let let_go_of = std::mem::take(&mut self.let_go_of);
        for theirs in let_go_of.chunk_by(|a, b| a.conversation == b.conversation) {
            let is_young = |delivery: &&OneDelivery| self.delivered.knows(now, delivery.id);
            let young: Vec<OneDelivery> = theirs.iter().filter(is_young).copied().collect();
            for part in young.chunks(PART_MAX) {
                let facts = part.iter().copied().map(Fact::Delivered).collect();
                turn.records.push(Record { conversation: part[0].conversation, facts });
            }
        }
    }

    /// All that it remembers, as a snapshot keeps it. A snapshot that has it before a conversation would
    /// lose what came between the two.
    pub fn keep_deliveries(&self) -> Vec<Vec<u8>> {
        let all: Vec<OneDelivery> = self.delivered.all().collect();
        let encode = |part: &[OneDelivery]| {
            rmp_serde::to_vec_named(&KeptDeliveries { delivered: part.to_vec() })
                .expect("deliveries hold only types that MessagePack has")
        };
        all.chunks(PART_MAX).map(encode).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::dedup::{self, DeliveredLimits};
    use crate::domain::{
        ConversationId, CustomerId, CustomerKey, CustomerValue, Event, MessageId, ShopId,
    };
    use crate::flow::{Opened, Settings};
    use crate::journal::PAYLOAD_BYTES_MAX;

    const NOW: Timestamp = Timestamp::from_millis(1_795_600_000_000);

    fn shard() -> Shard {
        let settings = Settings {
            ack_level: "durable",
            conversations_max: 1,
            messages_per_conversation_max: 100_000,
            resume_for: Duration::ZERO,
            greeting_wait: Duration::ZERO,
            lines_wait_max: Duration::ZERO,
            customer_silence_ask: Duration::ZERO,
            customer_silence_close: Duration::ZERO,
            email: None,
            joins_for: Duration::ZERO,
            dedup: dedup::Settings::default(),
            delivered: DeliveredLimits::default(),
        };
        Shard::new(settings, Arc::default(), 7)
    }

    #[test]
    fn the_ids_of_a_long_conversation_that_is_let_go_of_fit_into_records() {
        const MESSAGES: u64 = 20_000;
        let (shop, customer) = (ShopId::from("demo"), CustomerId::from("ana"));
        let message = |seq: u64| MessageId::from_uuid(uuid::Uuid::from_u128(seq.into()));
        let delivery = |seq| DeliveryId::of_customer(&shop, &customer, message(seq));
        let id = ConversationId::new(NOW.as_millis(), CustomerKey::of(&shop, &customer), 1);
        let opened = Opened {
            shop: shop.clone(),
            customer: customer.clone(),
            verified: None,
            epoch: 1,
            at: NOW,
            locale: None,
            time_zone: None,
            region: None,
            value: CustomerValue::Normal,
        };
        let mut conversation = Conversation::new(id, opened);
        conversation.events.extend((1..=MESSAGES).map(|seq| Event {
            seq,
            at: NOW,
            kind: EventKind::Message {
                from: Sender::Customer,
                id: message(seq),
                text: "where is it?".into(),
                language: None,
            },
        }));
        let (mut shard, mut turn) = (shard(), Turn::default());

        shard.remember_ids_of(&conversation);
        shard.write_ids_let_go_of(NOW, &mut turn);

        let mut restarted = self::shard();
        for record in &turn.records {
            assert!(record.encode().len() <= PAYLOAD_BYTES_MAX / 2, "{}", record.facts.len());
            assert!(restarted.restore(record));
        }
        assert!((1..=MESSAGES).all(|seq| restarted.was_delivered(NOW, delivery(seq))));
    }
}
