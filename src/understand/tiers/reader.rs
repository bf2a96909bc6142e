//! Both tiers one message at a time, as the router asks them but without its threads and deadlines.

use std::sync::Arc;
use std::time::Duration;

use super::second::SecondTier;
use crate::understand::encoder::EncoderError;
use crate::understand::model::{Classified, Hint, Model, Scratch};

/// Reads messages with the fast tier, and with the encoder where that is not sure.
pub struct TieredReader {
    fast: Arc<Model>,
    second: Option<SecondTier>,
    scratch: Scratch,
}

impl TieredReader {
    /// A reader of these tiers; without the second the fast tier's answers stand.
    pub fn new(fast: Arc<Model>, second: Option<SecondTier>) -> Self {
        Self { fast, second, scratch: Scratch::default() }
    }

    /// The fast tier.
    pub fn fast(&self) -> &Arc<Model> {
        &self.fast
    }

    /// What `text` says, and what came second.
    ///
    /// # Errors
    /// When the encoder was asked and failed.
    pub fn classify(&mut self, text: &str, hint: &Hint) -> Result<Classified, EncoderError> {
        let classified = self.fast.classify(text, hint, &mut self.scratch);
        let Some(second) = &mut self.second else { return Ok(classified) };
        if !self.fast.is_unsure(&classified.understanding) {
            return Ok(classified);
        }
        let unsure = self.scratch.unsure(text.into());
        let read = second.read(&[unsure], &mut || Duration::ZERO)?;
        let [answer] = read.answers.as_slice() else {
            return Err(EncoderError::Encode("one message, and not one answer".to_owned()));
        };
        let understanding = answer.over(classified.understanding);
        let alternatives = answer.alternatives.clone();
        Ok(Classified { understanding, alternatives, ..classified })
    }
}
