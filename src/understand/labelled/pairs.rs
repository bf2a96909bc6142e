//! Pairs of texts that say the same, or do not.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::understand::encoder::{BATCH_MAX, Encoder, EncoderError};
use crate::understand::layers::dot;
use crate::understand::model::{Model, Scratch};
use crate::understand::tenant::auroc;
use crate::understand::text;

use super::tsv::{Table, TableError};

/// Two texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// As they were typed.
    pub texts: [String; 2],
    /// Whether they say the same.
    pub is_same: bool,
}

/// How well a likeness tells the pairs that say the same from the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct PairTally {
    /// Probability that a pair that says the same is more alike than one that does not.
    pub auroc: Option<f64>,
    /// Largest share of pairs that one threshold gets right.
    pub accuracy: Option<f64>,
    /// Share of the same that is found where nine in ten of the found are.
    pub recall_at_90: f64,
}

/// How well the likeness that incidents are found by tells the pairs, and what it says by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct PairFigures {
    /// How many.
    pub pairs: usize,
    /// Probability that a pair that says the same is more alike than one that does not.
    pub auroc: Option<f64>,
    /// Share of the same that is found where nine in ten of the found are.
    pub recall_at_precision_90: f64,
    /// The same where nineteen in twenty are.
    pub recall_at_precision_95: f64,
    /// Share of the found that are the same, at the threshold that is used; `None` when none is found.
    pub precision_at_default: Option<f64>,
    /// Share of the same that is found at that threshold; `None` when there are none.
    pub recall_at_default: Option<f64>,
}

impl PairFigures {
    /// The figures of likenesses in the order of the pairs, of which `default` is the threshold.
    pub fn of(pairs: &[Pair], scores: &[f32], default: f32) -> Self {
        let is_same = pairs.iter().map(|pair| pair.is_same);
        let mut scored: Vec<(f32, bool)> = scores.iter().copied().zip(is_same).collect();
        let found = scored.iter().filter(|(score, _)| *score >= default);
        let hits = found.clone().filter(|(_, is_same)| *is_same).count();
        let (found, same) = (found.count(), pairs.iter().filter(|pair| pair.is_same).count());
        let share = |of: usize| (of > 0).then(|| hits as f64 / of as f64);
        let auroc = auroc(scored.clone());
        scored.sort_by(|a, b| b.0.total_cmp(&a.0));
        Self {
            pairs: pairs.len(),
            auroc,
            recall_at_precision_90: recall_at(&scored, 0.9),
            recall_at_precision_95: recall_at(&scored, 0.95),
            precision_at_default: share(found),
            recall_at_default: share(same),
        }
    }
}

/// Largest share of the same that is found where `precision` of the found are; best first.
fn recall_at(scored: &[(f32, bool)], precision: f64) -> f64 {
    let same = scored.iter().filter(|(_, is_same)| *is_same).count();
    let (mut recall, mut taken, mut hits) = (0.0_f64, 0, 0);
    for equals in scored.chunk_by(|a, b| a.0 == b.0) {
        taken += equals.len();
        hits += equals.iter().filter(|(_, is_same)| *is_same).count();
        if hits as f64 >= precision * taken as f64 {
            recall = recall.max(hits as f64 / same.max(1) as f64);
        }
    }
    recall
}

/// Figures of several likenesses on the same pairs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct PairReport {
    /// How many.
    pub pairs: usize,
    /// By pieces of two to four characters.
    pub characters: PairTally,
    /// By the vectors of the fast tier.
    pub fast: PairTally,
    /// By the vectors of an encoder.
    pub encoder: Option<PairTally>,
}

/// The pairs of a table with the columns `a`, `b` and `dup` (1 or 0).
///
/// # Errors
/// At the first line that has no such columns or another word under `dup`.
pub fn parse_pairs(table: &str) -> Result<Vec<Pair>, TableError> {
    let table = Table::new(table);
    let columns = [table.required("a")?, table.required("b")?, table.required("dup")?];
    let pair = |line: super::tsv::Line<'_>| {
        let texts = [line.field(columns[0], "a")?, line.field(columns[1], "b")?];
        let is_same = match line.field(columns[2], "dup")?.trim() {
            "1" => true,
            "0" => false,
            other => {
                let (line, found) = (line.number, other.to_owned());
                return Err(TableError::Label { line, found, wanted: "0 and 1" });
            }
        };
        Ok(Pair { texts: texts.map(str::to_owned), is_same })
    };
    table.lines().map(pair).collect()
}

