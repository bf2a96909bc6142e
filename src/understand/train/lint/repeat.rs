//! Finds messages that repeat one another.

use std::collections::{BTreeMap, BTreeSet};

use unicode_normalization::char::is_combining_mark;

use crate::domain::{Intent, Language};
use crate::understand::script::Script;

use super::read::Labelled;
use super::{
    Finding, JACCARD_MAX, RUN_CHARS, RUN_MESSAGES_MIN, RUN_SHARE_MAX, RUN_WORDS, Rule, shortened,
};

/// Rows of one language and intent that say nearly the same.
pub fn near_copies(cell: &[&Labelled]) -> Vec<Finding> {
    let grams: Vec<Vec<[char; 3]>> = cell.iter().map(|row| grams(&row.normal)).collect();
    let mut found = Vec::new();
    for second in 0..cell.len() {
        for first in 0..second {
            let overlap = jaccard(&grams[first], &grams[second]);
            if overlap > JACCARD_MAX {
                let (a, b) = (cell[first], cell[second]);
                found.push(Finding {
                    rule: Rule::NearCopy,
                    at: vec![a.place.clone(), b.place.clone()],
                    what: format!(
                        "{} {overlap:.2}: {} | {}",
                        a.intent,
                        shortened(&a.text),
                        shortened(&b.text)
                    ),
                });
            }
        }
    }
    found
}

/// Formulas that too many rows of one language and intent share. Overlapping pieces of one longer
/// formula are told once.
pub fn repeated_runs(cell: &[&Labelled]) -> Vec<Finding> {
    let mut rows_of: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for (at, row) in cell.iter().enumerate() {
        for run in runs(&row.normal, row.language) {
            rows_of.entry(run).or_default().insert(at);
        }
    }
    let most = (RUN_SHARE_MAX * cell.len() as f64) as usize;
    let mut told = BTreeSet::new();
    rows_of
        .into_iter()
        .filter(|(_, rows)| rows.len() >= RUN_MESSAGES_MIN && rows.len() > most)
        .filter(|(_, rows)| told.insert(rows.clone()))
        .map(|(run, rows)| Finding {
            rule: Rule::RepeatedRun,
            at: rows.iter().map(|at| cell[*at].place.clone()).collect(),
            what: format!(
                "{} `{run}` in {} of {} messages",
                cell[0].intent,
                rows.len(),
                cell.len()
            ),
        })
        .collect()
}

/// Texts that stand under more than one intent of a language.
pub fn two_intents(rows: &[Labelled]) -> Vec<Finding> {
    let mut same: BTreeMap<(Language, String), Vec<&Labelled>> = BTreeMap::new();
    for row in rows {
        let text = words(&row.normal).join(" ");
        // A message of signs alone is told apart by its signs.
        let text = if text.is_empty() { row.normal.iter().collect() } else { text };
        same.entry((row.language, text)).or_default().push(row);
    }
    same.into_values()
        .filter(|rows| rows.iter().any(|row| row.intent != rows[0].intent))
        .map(|rows| {
            let intents: BTreeSet<Intent> = rows.iter().map(|row| row.intent).collect();
            let intents: Vec<&str> = intents.into_iter().map(Intent::as_str).collect();
            Finding {
                rule: Rule::TwoIntents,
                at: rows.iter().map(|row| row.place.clone()).collect(),
                what: format!("{}: {}", intents.join(", "), shortened(&rows[0].text)),
            }
        })
        .collect()
}

/// Words of a normalised text. Marks are parts of letters: without them a word of Hindi, Bengali,
/// Thai or pointed Hebrew would fall to pieces.
pub fn words(normal: &[char]) -> Vec<String> {
    let is_part = |c: &char| c.is_alphanumeric() || is_combining_mark(*c);
    let words = normal.split(|c| !is_part(c)).filter(|word| !word.is_empty());
    words.map(|word| word.iter().collect()).collect()
}

