//! A few small networks beside the linear scores. Each has a row for every feature, takes the positive
//! part of their sum, and one layer from there to the labels. Features share what their rows learn,
//! so that networks err elsewhere than the linear scores do, each of which learns its label alone; and
//! they err in different places from each other, so that their mean is better than any of them. Their
//! rows and layers lie side by side, as those of one network whose logits are the mean.

use super::format::SET_BYTES_MAX;
use super::space::{Point, mix};
use crate::understand::layers::{dot, softmax};
use crate::understand::train::Chance;

/// Networks that are learned, each from another start.
const NETWORKS: usize = 3;
/// Values of a row of one network.
const DIMS: usize = 64;
/// Values of a row of all.
pub(super) const WIDTH: usize = NETWORKS * DIMS;
/// Passes over the examples.
const PASSES: usize = 20;
/// First step of learning; the last one is nothing.
const RATE: f32 = 0.1;
/// Of 256 features that an example has, how many are hidden from it in each pass.
const HIDDEN_OF_256: u64 = 179;
/// Probability that is spread over the labels that are not right.
const SMOOTHING: f32 = 0.1;
/// Deviation of the first values of a row.
const SPREAD: f32 = 0.1;
/// First sum of squares of a row: the larger, the smaller the steps of rare features.
const ROW_SQUARES: f32 = 0.01;
/// The same of the layer to the labels.
const HEAD_SQUARES: f32 = 0.1;
/// Errors below this teach nothing that is worth the time.
const ERROR_MIN: f32 = 1e-4;

/// A row under training.
type Row = [f32; DIMS];

/// Which sets get networks. Beyond, the linear scores stand alone, and the report says why.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Fewest examples that a training sees while others are held out. What networks learn from fewer is
    /// little, and too few are held out to tell what it is worth.
    pub(super) examples_min: usize,
    /// Most features. Each takes 200 bytes in the file and in use, and 800 while it is learned; up
    /// to four trainings go on beside each other, which then take 1.6 GB.
    pub(super) features_max: usize,
    /// Most rows that a pass over all examples learns from: each example its features and all labels.
    /// They are seen in [`PASSES`] passes, [`NETWORKS`] networks and five trainings, so that this many
    /// take some minutes on two cores. 15,000 examples of 150 labels, with 400 features each, have eight
    /// million; the most examples of the most labels would have over a hundred million.
    pub(super) rows_max: usize,
    /// Largest file of a set that has networks: what a router reads.
    pub(super) file_bytes_max: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            examples_min: 200,
            features_max: 500_000,
            rows_max: 32_000_000,
            file_bytes_max: SET_BYTES_MAX,
        }
    }
}

/// What [`Bounds`] look at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) examples: usize,
    pub(super) features: usize,
    pub(super) rows: usize,
    pub(super) file_bytes: u64,
}

impl Bounds {
    /// Why a set of this size gets no networks; `None` when it may have them.
    pub(super) fn refusal(&self, size: Size) -> Option<&'static str> {
        if size.examples < self.examples_min {
            Some("too few examples")
        } else if size.features > self.features_max {
            Some("too many features")
        } else if size.rows > self.rows_max {
            Some("too many examples for so many labels")
        } else if size.file_bytes > self.file_bytes_max {
            Some("the file would be too large")
        } else {
            None
        }
    }
}

/// The networks in use. Rows are kept in steps of eight bits.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Network {
    /// Steps of the row of each feature.
    pub(super) steps: Vec<i8>,
    /// What a step is worth, by feature.
    pub(super) scales: Vec<f32>,
    /// Sum of a text without features.
    pub(super) start: Vec<f32>,
    /// A row for each label.
    pub(super) heads: Vec<f32>,
    /// Logit of each label when the sum is nothing.
    pub(super) bias: Vec<f32>,
}

impl Network {
    /// Writes the logit of each label over `logits`.
    pub(super) fn logits(&self, point: &Point, logits: &mut Vec<f32>) {
        let mut sum = [0.0; WIDTH];
        sum.copy_from_slice(&self.start);
        let rows = self.steps.as_chunks::<WIDTH>().0;
        for (feature, value) in point {
            let scale = value * self.scales[*feature as usize];
            let row = &rows[*feature as usize];
            sum.iter_mut().zip(row).for_each(|(sum, step)| *sum += scale * f32::from(*step));
        }
        let sum = positive_part(sum);
        let heads = self.heads.as_chunks::<WIDTH>().0.iter();
        logits.clear();
        logits.extend(heads.zip(&self.bias).map(|(head, bias)| bias + dot(head, &sum)));
    }

