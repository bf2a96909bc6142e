//! A generated crew: many seats from a few lines, the same ones in every run.

use std::num::NonZeroU8;

use crate::domain::{Hours, Language, Proficiency, SeatId, SeatProfile, SkillId};

/// Seats of every language of the crew, however rare.
pub const SEATS_PER_LANGUAGE_MIN: u32 = 3;

/// How a crew is made up.
pub(super) struct Crew {
    /// Number of seats.
    pub seats: u32,
    /// Sign-in names are this, then the number with three digits.
    pub prefix: String,
    /// Conversations at a time.
    pub slots: NonZeroU8,
    /// Skills that every seat of the crew has.
    pub skills: Vec<SkillId>,
    /// Languages with their weights.
    pub languages: Vec<(Language, u32)>,
}

impl Crew {
    /// The seats: of ten, four speak one language, four speak two, two speak three.
    pub fn profiles(&self) -> Vec<SeatProfile> {
        let sizes: Vec<usize> = (0..self.seats).map(languages_of_seat).collect();
        let places = sizes.iter().map(|size| *size as u32).sum();
        let mut sequence = spread(&self.shares(places));
        let mut seats = Vec::with_capacity(sizes.len());
        for (at, size) in sizes.into_iter().enumerate() {
            let mut languages: Vec<Language> = Vec::with_capacity(size);
            while languages.len() < size {
                let next = sequence.iter().position(|language| !languages.contains(language));
                let Some(next) = next else { break };
                languages.push(sequence.remove(next));
            }
            seats.push(SeatProfile {
                id: SeatId::from(format!("{}{:03}", self.prefix, at + 1)),
                languages,
                skills: self.skills.clone(),
                proficiency: Proficiency::default(),
                regions: Vec::new(),
                slots: self.slots,
                hours: Hours::always(),
            });
        }
        seats.retain(|seat| !seat.languages.is_empty());
        seats
    }

    /// How many of `places` each language gets: its share by weight, at least
    /// [`SEATS_PER_LANGUAGE_MIN`], taken from the most common ones when that gives too many.
    fn shares(&self, places: u32) -> Vec<(Language, u32)> {
        let total: u64 = self.languages.iter().map(|(_, weight)| u64::from(*weight)).sum();
        let most = self.seats.max(1);
        // A crew may be smaller than what each language should get.
        let least = SEATS_PER_LANGUAGE_MIN.min(most);
        let share = |weight: u32| {
            let share = u64::from(places) * u64::from(weight) / total.max(1);
            u32::try_from(share).unwrap_or(most).clamp(least, most)
        };
        let mut shares: Vec<(Language, u32)> =
            self.languages.iter().map(|(language, weight)| (*language, share(*weight))).collect();
        let sum = |shares: &[(Language, u32)]| shares.iter().map(|(_, count)| count).sum::<u32>();
        while sum(&shares) > places {
            let most = shares.iter_mut().max_by_key(|(language, count)| (*count, *language));
            match most {
                Some((_, count)) if *count > 1 => *count -= 1,
                _ => break,
            }
        }
        // What rounding left over goes to the most common languages, one each.
        let mut by_count: Vec<usize> = (0..shares.len()).collect();
        by_count.sort_by_key(|at| (std::cmp::Reverse(shares[*at].1), shares[*at].0));
        by_count.retain(|at| shares[*at].1 < self.seats);
        let missing = places.saturating_sub(sum(&shares)) as usize;
        for at in by_count.into_iter().cycle().take(missing) {
            shares[at].1 = (shares[at].1 + 1).min(self.seats);
        }
        shares
    }
}

fn languages_of_seat(at: u32) -> usize {
    match at % 5 {
        0 | 2 => 1,
        1 | 3 => 2,
        _ => 3,
    }
}

/// A sequence that holds every language as often as its count says, evenly spread. Each language
/// starts at a place of its own, so that rare ones do not meet in the same seats again and again.
fn spread(counts: &[(Language, u32)]) -> Vec<Language> {
    const GOLDEN: u64 = 618;
    const UNIT: u64 = 1_000;
    let mut places: Vec<(u64, Language)> = Vec::new();
    for (at, (language, count)) in counts.iter().enumerate() {
        let phase = (at as u64 * GOLDEN) % UNIT;
        let step = |k: u32| (u64::from(k) * UNIT + phase) * UNIT / u64::from((*count).max(1));
        places.extend((0..*count).map(|k| (step(k), *language)));
    }
    places.sort_unstable();
    places.into_iter().map(|(_, language)| language).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn crew(seats: u32, languages: &[(&str, u32)]) -> Crew {
        let code = |code: &str| code.parse().expect("a language");
        Crew {
            seats,
            prefix: "seat-".to_owned(),
            slots: NonZeroU8::MIN,
            skills: vec![SkillId::from("general")],
            languages: languages.iter().map(|(text, weight)| (code(text), *weight)).collect(),
        }
    }

    #[test]
    fn a_crew_of_one_seat_has_one_and_the_largest_weights_do_not_overflow() {
        for weight in [1, u32::MAX] {
            let crew = crew(1, &[("en", weight), ("de", weight), ("th", weight)]);

            assert_eq!(crew.profiles().len(), 1);
        }
    }

    #[test]
    fn rare_languages_have_their_seats_and_common_ones_their_share() {
        let crew = crew(100, &[("en", 40), ("th", 30), ("es", 29), ("uk", 1)]);
        let mut seats_of = BTreeMap::new();
        for language in crew.profiles().iter().flat_map(|seat| &seat.languages) {
            *seats_of.entry(language.to_string()).or_insert(0) += 1;
        }

        assert_eq!(seats_of.values().sum::<u32>(), 180);
        assert_eq!(seats_of["uk"], SEATS_PER_LANGUAGE_MIN);
        assert!(seats_of["en"] > seats_of["th"] && seats_of["th"] > seats_of["uk"]);
    }

    #[test]
    fn nobody_speaks_a_language_twice_and_forty_of_a_hundred_speak_one() {
        let crew = crew(100, &[("en", 40), ("th", 30), ("es", 20), ("uk", 10), ("pl", 10)]);
        let profiles = crew.profiles();

        let mut speaking = [0; 4];
        for seat in &profiles {
            let mut unique = seat.languages.clone();
            unique.sort_unstable();
            unique.dedup();
            assert_eq!(unique.len(), seat.languages.len(), "{}", seat.id);
            speaking[unique.len()] += 1;
        }

        assert_eq!(speaking, [0, 40, 40, 20]);
        assert_eq!(profiles[0].id.as_str(), "seat-001");
        assert_eq!(profiles[99].id.as_str(), "seat-100");
    }

    #[test]
    fn a_crew_is_the_same_every_time() {
        let languages = [("en", 5), ("th", 3), ("es", 1)];
        let names = |crew: Crew| -> Vec<String> {
            crew.profiles().iter().map(|seat| format!("{} {:?}", seat.id, seat.languages)).collect()
        };

        assert_eq!(names(crew(50, &languages)), names(crew(50, &languages)));
    }
}
