//! When something that failed is tried again, and when no more.

use std::time::Duration;

use crate::domain::Timestamp;

/// Pauses between tries, each twice as long as the one before, and an end.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    /// After the first try.
    pub first: Duration,
    /// The longest.
    pub longest: Duration,
    /// How long after it was wanted an effect is tried.
    pub up_to: Duration,
}

impl Retry {
    /// When an effect that was wanted at `wanted_at` and has failed `tries` times is tried again; `None`
    /// when it was tried for as long as it may be.
    pub fn again(&self, wanted_at: Timestamp, tries: u32, now: Timestamp) -> Option<Timestamp> {
        self.again_by_chance(wanted_at, tries, now, 0.0)
    }

    /// The same after a pause that is shorter by up to a half, so that what failed together does not come
    /// again together; `chance` is from 0 to 1.
    pub fn again_by_chance(
        &self,
        wanted_at: Timestamp,
        tries: u32,
        now: Timestamp,
        chance: f64,
    ) -> Option<Timestamp> {
        let pause = self.pause(tries).mul_f64(1.0 - chance.clamp(0.0, 1.0) / 2.0);
        Some(now + pause).filter(|at| *at <= wanted_at + self.up_to)
    }

    fn pause(&self, tries: u32) -> Duration {
        let doublings = tries.saturating_sub(1).min(31);
        self.first.saturating_mul(1 << doublings).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_end() {
        let minute = Duration::from_secs(60);
        let retry = Retry { first: minute, longest: 8 * minute, up_to: 60 * minute };
        let start = Timestamp::from_millis(0);

        let mut now = start;
        let mut pauses = Vec::new();
        for tries in 1.. {
            let Some(again) = retry.again(start, tries, now) else { break };
            pauses.push(again.since(now).as_secs() / 60);
            now = again;
        }

        assert_eq!(pauses, [1, 2, 4, 8, 8, 8, 8, 8, 8]);
        assert!(retry.again(start, u32::MAX, start).is_some());
    }

    #[test]
    fn chance_takes_up_to_half_of_a_pause() {
        let minute = Duration::from_secs(60);
        let retry = Retry { first: minute, longest: 8 * minute, up_to: 60 * minute };
        let start = Timestamp::from_millis(0);
        let again = |chance| retry.again_by_chance(start, 2, start, chance).expect("again");

        assert_eq!(again(0.0).since(start), 2 * minute);
        assert_eq!(again(1.0).since(start), minute);
    }
}
