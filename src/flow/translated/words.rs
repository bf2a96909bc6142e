//! What the router says of itself to customers whose language the shop did not write: in phrases that were
//! translated ahead, else in the shop's own, which are translated on their way.

use std::sync::Arc;

use super::message_of;
use crate::automate::{self, Phrases, Voice, Words};
use crate::config::shop::Shop;
use crate::domain::{EventKind, Language, Pair, Said, Sender, ShopId, Timestamp, Translated};
use crate::flow::conversation::{Conversation, Stage};
use crate::flow::shard::{Cause, Shard, Shops};
use crate::flow::step::Step;
use crate::flow::turn::Turn;
use crate::schedule::{Command, Contact};

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

    /// The phrases for an answer of the machine in a language that the shop did not write. A letter is wanted at
    /// once and cannot wait for a translation, so there are none where an answer may go out as one.
    pub(in crate::flow) fn phrases_for_answer(
        &self,
        conversation: &Conversation,
        shop: &Shop,
        language: Language,
    ) -> Option<Arc<Phrases>> {
        let known = self.phrases.get(&(shop.id.clone(), language));
        known.filter(|_| conversation.email.is_none()).cloned()
    }

    /// What of a message engines are given: of the router's own all but the way to a person below it, as that
    /// names a word which has to stay as it is.
    pub(super) fn given(
        &self,
        conversation: &Conversation,
        (seq, text): (u64, &Arc<str>),
        pair: Pair,
    ) -> Arc<str> {
        let ours = self.above_hint(conversation, seq, pair.from);
        ours.map_or_else(|| text.clone(), |(_, above)| above)
    }

    /// What came of a message, with the way to a person below it as before.
    pub(super) fn with_hint(
        &self,
        conversation: &Conversation,
        seq: u64,
        mut translated: Translated,
    ) -> Translated {
        let Pair { from, to } = translated.pair;
        if let Said::Anew { text, .. } = &mut translated.said
            && let Some((shop, _)) = self.above_hint(conversation, seq, from)
        {
            let phrases = self.phrases.get(&(shop.id.clone(), to));
            let words = Words::of(&shop, to, phrases.map(|phrases| &**phrases));
            *text = format!("{text}\n\n{}", automate::person_hint(words.best())).into();
        }
        translated
    }

    /// The shop, and what the router has said above the way to a person; `None` of other messages.
    fn above_hint(
        &self,
        conversation: &Conversation,
        seq: u64,
        from: Language,
    ) -> Option<(Arc<Shop>, Arc<str>)> {
        let Some((_, Sender::Machine, text)) = message_of(conversation, seq) else { return None };
        let shop = self.shop(&conversation.opened.shop)?;
        let hint = automate::person_hint(&Voice::written(&shop, from));
        let above = text.strip_suffix(hint)?.strip_suffix("\n\n")?.into();
        Some((shop, above))
    }

    /// Calls a person, with the place of the question, where the machine's answer was not said in the language of
    /// its customer after all: as the shop wrote it, it may help nobody.
    pub(super) fn call_person_if_unsaid(
        &mut self,
        cause: Cause,
        seq: u64,
        step: &mut Step<'_>,
        turn: &mut Turn,
    ) {
        let conversation = &*step.conversation;
        let next = conversation.event(seq + 1).map(|event| &event.kind);
        let is_answer = matches!(next, Some(EventKind::AnsweredByMachine { .. }));
        let said = conversation.translated.get(&seq).map(|translated| &translated.said);
        let is_unsaid = matches!(said, Some(Said::AsWritten(_)));
        // Whoever waits or has somebody already has what is called for here.
        let is_alone = matches!(conversation.stage, Stage::Open) && conversation.aside.is_none();
        if !(is_answer && is_unsaid && is_alone) {
            return;
        }
        let contact = self.contact_of(cause.now, conversation);
        let arrived_at = conversation.machine_answered.unwrap_or(contact.arrived_at);
        let contact = Contact { arrived_at, ..contact };
        self.needs_person(contact.clone(), step);
        turn.commands.push((Command::Arrive(contact), cause.at));
    }

    /// Adds a message of the router, which is written in `language` or, where the shop wrote nothing of it in
    /// that, in the shop's own language; this is translated.
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
            Some(shop) if !is_written(&shop, language, text) => shop.default_language,
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

/// Whether a shop has written what the router says in `language`: all of its words, or the article that this
/// tells.
fn is_written(shop: &Shop, language: Language, text: &str) -> bool {
    let articles = &shop.knowledge.articles;
    let mut theirs = articles.iter().filter(|article| article.language == language);
    shop.knowledge.answers.get(language).is_some()
        || theirs.any(|article| text.starts_with(&*article.answer))
}
