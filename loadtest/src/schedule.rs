//! When conversations begin and how each will go, decided from the seed before the run: the same
//! seed gives the same trace, whatever the server does.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};

use crate::texts::Texts;

/// A random stream of its own for each purpose, so that a draw more in one place shifts no other.
#[derive(Debug)]
pub struct Chance(Xoshiro256PlusPlus);

/// What a random stream is for.
#[derive(Clone, Copy, Debug)]
pub enum Purpose {
    Arrivals = 1,
    Visit = 2,
    Seat = 3,
    Backoff = 4,
    Day = 5,
}

impl Chance {
    /// The stream of `purpose` for the `number`-th conversation, seat or customer.
    pub fn new(seed: u64, purpose: Purpose, number: u64) -> Self {
        let mixed = seed
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .wrapping_add((purpose as u64) << 56)
            .wrapping_add(number);
        Self(Xoshiro256PlusPlus::seed_from_u64(mixed))
    }

    /// Uniform in [0, 1).
    pub fn unit(&mut self) -> f64 {
        self.0.random::<f64>()
    }

    /// True with probability `share`.
    pub fn happens(&mut self, share: f64) -> bool {
        self.unit() < share
    }

    /// Uniform in [0, `bound`); 0 for a bound of 0.
    pub fn below(&mut self, bound: usize) -> usize {
        if bound == 0 { 0 } else { self.0.random_range(0..bound) }
    }

    /// Exponential with this mean: the gap between arrivals.
    pub fn exponential(&mut self, mean_s: f64) -> f64 {
        -mean_s * (1.0 - self.unit()).ln()
    }

    /// Log-normal with this mean: how long people take. `sigma` is the spread of the logarithm.
    pub fn people_take(&mut self, mean_s: f64, sigma: f64) -> Duration {
        if mean_s <= 0.0 {
            return Duration::ZERO;
        }
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        let normal = radius * (std::f64::consts::TAU * self.unit()).cos();
        let seconds = mean_s * (sigma * normal - sigma * sigma / 2.0).exp();
        Duration::from_secs_f64(seconds.min(3600.0))
    }

    /// Poisson, by counting exponential gaps.
    pub fn poisson(&mut self, mean: f64) -> usize {
        let mut left = mean;
        let mut count = 0;
        loop {
            left -= self.exponential(1.0);
            if left < 0.0 || count >= 1000 {
                return count;
            }
            count += 1;
        }
    }
}

/// Moments at which conversations begin, from the start of the run: a Poisson process, which is
/// what many independent customers look like.
#[derive(Debug)]
pub struct Arrivals {
    chance: Chance,
    mean_gap_s: f64,
    at_s: f64,
    until_s: f64,
}

impl Arrivals {
    /// Arrivals at `rate_per_s` for `duration`.
    pub fn new(seed: u64, rate_per_s: f64, duration: Duration) -> Self {
        Self {
            chance: Chance::new(seed, Purpose::Arrivals, 0),
            mean_gap_s: 1.0 / rate_per_s,
            at_s: 0.0,
            until_s: duration.as_secs_f64(),
        }
    }
}

impl Iterator for Arrivals {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.at_s += self.chance.exponential(self.mean_gap_s);
        (self.at_s < self.until_s).then(|| Duration::from_secs_f64(self.at_s))
    }
}

/// How customers behave, in shares and means.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Manners {
    /// Customer's messages after the first, on average.
    pub turns: f64,
    /// Time to write one, on average.
    pub think_s: f64,
    /// Looking at an answer before doing something about it.
    pub look_s: f64,
    /// Share that is content with a machine's answer; the others ask for a person.
    pub content_share: f64,
    /// Share that ends the conversation itself; else the seat does.
    pub closes_share: f64,
    /// Share that walks away in the queue and never comes back.
    pub leave_share: f64,
    /// Mean wait in the queue before walking away.
    pub leave_after_s: f64,
    /// Share whose connection breaks once and is resumed.
    pub reconnect_share: f64,
    /// Mean time without a connection.
    pub away_s: f64,
    /// Share that rates the conversation at its end.
    pub rate_share: f64,
}

/// How one conversation will go, as far as the customer decides it.
#[derive(Clone, Debug, PartialEq)]
pub struct Visit {
    pub number: u64,
    pub language: Arc<str>,
    /// The first message and the turns after it, all in one language.
    pub texts: Vec<Arc<str>>,
    /// Thinking time before each turn after the first.
    pub thinks: Vec<Duration>,
    pub content_with_machine: bool,
    pub closes: bool,
    pub leaves_after: Option<Duration>,
    pub breaks: Option<Break>,
    pub rates: Option<u8>,
}

