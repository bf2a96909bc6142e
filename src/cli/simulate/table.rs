//! The figures of one or more runs as a table.

use std::fmt::Write as _;

use super::Run;
use crate::sim::{Comparison, Published, Scenario};

/// A line for each run. Waits are in seconds.
pub(super) fn of(scenario: &Scenario, runs: &[Run]) -> String {
    let mut out = String::new();
    if !scenario.about.is_empty() {
        let _ = writeln!(out, "{}", scenario.about);
    }
    let counted = runs.first().map_or(0, |run| run.figures.contacts);
    let _ = writeln!(
        out,
        "{} seats, {counted} contacts counted of {}; seconds\n",
        scenario.seats.len(),
        scenario.contacts.len()
    );
    let _ = writeln!(
        out,
        "{:<17} {:>6} {:>6} {:>6} {:>6} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>6} {:>7}",
        "policy",
        "mean",
        "p50",
        "p95",
        "p99",
        "<= 15 s",
        "first",
        "left",
        "ticket",
        "worst",
        "transl.",
        "Gini",
        "VIP"
    );
    for Run { figures, samples, .. } in runs {
        let percent = |share: f64| format!("{:.1} %", share * 100.0);
        let _ = writeln!(
            out,
            "{:<17} {:>6.1} {:>6.1} {:>6.0} {:>6.0} {:>7} {:>7.1} {:>7} {:>7} {:>7} {:>7} {:>6.3} {:>7.1}",
            figures.policy,
            figures.mean_wait_s,
            figures.p50_wait_s,
            figures.p95_wait_s,
            figures.p99_wait_s,
            percent(figures.answered_within_15s),
            figures.mean_first_response_s,
            percent(figures.abandoned),
            percent(figures.ticketed),
            percent(figures.worst_language_within_15s),
            percent(figures.translated),
            figures.gini_occupancy,
            samples.vip.0,
        );
    }
    out.push_str(
        "\nmean: of those answered; p50, p95, p99: of those who left too;\n\
         <= 15 s: answered within; first: mean time to the first reply; left: without an answer;\n\
         ticket: given one by the shop's rules; worst: within 15 s in the language where it is rarest; Gini: 0 is work shared equally;\n\
         VIP: their mean wait.\n",
    );
    out
}

/// Means over seeds, with the half width of their 95 % intervals.
pub(super) fn over_seeds(scenario: &Scenario, seeds: &[u64], policies: &[Vec<Run>]) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{} and {} more; seconds\n", scenario.about, seeds.len() - 1);
    let _ = writeln!(
        out,
        "{:<17} {:>12} {:>12} {:>6} {:>6} {:>7} {:>8} {:>7} {:>7} {:>7} {:>6} {:>7}",
        "policy",
        "first reply",
        "wait",
        "p95",
        "p99",
        "<= 15 s",
        "fr<=15 s",
        "left",
        "worst",
        "transl.",
        "Gini",
        "VIP"
    );
    for runs in policies {
        let mean = |of: &dyn Fn(&Run) -> f64| interval(runs.iter().map(of)).0;
        let both = |of: &dyn Fn(&Run) -> f64| {
            let (mean, half) = interval(runs.iter().map(of));
            format!("{mean:.1} ±{half:.1}")
        };
        let percent = |of: &dyn Fn(&Run) -> f64| format!("{:.1} %", mean(of) * 100.0);
        let _ = writeln!(
            out,
            "{:<17} {:>12} {:>12} {:>6.0} {:>6.0} {:>7} {:>8} {:>7} {:>7} {:>7} {:>6.3} {:>7.1}",
            runs[0].figures.policy,
            both(&|run| run.figures.mean_first_response_s),
            both(&|run| run.figures.mean_wait_s),
            mean(&|run| run.figures.p95_wait_s),
            mean(&|run| run.figures.p99_wait_s),
            percent(&|run| run.figures.answered_within_15s),
            percent(&|run| run.samples.first_responses_in_time(run.figures.contacts)),
            percent(&|run| run.figures.abandoned),
            percent(&|run| run.figures.worst_language_within_15s),
            percent(&|run| run.figures.translated),
            mean(&|run| run.figures.gini_occupancy),
            mean(&|run| run.samples.vip.0),
        );
    }
    out
}

/// Mean, and half width of its 95 % interval by Student's t.
fn interval(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    const T: [f64; 10] = [12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23];
    let n = values.clone().count();
    let mean = values.clone().sum::<f64>() / n.max(1) as f64;
    if n < 2 {
        return (mean, 0.0);
    }
    let square: f64 = values.map(|value| (value - mean).powi(2)).sum();
    let t = T.get(n - 2).copied().unwrap_or(2.0);
    (mean, t * (square / (n - 1) as f64 / n as f64).sqrt())
}

/// The figures of a case with known results.
pub(super) fn beside_reference(case: Published, days: u64, rows: &[Comparison]) -> String {
    let mut out = format!("{}, {days} days, policy {}\n\n", case.as_str(), case.policy());
    let _ = writeln!(out, "{:<28} {:>20} {:>22}", "figure", "simulated", "reference");
    for row in rows {
        let digits = if row.value < 10.0 { 4 } else { 1 };
        let _ = writeln!(
            out,
            "{:<28} {:>20} {:>22}  {}",
            row.figure,
            format!("{:.digits$} ±{:.digits$}", row.value, row.plus_minus),
            format!("{:.digits$} – {:.digits$}", row.reference.0, row.reference.1),
            if row.is_inside() { "inside" } else { "OUTSIDE" }
        );
    }
    out
}
