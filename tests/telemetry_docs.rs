//! `docs/telemetry.md` names every metric and label that the program has, and no other.

use std::collections::BTreeSet;

use tradewind::metrics::names::{Counter, Gauge, Histogram};

fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/telemetry.md");
    std::fs::read_to_string(path).expect("the page is in the repository")
}

/// Every metric by its name.
fn names() -> BTreeSet<String> {
    let counters = Counter::all().into_iter().map(|counter| counter.name().0);
    let histograms = Histogram::ALL.map(Histogram::name);
    let gauges = Gauge::ALL.map(Gauge::name);
    counters.chain(histograms).chain(gauges).map(str::to_owned).collect()
}

/// What stands between backticks.
fn code_spans(page: &str) -> BTreeSet<&str> {
    page.split('`').skip(1).step_by(2).collect()
}

#[test]
fn the_page_names_every_metric_with_its_labels() {
    let page = page();
    let spans = code_spans(&page);

    let missing: Vec<String> =
        names().into_iter().filter(|name| !spans.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "docs/telemetry.md lacks {missing:?}");
    let labels = Counter::all().into_iter().filter_map(|counter| counter.name().1);
    for (key, value) in labels {
        assert!(spans.contains(key), "docs/telemetry.md lacks the label `{key}`");
        assert!(spans.contains(value), "docs/telemetry.md lacks `{value}` of the label `{key}`");
    }
}

#[test]
fn the_page_names_no_metric_that_is_not_there() {
    let page = page();
    let known = names();

    let is_of_a_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let named = page.match_indices("tradewind_").map(|(at, _)| {
        let rest = &page[at..];
        &rest[..rest.find(|c| !is_of_a_name(c)).unwrap_or(rest.len())]
    });
    let unknown: Vec<&str> = named
        // The pattern `tradewind_<stage>_…` and what Prometheus adds to a histogram.
        .filter(|name| *name != "tradewind_")
        .filter(|name| {
            let base = ["_bucket", "_count", "_sum"].iter().find_map(|end| name.strip_suffix(end));
            !known.contains(*name) && !base.is_some_and(|base| known.contains(base))
        })
        .collect();

    assert!(unknown.is_empty(), "docs/telemetry.md names {unknown:?}");
}
