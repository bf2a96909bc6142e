//! The decision: an answer from the shop's own sentences and order facts, or a person.

use std::sync::Arc;

use crate::config::shop::{ARTICLE_INTENTS, Answers, Article, FAQ_INTENTS, Shop};
use crate::domain::{Intent, Language, Priority, Sentiment, SkillId, Timestamp, Understanding};

use super::lines::READ_CHARS_MAX;
use super::mood::Mood;
use super::needs::{KnownCustomer, needs};
use super::order::order_status;
use super::phrases::Phrases;
use super::texts::{Voice, Words, clarify, person_hint};

/// Greetings in a row that are waited out; whoever goes on is after something else.
const GREETINGS_MAX: u32 = 2;

/// A customer's message on its way to an answer.
#[derive(Clone, Copy, Debug)]
pub struct AutomateInput<'a> {
    /// What the customer wrote.
    pub text: &'a str,
    /// What was understood of it.
    pub understanding: &'a Understanding,
    /// How the customer has felt in the conversation, this message included.
    pub mood: &'a Mood,
    /// The customer, as far as the shop's own server has signed it.
    pub customer: KnownCustomer<'a>,
    /// Whether the customer asked for a person, now or before in the conversation.
    pub asked_for_person: bool,
    /// Messages of the customer in the conversation, this one included.
    pub customer_turns: u32,
    /// Whether the machine has said anything in the conversation.
    pub machine_spoke: bool,
    /// Sources that the machine answered from in the conversation.
    pub answered_from: &'a [Arc<str>],
    /// What the shop's articles say to it.
    pub articles: &'a FromArticles,
    /// The shop's own words in the customer's language, where it did not write them, somebody has translated
    /// them, and an answer can wait for its translation.
    pub phrases: Option<&'a Phrases>,
}

/// What the articles of a shop say to a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FromArticles {
    /// None is about such a thing in the language: the shop's own sentence stands.
    #[default]
    Nothing,
    /// There are some, and none surely answers it.
    Unsure,
    /// This one answers it.
    Answer(Arc<Article>),
}

/// What becomes of a message.
#[derive(Clone, Debug, PartialEq)]
pub enum Automated {
    /// The machine answers.
    Answer {
        /// The whole answer: in the customer's language or, where the shop has its own words translated, in the
        /// shop's.
        text: String,
        /// What it was taken from: `knowledge/return-window@1`, `faq/return_policy` or `orders/TW-10482`.
        source: Arc<str>,
        /// How sure the model was of intent and language: the lesser of both.
        confidence: f32,
    },
    /// The machine asks back: it has no idea yet what the customer wants.
    Asks {
        /// The whole question, in the customer's language.
        text: String,
    },
    /// Only a greeting so far: the question will come, or is asked for in a while.
    Greeted,
    /// A person must answer.
    NeedsSeat {
        /// The skill that the seat must have.
        skill: SkillId,
        /// How soon.
        priority: Priority,
        /// Why no machine answered.
        why: WhySeat,
    },
    /// Thanks for an answer of the machine: nobody needs to say anything.
    NoReply,
}

/// Why a message needs a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WhySeat {
    /// The customer wants one.
    AskedForPerson,
    /// The customer is unhappy.
    Negative,
    /// Machines do not answer such a thing.
    NotForMachines,
    /// The shop's own set is sure of an intent of its own, about which machines know nothing, or of another
    /// than the model.
    OwnIntent,
    /// The model is not sure what the customer wants.
    IntentUnsure,
    /// The model is not sure which language it is.
    LanguageUnsure,
    /// The customer has written often already.
    ManyTurns,
    /// The machine has said it before, and it did not help.
    AnsweredBefore,
    /// The shop has articles about such a thing, and none surely answers the question.
    ArticleUnsure,
    /// The shop has no such sentence in the language, and nobody has translated its words into it.
    NoText,
    /// The text names no order.
    NoOrderNumber,
    /// The text names several orders.
    SeveralOrders,
    /// A general question is asked about one order.
    AboutOneOrder,
    /// The shop has no such order.
    UnknownOrder,
    /// The order belongs to somebody who is not known to be the customer.
    NotTheirOrder,
    /// The order is late, or the customer and the carrier disagree.
    OrderTrouble,
    /// The order table lacks a fact that the sentence needs.
    MissingFact,
    /// Something said before waits as well, and was not read together with it.
    NotReadTogether,
    /// The text is longer than what is surely read to the end, where the wish may stand.
    NotReadWhole,
}

