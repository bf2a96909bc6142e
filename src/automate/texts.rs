//! What the router says of itself, in the customer's language where the shop wrote it or somebody has
//! translated it.

use std::time::Duration;

use super::phrases::Phrases;
use crate::config::shop::{Answers, Phrase, Shop, Template};
use crate::domain::{Language, Timestamp, time_zone as zone_named};

/// In which words a shop speaks.
#[derive(Clone, Copy, Debug)]
pub struct Voice<'a> {
    shop: &'a Shop,
    /// The language of the words.
    pub language: Language,
    answers: &'a Answers,
    anew: Option<&'a Phrases>,
}

impl<'a> Voice<'a> {
    /// The words that the shop wrote in `language`, else those in its own.
    pub fn written(shop: &'a Shop, language: Language) -> Self {
        let book = &shop.knowledge.answers;
        if let Some(answers) = book.get(language) {
            return Self { shop, language, answers, anew: None };
        }
        let language = shop.default_language;
        let answers = book.get(language).expect("a shop has sentences in its default language");
        Self { shop, language, answers, anew: None }
    }

    /// The shop's own words as they were translated into `language`; `None` unless all of them were.
    pub fn anew(shop: &'a Shop, language: Language, phrases: &'a Phrases) -> Option<Self> {
        let own = Self::written(shop, shop.default_language);
        let is_whole = phrases.missing(shop).is_empty();
        is_whole.then_some(Self { language, anew: Some(phrases), ..own })
    }

    fn phrase(&self, phrase: Phrase) -> &'a Template {
        match self.anew {
            Some(anew) => anew.get(self.answers, phrase).expect("a voice has every phrase"),
            None => self.answers.phrase(phrase),
        }
    }

    fn fill(&self, phrase: Phrase, values: &[(&str, Option<&str>)]) -> String {
        let filled = self.phrase(phrase).fill(values);
        filled.expect("the placeholders were checked when the shop was read or translated")
    }

    /// Day and time such as `28 November, 09:00 (UTC+7)`; in a language whose months nobody wrote
    /// `2026-11-28 09:00 (UTC+7)`. `None` beyond the calendar.
    fn wall_time(&self, at: Timestamp, time_zone: &str) -> Option<String> {
        let millis = i64::try_from(at.as_millis()).ok()?;
        let instant = jiff::Timestamp::from_millisecond(millis).ok()?;
        let zone = zone_named(time_zone).unwrap_or_else(|| self.shop.hours.zone().clone());
        let local = instant.to_zoned(zone);
        let moment = match self.anew {
            Some(_) => local.strftime("%Y-%m-%d %H:%M").to_string(),
            None => self.answers.days().moment(local.datetime()),
        };
        Some(format!("{moment} ({})", utc_offset(local.offset().seconds())))
    }
}

/// The words for one customer.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a> {
    /// As the shop wrote them, in the customer's language or in its own.
    pub written: Voice<'a>,
    /// Those in the customer's language, where nobody wrote it and all of them were translated.
    pub anew: Option<Voice<'a>>,
}

impl<'a> Words<'a> {
    /// The words for a customer who reads `language`; `phrases` are those that were translated into it.
    pub fn of(shop: &'a Shop, language: Language, phrases: Option<&'a Phrases>) -> Self {
        let written = Voice::written(shop, language);
        let phrases = phrases.filter(|_| written.language != language);
        let anew = phrases.and_then(|phrases| Voice::anew(shop, language, phrases));
        Self { written, anew }
    }

    /// Those that the customer reads best.
    pub fn best(&self) -> &Voice<'a> {
        self.anew.as_ref().unwrap_or(&self.written)
    }
}

/// The way to a person, which ends every answer of the machine.
pub fn person_hint<'a>(voice: &Voice<'a>) -> &'a str {
    voice.phrase(Phrase::PersonHint).as_str()
}

/// Asks a customer what it is about.
pub fn clarify<'a>(voice: &Voice<'a>) -> &'a str {
    voice.phrase(Phrase::Clarify).as_str()
}

/// Asks a silent customer whether there is more to say; without an answer the conversation ends in
/// `closes_in`, told in whole minutes.
pub fn still_there(voice: &Voice<'_>, closes_in: Duration) -> String {
    let minutes = inserted(voice.language, &closes_in.as_secs().div_ceil(60).to_string());
    voice.fill(Phrase::StillThere, &[("minutes", Some(&minutes))])
}

/// Tells a silent customer that the conversation ended.
pub fn closed_by_silence<'a>(voice: &Voice<'a>) -> &'a str {
    voice.phrase(Phrase::ClosedBySilence).as_str()
}

