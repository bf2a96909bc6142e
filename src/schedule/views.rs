//! What a supervisor sees of the scheduler: plain values, taken at one instant.

use serde::Serialize;

use crate::domain::{
    ConversationId, Language, Priority, RegionId, SeatId, SeatState, SkillId, Timestamp, WaitReason,
};
use crate::protocol::maybe_instant;

/// One conversation that has no owner yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WaitingView {
    /// Which conversation.
    pub conversation: ConversationId,
    /// The customer's language.
    pub language: Language,
    /// What the seat must be able to do.
    pub skill: SkillId,
    /// Where the customer is.
    pub region: Option<RegionId>,
    /// How much it weighs.
    pub priority: Priority,
    /// Place in its lane, from 1; 1 while it is offered.
    pub place: u32,
    /// Expected wait from now in whole seconds, lower and upper end.
    pub wait_s: Option<(u32, u32)>,
    /// What it waits for.
    pub reason: WaitReason,
    /// Until when it is held for approval at the most; `None` when it is not.
    #[serde(serialize_with = "maybe_instant")]
    pub held_until: Option<Timestamp>,
    /// Time since the customer first asked.
    pub waited_ms: u64,
    /// How often it has moved from seat to seat.
    pub hops: u8,
    /// The seat that is being asked, or that it is kept for.
    pub seat: Option<SeatId>,
}

/// One seat of a shop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SeatView {
    /// Which seat.
    pub seat: SeatId,
    /// Its state; `None` while it is not signed in.
    pub state: Option<SeatState>,
    /// Whether its shift is running.
    pub on_shift: bool,
    /// Whether the shift ends soon, so that nothing new comes.
    pub ending: bool,
    /// Slots with a conversation.
    pub assigned: u32,
    /// The conversations that it owns.
    pub conversations: Vec<ConversationId>,
    /// Slots held by an offer that is not answered yet.
    pub offered: u32,
    /// Slots whose conversation has ended and is being wrapped up.
    pub wrapping_up: u32,
    /// Slots in all.
    pub slots: u32,
    /// Languages it answers in, best first.
    pub languages: Vec<Language>,
}

/// Totals over every shop of a scheduler.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Conversations that wait without an offer.
    pub waiting: usize,
    /// Offers that are not answered yet.
    pub offered: usize,
    /// Conversations with an owner.
    pub owned: usize,
    /// Seats that are signed in.
    pub seats_signed_in: usize,
}
