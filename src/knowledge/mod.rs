//! Finds the article of a shop that answers a question, and says when none surely does.
//!
//! **In**: the articles of a shop, a function that gives the vector of a text, and questions with what
//! was read out of them.
//!
//! **Out**: articles with how well they fit, the [`Verdict`] whether one of them is the answer, and out
//! of questions that got none a list of what to write next.
//!
//! **Invariants**: a question is compared with articles of its own language only. An article is the
//! answer where the intent is one of its own, it fits from [`ArticleRules::retrieval`] on, and by
//! [`ArticleRules::margin`] better than every other article and everything that it says it is not for.
//! The same articles and question give the same result on every machine.
//!
//! **Bounds**: as many articles as a shop may have, each with as many questions as a file may hold;
//! [`tokens::TOKENS_MAX`] tokens of a question; [`gaps::QUESTIONS_MAX`] questions in a list of gaps.
//!
//! [`ArticleRules::retrieval`]: crate::config::shop::ArticleRules::retrieval
//! [`ArticleRules::margin`]: crate::config::shop::ArticleRules::margin

pub mod gaps;
mod index;
pub mod measure;
mod near;
mod shelf;
pub mod tokens;
mod verdict;
mod words;

pub use index::{Index, IndexError};
pub use shelf::{Found, HITS_MIN, Hit, Query};
pub use verdict::{Doubt, Verdict, judge, margin};
