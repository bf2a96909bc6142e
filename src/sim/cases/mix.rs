//! The usual mix: many languages of very different volume, seats that speak one to three of them,
//! and a load.

use super::{contact, empty, languages, seat, seconds};
use crate::sim::moment::Moment;
use crate::sim::random::Random;
use crate::sim::scenario::{Scenario, ScenarioTranslation};

/// Parameters of the mix. Load 1 is as much work as all seats do with every slot in use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mix {
    /// Seats, with three slots each.
    pub seats: usize,
    /// Work that arrives, as a share of what the seats can do.
    pub load: f64,
    /// How many times as long translated work takes; `None` for native seats only.
    pub translation: Option<f64>,
    /// Wait before a foreign seat is asked, in seconds.
    pub translation_after_s: u64,
    /// Slots that a seat keeps free for its own languages.
    pub slots_kept_free: u8,
    /// Hours of arrivals, the first half of one not counted.
    pub hours: f64,
}

impl Default for Mix {
    fn default() -> Self {
        Self {
            seats: 90,
            load: 0.95,
            translation: None,
            translation_after_s: 5,
            slots_kept_free: 1,
            hours: 4.0,
        }
    }
}

/// Languages, their volumes falling as 1, 1/2, 1/3 …
const LANGUAGES: usize = 30;
/// Share of seats that speak one, two and three languages.
const SPOKEN: [f64; 3] = [0.4, 0.4, 0.2];
const SLOTS: u8 = 3;
const RATES: [f64; 3] = [1.0, 0.85, 0.7];
/// A first reply takes 6 s, and longer beside other chats.
const FIRST_REPLY_S: f64 = 6.0;
const FIRST_REPLY_FACTORS: [f64; 3] = [1.0, 1.2, 1.4];
/// Work alone: log-normal, as measured on a month of real calls.
const WORK_S: f64 = 240.0;
const WORK_VARIATION: f64 = 1.17;
const PATIENCE_S: f64 = 450.0;
const VIPS: f64 = 0.05;
const WARM_UP_S: f64 = 1_800.0;

impl Mix {
    /// Draws the seats and contacts of one seed.
    pub fn draw(&self, seed: u64) -> Scenario {
        let about = format!(
            "{LANGUAGES} languages, {} seats, load {}, {} h, seed {seed}",
            self.seats, self.load, self.hours
        );
        let mut scenario = empty(about);
        scenario.measure_from = Moment::from_s(WARM_UP_S);
        let settings = &mut scenario.settings;
        settings.service_rate_by_open_chats = RATES.to_vec();
        settings.first_reply_s = FIRST_REPLY_S;
        settings.first_reply_factor_by_open_chats = FIRST_REPLY_FACTORS.to_vec();
        settings.translation = self.translation.map(|work_factor| ScenarioTranslation {
            after: seconds(self.translation_after_s),
            work_factor,
            slots_kept_free: self.slots_kept_free,
        });
        languages(&mut scenario.names, LANGUAGES);
        let volumes: Vec<f64> = (1..=LANGUAGES).map(|rank| 1.0 / rank as f64).collect();
        self.draw_seats(&mut scenario, &volumes, seed);
        self.draw_contacts(&mut scenario, &volumes, seed);
        scenario
    }

    fn draw_seats(&self, scenario: &mut Scenario, volumes: &[f64], seed: u64) {
        let mut random = Random::new(seed, "seats");
        for (no, first) in first_languages(self.seats, volumes).into_iter().enumerate() {
            let mut spoken = vec![first];
            let more = random.weighted(&SPOKEN);
            while spoken.len() < 1 + more {
                let language = random.weighted(volumes);
                if !spoken.contains(&language) {
                    spoken.push(language);
                }
            }
            spoken.sort_unstable();
            scenario.seats.push(seat(format!("a{no}"), spoken, SLOTS));
        }
    }

    fn draw_contacts(&self, scenario: &mut Scenario, volumes: &[f64], seed: u64) {
        let capacity = self.seats as f64 * f64::from(SLOTS) * RATES[RATES.len() - 1];
        let mean_gap_s = WORK_S / (self.load * capacity);
        let [mut gaps, mut kinds, mut work, mut patience] =
            ["arrivals", "languages", "work", "patience"].map(|it| Random::new(seed, it));
        let mut at_s = gaps.exponential(mean_gap_s);
        while at_s < self.hours * 3_600.0 {
            let language = kinds.weighted(volumes);
            let work_s = work.log_normal(WORK_S, WORK_VARIATION);
            let mut drawn = contact(scenario.contacts.len(), at_s, language, work_s);
            drawn.vip = kinds.chance(VIPS);
            drawn.patience = Some(Moment::from_s(patience.exponential(PATIENCE_S)));
            scenario.contacts.push(drawn);
            at_s += gaps.exponential(mean_gap_s);
        }
    }
}

/// A first language for each seat: as many as its share of the volume, and at least one.
fn first_languages(seats: usize, volumes: &[f64]) -> Vec<usize> {
    let total: f64 = volumes.iter().sum();
    let share = |volume: &f64| ((volume / total * seats as f64).round() as usize).max(1);
    let mut firsts: Vec<usize> = volumes
        .iter()
        .enumerate()
        .flat_map(|(language, volume)| std::iter::repeat_n(language, share(volume)))
        .collect();
    // What rounding gave too much or too little is the largest language's.
    while firsts.len() < seats {
        firsts.insert(0, 0);
    }
    while firsts.len() > seats {
        firsts.remove(0);
    }
    firsts
}
