//! Shop messages with language, intent and sentiment.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;

use crate::understand::tiers::TieredReader;
use crate::understand::timing::times;
use crate::understand::{Hint, Report, Row, Shares, evaluate, evaluate_tiers, parse_rows};

use super::report::{self, Evidence};
use super::{percent, read};

/// Evaluates, prints and writes the page.
///
/// # Errors
/// When a file cannot be read, a line is no row, or the page cannot be written.
pub(super) fn run(
    reader: &mut TieredReader,
    files: &[PathBuf],
    page: Option<&Path>,
    json: bool,
) -> anyhow::Result<()> {
    let mut rows: Vec<Row> = Vec::new();
    for path in files {
        rows.extend(parse_rows(&read(path)?).with_context(|| path.display().to_string())?);
    }
    let start = Instant::now();
    let mut clock = || start.elapsed();
    let mut report = evaluate_tiers(reader, &rows, &mut clock)?;
    report.fast_only = Some(evaluate(&reader.fast().clone(), &rows, &mut clock).shares());
    // Of the fast tier: it reads every message, and the encoder is not waited for by the others.
    let times = times(&reader.fast().clone(), &rows, &mut clock);
    (report.microseconds_p50, report.microseconds_p99) = (times.p50, times.p99);
    if let Some(page) = page {
        let mut reading = |row: &Row| -> anyhow::Result<_> {
            Ok(reader.classify(&row.text, &Hint::default())?.understanding)
        };
        let readings = rows.iter().map(&mut reading).collect::<Result<_, _>>()?;
        let html = report::html(&Evidence { report: &report, rows: &rows, readings });
        std::fs::write(page, html).with_context(|| page.display().to_string())?;
    }
    if json {
        crate::cli::print_json(&to_json(&report)?)
    } else {
        crate::cli::print(&to_table(&report))
    }
}

/// The figures. What only the page shows stays out.
fn to_json(report: &Report) -> anyhow::Result<serde_json::Value> {
    let mut value = serde_json::to_value(report)?;
    if let Some(object) = value.as_object_mut() {
        object.remove("confusions");
        object.remove("reliability");
    }
    Ok(value)
}

fn to_table(report: &Report) -> String {
    let mut table = format!(
        "messages            {}\nlanguage            {}\nintent              {}\n\
         intent, macro F1    {}\nsentiment           {}\naccepted            {}\n\
         right of accepted   {}\ncalibration error   {}\nby the encoder      {}\n\
         time of a message   p50 {:.1} µs, p99 {:.1} µs, of the fast tier\n\n",
        report.messages,
        percent(report.language_accuracy),
        percent(report.intent_accuracy),
        percent(report.intent_macro_f1),
        percent(report.sentiment_accuracy),
        percent(report.accepted_share),
        percent(report.accepted_precision),
        report.ece.map_or("–".to_owned(), |error| format!("{error:.3}")),
        percent(report.encoder_share),
        report.microseconds_p50,
        report.microseconds_p99,
    );
    if let Some(fast) = &report.fast_only {
        table += &fast_table(fast);
    }
    table += "language  messages  language    intent  sentiment\n";
    for (language, tally) in &report.per_language {
        table += &format!(
            "{language:<8}  {:>8}  {:>8}  {:>8}  {:>9}\n",
            tally.messages,
            percent(tally.language_accuracy),
            percent(tally.intent_accuracy),
            percent(tally.sentiment_accuracy),
        );
    }
    table
}

fn fast_table(fast: &Shares) -> String {
    format!(
        "fast tier alone\nintent              {}\nsentiment           {}\naccepted            {}\n\
         right of accepted   {}\ncalibration error   {}\n\n",
        percent(fast.intent_accuracy),
        percent(fast.sentiment_accuracy),
        percent(fast.accepted_share),
        percent(fast.accepted_precision),
        fast.ece.map_or("–".to_owned(), |error| format!("{error:.3}")),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::understand::Model;

    #[test]
    fn the_json_has_the_documented_fields_and_no_other() {
        let model = Model::embedded().expect("the shipped model");
        let rows = parse_rows(
            "{\"text\":\"where is my order\",\"language\":\"en\",\"intent\":\"track_order\"}\n\
             {\"text\":\"hola\"}",
        )
        .expect("rows");

        let json = to_json(&evaluate(&model, &rows, &mut || Duration::ZERO)).expect("JSON");

        let keys = |value: &serde_json::Value| -> Vec<String> {
            value.as_object().expect("an object").keys().cloned().collect()
        };
        let mut wanted = [
            "messages",
            "language_accuracy",
            "intent_accuracy",
            "intent_macro_f1",
            "sentiment_accuracy",
            "accepted_share",
            "accepted_precision",
            "ece",
            "encoder_share",
            "fast_only",
            "per_language",
            "per_intent",
            "microseconds_p50",
            "microseconds_p99",
        ];
        wanted.sort_unstable();
        assert_eq!(keys(&json), wanted);
        assert_eq!(
            keys(&json["per_language"]["en"]),
            ["intent_accuracy", "language_accuracy", "messages", "sentiment_accuracy"]
        );
        assert_eq!(json["messages"], 2);
        assert!(json["sentiment_accuracy"].is_null());
    }
}
