//! `kind = "local"` of `[[translation.engines]]`: a model on this machine.

use std::path::PathBuf;

use super::section::Section;
use crate::domain::Language;

/// More languages than a model of many has.
const LANGUAGES_MAX: usize = 256;
const LANGUAGES: &str = "a list of 1 to 256 codes of languages, such as [\"en\"]";

/// A model that translates on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalModel {
    /// Where its files are; in the shop's file relative to the folder of the shop.
    pub folder: PathBuf,
    /// What it reads.
    pub from: Vec<Language>,
    /// What it says.
    pub to: Vec<Language>,
}

/// Reads the keys of a model; its files are read when it starts.
pub(super) fn read(mut section: Section<'_>) -> Option<LocalModel> {
    let folder = section.required_text("folder", "the folder of a model");
    let from = languages(&mut section, "from");
    let to = languages(&mut section, "to");
    section.finish();
    (!folder.is_empty()).then(|| LocalModel { folder: folder.into(), from, to })
}

fn languages(section: &mut Section<'_>, key: &'static str) -> Vec<Language> {
    let is_there = section.has(key);
    let languages = section.parsed_list(key, LANGUAGES);
    if !is_there {
        section.note(key, "is missing", LANGUAGES);
    } else if !(1..=LANGUAGES_MAX).contains(&languages.len()) {
        section.note(key, format!("has {} languages", languages.len()), LANGUAGES);
    }
    languages
}

#[cfg(test)]
mod tests {
    use super::super::{Shop, ShopFiles, TranslationEngine};
    use super::*;

    fn shop(lines: &str) -> Result<Shop, String> {
        let mut files = ShopFiles::demo();
        let lines = format!("\n[[translation.engines]]\nkind = \"local\"\n{lines}\n");
        files.0.get_mut("shop.toml").expect("the file").push_str(&lines);
        Shop::from_files(&files).map_err(|error| error.to_string())
    }

    #[test]
    fn a_model_has_a_folder_and_its_languages() {
        let shop = shop("folder = \"en-de\"\nfrom = [\"en\"]\nto = [\"de\"]").expect("a shop");

        let model = LocalModel {
            folder: "en-de".into(),
            from: vec![Language::ENGLISH],
            to: vec!["de".parse().expect("a language")],
        };
        assert_eq!(shop.translators.engines, [TranslationEngine::Local(model)]);
    }

    #[test]
    fn mistakes_name_the_key() {
        for (lines, part) in [
            ("from = [\"en\"]\nto = [\"de\"]", "folder: is missing"),
            ("folder = \"m\"\nto = [\"de\"]", "from: is missing"),
            ("folder = \"m\"\nfrom = [\"en\"]\nto = []", "to: has 0 languages"),
            ("folder = \"m\"\nfrom = [\"English\"]\nto = [\"de\"]", "`English` does not fit"),
            ("folder = \"m\"\nfrom = [\"en\"]\nto = [\"de\"]\nurl = \"http://a\"", "not a setting"),
        ] {
            let error = shop(lines).expect_err("a mistake");
            assert!(error.contains(part), "{lines}: {error}");
        }
    }
}
