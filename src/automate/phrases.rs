//! The phrases of a shop in a language that it did not write them in.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::config::shop::{Answers, Phrase, Shop, Template};

/// What was made of the phrases of one shop in one language, by the texts that were given: a phrase that
/// the shop has changed since is not known any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Phrases {
    by_text: BTreeMap<Arc<str>, Anew>,
    by: Arc<str>,
}

/// A phrase in the other language.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Anew {
    /// As whoever translates it said it.
    said: Arc<str>,
    /// As it is used.
    template: Template,
}

/// The same as it is written to a file: what each text has become, and by whom.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptPhrases {
    said: BTreeMap<Arc<str>, Arc<str>>,
    by: Arc<str>,
}

impl Phrases {
    /// The phrases of the shop that are still to be translated, as they are to be given to whoever does it.
    pub fn missing(&self, shop: &Shop) -> Vec<(Phrase, Template)> {
        let own = own(shop);
        let all = Phrase::ALL.map(|phrase| (phrase, own.to_translate(phrase)));
        all.into_iter().filter(|(_, text)| !self.by_text.contains_key(text.as_str())).collect()
    }

    /// Takes what a phrase of the shop became, and who translated it; whether it fits.
    pub fn add(&mut self, shop: &Shop, phrase: Phrase, said: &str, by: &Arc<str>) -> bool {
        let own = own(shop);
        let Some(template) = own.said_anew(phrase, said) else { return false };
        let anew = Anew { said: said.into(), template };
        self.by_text.insert(own.to_translate(phrase).as_str().into(), anew);
        self.by = by.clone();
        true
    }

    /// Forgets what the shop says no longer.
    pub fn keep_only_of(&mut self, shop: &Shop) {
        let own = own(shop);
        let said = Phrase::ALL.map(|phrase| own.to_translate(phrase));
        self.by_text.retain(|text, _| said.iter().any(|it| it.as_str() == &**text));
    }

    /// Who translated them: of several the last.
    pub fn by(&self) -> &Arc<str> {
        &self.by
    }

    pub(super) fn get(&self, own: &Answers, phrase: Phrase) -> Option<&Template> {
        self.by_text.get(own.to_translate(phrase).as_str()).map(|anew| &anew.template)
    }

    /// What is written of them.
    pub fn to_keep(&self) -> KeptPhrases {
        let said = self.by_text.iter().map(|(text, anew)| (text.clone(), anew.said.clone()));
        KeptPhrases { said: said.collect(), by: self.by.clone() }
    }

    /// What was written, as far as the shop still says it and it fits.
    pub fn kept(shop: &Shop, kept: &KeptPhrases) -> Self {
        let mut phrases = Self::default();
        for (phrase, text) in phrases.missing(shop) {
            if let Some(said) = kept.said.get(text.as_str()) {
                // One that does not fit is asked for again.
                phrases.add(shop, phrase, said, &kept.by);
            }
        }
        phrases
    }
}

/// What is translated: the sentences in the shop's own language.
fn own(shop: &Shop) -> &Answers {
    let own = shop.knowledge.answers.get(shop.default_language);
    own.expect("a shop has sentences in its default language")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::shop::ShopFiles;

    #[test]
    fn a_phrase_that_the_shop_has_changed_is_asked_for_again_and_no_other() {
        let shop = Shop::embedded_demo();
        let mut phrases = Phrases::default();
        for (phrase, text) in phrases.missing(&shop) {
            assert!(phrases.add(&shop, phrase, &format!("yo: {}", text.as_str()), &"e".into()));
        }
        assert_eq!(phrases.missing(&shop), []);
        let mut files = ShopFiles::demo();
        let english = files.0.get_mut("answers/en.toml").expect("the file");
        *english = english.replace("Your request {reference}", "Ticket {reference}");
        let changed = Shop::from_files(&files).expect("a shop");

        let missing = phrases.missing(&changed);

        assert_eq!(missing.len(), 1);
        assert_eq!(
            (missing[0].0, missing[0].1.as_str()),
            (Phrase::EmailSubject, "Ticket {reference}")
        );
        phrases.keep_only_of(&changed);
        assert_eq!(phrases.missing(&shop).len(), 1, "the old one is forgotten");
    }

    #[test]
    fn phrases_that_were_kept_are_the_same_but_for_what_fits_no_longer() {
        let shop = Shop::embedded_demo();
        let mut phrases = Phrases::default();
        for (phrase, text) in phrases.missing(&shop) {
            assert!(phrases.add(&shop, phrase, &format!("yo: {}", text.as_str()), &"e".into()));
        }

        let written = serde_json::to_string(&phrases.to_keep()).expect("JSON");
        let kept: KeptPhrases = serde_json::from_str(&written).expect("what was written");
        assert_eq!(Phrases::kept(&shop, &kept), phrases);

        let unfit = written.replacen("yo: ", "yo {nothing}: ", 1);
        let kept: KeptPhrases = serde_json::from_str(&unfit).expect("JSON");
        assert_eq!(Phrases::kept(&shop, &kept).missing(&shop).len(), 1);
    }
}
