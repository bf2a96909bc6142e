//! The rows about UTF-8: valid and not, whole and cut inside a letter.

use super::Back::Says;
use super::frames::{Case, NOT_UTF8, chopped, fragments, row, text};
use super::wire::{CONTINUATION, TEXT, frame};

/// A heartbeat that holds these bytes in a text.
fn heartbeat_with(bytes: &[u8]) -> Vec<u8> {
    [br#"{"type":"ping","x":""#.as_slice(), bytes, br#""}"#].concat()
}

pub fn valid() -> Vec<Case> {
    let texts = [
        ("ASCII", "plain"),
        ("two, three and four bytes", "ñ € 😀"),
        ("Greek with marks", "κόσμε"),
        ("Arabic and Hebrew", "مرحبا שלום"),
        ("joined emoji", "👩‍👩‍👧‍👦"),
        ("the last of one byte and the first of two", "\u{7f}\u{80}"),
        ("the last of two bytes and the first of three", "\u{7ff}\u{800}"),
        ("around the surrogates", "\u{d7ff}\u{e000}"),
        ("what is no character", "\u{fffe}\u{ffff}\u{1fffe}"),
        ("the last of all", "\u{10ffff}"),
        ("a byte order mark", "\u{feff}x"),
        ("the mark of what could not be read", "\u{fffd}"),
    ];
    let mut rows: Vec<Case> = texts
        .into_iter()
        // A control character stands escaped in JSON.
        .map(|(name, it)| (name, it.replace('\u{7f}', "\\u007f")))
        .map(|(name, it)| {
            let sent = vec![text(&heartbeat_with(it.as_bytes()))];
            row(format!("valid UTF-8: {name}"), sent, vec![Says("pong")])
        })
        .collect();
    for letter in ["ñ", "€", "😀"] {
        let whole = heartbeat_with(letter.as_bytes());
        let start = whole.len() - 2 - letter.len();
        for at in start + 1..start + letter.len() {
            let (left, right) = whole.split_at(at);
            rows.push(row(
                format!("{letter} cut after {} of its bytes", at - start),
                fragments(TEXT, &[left, right]),
                vec![Says("pong")],
            ));
        }
        let bytes: Vec<&[u8]> = whole.chunks(1).collect();
        rows.push(row(
            format!("{letter} with a fragment for each byte"),
            fragments(TEXT, &bytes),
            vec![Says("pong")],
        ));
    }
    rows
}

pub fn invalid() -> Vec<Case> {
    let texts: [(&str, &[u8]); 20] = [
        ("a continuation alone", &[0x80]),
        ("the last continuation alone", &[0xbf]),
        ("two continuations", &[0x80, 0xbf]),
        ("a start of two alone", &[0xc3]),
        ("a start of two before a letter", &[0xc3, b'a']),
        ("two bytes of three", &[0xe2, 0x82]),
        ("three bytes of four", &[0xf0, 0x9f, 0x98]),
        ("an overlong slash in two bytes", &[0xc0, 0xaf]),
        ("an overlong letter in two bytes", &[0xc1, 0xbf]),
        ("an overlong slash in three bytes", &[0xe0, 0x80, 0xaf]),
        ("an overlong slash in four bytes", &[0xf0, 0x80, 0x80, 0xaf]),
        ("an overlong zero", &[0xc0, 0x80]),
        ("a high surrogate", &[0xed, 0xa0, 0x80]),
        ("a low surrogate", &[0xed, 0xbf, 0xbf]),
        ("a pair of surrogates", &[0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80]),
        ("one beyond the last", &[0xf4, 0x90, 0x80, 0x80]),
        ("a start of five", &[0xf8, 0x88, 0x80, 0x80, 0x80]),
        ("a start of six", &[0xfc, 0x84, 0x80, 0x80, 0x80, 0x80]),
        ("a byte that never comes, fe", &[0xfe]),
        ("a byte that never comes, ff", &[0xff]),
    ];
    let mut rows = Vec::new();
    for (name, bytes) in texts {
        let whole = heartbeat_with(bytes);
        rows.push(row(format!("not UTF-8: {name}"), vec![text(&whole)], vec![NOT_UTF8]));
        let letters: Vec<&[u8]> = whole.chunks(1).collect();
        let sent = fragments(TEXT, &letters);
        rows.push(row(format!("not UTF-8 in fragments: {name}"), sent, vec![NOT_UTF8]));
    }
    let good = heartbeat_with("κόσμε".as_bytes());
    let bad = heartbeat_with(&[0xce, 0xba, 0xed, 0xa0, 0x80, b'e']);
    rows.extend([
        row(
            "not UTF-8 in a fragment is told before the next one comes",
            vec![frame(TEXT, &bad)],
            vec![NOT_UTF8],
        ),
        row(
            "not UTF-8 in a continuation is told before the next one comes",
            vec![frame(TEXT, b"{"), frame(CONTINUATION, &[0xff])],
            vec![NOT_UTF8],
        ),
        row(
            "a letter that the next fragment does not go on with",
            vec![frame(TEXT, b"\"\xe2\x82"), frame(CONTINUATION, b"a")],
            vec![NOT_UTF8],
        ),
        row(
            "a text that ends inside a letter",
            fragments(TEXT, &[b"\"\xe2", b"\x82"]),
            vec![NOT_UTF8],
        ),
        row(
            "a good text, then one that is not UTF-8",
            vec![text(&good), text(&bad)],
            vec![Says("pong"), NOT_UTF8],
        ),
        row("not UTF-8 byte by byte", chopped(&text(&bad)), vec![NOT_UTF8]),
    ]);
    rows
}
