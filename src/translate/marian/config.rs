//! `config.json`: the shape of a model.

use std::ops::RangeInclusive;

use serde::Deserialize;

use super::{ModelError, POSITIONS_MAX};

const FILE: &str = "config.json";

/// The activation inside a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Activation {
    /// `x` times its logistic function.
    #[serde(alias = "silu")]
    Swish,
    /// Zero below zero.
    Relu,
    /// With the error function.
    Gelu,
}

/// The shape of an encoder or a decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stack {
    /// Layers.
    pub layers: usize,
    /// Attention heads of a layer.
    pub heads: usize,
    /// Values in the middle of a layer.
    pub wide: usize,
}

/// The shape of a model, within bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Config {
    /// Tokens that are known.
    pub vocabulary: usize,
    /// Values of a vector.
    pub width: usize,
    pub encoder: Stack,
    pub decoder: Stack,
    /// Longest sequence of tokens, as far as one is ever asked for.
    pub positions: usize,
    pub activation: Activation,
    /// What the vectors of tokens are multiplied with.
    pub scale: f64,
    /// Fills up, and is never said.
    pub pad: u32,
    /// Ends a sentence.
    pub end: u32,
    /// What the first token follows.
    pub start: u32,
}

/// The fields of the file, by the names that the Hugging Face tools give them.
#[derive(Deserialize)]
struct Fields {
    vocab_size: usize,
    decoder_vocab_size: Option<usize>,
    d_model: usize,
    encoder_layers: usize,
    encoder_attention_heads: usize,
    encoder_ffn_dim: usize,
    decoder_layers: usize,
    decoder_attention_heads: usize,
    decoder_ffn_dim: usize,
    max_position_embeddings: usize,
    activation_function: Activation,
    #[serde(default)]
    scale_embedding: bool,
    pad_token_id: u32,
    eos_token_id: u32,
    decoder_start_token_id: u32,
    #[serde(default = "yes")]
    share_encoder_decoder_embeddings: bool,
    // What other descendants of the same code have.
    #[serde(default)]
    normalize_before: bool,
    #[serde(default)]
    normalize_embedding: bool,
    #[serde(default)]
    add_final_layer_norm: bool,
}

const fn yes() -> bool {
    true
}

impl Config {
    /// # Errors
    /// When a field is missing or out of bounds, or the model is of another kind.
    pub(super) fn parse(file: &[u8]) -> Result<Self, ModelError> {
        let wrong = |reason: String| ModelError::new(FILE, reason);
        // The kind first: another one has other fields, and their absence is not the news.
        let value: serde_json::Value =
            serde_json::from_slice(file).map_err(|error| wrong(error.to_string()))?;
        match value["model_type"].as_str() {
            Some("marian") => {}
            Some(other) => {
                return Err(wrong(format!("model_type `{other}` is not supported; marian is")));
            }
            None => return Err(wrong("no `model_type`".to_owned())),
        }
        let fields: Fields =
            serde_json::from_value(value).map_err(|error| wrong(error.to_string()))?;
        fields.check().map_err(wrong)?;
        let scale = if fields.scale_embedding { (fields.d_model as f64).sqrt() } else { 1.0 };
        Ok(Self {
            vocabulary: fields.vocab_size,
            width: fields.d_model,
            encoder: Stack {
                layers: fields.encoder_layers,
                heads: fields.encoder_attention_heads,
                wide: fields.encoder_ffn_dim,
            },
            decoder: Stack {
                layers: fields.decoder_layers,
                heads: fields.decoder_attention_heads,
                wide: fields.decoder_ffn_dim,
            },
            positions: fields.max_position_embeddings.min(POSITIONS_MAX),
            activation: fields.activation_function,
            scale,
            pad: fields.pad_token_id,
            end: fields.eos_token_id,
            start: fields.decoder_start_token_id,
        })
    }
}

impl Fields {
    fn check(&self) -> Result<(), String> {
        let within: [(&str, usize, RangeInclusive<usize>); 9] = [
            ("vocab_size", self.vocab_size, 8..=2_000_000),
            ("d_model", self.d_model, 8..=4096),
            ("encoder_layers", self.encoder_layers, 1..=64),
            ("encoder_attention_heads", self.encoder_attention_heads, 1..=128),
            ("encoder_ffn_dim", self.encoder_ffn_dim, 8..=32_768),
            ("decoder_layers", self.decoder_layers, 1..=64),
            ("decoder_attention_heads", self.decoder_attention_heads, 1..=128),
            ("decoder_ffn_dim", self.decoder_ffn_dim, 8..=32_768),
            ("max_position_embeddings", self.max_position_embeddings, 16..=16_384),
        ];
        for (name, found, range) in within {
            if !range.contains(&found) {
                let (least, most) = range.into_inner();
                return Err(format!("{name} is {found}, must be from {least} to {most}"));
            }
        }
        let heads = [self.encoder_attention_heads, self.decoder_attention_heads];
        if !self.d_model.is_multiple_of(2)
            || heads.iter().any(|heads| !self.d_model.is_multiple_of(*heads))
        {
            return Err("d_model must be even and a multiple of the numbers of heads".to_owned());
        }
        let tokens = [self.pad_token_id, self.eos_token_id, self.decoder_start_token_id];
        if tokens.iter().any(|token| *token as usize >= self.vocab_size) {
            return Err("a special token is not less than vocab_size".to_owned());
        }
        let shares = self.share_encoder_decoder_embeddings
            && self.decoder_vocab_size.is_none_or(|size| size == self.vocab_size);
        if !shares {
            return Err("two vocabularies are not supported".to_owned());
        }
        if self.normalize_before || self.normalize_embedding || self.add_final_layer_norm {
            return Err("normalisation at other places than Marian's is not supported".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(name: &str, value: impl Into<serde_json::Value>) -> String {
        let mut fields = serde_json::json!({
            "model_type": "marian", "vocab_size": 100, "d_model": 16, "encoder_layers": 1,
            "encoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_layers": 1,
            "decoder_attention_heads": 4, "decoder_ffn_dim": 32, "max_position_embeddings": 64,
            "activation_function": "swish", "pad_token_id": 99, "eos_token_id": 0,
            "decoder_start_token_id": 99,
        });
        assert!(Config::parse(fields.to_string().as_bytes()).is_ok());
        fields[name] = value.into();
        Config::parse(fields.to_string().as_bytes()).expect_err("must be refused").to_string()
    }

    #[test]
    fn no_more_places_of_tokens_are_kept_than_a_sentence_can_take() {
        let positions = |claimed: usize| {
            let text = String::from_utf8(super::super::parity::files().config).expect("JSON");
            let claim = format!("\"max_position_embeddings\": {claimed}");
            let text = text.replace("\"max_position_embeddings\": 96", &claim);
            Config::parse(text.as_bytes()).expect("a model").positions
        };

        assert_eq!(positions(512), 512);
        assert_eq!(positions(16_384), POSITIONS_MAX);
    }

    #[test]
    fn what_cannot_be_run_is_named() {
        assert!(refusal("model_type", "m2m_100").contains("`m2m_100` is not supported"));
        assert!(refusal("d_model", 18).contains("multiple of the numbers of heads"));
        assert!(refusal("d_model", 1_000_000).contains("from 8 to 4096"));
        assert!(refusal("pad_token_id", 100).contains("less than vocab_size"));
        assert!(refusal("activation_function", "tanh").contains("tanh"));
        assert!(refusal("share_encoder_decoder_embeddings", false).contains("two vocabularies"));
        assert!(refusal("normalize_before", true).contains("normalisation"));
        assert!(refusal("vocab_size", "many").contains("many"));
    }
}
