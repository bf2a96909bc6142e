//! What a shop says of a customer.

use serde::{Deserialize, Serialize};

/// How much a customer is worth to the shop, by the shop's own signed word; the least first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CustomerValue {
    /// As anybody.
    #[default]
    Normal,
    /// Goes before others in the same mood.
    High,
    /// Goes before all others.
    Vip,
}
