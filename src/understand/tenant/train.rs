//! Trains a set: cross-validation for the figures and the calibration, then all examples.

use std::collections::BTreeMap;

use serde::Serialize;

use super::examples::{Example, is_out_of_scope};
use super::format;
use super::mixing::{self, Judged, Opinions};
use super::network::{self, Bounds, Network, Size};
use super::scope::{Calibration, Held};
use super::set::{Header, IntentSet, Weights};
use super::space::{self, Buffers, Counts, Point, Space, mix};
use super::svm::{self, LANES};

/// Parts of the examples that are held out in turn to count the right answers.
const FOLDS: usize = 4;
/// Trainings that leave whole labels out, whose texts then are out of scope.
const SCOPE_FOLDS: usize = 2;
/// In each of those one label of this many is left out.
const LABELS_LEFT_OUT: usize = 4;

/// Why a set has no networks though it may have some.
const NO_HELP: &str = "held-out examples are not told better with them";

/// Why no set can be trained.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrainError {
    /// Nothing to tell apart.
    #[error("{0} labels with examples, at least two are needed")]
    Labels(usize),
}

/// What came out of a training.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrainReport {
    /// Examples of the labels.
    pub examples: usize,
    /// Examples of what is out of scope.
    pub out_of_scope_examples: usize,
    /// Labels.
    pub labels: usize,
    /// Features that count.
    pub features: usize,
    /// Share of held-out examples whose label was found.
    pub accuracy: f64,
    /// Of held-out examples against those of labels that were left out; missing with few labels.
    pub out_of_scope_auroc: Option<f64>,
    /// What the networks count beside the linear scores; missing when there are none.
    pub network_weight: Option<f32>,
    /// Why there are no networks, when there are none.
    pub networks_left_out: Option<&'static str>,
    /// Labels by how many of their held-out examples were found, worst first.
    pub weakest: Vec<LabelFigures>,
}

/// How well one label is found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LabelFigures {
    /// Its name.
    pub label: String,
    /// Its examples.
    pub examples: usize,
    /// Share that was found when held out.
    pub accuracy: f64,
}

/// Examples whose features are counted.
pub struct Prepared {
    labels: Vec<String>,
    /// The examples, then the names of the labels: often the best example there is.
    texts: Vec<Counts>,
    /// Label of each text; `None` is out of scope.
    owners: Vec<Option<u16>>,
    /// How many of the texts are examples.
    examples: usize,
    /// Which part of the examples each belongs to.
    parts: Vec<usize>,
    seed: u64,
    /// Rows of a network that a pass over the texts learns from.
    rows: usize,
    /// Of networks.
    bounds: Bounds,
}

/// One training of the cross-validation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fold {
    part: usize,
    leaves_labels_out: bool,
}

/// What a [`Fold`] read in the texts that it was not trained on.
pub struct HeldOut {
    fold: Fold,
    texts: Vec<Judged>,
}

/// Linear scores, and what they were trained on.
struct Trained {
    space: Space,
    points: Vec<Point>,
    weights: Weights,
}

impl Prepared {
    /// Counts the features of `examples`.
    ///
    /// # Errors
    /// When they have fewer than two labels.
    pub fn new(examples: &[Example], seed: u64) -> Result<Self, TrainError> {
        let in_scope = examples.iter().filter(|example| !is_out_of_scope(&example.label));
        let mut labels: Vec<String> = in_scope.map(|example| example.label.clone()).collect();
        labels.sort_unstable();
        labels.dedup();
        if labels.len() < 2 {
            return Err(TrainError::Labels(labels.len()));
        }
        let numbers: BTreeMap<&str, u16> = labels.iter().map(String::as_str).zip(0..).collect();
        let mut owners: Vec<Option<u16>> =
            examples.iter().map(|example| numbers.get(example.label.as_str()).copied()).collect();
        owners.extend((0..labels.len() as u16).map(Some));
        let names = labels.iter().map(|label| label.replace(['_', '-', '.', '/'], " "));
        let texts: Vec<String> =
            examples.iter().map(|example| example.text.clone()).chain(names).collect();
        let mut buffers = Buffers::default();
        let counted = texts.iter().map(|text| {
            let mut counts = Counts::new();
            space::count(text, &mut buffers, &mut counts);
            counts
        });
        let texts: Vec<Counts> = counted.collect();
        let parts = parts(&owners[..examples.len()], seed);
        let owned = texts.iter().zip(&owners).filter(|(_, owner)| owner.is_some());
        let rows = owned.map(|(counts, _)| counts.len() + labels.len()).sum();
        let (examples, bounds) = (examples.len(), Bounds::default());
        Ok(Self { labels, texts, owners, examples, parts, seed, rows, bounds })
    }

