//! `cargo xtask train-encoder`: from the corpus to a small multilingual encoder.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use tradewind::understand::encoder::train::{
    Options, Texts, read_translations, train, weigh_again,
};
use tradewind::understand::{Model, Row, parse_rows};

use crate::train_model::again_in_release;

/// Which texts, which folders, which shape.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    cargo xtask train-encoder\n  \
    cargo xtask train-encoder --extra ../public-sets\n  \
    cargo xtask train-encoder --keep-weights\n  \
    cargo xtask train-encoder --other dev/es.jsonl --output target/encoder --epochs 4\n  \
    RAYON_NUM_THREADS=1 cargo xtask train-encoder --seed 11")]
pub struct Args {
    /// Folder with `corpus/` and the fast model that the encoder is measured against.
    #[arg(long, default_value = "models")]
    models: PathBuf,
    /// Folder that the encoder is written into.
    #[arg(long, default_value = "models/encoder")]
    output: PathBuf,
    /// Folder of public sets, laid out as `models/README.md` names them, of which the interface strings
    /// of shops teach what translates what.
    #[arg(long)]
    extra: Option<PathBuf>,
    /// Trains nothing: takes the encoder in the output folder and fits anew how much its word weighs,
    /// as is needed after the fast model or the corpus has changed.
    #[arg(long)]
    keep_weights: bool,
    /// Files of rows that are measured on and never trained on.
    #[arg(long, num_args = 1..)]
    other: Vec<PathBuf>,
    /// Tokens of the vocabulary.
    #[arg(long, default_value_t = Options::default().vocab_size)]
    vocab: usize,
    /// Values of a vector.
    #[arg(long, default_value_t = Options::default().hidden_size)]
    width: usize,
    /// Layers.
    #[arg(long, default_value_t = Options::default().layers)]
    layers: usize,
    /// Passes over the rows.
    #[arg(long, default_value_t = Options::default().epochs)]
    epochs: usize,
    /// Messages of a step.
    #[arg(long, default_value_t = Options::default().batch)]
    batch: usize,
    /// Largest step.
    #[arg(long, default_value_t = Options::default().rate)]
    rate: f64,
    /// How much the contrastive loss over messages of one intent counts beside that of the intent.
    #[arg(long, default_value_t = Options::default().contrast)]
    contrast: f64,
    /// How much the contrastive loss over translations counts beside that of the intent.
    #[arg(long, default_value_t = Options::default().translation)]
    translation: f64,
    /// Where random numbers start.
    #[arg(long, default_value_t = Options::default().seed)]
    seed: u64,
}

/// Trains and prints the figures as JSON.
///
/// # Errors
/// When texts cannot be read or the encoder cannot be written.
pub fn run(args: &Args) -> anyhow::Result<()> {
    if cfg!(debug_assertions) {
        return again_in_release();
    }
    let options = Options {
        vocab_size: args.vocab,
        hidden_size: args.width,
        layers: args.layers,
        epochs: args.epochs,
        batch: args.batch,
        rate: args.rate,
        contrast: args.contrast,
        translation: args.translation,
        seed: args.seed,
        ..Options::default()
    };
    let fast = Model::load(&args.models)?;
    let corpus = rows(&files(&args.models.join("corpus"))?)?;
    let translations = match &args.extra {
        Some(folder) => read_translations(folder, &corpus)?,
        None => Vec::new(),
    };
    let texts = Texts { corpus, translations, other: rows(&args.other)? };
    let start = Instant::now();
    let mut progress = |line: &str| eprintln!("[{:>4} s] {line}", start.elapsed().as_secs());
    let trained = if args.keep_weights {
        weigh_again(&texts, &fast, &args.output)?
    } else {
        train(&texts, &fast, &args.output, &options, &mut progress)?
    };
    println!("{}", serde_json::to_string_pretty(&trained)?);
    Ok(())
}

/// The files of rows in a folder, by name.
fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "jsonl"));
    paths.sort();
    Ok(paths)
}

fn rows(paths: &[PathBuf]) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for path in paths {
        let name = || path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(name)?;
        rows.extend(parse_rows(&text).with_context(name)?);
    }
    Ok(rows)
}
