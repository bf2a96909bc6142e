//! Frames to a client, written from borrowed data into one string.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use uuid::Uuid;

use super::{ErrorCode, FloorFrame};
use crate::domain::{
    By, ConversationId, Event, EventKind, Intent, Language, MessageId, OfferId, OwnIntent, Said,
    SeatId, SeatState, Sender, Sentiment, SkillId, Timestamp, TransferTarget, Translated,
    WaitReason, time_zone,
};

/// A conversation that the server holds, as `welcome` lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Held {
    /// Which.
    pub conversation: ConversationId,
    /// Its epoch.
    pub epoch: u32,
    /// Its last number.
    pub seq: u64,
}

/// A frame to a widget or a seat.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are those of docs/protocol.md, by the same names")]
pub enum ServerFrame<'a> {
    Welcome {
        session: Uuid,
        heartbeat_ms: u64,
        recovered: bool,
        conversations: &'a [Held],
    },
    Pong,
    Ack {
        id: MessageId,
        conversation: ConversationId,
        epoch: u32,
        seq: u64,
        level: &'a str,
    },
    Event(EventFrame<'a>),
    Typing {
        conversation: ConversationId,
        from: Sender,
    },
    Received {
        conversation: ConversationId,
        seq: u64,
        from: Sender,
    },
    Error {
        id: Option<Uuid>,
        code: ErrorCode,
        message: &'a str,
        retry_after_ms: Option<u64>,
    },
    /// The socket closes after it; `reason` is that of the close frame.
    Closing {
        reason: &'a str,
        retry_after_ms: u64,
    },
    State {
        state: SeatState,
        slots: u32,
        used: u32,
    },
    Offer(Offer<'a>),
    Withdrawn {
        offer: OfferId,
        reason: &'a str,
    },
    Accepted {
        offer: Option<OfferId>,
        conversation: ConversationId,
        epoch: u32,
        fence: u64,
        history: Vec<TaggedEvent<'a>>,
        notes: Vec<Note<'a>>,
        joins: Vec<Join>,
    },
    TakenBack {
        conversation: ConversationId,
        reason: &'a str,
    },
    Escalated {
        conversation: ConversationId,
        hops: u8,
    },
    Held {
        conversation: ConversationId,
        skill: &'a SkillId,
        #[serde(serialize_with = "maybe_instant")]
        until: Option<Timestamp>,
    },
    Note(Note<'a>),
    Joined {
        conversation: ConversationId,
        joins: Vec<Join>,
    },
    Translated {
        conversation: ConversationId,
        seq: u64,
        id: MessageId,
        translation: Translation<'a>,
    },
    Floor(FloorFrame<'a>),
    Incidents {
        incidents: &'a [IncidentRow<'a>],
        translates: bool,
        automatic: bool,
        decisions: u32,
        fallback: Language,
    },
}

/// A question that many customers ask.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are those of docs/protocol.md, by the same names")]
pub struct IncidentRow<'a> {
    pub incident: u32,
    pub is_open: bool,
    pub same_as: Option<u32>,
    pub examples: Vec<&'a str>,
    pub followers: usize,
    pub machine_answered: usize,
    pub reaches: usize,
    pub unconfirmed: usize,
    pub languages: BTreeMap<Language, usize>,
    pub shown: Vec<IncidentFollower<'a>>,
    pub untranslated: Vec<Language>,
    pub answered_by: Option<&'a SeatId>,
    pub answer: Option<Arc<str>>,
}

/// A conversation in which it is asked.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are those of docs/protocol.md, by the same names")]
pub struct IncidentFollower<'a> {
    pub conversation: ConversationId,
    pub language: Language,
    pub text: &'a str,
    pub by: Option<&'static str>,
    pub confirmed: bool,
}

/// An offer of a conversation to a seat.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are those of docs/protocol.md, by the same names")]
pub struct Offer<'a> {
    pub offer: OfferId,
    pub conversation: ConversationId,
    #[serde(serialize_with = "instant")]
    pub expires_at: Timestamp,
    pub waiting_ms: u64,
    #[serde(serialize_with = "instant")]
    pub deadline: Timestamp,
    pub language: Language,
    pub intent: Intent,
    pub sentiment: Sentiment,
    pub confidence: f32,
    pub own_intent: Option<&'a OwnIntent>,
    pub why: &'a [String],
}

/// A note of one seat for the others.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are those of docs/protocol.md, by the same names")]
pub struct Note<'a> {
    pub conversation: ConversationId,
    #[serde(serialize_with = "instant")]
    pub at: Timestamp,
    pub seat: &'a SeatId,
    pub text: &'a str,
}

/// That a message went to a conversation which may not be its own, with the evidence.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are those of docs/protocol.md, by the same names")]
pub struct Join {
    pub seq: u64,
    #[serde(serialize_with = "instant")]
    pub at: Timestamp,
    pub to: &'static str,
    pub earlier: Option<ConversationId>,
    pub ms_ago: Option<u64>,
    pub same_order: bool,
}

/// A message in another language, or why there is none.
#[derive(Debug, Serialize)]
pub struct Translation<'a> {
    from: Language,
    language: Language,
    text: Option<&'a str>,
    by: Option<&'a str>,
    reason: Option<&'static str>,
}

impl<'a> From<&'a Translated> for Translation<'a> {
    fn from(Translated { pair, said }: &'a Translated) -> Self {
        let (text, by, reason) = match said {
            Said::Anew { text, by } => (Some(&**text), Some(&**by), None),
            Said::AsWritten(why) => (None, None, Some(why.as_str())),
        };
        Self { from: pair.from, language: pair.to, text, by, reason }
    }
}

