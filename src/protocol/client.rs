//! Frames from a client, parsed into types.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use uuid::Uuid;

use crate::domain::{ConversationId, Language, MessageId, OfferId, SeatId, SeatState, SkillId};

/// The first frame of a connection.
#[derive(Debug, PartialEq)]
pub struct Hello<'a> {
    /// From the session call.
    pub token: Cow<'a, str>,
    /// What the client holds already.
    pub resume: Option<Resume>,
}

/// What a client holds from before.
#[derive(Debug, Default, Clone, PartialEq, Deserialize)]
pub struct Resume {
    /// The session that it continues.
    #[serde(default)]
    pub session: Option<Uuid>,
    /// The last number seen of each conversation.
    #[serde(default)]
    pub last_seq: BTreeMap<ConversationId, u64>,
}

/// Where a seat sends a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// One colleague.
    Seat(SeatId),
    /// Whoever has the skill.
    Skill(SkillId),
}

/// A frame from a widget or a seat.
#[derive(Debug, PartialEq)]
pub enum ClientFrame<'a> {
    /// Begins the connection.
    Hello(Hello<'a>),
    /// Shows that the client lives.
    Ping,
    /// Says something.
    Send {
        /// The client's id of the message.
        id: MessageId,
        /// Where; `None` opens or joins.
        conversation: Option<ConversationId>,
        /// What.
        text: Cow<'a, str>,
    },
    /// Everything up to here was shown.
    Received {
        /// Where.
        conversation: ConversationId,
        /// Up to which number.
        seq: u64,
    },
    /// Somebody types.
    Typing {
        /// Where.
        conversation: ConversationId,
    },
    /// Ends a conversation.
    Close {
        /// Which.
        conversation: ConversationId,
    },
    /// Widget: wants a person.
    Person {
        /// Where.
        conversation: ConversationId,
    },
    /// Widget: says whether the machine's answer helped.
    Helpful {
        /// Where.
        conversation: ConversationId,
        /// Whether.
        helpful: bool,
    },
    /// Widget: rates.
    Rate {
        /// What.
        conversation: ConversationId,
        /// 1 to 5.
        score: u8,
    },
    /// Seat: what it takes now.
    State(SeatState),
    /// Seat: takes an offer.
    Accept {
        /// Which.
        offer: OfferId,
    },
    /// Seat: gives an offer back.
    Decline {
        /// Which.
        offer: OfferId,
    },
    /// Seat: writes a note for colleagues.
    Note {
        /// Where.
        conversation: ConversationId,
        /// What.
        text: Cow<'a, str>,
    },
    /// Seat: hands a conversation on.
    Transfer {
        /// Which.
        conversation: ConversationId,
        /// To whom.
        to: Target,
    },
    /// Supervisor: gives a conversation of the shop to a seat.
    Assign {
        /// Which.
        conversation: ConversationId,
        /// The owner to be.
        seat: SeatId,
    },
    /// Seat: takes back that a message joined a conversation, or that it goes on from another.
    Part {
        /// Which.
        conversation: ConversationId,
        /// Number of the message that is meant, so that nothing else is taken back; left out: the last.
        seq: Option<u64>,
    },
    /// Supervisor: lets a conversation of the shop go on that is held for approval.
    Approve {
        /// Which.
        conversation: ConversationId,
    },
    /// Supervisor: becomes the owner of a conversation of the shop.
    TakeOver {
        /// Which.
        conversation: ConversationId,
    },
    /// Seat: wants a customer's message in its own language.
    Translate {
        /// Where.
        conversation: ConversationId,
        /// The number of the message.
        seq: u64,
    },
    /// Seat: wants to see the incidents of the shop, or no longer.
    Incidents {
        /// Whether.
        watch: bool,
    },
    /// Seat: says who belongs to an incident and who does not.
    ConfirmIncident {
        /// Which.
        incident: u32,
        /// Who does.
        conversations: Vec<ConversationId>,
        /// Who does not.
        wrong: Vec<ConversationId>,
    },
    /// Seat: answers everybody who is confirmed.
    AnswerIncident {
        /// Which.
        incident: u32,
        /// The text in each language.
        texts: BTreeMap<Language, String>,
        /// The language of the text for everybody else.
        fallback: Language,
    },
    /// Seat: says that an incident is the same as another.
    JoinIncidents {
        /// Which is no more.
        incident: u32,
        /// Which it becomes part of.
        into: u32,
    },
    /// Seat: says that an incident is not the same as another.
    PartIncidents {
        /// Which.
        incident: u32,
        /// Which other.
        from: u32,
    },
    /// Seat: ends an incident.
    CloseIncident {
        /// Which.
        incident: u32,
    },
    /// Supervisor: wants to see the floor of the shop, or no longer.
    Floor {
        /// Whether.
        watch: bool,
    },
}

