//! How the words of both tiers make one.

use serde::{Deserialize, Serialize};

use crate::understand::layers::softmax;

/// A log-linear pool: the probabilities that the tiers give a label, each raised to a power of its own
/// and multiplied, then scaled to sum to one. A power tells both how much a tier's word weighs and how
/// far its confidence can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pool {
    /// Power of what the fast tier gives.
    pub fast: f32,
    /// Power of what the encoder gives.
    pub encoder: f32,
}

/// The pools of one encoder.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pools {
    /// Of the intent.
    pub intent: Pool,
    /// Of the sentiment.
    pub sentiment: Pool,
}

/// What both tiers say of a message whose label is known.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a> {
    /// Probabilities of the fast tier.
    pub fast: &'a [f32],
    /// Probabilities of the encoder, of the same labels.
    pub encoder: &'a [f32],
    /// Index of the right label.
    pub label: usize,
}

/// Least probability that counts: nothing is impossible because one tier says so.
const LEAST: f32 = 1e-6;
/// Steps of the search; the surprise is convex and has settled long before.
const STEPS: usize = 30;
/// How strongly the powers are drawn to those of [`Pool::FAST_ALONE`]: a handful of messages proves
/// nothing, and thousands do not notice.
const DRAWN: f64 = 4.0;
/// No power is larger: more would be certainty out of few messages.
pub(super) const POWER_MAX: f32 = 4.0;

impl Pool {
    /// The fast tier's word stands.
    pub const FAST_ALONE: Self = Self { fast: 1.0, encoder: 0.0 };

    /// What both say together.
    pub fn of(self, fast: &[f32], encoder: &[f32]) -> Vec<f32> {
        let sum =
            |(fast, encoder): (&f32, &f32)| self.fast * log(*fast) + self.encoder * log(*encoder);
        let mut pooled: Vec<f32> = fast.iter().zip(encoder).map(sum).collect();
        softmax(&mut pooled);
        pooled
    }

    /// The pool under which the right labels are least surprising: logistic regression of two weights,
    /// by Newton's steps along one after the other. Neither tier may have learnt from these messages.
    pub fn fit(messages: &[Said<'_>]) -> Self {
        let alone = [Self::FAST_ALONE.fast, Self::FAST_ALONE.encoder];
        let mut powers = alone;
        for _ in 0..STEPS {
            for tier in [0, 1] {
                let mut slope = DRAWN * f64::from(powers[tier] - alone[tier]);
                let mut bend = DRAWN;
                for said in messages {
                    let (steeper, rounder) = said.along(tier, powers);
                    slope += steeper;
                    bend += rounder;
                }
                // An encoder that is mostly wrong is not heard, rather than taken for its opposite.
                powers[tier] = (powers[tier] - (slope / bend) as f32).clamp(0.0, POWER_MAX);
            }
        }
        Self { fast: powers[0], encoder: powers[1] }
    }

    /// Whether the powers can be of a pool.
    pub(super) fn is_sound(self) -> bool {
        [self.fast, self.encoder].iter().all(|power| (0.0..=POWER_MAX).contains(power))
    }
}

impl Pools {
    /// The fast tier's word stands.
    pub const FAST_ALONE: Self = Self { intent: Pool::FAST_ALONE, sentiment: Pool::FAST_ALONE };
}

fn log(probability: f32) -> f32 {
    (probability + LEAST).ln()
}

impl Said<'_> {
    /// First and second derivative of the surprise at the right label, along the power of one tier.
    fn along(&self, tier: usize, powers: [f32; 2]) -> (f64, f64) {
        let pool = Pool { fast: powers[0], encoder: powers[1] };
        let pooled = pool.of(self.fast, self.encoder);
        let of_tier = [self.fast, self.encoder][tier];
        let (mut mean, mut square) = (0.0, 0.0);
        for (pooled, given) in pooled.iter().zip(of_tier) {
            let (weight, log) = (f64::from(*pooled), f64::from(log(*given)));
            mean += weight * log;
            square += weight * log * log;
        }
        (mean - f64::from(log(of_tier[self.label])), square - mean * mean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::understand::train::Chance;

    const LABELS: usize = 3;

    /// Messages on which each tier names the right label with the given share, at a confidence of 0.8.
    fn messages(right: [f32; 2]) -> Vec<([Vec<f32>; 2], usize)> {
        let mut chance = Chance::new(5);
        (0..2_000)
            .map(|_| {
                let label = chance.below(LABELS);
                let says = right.map(|share| {
                    let step = if chance.unit() < share { 0 } else { 1 + chance.below(2) };
                    let mut given = vec![0.1; LABELS];
                    given[(label + step) % LABELS] = 0.8;
                    given
                });
                (says, label)
            })
            .collect()
    }

    fn fitted(messages: &[([Vec<f32>; 2], usize)]) -> Pool {
        let said = messages.iter().map(|(says, label)| {
            let [fast, encoder] = says;
            Said { fast, encoder, label: *label }
        });
        Pool::fit(&said.collect::<Vec<_>>())
    }

    #[test]
    fn the_better_tier_weighs_more_and_confidence_becomes_what_is_right() {
        let messages = messages([0.8, 0.6]);

        let pool = fitted(&messages);

        // Each tier for itself: odds of 8 to 1 are right for the first and 3 to 1 for the second.
        assert!((pool.fast - 1.0).abs() < 0.1, "{pool:?}");
        let second = (3.0_f32).ln() / (8.0_f32).ln();
        assert!((pool.encoder - second).abs() < 0.1, "{pool:?}");
        let pooled = messages.iter().map(|([fast, encoder], _)| pool.of(fast, encoder));
        let claimed: f32 = pooled.clone().map(|p| p.into_iter().fold(0.0, f32::max)).sum();
        let right = pooled
            .zip(&messages)
            .filter(|(p, (_, label))| p.iter().all(|other| *other <= p[*label]));
        assert!((claimed / 2_000.0 - right.count() as f32 / 2_000.0).abs() < 0.02);
    }

    #[test]
    fn an_encoder_that_is_mostly_wrong_or_of_which_nothing_is_known_is_not_heard() {
        assert_eq!(fitted(&messages([0.8, 0.1])).encoder, 0.0);
        assert_eq!(fitted(&[]), Pool::FAST_ALONE);
    }

    #[test]
    fn the_pool_of_the_fast_tier_alone_says_what_it_says() {
        let pooled = Pool::FAST_ALONE.of(&[0.7, 0.2, 0.1], &[0.0, 0.0, 1.0]);

        let apart = pooled.iter().zip([0.7, 0.2, 0.1]).map(|(a, b)| (a - b).abs());
        assert!(apart.fold(0.0, f32::max) < 1e-5, "{pooled:?}");
    }
}