/// One event as its viewers get it.
#[derive(Debug, Serialize)]
pub struct EventFrame<'a> {
    conversation: ConversationId,
    epoch: u32,
    seq: u64,
    #[serde(serialize_with = "instant")]
    at: Timestamp,
    #[serde(flatten)]
    body: Body<'a>,
}

/// An event frame inside another frame, where no enum adds its `type`.
#[derive(Debug, Serialize)]
pub struct TaggedEvent<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    event: EventFrame<'a>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Body<'a> {
    Message {
        from: Sender,
        id: MessageId,
        text: &'a str,
        language: Option<Language>,
        #[serde(skip_serializing_if = "Option::is_none")]
        translation: Option<Translation<'a>>,
    },
    Queued {
        place: u32,
        wait_s: Option<(u32, u32)>,
        reason: WaitReason,
    },
    Assigned {
        seat: &'a SeatId,
    },
    AnsweredByMachine {
        source: &'a str,
    },
    Ticket {
        reference: &'a str,
        #[serde(serialize_with = "maybe_instant")]
        opens_at: Option<Timestamp>,
        opens_at_local: Option<String>,
    },
    Transferred {
        to: &'a TransferTarget,
    },
    FoundHelpful {
        helpful: bool,
    },
    Rated {
        score: u8,
    },
    Closed {
        by: By,
    },
}

impl<'a> EventFrame<'a> {
    /// The frame of `event`; `zone` is the customer's, for times that people read.
    pub fn new(
        conversation: ConversationId,
        epoch: u32,
        event: &'a Event,
        zone: Option<&str>,
    ) -> Self {
        let body = match &event.kind {
            EventKind::Message { from, id, text, language } => {
                Body::Message { from: *from, id: *id, text, language: *language, translation: None }
            }
            EventKind::Queued { place, wait_s, reason } => {
                Body::Queued { place: *place, wait_s: *wait_s, reason: *reason }
            }
            EventKind::Assigned { seat } => Body::Assigned { seat },
            EventKind::AnsweredByMachine { source } => Body::AnsweredByMachine { source },
            EventKind::Ticket { reference, opens_at } => Body::Ticket {
                reference,
                opens_at: *opens_at,
                opens_at_local: opens_at.and_then(|at| local_time(at, zone?)),
            },
            EventKind::Transferred { to } => Body::Transferred { to },
            EventKind::FoundHelpful { helpful } => Body::FoundHelpful { helpful: *helpful },
            EventKind::Rated { score } => Body::Rated { score: *score },
            EventKind::Closed { by } => Body::Closed { by: *by },
        };
        Self { conversation, epoch, seq: event.seq, at: event.at, body }
    }

    /// The same with what its text says in another language; other events have none.
    pub fn translated(mut self, translated: Option<&'a Translated>) -> Self {
        if let Body::Message { translation, .. } = &mut self.body {
            *translation = translated.map(Translation::from);
        }
        self
    }

    /// The same frame for use inside another one.
    pub fn tagged(self) -> TaggedEvent<'a> {
        TaggedEvent { kind: "event", event: self }
    }
}

/// `at` in the wall time of an IANA zone, such as `2026-11-23 09:00 +07:00`.
pub fn local_time(at: Timestamp, zone: &str) -> Option<String> {
    let instant = jiff::Timestamp::from_millisecond(i64::try_from(at.as_millis()).ok()?).ok()?;
    Some(instant.to_zoned(time_zone(zone)?).strftime("%Y-%m-%d %H:%M %:z").to_string())
}

/// The frame as one line of JSON.
pub fn encode(frame: &ServerFrame<'_>) -> String {
    let mut buffer = Vec::with_capacity(192);
    serde_json::to_writer(&mut buffer, frame).expect("frames have string keys and no maps");
    String::from_utf8(buffer).expect("serde_json writes UTF-8")
}

pub(super) fn instant<S: serde::Serializer>(
    at: &Timestamp,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.to_rfc3339())
}

pub(crate) fn maybe_instant<S: serde::Serializer>(
    at: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => instant(at, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conversation() -> ConversationId {
        "0190f3a2-5b1e-7c3d-9a44-0c6f6b2f9d10".parse().expect("an id")
    }

    #[test]
    fn an_event_is_one_flat_object() {
        let event = Event {
            seq: 19,
            at: Timestamp::from_millis(1_000),
            kind: EventKind::Queued {
                place: 2,
                wait_s: Some((5, 40)),
                reason: WaitReason::Capacity,
            },
        };

        let text = encode(&ServerFrame::Event(EventFrame::new(conversation(), 3, &event, None)));

        assert_eq!(
            text,
            r#"{"type":"event","conversation":"0190f3a2-5b1e-7c3d-9a44-0c6f6b2f9d10","epoch":3,"seq":19,"at":"1970-01-01T00:00:01.000Z","kind":"queued","place":2,"wait_s":[5,40],"reason":"capacity"}"#
        );
    }

    #[test]
    fn a_ticket_tells_the_time_where_the_customer_lives() {
        let event = Event {
            seq: 1,
            at: Timestamp::from_millis(0),
            kind: EventKind::Ticket {
                reference: "TW-7".into(),
                opens_at: Some(Timestamp::from_millis(7_200_000)),
            },
        };

        let frame = EventFrame::new(conversation(), 1, &event, Some("Asia/Bangkok"));

        let text = encode(&ServerFrame::Event(frame));
        assert!(text.contains(r#""opens_at_local":"1970-01-01 09:00 +07:00""#), "{text}");
    }
}
