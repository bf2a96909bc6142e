//! Names of what an incident is about: words in Latin letters that no customer writes on another day, and
//! short numbers. A brand, a model, a code or a price is the same in a message of any language.

use std::sync::LazyLock;

use super::simhash::hash;

/// Words that are usual are known by a bit each, at the place of their hash.
const BITS: usize = 1 << 19;
/// Bytes of the file with them.
pub const FILE_BYTES: usize = BITS / 8;
/// In so many messages a word is usual.
const USUAL_FROM: u32 = 2;
const LETTERS_MIN: usize = 3;
const DIGITS: std::ops::RangeInclusive<usize> = 2..=4;
/// How much a name says, and how much a number: as much as the rarest thing, and half of it.
const NAME_WEIGHT: f32 = 6.0;
const NUMBER_WEIGHT: f32 = 3.0;
/// Names have the numbers from here on; things those below.
const FIRST: u32 = 1 << 16;

static USUAL: LazyLock<&[u8]> =
    LazyLock::new(|| include_bytes!("../../models/account_bound/usual.bin"));

/// The names in `text`, which is [`folded`](super::things::folded), each once with how much it says.
pub(super) fn names(text: &str) -> Vec<(u32, f32)> {
    let mut names: Vec<(u32, f32)> = words(text).filter_map(weighed).collect();
    names.sort_unstable_by_key(|(name, _)| *name);
    names.dedup_by_key(|(name, _)| *name);
    names
}

/// Whether a number is that of a name, and not of a thing.
pub(super) const fn is_name(number: u32) -> bool {
    number >= FIRST
}

/// The usual words as they were learned.
pub(super) fn usual_words() -> &'static [u8] {
    *USUAL
}

fn weighed(word: &str) -> Option<(u32, f32)> {
    let hash = hash(word.as_bytes());
    let number = FIRST | hash as u32;
    if word.bytes().all(|byte| byte.is_ascii_digit()) {
        return DIGITS.contains(&word.len()).then_some((number, NUMBER_WEIGHT));
    }
    let (byte, bit) = place(hash);
    let is_usual = USUAL[byte] & bit != 0;
    (word.len() >= LETTERS_MIN && !is_usual).then_some((number, NAME_WEIGHT))
}

/// Stretches of Latin letters and digits.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty())
}

fn place(hash: u64) -> (usize, u8) {
    let bit = (hash % BITS as u64) as usize;
    (bit / 8, 1 << (bit % 8))
}

/// The file of the words that are usual in these messages, [`FILE_BYTES`] bytes.
pub fn usual<'a>(messages: impl Iterator<Item = &'a str>) -> Vec<u8> {
    let mut counts = std::collections::BTreeMap::<u64, u32>::new();
    for message in messages {
        let text = super::things::folded(&super::words::plain(message));
        let mut hashes: Vec<u64> = words(&text).map(|word| hash(word.as_bytes())).collect();
        hashes.sort_unstable();
        hashes.dedup();
        for hash in hashes {
            *counts.entry(hash).or_default() += 1;
        }
    }
    let mut file = vec![0; FILE_BYTES];
    for (hash, _) in counts.into_iter().filter(|(_, count)| *count >= USUAL_FROM) {
        let (byte, bit) = place(hash);
        file[byte] |= bit;
    }
    file
}

#[cfg(test)]
mod tests {
    use super::super::things::folded;
    use super::super::words::plain;
    use super::*;

    #[test]
    fn a_brand_is_a_name_in_any_language_and_what_people_write_every_day_is_none() {
        let of = |text: &str| names(&folded(&plain(text)));

        let brand = of("where is the Zorvex");
        assert_eq!(brand.len(), 1);
        assert_eq!(of("Zorvex召回了吗"), brand);
        assert_eq!(of("zorvex 리콜인가요"), brand);
        assert!(of("where is the order, please").is_empty());
        assert_eq!(of("29.90").len(), 2);
    }

    #[test]
    fn words_of_one_message_alone_are_not_usual() {
        let file = usual(["the parcel", "the zorvex", "the parcel zorvex2 zorvex2"].into_iter());
        let is_usual = |word: &str| {
            let (byte, bit) = place(hash(word.as_bytes()));
            file[byte] & bit != 0
        };

        assert_eq!(file.len(), FILE_BYTES);
        assert!(is_usual("parcel") && !is_usual("zorvex") && !is_usual("zorvex2"));
    }
}
