//! Reads what a message says: language, intent, sentiment and personal data.
//!
//! **In** the text of an admitted message and what is known of its writer's language.
//! **Out** an [`Understanding`](crate::domain::Understanding); no text leaves the process.
//! **Invariants** any text is read without a panic; the same text and hint give the same result,
//! alone or in a batch; confidence is a probability that was calibrated on messages that the
//! answering model had not seen; spans lie on character boundaries, sorted, without overlap.
//! **Bounds** [`text::CHARS_MAX`] characters and [`features::FEATURES_MAX`] features a message; the
//! pool holds a fixed number of waiting messages and refuses more.

pub mod encoder;
pub mod evaluate;
pub mod features;
pub mod format;
pub mod labelled;
mod lanes;
mod layers;
pub mod leaving;
pub mod lexicon;
pub mod mixed;
mod model;
mod packed;
pub mod pii;
mod room;
pub mod script;
pub mod table;
mod task;
pub mod tenant;
pub mod text;
pub mod tiers;
pub mod timing;
pub mod train;

pub use evaluate::{Bin, Report, Shares, evaluate, evaluate_tiers};
pub use format::ModelError;
pub use model::{Classified, DataSource, Hint, Manifest, Model, Scratch};
pub use pii::{mask, names_order, order_numbers};
pub use room::Overloaded;
pub use task::{Job, Outcome, Readers, Understand, Understanders};
pub use train::{Row, RowError, parse_rows};
