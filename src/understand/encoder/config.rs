//! `config.json`: the shape of an encoder.

use serde::Deserialize;

use super::EncoderError;

/// Naming and numbering of an architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Positions count from zero.
    Bert,
    /// RoBERTa and XLM-R: positions of real tokens count from the one after the padding token's id.
    Roberta,
}

/// How the vectors of the tokens become the vector of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// The mean over the tokens of the text.
    Mean,
    /// The vector of the first token.
    First,
}

/// The activation inside a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// With the error function.
    Gelu,
    /// With the hyperbolic tangent.
    #[serde(alias = "gelu_pytorch_tanh")]
    GeluNew,
    /// Zero below zero.
    Relu,
}

/// The shape of an encoder, within bounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Naming and numbering.
    pub family: Family,
    /// Tokens that are known.
    pub vocab_size: usize,
    /// Values of a vector.
    pub hidden_size: usize,
    /// Values of a token before it is mapped to those of a vector; as many as these where nothing is mapped.
    pub embedding_size: usize,
    /// Layers.
    pub layers: usize,
    /// Attention heads of a layer.
    pub heads: usize,
    /// Values in the middle of a layer.
    pub intermediate_size: usize,
    /// Rows of the table of positions.
    pub positions: usize,
    /// Rows of the table of segments.
    pub types: usize,
    /// What keeps the normalisation from dividing by zero.
    pub norm_eps: f64,
    /// Id of the token that fills short texts up.
    pub pad_token: u32,
    pub(super) activation: Activation,
}

/// The fields of the file, by the names that the Hugging Face tools give them.
#[derive(Deserialize)]
struct Fields {
    vocab_size: usize,
    hidden_size: usize,
    embedding_size: Option<usize>,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    max_position_embeddings: usize,
    #[serde(default = "two")]
    type_vocab_size: usize,
    #[serde(default = "tiny")]
    layer_norm_eps: f64,
    #[serde(default = "gelu")]
    hidden_act: Activation,
    pad_token_id: Option<u32>,
    position_embedding_type: Option<String>,
}

fn two() -> usize {
    2
}

fn tiny() -> f64 {
    1e-12
}

fn gelu() -> Activation {
    Activation::Gelu
}

impl Config {
    /// Reads `config.json`.
    ///
    /// # Errors
    /// When a field is missing or out of bounds, or the architecture cannot be run.
    pub fn parse(text: &str) -> Result<Self, EncoderError> {
        let wrong = |error: serde_json::Error| EncoderError::Config(error.to_string());
        // The architecture first: another one has other fields, and their absence is not the news.
        let value: serde_json::Value = serde_json::from_str(text).map_err(wrong)?;
        let family = match value["model_type"].as_str() {
            Some("bert") => Family::Bert,
            Some("roberta" | "xlm-roberta") => Family::Roberta,
            Some(other) => return Err(EncoderError::ModelType(other.to_owned())),
            None => return Err(EncoderError::Config("no `model_type`".to_owned())),
        };
        let fields: Fields = serde_json::from_value(value).map_err(wrong)?;
        if let Some(kind) = fields.position_embedding_type.filter(|kind| kind != "absolute") {
            let told = format!("position_embedding_type `{kind}` is not supported");
            return Err(EncoderError::Config(told));
        }
        let pad_token = fields.pad_token_id.unwrap_or(match family {
            Family::Bert => 0,
            Family::Roberta => 1,
        });
        let config = Self {
            family,
            vocab_size: fields.vocab_size,
            hidden_size: fields.hidden_size,
            embedding_size: fields.embedding_size.unwrap_or(fields.hidden_size),
            layers: fields.num_hidden_layers,
            heads: fields.num_attention_heads,
            intermediate_size: fields.intermediate_size,
            positions: fields.max_position_embeddings,
            types: fields.type_vocab_size,
            norm_eps: fields.layer_norm_eps,
            pad_token,
            activation: fields.hidden_act,
        };
        config.check()?;
        Ok(config)
    }

    /// Tokens that the table of positions has room for.
    pub fn tokens_max(&self) -> usize {
        self.positions - self.first_position() as usize
    }

    /// The position of the first token.
    pub(super) fn first_position(&self) -> u32 {
        match self.family {
            Family::Bert => 0,
            Family::Roberta => self.pad_token + 1,
        }
    }

