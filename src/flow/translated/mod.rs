//! Messages in another language: which of them are to be translated, what waits for it, and what comes
//! back.
//!
//! What a seat, or the router, says to a customer who does not read its language is held back with
//! everything behind it, so that the order stays, and goes on translated; or as it was written when
//! nothing translates, fails, or takes too long. What a customer says is shown to the seat at once, and
//! its translation follows. The original is the event in the journal, and a translation is a fact beside it.

mod awaited;
mod keeping;
mod phrasebook;
mod store;
mod task;
mod words;

use std::sync::Arc;

use super::conversation::{Conversation, Stage};
use super::effects::ROUTER;
use super::fact::{Fact, Noted};
use super::input::FromSeat;
use super::shard::{Cause, Shard};
use super::step::Step;
use super::turn::Turn;
use super::understood::Understood;
use super::viewers::deliver;
use crate::config::shop::{Reads, Shop};
use crate::deliver::Frame;
use crate::domain::{
    ConversationId, Event, EventKind, Guess, Language, MessageId, Pair, Said, SeatId, Sender,
    ShopId, Timestamp, Translated, Untranslated,
};
use crate::journal::PAYLOAD_BYTES_MAX;
use crate::metrics::names::{Counter, TranslatedFor};
use crate::protocol::{ErrorCode, ServerFrame, encode};
use crate::translate::{TEXT_BYTES_MAX, TRANSLATION_BYTES_MAX};

pub(super) use awaited::Awaited;
pub use store::PhraseStore;
pub use task::{Interpreter, Ways};
pub use words::PhrasesCame;

/// Messages of a customer that a seat gets translated when it takes a conversation over, and of which it is
/// told again what they say when it comes back; it asks for earlier ones.
const LOOK_BACK: usize = 20;
/// Messages of one conversation that are translated at a time.
const AWAITED_MAX: usize = 64;
// A record holds a translation at most twice, beside the fact in the letter, which has the original as
// well; the rest of a record is small.
const _: () = assert!(2 * TRANSLATION_BYTES_MAX + TEXT_BYTES_MAX < PAYLOAD_BYTES_MAX / 2);
const NOBODY_TRANSLATES: &str = "nothing translates for this shop: what is written here is shown to \
    the customer as it is written";

/// A text that is to be said in another language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToTranslate {
    /// By whose engines.
    pub shop: ShopId,
    /// What it is part of.
    pub of: TextOf,
    /// What.
    pub text: Arc<str>,
    /// The languages.
    pub pair: Pair,
    /// When it is too late.
    pub until: Timestamp,
}

/// What a text that is translated is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextOf {
    /// A message.
    Message {
        /// Where.
        conversation: ConversationId,
        /// Its number.
        seq: u64,
    },
    /// An answer for many.
    Answer {
        /// The number of the question to the engines.
        ask: u64,
    },
}

/// What came of translating a message.
#[derive(Debug)]
pub struct TranslationCame {
    /// Where.
    pub conversation: ConversationId,
    /// Its number.
    pub seq: u64,
    /// What.
    pub translated: Translated,
}

impl Shard {
    /// Has a seat's message said in the language of its customer where the seat does not write it; else
    /// it goes on as it is.
    pub(super) fn seat_spoke(
        &mut self,
        now: Timestamp,
        message: &Understood,
        text: &Arc<str>,
        mut step: Step<'_>,
        turn: &mut Turn,
    ) {
        let read = message.understanding.as_ref().map(|read| read.language);
        match self.pair_for_customer(step.conversation, read) {
            Some(pair) => self.hold_for(now, (message.seq, text), pair, &mut step, turn),
            None => self.answer_by_email(now, message.seq, (Sender::Seat, text), &mut step, turn),
        }
        step.finish(turn);
    }

