//! The figures of one or more runs as a table.

use std::fmt::Write as _;

use super::Run;
use crate::sim::Scenario;

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
        "{:<17} {:>6} {:>6} {:>6} {:>6} {:>7} {:>7} {:>7} {:>7} {:>7} {:>6} {:>7}",
        "policy",
        "mean",
        "p50",
        "p95",
        "p99",
        "<= 15 s",
        "first",
        "left",
        "worst",
        "transl.",
        "Gini",
        "VIP"
    );
    for Run { figures, samples, .. } in runs {
        let percent = |share: f64| format!("{:.1} %", share * 100.0);
        let _ = writeln!(
            out,
            "{:<17} {:>6.1} {:>6.1} {:>6.0} {:>6.0} {:>7} {:>7.1} {:>7} {:>7} {:>7} {:>6.3} {:>7.1}",
            figures.policy,
            figures.mean_wait_s,
            figures.p50_wait_s,
            figures.p95_wait_s,
            figures.p99_wait_s,
            percent(figures.answered_within_15s),
            figures.mean_first_response_s,
            percent(figures.abandoned),
            percent(figures.worst_language_within_15s),
            percent(figures.translated),
            figures.gini_occupancy,
            samples.vip.0,
        );
    }
    out.push_str(
        "\nmean: of those answered; p50, p95, p99: of those who left too;\n\
         <= 15 s: answered within; first: mean time to the first reply; left: without an answer;\n\
         worst: within 15 s in the language where it is rarest; Gini: 0 is work shared equally;\n\
         VIP: their mean wait.\n",
    );
    out
}
