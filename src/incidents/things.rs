//! What customers of a shop speak of, in every language with lists: no list of incidents, but the words that
//! any incident is told with, from *cart* and *kettle* to *storm*, *recalled* and *at night*.
//!
//! They lie in `things/<language>.txt`, a thing a line, always in the same order: `cart: _cart_, _basket`. A form is a
//! stretch of a text in the form of [`plain`](super::words::plain); `_` stands for the edge of a word, and accents are [`folded`] on both
//! sides. How much a thing says is in `things/weights.txt`. It was measured: how rare it is in `models/corpus`, times
//! the root of how far it belongs to one incident among those for tuning, in nine languages (docs/decisions/0042);
//! of 160 of them by their rarity alone (docs/decisions/0045).

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use unicode_normalization::char::{decompose_canonical, is_combining_mark};

use super::lists::{Lists, lists};
use super::names::usual_words;
use super::simhash::hash;
use crate::domain::Intent;

const FORMS: Lists = lists!("things");
/// The things, and how much each says.
const WEIGHTS: &str = include_str!("things/weights.txt");
/// Languages in whose texts English words stand out by their letters.
const OTHER_LETTERS: [&str; 10] = ["ar", "bn", "he", "hi", "ja", "ko", "ru", "th", "uk", "zh"];
/// Letters that an English form needs in a text with other letters.
const BORROWED_MIN: usize = 3;

struct Things {
    weights: Vec<f32>,
    /// Those of each language of [`FORMS`], with the thing of each form.
    forms: Vec<(AhoCorasick, Vec<u32>)>,
}

static ALL: LazyLock<Things> = LazyLock::new(|| {
    let weights = WEIGHTS.lines().map(|line| line.split_once(' ')?.1.parse().ok());
    let weights = weights.map(|weight| weight.expect("a line is a name and a weight")).collect();
    let english = FORMS.iter().find(|(language, _)| *language == "en").map_or("", |(_, it)| *it);
    let forms = FORMS.iter().map(|(language, lines)| {
        let mut forms: Vec<(u32, String)> = forms_of(lines).collect();
        if OTHER_LETTERS.contains(language) {
            forms.extend(forms_of(english).filter(|(_, it)| it.trim().len() >= BORROWED_MIN));
        }
        let (of, patterns): (Vec<u32>, Vec<String>) = forms.into_iter().unzip();
        (AhoCorasick::new(patterns).expect("a few thousand forms"), of)
    });
    Things { weights, forms: forms.collect() }
});

/// The forms of a language, each with the number of its thing.
fn forms_of(lines: &str) -> impl Iterator<Item = (u32, String)> {
    (0..).zip(lines.lines()).flat_map(|(thing, line)| {
        let (_, forms) = line.split_once(": ").expect("a line is `thing: forms`");
        forms.split(", ").map(move |form| (thing, folded(&form.replace('_', " "))))
    })
}

/// What `text`, which is [`folded`], speaks of in one of these languages, each thing once with how much
/// it says.
pub(super) fn things<'a>(languages: impl Iterator<Item = &'a str>, text: &str) -> Vec<(u32, f32)> {
    let mut found = Vec::new();
    for language in languages {
        let Some(at) = FORMS.iter().position(|(it, _)| *it == language) else { continue };
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
    for c in plain.chars().filter(|c| !is_accent(*c) && *c != '\u{640}') {
        folded.push(match c {
            'أ' | 'إ' | 'آ' => 'ا',
            'ى' => 'ي',
            'ة' => 'ه',
            'ؤ' => 'و',
            'ё' => 'е',
            // No accent in Unicode's eyes, and left out like one on a foreign keyboard.
            'ı' => 'i',
            'ł' => 'l',
            'đ' => 'd',
            'ø' => 'o',
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

/// Whether a mark is no more than an accent: those of the scripts of India and of Thailand are vowels.
fn is_accent(c: char) -> bool {
    is_combining_mark(c) && !matches!(c, '\u{900}'..='\u{e7f}')
}

/// What middles are made by (the lists, the usual words and the intents), as a number that others do not
/// have.
pub(super) fn fingerprint() -> u64 {
    static OF_ALL: LazyLock<u64> = LazyLock::new(|| {
        let lists = FORMS.iter().map(|(_, lines)| *lines).chain([WEIGHTS]).map(str::as_bytes);
        let intents = Intent::ALL.iter().map(|intent| intent.as_str().as_bytes());
        let all: Vec<&[u8]> = lists.chain(intents).chain([usual_words()]).collect();
        hash(&all.concat())
    });
    *OF_ALL
}

#[cfg(test)]
mod tests {
    use super::super::words::plain;
    use super::*;

    #[test]
    fn every_form_can_be_found_and_every_thing_has_some_in_each_language() {
        let things: Vec<&str> =
            WEIGHTS.lines().map(|line| line.split_once(' ').expect("two words").0).collect();
        assert!(things.is_sorted());
        for (language, lines) in FORMS {
            let named: Vec<&str> =
                lines.lines().map(|line| line.split_once(": ").expect("two parts").0).collect();
            assert_eq!(named, things, "{language}");
            for (_, form) in forms_of(lines) {
                assert!(!form.trim().is_empty(), "an empty form in {language}");
                let found = folded(&plain(&form));
                assert!(found.contains(&form), "never found in {language}: `{form}`");
            }
        }
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