    /// The mean of the logits is that of the layers and of what is added.
    fn join(learners: &[Learner; NETWORKS]) -> Self {
        let share = 1.0 / NETWORKS as f32;
        let side_by_side = |row: &dyn Fn(&Learner) -> Row| learners.iter().flat_map(row).collect();
        let (features, labels) = (learners[0].rows.len(), learners[0].bias.len());
        let (mut steps, mut scales) = (Vec::with_capacity(features * WIDTH), Vec::new());
        for at in 0..features {
            let row: Vec<f32> = side_by_side(&|learner| learner.rows[at].values);
            let most = row.iter().fold(f32::MIN_POSITIVE, |most, value| most.max(value.abs()));
            let scale = most / f32::from(i8::MAX);
            steps.extend(row.iter().map(|value| (value / scale).round() as i8));
            scales.push(scale);
        }
        let head = |at: usize| -> Vec<f32> {
            side_by_side(&|learner| learner.heads[at].values.map(|value| value * share))
        };
        let bias = |at: usize| learners.iter().map(|learner| learner.bias[at]).sum::<f32>() * share;
        Self {
            steps,
            scales,
            start: side_by_side(&|learner| learner.start.values),
            heads: (0..labels).flat_map(head).collect(),
            bias: (0..labels).map(bias).collect(),
        }
    }
}

/// Learns from the points that have a label.
pub(super) fn learn(
    points: &[Point],
    owners: &[Option<u16>],
    features: usize,
    labels: usize,
    seed: u64,
) -> Network {
    let owned = points.iter().zip(owners).filter_map(|(point, label)| Some((point, (*label)?)));
    let examples: Vec<(&Point, u16)> = owned.collect();
    let shared = shared(&examples, features);
    let learner = |at: usize| Learner::taught(&examples, &shared, labels, mix(seed, at as u64));
    Network::join(&std::array::from_fn(learner))
}

/// Which features more than one example has. The others would keep the chance that their rows start
/// with, and what they say of a message would be noise.
fn shared(examples: &[(&Point, u16)], features: usize) -> Vec<bool> {
    let mut seen = vec![0_u32; features];
    let all = examples.iter().flat_map(|(point, _)| point.iter());
    all.for_each(|(feature, _)| seen[*feature as usize] += 1);
    seen.into_iter().map(|times| times > 1).collect()
}

/// Writes the features that an example shows this time over `kept`, larger by what is hidden.
fn hide(point: &Point, shared: &[bool], kept: &mut Point, chance: &mut Chance) {
    const SCALE: f32 = 256.0 / (256 - HIDDEN_OF_256) as f32;
    kept.clear();
    for features in point.chunks(8) {
        let mut bits = chance.bits();
        for (feature, value) in features {
            if bits & 0xff >= HIDDEN_OF_256 && shared[*feature as usize] {
                kept.push((*feature, value * SCALE));
            }
            bits >>= 8;
        }
    }
}

/// A row under training, with the sum of the mean squares of its gradients (Adagrad by rows).
struct Learned {
    values: Row,
    squares: f32,
}

impl Learned {
    fn random(spread: f32, squares: f32, chance: &mut Chance) -> Self {
        Self { values: std::array::from_fn(|_| chance.normal() * spread), squares }
    }

    /// Goes against the gradient `factor · direction`, where `mean_square` is that of `direction`.
    fn step(&mut self, factor: f32, direction: &Row, mean_square: f32, rate: f32) {
        self.squares += factor * factor * mean_square;
        add(&mut self.values, -rate / self.squares.sqrt() * factor, direction);
    }
}

struct Learner {
    rows: Vec<Learned>,
    start: Learned,
    heads: Vec<Learned>,
    bias: Vec<f32>,
    /// Buffer for the probability of each label.
    shares: Vec<f32>,
}

impl Learner {
    /// Sees the examples one at a time, in another order in each pass.
    fn taught(examples: &[(&Point, u16)], shared: &[bool], labels: usize, seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let mut learner = Self::new(shared, labels, &mut chance);
        let mut examples = examples.to_vec();
        let steps = (examples.len() * PASSES) as f32;
        let mut done = 0.0;
        let mut kept = Point::new();
        for _ in 0..PASSES {
            chance.shuffle(&mut examples);
            for (point, label) in &examples {
                hide(point, shared, &mut kept, &mut chance);
                learner.step(&kept, usize::from(*label), RATE * (1.0 - done / steps));
                done += 1.0;
            }
        }
        learner
    }

    fn new(shared: &[bool], labels: usize, chance: &mut Chance) -> Self {
        let head_spread = 1.0 / (DIMS as f32).sqrt();
        let row = |shared: &bool| {
            let spread = if *shared { SPREAD } else { 0.0 };
            Learned::random(spread, ROW_SQUARES, chance)
        };
        Self {
            rows: shared.iter().map(row).collect(),
            heads: (0..labels)
                .map(|_| Learned::random(head_spread, HEAD_SQUARES, chance))
                .collect(),
            start: Learned { values: [0.0; DIMS], squares: HEAD_SQUARES },
            bias: vec![0.0; labels],
            shares: Vec::with_capacity(labels),
        }
    }

