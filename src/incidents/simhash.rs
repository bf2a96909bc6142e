//! A fingerprint that hardly changes when a text hardly does: campaign texts and copies with a word
//! more are found without comparing texts.

/// Bits that may differ between two copies of one text.
pub const COPY_BITS_MAX: u32 = 3;
/// Characters of a piece.
const PIECE_CHARS: usize = 4;

/// The fingerprint of a text by its pieces of four characters. Texts shorter than a piece have their
/// own hash.
pub fn fingerprint(text: &str) -> u64 {
    let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let mut votes = [0_i32; 64];
    for window in starts.windows(PIECE_CHARS + 1) {
        let hash = hash(&text.as_bytes()[window[0]..window[PIECE_CHARS]]);
        for (bit, vote) in votes.iter_mut().enumerate() {
            *vote += if hash >> bit & 1 == 1 { 1 } else { -1 };
        }
    }
    if starts.len() <= PIECE_CHARS {
        return hash(text.as_bytes());
    }
    votes.iter().enumerate().fold(0, |bits, (bit, vote)| bits | u64::from(*vote > 0) << bit)
}

/// Whether two fingerprints are of one text.
pub const fn are_copies(a: u64, b: u64) -> bool {
    (a ^ b).count_ones() <= COPY_BITS_MAX
}

/// FNV-1a with its bits spread: the same on every machine.
pub fn hash(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ hash >> 33
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_with_a_little_more_keeps_its_fingerprint_and_another_text_does_not() {
        let text = " in the newsletter of this morning the link to the offer leads to a page of \
                    another shop can somebody please post the correct one here thank you very much ";
        let copy = text.replace("very much ", "very much indeed ");

        assert!(are_copies(fingerprint(text), fingerprint(&copy)));
        assert!(!are_copies(fingerprint(text), fingerprint(" is the warehouse flooded ")));
        assert!(!are_copies(fingerprint(" ok "), fingerprint(" no ")));
    }
}
