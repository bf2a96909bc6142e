//! The one place that reads the time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::domain::Timestamp;

/// Wall time at start plus monotonic time since: a step of the system clock changes no order and
/// fires no timer.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    wall_at_start: Timestamp,
    started: Instant,
}

/// How far the system clock may have been set back while nothing ran. A journal that is further
/// ahead was written under a clock that was wrong, and is not believed.
const SET_BACK_MAX: Duration = Duration::from_secs(25 * 60 * 60);

impl Clock {
    /// A clock that is right now and stays steady.
    pub fn start() -> Self {
        Self::start_after(Timestamp::default())
    }

    /// A clock that goes on from `last`, the latest instant that was written down, where the system
    /// clock was set back behind it by a day at most: time does not run back over a restart.
    pub fn start_after(last: Timestamp) -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = u64::try_from(wall.as_millis()).unwrap_or_default();
        Self::start_at(Timestamp::from_millis(millis), last)
    }

    /// The same where the system clock shows `wall`. Time passes as tokio's clock does, which stands
    /// still in a simulation until nobody has anything to do.
    pub fn start_at(wall: Timestamp, last: Timestamp) -> Self {
        Self { wall_at_start: go_on_from(last, wall), started: Instant::now() }
    }

    /// The present instant.
    pub fn now(&self) -> Timestamp {
        self.wall_at_start + self.started.elapsed()
    }

    /// The tokio instant at which `at` comes, for sleeping.
    pub fn tokio_instant(&self, at: Timestamp) -> Instant {
        self.started + at.since(self.wall_at_start)
    }
}

fn go_on_from(last: Timestamp, wall: Timestamp) -> Timestamp {
    if last.since(wall) <= SET_BACK_MAX { wall.max(last) } else { wall }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_from_what_was_written_unless_that_cannot_be() {
        let hour = Duration::from_secs(3600);
        let wall = Timestamp::from_millis(1_764_000_000_000);

        assert_eq!(go_on_from(wall - hour, wall), wall);
        assert_eq!(go_on_from(wall + 24 * hour, wall), wall + 24 * hour);
        assert_eq!(go_on_from(wall + 26 * hour, wall), wall);
    }
}