    /// The language in which a seat's message is to be said to the customer, and the one it is written
    /// in; `None` where the customer can read it, or nobody knows better.
    fn pair_for_customer(
        &self,
        conversation: &Conversation,
        read: Option<Guess<Language>>,
    ) -> Option<Pair> {
        let shop = self.shop(&conversation.opened.shop);
        let shop = shop.filter(|_| !conversation.opened.is_erased())?;
        let to = language_of_customer(conversation, &shop);
        let spoken = languages_of_seat(conversation, &shop);
        if spoken.contains(&to) {
            return None;
        }
        let sure = read.filter(|it| it.confidence >= shop.answering.language_confidence);
        let written = sure.map(|it| it.label);
        // A sure guess counts also where the seat is not said to speak it: it may have copied a text.
        let is_theirs = |it: &Language| *it == to || spoken.is_empty() || spoken.contains(it);
        let from = written.filter(is_theirs).or_else(|| spoken.first().copied())?;
        (from != to).then_some(Pair { from, to })
    }

    /// Holds a message for the customer back until it is translated, if anybody can.
    fn hold_for(
        &mut self,
        now: Timestamp,
        (seq, text): (u64, &Arc<str>),
        pair: Pair,
        step: &mut Step<'_>,
        turn: &mut Turn,
    ) {
        match self.ask_for(now, step.conversation, (seq, text), pair, turn) {
            Ok(()) => {
                step.fact(Fact::Translating { seq, pair });
            }
            Err(why) => {
                let translated = Translated { pair, said: Said::AsWritten(why) };
                self.goes_on(now, seq, translated, step, turn);
            }
        }
    }

    fn ask_for(
        &mut self,
        now: Timestamp,
        conversation: &Conversation,
        (seq, text): (u64, &Arc<str>),
        pair: Pair,
        turn: &mut Turn,
    ) -> Result<(), Untranslated> {
        let (id, shop) = (conversation.id, &conversation.opened.shop);
        let served = self.shops.get(shop).ok_or(Untranslated::NoEngine)?;
        let wait = served.translators.wait_max().ok_or(Untranslated::NoEngine)?;
        if self.awaited.count(id) >= AWAITED_MAX {
            return Err(Untranslated::Busy);
        }
        let until = now + wait;
        self.awaited.add(until, id, seq, pair);
        let (shop, text) = (shop.clone(), self.given(conversation, (seq, text), pair));
        let of = TextOf::Message { conversation: id, seq };
        turn.to_translate.push(ToTranslate { shop, of, text, pair, until });
        Ok(())
    }

    /// Takes a translation; one that comes too late changes nothing.
    pub(super) fn translation_came(
        &mut self,
        cause: Cause,
        came: TranslationCame,
        turn: &mut Turn,
    ) {
        if self.awaited.take(came.conversation, came.seq) {
            self.settle_translation(cause, came, turn);
        }
    }

    /// Lets what was not translated in time go on as it was written.
    pub(super) fn give_up_translations(&mut self, cause: Cause, turn: &mut Turn) {
        while let Some((conversation, seq, pair)) = self.awaited.take_late(cause.now) {
            let translated = Translated { pair, said: Said::AsWritten(Untranslated::Late) };
            self.settle_translation(cause, TranslationCame { conversation, seq, translated }, turn);
        }
    }

    fn settle_translation(&mut self, cause: Cause, came: TranslationCame, turn: &mut Turn) {
        let TranslationCame { conversation: id, seq, translated } = came;
        let Some(mut conversation) = self.conversations.remove(&id) else { return };
        match message_of(&conversation, seq) {
            Some((_, Sender::Customer, _)) => {
                self.show_to_seat(cause.now, seq, translated, &mut conversation, turn);
            }
            Some(_) => self.let_go(cause, seq, translated, &mut conversation, turn),
            None => {}
        }
        self.conversations.insert(id, conversation);
    }

    /// Lets a message that was held back go on.
    fn let_go(
        &mut self,
        cause: Cause,
        seq: u64,
        translated: Translated,
        conversation: &mut Conversation,
        turn: &mut Turn,
    ) {
        let translated = self.with_hint(conversation, seq, translated);
        let mut step = Step::new(conversation, cause.now);
        self.goes_on(cause.now, seq, translated, &mut step, turn);
        self.call_person_if_unsaid(cause, seq, &mut step, turn);
        step.finish(turn);
    }

