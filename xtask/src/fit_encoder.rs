//! `cargo xtask fit-encoder`: what stands beside the weights of the shipped encoder, as `tradewind model add` fits it.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use tradewind::understand::encoder::{Comparison, Installed, Origin};

use crate::encoder_card;
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
    let none = || format!("no encoder in {}", folder.display());
    let added = Installed::read(&folder)?.with_context(none)?;
    let measured = Comparison { instead_of: None, ..added.measured };
    let shipped = Installed { measured, origin: origin(args)?, ..added };
    shipped.write_files(&args.output)?;
    write(&args.output.join("README.md"), &encoder_card::write(&shipped)?)
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
