//! What the router says of itself to customers whose language the shop did not write: in phrases that were
//! translated ahead, else in the shop's own, which are translated on their way.

use std::sync::Arc;

use crate::automate::{Phrases, Voice, Words};
use crate::config::shop::Shop;
use crate::domain::{EventKind, Language, Pair, Said, Sender, ShopId, Timestamp, Translated};
use crate::flow::conversation::Conversation;
use crate::flow::shard::{Shard, Shops};
use crate::flow::step::Step;
use crate::flow::turn::Turn;

/// The phrases of a shop in one language, as far as they were translated.
#[derive(Clone, Debug)]
pub struct PhrasesCame {
    /// Whose, as it was when they were translated.
    pub shop: Arc<Shop>,
    /// In which language.
    pub language: Language,
    /// What.
    pub phrases: Arc<Phrases>,
}

/// Whether a shop is served by engines, with a glossary, that say everything as before.
pub(super) fn same_translators(before: &Shops, shops: &Shops, shop: &ShopId) -> bool {
    let pair = before.get(shop).zip(shops.get(shop));
    pair.is_some_and(|(before, now)| before.translators.say_as(&now.translators))
}

impl Shard {
    /// Takes phrases that were translated, unless the shop has others translate now.
    pub(in crate::flow) fn phrases_came(&mut self, came: PhrasesCame) {
        let PhrasesCame { shop, language, phrases } = came;
        let served = self.shops.get(&shop.id);
        if served.is_some_and(|served| served.translators.say_as(&shop.translators)) {
            self.phrases.insert((shop.id.clone(), language), phrases);
        }
    }

    /// Forgets the phrases of shops that are not served any more, or that have others translate now.
    pub(in crate::flow) fn forget_phrases(&mut self, before: &Shops) {
        let Self { phrases, shops, .. } = self;
        phrases.retain(|(shop, _), _| same_translators(before, shops, shop));
    }

    /// The phrases of a shop in a language that it did not write. Where there are none yet they are asked
    /// for, and nobody waits for them.
    pub(in crate::flow) fn phrases_of(
        &self,
        shop: &Shop,
        language: Language,
        turn: &mut Turn,
    ) -> Option<Arc<Phrases>> {
        if shop.knowledge.answers.get(language).is_some() || shop.translators.reads().is_none() {
            return None;
        }
        let known = self.phrases.get(&(shop.id.clone(), language));
        let whole = known.filter(|phrases| phrases.missing(shop).is_empty());
        if whole.is_none() {
            turn.phrases_wanted.push((shop.id.clone(), language));
        }
        whole.cloned()
    }

    /// Asks for the phrases in the language of a customer as soon as it is sure: they may be there before
    /// anything has to be said in them.
    pub(in crate::flow) fn want_phrases_for(&self, conversation: &Conversation, turn: &mut Turn) {
        let Some(shop) = self.shop(&conversation.opened.shop) else { return };
        let sure = conversation.latest.as_ref().map(|latest| latest.language);
        let sure = sure.filter(|it| it.confidence >= shop.answering.language_confidence);
        if let Some(language) = sure {
            self.phrases_of(&shop, language.label, turn);
        }
    }

    /// Says something of the router's own to a customer who reads `language`. Gives what a letter would say.
    pub(in crate::flow) fn speak(
        &mut self,
        now: Timestamp,
        (shop, language): (&Shop, Language),
        write: impl Fn(&Voice<'_>) -> String,
        step: &mut Step<'_>,
        turn: &mut Turn,
    ) -> Arc<str> {
        let phrases = self.phrases_of(shop, language, turn);
        let words = Words::of(shop, language, phrases.as_deref());
        let text: Arc<str> = write(&words.written).into();
        let (Some(voice), Some(phrases)) = (words.anew, &phrases) else {
            self.machine_says(now, &text, language, step, turn);
            return text;
        };
        let (id, written) = (self.message_id(now), words.written.language);
        let from = Sender::Machine;
        step.event(EventKind::Message { from, id, text: text.clone(), language: Some(written) });
        let said = Said::Anew { text: write(&voice).into(), by: phrases.by().clone() };
        let translated = Translated { pair: Pair { from: written, to: language }, said };
        let both = super::with_original(&translated, &text);
        self.goes_on(now, step.conversation.seq(), translated, step, turn);
        both
    }

    /// Adds a message of the router, whose sentences are those of `language` or, where the shop wrote
    /// none in it, of the shop's own language; these are translated.
    pub(in crate::flow) fn machine_says(
        &mut self,
        now: Timestamp,
        text: &Arc<str>,
        language: Language,
        step: &mut Step<'_>,
        turn: &mut Turn,
    ) {
        let id = self.message_id(now);
        let written = match self.shop(&step.conversation.opened.shop) {
            Some(shop) if shop.knowledge.answers.get(language).is_none() => shop.default_language,
            _ => language,
        };
        let from = Sender::Machine;
        step.event(EventKind::Message { from, id, text: text.clone(), language: Some(written) });
        let pair = Pair { from: written, to: language };
        if written != language {
            self.hold_for(now, (step.conversation.seq(), text), pair, step, turn);
        }
    }
}