/// The different triples of characters, sorted, with a space at both ends.
fn grams(normal: &[char]) -> Vec<[char; 3]> {
    let text: Vec<char> = format!(" {} ", words(normal).join(" ")).chars().collect();
    let mut grams: Vec<[char; 3]> =
        text.windows(3).map(|three| [three[0], three[1], three[2]]).collect();
    grams.sort_unstable();
    grams.dedup();
    grams
}

/// Share of common values among all values of two sorted lists; 0 when both are empty.
fn jaccard(a: &[[char; 3]], b: &[[char; 3]]) -> f64 {
    let (short, long) = (a.len().min(b.len()), a.len().max(b.len()));
    // Even a full overlap would not reach the bound: the usual case, and the cheap one.
    if short as f64 <= JACCARD_MAX * long as f64 {
        return 0.0;
    }
    let (mut common, mut i, mut j) = (0_usize, 0, 0);
    while i < a.len() && j < b.len() {
        match a[i].cmp(&b[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => (common, i, j) = (common + 1, i + 1, j + 1),
        }
    }
    common as f64 / (a.len() + b.len() - common) as f64
}

fn runs(normal: &[char], language: Language) -> BTreeSet<String> {
    let words = words(normal);
    let without_spaces = RUN_CHARS.iter().find(|(code, _)| *code == language.as_str());
    if let Some((_, run)) = without_spaces {
        let characters: Vec<&str> = words.iter().flat_map(|word| seen_characters(word)).collect();
        return characters.windows(*run).map(<[&str]>::concat).collect();
    }
    words.windows(RUN_WORDS).map(|run| run.join(" ")).collect()
}

/// Characters of a word as a reader counts them: a letter with the marks on it is one, and so is a
/// Latin word or a number, which stands for a thing as a Han character does.
fn seen_characters(word: &str) -> Vec<&str> {
    let is_latin = |c: char| c.is_ascii_digit() || Script::of(c) == Some(Script::Latin);
    let mut characters = Vec::new();
    let (mut start, mut before) = (0, None);
    for (at, c) in word.char_indices() {
        let joins = is_combining_mark(c) || (is_latin(c) && before.is_some_and(is_latin));
        if at > start && !joins {
            characters.push(&word[start..at]);
            start = at;
        }
        before = Some(c);
    }
    characters.push(&word[start..]);
    characters
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(text: &str) -> Vec<char> {
        let mut out = Vec::new();
        crate::understand::text::normalise(text, &mut out);
        out
    }

    #[test]
    fn vowel_signs_do_not_part_words() {
        assert_eq!(words(&normal("मेरा ऑर्डर, कहाँ?")), ["मेरा", "ऑर्डर", "कहाँ"]);
        assert_eq!(words(&normal("কোথায় আছে")).len(), 2);
        assert_eq!(words(&normal("ยังไม่ได้รับ ของ")).len(), 2);
        assert_eq!(words(&normal("שָׁלוֹם לכם")).len(), 2);
    }

    #[test]
    fn a_run_is_measured_in_words_or_in_characters_with_their_marks() {
        let runs = |text: &str, code: &str| {
            super::runs(&normal(text), code.parse().expect("a language")).len()
        };

        assert_eq!(runs("where is my parcel please", "en"), 2);
        assert_eq!(runs("我的包裹现在到哪里了", "zh"), 3);
        // Four letters, the first with a mark above: sixteen in all, so three runs of fourteen.
        assert_eq!(runs(&"สีแดง".repeat(4), "th"), 3);
        assert_eq!(runs("สถานะขึ้น delivered", "th"), 0);
        assert_eq!(runs("delivered 订单 TW-10482", "zh"), 0);
    }

    #[test]
    fn copies_that_differ_in_a_number_or_a_sign_overlap_fully() {
        let overlap = |a: &str, b: &str| jaccard(&grams(&normal(a)), &grams(&normal(b)));

        assert_eq!(overlap("Where is order 12345?", "where is order 98765 !!"), 1.0);
        assert!(overlap("where is my parcel", "where is my parcel now") > JACCARD_MAX);
        assert!(overlap("where is my parcel", "has the box left Lyon yet") <= JACCARD_MAX);
    }
}
