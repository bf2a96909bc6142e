//! What is kept of a question to compare it with others, and how alike two are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::{Guess, Language, Meaning};

use super::simhash::{are_copies, fingerprint, hash};
use super::words::{TOPICS, Words, plain, topics};

/// How much the intents and the vector count beside the topics: they tell less, but they tell something
/// where the topics tie (docs/decisions/0029).
const INTENTS_WEIGHT: f32 = 0.1;
const VECTOR_WEIGHT: f32 = 0.3;
/// Likeness by characters from which two texts of one script say the same.
pub const CHARACTERS_ALIKE: f32 = 0.55;
/// Likeness by topic from which on a question joins, before anybody has said anything about its cluster.
pub const TOPIC_ALIKE: f32 = 0.9;
/// [`Print::likeness`] from which on two join.
pub const JOINS_FROM: f32 = 1.0;
/// Lengths of the pieces that texts are compared by.
const PIECES: std::ops::RangeInclusive<usize> = 2..=4;

/// A question as it is compared.
#[derive(Clone, Debug)]
pub struct Print {
    exact: u64,
    simhash: u64,
    pieces: BTreeMap<u64, f32>,
    topics: [f32; TOPICS.len()],
    intents: Vec<f32>,
    vector: Vec<f32>,
}

/// By what two questions are the same, with how surely.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Match {
    /// The same text.
    Exact,
    /// Nearly the same text.
    Copy,
    /// Much the same characters.
    Characters(f32),
    /// The same topic.
    Topic(f32),
}

impl Match {
    /// The stage of the cascade, as written in evidence.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Copy => "copy",
            Self::Characters(_) => "characters",
            Self::Topic(_) => "topic",
        }
    }

    /// Its likeness; that of copies is beyond every threshold.
    pub const fn likeness(self) -> f32 {
        match self {
            Self::Exact | Self::Copy => f32::MAX,
            Self::Characters(likeness) | Self::Topic(likeness) => likeness,
        }
    }
}

impl Print {
    /// The print of a text that the gate has let through, in the form that the gate gave it.
    pub fn new(plain: &str, language: Guess<Language>, meaning: &Meaning) -> Self {
        Self {
            exact: hash(plain.as_bytes()),
            simhash: fingerprint(plain),
            pieces: pieces(plain),
            topics: topics(&Words::likely(language, plain), plain),
            intents: meaning.intents.iter().map(|share| share.sqrt()).collect(),
            vector: meaning.vector.clone(),
        }
    }

    /// The print of any text in a known language, for measurements.
    pub fn of_text(text: &str, language: Language, meaning: &Meaning) -> Self {
        let language = Guess { label: language, confidence: 1.0 };
        Self::new(&plain(text), language, meaning)
    }

    /// Whether it names anything that incidents are about.
    pub fn has_topic(&self) -> bool {
        self.topics.iter().any(|weight| *weight > 0.0)
    }

    /// Whether two are copies, by whichever cheap stage of the cascade says so first.
    pub fn is_copy(&self, other: &Self) -> Option<Match> {
        if self.exact == other.exact {
            return Some(Match::Exact);
        }
        if are_copies(self.simhash, other.simhash) {
            return Some(Match::Copy);
        }
        let alike = self.characters(other);
        (alike >= CHARACTERS_ALIKE).then_some(Match::Characters(alike))
    }

    /// How alike two are, as the cascade sees it: 1 and more says that they would join.
    pub fn likeness(&self, other: &Self) -> f32 {
        let topic = Centre::of(self).likeness(other) / TOPIC_ALIKE;
        topic.max(self.characters(other) / CHARACTERS_ALIKE)
    }

    /// Cosine of the counts of their pieces of two to four characters, 0 to 1.
    pub fn characters(&self, other: &Self) -> f32 {
        let common = self.pieces.iter().filter_map(|(piece, n)| Some(n * other.pieces.get(piece)?));
        let length = |print: &Self| print.pieces.values().map(|n| n * n).sum::<f32>();
        let product = (length(self) * length(other)).sqrt();
        if product > 0.0 { common.sum::<f32>() / product } else { 0.0 }
    }
}

