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

/// Deliveries in one entry of a snapshot: some 200 KiB.
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
    /// so they are read from nothing else.
    pub(super) fn write_ids_let_go_of(&mut self, now: Timestamp, turn: &mut Turn) {
        let let_go_of = std::mem::take(&mut self.let_go_of);
        for theirs in let_go_of.chunk_by(|a, b| a.conversation == b.conversation) {
            let young = theirs.iter().filter(|delivery| self.delivered.knows(now, delivery.id));
            let facts: Vec<Fact> = young.copied().map(Fact::Delivered).collect();
            if !facts.is_empty() {
                turn.records.push(Record { conversation: theirs[0].conversation, facts });
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
