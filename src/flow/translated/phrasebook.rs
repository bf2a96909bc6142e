//! The phrases of shops in languages that they did not write: each is translated once for each language,
//! off everybody's way, and handed to all owners of conversations.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use tokio::task::JoinSet;

use super::task::Served;
use super::words::PhrasesCame;
use crate::automate::Phrases;
use crate::config::shop::Shop;
use crate::domain::{Language, ShopId, Untranslated};
use crate::flow::shard::Shops;
use crate::translate::Translation;

/// Languages of a shop in which its phrases are kept; customers of others read the shop's own.
const LANGUAGES_MAX: usize = 64;
/// Phrases of one language that are translated at a time.
const AT_A_TIME: usize = 4;
/// When a language is asked for again of which not every phrase could be translated.
const AGAIN_AFTER: Duration = Duration::from_secs(60);

type Key = (ShopId, Language);

/// What was translated, and what is being translated.
#[derive(Default)]
pub(super) struct Phrasebook {
    known: BTreeMap<Key, Arc<Phrases>>,
    asked: BTreeSet<Key>,
    failed_at: BTreeMap<Key, Instant>,
    making: JoinSet<Made>,
}

/// What came of translating the phrases of a language.
pub(super) struct Made {
    /// For the owners.
    pub came: PhrasesCame,
    /// Of each phrase that was asked for, why there is none.
    pub results: Vec<Option<Untranslated>>,
}

impl Phrasebook {
    /// Whether anything is being translated.
    pub fn is_making(&self) -> bool {
        !self.making.is_empty()
    }

    /// Has the phrases of a shop translated, unless that is being done, or has just failed.
    pub fn want(&mut self, shop: &Arc<Shop>, served: &Arc<Served>, language: Language) {
        let key = (shop.id.clone(), language);
        let is_early = self.failed_at.get(&key).is_some_and(|at| at.elapsed() < AGAIN_AFTER);
        let known = self.known.keys().chain(&self.asked).chain(self.failed_at.keys());
        let languages: BTreeSet<&Key> = known.filter(|(of, _)| *of == shop.id).collect();
        let has_room = languages.len() < LANGUAGES_MAX || languages.contains(&key);
        if is_early || !has_room || !self.asked.insert(key.clone()) {
            return;
        }
        let phrases = self.known.get(&key).map_or_else(Phrases::default, |it| (**it).clone());
        self.making.spawn(translate(shop.clone(), served.clone(), language, phrases));
    }

    /// Waits until the phrases of a language are translated, as far as they can be.
    pub async fn next_made(&mut self, shops: &Shops) -> Option<Made> {
        // A task that panics has told so.
        let made = self.making.join_next().await?.ok()?;
        let came = &made.came;
        let key = (came.shop.clone(), came.language);
        self.asked.remove(&key);
        let shop = shops.get(&came.shop)?;
        if came.phrases.missing(shop).is_empty() {
            self.failed_at.remove(&key);
        } else {
            self.failed_at.insert(key.clone(), Instant::now());
        }
        self.known.insert(key, came.phrases.clone());
        Some(made)
    }

    /// Works by new shops: what those say no longer is forgotten.
    pub fn take_shops(&mut self, shops: &Shops) {
        self.failed_at.clear();
        self.known.retain(|(shop, _), _| shops.contains_key(shop));
        for ((shop, _), phrases) in &mut self.known {
            Arc::make_mut(phrases).keep_only_of(&shops[shop]);
        }
    }
}

/// Translates what is missing. What does not come, or comes damaged, is left out.
async fn translate(
    shop: Arc<Shop>,
    served: Arc<Served>,
    language: Language,
    mut phrases: Phrases,
) -> Made {
    let mut results = Vec::new();
    let from = shop.default_language;
    let texts = futures_util::stream::iter(phrases.missing(&shop)).map(|(phrase, text)| {
        let served = served.clone();
        async move { (phrase, served.translate_phrase(text.as_str(), from, language).await) }
    });
    let mut said = texts.buffer_unordered(AT_A_TIME);
    while let Some((phrase, said)) = said.next().await {
        let fits = |said: Translation| {
            let fits = phrases.add(&shop, phrase, &said.text, &said.engine);
            fits.then_some(()).ok_or(Untranslated::Unfit)
        };
        results.push(said.and_then(fits).err());
    }
    let came = PhrasesCame { shop: shop.id.clone(), language, phrases: Arc::new(phrases) };
    Made { came, results }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::shop::ShopFiles;

    /// The demo shop with an engine that nobody answers for.
    fn shop() -> Arc<Shop> {
        let mut files = ShopFiles::demo();
        files.0.get_mut("shop.toml").expect("the file").push_str(
            "\n[translation]\n[[translation.engines]]\nkind = \"libretranslate\"\n\
             url = \"http://127.0.0.1:9\"\n",
        );
        Arc::new(Shop::from_files(&files).expect("a shop"))
    }

    fn language(number: usize) -> Language {
        let letter = |n: usize| char::from(b'a' + u8::try_from(n % 26).expect("a letter"));
        format!("q{}{}", letter(number / 26), letter(number)).parse().expect("a language")
    }

    #[tokio::test]
    async fn a_shop_has_its_phrases_in_so_many_languages_and_is_asked_once_for_each() {
        let shop = shop();
        let served = Arc::new(Served::new(shop.translators.clone()).expect("engines"));
        let shops: Shops = Arc::new([(shop.id.clone(), shop.clone())].into_iter().collect());
        let mut phrasebook = Phrasebook::default();

        for number in 0..=LANGUAGES_MAX {
            phrasebook.want(&shop, &served, language(number));
            phrasebook.want(&shop, &served, language(number));
        }

        assert_eq!(phrasebook.making.len(), LANGUAGES_MAX);
        let made = phrasebook.next_made(&shops).await.expect("one");
        let failed = made.results.iter().all(|result| *result == Some(Untranslated::Failed));
        assert!(failed && made.results.len() == 12, "{:?}", made.results);
        phrasebook.want(&shop, &served, made.came.language);
        assert_eq!(phrasebook.making.len(), LANGUAGES_MAX - 1, "what has just failed waits");
    }
}
