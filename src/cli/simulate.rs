//! `tradewind simulate`: a contact centre in virtual time, with the product's own scheduler.

mod case;
mod incident;
mod progress;
mod promise;
mod recorded;
mod report;
mod table;

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use super::Exit;
use crate::sim::{self, Checks, Figures, Outcome, PolicyName, Samples, Scenario};

use case::CaseName;
use progress::Progress;

/// Simulates a contact centre: who waits how long under which scheduler.
#[derive(Debug, clap::Args)]
#[command(
    group(clap::ArgGroup::new("what").required(true)),
    after_help = "\
Examples:
  tradewind simulate day.json
  tradewind simulate day.json --compare --report day.html
  tradewind simulate day.json --json --assignments who-took-what.jsonl
  tradewind simulate --case mix --load 0.95 --seats 90 --translation 1.25 --seeds 5 --compare
  tradewind simulate --case mmc --days 4000
  tradewind simulate --case promise --report promise.svg
  tradewind simulate --case incident --translation 1.25 --seeds 5 --json
  tradewind simulate --journal data --compare --report yesterday.html
  tradewind simulate --journal data --shops other-rules --from 2026-11-25T00:00Z

--journal replays what a router has recorded, under the rules that are configured or under others, and
shows how it was beside it. The journal is only read, also while the router runs.

The format of a scenario is in docs/simulate.md, with a JSON Schema in docs/scenario.schema.json.
The same file and seed give the same bytes. Exit code 3: a promise of the scheduler was broken, or
a published figure was missed.

Cases: mix (many languages, seats and load as asked for), promise (the highest load at which 95 in
100 first responses come within 15 s, by number of seats), large (20,000 seats, 10,000 queues, a
million conversations), and mmc, mmc-ab, skills-3x2, erlang-c, erlang-a, whose results are known."
)]
pub(super) struct Args {
    /// A scenario.
    #[arg(value_name = "FILE.json", group = "what")]
    file: Option<PathBuf>,
    /// A contact centre drawn by chance, instead of a file.
    #[arg(long, group = "what", value_name = "NAME")]
    case: Option<CaseName>,
    /// The journal of a router (its folder, or the data folder that holds it), instead of a file.
    #[arg(long, group = "what", value_name = "DIR")]
    journal: Option<PathBuf>,
    /// The scheduler: default, fifo-round-robin, least-loaded, longest-idle, job-25s, worker-5s or
    /// pooled-bound.
    #[arg(long, default_value = "default", value_name = "NAME")]
    policy: PolicyName,
    /// Runs every scheduler on the same contacts.
    #[arg(long, conflicts_with_all = ["policy", "assignments"])]
    compare: bool,
    /// Prints JSON: one object, or a list of them.
    #[arg(long)]
    json: bool,
    /// Writes who took each contact and when, one JSON object a line.
    #[arg(long, value_name = "OUT.jsonl", conflicts_with = "case")]
    assignments: Option<PathBuf>,
    /// Writes a page with plots; for the case promise, one plot as SVG.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Checks every promise after every step; slow.
    #[arg(long)]
    check: bool,
    /// The first seed of a case, and of what a journal does not know.
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    #[command(flatten)]
    drawn: case::Parameters,
    #[command(flatten)]
    recorded: recorded::Choices,
}

const NOT_DRAWN: &str = "--seeds, --days, --load, --seats and --translation go with --case";

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
    if let Some(folder) = &args.journal {
        ensure!(!args.drawn.any(), NOT_DRAWN);
        return recorded::run(args, folder);
    }
    let Some(file) = &args.file else {
        return case::run(args, args.case.context("a file or --case is needed")?);
    };
    ensure!(!args.drawn.any(), NOT_DRAWN);
    let text = std::fs::read_to_string(file).with_context(|| shown(file))?;
    let scenario = Scenario::parse(&text).with_context(|| shown(file))?;
    let runs: Vec<Run> =
        args.policies().into_iter().map(|policy| one(&scenario, policy, args.checks())).collect();
    if let Some(path) = &args.assignments {
        let lines = sim::assignments(&scenario, &runs[0].outcome);
        write(path, &lines)?;
    }
    if let Some(path) = &args.report {
        write(path, &report::html(&scenario, &runs, &[]))?;
    }
    let figures: Vec<&Figures> = runs.iter().map(|run| &run.figures).collect();
    match (args.json, args.compare) {
        (true, true) => super::print_json(&serde_json::to_value(&figures)?)?,
        (true, false) => super::print_json(&serde_json::to_value(figures[0])?)?,
        (false, _) => super::print(&table::of(&scenario, &runs))?,
    }
    Ok(verdict(&runs))
}

impl Args {
    fn policies(&self) -> Vec<PolicyName> {
        if self.compare { PolicyName::ALL.to_vec() } else { vec![self.policy] }
    }

    fn checks(&self) -> Checks {
        if self.check { Checks::EveryStep } else { Checks::Offers }
    }
}

fn one(scenario: &Scenario, policy: PolicyName, checks: Checks) -> Run {
    let mut progress = Progress::of(policy.as_str());
    let outcome = sim::simulate(scenario, policy, checks, &mut |share| progress.at(share));
    let (figures, samples) = sim::measure(scenario, policy, &outcome);
    Run { figures, samples, outcome }
}

/// Says the first promise that was broken, if any.
fn kept<'a>(policy: PolicyName, broken: impl IntoIterator<Item = &'a String>) -> Exit {
    match broken.into_iter().next() {
        Some(broken) => {
            eprintln!("{policy}: {broken}");
            Exit::CheckFailed
        }
        None => Exit::Success,
    }
}

/// Says which promises were broken, if any.
fn verdict<'a>(runs: impl IntoIterator<Item = &'a Run>) -> Exit {
    let mut exit = Exit::Success;
    for run in runs {
        for broken in &run.outcome.broken {
            eprintln!("{}: {broken}", run.figures.policy);
            exit = Exit::CheckFailed;
        }
    }
    exit
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| shown(path))
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_promise_is_a_check_that_failed() {
        let broken = ["at 3 s: c1 is offered to two seats".to_owned()];

        assert_eq!(kept(PolicyName::Default, &broken), Exit::CheckFailed);
        assert_eq!(kept(PolicyName::Default, &[]), Exit::Success);
    }
}
