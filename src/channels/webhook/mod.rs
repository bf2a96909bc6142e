//! What a shop's own systems are told, and by what they know who tells it (Standard Webhooks 1.0).

mod payload;
mod signature;

pub use payload::{Told, payload, test_payload};
pub use signature::signature;
