//! Reads the corpus, trains, and writes the files of the encoder.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use candle_core::{DType, Tensor};
use serde::Serialize;
use serde_json::json;

use crate::domain::Language;
use crate::understand::encoder::heads::Heads;
use crate::understand::encoder::measure::{Comparison, compare};
use crate::understand::encoder::task::{write, write_measured};
use crate::understand::encoder::tokens::Tokens;
use crate::understand::encoder::{
    Bounds, CandleEncoder, Config, Encoder, EncoderError, EncoderFiles, HEADS_FILE,
};
use crate::understand::model::{Model, sha256_hex};
use crate::understand::train::corpus::{Part, parts};
use crate::understand::train::{Chance, Row};

use super::Options;
use super::learn::Student;
use super::lessons::{Example, lessons};
use super::vocabulary::learn_vocabulary;

/// Tokens of a message that are looked at while learning and later.
const TOKENS_MAX: usize = 64;

/// What came out of a training.
#[derive(Clone, Debug, Serialize)]
pub struct TrainedEncoder {
    /// Messages that trained the weights.
    pub trained_on: usize,
    /// Size of all files.
    pub bytes: usize,
    /// Of `model.safetensors`.
    pub sha256: String,
    /// Beside the fast tier, on the held-out messages.
    pub held_out: Comparison,
    /// Beside the fast tier, on other messages; missing when there are none.
    pub other: Option<Comparison>,
}

/// Trains on the rows that are not held out and writes `config.json`, `tokenizer.json`,
/// `model.safetensors`, the heads and the figures into `output`, from where it can be installed and
/// asked. `other` rows are only measured on. `progress`
/// hears a line now and then.
///
/// # Errors
/// When there is nothing to learn from or a file cannot be written.
pub fn train(
    corpus: &[Row],
    other: &[Row],
    fast: &Model,
    output: &Path,
    options: &Options,
    progress: &mut dyn FnMut(&str),
) -> Result<TrainedEncoder, EncoderError> {
    let split = corpus.iter().zip(parts(corpus));
    let (training, held_out): (Vec<_>, Vec<_>) =
        split.partition(|(_, part)| *part == Part::Training);
    let training: Vec<&Row> = training.into_iter().map(|(row, _)| row).collect();
    let held_out: Vec<Row> = held_out.into_iter().map(|(row, _)| row.clone()).collect();
    let mut languages: Vec<Language> = training.iter().filter_map(|row| row.language).collect();
    languages.sort_unstable();
    languages.dedup();
    let examples = Example::of_rows(training.iter().copied(), &languages);
    if examples.is_empty() {
        return Err(EncoderError::Encode("no message with all labels to learn from".to_owned()));
    }

    let texts: Vec<&str> = examples.iter().map(|example| example.text.as_str()).collect();
    let tokenizer = learn_vocabulary(&texts, options.vocab_size)?;
    let config_text = config_text(options);
    let config = Config::parse(&config_text)?;
    let tokens = Tokens::parse(&tokenizer, &config, TOKENS_MAX)?;
    progress(&format!("{} messages to learn from, {} held out", examples.len(), held_out.len()));
    let failed = |error: candle_core::Error| EncoderError::Encode(error.to_string());
    let student = fitted(&examples, &tokens, &config, &languages, options, progress)?;

    let weights = half(student.tensors()).map_err(failed)?;
    let heads = Heads {
        dims: config.hidden_size,
        encoder_sha256: sha256_hex(&weights),
        languages,
        heads: student.heads().map_err(failed)?,
    };
    let files = EncoderFiles {
        config: config_text,
        tokenizer,
        weights,
        pooling: None,
        prefix: String::new(),
    };
    let bytes = files.config.len() + files.tokenizer.len() + files.weights.len();
    let heads_file = heads.encode();
    files.write(output)?;
    write(&output.join(HEADS_FILE), &heads_file)?;

    let bounds = Bounds { tokens_max: TOKENS_MAX, normalise: true };
    let mut encoder = CandleEncoder::new(files, &bounds)?;
    let mut measured = |rows: &[Row]| measure(fast, &mut encoder, &heads, rows);
    let on_held_out = measured(&held_out)?;
    write_measured(output, &on_held_out)?;
    Ok(TrainedEncoder {
        trained_on: examples.len(),
        bytes: bytes + heads_file.len(),
        sha256: heads.encoder_sha256.clone(),
        held_out: on_held_out,
        other: if other.is_empty() { None } else { Some(measured(other)?) },
    })
}

fn measure(
    fast: &Model,
    encoder: &mut dyn Encoder,
    heads: &Heads,
    rows: &[Row],
) -> Result<Comparison, EncoderError> {
    let start = Instant::now();
    let mut clock = || -> Duration { start.elapsed() };
    compare(fast, encoder, heads, rows, &mut clock)
}

fn fitted(
    examples: &[Example],
    tokens: &Tokens,
    config: &Config,
    languages: &[Language],
    options: &Options,
    progress: &mut dyn FnMut(&str),
) -> Result<Student, EncoderError> {
    let failed = |error: candle_core::Error| EncoderError::Encode(error.to_string());
    let mut chance = Chance::new(options.seed);
    let steps_total = options.epochs * examples.len().div_ceil(options.batch);
    let labels = Example::label_counts(languages);
    let mut student =
        Student::new(config, labels, options, steps_total, &mut chance).map_err(failed)?;
    for epoch in 1..=options.epochs {
        let lessons = lessons(examples, tokens, options.batch, &mut chance)?;
        let mut loss = 0.0;
        for lesson in &lessons {
            loss += student.learn(lesson, &mut chance).map_err(failed)?;
        }
        let mean = loss / lessons.len() as f32;
        progress(&format!("pass {epoch} of {}: mean loss {mean:.3}", options.epochs));
    }
    Ok(student)
}

/// `config.json` of what `options` describe, for whoever else reads such files.
fn config_text(options: &Options) -> String {
    let config = json!({
        "model_type": "bert",
        "architectures": ["BertModel"],
        "vocab_size": options.vocab_size,
        "hidden_size": options.hidden_size,
        "num_hidden_layers": options.layers,
        "num_attention_heads": options.heads,
        "intermediate_size": options.intermediate_size,
        "max_position_embeddings": TOKENS_MAX,
        "type_vocab_size": 1,
        "layer_norm_eps": 1e-6,
        "hidden_act": "relu",
        "pad_token_id": 0,
        "position_embedding_type": "absolute",
    });
    format!("{config:#}\n")
}

/// `model.safetensors` with two bytes a number: the vectors differ by less than the training's noise.
fn half(tensors: Vec<(String, Tensor)>) -> candle_core::Result<Vec<u8>> {
    let halves = tensors
        .into_iter()
        .map(|(name, tensor)| Ok((name, tensor.to_dtype(DType::F16)?)))
        .collect::<candle_core::Result<HashMap<_, _>>>()?;
    safetensors::serialize(&halves, None).map_err(candle_core::Error::wrap)
}
