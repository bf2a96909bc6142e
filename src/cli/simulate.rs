//! `tradewind simulate`: a contact centre in virtual time, with the product's own scheduler.

mod progress;
mod table;

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::Exit;
use crate::sim::{self, Checks, Figures, Outcome, PolicyName, Samples, Scenario};

use progress::Progress;

/// Simulates a contact centre: who waits how long under which scheduler.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tradewind simulate day.json
  tradewind simulate day.json --compare --report day.html
  tradewind simulate day.json --policy longest-idle --json
  tradewind simulate day.json --json --assignments who-took-what.jsonl

The format of a scenario is in docs/simulate.md, with a JSON Schema in docs/scenario.schema.json.
A run with the same file gives the same bytes. Exit code 3: a promise of the scheduler was broken.")]
pub(super) struct Args {
    /// A scenario.
    #[arg(value_name = "FILE.json")]
    file: PathBuf,
    /// The scheduler: default, fifo-round-robin, least-loaded, longest-idle, job-25s, worker-5s or
    /// pooled-bound.
    #[arg(long, default_value = "default", value_name = "NAME")]
    policy: PolicyName,
    /// Runs every scheduler on the same contacts.
    #[arg(long, conflicts_with_all = ["policy", "assignments"])]
    compare: bool,
    /// Prints JSON: one object, or a list of them with --compare.
    #[arg(long)]
    json: bool,
    /// Writes who took each contact and when, one JSON object a line.
    #[arg(long, value_name = "OUT.jsonl")]
    assignments: Option<PathBuf>,
    /// Checks every promise after every step; slow.
    #[arg(long)]
    check: bool,
}

/// One scheduler's run.
struct Run {
    figures: Figures,
    samples: Samples,
    outcome: Outcome,
}

/// Runs what is asked for and prints the figures.
///
/// # Errors
/// When a file cannot be read or written, or the scenario has mistakes.
pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let text = std::fs::read_to_string(&args.file).with_context(|| shown(&args.file))?;
    let scenario = Scenario::parse(&text).with_context(|| shown(&args.file))?;
    let policies = if args.compare { PolicyName::ALL.to_vec() } else { vec![args.policy] };
    let checks = if args.check { Checks::EveryStep } else { Checks::Offers };
    let mut runs = Vec::new();
    for policy in policies {
        let mut progress = Progress::of(policy.as_str());
        let outcome = sim::simulate(&scenario, policy, checks, &mut |share| progress.at(share));
        let (figures, samples) = sim::measure(&scenario, policy, &outcome);
        runs.push(Run { figures, samples, outcome });
    }
    if let Some(path) = &args.assignments {
        let lines = sim::assignments(&scenario, &runs[0].outcome);
        std::fs::write(path, lines).with_context(|| shown(path))?;
    }
    let figures: Vec<&Figures> = runs.iter().map(|run| &run.figures).collect();
    match (args.json, args.compare) {
        (true, true) => super::print_json(&serde_json::to_value(&figures)?)?,
        (true, false) => super::print_json(&serde_json::to_value(figures[0])?)?,
        (false, _) => super::print(&table::of(&scenario, &runs))?,
    }
    Ok(verdict(&runs))
}

/// Says which promises were broken, if any.
fn verdict(runs: &[Run]) -> Exit {
    let mut exit = Exit::Success;
    for run in runs {
        for broken in &run.outcome.broken {
            eprintln!("{}: {broken}", run.figures.policy);
            exit = Exit::CheckFailed;
        }
    }
    exit
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
