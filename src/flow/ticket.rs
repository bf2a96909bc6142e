//! A ticket in place of the queue: the customer has a number, a time, and a confirmation by e-mail. When
//! somebody is there again it goes back to the queue by itself, with the age that it has.

use std::sync::Arc;
use std::time::Duration;

use crate::automate::{self, Voice, Words};
use crate::channels::email::{ReplyAddresses, is_address};
use crate::config::shop::Shop;
use crate::domain::{
    ConversationId, Effect, EffectKey, Email, EventKind, Outward, PiiKind, PiiSpan, Priority,
    Purpose, Sender, Timestamp,
};
use crate::metrics::names::{Counter, Outcome};
use crate::schedule::{Command, Contact};
use crate::understand::pii;

use super::conversation::{Conversation, Stage};
use super::fact::Fact;
use super::shard::{Cause, Shard};
use super::step::Step;
use super::turn::Turn;
use super::understood::Understood;

/// How often a customer may name another address: each is written to.
const EMAIL_CHANGES_MAX: u8 = 3;
/// How long a ticket waits for somebody, and how long its e-mails may be answered.
pub(super) const TICKET_KEPT_FOR: Duration = Duration::from_secs(30 * 24 * 3600);
/// When a ticket for which no time is planned has its turn: the queue was full or too slow, and others
/// who sat before it are through by then.
const UNPLANNED_AFTER: Duration = Duration::from_secs(5 * 60);
/// Letters beside an address in a message that does not say more than the address.
const BESIDE_ADDRESS_MAX: usize = 40;
/// Letters beside an address that say something of their own, in whatever language: `OK ana@example.com` says
/// nothing.
const WORDS_BESIDE_ADDRESS_MIN: usize = 4;
/// What such a message has at most: the longest address, and those letters.
const ADDRESS_ONLY_BYTES_MAX: usize = 254 + 4 * BESIDE_ADDRESS_MAX;
/// Signs that part an address from a word before it, as in `mail=ana@example.com`, more often than they belong
/// to one. Where it begins is not sure, and a letter could go to a stranger.
const PARTING_SIGNS: [char; 12] = ['!', '#', '$', '*', '/', '=', '?', '^', '{', '|', '}', '~'];

