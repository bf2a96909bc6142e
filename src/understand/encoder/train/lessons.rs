//! The batches of a pass.

use crate::domain::{Intent, Language, Sentiment};
use crate::understand::encoder::EncoderError;
use crate::understand::encoder::tokens::{Batch, Tokens};
use crate::understand::train::{Chance, Row};

use super::noise::with_noise;

/// A text with all its labels as numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Example {
    pub(super) text: String,
    /// Language, intent, sentiment.
    pub(super) labels: [u32; 3],
}

impl Example {
    /// The rows that have all labels.
    pub(super) fn of_rows<'a>(
        rows: impl IntoIterator<Item = &'a Row>,
        languages: &[Language],
    ) -> Vec<Self> {
        let example = |row: &Row| {
            let language = languages.binary_search(&row.language?).ok()? as u32;
            let labels = [language, row.intent? as u32, row.sentiment? as u32];
            Some(Self { text: row.text.clone(), labels })
        };
        rows.into_iter().filter_map(example).collect()
    }

    /// How many labels each of the three questions has.
    pub(super) fn label_counts(languages: &[Language]) -> [usize; 3] {
        [languages.len(), Intent::ALL.len(), Sentiment::ALL.len()]
    }
}

/// Messages of similar length with their labels.
pub(super) struct Lesson {
    pub(super) batch: Batch,
    /// By question, then by message.
    pub(super) labels: [Vec<u32>; 3],
}

/// Batches in which messages are sorted by length: what fills short ones up costs as much as they.
const POOL_BATCHES: usize = 16;

/// All examples once, with noise, in a random order.
pub(super) fn lessons(
    examples: &[Example],
    tokens: &Tokens,
    batch: usize,
    chance: &mut Chance,
) -> Result<Vec<Lesson>, EncoderError> {
    let mut order: Vec<usize> = (0..examples.len()).collect();
    chance.shuffle(&mut order);
    let mut lessons = Vec::new();
    for pool in order.chunks_mut(batch * POOL_BATCHES) {
        pool.sort_by_key(|at| examples[*at].text.len());
        for part in pool.chunks(batch) {
            let texts: Vec<String> =
                part.iter().map(|at| with_noise(&examples[*at].text, chance)).collect();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let label = |question: usize| {
                part.iter().map(|at| examples[*at].labels[question]).collect::<Vec<u32>>()
            };
            lessons.push(Lesson { batch: tokens.batch(&texts)?, labels: [0, 1, 2].map(label) });
        }
    }
    chance.shuffle(&mut lessons);
    Ok(lessons)
}
