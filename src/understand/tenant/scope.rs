//! From scores to probabilities: of the label, and of being in scope at all.

use serde::{Deserialize, Serialize};

/// Scores that are looked at, best first; the rest are too far off to matter.
pub(super) const RANKS: usize = 16;
/// Labels after the best that it has to stand out from.
const RIVALS: usize = 4;
/// Share of messages that are taken to be out of scope before they are read. Real traffic has from
/// a tenth to a half; what is taken moves the confidence and not the order.
const OUT_OF_SCOPE_SHARE: f64 = 0.2;

/// What tells whether a text is in scope: the best linear score, its lead over its rivals, and the
/// share of the features that the set knows. The network has no say: its logits are all about which
/// label it is, not whether it is one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Signs([f64; 3]);

impl Signs {
    /// From one linear score a label, and the known share, 0 to 1.
    pub(super) fn new(scores: &[f32], known: f32) -> Self {
        let ranked = ranked(numbered(scores), RIVALS + 1);
        let (best, rivals) = (ranked[0].1, &ranked[1..]);
        let mean = rivals.iter().map(|(_, score)| score).sum::<f32>() / rivals.len().max(1) as f32;
        let lead = if rivals.is_empty() { 0.0 } else { best - mean };
        Self([f64::from(best), f64::from(lead), f64::from(known)])
    }
}

/// The labels of a text by rank, and what tells its scope.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Evidence {
    /// The [`RANKS`] best labels with their scores, best first.
    pub(super) ranked: Vec<(u16, f32)>,
    signs: Signs,
}

/// The scores with the numbers of their labels.
pub(super) fn numbered(scores: &[f32]) -> impl Iterator<Item = (u16, f32)> {
    (0..).zip(scores.iter().copied())
}

/// The best `count`, best first. The lower label goes first among equals.
pub(super) fn ranked(scored: impl Iterator<Item = (u16, f32)>, count: usize) -> Vec<(u16, f32)> {
    let mut ranked: Vec<(u16, f32)> = scored.collect();
    let order = |a: &(u16, f32), b: &(u16, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if ranked.len() > count {
        ranked.select_nth_unstable_by(count - 1, order);
        ranked.truncate(count);
    }
    ranked.sort_unstable_by(order);
    ranked
}

impl Evidence {
    /// Ranks labels with their scores.
    pub(super) fn new(scored: impl Iterator<Item = (u16, f32)>, signs: Signs) -> Self {
        Self { ranked: ranked(scored, RANKS), signs }
    }

    /// The best label.
    pub(super) fn best(&self) -> u16 {
        self.ranked[0].0
    }

    /// Probability of each ranked label when one of them is right.
    pub(super) fn shares(&self, temperature: f32) -> Vec<f32> {
        let best = self.ranked[0].1;
        let odds: Vec<f32> =
            self.ranked.iter().map(|(_, score)| ((score - best) / temperature).exp()).collect();
        let total: f32 = odds.iter().sum();
        odds.into_iter().map(|odds| odds / total).collect()
    }
}

/// Evidence of a text that the scores were not trained on, and its label; `None` is out of scope.
pub(super) type Held = (Evidence, Option<u16>);

/// How scores become probabilities.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Calibration {
    /// By what scores are divided before they become shares.
    pub(super) temperature: f32,
    /// Weights of the [`Signs`] and, last, what is added, for the log-odds of being in scope.
    pub(super) scope: [f64; 4],
}

impl Calibration {
    /// Fits both to held-out texts. Those out of scope among `held` were given as such, those among
    /// `left_out` had a label that the training did not know; without either every text is in.
    pub(super) fn fit(held: &[Held], left_out: &[Held]) -> Self {
        Self { temperature: least_surprise(held).1, scope: fit_scope(&weighted(held, left_out)) }
    }

    /// Probability that the text asks for something the set knows.
    pub(super) fn in_scope(&self, evidence: &Evidence) -> f32 {
        logistic(log_odds(&self.scope, &evidence.signs.0)) as f32
    }

    /// Whether every number is one.
    pub(super) fn is_sane(&self) -> bool {
        self.temperature.is_finite()
            && self.temperature > 0.0
            && self.scope.iter().all(|weight| weight.is_finite())
    }
}

/// The temperature under which the right labels are least surprising, after how surprising they
/// still are.
pub(super) fn least_surprise(held: &[Held]) -> (f64, f32) {
    let surprise = |temperature: f32| -> f64 {
        let each = held.iter().filter_map(|(evidence, label)| {
            let at = evidence.ranked.iter().position(|(ranked, _)| Some(*ranked) == *label);
            let share = at.map_or(0.0, |at| evidence.shares(temperature)[at]);
            label.map(|_| -f64::from(share.max(1e-4)).ln())
        });
        each.sum()
    };
    let candidates = (0..=60).map(|step| 0.03 * 1.1_f32.powi(step));
    let best = candidates.map(|t| (surprise(t), t)).min_by(|a, b| a.0.total_cmp(&b.0));
    best.expect("there are candidates")
}

fn log_odds(weights: &[f64; 4], signs: &[f64; 3]) -> f64 {
    weights[3] + signs.iter().zip(weights).map(|(sign, weight)| sign * weight).sum::<f64>()
}

