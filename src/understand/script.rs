//! Which writing system a letter belongs to.

use serde::Serialize;
use unicode_normalization::char::is_combining_mark;

/// A writing system of the languages that the model tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Script {
    /// Latin letters.
    Latin,
    /// Cyrillic letters.
    Cyrillic,
    /// Greek letters.
    Greek,
    /// Arabic letters, those of Persian and Urdu among them.
    Arabic,
    /// Hebrew letters.
    Hebrew,
    /// Hindi and Marathi.
    Devanagari,
    /// Bengali.
    Bengali,
    /// Tamil.
    Tamil,
    /// Telugu.
    Telugu,
    /// Thai.
    Thai,
    /// Han characters, and kana and bopomofo that are mixed with them.
    Han,
    /// Korean.
    Hangul,
    /// Any other.
    Other,
}

impl Script {
    /// The script of a letter or of a mark that is part of letters; `None` for anything else.
    pub fn of(c: char) -> Option<Self> {
        let script = match c {
            'a'..='z' | 'A'..='Z' => Self::Latin,
            '\u{00aa}'..='\u{024f}' | '\u{1e00}'..='\u{1eff}' | '\u{ff21}'..='\u{ff5a}' => {
                Self::Latin
            }
            '\u{0370}'..='\u{03ff}' | '\u{1f00}'..='\u{1fff}' => Self::Greek,
            '\u{0400}'..='\u{052f}' => Self::Cyrillic,
            '\u{0590}'..='\u{05ff}' => Self::Hebrew,
            '\u{0600}'..='\u{06ff}' | '\u{0750}'..='\u{077f}' | '\u{fb50}'..='\u{fefc}' => {
                Self::Arabic
            }
            '\u{0900}'..='\u{097f}' => Self::Devanagari,
            '\u{0980}'..='\u{09ff}' => Self::Bengali,
            '\u{0b80}'..='\u{0bff}' => Self::Tamil,
            '\u{0c00}'..='\u{0c7f}' => Self::Telugu,
            '\u{0e00}'..='\u{0e7f}' => Self::Thai,
            '\u{3005}'..='\u{3007}' | '\u{3041}'..='\u{312f}' | '\u{3400}'..='\u{4dbf}' => {
                Self::Han
            }
            '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff66}'..='\u{ff9f}' => {
                Self::Han
            }
            '\u{20000}'..='\u{2ffff}' => Self::Han,
            '\u{1100}'..='\u{11ff}' | '\u{3131}'..='\u{318e}' | '\u{ac00}'..='\u{d7a3}' => {
                Self::Hangul
            }
            _ => Self::Other,
        };
        // Accents that stand alone belong to the letter before them, whatever its script.
        let is_accent = matches!(c, '\u{0300}'..='\u{036f}');
        let is_letter = c.is_alphabetic() || is_combining_mark(c);
        (is_letter && !is_accent && !is_symbol(c)).then_some(script)
    }

    /// Whether words of this script stand next to each other without spaces.
    pub fn is_dense(self) -> bool {
        matches!(self, Self::Thai | Self::Han)
    }
}

/// Signs that Unicode counts among letters or marks and that messages use as ornaments: variation
/// selectors, circled and squared letters, the ordinal signs, the marks around keycaps.
fn is_symbol(c: char) -> bool {
    matches!(c, 'ª' | 'º' | '\u{20d0}'..='\u{20ff}' | '\u{2460}'..='\u{24ff}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{1f100}'..='\u{1f1ff}' | '\u{e0100}'..='\u{e01ef}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vowel_sign_is_part_of_its_script_and_an_emoji_of_none() {
        assert_eq!(Script::of('ि'), Some(Script::Devanagari));
        assert_eq!(Script::of('ั'), Some(Script::Thai));
        assert_eq!(Script::of('ْ'), Some(Script::Arabic));
        assert_eq!(Script::of('ー'), Some(Script::Han));
        assert_eq!(Script::of('ß'), Some(Script::Latin));
        for c in ['❤', '\u{fe0f}', '7', '٣', '!', ' ', '😀', '\u{0301}'] {
            assert_eq!(Script::of(c), None, "{c:?}");
        }
    }
}
