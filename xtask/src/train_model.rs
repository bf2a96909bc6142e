//! `cargo xtask train-model`: from the corpus to `models/`.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::bail;
use tradewind::understand::train::{Options, train};

/// Which texts, which folder, which seed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    cargo xtask train-model --extra ../public-sets\n  \
    cargo xtask train-model --models /tmp/models --seed 11")]
pub struct Args {
    /// Folder with `corpus/` and perhaps `language/`, which the model is written into.
    #[arg(long, default_value = "models")]
    models: PathBuf,
    /// Folder of public sets, laid out as `models/README.md` names them; without it the model knows
    /// the languages of the corpus only.
    #[arg(long)]
    extra: Option<PathBuf>,
    /// Where random numbers start; the same seed gives the same file.
    #[arg(long, default_value_t = Options::default().seed)]
    seed: u64,
    /// Share of the looks at a message that see other values in its spans (order numbers, cities …).
    #[arg(long, default_value_t = Options::default().slot_share, value_parser = share)]
    vary: f32,
}

fn share(text: &str) -> Result<f32, String> {
    let share = text.parse::<f32>().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "a share is a number from 0 to 1".to_owned())
}

/// Trains and prints the figures on held-out messages as JSON.
///
/// # Errors
/// When texts cannot be read or the model cannot be written.
pub fn run(args: &Args) -> anyhow::Result<()> {
    if cfg!(debug_assertions) {
        return again_in_release();
    }
    let options = Options { seed: args.seed, slot_share: args.vary, ..Options::default() };
    let start = Instant::now();
    let mut progress = |line: &str| eprintln!("[{:>4} s] {line}", start.elapsed().as_secs());
    let report = train(&args.models, args.extra.as_deref(), &options, &mut progress)?;
    println!("{}", serde_json::to_string_pretty(&report)?);
    Ok(())
}

/// Arithmetic without optimisation takes a hundred times as long: the same command once more, in
/// the release profile.
pub fn again_in_release() -> anyhow::Result<()> {
    let status = crate::program(env!("CARGO"))
        .args(["run", "--quiet", "--release", "--package", "xtask", "--"])
        .args(std::env::args_os().skip(1))
        .status()?;
    if !status.success() {
        bail!("training failed");
    }
    Ok(())
}
