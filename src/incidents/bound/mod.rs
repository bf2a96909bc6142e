//! Whether a message is bound to somebody's own order, account or money: a logistic regression over
//! pieces of its characters, pairs of its words, the signs of the lists of words (`words`) and its shape.
//!
//! The word lists know what was written into them and not how much it tells; this was taught both. It
//! is fitted by `cargo xtask train-account-bound` on lines of its own (`models/account_bound`), on the rows of
//! the burst sets that are for tuning, and on no model's output, so a new model needs no new head.

mod fit;

use std::sync::LazyLock;

use super::simhash::hash;
use super::words::{Sign, Words};
use crate::domain::Sensed;

pub use fit::{BoundRow, Fitted, HeldBack, Measured, fit, held_back, of_bursts, parse};

/// Weights of a head; a piece has the place of its hash.
const PLACES: usize = 1 << 20;
/// Lengths of the pieces, in characters.
const PIECES: std::ops::RangeInclusive<usize> = 1..=5;
const MAGIC: &[u8; 8] = b"TWBOUND\x03";
/// Numbers beside the pieces: a sign each, the length, whether it asks, and digits.
const SHAPE: usize = Sign::ALL.len() + 3;
/// The file of a head: magic, step of a weight, bias, the odds from which on a message is bound, the
/// weights of the shape, and those of the pieces in steps.
pub const FILE_BYTES: usize = MAGIC.len() + 4 * (3 + SHAPE) + PLACES;

/// A message as it is read here.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Told {
    places: Vec<u32>,
    shape: [f32; SHAPE],
}

impl Told {
    /// `text` as it was typed, its form as in [`plain`](super::words::plain), and the words of its
    /// languages.
    pub(super) fn of(text: &str, plain: &str, words: &[&Words]) -> Self {
        let mut shape = [0.0; SHAPE];
        for sign in words.iter().flat_map(|words| words.signs(plain)) {
            shape[sign as usize] = 1.0;
        }
        let digits = plain.chars().filter(|c| c.is_numeric()).count();
        let asks = text.contains(['?', '？', '؟']);
        shape[Sign::ALL.len()..].copy_from_slice(&[
            plain.chars().count() as f32 / LENGTH_SCALE,
            f32::from(u8::from(asks)),
            digits as f32 / DIGITS_SCALE,
        ]);
        Self { places: places(plain), shape }
    }

    /// The first sign in it.
    pub(super) fn sign(&self) -> Option<Sign> {
        Sign::ALL.into_iter().find(|sign| self.shape[*sign as usize] > 0.0)
    }
}

/// Brings lengths and digits to the size of the other numbers.
const LENGTH_SCALE: f32 = 100.0;
const DIGITS_SCALE: f32 = 5.0;

/// A head that is ready to read messages.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    step: f32,
    bias: f32,
    /// Log-odds from which on a message is taken for somebody's own.
    bound_from: f32,
    shape: [f32; SHAPE],
    weights: Vec<i8>,
}

static EMBEDDED: LazyLock<Bound> = LazyLock::new(|| {
    let file = include_bytes!("../../../models/account_bound/head.bin");
    Bound::from_file(file).expect("the tests read it")
});