    /// The trainings of the cross-validation; they may run beside each other.
    pub fn folds(&self) -> Vec<Fold> {
        let found = (0..FOLDS).map(|part| Fold { part, leaves_labels_out: false });
        let scope_folds = if self.labels.len() < LABELS_LEFT_OUT { 0 } else { SCOPE_FOLDS };
        let scoped = (0..scope_folds).map(|part| Fold { part, leaves_labels_out: true });
        found.chain(scoped).collect()
    }

    /// Trains without the held-out texts of `fold` and reads those.
    pub fn cross_validate(&self, fold: Fold) -> HeldOut {
        let left_out = |at: usize| {
            fold.leaves_labels_out
                && self.owners[at].is_some_and(|label| {
                    mix(self.seed, u64::from(label)) as usize % LABELS_LEFT_OUT == fold.part
                })
        };
        let held = |at: usize| at < self.examples && self.parts[at] == fold.part || left_out(at);
        let (out, within): (Vec<usize>, Vec<usize>) =
            (0..self.texts.len()).partition(|&at| held(at));
        let trained = self.train(&within);
        // Labels are told apart in the other folds; these are about scope, where the network has no say.
        let is_wanted = !fold.leaves_labels_out && self.refusal(&trained).is_none();
        let network = is_wanted.then(|| self.train_network(&trained, &within));
        let (mut point, mut scores, mut logits) = (Point::new(), Vec::new(), Vec::new());
        let judged = out.into_iter().filter(|at| *at < self.examples).map(|at| {
            let known = trained.space.locate(&self.texts[at], &mut point);
            trained.weights.score(&point, &mut scores);
            if let Some(network) = &network {
                network.logits(&point, &mut logits);
            }
            let opinions = Opinions::new(&scores, &logits, known);
            (opinions, self.owners[at].filter(|_| !left_out(at)))
        });
        HeldOut { fold, texts: judged.collect() }
    }

    /// Trains on everything; `held` is what the folds gave.
    pub fn finish(&self, held: &[HeldOut]) -> (IntentSet, TrainReport) {
        let (scoped, plain): (Vec<&HeldOut>, Vec<&HeldOut>) =
            held.iter().partition(|it| it.fold.leaves_labels_out);
        let everything: Vec<usize> = (0..self.texts.len()).collect();
        let trained = self.train(&everything);
        let wanted = mixing::fit(plain.iter().flat_map(|it| &it.texts));
        let no_help = || (wanted == 0.0).then_some(NO_HELP);
        let networks_left_out = self.refusal(&trained).or_else(no_help);
        let network_weight = networks_left_out.is_none().then_some(wanted);
        let network = network_weight.map(|_| self.train_network(&trained, &everything));
        // Confidences and figures have to be those of what is kept.
        let weight = network_weight.unwrap_or(0.0);
        let mixed = |folds: Vec<&HeldOut>| -> Vec<Held> {
            let texts = folds.into_iter().flat_map(|it| &it.texts);
            texts.map(|(opinions, label)| (opinions.mixed(weight), *label)).collect()
        };
        let (plain, mut scoped) = (mixed(plain), mixed(scoped));
        let calibration = Calibration::fit(&plain, &scoped);
        scoped.extend(plain.iter().filter(|(_, label)| label.is_none()).cloned());

        let Trained { space, weights, .. } = trained;
        let features = space.features().len();
        let header = Header {
            version: format::version(network.is_some()),
            labels: self.labels.clone(),
            calibration,
            features,
            entries: weights.labels.len(),
            network_weight,
        };
        let report = TrainReport {
            network_weight,
            networks_left_out,
            ..self.report(&plain, &scoped, &calibration, features)
        };
        (IntentSet { header, space, weights, network }, report)
    }

