//! `tradewind evaluate`: how often the model is right on messages with known labels.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;

use super::Exit;
use crate::understand::{Model, Report, Row, evaluate, parse_rows};

/// Measures the model on rows `{"text","language","intent","sentiment"}`; missing fields are skipped.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    tradewind evaluate --data messages.jsonl\n  \
    tradewind evaluate --data es.jsonl th.jsonl --json\n  \
    tradewind evaluate --intents train.tsv --test test.tsv --json")]
pub(super) struct Args {
    /// Files with one row a line.
    #[arg(long, required_unless_present = "intents", conflicts_with = "intents", num_args = 1..)]
    data: Vec<PathBuf>,
    #[command(flatten)]
    tenant: super::tenant::TenantArgs,
    /// Writes one JSON object.
    #[arg(long)]
    json: bool,
    /// Folder of a model; the one inside the binary when it is missing.
    #[arg(long)]
    model: Option<PathBuf>,
}

/// Passes over the rows; the fastest tells the time of a message, the others warm up.
const PASSES: usize = 5;

/// Reads the rows, asks the model and prints the figures.
///
/// # Errors
/// When the model or a file cannot be read, or a line is no row.
pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    if let (Some(examples), Some(test)) = (&args.tenant.intents, &args.tenant.test) {
        return super::tenant::evaluate(examples, test, args.json);
    }
    let model = match &args.model {
        Some(dir) => Model::load(dir)?,
        None => Model::embedded()?,
    };
    let mut rows: Vec<Row> = Vec::new();
    for path in &args.data {
        let name = || path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(name)?;
        rows.extend(parse_rows(&text).with_context(name)?);
    }
    let start = Instant::now();
    let passes = (0..PASSES).map(|_| evaluate(&model, &rows, &mut || start.elapsed()));
    let report = passes
        .min_by(|a, b| a.microseconds_p50.total_cmp(&b.microseconds_p50))
        .expect("there is at least one pass");
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{}", to_table(&report));
    }
    Ok(Exit::Success)
}

fn to_table(report: &Report) -> String {
    let percent =
        |share: Option<f64>| share.map_or("–".to_owned(), |s| format!("{:.1} %", s * 100.0));
    let mut table = format!(
        "messages            {}\nlanguage            {}\nintent              {}\n\
         intent, macro F1    {}\nsentiment           {}\naccepted            {}\n\
         right of accepted   {}\ncalibration error   {}\n\
         time of a message   p50 {:.1} µs, p99 {:.1} µs\n\n\
         language  messages  language    intent  sentiment\n",
        report.messages,
        percent(report.language_accuracy),
        percent(report.intent_accuracy),
        percent(report.intent_macro_f1),
        percent(report.sentiment_accuracy),
        percent(report.accepted_share),
        percent(report.accepted_precision),
        report.ece.map_or("–".to_owned(), |error| format!("{error:.3}")),
        report.microseconds_p50,
        report.microseconds_p99,
    );
    for (language, tally) in &report.per_language {
        table += &format!(
            "{language:<8}  {:>8}  {:>8}  {:>8}  {:>9}\n",
            tally.messages,
            percent(tally.language_accuracy),
            percent(tally.intent_accuracy),
            percent(tally.sentiment_accuracy),
        );
    }
    table
}
