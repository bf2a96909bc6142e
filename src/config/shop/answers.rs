//! The sentences a shop has written in advance, one file a language.

use std::collections::BTreeMap;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use toml::Value;
use unicode_normalization::char::is_combining_mark;

use crate::domain::{Intent, Language};

use super::article::ANSWER_CHARS_MAX;
use super::order::OrderStatus;
use super::section::{Mistakes, Section};

/// Questions that a sentence written in advance can answer, whoever asks and whatever was bought.
pub const FAQ_INTENTS: [Intent; 12] = [
    Intent::DeliveryTime,
    Intent::ShippingOptions,
    Intent::CustomsDuties,
    Intent::ReturnPolicy,
    Intent::PaymentMethods,
    Intent::WarrantyRepair,
    Intent::Invoice,
    Intent::Discount,
    Intent::BulkBusiness,
    Intent::Newsletter,
    Intent::AccountAccess,
    Intent::DataPrivacy,
];

/// Texts that are no answers: what the router says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phrase {
    /// How to reach a person; ends every answer.
    PersonHint,
    /// Asks a customer whose first message is not understood what it is about.
    Clarify,
    /// Asks a silent customer whether there is more, and says in how many `{minutes}` the
    /// conversation ends.
    StillThere,
    /// Tells a silent customer that the conversation ended.
    ClosedBySilence,
    /// Nobody is there before `{opens_at}`; `{reference}` stands for the place in the queue.
    Ticket,
    /// Nobody is there and no time is planned.
    TicketNoTime,
    /// Asks a customer who has a ticket for an e-mail address.
    EmailAsk,
    /// Tells that answers go to `{email}` too.
    EmailNoted,
    /// The subject of an e-mail about the ticket `{reference}`.
    EmailSubject,
    /// Confirms the ticket by e-mail.
    EmailTicket,
    /// The same without a time.
    EmailTicketNoTime,
    /// Says in an e-mail that one may answer it.
    EmailReply,
}

impl Phrase {
    /// Every phrase.
    pub const ALL: [Self; 12] = [
        Self::PersonHint,
        Self::Clarify,
        Self::StillThere,
        Self::ClosedBySilence,
        Self::Ticket,
        Self::TicketNoTime,
        Self::EmailAsk,
        Self::EmailNoted,
        Self::EmailSubject,
        Self::EmailTicket,
        Self::EmailTicketNoTime,
        Self::EmailReply,
    ];

    /// The key of the phrase in an answer file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PersonHint => "person_hint",
            Self::Clarify => "clarify",
            Self::StillThere => "still_there",
            Self::ClosedBySilence => "closed_by_silence",
            Self::Ticket => "ticket",
            Self::TicketNoTime => "ticket_no_time",
            Self::EmailAsk => "email_ask",
            Self::EmailNoted => "email_noted",
            Self::EmailSubject => "email_subject",
            Self::EmailTicket => "email_ticket",
            Self::EmailTicketNoTime => "email_ticket_no_time",
            Self::EmailReply => "email_reply",
        }
    }

    /// Whether a shop may leave it out; what is built in stands in then.
    const fn may_be_left_out(self) -> bool {
        matches!(
            self,
            Self::EmailAsk
                | Self::EmailNoted
                | Self::EmailSubject
                | Self::EmailTicket
                | Self::EmailTicketNoTime
                | Self::EmailReply
        )
    }

    const fn placeholders(self) -> &'static [&'static str] {
        match self {
            Self::Ticket | Self::EmailTicket => &["reference", "opens_at"],
            Self::TicketNoTime | Self::EmailTicketNoTime | Self::EmailSubject => &["reference"],
            Self::EmailNoted => &["email"],
            Self::StillThere => &["minutes"],
            Self::PersonHint
            | Self::Clarify
            | Self::ClosedBySilence
            | Self::EmailAsk
            | Self::EmailReply => &[],
        }
    }
}

impl FromStr for Phrase {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|phrase| phrase.as_str() == text).ok_or(())
    }
}

