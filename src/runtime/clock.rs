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
    /// Whether there is a system clock beside it, which may step.
    has_system: bool,
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
        Self { has_system: true, ..Self::start_at(system_time(), last) }
    }

    /// The same where the system clock shows `wall`, and is not looked at again. Time passes as tokio's
    /// clock does, which stands still in a simulation until nobody has anything to do.
    pub fn start_at(wall: Timestamp, last: Timestamp) -> Self {
        let wall_at_start = go_on_from(last, wall);
        Self { wall_at_start, started: Instant::now(), has_system: false }
    }

    /// The present instant.
    pub fn now(&self) -> Timestamp {
        self.wall_at_start + self.started.elapsed()
    }

    /// What the system clock shows now: for instants that are compared with those of others, who know
    /// nothing of [`Self::now`]. It may step, so nothing is ordered and nothing waits by it.
    pub fn wall(&self) -> Timestamp {
        if self.has_system { system_time() } else { self.now() }
    }

    /// The tokio instant at which `at` comes, for sleeping.
    pub fn tokio_instant(&self, at: Timestamp) -> Instant {
        self.started + at.since(self.wall_at_start)
    }
}

fn system_time() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since_epoch.as_millis()).unwrap_or_default())
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

    #[tokio::test]
    async fn the_wall_is_the_system_clock_however_far_ahead_time_goes_on() {
        let hour = Duration::from_secs(3600);
        let minute = Duration::from_secs(60);
        let clock = Clock::start_after(system_time() + hour);

        assert!(clock.now().since(clock.wall()) > hour - minute);
        assert!(clock.wall().since(system_time()) < minute);
    }

    #[tokio::test(start_paused = true)]
    async fn where_the_time_is_given_the_wall_shows_it_as_well() {
        let wall = Timestamp::from_millis(1_764_000_000_000);
        let clock = Clock::start_at(wall, wall + Duration::from_secs(60));

        assert_eq!(clock.wall(), clock.now());
        assert_eq!(clock.wall(), wall + Duration::from_secs(60));
    }
}
