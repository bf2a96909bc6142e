//! How long a customer will wait: an interval, from what was measured.

use std::time::Duration;

/// Moving mean of handling times.
#[derive(Clone, Copy, Debug)]
pub(super) struct HandlingTime {
    mean_ms: u64,
    /// Measured times that the mean stands for, up to [`MEMORY`].
    weight: u64,
}

/// A conversation counts for at most this much, so that one left open over night does not spoil
/// the estimate for a day.
const LONGEST: Duration = Duration::from_secs(4 * 3_600);
/// Squared coefficient of variation of handling times: 1.17 was measured on a month of real calls.
const CV_SQUARED: f64 = 1.37;
/// The assumed start value counts as so many measured ones.
const START_WEIGHT: u64 = 3;
/// A new time counts as one of so many: fewer and the estimate swings by itself, as handling
/// times vary as much as their mean.
const MEMORY: u64 = 128;

impl HandlingTime {
    pub fn starting_at(assumed: Duration) -> Self {
        Self { mean_ms: clamped_ms(assumed), weight: START_WEIGHT }
    }

    /// Takes one measured handling time in.
    pub fn add(&mut self, measured: Duration) {
        self.mean_ms =
            (self.mean_ms * self.weight + clamped_ms(measured)).div_ceil(self.weight + 1);
        self.weight = (self.weight + 1).min(MEMORY - 1);
    }

    /// Squared relative error of the mean. A moving mean of weight n is as good as 2 n single
    /// times.
    fn doubt(self) -> f64 {
        CV_SQUARED / (2 * self.weight) as f64
    }
}

fn clamped_ms(time: Duration) -> u64 {
    time.clamp(Duration::from_secs(1), LONGEST).as_millis() as u64
}

/// Expected wait in whole seconds for `place` in a lane for which `slots` work: the time until
/// the `place`-th of them comes free, lower and upper end.
///
/// Slots of which each is done after `handling` on average come free much like a Poisson stream,
/// so the time to the n-th follows a gamma distribution of shape n, widened by the spread of
/// handling times and by what is not known of their mean. The ends are its 10 % and 95 % points by the Wilson–Hilferty approximation,
/// rounded outwards: 9 in 10 customers shall be served before the upper end.
pub(super) fn interval(place: usize, slots: f64, handling: HandlingTime) -> Option<(u32, u32)> {
    const LOW: f64 = -1.2816;
    const HIGH: f64 = 1.6449;
    if slots <= 0.0 {
        return None;
    }
    let place = place.max(1) as f64;
    let mean_s = place * handling.mean_ms as f64 / 1_000.0 / slots;
    // Over several turns of every slot, the spread of handling times shows.
    let spread = 1.0 + (CV_SQUARED - 1.0) * place / (place + slots);
    let shape = 1.0 / (spread / place + handling.doubt());
    let point = |z: f64| {
        let cube_root = 1.0 - 1.0 / (9.0 * shape) + z / (3.0 * shape.sqrt());
        mean_s * cube_root.max(0.0).powi(3)
    };
    // Casts of floats saturate, so a huge wait is u32::MAX and no panic.
    Some((point(LOW).floor() as u32, point(HIGH).ceil() as u32))
}

/// How the intervals of a shop came true, as factors for the ends of the next ones.
///
/// [`interval`] knows neither of customers who give up nor of how seats are shared between lanes, so
/// it is right for no shop exactly. Each outcome moves an end a little: a miss far, a hit back by
/// so little that both hold each other in balance at the aimed share of misses, whatever the shop.
#[derive(Clone, Copy, Debug)]
pub(super) struct TrackRecord {
    low: f64,
    high: f64,
}

/// What a miss does to an end, and what a hit takes back: in balance at 6 % of misses of the upper
/// end and at 10 % of the lower one. Larger steps swing: hundreds wait on what was told before the
/// first of them is known.
const MISS: f64 = 1.02;
const HIT_HIGH: f64 = 0.998_74;
const HIT_LOW: f64 = 0.997_80;

impl Default for TrackRecord {
    fn default() -> Self {
        Self { low: 1.0, high: 1.0 }
    }
}