impl OrderStatus {
    /// What the sentence for a status must mention.
    const fn placeholders(self) -> &'static [&'static str] {
        match self {
            Self::Processing => &["order", "date"],
            Self::Shipped => &["order", "carrier", "date", "tracking"],
            Self::OutForDelivery => &["order", "carrier", "tracking"],
            Self::Delivered => &["order", "date"],
            Self::Cancelled | Self::Returned => &["order"],
        }
    }
}

/// A text with `{placeholders}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Arc<str>);

impl Template {
    /// The text with every placeholder replaced; `None` when a value is not at hand. Values are put
    /// in as they are: braces inside them mean nothing.
    pub fn fill(&self, values: &[(&str, Option<&str>)]) -> Option<String> {
        let mut filled = String::with_capacity(self.0.len() + 32);
        let mut rest: &str = &self.0;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}')?;
            filled.push_str(before);
            filled.push_str(values.iter().find(|(known, _)| *known == name)?.1?);
            rest = after;
        }
        filled.push_str(rest);
        Some(filled)
    }

    /// The text as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The names between braces, sorted; `None` when a brace has no partner.
    pub fn placeholders(&self) -> Option<Vec<&str>> {
        let mut names = Vec::new();
        let mut rest: &str = &self.0;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}')?;
            if before.contains('}') || name.contains('{') {
                return None;
            }
            names.push(name);
            rest = after;
        }
        names.sort_unstable();
        (!rest.contains('}')).then_some(names)
    }

    /// The same sentence in another language: `None` when `text` is none, has other placeholders, or is far
    /// longer than a sentence of a shop may be.
    pub fn said_anew(&self, text: &str) -> Option<Self> {
        let anew = Self(text.trim().into());
        let chars = 1..=2 * ANSWER_CHARS_MAX;
        let fits = chars.contains(&anew.0.chars().count());
        (fits && anew.placeholders() == self.placeholders()).then_some(anew)
    }
}

/// How a language writes a day and a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayNames {
    pattern: Template,
    months: Vec<String>,
    /// How the first of a month is written, where that is no plain number: `1er`.
    first: Option<String>,
    moment: Template,
}

impl DayNames {
    /// Day and month, such as `28 November`.
    pub fn day(&self, date: jiff::civil::Date) -> String {
        let month = usize::from(date.month().unsigned_abs()) - 1;
        let day = match (date.day(), &self.first) {
            (1, Some(first)) => first.clone(),
            (day, _) => day.to_string(),
        };
        self.pattern
            .fill(&[("day", Some(&day)), ("month", Some(&self.months[month]))])
            .expect("the pattern was checked when it was read")
    }

    /// Day and time, such as `28 November, 09:00`.
    pub fn moment(&self, at: jiff::civil::DateTime) -> String {
        let time = format!("{:02}:{:02}", at.hour(), at.minute());
        self.moment
            .fill(&[("date", Some(&self.day(at.date()))), ("time", Some(&time))])
            .expect("the pattern was checked when it was read")
    }
}

/// What a shop says in one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers {
    orders: BTreeMap<OrderStatus, Template>,
    faq: BTreeMap<Intent, Template>,
    phrases: BTreeMap<Phrase, Template>,
    days: DayNames,
    person_words: Vec<String>,
}

impl Answers {
    /// The sentence about an order in `status`.
    pub fn order(&self, status: OrderStatus) -> Option<&Template> {
        self.orders.get(&status)
    }

    /// The answer to a question that many ask; only for [`FAQ_INTENTS`].
    pub fn faq(&self, intent: Intent) -> Option<&Template> {
        self.faq.get(&intent)
    }

    /// A sentence of the router itself.
    pub fn phrase(&self, phrase: Phrase) -> &Template {
        self.phrases.get(&phrase).expect("every phrase was checked when the file was read")
    }

    /// How the language writes a day.
    pub fn days(&self) -> &DayNames {
        &self.days
    }

    /// Words that, alone in a message, ask for a person; in lower case, the one of the hint first.
    pub fn person_words(&self) -> &[String] {
        &self.person_words
    }

    /// A phrase as it is given to somebody who translates it: the word that brings a person is a
    /// placeholder, `{word}`, as customers have to write it as it is.
    pub fn to_translate(&self, phrase: Phrase) -> Template {
        let template = self.phrase(phrase);
        if phrase != Phrase::PersonHint {
            return template.clone();
        }
        let (text, place) = (template.as_str(), self.place_of_person_word());
        let (before, after) = (&text[..place.start], &text[place.end..]);
        Template(format!("{before}{{{PERSON_WORD}}}{after}").into())
    }

