//! What the scheduler decides.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::{
    ConversationId, Language, OfferId, Priority, RegionId, SeatId, SeatState, ShopId, SkillId,
    Timestamp, WaitReason,
};

/// One decision. Decisions come in the order in which they must be carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// A seat is asked to take a conversation. It holds a slot until it is answered.
    Offered {
        /// Names the offer.
        offer: OfferId,
        /// Which conversation.
        conversation: ConversationId,
        /// Whose.
        shop: ShopId,
        /// Who is asked.
        seat: SeatId,
        /// When it is taken back; an answer at this instant is too late.
        expires_at: Timestamp,
        /// How long the customer has waited since the first arrival.
        waiting_ms: u64,
        /// When the first response is due.
        deadline: Timestamp,
        /// Why this seat, and why this conversation.
        why: Vec<Why>,
    },
    /// An offer is void. The seat that declined it is not told.
    Withdrawn {
        /// Which offer.
        offer: OfferId,
        /// Of which conversation.
        conversation: ConversationId,
        /// Whose.
        shop: ShopId,
        /// Who had it.
        seat: SeatId,
        /// Why.
        reason: WithdrawReason,
    },
    /// A seat owns a conversation from now on.
    Assigned {
        /// The offer that was accepted; `None` when a supervisor gave it to the seat.
        offer: Option<OfferId>,
        /// Which conversation.
        conversation: ConversationId,
        /// Whose.
        shop: ShopId,
        /// The owner.
        seat: SeatId,
        /// Higher than that of every assignment before: what carries a lower one is from a past
        /// owner.
        fence: u64,
    },
    /// A conversation waits. Told on arrival, and again when it changes in a way that matters,
    /// at most once in [`Settings::place_update_interval`](super::Settings).
    Waiting {
        /// Which conversation.
        conversation: ConversationId,
        /// Place in its lane, from 1.
        place: u32,
        /// Expected wait from now in whole seconds, lower and upper end; `None` when nobody who
        /// could take it is signed in.
        wait_s: Option<(u32, u32)>,
        /// What it waits for.
        reason: WaitReason,
    },
    /// A conversation waits for a supervisor's approval, and no seat is asked meanwhile.
    Held {
        /// Which conversation.
        conversation: ConversationId,
        /// Place among the held ones of its skill, from 1.
        place: u32,
        /// Until when at the most.
        until: Timestamp,
    },
    /// A held conversation goes on.
    Approved {
        /// Which conversation.
        conversation: ConversationId,
        /// The supervisor; `None` when it was held as long as it may be.
        by: Option<SeatId>,
    },
    /// Nobody can take the conversation in time; it is no longer in the scheduler.
    Ticket {
        /// Which conversation.
        conversation: ConversationId,
        /// When the next seat that could take it is on shift; `None` when no such time is
        /// planned.
        opens_at: Option<Timestamp>,
        /// Why.
        reason: TicketReason,
    },
    /// A seat lost a conversation. What becomes of it follows at once.
    TakenBack {
        /// Which conversation.
        conversation: ConversationId,
        /// The owner until now.
        seat: SeatId,
        /// Why.
        reason: TakeBackReason,
    },
    /// A conversation has moved as often as it may: a supervisor must look.
    Escalated {
        /// Which conversation.
        conversation: ConversationId,
        /// How often it has moved.
        hops: u8,
    },
    /// The scheduler changed a seat's state.
    SeatState {
        /// The seat's shop.
        shop: ShopId,
        /// Which seat.
        seat: SeatId,
        /// Its state now.
        state: SeatState,
    },
    /// Slots of a seat are in use or free though none of its conversations has changed: a
    /// wrap-up has begun or ended.
    SlotsChanged {
        /// The seat's shop.
        shop: ShopId,
        /// Which seat.
        seat: SeatId,
    },
    /// A command of a seat was refused and changed nothing.
    Refused {
        /// The seat's shop.
        shop: ShopId,
        /// Who asked.
        seat: SeatId,
        /// The offer it was about, for accept and decline.
        offer: Option<OfferId>,
        /// The conversation it was about, where known.
        conversation: Option<ConversationId>,
        /// Why.
        reason: RefuseReason,
    },
}

/// Why an offer is void.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WithdrawReason {
    /// The seat did not answer in time.
    Expired,
    /// The conversation left, changed what it needs, or the seat is no longer ready.
    Cancelled,
    /// The seat lost its connection.
    SeatGone,
}

/// Why a conversation gets a ticket instead of a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TicketReason {
    /// No seat of the shop could ever take it.
    NoSeat,
    /// No seat that could take it is on shift soon enough.
    Hours,
    /// It has waited as long as anybody may.
    WaitedTooLong,
    /// The queue of the shop is full.
    QueueFull,
    /// No supervisor has approved it in time.
    NotApproved,
}

/// Why a seat lost a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TakeBackReason {
    /// The seat lost its connection and did not come back in time.
    SeatGone,
    /// The seat left a message of the customer unanswered.
    Silent,
    /// The seat handed it on.
    Transferred,
    /// The seat's shift has ended and a colleague is free.
    ShiftEnded,
    /// A supervisor gave it to another seat.
    Supervisor,
}

impl TakeBackReason {
    /// Whether the move is one of those that are bounded: what a supervisor or the end of a shift
    /// moves is nobody's failing.
    pub const fn counts_as_hop(self) -> bool {
        !matches!(self, Self::Supervisor | Self::ShiftEnded)
    }
}

