//! The network under training: sparse rows, attention pooling, linear heads, Adagrad.
//!
//! One example at a time and one thread: the same seed gives the same weights, bit for bit.

use crate::understand::layers::{dot, softmax};
use crate::understand::model::pooling_scale;

/// What the trainer may be told about the learning itself.
#[derive(Clone, Copy, Debug)]
pub struct Learning {
    /// Step size of Adagrad.
    pub rate: f32,
    /// Share of the features of an example that are hidden from it in each pass.
    pub dropout: f32,
    /// Probability that is spread over the labels that are not right.
    pub smoothing: f32,
    /// Standard deviation of the first weights.
    pub spread: f32,
    /// First sum of squares of a row: the larger, the smaller the steps of rare features.
    pub row_start: f32,
    /// Step of heads, which see every example, against that of rows.
    pub head_rate: f32,
    /// Step of attention, which acts on all dimensions at once, against that of rows.
    pub attention_rate: f32,
}

/// A small generator of random numbers with a fixed algorithm, so that weights can be made again.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// A stream of its own for each seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 random bits (SplitMix64).
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..1`.
    pub fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u32 << 24) as f32
    }

    /// A number in `0..bound`; 0 for a bound of 0.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.bits()) * bound as u128) >> 64) as usize
    }

    /// Puts `items` in a random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }

    /// Roughly normal with mean 0 and deviation 1: the sum of twelve uniform numbers.
    pub fn normal(&mut self) -> f32 {
        (0..12).map(|_| self.unit()).sum::<f32>() - 6.0
    }
}

/// A linear layer from the pooled vector to the labels of one task.
#[derive(Clone, Debug)]
pub struct Head {
    /// `classes × dims`, one row a label.
    pub weights: Vec<f32>,
    /// One a label.
    pub bias: Vec<f32>,
    weight_squares: Vec<f32>,
    bias_squares: Vec<f32>,
}

/// Rows, attention and heads with the sums of squares that Adagrad keeps.
pub struct Net {
    /// Length of a row.
    pub dims: usize,
    /// `rows × dims`.
    pub rows: Vec<f32>,
    /// Logarithm of the attention weight of each row.
    pub attention: Vec<f32>,
    /// One a task.
    pub heads: Vec<Head>,
    row_squares: Vec<f32>,
    attention_squares: Vec<f32>,
    learning: Learning,
    space: Space,
}

/// Buffers of one step.
#[derive(Default)]
struct Space {
    kept: Vec<u32>,
    /// What each kept row counts in the pooled vector.
    share: Vec<f32>,
    /// Sum of the attention weights.
    total: f32,
    pooled: Vec<f32>,
    pull: Vec<f32>,
    logits: Vec<f32>,
}

/// How the labels of a task learn from an example of another label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rivals {
    /// They share one sum of probabilities.
    Exclusive,
    /// Each is a question of its own with yes or no. Better for many labels of few examples, as
    /// with the one-against-all of support vector machines.
    Apart,
}

/// A label of one task for one example.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Index of the head.
    pub task: usize,
    /// Index of the label.
    pub label: usize,
    /// How much the example counts.
    pub weight: f32,
    /// What the other labels learn.
    pub rivals: Rivals,
}

impl Net {
    /// A net with random rows.
    pub fn new(rows: usize, dims: usize, classes: &[usize], learning: Learning, seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let mut random = |count: usize, spread: f32| -> Vec<f32> {
            (0..count).map(|_| chance.normal() * spread).collect()
        };
        let head_spread = 1.0 / (dims as f32).sqrt();
        let heads = classes
            .iter()
            .map(|&count| Head {
                weights: random(count * dims, head_spread),
                bias: vec![0.0; count],
                weight_squares: vec![START; count * dims],
                bias_squares: vec![START; count],
            })
            .collect();
        Self {
            dims,
            rows: random(rows * dims, learning.spread),
            attention: vec![0.0; rows],
            heads,
            row_squares: vec![learning.row_start; rows * dims],
            attention_squares: vec![START; rows],
            learning,
            space: Space::default(),
        }
    }

    /// Sets the step size from here on.
    pub fn set_rate(&mut self, rate: f32) {
        self.learning.rate = rate;
    }

    /// One step of learning on the example with these features. Returns its loss.
    pub fn learn(&mut self, features: &[u32], targets: &[Target], chance: &mut Chance) -> f32 {
        let mut space = std::mem::take(&mut self.space);
        space.kept.clear();
        let dropout = self.learning.dropout;
        space.kept.extend(features.iter().filter(|_| chance.unit() >= dropout));
        if space.kept.is_empty() {
            space.kept.extend_from_slice(features);
        }
        self.pool(&mut space);
        space.pull.clear();
        space.pull.resize(self.dims, 0.0);
        let mut loss = 0.0;
        for target in targets {
            loss += self.learn_head(target, &mut space);
        }
        self.learn_rows(&space);
        self.space = space;
        loss
    }

    fn pool(&self, space: &mut Space) {
        space.share.clear();
        let weight = |row: &u32| self.attention[*row as usize].exp();
        space.share.extend(space.kept.iter().map(weight));
        space.total = space.share.iter().sum();
        let scale = pooling_scale(space.total);
        space.pooled.clear();
        space.pooled.resize(self.dims, 0.0);
        for (share, &row) in space.share.iter_mut().zip(&space.kept) {
            *share *= scale;
            let from = row as usize * self.dims;
            for (sum, value) in space.pooled.iter_mut().zip(&self.rows[from..from + self.dims]) {
                *sum += *share * value;
            }
        }
    }

    fn learn_head(&mut self, target: &Target, space: &mut Space) -> f32 {
        let (rate, smoothing) = (self.learning.rate, self.learning.smoothing);
        let head = &mut self.heads[target.task];
        head.apply(&space.pooled, &mut space.logits);
        match target.rivals {
            Rivals::Exclusive => softmax(&mut space.logits),
            Rivals::Apart => space.logits.iter_mut().for_each(|logit| *logit = sigmoid(*logit)),
        }
        let loss = -space.logits[target.label].max(1e-9).ln();
        let floor = smoothing / space.logits.len() as f32;
        let head_rate = rate * self.learning.head_rate;
        for (label, probability) in space.logits.iter().enumerate() {
            let wanted = if label == target.label { 1.0 - smoothing + floor } else { floor };
            let error = (probability - wanted) * target.weight;
            let span = label * self.dims..(label + 1) * self.dims;
            let weights = &mut head.weights[span.clone()];
            for (pull, weight) in space.pull.iter_mut().zip(&*weights) {
                *pull += error * weight;
            }
            let squares = &mut head.weight_squares[span];
            for ((weight, square), value) in weights.iter_mut().zip(squares).zip(&space.pooled) {
                step(weight, square, error * value, head_rate);
            }
            step(&mut head.bias[label], &mut head.bias_squares[label], error, head_rate);
        }
        loss * target.weight
    }

    fn learn_rows(&mut self, space: &Space) {
        let rate = self.learning.rate;
        // The scale of the pooled vector falls with the root of the sum of the weights.
        let root_pull = 0.5 * dot(&space.pooled, &space.pull) / space.total;
        for (&share, &row) in space.share.iter().zip(&space.kept) {
            let row = row as usize;
            let span = row * self.dims..(row + 1) * self.dims;
            let (values, squares) = (&mut self.rows[span.clone()], &mut self.row_squares[span]);
            let attention = &mut self.attention[row];
            let lean = share * dot(values, &space.pull) - attention.exp() * root_pull;
            for ((value, square), pull) in values.iter_mut().zip(squares).zip(&space.pull) {
                step(value, square, share * pull, rate);
            }
            step(
                attention,
                &mut self.attention_squares[row],
                lean,
                rate * self.learning.attention_rate,
            );
        }
    }
}

/// First sum of squares: keeps the first steps of a weight from being as large as the rate.
const START: f32 = 1e-6;

fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

fn step(value: &mut f32, squares: &mut f32, slope: f32, rate: f32) {
    *squares += slope * slope;
    *value -= rate * slope / squares.sqrt();
}

impl Head {
    fn apply(&self, pooled: &[f32], logits: &mut Vec<f32>) {
        logits.clear();
        let rows = self.weights.chunks_exact(pooled.len());
        logits.extend(rows.zip(&self.bias).map(|(row, bias)| dot(row, pooled) + bias));
    }
}

impl Default for Learning {
    fn default() -> Self {
        Self {
            rate: 0.3,
            dropout: 0.3,
            smoothing: 0.1,
            spread: 0.05,
            row_start: 1e-5,
            head_rate: 0.1,
            attention_rate: 0.3,
        }
    }
}
