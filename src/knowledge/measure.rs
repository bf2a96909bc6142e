//! How many questions articles answer alone, how many of these answers are right, and from which
//! thresholds on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::shop::ArticleRules;
use crate::domain::Language;

/// Steps that thresholds are tried in.
const STEP: f32 = 0.01;
/// Of the threshold of the intent only every so many steps are tried.
const INTENT_STEPS: usize = 5;

/// A question with what is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// As a customer types it.
    pub text: String,
    /// Its language.
    pub language: Language,
    /// The article that answers it; `None` when a person has to.
    #[serde(default)]
    pub answer: Option<String>,
    /// What kind of question it is, for the table.
    pub kind: Kind,
    /// Whether thresholds may be chosen by it.
    pub half: Half,
}

/// Kinds of questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An article answers it.
    Asked,
    /// No article is about it.
    None,
    /// It sounds like an article and is the customer's own matter.
    Own,
}

/// What a question is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Half {
    /// To choose thresholds by.
    Tune,
    /// For the figure.
    Kept,
}

impl Question {
    /// Reads one question a line, `{"text","language","answer","kind","half"}`.
    ///
    /// # Errors
    /// What is wrong with a line, with its number.
    pub fn read_all(text: &str) -> Result<Vec<Self>, String> {
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let read = |(at, line): (usize, &str)| {
            serde_json::from_str(line).map_err(|error| format!("line {}: {error}", at + 1))
        };
        lines.map(read).collect()
    }
}

/// The article that a question would get if every threshold were 0; everything else that keeps a
/// machine silent holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Which.
    pub article: String,
    /// How sure the model is of the intent.
    pub intent: f32,
    /// How well it fits.
    pub score: f32,
    /// By how much better than anything else.
    pub margin: f32,
}

/// A question with its candidate.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged<'a> {
    /// The question.
    pub question: &'a Question,
    /// What it may get; `None` when a machine says nothing in any case.
    pub candidate: Option<Candidate>,
}

impl Judged<'_> {
    /// The article that answers alone under `rules`.
    pub fn told(&self, rules: &ArticleRules) -> Option<&Candidate> {
        let is_sure = |it: &&Candidate| {
            it.intent >= rules.intent && it.score >= rules.retrieval && it.margin >= rules.margin
        };
        self.candidate.as_ref().filter(is_sure)
    }

    /// Whether what is told is right; `None` when nothing is.
    fn is_right(&self, rules: &ArticleRules) -> Option<bool> {
        let told = self.told(rules)?;
        Some(self.question.answer.as_deref() == Some(&told.article))
    }
}

/// Figures of some questions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// How many.
    pub questions: usize,
    /// Of these an article answers so many.
    pub answerable: usize,
    /// So many were answered alone.
    pub answered: usize,
    /// And so many of them rightly.
    pub right: usize,
}

impl Figures {
    /// The figures of `judged` under `rules`.
    pub fn of<'a>(judged: impl IntoIterator<Item = &'a Judged<'a>>, rules: &ArticleRules) -> Self {
        let mut figures = Self::default();
        for one in judged {
            figures.questions += 1;
            figures.answerable += usize::from(one.question.answer.is_some());
            if let Some(is_right) = one.is_right(rules) {
                figures.answered += 1;
                figures.right += usize::from(is_right);
            }
        }
        figures
    }

    /// Share of the questions that were answered alone.
    pub fn share(&self) -> f64 {
        part(self.answered, self.questions).unwrap_or(0.0)
    }

    /// Share of right answers; `None` when there was none.
    pub fn precision(&self) -> Option<f64> {
        part(self.right, self.answered)
    }

    /// Share of what articles answer that was answered rightly.
    pub fn recall(&self) -> Option<f64> {
        part(self.right, self.answerable)
    }
}

fn part(some: usize, all: usize) -> Option<f64> {
    (all > 0).then(|| some as f64 / all as f64)
}

