//! The report: one HTML file that needs no network, readable in the dark and in the light.

mod plot;

use std::fmt::Write as _;

use hdrhistogram::Histogram;

use crate::outcome::Outcome;
use crate::require;
use crate::stats::{Measure, Second, Stats};

/// Title, histogram, microseconds of one unit, the unit's name.
struct Chapter {
    title: &'static str,
    what: &'static str,
    measure: Measure,
    unit_us: f64,
    unit: &'static str,
}

const CHAPTERS: [Chapter; 8] = [
    Chapter {
        title: "Acknowledged",
        what: "scheduled moment of a message → its acknowledgement",
        measure: Measure::Ack,
        unit_us: 1e3,
        unit: "ms",
    },
    Chapter {
        title: "Understood",
        what: "scheduled moment of the first message → first frame that shows it was understood",
        measure: Measure::Understood,
        unit_us: 1e3,
        unit: "ms",
    },
    Chapter {
        title: "Offered",
        what: "scheduled moment of the first message → the offer reaches a seat, waiting included",
        measure: Measure::Offered,
        unit_us: 1e3,
        unit: "ms",
    },
    Chapter {
        title: "Slot to offer",
        what: "a full seat closes a conversation → the next offer reaches it",
        measure: Measure::SlotToOffer,
        unit_us: 1e3,
        unit: "ms",
    },
    Chapter {
        title: "First response, machine",
        what: "scheduled moment → a machine's answer",
        measure: Measure::FirstResponseMachine,
        unit_us: 1e6,
        unit: "s",
    },
    Chapter {
        title: "First response, person",
        what: "scheduled moment, or the wish for a person → a person's first message",
        measure: Measure::FirstResponsePerson,
        unit_us: 1e6,
        unit: "s",
    },
    Chapter {
        title: "Resumed",
        what: "the next try after a broken connection → its welcome",
        measure: Measure::Resume,
        unit_us: 1e3,
        unit: "ms",
    },
    Chapter {
        title: "Lag of the harness",
        what: "scheduled moment → the message leaves: what the harness itself was late",
        measure: Measure::Lag,
        unit_us: 1e3,
        unit: "ms",
    },
];

/// Writes the report.
pub fn html(outcome: &Outcome, stats: &Stats, requirements: &[require::Outcome]) -> String {
    let mut out = String::with_capacity(128 * 1024);
    out.push_str(HEAD);
    verdict(&mut out, outcome, requirements);
    table(&mut out, outcome);
    languages(&mut out, outcome);
    series(&mut out, &stats.series());
    for chapter in &CHAPTERS {
        let histogram = stats.histogram(chapter.measure);
        if !histogram.is_empty() {
            section(&mut out, chapter, &histogram);
        }
    }
    details(&mut out, outcome);
    out.push_str("</main></body></html>\n");
    out
}

fn verdict(out: &mut String, outcome: &Outcome, requirements: &[require::Outcome]) {
    let broken = outcome.broken_promises();
    let passed = broken.is_empty() && requirements.iter().all(|requirement| requirement.passed);
    let (class, word) = if passed { ("ok", "passed") } else { ("bad", "failed") };
    let _ = write!(
        out,
        "<h1>Tradewind load test <span class={class}>{word}</span></h1><p class=dim>{} at {}, shop {}, seed {}; harness {} on {}</p><ul class=checks>",
        escape(outcome.config.command),
        escape(&outcome.config.url),
        escape(&outcome.config.shop),
        outcome.config.seed,
        escape(outcome.config.version),
        escape(&outcome.config.machine)
    );
    if broken.is_empty() {
        let _ = write!(
            out,
            "<li class=ok>nothing lost, duplicated or out of order in {} conversations read again</li>",
            outcome.audited
        );
    }
    for broken in &broken {
        let _ = write!(out, "<li class=bad>{}</li>", escape(broken));
    }
    for requirement in requirements {
        let class = if requirement.passed { "ok" } else { "bad" };
        let value = requirement.value.map_or("not measured".into(), |value| format!("{value}"));
        let _ = write!(out, "<li class={class}>{} (is {value})</li>", escape(&requirement.require));
    }
    for warning in &outcome.warnings {
        let _ = write!(out, "<li>{}</li>", escape(warning));
    }
    out.push_str("</ul>");
    if !outcome.findings.is_empty() {
        out.push_str("<h2>Findings</h2><ul>");
        for finding in &outcome.findings {
            let _ = write!(out, "<li>{}</li>", escape(finding));
        }
        out.push_str("</ul>");
    }
}

fn table(out: &mut String, outcome: &Outcome) {
    out.push_str("<h2>Figures</h2><table><tr><th>figure<th>value</tr>");
    for (name, value) in crate::table::rows(outcome) {
        let _ = write!(out, "<tr><td>{}<td>{}</tr>", escape(&name), escape(&value));
    }
    out.push_str("</table>");
}

