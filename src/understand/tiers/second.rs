//! What both tiers together make of a message.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::{Guess, Intent, Sentiment, Tier, Understanding};
use crate::understand::encoder::{
    Bounds, CandleEncoder, Embedded, Encoder, EncoderError, Heads, Installed,
};
use crate::understand::model::{best, top};

/// A message that the fast tier is not sure of.
#[derive(Clone, Debug, PartialEq)]
pub struct Unsure {
    /// As it was typed.
    pub text: Arc<str>,
    /// The fast tier's probabilities, in the order of [`Intent::ALL`].
    pub intents: Vec<f32>,
    /// The fast tier's probabilities, in the order of [`Sentiment::ALL`].
    pub sentiments: Vec<f32>,
}

/// What both tiers together make of a message.
#[derive(Clone, Debug, PartialEq)]
pub struct Second {
    /// What the customer wants.
    pub intent: Guess<Intent>,
    /// How the customer feels.
    pub sentiment: Guess<Sentiment>,
    /// The three most likely intents, best first.
    pub alternatives: Vec<Guess<Intent>>,
    /// Which tier had the last word.
    pub tier: Tier,
}

impl Second {
    /// What probabilities say, in the orders of [`Intent::ALL`] and [`Sentiment::ALL`].
    fn of(tier: Tier, intents: &[f32], sentiments: &[f32]) -> Self {
        Self {
            intent: best(&Intent::ALL, intents),
            sentiment: best(&Sentiment::ALL, sentiments),
            alternatives: top(&Intent::ALL, intents),
            tier,
        }
    }

    /// The fast tier's understanding with what this look corrects.
    pub fn over(&self, fast: Understanding) -> Understanding {
        let Self { intent, sentiment, tier, .. } = *self;
        Understanding { intent, sentiment, tier, ..fast }
    }
}

/// Why there is no vector of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoVector {
    /// It may have an end that the encoder does not read.
    #[error("the text is longer than the encoder reads")]
    Cut,
    /// The encoder failed.
    #[error("the encoder failed")]
    Failed,
}

/// Answers to a batch, and where the time went.
pub struct SecondRead {
    /// One for each message, in order.
    pub answers: Vec<Second>,
    /// One for each text of which nothing but its vector was asked, in order.
    pub vectors: Vec<Result<Vec<f32>, NoVector>>,
    /// Cutting the texts into tokens.
    pub tokenise: Duration,
    /// Layers and heads.
    pub infer: Duration,
}

/// An encoder with the heads that read its vectors.
pub struct SecondTier {
    encoder: Box<dyn Encoder>,
    heads: Heads,
}

impl SecondTier {
    /// A tier from an encoder and heads that were fitted on it.
    ///
    /// # Errors
    /// When the heads are for vectors of another size.
    pub fn new(encoder: Box<dyn Encoder>, heads: Heads) -> Result<Self, EncoderError> {
        if encoder.dims() != heads.dims {
            let (found, wanted) = (encoder.dims(), heads.dims);
            let told = format!("heads for vectors of {wanted} values, the encoder gives {found}");
            return Err(EncoderError::Heads(told));
        }
        Ok(Self { encoder, heads })
    }

    /// The tier of an encoder that was installed.
    ///
    /// # Errors
    /// When its files do not fit together.
    pub fn installed(installed: Installed) -> Result<Self, EncoderError> {
        let encoder = CandleEncoder::new(installed.files, &Bounds::default())?;
        Self::new(Box::new(encoder), installed.heads)
    }

    /// Reads a batch. `clock` gives the time since any fixed instant.
    ///
    /// # Errors
    /// When the encoder fails; nothing is known of any message then.
    pub fn read(
        &mut self,
        messages: &[Unsure],
        clock: &mut (dyn FnMut() -> Duration + Send),
    ) -> Result<SecondRead, EncoderError> {
        self.read_with(messages, &[], clock)
    }

    /// As [`Self::read`], together with `texts` of which the vector alone is asked.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_with(
        &mut self,
        messages: &[Unsure],
        texts: &[Arc<str>],
        clock: &mut (dyn FnMut() -> Duration + Send),
    ) -> Result<SecondRead, EncoderError> {
        let asked = messages.iter().map(|message| &message.text).chain(texts);
        let asked: Vec<&str> = asked.map(|text| &**text).collect();
        let Embedded { vectors, is_cut, tokenise, infer } =
            self.encoder.embed_timed(&asked, clock)?;
        let start = clock();
        let mut seen = vectors.into_iter().zip(is_cut);
        let looks = messages.iter().zip(seen.by_ref());
        let answers = looks.map(|(message, (vector, is_cut))| match is_cut {
            // What is wanted may stand at the end, which the fast tier alone has read.
            true => Second::of(Tier::Fast, &message.intents, &message.sentiments),
            false => pooled(message, &self.heads, &vector),
        });
        let answers = answers.collect();
        let infer = infer + clock().saturating_sub(start);
        let vectors = seen.map(|(vector, is_cut)| match is_cut {
            true => Err(NoVector::Cut),
            // Weights may be too large for some text.
            false if !vector.iter().all(|value| value.is_finite()) => Err(NoVector::Failed),
            false => Ok(vector),
        });
        Ok(SecondRead { answers, vectors: vectors.collect(), tokenise, infer })
    }
}

fn pooled(message: &Unsure, heads: &Heads, vector: &[f32]) -> Second {
    let reading = heads.read(vector);
    let intents = heads.pools.intent.of(&message.intents, &reading.intents);
    let sentiments = heads.pools.sentiment.of(&message.sentiments, &reading.sentiments);
    Second::of(Tier::Encoder, &intents, &sentiments)
}
