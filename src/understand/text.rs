//! Brings a message into the form that features are read from.

use unicode_normalization::char::is_combining_mark;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

/// Characters of a message that are looked at; a longer message says what it wants before that.
pub const CHARS_MAX: usize = 2_000;

/// Longest run of one character that is kept: `heyyyy` and `heyy` say the same.
const REPEAT_MAX: usize = 2;

/// Longest run of digits that is kept: the length tells a year from an order number, the digits
/// themselves tell nothing.
const DIGITS_MAX: usize = 5;

/// The character that stands for every digit of every script.
pub const DIGIT: char = '0';

/// Writes the normal form of `text` over `out`: NFKC, lower case, digits folded, invisible
/// characters gone, repeated characters cut to two. At most [`CHARS_MAX`] characters are read.
pub fn normalise(text: &str, out: &mut Vec<char>) {
    out.clear();
    let mut sink = Sink { out, repeated: 0 };
    if text.is_ascii() {
        text.bytes().take(CHARS_MAX).for_each(|byte| sink.keep(ASCII[usize::from(byte)]));
    } else {
        // The bound is taken before NFKC, which turns some single characters into eighteen.
        let chars = text.chars().take(CHARS_MAX);
        // Most texts are in that form already, and asking is much cheaper than composing.
        if is_nfkc_quick(chars.clone()) == IsNormalized::Yes {
            chars.for_each(|c| sink.push_lower(c));
        } else {
            chars.nfkc().for_each(|c| sink.push_lower(c));
        }
    }
}

/// The form of each character of ASCII, by its code.
const ASCII: [char; 128] = {
    let mut forms = ['\0'; 128];
    let mut code = 0;
    while code < 128 {
        forms[code as usize] = match code {
            b'0'..=b'9' => DIGIT,
            b'`' => '\'',
            0..=b' ' | 127 => ' ',
            code => code.to_ascii_lowercase() as char,
        };
        code += 1;
    }
    forms
};

struct Sink<'a> {
    out: &'a mut Vec<char>,
    repeated: usize,
}

impl Sink<'_> {
    fn push_lower(&mut self, c: char) {
        if c.is_ascii() {
            self.push(c.to_ascii_lowercase());
        } else {
            c.to_lowercase().for_each(|c| self.push(c));
        }
    }

    fn push(&mut self, c: char) {
        if is_invisible(c) {
            return;
        }
        let c = match c {
            'a'..='z' => c,
            c if c.is_numeric() => DIGIT,
            '\u{2018}' | '\u{2019}' | '\u{02bc}' | '`' | '´' => '\'',
            c if c.is_whitespace() || c.is_control() => ' ',
            c => c,
        };
        self.keep(c);
    }

    /// Takes a character in its last form, unless it has been repeated enough.
    fn keep(&mut self, c: char) {
        let max = if c == DIGIT { DIGITS_MAX } else { REPEAT_MAX };
        if self.out.last() == Some(&c) {
            self.repeated += 1;
        } else {
            self.repeated = 1;
        }
        if self.repeated <= max {
            self.out.push(c);
        }
    }
}

/// Whether `c` shows nothing: zero-width joiners, direction marks, variation selectors.
pub(super) fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00ad}' | '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
        | '\u{fe00}'..='\u{fe0f}')
}

/// How a character takes part in features.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Part of a word of a script that puts spaces between words.
    Letter,
    /// A syllable of Hangul, which has spaces but packs two or three letters into a character.
    Hangul,
    /// Part of a run of a script without spaces: Han, Kana, Thai, Lao, Khmer, Burmese.
    Dense,
    /// A folded digit.
    Digit,
    /// A space.
    Space,
    /// An apostrophe, which parts words without being a token.
    Apostrophe,
    /// Punctuation, a symbol or an emoji: a token of its own.
    Mark,
}

/// The class of a normalised character.
pub fn class_of(c: char) -> Class {
    match c {
        'a'..='z' => Class::Letter,
        ' ' => Class::Space,
        DIGIT => Class::Digit,
        '\'' => Class::Apostrophe,
        '\u{0e00}'..='\u{0e7f}'
        | '\u{0e80}'..='\u{0eff}'
        | '\u{1000}'..='\u{109f}'
        | '\u{1780}'..='\u{17ff}'
        | '\u{3005}'..='\u{3007}'
        | '\u{3041}'..='\u{3096}'
        | '\u{30a1}'..='\u{30fa}'
        | '\u{30fc}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{2ffff}' => Class::Dense,
        '\u{ac00}'..='\u{d7a3}' | '\u{1100}'..='\u{11ff}' | '\u{3131}'..='\u{318e}' => {
            Class::Hangul
        }
        c if c.is_alphabetic() || is_combining_mark(c) => Class::Letter,
        _ => Class::Mark,
    }
}

/// Latin letters without their accents, for the messages of people whose keyboard has none.
/// Returns whether anything changed. Other scripts stay: their marks are letters.
pub fn strip_accents(chars: &[char], out: &mut Vec<char>) -> bool {
    out.clear();
    let mut changed = false;
    for &c in chars {
        let plain = match c {
            '\u{00e0}'..='\u{024f}' | '\u{1e00}'..='\u{1eff}' => plain_latin(c),
            c => c,
        };
        changed |= plain != c;
        out.push(plain);
    }
    changed
}

fn plain_latin(c: char) -> char {
    match c {
        'ø' => 'o',
        'ł' => 'l',
        'đ' => 'd',
        'ı' => 'i',
        c => std::iter::once(c).nfd().next().unwrap_or(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(text: &str) -> String {
        let mut out = Vec::new();
        normalise(text, &mut out);
        out.into_iter().collect()
    }

    #[test]
    fn width_case_digits_and_repeats_are_folded() {
        assert_eq!(normal("ＡＢＣ 10482"), "abc 00000");
        assert_eq!(normal("HEYYYYY!!!!"), "heyy!!");
        assert_eq!(normal("٣٤ ३४ 34"), "00 00 00");
        assert_eq!(normal("1234567"), "00000");
    }

    #[test]
    fn every_character_of_ascii_has_the_form_that_it_has_in_other_texts() {
        for code in 0..128_u8 {
            let alone = char::from(code).to_string();

            assert_eq!(normal(&format!("{alone}é")), normal(&alone) + "é", "{code}");
        }
    }

    #[test]
    fn invisible_characters_are_dropped() {
        assert_eq!(normal("re\u{200b}fund\u{feff}"), "refund");
        assert_eq!(normal("❤\u{fe0f}"), "❤");
    }

    #[test]
    fn accents_of_latin_letters_go_and_marks_of_other_scripts_stay() {
        let chars: Vec<char> = "số điện thoại คืน".chars().collect();
        let mut out = Vec::new();

        assert!(strip_accents(&chars, &mut out));

        assert_eq!(out.iter().collect::<String>(), "so dien thoai คืน");
    }

    #[test]
    fn an_endless_message_is_read_to_the_bound_only() {
        let text: String = "ab ".repeat(10_000);

        assert_eq!(normal(&text).chars().count(), CHARS_MAX);
    }
}