fn logistic(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

/// A text of the fit: its signs, whether it is in scope, and what it counts.
type Weighted = ([f64; 3], bool, f64);

/// Texts in scope share what is left of [`OUT_OF_SCOPE_SHARE`]. Given texts out of scope and those
/// of left-out labels count the same together: the few given ones are the real thing, the many
/// others keep to the tenant's own ground.
fn weighted(held: &[Held], left_out: &[Held]) -> Vec<Weighted> {
    let signs = |texts: &[Held], is_in: bool| -> Vec<[f64; 3]> {
        let these = texts.iter().filter(|(_, label)| label.is_some() == is_in);
        these.map(|(evidence, _)| evidence.signs.0).collect()
    };
    let within = if left_out.is_empty() { held } else { left_out };
    let outs = [signs(held, false), signs(left_out, false)];
    let kinds = outs.iter().filter(|texts| !texts.is_empty()).count();
    let mut all: Vec<Weighted> = Vec::new();
    for (texts, is_in, share) in [
        (signs(within, true), true, 1.0 - OUT_OF_SCOPE_SHARE),
        (outs[0].clone(), false, OUT_OF_SCOPE_SHARE / kinds.max(1) as f64),
        (outs[1].clone(), false, OUT_OF_SCOPE_SHARE / kinds.max(1) as f64),
    ] {
        let weight = share / texts.len().max(1) as f64;
        all.extend(texts.into_iter().map(|signs| (signs, is_in, weight)));
    }
    all
}

/// Logistic regression by Newton's steps; a little ridge keeps the weights finite.
fn fit_scope(texts: &[Weighted]) -> [f64; 4] {
    const ALL_IN: [f64; 4] = [0.0, 0.0, 0.0, 20.0];
    if !texts.iter().any(|text| text.1) || texts.iter().all(|text| text.1) {
        return ALL_IN;
    }
    let mut weights = [0.0; 4];
    for _ in 0..30 {
        let mut gradient = weights.map(|weight| RIDGE * weight);
        let mut curvature = [[0.0; 4]; 4];
        for (signs, is_in, share) in texts {
            let probability = logistic(log_odds(&weights, signs));
            let row = [signs[0], signs[1], signs[2], 1.0];
            let miss = share * (probability - f64::from(u8::from(*is_in)));
            let bend = share * probability * (1.0 - probability);
            for i in 0..4 {
                gradient[i] += miss * row[i];
                (0..4).for_each(|j| curvature[i][j] += bend * row[i] * row[j]);
            }
        }
        (0..4).for_each(|i| curvature[i][i] += RIDGE);
        let step = solve(curvature, gradient);
        (0..4).for_each(|i| weights[i] -= step[i]);
        if step.iter().all(|step| step.abs() < 1e-9) {
            break;
        }
    }
    // Newton's steps may run away on a few texts that are told apart without fail.
    if weights.iter().all(|weight| weight.is_finite()) { weights } else { ALL_IN }
}

const RIDGE: f64 = 1e-5;

/// Solves a positive definite system of four equations by elimination.
fn solve(mut matrix: [[f64; 4]; 4], mut right: [f64; 4]) -> [f64; 4] {
    for i in 0..4 {
        for j in i + 1..4 {
            let factor = matrix[j][i] / matrix[i][i];
            (i..4).for_each(|k| matrix[j][k] -= factor * matrix[i][k]);
            right[j] -= factor * right[i];
        }
    }
    for i in (0..4).rev() {
        let known: f64 = (i + 1..4).map(|k| matrix[i][k] * right[k]).sum();
        right[i] = (right[i] - known) / matrix[i][i];
    }
    right
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(best: f32, known: f32) -> Evidence {
        let scores = [best, -0.5, -0.9];
        Evidence::new(numbered(&scores), Signs::new(&scores, known))
    }

    #[test]
    fn better_scores_and_better_known_texts_are_likelier_in_scope() {
        let held: Vec<Held> = (0..200)
            .map(|n| {
                let shift = (n % 10) as f32 / 10.0;
                let is_in = n % 2 == 0;
                let best = if is_in { 0.6 } else { -0.2 } + shift;
                (evidence(best, if is_in { 0.7 } else { 0.5 }), is_in.then_some(0))
            })
            .collect();

        let calibration = Calibration::fit(&[], &held);

        let sure = calibration.in_scope(&evidence(1.2, 0.8));
        let unknown = calibration.in_scope(&evidence(1.2, 0.1));
        let low = calibration.in_scope(&evidence(-0.4, 0.5));
        assert!(sure > 0.9 && sure > unknown && low < 0.5, "{sure} {unknown} {low}");
    }

    #[test]
    fn without_a_text_out_of_scope_every_text_is_in() {
        let held = vec![(evidence(0.1, 0.1), Some(0))];

        assert!(Calibration::fit(&held, &held).in_scope(&evidence(-3.0, 0.0)) > 0.99);
    }

    #[test]
    fn only_the_best_labels_are_ranked_and_equals_keep_their_order() {
        let scores: Vec<f32> = (0..40).map(|n| (n / 2) as f32).collect();

        let ranked = ranked(numbered(&scores), RANKS);

        assert_eq!(ranked.len(), RANKS);
        assert_eq!(ranked[..3], [(38, 19.0), (39, 19.0), (36, 18.0)]);
    }
}
