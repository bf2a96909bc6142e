//! Tells messages that say something new from those that say it again.
//!
//! Two different things, never mixed: the same message delivered twice ([`Seen`] in its conversation,
//! [`Delivered`] for a channel of a shop, both by its exact id), and a customer who repeats himself while
//! he waits ([`Recent`], by what he wrote). Conversations of different customers are never compared
//! here; `incidents` does that.
//!
//! **In**: a message of one customer in one conversation, its id, its text and the time.
//!
//! **Out**: whether it is fresh, a redelivery with the number it had, a conflict, or a repeat of an
//! earlier message.
//!
//! **Invariants**: messages that name different numbers are never repeats of each other. A repeat
//! always points to a fresh message that nobody has answered yet. The same calls give the same
//! results on every machine.
//!
//! **Bounds**: [`Seen`] holds [`SEEN_MAX`] ids of 32 bytes, and 4 bytes of each message of its conversation, of which
//! there are at most `flow.messages_per_conversation_max`; [`Delivered`] as many and for as long as
//! [`DeliveredLimits`] says; [`Recent`] holds [`RECENT_MAX`] texts of
//! at most [`TEXT_BYTES_MAX`] bytes, and nothing once they were answered.

mod delivered;
mod normalise;
mod recent;
mod seen;

pub use delivered::{Channel, Delivered, DeliveredLimits, DeliveryId, OneDelivery};
pub use normalise::normalise;
pub use recent::{Freshness, RECENT_MAX, Recent, Settings, TEXT_BYTES_MAX};
pub use seen::{Delivery, SEEN_MAX, Seen};
