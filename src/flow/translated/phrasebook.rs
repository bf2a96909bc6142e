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

    /// Takes what came of translating, as far as the shop still says it, and whether it is whole; `None` where
    /// it is left out, as the shop has others translate now.
    pub fn take(&mut self, now: Timestamp, shops: &Shops, came: &mut PhrasesCame) -> Option<bool> {
        let is_served = |shop: &&Arc<Shop>| shop.translators.say_as(&came.shop.translators);
        let shop = shops.get(&came.shop.id).filter(is_served)?;
        if !Arc::ptr_eq(shop, &came.shop) {
            came.shop = shop.clone();
            Arc::make_mut(&mut came.phrases).keep_only_of(shop);
        }
        let Spoken { known, asked } = self.0.entry(shop.id.clone()).or_default();
        asked.remove(&came.language);
        let failed = !came.phrases.missing(shop).is_empty();
        known.insert(came.language, Known { phrases: came.phrases.clone(), at: now, failed });
        let first = known.iter().min_by_key(|(_, known)| (!known.failed, known.at));
        if let Some((&first, _)) = first.filter(|_| known.len() > LANGUAGES_MAX) {
            known.remove(&first);
        }
        Some(!failed)
    }

    /// Takes what was kept, whether it is whole. What is missing is asked for when it is wanted.
    pub fn restore(&mut self, now: Timestamp, came: &PhrasesCame) -> bool {
        let PhrasesCame { shop, language, phrases } = came;
        let known = &mut self.0.entry(shop.id.clone()).or_default().known;
        let has_place = known.len() < LANGUAGES_MAX && is_of_use(shop, *language, phrases);
        if has_place {
            known.insert(*language, Known { phrases: phrases.clone(), at: now, failed: false });
        }
        has_place && phrases.missing(shop).is_empty()
    }

    /// What is known of a shop, without languages of which nothing is.
    pub fn known(&self, shop: &ShopId) -> BTreeMap<Language, Arc<Phrases>> {
        let known = self.0.get(shop).into_iter().flat_map(|spoken| &spoken.known);
        let known = known.filter(|(_, known)| !known.phrases.is_empty());
        known.map(|(language, known)| (*language, known.phrases.clone())).collect()
    }

    /// Works by new shops: what those say no longer, or have somebody else translate, is forgotten; what
    /// failed is asked for at once.
    pub fn take_shops(&mut self, before: &Shops, shops: &Shops) {
        self.0.retain(|shop, _| same_translators(before, shops, shop));
        for (shop, spoken) in &mut self.0 {
            let shop = &shops[shop];
            spoken.known.retain(|language, known| {
                Arc::make_mut(&mut known.phrases).keep_only_of(shop);
                known.failed = false;
                is_of_use(shop, *language, &known.phrases)
            });
        }
    }
}

/// Whether phrases are worth a place: there are some, and the shop has not written the language itself since.
fn is_of_use(shop: &Shop, language: Language, phrases: &Phrases) -> bool {
    !phrases.is_empty() && shop.knowledge.answers.get(language).is_none()
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
            let known = known.expect("it is asked for");
            let mut came = translate(&shop, language(number), known, count);
            phrasebook.take(at(number), &shops, &mut came).expect("it is of these translators")
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
        let mut came = translate(&shop, language(last), Phrases::default(), usize::MAX);
        assert_eq!(phrasebook.take(at(last), &shops, &mut came), Some(true));

        let kept: BTreeSet<_> = whole.chain([last]).map(language).collect();
        assert_eq!(known(&phrasebook), kept, "of those that came, the first went");
    }

    #[test]
    fn what_could_not_be_translated_is_asked_for_again_after_a_while_and_keeps_the_rest() {
        let shop = shop();
        let mut phrasebook = Phrasebook::default();
        let known = phrasebook.want(NOW, &shop, language(1)).expect("nothing is known");
        let mut came = translate(&shop, language(1), known, 1);

        assert_eq!(phrasebook.take(NOW, &shops(&shop), &mut came), Some(false), "not whole");

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
        let mut came = translate(&before, language(1), Phrases::default(), usize::MAX);
        assert_eq!(phrasebook.take(NOW, &shops(&before), &mut came), Some(true));
        let want = |phrasebook: &mut Phrasebook| phrasebook.want(NOW, &same, language(1));

        phrasebook.take_shops(&shops(&before), &shops(&same));
        assert_eq!(want(&mut phrasebook).as_ref(), Some(&*came.phrases), "nothing has changed");
        phrasebook.take_shops(&shops(&same), &shops(&changed));

        assert_eq!(want(&mut phrasebook), Some(Phrases::default()), "asked for at once");
        assert_eq!(phrasebook.take(NOW, &shops(&changed), &mut came), None, "it was on its way");
        assert_eq!(want(&mut phrasebook), None, "what is on its way now still is");
        assert_eq!(phrasebook.known(&changed.id), BTreeMap::new());
    }

    #[test]
    fn a_shop_with_another_timeout_knows_all_that_it_did_and_takes_what_was_on_its_way() {
        let before = shop();
        let mut changed = Shop::embedded_demo();
        changed.translators.timeout += Duration::from_secs(1);
        let changed = Arc::new(changed);
        let mut phrasebook = Phrasebook::default();
        let mut came = translate(&before, language(1), Phrases::default(), usize::MAX);
        assert_eq!(phrasebook.take(NOW, &shops(&before), &mut came), Some(true));
        let mut on_its_way = translate(&before, language(2), Phrases::default(), usize::MAX);

        phrasebook.take_shops(&shops(&before), &shops(&changed));

        assert_eq!(phrasebook.take(NOW, &shops(&changed), &mut on_its_way), Some(true));
        assert!(Arc::ptr_eq(&on_its_way.shop, &changed));
        let known: Vec<Language> = phrasebook.known(&changed.id).into_keys().collect();
        assert_eq!(known, [language(1), language(2)]);
    }

    #[test]
    fn languages_of_which_nothing_is_left_or_that_the_shop_writes_itself_are_not_restored() {
        let shop = shop();
        let mut phrasebook = Phrasebook::default();
        let german = "de".parse().expect("a language");
        assert!(shop.knowledge.answers.get(german).is_some());

        let nothing = translate(&shop, language(1), Phrases::default(), 0);
        let one = translate(&shop, language(2), Phrases::default(), 1);
        let own = translate(&shop, german, Phrases::default(), usize::MAX);
        for came in [nothing, one, own] {
            assert!(!phrasebook.restore(NOW, &came));
        }

        let known: Vec<Language> = phrasebook.known(&shop.id).into_keys().collect();
        assert_eq!(known, [language(2)]);
    }
}
