//! Translation on this machine: transformers of the Marian kind, as the folders of OPUS-MT hold them.
//!
//! **In** texts, and a folder as the Hugging Face tools write it: `config.json`, `model.safetensors`,
//! `source.spm` and `vocab.json`. **Out** a text for each text. **Invariants** nothing is fetched: a
//! model is local files; files that do not fit together are an error when they are loaded and not a
//! wrong translation later; a translation that is empty or found no end is none. **Bounds** the sizes of
//! the files in `task.rs`, [`SENTENCE_TOKENS_MAX`] tokens of a sentence, and [`tokens_max`] of what is
//! made of it.
//!
//! Each next token is the likeliest one. The published models are usually asked with several beams,
//! which is a little better and as many times slower as there are beams.

mod charsmap;
mod config;
#[cfg(test)]
mod damaged;
mod layers;
mod model;
#[cfg(test)]
mod parity;
mod sentences;
mod spm;
mod task;
mod tokens;

use crate::domain::Language;
use config::Config;
use model::Marian;
use sentences::{Part, halves, parts};
pub use task::{JOBS_WAITING_MAX, LocalEngine};
use tokens::Tokens;

/// Tokens of a sentence that goes through a model as one; what is longer is cut in two. The models are
/// trained on sentences, and get lost in more.
const SENTENCE_TOKENS_MAX: usize = 200;

/// Most tokens that are made of a sentence of `source` tokens. No pair of languages needs three for one;
/// a model that goes on has lost itself.
const fn tokens_max(source: usize) -> usize {
    3 * source + 8
}

/// Places of tokens that are ever asked for, whatever a model claims to know.
const POSITIONS_MAX: usize = tokens_max(SENTENCE_TOKENS_MAX);

/// Most bytes of a token, of a piece, and of what is written in place of a character: published models
/// have some fifty. What is built of a piece nests as deep as the piece is long.
const PIECE_BYTES_MAX: usize = 256;

/// A file of a model that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {reason}")]
pub struct ModelError {
    /// Its name.
    file: &'static str,
    /// What is wrong with it.
    reason: String,
}

impl ModelError {
    fn new(file: &'static str, reason: impl std::fmt::Display) -> Self {
        Self { file, reason: reason.to_string() }
    }
}

/// The content of the files of a model.
struct ModelFiles {
    config: Vec<u8>,
    vocabulary: Vec<u8>,
    source: Vec<u8>,
    weights: Vec<u8>,
}

/// Why a text has no translation by a model.
#[derive(Debug, thiserror::Error)]
enum Unsaid {
    /// Nobody waits for it any more.
    #[error("nobody waits for it")]
    Unwanted,
    /// The model went on and on.
    #[error("the model found no end")]
    Endless,
    /// The model ended before it began.
    #[error("the model said nothing")]
    Empty,
    /// It cannot be cut into tokens.
    #[error("{0}")]
    Tokens(String),
    /// The arithmetic failed.
    #[error("{0}")]
    Arithmetic(#[from] candle_core::Error),
}

/// A model in memory.
struct Model {
    tokens: Tokens,
    marian: Marian,
}

impl Model {
    /// # Errors
    /// When a file cannot be read, or the files do not fit together.
    fn new(files: ModelFiles) -> Result<Self, ModelError> {
        let config = Config::parse(&files.config)?;
        let tokens = Tokens::parse(&files.source, &files.vocabulary, &config)?;
        let marian = Marian::load(files.weights, config)?;
        Ok(Self { tokens, marian })
    }

    /// Whether it says any text in `to`: a model of several target languages has a token for each.
    fn says(&self, to: Language) -> bool {
        !self.tokens.has_targets() || self.tokens.target(to).is_some()
    }

    /// Whether the brackets of [`super::Markup::Bracket`] are tokens of its own. Where they are not, no
    /// mark comes back.
    fn knows_marks(&self) -> bool {
        self.tokens.encode("⟦0⟧", None).is_ok_and(|ids| !self.tokens.has_unknown(&ids))
    }

    /// The text in `to`, sentence by sentence; line breaks stay where they are.
    fn translate(
        &self,
        text: &str,
        to: Language,
        is_wanted: &dyn Fn() -> bool,
    ) -> Result<String, Unsaid> {
        let target = self.tokens.target(to);
        let mut said = String::with_capacity(text.len());
        for part in parts(text) {
            match part {
                Part::Gap(gap) => said.push_str(gap),
                Part::Sentence(sentence) => said.push_str(&self.say(sentence, target, is_wanted)?),
            }
        }
        Ok(said)
    }

    fn say(
        &self,
        sentence: &str,
        target: Option<u32>,
        is_wanted: &dyn Fn() -> bool,
    ) -> Result<String, Unsaid> {
        let ids = self.tokens.encode(sentence, target).map_err(Unsaid::Tokens)?;
        let bound = SENTENCE_TOKENS_MAX.min(self.marian.positions());
        if ids.len() > bound {
            // A single character of that many tokens does not exist.
            let (first, second) = halves(sentence).ok_or(Unsaid::Endless)?;
            let gap = if first.ends_with(char::is_whitespace) { " " } else { "" };
            let first = self.say(first.trim_end(), target, is_wanted)?;
            return Ok(first + gap + &self.say(second, target, is_wanted)?);
        }
        let said = self.marian.say(&ids, tokens_max(ids.len()), is_wanted)?;
        if !said.has_ended {
            return Err(Unsaid::Endless);
        }
        let said = self.tokens.decode(&said.ids);
        if said.is_empty() { Err(Unsaid::Empty) } else { Ok(said) }
    }
}
