//! The phrases of shops in languages that they did not write: which are known, which are being translated, and
//! when one is asked for again. Pure: it takes `now`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::words::{PhrasesCame, same_translators};
use crate::automate::Phrases;
use crate::config::shop::Shop;
use crate::domain::{Language, ShopId, Timestamp};
use crate::flow::shard::Shops;

/// Languages of a shop that are remembered; of more, those that could not be translated go first, then those
/// that came first. So many are translated at a time.
pub(super) const LANGUAGES_MAX: usize = 64;
/// When a language is asked for again of which not every phrase could be translated.
const AGAIN_AFTER: Duration = Duration::from_secs(60);

/// What was translated, and what is being translated.
#[derive(Default)]
pub(super) struct Phrasebook(BTreeMap<ShopId, Spoken>);

/// The languages of one shop.
#[derive(Default)]
struct Spoken {
    known: BTreeMap<Language, Known>,
    asked: BTreeSet<Language>,
}

/// What came of a language at last, which may be nothing.
struct Known {
    phrases: Arc<Phrases>,
    at: Timestamp,
    failed: bool,
}

impl Phrasebook {
    /// What is known of the phrases of a shop in a language, where the rest is to be translated now: not
    /// while that is being done, nor when it has just failed, nor in one language too many at a time.
    pub fn want(&mut self, now: Timestamp, shop: &Shop, language: Language) -> Option<Phrases> {
        let Spoken { known, asked } = self.0.entry(shop.id.clone()).or_default();
        let known = known.get(&language);
        let is_early = known.is_some_and(|it| it.failed && it.at + AGAIN_AFTER > now);
        if is_early || asked.len() == LANGUAGES_MAX || !asked.insert(language) {
            return None;
        }
        Some(known.map_or_else(Phrases::default, |it| (*it.phrases).clone()))
    }

    /// Takes what came of translating, whether it is whole. That of translators whom the shop has no more is
    /// left out.
    pub fn take(&mut self, now: Timestamp, shops: &Shops, came: &PhrasesCame) -> bool {
        let is_served = |shop: &&Arc<Shop>| shop.translators == came.shop.translators;
        let Some(shop) = shops.get(&came.shop.id).filter(is_served) else { return false };
        let Spoken { known, asked } = self.0.entry(shop.id.clone()).or_default();
        asked.remove(&came.language);
        let failed = !came.phrases.missing(shop).is_empty();
        known.insert(came.language, Known { phrases: came.phrases.clone(), at: now, failed });
        let first = known.iter().min_by_key(|(_, known)| (!known.failed, known.at));
        if let Some((&first, _)) = first.filter(|_| known.len() > LANGUAGES_MAX) {
            known.remove(&first);
        }
        !failed
    }

    /// Takes what an earlier process knew, whether it is whole. What is missing is asked for when it is wanted.
    pub fn restore(&mut self, now: Timestamp, came: &PhrasesCame) -> bool {
        let PhrasesCame { shop, language, phrases } = came;
        let known = &mut self.0.entry(shop.id.clone()).or_default().known;
        if known.len() < LANGUAGES_MAX {
            known.insert(*language, Known { phrases: phrases.clone(), at: now, failed: false });
        }
        phrases.missing(shop).is_empty()
    }

    /// What is known of a shop.
    pub fn known(&self, shop: &ShopId) -> BTreeMap<Language, Arc<Phrases>> {
        let known = self.0.get(shop).into_iter().flat_map(|spoken| &spoken.known);
        known.map(|(language, known)| (*language, known.phrases.clone())).collect()
    }

