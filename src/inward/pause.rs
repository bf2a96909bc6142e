//! How long a mailbox is left alone.

use std::time::Duration;

/// The longest that one which cannot be read is left alone, unless it is looked into less often anyway.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// The pause before the first look, by `chance` from 0 to 1: mailboxes do not all begin together.
pub(super) fn first(every: Duration, chance: f64) -> Duration {
    every.mul_f64(chance.clamp(0.0, 1.0))
}

/// The pause after `failures` in a row: twice as long after each. `chance`, from 0 to 1, takes up to half of
/// it away, so that mailboxes of one server do not come back together.
pub(super) fn after(every: Duration, failures: u32, chance: f64) -> Duration {
    if failures == 0 {
        return every;
    }
    let pause = every.saturating_mul(1 << failures.min(16)).min(LONGEST.max(every));
    pause.mul_f64(1.0 - chance.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_after_failures_up_to_the_longest_and_differ_by_chance() {
        let minute = Duration::from_secs(60);
        let minutes = |failures| after(minute, failures, 0.0).as_secs() / 60;

        assert_eq!([0, 1, 2, 3, 4, 99].map(minutes), [1, 2, 4, 8, 15, 15]);
        assert_eq!(after(minute, 1, 1.0), minute);
        assert_eq!([0.0, 0.5].map(|chance| first(minute, chance)), [Duration::ZERO, minute / 2]);
        let hour = 60 * minute;
        assert_eq!(after(hour, 5, 0.0), hour, "it is never looked into more often than it was");
    }
}
