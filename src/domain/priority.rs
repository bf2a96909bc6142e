//! How urgent a conversation is.

use serde::{Deserialize, Serialize};

/// Urgency of a conversation, least urgent first.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// A ticket that is worked off: nobody sits there and waits.
    Ticket,
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
    pub const ALL: [Self; 4] = [Self::Ticket, Self::Normal, Self::Raised, Self::Vip];

    /// How many times as fast as a normal one it gains on the others while it waits.
    pub const fn weight(self) -> u64 {
        match self {
            Self::Ticket | Self::Normal => 1,
            Self::Raised => 2,
            Self::Vip => 3,
        }
    }

    /// How much slower its clock runs than that of somebody who waits before a screen: one hour of a
    /// ticket counts as a second. So a live conversation goes before a ticket of last night as soon as
    /// it has waited a few seconds, which leaves its promise whole, and no ticket waits for ever.
    pub const fn slowness(self) -> u32 {
        match self {
            Self::Ticket => 3_600,
            Self::Normal | Self::Raised | Self::Vip => 1,
        }
    }
}
