//! What the router says of itself, in the customer's language where the shop wrote it.

use std::time::Duration;

use crate::config::shop::{Answers, Phrase, Shop};
use crate::domain::{Language, Timestamp, time_zone as zone_named};

/// The way to a person, which ends every answer of the machine.
pub fn person_hint(shop: &Shop, language: Language) -> &str {
    phrase(shop, language, Phrase::PersonHint)
}

/// Asks a customer what it is about.
pub fn clarify(shop: &Shop, language: Language) -> &str {
    phrase(shop, language, Phrase::Clarify)
}

/// Asks a silent customer whether there is more to say; without an answer the conversation ends in
/// `closes_in`, told in whole minutes.
pub fn still_there(shop: &Shop, language: Language, closes_in: Duration) -> String {
    let (language, answers) = answers(shop, language);
    let minutes = inserted(language, &closes_in.as_secs().div_ceil(60).to_string());
    answers
        .phrase(Phrase::StillThere)
        .fill(&[("minutes", Some(&minutes))])
        .expect("the placeholders were checked when the shop was read")
}

/// Tells a silent customer that the conversation ended.
pub fn closed_by_silence(shop: &Shop, language: Language) -> &str {
    phrase(shop, language, Phrase::ClosedBySilence)
}

/// Stands for the place in the queue when nobody is there: the number to quote, and when somebody
/// will be there on the clock of `time_zone`, the customer's; the shop's when that is unknown.
pub fn ticket(
    shop: &Shop,
    language: Language,
    reference: &str,
    opens_at: Option<Timestamp>,
    time_zone: &str,
) -> String {
    let (language, answers) = answers(shop, language);
    let opens_at = opens_at.and_then(|at| wall_time(shop, answers, at, time_zone));
    let phrase = if opens_at.is_some() { Phrase::Ticket } else { Phrase::TicketNoTime };
    let reference = inserted(language, reference);
    let opens_at = opens_at.map(|text| inserted(language, &text));
    answers
        .phrase(phrase)
        .fill(&[("reference", Some(&reference)), ("opens_at", opens_at.as_deref())])
        .expect("the placeholders were checked when the shop was read")
}

/// Asks a customer who has a ticket for an e-mail address.
pub fn email_ask(shop: &Shop, language: Language) -> &str {
    phrase(shop, language, Phrase::EmailAsk)
}

/// Tells a customer that answers go to this address too.
pub fn email_noted(shop: &Shop, language: Language, address: &str) -> String {
    let (language, answers) = answers(shop, language);
    let address = inserted(language, address);
    fill(answers, Phrase::EmailNoted, &[("email", Some(&address))])
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
    pub fn write(&self, shop: &Shop, language: Language) -> (String, String) {
        let (language, answers) = answers(shop, language);
        let opens_at = self.opens_at.and_then(|at| wall_time(shop, answers, at, self.time_zone));
        let opens_at = opens_at.map(|text| inserted(language, &text));
        let reference = inserted(language, self.reference);
        let told = match opens_at {
            Some(_) => Phrase::EmailTicket,
            None => Phrase::EmailTicketNoTime,
        };
        let values = [("reference", Some(reference.as_str())), ("opens_at", opens_at.as_deref())];
        let told = fill(answers, told, &values);
        let subject = fill(answers, Phrase::EmailSubject, &[("reference", Some(self.reference))]);
        (subject, letter(shop, answers, &told, self.can_reply))
    }
}

/// A letter that brings what a seat has said: subject and text.
pub fn answer_letter(
    shop: &Shop,
    language: Language,
    (reference, said): (&str, &str),
    can_reply: bool,
) -> (String, String) {
    let (_, answers) = answers(shop, language);
    let subject = fill(answers, Phrase::EmailSubject, &[("reference", Some(reference))]);
    (subject, letter(shop, answers, said, can_reply))
}

/// A text with what stands below every letter.
fn letter(shop: &Shop, answers: &Answers, text: &str, can_reply: bool) -> String {
    let mut letter = format!("{text}\n\n");
    if can_reply {
        letter.push_str(answers.phrase(Phrase::EmailReply).as_str());
        letter.push_str("\n\n");
    }
    letter.push_str(&shop.name);
    letter.push('\n');
    letter
}

fn fill(answers: &Answers, phrase: Phrase, values: &[(&str, Option<&str>)]) -> String {
    let filled = answers.phrase(phrase).fill(values);
    filled.expect("the placeholders were checked when the shop was read")
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

fn phrase(shop: &Shop, language: Language, phrase: Phrase) -> &str {
    answers(shop, language).1.phrase(phrase).as_str()
}

/// The sentences in `language`, else in the shop's own.
fn answers(shop: &Shop, language: Language) -> (Language, &Answers) {
    let book = &shop.knowledge.answers;
    if let Some(answers) = book.get(language) {
        return (language, answers);
    }
    let own = shop.default_language;
    (own, book.get(own).expect("a shop has sentences in its default language"))
}

/// Day and time such as `28 November, 09:00 (UTC+7)`; `None` beyond the calendar.
fn wall_time(shop: &Shop, answers: &Answers, at: Timestamp, time_zone: &str) -> Option<String> {
    let millis = i64::try_from(at.as_millis()).ok()?;
    let instant = jiff::Timestamp::from_millisecond(millis).ok()?;
    let zone = zone_named(time_zone).unwrap_or_else(|| shop.hours.zone().clone());
    let local = instant.to_zoned(zone);
    let moment = answers.days().moment(local.datetime());
    Some(format!("{moment} ({})", utc_offset(local.offset().seconds())))
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
        let text = |zone| ticket(&shop, language("en"), "K7M-2Q", Some(OPENS_AT), zone);

        assert!(text("Asia/Kolkata").contains("27 November, 08:00 (UTC+5:30)"));
        assert!(text("America/Mexico_City").contains("26 November, 20:30 (UTC-6)"));
        assert!(text("Mars/Base").contains("27 November, 02:30 (UTC)"));
        assert!(text("Asia/Kolkata").contains("K7M-2Q"));
    }

    #[test]
    fn a_ticket_without_a_time_promises_none() {
        let shop = Shop::embedded_demo();

        let text = ticket(&shop, language("en"), "K7M-2Q", None, "Asia/Kolkata");

        assert!(text.contains("K7M-2Q") && !text.contains("UTC"), "{text}");
    }

    #[test]
    fn a_language_that_nobody_wrote_gets_the_shops_own() {
        let shop = Shop::embedded_demo();

        let asked = |code| still_there(&shop, language(code), Duration::from_secs(5 * 60));
        assert_eq!(asked("yo"), asked("en"));
        assert_ne!(asked("th"), asked("en"));
        assert!(asked("en").contains("5 minutes"), "{}", asked("en"));
    }

    #[test]
    fn values_keep_their_direction_in_a_text_from_right_to_left() {
        let shop = Shop::embedded_demo();

        let text = ticket(&shop, language("ar"), "K7M-2Q", None, "UTC");

        assert!(text.contains("\u{2068}K7M-2Q\u{2069}"), "{text}");
    }
}
