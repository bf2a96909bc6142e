//! Which seat: hard filters and load as bitsets, with the seats in the order of their price.

use std::collections::{BTreeMap, BTreeSet};

use super::bitset::Bitset;
use super::prices::{Demand, Price};
use crate::domain::{Language, RegionId, SeatProfile, SkillId, Timestamp};

/// The seats of a shop, ready to be searched. A seat is a number: its place by name.
///
/// Free seats stand in one set a load level, in the order of their price: so the first that a
/// lane and a level have in common is the best of that level.
#[derive(Clone, Debug)]
pub struct SeatIndex {
    languages: BTreeMap<Language, Bitset>,
    skills: BTreeMap<SkillId, Bitset>,
    regions: BTreeMap<RegionId, Bitset>,
    /// Seats that serve every region.
    everywhere: Bitset,
    /// Regions that only the seats that name them serve.
    resident: BTreeSet<RegionId>,
    /// `levels[n]`: seats that can take an offer and have `n` slots in use.
    levels: Vec<Level>,
    /// The level that each seat is in, if any.
    level_of: Vec<Option<u8>>,
    prices: Vec<Price>,
    /// Seats in the order of their price, and the place of each in that order.
    order: Vec<usize>,
    place_of: Vec<usize>,
    idle: Vec<Idle>,
    /// The number of each seat's last offer among all of them.
    turn: Vec<u64>,
    turns: u64,
}

/// A set of seats as [`SeatIndex::choose`] wants it. Good until prices change.
#[derive(Clone, Debug, Default)]
pub struct ByPrice(Bitset);

/// Since when a seat has been given nothing new; whoever never had an offer goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Idle {
    SinceSignIn(Timestamp),
    SinceOffer(Timestamp),
}

/// A seat and what speaks for it: the lowest score goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scored {
    /// Which seat, by number.
    pub seat: usize,
    /// Slots in use.
    pub used: u8,
    /// What its abilities are worth elsewhere.
    pub price: Price,
    /// 0.4 × slots in use + 0.6 × price, in ten-thousandths.
    pub score: u64,
}

#[derive(Clone, Debug, Default)]
struct Level {
    /// By place in the order of prices.
    places: Bitset,
    len: usize,
}

/// What a slot in use counts in the choice of a seat, and what a thousandth of its price does:
/// 0.4 × slots in use + 0.6 × price. Anything from 0.4 to 0.8 does as well in simulation.
const LOAD_WEIGHT: u64 = 4_000;
const PRICE_WEIGHT: u64 = 6;

impl SeatIndex {
    /// Numbers the seats by name and indexes them. No seat can take an offer yet, and prices are
    /// those of an equal demand for everything.
    pub fn build(mut seats: Vec<SeatProfile>) -> (Vec<SeatProfile>, Self) {
        seats.sort_by(|a, b| a.id.cmp(&b.id));
        let len = seats.len();
        let mut index = Self {
            languages: BTreeMap::new(),
            skills: BTreeMap::new(),
            regions: BTreeMap::new(),
            everywhere: Bitset::with_room(len),
            resident: BTreeSet::new(),
            levels: Vec::new(),
            level_of: vec![None; len],
            prices: Vec::new(),
            order: Vec::new(),
            place_of: vec![0; len],
            idle: vec![Idle::SinceSignIn(Timestamp::default()); len],
            turn: vec![0; len],
            turns: 0,
        };
        seats.iter().enumerate().for_each(|(no, seat)| index.add(no, seat, len));
        index.set_prices(Demand::default().prices(seats.iter()));
        (seats, index)
    }

    /// Puts the seats in the order of new prices, one for each by number. Every [`ByPrice`] made
    /// before is void.
    ///
    /// # Panics
    /// When there are not as many prices as seats.
    pub fn set_prices(&mut self, prices: Vec<Price>) {
        assert_eq!(prices.len(), self.level_of.len(), "one price for each seat");
        self.order = (0..prices.len()).collect();
        self.order.sort_by_key(|seat| (prices[*seat], *seat));
        for (place, seat) in self.order.iter().enumerate() {
            self.place_of[*seat] = place;
        }
        self.prices = prices;
        self.levels.iter_mut().for_each(|level| level.places.clear());
        for (seat, level) in self.level_of.iter().enumerate() {
            if let Some(used) = level {
                self.levels[usize::from(*used)].places.insert(self.place_of[seat]);
            }
        }
    }

