//! The promise of a first response within 15 s: up to which load it can be kept.

use std::fmt::Write as _;

use rayon::prelude::*;
use serde_json::json;

use super::Args;
use crate::cli::{Exit, print, print_json};
use crate::sim::{self, Checks, Mix, PolicyName};

/// Numbers of seats that are tried.
pub(super) const SEATS: [usize; 4] = [45, 90, 180, 360];
/// Cost of translation; `None` is without.
pub(super) const TRANSLATION: [Option<f64>; 3] = [None, Some(1.25), Some(1.1)];
/// Share of first responses that have to come in time.
const KEPT: f64 = 0.95;
/// Loads are told to a hundredth.
const STEPS: std::ops::RangeInclusive<usize> = 1..=120;

/// The highest load for one size and kind of centre.
pub(super) struct Row {
    pub(super) seats: usize,
    pub(super) translation: Option<f64>,
    /// `None`: not even at the lowest.
    pub(super) load: Option<f64>,
}

/// Finds the loads and prints them.
///
/// # Errors
/// When the plot cannot be written.
pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let seeds: Vec<u64> = (args.seed..args.seed + args.drawn.seeds(3)).collect();
    let kinds: Vec<_> = SEATS
        .into_iter()
        .flat_map(|seats| TRANSLATION.map(|translation| (seats, translation)))
        .collect();
    let rows: Result<Vec<Row>, Broken> = kinds
        .into_par_iter()
        .map(|(seats, translation)| {
            let mix = Mix { seats, translation, ..Mix::default() };
            let of_seed = |load, seed| in_time(Mix { load, ..mix }, seed, args.checks());
            let load = highest_load(&seeds, of_seed)?;
            Ok(Row { seats, translation, load })
        })
        .collect();
    let rows = match rows {
        Ok(rows) => rows,
        Err(broken) => return Ok(super::kept(PolicyName::Default, &broken)),
    };
    if let Some(path) = &args.report {
        super::write(path, &super::report::promise(&rows))?;
    }
    if args.json {
        let rows = rows.iter().map(
            |row| json!({ "seats": row.seats, "translation": row.translation, "load": row.load }),
        );
        print_json(&rows.collect())?;
    } else {
        print(&table(&rows, seeds.len()))?;
    }
    Ok(Exit::Success)
}

/// Promises of the scheduler that did not hold, in words: no figure stands on such a run.
type Broken = Vec<String>;

/// By halving: the share in time, which `in_time` gives for a load and a seed, falls as load rises.
fn highest_load(
    seeds: &[u64],
    in_time: impl Fn(f64, u64) -> Result<f64, Broken> + Sync,
) -> Result<Option<f64>, Broken> {
    let load = |step: usize| step as f64 / 100.0;
    let is_kept = |step: usize| -> Result<bool, Broken> {
        let shares = seeds.par_iter().map(|seed| in_time(load(step), *seed));
        let shares: Vec<f64> = shares.collect::<Result<_, _>>()?;
        Ok(shares.iter().sum::<f64>() / seeds.len() as f64 >= KEPT)
    };
    let (mut kept, mut broken) = (STEPS.start() - 1, STEPS.end() + 1);
    while broken - kept > 1 {
        let middle = (kept + broken) / 2;
        if is_kept(middle)? {
            kept = middle;
        } else {
            broken = middle;
        }
    }
    Ok((kept >= *STEPS.start()).then(|| load(kept)))
}

/// Share of all contacts whose first response came in time; who left had none.
fn in_time(mix: Mix, seed: u64, checks: Checks) -> Result<f64, Broken> {
    let scenario = mix.draw(seed);
    let outcome = sim::simulate(&scenario, PolicyName::Default, checks, &mut |_| {});
    if !outcome.broken.is_empty() {
        return Err(outcome.broken);
    }
    let (figures, samples) = sim::measure(&scenario, PolicyName::Default, &outcome);
    Ok(samples.first_responses_in_time(figures.contacts))
}

fn table(rows: &[Row], seeds: usize) -> String {
    let mut out = format!(
        "Highest load at which {:.0} in 100 first responses come within 15 s; {seeds} seeds\n\n",
        KEPT * 100.0
    );
    let _ = writeln!(
        out,
        "{:>6} {:>10} {:>17} {:>17}",
        "seats", "native", "translated x1.25", "translated x1.1"
    );
    for seats in SEATS {
        let cell = |translation| {
            let row = rows.iter().find(|row| (row.seats, row.translation) == (seats, translation));
            row.and_then(|row| row.load).map_or("none".to_owned(), |load| format!("{load:.2}"))
        };
        let [native, dear, cheap] = TRANSLATION.map(cell);
        let _ = writeln!(out, "{seats:>6} {native:>10} {dear:>17} {cheap:>17}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_load_that_is_kept_is_found_to_a_hundredth() {
        let up_to_73 = |load: f64, _| Ok(if load < 0.735 { 0.96 } else { 0.5 });

        assert_eq!(highest_load(&[1, 2], up_to_73), Ok(Some(0.73)));
        assert_eq!(highest_load(&[1, 2], |_, _| Ok(0.5)), Ok(None));
    }

    #[test]
    fn a_broken_promise_of_one_seed_leaves_no_load_to_tell() {
        let broken = vec!["at 3 s: c1 is offered to two seats".to_owned()];
        let in_time = |load: f64, seed: u64| match seed {
            2 if load > 0.8 => Err(broken.clone()),
            _ => Ok(1.0),
        };

        assert_eq!(highest_load(&[1, 2, 3], in_time), Err(broken.clone()));
    }
}
