//! Phrases that were translated, in files, one for each shop, which outlive the process: a restart asks no
//! engine for what it had. Nothing that a customer said is in them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::phrasebook::LANGUAGES_MAX;
use crate::automate::{KeptPhrases, Phrases};
use crate::config::shop::Shop;
use crate::domain::{Language, ShopId};
use crate::runtime::write_whole;

/// The folder of these files in the data folder.
const FOLDER: &str = "phrases";
/// Largest file that is read or written: more than every phrase of so many languages can be.
const FILE_BYTES_MAX: u64 = 32 << 20;
/// The form of these files; one of another form is set aside.
const VERSION: u32 = 1;

/// The files of all shops.
#[derive(Clone, Debug)]
pub struct PhraseStore {
    folder: PathBuf,
}

/// What is kept of a shop.
#[derive(Serialize, Deserialize)]
struct Kept {
    version: u32,
    /// Who translated it, and by which glossary.
    translators: String,
    languages: BTreeMap<Language, KeptPhrases>,
}

/// All that is read of a file of whatever form.
#[derive(Deserialize)]
struct Form {
    #[serde(default)]
    version: u32,
}

/// Why nothing is read.
#[derive(Debug, thiserror::Error)]
enum Unread {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("damaged: {0}")]
    Damaged(#[from] serde_json::Error),
    #[error("larger than {FILE_BYTES_MAX} bytes")]
    TooLarge,
    #[error(
        "of version {0}, which another version of the router wrote; it is set aside, as *.other"
    )]
    OtherVersion(u32),
    #[error("the shop has others translate now, or by another glossary")]
    OtherTranslators,
}

impl PhraseStore {
    /// That in the folder `data`.
    pub fn of(data: &Path) -> Self {
        Self { folder: data.join(FOLDER) }
    }

    /// What was kept of a shop, as far as it says the same by the same translators. Otherwise it is nothing,
    /// the log says why, and all is translated anew.
    pub(super) fn read(&self, shop: &Shop) -> BTreeMap<Language, Phrases> {
        let path = self.path(&shop.id);
        let kept = match read(&path, shop) {
            Err(Unread::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
                return BTreeMap::new();
            }
            read => read.unwrap_or_else(|error| {
                let file = path.display();
                tracing::warn!(%file, %error, "the phrases of a shop are translated anew");
                if let Unread::OtherVersion(_) = error
                    && let Err(error) = fs::rename(&path, path.with_extension("other"))
                {
                    tracing::warn!(%file, %error, "it cannot be set aside, and is written over");
                }
                BTreeMap::new()
            }),
        };
        let phrases = |(language, kept)| (language, Phrases::kept(shop, &kept));
        kept.into_iter().take(LANGUAGES_MAX).map(phrases).collect()
    }

    /// Keeps it; what was kept before stays whole until then, and stays where this is more than is read again.
    pub(super) fn write(
        &self,
        shop: &Shop,
        phrases: &BTreeMap<Language, Arc<Phrases>>,
    ) -> io::Result<()> {
        let languages = phrases.iter().map(|(language, it)| (*language, it.to_keep())).collect();
        let kept = Kept { version: VERSION, translators: shop.translators.mark(), languages };
        let bytes = serde_json::to_vec(&kept)?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(io::Error::other(Unread::TooLarge));
        }
        write_whole(&self.path(&shop.id), &bytes)
    }

    fn path(&self, shop: &ShopId) -> PathBuf {
        self.folder.join(format!("{shop}.json"))
    }
}

