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
    let rows: Vec<Row> = kinds
        .into_par_iter()
        .map(|(seats, translation)| {
            let load = highest_load(Mix { seats, translation, ..Mix::default() }, &seeds);
            Row { seats, translation, load }
        })
        .collect();
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

/// By halving: the share in time falls as load rises.
fn highest_load(mix: Mix, seeds: &[u64]) -> Option<f64> {
    let load = |step: usize| step as f64 / 100.0;
    let is_kept = |step: usize| {
        let shares = seeds.par_iter().map(|seed| in_time(Mix { load: load(step), ..mix }, *seed));
        shares.sum::<f64>() / seeds.len() as f64 >= KEPT
    };
    let (mut kept, mut broken) = (STEPS.start() - 1, STEPS.end() + 1);
    while broken - kept > 1 {
        let middle = (kept + broken) / 2;
        if is_kept(middle) {
            kept = middle;
        } else {
            broken = middle;
        }
    }
    (kept >= *STEPS.start()).then(|| load(kept))
}

/// Share of all contacts whose first response came in time; who left had none.
fn in_time(mix: Mix, seed: u64) -> f64 {
    let scenario = mix.draw(seed);
    let outcome = sim::simulate(&scenario, PolicyName::Default, Checks::Offers, &mut |_| {});
    let (figures, samples) = sim::measure(&scenario, PolicyName::Default, &outcome);
    samples.first_responses_in_time(figures.contacts)
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
