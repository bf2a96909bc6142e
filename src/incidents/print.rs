//! What is kept of a question to compare it with others, and how alike two are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::{Guess, Intent, Language, Meaning, Sensed};

use super::names::names;
use super::simhash::{are_copies, fingerprint, hash};
use super::things::{folded, things};
use super::words::{Words, plain};

/// How much the intents count beside what is named: they tell less, but they tell something where
/// little is named (docs/decisions/0042). Beside points they tell nothing more (docs/decisions/0049).
const INTENTS_WEIGHT: f32 = 0.4;
/// How much the point counts beside what is named, where both have one; squared. More joins other incidents
/// (docs/decisions/0049).
const POINT_WEIGHT_SQUARED: f32 = 1.0;
/// Brings a likeness with points to the scale of those without: points of two incidents have something in
/// common, what is named mostly has nothing.
const WITH_POINTS: f32 = 0.9;
/// Things and names of a middle; beyond them what weighs least is forgotten.
const NAMED_MAX: usize = 256;
/// What is left of a number that was taken away as often as it was put in.
const NOTHING: f32 = 1e-4;
/// Likeness by characters from which two texts of one script say the same.
pub const CHARACTERS_ALIKE: f32 = 0.55;
/// Likeness by what is named from which on a question joins, before anybody has said anything about its
/// cluster.
pub const TOPIC_ALIKE: f32 = 0.5;
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
    /// What it names and how much that says, of length one.
    named: Vec<(u32, f32)>,
    intents: Vec<f32>,
    /// What an encoder makes of it, of length one; empty without one.
    point: Vec<f32>,
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
    pub fn new(
        plain: &str,
        language: Guess<Language>,
        meaning: &Meaning,
        sensed: Option<&Sensed>,
    ) -> Self {
        let pieces = pieces(plain);
        Self {
            exact: hash(plain.as_bytes()),
            simhash: fingerprint(plain),
            pieces_square: square(pieces.values()),
            pieces,
            named: named(plain, language),
            intents: meaning.intents.iter().map(|it| INTENTS_WEIGHT * it.sqrt()).collect(),
            point: sensed.map_or_else(Vec::new, |sensed| sensed.point.clone()),
        }
    }

    /// The print of any text in a known language, for measurements.
    pub fn of_text(
        text: &str,
        language: Language,
        meaning: &Meaning,
        sensed: Option<&Sensed>,
    ) -> Self {
        let language = Guess { label: language, confidence: 1.0 };
        Self::new(&plain(text), language, meaning, sensed)
    }

    /// Whether it names anything that incidents are told with, or an encoder says what it is about.
    pub const fn has_topic(&self) -> bool {
        !self.named.is_empty() || !self.point.is_empty()
    }

    /// What it names, by number.
    pub(super) fn keys(&self) -> impl Iterator<Item = u32> {
        self.named.iter().map(|(key, _)| *key)
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
        let product = (self.pieces_square * other.pieces_square).sqrt();
        if product > 0.0 { common.sum::<f32>() / product } else { 0.0 }
    }
}

/// The middle of the questions of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Centre {
    named: BTreeMap<u32, f32>,
    intents: Vec<f32>,
    /// Questions in it.
    questions: f32,
    /// The points of those that an encoder has read, and how many these are; empty for none. Not kept: the
    /// next encoder has other points.
    #[serde(skip)]
    point: Vec<f32>,
    #[serde(skip)]
    pointed: f32,
}

/// The point of a question, or of a middle as if all questions in it had one.
#[derive(Clone, Copy)]
struct Weighed<'a> {
    point: &'a [f32],
    times: f32,
}

impl Weighed<'_> {
    fn with(self, other: Weighed<'_>) -> f32 {
        let product: f32 = self.point.iter().zip(other.point).map(|(a, b)| a * b).sum();
        POINT_WEIGHT_SQUARED * self.times * other.times * product
    }
}

impl Centre {
    /// The middle of one question.
    pub fn of(print: &Print) -> Self {
        let Print { named, intents, point, .. } = print;
        let named = named.iter().copied().collect();
        let pointed = if point.is_empty() { 0.0 } else { 1.0 };
        let (intents, point) = (intents.clone(), point.clone());
        Self { named, intents, questions: 1.0, point, pointed }
    }

    /// Takes another question in.
    pub fn add(&mut self, print: &Print) {
        self.questions += 1.0;
        self.add_times(print.named.iter().copied(), &print.intents, 1.0);
        self.add_points(&print.point, 1.0, 1.0);
    }

    /// Takes one away that was taken in.
    pub fn take_away(&mut self, print: &Print) {
        self.questions = (self.questions - 1.0).max(0.0);
        self.add_times(print.named.iter().copied(), &print.intents, -1.0);
        self.add_points(&print.point, 1.0, -1.0);
        self.named.retain(|_, weight| *weight > NOTHING);
    }

