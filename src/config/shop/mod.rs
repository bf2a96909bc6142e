//! A shop: who may connect, who answers, when, and what is answered without a person.
//!
//! A shop is a folder with `shop.toml`, an order table and a folder of answers by language. The demo
//! shop under `config/demo` is built into the program and is the example to copy.

mod account;
mod answers;
mod article;
mod article_table;
mod crew;
mod demo;
pub mod edit;
mod email;
mod glossary;
mod holidays;
mod hours;
mod identity;
mod incidents;
mod load;
mod local_model;
mod openid;
mod order;
mod origin;
mod parse;
mod region;
mod routing;
mod secret;
mod section;
pub mod store;
mod table;
mod translation;
mod webhook;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::{
    CustomerId, Hours, Intent, Language, RegionId, Rules, SeatId, Sentiment, ShopId, SkillId,
    Understanding,
};

pub use account::{IdentitySecret, Password, PasswordError, SeatAccount, SeatSummary};
pub use answers::{AnswerBook, Answers, DayNames, FAQ_INTENTS, Phrase, Template};
pub use article::{
    ALL_QUESTIONS_MAX, ANSWER_CHARS_MAX, ARTICLE_INTENTS, ARTICLES_FOLDER, ARTICLES_MAX, Article,
    with_version,
};
pub use article_table::ArticleRow;
pub use email::{ImapMailbox, ShopEmail};
pub use glossary::{TERMS_MAX, Term};
pub use identity::{CustomerProof, TokenKey};
pub use load::ShopFiles;
pub use local_model::LocalModel;
pub use openid::{Groups, OpenId, SeatIdentity, WebAddress};
pub use order::{Order, OrderDate, OrderPattern, OrderStatus, Orders};
pub use origin::Origins;
pub use region::{Evidence, Region};
pub use secret::OutsideSecret;
pub use section::{Mistake, ShopErrors};
pub use translation::{
    EngineKind, Reads, TranslatedSeats, TranslationEngine, TranslationService, Translators,
};
pub use webhook::{ShopWebhook, SigningKey};

/// The skill that every shop has: what no other skill covers.
pub const GENERAL_SKILL: &str = "general";

/// One tenant of the router with everything that its owner decides.
#[derive(Clone, Debug)]
pub struct Shop {
    /// Name in tokens and addresses.
    pub id: ShopId,
    /// Name that people read.
    pub name: String,
    /// Whether the shop is a demonstration: plain passwords, for connections from this machine only.
    pub demo: bool,
    /// Pages that may connect.
    pub origins: Origins,
    /// Language of what the router says of itself when it cannot say it in the customer's.
    pub default_language: Language,
    /// Language of the seats that take a conversation in a language that no seat speaks.
    pub fallback_language: Option<Language>,
    /// Seats that answer in languages they do not speak; `None`, unless the shop turns it on.
    pub translation: Option<TranslatedSeats>,
    /// Who translates for the shop, and its glossary.
    pub translators: Translators,
    /// Business hours.
    pub hours: Hours,
    /// Business hours of single skills, in place of the shop's.
    pub queue_hours: BTreeMap<SkillId, Hours>,
    /// Sales regions.
    pub regions: Vec<Region>,
    /// How long closed conversations are kept; `None` for as long as they can be resumed.
    pub keeps_closed: Option<Duration>,
    /// Which skill an intent asks for.
    pub skills: SkillMap,
    /// Intents of the shop's own, trained from its examples.
    pub own_intents: Option<OwnIntents>,
    /// What is more urgent than the rest.
    pub priorities: Priorities,
    /// How conversations find their seats.
    pub rules: Rules,
    /// Headers of a proxy in front of the router that tell where a connection comes from.
    pub trusted_headers: TrustedHeaders,
    /// When a machine may answer.
    pub answering: Answering,
    /// Intents of questions that one answer may serve in an incident; `None` for the usual ones, empty for
    /// no incidents at all.
    pub generic_intents: Option<BTreeSet<Intent>>,
    /// Whether questions may join an incident without a seat's click, and get its answer at once, when seats
    /// have confirmed enough joins that no more than 1 in 100 can be wrong. With false every one waits for a
    /// click; what seats say is counted all the same.
    pub automatic_joins: bool,
    /// How order numbers look.
    pub order_number: OrderPattern,
    /// Seats by sign-in name.
    pub seats: BTreeMap<SeatId, SeatAccount>,
    /// How customers prove who they are; without a key every customer is anonymous.
    pub customer_proof: CustomerProof,
    /// Where answers to e-mails come to.
    pub email: ShopEmail,
    /// Systems of its own that are told what happens.
    pub webhooks: Vec<ShopWebhook>,
    /// Where seats may sign in beside local accounts.
    pub openid: Option<OpenId>,
    /// What the machine may tell.
    pub knowledge: ShopKnowledge,
}

impl Shop {
    /// The region of a customer; `None` when nothing points to one.
    pub fn region_for(&self, evidence: &Evidence<'_>) -> Option<RegionId> {
        region::region_for(&self.regions, evidence)
    }

    /// How long closed conversations with customers of a region are kept, if the shop says so.
    pub fn keeps_closed_of(&self, region: Option<&RegionId>) -> Option<Duration> {
        let region = region.and_then(|id| self.regions.iter().find(|region| region.id == *id));
        region.and_then(|region| region.keeps_closed).or(self.keeps_closed)
    }

