//! Interface strings of shops that say the same in several languages.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::Language;
use crate::understand::train::Chance;
use crate::understand::train::extra::{self, SHOP_STRINGS, language_of};

/// What one string of an interface is in several languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Translation {
    /// At least two that differ, one a language.
    texts: Vec<String>,
}

/// Collects the strings of files by their keys.
#[derive(Default)]
pub(super) struct Strings {
    /// By project and key, then by language.
    by_key: BTreeMap<(String, String), BTreeMap<Language, String>>,
}

impl Strings {
    /// Adds a file of the set; its name tells the project and the language. A file in another
    /// language than `languages` has nothing to say to them.
    pub(super) fn add(&mut self, name: &str, table: &str, languages: &[Language]) {
        let Some(project) = name.split('.').next().filter(|_| SHOP_STRINGS.has(name)) else {
            return;
        };
        let Some(language) = language_of(name, 1).filter(|code| languages.contains(code)) else {
            return;
        };
        for (text, key) in extra::columns(table) {
            let is_told = text.chars().filter(|c| c.is_alphabetic()).nth(1).is_some();
            if is_told && !key.is_empty() {
                let of_key = self.by_key.entry((project.to_owned(), key.to_owned())).or_default();
                of_key.entry(language).or_insert_with(|| text.to_owned());
            }
        }
    }

    /// The strings of which two languages have different texts.
    pub(super) fn translations(self) -> Vec<Translation> {
        let texts = self.by_key.into_values().map(|of_key| {
            let texts: BTreeSet<String> = of_key.into_values().collect();
            texts.into_iter().collect::<Vec<String>>()
        });
        texts.filter(|texts| texts.len() > 1).map(|texts| Translation { texts }).collect()
    }
}

impl Translation {
    /// Two of its texts.
    pub(super) fn pair(&self, chance: &mut Chance) -> [&str; 2] {
        let first = chance.below(self.texts.len());
        let step = 1 + chance.below(self.texts.len() - 1);
        [first, (first + step) % self.texts.len()].map(|at| self.texts[at].as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn languages() -> Vec<Language> {
        ["de", "en", "th"].map(|code| code.parse().expect("a language")).to_vec()
    }

    #[test]
    fn strings_of_one_key_in_several_languages_are_translations_of_each_other() {
        let mut strings = Strings::default();
        let table = |rows: &str| format!("text\tkey\n{rows}");
        strings.add("bagisto.en.tsv", &table("Refund\tr\nEmail\te\nCart\tc\n%\tp\n"), &languages());
        strings.add("bagisto.de.tsv", &table("Erstattung\tr\nEmail\te\n%%\tp\n"), &languages());
        strings.add("bagisto.fi.tsv", &table("Ostoskori\tc\n"), &languages());
        strings.add("spree_i18n.th.tsv", &table("รถเข็น\tc\n"), &languages());
        strings.add("other.th.tsv", &table("รถเข็น\tc\n"), &languages());

        let found = strings.translations();

        let texts = ["Erstattung", "Refund"].map(str::to_owned).to_vec();
        assert_eq!(found, [Translation { texts }]);
    }

    #[test]
    fn a_pair_is_never_twice_the_same_text() {
        let texts = ["a", "b", "c"].map(str::to_owned).to_vec();
        let (translation, mut chance) = (Translation { texts }, Chance::new(1));

        assert!((0..50).all(|_| {
            let [a, b] = translation.pair(&mut chance);
            a != b
        }));
    }
}
