//! The same encoders run by ONNX Runtime, through fastembed.

use std::path::Path;
use std::time::Duration;

use fastembed::{
    InitOptionsUserDefined, Pooling as TheirPooling, TextEmbedding, TokenizerFiles,
    UserDefinedEmbeddingModel,
};

use super::task::OnnxFiles;
use super::tokens::Tokens;
use super::{BATCH_MAX, Bounds, Config, Embedded, Encoder, EncoderError, Pooling, with_prefix};

/// A sentence encoder in memory, computed by ONNX Runtime on one thread. Its vectors always have
/// length one.
pub struct OnnxEncoder {
    embedding: TextEmbedding,
    /// Tells which texts are cut, of which fastembed says nothing.
    tokens: Tokens,
    dims: usize,
    prefix: String,
}

impl OnnxEncoder {
    /// An encoder from the content of its files, run by the ONNX Runtime in `library`
    /// (`libonnxruntime.so`, 1.24 or newer). The first library that a process loads stays.
    ///
    /// # Errors
    /// When the library cannot be loaded or the files do not fit together.
    pub fn new(files: OnnxFiles, library: &Path, bounds: &Bounds) -> Result<Self, EncoderError> {
        // Asked first: without a library the session's builder would panic. What it returns is
        // dropped, since fastembed makes its own.
        let loaded = ort::init_from(library);
        drop(loaded.map_err(|error| EncoderError::Library(error.to_string()))?);
        let config = Config::parse(&files.config)?;
        let pooling = match files.pooling.as_deref().map(Pooling::parse).transpose()? {
            None | Some(Pooling::Mean) => TheirPooling::Mean,
            Some(Pooling::First) => TheirPooling::Cls,
        };
        let tokens = Tokens::parse(&files.tokenizer, &config, bounds.tokens_max)?;
        let model = UserDefinedEmbeddingModel::new(
            files.graph,
            tokenizer(&files.tokenizer, &config, files.config)?,
        )
        .with_pooling(pooling);
        let options = InitOptionsUserDefined::new()
            .with_max_length(bounds.tokens_max.min(config.tokens_max()))
            .with_intra_threads(1);
        let embedding = TextEmbedding::try_new_from_user_defined(model, options)
            .map_err(|error| EncoderError::Weights(error.to_string()))?;
        Ok(Self { embedding, tokens, dims: config.hidden_size, prefix: files.prefix })
    }
}

impl Encoder for OnnxEncoder {
    fn dims(&self) -> usize {
        self.dims
    }

    fn embed_timed(
        &mut self,
        texts: &[&str],
        clock: &mut (dyn FnMut() -> Duration + Send),
    ) -> Result<Embedded, EncoderError> {
        if texts.is_empty() {
            return Ok(Embedded::default());
        }
        let start = clock();
        let failed = |error: fastembed::Error| EncoderError::Encode(error.to_string());
        let texts = with_prefix(&self.prefix, texts);
        let mut is_cut = Vec::with_capacity(texts.len());
        for texts in texts.chunks(BATCH_MAX) {
            is_cut.append(&mut self.tokens.batch(texts)?.is_cut);
        }
        let tokenised = clock();
        let vectors = self.embedding.embed(texts, Some(BATCH_MAX)).map_err(failed)?;
        match vectors.iter().all(|vector| vector.len() == self.dims) {
            // fastembed makes tokens of its own and computes in one step.
            true => {
                let tokenise = tokenised.saturating_sub(start);
                let infer = clock().saturating_sub(tokenised);
                Ok(Embedded { vectors, is_cut, tokenise, infer })
            }
            false => Err(EncoderError::Encode(format!("vectors have not {} values", self.dims))),
        }
    }
}

/// The tokenizer as fastembed wants it: what its other two files would say follows from the ones
/// that there are.
fn tokenizer(
    file: &[u8],
    config: &Config,
    config_file: String,
) -> Result<TokenizerFiles, EncoderError> {
    let tokenizer = tokenizers::Tokenizer::from_bytes(file)
        .map_err(|error| EncoderError::Tokenizer(error.to_string()))?;
    let pad_token = tokenizer.id_to_token(config.pad_token).unwrap_or_default();
    let told = serde_json::json!({"model_max_length": config.tokens_max(), "pad_token": pad_token});
    Ok(TokenizerFiles {
        tokenizer_file: file.to_vec(),
        config_file: config_file.into_bytes(),
        special_tokens_map_file: b"{}".to_vec(),
        tokenizer_config_file: told.to_string().into_bytes(),
    })
}