    /// What a seat's languages, skills and regions are worth elsewhere.
    pub fn price(&self, seat: usize) -> Price {
        self.prices[seat]
    }

    /// A set of seats by number, ready for [`Self::choose`].
    pub fn by_price(&self, seats: &Bitset) -> ByPrice {
        let mut places = Bitset::with_room(self.order.len());
        seats.iter().for_each(|seat| places.insert(self.place_of[seat]));
        ByPrice(places)
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
            let empty = Level { places: Bitset::with_room(len), len: 0 };
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

    /// Leaves the customers of some regions to the seats that name the region.
    pub fn set_resident(&mut self, regions: BTreeSet<RegionId>) {
        self.resident = regions;
    }

    /// Whether only seats that name the region serve it.
    pub fn is_resident(&self, region: &RegionId) -> bool {
        self.resident.contains(region)
    }

    /// Whether a seat may take customers of the region.
    pub fn serves(&self, seat: usize, region: Option<&RegionId>) -> bool {
        let Some(region) = region else { return true };
        (self.everywhere.contains(seat) && !self.is_resident(region))
            || self.regions.get(region).is_some_and(|seats| seats.contains(seat))
    }

    /// Seats that pass the hard filters, whatever they are doing.
    pub fn eligible(
        &self,
        language: Language,
        skill: &SkillId,
        region: Option<&RegionId>,
    ) -> Bitset {
        let Some(speakers) = self.languages.get(&language) else { return Bitset::default() };
        let mut seats = self.skilled(skill, region);
        seats.keep_only(speakers);
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
            level.places.remove(self.place_of[seat]);
            level.len -= 1;
        }
        if let Some(new) = used {
            let level = &mut self.levels[usize::from(new)];
            level.places.insert(self.place_of[seat]);
            level.len += 1;
        }
        self.level_of[seat] = used;
    }

    /// Whether a seat can take an offer.
    pub fn is_free(&self, seat: usize) -> bool {
        self.level_of[seat].is_some()
    }

    /// Remembers that a seat has signed in: one that was never given an offer has idled since.
    pub fn mark_signed_in(&mut self, seat: usize, now: Timestamp) {
        if matches!(self.idle[seat], Idle::SinceSignIn(_)) {
            self.idle[seat] = Idle::SinceSignIn(now);
        }
    }

    /// Seats that have a skill and serve a region, whatever they speak.
    pub fn skilled(&self, skill: &SkillId, region: Option<&RegionId>) -> Bitset {
        let mut seats = self.skills.get(skill).cloned().unwrap_or_default();
        if let Some(region) = region {
            seats.keep_only(&self.there(region));
        }
        seats
    }

    /// Seats that serve a region.
    pub fn there(&self, region: &RegionId) -> Bitset {
        let mut there = match self.is_resident(region) {
            true => Bitset::default(),
            false => self.everywhere.clone(),
        };
        if let Some(named) = self.regions.get(region) {
            there.add_all(named);
        }
        there
    }

    /// Takes over how long a seat of an old index has idled.
    pub fn take_over(&mut self, seat: usize, old: &Self, old_seat: usize) {
        self.idle[seat] = old.idle[old_seat];
        self.turn[seat] = old.turn[old_seat];
        self.turns = self.turns.max(old.turns);
    }

    /// Remembers that a seat was given an offer now: among equals it is the last to get the next.
    pub fn mark_offered(&mut self, seat: usize, now: Timestamp) {
        self.idle[seat] = Idle::SinceOffer(now);
        self.turns += 1;
        self.turn[seat] = self.turns;
    }

    /// Whether any of a set can take an offer.
    pub fn any_free(&self, seats: &ByPrice) -> bool {
        self.levels.iter().any(|level| level.len > 0 && level.places.meets(&seats.0))
    }

    /// The best free seat of a set: the lowest 0.4 × slots in use + 0.6 × price, then the fewest
    /// slots in use, then the one whose last offer is longest ago. Seats in `barred` are passed
    /// over.
    pub fn choose(&self, seats: &ByPrice, barred: &[usize]) -> Option<usize> {
        self.choose_where(seats, |seat| !barred.contains(&seat))
    }

