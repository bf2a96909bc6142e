//! Checks the corpus: that it covers every cell, and that its messages do not repeat one another.
//! A cell is one intent in one language.

mod read;
mod repeat;

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::domain::{Intent, Language, Sentiment};

use read::{Labelled, script_of, scripts};

/// Languages that every intent has to be written in.
pub const LANGUAGES: [&str; 24] = [
    "ar", "bn", "de", "en", "es", "fr", "he", "hi", "id", "it", "ja", "ko", "ms", "nl", "pl", "pt",
    "ru", "sv", "th", "tl", "tr", "uk", "vi", "zh",
];
/// Fewest messages of a cell.
pub const CELL_MIN: usize = 40;
/// Most that two messages of a cell may overlap: the share of their triples of characters that is
/// common to both, after NFKC, lower case and folding of digits.
pub const JACCARD_MAX: f64 = 0.6;
/// Words of a run that must not return too often in a cell.
pub const RUN_WORDS: usize = 4;
/// The same for languages without spaces between words, in characters that four words have there;
/// marks count with their letter.
pub const RUN_CHARS: [(&str, usize); 3] = [("zh", 8), ("ja", 12), ("th", 14)];
/// Share of the messages of a cell that may contain one run.
pub const RUN_SHARE_MAX: f64 = 0.05;
/// A run in fewer messages than these is no formula, however small the cell.
pub const RUN_MESSAGES_MIN: usize = 3;
/// Share of a message's letters that may be of a script that is neither Latin nor the language's.
pub const FOREIGN_SCRIPT_MAX: f64 = 0.2;

/// A file of the corpus.
#[derive(Clone, Debug)]
pub struct File {
    /// Its name, such as `es.jsonl`.
    pub name: String,
    /// What is in it.
    pub text: String,
}

impl File {
    fn stem(&self) -> &str {
        self.name.split('.').next().unwrap_or_default()
    }
}

/// What a corpus must not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// A line is no row, has an unknown label, or no text.
    Unreadable,
    /// A label is missing, or the language is not that of the file.
    Label,
    /// A cell has fewer than [`CELL_MIN`] messages.
    FewMessages,
    /// Two messages of a cell overlap by more than [`JACCARD_MAX`].
    NearCopy,
    /// A run of words returns in more than [`RUN_SHARE_MAX`] of a cell.
    RepeatedRun,
    /// A text stands under two intents of a language.
    TwoIntents,
    /// A message is in a script of another language.
    Script,
    /// A number that a card could have.
    CardNumber,
    /// A span is empty, out of order, outside the text, cuts a character or is of an unknown kind.
    Span,
}

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// Name of the file.
    pub file: String,
    /// From 1.
    pub line: usize,
}

/// Something to mend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was broken.
    pub rule: Rule,
    /// Where; empty when something is missing.
    pub at: Vec<Place>,
    /// What was found, for a person.
    pub what: String,
}

/// How many messages there are, by sentiment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Spread {
    /// All of them.
    pub messages: usize,
    /// Those of annoyed writers.
    pub negative: usize,
    /// Those that are matter of fact.
    pub neutral: usize,
    /// Those of pleased writers.
    pub positive: usize,
}

/// One language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Its messages.
    #[serde(flatten)]
    pub spread: Spread,
    /// Messages of its smallest cell.
    pub cell_min: usize,
    /// Messages of its largest cell.
    pub cell_max: usize,
    /// Messages whose letters are mostly of the language's own script; the others are romanised.
    pub own_script: usize,
}

/// What a corpus holds and what has to be mended.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Lint {
    /// Messages with all labels.
    pub messages: usize,
    /// By language.
    pub languages: BTreeMap<String, Coverage>,
    /// By intent.
    pub intents: BTreeMap<String, Spread>,
    /// Sorted by rule and place.
    pub findings: Vec<Finding>,
}

