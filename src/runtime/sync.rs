//! What threads share, named in one place: `interleavings/` puts its own in the place of this file and
//! runs the code that uses it in one order of steps after another.

pub use std::sync::{atomic, mpsc};
pub use std::thread;

pub use crossbeam::queue::{ArrayQueue, SegQueue};
pub use futures_util::task::AtomicWaker;
