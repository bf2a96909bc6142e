//! The phrases of shops in languages that they did not write: which are known, which are being translated, and
//! when one is asked for again. Pure: it takes `now`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::words::PhrasesCame;
use crate::automate::Phrases;
use crate::config::shop::Shop;
use crate::domain::{Language, ShopId, Timestamp};
use crate::flow::shard::Shops;

/// Languages of a shop in which its phrases are kept; customers of others read the shop's own.
const LANGUAGES_MAX: usize = 64;
/// When a language is asked for again of which not every phrase could be translated.
const AGAIN_AFTER: Duration = Duration::from_secs(60);

type Key = (ShopId, Language);

/// What was translated, and what is being translated.
#[derive(Default)]
pub(super) struct Phrasebook {
    known: BTreeMap<Key, Arc<Phrases>>,
    asked: BTreeSet<Key>,
    failed_at: BTreeMap<Key, Timestamp>,
}

impl Phrasebook {
    /// What is known of the phrases of a shop in a language, where the rest is to be translated now: not
    /// while that is being done, nor when it has just failed, nor in one language too many.
    pub fn want(&mut self, now: Timestamp, shop: &Shop, language: Language) -> Option<Phrases> {
        let key = (shop.id.clone(), language);
        let is_early = self.failed_at.get(&key).is_some_and(|at| *at + AGAIN_AFTER > now);
        let known = self.known.keys().chain(&self.asked);
        let languages: BTreeSet<&Key> = known.filter(|(of, _)| *of == shop.id).collect();
        let has_room = languages.len() < LANGUAGES_MAX || languages.contains(&key);
        if is_early || !has_room || !self.asked.insert(key.clone()) {
            return None;
        }
        Some(self.known.get(&key).map_or_else(Phrases::default, |it| (**it).clone()))
    }

    /// Takes what came of translating.
    pub fn take(&mut self, now: Timestamp, shops: &Shops, came: &PhrasesCame) {
        let key = (came.shop.clone(), came.language);
        self.asked.remove(&key);
        let Some(shop) = shops.get(&came.shop) else { return };
        if came.phrases.missing(shop).is_empty() {
            self.failed_at.remove(&key);
        } else {
            self.failed_at.insert(key.clone(), now);
        }
        self.known.insert(key, came.phrases.clone());
    }

    /// Works by new shops: what those say no longer is forgotten, and what failed is asked for at once.
    pub fn take_shops(&mut self, shops: &Shops) {
        self.failed_at.clear();
        self.known.retain(|(shop, _), _| shops.contains_key(shop));
        for ((shop, _), phrases) in &mut self.known {
            Arc::make_mut(phrases).keep_only_of(&shops[shop]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn language(number: usize) -> Language {
        let letter = |n: usize| char::from(b'a' + u8::try_from(n % 26).expect("a letter"));
        format!("q{}{}", letter(number / 26), letter(number)).parse().expect("a language")
    }

    #[test]
    fn a_shop_has_its_phrases_in_so_many_languages_and_is_asked_once_for_each() {
        let (shop, now) = (Arc::new(Shop::embedded_demo()), Timestamp::from_millis(5));
        let mut phrasebook = Phrasebook::default();

        let mut want = |number| phrasebook.want(now, &shop, language(number)).is_some();

        assert!((0..LANGUAGES_MAX).all(&mut want), "each language once");
        assert!(!(0..=LANGUAGES_MAX).any(&mut want), "none again, and none more");
    }

    #[test]
    fn what_could_not_be_translated_is_asked_for_again_after_a_while_and_keeps_the_rest() {
        let (shop, now) = (Arc::new(Shop::embedded_demo()), Timestamp::from_millis(5));
        let shops: Shops = Arc::new([(shop.id.clone(), shop.clone())].into_iter().collect());
        let mut phrasebook = Phrasebook::default();
        let mut phrases = phrasebook.want(now, &shop, language(1)).expect("nothing is known");
        let (first, text) = phrases.missing(&shop).swap_remove(0);
        assert!(phrases.add(&shop, first, text.as_str(), &"engine".into()));
        let part = Arc::new(phrases);
        let came = |phrases: &Arc<Phrases>| PhrasesCame {
            shop: shop.id.clone(),
            language: language(1),
            phrases: phrases.clone(),
        };

        phrasebook.take(now, &shops, &came(&part));

        let just_before = now + (AGAIN_AFTER - Duration::from_millis(1));
        assert_eq!(phrasebook.want(just_before, &shop, language(1)), None);
        assert_eq!(phrasebook.want(now + AGAIN_AFTER, &shop, language(1)), Some((*part).clone()));
    }
}