    /// A phrase in another language, from what [`Self::to_translate`] has become; `None` when that does not
    /// fit it.
    pub fn said_anew(&self, phrase: Phrase, text: &str) -> Option<Template> {
        let anew = self.to_translate(phrase).said_anew(text)?;
        if phrase != Phrase::PersonHint {
            return Some(anew);
        }
        Some(Template(anew.fill(&[(PERSON_WORD, Some(self.person_word_of_hint()))])?.into()))
    }

    /// The word that brings a person, as the hint writes it.
    pub fn person_word_of_hint(&self) -> &str {
        &self.phrase(Phrase::PersonHint).as_str()[self.place_of_person_word()]
    }

    /// Where the hint names the word that brings a person.
    fn place_of_person_word(&self) -> Range<usize> {
        let hint = self.phrase(Phrase::PersonHint).as_str();
        let place = self.person_words.first().and_then(|word| place_of(hint, word));
        place.expect("the hint names the word: it was checked when the file was read")
    }

    /// Reads one answer file. Order sentences and FAQ answers may be left out, phrases may not, but for
    /// those of e-mails: `built_in` is the text of the built-in file that has them.
    pub(super) fn parse(
        mistakes: &Mistakes,
        file: &str,
        text: &str,
        built_in: &str,
    ) -> Option<Self> {
        let mut root = Section::root(mistakes, file, text);
        let mut dates = root.section("date");
        let orders = root.section("order");
        let faq = root.section("faq");
        let phrases = root.section("texts");
        let person_words: Vec<String> =
            root.texts("person_words").iter().map(|word| bare(word)).collect();
        if person_words.is_empty() || person_words.iter().any(String::is_empty) {
            root.note("person_words", "holds no word", "words that ask for a person");
        }
        root.finish();

        let statuses = OrderStatus::ALL.map(OrderStatus::as_str).join(", ");
        let orders: BTreeMap<OrderStatus, Template> =
            orders.map(&format!("one of {statuses}"), |section, key, value| {
                let names = OrderStatus::from_str(key).ok()?.placeholders();
                template(section, key, value, names)
            });
        let questions = FAQ_INTENTS.map(Intent::as_str).join(", ");
        let mut faq: BTreeMap<Intent, Template> = faq
            .map(&format!("one of {questions}"), |section, key, value| {
                template(section, key, value, &[])
            });
        faq.retain(|intent, _| {
            let known = FAQ_INTENTS.contains(intent);
            if !known {
                let problem = "is never answered by a machine";
                mistakes.note(
                    file,
                    format!("faq.{intent}"),
                    problem,
                    format!("one of {questions}"),
                );
            }
            known
        });
        let known = Phrase::ALL.map(Phrase::as_str).join(", ");
        let mut phrases: BTreeMap<Phrase, Template> =
            phrases.map(&format!("one of {known}"), |section, key, value| {
                let names = Phrase::from_str(key).ok()?.placeholders();
                template(section, key, value, names)
            });
        let left_out = |phrase: &Phrase| !phrases.contains_key(phrase);
        if Phrase::ALL.into_iter().any(|it| it.may_be_left_out() && left_out(&it)) {
            fill_in(&mut phrases, built_in);
        }
        for phrase in Phrase::ALL.iter().filter(|phrase| !phrases.contains_key(phrase)) {
            mistakes.note(file, format!("texts.{}", phrase.as_str()), "is missing", "a text");
        }
        let days = day_names(&mut dates);
        dates.finish();
        let whole = phrases.len() == Phrase::ALL.len();
        whole.then_some(())?;
        if let Some(hint) = phrases.get(&Phrase::PersonHint)
            && let Some(word) = person_words.first()
            && place_of(hint.as_str(), word).is_none()
        {
            let accepted = "a text that names the first of `person_words`";
            mistakes.note(file, "texts.person_hint", format!("does not name `{word}`"), accepted);
        }
        Some(Self { orders, faq, phrases, days: days?, person_words })
    }
}