impl WhySeat {
    /// The reason as written in metrics and explanations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AskedForPerson => "asked_for_person",
            Self::Negative => "negative",
            Self::NotForMachines => "not_for_machines",
            Self::OwnIntent => "own_intent",
            Self::IntentUnsure => "intent_unsure",
            Self::LanguageUnsure => "language_unsure",
            Self::ManyTurns => "many_turns",
            Self::AnsweredBefore => "answered_before",
            Self::ArticleUnsure => "article_unsure",
            Self::NoText => "no_text",
            Self::NoOrderNumber => "no_order_number",
            Self::SeveralOrders => "several_orders",
            Self::AboutOneOrder => "about_one_order",
            Self::UnknownOrder => "unknown_order",
            Self::NotTheirOrder => "not_their_order",
            Self::OrderTrouble => "order_trouble",
            Self::MissingFact => "missing_fact",
            Self::NotReadTogether => "not_read_together",
            Self::NotReadWhole => "not_read_whole",
        }
    }
}

/// Decides what becomes of a message.
pub fn decide(input: &AutomateInput<'_>, shop: &Shop, now: Timestamp) -> Automated {
    if is_thanks_for_an_answer(input, shop) {
        return Automated::NoReply;
    }
    if is_bare_greeting(input, shop) {
        return Automated::Greeted;
    }
    if is_unclear(input, shop) {
        return Automated::Asks {
            text: question(&Voice::written(shop, input.understanding.language.label)),
        };
    }
    match answer(input, shop, now) {
        Ok(Found { text, source, language: written }) => {
            let language = input.understanding.language;
            let words = Words::of(shop, language.label, input.phrases);
            // What is yet to be translated is written in one language to its end.
            let is_theirs = written == language.label;
            let hint = person_hint(if is_theirs { words.best() } else { &words.written });
            Automated::Answer {
                text: format!("{text}\n\n{hint}"),
                source,
                confidence: input.understanding.intent.confidence.min(language.confidence),
            }
        }
        Err(why) => {
            let (mut skill, priority) =
                needs(input.understanding, input.mood, input.customer, shop);
            if shop.knowledge.answers.is_person_word(input.text) {
                // Out of a single word the model reads any intent.
                skill = shop.skills.skill_for(Intent::TalkToHuman).clone();
            }
            Automated::NeedsSeat { skill, priority, why }
        }
    }
}

/// Whether what a machine has answered from this source is true for everybody: articles and sentences are, what
/// is known of an order is not.
pub fn is_for_everybody(source: &str) -> bool {
    ["knowledge/", "faq/"].iter().any(|kind| source.starts_with(kind))
}

/// A sentence and where it came from.
pub(super) struct Found {
    pub(super) text: String,
    pub(super) source: Arc<str>,
    /// In which it is written.
    pub(super) language: Language,
}

/// The sentences that a customer is answered by.
#[derive(Clone, Copy)]
pub(super) struct Sentences<'a> {
    pub(super) answers: &'a Answers,
    /// In which they are written.
    pub(super) language: Language,
}

