//! Fits a [`Sense`] on messages of labelled incidents and on lines that are somebody's own matter or not.

use std::collections::BTreeMap;

use nalgebra::{Cholesky, DMatrix, SymmetricEigen};
use serde::{Deserialize, Serialize};

use super::{Network, Sense, centred};
use crate::domain::Language;
use crate::understand::encoder::EncoderError;
use crate::understand::layers::dot;
use crate::understand::train::Chance;

/// Values of a point. More tell incidents that were not taught no better (docs/decisions/0046).
const POINTS: usize = 96;
/// How much of the spread within incidents is taken to be the same in all directions: what is left of it when
/// few incidents are known.
const SHRINKAGE: f64 = 0.15;
/// Networks, and hidden values of each.
const NETWORKS: usize = 3;
const HIDDEN: usize = 64;
/// Passes over the rows, rows of a step, and how far a step goes (Adam).
const PASSES: usize = 10;
const BATCH: usize = 64;
const RATE: f32 = 1e-3;
const MEAN: f32 = 0.9;
const SPREAD: f32 = 0.999;
/// Pulls weights to nothing.
const DECAY: f32 = 1e-4;
/// How often a row of an incident counts: it is what will be asked about.
const IN_BURST_WEIGHT: f32 = 3.0;
/// Own matters of incidents held back, of a hundred, that pass the threshold.
pub const LEAKS_PERCENT: f64 = 5.0;
/// Parts in which rows are held back.
const FOLDS: usize = 5;

/// A message to learn from.
#[derive(Clone, Debug)]
pub struct SenseRow {
    /// The language that it is written in.
    pub language: Language,
    /// The incident that it is about; `None` for a line by itself.
    pub incident: Option<String>,
    /// Whether it is bound to an order, an account or money of its writer.
    pub own: bool,
    /// Log-odds of that by its words, from a head that had not learned from it.
    pub by_words: f32,
    /// The part with which it is held back, less than 5.
    pub fold: usize,
    /// Whether the threshold is chosen by it, if it is of an incident. One that the encoder itself was trained on
    /// is told apart too well for that.
    pub chooses: bool,
}

/// What is worth what, on incidents held back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SenseFigures {
    /// Messages of incidents, and other lines, that were learned from.
    pub messages: [usize; 2],
    /// Of a hundred general messages of incidents, those that pass where five of a hundred look-alikes do: by
    /// words alone.
    pub passes_by_words_percent: f64,
    /// The same by words and the encoder.
    pub passes_percent: f64,
}

/// Fits on `vectors`, one of length one for each row. The same input and seed give the same.
///
/// # Errors
/// When there are too few rows, or vectors of which nothing can be learned.
pub fn fit_sense(
    vectors: &[Vec<f32>],
    rows: &[SenseRow],
    encoder_sha256: &str,
    seed: u64,
) -> Result<Sense, EncoderError> {
    assert_eq!(vectors.len(), rows.len(), "each row has its vector");
    let few = || EncoderError::Heads("too few messages of incidents to learn from".to_owned());
    let dims = vectors.first().ok_or_else(few)?.len();
    let (languages, middles) = middles(vectors, rows, dims);
    let centred: Vec<Vec<f32>> = vectors
        .iter()
        .zip(rows)
        .map(|(vector, row)| {
            let of = languages.binary_search(&row.language).expect("it is one of the rows'");
            centred(vector, &middles[of])
        })
        .collect();
    let turn = discriminants(&centred, rows, dims).ok_or_else(few)?;
    let lessons: Vec<Lesson<'_>> =
        centred.iter().zip(rows).map(|(vector, row)| Lesson { vector, row }).collect();
    let held: Vec<f32> = held_back(&lessons, dims, seed);
    let by_words: Vec<f32> = rows.iter().map(|row| row.by_words).collect();
    let both: Vec<f32> = held.iter().zip(&by_words).map(|(a, b)| a + b).collect();
    let (_, passes_by_words_percent) = threshold(&by_words, rows).ok_or_else(few)?;
    let (bound_from, passes_percent) = threshold(&both, rows).ok_or_else(few)?;
    let of_incidents = rows.iter().filter(|row| row.incident.is_some()).count();
    let all: Vec<&Lesson<'_>> = lessons.iter().collect();
    let networks = (0..NETWORKS as u64).map(|n| learn(&all, dims, seed + n));
    Ok(Sense {
        dims,
        encoder_sha256: encoder_sha256.to_owned(),
        networks: networks.collect(),
        languages,
        middles,
        turn,
        bound_from,
        figures: SenseFigures {
            messages: [of_incidents, rows.len() - of_incidents],
            passes_by_words_percent,
            passes_percent,
        },
    })
}