impl Shard {
    /// Nobody can answer in time: gives the customer a number in place of the queue.
    pub(super) fn ticket(
        &mut self,
        now: Timestamp,
        conversation: &mut Conversation,
        opens_at: Option<Timestamp>,
        turn: &mut Turn,
    ) {
        let Stage::Waiting(contact) = &conversation.stage else { return };
        let is_worked_off = contact.priority == Priority::Ticket;
        let due = opens_at.unwrap_or(now + UNPLANNED_AFTER);
        self.set_alarm(conversation, due.min(now + self.settings.customer_silence_ask));
        if is_worked_off {
            // It has its number: nobody came, so it waits for the next who does.
            let mut step = Step::new(conversation, now);
            step.fact(Fact::TicketDue(due));
            return step.finish(turn);
        }
        let Some(shop) = self.shop(&conversation.opened.shop) else { return };
        turn.counts.push(Counter::Outcome(Outcome::Ticket));
        let reference = reference(conversation.id);
        let language = conversation.language();
        let zone = conversation.opened.time_zone.clone().unwrap_or_default();
        let asks_address = self.settings.email.is_some() && conversation.email.is_none();
        let write = |voice: &Voice<'_>| {
            let mut text = automate::ticket(voice, &reference, opens_at, &zone);
            if asks_address {
                text.push(' ');
                text.push_str(automate::email_ask(voice));
            }
            text
        };
        let promised = ticket_of(conversation);
        let mut step = Step::new(conversation, now);
        // What the customer adds to a ticket changes nothing about it.
        if promised.is_none_or(|(_, promised)| promised != opens_at) {
            step.event(EventKind::Ticket { reference: reference.as_str().into(), opens_at });
            self.confirm_ticket(now, &shop, &mut step, turn);
        }
        step.fact(Fact::TicketDue(due));
        self.speak(now, (&shop, language), write, &mut step, turn);
        step.finish(turn);
    }

    /// Puts a ticket back into the queue, where somebody is there for it now.
    pub(super) fn work_off(
        &mut self,
        cause: Cause,
        conversation: &mut Conversation,
        turn: &mut Turn,
    ) {
        let contact = self.contact_of(cause.now, conversation);
        let contact = Contact { priority: Priority::Ticket, ..contact };
        let mut step = Step::new(conversation, cause.now);
        step.fact(Fact::Waits(contact.clone()));
        step.finish(turn);
        turn.counts.push(Counter::TicketWorkedOff);
        turn.commands.push((Command::Arrive(contact), cause.at));
    }

    /// Sends what a seat or a machine has said under a number by e-mail, when the customer is not connected and can be written to.
    pub(super) fn answer_by_email(
        &self,
        now: Timestamp,
        seq: u64,
        (from, text): (Sender, &str),
        step: &mut Step<'_>,
        turn: &mut Turn,
    ) {
        let Some(rules) = &self.settings.email else { return };
        let conversation = &*step.conversation;
        let opened = &conversation.opened;
        let is_connected = self.is_connected(conversation);
        let (Some(to), Some(shop)) = (conversation.email.clone(), self.shop(&opened.shop)) else {
            return;
        };
        if is_connected {
            return;
        }
        let reference = reference(conversation.id);
        let language = conversation.language();
        let phrases = self.phrases_of(&shop, language, turn);
        let words = Words::of(&shop, language, phrases.as_deref());
        let (subject, text) =
            automate::answer_letter(&words, (&reference, text), rules.can_reply_to(&shop));
        let key = EffectKey::of(conversation.id, conversation.epoch, Purpose::Answer, seq);
        let from_name = shop.name.as_str().into();
        let automatic = from == Sender::Machine;
        let (subject, text) = (subject.into(), text.into());
        let reply_to = shop.email.reply_to.clone();
        let email = Email { from_name, to, subject, text, automatic, reply_to };
        step.fact(Fact::Wanted(Effect { key, at: now, what: Outward::Email(email) }));
    }

    /// Whether the customer's page is open.
    fn is_connected(&self, conversation: &Conversation) -> bool {
        let opened = &conversation.opened;
        let links = self.customer_links(&opened.shop, &opened.customer);
        links.iter().any(|link| !link.outbox.is_closed())
    }

    /// Whether the customer hears what is said now, on the page or by e-mail.
    pub(super) fn can_be_told(&self, conversation: &Conversation) -> bool {
        let by_email = self.settings.email.is_some() && conversation.email.is_some();
        by_email || self.is_connected(conversation)
    }

    /// Takes an e-mail address out of what the customer says, and confirms the ticket to it. Whether the
    /// message says no more than that. An address is one also where nobody had the time to understand the
    /// message.
    pub(super) fn hear_address(
        &mut self,
        now: Timestamp,
        (message, text): (&Understood, &str),
        step: &mut Step<'_>,
        turn: &mut Turn,
    ) -> bool {
        if self.settings.email.is_none() {
            return false;
        }
        let Some(shop) = self.shop(&step.conversation.opened.shop) else { return false };
        let read = message.understanding.as_ref();
        let spans = read.map_or_else(|| pii::find(text), |read| read.pii.clone());
        let theirs = addresses(text, &spans).find(|address| !self.is_ours(address, &shop));
        let Some(address) = theirs else { return false };
        let has_ticket = matches!(step.conversation.stage, Stage::Ticketed);
        let event = step.conversation.event(message.seq);
        // Letters bring addresses of others along, in what is quoted and in signatures. On the page the
        // writer is told what was noted.
        let says_no_more = match event.is_some_and(|event| self.is_letter(&shop.id, event)) {
            true => says_only_address(text, &spans),
            false => is_all_but(text, address),
        };
        let known = step.conversation.email.as_deref();
        let is_new = known.is_none_or(|known| known != address && says_no_more);
        if is_new && step.conversation.email_changes < EMAIL_CHANGES_MAX {
            step.fact(Fact::ReachableAt(address.into()));
            if has_ticket {
                let language = step.conversation.language();
                self.confirm_ticket(now, &shop, step, turn);
                let write = |voice: &Voice<'_>| automate::email_noted(voice, address);
                self.speak(now, (&shop, language), write, step, turn);
            }
        }
        has_ticket && says_no_more
    }

    /// Whether what is sent to an address comes back here: no customer is reached at it.
    fn is_ours(&self, address: &str, shop: &Shop) -> bool {
        let is = |ours: &str| ours.eq_ignore_ascii_case(address);
        let mut general = self.settings.email.iter().flat_map(|rules| rules.ours.iter());
        let imap = shop.email.imap.as_ref();
        ReplyAddresses::are_like(address)
            || general.any(|ours| is(ours))
            || shop.email.reply_to.as_deref().is_some_and(is)
            || imap.is_some_and(|mailbox| is(&mailbox.user))
    }

    /// Wants the confirmation of the ticket, once there is an address to send it to.
    fn confirm_ticket(&self, now: Timestamp, shop: &Shop, step: &mut Step<'_>, turn: &mut Turn) {
        let Some(rules) = &self.settings.email else { return };
        let conversation = &*step.conversation;
        let ticket = ticket_of(conversation);
        let (Some(to), Some((reference, opens_at))) = (conversation.email.clone(), ticket) else {
            return;
        };
        let written = automate::TicketLetter {
            reference: &reference,
            opens_at,
            time_zone: conversation.opened.time_zone.as_deref().unwrap_or_default(),
            can_reply: rules.can_reply_to(shop),
        };
        let phrases = self.phrases_of(shop, conversation.language(), turn);
        let words = Words::of(shop, conversation.language(), phrases.as_deref());
        let (subject, text) = written.write(&words);
        let (id, epoch, seq) = (conversation.id, conversation.epoch, conversation.seq());
        let key = EffectKey::of(id, epoch, Purpose::TicketConfirmed, seq);
        let from_name = shop.name.as_str().into();
        let (subject, text) = (subject.into(), text.into());
        let reply_to = shop.email.reply_to.clone();
        let email = Email { from_name, to, subject, text, automatic: true, reply_to };
        step.fact(Fact::Wanted(Effect { key, at: now, what: Outward::Email(email) }));
    }
}

