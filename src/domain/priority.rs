//! How urgent a conversation is.

use serde::{Deserialize, Serialize};

/// Urgency of a conversation, least urgent first.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Waits its turn.
    #[default]
    Normal,
    /// Complaints, money trouble, angry customers.
    Raised,
    /// Customers whom the shop named as very important.
    Vip,
}

impl Priority {
    /// Every class, the lightest first.
    pub const ALL: [Self; 3] = [Self::Normal, Self::Raised, Self::Vip];

    /// How many times as fast as a normal one it gains on the others while it waits.
    pub const fn weight(self) -> u64 {
        match self {
            Self::Normal => 1,
            Self::Raised => 2,
            Self::Vip => 3,
        }
    }
}