fn read(path: &Path, shop: &Shop) -> Result<BTreeMap<Language, KeptPhrases>, Unread> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(Unread::TooLarge);
    }
    let Form { version } = serde_json::from_slice(&bytes)?;
    if version != VERSION {
        return Err(Unread::OtherVersion(version));
    }
    let kept: Kept = serde_json::from_slice(&bytes)?;
    if kept.translators != shop.translators.mark() {
        return Err(Unread::OtherTranslators);
    }
    Ok(kept.languages)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::shop::{Phrase, ShopFiles, Term};

    fn language(number: usize) -> Language {
        let letter = |n: usize| char::from(b'a' + u8::try_from(n % 26).expect("a letter"));
        format!("q{}{}", letter(number / 26), letter(number)).parse().expect("a language")
    }

    /// A character that takes six bytes in a file, as many as any.
    const LARGE: &str = "\u{1}";

    /// A shop whose phrases are so long and large as they may be.
    fn longest_shop() -> Shop {
        let mut files = ShopFiles::demo();
        let english = files.0.get_mut("answers/en.toml").expect("the file");
        for phrase in Phrase::ALL {
            let key = format!("\n{} = \"", phrase.as_str());
            let begins = english.find(&key).expect("the demo has every phrase") + key.len();
            let ends = begins + english[begins..].find("\"\n").expect("it ends");
            let text = &english[begins..ends];
            let chars = text.replace('\\', "").chars().count();
            let long = format!("{text}{}", "\\u0001".repeat(2_000 - chars));
            english.replace_range(begins..ends, &long);
        }
        Shop::from_files(&files).expect("a shop")
    }

    /// Every phrase, so long and large as it may be.
    fn longest(shop: &Shop) -> Phrases {
        let mut phrases = Phrases::default();
        for (phrase, text) in phrases.missing(shop) {
            let room = 4_000 - text.as_str().chars().count();
            let said = format!(" {}{}\n", text.as_str(), LARGE.repeat(room));
            assert!(phrases.add(shop, phrase, &said, &"engine".into()));
        }
        phrases
    }

    #[test]
    fn as_many_languages_of_the_longest_phrases_as_there_may_be_are_kept_and_a_larger_file_is_not()
    {
        let folder = tempfile::tempdir().expect("a folder");
        let (store, shop) = (PhraseStore::of(folder.path()), longest_shop());
        let phrases = Arc::new(longest(&shop));
        let languages = |count| (0..count).map(|it| (language(it), phrases.clone())).collect();

        store.write(&shop, &languages(LANGUAGES_MAX)).expect("written");

        let bytes = fs::metadata(store.path(&shop.id)).expect("the file").len();
        assert!(bytes > FILE_BYTES_MAX * 3 / 4, "{bytes} are nearly as many as may be");
        let read = store.read(&shop);
        assert_eq!(read.len(), LANGUAGES_MAX);
        assert!(read.values().all(|it| *it == *phrases));
        let refused = store.write(&shop, &languages(LANGUAGES_MAX * 3 / 2)).expect_err("too large");
        assert!(refused.to_string().contains("larger than"), "{refused}");
        assert_eq!(store.read(&shop).len(), LANGUAGES_MAX, "what was kept stays");
        fs::write(store.path(&shop.id), vec![b' '; FILE_BYTES_MAX as usize + 1]).expect("written");
        assert!(store.read(&shop).is_empty());
    }

    #[test]
    fn of_a_file_with_too_many_languages_so_many_are_read_as_are_remembered() {
        let folder = tempfile::tempdir().expect("a folder");
        let (store, shop) = (PhraseStore::of(folder.path()), Shop::embedded_demo());
        let phrases = Arc::new(longest(&shop));
        let languages = (0..LANGUAGES_MAX + 9).map(|it| (language(it), phrases.clone())).collect();

        store.write(&shop, &languages).expect("written");

        assert_eq!(store.read(&shop).len(), LANGUAGES_MAX);
    }

    #[test]
    fn a_file_of_another_version_is_set_aside_and_not_written_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let (store, shop) = (PhraseStore::of(folder.path()), Shop::embedded_demo());
        let phrases = BTreeMap::from([(language(1), Arc::new(longest(&shop)))]);
        store.write(&shop, &phrases).expect("written");
        let path = store.path(&shop.id);
        let written = fs::read_to_string(&path).expect("the file");
        let later = written.replacen("\"version\":1,", "\"version\":2,\"more\":[],", 1);
        assert_ne!(later, written);
        fs::write(&path, &later).expect("written");

        assert!(store.read(&shop).is_empty());

        store.write(&shop, &phrases).expect("written");
        let aside = fs::read_to_string(path.with_extension("other")).expect("it is set aside");
        assert_eq!(aside, later);
        assert_eq!(store.read(&shop).len(), 1);
        fs::write(&path, written.replacen("\"version\":1,", "", 1)).expect("written");
        assert!(store.read(&shop).is_empty(), "one that names no version is of another");
    }

    #[test]
    fn what_is_damaged_or_was_said_by_others_is_begun_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let (store, shop) = (PhraseStore::of(folder.path()), Shop::embedded_demo());
        assert!(store.read(&shop).is_empty(), "there is none");
        let phrases = BTreeMap::from([(language(1), Arc::new(longest(&shop)))]);
        store.write(&shop, &phrases).expect("written");
        assert_eq!(store.read(&shop).len(), 1);

        let mut other = Shop::embedded_demo();
        let term = Term { name: "bag".to_owned(), translations: BTreeMap::new() };
        other.translators.terms.push(term);
        assert!(store.read(&other).is_empty());
        let written = fs::read(store.path(&shop.id)).expect("the file");
        fs::write(store.path(&shop.id), &written[..written.len() / 2]).expect("written");
        assert!(store.read(&shop).is_empty());
        store.write(&shop, &phrases).expect("written over");
        assert_eq!(store.read(&shop).len(), 1);
    }
}
