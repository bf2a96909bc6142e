//! Calls of shops' own systems: each is tried until it is answered, always under the same id.

mod calls;
mod line;
mod task;

pub use task::Messenger;
