//! A letter that comes in: which conversation it is for, what its writer added, and whether a machine
//! wrote it.

use sha2::{Digest, Sha256};
use uuid::Builder;

use super::ReplyAddresses;
use super::parts::{Opened, OutOfBounds, Text};
use super::quotes::without_quotes;
use crate::domain::{ConversationId, MessageId};

/// Headers that name who a letter is for, by the servers that carried it and by its writer.
const RECIPIENTS: [&str; 5] = ["Delivered-To", "X-Original-To", "Envelope-To", "To", "Cc"];
/// Values of `Precedence` that no person sends with.
const MACHINES: [&str; 4] = ["bulk", "junk", "list", "auto_reply"];
/// Of a report that is read by machines, more than one about one recipient has.
const STATUS_BYTES_MAX: usize = 64 << 10;

/// A letter for a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// Which.
    pub conversation: ConversationId,
    /// The same whenever the letter is delivered: made of its Message-ID.
    pub id: MessageId,
    /// What it is.
    pub kind: IncomingKind,
}

/// What a letter is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IncomingKind {
    /// Somebody wrote this, without what was quoted below.
    Written(String),
    /// An e-mail of ours could not be delivered.
    NotDelivered,
    /// An e-mail of ours is late and still tried.
    Delayed,
    /// A machine answers, such as that of somebody who is away.
    Automatic,
}

/// Why a letter is for no conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotForUs {
    /// It is no letter.
    #[error("this is no e-mail")]
    NoLetter,
    /// More lies in it than is looked through.
    #[error("its head is too large, or it has too many parts or too deep ones")]
    OutOfBounds,
    /// None of its addresses was made here.
    #[error("no address of it names a conversation")]
    NoConversation,
    /// Nothing stands in it, or only what was quoted.
    #[error("nothing was written in it")]
    Empty,
}

/// Reads a letter as it came; of its text `text_bytes_max` at most.
///
/// # Errors
/// Why it is for no conversation.
pub fn read(
    raw: &[u8],
    replies: &ReplyAddresses,
    text_bytes_max: usize,
) -> Result<Incoming, NotForUs> {
    let letter = Opened::of(raw)?;
    if !letter.has_head() {
        return Err(NotForUs::NoLetter);
    }
    let recipients = RECIPIENTS.iter().flat_map(|name| letter.values(name));
    let mut addresses = recipients.flat_map(|value| value.split(|c: char| !in_address(c)));
    let conversation = addresses.find_map(|address| replies.conversation(address));
    let conversation = conversation.ok_or(NotForUs::NoConversation)?;
    let kind = match machine(&letter)? {
        Some(kind) => kind,
        None => written(&letter, text_bytes_max)?,
    };
    Ok(Incoming { conversation, id: id_of(&letter, raw), kind })
}

impl From<OutOfBounds> for NotForUs {
    fn from(_: OutOfBounds) -> Self {
        Self::OutOfBounds
    }
}

fn written(letter: &Opened<'_>, text_bytes_max: usize) -> Result<IncomingKind, NotForUs> {
    let parts = letter.parts()?;
    let text = parts.written().map(Text::decoded).unwrap_or_default();
    // What is quoted may be as long again as what is written, and much longer is cut unread.
    let looked_at = text.floor_char_boundary(text_bytes_max.saturating_mul(4));
    let mut text = without_quotes(&text[..looked_at]);
    text.truncate(text.floor_char_boundary(text_bytes_max));
    if text.is_empty() { Err(NotForUs::Empty) } else { Ok(IncomingKind::Written(text)) }
}

/// The letter's id; one without Message-ID is known again by its bytes.
fn id_of(letter: &Opened<'_>, raw: &[u8]) -> MessageId {
    let name = letter.message_id().map_or(raw, str::as_bytes);
    let hash: [u8; 32] = Sha256::digest(name).into();
    let bytes = std::array::from_fn(|at| hash[at]);
    MessageId::from_uuid(Builder::from_custom_bytes(bytes).into_uuid())
}

fn in_address(c: char) -> bool {
    c.is_ascii_alphanumeric() || "@.+-_".contains(c)
}

