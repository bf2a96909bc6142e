//! Measures a model on messages with known labels.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::encoder::EncoderError;
use super::model::{Hint, Model, Scratch};
use super::tiers::TieredReader;
use super::train::Row;
use crate::domain::{Guess, Intent, Tier, Understanding};

/// Figures of one evaluation; a share is missing when no row had the label.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// Rows.
    pub messages: usize,
    /// Share of languages that were right.
    pub language_accuracy: Option<f64>,
    /// Share of intents that were right.
    pub intent_accuracy: Option<f64>,
    /// Mean over the intents of their F1.
    pub intent_macro_f1: Option<f64>,
    /// Share of sentiments that were right.
    pub sentiment_accuracy: Option<f64>,
    /// Share of the messages whose intent was sure enough, see [`Model::accepts`].
    pub accepted_share: Option<f64>,
    /// Share of right intents among those.
    pub accepted_precision: Option<f64>,
    /// Expected calibration error of the intent over ten bins.
    pub ece: Option<f64>,
    /// By the language of the row.
    pub per_language: BTreeMap<String, Tally>,
    /// By the intent of the row.
    pub per_intent: BTreeMap<String, Tally>,
    /// How often each intent (first) was taken for another (second).
    pub confusions: Vec<Confusion>,
    /// Confidence against truth of the intent, ten bins.
    pub reliability: Vec<Bin>,
    /// Share of the messages on which the encoder had the last word.
    pub encoder_share: Option<f64>,
    /// What the fast tier alone gets; missing where that is all that was asked.
    pub fast_only: Option<Shares>,
    /// Median time to read a message.
    pub microseconds_p50: f64,
    /// 99th percentile of that time.
    pub microseconds_p99: f64,
}

/// The figures that an encoder may change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Shares {
    /// See [`Report::intent_accuracy`].
    pub intent_accuracy: Option<f64>,
    /// See [`Report::intent_macro_f1`].
    pub intent_macro_f1: Option<f64>,
    /// See [`Report::sentiment_accuracy`].
    pub sentiment_accuracy: Option<f64>,
    /// See [`Report::accepted_share`].
    pub accepted_share: Option<f64>,
    /// See [`Report::accepted_precision`].
    pub accepted_precision: Option<f64>,
    /// See [`Report::ece`].
    pub ece: Option<f64>,
}

impl Report {
    /// The figures that an encoder may change.
    pub fn shares(&self) -> Shares {
        let Self { intent_accuracy, intent_macro_f1, sentiment_accuracy, .. } = *self;
        let Self { accepted_share, accepted_precision, ece, .. } = *self;
        Shares {
            intent_accuracy,
            intent_macro_f1,
            sentiment_accuracy,
            accepted_share,
            accepted_precision,
            ece,
        }
    }
}

/// Figures of a group of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Tally {
    /// Rows.
    pub messages: usize,
    /// Share of intents that were right.
    pub intent_accuracy: Option<f64>,
    /// Share of languages that were right.
    pub language_accuracy: Option<f64>,
    /// Share of sentiments that were right.
    pub sentiment_accuracy: Option<f64>,
}

/// One kind of mistake.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Confusion {
    /// What the writer wanted.
    pub wanted: Intent,
    /// What the model read.
    pub read: Intent,
    /// How often.
    pub messages: usize,
}

/// Messages of similar confidence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// How many.
    pub messages: usize,
    /// Their mean confidence.
    pub confidence: f64,
    /// Share that was right.
    pub accuracy: f64,
}

const BINS: usize = 10;

/// Reads every row without hints and compares. `clock` gives the time since any fixed instant.
pub fn evaluate(model: &Model, rows: &[Row], clock: &mut dyn FnMut() -> Duration) -> Report {
    let mut scratch = Scratch::default();
    let mut read = |text: &str| Ok(model.understand(text, &Hint::default(), &mut scratch));
    let report: Result<Report, Infallible> = evaluate_with(model, rows, &mut read, clock);
    match report {
        Ok(report) => report,
        Err(never) => match never {},
    }
}

/// Reads every row with both tiers and compares.
///
/// # Errors
/// When the encoder fails.
pub fn evaluate_tiers(
    reader: &mut TieredReader,
    rows: &[Row],
    clock: &mut dyn FnMut() -> Duration,
) -> Result<Report, EncoderError> {
    let model = reader.fast().clone();
    let mut read = |text: &str| Ok(reader.classify(text, &Hint::default())?.understanding);
    evaluate_with(&model, rows, &mut read, clock)
}