/// A connection that breaks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Break {
    /// Right after this message (counted from 0) left, its acknowledgement still under way.
    pub after_message: usize,
    pub away: Duration,
}

impl Visit {
    /// Decides the `number`-th conversation; `language` of None draws one by its share of the texts.
    pub fn new(
        seed: u64,
        number: u64,
        texts: &Texts,
        manners: &Manners,
        language: Option<usize>,
    ) -> Self {
        let mut chance = Chance::new(seed, Purpose::Visit, number);
        let language = language.unwrap_or_else(|| texts.draw(|bound| chance.below(bound)));
        let turns = chance.poisson(manners.turns);
        let texts_said =
            (0..=turns).map(|_| texts.pick(language, |bound| chance.below(bound))).collect();
        let thinks = (0..turns).map(|_| chance.people_take(manners.think_s, 0.6)).collect();
        let content_with_machine = chance.happens(manners.content_share);
        let closes = chance.happens(manners.closes_share);
        let leaves = chance.happens(manners.leave_share);
        let leaves_after =
            leaves.then(|| Duration::from_secs_f64(chance.exponential(manners.leave_after_s)));
        let breaks = chance.happens(manners.reconnect_share).then(|| Break {
            after_message: chance.below(turns + 1),
            away: Duration::from_secs_f64(chance.exponential(manners.away_s).min(60.0)),
        });
        let rates = chance.happens(manners.rate_share).then(|| 1 + chance.below(5) as u8);
        Self {
            number,
            language: texts.name(language),
            texts: texts_said,
            thinks,
            content_with_machine,
            closes,
            leaves_after,
            breaks,
            rates,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANNERS: Manners = Manners {
        turns: 2.0,
        think_s: 2.0,
        look_s: 0.5,
        content_share: 0.6,
        closes_share: 0.3,
        leave_share: 0.02,
        leave_after_s: 3.0,
        reconnect_share: 0.05,
        away_s: 1.0,
        rate_share: 0.5,
    };

    #[test]
    fn arrivals_keep_their_rate_and_their_order() {
        let all: Vec<_> = Arrivals::new(7, 50.0, Duration::from_secs(400)).collect();

        assert!(all.is_sorted());
        // 20,000 expected; 5 standard deviations of a Poisson count are about 700.
        assert!((19_300..20_700).contains(&all.len()), "{}", all.len());
    }

    #[test]
    fn gaps_between_arrivals_are_exponential() {
        let all: Vec<_> = Arrivals::new(3, 100.0, Duration::from_secs(200)).collect();
        let gaps: Vec<f64> = all.windows(2).map(|two| (two[1] - two[0]).as_secs_f64()).collect();
        let longer_than_mean =
            gaps.iter().filter(|gap| **gap > 0.01).count() as f64 / gaps.len() as f64;

        assert!((longer_than_mean - (-1.0_f64).exp()).abs() < 0.02, "{longer_than_mean}");
    }

    #[test]
    fn the_same_seed_gives_the_same_trace() {
        let texts = Texts::sample();
        let trace = |seed| -> Vec<Visit> {
            (0..200).map(|number| Visit::new(seed, number, &texts, &MANNERS, None)).collect()
        };

        assert_eq!(trace(1), trace(1));
        assert_ne!(trace(1), trace(2));
    }

    #[test]
    fn behaviour_follows_the_stated_shares_and_means() {
        let texts = Texts::sample();
        let visits: Vec<_> =
            (0..20_000).map(|number| Visit::new(5, number, &texts, &MANNERS, None)).collect();
        let share = |what: &dyn Fn(&Visit) -> bool| {
            visits.iter().filter(|visit| what(visit)).count() as f64 / visits.len() as f64
        };
        let turns: usize = visits.iter().map(|visit| visit.thinks.len()).sum();
        let think: f64 =
            visits.iter().flat_map(|visit| &visit.thinks).map(Duration::as_secs_f64).sum();

        assert!((share(&|visit| visit.closes) - 0.3).abs() < 0.02);
        assert!((share(&|visit| visit.leaves_after.is_some()) - 0.02).abs() < 0.005);
        assert!((turns as f64 / visits.len() as f64 - 2.0).abs() < 0.05);
        assert!((think / turns as f64 - 2.0).abs() < 0.05);
        assert!(visits.iter().all(|visit| visit.texts.len() == visit.thinks.len() + 1));
    }
}