    fn train(&self, texts: &[usize]) -> Trained {
        let space = Space::fit(texts.iter().map(|&at| &self.texts[at]));
        let located = texts.iter().map(|&at| {
            let mut point = Point::new();
            space.locate(&self.texts[at], &mut point);
            point
        });
        let points: Vec<Point> = located.collect();
        let owners = self.owners_of(texts);
        let features = space.features().len();
        let mut by_label = Vec::with_capacity(self.labels.len());
        let mut bias = Vec::with_capacity(self.labels.len());
        for first in (0..self.labels.len() as u16).step_by(LANES) {
            let lanes = svm::learn(&points, &owners, features, first, self.seed);
            let here = LANES.min(self.labels.len() - usize::from(first));
            by_label.extend((0..here).map(|lane| lanes.weights_of(lane)));
            bias.extend_from_slice(&lanes.bias[..here]);
        }
        let weights = Weights::quantise(features, &by_label, bias);
        Trained { space, points, weights }
    }

    /// Why there are no networks beside these scores.
    fn refusal(&self, trained: &Trained) -> Option<&'static str> {
        let (features, entries) = (trained.space.features().len(), trained.weights.labels.len());
        let file_bytes = format::bytes_with_network(&self.labels, features, entries);
        let owned = self.owners[..self.examples].iter().flatten().count();
        let examples = owned - owned.div_ceil(FOLDS);
        self.bounds.refusal(Size { examples, features, rows: self.rows, file_bytes })
    }

    fn train_network(&self, trained: &Trained, texts: &[usize]) -> Network {
        let (features, labels) = (trained.space.features().len(), self.labels.len());
        network::learn(&trained.points, &self.owners_of(texts), features, labels, self.seed)
    }

    fn owners_of(&self, texts: &[usize]) -> Vec<Option<u16>> {
        texts.iter().map(|&at| self.owners[at]).collect()
    }

    fn report(
        &self,
        plain: &[Held],
        scoped: &[Held],
        calibration: &Calibration,
        features: usize,
    ) -> TrainReport {
        let mut tallies = vec![(0_usize, 0_usize); self.labels.len()];
        for (evidence, label) in plain {
            let Some(label) = label else { continue };
            let tally = &mut tallies[usize::from(*label)];
            tally.0 += 1;
            tally.1 += usize::from(evidence.best() == *label);
        }
        let share = |(all, right): (usize, usize)| right as f64 / all.max(1) as f64;
        let total = tallies.iter().fold((0, 0), |sum, tally| (sum.0 + tally.0, sum.1 + tally.1));
        let mut weakest: Vec<LabelFigures> = self
            .labels
            .iter()
            .zip(&tallies)
            .map(|(label, tally)| LabelFigures {
                label: label.clone(),
                examples: tally.0,
                accuracy: share(*tally),
            })
            .collect();
        weakest.sort_by(|a, b| a.accuracy.total_cmp(&b.accuracy));
        let scores = scoped
            .iter()
            .map(|(evidence, label)| (calibration.in_scope(evidence), label.is_some()));
        TrainReport {
            examples: total.0,
            out_of_scope_examples: self.examples - total.0,
            labels: self.labels.len(),
            features,
            accuracy: share(total),
            out_of_scope_auroc: super::evaluate::auroc(scores.collect()),
            network_weight: None,
            networks_left_out: None,
            weakest,
        }
    }
}