/// Measures each likeness.
///
/// # Errors
/// When the encoder fails.
pub fn pairs_of(
    model: &Model,
    encoder: Option<&mut dyn Encoder>,
    pairs: &[Pair],
) -> Result<PairReport, EncoderError> {
    let mut scratch = Scratch::default();
    let fast: Vec<f32> = pairs
        .iter()
        .map(|pair| {
            let [a, b] = pair.texts.each_ref().map(|text| model.vector(text, &mut scratch));
            dot(&a, &b)
        })
        .collect();
    let characters: Vec<f32> = pairs.iter().map(|pair| likeness(&pair.texts)).collect();
    let by_encoder = encoder.map(|encoder| by_encoder(encoder, pairs)).transpose()?;
    let tally = |scores: Vec<f32>| tally(scores.into_iter().zip(pairs.iter().map(|p| p.is_same)));
    Ok(PairReport {
        pairs: pairs.len(),
        characters: tally(characters),
        fast: tally(fast),
        encoder: by_encoder.map(tally),
    })
}

fn by_encoder(encoder: &mut dyn Encoder, pairs: &[Pair]) -> Result<Vec<f32>, EncoderError> {
    let texts: Vec<&str> =
        pairs.iter().flat_map(|pair| pair.texts.each_ref().map(String::as_str)).collect();
    let mut vectors = Vec::with_capacity(texts.len());
    for texts in texts.chunks(BATCH_MAX) {
        vectors.extend(encoder.embed(texts)?);
    }
    Ok(vectors.chunks_exact(2).map(|pair| dot(&pair[0], &pair[1])).collect())
}

/// Cosine of the counts of pieces of two to four characters.
fn likeness(texts: &[String; 2]) -> f32 {
    let [a, b] = texts.each_ref().map(|text| pieces(text));
    let length = |counts: &BTreeMap<Vec<char>, f32>| counts.values().map(|n| n * n).sum::<f32>();
    let common: f32 = a.iter().filter_map(|(piece, n)| Some(n * b.get(piece)?)).sum();
    common / (length(&a) * length(&b)).sqrt().max(f32::MIN_POSITIVE)
}

fn pieces(text: &str) -> BTreeMap<Vec<char>, f32> {
    let mut chars = Vec::new();
    text::normalise(text, &mut chars);
    let mut counts = BTreeMap::new();
    for length in 2..=4 {
        for piece in chars.windows(length) {
            *counts.entry(piece.to_vec()).or_default() += 1.0;
        }
    }
    counts
}

fn tally(scored: impl Iterator<Item = (f32, bool)>) -> PairTally {
    let mut scored: Vec<(f32, bool)> = scored.collect();
    let auroc = auroc(scored.clone());
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (all, same) = (scored.len(), scored.iter().filter(|(_, is_same)| *is_same).count());
    // Nothing found: all that differ are right.
    let (mut right_max, mut taken, mut hits) = (all - same, 0, 0);
    for equals in scored.chunk_by(|a, b| a.0 == b.0) {
        taken += equals.len();
        hits += equals.iter().filter(|(_, is_same)| *is_same).count();
        right_max = right_max.max(hits + (all - same) - (taken - hits));
    }
    let accuracy = (all > 0).then(|| right_max as f64 / all as f64);
    PairTally { auroc, accuracy, recall_at_90: recall_at(&scored, 0.9) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_and_another_word_under_dup_is_named() {
        let pairs = parse_pairs("a\tb\tdup\nhi\thello\t1\nhi\tbye\t0\n").expect("a table");

        assert_eq!(pairs.iter().map(|pair| pair.is_same).collect::<Vec<_>>(), [true, false]);
        assert_eq!(pairs[0].texts, ["hi", "hello"]);
        let error = parse_pairs("a\tb\tdup\nhi\thello\tyes\n").expect_err("no such word");
        assert!(error.to_string().contains("line 2"), "{error}");
    }

    #[test]
    fn a_likeness_is_judged_by_order_by_its_best_threshold_and_by_what_it_finds_surely() {
        let scores = [(0.9, true), (0.8, true), (0.7, false), (0.6, true), (0.1, false)];

        let tally = tally(scores.into_iter());

        assert_eq!(tally.auroc, Some(5.0 / 6.0));
        assert_eq!(tally.accuracy, Some(4.0 / 5.0));
        assert!((tally.recall_at_90 - 2.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn the_same_text_is_most_alike_by_characters_and_by_the_model() {
        let model = Model::embedded().expect("the shipped model");
        let pair = |a: &str, b: &str, is_same| Pair { texts: [a, b].map(str::to_owned), is_same };
        let pairs = [
            pair("where is my order", "where is my order?", true),
            pair("where is my order", "do you ship to Peru", false),
        ];

        let report = pairs_of(&model, None, &pairs).expect("no encoder can fail");

        assert_eq!((report.characters.auroc, report.fast.auroc), (Some(1.0), Some(1.0)));
        assert_eq!(report.encoder, None);
    }
}
