//! `cargo xtask train-account-bound`: from `models/account_bound` to `models/account_bound/head.bin`.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use anyhow::anyhow;
use tradewind::domain::Language;
use tradewind::incidents::bound::{BoundRow, bound_by_intent, fit, parse};
use tradewind::understand::{Row, parse_rows};

use crate::train_leaving::lines;

/// Which lines.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    cargo xtask train-account-bound\n  \
    cargo xtask train-account-bound --models ../other/models\n\n\
    Reads account_bound/*.jsonl and corpus/*.jsonl of the same languages, and writes\n\
    account_bound/head.bin. It reads no model, so a new one needs no new head.")]
pub struct Args {
    /// Folder with `account_bound/` and `corpus/`.
    #[arg(long, default_value = "models")]
    models: PathBuf,
}

/// Fits, writes and prints the figures as JSON.
///
/// # Errors
/// When something cannot be read or written.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let folder = args.models.join("account_bound");
    let rows: Vec<BoundRow> = lines(&folder, |text| parse(text).map_err(|why| anyhow!(why)))?;
    let languages: BTreeSet<Language> = rows.iter().map(|row| row.language).collect();
    let corpus = lines(&args.models.join("corpus"), |text| Ok(parse_rows(text)?))?;
    let of_intent = |row: Row| {
        let language = row.language.filter(|language| languages.contains(language))?;
        let own = bound_by_intent(row.intent?)?;
        Some(BoundRow { text: row.text, language, own })
    };
    let by_intent: Vec<BoundRow> = corpus.into_iter().filter_map(of_intent).collect();
    let fitted = fit(&rows, &by_intent);
    fs::write(folder.join("head.bin"), fitted.head.to_file())?;
    println!("{}", serde_json::to_string_pretty(&fitted.measured)?);
    Ok(())
}