impl<'a> Sentences<'a> {
    /// Those in the customer's language, else the shop's own where its words are translated into that one;
    /// `None` where they would be told in a language that is not the customer's.
    fn of(input: &AutomateInput<'_>, shop: &'a Shop) -> Option<Self> {
        let theirs = input.understanding.language.label;
        let words = Words::of(shop, theirs, input.phrases);
        let language = words.written.language;
        let answers = shop.knowledge.answers.get(language)?;
        (language == theirs || words.anew.is_some()).then_some(Self { answers, language })
    }
}

/// Whether the customer has thanked for an answer of the machine, and said nothing that somebody should read.
fn is_thanks_for_an_answer(input: &AutomateInput<'_>, shop: &Shop) -> bool {
    is_only_thanks(input.text, input.understanding, shop)
        && !input.asked_for_person
        && !input.answered_from.is_empty()
}

/// Whether a text that was `read` so thanks, for whatever it is, and says nothing that somebody should read.
pub fn is_only_thanks(text: &str, read: &Understanding, shop: &Shop) -> bool {
    is_nothing_but(Intent::ThanksBye, text, read, shop) && !is_surely_negative(read, shop)
}

/// Whether a text surely says this, and nothing beside it.
fn is_nothing_but(said: Intent, text: &str, read: &Understanding, shop: &Shop) -> bool {
    let asks_for_person = |line: &str| shop.knowledge.answers.is_person_word(line);
    read.intent.label == said
        && is_read_whole(text)
        && read.intent.confidence >= shop.answering.threshold(said)
        && !is_other_by_own_set(read, shop)
        && read.pii.is_empty()
        && shop.order_number.find_in(text).is_empty()
        && !text.lines().any(asks_for_person)
}

/// Whether the shop's own set is sure of something else than the model.
fn is_other_by_own_set(read: &Understanding, shop: &Shop) -> bool {
    let intent = read.intent.label;
    shop.own_label(read).is_some_and(|(label, _)| label.parse::<Intent>().ok() != Some(intent))
}

fn is_surely_negative(read: &Understanding, shop: &Shop) -> bool {
    let sentiment = read.sentiment;
    sentiment.label == Sentiment::Negative
        && sentiment.confidence >= shop.answering.negative_confidence
}

/// Whether what was understood is surely of the whole text.
fn is_read_whole(text: &str) -> bool {
    text.chars().nth(READ_CHARS_MAX).is_none()
}

/// What the machine asks when it does not know what a conversation is about.
pub fn question(voice: &Voice<'_>) -> String {
    format!("{}\n\n{}", clarify(voice), person_hint(voice))
}

/// Whether the customer has said hello and nothing else. Once the machine has spoken, a greeting
/// goes to a person like anything that it does not answer.
fn is_bare_greeting(input: &AutomateInput<'_>, shop: &Shop) -> bool {
    is_nothing_but(Intent::Greeting, input.text, input.understanding, shop)
        && input.customer_turns <= GREETINGS_MAX
        && !input.machine_spoke
        && !input.asked_for_person
}

/// Whether the first message says too little to be sent to anybody. Asked once: what the customer
/// answers goes on, clear or not. An angry customer is not asked.
fn is_unclear(input: &AutomateInput<'_>, shop: &Shop) -> bool {
    let Understanding { language, intent, sentiment, .. } = input.understanding;
    let rules = &shop.answering;
    input.customer_turns == 1
        && is_read_whole(input.text)
        && intent.confidence < rules.clarify_below
        && shop.own_label(input.understanding).is_none()
        && sentiment.label != Sentiment::Negative
        && language.confidence >= rules.language_confidence
        && shop.knowledge.answers.get(language.label).is_some()
        && !input.asked_for_person
        && !shop.knowledge.answers.is_person_word(input.text)
}