/// Checks the files of a corpus, one file a language.
pub fn lint(files: &[File]) -> Lint {
    let mut findings = Vec::new();
    let rows = read::read(files, &mut findings);
    let cells = cells(&rows);
    for ((language, intent), cell) in &cells {
        if cell.len() < CELL_MIN {
            let what = format!("{language} {intent}: {} of {CELL_MIN} messages", cell.len());
            findings.push(Finding { rule: Rule::FewMessages, at: Vec::new(), what });
        }
        findings.extend(repeat::near_copies(cell));
        findings.extend(repeat::repeated_runs(cell));
    }
    findings.extend(repeat::two_intents(&rows));
    findings.sort_by(|a, b| a.rule.cmp(&b.rule).then_with(|| a.at.cmp(&b.at)));
    Lint {
        messages: rows.len(),
        languages: coverage(&rows, &cells),
        intents: spread(&rows),
        findings,
    }
}

type Cells<'a> = BTreeMap<(Language, Intent), Vec<&'a Labelled>>;

/// Every cell that has to be there, and those that are there besides.
fn cells(rows: &[Labelled]) -> Cells<'_> {
    let mut cells = Cells::new();
    for code in LANGUAGES {
        let language: Language = code.parse().expect("the list has language codes");
        for intent in Intent::ALL {
            cells.insert((language, intent), Vec::new());
        }
    }
    for row in rows {
        cells.entry((row.language, row.intent)).or_default().push(row);
    }
    cells
}

fn coverage(rows: &[Labelled], cells: &Cells<'_>) -> BTreeMap<String, Coverage> {
    let mut languages: BTreeMap<String, Coverage> = BTreeMap::new();
    for ((language, _), cell) in cells {
        let it = languages
            .entry(language.to_string())
            .or_insert(Coverage { cell_min: usize::MAX, ..Coverage::default() });
        it.cell_min = it.cell_min.min(cell.len());
        it.cell_max = it.cell_max.max(cell.len());
    }
    for row in rows {
        let it = languages.entry(row.language.to_string()).or_default();
        it.spread.count(row.sentiment);
        let letters = scripts(&row.text);
        let own = letters.get(&script_of(row.language)).copied().unwrap_or_default();
        it.own_script += usize::from(2 * own > letters.values().sum());
    }
    languages
}

fn spread(rows: &[Labelled]) -> BTreeMap<String, Spread> {
    let mut intents: BTreeMap<String, Spread> = BTreeMap::new();
    for row in rows {
        intents.entry(row.intent.to_string()).or_default().count(row.sentiment);
    }
    intents
}

impl Spread {
    fn count(&mut self, sentiment: Sentiment) {
        self.messages += 1;
        match sentiment {
            Sentiment::Negative => self.negative += 1,
            Sentiment::Neutral => self.neutral += 1,
            Sentiment::Positive => self.positive += 1,
        }
    }
}

impl fmt::Display for Spread {
    /// Messages, then the share of each sentiment in per cent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |part: usize| 100.0 * part as f64 / self.messages.max(1) as f64;
        write!(
            f,
            "{:>8}  {:>8.0}  {:>7.0}  {:>8.0}",
            self.messages,
            percent(self.negative),
            percent(self.neutral),
            percent(self.positive)
        )
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for place in &self.at {
            lines.entry(&place.file).or_default().push(place.line.to_string());
        }
        for (file, lines) in lines {
            write!(f, "{file}:{}: ", lines.join(","))?;
        }
        let rule = serde_json::to_value(self.rule).unwrap_or_default();
        write!(f, "{}: {}", rule.as_str().unwrap_or_default(), self.what)
    }
}