    /// Takes in all the questions of another.
    pub fn add_all(&mut self, other: &Self) {
        let named = other.named.iter().map(|(key, weight)| (*key, *weight));
        self.add_times(named, &other.intents, 1.0);
        self.questions += other.questions;
        self.add_points(&other.point, other.pointed, 1.0);
    }

    /// Adds the points of one question, or of so many in one.
    fn add_points(&mut self, point: &[f32], pointed: f32, times: f32) {
        if point.is_empty() || self.pointed + times * pointed < 0.0 {
            return;
        }
        self.pointed += times * pointed;
        self.point.resize(point.len(), 0.0);
        self.point.iter_mut().zip(point).for_each(|(sum, it)| *sum += times * it);
        if self.pointed == 0.0 {
            // What is left is how sums are rounded.
            self.point.clear();
        }
    }

    /// Without it, one question with a point would be lost among many without, and keep others out.
    fn weighed(&self) -> Weighed<'_> {
        let times =
            if self.pointed > 0.0 { self.questions.max(self.pointed) / self.pointed } else { 0.0 };
        Weighed { point: &self.point, times }
    }

    /// Makes room for what weighs so much, if anything weighs less.
    fn drop_less_than(&mut self, weight: f32) -> bool {
        let least = self.named.iter().min_by(|a, b| a.1.total_cmp(b.1));
        let least = least.filter(|(_, it)| **it < weight).map(|(key, _)| *key);
        least.and_then(|key| self.named.remove(&key)).is_some()
    }

    /// Whether it has this.
    pub(super) fn has(&self, key: u32) -> bool {
        self.named.contains_key(&key)
    }

    /// What it has.
    pub(super) fn keys(&self) -> impl Iterator<Item = u32> {
        self.named.keys().copied()
    }

    /// The same with only these.
    pub(super) fn only(&self, keys: impl Fn(u32) -> bool) -> Self {
        let named = self.named.iter().filter(|(key, _)| keys(**key));
        let named = named.map(|(key, it)| (*key, *it)).collect();
        Self { named, ..self.clone() }
    }

    /// The same without what no program writes: numbers that are none, too many of them, other intents.
    pub(super) fn sound(mut self) -> Self {
        self.named.retain(|_, weight| weight.is_finite() && *weight > 0.0);
        while self.named.len() > NAMED_MAX {
            self.named.pop_last();
        }
        if !self.questions.is_finite() || self.questions < 0.0 {
            self.questions = 0.0;
        }
        let is_sound = self.intents.len() == Intent::ALL.len();
        if !is_sound || self.intents.iter().any(|it| !it.is_finite()) {
            self.intents.clear();
        }
        self
    }

    fn add_times(&mut self, named: impl Iterator<Item = (u32, f32)>, intents: &[f32], times: f32) {
        for (key, weight) in named {
            if let Some(sum) = self.named.get_mut(&key) {
                *sum += times * weight;
            } else if times > 0.0 && (self.named.len() < NAMED_MAX || self.drop_less_than(weight)) {
                self.named.insert(key, weight);
            }
        }
        if self.intents.is_empty() {
            self.intents.resize(intents.len(), 0.0);
        }
        self.intents.iter_mut().zip(intents).for_each(|(sum, it)| *sum += times * it);
    }

    /// How alike a question is: the cosine of what is named, and of the points where both have one or else of
    /// the intents; 0 where they have no points and the question names nothing that the cluster does.
    pub fn likeness(&self, print: &Print) -> f32 {
        let square = print.named.iter().map(|(_, weight)| weight * weight).sum();
        let point = Weighed { point: &print.point, times: 1.0 };
        self.likeness_of(print.named.iter().copied(), square, &print.intents, point)
    }

    /// The same of the middles of two clusters.
    pub fn alike(&self, other: &Self) -> f32 {
        let named = other.named.iter().map(|(key, weight)| (*key, *weight));
        self.likeness_of(named, square(other.named.values()), &other.intents, other.weighed())
    }

    fn likeness_of(
        &self,
        named: impl Iterator<Item = (u32, f32)>,
        their_square: f32,
        intents: &[f32],
        point: Weighed<'_>,
    ) -> f32 {
        let shared = named.filter_map(|(key, weight)| Some(weight * self.named.get(&key)?));
        let shared: f32 = shared.sum();
        let mine_point = self.weighed();
        let with_points = !self.point.is_empty() && !point.point.is_empty();
        if shared <= NOTHING && !with_points {
            return 0.0;
        }
        let both = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let mine = square(self.named.values());
        if !with_points {
            let mine = mine + both(&self.intents, &self.intents);
            let theirs = their_square + both(intents, intents);
            return (shared + both(&self.intents, intents)) / (mine * theirs).sqrt();
        }
        let shared = shared + mine_point.with(point);
        let mine = mine + mine_point.with(mine_point);
        let theirs = their_square + point.with(point);
        WITH_POINTS * (shared / (mine * theirs).sqrt()).max(0.0)
    }
}