    /// Works by new shops: what those say no longer, or have somebody else translate, is forgotten; what
    /// failed is asked for at once.
    pub fn take_shops(&mut self, before: &Shops, shops: &Shops) {
        self.0.retain(|shop, _| same_translators(before, shops, shop));
        for (shop, spoken) in &mut self.0 {
            for known in spoken.known.values_mut() {
                Arc::make_mut(&mut known.phrases).keep_only_of(&shops[shop]);
                known.failed = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::shop::Term;

    const NOW: Timestamp = Timestamp::from_millis(5);

    fn language(number: usize) -> Language {
        let letter = |n: usize| char::from(b'a' + u8::try_from(n % 26).expect("a letter"));
        format!("q{}{}", letter(number / 26), letter(number)).parse().expect("a language")
    }

    fn shop() -> Arc<Shop> {
        Arc::new(Shop::embedded_demo())
    }

    fn shops(shop: &Arc<Shop>) -> Shops {
        Arc::new([(shop.id.clone(), shop.clone())].into_iter().collect())
    }

    /// The first phrases that are missing, so many of them, said anew.
    fn translate(
        shop: &Arc<Shop>,
        language: Language,
        known: Phrases,
        count: usize,
    ) -> PhrasesCame {
        let mut phrases = known;
        for (phrase, text) in phrases.missing(shop).into_iter().take(count) {
            assert!(phrases.add(shop, phrase, text.as_str(), &"engine".into()));
        }
        PhrasesCame { shop: shop.clone(), language, phrases: Arc::new(phrases) }
    }

    #[test]
    fn so_many_languages_of_a_shop_are_translated_at_a_time_and_each_once() {
        let shop = shop();
        let mut phrasebook = Phrasebook::default();

        let mut want = |number| phrasebook.want(NOW, &shop, language(number)).is_some();

        assert!((0..LANGUAGES_MAX).all(&mut want), "each language once");
        assert!(!(0..=LANGUAGES_MAX).any(&mut want), "none again, and none more");
    }

    #[test]
    fn languages_of_which_nothing_came_take_no_place_of_those_that_customers_read() {
        let shop = shop();
        let shops = shops(&shop);
        let mut phrasebook = Phrasebook::default();
        let at = |number: usize| NOW + Duration::from_millis(number as u64);
        let mut comes = |number, count| {
            let known = phrasebook.want(at(number), &shop, language(number));
            let came = translate(&shop, language(number), known.expect("it is asked for"), count);
            phrasebook.take(at(number), &shops, &came)
        };

        assert!(comes(0, usize::MAX));
        for number in 1..3 * LANGUAGES_MAX {
            assert!(!comes(number, 0));
        }
        let whole = 3 * LANGUAGES_MAX..4 * LANGUAGES_MAX - 1;
        for number in whole.clone() {
            assert!(comes(number, usize::MAX), "{number}");
        }
        let known = |phrasebook: &Phrasebook| {
            phrasebook.0[&shop.id].known.keys().copied().collect::<BTreeSet<_>>()
        };
        let kept: BTreeSet<_> = [0].into_iter().chain(whole.clone()).map(language).collect();
        assert_eq!(known(&phrasebook), kept, "the first is known beside all of these");

        let last = 4 * LANGUAGES_MAX;
        let came = translate(&shop, language(last), Phrases::default(), usize::MAX);
        phrasebook.take(at(last), &shops, &came);

        let kept: BTreeSet<_> = whole.chain([last]).map(language).collect();
        assert_eq!(known(&phrasebook), kept, "of those that came, the first went");
    }

    #[test]
    fn what_could_not_be_translated_is_asked_for_again_after_a_while_and_keeps_the_rest() {
        let shop = shop();
        let mut phrasebook = Phrasebook::default();
        let known = phrasebook.want(NOW, &shop, language(1)).expect("nothing is known");
        let came = translate(&shop, language(1), known, 1);

        assert!(!phrasebook.take(NOW, &shops(&shop), &came), "it is not whole");

        let just_before = NOW + (AGAIN_AFTER - Duration::from_millis(1));
        assert_eq!(phrasebook.want(just_before, &shop, language(1)), None);
        let again = phrasebook.want(NOW + AGAIN_AFTER, &shop, language(1));
        assert_eq!(again.as_ref(), Some(&*came.phrases));
    }

    #[test]
    fn what_a_shop_had_translated_by_another_glossary_is_translated_anew() {
        let (before, same) = (shop(), shop());
        let mut changed = Shop::embedded_demo();
        let term = Term { name: "bag".to_owned(), translations: BTreeMap::new() };
        changed.translators.terms.push(term);
        let changed = Arc::new(changed);
        let mut phrasebook = Phrasebook::default();
        let came = translate(&before, language(1), Phrases::default(), usize::MAX);
        assert!(phrasebook.take(NOW, &shops(&before), &came));
        let want = |phrasebook: &mut Phrasebook| phrasebook.want(NOW, &same, language(1));

        phrasebook.take_shops(&shops(&before), &shops(&same));
        assert_eq!(want(&mut phrasebook).as_ref(), Some(&*came.phrases), "nothing has changed");
        phrasebook.take_shops(&shops(&same), &shops(&changed));

        assert_eq!(want(&mut phrasebook), Some(Phrases::default()), "asked for at once");
        assert!(!phrasebook.take(NOW, &shops(&changed), &came), "it was on its way");
        assert_eq!(want(&mut phrasebook), None, "what is on its way now still is");
    }
}
