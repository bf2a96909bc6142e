//! Frames: what is sent is written by hand, what comes back is read leniently.
//!
//! Reading ignores fields, kinds and types that it does not know, as the protocol asks of clients.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Deserialize;
use uuid::Uuid;

/// Fingerprint of a text, so that the ledger need not keep the text.
pub fn fingerprint(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// A frame from the server, with every field of every type that this client reads.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Frame<'a> {
    #[serde(rename = "type", borrow)]
    pub kind_of_frame: Cow<'a, str>,
    pub conversation: Option<Uuid>,
    pub epoch: u64,
    pub seq: u64,
    pub id: Option<Uuid>,
    /// Of an event.
    #[serde(borrow)]
    pub kind: Option<Cow<'a, str>>,
    /// Of a message.
    #[serde(borrow)]
    pub from: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub text: Option<Cow<'a, str>>,
    /// Of `welcome`.
    pub session: Option<Uuid>,
    pub heartbeat_ms: Option<u64>,
    pub recovered: bool,
    pub conversations: Vec<Standing>,
    /// Of `error`.
    #[serde(borrow)]
    pub code: Option<Cow<'a, str>>,
    pub retry_after_ms: Option<u64>,
    /// Of `offer`, `accepted` and `withdrawn`.
    pub offer: Option<Uuid>,
    pub waiting_ms: Option<u64>,
    #[serde(borrow)]
    pub intent: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub language: Option<Cow<'a, str>>,
    /// Of `accepted`.
    #[serde(borrow)]
    pub history: Vec<Frame<'a>>,
    /// Of `state`.
    #[serde(borrow)]
    pub state: Option<Cow<'a, str>>,
    pub slots: Option<u32>,
}

/// Where a conversation stands, as `welcome` tells it.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub struct Standing {
    pub conversation: Uuid,
    pub epoch: u64,
    pub seq: u64,
}

/// Who wrote a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    Customer,
    Seat,
    Machine,
}

/// What an event says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Message {
        from: Sender,
        id: Uuid,
        hash: u64,
    },
    Queued,
    Assigned,
    AnsweredByMachine,
    Ticket,
    Transferred,
    Rated,
    Closed,
    /// Added to the protocol after this client was written.
    Other,
}

/// One numbered step of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    pub conversation: Uuid,
    pub epoch: u64,
    pub seq: u64,
    pub kind: Kind,
}

