//! A human seat as the configuration describes it.

use std::num::NonZeroU8;

use serde::{Deserialize, Serialize};

use super::{Hours, Language, RegionId, SeatId, SkillId};

/// What a seat can do and when.
#[derive(Clone, Debug)]
pub struct SeatProfile {
    /// Sign-in name, unique in the shop.
    pub id: SeatId,
    /// Languages the seat answers in, best first.
    pub languages: Vec<Language>,
    /// Skills the seat has.
    pub skills: Vec<SkillId>,
    /// Regions the seat serves; empty means all.
    pub regions: Vec<RegionId>,
    /// Conversations at a time.
    pub slots: NonZeroU8,
    /// Shifts, in the seat's own time zone.
    pub hours: Hours,
}

/// What a signed-in seat says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeatState {
    /// Takes offers.
    Ready,
    /// Keeps its conversations, takes no new ones.
    Away,
    /// Finishes the paperwork of the last conversation, takes no new ones.
    WrapUp,
}
