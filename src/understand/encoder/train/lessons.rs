//! The batches of a pass.

use crate::domain::{Intent, Language, Sentiment};
use crate::understand::encoder::EncoderError;
use crate::understand::encoder::tokens::{Batch, Tokens};
use crate::understand::train::{Chance, Row};

use super::noise::with_noise;
use super::translations::Translation;

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

/// Texts of similar length for one step.
pub(super) enum Lesson {
    /// Messages with their labels, by question, then by message.
    Messages(Batch, [Vec<u32>; 3]),
    /// Strings with the number of what they say.
    Translations(Batch, Vec<u32>),
}

/// All that is learnt from.
pub(super) struct Course {
    pub(super) examples: Vec<Example>,
    pub(super) translations: Vec<Translation>,
}

/// Batches in which texts are sorted by length: what fills short ones up costs as much as they.
const POOL_BATCHES: usize = 16;

impl Course {
    /// How many lessons of `batch` texts a pass has.
    pub(super) fn lessons_count(&self, batch: usize) -> usize {
        self.examples.len().div_ceil(batch) + self.translations.len().div_ceil(pairs_of(batch))
    }

    /// All examples once and a pair of each translation, with noise, in a random order.
    pub(super) fn lessons(
        &self,
        tokens: &Tokens,
        batch: usize,
        chance: &mut Chance,
    ) -> Result<Vec<Lesson>, EncoderError> {
        let length = |example: &Example| example.text.len();
        let mut lessons = Vec::new();
        for part in parts(&self.examples, batch, &length, chance) {
            let texts: Vec<String> =
                part.iter().map(|example| with_noise(&example.text, chance)).collect();
            let label = |question: usize| {
                part.iter().map(|example| example.labels[question]).collect::<Vec<u32>>()
            };
            lessons.push(Lesson::Messages(tokens.batch(&texts)?, [0, 1, 2].map(label)));
        }
        let pairs: Vec<[&str; 2]> = self.translations.iter().map(|it| it.pair(chance)).collect();
        let length = |pair: &[&str; 2]| pair[0].len() + pair[1].len();
        for part in parts(&pairs, pairs_of(batch), &length, chance) {
            let texts: Vec<String> =
                part.iter().flat_map(|pair| pair.map(|text| with_noise(text, chance))).collect();
            let keys = (0..part.len() as u32).flat_map(|key| [key, key]).collect();
            lessons.push(Lesson::Translations(tokens.batch(&texts)?, keys));
        }
        chance.shuffle(&mut lessons);
        Ok(lessons)
    }
}

/// Pairs of texts in a batch of so many texts.
fn pairs_of(batch: usize) -> usize {
    (batch / 2).max(1)
}

/// `items` in a random order, in parts of at most `size` that are of similar length.
fn parts<'a, T>(
    items: &'a [T],
    size: usize,
    length: &dyn Fn(&T) -> usize,
    chance: &mut Chance,
) -> Vec<Vec<&'a T>> {
    let mut order: Vec<&T> = items.iter().collect();
    chance.shuffle(&mut order);
    let mut parts = Vec::new();
    for pool in order.chunks_mut(size * POOL_BATCHES) {
        pool.sort_by_key(|item| length(item));
        parts.extend(pool.chunks(size).map(<[&T]>::to_vec));
    }
    parts
}
