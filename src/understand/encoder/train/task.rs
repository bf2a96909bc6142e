//! Reads the corpus, trains, and writes the files of the encoder.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use candle_core::{DType, Tensor};
use serde::Serialize;
use serde_json::json;

use crate::domain::Language;
use crate::understand::encoder::heads::Heads;
use crate::understand::encoder::measure::{Comparison, Seer, compare, weigh};
use crate::understand::encoder::task::{read, write};
use crate::understand::encoder::tokens::Tokens;
use crate::understand::encoder::{
    Bounds, CandleEncoder, Config, EncoderError, EncoderFiles, Installed, Origin, Pools,
};
use crate::understand::model::{DataSource, Model, sha256_hex};
use crate::understand::train::corpus::{Part, parts};
use crate::understand::train::extra::SHOP_STRINGS;
use crate::understand::train::{Chance, Row, corpus_credit};

use super::Options;
use super::card;
use super::learn::Student;
use super::lessons::{Course, Example};
use super::translations::{Strings, Translation};
use super::vocabulary::learn_vocabulary;

/// How messages are read while learning and later.
const BOUNDS: Bounds = Bounds { tokens_max: 64, normalise: true };

/// What came out of a training.
#[derive(Clone, Debug, Serialize)]
pub struct TrainedEncoder {
    /// Messages that trained the weights.
    pub trained_on: usize,
    /// Size of all files.
    pub bytes: usize,
    /// Of `model.safetensors`.
    pub sha256: String,
    /// How much its word weighs.
    pub pools: Pools,
    /// Beside the fast tier, on the held-out messages.
    pub held_out: Comparison,
    /// Beside the fast tier, on other messages; missing when there are none.
    pub other: Option<Comparison>,
}

/// What a training reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    /// Shop messages, of which some are held out to be measured on.
    pub corpus: Vec<Row>,
    /// What says the same in several languages.
    pub translations: Vec<Translation>,
    /// Messages that are only measured on.
    pub other: Vec<Row>,
}

/// Trains on the rows that are not held out and writes `config.json`, `tokenizer.json`,
/// `model.safetensors`, the heads and the figures into `output`, from where it can be installed and
/// asked. `progress` hears a line now and then.
///
/// # Errors
/// When there is nothing to learn from or a file cannot be written.
pub fn train(
    texts: &Texts,
    fast: &Model,
    output: &Path,
    options: &Options,
    progress: &mut dyn FnMut(&str),
) -> Result<TrainedEncoder, EncoderError> {
    let Texts { corpus, translations, other } = texts;
    let (training, held_out) = split(corpus);
    let mut languages: Vec<Language> = training.iter().filter_map(|row| row.language).collect();
    languages.sort_unstable();
    languages.dedup();
    let examples = Example::of_rows(&training, &languages);
    if examples.is_empty() {
        return Err(EncoderError::Encode("no message with all labels to learn from".to_owned()));
    }

    let texts: Vec<&str> = examples.iter().map(|example| example.text.as_str()).collect();
    let tokenizer = learn_vocabulary(&texts, options.vocab_size)?;
    let config_text = config_text(options);
    let config = Config::parse(&config_text)?;
    let tokens = Tokens::parse(&tokenizer, &config, BOUNDS.tokens_max)?;
    progress(&format!(
        "{} messages and {} translations to learn from, {} messages held out",
        examples.len(),
        translations.len(),
        held_out.len()
    ));
    let failed = |error: candle_core::Error| EncoderError::Encode(error.to_string());
    let trained_on = examples.len();
    let course = Course { examples, translations: translations.clone() };
    let student = fitted(&course, &tokens, &config, &languages, options, progress)?;

    let weights = half(student.tensors()).map_err(failed)?;
    let mut heads = Heads {
        dims: config.hidden_size,
        encoder_sha256: sha256_hex(&weights),
        languages,
        heads: student.heads().map_err(failed)?,
        pools: Pools::FAST_ALONE,
    };
    let files = EncoderFiles {
        config: config_text,
        tokenizer,
        weights,
        pooling: None,
        prefix: String::new(),
    };
    let origin = origin(trained_on, translations.len());
    let (pools, held_out_figures) = weighed(&files, &heads, fast, &held_out)?;
    heads.pools = pools;
    let installed = Installed { files, heads, sense: None, measured: held_out_figures, origin };
    finish(installed, fast, other, output)
}