/// Why a text is no frame.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// Not JSON, or a field of the wrong type.
    #[error("{}", super::json_problem(.0))]
    Json(#[from] serde_json::Error),
    /// The type is not part of the protocol.
    #[error("unknown type")]
    UnknownType,
    /// The type needs a field that is not there.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// The score is out of range.
    #[error("`score` must be 1 to 5")]
    Score,
}

/// Every field of every frame: one flat parse is several times cheaper than a tagged enum, whose
/// content serde has to buffer.
#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    id: Option<Uuid>,
    conversation: Option<ConversationId>,
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow)]
    token: Option<Cow<'a, str>>,
    resume: Option<Resume>,
    seq: Option<u64>,
    helpful: Option<bool>,
    score: Option<u8>,
    state: Option<SeatState>,
    offer: Option<OfferId>,
    to: Option<Target>,
    seat: Option<SeatId>,
    watch: Option<bool>,
    incident: Option<u32>,
    into: Option<u32>,
    from: Option<u32>,
    conversations: Option<Vec<ConversationId>>,
    wrong: Option<Vec<ConversationId>>,
    texts: Option<BTreeMap<Language, String>>,
    fallback: Option<Language>,
}

impl<'a> ClientFrame<'a> {
    /// Parses one text frame; the id is what an error about the frame should repeat.
    ///
    /// # Errors
    /// When the text is not JSON, its type is unknown or a field is missing or of the wrong type.
    pub fn parse(text: &'a str) -> Result<(Option<Uuid>, Self), (Option<Uuid>, FrameError)> {
        let raw: Raw<'a> =
            serde_json::from_str(text).map_err(|error| (readable_id(text), error.into()))?;
        let id = raw.id;
        match Self::from_raw(raw) {
            Ok(frame) => Ok((id, frame)),
            Err(error) => Err((id, error)),
        }
    }

