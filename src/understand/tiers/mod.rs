//! The encoder tier: a second, slower look at messages that the fast tier is not sure of.
//!
//! **In** a message with the probabilities that the fast tier gave it. **Out** intent and sentiment
//! by what both tiers say, each weighed as was found best; language and personal data stay the fast tier's.
//! Of a text alone, in the same queue and for the same time, its vector.
//! **Invariants** the fast tier's answer stands whenever the encoder has no room or no time left, fails
//! or is late, and of a text that the encoder may not have read to its end; nobody but its own thread ever
//! waits for the encoder; a message gets the same answer alone and in a batch, up to rounding.
//! **Bounds** one thread, for a share of one core's time ([`Budget`]); as many waiting messages as its queue holds, each only until its deadline;
//! batches of [`BATCH_MAX`](super::encoder::BATCH_MAX).

mod budget;
mod reader;
mod second;
mod task;

pub use budget::Budget;
pub use reader::TieredReader;
pub use second::{NoVector, Second, SecondTier, Unsure};
pub use task::{Asked, NotAsked, SecondThread};
