//! Whether a message is bound to somebody's own order, account or money: a logistic regression over
//! pieces of its characters and pairs of its words.
//!
//! The word lists of the gate know what was written into them; this knows how such messages sound. It
//! is fitted by `cargo xtask train-account-bound` on lines of its own (`models/account_bound`), and on
//! no model's output, so a new model needs no new head.

mod fit;

use std::sync::LazyLock;

use super::simhash::hash;

pub use fit::{BoundRow, Fitted, Measured, bound_by_intent, fit, parse};

/// Weights of a head; a piece has the place of its hash.
const PLACES: usize = 1 << 16;
/// Lengths of the pieces, in characters.
const PIECES: std::ops::RangeInclusive<usize> = 1..=5;
const MAGIC: &[u8; 8] = b"TWBOUND\x01";
/// The file of a head: magic, step of a weight, bias, and the weights in steps.
pub const FILE_BYTES: usize = MAGIC.len() + 4 + 4 + PLACES;

/// A head that is ready to read messages.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    step: f32,
    bias: f32,
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
        let (head, weights) = file.strip_prefix(MAGIC)?.split_at_checked(8)?;
        let number = |at: usize| Some(f32::from_le_bytes(head.get(at..at + 4)?.try_into().ok()?));
        let weights: Vec<i8> = weights.iter().map(|byte| byte.cast_signed()).collect();
        (weights.len() == PLACES).then_some(Self { step: number(0)?, bias: number(4)?, weights })
    }

    /// The bytes of its file, [`FILE_BYTES`] of them.
    pub fn to_file(&self) -> Vec<u8> {
        let numbers = [self.step.to_le_bytes(), self.bias.to_le_bytes()].concat();
        let weights = self.weights.iter().map(|weight| weight.cast_unsigned());
        MAGIC.iter().copied().chain(numbers).chain(weights).collect()
    }

    /// Log-odds that a message is bound to its writer's own matter, among lines of which half are.
    /// `text` is in the form of [`plain`](super::words::plain).
    pub(super) fn log_odds(&self, text: &str) -> f32 {
        let places = places(text);
        let sum: i32 = places.iter().map(|place| i32::from(self.weights[*place as usize])).sum();
        self.bias + self.step * sum as f32 * value(places.len())
    }

    /// The head whose weights are nearest to these.
    fn rounded(bias: f32, weights: &[f32]) -> Self {
        let largest = weights.iter().fold(0.0_f32, |largest, weight| largest.max(weight.abs()));
        let step = largest.max(f32::MIN_POSITIVE) / f32::from(i8::MAX);
        let weights = weights.iter().map(|weight| (weight / step).round() as i8).collect();
        Self { step, bias, weights }
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
    use super::super::words::plain;
    use super::*;

    #[test]
    fn the_file_of_a_head_is_read_as_it_was_written_and_nothing_else_is() {
        let mut weights = vec![0.0; PLACES];
        (weights[3], weights[PLACES - 1]) = (0.5, -1.0);
        let head = Bound::rounded(-0.25, &weights);

        let file = head.to_file();

        assert_eq!(file.len(), FILE_BYTES);
        assert_eq!(Bound::from_file(&file), Some(head));
        assert_eq!(Bound::from_file(&file[1..]), None);
        assert_eq!(Bound::from_file(&file[..file.len() - 1]), None);
    }

    #[test]
    fn what_many_ask_is_less_bound_than_what_is_asked_for_oneself() {
        let odds = |text: &str| Bound::embedded().log_odds(&plain(text));

        for (many, own) in [
            ("is the search down for everyone?", "send the sofa to flat 3, it never came"),
            ("¿se cayó la página?", "cambien la dirección del sofá antes de que salga"),
            ("搜索坏了吗", "沙发改送三号房，钱先退"),
            ("поиск не работает?", "отмените диван и верните оплату"),
        ] {
            assert!(odds(many) < odds(own), "{many}: {} {own}: {}", odds(many), odds(own));
        }
    }
}
