//! The floor of a shop as supervisors watch it: who waits, what runs, which seats there are.
//!
//! Rows hold instants and no ages, so a row that nothing has happened to stays the same.

use serde::Serialize;

use super::server::{instant, maybe_instant};
use crate::domain::{
    ConversationId, Language, Priority, RegionId, SeatId, SeatState, SkillId, Timestamp, WaitReason,
};

/// A conversation that has no owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are those of docs/protocol.md, by the same names")]
pub struct WaitingRow {
    pub conversation: ConversationId,
    pub place: u32,
    pub language: Language,
    pub skill: SkillId,
    pub region: Option<RegionId>,
    pub priority: Priority,
    pub reason: WaitReason,
    pub wait_s: Option<(u32, u32)>,
    #[serde(serialize_with = "instant")]
    pub arrived_at: Timestamp,
    #[serde(serialize_with = "instant")]
    pub deadline: Timestamp,
    pub seat: Option<SeatId>,
    pub hops: u8,
}

/// A conversation that a seat owns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are those of docs/protocol.md, by the same names")]
pub struct RunningRow {
    pub conversation: ConversationId,
    pub seat: SeatId,
    pub language: Language,
    pub skill: SkillId,
    pub region: Option<RegionId>,
    pub priority: Priority,
    #[serde(serialize_with = "instant")]
    pub arrived_at: Timestamp,
    #[serde(serialize_with = "instant")]
    pub deadline: Timestamp,
    #[serde(serialize_with = "instant")]
    pub since: Timestamp,
    pub replied: bool,
    pub owes_reply: bool,
    pub hops: u8,
}

/// A seat that is signed in, or owns something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are those of docs/protocol.md, by the same names")]
pub struct SeatRow {
    pub seat: SeatId,
    pub state: Option<SeatState>,
    pub on_shift: bool,
    pub ending: bool,
    #[serde(serialize_with = "maybe_instant")]
    pub shift_ends_at: Option<Timestamp>,
    pub slots: u32,
    pub assigned: u32,
    pub offered: u32,
    pub wrapping_up: u32,
    pub languages: Vec<Language>,
    pub skills: Vec<SkillId>,
}

/// How many there are, whether or not a row is shown for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are those of docs/protocol.md, by the same names")]
pub struct FloorTotals {
    pub waiting: usize,
    pub running: usize,
    pub seats: usize,
}

/// The rows that are new or have changed, and those that are gone; all rows when it is full.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are those of docs/protocol.md, by the same names")]
pub struct FloorFrame<'a> {
    pub full: bool,
    pub waiting: Vec<&'a WaitingRow>,
    pub running: Vec<&'a RunningRow>,
    pub seats: Vec<&'a SeatRow>,
    pub gone: FloorGone<'a>,
    pub totals: FloorTotals,
}

/// What is no longer to be shown.
#[derive(Debug, Default, Serialize)]
#[expect(missing_docs, reason = "the fields are those of docs/protocol.md, by the same names")]
pub struct FloorGone<'a> {
    pub conversations: Vec<ConversationId>,
    pub seats: Vec<&'a SeatId>,
}
