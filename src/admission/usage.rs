//! What an address, or a shop, may use and uses: open connections, handshakes, messages.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::domain::Timestamp;

use super::rate::{Rate, SharedBucket};

/// What may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Open connections.
    pub connections_max: usize,
    /// Connections, sign-ins and upgrades.
    pub handshakes: Rate,
    /// Messages.
    pub messages: Rate,
}

/// What is used of an allowance.
#[derive(Debug)]
pub struct Usage {
    connections_max: AtomicUsize,
    connections: AtomicUsize,
    handshakes: SharedBucket,
    messages: SharedBucket,
}

/// Leave to hold a connection; the place is free again when it is dropped.
#[derive(Debug)]
pub struct Place(Arc<Usage>);

impl Usage {
    /// Nothing is used yet.
    pub fn new(allowance: Allowance) -> Self {
        Self {
            connections_max: AtomicUsize::new(allowance.connections_max),
            connections: AtomicUsize::new(0),
            handshakes: SharedBucket::new(allowance.handshakes),
            messages: SharedBucket::new(allowance.messages),
        }
    }

    /// Takes a connection; `None` when there are as many as may be.
    pub fn place(self: &Arc<Self>) -> Option<Place> {
        let max = self.connections_max.load(Ordering::Relaxed);
        let one_more = |open: usize| (open < max).then_some(open + 1);
        let taken = self.connections.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        taken.ok().map(|_| Place(self.clone()))
    }

    /// From here on there may be so many connections; those that are open stay.
    pub fn set_connections_max(&self, max: usize) {
        self.connections_max.store(max, Ordering::Relaxed);
    }

    /// Counts a handshake.
    ///
    /// # Errors
    /// How long to wait when there were too many.
    pub fn handshake(&self, now: Timestamp) -> Result<(), Duration> {
        self.handshakes.take(now)
    }

    /// Counts a message.
    ///
    /// # Errors
    /// How long to wait when there were too many.
    pub fn message(&self, now: Timestamp) -> Result<(), Duration> {
        self.messages.take(now)
    }

    /// Whether nothing of the allowance of handshakes and messages is used up.
    pub(super) fn is_rested(&self, now: Timestamp) -> bool {
        self.handshakes.is_full(now) && self.messages.is_full(now)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn usage(connections_max: usize) -> Arc<Usage> {
        let rate = Rate::new(10, 2).expect("not zero");
        Arc::new(Usage::new(Allowance { connections_max, handshakes: rate, messages: rate }))
    }

    #[test]
    fn as_many_connections_are_held_as_may_be_and_a_place_that_is_left_is_free() {
        let usage = usage(2);
        let (first, second) = (usage.place(), usage.place());
        assert!(first.is_some() && second.is_some());
        assert!(usage.place().is_none());

        drop(first);
        assert!(usage.place().is_some_and(|third| {
            let is_full = usage.place().is_none();
            drop(third);
            is_full
        }));
        usage.set_connections_max(1);
        assert!(usage.place().is_none());
    }

    #[test]
    fn handshakes_come_in_bursts_and_then_at_their_rate_and_messages_are_counted_apart() {
        let usage = usage(1);
        assert_eq!((usage.handshake(NOW), usage.handshake(NOW)), (Ok(()), Ok(())));

        let wait = Duration::from_millis(100);
        assert_eq!(usage.handshake(NOW), Err(wait));
        assert_eq!(usage.handshake(NOW + wait), Ok(()));
        assert_eq!((usage.message(NOW), usage.message(NOW)), (Ok(()), Ok(())));
        assert_eq!(usage.message(NOW), Err(wait));
    }
}
