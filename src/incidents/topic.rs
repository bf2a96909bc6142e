//! What questions are about, and how alike that of two is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::{Guess, Intent, Language, Meaning, Sensed};

use super::names::names;
use super::things::{folded, things};
use super::words::Words;

/// How much the intents count beside what is named: they tell less, but they tell something where
/// little is named (docs/decisions/0042). Beside points they tell nothing more (docs/decisions/0049).
const INTENTS_WEIGHT: f32 = 0.4;
/// How much of a likeness is that of what is named, where both have points: that of the points is the rest
/// (docs/decisions/0052).
const NAMED_SHARE: f32 = 0.6;
/// Brings a likeness without points to the scale of those with: without, only what shares a thing is counted
/// at all (docs/decisions/0050).
const BY_WORDS: f32 = 0.85;
/// Things and names of a middle; beyond them what weighs least is forgotten.
const NAMED_MAX: usize = 256;
/// What is left of a number that was taken away as often as it was put in.
const NOTHING: f32 = 1e-4;

/// What a question is about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Topic {
    /// What it names and how much that says, of length one.
    named: Vec<(u32, f32)>,
    intents: Vec<f32>,
    /// What an encoder makes of it, of length one; empty without one.
    point: Vec<f32>,
}

impl Topic {
    /// Of a text in the form that the gate gave it.
    pub(super) fn new(
        plain: &str,
        language: Guess<Language>,
        meaning: &Meaning,
        sensed: Option<&Sensed>,
    ) -> Self {
        Self {
            named: named(plain, language),
            intents: meaning.intents.iter().map(|it| INTENTS_WEIGHT * it.sqrt()).collect(),
            point: sensed.map_or_else(Vec::new, |sensed| sensed.point.clone()),
        }
    }

    /// Whether it names nothing that incidents are told with, and no encoder says what it is about.
    pub(super) const fn is_empty(&self) -> bool {
        self.named.is_empty() && self.point.is_empty()
    }

    /// What it names, by number.
    pub(super) fn keys(&self) -> impl Iterator<Item = u32> {
        self.named.iter().map(|(key, _)| *key)
    }
}

/// The middle of the questions of a cluster: sums, by which it tells how alike a question is to all of them
/// in the mean.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Centre {
    named: BTreeMap<u32, f32>,
    intents: Vec<f32>,
    /// Questions in it.
    questions: f32,
    /// The points of those that an encoder has read, and how many these are; empty for none.
    point: Vec<f32>,
    pointed: f32,
}

/// What a likeness to a middle is made from: sums over so many questions, and points of so many of them.
struct Sums<'a, N> {
    named: N,
    intents: &'a [f32],
    questions: f32,
    point: &'a [f32],
    pointed: f32,
}

impl Centre {
    /// The middle of one question.
    pub fn of(topic: &Topic) -> Self {
        let mut centre = Self::default();
        centre.add(topic);
        centre
    }

    /// Takes another question in.
    pub fn add(&mut self, topic: &Topic) {
        self.questions += 1.0;
        self.add_times(topic.named.iter().copied(), &topic.intents, 1.0);
        self.add_points(&topic.point, 1.0, 1.0);
    }

