//! What is kept of a question to compare it with others, and how alike two are.

use std::collections::BTreeMap;

use crate::domain::{Guess, Language, Meaning, Sensed};

use super::gate::Passed;
use super::simhash::{are_copies, fingerprint, hash};
use super::threshold::TOPIC_ALIKE;
use super::topic::{Centre, Topic};
use super::words::plain;

/// Likeness by characters from which two texts of one script say the same.
pub const CHARACTERS_ALIKE: f32 = 0.55;
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
    /// Square of the length of `pieces`.
    pieces_square: f32,
    topic: Topic,
    doubt: f32,
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
    /// Nearly the same topic: what is asked leans to the incident (`lean.rs`).
    Resemblance(f32),
    /// A seat has said so, before a restart.
    Click,
}

impl Match {
    /// The stage of the cascade, as written in evidence.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Copy => "copy",
            Self::Characters(_) => "characters",
            Self::Topic(_) => "topic",
            Self::Resemblance(_) => "resemblance",
            Self::Click => "click",
        }
    }

    /// Its likeness; that of copies, and of what a seat says, is beyond every threshold.
    pub const fn likeness(self) -> f32 {
        match self {
            Self::Exact | Self::Copy | Self::Click => f32::MAX,
            Self::Characters(likeness) | Self::Topic(likeness) | Self::Resemblance(likeness) => {
                likeness
            }
        }
    }

    /// Its likeness where that is one of topics, of which a cluster learns.
    pub(super) const fn of_topics(self) -> Option<f32> {
        match self {
            Self::Topic(likeness) | Self::Resemblance(likeness) => Some(likeness),
            Self::Exact | Self::Copy | Self::Characters(_) | Self::Click => None,
        }
    }
}

impl Print {
    /// The print of a text that the gate has let through.
    pub fn new(
        Passed { plain, doubt }: &Passed,
        language: Guess<Language>,
        meaning: &Meaning,
        sensed: Option<&Sensed>,
    ) -> Self {
        let pieces = pieces(plain);
        Self {
            exact: hash(plain.as_bytes()),
            simhash: fingerprint(plain),
            pieces_square: pieces.values().map(|n| n * n).sum(),
            pieces,
            topic: Topic::new(plain, language, meaning, sensed),
            doubt: *doubt,
        }
    }

    /// The print of any text in a known language, for measurements: that it is nobody's own matter is in no doubt.
    pub fn of_text(
        text: &str,
        language: Language,
        meaning: &Meaning,
        sensed: Option<&Sensed>,
    ) -> Self {
        let language = Guess { label: language, confidence: 1.0 };
        let passed = Passed { plain: plain(text), doubt: f32::NEG_INFINITY };
        Self::new(&passed, language, meaning, sensed)
    }

    /// What it is about.
    pub const fn topic(&self) -> &Topic {
        &self.topic
    }

    /// How far it may be its writer's own matter, see [`Passed::doubt`].
    pub(super) const fn doubt(&self) -> f32 {
        self.doubt
    }

    /// Whether it may rather be its writer's own matter than not.
    pub(super) fn is_doubtful(&self) -> bool {
        self.doubt >= 0.0
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
        let topic = Centre::of(&self.topic).likeness(&other.topic) / TOPIC_ALIKE;
        topic.max(self.characters(other) / CHARACTERS_ALIKE)
    }

    /// Cosine of the counts of their pieces of two to four characters, 0 to 1.
    pub fn characters(&self, other: &Self) -> f32 {
        let common = self.pieces.iter().filter_map(|(piece, n)| Some(n * other.pieces.get(piece)?));
        let product = (self.pieces_square * other.pieces_square).sqrt();
        if product > 0.0 { common.sum::<f32>() / product } else { 0.0 }
    }
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
        Print::of_text(text, language, &Meaning::default(), None)
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
        assert!(asked.likeness(&spanish) >= JOINS_FROM);
    }
}
