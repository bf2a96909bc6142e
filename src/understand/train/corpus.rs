//! Training texts in memory: rows, and which of them are held out.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::slots::{self, Slot};
use crate::domain::{Intent, Language, Sentiment};

/// A message with whatever is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Row {
    /// As it was typed.
    pub text: String,
    /// Language it is written in.
    #[serde(default)]
    pub language: Option<Language>,
    /// What its writer wants.
    #[serde(default)]
    pub intent: Option<Intent>,
    /// How its writer feels.
    #[serde(default)]
    pub sentiment: Option<Sentiment>,
    /// Values in it that could be others, in order; empty when there are none, or when they are
    /// written in another way than in `models/corpus`, which the linter of the corpus tells.
    #[serde(default, deserialize_with = "slots::known")]
    pub spans: Vec<Slot>,
}

/// A line that is no [`Row`].
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct RowError {
    /// From 1.
    pub line: usize,
    /// What the JSON reader said.
    pub reason: serde_json::Error,
}

/// The rows of a JSON-lines text; empty lines are skipped.
///
/// # Errors
/// At the first line that is no row.
pub fn parse_rows(text: &str) -> Result<Vec<Row>, RowError> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(at, line)| {
            serde_json::from_str(line).map_err(|reason| RowError { line: at + 1, reason })
        })
        .collect()
}

/// What a row of the corpus is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Trains the shipped weights.
    Training,
    /// Never seen by the shipped weights: the floor in the tests and the figures of the card.
    HeldOut,
}

/// One row of so many is held out.
const HELD_OUT_OF: usize = 9;

/// The part of each row, in order. Of each cell (a language and an intent) the rows at some places
/// are held out, the same places in all languages: a scene may recur from language to language at
/// the same place, and must not be trained on in one and tested in another.
pub fn parts(rows: &[Row]) -> Vec<Part> {
    places(rows)
        .into_iter()
        .map(|(intent, place)| {
            let held = place % HELD_OUT_OF == intent * 5 % HELD_OUT_OF;
            if held { Part::HeldOut } else { Part::Training }
        })
        .collect()
}

/// The fold of each row when `folds` models are trained to calibrate: like [`parts`], by scene.
pub fn folds(rows: &[Row], folds: usize) -> Vec<usize> {
    places(rows).into_iter().map(|(intent, place)| (place + intent) % folds).collect()
}

/// For each row the number of its intent and its place in its cell.
fn places(rows: &[Row]) -> Vec<(usize, usize)> {
    let mut seen: BTreeMap<(Option<Language>, Option<Intent>), usize> = BTreeMap::new();
    rows.iter()
        .map(|row| {
            let place = seen.entry((row.language, row.intent)).or_default();
            *place += 1;
            (row.intent.map_or(0, |intent| intent as usize), *place - 1)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(language: &str, intent: Intent) -> Row {
        let language = Some(language.parse().expect("a language"));
        let (text, intent) = ("…".to_owned(), Some(intent));
        Row { text, language, intent, sentiment: None, spans: Vec::new() }
    }

    #[test]
    fn the_same_scene_is_held_out_in_every_language() {
        let rows: Vec<Row> = ["es", "th"]
            .into_iter()
            .flat_map(|language| (0..18).map(move |_| row(language, Intent::DeliveryTime)))
            .collect();

        let parts = parts(&rows);

        assert_eq!(parts[..18], parts[18..]);
        assert_eq!(parts.iter().filter(|part| **part == Part::HeldOut).count(), 4);
    }

    #[test]
    fn a_line_that_is_no_row_is_named() {
        let error = parse_rows("{\"text\":\"hi\"}\n\n{\"text\":1}").expect_err("no row");

        assert!(error.to_string().starts_with("line 3: "), "{error}");
    }
}