fn languages(out: &mut String, outcome: &Outcome) {
    out.push_str(
        "<h2>By language</h2><table><tr><th>language<th>conversations<th>needed a person<th>of these within 15 s<th>longest wait for a person</tr>",
    );
    for (language, it) in &outcome.languages {
        let _ = write!(
            out,
            "<tr><td>{}<td>{}<td>{}<td>{}<td>{:.1} s</tr>",
            escape(language),
            it.conversations,
            it.needed_person,
            it.within_15s_person,
            it.longest_first_response_person_s
        );
    }
    out.push_str("</table>");
}

fn series(out: &mut String, series: &[Second]) {
    if series.len() < 2 {
        return;
    }
    let line = |name, pick: fn(&Second) -> u32| plot::Line {
        name,
        points: series
            .iter()
            .enumerate()
            .map(|(at, second)| (at as f64, f64::from(pick(second))))
            .collect(),
    };
    let lines = [
        line("conversations", |second| second.arrivals),
        line("first response, person", |second| second.first_person),
        line("first response, machine", |second| second.first_machine),
        line("errors", |second| second.errors),
    ];
    out.push_str("<h2>By second</h2>");
    plot::over_time(out, &lines, "/s");
    plot::over_time(
        out,
        &[line("acknowledged messages", |second| second.acknowledged)],
        "a second",
    );
}

fn section(out: &mut String, chapter: &Chapter, histogram: &Histogram<u64>) {
    let at = |quantile| histogram.value_at_quantile(quantile) as f64 / chapter.unit_us;
    let _ = write!(
        out,
        "<h2>{}</h2><p class=dim>{} ({} values; p50 {:.2}, p99 {:.2}, p99.9 {:.2}, longest {:.2} {})</p>",
        chapter.title,
        chapter.what,
        histogram.len(),
        at(0.5),
        at(0.99),
        at(0.999),
        histogram.max() as f64 / chapter.unit_us,
        chapter.unit
    );
    plot::percentiles(out, histogram, chapter.unit_us, chapter.unit);
}

fn details(out: &mut String, outcome: &Outcome) {
    let json = serde_json::to_string_pretty(outcome).unwrap_or_default();
    let _ = write!(
        out,
        "<details><summary>The whole result as JSON</summary><pre>{}</pre></details>",
        escape(&json)
    );
}

/// For text and quoted attributes.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

const HEAD: &str = r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Tradewind load test</title><style>
:root{color-scheme:light dark;--ink:#1c2430;--dim:#5c6878;--paper:#fbfcfe;--rule:#d5dbe4;--good:#157347;--poor:#b3261e;--l0:#1f6feb;--l1:#b35900;--l2:#157347;--l3:#b3261e}
@media (prefers-color-scheme:dark){:root{--ink:#e6ebf2;--dim:#98a4b5;--paper:#11161d;--rule:#2e3947;--good:#56d192;--poor:#ff8f86;--l0:#79b1ff;--l1:#f0a95c;--l2:#56d192;--l3:#ff8f86}}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:56rem;margin:0 auto;padding:1.5rem}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin:2rem 0 .3rem}.dim{color:var(--dim);margin:.2rem 0}
.ok{color:var(--good)}.bad{color:var(--poor);font-weight:600}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.2rem .6rem;border-bottom:1px solid var(--rule);vertical-align:top}
td:nth-child(2){font-variant-numeric:tabular-nums}
svg{width:100%;height:auto;display:block}svg text{fill:var(--dim);font:11px system-ui,sans-serif}
.axis{stroke:var(--rule);stroke-width:1}.line{fill:none;stroke-width:1.6}
.l0{stroke:var(--l0)}.l1{stroke:var(--l1)}.l2{stroke:var(--l2)}.l3{stroke:var(--l3)}
text.l0{fill:var(--l0);stroke:none}text.l1{fill:var(--l1);stroke:none}text.l2{fill:var(--l2);stroke:none}text.l3{fill:var(--l3);stroke:none}
pre{overflow:auto;font-size:12px}summary{cursor:pointer;margin-top:2rem}
</style></head><body><main>"#;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::outcome::tests::outcome_of;

    fn report() -> String {
        let stats = Stats::new(tokio::time::Instant::now());
        for ms in 1..=2000 {
            stats.record(Measure::Ack, Duration::from_millis(ms));
        }
        let mut outcome = outcome_of(&stats);
        outcome.config.shop = "<script>alert(1)</script>".into();
        html(
            &outcome,
            &stats,
            &[require::Outcome { require: "lost==0".into(), value: Some(0.0), passed: true }],
        )
    }

    #[tokio::test]
    async fn the_report_needs_no_network_and_no_script() {
        let report = report();

        for forbidden in ["http-equiv", "src=", "href=", "@import", "url(", "<script"] {
            assert!(!report.contains(forbidden), "{forbidden}");
        }
        assert!(report.contains("<svg"));
        assert!(report.contains("prefers-color-scheme:dark"));
    }

    #[tokio::test]
    async fn tags_are_balanced() {
        let report = report();

        for tag in ["svg", "table", "ul", "pre", "details", "main", "body", "html"] {
            let opened = report.matches(&format!("<{tag}")).count();
            let closed = report.matches(&format!("</{tag}>")).count();
            assert_eq!(opened, closed, "{tag}");
        }
    }
}
