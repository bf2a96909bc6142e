//! The space that a tenant's texts lie in: which features count, how much, and the point of a text.

use std::collections::{BTreeMap, HashMap};

use crate::understand::features::{self, FEATURES_MAX, Kind};
use crate::understand::lexicon::Lexicon;
use crate::understand::text::{self, Class, class_of};

/// Words of a message that are paired with each other.
const BAG_WORDS_MAX: usize = 24;
/// Characters of a stretch that crosses from word to word.
const CROSS_CHARS: std::ops::RangeInclusive<usize> = 3..=6;

/// Families of features. Each is brought to length one in a message before they are weighed, so
/// that the many pieces of letters do not shout the words down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Block {
    /// Words.
    Word,
    /// Neighbours.
    Pair,
    /// Pieces of words and runs.
    Piece,
    /// Marks and length.
    Mark,
    /// Two words anywhere in the message, in either order.
    Bag,
    /// Characters across a space: endings, clitics and words typed apart.
    Cross,
}

const BLOCKS: [Block; 6] =
    [Block::Word, Block::Pair, Block::Piece, Block::Mark, Block::Bag, Block::Cross];

/// What each block counts, in their order; chosen by cross-validation
/// (docs/decisions/0012-tenant-intents.md).
const BLOCK_WEIGHTS: [f32; BLOCKS.len()] = [1.0, 0.6, 1.0, 0.3, 0.7, 0.7];

/// How much rarity counts: the power of the usual inverse document frequency.
const RARITY_POWER: f32 = 0.3;

/// Features that are kept when they were seen once: combinations have to return.
fn seen_min(block: Block) -> u32 {
    match block {
        Block::Word | Block::Piece | Block::Mark => 1,
        Block::Pair | Block::Bag | Block::Cross => 2,
    }
}

/// A feature: 28 bits of hash, and the block in the lowest four.
pub(super) type Feature = u32;

const BLOCK_BITS: u32 = 15;

fn feature(hash: u64, block: Block) -> Feature {
    (hash >> 32) as u32 & !BLOCK_BITS | block as u32
}

fn block_of(feature: Feature) -> usize {
    ((feature & BLOCK_BITS) as usize).min(BLOCKS.len() - 1)
}

/// How often each feature is in a text, by feature.
pub(super) type Counts = Vec<(Feature, u32)>;

/// Buffers for reading texts.
#[derive(Default)]
pub(super) struct Buffers {
    chars: Vec<char>,
    hashes: Vec<u64>,
    words: Vec<u64>,
    features: Vec<Feature>,
}

/// Writes the features of `text` over `counts`.
pub(super) fn count(text: &str, buffers: &mut Buffers, counts: &mut Counts) {
    let Buffers { chars, hashes, words, features } = buffers;
    text::normalise(text, chars);
    features::extract(chars, &Lexicon::default(), hashes);
    features.clear();
    words.clear();
    for hash in hashes.iter() {
        let block = match Kind::of(*hash) {
            Kind::Always => continue,
            Kind::Word => {
                words.push(*hash);
                Block::Word
            }
            Kind::Pair => Block::Pair,
            Kind::Piece | Kind::Run => Block::Piece,
            Kind::Length | Kind::Mark => Block::Mark,
            Kind::Concept => continue,
        };
        features.push(feature(*hash, block));
    }
    bag(words, features);
    cross(chars, features);
    features.sort_unstable();
    counts.clear();
    for &feature in features.iter() {
        match counts.last_mut() {
            Some((last, times)) if *last == feature => *times += 1,
            _ => counts.push((feature, 1)),
        }
    }
}

fn bag(words: &mut Vec<u64>, features: &mut Vec<Feature>) {
    words.truncate(BAG_WORDS_MAX);
    words.sort_unstable();
    words.dedup();
    for (at, first) in words.iter().enumerate() {
        for second in &words[at + 1..] {
            features.push(feature(mix(*first, *second), Block::Bag));
        }
    }
}

fn cross(chars: &[char], features: &mut Vec<Feature>) {
    let end = features.len() + FEATURES_MAX;
    for size in CROSS_CHARS {
        for stretch in chars.windows(size) {
            let crosses = stretch.iter().any(|c| class_of(*c) == Class::Space);
            if crosses && features.len() < end {
                let hash = stretch.iter().fold(size as u64, |hash, &c| mix(hash, c as u64));
                features.push(feature(hash, Block::Cross));
            }
        }
    }
}

