//! Small damage to training texts, so that the encoder does not learn their spelling by heart.

use crate::understand::text::strip_accents;
use crate::understand::train::Chance;

/// A character without width that the vocabulary's tokens never cross: put into a word, it makes the
/// word appear in smaller pieces than usual.
pub(super) const SEAM: char = '\u{2060}';

/// Share of the looks that see a text without accents.
const PLAIN_SHARE: f32 = 0.2;
/// Share of the looks that see words in small pieces, and of the characters with a seam then.
const SEAMS_SHARE: f32 = 0.5;
const SEAM_SHARE: f32 = 0.08;
/// Share of the looks that see slips of the fingers, and of the characters that are slipped on then.
const SLIPS_SHARE: f32 = 0.3;
const SLIP_SHARE: f32 = 0.04;
/// Share of words that are left out.
const LEFT_OUT_SHARE: f32 = 0.06;

/// `text` as another hand might have typed it.
pub(super) fn with_noise(text: &str, chance: &mut Chance) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    if chance.unit() < PLAIN_SHARE {
        let lower: Vec<char> = text.to_lowercase().chars().collect();
        strip_accents(&lower, &mut chars);
    }
    let seams = if chance.unit() < SEAMS_SHARE { SEAM_SHARE } else { 0.0 };
    let slips = if chance.unit() < SLIPS_SHARE { SLIP_SHARE } else { 0.0 };
    let mut out = String::with_capacity(text.len() + 16);
    let mut left_out = false;
    for (at, &c) in chars.iter().enumerate() {
        if c == ' ' {
            left_out = at > 0 && chance.unit() < LEFT_OUT_SHARE;
        }
        if left_out {
            continue;
        }
        if chance.unit() < slips {
            match chance.below(3) {
                0 => {}
                1 => out.extend([c, c]),
                // The next one comes first.
                _ => out.extend([*chars.get(at + 1).unwrap_or(&c), c]),
            }
        } else {
            out.push(c);
        }
        if chance.unit() < seams {
            out.push(SEAM);
        }
    }
    if out.trim().is_empty() { text.to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_changes_texts_now_and_then_the_same_way_for_the_same_seed() {
        let noisy = |seed: u64| {
            let mut chance = Chance::new(seed);
            (0..50)
                .map(|_| with_noise("Où est mon colis, s'il vous plaît ?", &mut chance))
                .collect()
        };
        let first: Vec<String> = noisy(1);

        assert_eq!(first, noisy(1));
        assert_ne!(first, noisy(2));
        assert!(first.iter().any(|text| text.contains(SEAM)));
        assert!(first.iter().any(|text| text.contains("plait")));
        assert!(first.iter().all(|text| !text.trim().is_empty()));
    }
}
