//! `cargo xtask fit-encoder`: what stands beside the weights of the shipped encoder, as `tradewind model add` fits it.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, ensure};
use tradewind::understand::encoder::{
    Bounds, CandleEncoder, Comparison, Installed, Origin, Pools, Seer, weigh,
};
use tradewind::understand::train::corpus::{Part, parts};
use tradewind::understand::{Model, Row, parse_rows};

use crate::encoder_card;
use crate::train_leaving::lines;
use crate::{program, root};

/// Bursts that the encoder is not trained on (`models/encoder/teach.py`).
const UNSEEN: [&str; 2] = ["tests/bursts/all_languages/one", "tests/bursts/all_languages/two"];
/// Most messages, and most lines beside the bursts, that are fitted on: what two cores read in ten minutes.
const ROWS_MAX: &str = "8000";

/// Which encoder.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    cargo xtask fit-encoder\n  \
    cargo xtask fit-encoder --taught target/taught

Needed after the weights, the fast model, the corpus, the bursts or models/account_bound have changed; takes
some ten minutes. It is `tradewind model add` on a part of the rows; models/encoder/teach.py trains the weights.")]
pub struct Args {
    /// Folder with config.json, tokenizer.json and model.safetensors, and origin.toml where they are new.
    #[arg(long, default_value = "models/encoder")]
    taught: PathBuf,
    /// Takes what `tradewind model add` fitted into this folder before, and fits nothing.
    #[arg(long)]
    fitted: Option<PathBuf>,
    /// Folder that the encoder is written into.
    #[arg(long, default_value = "models/encoder")]
    output: PathBuf,
}

/// Fits, measures and writes the card.
///
/// # Errors
/// When a file cannot be read or written, or the encoder cannot be used.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let folder = match &args.fitted {
        Some(folder) => folder.clone(),
        None => fitted(args)?,
    };
    let read = || {
        let none = || format!("no encoder in {}", folder.display());
        Installed::read(&folder)?.with_context(none)
    };
    let (pools, measured) = weighed(read()?)?;
    let mut shipped = Installed { measured, origin: origin(args)?, ..read()? };
    shipped.heads.pools = pools;
    shipped.write_files(&args.output)?;
    write(&args.output.join("README.md"), &encoder_card::write(&shipped)?)
}

/// How much its word weighs, and how it does beside the fast model, on all that trained neither. `model add`
/// compares with the encoder inside the program, which is what this one takes the place of.
fn weighed(encoder: Installed) -> anyhow::Result<(Pools, Comparison)> {
    let models = root().join("models");
    let rows = lines(&models.join("corpus"), |text| Ok(parse_rows(text)?))?;
    let held_out = rows.iter().zip(parts(&rows)).filter(|(_, part)| *part == Part::HeldOut);
    let held_out: Vec<Row> = held_out.map(|(row, _)| row.clone()).collect();
    eprintln!("weighing the encoder on {} messages", held_out.len());
    let Installed { files, heads, .. } = encoder;
    let mut encoder = CandleEncoder::new(files, &Bounds::default())?;
    let seer = Seer { encoder: &mut encoder, heads: &heads };
    let start = Instant::now();
    let fast = Model::load(&models)?;
    Ok(weigh(&fast, seer, None, &held_out, &mut || start.elapsed())?)
}

/// The folder of the encoder that `model add` fits.
fn fitted(args: &Args) -> anyhow::Result<PathBuf> {
    let data = root().join("target/fit-encoder");
    let unseen = UNSEEN.iter().flat_map(|folder| ["--unseen-bursts", folder]);
    let added = program(env!("CARGO"))
        .args(["run", "--locked", "--release", "--quiet", "--", "model", "add"])
        .arg(&args.taught)
        .args(["--rows-max", ROWS_MAX, "--lines-max", ROWS_MAX])
        .args(unseen)
        .arg("--data")
        .arg(&data)
        .current_dir(root())
        .status()?;
    ensure!(added.success(), "the encoder could not be fitted");
    Ok(Installed::folder(&data))
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| path.display().to_string())
}

/// Where the weights come from: as whoever trained them wrote it, or as before.
fn origin(args: &Args) -> anyhow::Result<Origin> {
    let path = args.taught.join("origin.toml");
    if !path.exists() {
        let before = Installed::read(&args.output)?;
        return Ok(before.with_context(|| format!("no {}", path.display()))?.origin);
    }
    let name = || path.display().to_string();
    toml::from_str(&std::fs::read_to_string(&path).with_context(name)?).with_context(name)
}
