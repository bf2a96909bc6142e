//! Pieces of texts: what is left to tell a language from when a message is short.

use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::understand::train::Chance;

use super::language::LanguageText;

/// Pieces that are cut from each text.
const FRAGMENTS: usize = 2;

/// Where the places of the cuts start; the same texts give the same pieces.
const SEED: u64 = 20;

/// How long fragments are, in characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lengths(RangeInclusive<usize>);

/// A text that is no [`Lengths`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no range of lengths such as 20..80")]
pub struct LengthsError(String);

impl FromStr for Lengths {
    type Err = LengthsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let range = text.split_once("..").and_then(|(shortest, longest)| {
            Some(shortest.trim().parse().ok()?..=longest.trim().parse().ok()?)
        });
        let is_sound = |range: &RangeInclusive<usize>| *range.start() > 0 && !range.is_empty();
        range.filter(is_sound).map(Self).ok_or_else(|| LengthsError(text.to_owned()))
    }
}

/// Cuts two fragments from each of `texts`, at any characters, also inside words. A text that is
/// shorter than the shortest fragment gives none; one that is shorter than the longest gives less.
pub fn fragments(texts: &[LanguageText], lengths: &Lengths) -> Vec<LanguageText> {
    let mut chance = Chance::new(SEED);
    let (shortest, longest) = (*lengths.0.start(), *lengths.0.end());
    let mut out = Vec::new();
    for it in texts {
        let chars: Vec<char> = it.text.chars().collect();
        if chars.len() < shortest {
            continue;
        }
        for _ in 0..FRAGMENTS {
            let len = shortest + chance.below(longest.min(chars.len()) - shortest + 1);
            let start = chance.below(chars.len() - len + 1);
            let text = chars[start..start + len].iter().collect();
            out.push(LanguageText { text, kind: it.kind.clone() });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_are_pieces_of_the_length_asked_for_and_always_the_same() {
        let text = |text: &str| LanguageText { text: text.to_owned(), kind: None };
        let texts = [text(&"где мой заказ ".repeat(20)), text("слишком мало")];
        let lengths: Lengths = "20..80".parse().expect("lengths");

        let cut = fragments(&texts, &lengths);

        assert_eq!(cut.len(), FRAGMENTS, "the short text gives none");
        for it in &cut {
            assert!((20..=80).contains(&it.text.chars().count()), "{it:?}");
            assert!(texts[0].text.contains(&it.text), "{it:?}");
        }
        assert_ne!(cut[0], cut[1]);
        assert_eq!(cut, fragments(&texts, &lengths));
    }

    #[test]
    fn lengths_that_make_no_sense_are_refused() {
        for wrong in ["80..20", "0..5", "20", "a..b", ""] {
            let error = wrong.parse::<Lengths>().expect_err(wrong);
            assert_eq!(
                error.to_string(),
                format!("`{wrong}` is no range of lengths such as 20..80")
            );
        }
    }
}