    fn from_raw(raw: Raw<'a>) -> Result<Self, FrameError> {
        let conversation = raw.conversation.ok_or(FrameError::Missing("conversation"));
        let offer = raw.offer.ok_or(FrameError::Missing("offer"));
        let incident = raw.incident.ok_or(FrameError::Missing("incident"));
        let text = raw.text.ok_or(FrameError::Missing("text"));
        Ok(match raw.kind.as_ref() {
            "hello" => Self::Hello(Hello {
                token: raw.token.ok_or(FrameError::Missing("token"))?,
                resume: raw.resume,
            }),
            "ping" => Self::Ping,
            "send" => Self::Send {
                id: raw.id.map(MessageId::from_uuid).ok_or(FrameError::Missing("id"))?,
                conversation: raw.conversation,
                text: text?,
            },
            "received" => Self::Received {
                conversation: conversation?,
                seq: raw.seq.ok_or(FrameError::Missing("seq"))?,
            },
            "typing" => Self::Typing { conversation: conversation? },
            "close" => Self::Close { conversation: conversation? },
            "person" => Self::Person { conversation: conversation? },
            "helpful" => Self::Helpful {
                conversation: conversation?,
                helpful: raw.helpful.ok_or(FrameError::Missing("helpful"))?,
            },
            "rate" => {
                let score = raw.score.ok_or(FrameError::Missing("score"))?;
                if !(1..=5).contains(&score) {
                    return Err(FrameError::Score);
                }
                Self::Rate { conversation: conversation?, score }
            }
            "state" => Self::State(raw.state.ok_or(FrameError::Missing("state"))?),
            "accept" => Self::Accept { offer: offer? },
            "decline" => Self::Decline { offer: offer? },
            "note" => Self::Note { conversation: conversation?, text: text? },
            "transfer" => Self::Transfer {
                conversation: conversation?,
                to: raw.to.ok_or(FrameError::Missing("to"))?,
            },
            "assign" => Self::Assign {
                conversation: conversation?,
                seat: raw.seat.ok_or(FrameError::Missing("seat"))?,
            },
            "part" => Self::Part { conversation: conversation?, seq: raw.seq },
            "approve" => Self::Approve { conversation: conversation? },
            "take_over" => Self::TakeOver { conversation: conversation? },
            "translate" => Self::Translate {
                conversation: conversation?,
                seq: raw.seq.ok_or(FrameError::Missing("seq"))?,
            },
            "incidents" => {
                Self::Incidents { watch: raw.watch.ok_or(FrameError::Missing("watch"))? }
            }
            "confirm_incident" => Self::ConfirmIncident {
                incident: incident?,
                conversations: raw.conversations.unwrap_or_default(),
                wrong: raw.wrong.unwrap_or_default(),
            },
            "answer_incident" => Self::AnswerIncident {
                incident: incident?,
                texts: raw.texts.ok_or(FrameError::Missing("texts"))?,
                fallback: raw.fallback.ok_or(FrameError::Missing("fallback"))?,
            },
            "join_incidents" => Self::JoinIncidents {
                incident: incident?,
                into: raw.into.ok_or(FrameError::Missing("into"))?,
            },
            "part_incidents" => Self::PartIncidents {
                incident: incident?,
                from: raw.from.ok_or(FrameError::Missing("from"))?,
            },
            "close_incident" => Self::CloseIncident { incident: incident? },
            "floor" => Self::Floor { watch: raw.watch.ok_or(FrameError::Missing("watch"))? },
            _ => return Err(FrameError::UnknownType),
        })
    }
}

/// The id of a frame that cannot be read as a whole.
fn readable_id(text: &str) -> Option<Uuid> {
    #[derive(Deserialize)]
    struct OnlyId {
        id: Option<Uuid>,
    }
    serde_json::from_str::<OnlyId>(text).ok()?.id
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0190f3a2-5b1e-7c3d-9a44-0c6f6b2f9d10";

    #[test]
    fn fields_that_the_server_does_not_know_are_ignored() {
        let text = format!(
            r#"{{"type":"send","id":"{ID}","conversation":null,"text":"hi","later":[1,{{}}]}}"#
        );

        let (id, frame) = ClientFrame::parse(&text).expect("a frame");

        assert_eq!(id.map(|id| id.to_string()).as_deref(), Some(ID));
        assert!(matches!(frame, ClientFrame::Send { conversation: None, .. }));
    }

    #[test]
    fn an_error_names_the_frame_and_what_is_wrong() {
        let (id, error) =
            ClientFrame::parse(&format!(r#"{{"type":"send","id":"{ID}"}}"#)).expect_err("no text");
        assert_eq!(id.map(|id| id.to_string()).as_deref(), Some(ID));
        assert_eq!(error.to_string(), "`text` is missing");

        let text = format!(r#"{{"type":"rate","id":"{ID}","conversation":"{ID}","score":-1}}"#);
        let (id, _) = ClientFrame::parse(&text).expect_err("no such score");
        assert_eq!(id.map(|id| id.to_string()).as_deref(), Some(ID));

        let (_, error) = ClientFrame::parse(r#"{"type":"dance"}"#).expect_err("unknown");
        assert_eq!(error.to_string(), "unknown type");
        for text in ["", "[]", "{", "7", r#"{"type":7}"#, r#"{"type":"send","id":"x"}"#] {
            assert!(ClientFrame::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_transfer_goes_to_a_seat_or_to_a_skill() {
        let text = format!(r#"{{"type":"transfer","conversation":"{ID}","to":{{"skill":"vip"}}}}"#);

        let (_, frame) = ClientFrame::parse(&text).expect("a frame");

        let ClientFrame::Transfer { to, .. } = frame else { panic!("not a transfer: {frame:?}") };
        assert_eq!(to, Target::Skill(SkillId::from("vip")));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC*") {
            let _ = ClientFrame::parse(&text);
        }
    }
}
