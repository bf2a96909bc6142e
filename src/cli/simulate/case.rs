//! Cases: contact centres that are drawn by chance.

use std::time::Instant;

use anyhow::ensure;
use rayon::prelude::*;
use serde_json::json;

use super::{Args, Run, incident, promise, table};
use crate::cli::{Exit, print, print_json};
use crate::sim::{self, Comparison, Figures, Large, Mix, PolicyName, Published};

/// Which case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CaseName {
    Mix,
    Promise,
    Large,
    Incident,
    Published(Published),
}

impl std::str::FromStr for CaseName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let published = Published::ALL.into_iter().find(|case| case.as_str() == text);
        match text {
            "mix" => Ok(Self::Mix),
            "promise" => Ok(Self::Promise),
            "large" => Ok(Self::Large),
            "incident" => Ok(Self::Incident),
            _ => published.map(Self::Published).ok_or_else(|| {
                let known = Published::ALL.map(Published::as_str).join(", ");
                format!("`{text}` is none of mix, promise, large, incident, {known}")
            }),
        }
    }
}

/// Load of the centre that an incident comes over.
const INCIDENT_LOAD: f64 = 0.8;

/// What a case may be told.
#[derive(Debug, clap::Args)]
pub(super) struct Parameters {
    /// mix, promise, incident: seeds to average over.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000))]
    seeds: Option<u64>,
    /// Published cases: days to average over.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..=1_000_000))]
    days: Option<u64>,
    /// mix, incident: work that arrives, as a share of what all seats can do.
    #[arg(long, value_name = "SHARE")]
    load: Option<f64>,
    /// mix, large, incident: seats.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    seats: Option<u32>,
    /// mix, incident: free seats answer in any language, and their work takes so many times as long.
    #[arg(long, value_name = "FACTOR")]
    translation: Option<f64>,
    /// large: conversations that are alive together.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=5_000_000))]
    live: Option<u32>,
}

impl Parameters {
    /// Whether anything was said.
    pub(super) fn any(&self) -> bool {
        self.seeds.is_some()
            || self.days.is_some()
            || self.load.is_some()
            || self.seats.is_some()
            || self.translation.is_some()
            || self.live.is_some()
    }

    pub(super) fn seeds(&self, default: u64) -> u64 {
        self.seeds.unwrap_or(default)
    }

    fn mix(&self) -> anyhow::Result<Mix> {
        self.mix_of(Mix::default().load)
    }

    /// The mix, with a load that holds where none is said.
    fn mix_of(&self, load: f64) -> anyhow::Result<Mix> {
        let default = Mix::default();
        let mix = Mix {
            seats: self.seats.map_or(default.seats, |seats| seats as usize),
            load: self.load.unwrap_or(load),
            translation: self.translation,
            ..default
        };
        ensure!((0.01..=10.0).contains(&mix.load), "--load is a share from 0.01 to 10");
        let factors = 1.0..=10.0;
        ensure!(
            mix.translation.is_none_or(|factor| factors.contains(&factor)),
            "--translation is a factor from 1 to 10"
        );
        Ok(mix)
    }
}

/// Runs a case.
///
/// # Errors
/// When a parameter is out of its range, or a file cannot be written.
pub(super) fn run(args: &Args, case: CaseName) -> anyhow::Result<Exit> {
    match case {
        CaseName::Mix => mix(args),
        CaseName::Promise => promise::run(args),
        CaseName::Large => large(args),
        CaseName::Incident => incident::run(args, &args.drawn.mix_of(INCIDENT_LOAD)?),
        CaseName::Published(case) => published(args, case),
    }
}

