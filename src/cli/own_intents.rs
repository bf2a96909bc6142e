//! `tradewind evaluate --intents`: how good a tenant's own set would be.

use std::path::{Path, PathBuf};

use super::{Exit, print, print_json, train};
use crate::understand::tenant::{self, SetReport};

/// Flags of `tradewind evaluate` for a tenant's own intents.
#[derive(Debug, clap::Args)]
pub(super) struct TenantArgs {
    /// Trains a set of intents on these examples and measures it on those of `--test`.
    #[arg(long, group = "what", value_name = "FILE", requires = "test")]
    pub(super) intents: Option<PathBuf>,
    /// Messages with their intents, in the form that `tradewind train` reads. `oos`,
    /// `NO_NODES_DETECTED` and intents without examples are out of scope.
    #[arg(long, value_name = "FILE", requires = "intents")]
    pub(super) test: Option<PathBuf>,
}

/// Trains on `examples`, reads the messages of `test` and prints the figures.
///
/// # Errors
/// When a file cannot be read or no set be trained.
pub(super) fn evaluate(examples: &Path, test: &Path, as_json: bool) -> anyhow::Result<Exit> {
    let messages = tenant::read_messages(test)?;
    let (set, _) = train::train_file(examples, train::SEED)?;
    let report = tenant::evaluate(&set, &messages);
    if as_json {
        print_json(&serde_json::to_value(report)?)?;
    } else {
        print(&to_table(&report))?;
    }
    Ok(Exit::Success)
}

fn to_table(report: &SetReport) -> String {
    let percent =
        |share: Option<f64>| share.map_or("–".to_owned(), |s| format!("{:.1} %", s * 100.0));
    let figure = |value: Option<f64>| value.map_or("–".to_owned(), |v| format!("{v:.3}"));
    format!(
        "messages            {}\nintent              {}\nin scope, forced    {}\n\
         scope, AUROC        {}\ncalibration error   {}\n",
        report.messages,
        percent(report.intent_accuracy),
        percent(report.in_scope_accuracy),
        figure(report.out_of_scope_auroc),
        figure(report.ece),
    )
}
