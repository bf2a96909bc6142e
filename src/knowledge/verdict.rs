//! Whether what was found is the answer.

use crate::config::shop::ArticleRules;
use crate::domain::Intent;

use super::shelf::{Found, Hit};

/// Why no article is the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Doubt {
    /// The best one is about something else than the customer wants.
    Intent,
    /// The best one does not fit well enough.
    Retrieval,
    /// Another one, or what it is not for, fits nearly as well.
    Margin,
}

impl Doubt {
    /// The doubt as written in output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Intent => "intent",
            Self::Retrieval => "retrieval",
            Self::Margin => "margin",
        }
    }
}

/// What becomes of a question.
#[derive(Clone, Debug)]
pub enum Verdict<'a> {
    /// The article answers it.
    Answer(&'a Hit),
    /// None surely does.
    Unsure(Doubt),
}

/// Judges what was found for a customer who wants `intent`.
pub fn judge<'a>(intent: Intent, found: &'a Found, rules: &ArticleRules) -> Verdict<'a> {
    let Some(best) = found.hits.first() else { return Verdict::Unsure(Doubt::Retrieval) };
    if !best.article.intents.contains(&intent) {
        return Verdict::Unsure(Doubt::Intent);
    }
    if best.score < rules.retrieval {
        return Verdict::Unsure(Doubt::Retrieval);
    }
    if margin(found) < rules.margin {
        return Verdict::Unsure(Doubt::Margin);
    }
    Verdict::Answer(best)
}

/// By how much the best fits better than the next that says something else, and than everything that any
/// article is not for.
pub fn margin(found: &Found) -> f32 {
    let Some(best) = found.hits.first() else { return 0.0 };
    let next = found.hits.iter().find(|hit| hit.article.answer != best.article.answer);
    let next = next.map_or(0.0, |hit| hit.score);
    best.score - next.max(found.not_for)
}
