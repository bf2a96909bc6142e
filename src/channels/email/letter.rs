//! A letter as the mail server takes it: the same bytes for every try of one effect.

use std::time::{Duration, UNIX_EPOCH};

use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, SinglePart};
use lettre::{Address, Message};

use super::ReplyAddresses;
use crate::domain::{ConversationId, Effect, Email};

/// RFC 5321, 4.5.3.1.3.
const ADDRESS_BYTES_MAX: usize = 254;

/// A letter, and between whom it is carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Where a failure to deliver it is told.
    pub from: String,
    /// Who gets it.
    pub to: String,
    /// Headers and text, lines ended by `\r\n`.
    pub content: Vec<u8>,
}

/// Why there is no letter.
#[derive(Debug, thiserror::Error)]
pub enum LetterError {
    /// An address cannot be written to.
    #[error("not an address that mail can be sent to")]
    Address,
    /// A header or the text cannot be written down.
    #[error("the letter cannot be written: {0}")]
    Message(#[from] lettre::error::Error),
}

/// What every letter of this router begins with.
#[derive(Clone, Debug)]
pub struct Letterhead {
    from: Address,
    replies: ReplyAddresses,
    reply_to: Option<String>,
}

/// Whether `text` is a plain address: what others have to say about it needs no quotes.
pub fn is_address(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"(),:;<>[\\]".contains(&byte);
    text.len() <= ADDRESS_BYTES_MAX && text.bytes().all(plain) && text.parse::<Address>().is_ok()
}

impl Letterhead {
    /// The head of letters from `from`, whose answers come to signed addresses of the mailbox `reply_to`, or of
    /// that of their shop; where there is neither, answers go to `from`. `None` when that is no address.
    pub fn new(from: &str, replies: ReplyAddresses, reply_to: Option<String>) -> Option<Self> {
        let from = from.parse().ok().filter(|_| is_address(from))?;
        Some(Self { from, replies, reply_to })
    }

    /// The letter of an effect.
    ///
    /// # Errors
    /// When the customer's address is none, or the letter cannot be written.
    pub fn letter(
        &self,
        conversation: ConversationId,
        effect: &Effect<Email>,
    ) -> Result<Letter, LetterError> {
        let email = &effect.what;
        if !is_address(&email.to) {
            return Err(LetterError::Address);
        }
        let to: Address = email.to.parse().map_err(|_| LetterError::Address)?;
        let domain = self.from.domain();
        // All letters of a conversation hang on one that was never sent, so they stand together.
        let thread = format!("<{}@{domain}>", conversation.as_uuid().simple());
        let mailbox = email.reply_to.as_deref().or(self.reply_to.as_deref());
        let reply_to = mailbox.and_then(|mailbox| self.replies.of(mailbox, conversation));
        let from_name = Some(email.from_name.to_string()).filter(|name| !name.is_empty());
        let mut message = Message::builder()
            .message_id(Some(format!("<{}@{domain}>", effect.key)))
            .in_reply_to(thread.clone())
            .references(thread)
            .date(UNIX_EPOCH + Duration::from_millis(effect.at.as_millis()))
            .from(Mailbox::new(from_name, self.from.clone()))
            .to(Mailbox::new(None, to))
            .subject(email.subject.to_string());
        if let Some(reply_to) = &reply_to {
            let address = reply_to.parse().map_err(|_| LetterError::Address)?;
            message = message.reply_to(Mailbox::new(None, address));
        }
        if email.automatic {
            message = message.header(AutoSubmitted);
        }
        let message = message.singlepart(SinglePart::plain(email.text.replace('\n', "\r\n")))?;
        Ok(Letter {
            from: reply_to.unwrap_or_else(|| self.from.to_string()),
            to: email.to.to_string(),
            content: message.formatted(),
        })
    }
}

/// RFC 3834: says to other machines that no person wrote this, so that none answers.
#[derive(Clone, Copy)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-replied".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{EffectKey, Purpose, Timestamp};
    use uuid::Uuid;

    fn effect(subject: &str, text: &str) -> (ConversationId, Effect<Email>) {
        let conversation = ConversationId::from_uuid(Uuid::from_u128(7));
        let email = Email {
            from_name: "Käse & Co, Ltd.".into(),
            to: "ana@example.org".into(),
            subject: subject.into(),
            text: text.into(),
            automatic: true,
            reply_to: None,
        };
        let key = EffectKey::of(conversation, 1, Purpose::TicketConfirmed, 2);
        let at = Timestamp::from_millis(1_795_746_600_000);
        (conversation, Effect { key, at, what: email })
    }

    fn letterhead() -> Letterhead {
        let replies = ReplyAddresses::signed_with([1; 32]);
        let reply_to = Some("reply@shop.example".to_owned());
        Letterhead::new("help@shop.example", replies, reply_to).expect("an address")
    }

    fn written(subject: &str, text: &str) -> String {
        let (conversation, effect) = effect(subject, text);
        let letter = letterhead().letter(conversation, &effect).expect("a letter");
        String::from_utf8(letter.content).expect("seven bits")
    }

    #[test]
    fn every_try_sends_the_same_bytes_under_the_same_message_id() {
        let first = written("注文 T-1", "您好\n再见");

        assert_eq!(first, written("注文 T-1", "您好\n再见"));
        let (_, effect) = effect("", "");
        assert!(
            first.contains(&format!("Message-ID: <{}@shop.example>\r\n", effect.key)),
            "{first}"
        );
        assert!(first.contains("Auto-Submitted: auto-replied\r\n"), "{first}");
        assert!(first.contains("Date: Fri, 27 Nov 2026 02:30:00 +0000\r\n"), "{first}");
        assert!(first.contains("Reply-To: reply+"), "{first}");
        assert!(first.is_ascii());
    }

    #[test]
    fn answers_to_a_shop_with_a_mailbox_of_its_own_come_there() {
        let (conversation, mut effect) = effect("", "");
        effect.what.reply_to = Some("answers@other.example".into());

        let letter = letterhead().letter(conversation, &effect).expect("a letter");

        assert!(letter.from.starts_with("answers+") && letter.from.ends_with("@other.example"));
        let text = String::from_utf8(letter.content).expect("seven bits");
        assert!(text.contains(&letter.from), "{text}");
    }

    #[test]
    fn no_subject_brings_a_header_of_its_own() {
        let text = written("hello\r\nBcc: all@example.org\r\n\r\nbuy", "text");

        assert!(!text.lines().any(|line| line.starts_with("Bcc")), "{text}");
    }

    #[test]
    fn only_plain_addresses_are_written_to() {
        for good in ["ana@example.org", "a.b+c@mail.example.co.uk"] {
            assert!(is_address(good), "{good}");
        }
        let long = format!("{}@example.org", "a".repeat(250));
        for bad in ["", "ana", "a b@example.org", "a@b\r\nRCPT TO:<c@d>", "<a@b>", "ü@x.de", &long]
        {
            assert!(!is_address(bad), "{bad}");
        }
    }
}