/// The placeholder of the word that brings a person, for whoever translates.
const PERSON_WORD: &str = "word";

/// Where a text names a word of lower case, in whatever case, such as `write "Person"`: where it stands behind
/// a mark, else the last time.
fn place_of(text: &str, word: &str) -> Option<Range<usize>> {
    let is_quoted = |place: &Range<usize>| {
        let before = text[..place.start].chars().next_back();
        before.is_some_and(|c| !c.is_alphanumeric() && !c.is_whitespace())
    };
    let places =
        || text.char_indices().filter_map(|(at, _)| Some(at..at + named(&text[at..], word)?));
    places().find(is_quoted).or_else(|| places().next_back())
}

/// Bytes of the word that a text begins with in whatever case. They may be more or fewer than those of
/// the word itself.
fn named(text: &str, word: &str) -> Option<usize> {
    let begins = |c: char| c.to_lowercase().next() == word.chars().next();
    text.chars().next().filter(|c| begins(*c))?;
    let mut ends = text.char_indices().map(|(at, c)| at + c.len_utf8()).take(word.chars().count());
    ends.find(|end| text[..*end].to_lowercase() == *word)
}

/// Adds the phrases that a shop has left out.
fn fill_in(phrases: &mut BTreeMap<Phrase, Template>, built_in: &str) {
    let built_in: toml::Table = built_in.parse().expect("the built-in answers are TOML");
    let texts = built_in.get("texts").and_then(Value::as_table).expect("they have texts");
    for phrase in Phrase::ALL.into_iter().filter(|phrase| phrase.may_be_left_out()) {
        if let Some(text) = texts.get(phrase.as_str()).and_then(Value::as_str) {
            phrases.entry(phrase).or_insert_with(|| Template(text.into()));
        }
    }
}

/// A text that mentions exactly the placeholders `names`, each once.
fn template(section: &Section<'_>, key: &str, value: Value, names: &[&str]) -> Option<Template> {
    let template = match value {
        Value::String(text) if (1..=ANSWER_CHARS_MAX).contains(&text.trim().chars().count()) => {
            Template(text.trim().into())
        }
        other => {
            let accepted = format!("a text of 1 to {ANSWER_CHARS_MAX} characters");
            return section.refuse(key, &other, &accepted);
        }
    };
    let mut expected = names.to_vec();
    expected.sort_unstable();
    if template.placeholders().as_ref() == Some(&expected) {
        return Some(template);
    }
    let accepted = match names {
        [] => "no placeholder and no brace".to_owned(),
        names => format!("exactly {{{}}}, each once", names.join("}, {")),
    };
    section.note(key, "has other placeholders than it should", accepted);
    None
}

fn day_names(section: &mut Section<'_>) -> Option<DayNames> {
    let pattern = section.required_text("pattern", "a text with {day} and {month}");
    let months = section.texts("months");
    if months.len() != 12 || months.iter().any(|month| month.trim().is_empty()) {
        section.note("months", format!("has {} names", months.len()), "12 names, January first");
        return None;
    }
    let first = section.text("first");
    let moment = section.required_text("moment", "a text with {date} and {time}");
    let pattern = template(section, "pattern", Value::String(pattern), &["day", "month"]);
    let moment = template(section, "moment", Value::String(moment), &["date", "time"]);
    Some(DayNames { pattern: pattern?, months, first, moment: moment? })
}

/// Answers by language.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnswerBook(pub(super) BTreeMap<Language, Answers>);

impl AnswerBook {
    /// What the shop says in `language`; `None` when nobody wrote it.
    pub fn get(&self, language: Language) -> Option<&Answers> {
        self.0.get(&language)
    }

    /// Whether `text` is nothing but a word that asks for a person, in whichever language: the
    /// customer may have read the hint in another one than he writes.
    pub fn is_person_word(&self, text: &str) -> bool {
        // Longer than any such word: not worth the folding.
        if text.len() > 128 {
            return false;
        }
        let text = bare(text);
        self.0.values().any(|answers| answers.person_words.contains(&text))
    }

    /// Languages with a file, sorted.
    pub fn languages(&self) -> impl Iterator<Item = Language> + '_ {
        self.0.keys().copied()
    }
}