    /// As [`Self::choose`], among the seats for which `may` holds.
    pub fn choose_where(&self, seats: &ByPrice, may: impl Fn(usize) -> bool) -> Option<usize> {
        let is_open = |place: &usize| may(self.order[*place]);
        let heads = self.levels.iter().enumerate().filter_map(|(used, level)| {
            if level.len == 0 {
                return None;
            }
            let mut head = seats.0.first_common(&level.places, 0)?;
            while !is_open(&head) {
                head = seats.0.first_common(&level.places, head + 1)?;
            }
            let price = self.prices[self.order[head]];
            Some((LOAD_WEIGHT * used as u64 + PRICE_WEIGHT * price, used, head))
        });
        let (_, used, head) = heads.min()?;
        let price = self.prices[self.order[head]];
        seats
            .0
            .iter_common(&self.levels[used].places, head)
            .take_while(|place| self.prices[self.order[*place]] == price)
            .filter(is_open)
            .map(|place| self.order[place])
            .min_by_key(|seat| (self.idle[*seat], *seat))
    }

    /// How many of a set can take an offer.
    pub fn count_free(&self, seats: &ByPrice) -> usize {
        let levels = self.levels.iter().filter(|level| level.len > 0);
        levels.map(|level| level.places.common_len(&seats.0)).sum()
    }

    /// A seat with its score at so many slots in use.
    pub fn scored(&self, seat: usize, used: u8) -> Scored {
        let price = self.prices[seat];
        let score = LOAD_WEIGHT * u64::from(used) + PRICE_WEIGHT * price;
        Scored { seat, used, price, score }
    }

    /// The free seats of a set for which `may` holds that score best, at most `count`.
    pub fn best(&self, seats: &ByPrice, count: usize, may: impl Fn(usize) -> bool) -> Vec<Scored> {
        let mut best = Vec::with_capacity(count * self.levels.len());
        for (used, level) in self.levels.iter().enumerate().filter(|(_, level)| level.len > 0) {
            let places = seats.0.iter_common(&level.places, 0).map(|place| self.order[place]);
            let of_level = places.filter(|seat| may(*seat)).take(count);
            best.extend(of_level.map(|seat| self.scored(seat, used as u8)));
        }
        best.sort_unstable_by_key(|scored| (scored.score, scored.used, scored.seat));
        best.truncate(count);
        best
    }

    /// Of the free seats of a set for which `may` holds, the one whose last offer is longest ago.
    /// Looks at every free seat of the set, which the others do not.
    pub fn round_robin(&self, seats: &ByPrice, may: impl Fn(usize) -> bool) -> Option<usize> {
        self.least(seats, &self.levels, may, |seat| self.turn[seat])
    }

    /// Of the free seats of a set for which `may` holds, the one with the fewest slots in use; among
    /// equals the one that has idled longest.
    pub fn least_loaded(&self, seats: &ByPrice, may: impl Fn(usize) -> bool) -> Option<usize> {
        let levels = self.levels.iter().map(std::slice::from_ref);
        levels.into_iter().find_map(|level| self.least(seats, level, &may, |_| ()))
    }

    /// Of the free seats of a set for which `may` holds, the one that has had no conversation since
    /// the earliest instant by `ended_at`; one with a conversation only where all have some.
    pub fn longest_idle(
        &self,
        seats: &ByPrice,
        may: impl Fn(usize) -> bool,
        ended_at: impl Fn(usize) -> Timestamp,
    ) -> Option<usize> {
        let (idle, busy) = self.levels.split_at(self.levels.len().min(1));
        let least = |levels| self.least(seats, levels, &may, &ended_at);
        least(idle).or_else(|| least(busy))
    }

    /// Of the seats of a set in these levels for which `may` holds, the one with the least key; among
    /// equals the one that has idled longest.
    fn least<K: Ord>(
        &self,
        seats: &ByPrice,
        levels: &[Level],
        may: impl Fn(usize) -> bool,
        key: impl Fn(usize) -> K,
    ) -> Option<usize> {
        let levels = levels.iter().filter(|level| level.len > 0);
        levels
            .flat_map(|level| seats.0.iter_common(&level.places, 0))
            .map(|place| self.order[place])
            .filter(|seat| may(*seat))
            .min_by_key(|seat| (key(*seat), self.idle[*seat], *seat))
    }
}