/// Stands for the place in the queue when nobody is there: the number to quote, and when somebody
/// will be there on the clock of `time_zone`, the customer's; the shop's when that is unknown.
pub fn ticket(
    voice: &Voice<'_>,
    reference: &str,
    opens_at: Option<Timestamp>,
    time_zone: &str,
) -> String {
    let phrases = [Phrase::Ticket, Phrase::TicketNoTime];
    ticket_told(voice, phrases, reference, opens_at.and_then(|at| voice.wall_time(at, time_zone)))
}

/// The first phrase where there is a time, else the second.
fn ticket_told(
    voice: &Voice<'_>,
    [with_time, without]: [Phrase; 2],
    reference: &str,
    opens_at: Option<String>,
) -> String {
    let phrase = if opens_at.is_some() { with_time } else { without };
    let reference = inserted(voice.language, reference);
    let opens_at = opens_at.map(|text| inserted(voice.language, &text));
    let values = [("reference", Some(reference.as_str())), ("opens_at", opens_at.as_deref())];
    voice.fill(phrase, &values)
}

/// Asks a customer who has a ticket for an e-mail address.
pub fn email_ask<'a>(voice: &Voice<'a>) -> &'a str {
    voice.phrase(Phrase::EmailAsk).as_str()
}

/// Tells a customer that answers go to this address too.
pub fn email_noted(voice: &Voice<'_>, address: &str) -> String {
    let address = inserted(voice.language, address);
    voice.fill(Phrase::EmailNoted, &[("email", Some(&address))])
}

/// What a letter that confirms a ticket tells.
#[derive(Clone, Copy, Debug)]
pub struct TicketLetter<'a> {
    /// The number to quote.
    pub reference: &'a str,
    /// When somebody will be there.
    pub opens_at: Option<Timestamp>,
    /// The customer's IANA zone; the shop's counts when it is unknown.
    pub time_zone: &'a str,
    /// Whether an answer to the letter comes back.
    pub can_reply: bool,
}

impl TicketLetter<'_> {
    /// Subject and text.
    pub fn write(&self, words: &Words<'_>) -> (String, String) {
        let phrases = [Phrase::EmailTicket, Phrase::EmailTicketNoTime];
        let told = |voice: &Voice<'_>| {
            let opens_at = self.opens_at.and_then(|at| voice.wall_time(at, self.time_zone));
            vec![ticket_told(voice, phrases, self.reference, opens_at)]
        };
        (subject(words, self.reference), letter(words, Vec::new(), told, self.can_reply))
    }
}

/// A letter that brings what a seat has said: subject and text.
pub fn answer_letter(
    words: &Words<'_>,
    (reference, said): (&str, &str),
    can_reply: bool,
) -> (String, String) {
    let text = letter(words, vec![said.to_owned()], |_| Vec::new(), can_reply);
    (subject(words, reference), text)
}

fn subject(words: &Words<'_>, reference: &str) -> String {
    words.best().fill(Phrase::EmailSubject, &[("reference", Some(reference))])
}

/// A letter of these paragraphs: `said` by somebody, `told` in the words of the shop, and what stands below
/// every letter. Of words that were translated the original follows.
fn letter(
    words: &Words<'_>,
    said: Vec<String>,
    told: impl Fn(&Voice<'_>) -> Vec<String>,
    can_reply: bool,
) -> String {
    let of_shop = |voice: &Voice<'_>| {
        let mut paragraphs = told(voice);
        paragraphs.extend(can_reply.then(|| voice.phrase(Phrase::EmailReply).as_str().to_owned()));
        paragraphs
    };
    let mut paragraphs = said;
    paragraphs.extend(of_shop(words.best()));
    if words.anew.is_some() {
        let mut original = of_shop(&words.written);
        if let Some(first) = original.first_mut() {
            *first = format!("[{}] {first}", words.written.language);
        }
        paragraphs.extend(original);
    }
    paragraphs.push(format!("{}\n", words.written.shop.name));
    paragraphs.join("\n\n")
}

/// A value to put into a sentence. Where the sentence runs from right to left, the value gets marks
/// that keep its own direction: without them `TW-10482` may show with its parts in another order.
pub(super) fn inserted(language: Language, value: &str) -> String {
    const FIRST_STRONG_ISOLATE: char = '\u{2068}';
    const POP_ISOLATE: char = '\u{2069}';
    if language.is_right_to_left() {
        format!("{FIRST_STRONG_ISOLATE}{value}{POP_ISOLATE}")
    } else {
        value.to_owned()
    }
}

