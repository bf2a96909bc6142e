//! Accuracy by group, as bars.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::understand::evaluate::Tally;

use super::page::escape;

/// Bars of the intent accuracy of each group, the worst first; of the language accuracy when the
/// messages have no intents.
pub(super) fn write(out: &mut String, title: &str, groups: &BTreeMap<String, Tally>) {
    let mut sorted: Vec<(&str, f64, &Tally)> = groups
        .iter()
        .filter_map(|(name, tally)| {
            let accuracy = tally.intent_accuracy.or(tally.language_accuracy)?;
            Some((name.as_str(), accuracy, tally))
        })
        .collect();
    if sorted.is_empty() {
        return;
    }
    sorted.sort_by(|a, b| a.1.total_cmp(&b.1));
    let what = if groups.values().any(|tally| tally.intent_accuracy.is_some()) {
        "intent"
    } else {
        "language"
    };
    let _ = write!(
        out,
        "<h2>{title}</h2><p class=dim>share of messages whose {what} is right, the worst first; number of messages</p><div class=bars>"
    );
    for (name, accuracy, tally) in sorted {
        let _ = write!(
            out,
            "<span>{}</span><div class=track><div class=fill style=\"width:{:.1}%\"></div></div><span>{:.1} % <span class=dim>of {}</span></span>",
            escape(name),
            accuracy * 100.0,
            accuracy * 100.0,
            tally.messages
        );
    }
    out.push_str("</div>");
}