fn evaluate_with<E>(
    model: &Model,
    rows: &[Row],
    read: &mut dyn FnMut(&str) -> Result<Understanding, E>,
    clock: &mut dyn FnMut() -> Duration,
) -> Result<Report, E> {
    let mut microseconds = Vec::with_capacity(rows.len());
    let read = rows.iter().map(|row| {
        let start = clock();
        let understanding = read(&row.text)?;
        microseconds.push(clock().saturating_sub(start).as_secs_f64() * 1e6);
        Ok((row, understanding))
    });
    let read = read.collect::<Result<Vec<(&Row, Understanding)>, E>>()?;
    microseconds.sort_by(f64::total_cmp);
    let whole = tally(&read);
    let intents = intent_pairs(&read);
    let accepted: Vec<_> = intents
        .iter()
        .filter(|(_, (label, confidence), _)| {
            model.accepts(&Guess { label: *label, confidence: *confidence })
        })
        .collect();
    let right = accepted.iter().filter(|(_, _, right)| *right).count();
    let reliability = reliability(&intents);
    let by_encoder = read.iter().filter(|(_, read)| read.tier == Tier::Encoder).count();
    Ok(Report {
        messages: rows.len(),
        language_accuracy: whole.language_accuracy,
        intent_accuracy: whole.intent_accuracy,
        intent_macro_f1: macro_f1(&intents),
        sentiment_accuracy: whole.sentiment_accuracy,
        accepted_share: share(accepted.len(), intents.len()),
        accepted_precision: share(right, accepted.len()),
        ece: calibration_error(&reliability),
        per_language: grouped(&read, |row| row.language.map(|language| language.to_string())),
        per_intent: grouped(&read, |row| row.intent.map(|intent| intent.to_string())),
        confusions: confusions(&intents),
        reliability,
        encoder_share: share(by_encoder, read.len()),
        fast_only: None,
        microseconds_p50: percentile(&microseconds, 0.50),
        microseconds_p99: percentile(&microseconds, 0.99),
    })
}

/// Wanted intent, read intent with confidence, and whether they are the same.
type IntentPair = (Intent, (Intent, f32), bool);

fn intent_pairs(read: &[(&Row, Understanding)]) -> Vec<IntentPair> {
    let pairs = read.iter().filter_map(|(row, understanding)| {
        let guess = understanding.intent;
        let wanted = row.intent?;
        Some((wanted, (guess.label, guess.confidence), guess.label == wanted))
    });
    pairs.collect()
}

fn tally(read: &[(&Row, Understanding)]) -> Tally {
    let right = |judge: &dyn Fn(&Row, &Understanding) -> Option<bool>| {
        let judged: Vec<bool> =
            read.iter().filter_map(|(row, understanding)| judge(row, understanding)).collect();
        share(judged.iter().filter(|right| **right).count(), judged.len())
    };
    Tally {
        messages: read.len(),
        intent_accuracy: right(&|row, read| row.intent.map(|label| label == read.intent.label)),
        language_accuracy: right(&|row, read| {
            row.language.map(|label| label == read.language.label)
        }),
        sentiment_accuracy: right(&|row, read| {
            row.sentiment.map(|label| label == read.sentiment.label)
        }),
    }
}

fn grouped(
    read: &[(&Row, Understanding)],
    name: impl Fn(&Row) -> Option<String>,
) -> BTreeMap<String, Tally> {
    let mut groups: BTreeMap<String, Vec<(&Row, Understanding)>> = BTreeMap::new();
    for (row, understanding) in read {
        if let Some(name) = name(row) {
            groups.entry(name).or_default().push((row, understanding.clone()));
        }
    }
    groups.into_iter().map(|(name, group)| (name, tally(&group))).collect()
}

/// Over the intents that occur in the rows.
fn macro_f1(pairs: &[IntentPair]) -> Option<f64> {
    let f1 = |intent: Intent| {
        let wanted = pairs.iter().filter(|pair| pair.0 == intent).count();
        let read = pairs.iter().filter(|pair| pair.1.0 == intent).count();
        let both = pairs.iter().filter(|pair| pair.0 == intent && pair.2).count();
        (wanted > 0).then(|| 2.0 * both as f64 / (wanted + read) as f64)
    };
    let all: Vec<f64> = Intent::ALL.into_iter().filter_map(f1).collect();
    (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
}

fn confusions(pairs: &[IntentPair]) -> Vec<Confusion> {
    let mut counts: BTreeMap<(Intent, Intent), usize> = BTreeMap::new();
    for (wanted, (read, _), right) in pairs {
        if !right {
            *counts.entry((*wanted, *read)).or_default() += 1;
        }
    }
    let mut all: Vec<Confusion> = counts
        .into_iter()
        .map(|((wanted, read), messages)| Confusion { wanted, read, messages })
        .collect();
    all.sort_by_key(|confusion| std::cmp::Reverse(confusion.messages));
    all
}

fn reliability(pairs: &[IntentPair]) -> Vec<Bin> {
    let mut bins = vec![Bin::default(); BINS];
    for (_, (_, confidence), right) in pairs {
        let bin = &mut bins[((confidence * BINS as f32) as usize).min(BINS - 1)];
        bin.messages += 1;
        bin.confidence += f64::from(*confidence);
        bin.accuracy += f64::from(u8::from(*right));
    }
    for bin in bins.iter_mut().filter(|bin| bin.messages > 0) {
        bin.confidence /= bin.messages as f64;
        bin.accuracy /= bin.messages as f64;
    }
    bins
}

fn calibration_error(bins: &[Bin]) -> Option<f64> {
    let messages: usize = bins.iter().map(|bin| bin.messages).sum();
    let gaps = bins.iter().map(|bin| (bin.confidence - bin.accuracy).abs() * bin.messages as f64);
    (messages > 0).then(|| gaps.sum::<f64>() / messages as f64)
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn percentile(sorted: &[f64], share: f64) -> f64 {
    let at = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(at.saturating_sub(1)).copied().unwrap_or(0.0)
}