    fn check(&self) -> Result<(), EncoderError> {
        let within = [
            ("vocab_size", self.vocab_size, 8..=2_000_000),
            ("hidden_size", self.hidden_size, 8..=4096),
            ("embedding_size", self.embedding_size, 8..=4096),
            ("num_hidden_layers", self.layers, 1..=64),
            ("num_attention_heads", self.heads, 1..=128),
            ("intermediate_size", self.intermediate_size, 8..=32_768),
            ("max_position_embeddings", self.positions, 8..=16_384),
            ("type_vocab_size", self.types, 1..=16),
        ];
        for (name, found, range) in within {
            if !range.contains(&found) {
                let (least, most) = range.into_inner();
                let told = format!("{name} is {found}, must be from {least} to {most}");
                return Err(EncoderError::Config(told));
            }
        }
        let told = if !self.hidden_size.is_multiple_of(self.heads) {
            "hidden_size must be a multiple of num_attention_heads"
        } else if self.pad_token as usize >= self.vocab_size {
            "pad_token_id must be less than vocab_size"
        } else if self.first_position() as usize + 2 >= self.positions {
            "max_position_embeddings leaves no room for a text"
        } else if !(0.0..=0.1).contains(&self.norm_eps) {
            "layer_norm_eps must be from 0 to 0.1"
        } else {
            return Ok(());
        };
        Err(EncoderError::Config(told.to_owned()))
    }
}

impl Pooling {
    /// Reads `1_Pooling/config.json` of the sentence-transformers.
    ///
    /// # Errors
    /// When it asks for something else than the mean or the first token.
    pub fn parse(text: &str) -> Result<Self, EncoderError> {
        let value: serde_json::Value = serde_json::from_str(text)
            .map_err(|error| EncoderError::Config(format!("pooling: {error}")))?;
        let modes = value.as_object().into_iter().flatten();
        let on: Vec<&str> = modes
            .filter(|(name, on)| name.starts_with("pooling_mode_") && on.as_bool() == Some(true))
            .map(|(name, _)| name.as_str())
            .collect();
        match on.as_slice() {
            ["pooling_mode_mean_tokens"] => Ok(Self::Mean),
            ["pooling_mode_cls_token"] => Ok(Self::First),
            _ => Err(EncoderError::Config(format!("pooling {on:?} is not supported"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> serde_json::Value {
        serde_json::json!({
            "model_type": "bert", "vocab_size": 100, "hidden_size": 16, "num_hidden_layers": 2,
            "num_attention_heads": 2, "intermediate_size": 32, "max_position_embeddings": 64,
        })
    }

    fn refusal(name: &str, value: impl Into<serde_json::Value>) -> String {
        let mut fields = fields();
        fields[name] = value.into();
        Config::parse(&fields.to_string()).expect_err("must be refused").to_string()
    }

    #[test]
    fn a_usual_file_is_read_and_an_xlm_roberta_counts_positions_after_its_padding() {
        let bert = Config::parse(&fields().to_string()).expect("a config");
        let mut fields = fields();
        fields["model_type"] = "xlm-roberta".into();
        let roberta = Config::parse(&fields.to_string()).expect("a config");

        assert_eq!((bert.first_position(), bert.tokens_max()), (0, 64));
        assert_eq!((roberta.first_position(), roberta.tokens_max()), (2, 62));
    }

    #[test]
    fn what_cannot_be_run_is_named() {
        assert!(refusal("model_type", "t5").contains("`t5` is not supported"));
        assert!(refusal("hidden_size", 17).contains("multiple"));
        assert!(refusal("hidden_size", 1_000_000).contains("from 8 to 4096"));
        assert!(refusal("pad_token_id", 100).contains("less than vocab_size"));
        assert!(refusal("hidden_act", "swish").contains("swish"));
        assert!(refusal("position_embedding_type", "relative_key").contains("relative_key"));
        assert!(refusal("vocab_size", "many").contains("many"));
    }

    #[test]
    fn pooling_is_the_mean_or_the_first_token() {
        let mean = r#"{"word_embedding_dimension": 384, "pooling_mode_mean_tokens": true}"#;
        let first = r#"{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}"#;
        let max = r#"{"pooling_mode_max_tokens": true}"#;

        assert_eq!(Pooling::parse(mean).expect("known"), Pooling::Mean);
        assert_eq!(Pooling::parse(first).expect("known"), Pooling::First);
        assert!(Pooling::parse(max).is_err());
    }
}
