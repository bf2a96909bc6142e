//! The same message delivered again by its channel, however short its conversation is kept: by the
//! exact id that the channel gave it.

use std::collections::BTreeMap;
use std::time::Duration;

use ahash::AHashMap;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use crate::domain::{ConversationId, CustomerId, MessageId, ShopId, Timestamp};

/// What a message comes by. Ids of one are nothing to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// The socket of a customer, who makes the ids: those of one are nothing to another.
    Widget,
    /// Letters, by their Message-ID.
    Email,
}

impl Channel {
    /// Goes into ids that are on disk: never changed.
    const fn name(self) -> &'static str {
        match self {
            Self::Widget => "widget",
            Self::Email => "email",
        }
    }
}

/// One message of one channel of one shop: a hash, from which nobody reads the id, the sender or the
/// text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeliveryId(Uuid);

impl DeliveryId {
    /// What `channel` delivers to `shop` under `id`.
    pub fn of_channel(shop: &ShopId, channel: Channel, id: &[u8]) -> Self {
        Self::of(&[shop.as_str().as_bytes(), channel.name().as_bytes(), id])
    }

    /// What a customer's socket delivers under `id`.
    pub fn of_customer(shop: &ShopId, customer: &CustomerId, id: MessageId) -> Self {
        let channel = Channel::Widget.name().as_bytes();
        let (shop, customer) = (shop.as_str().as_bytes(), customer.as_str().as_bytes());
        Self::of(&[shop, channel, customer, id.as_uuid().as_bytes()])
    }

    fn of(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            // With its length, so that no two lists of parts run together to the same bytes.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let hash: [u8; 32] = hash.finalize().into();
        Self(Builder::from_custom_bytes(std::array::from_fn(|at| hash[at])).into_uuid())
    }
}

/// A message that was delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OneDelivery {
    /// Which.
    pub id: DeliveryId,
    /// When.
    pub at: Timestamp,
    /// Where it went, or whose it was.
    pub conversation: ConversationId,
}

/// How many ids are remembered, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveredLimits {
    /// Ids; of more, the oldest go first.
    pub ids_max: usize,
    /// How long each is remembered.
    pub kept_for: Duration,
}

impl Default for DeliveredLimits {
    fn default() -> Self {
        Self { ids_max: 500_000, kept_for: Duration::from_secs(24 * 3600) }
    }
}

/// The ids of what was delivered lately.
#[derive(Debug)]
pub struct Delivered {
    limits: DeliveredLimits,
    at: AHashMap<DeliveryId, Timestamp>,
    by_age: BTreeMap<(Timestamp, DeliveryId), ConversationId>,
}

impl Delivered {
    /// Remembers nothing yet.
    pub fn new(limits: DeliveredLimits) -> Self {
        Self { limits, at: AHashMap::new(), by_age: BTreeMap::new() }
    }

    /// Whether this was delivered before.
    pub fn knows(&self, now: Timestamp, id: DeliveryId) -> bool {
        self.at.get(&id).is_some_and(|at| now.since(*at) < self.limits.kept_for)
    }

    /// Remembers a delivery. What it knows already keeps its time.
    pub fn record(&mut self, delivery: OneDelivery) {
        let OneDelivery { id, at, conversation } = delivery;
        self.forget_before(at);
        if self.knows(at, id) {
            return;
        }
        if let Some(before) = self.at.insert(id, at) {
            self.by_age.remove(&(before, id));
        }
        self.by_age.insert((at, id), conversation);
        while self.by_age.len() > self.limits.ids_max {
            self.forget_oldest();
        }
    }

    /// Everything that it remembers, the oldest first.
    pub fn all(&self) -> impl Iterator<Item = OneDelivery> + '_ {
        self.by_age.iter().map(|(&(at, id), &conversation)| OneDelivery { id, at, conversation })
    }

    /// How many ids it remembers.
    pub fn len(&self) -> usize {
        self.by_age.len()
    }

    /// Whether it remembers none.
    pub fn is_empty(&self) -> bool {
        self.by_age.is_empty()
    }

    fn forget_before(&mut self, now: Timestamp) {
        while let Some((&(at, _), _)) = self.by_age.first_key_value()
            && now.since(at) >= self.limits.kept_for
        {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(((_, id), _)) = self.by_age.pop_first() {
            self.at.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::CustomerKey;

    const DAY: Duration = Duration::from_secs(24 * 3600);
    const START: Timestamp = Timestamp::from_millis(1_795_600_000_000);

    fn shop() -> ShopId {
        ShopId::from("demo")
    }

    fn letter(name: &str) -> DeliveryId {
        DeliveryId::of_channel(&shop(), Channel::Email, name.as_bytes())
    }

    fn delivery(name: &str, at: Timestamp) -> OneDelivery {
        let key = CustomerKey::of(&shop(), &CustomerId::from("ana"));
        OneDelivery { id: letter(name), at, conversation: ConversationId::new(1, key, 1) }
    }

    #[test]
    fn an_id_is_known_for_a_day_and_not_longer() {
        let mut delivered = Delivered::new(DeliveredLimits::default());
        delivered.record(delivery("one", START));

        let just_before = START + (DAY - Duration::from_millis(1));
        assert!(delivered.knows(just_before, letter("one")));
        assert!(!delivered.knows(START + DAY, letter("one")));
        assert!(!delivered.knows(START, letter("two")));
    }

    #[test]
    fn ids_of_another_shop_channel_or_customer_are_others() {
        let (ana, ben) = (CustomerId::from("ana"), CustomerId::from("ben"));
        let message = MessageId::from_uuid(Uuid::from_u128(7));
        let bytes = message.as_uuid().into_bytes();

        let all = [
            DeliveryId::of_channel(&shop(), Channel::Email, &bytes),
            DeliveryId::of_channel(&ShopId::from("other"), Channel::Email, &bytes),
            DeliveryId::of_channel(&shop(), Channel::Widget, &bytes),
            DeliveryId::of_customer(&shop(), &ana, message),
            DeliveryId::of_customer(&shop(), &ben, message),
            // The same letters, cut elsewhere.
            DeliveryId::of_channel(&ShopId::from("demoe"), Channel::Email, &bytes),
        ];

        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
    }

    #[test]
    fn what_comes_again_keeps_its_first_time() {
        let mut delivered = Delivered::new(DeliveredLimits::default());
        delivered.record(delivery("one", START));
        delivered.record(delivery("one", START + DAY / 2));

        assert_eq!(delivered.len(), 1);
        assert!(!delivered.knows(START + DAY, letter("one")));
    }

    #[test]
    fn a_full_memory_forgets_its_oldest_ids_and_an_old_one_goes_with_the_day() {
        let limits = DeliveredLimits { ids_max: 3, ..DeliveredLimits::default() };
        let mut delivered = Delivered::new(limits);
        // In any order, as a restart tells them.
        for (name, second) in [("c", 3), ("a", 1), ("d", 4), ("b", 2)] {
            delivered.record(delivery(name, START + Duration::from_secs(second)));
        }

        assert_eq!(delivered.len(), 3);
        assert!(!delivered.knows(START, letter("a")));
        assert!(["b", "c", "d"].iter().all(|name| delivered.knows(START, letter(name))));

        delivered.record(delivery("e", START + DAY + Duration::from_secs(3)));
        let left: Vec<_> = delivered.all().map(|it| it.id).collect();
        assert_eq!(left, [letter("d"), letter("e")]);
    }
}