    /// Lets a message go on to the customer, and shows the seat what the customer is shown.
    fn goes_on(
        &self,
        now: Timestamp,
        seq: u64,
        translated: Translated,
        step: &mut Step<'_>,
        turn: &mut Turn,
    ) {
        turn.counts.push(Counter::Translated(TranslatedFor::Customer, result(&translated)));
        self.tell_translated(step.conversation, seq, &translated, turn);
        let written = message_of(step.conversation, seq);
        step.fact(Fact::Translated { seq, translated: translated.clone() });
        if let Some((_, from @ Sender::Seat, text)) = written {
            let text = with_original(&translated, &text);
            self.answer_by_email(now, seq, (from, &text), step, turn);
        }
    }

    fn show_to_seat(
        &self,
        now: Timestamp,
        seq: u64,
        translated: Translated,
        conversation: &mut Conversation,
        turn: &mut Turn,
    ) {
        turn.counts.push(Counter::Translated(TranslatedFor::Seat, result(&translated)));
        // Else the seat has not been shown the message yet, and gets both as one.
        if seq <= conversation.passed_on {
            self.tell_translated(conversation, seq, &translated, turn);
        }
        if matches!(translated.said, Said::Anew { .. }) {
            let mut step = Step::new(conversation, now);
            step.fact(Fact::Translated { seq, translated });
            step.finish(turn);
        }
    }

    fn tell_translated(
        &self,
        conversation: &Conversation,
        seq: u64,
        translated: &Translated,
        turn: &mut Turn,
    ) {
        let Some((id, ..)) = message_of(conversation, seq) else { return };
        self.tell_seat(conversation, &translated_frame(conversation.id, seq, id, translated), turn);
    }

    /// Has a customer's message translated for the owner, where the shop wants that done unasked.
    pub(super) fn customer_spoke(
        &mut self,
        now: Timestamp,
        conversation: &Conversation,
        seq: u64,
        turn: &mut Turn,
    ) {
        let shop = self.shop(&conversation.opened.shop);
        let Some(shop) = shop.filter(|it| it.translators.reads() == Some(Reads::Automatic)) else {
            return;
        };
        let Some((_, Sender::Customer, text)) = message_of(conversation, seq) else { return };
        if let Some(pair) = pair_for_seat(conversation, seq, &shop)
            && !self.awaited.has(conversation.id, seq)
            // The seat sees the message as it is, and can ask.
            && let Err(why) = self.ask_for(now, conversation, (seq, &text), pair, turn)
        {
            turn.counts.push(Counter::Translated(TranslatedFor::Seat, Some(why)));
        }
    }

    /// A seat takes a conversation over: what its customer said lately is translated for it. Where
    /// nothing translates, the seats are told once.
    pub(super) fn taken_over(
        &mut self,
        now: Timestamp,
        conversation: &mut Conversation,
        turn: &mut Turn,
    ) {
        let Some(shop) = self.shop(&conversation.opened.shop) else { return };
        if !matches!(conversation.stage, Stage::Owned(_)) {
            return;
        }
        let spoken = languages_of_seat(conversation, &shop);
        let is_foreign = !spoken.contains(&language_of_customer(conversation, &shop));
        if !spoken.is_empty() && is_foreign && shop.translators.reads().is_none() {
            return self.tell_that_nobody_translates(now, conversation, turn);
        }
        let theirs = conversation.events.iter().rev().filter(|event| {
            matches!(event.kind, EventKind::Message { from: Sender::Customer, .. })
        });
        let mut latest: Vec<u64> = theirs.map(|event| event.seq).take(LOOK_BACK).collect();
        latest.reverse();
        for seq in latest {
            self.customer_spoke(now, conversation, seq, turn);
        }
    }

