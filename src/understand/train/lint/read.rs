//! Reads the files of the corpus line by line, and judges each line by itself.

use std::collections::BTreeMap;

use crate::domain::{Intent, Language, PiiKind, Sentiment};
use crate::understand::pii;
use crate::understand::script::Script;
use crate::understand::text;
use crate::understand::train::{Row, slots};

use super::{FOREIGN_SCRIPT_MAX, File, Finding, Place, Rule, shortened};

/// A row with all its labels.
pub struct Labelled {
    /// Where it stands.
    pub place: Place,
    /// As it was typed.
    pub text: String,
    /// As the model reads it: NFKC, lower case, digits folded.
    pub normal: Vec<char>,
    /// Language of the file.
    pub language: Language,
    /// What its writer wants.
    pub intent: Intent,
    /// How its writer feels.
    pub sentiment: Sentiment,
}

/// The rows of all files; what is wrong with a single line is added to `findings`.
pub fn read(files: &[File], findings: &mut Vec<Finding>) -> Vec<Labelled> {
    let mut rows = Vec::new();
    for file in files {
        for (at, line) in file.text.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let place = Place { file: file.name.clone(), line: at + 1 };
            match labelled(file, place.clone(), line) {
                Ok(row) => {
                    findings.extend(judged(&row));
                    rows.push(row);
                }
                Err((rule, what)) => findings.push(Finding { rule, at: vec![place], what }),
            }
        }
    }
    rows
}

fn labelled(file: &File, place: Place, line: &str) -> Result<Labelled, (Rule, String)> {
    let row: Row = serde_json::from_str(line).map_err(|e| (Rule::Unreadable, e.to_string()))?;
    let missing = |label: &str| (Rule::Label, format!("no {label}: {}", shortened(&row.text)));
    let language = row.language.ok_or_else(|| missing("language"))?;
    let intent = row.intent.ok_or_else(|| missing("intent"))?;
    let sentiment = row.sentiment.ok_or_else(|| missing("sentiment"))?;
    if language.as_str() != file.stem() {
        let what = format!("language is `{language}`: {}", shortened(&row.text));
        return Err((Rule::Label, what));
    }
    if row.text.trim().is_empty() {
        return Err((Rule::Unreadable, "empty text".to_owned()));
    }
    slots::check_line(line, &row.text)
        .map_err(|wrong| (Rule::Span, format!("{wrong}: {}", shortened(&row.text))))?;
    let mut normal = Vec::new();
    text::normalise(&row.text, &mut normal);
    Ok(Labelled { place, text: row.text, normal, language, intent, sentiment })
}

fn judged(row: &Labelled) -> impl Iterator<Item = Finding> {
    let foreign = foreign_script(row).map(|script| {
        (Rule::Script, format!("much {script:?} in `{}`: {}", row.language, shortened(&row.text)))
    });
    let has_card = pii::find(&row.text).iter().any(|span| span.kind == PiiKind::Card);
    let card = has_card.then(|| (Rule::CardNumber, shortened(&row.text)));
    let at = row.place.clone();
    [foreign, card].into_iter().flatten().map(move |(rule, what)| Finding {
        rule,
        at: vec![at.clone()],
        what,
    })
}

/// A script that takes too much of a row. Latin letters are at home everywhere: brands, loan words
/// and romanised messages are written in them.
fn foreign_script(row: &Labelled) -> Option<Script> {
    let letters = scripts(&row.text);
    let all: usize = letters.values().sum();
    let own = script_of(row.language);
    let foreign = letters.iter().filter(|(script, _)| **script != own && **script != Script::Latin);
    let (script, most) = foreign.max_by_key(|(_, count)| **count)?;
    (*most as f64 > FOREIGN_SCRIPT_MAX * all as f64).then_some(*script)
}

/// Letters of a text by script.
pub fn scripts(text: &str) -> BTreeMap<Script, usize> {
    let mut letters = BTreeMap::new();
    for script in text.chars().filter_map(Script::of) {
        *letters.entry(script).or_default() += 1;
    }
    letters
}

/// The script that a language is taught in.
pub fn script_of(language: Language) -> Script {
    match language.as_str() {
        "ar" => Script::Arabic,
        "bn" => Script::Bengali,
        "he" => Script::Hebrew,
        "hi" => Script::Devanagari,
        "ja" | "zh" => Script::Han,
        "ko" => Script::Hangul,
        "ru" | "uk" => Script::Cyrillic,
        "th" => Script::Thai,
        _ => Script::Latin,
    }
}