    fn step(&mut self, point: &Point, label: usize, rate: f32) {
        let mut sum = self.start.values;
        for (feature, value) in point {
            add(&mut sum, *value, &self.rows[*feature as usize].values);
        }
        let sum = positive_part(sum);
        let mut pull = self.step_heads(&sum, label, rate);
        // What is cut off does not follow its pull.
        pull.iter_mut().zip(&sum).filter(|(_, sum)| **sum == 0.0).for_each(|(pull, _)| *pull = 0.0);
        let square = mean_square(&pull);
        self.start.step(1.0, &pull, square, rate);
        for (feature, value) in point {
            self.rows[*feature as usize].step(*value, &pull, square, rate);
        }
    }

    /// Gives the gradient of the sum.
    fn step_heads(&mut self, sum: &Row, label: usize, rate: f32) -> Row {
        let heads = self.heads.iter().zip(&self.bias);
        self.shares.clear();
        self.shares.extend(heads.map(|(head, bias)| bias + dot(&head.values, sum)));
        softmax(&mut self.shares);
        let floor = SMOOTHING / self.shares.len() as f32;
        let square = mean_square(sum);
        let mut pull = [0.0; DIMS];
        for (at, head) in self.heads.iter_mut().enumerate() {
            let wanted = if at == label { 1.0 - SMOOTHING + floor } else { floor };
            let error = self.shares[at] - wanted;
            if error.abs() < ERROR_MIN {
                continue;
            }
            add(&mut pull, error, &head.values);
            head.step(error, sum, square, rate);
            self.bias[at] -= rate / head.squares.sqrt() * error;
        }
        pull
    }
}

fn positive_part<const N: usize>(sum: [f32; N]) -> [f32; N] {
    sum.map(|value| value.max(0.0))
}

fn add(values: &mut Row, factor: f32, direction: &Row) {
    values.iter_mut().zip(direction).for_each(|(value, step)| *value += factor * step);
}

fn mean_square(row: &Row) -> f32 {
    dot(row, row) / DIMS as f32
}

#[cfg(test)]
mod tests {
    use super::super::examples::{EXAMPLES_MAX, LABELS_MAX};
    use super::*;

    /// Two labels, and texts that share no feature with the other's.
    fn taught(seed: u64) -> Network {
        let points: Vec<Point> = (0..8).map(|at| vec![(at / 4, 1.0), (2 + at / 4, 0.5)]).collect();
        let owners: Vec<Option<u16>> = (0..8).map(|at| Some(at / 4)).collect();
        learn(&points, &owners, 4, 2, seed)
    }

    fn logits(network: &Network, point: &Point) -> Vec<f32> {
        let mut logits = Vec::new();
        network.logits(point, &mut logits);
        logits
    }

    #[test]
    fn a_text_gets_the_label_whose_features_it_has() {
        let network = taught(7);

        let (first, second) = (vec![(0, 1.0)], vec![(1, 1.0), (3, 0.5)]);

        let (first, second) = (logits(&network, &first), logits(&network, &second));
        assert!(first[0] > first[1], "{first:?}");
        assert!(second[1] > second[0], "{second:?}");
    }

    #[test]
    fn the_seed_decides_what_is_learned() {
        assert_eq!(taught(7), taught(7));
        assert_ne!(taught(7), taught(8));
    }

    #[test]
    fn a_feature_of_one_example_says_nothing() {
        let points = [vec![(0, 1.0), (2, 1.0)], vec![(0, 1.0)], vec![(1, 1.0)], vec![(1, 1.0)]];
        let owners = [Some(0), Some(0), Some(1), Some(1)];

        let network = learn(&points, &owners, 3, 2, 7);

        let without = logits(&network, &vec![(1, 1.0)]);
        assert_eq!(logits(&network, &vec![(1, 1.0), (2, 1.0)]), without);
    }

    #[test]
    fn a_set_at_the_bounds_may_have_networks_and_one_beyond_any_of_them_may_not() {
        let bounds = Bounds::default();
        let full = Size {
            examples: bounds.examples_min,
            features: bounds.features_max,
            rows: bounds.rows_max,
            file_bytes: bounds.file_bytes_max,
        };
        let Size { examples, features, rows, file_bytes } = full;

        assert_eq!(bounds.refusal(full), None);
        for (size, reason) in [
            (Size { examples: examples - 1, ..full }, "too few examples"),
            (Size { features: features + 1, ..full }, "too many features"),
            (Size { rows: rows + 1, ..full }, "too many examples for so many labels"),
            (Size { file_bytes: file_bytes + 1, ..full }, "the file would be too large"),
        ] {
            assert_eq!(bounds.refusal(size), Some(reason));
        }
    }

    #[test]
    fn the_most_examples_of_the_most_labels_are_beyond_the_bound_of_time() {
        assert!(EXAMPLES_MAX * LABELS_MAX > Bounds::default().rows_max);
    }
}