/// What a machine says with it (RFC 3464, RFC 3834); `None` when a person wrote it.
fn machine(letter: &Opened<'_>) -> Result<Option<IncomingKind>, OutOfBounds> {
    let first = |name| letter.values(name).next().map(str::to_ascii_lowercase);
    let begins = |name, with: &[&str]| {
        first(name).is_some_and(|value| with.iter().any(|with| value.starts_with(with)))
    };
    let from_nobody = first("Return-Path").is_some_and(|value| value == "<>");
    let is_report = begins("Content-Type", &["multipart/report"])
        && first("Content-Type").is_some_and(|value| value.contains("delivery-status"));
    if is_report || begins("From", &["mailer-daemon", "<mailer-daemon"]) {
        return delivery(letter).map(Some);
    }
    let says_so = first("Auto-Submitted").is_some_and(|value| value != "no");
    // `Feedback-ID` says nothing: relays stamp it on what people send as well.
    let answers = ["X-Autoreply", "X-Autorespond", "List-Id"];
    let is_automatic = from_nobody
        || says_so
        || begins("Precedence", &MACHINES)
        || answers.into_iter().any(|name| first(name).is_some());
    Ok(is_automatic.then_some(IncomingKind::Automatic))
}

/// What a report says of an e-mail of ours (RFC 3464, 2.3.3). One that does not say it in a form that
/// machines read is a failure: most of these are.
fn delivery(letter: &Opened<'_>) -> Result<IncomingKind, OutOfBounds> {
    let parts = letter.parts()?;
    let actions: Vec<String> =
        parts.statuses().into_iter().flat_map(|status| actions(&status.decoded())).collect();
    let says = |word: &str| actions.iter().any(|action| action == word);
    Ok(if actions.is_empty() || says("failed") {
        IncomingKind::NotDelivered
    } else if says("delayed") {
        IncomingKind::Delayed
    } else {
        IncomingKind::Automatic
    })
}

