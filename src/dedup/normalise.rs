//! One form for texts that differ only in how they were typed.

use std::borrow::Cow;

use unicode_normalization::char::is_combining_mark;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

use crate::domain::ascii_digit;

/// The text without what typing adds: compatibility forms, capitals, punctuation, doubled letters
/// and runs of spaces. Digits of every script become ASCII and stay as many as they were. A text of
/// nothing but punctuation keeps it.
pub fn normalise(text: &str) -> String {
    if text.is_ascii()
        && let plain = fold_ascii(text)
        && !plain.is_empty()
    {
        return plain;
    }
    let lower = lower(text);
    let plain = fold(&lower, |_| false);
    if plain.is_empty() { fold(&lower, |c| !c.is_whitespace()) } else { plain }
}

/// As [`fold`] does it, for texts of ASCII: they are many, and the rest of the rules is not for them.
fn fold_ascii(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let (mut space, mut last) = (false, 0);
    for byte in text.bytes().map(|byte| byte.to_ascii_lowercase()) {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' => {
                if space {
                    folded.push(' ');
                } else if byte == last && !byte.is_ascii_digit() {
                    continue;
                }
                folded.push(char::from(byte));
                (last, space) = (byte, false);
            }
            b'\'' | b'`' => {}
            _ => space = !folded.is_empty(),
        }
    }
    folded
}

/// The text in lower case and compatibility form. Most texts are in that form already, and asking is
/// much cheaper than composing.
fn lower(text: &str) -> String {
    fn composed(text: Cow<'_, str>) -> Cow<'_, str> {
        match is_nfkc_quick(text.chars()) {
            IsNormalized::Yes => text,
            _ => Cow::Owned(text.nfkc().collect()),
        }
    }
    let lower = composed(text.into()).chars().flat_map(char::to_lowercase).collect::<String>();
    composed(lower.into()).into_owned()
}

/// Folds `text`; of the characters that are no letters, digits, marks or pictures, only those that
/// `also` wants are kept.
fn fold(text: &str, also: impl Fn(char) -> bool) -> String {
    let mut folded = String::with_capacity(text.len());
    // A space is put only before what follows it, so none stands at the end.
    let mut space = false;
    let mut last = None;
    // A mark whose letter was dropped must not move to the letter before it.
    let mut bare = true;
    for c in text.chars() {
        if is_apostrophe(c) && !also(c) {
            bare = true;
            continue;
        }
        if !c.is_ascii() && is_combining_mark(c) {
            // Turkish İ in lower case is i with a dot of its own: one letter with ı, I and i here.
            if !bare && c != '\u{307}' {
                folded.push(c);
                last = Some(c);
            }
            continue;
        }
        let c = match c {
            c if c.is_ascii() => c,
            'ς' => 'σ',
            'ı' => 'i',
            c => ascii_digit(c).unwrap_or(c),
        };
        if !(c.is_alphanumeric() || is_picture(c) || also(c)) {
            space = !folded.is_empty();
            bare = true;
            continue;
        }
        bare = false;
        if space {
            folded.push(' ');
        } else if last == Some(c) && !c.is_ascii_digit() {
            continue;
        }
        folded.push(c);
        (last, space) = (Some(c), false);
    }
    folded
}

/// Typed inside words: `don't` and `dont` are one word, not two.
fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '\u{2018}' | '\u{2019}' | '\u{02bc}' | '`' | '\u{200c}' | '\u{200d}')
}

/// Pictures carry meaning; the blocks that hold nearly all of them.
fn is_picture(c: char) -> bool {
    matches!(c, '\u{2600}'..='\u{27bf}' | '\u{1f000}'..='\u{1faff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_typing_adds_is_gone() {
        for (typed, plain) in [
            ("  WHERE is   my parcel???!! ", "where is my parcel"),
            ("Heeeelp", "help"),
            ("don’t", "dont"),
            ("ＴＷ－１０４８８", "tw 10488"),
            ("طلب ١٠٤٨٨؟", "طلب 10488"),
            ("ΠΟΥ ΕΊΝΑΙ ΤΟ ΔΈΜΑ ΜΟΥΣ;", "που είναι το δέμα μουσ"),
            ("我的包裹在哪里？？", "我的包裹在哪里"),
            ("พัสดุอยู่ไหน...", "พัสดุอยู่ไหน"),
            ("मेरा पार्सल कहाँ है?", "मेरा पार्सल कहाँ है"),
            ("ALARMI KAPAT", "alarmi kapat"),
            ("İADE ALARMI kapalı", "iade alarmi kapali"),
            ("😡😡😡", "😡"),
            ("????", "?"),
            ("", ""),
        ] {
            assert_eq!(normalise(typed), plain, "{typed}");
        }
    }

    proptest! {
        #[test]
        fn texts_of_ascii_are_folded_by_the_same_rules(text in "[ -~]{0,60}") {
            prop_assert_eq!(fold_ascii(&text), fold(&lower(&text), |_| false));
        }

        #[test]
        fn any_text_is_normalised_once_and_for_all(text in "\\PC{0,60}|.{0,60}") {
            let once = normalise(&text);

            prop_assert_eq!(normalise(&once), once.clone());
            prop_assert!(!once.starts_with(' ') && !once.ends_with(' ') && !once.contains("  "));
        }

        #[test]
        fn digits_are_never_joined(text in "[0-9]{1,20}") {
            prop_assert_eq!(normalise(&text), text);
        }
    }
}
