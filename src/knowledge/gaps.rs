//! Questions that nobody has written an answer to, brought together: a list of what to write next.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::{Intent, Language, Timestamp};

use super::tokens::tokens;

/// Questions that are looked at; of more, the latest.
pub const QUESTIONS_MAX: usize = 5_000;
/// Gaps that are told apart: every question is compared with each. A question that is like none of so many is
/// left out.
const GAPS_MAX: usize = 1_000;
/// Examples that are shown of a gap.
pub const EXAMPLES_MAX: usize = 5;
/// Likeness from which on a question belongs to a gap: that of its words, or of its vector, to the
/// question that the gap began with.
const WORDS_ALIKE: f32 = 0.4;
const MEANING_ALIKE: f32 = 0.8;

/// A question that a person had to answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Unanswered {
    /// When it was asked.
    pub at: Timestamp,
    /// As it was typed.
    pub text: String,
    /// Its language.
    pub language: Language,
    /// What the model takes it for.
    pub intent: Intent,
    /// Its vector, of length one.
    pub vector: Vec<f32>,
}

/// What nobody has written.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Gap {
    /// What it is about.
    pub intent: Intent,
    /// How often it was asked.
    pub questions: usize,
    /// How often in each language.
    pub languages: BTreeMap<Language, usize>,
    /// When it was asked first.
    #[serde(serialize_with = "instant")]
    pub since: Timestamp,
    /// When it was asked last.
    #[serde(serialize_with = "instant")]
    pub last: Timestamp,
    /// Some of the questions, the first one at first.
    pub examples: Vec<String>,
}

fn instant<S: serde::Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.to_rfc3339())
}

/// A gap while it is put together.
struct Cluster<'a> {
    first: &'a Unanswered,
    words: Vec<usize>,
    members: Vec<&'a Unanswered>,
}

/// The words of all questions, each by a number: numbers are quick to compare.
#[derive(Default)]
struct Numbers(BTreeMap<String, usize>);

impl Numbers {
    /// Those of a text, sorted, each once.
    fn of(&mut self, text: &str) -> Vec<usize> {
        let number = |word| {
            let next = self.0.len();
            *self.0.entry(word).or_insert(next)
        };
        let mut numbers: Vec<usize> = tokens(text).into_iter().map(number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }
}

/// The gaps behind `questions`, the one that is asked most often first. Each question belongs to the
/// first gap of its intent that it is like, in whatever language, and else begins one, if there is room.
pub fn gaps(questions: &[Unanswered]) -> Vec<Gap> {
    let latest = &questions[questions.len().saturating_sub(QUESTIONS_MAX)..];
    let mut numbers = Numbers::default();
    let mut clusters: Vec<Cluster<'_>> = Vec::new();
    for question in latest {
        let words = numbers.of(&question.text);
        let has_room = clusters.len() < GAPS_MAX;
        match clusters.iter_mut().find(|cluster| cluster.is_like(question, &words)) {
            Some(cluster) => cluster.members.push(question),
            None if has_room => {
                clusters.push(Cluster { first: question, words, members: vec![question] });
            }
            None => {}
        }
    }
    let mut gaps: Vec<Gap> = clusters.iter().map(Cluster::gap).collect();
    gaps.sort_by_key(|gap| std::cmp::Reverse(gap.questions));
    gaps
}

impl Cluster<'_> {
    fn is_like(&self, question: &Unanswered, words: &[usize]) -> bool {
        if self.first.intent != question.intent {
            return false;
        }
        let meaning: f32 = self.first.vector.iter().zip(&question.vector).map(|(a, b)| a * b).sum();
        meaning >= MEANING_ALIKE || words_alike(&self.words, words) >= WORDS_ALIKE
    }

    fn gap(&self) -> Gap {
        let mut languages = BTreeMap::new();
        for member in &self.members {
            *languages.entry(member.language).or_default() += 1;
        }
        let texts = self.members.iter().map(|member| member.text.clone());
        Gap {
            intent: self.first.intent,
            questions: self.members.len(),
            languages,
            since: self.members.iter().map(|member| member.at).min().unwrap_or(self.first.at),
            last: self.members.iter().map(|member| member.at).max().unwrap_or(self.first.at),
            examples: texts.take(EXAMPLES_MAX).collect(),
        }
    }
}

/// The share of the words of both that both have.
fn words_alike(one: &[usize], other: &[usize]) -> f32 {
    let (mut left, mut right) = (one.iter().peekable(), other.iter().peekable());
    let mut both = 0_usize;
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        match a.cmp(b) {
            Ordering::Less => left.next(),
            Ordering::Greater => right.next(),
            Ordering::Equal => {
                both += 1;
                left.next();
                right.next()
            }
        };
    }
    both as f32 / (one.len() + other.len() - both).max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str, language: &str, intent: Intent, vector: [f32; 2]) -> Unanswered {
        let language = language.parse().expect("a language");
        let at = Timestamp::from_millis(text.len() as u64);
        Unanswered { at, text: text.to_owned(), language, intent, vector: vector.to_vec() }
    }

    #[test]
    fn what_is_asked_most_comes_first_with_its_languages() {
        let questions = [
            asked("Do you gift wrap?", "en", Intent::ProductQuestion, [1.0, 0.0]),
            asked("Is it waterproof?", "en", Intent::ProductQuestion, [0.0, 1.0]),
            asked("do you gift wrap it", "en", Intent::ProductQuestion, [0.0, 0.5]),
            asked("¿Envuelven para regalo?", "es", Intent::ProductQuestion, [0.9, 0.1]),
            asked("Do you gift wrap?", "en", Intent::Other, [1.0, 0.0]),
        ];

        let gaps = gaps(&questions);

        assert_eq!(gaps.iter().map(|gap| gap.questions).collect::<Vec<_>>(), [3, 1, 1]);
        assert_eq!(gaps[0].languages.len(), 2);
        assert_eq!(gaps[0].examples[0], "Do you gift wrap?");
        assert_eq!((gaps[0].since.as_millis(), gaps[0].last.as_millis()), (17, 24));
    }

    #[test]
    fn only_the_latest_questions_are_looked_at() {
        let old = asked("old", "en", Intent::Other, [1.0, 0.0]);
        let new = asked("new", "en", Intent::Feedback, [0.0, 1.0]);
        let mut questions = vec![old; 10];
        questions.extend(vec![new; QUESTIONS_MAX]);

        let gaps = gaps(&questions);

        assert_eq!((gaps.len(), gaps[0].questions), (1, QUESTIONS_MAX));
    }

    #[test]
    fn questions_of_which_none_is_like_another_are_so_many_gaps_and_no_more() {
        // No two share a word, and their vectors say nothing.
        let question =
            |n: usize| asked(&format!("{n}a {n}b {n}c"), "en", Intent::ProductQuestion, [0.0, 0.0]);
        let mut distinct: Vec<Unanswered> = (0..QUESTIONS_MAX).map(question).collect();
        distinct[QUESTIONS_MAX - 1].text = "0a 0b".to_owned();

        let gaps = gaps(&distinct);

        assert_eq!((gaps.len(), gaps[0].questions), (GAPS_MAX, 2));
    }

    #[test]
    fn words_are_alike_by_the_share_that_both_have() {
        let mut numbers = Numbers::default();
        let (one, other) = (numbers.of("a red big belt"), numbers.of("big big belt"));

        assert_eq!(words_alike(&one, &other), 0.5);
        assert_eq!(words_alike(&one, &[]), 0.0);
        assert_eq!(words_alike(&[], &[]), 0.0);
    }
}