/// The number of the ticket, and when somebody is to be there.
pub(super) fn ticket_of(conversation: &Conversation) -> Option<(Arc<str>, Option<Timestamp>)> {
    conversation.events.iter().rev().find_map(|event| match &event.kind {
        EventKind::Ticket { reference, opens_at } => Some((reference.clone(), *opens_at)),
        _ => None,
    })
}

/// The e-mail addresses in a text that can be written to: whole, of ASCII, and without a sign that leaves open
/// where they begin.
fn addresses<'a>(text: &'a str, spans: &'a [PiiSpan]) -> impl Iterator<Item = &'a str> {
    let emails = spans.iter().filter(|span| span.kind == PiiKind::Email);
    let named = emails.filter_map(move |span| text.get(span.start..span.end));
    named.filter(|address| is_address(address) && !address.contains(PARTING_SIGNS))
}

/// Whether a text says no more than how its writer can be written to.
pub(super) fn is_only_address(text: &str) -> bool {
    if text.len() > ADDRESS_ONLY_BYTES_MAX {
        return false;
    }
    let spans = pii::find(text);
    addresses(text, &spans).next().is_some_and(|address| is_all_but(text, address))
}

/// Whether a text has an address and next to nothing that could be read beside it.
pub(super) fn says_only_address(text: &str, spans: &[PiiSpan]) -> bool {
    let emails = || spans.iter().filter(|span| span.kind == PiiKind::Email);
    let is_beside = |at: usize| !emails().any(|span| (span.start..span.end).contains(&at));
    let letters = text.char_indices().filter(|(at, c)| c.is_alphabetic() && is_beside(*at));
    emails().next().is_some()
        && letters.take(WORDS_BESIDE_ADDRESS_MIN).count() < WORDS_BESIDE_ADDRESS_MIN
}

fn is_all_but(text: &str, address: &str) -> bool {
    text.chars().count() - address.chars().count() <= BESIDE_ADDRESS_MAX
}

/// The number that a customer can quote, from bits of the conversation's id that are random: seven
/// letters of Crockford's alphabet, which leaves out what is easily misread.
pub fn reference(conversation: ConversationId) -> String {
    const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let random = conversation.as_uuid().as_u128() as u64 & ((1 << 35) - 1);
    let letter = |n: u32| char::from(LETTERS[(random >> (30 - 5 * n)) as usize % 32]);
    (0..7).map(letter).fold("T-".to_owned(), |mut text, letter| {
        text.push(letter);
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{CustomerId, CustomerKey, ShopId};

    #[test]
    fn what_is_said_beside_an_address_counts_unless_it_is_next_to_nothing() {
        for (text, says_more) in [
            ("li@example.cn", false),
            ("  -> li@example.cn, ok!", false),
            ("li@example.cn li.b@example.cn", false),
            ("我的包裹没到，请退款，邮箱 li@example.cn", true),
            ("mi correo es li@example.cn", true),
            ("no address", true),
        ] {
            assert_eq!(says_only_address(text, &pii::find(text)), !says_more, "{text}");
        }
    }

    #[test]
    fn only_an_address_that_is_whole_and_plain_is_written_to() {
        let long = format!("{}@example.com", "x".repeat(70));
        for (text, noted) in [
            ("I am o'brien@example.com", Some("o'brien@example.com")),
            ("it is 'ana@example.com'", Some("ana@example.com")),
            ("我的邮箱是wei@example.com谢谢", Some("wei@example.com")),
            ("\u{200e}ana@example.com", Some("ana@example.com")),
            ("r&d@example.com", Some("r&d@example.com")),
            ("o’brien@example.com", None),
            ("josé.garcia@example.com", None),
            ("jose\u{301}@example.com", None),
            ("an\u{200b}a@example.com", None),
            ("\u{430}na@example.com", None),
            ("mail=ana@example.com", None),
            ("info@büro.example", None),
            ("ana＠example.com", None),
            (long.as_str(), None),
        ] {
            let spans = pii::find(text);
            assert_eq!(addresses(text, &spans).next(), noted, "{text}");
        }
    }

    #[test]
    fn references_are_short_and_differ_with_the_conversation() {
        let key = CustomerKey::of(&ShopId::from("demo"), &CustomerId::from("v"));

        let one = reference(ConversationId::new(1, key, 1));
        let other = reference(ConversationId::new(1, key, 2));

        assert_eq!(one, "T-0000001");
        assert_ne!(one, other);
    }
}
