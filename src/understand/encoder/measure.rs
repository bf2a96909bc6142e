//! Whether an encoder pays: it beside the fast tier, on the same messages.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::heads::{Heads, Reading};
use super::{BATCH_MAX, Encoder, EncoderError};
use crate::understand::model::{Hint, Model, Scratch, mean};
use crate::understand::train::Row;

/// Messages that are encoded one by one to tell the time.
const TIMED_MAX: usize = 1_000;
/// Share of the messages that must be gained for an encoder to be worth its milliseconds.
const GAIN_MIN: f64 = 0.005;
/// Standard errors that the gain must be away from nothing. Two are too few: an encoder that knows
/// one language of 24 reached them with seven messages gained and one lost.
const ERRORS_MIN: f64 = 3.0;

/// Figures of an encoder beside the fast tier; shares of right intents, languages and sentiments.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Messages with a known intent; nothing was trained on them.
    pub messages: usize,
    /// The fast tier alone.
    pub fast: Accuracy,
    /// The encoder alone.
    pub encoder: Accuracy,
    /// The mean of both for every message.
    pub averaged: Accuracy,
    /// The fast tier where it is sure; elsewhere the mean of both for intent and sentiment: what would
    /// run.
    pub two_tiers: Accuracy,
    /// Share of the messages for which the encoder is asked, see [`Model::accepts`].
    pub asked_share: f64,
    /// Median time of one message on one core.
    pub microseconds_p50: f64,
    /// 99th percentile of that time.
    pub microseconds_p99: f64,
    /// Messages that two tiers get right and the fast one wrong, and the other way round.
    pub gained: usize,
    /// See `gained`.
    pub lost: usize,
    /// Whether two tiers are better than one by more than chance, and by enough to matter.
    pub pays: bool,
}

/// Shares of right answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Accuracy {
    /// Of the intent.
    pub intent: f64,
    /// Of the language.
    pub language: f64,
    /// Of the sentiment.
    pub sentiment: f64,
}

/// What both tiers read in one message.
struct Read {
    fast: Reading,
    is_unsure: bool,
    encoder: Reading,
}

/// Compares on `rows`; those without an intent are left out. `clock` gives the time since any fixed
/// instant.
///
/// # Errors
/// When a text cannot be encoded.
pub fn compare(
    model: &Model,
    encoder: &mut dyn Encoder,
    heads: &Heads,
    rows: &[Row],
    clock: &mut dyn FnMut() -> Duration,
) -> Result<Comparison, EncoderError> {
    let rows: Vec<&Row> = rows.iter().filter(|row| row.intent.is_some()).collect();
    let texts: Vec<&str> = rows.iter().map(|row| row.text.as_str()).collect();
    let mut vectors = Vec::with_capacity(texts.len());
    let mut microseconds = Vec::new();
    for text in texts.iter().take(TIMED_MAX) {
        let start = clock();
        vectors.extend(encoder.embed(&[text])?);
        // Whole ones: they come back from their file as they were, and fractions would say nothing.
        microseconds.push(((clock().saturating_sub(start)).as_secs_f64() * 1e6).round());
    }
    for texts in texts[vectors.len()..].chunks(BATCH_MAX) {
        vectors.extend(encoder.embed(texts)?);
    }
    microseconds.sort_by(f64::total_cmp);
    let mut scratch = Scratch::default();
    let read: Vec<Read> = texts
        .iter()
        .zip(&vectors)
        .map(|(text, vector)| {
            let (fast, is_unsure) = fast_reading(model, text, heads, &mut scratch);
            Read { fast, is_unsure, encoder: heads.read(vector) }
        })
        .collect();
    let percentile = |share: f64| {
        let at = (microseconds.len() as f64 * share) as usize;
        microseconds.get(at.min(microseconds.len().saturating_sub(1))).copied().unwrap_or(0.0)
    };
    let times = (percentile(0.5), percentile(0.99));
    Ok(summary(&rows, &read, heads, times))
}

