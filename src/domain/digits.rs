//! Decimal digits of the scripts that customers write in.

/// First digit of each run of ten that customers of cross-border shops type, beside ASCII.
const ZEROS: [char; 8] = [
    '\u{0660}', // Arabic
    '\u{06f0}', // Persian, Urdu
    '\u{0966}', // Devanagari
    '\u{09e6}', // Bengali
    '\u{0e50}', // Thai
    '\u{0ed0}', // Lao
    '\u{1040}', // Burmese
    '\u{ff10}', // full width
];

/// The ASCII digit with the value of `c`; `None` when `c` is no decimal digit.
#[inline]
pub fn ascii_digit(c: char) -> Option<char> {
    if c.is_ascii() {
        return c.is_ascii_digit().then_some(c);
    }
    ZEROS.iter().find_map(|&zero| {
        let value = (c as u32).checked_sub(zero as u32).filter(|value| *value < 10)?;
        char::from_digit(value, 10)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_other_scripts_have_their_value() {
        for (c, digit) in [('7', '7'), ('٧', '7'), ('५', '5'), ('๙', '9'), ('３', '3')] {
            assert_eq!(ascii_digit(c), Some(digit));
        }
        for c in ['a', '½', '/', ':', '九'] {
            assert_eq!(ascii_digit(c), None);
        }
    }
}