/// Hashes two values into one; also the random numbers of training.
pub(super) fn mix(a: u64, b: u64) -> u64 {
    let mixed = (a ^ b.rotate_left(23)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    mixed ^ (mixed >> 32)
}

/// The point of a text: coordinates by the number of their feature.
pub(super) type Point = Vec<(u32, f32)>;

/// The features that count. Their numbers are their places in the sorted list.
#[derive(Clone, Debug)]
pub(super) struct Space {
    features: Vec<Feature>,
    rarity: Vec<f32>,
    numbers: HashMap<Feature, u32, ahash::RandomState>,
}

impl Space {
    /// The space of these texts.
    pub(super) fn fit<'a>(texts: impl ExactSizeIterator<Item = &'a Counts>) -> Self {
        let total = texts.len() as f32 + 1.0;
        let mut seen: BTreeMap<Feature, u32> = BTreeMap::new();
        for (feature, _) in texts.flatten() {
            *seen.entry(*feature).or_default() += 1;
        }
        seen.retain(|feature, times| *times >= seen_min(BLOCKS[block_of(*feature)]));
        let rarity = |times: &u32| ((total / (*times as f32 + 1.0)).ln() + 1.0).powf(RARITY_POWER);
        Self::new(seen.keys().copied().collect(), seen.values().map(rarity).collect())
    }

    /// From sorted features and their rarity.
    pub(super) fn new(features: Vec<Feature>, rarity: Vec<f32>) -> Self {
        let numbers = features.iter().zip(0..).map(|(feature, number)| (*feature, number));
        Self { numbers: numbers.collect(), features, rarity }
    }

    pub(super) fn features(&self) -> &[Feature] {
        &self.features
    }

    pub(super) fn rarity(&self) -> &[f32] {
        &self.rarity
    }

    /// Writes the point of a text over `point`; gives the share of its features that the space
    /// has, 1 for a text without any.
    pub(super) fn locate(&self, counts: &Counts, point: &mut Point) -> f32 {
        point.clear();
        let mut squares = [0.0_f32; BLOCKS.len()];
        for (feature, times) in counts {
            let Some(number) = self.numbers.get(feature) else { continue };
            let value = (1.0 + (*times as f32).ln()) * self.rarity[*number as usize];
            squares[block_of(*feature)] += value * value;
            point.push((*number, value));
        }
        for (number, value) in point.iter_mut() {
            let block = block_of(self.features[*number as usize]);
            *value *= BLOCK_WEIGHTS[block] / squares[block].sqrt();
        }
        if counts.is_empty() { 1.0 } else { point.len() as f32 / counts.len() as f32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(text: &str) -> Counts {
        let mut counts = Counts::new();
        count(text, &mut Buffers::default(), &mut counts);
        counts
    }

    #[test]
    fn every_block_of_a_text_has_its_weight_as_length() {
        let texts = ["where is my parcel?", "where is my parcel now?"].map(counts);
        let space = Space::fit(texts.iter());
        let mut point = Point::new();

        let known = space.locate(&texts[0], &mut point);

        let mut squares = [0.0; BLOCKS.len()];
        for (number, value) in point {
            squares[block_of(space.features[number as usize])] += value * value;
        }
        for (square, weight) in squares.iter().zip(BLOCK_WEIGHTS) {
            assert!((square - weight * weight).abs() < 1e-4, "{squares:?}");
        }
        assert!(known > 0.8, "{known}");
    }

    #[test]
    fn a_text_of_unknown_letters_has_no_place() {
        let texts = [counts("where is my parcel")];
        let space = Space::fit(texts.iter());
        let mut point = Point::new();

        assert!(space.locate(&counts("посылка"), &mut point) < 0.2);
    }

    #[test]
    fn an_endless_text_stays_within_the_bound() {
        let bag = BAG_WORDS_MAX * BAG_WORDS_MAX / 2;

        assert!(counts(&"no way out ".repeat(2_000)).len() <= 2 * FEATURES_MAX + bag);
    }
}
