//! A tenant's own intents, trained from its examples.
//!
//! **In** examples of each label, then messages.
//! **Out** a label of the tenant's set, or that the message is out of its scope, with a probability.
//! **Invariants** the same examples and seed give the same bytes, on any number of threads; the
//! figures of a training come from examples that were held out, the same on which the weight of the
//! networks (one of six) and the calibration were chosen, so they flatter a little; a damaged file is an
//! error.
//! **Bounds** [`examples`] has those of a set, [`mod@format`] that of a file, `network::Bounds` those of
//! sets that get networks.

pub mod evaluate;
pub mod examples;
pub mod format;
mod mixing;
mod network;
mod scope;
mod served;
mod set;
mod space;
mod svm;
mod task;
mod train;

pub(super) use evaluate::auroc;
pub use evaluate::{SetReport, evaluate};
pub use examples::Example;
pub use format::SetError;
pub use served::ServedSets;
pub use set::{IntentSet, OUT_OF_SCOPE_LABEL, SetGuess, SetScratch};
pub use task::{Reloaded, read_examples, read_messages, train};
pub use train::{Prepared, TrainError, TrainReport};
