//! `cargo xtask train-account-bound`: from `models/account_bound` to `models/account_bound/head.bin`.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use tradewind::domain::Language;
use tradewind::incidents::bound::{BoundRow, fit, of_bursts, parse};
use tradewind::incidents::bursts::{Row as BurstRow, SETS};
use tradewind::incidents::names::usual;
use tradewind::understand::{Row, parse_rows};

use crate::train_leaving::lines;

/// Which lines.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    cargo xtask train-account-bound\n  \
    cargo xtask train-account-bound --models ../other/models\n\n\
    Reads account_bound/*.jsonl, corpus/*.jsonl of the same languages and the rows of the burst\n\
    sets that are for tuning, and writes account_bound/head.bin and account_bound/usual.bin.\n\
    It reads no model, so a new one needs no new head.")]
pub struct Args {
    /// Folder with `account_bound/` and `corpus/`.
    #[arg(long, default_value = "models")]
    models: PathBuf,
    /// Folders of burst sets, whose rows of the half `dev` teach as well.
    #[arg(long, default_values = SETS)]
    bursts: Vec<PathBuf>,
}

/// Fits, writes and prints the figures as JSON.
///
/// # Errors
/// When something cannot be read or written.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let folder = args.models.join("account_bound");
    let mut rows: Vec<BoundRow> = lines(&folder, |text| parse(text).map_err(|why| anyhow!(why)))?;
    let languages: BTreeSet<Language> = rows.iter().map(|row| row.language).collect();
    let corpus = lines(&args.models.join("corpus"), |text| Ok(parse_rows(text)?))?;
    let in_languages = |row: &&Row| row.language.is_some_and(|it| languages.contains(&it));
    let messages = corpus.iter().filter(in_languages).map(|row| row.text.as_str());
    fs::write(folder.join("usual.bin"), usual(messages))?;
    for set in &args.bursts {
        rows.extend(lines(set, bursts)?);
    }
    let fitted = fit(&rows);
    fs::write(folder.join("head.bin"), fitted.head.to_file())?;
    println!("{}", serde_json::to_string_pretty(&fitted.measured)?);
    Ok(())
}

/// The rows of a burst set that are for tuning.
fn bursts(text: &str) -> anyhow::Result<Vec<BoundRow>> {
    let rows: Vec<BurstRow> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    of_bursts(rows).context("a language that is none")
}