/// The languages of the rows, in order, and the middle of each; behind them that of all.
fn middles(vectors: &[Vec<f32>], rows: &[SenseRow], dims: usize) -> (Vec<Language>, Vec<Vec<f32>>) {
    let mut sums: BTreeMap<Language, (Vec<f32>, f32)> = BTreeMap::new();
    for (vector, row) in vectors.iter().zip(rows) {
        let (sum, count) = sums.entry(row.language).or_insert_with(|| (vec![0.0; dims], 0.0));
        add(sum, 1.0, vector);
        *count += 1.0;
    }
    let languages = sums.keys().copied().collect();
    let mut middles: Vec<Vec<f32>> = sums
        .into_values()
        .map(|(sum, count)| sum.into_iter().map(|value| value / count).collect())
        .collect();
    let mut of_all = vec![0.0; dims];
    let share = 1.0 / middles.len() as f32;
    middles.iter().for_each(|middle| add(&mut of_all, share, middle));
    middles.push(of_all);
    (languages, middles)
}

/// Directions in which incidents lie apart and the messages about one together, each as long as the root of
/// how much more they do: rows of a matrix. `None` when nothing lies apart.
fn discriminants(centred: &[Vec<f32>], rows: &[SenseRow], dims: usize) -> Option<Vec<f32>> {
    let mut incidents: BTreeMap<&str, Vec<&[f32]>> = BTreeMap::new();
    for (vector, row) in centred.iter().zip(rows) {
        if let (Some(incident), false) = (&row.incident, row.own) {
            incidents.entry(incident).or_default().push(vector);
        }
    }
    let middle = |vectors: &[&[f32]]| {
        let mut sum = vec![0.0; dims];
        vectors.iter().for_each(|vector| add(&mut sum, 1.0 / vectors.len() as f32, vector));
        sum
    };
    let middles: Vec<Vec<f32>> = incidents.values().map(|it| middle(it)).collect();
    let of_all = middle(&middles.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let away = |vector: &[f32], from: &[f32]| vector.iter().zip(from).map(|(a, b)| a - b).collect();
    let within: Vec<Vec<f32>> = incidents
        .values()
        .zip(&middles)
        .flat_map(|(vectors, middle)| vectors.iter().map(|it| away(it, middle)))
        .collect();
    let between: Vec<Vec<f32>> = middles.iter().map(|it| away(it, &of_all)).collect();
    if incidents.len() < 2 || within.len() <= incidents.len() {
        return None;
    }
    let (within, between) = (spread(&within, dims), spread(&between, dims));
    let even = within.trace() / dims as f64;
    let within = within * (1.0 - SHRINKAGE) + DMatrix::identity(dims, dims) * (SHRINKAGE * even);
    // Where the spread within incidents is the same in all directions, the main axes of that between them.
    let lower = Cholesky::new(within)?.l();
    let half = lower.solve_lower_triangular(&between)?;
    let apart = lower.solve_lower_triangular(&half.transpose())?;
    let axes = SymmetricEigen::new((&apart + apart.transpose()) * 0.5);
    let mut order: Vec<usize> = (0..dims).collect();
    order.sort_by(|a, b| axes.eigenvalues[*b].total_cmp(&axes.eigenvalues[*a]));
    let back = lower.transpose();
    let mut turn = Vec::new();
    for at in order.into_iter().take(POINTS.min(dims)) {
        let how_far = axes.eigenvalues[at].max(0.0).sqrt();
        let direction = back.solve_upper_triangular(&axes.eigenvectors.column(at))?;
        turn.extend(direction.iter().map(|value| (value * how_far) as f32));
    }
    Some(turn)
}

/// The mean of the products of each pair of values.
fn spread(vectors: &[Vec<f32>], dims: usize) -> DMatrix<f64> {
    let rows = vectors.len();
    let all = DMatrix::from_fn(rows, dims, |row, at| f64::from(vectors[row][at]));
    all.transpose() * &all / rows.max(1) as f64
}

/// Adds `vector` so many times.
fn add(sum: &mut [f32], times: f32, vector: &[f32]) {
    sum.iter_mut().zip(vector).for_each(|(sum, value)| *sum += times * value);
}

/// A row with its vector.
struct Lesson<'a> {
    vector: &'a [f32],
    row: &'a SenseRow,
}