/// Why a command was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefuseReason {
    /// The offer was void before the answer came.
    OfferExpired,
    /// The offer has been accepted already.
    OfferTaken,
    /// No such offer, conversation, seat or skill, or it is too long ago.
    NotFound,
    /// It belongs to another seat.
    Forbidden,
    /// The seat has it already.
    OwnedAlready,
    /// The seat is not at work.
    SeatNotThere,
    /// Every slot of the seat is in use.
    SeatFull,
    /// The seat does not serve the customer's region.
    WrongRegion,
    /// It is not held for approval.
    NotHeld,
}

macro_rules! wire_names {
    ($($name:ident { $($variant:ident => $text:literal),+ $(,)? })+) => {$(
        impl $name {
            /// The reason as written on the wire and in metrics.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
    )+};
}

wire_names! {
    WithdrawReason { Expired => "expired", Cancelled => "cancelled", SeatGone => "seat_gone" }
    TicketReason {
        NoSeat => "no_seat",
        Hours => "hours",
        WaitedTooLong => "waited_too_long",
        QueueFull => "queue_full",
        NotApproved => "not_approved",
    }
    TakeBackReason {
        SeatGone => "seat_gone",
        Silent => "silent",
        Transferred => "transferred",
        ShiftEnded => "shift_ended",
        Supervisor => "supervisor",
    }
    RefuseReason {
        OfferExpired => "offer_expired",
        OfferTaken => "offer_taken",
        NotFound => "not_found",
        Forbidden => "forbidden",
        OwnedAlready => "owned_already",
        SeatNotThere => "seat_not_there",
        SeatFull => "seat_full",
        WrongRegion => "wrong_region",
        NotHeld => "not_held",
    }
}

/// One reason for an offer. Its text (`Display`) is what a seat and a supervisor read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// A person chose this seat.
    Chosen,
    /// The seat speaks the customer's language.
    Speaks(Language),
    /// Nobody in the shop has the skill and speaks the customer's language, so the shop's
    /// fallback is used.
    NobodySpeaks {
        /// The customer's language.
        wanted: Language,
        /// The language used instead.
        instead: Language,
    },
    /// Nobody who has the skill and speaks the customer's language is there now, so the fallback
    /// is used.
    NobodyThere {
        /// The customer's language.
        wanted: Language,
        /// The language used instead.
        instead: Language,
    },
    /// The customer spoke to this seat last.
    KnowsCustomer,
    /// Nobody who speaks the customer's language was free in time, so the seat answers through
    /// translation.
    Translated {
        /// The customer's language.
        wanted: Language,
        /// What the seat reads and writes.
        spoken: Option<Language>,
    },
    /// The seat is in a wider circle of the queue, which has opened by its rule; steps count from 1.
    Widened {
        /// Which step.
        step: u8,
    },
    /// The seat has the skill.
    Skill(SkillId),
    /// The seat serves the region.
    Region(RegionId),
    /// The seat had this many of its slots in use.
    Load {
        /// Slots in use before this offer.
        used: u8,
        /// Slots of the seat.
        slots: u8,
    },
    /// Of the free seats the one that is least busy and whose other abilities are missed least;
    /// among equal ones the one whose last offer is longest ago.
    MostSpecialised,
    /// The seat had room, and of all it could take this conversation was next.
    NextInLine {
        /// How much the conversation weighs.
        priority: Priority,
    },
    /// The conversation has waited so long that it goes before every priority.
    AgeBound,
    /// So many seats have refused it or not answered before.
    RefusedBefore {
        /// How many.
        times: u32,
    },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chosen => f.write_str("chosen by a person"),
            Self::Speaks(language) => write!(f, "speaks {language}"),
            Self::NobodySpeaks { wanted, instead } => {
                write!(f, "no seat for {wanted}, {instead} instead")
            }
            Self::NobodyThere { wanted, instead } => {
                write!(f, "nobody for {wanted} is there, {instead} instead")
            }
            Self::Widened { step } => write!(f, "step {step} of the queue is open"),
            Self::KnowsCustomer => f.write_str("the customer spoke to it last"),
            Self::Translated { wanted, spoken: Some(spoken) } => {
                write!(f, "nobody for {wanted} is free, translated into {spoken}")
            }
            Self::Translated { wanted, spoken: None } => {
                write!(f, "nobody for {wanted} is free, translated")
            }
            Self::Skill(skill) => write!(f, "has the skill {skill}"),
            Self::Region(region) => write!(f, "serves {region}"),
            Self::Load { used, slots } => write!(f, "{used} of {slots} slots in use"),
            Self::MostSpecialised => {
                f.write_str("least busy and most specialised of the free seats")
            }
            Self::NextInLine { priority: Priority::Ticket } => f.write_str("next of the tickets"),
            Self::NextInLine { priority: Priority::Normal } => f.write_str("next in line"),
            Self::NextInLine { priority: Priority::Raised } => {
                f.write_str("next in line, high priority")
            }
            Self::NextInLine { priority: Priority::Vip } => f.write_str("next in line, VIP"),
            Self::AgeBound => f.write_str("has waited longest"),
            Self::RefusedBefore { times } => write!(f, "not taken {times} times before"),
        }
    }
}

impl Decision {
    /// The conversation that it is about; `None` when it is about a seat alone.
    pub const fn conversation(&self) -> Option<ConversationId> {
        match self {
            Self::Offered { conversation, .. }
            | Self::Withdrawn { conversation, .. }
            | Self::Assigned { conversation, .. }
            | Self::Waiting { conversation, .. }
            | Self::Held { conversation, .. }
            | Self::Approved { conversation, .. }
            | Self::Ticket { conversation, .. }
            | Self::TakenBack { conversation, .. }
            | Self::Escalated { conversation, .. } => Some(*conversation),
            Self::SeatState { .. } | Self::SlotsChanged { .. } | Self::Refused { .. } => None,
        }
    }
}