/// What was done about each recipient.
fn actions(status: &str) -> Vec<String> {
    let status = &status[..status.floor_char_boundary(STATUS_BYTES_MAX)];
    let fields = status.lines().filter_map(|line| line.split_once(':'));
    let actions = fields.filter(|(name, _)| name.trim().eq_ignore_ascii_case("action"));
    // A comment may stand behind the word.
    let word = |(_, value): (&str, &str)| value.split_ascii_whitespace().next().map(str::to_owned);
    actions.filter_map(word).map(|word| word.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use uuid::Uuid;

    fn replies() -> ReplyAddresses {
        ReplyAddresses::signed_with([1; 32])
    }

    fn conversation() -> ConversationId {
        ConversationId::from_uuid(Uuid::from_u128(7))
    }

    /// A letter to the conversation with these further headers.
    fn letter(headers: &str, body: &str) -> Vec<u8> {
        let to = replies().of("reply@shop.example", conversation()).expect("an address");
        format!(
            "Message-ID: <one@example.org>\r\nFrom: Ana <ana@example.org>\r\n\
             To: \"The shop\" <{to}>\r\nSubject: Re: your request\r\n{headers}\r\n{body}"
        )
        .into_bytes()
    }

    fn kind(headers: &str, body: &str) -> Result<IncomingKind, NotForUs> {
        read(&letter(headers, body), &replies(), 1_000).map(|incoming| incoming.kind)
    }

    fn written(body: &str) -> String {
        match kind("Content-Type: text/plain; charset=utf-8\r\n", body) {
            Ok(IncomingKind::Written(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_letter_is_for_the_conversation_of_its_address_and_keeps_its_id() {
        let one = read(&letter("", "hello"), &replies(), 1_000).expect("a letter");
        let again = read(&letter("X-Hop: 2\r\n", "hello"), &replies(), 1_000).expect("a letter");

        assert_eq!((one.conversation, one.id), (conversation(), again.id));
        let elsewhere = ReplyAddresses::signed_with([2; 32]);
        let refused = read(&letter("", "hello"), &elsewhere, 1_000);
        assert_eq!(refused, Err(NotForUs::NoConversation), "a signature of somebody else");
        assert_eq!(read(b"", &replies(), 1_000), Err(NotForUs::NoLetter));
    }

    #[test]
    fn what_is_quoted_is_no_part_of_what_was_written() {
        let quotation = "On Mon, 3 Mar 2025 at 10:00, Shop <help@shop.example> wrote:\r\n> old";

        assert_eq!(written(&format!("It is broken.\r\n\r\n{quotation}")), "It is broken.");
        assert_eq!(written(&format!("{quotation}\r\n\r\nIt is TW-1.")), "It is TW-1.");
        assert_eq!(kind("", quotation), Err(NotForUs::Empty));
    }

    #[test]
    fn coded_texts_are_read_and_long_ones_cut_between_letters() {
        let coded =
            "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n";
        let html = "Content-Type: text/html; charset=utf-8\r\n";

        assert_eq!(kind(coded, "5L2g5aW9"), Ok(IncomingKind::Written("你好".to_owned())));
        assert_eq!(
            kind(html, "<p>so <b>late</b></p>"),
            Ok(IncomingKind::Written("so late".into()))
        );
        let quotes =
            "<div>so late</div><div>On 3 Mar Shop wrote:</div><blockquote>T-1</blockquote>";
        assert_eq!(kind(html, quotes), Ok(IncomingKind::Written("so late".into())));
        let cut = read(&letter(coded, "5L2g5aW9"), &replies(), 4).map(|incoming| incoming.kind);
        assert_eq!(cut, Ok(IncomingKind::Written("你".to_owned())));
    }

    #[test]
    fn machines_are_known_by_what_they_say_of_themselves() {
        for header in [
            "Auto-Submitted: auto-replied\r\n",
            "Precedence: bulk\r\n",
            "X-Autoreply: yes\r\n",
            "List-Id: <news.example.org>\r\n",
            "Return-Path: <>\r\n",
        ] {
            assert_eq!(kind(header, "I am away"), Ok(IncomingKind::Automatic), "{header}");
        }
        let report = "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n";
        assert_eq!(kind(report, "--b--"), Ok(IncomingKind::NotDelivered));
    }

    #[test]
    fn what_relays_stamp_on_the_letter_of_a_person_makes_no_machine_of_its_writer() {
        for header in [
            "Auto-Submitted: no\r\n",
            "Feedback-ID: 1.eu-west-1.abc=:AmazonSES\r\n",
            "Precedence: normal\r\n",
        ] {
            let person = kind(header, "It is me");

            assert_eq!(person, Ok(IncomingKind::Written("It is me".to_owned())), "{header}");
        }
    }

    fn report(status: &str) -> Result<IncomingKind, NotForUs> {
        let headers = "From: Mail Delivery <MAILER-DAEMON@mx.example>\r\nContent-Type: \
            multipart/report; report-type=delivery-status;\r\n boundary=\"b\"\r\n";
        let body = format!(
            "--b\r\nContent-Type: text/plain\r\n\r\nAction: failed, or so it seems\r\n\
             --b\r\nContent-Type: message/delivery-status\r\n\r\n\
             Reporting-MTA: dns; mx.example\r\n\r\n{status}\r\n--b--\r\n"
        );
        kind(headers, &body)
    }

    #[test]
    fn a_report_says_whether_an_email_failed_or_is_only_late() {
        let of = |action: &str| format!("Final-Recipient: rfc822; ana@example.org\r\n{action}");

        assert_eq!(report(&of("Action: failed")), Ok(IncomingKind::NotDelivered));
        assert_eq!(report(&of("Action: delayed\r\nStatus: 4.4.7")), Ok(IncomingKind::Delayed));
        assert_eq!(report(&of("action: DELAYED (retrying)")), Ok(IncomingKind::Delayed));
        assert_eq!(report(&of("Action: relayed")), Ok(IncomingKind::Automatic));
        let both = format!("{}\r\n\r\n{}", of("Action: delayed"), of("Action: failed"));
        assert_eq!(report(&both), Ok(IncomingKind::NotDelivered), "one of them failed");
        assert_eq!(report("Status: 5.1.1"), Ok(IncomingKind::NotDelivered), "it does not say");
    }

    /// Lines of base64 as mail programs write them.
    fn base64(text: &str) -> String {
        let coded = STANDARD.encode(text);
        let lines: Vec<&str> =
            (0..coded.len()).step_by(76).map(|at| &coded[at..coded.len().min(at + 76)]).collect();
        lines.join("\r\n")
    }

    #[test]
    fn letters_in_letters_to_any_depth_are_attachments_and_end_nothing() {
        let nested = "Content-Type: message/rfc822\n\n";
        let kind_of = |headers: &str, body: &str| kind(&format!("{headers}\r\n"), body);

        let coded = "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64";
        assert_eq!(kind_of(coded, &base64(&nested.repeat(3_000))), Err(NotForUs::Empty));
        let plain = "Content-Type: message/rfc822";
        assert_eq!(kind_of(plain, &nested.repeat(30_000)), Err(NotForUs::Empty));
        let report = "Content-Type: multipart/report; report-type=delivery-status; boundary=b";
        let status = "Content-Type: message/delivery-status\r\n\r\nAction: delayed";
        let body = format!("--b\r\n{status}\r\n--b\r\n{}", nested.repeat(30_000));
        assert_eq!(kind_of(report, &body), Ok(IncomingKind::Delayed));
    }

    #[test]
    fn a_letter_of_two_million_parts_is_refused() {
        let mixed = "Content-Type: multipart/mixed; boundary=b\r\n";
        assert_eq!(kind(mixed, &"--b\n\n".repeat(1 << 21)), Err(NotForUs::OutOfBounds));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes: Vec<u8>, body in "\\PC{0,200}") {
            let _ = read(&bytes, &replies(), 10);
            let _ = read(&letter("", &body), &replies(), 10);
        }
    }
}