/// Figures by language, kind and half.
pub fn by<'a, K: Ord>(
    judged: &'a [Judged<'a>],
    rules: &ArticleRules,
    key: impl Fn(&Question) -> K,
) -> BTreeMap<K, Figures> {
    let mut groups: BTreeMap<K, Vec<&Judged<'_>>> = BTreeMap::new();
    for one in judged {
        groups.entry(key(one.question)).or_default().push(one);
    }
    groups.into_iter().map(|(key, group)| (key, Figures::of(group, rules))).collect()
}

/// The figures at each threshold of the score, with the margin of `rules`.
pub fn curve<'a>(judged: &[&'a Judged<'a>], rules: &ArticleRules) -> Vec<(f32, Figures)> {
    let at = |retrieval| Figures::of(judged.iter().copied(), &ArticleRules { retrieval, ..*rules });
    steps().map(|retrieval| (retrieval, at(retrieval))).collect()
}

/// The thresholds under which most of `judged` are answered with a share of `precision` right at least;
/// of several, those that leave most room: the surest intent, then the highest margin, then the highest
/// score. `None` when no thresholds reach it.
pub fn calibrate<'a>(judged: &[&'a Judged<'a>], precision: f64) -> Option<ArticleRules> {
    let mut best: Option<(usize, ArticleRules)> = None;
    for intent in steps().step_by(INTENT_STEPS) {
        for (margin, retrieval) in steps().flat_map(|margin| steps().map(move |it| (margin, it))) {
            let rules = ArticleRules { intent, retrieval, margin };
            let figures = Figures::of(judged.iter().copied(), &rules);
            let is_good = figures.precision().is_some_and(|it| it >= precision);
            if is_good && best.as_ref().is_none_or(|(right, _)| figures.right >= *right) {
                best = Some((figures.right, rules));
            }
        }
    }
    best.map(|(_, rules)| rules)
}

fn steps() -> impl Iterator<Item = f32> {
    (0..100_u8).map(|step| f32::from(step) * STEP)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn questions() -> Vec<Question> {
        let line = |answer: &str| {
            format!(r#"{{"text":"a","language":"en","kind":"asked","half":"tune"{answer}}}"#)
        };
        let lines = [line(r#","answer":"one""#), line(r#","answer":"one""#), line(""), line("")];
        Question::read_all(&lines.join("\n")).expect("questions")
    }

    fn judged(questions: &[Question]) -> Vec<Judged<'_>> {
        let found = [(0.6, 0.9, 0.4), (0.5, 0.6, 0.3), (0.9, 0.7, 0.1), (0.4, 0.8, 0.5)];
        let candidate = |(intent, score, margin)| {
            let article = "one".to_owned();
            Candidate { article, intent, score, margin }
        };
        let found = found.map(|it| Some(candidate(it)));
        questions
            .iter()
            .zip(found)
            .map(|(question, candidate)| Judged { question, candidate })
            .collect()
    }

    #[test]
    fn figures_count_answers_and_right_ones() {
        let questions = questions();
        let judged = judged(&questions);

        let rules = ArticleRules { intent: 0.5, retrieval: 0.5, margin: 0.0 };
        let figures = Figures::of(&judged, &rules);

        assert_eq!(figures, Figures { questions: 4, answerable: 2, answered: 3, right: 2 });
        assert_eq!(figures.share(), 0.75);
        assert_eq!(figures.recall(), Some(1.0));
    }

    #[test]
    fn thresholds_are_chosen_that_answer_most_without_a_wrong_one() {
        let questions = questions();
        let judged = judged(&questions);
        let all: Vec<&Judged<'_>> = judged.iter().collect();

        let rules = calibrate(&all, 1.0).expect("thresholds");

        assert_eq!(Figures::of(&judged, &rules).answered, 2);
        assert!((rules.intent - 0.5).abs() < 0.051, "{rules:?}");
        assert!(
            (rules.margin - 0.3).abs() < 0.011 && (rules.retrieval - 0.6).abs() < 0.011,
            "{rules:?}"
        );
        assert_eq!(calibrate(&all[2..], 1.0), None);
    }

    #[test]
    fn a_line_that_is_no_question_is_named() {
        assert!(Question::read_all("\n{\"text\":1}").expect_err("wrong").starts_with("line 2:"));
    }
}
