//! `tradewind train`: a tenant's own intents from its examples.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::json;

use super::{Exit, print, print_json};
use crate::understand::tenant::{self, TrainReport};

/// Trains a set of intents of your own from examples.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
FILE holds examples of each intent, in any language: .csv or .tsv with a header line that names
`text` and `intent` (or `label`), or .yaml with a map from labels to lists of texts. Two intents
are the least; ten examples of each are a start, a hundred are good. Examples under the label
`oos` show what is out of scope.

Examples:
  tradewind train --data intents.csv --output intents
  tradewind train --data intents.yaml --output intents --json
  tradewind train --data intents.tsv --output intents --seed 11")]
pub(super) struct Args {
    /// File of examples: .csv, .tsv, .yaml or .yml.
    #[arg(long)]
    data: PathBuf,
    /// Folder for the trained set; made when it is missing.
    #[arg(long)]
    output: PathBuf,
    /// Writes one JSON object.
    #[arg(long)]
    json: bool,
    /// Where random numbers start; the same seed gives the same set.
    #[arg(long, default_value_t = SEED)]
    seed: u64,
}

/// The seed unless another is asked for.
pub(super) const SEED: u64 = 7;
/// Labels that are shown as the weakest.
const WEAKEST_SHOWN: usize = 5;

/// Reads the examples, trains, and writes the set.
///
/// # Errors
/// When an example cannot be used or a file not be written.
pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let start = Instant::now();
    let (set, report) = train_file(&args.data, args.seed)?;
    let bytes = set.save(&args.output, &report, args.seed)?;
    let seconds = start.elapsed().as_secs_f64();
    if args.json {
        let mut value = serde_json::to_value(&report)?;
        value["bytes"] = json!(bytes);
        value["seconds"] = json!(seconds);
        value["output"] = json!(args.output);
        print_json(&value)?;
    } else {
        print(&to_text(&report, bytes, seconds, &args.output))?;
    }
    Ok(Exit::Success)
}

/// Trains on the examples in a file and tells the progress on standard error.
pub(super) fn train_file(
    path: &Path,
    seed: u64,
) -> anyhow::Result<(tenant::IntentSet, TrainReport)> {
    let examples = tenant::read_examples(path)?;
    eprintln!("{} examples read", examples.len());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let progress = |done, all| eprintln!("trained {done} of {all}");
    Ok(tenant::train(&examples, seed, threads, progress)?)
}

fn to_text(report: &TrainReport, bytes: u64, seconds: f64, output: &Path) -> String {
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    let left_out = report.networks_left_out.unwrap_or_default();
    let networks = match report.network_weight {
        Some(weight) => format!("count {weight} beside the linear scores"),
        None => format!("none: {left_out}"),
    };
    let mut text = format!(
        "intents             {}\nexamples            {}\nout of scope        {}\n\
         held out, right     {}\nscope, AUROC        {}\nnetworks            {}\n\
         written             {} ({:.1} MB)\n\
         time                {seconds:.1} s\n\nweakest intents        examples  right\n",
        report.labels,
        report.examples,
        report.out_of_scope_examples,
        percent(report.accuracy),
        report.out_of_scope_auroc.map_or("–".to_owned(), |area| format!("{area:.3}")),
        networks,
        output.display(),
        bytes as f64 / 1e6,
    );
    for figures in report.weakest.iter().take(WEAKEST_SHOWN) {
        let right = percent(figures.accuracy);
        text += &format!("{:<22} {:>8}  {right}\n", figures.label, figures.examples);
    }
    text
}
