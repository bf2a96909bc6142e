//! The terms of a shop: names of products and of the house that are kept, or have one right
//! translation.

use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::protect::PROTECTED_MAX;
use crate::config::shop::Term;
use crate::domain::Language;

/// A term as it is found in texts of one language.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Spelling {
    term: usize,
    text: String,
}

/// The terms of a shop, in every language that it wrote them in.
#[derive(Clone, Debug, Default)]
pub struct Glossary {
    terms: Vec<Term>,
    /// Finds the spellings of each language, and those that are the same in all.
    finders: BTreeMap<Option<Language>, Finder>,
}

#[derive(Clone, Debug)]
struct Finder {
    automaton: AhoCorasick,
    spellings: Vec<Spelling>,
}

/// A term in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub start: usize,
    pub end: usize,
    pub term: usize,
}

impl Glossary {
    /// A glossary of these terms.
    pub fn new(terms: Vec<Term>) -> Self {
        let mut spellings: BTreeMap<Option<Language>, Vec<Spelling>> = BTreeMap::new();
        for (at, term) in terms.iter().enumerate() {
            spellings.entry(None).or_default().push(Spelling { term: at, text: term.name.clone() });
            for (language, text) in &term.translations {
                let spelling = Spelling { term: at, text: text.clone() };
                spellings.entry(Some(*language)).or_default().push(spelling);
            }
        }
        let finders = spellings
            .into_iter()
            .filter_map(|(language, spellings)| Some((language, Finder::new(spellings)?)));
        Self { finders: finders.collect(), terms }
    }

    /// How many terms there are.
    pub fn len(&self) -> usize {
        self.terms.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// What a term is called in `language`.
    pub(super) fn say(&self, term: usize, language: Language) -> &str {
        let term = &self.terms[term];
        term.translations.get(&language).unwrap_or(&term.name)
    }

    /// Whether the shop wrote a word of its own for `term` in `language`.
    pub(super) fn is_translated(&self, term: usize, language: Language) -> bool {
        self.terms[term].translations.contains_key(&language)
    }

    /// The terms in a text of `language`, longest first where two overlap; sorted by their place.
    pub(super) fn find(&self, text: &str, language: Option<Language>) -> Vec<Found> {
        let names = self.finders.get(&None).map_or_else(Vec::new, |finder| finder.find(text));
        let own = language.and_then(|code| self.finders.get(&Some(code)));
        let own = own.map_or_else(Vec::new, |finder| finder.find(text));
        let mut all = own;
        for found in names {
            let is_free =
                all.iter().all(|other| found.end <= other.start || other.end <= found.start);
            if is_free {
                all.push(found);
            }
        }
        all.sort_unstable_by_key(|found| found.start);
        all
    }
}

impl Finder {
    fn new(spellings: Vec<Spelling>) -> Option<Self> {
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .ascii_case_insensitive(true)
            .build(spellings.iter().map(|spelling| &spelling.text))
            .ok()?;
        Some(Self { automaton, spellings })
    }

    fn find(&self, text: &str) -> Vec<Found> {
        let matches = self.automaton.find_iter(text);
        let whole = matches.filter(|found| is_whole(text, found.start(), found.end()));
        // More are a table, which is not translated.
        let whole = whole.take(PROTECTED_MAX + 1);
        whole
            .map(|found| Found {
                start: found.start(),
                end: found.end(),
                term: self.spellings[found.pattern().as_usize()].term,
            })
            .collect()
    }
}

/// Whether the stretch is no part of a longer word. Scripts without spaces have no such borders.
fn is_whole(text: &str, start: usize, end: usize) -> bool {
    let joins = |inside: Option<char>, outside: Option<char>| match (inside, outside) {
        (Some(inside), Some(outside)) => is_spaced(inside) && is_spaced(outside),
        _ => false,
    };
    let stretch = &text[start..end];
    !joins(stretch.chars().next(), text[..start].chars().next_back())
        && !joins(stretch.chars().next_back(), text[end..].chars().next())
}

/// Whether `c` is a letter or digit of a script that sets spaces between words.
fn is_spaced(c: char) -> bool {
    let is_dense = matches!(u32::from(c),
        0x0e00..=0x0eff | 0x1000..=0x109f | 0x1780..=0x17ff // Thai, Lao, Burmese, Khmer
        | 0x3040..=0x30ff | 0x3400..=0x9fff | 0xac00..=0xd7af | 0xf900..=0xfaff // CJK
        | 0x2_0000..=0x3_ffff);
    c.is_alphanumeric() && !is_dense
}

#[cfg(test)]
mod tests {
    use super::*;

    fn language(code: &str) -> Language {
        code.parse().expect("a language")
    }

    fn glossary(table: &str) -> Glossary {
        Glossary::new(Term::table(table).expect("a table"))
    }

    fn found<'a>(glossary: &Glossary, text: &'a str, code: &str) -> Vec<&'a str> {
        let found = glossary.find(text, Some(language(code)));
        found.iter().map(|found| &text[found.start..found.end]).collect()
    }

    #[test]
    fn the_longest_term_is_found_as_a_whole_word_whatever_its_case() {
        let glossary = glossary("term\nDrift\nDrift Tote\n");

        assert_eq!(
            found(&glossary, "my drift tote and a Drift, no driftwood", "en"),
            ["drift tote", "Drift"]
        );
    }

    #[test]
    fn a_script_without_spaces_needs_no_borders() {
        let glossary = glossary("term,zh\nstore credit,购物金\n");

        assert_eq!(found(&glossary, "我的购物金没到账", "zh"), ["购物金"]);
        assert_eq!(found(&glossary, "我的Drift store credit呢", "zh"), ["store credit"]);
    }

    #[test]
    fn a_term_is_said_as_the_shop_wrote_it_or_kept() {
        let glossary = glossary("term,de\nstore credit,Guthaben\n");

        assert_eq!(glossary.say(0, language("de")), "Guthaben");
        assert_eq!(glossary.say(0, language("fr")), "store credit");
        assert_eq!(found(&glossary, "Wo ist mein Guthaben?", "de"), ["Guthaben"]);
    }
}