    /// The note is in the history that the new owner gets.
    fn tell_that_nobody_translates(
        &self,
        now: Timestamp,
        conversation: &mut Conversation,
        turn: &mut Turn,
    ) {
        let is_told = conversation.notes.iter().any(|note| &*note.text == NOBODY_TRANSLATES);
        if is_told || conversation.notes.len() >= self.settings.messages_per_conversation_max {
            return;
        }
        let mut step = Step::new(conversation, now);
        let (seat, text) = (SeatId::from(ROUTER), NOBODY_TRANSLATES.into());
        step.fact(Fact::Noted(Noted { at: now, seat, text }));
        step.finish(turn);
    }

    /// Translates a customer's message because its owner asks for it.
    pub(super) fn seat_wants_translation(
        &mut self,
        now: Timestamp,
        frame: &FromSeat,
        conversation: &Conversation,
        seq: u64,
        turn: &mut Turn,
    ) -> Result<(), (ErrorCode, &'static str)> {
        let none = (ErrorCode::NotFound, "no such message of the customer");
        let Some((id, Sender::Customer, text)) = message_of(conversation, seq) else {
            return Err(none);
        };
        let shop = self.shop(&conversation.opened.shop).ok_or(none)?;
        if self.awaited.has(conversation.id, seq) {
            return Ok(());
        }
        let known = conversation.translated.get(&seq).cloned();
        let spoken = languages_of_seat(conversation, &shop);
        let known = known.filter(|it| spoken.contains(&it.pair.to));
        let from_customers = || {
            let from = language_of_customer(conversation, &shop);
            pair_from(from, conversation, seq, &shop)
        };
        // Who asks does not read it, whatever it was taken for.
        let pair = pair_for_seat(conversation, seq, &shop).or_else(from_customers);
        let answer = match (known, pair) {
            (Some(known), _) => known,
            (None, None) => {
                return Err((ErrorCode::Conflict, "the message is in a language of the seat"));
            }
            (None, Some(pair)) => match self.ask_for(now, conversation, (seq, &text), pair, turn) {
                Ok(()) => return Ok(()),
                Err(why) => Translated { pair, said: Said::AsWritten(why) },
            },
        };
        let answer = encode(&translated_frame(conversation.id, seq, id, &answer)).into();
        deliver(std::slice::from_ref(&frame.link), None, &answer, turn);
        Ok(())
    }

    /// After a restart: what was to be translated is asked for anew.
    pub(super) fn resume_translations(
        &mut self,
        cause: Cause,
        conversation: &mut Conversation,
        turn: &mut Turn,
    ) {
        let held: Vec<(u64, Pair)> = conversation
            .in_flight
            .iter()
            .filter_map(|it| Some((it.seq, it.translating?)))
            .collect();
        for (seq, pair) in held {
            let Some((_, _, text)) = message_of(conversation, seq) else { continue };
            if let Err(why) = self.ask_for(cause.now, conversation, (seq, &text), pair, turn) {
                let translated = Translated { pair, said: Said::AsWritten(why) };
                self.let_go(cause, seq, translated, conversation, turn);
            }
        }
        self.taken_over(cause.now, conversation, turn);
    }

    /// Whether a message waits, or waited, for its translation before its customer is shown it.
    pub(super) fn was_held_back(&self, conversation: ConversationId, seq: u64) -> bool {
        let conversation = self.conversations.get(&conversation);
        let message = conversation.and_then(|it| message_of(it, seq));
        message.is_some_and(|(_, from, _)| from != Sender::Customer)
    }

    /// What the model should expect a seat to write in: the seat's own language, not the customer's, where
    /// it does not write that.
    pub(super) fn seat_writes(&self, conversation: &Conversation) -> Option<Language> {
        let shop = self.shop(&conversation.opened.shop)?;
        let spoken = languages_of_seat(conversation, &shop);
        let is_shared = spoken.contains(&language_of_customer(conversation, &shop));
        spoken.first().copied().filter(|_| !is_shared)
    }
}

