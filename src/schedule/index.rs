//! Which seat: hard filters and load as bitsets over seats numbered most-specialised-first.

use std::collections::BTreeMap;

use super::bitset::Bitset;
use crate::domain::{Language, RegionId, SeatProfile, SkillId, Timestamp};

/// The seats of a shop, ready to be searched. A seat is a number: its place in the order of
/// [`SeatIndex::build`].
#[derive(Clone, Debug)]
pub struct SeatIndex {
    languages: BTreeMap<Language, Bitset>,
    skills: BTreeMap<SkillId, Bitset>,
    regions: BTreeMap<RegionId, Bitset>,
    /// Seats that serve every region.
    everywhere: Bitset,
    /// `levels[n]`: seats that can take an offer and have `n` slots in use.
    levels: Vec<Level>,
    /// The level that each seat is in, if any.
    level_of: Vec<Option<u8>>,
    /// For each seat, the first number behind the seats that are as specialised as it is.
    peers_end: Vec<usize>,
    last_offer: Vec<Timestamp>,
}

#[derive(Clone, Debug, Default)]
struct Level {
    seats: Bitset,
    len: usize,
}

/// What a seat's languages, skills and regions are worth, summed: a rare one is worth more, one
/// that many slots share is worth little.
type Price = u64;

impl SeatIndex {
    /// Puts the seats in order, the one whose languages, skills and regions are missed least
    /// elsewhere first, and indexes them. No seat can take an offer yet.
    pub fn build(seats: Vec<SeatProfile>) -> (Vec<SeatProfile>, Self) {
        let prices = Prices::of(&seats);
        let mut priced: Vec<(Price, SeatProfile)> =
            seats.into_iter().map(|seat| (prices.total(&seat), seat)).collect();
        priced.sort_by(|a, b| (a.0, &a.1.id).cmp(&(b.0, &b.1.id)));

        let len = priced.len();
        let mut index = Self {
            languages: BTreeMap::new(),
            skills: BTreeMap::new(),
            regions: BTreeMap::new(),
            everywhere: Bitset::with_room(len),
            levels: Vec::new(),
            level_of: vec![None; len],
            peers_end: vec![len; len],
            last_offer: vec![Timestamp::default(); len],
        };
        for (no, (_, seat)) in priced.iter().enumerate() {
            index.add(no, seat, len);
        }
        for no in (1..len).rev() {
            let same = priced[no - 1].0 == priced[no].0;
            index.peers_end[no - 1] = if same { index.peers_end[no] } else { no };
        }
        (priced.into_iter().map(|(_, seat)| seat).collect(), index)
    }

    fn add(&mut self, no: usize, seat: &SeatProfile, len: usize) {
        let room = || Bitset::with_room(len);
        for language in &seat.languages {
            self.languages.entry(*language).or_insert_with(room).insert(no);
        }
        for skill in &seat.skills {
            self.skills.entry(skill.clone()).or_insert_with(room).insert(no);
        }
        for region in &seat.regions {
            self.regions.entry(region.clone()).or_insert_with(room).insert(no);
        }
        if seat.regions.is_empty() {
            self.everywhere.insert(no);
        }
        let levels = usize::from(seat.slots.get());
        if self.levels.len() < levels {
            let empty = Level { seats: Bitset::with_room(len), len: 0 };
            self.levels.resize(levels, empty);
        }
    }

    /// Whether any seat speaks the language.
    pub fn speaks(&self, language: Language) -> bool {
        self.languages.contains_key(&language)
    }

    /// Seats that speak the language; `None` when there is none.
    pub fn speakers(&self, language: Language) -> Option<&Bitset> {
        self.languages.get(&language)
    }

    /// Whether any seat has the skill.
    pub fn has_skill(&self, skill: &SkillId) -> bool {
        self.skills.contains_key(skill)
    }

    /// Whether any seat names the region.
    pub fn names_region(&self, region: &RegionId) -> bool {
        self.regions.contains_key(region)
    }

    /// Whether a seat may take customers of the region.
    pub fn serves(&self, seat: usize, region: Option<&RegionId>) -> bool {
        let Some(region) = region else { return true };
        self.everywhere.contains(seat)
            || self.regions.get(region).is_some_and(|seats| seats.contains(seat))
    }

