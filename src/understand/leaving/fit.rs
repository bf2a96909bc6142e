//! Fits the head on rows that say who leaves, and measures it on rows held back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Signs, Weights, evidence_of};
use crate::domain::{Intent, Language, Sentiment};
use crate::understand::model::{Model, Scratch};
use crate::understand::train::corpus::{Part, parts};
use crate::understand::train::{Chance, Row};

/// A line of `models/churn/<language>.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct LeavingRow {
    /// As it was typed.
    pub text: String,
    /// Language it is written in.
    pub language: Language,
    /// Whether its writer leaves the shop, or clearly threatens to.
    pub churn: bool,
}

/// How a head does on rows that it was not fitted on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Rows that are hard: half of them leave, most of the others look like it.
    pub rows: usize,
    /// Everyday messages beside them, of customers who stay.
    pub calm: usize,
    /// Parts that were held back, one after the other.
    pub folds: usize,
    /// Share of the pairs of a leaving and a staying customer that are in the right order, among the
    /// hard rows.
    pub auroc: f64,
    /// Mean difference between confidence and truth of all rows, over ten bins of probability.
    pub ece: f64,
    /// Share of those who leave whose probability is one half or more.
    pub found: f64,
    /// Share of the hard rows of those who stay, for whom it is that as well.
    pub mistaken: f64,
    /// The same of the everyday messages.
    pub false_alarms: f64,
    /// [`Self::auroc`] within each language.
    pub auroc_of: BTreeMap<String, f64>,
}

/// The rows of a JSON-lines text; empty lines are skipped.
///
/// # Errors
/// At the first line that is no row, with its number.
pub fn parse(text: &str) -> Result<Vec<LeavingRow>, String> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let row = |(at, line)| {
        serde_json::from_str(line).map_err(|wrong| format!("line {}: {wrong}", at + 1))
    };
    lines.map(row).collect()
}

/// Intents whose messages may be of customers who leave.
const MAY_LEAVE: [Intent; 8] = [
    Intent::Complaint,
    Intent::AccountChange,
    Intent::DataPrivacy,
    Intent::Newsletter,
    Intent::CancelOrder,
    Intent::RequestRefund,
    Intent::Feedback,
    Intent::Other,
];
/// One everyday message of so many is taken, so that they do not drown the rest.
const CALM_OF: usize = 3;

/// Everyday messages of the corpus that trained no weights: without them a head knows only people who
/// are leaving, or sound as if.
pub fn calm(corpus: &[Row]) -> Vec<LeavingRow> {
    let rows = corpus.iter().zip(parts(corpus));
    let held_out = rows.filter(|(_, part)| *part == Part::HeldOut).map(|(row, _)| row);
    held_out
        .filter(|row| row.intent.is_some_and(|intent| !MAY_LEAVE.contains(&intent)))
        .filter_map(|row| {
            let (text, language) = (row.text.clone(), row.language?);
            Some(LeavingRow { text, language, churn: false })
        })
        .step_by(CALM_OF)
        .collect()
}

/// Parts in which rows are held back.
const FOLDS: usize = 10;
/// Where the random order of the rows starts.
const SEED: u64 = 11;
/// Steps of the descent; the weights have settled long before.
const STEPS: usize = 500;
const RATE: f64 = 4.0;
/// Pulls weights to nothing, so that an intent that few rows have says little.
const DECAY: f64 = 3e-4;

/// Fits a head on `hard` and `calm` rows with what `model` makes of them. `sha256` is that of the
/// model's file.
pub fn fit(
    model: &Model,
    sha256: &str,
    signs: &Signs,
    hard: &[LeavingRow],
    calm: &[LeavingRow],
) -> Weights {
    let mut scratch = Scratch::default();
    let rows: Vec<&LeavingRow> = hard.iter().chain(calm).collect();
    let evidence: Vec<Vec<f32>> = rows
        .iter()
        .map(|row| {
            model.probe(&row.text, &mut scratch);
            let [_, intents, sentiments] = scratch.probabilities();
            evidence_of(signs, &row.text, intents, sentiments)
        })
        .collect();
    let truth: Vec<bool> = rows.iter().map(|row| row.churn).collect();
    let measured = measured(hard, &held_back(&evidence, &truth));
    let all: Vec<usize> = (0..rows.len()).collect();
    let (bias, weights) = regress(&evidence, &truth, &all);
    let mut weights = weights.into_iter().map(thousandths);
    let intents = Intent::ALL.map(|intent| intent.as_str().to_owned());
    let moods = Sentiment::ALL.map(|mood| mood.as_str().to_owned());
    Weights {
        model: sha256.to_owned(),
        measured,
        bias: thousandths(bias),
        intents: intents.into_iter().zip(weights.by_ref()).collect(),
        sentiments: moods.into_iter().zip(weights.by_ref()).collect(),
        signs: signs.names.iter().cloned().zip(weights).collect(),
    }
}

fn thousandths(value: f64) -> f32 {
    ((value * 1_000.0).round() / 1_000.0) as f32
}

/// What was said of a row, a probability, and what is true of it.
pub type Outcome = (f64, bool);

/// Every row read by a head that was fitted without it.
fn held_back(evidence: &[Vec<f32>], truth: &[bool]) -> Vec<Outcome> {
    let mut order: Vec<usize> = (0..truth.len()).collect();
    Chance::new(SEED).shuffle(&mut order);
    let mut said = vec![0.0; truth.len()];
    for fold in 0..FOLDS {
        let part = |held: bool| {
            let places = order.iter().enumerate();
            places.filter(move |(place, _)| (place % FOLDS == fold) == held).map(|(_, row)| *row)
        };
        let (bias, weights) = regress(evidence, truth, &part(false).collect::<Vec<_>>());
        for row in part(true) {
            said[row] = probability(bias, &weights, &evidence[row]);
        }
    }
    said.into_iter().zip(truth.iter().copied()).collect()
}

