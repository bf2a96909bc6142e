//! The order of a day: which languages write when, by the hour of the day where they are spoken.

use crate::schedule::{Chance, Purpose};
use crate::texts::Texts;

/// Conversations an hour by local time, relative: quiet nights, a first peak before noon, a second
/// in the evening. The shape of online shops' contact volume; see docs/loadtest.md.
const CURVE: [f64; 24] = [
    0.25, 0.15, 0.10, 0.08, 0.08, 0.12, 0.25, 0.45, 0.70, 0.95, 1.00, 1.00, 0.90, 0.85, 0.85, 0.85,
    0.80, 0.80, 0.85, 0.95, 1.00, 0.95, 0.70, 0.45,
];

/// Hours ahead of UTC where most of a language's customers are, in winter time.
const OFFSETS: [(&str, f64); 24] = [
    ("ar", 3.0),
    ("bn", 6.0),
    ("da", 1.0),
    ("de", 1.0),
    ("en", -5.0),
    ("es", -6.0),
    ("fr", 1.0),
    ("hi", 5.5),
    ("id", 7.0),
    ("it", 1.0),
    ("ja", 9.0),
    ("ko", 9.0),
    ("ms", 8.0),
    ("nl", 1.0),
    ("pl", 1.0),
    ("pt", -3.0),
    ("ru", 3.0),
    ("sw", 3.0),
    ("th", 7.0),
    ("tr", 3.0),
    ("uk", 2.0),
    ("vi", 7.0),
    ("yo", 1.0),
    ("zh", 8.0),
];

/// The languages of a day's conversations in the order in which they come, from 0:00 to 24:00 UTC.
/// Each language keeps its share of the texts over the whole day.
pub fn order(texts: &Texts, conversations: u64, seed: u64) -> Vec<usize> {
    let mut chance = Chance::new(seed, Purpose::Day, 0);
    let mut moments: Vec<(f64, usize)> = (0..conversations)
        .map(|_| {
            let language = texts.draw(|bound| chance.below(bound));
            (utc_hour(&mut chance, offset(&texts.name(language))), language)
        })
        .collect();
    moments.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    moments.into_iter().map(|(_, language)| language).collect()
}

/// An hour of the day in UTC, drawn by the local curve.
fn utc_hour(chance: &mut Chance, offset_h: f64) -> f64 {
    let whole: f64 = CURVE.iter().sum();
    let mut left = chance.unit() * whole;
    let hour = CURVE
        .iter()
        .position(|weight| {
            left -= weight;
            left < 0.0
        })
        .unwrap_or(CURVE.len() - 1);
    (hour as f64 + chance.unit() - offset_h).rem_euclid(24.0)
}

fn offset(language: &str) -> f64 {
    OFFSETS.iter().find(|(name, _)| *name == language).map_or(0.0, |(_, offset_h)| *offset_h)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_day() {
        let texts = Texts::sample();

        assert_eq!(order(&texts, 1000, 1), order(&texts, 1000, 1));
        assert_ne!(order(&texts, 1000, 1), order(&texts, 1000, 2));
    }

    #[test]
    fn every_language_keeps_its_share() {
        let texts = Texts::sample();
        let day = order(&texts, 20_000, 3);

        for language in 0..texts.languages() {
            let count = day.iter().filter(|at| **at == language).count();
            let share = count as f64 / day.len() as f64;
            assert!((share - texts.share(language)).abs() < 0.01, "{}", texts.name(language));
        }
    }

    #[test]
    fn east_asia_writes_in_the_first_half_of_the_utc_day_and_america_in_the_second() {
        let texts = Texts::sample();
        let day = order(&texts, 20_000, 3);
        let middle = |name: &str| {
            let language = texts.index_of(name).expect("in the sample");
            let places: Vec<usize> =
                (0..day.len()).filter(|place| day[*place] == language).collect();
            places[places.len() / 2]
        };

        assert!(middle("ja") < day.len() / 2);
        assert!(middle("es") > day.len() / 2);
    }
}
