//! Trains a small multilingual encoder from the corpus: vocabulary, layers, heads.
//!
//! **In** rows with labels, and strings that translate each other. **Out** the files of an encoder and
//! the file of its heads.
//! **Invariants** held-out rows never touch the weights; every random number comes from the seed.
//! **Bounds** passes, batch and shape are options; memory is that of one batch and three copies of
//! the weights.

mod card;
mod learn;
mod lessons;
mod noise;
mod task;
mod translations;
mod vocabulary;

pub use task::{Texts, TrainedEncoder, read_translations, train, weigh_again};
pub use translations::Translation;

/// What the trainer may be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Tokens of the vocabulary.
    pub vocab_size: usize,
    /// Values of a vector.
    pub hidden_size: usize,
    /// Layers.
    pub layers: usize,
    /// Attention heads of a layer.
    pub heads: usize,
    /// Values in the middle of a layer.
    pub intermediate_size: usize,
    /// Passes over the rows.
    pub epochs: usize,
    /// Messages of a step.
    pub batch: usize,
    /// Largest step.
    pub rate: f64,
    /// How much the contrastive loss over messages of one intent counts beside that of the intent.
    pub contrast: f64,
    /// How much the contrastive loss over translations counts beside that of the intent.
    pub translation: f64,
    /// Where random numbers start.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            vocab_size: 12_000,
            hidden_size: 128,
            layers: 2,
            heads: 4,
            intermediate_size: 384,
            epochs: 12,
            batch: 64,
            rate: 1.5e-3,
            contrast: 0.2,
            translation: 0.3,
            seed: 7,
        }
    }
}
