//! The one place that reads the time.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::domain::Timestamp;

/// Wall time at start plus monotonic time since: a step of the system clock changes no order and
/// fires no timer.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    wall_at_start: Timestamp,
    started: Instant,
}

impl Clock {
    /// A clock that is right now and stays steady.
    pub fn start() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = u64::try_from(wall.as_millis()).unwrap_or_default();
        Self { wall_at_start: Timestamp::from_millis(millis), started: Instant::now() }
    }

    /// The present instant.
    pub fn now(&self) -> Timestamp {
        self.wall_at_start + self.started.elapsed()
    }

    /// The tokio instant at which `at` comes, for sleeping.
    pub fn tokio_instant(&self, at: Timestamp) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.started + at.since(self.wall_at_start))
    }
}
