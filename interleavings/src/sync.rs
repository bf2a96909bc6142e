//! What the router's src/runtime/sync.rs gives, on shuttle.

pub use shuttle::sync::{atomic, mpsc};
pub use shuttle::thread;

pub use crate::stand_ins::{ArrayQueue, AtomicWaker, SegQueue};
