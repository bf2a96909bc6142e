//! What happens in a conversation, as every viewer sees it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Language, MessageId, SeatId, SkillId, Timestamp};

/// One numbered step of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Counts up by one inside (conversation, epoch), from 1.
    pub seq: u64,
    /// When the router accepted it.
    pub at: Timestamp,
    /// What happened.
    pub kind: EventKind,
}

/// The kinds of [`Event`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// Somebody said something.
    Message {
        /// Who.
        from: Sender,
        /// The id that the sender gave it.
        id: MessageId,
        /// What, as it was typed.
        text: Arc<str>,
        /// The language it was written in, once known.
        language: Option<Language>,
    },
    /// The conversation waits for a seat.
    Queued {
        /// Place in its queue, from 1.
        place: u32,
        /// Lower and upper end of the expected wait in seconds; `None` when nothing is known yet.
        wait_s: Option<(u32, u32)>,
        /// What it waits for.
        reason: WaitReason,
    },
    /// A seat took the conversation.
    Assigned {
        /// The owner.
        seat: SeatId,
    },
    /// A machine answered; the text came as the message before.
    AnsweredByMachine {
        /// What the answer was taken from, such as `knowledge/returns@1` or `orders/TW-10482`.
        source: Arc<str>,
    },
    /// Nobody can answer in time: a ticket stands in for the place in the queue.
    Ticket {
        /// Number that the customer can quote.
        reference: Arc<str>,
        /// When somebody will be there; `None` when no such time is planned.
        opens_at: Option<Timestamp>,
    },
    /// The owner handed the conversation on.
    Transferred {
        /// To whom.
        to: TransferTarget,
    },
    /// The customer said whether the machine's answer helped.
    FoundHelpful {
        /// Whether.
        helpful: bool,
    },
    /// The customer rated the conversation.
    Rated {
        /// 1 (bad) to 5 (good).
        score: u8,
    },
    /// The conversation ended.
    Closed {
        /// Who ended it.
        by: By,
    },
}

/// Who wrote a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sender {
    /// A person at a seat.
    Seat,
    /// The router itself.
    Machine,
    /// The customer.
    Customer,
}

/// Who ended a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The customer.
    Customer,
    /// The owner seat.
    Seat,
    /// The router, because the customer was silent for too long.
    Silence,
    /// A supervisor.
    Supervisor,
    /// The router, because the shop is no longer served.
    Shop,
    /// The router, because the customer was erased.
    Erasure,
}

/// Where a seat sends a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferTarget {
    /// To one colleague.
    Seat(SeatId),
    /// To whoever has a skill.
    Skill(SkillId),
}

/// Why a conversation waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitReason {
    /// Every seat that could take it is busy.
    Capacity,
    /// No seat with the skill is signed in.
    Skill,
    /// No seat with the language is signed in.
    Language,
    /// Nobody is on shift.
    Hours,
    /// It has been offered to a seat that has not answered yet.
    Offered,
    /// A supervisor has to approve it first.
    Approval,
}

impl WaitReason {
    /// The reason as written on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Capacity => "capacity",
            Self::Skill => "skill",
            Self::Language => "language",
            Self::Hours => "hours",
            Self::Offered => "offered",
            Self::Approval => "approval",
        }
    }
}
