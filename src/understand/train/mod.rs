//! Trains the model from a corpus: choice of features, learning, calibration, quantisation.
//!
//! **In** texts with labels. **Out** a model file, its manifest, its card and a report.
//! **Invariants** the same texts, options and seed give the same bytes; held-out rows of the corpus
//! never touch the weights. **Bounds** one thread, memory for the texts and about one kilobyte a
//! row of the table.

pub(super) mod calibrate;
mod card;
pub mod corpus;
pub(super) mod extra;
mod learn;
pub mod lint;
mod net;
mod quantise;
pub mod slots;
mod task;
mod vocabulary;

pub use corpus::{Row, RowError, parse_rows};
pub use net::{Chance, Learning};
pub use slots::{Slot, SlotKind};
pub use task::{FILE, TrainError, TrainedReport, train};

/// What the trainer may be told.
#[derive(Clone, Debug)]
pub struct Options {
    /// Values of a row.
    pub dims: usize,
    /// Most rows of the table.
    pub rows: usize,
    /// Passes over the shop corpus.
    pub epochs: usize,
    /// Share of the language texts that each pass looks at.
    pub language_share: f32,
    /// Share of the texts about moods that each pass looks at.
    pub mood_share: f32,
    /// Share of the looks at a shop message that see other values in its slots.
    pub slot_share: f32,
    /// Models that are trained on parts of the corpus to calibrate the confidence.
    pub calibration_folds: usize,
    /// How weights move.
    pub learning: Learning,
    /// Where random numbers start.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            dims: 96,
            rows: 420_000,
            epochs: 26,
            language_share: 0.3,
            mood_share: 0.3,
            slot_share: 0.0,
            calibration_folds: 1,
            learning: Learning::default(),
            seed: 11,
        }
    }
}