impl<'a> Frame<'a> {
    /// Reads one text message.
    ///
    /// # Errors
    /// When it is not a JSON object of the documented field types.
    pub fn decode(text: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The event in this frame, if it is a well-formed one.
    pub fn event(&self) -> Option<Event> {
        let kind = match self.kind.as_deref()? {
            "message" => Kind::Message {
                from: match self.from.as_deref()? {
                    "customer" => Sender::Customer,
                    "seat" => Sender::Seat,
                    _ => Sender::Machine,
                },
                id: self.id?,
                hash: fingerprint(self.text.as_deref()?),
            },
            "queued" => Kind::Queued,
            "assigned" => Kind::Assigned,
            "answered_by_machine" => Kind::AnsweredByMachine,
            "ticket" => Kind::Ticket,
            "transferred" => Kind::Transferred,
            "rated" => Kind::Rated,
            "closed" => Kind::Closed,
            _ => Kind::Other,
        };
        Some(Event { conversation: self.conversation?, epoch: self.epoch, seq: self.seq, kind })
    }
}

/// `hello`, with what to resume.
pub fn hello(token: &str, session: Option<Uuid>, last_seq: &[(Uuid, u64)]) -> String {
    let mut out = String::with_capacity(160 + token.len() + last_seq.len() * 48);
    out.push_str(r#"{"type":"hello","token":"#);
    push_json(&mut out, token);
    if session.is_none() && last_seq.is_empty() {
        out.push_str(r#","resume":null}"#);
        return out;
    }
    out.push_str(r#","resume":{"session":"#);
    push_uuid_or_null(&mut out, session);
    out.push_str(r#","last_seq":{"#);
    for (at, (conversation, seq)) in last_seq.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let _ = write!(out, r#"{comma}"{conversation}":{seq}"#);
    }
    out.push_str("}}}");
    out
}

/// `send`; without a conversation it opens one.
pub fn send(id: Uuid, conversation: Option<Uuid>, text: &str) -> String {
    let mut out = String::with_capacity(128 + text.len() + text.len() / 8);
    let _ = write!(out, r#"{{"type":"send","id":"{id}","conversation":"#);
    push_uuid_or_null(&mut out, conversation);
    out.push_str(r#","text":"#);
    push_json(&mut out, text);
    out.push('}');
    out
}

/// `received`: everything up to `seq` has been shown.
pub fn received(conversation: Uuid, seq: u64) -> String {
    format!(r#"{{"type":"received","conversation":"{conversation}","seq":{seq}}}"#)
}

/// A frame that names a conversation and nothing else: `typing`, `close`, `person`.
pub fn about(frame: &str, conversation: Uuid) -> String {
    format!(r#"{{"type":"{frame}","conversation":"{conversation}"}}"#)
}

/// `rate`.
pub fn rate(conversation: Uuid, score: u8) -> String {
    format!(r#"{{"type":"rate","conversation":"{conversation}","score":{score}}}"#)
}

/// `state` of a seat.
pub fn state(state: &str) -> String {
    format!(r#"{{"type":"state","state":"{state}"}}"#)
}

/// `accept`; the offer's own id comes back in an error about it.
pub fn accept(offer: Uuid) -> String {
    format!(r#"{{"type":"accept","id":"{offer}","offer":"{offer}"}}"#)
}

/// `ping`.
pub const PING: &str = r#"{"type":"ping"}"#;

fn push_uuid_or_null(out: &mut String, id: Option<Uuid>) {
    match id {
        Some(id) => {
            let _ = write!(out, r#""{id}""#);
        }
        None => out.push_str("null"),
    }
}

/// Appends `text` as a JSON string.
pub fn push_json(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if (c as u32) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    const C1: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_00c1);

    #[test]
    fn an_event_of_the_documented_shape_is_read() {
        let text = format!(
            r#"{{"type":"event","conversation":"{C1}","epoch":1,"seq":19,"at":"2026-11-22T10:10:00.000Z","kind":"message","from":"seat","id":"{C1}","text":"Hola, lo miro ahora.","language":"es","new":[1]}}"#
        );

        let event = Frame::decode(&text).expect("valid").event().expect("an event");

        assert_eq!(event.seq, 19);
        assert_eq!(
            event.kind,
            Kind::Message { from: Sender::Seat, id: C1, hash: fingerprint("Hola, lo miro ahora.") }
        );
    }

    #[test]
    fn an_unknown_kind_still_counts_in_the_order() {
        let text =
            format!(r#"{{"type":"event","conversation":"{C1}","epoch":1,"seq":2,"kind":"x"}}"#);

        let event = Frame::decode(&text).expect("valid").event().expect("an event");

        assert_eq!((event.seq, event.kind), (2, Kind::Other));
    }

    #[test]
    fn a_welcome_tells_where_conversations_stand() {
        let text = format!(
            r#"{{"type":"welcome","session":"{C1}","heartbeat_ms":5000,"recovered":true,"conversations":[{{"conversation":"{C1}","epoch":1,"seq":18}}]}}"#
        );

        let frame = Frame::decode(&text).expect("valid");

        assert!(frame.recovered);
        assert_eq!(frame.conversations, [Standing { conversation: C1, epoch: 1, seq: 18 }]);
    }

    #[test]
    fn an_offer_and_its_acceptance_are_read() {
        let offer = format!(
            r#"{{"type":"offer","offer":"{C1}","conversation":"{C1}","expires_at":"2026-11-22T10:00:09.400Z","waiting_ms":3100,"deadline":"2026-11-22T10:00:15.300Z","language":"es","intent":"refund_status","sentiment":"negative","confidence":0.93,"why":["speaks es"]}}"#
        );
        let accepted = format!(
            r#"{{"type":"accepted","offer":"{C1}","conversation":"{C1}","epoch":1,"fence":7,"history":[{{"type":"event","conversation":"{C1}","epoch":1,"seq":1,"kind":"queued","place":1,"wait_s":[1,2],"reason":"capacity"}}],"notes":[]}}"#
        );

        let offer = Frame::decode(&offer).expect("valid");
        let accepted = Frame::decode(&accepted).expect("valid");

        assert_eq!(offer.intent.as_deref(), Some("refund_status"));
        assert_eq!(offer.waiting_ms, Some(3100));
        assert_eq!(accepted.history.len(), 1);
        assert_eq!(accepted.history[0].event().expect("an event").kind, Kind::Queued);
    }

    #[test]
    fn an_error_may_answer_no_frame() {
        let frame = Frame::decode(
            r#"{"type":"error","id":null,"code":"bad_frame","message":"no type","retry_after_ms":null}"#,
        )
        .expect("valid");

        assert_eq!((frame.id, frame.code.as_deref()), (None, Some("bad_frame")));
    }

    #[test]
    fn frames_are_written_as_documented() {
        let parse = |text: &str| -> serde_json::Value {
            serde_json::from_str(text).expect("what is sent is JSON")
        };

        assert_eq!(
            parse(&hello("t\"1", None, &[])),
            serde_json::json!({"type":"hello","token":"t\"1","resume":null})
        );
        assert_eq!(
            parse(&hello("t", None, &[(C1, 17)])),
            serde_json::json!({"type":"hello","token":"t",
                "resume":{"session":null,"last_seq":{C1.to_string():17}}})
        );
        assert_eq!(
            parse(&send(C1, None, "a\"\\\n\u{1}é")),
            serde_json::json!({"type":"send","id":C1,"conversation":null,"text":"a\"\\\n\u{1}é"})
        );
        assert_eq!(parse(&accept(C1)), serde_json::json!({"type":"accept","id":C1,"offer":C1}));
        assert_eq!(
            parse(&rate(C1, 5)),
            serde_json::json!({"type":"rate","conversation":C1,"score":5})
        );
    }
}