impl Bound {
    /// The one inside the binary.
    pub fn embedded() -> &'static Self {
        &EMBEDDED
    }

    /// Reads what [`Self::to_file`] wrote; `None` when it is something else.
    pub fn from_file(file: &[u8]) -> Option<Self> {
        let (numbers, weights) = file.strip_prefix(MAGIC)?.split_at_checked(4 * (3 + SHAPE))?;
        let mut numbers = numbers.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
        let (step, bias, bound_from) = (numbers.next()?, numbers.next()?, numbers.next()?);
        let mut shape = [0.0; SHAPE];
        shape.iter_mut().zip(numbers).for_each(|(weight, number)| *weight = number);
        let weights: Vec<i8> = weights.iter().map(|byte| byte.cast_signed()).collect();
        (weights.len() == PLACES).then_some(Self { step, bias, bound_from, shape, weights })
    }

    /// The bytes of its file, [`FILE_BYTES`] of them.
    pub fn to_file(&self) -> Vec<u8> {
        let numbers = [self.step, self.bias, self.bound_from].into_iter().chain(self.shape);
        let weights = self.weights.iter().map(|weight| weight.cast_unsigned());
        MAGIC.iter().copied().chain(numbers.flat_map(f32::to_le_bytes)).chain(weights).collect()
    }

    /// Log-odds that a message is bound to its writer's own matter, above those from which on it is taken for
    /// that: by its words, and by what an encoder says where one was asked.
    pub(super) fn doubt(&self, told: &Told, sensed: Option<&Sensed>) -> f32 {
        match sensed {
            Some(sensed) => self.log_odds(told) + sensed.bound - sensed.bound_from,
            None => self.log_odds(told) - self.bound_from,
        }
    }

    /// Log-odds that it is, among lines of which half are.
    fn log_odds(&self, told: &Told) -> f32 {
        let places = told.places.iter();
        let sum: i32 = places.map(|place| i32::from(self.weights[*place as usize])).sum();
        let shape: f32 = self.shape.iter().zip(&told.shape).map(|(a, b)| a * b).sum();
        self.bias + shape + self.step * sum as f32 * value(told.places.len())
    }

    /// The head whose weights are nearest to these.
    fn rounded(bias: f32, bound_from: f32, shape: [f32; SHAPE], weights: &[f32]) -> Self {
        let largest = weights.iter().fold(0.0_f32, |largest, weight| largest.max(weight.abs()));
        let step = largest.max(f32::MIN_POSITIVE) / f32::from(i8::MAX);
        let weights = weights.iter().map(|weight| (weight / step).round() as i8).collect();
        Self { step, bias, bound_from, shape, weights }
    }
}

/// What each of `count` places counts, so that long messages weigh no more than short ones.
fn value(count: usize) -> f32 {
    1.0 / (count.max(1) as f32).sqrt()
}

/// The places of a text's pieces and pairs of words, in order, each once.
fn places(text: &str) -> Vec<u32> {
    let mut places = Vec::with_capacity(text.len() * 4);
    let place = |piece: &[u8]| (hash(piece) % PLACES as u64) as u32;
    let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    for length in PIECES {
        let pieces = starts.windows(length + 1).map(|window| &text[window[0]..window[length]]);
        places.extend(pieces.filter(|piece| *piece != " ").map(|piece| place(piece.as_bytes())));
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    for pair in words.windows(2) {
        places.push(place(format!("|{} {}", pair[0], pair[1]).as_bytes()));
    }
    places.sort_unstable();
    places.dedup();
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Guess, Language};
    use crate::incidents::words::plain;

    fn told(language: &str, text: &str) -> Told {
        let label: Language = language.parse().expect("a language");
        let plain = plain(text);
        Told::of(text, &plain, &Words::likely(Guess { label, confidence: 1.0 }, &plain))
    }

    #[test]
    fn the_file_of_a_head_is_read_as_it_was_written_and_nothing_else_is() {
        let mut weights = vec![0.0; PLACES];
        (weights[3], weights[PLACES - 1]) = (0.5, -1.0);
        let head = Bound::rounded(-0.25, -1.5, [0.5; SHAPE], &weights);

        let file = head.to_file();

        assert_eq!(file.len(), FILE_BYTES);
        assert_eq!(Bound::from_file(&file), Some(head));
        assert_eq!(Bound::from_file(&file[1..]), None);
        assert_eq!(Bound::from_file(&file[..file.len() - 1]), None);
    }

    #[test]
    fn what_many_ask_is_less_bound_than_what_is_asked_for_oneself() {
        for (language, many, own) in [
            ("en", "is the search down for everyone?", "send the sofa to flat 3, it never came"),
            ("es", "¿se cayó la página?", "cambien la dirección del sofá antes de que salga"),
            ("zh", "搜索坏了吗", "沙发改送三号房，钱先退"),
            ("ru", "поиск не работает?", "отмените диван и верните оплату"),
        ] {
            let odds = |text| Bound::embedded().log_odds(&told(language, text));
            assert!(odds(many) < odds(own), "{many}: {} {own}: {}", odds(many), odds(own));
        }
    }
}
