//! The report: one HTML file that needs no network, readable in the dark and in the light, on a
//! phone, and in every direction of writing.

mod bars;
mod confusion;
mod page;
mod plot;

use std::fmt::Write as _;

use crate::domain::Understanding;
use crate::understand::{Report, Row};

use super::percent;

/// What the report tells of.
pub(super) struct Evidence<'a> {
    /// The figures.
    pub(super) report: &'a Report,
    /// The messages.
    pub(super) rows: &'a [Row],
    /// What the model read out of each.
    pub(super) readings: Vec<Understanding>,
}

impl Evidence<'_> {
    /// Confidence of each message whose intent is known, and whether the intent was right.
    fn intents(&self) -> Vec<(f32, bool)> {
        let pairs = self.rows.iter().zip(&self.readings);
        pairs
            .filter_map(|(row, read)| {
                Some((read.intent.confidence, row.intent? == read.intent.label))
            })
            .collect()
    }
}

/// Writes the report.
pub(super) fn html(evidence: &Evidence<'_>) -> String {
    let report = evidence.report;
    let mut out = String::with_capacity(64 * 1024);
    out.push_str(page::HEAD);
    headline(&mut out, report);
    let intents = evidence.intents();
    if !intents.is_empty() {
        out.push_str("<div class=plots>");
        plot::reliability(&mut out, &report.reliability);
        plot::accepted(&mut out, &intents, report.accepted_share, report.accepted_precision);
        out.push_str("</div>");
    }
    bars::write(&mut out, "By language", &report.per_language);
    bars::write(&mut out, "By intent", &report.per_intent);
    confusion::write(&mut out, evidence);
    out.push_str("</main></body></html>\n");
    out
}

fn headline(out: &mut String, report: &Report) {
    let _ = write!(
        out,
        "<h1>Tradewind model evaluation</h1><p class=dim>{} messages, tradewind {}</p><dl class=figures>",
        report.messages,
        env!("CARGO_PKG_VERSION")
    );
    let ece = report.ece.map_or("–".to_owned(), |error| format!("{error:.3}"));
    let times = format!("{:.1} / {:.1} µs", report.microseconds_p50, report.microseconds_p99);
    for (name, value) in [
        ("intent right", percent(report.intent_accuracy)),
        ("intent, macro F1", percent(report.intent_macro_f1)),
        ("language right", percent(report.language_accuracy)),
        ("sentiment right", percent(report.sentiment_accuracy)),
        ("accepted", percent(report.accepted_share)),
        ("right of the accepted", percent(report.accepted_precision)),
        ("calibration error", ece),
        ("time, p50 / p99", times),
    ] {
        let _ = write!(out, "<div><dt>{name}</dt><dd>{value}</dd></div>");
    }
    out.push_str("</dl>");
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::understand::{Hint, Model, Scratch, evaluate, parse_rows};

    fn page(lines: &str) -> String {
        let model = Model::embedded().expect("the shipped model");
        let rows = parse_rows(lines).expect("rows");
        let mut scratch = Scratch::default();
        let readings = rows
            .iter()
            .map(|row| model.understand(&row.text, &Hint::default(), &mut scratch))
            .collect();
        let report = evaluate(&model, &rows, &mut || Duration::ZERO);
        html(&Evidence { report: &report, rows: &rows, readings })
    }

    /// Two messages under a wrong label, so that there is a confusion to show.
    const LINES: &str = r#"{"text":"where is my order <script>alert(1)</script> & \"more\"","language":"en","intent":"customs_duties","sentiment":"neutral"}
{"text":"أين طلبي رقم 10482؟","language":"ar","intent":"customs_duties","sentiment":"neutral"}
{"text":"¿dónde está mi pedido?","language":"es","intent":"track_order","sentiment":"neutral"}"#;

    #[test]
    fn the_report_needs_no_network_and_no_script() {
        let page = page(LINES);

        for forbidden in ["http-equiv", "src=", "href=", "@import", "url(", "<script"] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        assert!(page.contains("prefers-color-scheme:dark"));
        assert!(page.contains("width=device-width"));
    }

    #[test]
    fn texts_are_escaped_and_keep_their_direction() {
        let page = page(LINES);

        assert!(
            page.contains("order &lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;more&quot;")
        );
        assert!(page.contains("<p dir=auto lang=\"ar\">أين طلبي رقم 10482؟</p>"), "{page}");
    }

    #[test]
    fn tags_are_balanced_with_and_without_labels() {
        for lines in [LINES, "{\"text\":\"hello\"}", ""] {
            let page = page(lines);
            for tag in ["svg", "table", "dl", "div", "details", "section", "main", "body", "html"] {
                let opened = page.matches(&format!("<{tag}")).count();
                let closed = page.matches(&format!("</{tag}>")).count();
                assert_eq!(opened, closed, "{tag}");
            }
        }
    }
}
