//! An encoder that candle runs.

use std::time::Duration;

use candle_core::{DType, Device, Tensor};

use super::bert::{Bert, mean_of_tokens, unit_rows};
use super::tokens::{Batch, Tokens};
use super::weights::tensors;
use super::{
    BATCH_MAX, Bounds, Config, Embedded, Encoder, EncoderError, EncoderFiles, Pooling, with_prefix,
};

/// A sentence encoder in memory, computed by candle on the processor.
pub struct CandleEncoder {
    bert: Bert,
    tokens: Tokens,
    dims: usize,
    pooling: Pooling,
    normalise: bool,
    prefix: String,
    /// The one thread that computes. Without it each product would be cut up among all cores, which
    /// gains nothing on products this small and takes the cores from the sockets. Other steps of a large batch
    /// have threads of candle's own beside it, unless `CANDLE_NUM_THREADS` is 1, as `main` sets it.
    worker: rayon::ThreadPool,
}

impl CandleEncoder {
    /// An encoder from the content of its files.
    ///
    /// # Errors
    /// When a file cannot be read or the files do not fit together.
    pub fn new(files: EncoderFiles, bounds: &Bounds) -> Result<Self, EncoderError> {
        let config = Config::parse(&files.config)?;
        let pooling = match &files.pooling {
            Some(text) => Pooling::parse(text)?,
            None => Pooling::Mean,
        };
        let tokens = Tokens::parse(&files.tokenizer, &config, bounds.tokens_max)?;
        let wrong = |error: candle_core::Error| EncoderError::Weights(error.to_string());
        let bert = Bert::load(&tensors(files.weights)?, &config).map_err(wrong)?;
        let worker = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .thread_name(|_| "encoder".to_owned())
            .build()
            .map_err(|error| EncoderError::Encode(error.to_string()))?;
        let (dims, normalise) = (config.hidden_size, bounds.normalise);
        let prefix = files.prefix;
        Ok(Self { bert, tokens, dims, pooling, normalise, prefix, worker })
    }

    fn vectors(&self, batch: Batch) -> candle_core::Result<Vec<Vec<f32>>> {
        let shape = (batch.texts, batch.length);
        let ids = Tensor::from_vec(batch.ids, shape, &Device::Cpu)?;
        let mask = Tensor::from_vec(batch.mask, shape, &Device::Cpu)?.to_dtype(DType::F32)?;
        let states = self.bert.forward(&ids, &mask)?;
        let pooled = match self.pooling {
            Pooling::Mean => mean_of_tokens(&states, &mask)?,
            Pooling::First => states.narrow(1, 0, 1)?.squeeze(1)?,
        };
        if self.normalise { unit_rows(&pooled)?.to_vec2() } else { pooled.to_vec2() }
    }
}

impl Encoder for CandleEncoder {
    fn dims(&self) -> usize {
        self.dims
    }

    fn embed_timed(
        &mut self,
        texts: &[&str],
        clock: &mut (dyn FnMut() -> Duration + Send),
    ) -> Result<Embedded, EncoderError> {
        let failed = |error: candle_core::Error| EncoderError::Encode(error.to_string());
        let mut embedded = Embedded::default();
        self.worker.install(|| {
            for texts in texts.chunks(BATCH_MAX) {
                let start = clock();
                let mut batch = self.tokens.batch(&with_prefix(&self.prefix, texts))?;
                let tokenised = clock();
                embedded.is_cut.append(&mut batch.is_cut);
                embedded.vectors.extend(self.vectors(batch).map_err(failed)?);
                embedded.tokenise += tokenised.saturating_sub(start);
                embedded.infer += clock().saturating_sub(tokenised);
            }
            Ok(embedded)
        })
    }
}