/// The middle of the questions of a cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Centre {
    topics: [f32; TOPICS.len()],
    intents: Vec<f32>,
    vector: Vec<f32>,
}

impl Centre {
    /// The middle of one question.
    pub fn of(print: &Print) -> Self {
        Self { topics: print.topics, intents: print.intents.clone(), vector: print.vector.clone() }
    }

    /// Takes another question in.
    pub fn add(&mut self, print: &Print) {
        add(&mut self.topics, &print.topics, 1.0);
        add(&mut self.intents, &print.intents, 1.0);
        add(&mut self.vector, &print.vector, 1.0);
    }

    /// Takes one away that was taken in.
    pub fn take_away(&mut self, print: &Print) {
        add(&mut self.topics, &print.topics, -1.0);
        add(&mut self.intents, &print.intents, -1.0);
        add(&mut self.vector, &print.vector, -1.0);
    }

    /// Takes in all the questions of another.
    pub fn add_all(&mut self, other: &Self) {
        add(&mut self.topics, &other.topics, 1.0);
        add(&mut self.intents, &other.intents, 1.0);
        add(&mut self.vector, &other.vector, 1.0);
    }

    /// How alike a question is: the cosine of the topics, and a little for the intents and the vector;
    /// 0 where the question names no topic that the cluster has.
    pub fn likeness(&self, print: &Print) -> f32 {
        self.likeness_of(&print.topics, &print.intents, &print.vector)
    }

    /// The same of the middles of two clusters.
    pub fn alike(&self, other: &Self) -> f32 {
        self.likeness_of(&other.topics, &other.intents, &other.vector)
    }

    fn likeness_of(&self, topics: &[f32], intents: &[f32], vector: &[f32]) -> f32 {
        let topics = cosine(&self.topics, topics);
        if topics <= 0.0 {
            return 0.0;
        }
        topics
            + INTENTS_WEIGHT * cosine(&self.intents, intents)
            + VECTOR_WEIGHT * cosine(&self.vector, vector)
    }
}

fn add(sum: &mut [f32], values: &[f32], times: f32) {
    sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += times * value);
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let product = (dot(a, a) * dot(b, b)).sqrt();
    if product > 0.0 { dot(a, b) / product } else { 0.0 }
}

fn pieces(plain: &str) -> BTreeMap<u64, f32> {
    let starts: Vec<usize> = plain.char_indices().map(|(at, _)| at).chain([plain.len()]).collect();
    let mut counts = BTreeMap::new();
    for length in PIECES {
        for window in starts.windows(length + 1) {
            let piece = &plain.as_bytes()[window[0]..window[length]];
            *counts.entry(hash(piece)).or_default() += 1.0;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(language: &str, text: &str) -> Print {
        let language = language.parse().expect("a language");
        Print::of_text(text, language, &Meaning::default())
    }

    #[test]
    fn a_typo_is_a_copy_and_a_paraphrase_in_another_language_the_same_topic() {
        let asked = print("en", "When will the strike of the couriers end?");

        assert_eq!(
            asked.is_copy(&print("en", "when will the strike of the couriers end")),
            Some(Match::Exact)
        );
        let typo = asked.is_copy(&print("en", "when wil the strike of the couriers end?"));
        assert!(matches!(typo, Some(Match::Characters(_) | Match::Copy)), "{typo:?}");
        let spanish = print("es", "¿cuándo termina la huelga de repartidores?");
        assert_eq!(asked.is_copy(&spanish), None);
        assert!(Centre::of(&asked).likeness(&spanish) > 0.9);
    }

    #[test]
    fn what_names_no_topic_is_like_nothing() {
        let centre = Centre::of(&print("en", "is the website down"));

        assert_eq!(centre.likeness(&print("en", "good morning")), 0.0);
        assert_eq!(centre.likeness(&print("en", "what about the strike")), 0.0);
    }
}
