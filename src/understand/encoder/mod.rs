//! Sentence encoders: a small transformer turns a message into a vector of its meaning.
//!
//! **In** texts, and the folder of an encoder as the Hugging Face tools write it. **Out** one vector
//! a text, whether its end may be missing there, and what linear heads read out of it. **Invariants** a text
//! gives the same vector alone and in a batch, up to rounding; nothing is fetched: an encoder is local files;
//! files that do not fit together are an error when they are loaded and not a wrong vector later.
//! **Bounds** [`Bounds::tokens_max`] tokens a text and no more than the encoder has positions, [`BATCH_MAX`]
//! texts at a time, and the sizes of the files in `task.rs`.

mod bert;
mod candle;
mod config;
mod error;
mod fit;
mod heads;
mod manifest;
mod measure;
#[cfg(feature = "fastembed")]
mod onnx;
mod pool;
mod sealed;
mod sense;
mod shipped;
mod task;
mod tokens;
mod weights;

use std::borrow::Cow;
use std::time::Duration;

pub use candle::CandleEncoder;
pub use config::{Config, Family, Pooling};
pub use error::EncoderError;
pub use fit::fit;
pub use heads::{Head, Heads, Reading};
pub use manifest::Origin;
pub use measure::{Accuracy, Change, Comparison, Seer, compare, weigh};
#[cfg(feature = "fastembed")]
pub use onnx::OnnxEncoder;
pub use pool::{Pool, Pools, Said};
#[cfg(test)]
pub(crate) use sense::tests as sense_tests;
pub use sense::{LEAKS_PERCENT, Sense, SenseFigures, SenseRow, fit_sense};
#[cfg(feature = "fastembed")]
pub use task::OnnxFiles;
pub use task::{Chosen, EncoderFiles, Installed};

/// Texts that go through the layers together. More gains nothing on a core and costs memory.
pub const BATCH_MAX: usize = 32;

/// The file of the heads, beside those of the encoder.
pub const HEADS_FILE: &str = "heads.twh";

/// Turns texts into vectors.
pub trait Encoder: Send {
    /// Values of a vector.
    fn dims(&self) -> usize;

    /// One vector for each text, in order, and how long it took. `clock` gives the time since any
    /// fixed instant.
    ///
    /// # Errors
    /// When a text cannot be cut into tokens or the arithmetic fails; nothing is known of any text
    /// then.
    fn embed_timed(
        &mut self,
        texts: &[&str],
        clock: &mut (dyn FnMut() -> Duration + Send),
    ) -> Result<Embedded, EncoderError>;

    /// One vector for each text, in order.
    ///
    /// # Errors
    /// As [`Self::embed_timed`].
    fn embed(&mut self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EncoderError> {
        Ok(self.embed_timed(texts, &mut || Duration::ZERO)?.vectors)
    }
}

/// The texts with what the encoder wants before each.
fn with_prefix<'a>(prefix: &str, texts: &[&'a str]) -> Vec<Cow<'a, str>> {
    let one = |text: &&'a str| match prefix {
        "" => Cow::Borrowed(*text),
        prefix => Cow::Owned(format!("{prefix}{text}")),
    };
    texts.iter().map(one).collect()
}

/// Vectors of texts, and where the time went.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Embedded {
    /// One for each text, in order.
    pub vectors: Vec<Vec<f32>>,
    /// Whether each text may have an end that its vector knows nothing of.
    pub is_cut: Vec<bool>,
    /// Cutting the texts into tokens.
    pub tokenise: Duration,
    /// The layers.
    pub infer: Duration,
}

/// How an encoder is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Tokens of a text that are read, the marks at its ends included; fewer where the encoder has fewer
    /// positions, as the shipped one with 64, some hundred characters.
    pub tokens_max: usize,
    /// Whether vectors are scaled to length one, so that their scalar product is their cosine.
    pub normalise: bool,
}

impl Default for Bounds {
    /// Shop messages are short: 128 tokens hold all but one in thousands. Where one is cut, [`Embedded::is_cut`]
    /// tells.
    fn default() -> Self {
        Self { tokens_max: 128, normalise: true }
    }
}
