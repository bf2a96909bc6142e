//! Identifiers. Names from the configuration are shared strings; the rest are UUIDs.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Declares an identifier that is a name from the configuration: cheap to clone, ordered by text.
macro_rules! name_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as written in the configuration.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self(name.into())
            }
        }

        impl From<String> for $name {
            fn from(name: String) -> Self {
                Self(name.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

/// Declares an identifier that is a UUID.
macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID itself.
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
    };
}

name_id!(
    /// A tenant of the router: one shop with its seats, customers and settings.
    ShopId
);
name_id!(
    /// A human seat: the sign-in name, unique inside its shop.
    SeatId
);
name_id!(
    /// A skill that an intent asks for and a seat has.
    SkillId
);
name_id!(
    /// A sales region of a shop, such as `sea` or `latam`.
    RegionId
);
name_id!(
    /// A customer of one shop: the unguessable visitor handle, or a verified user id.
    CustomerId
);

uuid_id!(
    /// One conversation. Carries its customer's [`CustomerKey`], so that both have one owner.
    ConversationId
);
uuid_id!(
    /// A message, named by the client that sent it: a retry carries the same id.
    MessageId
);
uuid_id!(
    /// One offer of one conversation to one seat.
    OfferId
);

/// Sixteen bits that say which shard owns a customer and all of the customer's conversations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CustomerKey(u16);

impl CustomerKey {
    /// The key of a customer of a shop: the same in every run and on every machine.
    pub fn of(shop: &ShopId, customer: &CustomerId) -> Self {
        let crc = crc32c::crc32c(shop.as_str().as_bytes());
        let crc = crc32c::crc32c_append(crc, &[0]);
        let crc = crc32c::crc32c_append(crc, customer.as_str().as_bytes());
        Self((crc ^ (crc >> 16)) as u16)
    }

    /// The owner among `shards`.
    pub const fn shard(self, shards: usize) -> usize {
        self.0 as usize % shards
    }
}

impl ConversationId {
    /// A new id in version 7 layout: `millis` since the Unix epoch, the key, then `random` bits.
    pub fn new(millis: u64, key: CustomerKey, random: u64) -> Self {
        let mut bytes = [0u8; 10];
        bytes[..2].copy_from_slice(&((random >> 52) as u16).to_be_bytes());
        // The first two bits of byte 8 belong to the variant, so the key starts one byte later.
        bytes[2] = (random >> 44) as u8;
        bytes[3..5].copy_from_slice(&key.0.to_be_bytes());
        bytes[5..].copy_from_slice(&random.to_be_bytes()[3..]);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid())
    }

    /// The key that was given to [`Self::new`].
    pub fn customer_key(self) -> CustomerKey {
        let bytes = self.0.as_bytes();
        CustomerKey(u16::from_be_bytes([bytes[9], bytes[10]]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_is_owned_by_the_shard_of_its_customer() {
        for n in 0..1_000u64 {
            let customer = CustomerId::from(format!("visitor-{n}"));
            let key = CustomerKey::of(&ShopId::from("demo"), &customer);

            let id = ConversationId::new(1_700_000_000_000 + n, key, n.wrapping_mul(0x9e37_79b9));

            assert_eq!(id.customer_key(), key);
            assert_eq!(id.as_uuid().get_version_num(), 7);
        }
    }

    #[test]
    fn ids_with_other_random_bits_differ() {
        let key = CustomerKey(7);

        assert_ne!(ConversationId::new(5, key, 1), ConversationId::new(5, key, 2));
        assert_ne!(ConversationId::new(5, key, 1 << 63), ConversationId::new(5, key, 1 << 62));
    }
}
