//! Whether a customer is about to leave the shop: a logistic regression over what the fast tier
//! already knows of a message, and over words that people leave with.
//!
//! The words lie in `models/churn/forms.txt`, a sign a line, in all languages together. They are no
//! features of the fast tier, so a new word needs no new model but `cargo xtask train-leaving`, which
//! takes seconds. A form is found where a word begins with it; in scripts without spaces anywhere.

mod fit;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use serde::{Deserialize, Serialize};

use super::text::{Class, class_of, normalise};
use crate::domain::{Intent, Sentiment};

pub use fit::{
    LeavingRow, Measured, Outcome, area_under_curve, calibration_error, calm, fit, parse,
};

/// Most signs of a list of words.
const SIGNS_MAX: usize = 32;

/// The words of every sign.
pub struct Signs {
    names: Vec<String>,
    automaton: AhoCorasick,
    /// The sign of each pattern, and whether it must begin a word.
    patterns: Vec<(usize, bool)>,
}

/// Why a list of words cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignsError {
    /// A line is not `sign: form, form`.
    #[error("line {line}: not `sign: form, form`")]
    Line {
        /// From 1.
        line: usize,
    },
    /// There are more signs than can be told apart, or more words than an automaton takes.
    #[error("too many signs or forms")]
    Full,
}

impl Signs {
    /// Reads lines of `sign: form, form`.
    ///
    /// # Errors
    /// When a line is none, or there are too many.
    pub fn parse(lines: &str) -> Result<Self, SignsError> {
        let (mut names, mut patterns, mut forms) = (Vec::new(), Vec::new(), Vec::new());
        let mut chars = Vec::new();
        for (at, line) in lines.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let wrong = SignsError::Line { line: at + 1 };
            let (name, list) = line.split_once(':').ok_or(wrong)?;
            for form in list.split(',').map(str::trim).filter(|form| !form.is_empty()) {
                normalise(form, &mut chars);
                let begins_word = chars.first().is_some_and(|c| class_of(*c) == Class::Letter);
                patterns.push((names.len(), begins_word));
                forms.push(chars.iter().collect::<String>());
            }
            names.push(name.trim().to_owned());
        }
        // The small kind: the largest would take a megabyte for each hundred forms.
        let kind = Some(AhoCorasickKind::ContiguousNFA);
        let automaton = AhoCorasick::builder().kind(kind).build(&forms);
        let automaton = automaton.map_err(|_| SignsError::Full)?;
        if names.len() > SIGNS_MAX {
            return Err(SignsError::Full);
        }
        Ok(Self { names, automaton, patterns })
    }

    /// The signs in a text in the form that [`normalise`] gives, as bits.
    fn find(&self, normal: &str) -> u32 {
        let letter_before = |at: usize| {
            normal[..at].chars().next_back().is_some_and(|c| class_of(c) == Class::Letter)
        };
        let hits = self.automaton.find_overlapping_iter(normal);
        hits.fold(0, |found, hit| {
            let (sign, begins_word) = self.patterns[hit.pattern().as_usize()];
            let stands = !begins_word || !letter_before(hit.start());
            found | u32::from(stands) << sign
        })
    }
}

/// `models/churn/head.toml`: what speaks for and against a customer leaving, in log-odds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Weights {
    /// SHA-256 of the fast tier's file whose probabilities it was fitted on.
    pub model: String,
    /// How it did on rows that it was not fitted on.
    pub measured: Measured,
    /// Of every message.
    pub bias: f32,
    /// Of each intent, times its probability.
    pub intents: BTreeMap<String, f32>,
    /// Of each sentiment, times its probability.
    pub sentiments: BTreeMap<String, f32>,
    /// Of each sign that a message has.
    pub signs: BTreeMap<String, f32>,
}

/// A head that is ready to read messages.
pub struct Leaving {
    signs: Signs,
    bias: f32,
    /// Intents, sentiments, signs, in the order in which they are read.
    weights: Vec<f32>,
}

static EMBEDDED: LazyLock<Leaving> = LazyLock::new(|| {
    let weights = toml::from_str(include_str!("../../../models/churn/head.toml"));
    let signs = Signs::parse(include_str!("../../../models/churn/forms.txt"));
    Leaving::new(&weights.expect("the tests read it"), signs.expect("the tests read them"))
});

