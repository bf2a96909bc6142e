//! A human seat as the configuration describes it.

use std::collections::BTreeMap;
use std::num::NonZeroU8;

use serde::{Deserialize, Serialize};

use super::{Hours, LEVEL_MAX, Language, RegionId, SeatId, SkillId};

/// What a seat can do and when.
#[derive(Clone, Debug)]
pub struct SeatProfile {
    /// Sign-in name, unique in the shop.
    pub id: SeatId,
    /// Languages the seat answers in, best first.
    pub languages: Vec<Language>,
    /// Skills the seat has.
    pub skills: Vec<SkillId>,
    /// How well it does what it does less than perfectly.
    pub proficiency: Proficiency,
    /// Regions the seat serves; empty means all.
    pub regions: Vec<RegionId>,
    /// Conversations at a time.
    pub slots: NonZeroU8,
    /// Shifts, in the seat's own time zone.
    pub hours: Hours,
}

/// Levels of skills and languages, 1 to [`LEVEL_MAX`]; what is not listed has the best.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proficiency {
    /// Levels of skills.
    pub skills: BTreeMap<SkillId, u8>,
    /// Levels of languages.
    pub languages: BTreeMap<Language, u8>,
}

impl SeatProfile {
    /// How well the seat has a skill; 0 when it has not.
    pub fn level(&self, skill: &SkillId) -> u8 {
        match self.skills.contains(skill) {
            true => self.proficiency.skills.get(skill).copied().unwrap_or(LEVEL_MAX),
            false => 0,
        }
    }

    /// How well the seat speaks a language; 0 when it does not.
    pub fn fluency(&self, language: Language) -> u8 {
        match self.languages.contains(&language) {
            true => self.proficiency.languages.get(&language).copied().unwrap_or(LEVEL_MAX),
            false => 0,
        }
    }
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
