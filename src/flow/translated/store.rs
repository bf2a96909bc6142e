//! Phrases that were translated, in files, one for each shop, which outlive the process: a restart asks no
//! engine for what it had. Nothing that a customer said is in them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::phrasebook::LANGUAGES_MAX;
use crate::automate::{KeptPhrases, Phrases};
use crate::config::shop::Shop;
use crate::domain::{Language, ShopId};

/// The folder of these files in the data folder.
const FOLDER: &str = "phrases";
/// Largest file that is read: more than every phrase of so many languages can be.
const FILE_BYTES_MAX: u64 = 32 << 20;

/// The files of all shops.
#[derive(Clone, Debug)]
pub struct PhraseStore {
    folder: PathBuf,
}

/// What is kept of a shop.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// Who translated it, and by which glossary.
    translators: String,
    languages: BTreeMap<Language, KeptPhrases>,
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
                BTreeMap::new()
            }),
        };
        let phrases = |(language, kept)| (language, Phrases::kept(shop, &kept));
        kept.into_iter().take(LANGUAGES_MAX).map(phrases).collect()
    }

    /// Keeps it; what was kept before stays whole until then.
    pub(super) fn write(
        &self,
        shop: &Shop,
        phrases: &BTreeMap<Language, Arc<Phrases>>,
    ) -> io::Result<()> {
        let languages = phrases.iter().map(|(language, it)| (*language, it.to_keep())).collect();
        let kept = Kept { translators: shop.translators.mark(), languages };
        fs::create_dir_all(&self.folder)?;
        let path = self.path(&shop.id);
        let new = path.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(&serde_json::to_vec(&kept)?)?;
        file.sync_data()?;
        fs::rename(&new, &path)
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
    let kept: Kept = serde_json::from_slice(&bytes)?;
    if kept.translators != shop.translators.mark() {
        return Err(Unread::OtherTranslators);
    }
    Ok(kept.languages)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::shop::Term;

    fn language(number: usize) -> Language {
        let letter = |n: usize| char::from(b'a' + u8::try_from(n % 26).expect("a letter"));
        format!("q{}{}", letter(number / 26), letter(number)).parse().expect("a language")
    }

    /// Every phrase, so long as it may be.
    fn longest(shop: &Shop) -> Phrases {
        let mut phrases = Phrases::default();
        for (phrase, text) in phrases.missing(shop) {
            let room = 4_000 - text.as_str().chars().count();
            let said = format!("{}{}", "語".repeat(room), text.as_str());
            assert!(phrases.add(shop, phrase, &said, &"engine".into()));
        }
        phrases
    }

    #[test]
    fn as_many_languages_of_the_longest_phrases_as_there_may_be_are_kept_and_no_more_are_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let (store, shop) = (PhraseStore::of(folder.path()), Shop::embedded_demo());
        let phrases = Arc::new(longest(&shop));
        let languages = |count| (0..count).map(|it| (language(it), phrases.clone())).collect();

        store.write(&shop, &languages(LANGUAGES_MAX)).expect("written");

        let read = store.read(&shop);
        assert_eq!(read.len(), LANGUAGES_MAX);
        assert!(read.values().all(|it| *it == *phrases));
        store.write(&shop, &languages(LANGUAGES_MAX + 9)).expect("written");
        assert_eq!(store.read(&shop).len(), LANGUAGES_MAX);
        fs::write(store.path(&shop.id), vec![b' '; FILE_BYTES_MAX as usize + 1]).expect("written");
        assert!(store.read(&shop).is_empty());
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
