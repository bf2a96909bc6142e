//! What somebody said, in another language.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Language;

/// From which language a text is to be said in which other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Pair {
    /// What it is written in.
    pub from: Language,
    /// What is wanted.
    pub to: Language,
}

/// What came of saying a text in another language. The text itself is kept where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Translated {
    /// The languages.
    pub pair: Pair,
    /// The text, or why there is none.
    pub said: Said,
}

/// A text in the language that was wanted, or the reason why it stays as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// It was translated.
    Anew {
        /// What it says.
        text: Arc<str>,
        /// The engine that translated it.
        by: Arc<str>,
    },
    /// It was not.
    AsWritten(Untranslated),
}

/// Why a text stays as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Untranslated {
    /// The shop has no engine.
    NoEngine,
    /// No engine of the shop translates between these languages.
    Pair,
    /// Too many texts at once.
    Busy,
    /// No answer came in time.
    Late,
    /// The engines failed.
    Failed,
    /// The text is too long, or a table of codes that must not change.
    Unfit,
}

impl Untranslated {
    /// Every reason.
    pub const ALL: [Self; 6] =
        [Self::NoEngine, Self::Pair, Self::Busy, Self::Late, Self::Failed, Self::Unfit];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoEngine => "no_engine",
            Self::Pair => "pair",
            Self::Busy => "busy",
            Self::Late => "late",
            Self::Failed => "failed",
            Self::Unfit => "unfit",
        }
    }
}
