//! A trained set in memory, and what it reads out of a message.

use serde::{Deserialize, Serialize};

use super::mixing::add_logits;
use super::network::Network;
use super::scope::{Calibration, Evidence, Signs, numbered};
use super::space::{self, Buffers, Counts, Point, Space};

/// The label of a message that asks for nothing the set knows.
pub const OUT_OF_SCOPE_LABEL: &str = "other";

/// Probability of being in scope below which a message is out of it.
const IN_SCOPE_MIN: f32 = 0.5;

/// A tenant's own intents, ready to read messages.
#[derive(Clone, Debug)]
pub struct IntentSet {
    pub(super) header: Header,
    pub(super) space: Space,
    pub(super) weights: Weights,
    /// There when [`Header::network_weight`] is.
    pub(super) network: Option<Network>,
}

/// What a set says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Header {
    /// Of the file.
    pub(super) version: u32,
    /// Sorted.
    pub(super) labels: Vec<String>,
    /// See [`Calibration`].
    pub(super) calibration: Calibration,
    /// Features of the space.
    pub(super) features: usize,
    /// Entries of [`Weights`].
    pub(super) entries: usize,
    /// What a logit of the network counts beside a linear score; without it there is no network, as
    /// in every file of version 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) network_weight: Option<f32>,
}

/// The weights of all features that are not nothing, in steps of eight bits.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Weights {
    /// How many entries each feature has.
    pub(super) lens: Vec<u16>,
    /// Label of each entry.
    pub(super) labels: Vec<u16>,
    /// Steps of each entry.
    pub(super) steps: Vec<i8>,
    /// Where the entries of each feature begin; made from `lens`.
    pub(super) starts: Vec<u32>,
    /// What a step is worth, by label.
    pub(super) scales: Vec<f32>,
    /// Score of a text without features, by label.
    pub(super) bias: Vec<f32>,
}

/// What a set makes of a message.
#[derive(Clone, Debug, PartialEq)]
pub struct SetGuess<'a> {
    /// A label of the set, or [`OUT_OF_SCOPE_LABEL`].
    pub label: &'a str,
    /// Probability that the answer is right, 0 to 1.
    pub confidence: f32,
    /// Whether the message asks for nothing the set knows; a set may have a label of that name too.
    pub out_of_scope: bool,
    /// The likeliest label of the set, whatever the scope.
    pub forced: &'a str,
    /// Probability that the message asks for something the set knows, 0 to 1.
    pub in_scope: f32,
}

/// Buffers of one thread that reads messages.
#[derive(Default)]
pub struct SetScratch {
    buffers: Buffers,
    counts: Counts,
    point: Point,
    scores: Vec<f32>,
    logits: Vec<f32>,
}

impl IntentSet {
    /// The labels, sorted.
    pub fn labels(&self) -> &[String] {
        &self.header.labels
    }

    /// Reads `text`. The same text gives the same guess.
    pub fn read(&self, text: &str, scratch: &mut SetScratch) -> SetGuess<'_> {
        space::count(text, &mut scratch.buffers, &mut scratch.counts);
        let known = self.space.locate(&scratch.counts, &mut scratch.point);
        self.weights.score(&scratch.point, &mut scratch.scores);
        let signs = Signs::new(&scratch.scores, known);
        if let (Some(network), Some(weight)) = (&self.network, self.header.network_weight) {
            network.logits(&scratch.point, &mut scratch.logits);
            add_logits(&mut scratch.scores, &scratch.logits, weight);
        }
        let evidence = Evidence::new(numbered(&scratch.scores), signs);
        let calibration = &self.header.calibration;
        let in_scope = calibration.in_scope(&evidence);
        let forced = self.header.labels[usize::from(evidence.best())].as_str();
        let out_of_scope = in_scope < IN_SCOPE_MIN;
        let (label, confidence) = if out_of_scope {
            (OUT_OF_SCOPE_LABEL, 1.0 - in_scope)
        } else {
            (forced, in_scope * evidence.shares(calibration.temperature)[0])
        };
        SetGuess { label, confidence, out_of_scope, forced, in_scope }
    }
}