fn square<'a>(values: impl Iterator<Item = &'a f32>) -> f32 {
    values.map(|value| value * value).sum()
}

/// What a text names, as a vector of length one.
fn named(plain: &str, language: Guess<Language>) -> Vec<(u32, f32)> {
    let text = folded(plain);
    let languages = Words::likely(language, plain).into_iter().map(Words::language);
    let mut named = things(languages, &text);
    named.extend(names(&text));
    let length = square(named.iter().map(|(_, weight)| weight)).sqrt();
    named.iter_mut().for_each(|(_, weight)| *weight /= length);
    named
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
        assert!(Centre::of(&asked).likeness(&spanish) > TOPIC_ALIKE);
    }

    #[test]
    fn a_middle_that_is_full_counts_what_it_has_and_forgets_the_least_for_what_weighs_more() {
        let names = |names: std::ops::Range<u32>, weight: f32| Print {
            named: names.map(|key| (key, weight)).collect(),
            ..print("en", "")
        };
        let most = NAMED_MAX as u32;
        let mut centre = Centre::of(&names(0..most - 1, 0.1));

        centre.add(&names(most - 1..2 * most, 0.1));
        centre.add(&names(0..2, 0.1));

        assert_eq!(centre.named.len(), NAMED_MAX);
        assert!(centre.has(most - 1) && !centre.has(most));
        assert_eq!(centre.named[&0], 0.2);

        centre.add(&names(most..most + 1, 0.15));

        assert_eq!(centre.named.len(), NAMED_MAX);
        assert!(centre.has(0) && centre.has(1) && centre.has(most));
    }

    #[test]
    fn a_middle_out_of_a_damaged_file_has_no_number_that_is_none_and_no_more_than_the_most() {
        let named = (0..400).map(|key| (key, if key == 3 { f32::INFINITY } else { 0.1 })).collect();

        let questions = f32::NAN;
        let centre =
            Centre { named, intents: vec![0.5; 2], questions, ..Centre::default() }.sound();

        assert_eq!((centre.named.len(), centre.intents.len()), (NAMED_MAX, 0));
        assert!(!centre.has(3) && centre.questions == 0.0);
    }

    fn pointed(text: &str, point: [f32; 2]) -> Print {
        let sensed = Sensed { point: point.to_vec(), ..Sensed::default() };
        Print::of_text(text, Language::ENGLISH, &Meaning::default(), Some(&sensed))
    }

    #[test]
    fn points_tell_alike_what_shares_no_name_and_apart_what_shares_one() {
        let strike = Centre::of(&pointed("when does the strike end", [1.0, 0.0]));

        let reworded = strike.likeness(&pointed("anyone else?", [0.96, 0.28]));
        let other = strike.likeness(&pointed("a strike of the lightning", [0.0, 1.0]));
        let by_words = strike.likeness(&print("en", "a strike of the lightning"));
        assert!(reworded > 0.3 && other < by_words, "{reworded} {other} {by_words}");
        assert_eq!(strike.likeness(&print("en", "anyone else?")), 0.0, "words alone say nothing");
    }

    #[test]
    fn one_question_with_a_point_among_many_without_keeps_no_other_out() {
        let text = "when does the strike end";
        let mut centre = Centre::of(&print("en", text));
        (0..99).for_each(|_| centre.add(&print("en", text)));
        centre.add(&pointed(text, [1.0, 0.0]));

        let likeness = centre.likeness(&pointed(text, [1.0, 0.0]));

        assert!((likeness - WITH_POINTS).abs() < 0.01, "{likeness}");
        centre.take_away(&pointed(text, [1.0, 0.0]));
        assert!(centre.point.is_empty());
        assert!((centre.likeness(&pointed(text, [1.0, 0.0])) - 1.0).abs() < 0.01, "by words again");
        centre.take_away(&pointed(text, [1.0, 0.0]));
        assert!(centre.point.is_empty(), "there was none to take away");
    }

    #[test]
    fn what_names_no_topic_is_like_nothing() {
        let centre = Centre::of(&print("en", "is the website down"));

        assert_eq!(centre.likeness(&print("en", "good morning")), 0.0);
        assert_eq!(centre.likeness(&print("en", "what about the strike")), 0.0);
    }
}
