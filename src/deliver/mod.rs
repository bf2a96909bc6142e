//! Delivery: what leaves for a viewer, in order, and how much of it may wait.
//!
//! **In**: frames of one viewer, already in the order of their numbers.
//! **Out**: the same frames to the socket that owns the [`Outbox`].
//! **Invariants**: frames leave in the order they were put in; after a close nothing more leaves.
//! **Bounds**: bytes that wait for one reader ([`Outbox::new`]) and one frame more; beyond them the reader is cut off
//! with a *reconnect* code and resumes from the journal, so a slow reader costs its neighbours nothing.

mod outbox;

pub use outbox::{Frame, Outbox, Ready};
