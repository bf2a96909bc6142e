//! The phrases of a shop in a language that it did not write them in.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::config::shop::{Answers, Phrase, Shop, Template};

/// What was made of the phrases of one shop in one language, by what they were made of: a phrase that the shop
/// has changed since is not known any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Phrases {
    made_of: BTreeMap<MadeOf, Anew>,
    by: Arc<str>,
}

/// What a phrase in the other language is made of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct MadeOf {
    /// The text that was given to whoever translates it.
    given: Arc<str>,
    /// The word that brings a person, which was put in afterwards: the hint of another word brings nobody.
    word: Option<Box<str>>,
}

/// A phrase in the other language.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Anew {
    /// As whoever translates it said it, without what stood around it.
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
        let missing = |phrase: &Phrase| !self.made_of.contains_key(&MadeOf::of(own, *phrase));
        let missing = Phrase::ALL.into_iter().filter(missing);
        missing.map(|phrase| (phrase, own.to_translate(phrase))).collect()
    }

    /// Takes what a phrase of the shop became, and who translated it; whether it fits.
    pub fn add(&mut self, shop: &Shop, phrase: Phrase, said: &str, by: &Arc<str>) -> bool {
        let own = own(shop);
        let Some(template) = own.said_anew(phrase, said) else { return false };
        let anew = Anew { said: said.trim().into(), template };
        self.made_of.insert(MadeOf::of(own, phrase), anew);
        self.by = by.clone();
        true
    }

    /// Forgets what the shop says no longer, and puts in the word that brings a person now.
    pub fn keep_only_of(&mut self, shop: &Shop) {
        *self = Self::kept(shop, &self.to_keep());
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.made_of.is_empty()
    }

    /// Who translated them: of several the last.
    pub fn by(&self) -> &Arc<str> {
        &self.by
    }

    pub(super) fn get(&self, own: &Answers, phrase: Phrase) -> Option<&Template> {
        self.made_of.get(&MadeOf::of(own, phrase)).map(|anew| &anew.template)
    }

    /// What is written of them.
    pub fn to_keep(&self) -> KeptPhrases {
        let said = self.made_of.iter().map(|(of, anew)| (of.given.clone(), anew.said.clone()));
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

impl MadeOf {
    fn of(own: &Answers, phrase: Phrase) -> Self {
        let word = (phrase == Phrase::PersonHint).then(|| own.person_word_of_hint().into());
        Self { given: own.to_translate(phrase).as_str().into(), word }
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
    fn a_hint_never_names_a_word_that_brought_a_person_before() {
        let shop = Shop::embedded_demo();
        let mut phrases = Phrases::default();
        for (phrase, text) in phrases.missing(&shop) {
            assert!(phrases.add(&shop, phrase, &format!("yo: {}", text.as_str()), &"e".into()));
        }
        let mut files = ShopFiles::demo();
        let english = files.0.get_mut("answers/en.toml").expect("the file");
        *english = english
            .replace("person_words = [\"person\", \"human\",", "person_words = [\"human\",")
            .replace("write \\\"person\\\"", "write \\\"human\\\"");
        let changed = Shop::from_files(&files).expect("a shop");
        let hint = |phrases: &Phrases| {
            let hint = phrases.get(own(&changed), Phrase::PersonHint);
            hint.map(|template| template.as_str().to_owned())
        };

        assert_eq!(hint(&phrases), None, "it is not said as it was");
        let missing: Vec<Phrase> = phrases.missing(&changed).into_iter().map(|it| it.0).collect();
        assert_eq!(missing, [Phrase::PersonHint]);

        phrases.keep_only_of(&changed);
        assert_eq!(phrases.missing(&changed), [], "nobody has to translate it again");
        let hint = hint(&phrases).expect("it is known");
        assert!(hint.contains("write \"human\""), "{hint}");
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
