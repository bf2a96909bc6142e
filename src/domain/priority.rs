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
