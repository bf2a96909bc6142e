//! Which features get a row of the table.

use ahash::AHashMap;

use crate::understand::features::{self, Kind};
use crate::understand::format::BUCKET;
use crate::understand::lexicon::Lexicon;
use crate::understand::table;
use crate::understand::text;

/// In how many messages each feature occurs.
pub struct Counts<'a> {
    lexicon: &'a Lexicon,
    seen: AHashMap<u64, Seen>,
    chars: Vec<char>,
    plain: Vec<char>,
    features: Vec<u64>,
}

#[derive(Clone, Copy, Default)]
struct Seen {
    shop: u32,
    other: u32,
}

impl<'a> Counts<'a> {
    /// Nothing counted yet.
    pub fn new(lexicon: &'a Lexicon) -> Self {
        let (chars, plain, features) = (Vec::new(), Vec::new(), Vec::new());
        Self { lexicon, seen: AHashMap::new(), chars, plain, features }
    }

    /// Counts a message of the shop corpus, once as it is and once without accents.
    pub fn shop(&mut self, message: &str) {
        text::normalise(message, &mut self.chars);
        features::extract(&self.chars, self.lexicon, &mut self.features);
        if text::strip_accents(&self.chars, &mut self.plain) {
            let mut more = Vec::new();
            features::extract(&self.plain, self.lexicon, &mut more);
            self.features.append(&mut more);
        }
        self.count(|seen| seen.shop += 1);
    }

    /// Counts a text that teaches languages or moods only.
    pub fn other(&mut self, message: &str) {
        text::normalise(message, &mut self.chars);
        features::extract(&self.chars, self.lexicon, &mut self.features);
        self.count(|seen| seen.other += 1);
    }

    fn count(&mut self, add: impl Fn(&mut Seen)) {
        self.features.sort_unstable();
        self.features.dedup();
        for feature in &self.features {
            add(self.seen.entry(*feature).or_default());
        }
    }

    /// The tags of a table of about `rows` rows, filled to [`FILL`] with the most useful features:
    /// [`OTHER_SHARE`] of them with those that only tell languages or moods.
    pub fn tags(&self, rows: usize) -> Vec<u16> {
        let (mut shop, mut other) = (Vec::new(), Vec::new());
        for (&feature, seen) in &self.seen {
            match (usefulness(feature, *seen), seen.shop) {
                (0, _) => {}
                (use_, 0) => other.push((use_, feature)),
                (use_, _) => shop.push((use_, feature)),
            }
        }
        let kept = (rows as f64 * FILL) as usize;
        let for_others = (kept as f64 * OTHER_SHARE) as usize;
        let mut useful = most_useful(other, for_others);
        let for_shops = kept - useful.len();
        useful.extend(most_useful(shop, for_shops));
        // A small corpus gets a small table.
        let rows = rows.min((useful.len() as f64 / FILL) as usize + BUCKET);
        let mut tags = vec![0; rows.next_multiple_of(BUCKET)];
        for feature in useful {
            table::place(&mut tags, feature);
        }
        tags
    }
}

/// The first `count` by use, then by hash: the order must not hang on the order of a map.
fn most_useful(mut ranked: Vec<(u32, u64)>, count: usize) -> Vec<u64> {
    ranked.sort_unstable_by(|a, b| b.cmp(a));
    ranked.truncate(count);
    ranked.into_iter().map(|(_, feature)| feature).collect()
}

/// Share of the table for features that occur in no shop message. Without a share of their own they
/// would find no place beside a large corpus, and languages outside it would be told by nothing.
const OTHER_SHARE: f64 = 0.32;

/// Share of the rows that are taken: beyond it too many features find both buckets full.
const FILL: f64 = 0.93;

/// Rank of a feature for a place in the table; 0 for none. Shop messages come first, since
/// intents need many weak signs; among features seen once, whole words and pairs of characters of
/// the dense scripts carry what their longer pieces would only repeat.
fn usefulness(feature: u64, seen: Seen) -> u32 {
    let kind = Kind::of(feature);
    match (seen.shop, seen.other) {
        (2.., _) => 1_000_000 + seen.shop.saturating_mul(4) + seen.other,
        (1, _) if matches!(kind, Kind::Word | Kind::Mark) => 900_000 + seen.other,
        (1, other) => 800_000 + other,
        (_, other @ OTHER_MIN..) => other,
        _ => 0,
    }
}

/// Occurrences in texts other than shop messages that make a feature worth a row.
const OTHER_MIN: u32 = 5;