/// The beginning of a text, for a line on a screen.
fn shortened(text: &str) -> String {
    const CHARS_MAX: usize = 70;
    let mut short: String = text.chars().take(CHARS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str, language: &str, intent: &str) -> String {
        format!(
            r#"{{"text":"{text}","language":"{language}","intent":"{intent}","sentiment":"neutral"}}"#
        )
    }

    fn found(name: &str, lines: &[String]) -> Vec<(Rule, Vec<usize>)> {
        let report = lint(&[File { name: name.to_owned(), text: lines.join("\n") }]);
        let findings = report.findings.into_iter().filter(|it| it.rule != Rule::FewMessages);
        findings.map(|it| (it.rule, it.at.iter().map(|place| place.line).collect())).collect()
    }

    #[test]
    fn every_cell_that_is_too_small_is_named_also_those_without_a_message() {
        let lines: Vec<String> = ["where is it", "any news of the box"]
            .map(|text| row(text, "en", "track_order"))
            .into();

        let report = lint(&[File { name: "en.jsonl".to_owned(), text: lines.join("\n") }]);

        assert_eq!(report.findings.len(), LANGUAGES.len() * Intent::ALL.len());
        assert_eq!((report.languages["en"].cell_min, report.languages["en"].cell_max), (0, 2));
        assert!(report.findings[0].to_string().starts_with("few_messages: "));
    }

    #[test]
    fn lines_that_cannot_be_used_are_told_with_their_place() {
        let lines = [
            "{\"text\":".to_owned(),
            row("hello", "en", "no_such_intent"),
            String::new(),
            row("hola", "es", "greeting"),
            r#"{"text":"hi","language":"en"}"#.to_owned(),
            row(" ", "en", "greeting"),
        ];

        assert_eq!(
            found("en.jsonl", &lines),
            [
                (Rule::Unreadable, vec![1]),
                (Rule::Unreadable, vec![2]),
                (Rule::Unreadable, vec![6]),
                (Rule::Label, vec![4]),
                (Rule::Label, vec![5]),
            ]
        );
    }

    #[test]
    fn spans_lie_in_their_message_in_order_and_are_of_a_known_kind() {
        let spanned = |text: &str, spans: &str| {
            let row = row(text, "de", "track_order");
            format!("{},\"spans\":{spans}}}", row.trim_end_matches('}'))
        };
        let lines = [
            spanned("nach Köln", r#"[{"kind":"city","start":5,"end":10}]"#),
            spanned("bis Köln", r#"[{"kind":"city","start":4,"end":6}]"#),
            spanned("Köln wartet", r#"[{"kind":"town","start":0,"end":5}]"#),
            spanned(
                "kam an",
                r#"[{"kind":"city","start":0,"end":3},{"kind":"city","start":0,"end":3}]"#,
            ),
        ];

        assert_eq!(
            found("de.jsonl", &lines),
            [(Rule::Span, vec![2]), (Rule::Span, vec![3]), (Rule::Span, vec![4])]
        );
    }

    #[test]
    fn repetition_inside_a_cell_and_one_text_for_two_intents_are_found() {
        let lines = [
            row("where is my order 123", "en", "track_order"),
            row("WHERE is my order 999!", "en", "track_order"),
            row("can somebody tell me if it left", "en", "track_order"),
            row("hi, can somebody tell me what the courier does", "en", "track_order"),
            row("please, can somebody tell me about parcel 7", "en", "track_order"),
            row("is it me or is this thing slow", "en", "track_order"),
            row("is it me, or is this thing slow?", "en", "complaint"),
        ];

        assert_eq!(
            found("en.jsonl", &lines),
            [
                (Rule::NearCopy, vec![1, 2]),
                (Rule::RepeatedRun, vec![3, 4, 5]),
                (Rule::TwoIntents, vec![6, 7]),
            ]
        );
    }

    #[test]
    fn a_foreign_script_and_a_card_number_are_found_and_romanised_rows_are_not() {
        let lines = [
            row("mera order kab aayega", "hi", "track_order"),
            row("где мой заказ", "hi", "track_order"),
            row("मेरा iPhone कहाँ है", "hi", "track_order"),
            row("मेरा कार्ड 4111 1111 1111 1111 है", "hi", "payment_failed"),
        ];

        assert_eq!(
            found("hi.jsonl", &lines),
            [(Rule::Script, vec![2]), (Rule::CardNumber, vec![4])]
        );
    }
}
