//! How long a customer will wait: an interval, from what was measured.

use std::time::Duration;

/// Moving mean of handling times, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct HandlingTime(u64);

/// A conversation counts for at most this much, so that one left open over night does not spoil
/// the estimate for a day.
const LONGEST: Duration = Duration::from_secs(4 * 3_600);

impl HandlingTime {
    pub fn starting_at(assumed: Duration) -> Self {
        Self(clamped_ms(assumed))
    }

    /// Takes one measured handling time in, with a weight of 1/16: half of what is known comes
    /// from the last eleven.
    pub fn add(&mut self, measured: Duration) {
        self.0 = (self.0 * 15 + clamped_ms(measured)) / 16;
    }

    pub fn mean_ms(self) -> u64 {
        self.0.max(1)
    }
}

fn clamped_ms(time: Duration) -> u64 {
    time.clamp(Duration::from_secs(1), LONGEST).as_millis() as u64
}

/// Expected wait in whole seconds for `place` in a lane for which `slots` work: the time until
/// the `place`-th of them comes free, lower and upper end.
///
/// Slots of which each is done after `handling` on average come free as a Poisson stream, so the
/// time to the n-th follows a gamma distribution of shape n. The ends are its 10 % and 95 %
/// points by the Wilson–Hilferty approximation, rounded outwards: 9 in 10 customers shall be
/// served before the upper end, also when handling times vary more than exponential ones.
pub(super) fn interval(place: usize, slots: f64, handling: HandlingTime) -> Option<(u32, u32)> {
    const LOW: f64 = -1.2816;
    const HIGH: f64 = 1.6449;
    if slots <= 0.0 {
        return None;
    }
    let shape = place.max(1) as f64;
    let scale_s = handling.mean_ms() as f64 / 1_000.0 / slots;
    let point = |z: f64| {
        let cube_root = 1.0 - 1.0 / (9.0 * shape) + z / (3.0 * shape.sqrt());
        shape * scale_s * cube_root.max(0.0).powi(3)
    };
    // Casts of floats saturate, so a huge wait is u32::MAX and no panic.
    Some((point(LOW).floor() as u32, point(HIGH).ceil() as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_matches_the_gamma_distribution() {
        let handling = HandlingTime::starting_at(Duration::from_secs(240));

        // One slot: exponential with mean 240 s: 10 % at 25.3 s, 95 % at 719 s.
        assert_eq!(interval(1, 1.0, handling), Some((23, 716)));
        // Ten places, ten slots: gamma(10) with mean 240 s: 10 % at 149 s, 95 % at 377 s.
        assert_eq!(interval(10, 10.0, handling), Some((149, 377)));
        assert_eq!(interval(3, 0.0, handling), None);
    }

    #[test]
    fn the_mean_moves_towards_what_is_measured_and_one_outlier_is_bounded() {
        let mut handling = HandlingTime::starting_at(Duration::from_secs(240));

        for _ in 0..200 {
            handling.add(Duration::from_secs(10));
        }
        let settled = handling.mean_ms();
        handling.add(Duration::from_secs(1_000_000));

        assert!((10_000..10_100).contains(&settled), "{settled}");
        assert!(handling.mean_ms() < settled + 4 * 3_600_000 / 16 + 1);
    }
}
