//! Texts to numbers, with `tokenizer.json`.

use tokenizers::{
    PaddingDirection, PaddingParams, PaddingStrategy, Tokenizer, TruncationDirection,
    TruncationParams, TruncationStrategy,
};

use super::{Config, EncoderError};

/// Characters of a text that are looked at for each token that may be used. Few languages have
/// longer words than that, and an endless text costs no more than a long one.
const CHARS_PER_TOKEN: usize = 16;

/// Cuts texts into the tokens of one encoder.
pub(super) struct Tokens {
    tokenizer: Tokenizer,
    tokens_max: usize,
}

/// The tokens of a batch: `texts` rows of `length` each, one after the other.
#[derive(Debug, PartialEq)]
pub(super) struct Batch {
    pub(super) texts: usize,
    pub(super) length: usize,
    pub(super) ids: Vec<u32>,
    /// 1 for a token of the text, 0 for what fills it up.
    pub(super) mask: Vec<u32>,
    /// Whether each text may go on behind its tokens.
    pub(super) is_cut: Vec<bool>,
}

impl Tokens {
    /// Reads `tokenizer.json` for an encoder of this shape that looks at `tokens_max` tokens.
    pub(super) fn parse(
        file: &[u8],
        config: &Config,
        tokens_max: usize,
    ) -> Result<Self, EncoderError> {
        let wrong = |error: tokenizers::Error| EncoderError::Tokenizer(error.to_string());
        let mut tokenizer = Tokenizer::from_bytes(file).map_err(wrong)?;
        let highest = tokenizer.get_vocab(true).into_values().max().unwrap_or(0);
        if highest as usize >= config.vocab_size {
            let told = format!(
                "token {highest} does not exist in an encoder of {} tokens",
                config.vocab_size
            );
            return Err(EncoderError::Tokenizer(told));
        }
        // Files often fix the padding at the longest text, which makes every text cost the most.
        let pad_token = tokenizer.id_to_token(config.pad_token).unwrap_or_default();
        tokenizer.with_padding(Some(PaddingParams {
            strategy: PaddingStrategy::BatchLongest,
            direction: PaddingDirection::Right,
            pad_to_multiple_of: None,
            pad_id: config.pad_token,
            pad_type_id: 0,
            pad_token,
        }));
        let tokens_max = tokens_max.min(config.tokens_max()).max(3);
        let truncation = TruncationParams {
            direction: TruncationDirection::Right,
            max_length: tokens_max,
            strategy: TruncationStrategy::LongestFirst,
            stride: 0,
        };
        tokenizer.with_truncation(Some(truncation)).map_err(wrong)?;
        Ok(Self { tokenizer, tokens_max })
    }

    /// The tokens of `texts`, filled up to the longest of them.
    pub(super) fn batch(&self, texts: &[impl AsRef<str>]) -> Result<Batch, EncoderError> {
        let looked_at: Vec<&str> = texts.iter().map(|text| self.beginning(text.as_ref())).collect();
        let encodings = self
            .tokenizer
            .encode_batch(looked_at.clone(), true)
            .map_err(|error| EncoderError::Encode(error.to_string()))?;
        let length = encodings.first().map_or(0, tokenizers::Encoding::len);
        if length == 0 {
            return Err(EncoderError::Encode("a text has no tokens".to_owned()));
        }
        let mut batch = Batch {
            texts: texts.len(),
            length,
            ids: Vec::new(),
            mask: Vec::new(),
            is_cut: Vec::new(),
        };
        for ((encoding, looked_at), text) in encodings.iter().zip(looked_at).zip(texts) {
            let mask = encoding.get_attention_mask();
            batch.ids.extend(encoding.get_ids());
            batch.mask.extend(mask);
            // The tokenizer stops where it has enough, and does not tell whether there was more.
            let is_full = mask.iter().filter(|real| **real != 0).count() >= self.tokens_max;
            batch.is_cut.push(is_full || looked_at.len() < text.as_ref().len());
        }
        Ok(batch)
    }

    fn beginning<'a>(&self, text: &'a str) -> &'a str {
        let chars_max = self.tokens_max * CHARS_PER_TOKEN;
        text.char_indices().nth(chars_max).map_or(text, |(end, _)| &text[..end])
    }
}
