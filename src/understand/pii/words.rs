//! E-mail addresses and IBANs: all of ASCII characters.

use super::checks;
use super::runs::Run;
use crate::domain::{PiiKind, PiiSpan};

/// Addresses around each `@`.
pub fn emails(text: &str) -> Vec<PiiSpan> {
    let bytes = text.as_bytes();
    let ats = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'@');
    ats.filter_map(|(at, _)| {
        let local = |byte: &&u8| byte.is_ascii_alphanumeric() || b"._%+-".contains(byte);
        let domain = |byte: &&u8| byte.is_ascii_alphanumeric() || b".-".contains(byte);
        let before = bytes[..at].iter().rev().take(64).take_while(local).count();
        let after = bytes[at + 1..].iter().take(255).take_while(domain).count();
        let start = at - before + leading_dots(&bytes[at - before..at]);
        let end = domain_end(&text[at + 1..at + 1 + after])? + at + 1;
        (start < at).then_some(PiiSpan { kind: PiiKind::Email, start, end, confidence: 0.99 })
    })
    .collect()
}

fn leading_dots(local: &[u8]) -> usize {
    local.iter().take_while(|byte| b".-".contains(byte)).count()
}

/// Length of the domain at the start of `text`: a dot must stand before a last part of letters.
fn domain_end(text: &str) -> Option<usize> {
    let domain = text.trim_end_matches(['.', '-']);
    let (host, top) = domain.rsplit_once('.')?;
    let fits = !host.is_empty() && top.len() >= 2 && top.bytes().all(|b| b.is_ascii_alphabetic());
    fits.then_some(domain.len())
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
