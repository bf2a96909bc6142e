//! An incident, with more and more of its customers recognised as asking the same.

use anyhow::ensure;
use rayon::prelude::*;
use serde_json::json;

use super::Args;
use crate::cli::{Exit, print, print_json};
use crate::sim::{self, Incident, IncidentFigures, Mix, PolicyName};

/// Shares that are recognised, none of them first.
const RECOGNISED: [f64; 5] = [0.0, 0.1, 0.2, 0.3, 0.6];
/// Seeds unless others are named.
const SEEDS: u64 = 3;

/// Runs each policy with each share on the same customers.
///
/// # Errors
/// When what was asked for is not of this case.
pub(super) fn run(args: &Args, mix: &Mix) -> anyhow::Result<Exit> {
    ensure!(args.report.is_none(), "--report goes with a file, mix and promise");
    let seeds: Vec<u64> = (args.seed..args.seed + args.drawn.seeds(SEEDS)).collect();
    let mut rows = Vec::new();
    for policy in args.policies() {
        for recognised in RECOGNISED {
            let of_seed = |seed: &u64| {
                let drawn = Incident { mix: *mix, recognised }.draw(*seed);
                let outcome = sim::simulate(&drawn.scenario, policy, args.checks(), &mut |_| {});
                (drawn.figures(&outcome), outcome.broken)
            };
            let runs: Vec<_> = seeds.par_iter().map(of_seed).collect();
            let broken = runs.iter().flat_map(|(_, broken)| broken);
            if super::kept(policy, broken) != Exit::Success {
                return Ok(Exit::CheckFailed);
            }
            let figures: Vec<IncidentFigures> = runs.into_iter().map(|(it, _)| it).collect();
            rows.push((policy, recognised, mean(&figures)));
        }
    }
    if args.json {
        let row = |(policy, recognised, figures): &(PolicyName, f64, IncidentFigures)| json!({ "policy": policy, "recognised": recognised, "figures": figures });
        print_json(&json!({ "seeds": seeds, "rows": rows.iter().map(row).collect::<Vec<_>>() }))?;
    } else {
        print(&table(mix, &seeds, &rows))?;
    }
    Ok(Exit::Success)
}

fn mean(all: &[IncidentFigures]) -> IncidentFigures {
    let of = |figure: fn(&IncidentFigures) -> f64| {
        all.iter().map(figure).sum::<f64>() / all.len().max(1) as f64
    };
    IncidentFigures {
        contacts: of(|it| it.contacts as f64).round() as usize,
        followers: of(|it| it.followers as f64).round() as usize,
        mean_first_response_s: of(|it| it.mean_first_response_s),
        mean_first_response_by_seats_s: of(|it| it.mean_first_response_by_seats_s),
        p95_wait_s: of(|it| it.p95_wait_s),
        abandoned: of(|it| it.abandoned),
        within_15s: of(|it| it.within_15s),
        saved_s: of(|it| it.saved_s),
    }
}

fn table(mix: &Mix, seeds: &[u64], rows: &[(PolicyName, f64, IncidentFigures)]) -> String {
    let mut table = format!(
        "{} seats at load {}, arrivals doubled for 30 min, mean of {} seeds\n\n\
         recognised  first reply  by seats  p95 wait  left    in 15 s  saved seat-seconds  policy\n",
        mix.seats,
        mix.load,
        seeds.len()
    );
    for (policy, recognised, figures) in rows {
        table += &format!(
            "{:>8.0} %  {:>9.1} s  {:>6.1} s  {:>6.0} s  {:>4.1} %  {:>5.1} %  {:>18.0}  {policy}\n",
            recognised * 100.0,
            figures.mean_first_response_s,
            figures.mean_first_response_by_seats_s,
            figures.p95_wait_s,
            figures.abandoned * 100.0,
            figures.within_15s * 100.0,
            figures.saved_s,
        );
    }
    table
}