    /// The label of the shop's own set that goes before the shipped intent of a message, with its
    /// skill: one that the shop sends somewhere, when the set is sure enough.
    pub fn own_label<'a>(&'a self, read: &'a Understanding) -> Option<(&'a str, &'a SkillId)> {
        let (own, rules) = (read.own_intent.as_ref()?, self.own_intents.as_ref()?);
        let label = own.label.as_deref().filter(|_| own.confidence >= rules.confidence)?;
        Some((label, self.skills.skill_for_own(label)?))
    }
}

/// Intents of the shop's own, which `tradewind train` made from its examples.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnIntents {
    /// Where the trained set lies.
    pub folder: PathBuf,
    /// How sure the set must be of a label for it to go before the shipped intent.
    pub confidence: f32,
}

/// Headers that a proxy in front of the router sets on every request, whatever the client sent. They are
/// read on connections of `server.trusted_proxies` and on no others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedHeaders {
    /// Holds an ISO 3166 country code.
    pub country: Option<String>,
    /// Holds an IANA time zone.
    pub time_zone: Option<String>,
}

/// The skill that each intent asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkillMap {
    by_intent: BTreeMap<Intent, SkillId>,
    /// By name, those of the shop's own intents included.
    by_label: BTreeMap<String, SkillId>,
    general: SkillId,
}

impl SkillMap {
    fn new(by_label: BTreeMap<String, SkillId>) -> Self {
        let shipped =
            |(label, skill): (&String, &SkillId)| Some((label.parse().ok()?, skill.clone()));
        let by_intent = by_label.iter().filter_map(shipped).collect();
        Self { by_intent, by_label, general: SkillId::from(GENERAL_SKILL) }
    }

    /// The skill for a label of the shop's own set, if the shop names one.
    pub fn skill_for_own(&self, label: &str) -> Option<&SkillId> {
        self.by_label.get(label)
    }

    /// Labels that are no shipped intent and have a skill.
    pub fn own_labels(&self) -> impl Iterator<Item = &str> {
        self.by_label.keys().map(String::as_str).filter(|label| label.parse::<Intent>().is_err())
    }

    /// The skill for `intent`; the general one when the shop names none.
    pub fn skill_for(&self, intent: Intent) -> &SkillId {
        self.by_intent.get(&intent).unwrap_or(&self.general)
    }

    /// Every skill that some intent asks for, sorted, the general one included.
    pub fn all(&self) -> Vec<SkillId> {
        let mut skills: Vec<SkillId> = self.by_label.values().cloned().collect();
        skills.push(self.general.clone());
        skills.sort_unstable();
        skills.dedup();
        skills
    }
}

/// What raises the priority of a conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Priorities {
    /// Intents that are always urgent.
    pub raised_intents: Vec<Intent>,
    /// Moods that make any intent urgent.
    pub raised_sentiments: Vec<Sentiment>,
    /// How sure the model must be of such a mood.
    pub sentiment_confidence: f32,
    /// Verified user ids that go before others.
    pub vip_customers: Vec<CustomerId>,
}

/// When a machine may answer without a person.
#[derive(Clone, Debug, PartialEq)]
pub struct Answering {
    /// How sure the model must be of the intent, unless the intent has a threshold of its own.
    pub intent_confidence: f32,
    /// Thresholds of single intents.
    pub by_intent: BTreeMap<Intent, f32>,
    /// Under this confidence a customer's first message is answered by a question back; 0 for never.
    pub clarify_below: f32,
    /// How sure the model must be of the language.
    pub language_confidence: f32,
    /// From how sure a negative mood on a person answers.
    pub negative_confidence: f32,
    /// Messages of a customer after which a person answers, whatever they say.
    pub customer_turns_max: u32,
    /// How well an article must fit a question to answer it.
    pub articles: ArticleRules,
}

/// How well an article must fit a question for a machine to answer with it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ArticleRules {
    /// How sure the model must be of the intent, unless the intent has a threshold of its own: less than for a
    /// sentence, since an article is held against the question itself.
    pub intent: f32,
    /// How alike the question must be to what the article says it answers, 0 to 1.
    pub retrieval: f32,
    /// How much more alike than to anything else.
    pub margin: f32,
}

impl Default for ArticleRules {
    /// With these most answers were given of which 98 in 100 are right, on one half of a set of
    /// questions in eight languages; the other half says the same (`docs/knowledge.md`).
    fn default() -> Self {
        Self { intent: 0.5, retrieval: 0.47, margin: 0.05 }
    }
}

impl Answering {
    /// How sure the model must be of `intent`.
    pub fn threshold(&self, intent: Intent) -> f32 {
        self.by_intent.get(&intent).copied().unwrap_or(self.intent_confidence)
    }

    /// How sure it must be of `intent` where an article answers.
    pub fn article_threshold(&self, intent: Intent) -> f32 {
        self.by_intent.get(&intent).copied().unwrap_or(self.articles.intent)
    }
}

/// What the machine may tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShopKnowledge {
    /// Orders by number.
    pub orders: Orders,
    /// Sentences by language.
    pub answers: AnswerBook,
    /// Articles, by name of their file.
    pub articles: Vec<Arc<Article>>,
}