impl TrackRecord {
    /// Takes in that somebody was served after a wait for which an interval was told.
    pub fn served_after(&mut self, waited: Duration, (low, high): (u32, u32)) {
        let waited_s = waited.as_secs_f64();
        if high > low {
            let is_early = waited_s < f64::from(low);
            self.low =
                (self.low * if is_early { 1.0 / MISS } else { 1.0 / HIT_LOW }).clamp(0.1, 1.5);
        }
        let is_late = waited_s > f64::from(high);
        self.high = (self.high * if is_late { MISS } else { HIT_HIGH }).clamp(0.3, 5.0);
    }

    /// Takes in that somebody gave up: a miss if the upper end was past.
    pub fn gave_up_after(&mut self, waited: Duration, told: (u32, u32)) {
        if waited.as_secs_f64() > f64::from(told.1) {
            self.served_after(waited, told);
        }
    }

    /// The interval as it should be told.
    pub fn correct(self, (low, high): (u32, u32)) -> (u32, u32) {
        let high = (f64::from(high) * self.high).ceil() as u32;
        let low = (f64::from(low) * self.low).floor() as u32;
        (low.min(high), high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(mean_s: u64) -> HandlingTime {
        HandlingTime { mean_ms: mean_s * 1_000, weight: 1_000_000 }
    }

    #[test]
    fn with_a_mean_that_is_known_the_interval_is_a_little_wider_than_the_gamma_distribution() {
        // One slot: exponential with mean 240 s: 10 % at 25 s, 95 % at 719 s.
        assert_eq!(interval(1, 1.0, settled(240)), Some((15, 755)));
        // Ten places, ten slots: gamma(10) with mean 240 s: 10 % at 149 s, 95 % at 377 s.
        assert_eq!(interval(10, 10.0, settled(240)), Some((142, 390)));
        // Ten places, a thousand slots: a part of one turn, so the Poisson stream alone.
        assert_eq!(interval(10, 1_000.0, settled(24_000)), Some((149, 378)));
        assert_eq!(interval(3, 0.0, settled(240)), None);
    }

    #[test]
    fn before_anything_was_measured_the_interval_is_wide() {
        let assumed = HandlingTime::starting_at(Duration::from_secs(240));

        let (low, high) = interval(100, 100.0, assumed).expect("an estimate");

        assert!(low < 110 && high > 450, "{low}..{high}");
    }

    #[test]
    fn the_mean_moves_towards_what_is_measured_and_one_outlier_is_bounded() {
        let mut handling = HandlingTime::starting_at(Duration::from_secs(240));

        for _ in 0..800 {
            handling.add(Duration::from_secs(10));
        }
        let settled_ms = handling.mean_ms;
        handling.add(Duration::from_secs(1_000_000));

        assert!((10_000..12_000).contains(&settled_ms), "{settled_ms}");
        assert!(handling.mean_ms < settled_ms + 4 * 3_600_000 / MEMORY + 1);
    }

    #[test]
    fn ends_that_are_missed_too_often_move_out_and_those_that_are_never_missed_move_in() {
        let told = (10, 100);
        let seconds = Duration::from_secs;
        let mut record = TrackRecord::default();

        (0..600).for_each(|_| record.served_after(seconds(50), told));
        let (low, high) = record.correct(told);
        assert!(low > 10 && high < 50, "{low}..{high}");

        (0..200).for_each(|_| record.gave_up_after(seconds(150), told));
        (0..200).for_each(|_| record.gave_up_after(seconds(20), told));
        assert!(record.correct(told).1 > 300);
    }

    #[test]
    fn the_ends_rest_where_six_in_a_hundred_are_later_than_told() {
        let mut record = TrackRecord::default();

        for n in 0..2_000u64 {
            // Waits from 0 to 99 s, one after the other in an order that repeats.
            let told = record.correct((10, 100));
            record.served_after(Duration::from_secs(n * 37 % 100), told);
        }

        let (low, high) = record.correct((10, 100));
        assert!((87..=102).contains(&high), "{high}");
        assert!((5..=15).contains(&low), "{low}");
    }
}
