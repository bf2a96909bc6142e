//! Two opinions on a text, the linear scores and the logits of the network, made one score a label.

use super::scope::{Evidence, Held, RANKS, Signs, least_surprise, numbered, ranked};

/// What a logit of the network may count beside a linear score. None is the first: a network that
/// does not make held-out examples less surprising is left out. The last is where banking77 is found
/// best; beyond it the right labels surprise a little less, and fewer are found.
const WEIGHTS: [f32; 6] = [0.0, 0.1, 0.2, 0.4, 0.8, 1.6];

/// Whether a file may have this weight. What a fit never gives was written by something else.
pub(super) fn is_weight(weight: f32) -> bool {
    (0.0..=WEIGHTS[WEIGHTS.len() - 1]).contains(&weight)
}

/// Adds the logits to the scores.
pub(super) fn add_logits(scores: &mut [f32], logits: &[f32], weight: f32) {
    scores.iter_mut().zip(logits).for_each(|(score, logit)| *score += weight * logit);
}

/// The opinions on a text that neither was trained on, kept until it is known what they count.
pub(super) struct Opinions {
    signs: Signs,
    /// The labels that either has among its best, with score and logit.
    labels: Vec<(u16, f32, f32)>,
}

impl Opinions {
    /// Keeps the best of `scores` and of `logits`, one each a label; without a network there are no
    /// logits.
    pub(super) fn new(scores: &[f32], logits: &[f32], known: f32) -> Self {
        let best = [scores, logits].map(|opinion| ranked(numbered(opinion), RANKS));
        let mut labels: Vec<u16> = best.iter().flatten().map(|(label, _)| *label).collect();
        labels.sort_unstable();
        labels.dedup();
        let both = |label: u16| {
            let at = usize::from(label);
            (label, scores[at], logits.get(at).copied().unwrap_or(0.0))
        };
        Self { signs: Signs::new(scores, known), labels: labels.into_iter().map(both).collect() }
    }

    /// The evidence when a logit counts `weight`.
    pub(super) fn mixed(&self, weight: f32) -> Evidence {
        let mixed =
            self.labels.iter().map(|(label, score, logit)| (*label, score + weight * logit));
        Evidence::new(mixed, self.signs)
    }
}

/// Opinions on a text, and its label; `None` is out of scope.
pub(super) type Judged = (Opinions, Option<u16>);

/// The weight under which the right labels of held-out texts are least surprising.
pub(super) fn fit<'a>(judged: impl Iterator<Item = &'a Judged> + Clone) -> f32 {
    let surprise = |weight: f32| {
        let held = judged.clone().map(|(opinions, label)| (opinions.mixed(weight), *label));
        least_surprise(&held.collect::<Vec<Held>>()).0
    };
    let best = WEIGHTS.map(|weight| (surprise(weight), weight));
    best.into_iter().min_by(|a, b| a.0.total_cmp(&b.0)).expect("there are weights").1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts of two labels, of which the scores find three in four and the logits all or none.
    fn judged(network_is_right: bool) -> Vec<Judged> {
        let text = |at: usize| {
            let label = at % 2;
            let of =
                |right: bool| [f32::from(right == (label == 0)), f32::from(right == (label == 1))];
            let (scores, logits) = (of(at % 8 > 1), of(network_is_right));
            (Opinions::new(&scores, &logits, 1.0), Some(label as u16))
        };
        (0..80).map(text).collect()
    }

    #[test]
    fn a_network_counts_when_it_helps_and_not_at_all_when_it_does_not() {
        assert!(fit(judged(true).iter()) >= 0.8);
        assert_eq!(fit(judged(false).iter()), 0.0);
    }

    #[test]
    fn mixed_opinions_say_what_mixed_scores_say() {
        let (scores, logits) = ([0.4, 0.3, -1.0], [0.0, 2.0, 0.1]);
        let mut mixed = scores;

        add_logits(&mut mixed, &logits, 0.5);

        let evidence = Opinions::new(&scores, &logits, 0.9).mixed(0.5);
        assert_eq!(evidence, Evidence::new(numbered(&mixed), Signs::new(&scores, 0.9)));
        assert_eq!(evidence.best(), 1);
    }

    #[test]
    fn of_many_labels_the_best_of_either_opinion_are_kept_whole() {
        // The scores rank labels from the last, the logits from the first.
        let scores: Vec<f32> = (0..40).map(|label| label as f32 / 40.0).collect();
        let logits: Vec<f32> = (0..40).map(|label| 4.0 - label as f32 / 10.0).collect();
        let mut mixed = scores.clone();
        add_logits(&mut mixed, &logits, 0.5);

        let opinions = Opinions::new(&scores, &logits, 0.9);

        assert_eq!(opinions.labels.len(), 2 * RANKS, "eight labels are among neither's best");
        let whole = Evidence::new(numbered(&mixed), Signs::new(&scores, 0.9));
        assert_eq!(opinions.mixed(0.5), whole);
        let alone = Evidence::new(numbered(&scores), Signs::new(&scores, 0.9));
        assert_eq!(opinions.mixed(0.0), alone);
    }

    #[test]
    fn only_what_a_fit_may_give_is_a_weight() {
        assert!(WEIGHTS.into_iter().all(is_weight));
        assert!(![-0.1, 1.7, f32::INFINITY, f32::NAN].into_iter().any(is_weight));
    }
}
