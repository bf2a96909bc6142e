//! A very large centre in one process: what it needs in memory and how fast it decides.

use super::{contact, empty, languages, seat};
use crate::sim::random::Random;
use crate::sim::scenario::Scenario;

/// Parameters of the large centre.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Large {
    /// Seats, with twenty slots each.
    pub seats: usize,
    /// Conversations that are alive together, with a seat or waiting for one.
    pub live: usize,
}

impl Default for Large {
    fn default() -> Self {
        Self { seats: 20_000, live: 1_000_000 }
    }
}

/// Queues are what is asked for together: 25 languages × 100 skills × 4 regions.
const LANGUAGES: usize = 25;
const SKILLS: usize = 100;
const REGIONS: usize = 4;
const SLOTS: u8 = 20;
/// All arrive within so long, and none ends before the last has come.
const ARRIVALS_S: f64 = 600.0;
const WORK_S: f64 = 3_600.0;

impl Large {
    /// Queues that contacts are drawn for.
    pub const QUEUES: usize = LANGUAGES * SKILLS * REGIONS;

    /// Draws seats and contacts.
    pub fn draw(&self, seed: u64) -> Scenario {
        let mut scenario =
            empty(format!("{} seats, {} queues, {} live", self.seats, Self::QUEUES, self.live));
        languages(&mut scenario.names, LANGUAGES);
        for no in 0..SKILLS {
            scenario.names.skills.number(&format!("s{no}"));
        }
        for no in 0..REGIONS {
            scenario.names.regions.number(&format!("r{no}"));
        }
        let mut random = Random::new(seed, "seats");
        for no in 0..self.seats {
            // The first language and skill go round, so that every queue has seats.
            let spoken = pair(no % LANGUAGES, random.below(LANGUAGES));
            let mut drawn = seat(format!("a{no}"), spoken, SLOTS);
            drawn.skills = pair(no / LANGUAGES % SKILLS, random.below(SKILLS));
            drawn.regions = if random.chance(0.5) { Vec::new() } else { vec![no % REGIONS] };
            scenario.seats.push(drawn);
        }
        let mut random = Random::new(seed, "contacts");
        for no in 0..self.live {
            let at_s = ARRIVALS_S * no as f64 / self.live as f64;
            let mut drawn = contact(no, at_s, random.below(LANGUAGES), 0.0);
            drawn.work_s = WORK_S + random.exponential(WORK_S);
            drawn.skill = Some(random.below(SKILLS));
            drawn.region = Some(random.below(REGIONS));
            scenario.contacts.push(drawn);
        }
        scenario
    }
}

fn pair(first: usize, second: usize) -> Vec<usize> {
    let mut both = vec![first, second];
    both.sort_unstable();
    both.dedup();
    both
}