/// Fits anew how much the word of the encoder in `output` weighs beside `fast`, and measures and writes
/// it anew. Its weights stay as they are.
///
/// # Errors
/// When there is no encoder, or a file cannot be written.
pub fn weigh_again(
    texts: &Texts,
    fast: &Model,
    output: &Path,
) -> Result<TrainedEncoder, EncoderError> {
    let missing = || EncoderError::NotAdded { folder: output.to_owned() };
    let mut installed = Installed::read(output)?.ok_or_else(missing)?;
    let (_, held_out) = split(&texts.corpus);
    let (pools, measured) = weighed(&installed.files, &installed.heads, fast, &held_out)?;
    installed.heads.pools = pools;
    installed.measured = measured;
    finish(installed, fast, &texts.other, output)
}

fn finish(
    installed: Installed,
    fast: &Model,
    other: &[Row],
    output: &Path,
) -> Result<TrainedEncoder, EncoderError> {
    installed.write_files(output)?;
    write(&output.join("README.md"), card::write(&installed)?.as_bytes())?;
    let mut encoder = CandleEncoder::new(installed.files.clone(), &BOUNDS)?;
    let start = Instant::now();
    let seer = Seer { encoder: &mut encoder, heads: &installed.heads };
    let on_other = compare(fast, seer, other, &mut || start.elapsed())?;
    Ok(TrainedEncoder {
        trained_on: installed.origin.data.first().map_or(0, |source| source.rows),
        bytes: installed.bytes(),
        sha256: installed.heads.encoder_sha256.clone(),
        pools: installed.heads.pools,
        held_out: installed.measured,
        other: (!other.is_empty()).then_some(on_other),
    })
}

/// How much the encoder's word weighs, and how it does.
fn weighed(
    files: &EncoderFiles,
    heads: &Heads,
    fast: &Model,
    held_out: &[Row],
) -> Result<(Pools, Comparison), EncoderError> {
    let mut encoder = CandleEncoder::new(files.clone(), &BOUNDS)?;
    let start = Instant::now();
    let seer = Seer { encoder: &mut encoder, heads };
    weigh(fast, seer, None, held_out, &mut || start.elapsed())
}

/// Rows that train, and rows that are held out.
fn split(corpus: &[Row]) -> (Vec<Row>, Vec<Row>) {
    let rows = corpus.iter().zip(parts(corpus));
    let (training, held_out): (Vec<_>, Vec<_>) =
        rows.partition(|(_, part)| *part == Part::Training);
    let rows = |part: Vec<(&Row, Part)>| part.into_iter().map(|(row, _)| row.clone()).collect();
    (rows(training), rows(held_out))
}

fn origin(messages: usize, translations: usize) -> Origin {
    let mut data = vec![corpus_credit(messages)];
    if translations > 0 {
        let teaches = "what says the same in other languages".to_owned();
        data.push(DataSource { teaches, ..SHOP_STRINGS.credit(translations) });
    }
    Origin { licence: Some("Apache-2.0 OR MIT".to_owned()), data }
}

/// Most bytes of a file of strings.
const STRINGS_BYTES_MAX: u64 = 16 << 20;

/// The translations in a folder of public sets, in the languages of `corpus`.
///
/// # Errors
/// When the folder has no interface strings, or a file cannot be read.
pub fn read_translations(extra: &Path, corpus: &[Row]) -> Result<Vec<Translation>, EncoderError> {
    let folder = extra.join(SHOP_STRINGS.folder);
    let failed = |reason| EncoderError::File { path: folder.clone(), reason };
    let entries = std::fs::read_dir(&folder).map_err(failed)?;
    let paths = entries.map(|entry| Ok(entry.map_err(failed)?.path()));
    let mut paths = paths.collect::<Result<Vec<PathBuf>, EncoderError>>()?;
    // By name: which of two files of a language comes first must not hang on the file system.
    paths.sort();
    let mut languages: Vec<Language> = corpus.iter().filter_map(|row| row.language).collect();
    languages.sort_unstable();
    languages.dedup();
    let mut strings = Strings::default();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if SHOP_STRINGS.has(&name) {
            let table = read(&path, STRINGS_BYTES_MAX)?;
            strings.add(&name, &String::from_utf8_lossy(&table), &languages);
        }
    }
    Ok(strings.translations())
}

fn fitted(
    course: &Course,
    tokens: &Tokens,
    config: &Config,
    languages: &[Language],
    options: &Options,
    progress: &mut dyn FnMut(&str),
) -> Result<Student, EncoderError> {
    let failed = |error: candle_core::Error| EncoderError::Encode(error.to_string());
    let mut chance = Chance::new(options.seed);
    let steps_total = options.epochs * course.lessons_count(options.batch);
    let labels = Example::label_counts(languages);
    let mut student =
        Student::new(config, labels, options, steps_total, &mut chance).map_err(failed)?;
    for epoch in 1..=options.epochs {
        let lessons = course.lessons(tokens, options.batch, &mut chance)?;
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
        "max_position_embeddings": BOUNDS.tokens_max,
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