    /// Takes one away that was taken in.
    pub fn take_away(&mut self, topic: &Topic) {
        self.questions = (self.questions - 1.0).max(0.0);
        self.add_times(topic.named.iter().copied(), &topic.intents, -1.0);
        self.add_points(&topic.point, 1.0, -1.0);
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

    /// Forgets the points: those of another encoder mean something else.
    pub(super) fn forget_points(&mut self) {
        self.point.clear();
        self.pointed = 0.0;
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

    /// The same without what no program writes: numbers that are none, too many of them, other intents, points
    /// of nobody.
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
        let has_points = self.pointed.is_finite() && self.pointed > 0.0;
        if !has_points || self.point.iter().any(|it| !it.is_finite()) {
            self.forget_points();
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

    /// How alike a question is to those in it, in the mean: 1 says that all are the same. Of two questions with
    /// points 0.6 of it is the cosine of what they name and 0.4 that of their points; of others it is the
    /// cosine of what they name with their intents, and 0 where they name nothing in common.
    pub fn likeness(&self, topic: &Topic) -> f32 {
        let Topic { named, intents, point } = topic;
        let pointed = if point.is_empty() { 0.0 } else { 1.0 };
        let named = named.iter().copied();
        self.mean_likeness(Sums { named, intents, questions: 1.0, point, pointed })
    }

    /// How alike a question that is in it is to the others in it, in the mean: exactly so where an encoder has read
    /// all of them or none. 0 where it is the only one.
    pub fn likeness_to_others(&self, topic: &Topic) -> f32 {
        let others = self.questions - 1.0;
        let to_itself = Self::of(topic).likeness(topic);
        let to_all = self.questions * self.likeness(topic);
        if others > 0.0 { (to_all - to_itself).max(0.0) / others } else { 0.0 }
    }

    /// How alike the questions of two are, in the mean of all pairs.
    pub fn alike(&self, other: &Self) -> f32 {
        let Self { named, intents, questions, point, pointed } = other;
        let named = named.iter().map(|(key, weight)| (*key, *weight));
        let (questions, pointed) = (*questions, *pointed);
        self.mean_likeness(Sums { named, intents, questions, point, pointed })
    }

    fn mean_likeness(&self, theirs: Sums<'_, impl Iterator<Item = (u32, f32)>>) -> f32 {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        // A middle out of a file may not say how many it is of.
        let pairs = self.questions.max(1.0) * theirs.questions.max(1.0);
        let shared = theirs.named.filter_map(|(key, weight)| Some(weight * self.named.get(&key)?));
        let shared: f32 = shared.sum();
        let pointed = self.pointed * theirs.pointed;
        if pointed > 0.0 {
            let points = dot(&self.point, theirs.point) / pointed;
            let likeness = NAMED_SHARE * shared / pairs + (1.0 - NAMED_SHARE) * points;
            return likeness.max(0.0);
        }
        if shared <= NOTHING {
            return 0.0;
        }
        let with_intents = (shared + dot(&self.intents, theirs.intents)) / pairs;
        BY_WORDS * with_intents / (1.0 + INTENTS_WEIGHT * INTENTS_WEIGHT)
    }
}

/// What a text names, as a vector of length one.
fn named(plain: &str, language: Guess<Language>) -> Vec<(u32, f32)> {
    let text = folded(plain);
    let languages = Words::likely(language, plain).into_iter().map(Words::language);
    let mut named = things(languages, &text);
    named.extend(names(&text));
    let length = named.iter().map(|(_, weight)| weight * weight).sum::<f32>().sqrt();
    named.iter_mut().for_each(|(_, weight)| *weight /= length);
    named
}

#[cfg(test)]
mod tests {
    use super::super::words::plain;
    use super::*;

    fn topic(text: &str, point: &[f32]) -> Topic {
        let language = Guess { label: Language::ENGLISH, confidence: 1.0 };
        let sensed = Sensed { point: point.to_vec(), ..Sensed::default() };
        Topic::new(&plain(text), language, &Meaning::default(), Some(&sensed))
    }

    #[test]
    fn a_middle_that_is_full_counts_what_it_has_and_forgets_the_least_for_what_weighs_more() {
        let names = |names: std::ops::Range<u32>, weight: f32| Topic {
            named: names.map(|key| (key, weight)).collect(),
            ..Topic::default()
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

        let (questions, point, pointed) = (f32::NAN, vec![0.5, f32::NAN], 2.0);
        let centre = Centre { named, intents: vec![0.5; 2], questions, point, pointed }.sound();

        assert_eq!((centre.named.len(), centre.intents.len()), (NAMED_MAX, 0));
        assert!(centre.point.is_empty() && centre.pointed == 0.0);
        assert!(!centre.has(3) && centre.questions == 0.0);
        assert!(centre.alike(&centre).is_finite());
    }

    #[test]
    fn points_tell_alike_what_shares_no_name_and_apart_what_shares_one() {
        let strike = Centre::of(&topic("when does the strike end", &[1.0, 0.0]));

        let reworded = strike.likeness(&topic("anyone else?", &[0.96, 0.28]));
        let other = strike.likeness(&topic("a strike of the lightning", &[-0.6, 0.8]));
        let by_words = strike.likeness(&topic("a strike of the lightning", &[]));
        assert!(reworded > 0.3 && other < by_words, "{reworded} {other} {by_words}");
        assert_eq!(strike.likeness(&topic("anyone else?", &[])), 0.0, "words alone say nothing");
    }

    #[test]
    fn one_question_with_a_point_among_many_without_keeps_no_other_out() {
        let text = "when does the strike end";
        let pointed = topic(text, &[1.0, 0.0]);
        let mut centre = Centre::of(&topic(text, &[]));
        (0..99).for_each(|_| centre.add(&topic(text, &[])));
        centre.add(&pointed);

        let likeness = centre.likeness(&pointed);

        assert!((likeness - 1.0).abs() < 0.01, "{likeness}");
        centre.take_away(&pointed);
        assert!(centre.point.is_empty());
        let by_words = centre.likeness(&pointed);
        assert!((0.5..=BY_WORDS).contains(&by_words), "{by_words}: by words again");
        centre.take_away(&pointed);
        assert!(centre.point.is_empty(), "there was none to take away");
    }

    #[test]
    fn the_likeness_to_a_middle_is_that_to_its_questions_in_the_mean() {
        let [strike, site] = ["is there a strike", "is the site down"].map(|it| topic(it, &[]));
        let mut both = Centre::of(&strike);
        both.add(&site);

        let alone = Centre::of(&strike).likeness(&strike);
        assert!((both.likeness(&strike) - alone / 2.0).abs() < 1e-6);
        assert!((both.alike(&both) - alone / 2.0).abs() < 1e-6);
    }

    #[test]
    fn what_names_no_topic_is_like_nothing() {
        let centre = Centre::of(&topic("is the website down", &[]));

        assert_eq!(centre.likeness(&topic("good morning", &[])), 0.0);
        assert_eq!(centre.likeness(&topic("what about the strike", &[])), 0.0);
    }
}