impl Leaving {
    /// The one inside the binary.
    pub fn embedded() -> &'static Self {
        &EMBEDDED
    }

    /// A head of `weights` over `signs`. What has no weight speaks neither for nor against.
    pub fn new(weights: &Weights, signs: Signs) -> Self {
        let of = |list: &BTreeMap<String, f32>, name: &str| list.get(name).copied().unwrap_or(0.0);
        let intents = Intent::ALL.iter().map(|intent| of(&weights.intents, intent.as_str()));
        let moods = Sentiment::ALL.iter().map(|mood| of(&weights.sentiments, mood.as_str()));
        let known = signs.names.iter().map(|name| of(&weights.signs, name));
        let all = intents.chain(moods).chain(known).collect();
        Self { bias: weights.bias, weights: all, signs }
    }

    /// Probability that the writer of a message is leaving, among messages of which every fourth is
    /// of one who leaves: 0 to 1, in thousandths. `normal` is the message as [`normalise`] gives it, the rest what the fast
    /// tier made of it, in the order of [`Intent::ALL`] and [`Sentiment::ALL`].
    pub fn probability(&self, normal: &str, intents: &[f32], sentiments: &[f32]) -> f32 {
        let evidence = evidence(&self.signs, normal, intents, sentiments);
        let weighed = evidence.zip(&self.weights).map(|(value, weight)| value * weight);
        let odds = self.bias + weighed.sum::<f32>();
        (1_000.0 / (1.0 + (-odds).exp())).round() / 1_000.0
    }
}

/// What the head weighs: probabilities of intents and sentiments, then 1 for each sign.
fn evidence<'a>(
    signs: &Signs,
    normal: &str,
    intents: &'a [f32],
    sentiments: &'a [f32],
) -> impl Iterator<Item = f32> + use<'a> {
    let found = signs.find(normal);
    let signs = (0..signs.names.len()).map(move |sign| (found >> sign & 1) as f32);
    intents.iter().chain(sentiments).copied().chain(signs)
}

/// The evidence of `text`, for fitting.
fn evidence_of(signs: &Signs, text: &str, intents: &[f32], sentiments: &[f32]) -> Vec<f32> {
    let mut chars = Vec::new();
    normalise(text, &mut chars);
    evidence(signs, &String::from_iter(&chars), intents, sentiments).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(lines: &str, text: &str) -> u32 {
        let mut chars = Vec::new();
        normalise(text, &mut chars);
        Signs::parse(lines).expect("signs").find(&chars.iter().collect::<String>())
    }

    #[test]
    fn a_form_begins_a_word_and_may_go_on_or_stands_anywhere_in_scripts_without_spaces() {
        let lines = "never: nie wieder, 再也不\nshop: konkurrenz\n";

        assert_eq!(found(lines, "NIE  WIEDER? nie wieder!"), 1);
        assert_eq!(found(lines, "zur Konkurrenzfirma, nie wieder"), 3);
        assert_eq!(found(lines, "Linie wieder frei"), 0);
        assert_eq!(found(lines, "我再也不来了"), 1);
    }

    #[test]
    fn evidence_moves_the_probability_the_way_of_its_weight() {
        let weights = |of: f32| Weights {
            model: String::new(),
            measured: Measured::default(),
            bias: -1.0,
            intents: BTreeMap::from([("complaint".to_owned(), 1.0)]),
            sentiments: BTreeMap::new(),
            signs: BTreeMap::from([("never".to_owned(), of)]),
        };
        let read = |of: f32, text: &str| {
            let signs = Signs::parse("never: never again").expect("signs");
            let (mut intents, mut chars) = (vec![0.0; Intent::ALL.len()], Vec::new());
            intents[Intent::Complaint as usize] = 1.0;
            normalise(text, &mut chars);
            let normal = String::from_iter(&chars);
            Leaving::new(&weights(of), signs).probability(&normal, &intents, &[0.0; 3])
        };

        assert_eq!(read(2.0, "fine"), 0.5);
        assert_eq!(read(2.0, "never again"), 0.881);
        assert_eq!(read(-2.0, "never again"), 0.119);
    }

    #[test]
    fn lines_that_are_no_signs_are_named() {
        let error = |lines: &str| Signs::parse(lines).err().map(|error| error.to_string());

        assert_eq!(error("a: b\nc").as_deref(), Some("line 2: not `sign: form, form`"));
        assert_eq!(error(&"a: b\n".repeat(40)).as_deref(), Some("too many signs or forms"));
    }
}
