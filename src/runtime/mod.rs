//! What stages need from the machine, as small owned parts: a clock and an inbox.

mod clock;
mod inbox;

pub use clock::Clock;
pub use inbox::{Full, Inbox};