fn summary(rows: &[&Row], read: &[Read], heads: &Heads, times: (f64, f64)) -> Comparison {
    let fast: Vec<Reading> = read.iter().map(|it| it.fast.clone()).collect();
    let encoder: Vec<Reading> = read.iter().map(|it| it.encoder.clone()).collect();
    let averaged: Vec<Reading> = read.iter().map(|it| it.fast.averaged(&it.encoder)).collect();
    let both = |(it, averaged): (&Read, &Reading)| match it.is_unsure {
        true => Reading { languages: it.fast.languages.clone(), ..averaged.clone() },
        false => it.fast.clone(),
    };
    let two_tiers: Vec<Reading> = read.iter().zip(&averaged).map(both).collect();
    let right =
        |reading: &Reading, row: &Row| is_right(&reading.intents, row.intent.map(|it| it as usize));
    let changed = |before: bool| {
        let pairs = rows.iter().zip(&fast).zip(&two_tiers);
        pairs
            .filter(|((row, fast), both)| {
                right(fast, row) == Some(before) && right(both, row) == Some(!before)
            })
            .count()
    };
    let (gained, lost) = (changed(false), changed(true));
    let net = gained as f64 - lost as f64;
    let messages = rows.len();
    Comparison {
        messages,
        fast: accuracy(rows, &fast, heads),
        encoder: accuracy(rows, &encoder, heads),
        averaged: accuracy(rows, &averaged, heads),
        two_tiers: accuracy(rows, &two_tiers, heads),
        asked_share: read.iter().filter(|it| it.is_unsure).count() as f64 / messages.max(1) as f64,
        microseconds_p50: times.0,
        microseconds_p99: times.1,
        gained,
        lost,
        pays: net >= GAIN_MIN * messages as f64
            && net > ERRORS_MIN * ((gained + lost) as f64).sqrt(),
    }
}

impl Reading {
    /// The mean of two tiers, each label for itself.
    pub fn averaged(&self, other: &Self) -> Self {
        Self {
            languages: mean(&self.languages, &other.languages),
            intents: mean(&self.intents, &other.intents),
            sentiments: mean(&self.sentiments, &other.sentiments),
        }
    }
}

/// What the fast tier reads, its languages in the order of the heads, and whether it is unsure. A
/// language that the heads do not know is left out.
fn fast_reading(
    model: &Model,
    text: &str,
    heads: &Heads,
    scratch: &mut Scratch,
) -> (Reading, bool) {
    let understanding = model.understand(text, &Hint::default(), scratch);
    let [languages, intents, sentiments] = scratch.probabilities();
    let language = |wanted| {
        let at = model.languages().iter().position(|language| *language == wanted);
        at.map_or(0.0, |at| languages[at])
    };
    let reading = Reading {
        languages: heads.languages.iter().map(|wanted| language(*wanted)).collect(),
        intents: intents.to_vec(),
        sentiments: sentiments.to_vec(),
    };
    (reading, !model.accepts(&understanding.intent))
}

fn accuracy(rows: &[&Row], readings: &[Reading], heads: &Heads) -> Accuracy {
    let share = |judge: &dyn Fn(&Row, &Reading) -> Option<bool>| {
        let pairs = rows.iter().zip(readings);
        let judged: Vec<bool> = pairs.filter_map(|(row, reading)| judge(row, reading)).collect();
        judged.iter().filter(|right| **right).count() as f64 / judged.len().max(1) as f64
    };
    Accuracy {
        intent: share(&|row, read| is_right(&read.intents, row.intent.map(|it| it as usize))),
        language: share(&|row, read| {
            let label = row.language?;
            Some(heads.languages.get(best(&read.languages)) == Some(&label))
        }),
        sentiment: share(&|row, read| {
            is_right(&read.sentiments, row.sentiment.map(|it| it as usize))
        }),
    }
}

fn is_right(probabilities: &[f32], wanted: Option<usize>) -> Option<bool> {
    Some(best(probabilities) == wanted?)
}

fn best(probabilities: &[f32]) -> usize {
    let mut at = 0;
    for (i, probability) in probabilities.iter().enumerate() {
        if *probability > probabilities[at] {
            at = i;
        }
    }
    at
}
