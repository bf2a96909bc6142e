//! A shop's own rules of routing, as its configuration says them.

use std::num::NonZeroU8;
use std::time::Duration;

/// The rules of one shop. The default is what a shop has that says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Slots that one chat uses.
    pub chat_slots: NonZeroU8,
    /// How long a slot stays in use after its conversation has ended, for the paperwork; zero for
    /// not at all.
    pub wrap_up: Duration,
    /// For how long the seat that a customer spoke to last is asked first; zero for never.
    pub sticky_for: Duration,
    /// How much of its shift that seat must have left.
    pub sticky_shift_left: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            chat_slots: NonZeroU8::MIN,
            wrap_up: Duration::ZERO,
            sticky_for: Duration::from_secs(24 * 3_600),
            // A conversation begun now should end before the seat goes home.
            sticky_shift_left: Duration::from_secs(15 * 60),
        }
    }
}