fn answer(input: &AutomateInput<'_>, shop: &Shop, now: Timestamp) -> Result<Found, WhySeat> {
    let Understanding { language, intent, .. } = input.understanding;
    let rules = &shop.answering;
    if input.asked_for_person
        || intent.label == Intent::TalkToHuman
        || shop.knowledge.answers.is_person_word(input.text)
    {
        return Err(WhySeat::AskedForPerson);
    }
    if !is_read_whole(input.text) {
        return Err(WhySeat::NotReadWhole);
    }
    if is_other_by_own_set(input.understanding, shop) {
        return Err(WhySeat::OwnIntent);
    }
    let topic = Topic::of(intent.label, input.articles).ok_or(WhySeat::NotForMachines)?;
    if is_surely_negative(input.understanding, shop) {
        return Err(WhySeat::Negative);
    }
    let threshold = match input.articles {
        FromArticles::Answer(_) => rules.article_threshold(intent.label),
        FromArticles::Nothing | FromArticles::Unsure => rules.threshold(intent.label),
    };
    if intent.confidence < threshold {
        return Err(WhySeat::IntentUnsure);
    }
    if language.confidence < rules.language_confidence {
        return Err(WhySeat::LanguageUnsure);
    }
    if input.customer_turns > rules.customer_turns_max {
        return Err(WhySeat::ManyTurns);
    }

    let numbers = shop.order_number.find_in(input.text);
    let found = match (topic, numbers.as_slice(), input.articles) {
        // It is in the customer's language, whatever else the shop has written in it.
        (Topic::Faq, [], FromArticles::Answer(article)) => Found {
            text: article.answer.to_string(),
            source: article.source(),
            language: article.language,
        },
        (Topic::Faq, [], FromArticles::Unsure) => return Err(WhySeat::ArticleUnsure),
        (topic, numbers, _) => sentence(input, shop, (topic, numbers), now)?,
    };
    if input.answered_from.contains(&found.source) {
        return Err(WhySeat::AnsweredBefore);
    }
    Ok(found)
}

/// The shop's sentence about a topic and the orders that are named.
fn sentence(
    input: &AutomateInput<'_>,
    shop: &Shop,
    (topic, numbers): (Topic, &[String]),
    now: Timestamp,
) -> Result<Found, WhySeat> {
    let intent = input.understanding.intent.label;
    let sentences = Sentences::of(input, shop).ok_or(WhySeat::NoText)?;
    match (topic, numbers) {
        (Topic::Order, []) => Err(WhySeat::NoOrderNumber),
        (Topic::Faq, []) => faq(sentences, intent),
        (Topic::Order, [number]) => order_status(input, shop, sentences, number, now),
        // How long delivery takes, asked about one order, is a question about that order.
        (Topic::Faq, [number]) if intent == Intent::DeliveryTime => {
            order_status(input, shop, sentences, number, now)
        }
        // A general rule is no answer to a question about one order.
        (Topic::Faq, [_]) => Err(WhySeat::AboutOneOrder),
        (_, [_, _, ..]) => Err(WhySeat::SeveralOrders),
    }
}

/// What a machine may speak about.
#[derive(Clone, Copy)]
enum Topic {
    /// Where an order is.
    Order,
    /// What is the same for everybody.
    Faq,
}

impl Topic {
    /// The topic of an intent; `None` for all that only people answer: complaints, money, changes
    /// to an order or an account, small talk.
    fn of(intent: Intent, articles: &FromArticles) -> Option<Self> {
        match (intent, articles) {
            (Intent::TrackOrder | Intent::NotReceived, _) => Some(Self::Order),
            (intent, _) if FAQ_INTENTS.contains(&intent) => Some(Self::Faq),
            // What no sentence is about an article may be.
            (_, FromArticles::Nothing) => None,
            (intent, _) => ARTICLE_INTENTS.contains(&intent).then_some(Self::Faq),
        }
    }
}

fn faq(sentences: Sentences<'_>, intent: Intent) -> Result<Found, WhySeat> {
    let Sentences { answers, language } = sentences;
    let text = answers.faq(intent).ok_or(WhySeat::NoText)?.as_str().to_owned();
    Ok(Found { text, source: format!("faq/{intent}").into(), language })
}