/// Deals the examples of each label out over the parts, in an order that the seed gives.
fn parts(owners: &[Option<u16>], seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..owners.len()).collect();
    order.sort_by_key(|&at| (owners[at], mix(seed, at as u64)));
    let mut parts = vec![0; owners.len()];
    order.into_iter().enumerate().for_each(|(place, at)| parts[at] = place % FOLDS);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared() -> Prepared {
        let texts = [
            ("can I rent a bike", "rental"),
            ("rent two bikes", "rental"),
            ("fix my bike", "repair"),
            ("can you fix a wheel", "repair"),
        ];
        let examples =
            texts.map(|(text, label)| Example { text: text.into(), label: label.into() });
        let prepared = Prepared::new(&examples, 7).expect("two labels");
        Prepared { bounds: Bounds { examples_min: 3, ..Bounds::default() }, ..prepared }
    }

    /// What a fold read: the linear scores find three labels in four, the networks all.
    fn held() -> HeldOut {
        let text = |at: usize| {
            let label = at % 2;
            let of =
                |right: bool| [f32::from(right == (label == 0)), f32::from(right == (label == 1))];
            (Opinions::new(&of(at > 0), &of(true), 1.0), Some(label as u16))
        };
        let fold = Fold { part: 0, leaves_labels_out: false };
        HeldOut { fold, texts: (0..4).map(text).collect() }
    }

    /// One bound that the examples here do not meet, and why.
    fn bounds_that_refuse() -> [(Bounds, &'static str); 4] {
        let bounds = prepared().bounds;
        [
            (Bounds { examples_min: 4, ..bounds }, "too few examples"),
            (Bounds { features_max: 1, ..bounds }, "too many features"),
            (Bounds { rows_max: 1, ..bounds }, "too many examples for so many labels"),
            (Bounds { file_bytes_max: 1, ..bounds }, "the file would be too large"),
        ]
    }

    #[test]
    fn a_set_whose_networks_are_left_out_is_calibrated_and_told_by_its_linear_scores() {
        let mut prepared = prepared();
        let (with, told) = prepared.finish(&[held()]);
        assert_eq!((told.accuracy, told.networks_left_out), (1.0, None));
        assert!(with.network.is_some() && with.header.network_weight == told.network_weight);

        for (bounds, reason) in bounds_that_refuse() {
            prepared.bounds = bounds;
            let (without, told) = prepared.finish(&[held()]);

            assert!(without.network.is_none() && without.header.network_weight.is_none());
            assert_eq!((told.accuracy, told.networks_left_out), (0.75, Some(reason)));
            let texts = held().texts;
            let linear: Vec<Held> =
                texts.iter().map(|(opinions, label)| (opinions.mixed(0.0), *label)).collect();
            assert_eq!(without.header.calibration, Calibration::fit(&linear, &[]));
            assert_ne!(without.header.calibration, with.header.calibration);
        }
    }

    #[test]
    fn no_time_goes_into_networks_that_would_be_left_out() {
        let mut prepared = prepared();
        let fold = prepared.folds()[0];
        let has_logits = |held: &HeldOut| {
            held.texts.iter().any(|(opinions, _)| opinions.mixed(0.0) != opinions.mixed(1.0))
        };
        assert!(has_logits(&prepared.cross_validate(fold)));

        for (bounds, _) in bounds_that_refuse() {
            prepared.bounds = bounds;
            assert!(!has_logits(&prepared.cross_validate(fold)));
        }
    }

    #[test]
    fn an_example_is_as_many_rows_as_it_has_features_and_the_set_labels() {
        let one = prepared();

        let features: usize = one.texts.iter().map(Vec::len).sum();
        assert_eq!(one.rows, features + 2 * (4 + 2), "four examples and two names of labels");
    }
}
