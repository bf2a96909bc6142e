//! Turns a normalised message into hashed features: words, word pairs and character n-grams.

use super::text::{Class, class_of};

/// Most features of one message; a bound on the time that one message can take.
pub const FEATURES_MAX: usize = 4_096;

/// Longest word that is cut into character n-grams; what is longer is a link or noise.
const WORD_CHARS_MAX: usize = 40;

/// Longest piece of a word, in characters.
const PIECE_CHARS_MAX: usize = 5;

/// Kinds of features, kept apart by the lowest bits of their hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One that every message has, so that an empty one gets the commonest labels.
    Always = 0,
    /// How long the message is.
    Length,
    /// A word or a number.
    Word,
    /// Two words that follow each other.
    Pair,
    /// Two to five letters of a word.
    Piece,
    /// One to four characters of a script without spaces.
    Run,
    /// Punctuation, a symbol, an emoji.
    Mark,
}

impl Kind {
    /// The kind of a feature that [`extract`] wrote.
    pub fn of(feature: u64) -> Self {
        match feature & KIND_BITS {
            0 => Self::Always,
            1 => Self::Length,
            2 => Self::Word,
            3 => Self::Pair,
            4 => Self::Piece,
            5 => Self::Run,
            _ => Self::Mark,
        }
    }
}

const KIND_BITS: u64 = 7;

/// Writes the hashes of the features of `chars` (see [`super::text::normalise`]) over `out`.
pub fn extract(chars: &[char], out: &mut Vec<u64>) {
    out.clear();
    out.push(finish(Kind::Always, seed(Kind::Always)));
    out.push(finish(Kind::Length, add(seed(Kind::Length), length_bucket(chars.len()))));
    let mut walk = Walk { out, previous: seed(Kind::Word) };
    let mut start = 0;
    while start < chars.len() && walk.out.len() < FEATURES_MAX {
        let class = class_of(chars[start]);
        let end = start + token_len(class, &chars[start..]);
        walk.token(class, &chars[start..end]);
        start = end;
    }
    let last = walk.previous;
    walk.pair(last, seed(Kind::Word));
    out.truncate(FEATURES_MAX);
}

/// Length of the token that starts `chars`. Marks stand alone, except that one repeated is one
/// token; Hangul and Latin in one word stay together so that `A/S접수` is not torn further.
fn token_len(class: Class, chars: &[char]) -> usize {
    let same = |c: &&char| match (class, class_of(**c)) {
        (Class::Letter | Class::Hangul, Class::Letter | Class::Hangul) => true,
        (Class::Mark, Class::Mark) => **c == chars[0],
        (a, b) => a == b,
    };
    chars.iter().take_while(same).count().max(1)
}

struct Walk<'a> {
    out: &'a mut Vec<u64>,
    /// Hash of the word before, for pairs.
    previous: u64,
}

impl Walk<'_> {
    fn token(&mut self, class: Class, token: &[char]) {
        match class {
            Class::Space | Class::Apostrophe => {}
            Class::Mark => self.out.push(finish(Kind::Mark, hash(Kind::Mark, token))),
            Class::Digit => self.word(token),
            Class::Letter | Class::Hangul => {
                self.word(token);
                let shortest = if class == Class::Hangul { 1 } else { 2 };
                self.pieces(&token[..token.len().min(WORD_CHARS_MAX)], shortest);
            }
            Class::Dense => self.run(token),
        }
    }

    fn word(&mut self, word: &[char]) {
        let hashed = hash(Kind::Word, word);
        self.out.push(finish(Kind::Word, hashed));
        self.pair(self.previous, hashed);
        self.previous = hashed;
    }

    fn pair(&mut self, first: u64, second: u64) {
        let pair = seed(Kind::Pair) ^ first.rotate_left(17).wrapping_mul(MULTIPLIER) ^ second;
        self.out.push(finish(Kind::Pair, pair));
    }

    /// Character 2–5-grams of the word between its marks `<` and `>`; a single mark is none.
    fn pieces(&mut self, word: &[char], shortest: usize) {
        let mut marked = ['>'; WORD_CHARS_MAX + 2];
        marked[0] = '<';
        marked[1..=word.len()].copy_from_slice(word);
        let marked = &marked[..word.len() + 2];
        for start in 0..marked.len() {
            let window = &marked[start..marked.len().min(start + PIECE_CHARS_MAX)];
            let is_mark = start == 0 || start == marked.len() - 1;
            let shortest = if is_mark { shortest.max(2) } else { shortest };
            let (mut pieces, mut count) = ([0; PIECE_CHARS_MAX], 0);
            let mut hashed = seed(Kind::Piece);
            for (size, &c) in (1..).zip(window) {
                hashed = add(hashed, c as u32);
                pieces[count] = finish(Kind::Piece, hashed);
                count += usize::from(size >= shortest);
            }
            // All five places are written and the empty ones given back: quicker than counting first.
            let kept = self.out.len() + count;
            self.out.extend_from_slice(&pieces);
            self.out.truncate(kept);
        }
    }

    /// Character 1–4-grams over a run without spaces.
    fn run(&mut self, run: &[char]) {
        for start in 0..run.len() {
            if self.out.len() >= FEATURES_MAX {
                return;
            }
            let mut hashed = seed(Kind::Run);
            for &c in &run[start..run.len().min(start + 4)] {
                hashed = add(hashed, c as u32);
                self.out.push(finish(Kind::Run, hashed));
            }
        }
        self.previous = seed(Kind::Word);
    }
}

const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

fn seed(kind: Kind) -> u64 {
    (kind as u64 + 1).wrapping_mul(0xd6e8_feb8_6659_fd93)
}

fn hash(kind: Kind, chars: &[char]) -> u64 {
    chars.iter().fold(seed(kind), |hashed, &c| add(hashed, c as u32))
}

fn add(hashed: u64, value: u32) -> u64 {
    (hashed ^ u64::from(value)).wrapping_mul(MULTIPLIER).rotate_left(29)
}

/// Spreads the bits: rows are chosen by the upper ones, tags by the lower ones.
fn finish(kind: Kind, hashed: u64) -> u64 {
    let mixed = (hashed ^ (hashed >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    ((mixed ^ (mixed >> 32)) & !KIND_BITS) | kind as u64
}

fn length_bucket(chars: usize) -> u32 {
    match chars {
        0..=4 => 0,
        5..=10 => 1,
        11..=20 => 2,
        21..=40 => 3,
        41..=80 => 4,
        81..=160 => 5,
        _ => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::understand::text::normalise;

    fn features(text: &str) -> Vec<u64> {
        let (mut chars, mut out) = (Vec::new(), Vec::new());
        normalise(text, &mut chars);
        extract(&chars, &mut out);
        out
    }

    #[test]
    fn word_order_changes_pairs_and_leaves_the_rest() {
        let (one, other) = (features("not received"), features("received not"));

        assert_eq!(one.iter().filter(|f| !other.contains(f)).count(), 3);
    }

    #[test]
    fn a_script_without_spaces_gives_runs_of_up_to_four_characters() {
        // Always, length, the closing pair, and 4 + 3 + 2 + 1 pieces of the run.
        assert_eq!(features("退款呢吗").len(), 13);
    }

    #[test]
    fn a_huge_message_stays_within_the_bound() {
        assert!(features(&"поздравляю ".repeat(5_000)).len() <= FEATURES_MAX);
        assert!(features(&"谢".repeat(50)).len() <= FEATURES_MAX);
    }
}
