//! Which intents are taken for which, with messages as examples.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::domain::{Intent, Understanding};
use crate::understand::Row;

use super::Evidence;
use super::page::escape;

/// Intents in the heat map: the most confused ones; more would not fit a screen.
const INTENTS_MAX: usize = 14;
/// Pairs of intents that are told with examples.
const PAIRS_MAX: usize = 20;
/// Examples of a pair.
const EXAMPLES_MAX: usize = 4;
/// Characters of an example.
const EXAMPLE_CHARS_MAX: usize = 300;

/// Messages by wanted and by read intent.
type Counts = BTreeMap<(Intent, Intent), usize>;

/// The heat map and the most frequent mistakes; nothing when there is no mistake.
pub(super) fn write(out: &mut String, evidence: &Evidence<'_>) {
    let counts = counts(evidence);
    let intents = most_confused(&counts);
    if intents.is_empty() {
        return;
    }
    heat_map(out, &counts, &intents);
    out.push_str("<h2>Most frequent mistakes</h2>");
    for confusion in evidence.report.confusions.iter().take(PAIRS_MAX) {
        let _ = write!(
            out,
            "<details><summary>{} read as {}: {}</summary>",
            confusion.wanted, confusion.read, confusion.messages
        );
        let pairs = evidence.rows.iter().zip(&evidence.readings);
        let confused = pairs.filter(|(row, read)| {
            row.intent == Some(confusion.wanted) && read.intent.label == confusion.read
        });
        for (row, read) in confused.take(EXAMPLES_MAX) {
            example(out, row, read);
        }
        out.push_str("</details>");
    }
}

fn counts(evidence: &Evidence<'_>) -> Counts {
    let mut counts = Counts::new();
    for (row, read) in evidence.rows.iter().zip(&evidence.readings) {
        if let Some(wanted) = row.intent {
            *counts.entry((wanted, read.intent.label)).or_default() += 1;
        }
    }
    counts
}

/// Those with the most mistakes, either way, in the order of the labels.
fn most_confused(counts: &Counts) -> Vec<Intent> {
    let mut mistakes: BTreeMap<Intent, usize> = BTreeMap::new();
    for ((wanted, read), count) in counts.iter().filter(|((wanted, read), _)| wanted != read) {
        *mistakes.entry(*wanted).or_default() += count;
        *mistakes.entry(*read).or_default() += count;
    }
    let mut intents: Vec<Intent> = mistakes.keys().copied().collect();
    intents.sort_by_key(|intent| std::cmp::Reverse(mistakes[intent]));
    intents.truncate(INTENTS_MAX);
    intents.sort_unstable();
    intents
}

fn heat_map(out: &mut String, counts: &Counts, intents: &[Intent]) {
    let _ = write!(
        out,
        "<h2>Confusion</h2><p class=dim>the {} most confused intents: wanted by row, read by column; the colour is the share of the row, all intents counted</p><div class=wide><table><tr><th></th>",
        intents.len()
    );
    for read in intents {
        let _ = write!(out, "<th scope=col><span>{read}</span></th>");
    }
    out.push_str("</tr>");
    for wanted in intents {
        let of_row: usize =
            counts.iter().filter(|((row, _), _)| row == wanted).map(|(_, count)| count).sum();
        let _ = write!(out, "<tr><th scope=row>{wanted}</th>");
        for read in intents {
            let count = counts.get(&(*wanted, *read)).copied().unwrap_or_default();
            cell(out, count, of_row, wanted == read);
        }
        out.push_str("</tr>");
    }
    out.push_str("</table></div>");
}

fn cell(out: &mut String, count: usize, of_row: usize, is_right: bool) {
    let class = if is_right { " class=right" } else { "" };
    if count == 0 {
        let _ = write!(out, "<td{class}></td>");
        return;
    }
    let share = count as f64 / of_row as f64;
    // Mistakes are rare: their scale is stretched, so that one in four is as red as it gets. Text
    // stays readable on three quarters of the colour.
    let heat = if is_right { share } else { (4.0 * share).min(1.0) } * 75.0;
    let _ = write!(out, "<td{class} style=\"--heat:{heat:.0}\">{count}</td>");
}

fn example(out: &mut String, row: &Row, read: &Understanding) {
    let language = row.language.unwrap_or(read.language.label);
    let mut text: String = row.text.chars().take(EXAMPLE_CHARS_MAX).collect();
    if text.len() < row.text.len() {
        text.push('…');
    }
    let _ = write!(
        out,
        "<p dir=auto lang=\"{language}\">{}</p><p class=dim>{language}, sure to {:.0} %</p>",
        escape(&text),
        read.intent.confidence * 100.0
    );
}
