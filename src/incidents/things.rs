//! What customers of a shop speak of, in nine languages: no list of incidents, but the words that any
//! incident is told with, from *cart* and *kettle* to *storm*, *recalled* and *at night*.
//!
//! They lie in `things.txt`, a thing a line: its name and how much it says, then its forms in the order of
//! [`LANGUAGES`], apart by `|`. A form is a stretch of a text in the form of [`folded`]; `_` stands for the
//! edge of a word. How much a thing says was measured: how rare it is in `models/corpus`, times the root of how
//! far it belongs to one incident among those for tuning (docs/decisions/0042).

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use unicode_normalization::char::{decompose_canonical, is_combining_mark};

use super::simhash::hash;

/// The table, as it is kept beside what was learned by it.
pub(super) const TABLE: &str = include_str!("things.txt");
/// Its columns.
const LANGUAGES: [&str; 9] = ["en", "zh", "es", "ar", "pt", "id", "fr", "ru", "ko"];
/// Languages in whose texts English words stand out by their letters.
const OTHER_LETTERS: [&str; 4] = ["zh", "ar", "ru", "ko"];
/// Letters that an English form needs in a text with other letters.
const BORROWED_MIN: usize = 3;

struct Things {
    weights: Vec<f32>,
    /// One for each of [`LANGUAGES`], with the thing of each form.
    forms: Vec<(AhoCorasick, Vec<u32>)>,
}

static ALL: LazyLock<Things> = LazyLock::new(|| Things::read(TABLE));

impl Things {
    fn read(table: &str) -> Self {
        let mut weights = Vec::new();
        let mut forms = vec![(Vec::new(), Vec::new()); LANGUAGES.len()];
        for (thing, line) in (0..).zip(table.lines()) {
            let mut columns = line.split('|');
            let weight = columns.next().and_then(|head| head.split_once(' ')?.1.parse().ok());
            weights.push(weight.expect("a line starts with a name and a weight"));
            let columns: Vec<Vec<String>> = columns.map(forms_of).collect();
            let borrowed = columns[0].iter().filter(|form| form.trim().len() >= BORROWED_MIN);
            let borrowed: Vec<String> = borrowed.cloned().collect();
            for (at, mut all) in columns.into_iter().enumerate() {
                if OTHER_LETTERS.contains(&LANGUAGES[at]) {
                    all.extend_from_slice(&borrowed);
                }
                let (patterns, of): &mut (Vec<String>, Vec<u32>) = &mut forms[at];
                of.resize(of.len() + all.len(), thing);
                patterns.extend(all);
            }
        }
        let find = |(patterns, of): (Vec<String>, Vec<u32>)| {
            (AhoCorasick::new(patterns).expect("a few thousand forms"), of)
        };
        Self { weights, forms: forms.into_iter().map(find).collect() }
    }
}

fn forms_of(column: &str) -> Vec<String> {
    column.split(',').filter(|form| !form.is_empty()).map(|form| form.replace('_', " ")).collect()
}

/// What `text`, which is [`folded`], speaks of in one of these languages, each thing once with how much
/// it says.
pub(super) fn things<'a>(languages: impl Iterator<Item = &'a str>, text: &str) -> Vec<(u32, f32)> {
    let mut found = Vec::new();
    for language in languages {
        let Some(at) = LANGUAGES.iter().position(|it| *it == language) else { continue };
        let (forms, of) = &ALL.forms[at];
        found.extend(forms.find_overlapping_iter(text).map(|it| of[it.pattern().as_usize()]));
    }
    found.sort_unstable();
    found.dedup();
    found.into_iter().map(|thing| (thing, ALL.weights[thing as usize])).collect()
}

/// The text without accents, and with one form of the letters that Arabic and Russian write in several.
/// `plain` is in the form of [`plain`](super::words::plain).
pub(super) fn folded(plain: &str) -> String {
    let mut folded = String::with_capacity(plain.len());
    for c in plain.chars().filter(|c| !is_combining_mark(*c) && *c != '\u{640}') {
        folded.push(match c {
            'أ' | 'إ' | 'آ' => 'ا',
            'ى' => 'ي',
            'ة' => 'ه',
            'ؤ' => 'و',
            'ё' => 'е',
            '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => {
                let mut base = c;
                decompose_canonical(c, |part| {
                    if !is_combining_mark(part) {
                        base = part;
                    }
                });
                base
            }
            c => c,
        });
    }
    folded
}

/// What the table says, as a number that another table does not have.
pub(super) fn fingerprint() -> u64 {
    hash(TABLE.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::super::words::plain;
    use super::*;

    #[test]
    fn every_form_of_the_table_can_be_found_and_every_thing_has_some_in_each_language() {
        let mut names = Vec::new();
        for line in TABLE.lines() {
            let columns: Vec<&str> = line.split('|').collect();
            assert_eq!(columns.len(), 1 + LANGUAGES.len(), "{line}");
            names.push(columns[0]);
            for column in &columns[1..] {
                assert!(!column.is_empty(), "{}", columns[0]);
                for form in forms_of(column) {
                    let found = folded(&plain(&form));
                    assert!(found.contains(&form), "never found: `{form}` of {}", columns[0]);
                }
            }
        }
        assert!(names.is_sorted());
    }

    #[test]
    fn a_thing_is_the_same_in_every_language_with_or_without_accents() {
        let of = |language: &str, text: &str| -> Vec<u32> {
            let found = things([language].into_iter(), &folded(&plain(text)));
            found.into_iter().map(|(thing, _)| thing).collect()
        };
        let english = of("en", "the kettle is recalled");

        assert_eq!(english.len(), 2);
        for (language, text) in [
            ("fr", "la bouilloire est rappelée"),
            ("ru", "чайник отозвали"),
            ("ko", "주전자 리콜"),
            ("zh", "水壶召回"),
        ] {
            assert_eq!(of(language, text), english, "{text}");
        }
        assert_eq!(of("fr", "la greve"), of("fr", "la grève"));
        assert!(of("en", "good morning to you").is_empty());
    }
}