impl Weights {
    /// From the weights of each label's features, by label: `(feature, weight)` in any order.
    pub(super) fn quantise(features: usize, by_label: &[Vec<(u32, f32)>], bias: Vec<f32>) -> Self {
        let largest = |weights: &Vec<(u32, f32)>| {
            weights.iter().map(|(_, weight)| weight.abs()).fold(f32::MIN_POSITIVE, f32::max)
        };
        let scales: Vec<f32> =
            by_label.iter().map(|weights| largest(weights) / f32::from(i8::MAX)).collect();
        let mut entries: Vec<(u32, u16, i8)> = Vec::new();
        for (label, (weights, scale)) in (0..).zip(by_label.iter().zip(&scales)) {
            for (feature, weight) in weights {
                let steps = (weight / scale).round() as i8;
                if steps != 0 {
                    entries.push((*feature, label, steps));
                }
            }
        }
        entries.sort_unstable();
        let mut lens = vec![0; features];
        entries.iter().for_each(|(feature, ..)| lens[*feature as usize] += 1);
        let labels = entries.iter().map(|entry| entry.1).collect();
        let steps = entries.iter().map(|entry| entry.2).collect();
        let starts = starts(&lens).expect("what fits memory has fewer than four billion entries");
        Self { starts, lens, labels, steps, scales, bias }
    }

    pub(super) fn score(&self, point: &Point, scores: &mut Vec<f32>) {
        scores.clear();
        scores.resize(self.bias.len(), 0.0);
        for (feature, value) in point {
            let start = self.starts[*feature as usize] as usize;
            let end = start + usize::from(self.lens[*feature as usize]);
            for (label, steps) in self.labels[start..end].iter().zip(&self.steps[start..end]) {
                scores[usize::from(*label)] += value * f32::from(*steps);
            }
        }
        for ((score, scale), bias) in scores.iter_mut().zip(&self.scales).zip(&self.bias) {
            *score = *score * scale + bias;
        }
    }
}

/// Where the entries of each feature begin; `None` when there are more than can be numbered.
pub(super) fn starts(lens: &[u16]) -> Option<Vec<u32>> {
    let mut end = 0_u32;
    let begin = |len: &u16| {
        let start = end;
        end = end.checked_add(u32::from(*len))?;
        Some(start)
    };
    lens.iter().map(begin).collect()
}

#[cfg(test)]
mod tests {
    use super::super::network::{Network, WIDTH};
    use super::super::{Example, Prepared};
    use super::*;

    const TEXTS: [(&str, &str); 4] = [
        ("where is my parcel", "track"),
        ("it has not come", "track"),
        ("a refund please", "refund"),
        ("tell me a joke", "oos"),
    ];

    /// A network that says `refund` to everything.
    fn stubborn(features: usize) -> Network {
        Network {
            steps: vec![0; features * WIDTH],
            scales: vec![0.0; features],
            start: vec![0.0; WIDTH],
            heads: vec![0.0; 2 * WIDTH],
            bias: vec![100.0, 0.0],
        }
    }

    #[test]
    fn a_network_has_a_say_in_which_label_it_is_and_none_in_whether_it_is_one() {
        let example =
            |(text, label): (&str, &str)| Example { text: text.into(), label: label.into() };
        let prepared = Prepared::new(&TEXTS.map(example), 7).expect("two labels");
        let mut set = prepared.finish(&[]).0;
        assert_eq!(set.labels(), ["refund", "track"]);
        // Beside it the signs decide, and not a constant.
        set.header.calibration.scope = [0.7, 0.3, 0.5, -0.2];
        let read = |set: &IntentSet| {
            let mut scratch = SetScratch::default();
            let guess = set.read(TEXTS[0].0, &mut scratch);
            (guess.forced.to_owned(), guess.in_scope.to_bits())
        };
        let (alone, in_scope) = read(&set);

        set.network = Some(stubborn(set.header.features));
        set.header.network_weight = Some(0.4);

        assert_eq!(alone, "track");
        assert_eq!(read(&set), ("refund".to_owned(), in_scope));
    }
}