/// What networks say of rows that they had not learned from.
fn held_back(lessons: &[Lesson<'_>], dims: usize, seed: u64) -> Vec<f32> {
    let mut said = vec![0.0; lessons.len()];
    for fold in 0..FOLDS {
        let taught: Vec<&Lesson<'_>> = lessons.iter().filter(|it| it.row.fold != fold).collect();
        let network = learn(&taught, dims, seed);
        for (said, lesson) in said.iter_mut().zip(lessons).filter(|(_, it)| it.row.fold == fold) {
            *said = network.log_odds(lesson.vector);
        }
    }
    said
}

/// From which log-odds on a row is bound, so that of a hundred look-alikes [`LEAKS_PERCENT`] are not, and how
/// many of a hundred general rows are not either.
fn threshold(odds: &[f32], rows: &[SenseRow]) -> Option<(f32, f64)> {
    let of = |own: bool| -> Vec<f32> {
        let chooses = |it: &SenseRow| it.incident.is_some() && it.chooses && it.own == own;
        let of = odds.iter().zip(rows).filter(|(_, it)| chooses(it));
        let mut odds: Vec<f32> = of.map(|(odds, _)| *odds).collect();
        odds.sort_by(f32::total_cmp);
        odds
    };
    let (own, general) = (of(true), of(false));
    let from = *own.get((own.len() as f64 * LEAKS_PERCENT / 100.0) as usize)?;
    let below = general.partition_point(|odds| *odds < from);
    Some((from, 100.0 * below as f64 / general.len().max(1) as f64))
}

/// The numbers of a network in one row: inner, inner bias, outer, outer bias.
struct Weights {
    numbers: Vec<f32>,
    dims: usize,
}

impl Weights {
    const fn bias_at(&self) -> usize {
        HIDDEN * self.dims
    }

    fn network(self, scale: f32) -> Network {
        let bias_at = self.bias_at();
        let inner = self.numbers[..bias_at].iter().map(|weight| weight * scale).collect();
        let part = |at: usize| self.numbers[bias_at + at * HIDDEN..][..HIDDEN].to_vec();
        Network {
            inner,
            inner_bias: part(0),
            outer: part(1),
            outer_bias: self.numbers[bias_at + 2 * HIDDEN],
        }
    }
}

/// Logistic regression through one hidden layer, by small steps (Adam).
fn learn(lessons: &[&Lesson<'_>], dims: usize, seed: u64) -> Network {
    // Vectors have length one; steps are for values of about one.
    let scale = (dims as f32).sqrt();
    let mut chance = Chance::new(seed);
    let count = HIDDEN * (dims + 2) + 1;
    let mut weights = Weights { numbers: vec![0.0; count], dims };
    let bias_at = weights.bias_at();
    let outer_at = bias_at + HIDDEN;
    let deviation = (2.0 / (dims + HIDDEN) as f32).sqrt();
    weights.numbers[..bias_at].iter_mut().for_each(|it| *it = chance.normal() * deviation);
    weights.numbers[outer_at..outer_at + HIDDEN]
        .iter_mut()
        .for_each(|it| *it = chance.normal() * (2.0 / HIDDEN as f32).sqrt());
    let (mut means, mut spreads) = (vec![0.0_f32; count], vec![0.0_f32; count]);
    let mut slopes = vec![0.0_f32; count];
    let mut order: Vec<usize> = (0..lessons.len()).collect();
    let mut hidden = [0.0_f32; HIDDEN];
    let mut steps = 0;
    for _ in 0..PASSES {
        chance.shuffle(&mut order);
        for batch in order.chunks(BATCH) {
            slopes.iter_mut().zip(&weights.numbers).for_each(|(slope, it)| *slope = DECAY * it);
            for &at in batch {
                let Lesson { vector, row } = lessons[at];
                let numbers = &weights.numbers;
                let mut odds = numbers[outer_at + HIDDEN];
                for (unit, value) in hidden.iter_mut().enumerate() {
                    let inner = &numbers[unit * dims..(unit + 1) * dims];
                    *value = (scale * dot(inner, vector) + numbers[bias_at + unit]).max(0.0);
                    odds += *value * numbers[outer_at + unit];
                }
                let often = if row.incident.is_some() { IN_BURST_WEIGHT } else { 1.0 };
                let error = 1.0 / (1.0 + (-odds).exp()) - f32::from(u8::from(row.own));
                let error = error * often / batch.len() as f32;
                slopes[outer_at + HIDDEN] += error;
                for (unit, value) in hidden.iter().enumerate().filter(|(_, value)| **value > 0.0) {
                    slopes[outer_at + unit] += error * value;
                    let back = error * numbers[outer_at + unit];
                    slopes[bias_at + unit] += back;
                    add(&mut slopes[unit * dims..(unit + 1) * dims], back * scale, vector);
                }
            }
            steps += 1;
            let (mean_part, spread_part) = (1.0 - MEAN.powi(steps), 1.0 - SPREAD.powi(steps));
            let moments = means.iter_mut().zip(&mut spreads).zip(&slopes);
            for (weight, ((mean, spread), slope)) in weights.numbers.iter_mut().zip(moments) {
                *mean = MEAN * *mean + (1.0 - MEAN) * slope;
                *spread = SPREAD * *spread + (1.0 - SPREAD) * slope * slope;
                *weight -= RATE * (*mean / mean_part) / ((*spread / spread_part).sqrt() + 1e-8);
            }
        }
    }
    weights.network(scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_an_own_matter_begins_is_chosen_by_rows_that_taught_the_encoder_nothing() {
        let row = |own, chooses| SenseRow {
            language: Language::ENGLISH,
            incident: Some("strike".to_owned()),
            own,
            by_words: 0.0,
            fold: 0,
            chooses,
        };
        // It tells those that it was taught apart by far more than others.
        let kinds = [(row(true, false), 10.0), (row(false, false), -10.0)];
        let others = [(row(true, true), 1.0), (row(false, true), 0.0)];
        let all = kinds.into_iter().chain(others).cycle().take(400);
        let (rows, odds): (Vec<_>, Vec<_>) = all.unzip();

        assert_eq!(threshold(&odds, &rows), Some((1.0, 100.0)));
    }
}