fn utc_offset(seconds: i32) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.unsigned_abs() / 60;
    match (minutes / 60, minutes % 60) {
        (0, 0) => "UTC".to_owned(),
        (hours, 0) => format!("UTC{sign}{hours}"),
        (hours, minutes) => format!("UTC{sign}{hours}:{minutes:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn language(code: &str) -> Language {
        code.parse().expect("a language")
    }

    /// 2026-11-27 02:30 UTC.
    const OPENS_AT: Timestamp = Timestamp::from_millis(1_795_746_600_000);

    #[test]
    fn a_ticket_names_the_time_on_the_customers_clock() {
        let shop = Shop::embedded_demo();
        let voice = Voice::written(&shop, language("en"));
        let text = |zone| ticket(&voice, "K7M-2Q", Some(OPENS_AT), zone);

        assert!(text("Asia/Kolkata").contains("27 November, 08:00 (UTC+5:30)"));
        assert!(text("America/Mexico_City").contains("26 November, 20:30 (UTC-6)"));
        assert!(text("Mars/Base").contains("27 November, 02:30 (UTC)"));
        assert!(text("Asia/Kolkata").contains("K7M-2Q"));
    }

    #[test]
    fn a_ticket_without_a_time_promises_none() {
        let shop = Shop::embedded_demo();

        let text = ticket(&Voice::written(&shop, language("en")), "K7M-2Q", None, "Asia/Kolkata");

        assert!(text.contains("K7M-2Q") && !text.contains("UTC"), "{text}");
    }

    #[test]
    fn a_language_that_nobody_wrote_gets_the_shops_own() {
        let shop = Shop::embedded_demo();

        let asked =
            |code| still_there(&Voice::written(&shop, language(code)), Duration::from_secs(5 * 60));
        assert_eq!(asked("yo"), asked("en"));
        assert_ne!(asked("th"), asked("en"));
        assert!(asked("en").contains("5 minutes"), "{}", asked("en"));
    }

    #[test]
    fn values_keep_their_direction_in_a_text_from_right_to_left() {
        let shop = Shop::embedded_demo();

        let text = ticket(&Voice::written(&shop, language("ar")), "K7M-2Q", None, "UTC");

        assert!(text.contains("\u{2068}K7M-2Q\u{2069}"), "{text}");
    }

    /// Every phrase, in capitals.
    fn translated(shop: &Shop) -> Phrases {
        let mut phrases = Phrases::default();
        for (phrase, text) in phrases.missing(shop) {
            let said = text.as_str().to_uppercase();
            let said = said.replace("{REFERENCE}", "{reference}").replace("{WORD}", "{word}");
            let said = said.replace("{OPENS_AT}", "{opens_at}").replace("{EMAIL}", "{email}");
            let said = said.replace("{MINUTES}", "{minutes}");
            assert!(phrases.add(shop, phrase, &said, &"engine".into()), "{said}");
        }
        phrases
    }

    #[test]
    fn a_letter_in_a_language_that_nobody_wrote_says_it_in_both_with_number_and_time_untouched() {
        let shop = Shop::embedded_demo();
        let phrases = translated(&shop);
        let words = Words::of(&shop, language("yo"), Some(&phrases));
        let letter = TicketLetter {
            reference: "T-k7m2q",
            opens_at: Some(OPENS_AT),
            time_zone: "Africa/Lagos",
            can_reply: true,
        };

        let (subject, text) = letter.write(&words);

        assert_eq!(subject, "YOUR REQUEST T-k7m2q");
        let paragraphs: Vec<&str> = text.split("\n\n").collect();
        assert!(
            paragraphs[0].contains("T-k7m2q. WE ARE BACK ON 2026-11-27 03:30 (UTC+1)"),
            "{text}"
        );
        assert_eq!(paragraphs[1], "TO ADD SOMETHING, SIMPLY REPLY TO THIS E-MAIL.");
        assert!(paragraphs[2].starts_with("[en] We have received"), "{text}");
        assert!(paragraphs[2].contains("T-k7m2q. We are back on 27 November, 03:30"), "{text}");
        assert_eq!(paragraphs[4], format!("{}\n", shop.name));
        let (_, text) = answer_letter(&words, ("T-k7m2q", "said"), false);
        assert_eq!(text, format!("said\n\n{}\n", shop.name));
    }

    #[test]
    fn words_are_translated_only_where_nobody_wrote_them_and_all_or_none() {
        let shop = Shop::embedded_demo();
        let phrases = translated(&shop);
        let mut part = Phrases::default();
        let (phrase, text) = phrases_first(&shop);
        assert!(part.add(&shop, phrase, text.as_str(), &"engine".into()));

        assert!(Words::of(&shop, language("th"), Some(&phrases)).anew.is_none());
        assert!(Words::of(&shop, language("yo"), Some(&part)).anew.is_none());
        assert!(Words::of(&shop, language("yo"), None).anew.is_none());
        assert_eq!(Words::of(&shop, language("yo"), None).best().language, language("en"));
    }

    fn phrases_first(shop: &Shop) -> (Phrase, Template) {
        Phrases::default().missing(shop).swap_remove(0)
    }
}