/// The id, the sender and the text of a message.
fn message_of(conversation: &Conversation, seq: u64) -> Option<(MessageId, Sender, Arc<str>)> {
    match &conversation.event(seq)?.kind {
        EventKind::Message { id, from, text, .. } => Some((*id, *from, text.clone())),
        _ => None,
    }
}

/// The language that a customer reads: what was written last and is sure, else what a seat was looked for in.
fn language_of_customer(conversation: &Conversation, shop: &Shop) -> Language {
    let latest = conversation.latest.as_ref().map(|latest| latest.language);
    let sure = latest.filter(|it| it.confidence >= shop.answering.language_confidence);
    match (&conversation.stage, sure) {
        (_, Some(sure)) => sure.label,
        (Stage::Owned(owned), None) => owned.contact.language,
        _ => conversation.language(),
    }
}

/// The languages of the seat that has a conversation, the one it works in first.
fn languages_of_seat<'a>(conversation: &Conversation, shop: &'a Shop) -> &'a [Language] {
    let seat = conversation.seat_viewer.as_ref().and_then(|seat| shop.seats.get(seat));
    seat.map_or(&[], |account| &account.profile.languages)
}

/// How a customer's message becomes one that its owner reads; `None` where it is one, or was made one.
fn pair_for_seat(conversation: &Conversation, seq: u64, shop: &Shop) -> Option<Pair> {
    pair_from(language_of_message(conversation, seq, shop), conversation, seq, shop)
}

/// The same for a message in the language `from`.
fn pair_from(from: Language, conversation: &Conversation, seq: u64, shop: &Shop) -> Option<Pair> {
    let spoken = languages_of_seat(conversation, shop);
    let to = *spoken.first()?;
    let known = conversation.translated.get(&seq);
    if known.is_some_and(|it| spoken.contains(&it.pair.to)) {
        return None;
    }
    (!spoken.contains(&from)).then_some(Pair { from, to })
}

/// The language of a customer's message: what it was read as, unless that was no sure guess. How sure it was
/// is known of the message that was read last; of those before only the language is kept.
fn language_of_message(conversation: &Conversation, seq: u64, shop: &Shop) -> Language {
    let read = |event: &Event| match event.kind {
        EventKind::Message { from: Sender::Customer, language, .. } => language,
        _ => None,
    };
    let last = conversation.events.iter().rev().find(|event| read(event).is_some());
    let guess = conversation.latest.as_ref().map(|latest| latest.language);
    let is_unsure = last.is_some_and(|last| last.seq == seq)
        && guess.is_some_and(|it| it.confidence < shop.answering.language_confidence);
    let language = conversation.event(seq).and_then(read).filter(|_| !is_unsure);
    language.unwrap_or_else(|| language_of_customer(conversation, shop))
}

/// What was made of the latest messages that a seat has been shown, for when it is back: it may have come
/// while the seat could not be told.
pub(super) fn translations_until(
    conversation: &Conversation,
    last_seq: u64,
) -> impl Iterator<Item = Frame> {
    let latest = conversation.translated.range(..=last_seq).rev().take(LOOK_BACK);
    latest.filter_map(|(seq, translated)| {
        let (id, ..) = message_of(conversation, *seq)?;
        Some(encode(&translated_frame(conversation.id, *seq, id, translated)).into())
    })
}

fn translated_frame(
    conversation: ConversationId,
    seq: u64,
    id: MessageId,
    translated: &Translated,
) -> ServerFrame<'_> {
    ServerFrame::Translated { conversation, seq, id, translation: translated.into() }
}

/// A text for somebody who sees no page: the translation with the original below it.
pub(super) fn with_original(translated: &Translated, text: &Arc<str>) -> Arc<str> {
    match &translated.said {
        Said::Anew { text: said, .. } => {
            format!("{said}\n\n[{}] {text}", translated.pair.from).into()
        }
        Said::AsWritten(_) => text.clone(),
    }
}

/// Why there is none, if there is none.
const fn result(translated: &Translated) -> Option<Untranslated> {
    match &translated.said {
        Said::Anew { .. } => None,
        Said::AsWritten(why) => Some(*why),
    }
}
