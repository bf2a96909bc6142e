//! Measures a set on messages with known labels.

use serde::Serialize;

use super::examples::Example;
use super::set::{IntentSet, SetScratch};

/// Figures of one evaluation; a share is missing when no message had to do with it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SetReport {
    /// Messages, in scope and out of it.
    pub messages: usize,
    /// Share of right answers; out of scope is one.
    pub intent_accuracy: Option<f64>,
    /// Share of messages in scope whose likeliest label was right, whatever the scope.
    pub in_scope_accuracy: Option<f64>,
    /// How well messages in scope are parted from the others: the chance that one of those seems
    /// likelier in scope than one of these.
    pub out_of_scope_auroc: Option<f64>,
    /// Expected calibration error of the answers over ten bins.
    pub ece: Option<f64>,
}

const BINS: usize = 10;

/// Reads every message and compares. A label that the set does not have is out of scope.
pub fn evaluate(set: &IntentSet, messages: &[Example]) -> SetReport {
    let mut scratch = SetScratch::default();
    let (mut right, mut forced_right, mut in_scope) = (0, 0, 0);
    let mut scopes = Vec::with_capacity(messages.len());
    let mut bins = [(0_usize, 0.0_f64, 0_usize); BINS];
    for message in messages {
        let guess = set.read(&message.text, &mut scratch);
        let is_in = set.labels().binary_search(&message.label).is_ok();
        let is_right = if is_in {
            in_scope += 1;
            forced_right += usize::from(guess.forced == message.label);
            guess.label == message.label
        } else {
            guess.out_of_scope
        };
        right += usize::from(is_right);
        scopes.push((guess.in_scope, is_in));
        let bin = &mut bins[((guess.confidence * BINS as f32) as usize).min(BINS - 1)];
        *bin = (bin.0 + 1, bin.1 + f64::from(guess.confidence), bin.2 + usize::from(is_right));
    }
    let gaps = bins.iter().map(|(_, confidence, right)| (confidence - *right as f64).abs());
    let share = |part: usize, whole: usize| (whole > 0).then(|| part as f64 / whole as f64);
    SetReport {
        messages: messages.len(),
        intent_accuracy: share(right, messages.len()),
        in_scope_accuracy: share(forced_right, in_scope),
        out_of_scope_auroc: auroc(scopes),
        ece: (!messages.is_empty()).then(|| gaps.sum::<f64>() / messages.len() as f64),
    }
}

/// Area under the curve: the chance that a score marked true lies above one marked false, equals
/// counting half. `None` when there are not both.
pub(in crate::understand) fn auroc(mut scores: Vec<(f32, bool)>) -> Option<f64> {
    let positives = scores.iter().filter(|(_, is_true)| *is_true).count();
    let negatives = scores.len() - positives;
    if positives == 0 || negatives == 0 {
        return None;
    }
    scores.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut pairs) = (0.0, 0.0);
    for equals in scores.chunk_by(|a, b| a.0 == b.0) {
        let trues = equals.iter().filter(|(_, is_true)| *is_true).count() as f64;
        let falses = equals.len() as f64 - trues;
        pairs += trues * (below + falses / 2.0);
        below += falses;
    }
    Some(pairs / (positives as f64 * negatives as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_counts_pairs_in_the_right_order() {
        let scores = vec![(0.9, true), (0.5, true), (0.5, false), (0.1, false)];

        assert_eq!(auroc(scores), Some(3.5 / 4.0));
        assert_eq!(auroc(vec![(0.3, true)]), None);
    }
}