/// A word in lower case, without the quotes, dots and spaces around it.
fn bare(text: &str) -> String {
    text.trim_matches(|c: char| !c.is_alphanumeric() && !is_combining_mark(c)).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::shop::{Shop, ShopFiles};

    #[test]
    fn a_template_without_a_value_gives_nothing_rather_than_a_hole() {
        let template = Template("Order {order} comes with {carrier}.".into());

        let filled = template.fill(&[("order", Some("TW-1")), ("carrier", Some("{order}"))]);
        assert_eq!(filled.as_deref(), Some("Order TW-1 comes with {order}."));
        assert_eq!(template.fill(&[("order", Some("TW-1")), ("carrier", None)]), None);
        assert_eq!(template.fill(&[("order", Some("TW-1"))]), None);
    }

    #[test]
    fn a_phrase_in_another_language_keeps_its_placeholders_and_the_word_for_a_person() {
        let shop = Shop::embedded_demo();
        let english = shop.knowledge.answers.get(Language::ENGLISH).expect("English");
        let anew = |phrase, text: &str| {
            english.said_anew(phrase, text).map(|template| template.as_str().to_owned())
        };

        let given = english.to_translate(Phrase::PersonHint);
        assert!(given.as_str().contains("talk to a person? Just write \"{word}\""), "{given:?}");
        let hint = anew(Phrase::PersonHint, "kọ \"{word}\"");
        assert_eq!(hint.as_deref(), Some("kọ \"person\""));
        assert_eq!(anew(Phrase::PersonHint, "kọ \"eniyan\""), None);
        let subject = anew(Phrase::EmailSubject, " Ìbéèrè {reference} ");
        assert_eq!(subject.as_deref(), Some("Ìbéèrè {reference}"));
        for damaged in ["Ìbéèrè", "", "Ìbéèrè {reference} {opens_at}"] {
            assert_eq!(anew(Phrase::EmailSubject, damaged), None, "{damaged}");
        }
    }

    #[test]
    fn the_word_for_a_person_is_given_to_nobody_who_translates_however_it_is_written() {
        let shop = Shop::embedded_demo();
        for (language, answers) in &shop.knowledge.answers.0 {
            let given = answers.to_translate(Phrase::PersonHint);
            assert_eq!(given.placeholders(), Some(vec![PERSON_WORD]), "{language}: {given:?}");
        }
        let german = shop.knowledge.answers.get("de".parse().expect("a language"));
        let hint = german.and_then(|it| it.said_anew(Phrase::PersonHint, "escriba «{word}»"));
        assert_eq!(hint.expect("it fits").as_str(), "escriba «Mitarbeiter»");
        for (text, word, place) in [
            ("İnsan yazın", "i\u{307}nsan", Some(0..6)),
            ("γράψτε «ΥΠΆΛΛΗΛΟΣ»", "υπάλληλος", Some(15..33)),
            ("Personal: a person", "person", Some(12..18)),
            ("write human", "person", None),
        ] {
            assert_eq!(place_of(text, word), place, "{text}");
        }
    }

    #[test]
    fn a_sentence_longer_than_an_article_is_refused() {
        let files = |answer: String| {
            let mut files = ShopFiles::demo();
            let english = files.0.get_mut("answers/en.toml").expect("the file");
            let line = english.lines().find(|line| line.starts_with("delivery_time = "));
            let line = line.expect("an answer").to_owned();
            *english = english.replacen(&line, &format!("delivery_time = \"{answer}\""), 1);
            files
        };

        let fits = Shop::from_files(&files("a".repeat(ANSWER_CHARS_MAX)));
        let refused = Shop::from_files(&files("a".repeat(ANSWER_CHARS_MAX + 1)));

        assert!(fits.is_ok(), "{:?}", fits.err());
        let error = refused.expect_err("it is too long").to_string();
        assert!(error.contains("a text of 1 to 2000 characters"), "{error}");
    }

    #[test]
    fn a_brace_without_partner_is_no_template() {
        for text in ["{order", "order}", "{{order}}", "a } b { c"] {
            assert_eq!(Template(text.into()).placeholders(), None, "{text}");
        }
    }
}
