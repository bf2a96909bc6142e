//! The plain search that the index of seats must equal and outrun: one look at every seat.

#![allow(dead_code, reason = "each test and bench uses its own part of this module")]

use std::num::NonZeroU8;

use tradewind::domain::{
    Hours, Language, Proficiency, RegionId, SeatId, SeatProfile, SkillId, Timestamp,
};
use tradewind::schedule::{ByPrice, Price, SeatIndex};

/// Splitmix64: the same numbers on every machine and with every version of every crate.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }
}

/// What a centre is made of.
pub struct Mix {
    pub seats: usize,
    pub languages: usize,
    pub skills: usize,
    pub regions: usize,
}

/// A need, in the words of the index and as numbers for the scan.
pub struct Need {
    pub language: Language,
    pub skill: SkillId,
    pub region: Option<RegionId>,
    language_bit: u64,
    skill_bit: u32,
    region_bit: u32,
}

/// One seat as the scan sees it: as small as a good scan would keep it.
struct Row {
    languages: u64,
    skills: u32,
    regions: u32,
    price: Price,
    level: Option<u8>,
    last_offer: Timestamp,
}

/// An index and the plain table of the same seats.
pub struct Centre {
    pub index: SeatIndex,
    rows: Vec<Row>,
    slots: Vec<u8>,
    needs: Vec<Language>,
    mix: Mix,
}

impl Centre {
    /// Seats with one to three languages of skewed volumes, one to three skills, and one or two
    /// regions or all of them.
    pub fn random(random: &mut Random, mix: Mix) -> Self {
        let languages: Vec<Language> = (0..mix.languages)
            .map(|n| {
                let code = [b'a' + (n / 26) as u8, b'a' + (n % 26) as u8];
                std::str::from_utf8(&code).expect("letters").parse().expect("a code")
            })
            .collect();
        let profiles = (0..mix.seats).map(|n| SeatProfile {
            id: SeatId::from(format!("seat-{n}")),
            languages: some(random, 3, |r| languages[skewed(r, mix.languages)]),
            skills: some(random, 3, |r| skill(r.below(mix.skills))),
            proficiency: Proficiency::default(),
            regions: if random.below(4) == 0 {
                Vec::new()
            } else {
                some(random, 2, |r| region(r.below(mix.regions)))
            },
            slots: NonZeroU8::new(1 + random.below(3) as u8).expect("not zero"),
            hours: Hours::always(),
        });
        let (profiles, index) = SeatIndex::build(profiles.collect());

        let mut rows = Vec::with_capacity(profiles.len());
        for (no, profile) in profiles.iter().enumerate() {
            let bit = |at: Option<usize>| 1u64 << at.expect("a word of the mix");
            let language = |l| bit(languages.iter().position(|known| *known == l));
            let skills = (0..mix.skills).filter(|s| profile.skills.contains(&skill(*s)));
            let regions = (0..mix.regions).filter(|r| profile.regions.contains(&region(*r)));
            rows.push(Row {
                languages: profile.languages.iter().map(|l| language(*l)).sum(),
                skills: skills.map(|s| 1 << s).sum(),
                regions: match profile.regions.is_empty() {
                    true => u32::MAX,
                    false => regions.map(|r| 1 << r).sum(),
                },
                price: index.price(no),
                level: None,
                last_offer: Timestamp::default(),
            });
        }
        let slots = profiles.iter().map(|profile| profile.slots.get()).collect();
        Self { index, rows, slots, needs: languages, mix }
    }

    pub fn need(&self, random: &mut Random) -> Need {
        let language = skewed(random, self.mix.languages);
        let skill_no = random.below(self.mix.skills);
        let region_no = (random.below(3) > 0).then(|| random.below(self.mix.regions));
        Need {
            language: self.needs[language],
            skill: skill(skill_no),
            region: region_no.map(region),
            language_bit: 1 << language,
            skill_bit: 1 << skill_no,
            region_bit: region_no.map_or(u32::MAX, |region| 1 << region),
        }
    }

    /// The best seat, by a look at every one.
    pub fn scan(&self, need: &Need, barred: &[usize]) -> Option<usize> {
        let mut best: Option<((u64, u8, Timestamp), usize)> = None;
        for (no, row) in self.rows.iter().enumerate() {
            let Some(level) = row.level else { continue };
            if row.languages & need.language_bit == 0
                || row.skills & need.skill_bit == 0
                || row.regions & need.region_bit == 0
            {
                continue;
            }
            let cost = 4 * 1_000 * u64::from(level) + 6 * row.price;
            let key = (cost, level, row.last_offer);
            if best.as_ref().is_none_or(|(lowest, _)| key < *lowest) && !barred.contains(&no) {
                best = Some((key, no));
            }
        }
        best.map(|(_, no)| no)
    }

    /// Every free seat that can take what is needed, with its slots in use and its last offer.
    pub fn free<'a>(&'a self, need: &'a Need) -> impl Iterator<Item = (usize, u8, Timestamp)> + 'a {
        self.rows.iter().enumerate().filter_map(|(no, row)| {
            let fits = row.languages & need.language_bit != 0
                && row.skills & need.skill_bit != 0
                && row.regions & need.region_bit != 0;
            Some((no, row.level.filter(|_| fits)?, row.last_offer))
        })
    }

    /// The seats that can take what is needed, as the scheduler keeps them for each lane.
    pub fn lane(&self, need: &Need) -> ByPrice {
        let eligible = self.index.eligible(need.language, &need.skill, need.region.as_ref());
        self.index.by_price(&eligible)
    }

    /// Gives every seat another price; a few prices for many seats, so that some are equal.
    pub fn set_random_prices(&mut self, random: &mut Random) {
        let prices: Vec<Price> = self.rows.iter().map(|_| random.below(40) as u64 * 100).collect();
        self.rows.iter_mut().zip(&prices).for_each(|(row, price)| row.price = *price);
        self.index.set_prices(prices);
    }

    pub fn set_load(&mut self, seat: usize, used: Option<u8>) {
        self.index.set_load(seat, used);
        self.rows[seat].level = used;
    }

    /// Gives the seat a random load: with `share` of 100 all of its slots are in use.
    pub fn set_random_load(&mut self, random: &mut Random, seat: usize, share: usize) {
        let slots = usize::from(self.slots[seat]);
        let used = (random.below(100) >= share).then(|| random.below(slots) as u8);
        self.set_load(seat, used);
    }

    /// Takes one more slot, as an offer would.
    pub fn take_slot(&mut self, seat: usize, now: Timestamp) {
        let used = self.rows[seat].level.expect("a free seat") + 1;
        self.set_load(seat, (used < self.slots[seat]).then_some(used));
        self.index.mark_offered(seat, now);
        self.rows[seat].last_offer = now;
    }

    pub fn seats(&self) -> usize {
        self.rows.len()
    }
}

fn some<T: Ord>(random: &mut Random, most: usize, mut one: impl FnMut(&mut Random) -> T) -> Vec<T> {
    let mut all: Vec<T> = (0..1 + random.below(most)).map(|_| one(random)).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// A number below `bound`, low ones far more often: languages have such volumes.
fn skewed(random: &mut Random, bound: usize) -> usize {
    let first = random.below(bound);
    random.below(first + 1)
}

fn skill(n: usize) -> SkillId {
    SkillId::from(format!("skill-{n}"))
}

fn region(n: usize) -> RegionId {
    RegionId::from(format!("region-{n}"))
}