    /// Seats that pass the hard filters, whatever they are doing.
    pub fn eligible(
        &self,
        language: Language,
        skill: &SkillId,
        region: Option<&RegionId>,
    ) -> Bitset {
        let (Some(speakers), Some(skilled)) =
            (self.languages.get(&language), self.skills.get(skill))
        else {
            return Bitset::default();
        };
        let mut seats = speakers.clone();
        seats.keep_only(skilled);
        if let Some(region) = region {
            let mut there = self.everywhere.clone();
            if let Some(named) = self.regions.get(region) {
                there.add_all(named);
            }
            seats.keep_only(&there);
        }
        seats
    }

    /// Says that a seat can take an offer with `used` slots in use, or cannot (`None`).
    ///
    /// # Panics
    /// When `used` is not below the slots of any seat.
    pub fn set_load(&mut self, seat: usize, used: Option<u8>) {
        if self.level_of[seat] == used {
            return;
        }
        if let Some(old) = self.level_of[seat] {
            let level = &mut self.levels[usize::from(old)];
            level.seats.remove(seat);
            level.len -= 1;
        }
        if let Some(new) = used {
            let level = &mut self.levels[usize::from(new)];
            level.seats.insert(seat);
            level.len += 1;
        }
        self.level_of[seat] = used;
    }

    /// Whether a seat can take an offer.
    pub fn is_free(&self, seat: usize) -> bool {
        self.level_of[seat].is_some()
    }

    /// Remembers that a seat was given an offer now: among equals it is the last to get the next.
    pub fn mark_offered(&mut self, seat: usize, now: Timestamp) {
        self.last_offer[seat] = now;
    }

    /// When the seat was last given an offer.
    pub fn last_offer(&self, seat: usize) -> Timestamp {
        self.last_offer[seat]
    }

    /// Whether two seats are as specialised, so that idle time decides between them.
    pub fn are_peers(&self, a: usize, b: usize) -> bool {
        self.peers_end[a] == self.peers_end[b]
    }

    /// Whether any of `eligible` can take an offer.
    pub fn any_free(&self, eligible: &Bitset) -> bool {
        self.levels.iter().any(|level| level.len > 0 && level.seats.meets(eligible))
    }

    /// The best seat among `eligible`: fewest slots in use, then most specialised, then the one
    /// whose last offer is longest ago. Seats in `barred` are passed over.
    pub fn choose(&self, eligible: &Bitset, barred: &[usize]) -> Option<usize> {
        self.levels.iter().filter(|level| level.len > 0).find_map(|level| {
            let mut free = eligible.iter_common(&level.seats, 0);
            let first = free.find(|seat| !barred.contains(seat))?;
            let peers = eligible
                .iter_common(&level.seats, first)
                .take_while(|seat| *seat < self.peers_end[first])
                .filter(|seat| !barred.contains(seat));
            peers.min_by_key(|seat| (self.last_offer[*seat], *seat))
        })
    }
}

/// What each language, skill and region is worth: one over the slots that have it.
struct Prices {
    languages: BTreeMap<Language, u64>,
    skills: BTreeMap<SkillId, u64>,
    regions: BTreeMap<RegionId, u64>,
    everywhere: u64,
}

/// Price of what a single slot has.
const SCALE: Price = 1_000_000;

impl Prices {
    fn of(seats: &[SeatProfile]) -> Self {
        let mut prices = Self {
            languages: BTreeMap::new(),
            skills: BTreeMap::new(),
            regions: BTreeMap::new(),
            everywhere: 0,
        };
        for seat in seats {
            let slots = u64::from(seat.slots.get());
            for language in &seat.languages {
                *prices.languages.entry(*language).or_default() += slots;
            }
            for skill in &seat.skills {
                *prices.skills.entry(skill.clone()).or_default() += slots;
            }
            for region in &seat.regions {
                *prices.regions.entry(region.clone()).or_default() += slots;
            }
            if seat.regions.is_empty() {
                prices.everywhere += slots;
            }
        }
        prices
    }

    fn total(&self, seat: &SeatProfile) -> Price {
        let languages = seat.languages.iter().map(|language| SCALE / self.languages[language]);
        let skills = seat.skills.iter().map(|skill| SCALE / self.skills[skill]);
        let region = |slots: &u64| SCALE / (slots + self.everywhere);
        let regions: u64 = if seat.regions.is_empty() {
            self.regions.values().map(region).sum()
        } else {
            seat.regions.iter().map(|name| region(&self.regions[name])).sum()
        };
        languages.sum::<u64>() + skills.sum::<u64>() + regions
    }
}