/// The figures of `outcomes`, which begin with those of the `hard` rows.
fn measured(hard: &[LeavingRow], outcomes: &[Outcome]) -> Measured {
    let (of_hard, of_calm) = outcomes.split_at(hard.len());
    let mut by_language: BTreeMap<String, Vec<Outcome>> = BTreeMap::new();
    for (row, outcome) in hard.iter().zip(of_hard) {
        by_language.entry(row.language.to_string()).or_default().push(*outcome);
    }
    let short = |value: f64| (value * 10_000.0).round() / 10_000.0;
    let alarmed = |outcomes: &[Outcome], leaves: bool| {
        let of_kind = outcomes.iter().filter(|(_, truth)| *truth == leaves);
        let (mut all, mut alarms) = (0, 0);
        for (said, _) in of_kind {
            all += 1;
            alarms += usize::from(*said >= 0.5);
        }
        short(alarms as f64 / all.max(1) as f64)
    };
    Measured {
        rows: of_hard.len(),
        calm: of_calm.len(),
        folds: FOLDS,
        auroc: short(area_under_curve(of_hard)),
        ece: short(calibration_error(outcomes)),
        found: alarmed(of_hard, true),
        mistaken: alarmed(of_hard, false),
        false_alarms: alarmed(of_calm, false),
        auroc_of: by_language
            .iter()
            .map(|(language, part)| (language.clone(), short(area_under_curve(part))))
            .collect(),
    }
}

/// Logistic regression by gradient descent from nothing; the surprise is convex.
fn regress(evidence: &[Vec<f32>], truth: &[bool], rows: &[usize]) -> (f64, Vec<f64>) {
    let width = evidence.first().map_or(0, Vec::len);
    let (mut bias, mut weights) = (0.0, vec![0.0; width]);
    let share = 1.0 / rows.len().max(1) as f64;
    for _ in 0..STEPS {
        let (mut bias_slope, mut slopes) = (0.0, vec![0.0; width]);
        for &row in rows {
            let error =
                probability(bias, &weights, &evidence[row]) - f64::from(u8::from(truth[row]));
            bias_slope += error;
            for (slope, value) in slopes.iter_mut().zip(&evidence[row]) {
                *slope += error * f64::from(*value);
            }
        }
        bias -= RATE * share * bias_slope;
        for (weight, slope) in weights.iter_mut().zip(slopes) {
            *weight -= RATE * (share * slope + DECAY * *weight);
        }
    }
    (bias, weights)
}

fn probability(bias: f64, weights: &[f64], evidence: &[f32]) -> f64 {
    let pairs = weights.iter().zip(evidence);
    let odds = bias + pairs.map(|(weight, value)| weight * f64::from(*value)).sum::<f64>();
    1.0 / (1.0 + (-odds).exp())
}

/// Share of the pairs of a true and a false outcome in which the true one was called more probable;
/// equal ones count half. One half when a side is empty.
pub fn area_under_curve(outcomes: &[Outcome]) -> f64 {
    let mut sorted = outcomes.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let trues = sorted.iter().filter(|(_, truth)| *truth).count() as f64;
    let falses = sorted.len() as f64 - trues;
    if trues == 0.0 || falses == 0.0 {
        return 0.5;
    }
    let (mut below, mut pairs) = (0.0, 0.0);
    for equal in sorted.chunk_by(|a, b| a.0 == b.0) {
        let trues_here = equal.iter().filter(|(_, truth)| *truth).count() as f64;
        let falses_here = equal.len() as f64 - trues_here;
        pairs += trues_here * (below + falses_here / 2.0);
        below += falses_here;
    }
    pairs / (trues * falses)
}

/// Mean difference between mean probability and share of true outcomes over ten bins, by their size.
pub fn calibration_error(outcomes: &[Outcome]) -> f64 {
    const BINS: usize = 10;
    let mut bins = [(0.0, 0.0); BINS];
    for (said, truth) in outcomes {
        let (said_sum, true_sum) = &mut bins[((said * BINS as f64) as usize).min(BINS - 1)];
        *said_sum += said;
        *true_sum += f64::from(u8::from(*truth));
    }
    let gaps = bins.iter().map(|(said, truths)| f64::abs(said - truths));
    gaps.sum::<f64>() / outcomes.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_counts_pairs_in_the_right_order_and_half_of_the_equal_ones() {
        let outcomes = [(0.9, true), (0.4, false), (0.4, true), (0.2, false)];

        assert_eq!(area_under_curve(&outcomes), 0.875);
        assert_eq!(area_under_curve(&outcomes[..1]), 0.5);
    }

    #[test]
    fn the_error_is_that_of_the_bins_by_their_size() {
        let outcomes = [(0.75, true), (0.75, true), (0.75, false), (0.25, false)];

        // 2.25 said against 2 true, and 0.25 against 0.
        assert!((calibration_error(&outcomes) - 0.125).abs() < 1e-12);
    }

    #[test]
    fn a_regression_finds_what_tells_the_rows_apart() {
        let evidence: Vec<Vec<f32>> = (0..40).map(|at| vec![(at % 2) as f32, 1.0]).collect();
        let truth: Vec<bool> = (0..40).map(|at| at % 2 == 1).collect();

        let (bias, weights) = regress(&evidence, &truth, &(0..40).collect::<Vec<_>>());

        assert!(probability(bias, &weights, &[1.0, 1.0]) > 0.95);
        assert!(probability(bias, &weights, &[0.0, 1.0]) < 0.05);
    }
}
