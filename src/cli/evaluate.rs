//! `tradewind evaluate`: how often the model is right on messages with known labels.

pub(super) mod bursts;
mod report;
mod sets;
mod shop;

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::Exit;
use super::model::EncoderArgs;
use crate::understand::Model;
use crate::understand::labelled::Lengths;
use crate::understand::tiers::TieredReader;

/// Measures the model on messages with known labels.
#[derive(Debug, clap::Args)]
#[command(
    group(clap::ArgGroup::new("what").required(true)),
    after_help = "\
Examples:
  tradewind evaluate --data messages.jsonl
  tradewind evaluate --data es.jsonl th.jsonl --json --report report.html
  tradewind evaluate --data messages.jsonl --fast-only
  tradewind evaluate --data messages.jsonl --encoder data/models/encoder
  tradewind evaluate --sentiment reviews.tsv tweets.tsv --json
  tradewind evaluate --language sets/es.tsv sets/pt-BR.tsv sets/zh.tsv
  tradewind evaluate --language sets/*.tsv --fragments 20..80
  tradewind evaluate --intents train.tsv --test test.tsv --json
  tradewind evaluate --pairs duplicates.tsv --encoder data/models/encoder
  tradewind evaluate --bursts tests/bursts --json

--data reads one row a line, {\"text\",\"language\",\"intent\",\"sentiment\"}; a missing field is
skipped, and a figure that no row has a label for is null. Tab-separated files have a header and
no quoting. --data is read by both tiers, as the router does, and tells under `fast_only` what the fast
one alone gets; --pairs tells first how the likeness does by which incidents are found, and then compares
characters and vectors; --bursts lets labelled bursts of incidents arrive, {\"incident\",\"language\",
\"kind\",\"text\",\"half\"} a line, and tells what is merged that must not be; the others are of the fast tier. Times are those of one
message on one core, read by the fast tier: the minimum of five passes for each message, of which the
median and the 99th percentile over all messages are told."
)]
pub(super) struct Args {
    /// Files of shop messages, JSON lines.
    #[arg(long, group = "what", value_name = "FILE", num_args = 1..)]
    data: Vec<PathBuf>,
    /// Tab-separated files with the columns `text` and `sentiment`.
    #[arg(long, group = "what", value_name = "FILE", num_args = 1..)]
    sentiment: Vec<PathBuf>,
    /// Tab-separated files with the column `text` and perhaps `kind`, named after their language.
    #[arg(long, group = "what", value_name = "FILE", num_args = 1..)]
    language: Vec<PathBuf>,
    /// Reads two fragments of so many characters of each text instead of the whole, cut at places
    /// that are the same every time.
    #[arg(long, value_name = "FROM..TO", requires = "language")]
    fragments: Option<Lengths>,
    /// Tab-separated files with the columns `a`, `b` and `dup`: 1 where both texts say the same.
    #[arg(long, group = "what", value_name = "FILE", num_args = 1..)]
    pairs: Vec<PathBuf>,
    /// Folder of labelled bursts, JSON lines.
    #[arg(long, group = "what", value_name = "DIR")]
    bursts: Option<PathBuf>,
    #[command(flatten)]
    tenant: super::own_intents::TenantArgs,
    /// Writes one JSON object.
    #[arg(long)]
    json: bool,
    /// Also writes a page with confusion, reliability and examples; it holds texts of the messages.
    #[arg(long, value_name = "FILE", requires = "data")]
    report: Option<PathBuf>,
    /// Folder of a model; the one inside the binary when it is missing.
    #[arg(long)]
    model: Option<PathBuf>,
    #[command(flatten)]
    encoder: EncoderArgs,
}

/// Reads the messages, asks the model and prints the figures.
///
/// # Errors
/// When the model or a file cannot be read, a line is no row, or the report cannot be written.
pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    if let (Some(examples), Some(test)) = (&args.tenant.intents, &args.tenant.test) {
        return super::own_intents::evaluate(examples, test, args.json);
    }
    let model = match &args.model {
        Some(dir) => Model::load(dir)?,
        None => Model::embedded()?,
    };
    if let Some(folder) = &args.bursts {
        bursts::run(&model, args.encoder.installed()?, folder, args.json)?;
    } else if !args.sentiment.is_empty() {
        sets::sentiment(&model, &args.sentiment, args.json)?;
    } else if !args.language.is_empty() {
        sets::language(&model, &args.language, args.fragments.as_ref(), args.json)?;
    } else if !args.pairs.is_empty() {
        sets::pairs(&model, args.encoder.installed()?, &args.pairs, args.json)?;
    } else {
        let mut reader = TieredReader::new(model, args.encoder.tier()?);
        shop::run(&mut reader, &args.data, args.report.as_deref(), args.json)?;
    }
    Ok(Exit::Success)
}

/// What is in a file; an error names it.
fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| path.display().to_string())
}

fn percent(share: Option<f64>) -> String {
    share.map_or("–".to_owned(), |share| format!("{:.1} %", share * 100.0))
}
