//! What it costs the others when a seat is taken: the demand for all it can do.

use std::collections::BTreeMap;

use super::command::Contact;
use crate::domain::{Language, RegionId, SeatProfile, SkillId};

/// Sum over a seat's languages, skills and regions of how busy each keeps the slots that have it,
/// in thousandths. What only this contact needs is in the price of every seat that could take it,
/// so that between them the price of their other abilities decides.
pub type Price = u64;

/// What conversations ask for, counted and slowly forgotten. Knows only words of the roster.
#[derive(Clone, Debug, Default)]
pub(super) struct Demand {
    languages: BTreeMap<Language, Count>,
    skills: BTreeMap<SkillId, Count>,
    regions: BTreeMap<RegionId, Count>,
}

/// A count in parts of [`ONE`].
type Count = u64;
const ONE: Count = 256;

/// With a sixtieth forgotten each minute, a count stands for the arrivals of an hour. A language
/// that has one seat is asked for a few times an hour: over less, its price is mostly chance.
const FORGOTTEN_EACH_TIME: u64 = 60;
const WINDOW_MS: u64 = 60 * 60_000;
/// How long a conversation keeps a slot, for prices. They only order seats against each other and
/// against load, for which a round figure does.
const HANDLING_MS: u64 = 240_000;

impl Demand {
    /// Counts a new conversation, in the language in which it will be answered; `None` when no
    /// seat speaks it.
    pub fn count(&mut self, contact: &Contact, language: Option<Language>) {
        if let Some(language) = language {
            *self.languages.entry(language).or_default() += ONE;
        }
        *self.skills.entry(contact.skill.clone()).or_default() += ONE;
        if let Some(region) = &contact.region {
            *self.regions.entry(region.clone()).or_default() += ONE;
        }
    }

    /// Forgets what no seat has any more.
    pub fn keep_known<'a>(&mut self, seats: impl Iterator<Item = &'a SeatProfile> + Clone) {
        let supply = Supply::of(seats);
        self.languages.retain(|language, _| supply.languages.contains_key(language));
        self.skills.retain(|skill, _| supply.skills.contains_key(skill));
        self.regions.retain(|region, _| supply.regions.contains_key(region));
    }

    /// Forgets a sixtieth, and what is nearly forgotten altogether. Gives whether anything is left.
    pub fn fade(&mut self) -> bool {
        let fade = |count: &mut Count| {
            *count -= count.div_ceil(FORGOTTEN_EACH_TIME);
            *count > ONE / 16
        };
        self.languages.retain(|_, count| fade(count));
        self.skills.retain(|_, count| fade(count));
        self.regions.retain(|_, count| fade(count));
        !self.languages.is_empty()
    }

    /// The price of each seat, in their order.
    pub fn prices<'a>(&self, seats: impl Iterator<Item = &'a SeatProfile> + Clone) -> Vec<Price> {
        let supply = Supply::of(seats.clone());
        seats
            .map(|seat| {
                let languages = seat
                    .languages
                    .iter()
                    .map(|language| busy(self.languages.get(language), supply.languages[language]));
                let skills = seat
                    .skills
                    .iter()
                    .map(|skill| busy(self.skills.get(skill), supply.skills[skill]));
                let region = |name: &RegionId| {
                    busy(self.regions.get(name), supply.regions[name] + supply.everywhere)
                };
                let regions: Price = match seat.regions.is_empty() {
                    true => supply.regions.keys().map(|name| region(name)).sum(),
                    false => seat.regions.iter().map(region).sum(),
                };
                languages.sum::<Price>() + skills.sum::<Price>() + regions
            })
            .collect()
    }
}

/// How busy the arrivals of the window keep so many slots, in thousandths. One conversation is
/// always assumed: so before anything was counted, what few slots have is dear.
fn busy(count: Option<&Count>, slots: u64) -> Price {
    let count = count.copied().unwrap_or_default() + ONE;
    count * HANDLING_MS * 1_000 / (ONE * WINDOW_MS * slots)
}

/// Slots that have each language, skill and region.
#[derive(Default)]
struct Supply<'a> {
    languages: BTreeMap<Language, u64>,
    skills: BTreeMap<&'a SkillId, u64>,
    regions: BTreeMap<&'a RegionId, u64>,
    /// Slots of seats that serve every region.
    everywhere: u64,
}

impl<'a> Supply<'a> {
    fn of(seats: impl Iterator<Item = &'a SeatProfile>) -> Self {
        let mut supply = Self::default();
        for seat in seats {
            let slots = u64::from(seat.slots.get());
            for language in &seat.languages {
                *supply.languages.entry(*language).or_default() += slots;
            }
            for skill in &seat.skills {
                *supply.skills.entry(skill).or_default() += slots;
            }
            for region in &seat.regions {
                *supply.regions.entry(region).or_default() += slots;
            }
            if seat.regions.is_empty() {
                supply.everywhere += slots;
            }
        }
        supply
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU8;

    use super::*;
    use crate::domain::{ConversationId, Hours, Priority, Proficiency, SeatId, ShopId, Timestamp};

    fn seat(languages: &[&str], slots: u8) -> SeatProfile {
        SeatProfile {
            id: SeatId::from("seat"),
            languages: languages.iter().map(|code| code.parse().expect("a code")).collect(),
            skills: vec![SkillId::from("orders")],
            proficiency: Proficiency::default(),
            regions: Vec::new(),
            slots: NonZeroU8::new(slots).expect("not zero"),
            hours: Hours::always(),
        }
    }

    fn ask(demand: &mut Demand, code: &str, times: usize) {
        let contact = Contact {
            conversation: ConversationId::from_uuid(uuid::Uuid::nil()),
            shop: ShopId::from("demo"),
            language: code.parse().expect("a code"),
            skill: SkillId::from("orders"),
            region: None,
            priority: Priority::Normal,
            arrived_at: Timestamp::default(),
            hops: 0,
            only: None,
            last_seat: None,
            approval: crate::schedule::Approval::None,
        };
        (0..times).for_each(|_| demand.count(&contact, Some(contact.language)));
    }

    #[test]
    fn the_seat_whose_other_language_is_asked_for_is_the_dearer_one() {
        let seats = [seat(&["en", "th"], 3), seat(&["en", "vi"], 3), seat(&["en"], 3)];
        let mut demand = Demand::default();
        ask(&mut demand, "th", 30);

        let prices = demand.prices(seats.iter());

        assert!(prices[0] > prices[1] && prices[1] > prices[2], "{prices:?}");
    }

    #[test]
    fn a_full_load_for_the_slots_of_a_language_costs_one() {
        // 12 slots of 240 s each are filled by 180 conversations in an hour.
        let seats = [seat(&["th"], 12), seat(&[], 12)];
        let mut demand = Demand::default();
        ask(&mut demand, "th", 179);

        let prices = demand.prices(seats.iter());

        assert_eq!(prices[0] - prices[1], 1_000, "179 counted and one assumed");
    }

    #[test]
    fn what_was_asked_for_is_forgotten_and_then_there_is_nothing_left_to_do() {
        let seats = [seat(&["en"], 1), seat(&["th"], 1)];
        let mut demand = Demand::default();
        let before = demand.prices(seats.iter());
        ask(&mut demand, "th", 1_000);

        let times = (1..).find(|_| !demand.fade()).expect("an end");

        assert!((300..700).contains(&times), "{times} minutes");
        assert_eq!(demand.prices(seats.iter()), before);
    }
}
