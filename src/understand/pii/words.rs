//! E-mail addresses, and IBANs, which are all of ASCII characters.

use unicode_normalization::char::is_combining_mark;

use super::checks;
use super::runs::Run;
use crate::domain::{PiiKind, PiiSpan};
use crate::understand::script::Script;
use crate::understand::text::is_invisible;

/// Characters before an `@` that are looked at: one more than an address has there, so that one that is
/// cut never passes for a whole one.
const LOCAL_CHARS_MAX: usize = 65;
/// Signs that stand in addresses and around them: only one between two letters belongs to an address.
const INNER_SIGNS: [char; 15] =
    ['\'', '’', '!', '#', '$', '&', '*', '/', '=', '?', '^', '{', '|', '}', '~'];

/// Characters behind an `@` that are looked at, as many as a domain may have.
const DOMAIN_CHARS_MAX: usize = 255;

/// Addresses around each `@`, which may be one of full width.
pub fn emails(text: &str) -> Vec<PiiSpan> {
    let mut found: Vec<PiiSpan> = Vec::new();
    for (at, sign) in text.match_indices(['@', '＠']) {
        // What belongs to the address before is no part of this one.
        let from = found.last().map_or(0, |span| span.end);
        let start = from + local_start(&text[from..at]);
        let behind = at + sign.len();
        let Some(domain) = domain_len(&text[behind..]) else { continue };
        if start < at {
            let end = behind + domain;
            found.push(PiiSpan { kind: PiiKind::Email, start, end, confidence: 0.99 });
        }
    }
    found
}

/// Where the part of an address begins that ends with `text`; its end where there is none. Whoever took only
/// what stands in addresses as a rule would cut `o'brien` and `josé.garcia` short, and write to somebody
/// else.
fn local_start(text: &str) -> usize {
    let mut start = text.len();
    // Whether something was passed that belongs to the address only behind a letter, and whether a sign was.
    let (mut passed, mut signed) = (false, false);
    for (at, c) in text.char_indices().rev().take(LOCAL_CHARS_MAX) {
        match c {
            c if is_local_letter(c) => (start, passed, signed) = (at, false, false),
            '.' | '_' | '%' | '+' | '-' if !passed => start = at,
            c if is_combining_mark(c) || is_invisible(c) => passed = true,
            c if INNER_SIGNS.contains(&c) && !signed && start < text.len() => {
                (passed, signed) = (true, true);
            }
            _ => break,
        }
    }
    start + text[start..].bytes().take_while(|byte| b".-".contains(byte)).count()
}

/// Whether `c` is a digit or a letter of a script that writes words apart. Others stand before an address
/// without a space, as in `我的邮箱是wei@example.com`.
fn is_local_letter(c: char) -> bool {
    let apart = [Script::Latin, Script::Greek, Script::Cyrillic];
    c.is_ascii_digit() || Script::of(c).is_some_and(|script| apart.contains(&script))
}

/// Bytes of the domain at the start of `text`: ASCII, and letters of the script that it begins with, as in
/// `büro.example`. A dot must stand before a last part of letters, or before their form in ASCII.
fn domain_len(text: &str) -> Option<usize> {
    let script = text.chars().next().and_then(Script::of).unwrap_or(Script::Latin);
    let is_part = |c: &char| {
        c.is_ascii_alphanumeric()
            || matches!(c, '.' | '-')
            || Script::of(*c) == Some(script)
            || is_combining_mark(*c)
    };
    let len: usize =
        text.chars().take(DOMAIN_CHARS_MAX).take_while(is_part).map(char::len_utf8).sum();
    let domain = text[..len].trim_end_matches(['.', '-']);
    let (host, top) = domain.rsplit_once('.')?;
    let is_letter = |c: char| c.is_alphabetic() || is_combining_mark(c);
    let of_letters = top.chars().nth(1).is_some() && top.chars().all(is_letter);
    let in_ascii = top.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("xn--"));
    (!host.is_empty() && (of_letters || in_ascii)).then_some(domain.len())
}

/// Account numbers with the length of their country and a remainder of 1.
pub fn ibans(text: &str, runs: &[Run]) -> Vec<PiiSpan> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    // Two letters, then the first digits.
    for start in runs.iter().filter_map(|run| run.start.checked_sub(2)) {
        let Some(&[first, second, tens, ones]) = bytes.get(start..start + 4) else { continue };
        let inside = start > 0 && bytes[start - 1].is_ascii_alphanumeric();
        let country = first.is_ascii_alphabetic() && second.is_ascii_alphabetic();
        if !tens.is_ascii_digit() || !ones.is_ascii_digit() || !country || inside {
            continue;
        }
        let Some(wanted) = checks::iban_len(&[first, second]) else { continue };
        let Some((number, end)) = grouped(bytes, start, wanted) else { continue };
        let (head, rest) = number.split_at(4);
        let turned = rest.iter().chain(head).map(|byte| char::from(*byte));
        if checks::mod_97(turned) == Some(1) {
            found.push(PiiSpan { kind: PiiKind::Iban, start, end, confidence: 0.99 });
        }
    }
    found
}

/// The next `wanted` letters and digits from `start`, single spaces skipped, with their end; they
/// must be followed by something else.
fn grouped(bytes: &[u8], start: usize, wanted: usize) -> Option<(Vec<u8>, usize)> {
    let mut taken = Vec::with_capacity(wanted);
    let mut at = start;
    while taken.len() < wanted {
        match bytes.get(at)? {
            byte if byte.is_ascii_alphanumeric() => taken.push(*byte),
            b' ' if bytes[at - 1] != b' ' => {}
            _ => return None,
        }
        at += 1;
    }
    let ends = !bytes.get(at).is_some_and(u8::is_ascii_alphanumeric);
    ends.then_some((taken, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        emails(text).into_iter().map(|span| &text[span.start..span.end]).collect()
    }

    #[test]
    fn what_cannot_be_seen_belongs_to_an_address_between_its_letters_only() {
        assert_eq!(found("jose\u{301}@example.com"), ["jose\u{301}@example.com"]);
        assert_eq!(found("an\u{200b}a@example.com"), ["an\u{200b}a@example.com"]);
        assert_eq!(found("\u{200e}ana@example.com"), ["ana@example.com"]);
        // Thai vowels are marks too, and stand behind letters that are none of an address.
        assert_eq!(found("ที่\u{200b}ana@example.com"), ["ana@example.com"]);
    }

    #[test]
    fn addresses_never_overlap() {
        assert_eq!(found("a@example.com@example.org"), ["a@example.com"]);
        assert_eq!(found("a@example.com&b@example.org"), ["a@example.com", "b@example.org"]);
        assert_eq!(found("hi!@example.com, '@example.com, .@example.com"), Vec::<&str>::new());
    }
}