/// The mix over some seeds, each policy on the same contacts.
fn mix(args: &Args) -> anyhow::Result<Exit> {
    let mix = args.drawn.mix()?;
    let seeds: Vec<u64> = (args.seed..args.seed + args.drawn.seeds(1)).collect();
    let runs: Vec<Vec<Run>> = args
        .policies()
        .into_iter()
        .map(|policy| {
            let drawn = seeds.par_iter().map(|seed| {
                let scenario = mix.draw(*seed);
                super::one(&scenario, policy, args.checks())
            });
            drawn.collect()
        })
        .collect();
    if let Some(path) = &args.report {
        // One day of the seeds: plots of contacts, not of means.
        let scenario = mix.draw(args.seed);
        let first = args.policies().into_iter().map(|it| super::one(&scenario, it, args.checks()));
        super::write(path, &super::report::html(&scenario, &first.collect::<Vec<_>>(), &[]))?;
    }
    if args.json {
        let figures: Vec<Figures> = runs.iter().flatten().map(|run| run.figures.clone()).collect();
        print_json(&serde_json::to_value(figures)?)?;
    } else {
        print(&table::over_seeds(&mix.draw(args.seed), &seeds, &runs))?;
    }
    Ok(super::verdict(runs.iter().flatten()))
}

/// A case with known results, over many days.
fn published(args: &Args, case: Published) -> anyhow::Result<Exit> {
    ensure!(args.report.is_none(), "--report goes with a file, mix and promise");
    let days = args.drawn.days.unwrap_or(case.days());
    let (figures, broken): (Vec<Vec<f64>>, Vec<Vec<String>>) = (args.seed..args.seed + days)
        .into_par_iter()
        .map(|day| {
            let scenario = case.draw(day)?;
            let outcome = sim::simulate(&scenario, case.policy(), args.checks(), &mut |_| {});
            Ok((case.figures(&scenario, &outcome), outcome.broken))
        })
        .collect::<anyhow::Result<Vec<_>>>()?
        .into_iter()
        .unzip();
    if super::kept(case.policy(), broken.iter().flatten()) != Exit::Success {
        return Ok(Exit::CheckFailed);
    }
    let compared = case.compare(&figures);
    if args.json {
        let rows = compared.iter().map(|row| {
            let Comparison { figure, value, plus_minus, reference } = row;
            json!({ "figure": figure, "value": value, "plus_minus": plus_minus,
                    "reference": [reference.0, reference.1], "inside": row.is_inside() })
        });
        let rows: Vec<_> = rows.collect();
        print_json(&json!({ "case": case.as_str(), "days": days, "figures": rows }))?;
    } else {
        print(&table::beside_reference(case, days, &compared))?;
    }
    let all_inside = compared.iter().all(Comparison::is_inside);
    Ok(if all_inside { Exit::Success } else { Exit::CheckFailed })
}

/// The large centre: memory and decisions a second.
fn large(args: &Args) -> anyhow::Result<Exit> {
    let default = Large::default();
    let large = Large {
        seats: args.drawn.seats.map_or(default.seats, |seats| seats as usize),
        live: args.drawn.live.map_or(default.live, |live| live as usize),
    };
    let scenario = large.draw(args.seed);
    let before = resident_kib();
    let began = Instant::now();
    let mut progress = super::Progress::of("large");
    let report = sim::stress(&scenario, args.checks(), &mut |share| progress.at(share));
    drop(progress);
    let seconds = began.elapsed().as_secs_f64();
    let memory_mib = peak_kib().saturating_sub(before) / 1_024;
    let per_s = report.decisions as f64 / seconds;
    if args.json {
        print_json(&json!({
            "seats": large.seats, "queues": report.queues, "live_max": report.live_max,
            "commands": report.commands, "decisions": report.decisions, "seconds": seconds,
            "decisions_per_s": per_s, "memory_mib": memory_mib,
        }))?;
    } else {
        print(&format!(
            "{} seats, {} queues, {} conversations alive together\n\
             {} commands and {} decisions in {seconds:.1} s: {per_s:.0} decisions a second\n\
             {memory_mib} MiB of memory for the run, beyond the scenario itself\n",
            large.seats, report.queues, report.live_max, report.commands, report.decisions
        ))?;
    }
    Ok(super::kept(PolicyName::Default, &report.broken))
}

fn resident_kib() -> u64 {
    status_kib("VmRSS:")
}

fn peak_kib() -> u64 {
    status_kib("VmHWM:")
}

/// A line of the process's own status; zero where there is none.
fn status_kib(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
