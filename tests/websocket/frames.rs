//! The table of frames: sections 5 to 8 of RFC 6455. That of UTF-8 is `utf8.rs`.

use super::Back::{self, Closes, Ends, Pong, Says};
use super::utf8;
use super::wire::{
    BINARY, CLOSE, CONTINUATION, FIN, Length, PING, PONG, TEXT, close_payload, frame, frame_with,
    head, unmasked,
};

/// What the server says where a frame breaks RFC 6455.
const BROKEN: Back = Closes(Some(1002));
/// Where a frame or message is over 64 KiB.
const TOO_LARGE: Back = Closes(Some(4501));
/// Where a text is not UTF-8.
pub const NOT_UTF8: Back = Closes(Some(4502));

const HEARTBEAT: &[u8] = br#"{"type":"ping"}"#;
const FRAME_BYTES_MAX: usize = 64 * 1024;

/// One row.
pub struct Case {
    pub name: String,
    /// Whether `hello` was said before.
    pub is_known: bool,
    /// What is sent, each in a write of its own.
    pub sent: Vec<Vec<u8>>,
    /// Whether nothing more will be sent, which TCP tells the server.
    pub is_half_closed: bool,
    /// What must come back, in this order. Unless the connection ends, it must go on working.
    pub back: Vec<Back>,
}

impl Case {
    pub fn stays_open(&self) -> bool {
        self.is_known && !matches!(self.back.last(), Some(Closes(_) | Ends))
    }
}

pub fn row(name: impl Into<String>, sent: Vec<Vec<u8>>, back: Vec<Back>) -> Case {
    Case { name: name.into(), is_known: true, sent, is_half_closed: false, back }
}

pub fn text(payload: &[u8]) -> Vec<u8> {
    frame(FIN | TEXT, payload)
}

/// A message in fragments.
pub fn fragments(opcode: u8, parts: &[&[u8]]) -> Vec<Vec<u8>> {
    let last = parts.len() - 1;
    let part = |(at, payload): (usize, &&[u8])| {
        let first = if at == 0 { opcode } else { CONTINUATION };
        frame(if at == last { FIN | first } else { first }, payload)
    };
    parts.iter().enumerate().map(part).collect()
}

/// Every byte in a write of its own.
pub fn chopped(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes.iter().map(|byte| vec![*byte]).collect()
}

/// A heartbeat of exactly so many bytes.
fn heartbeat_of(bytes: usize) -> Vec<u8> {
    let mut payload = HEARTBEAT.to_vec();
    payload.resize(bytes, b' ');
    payload
}

pub fn cases() -> Vec<Case> {
    let groups = [
        lengths,
        pings,
        reserved_bits,
        opcodes,
        fragmentation,
        masking,
        utf8::valid,
        utf8::invalid,
        close_codes,
        closing,
        before_hello,
    ];
    groups.into_iter().flat_map(|group| group()).collect()
}

fn lengths() -> Vec<Case> {
    let pong = || vec![Says("pong")];
    let over = |name, len| {
        row(name, vec![head(FIN | TEXT, len, Length::In64Bits, true), vec![0; 4]], vec![TOO_LARGE])
    };
    let mut rows: Vec<Case> = [15, 125, 126, 127, 128, 65_535, FRAME_BYTES_MAX]
        .map(|len| row(format!("a text of {len} bytes"), vec![text(&heartbeat_of(len))], pong()))
        .into();
    rows.extend([
        row("an empty text is no frame of the protocol", vec![text(b"")], vec![Says("bad_frame")]),
        row("a binary message", vec![frame(FIN | BINARY, HEARTBEAT)], vec![Says("bad_frame")]),
        row("an empty binary message", vec![frame(FIN | BINARY, b"")], vec![Says("bad_frame")]),
        row("binary that is no UTF-8", vec![frame(FIN | BINARY, &[0xff])], vec![Says("bad_frame")]),
        row("a text byte by byte", chopped(&text(HEARTBEAT)), pong()),
        row("a text of 300 bytes byte by byte", chopped(&text(&heartbeat_of(300))), pong()),
        row(
            "two texts in one segment",
            vec![[text(HEARTBEAT), text(HEARTBEAT)].concat()],
            vec![Says("pong"), Says("pong")],
        ),
        row(
            "one text and half of the next in one segment",
            vec![
                [text(HEARTBEAT), text(HEARTBEAT)[..9].to_vec()].concat(),
                text(HEARTBEAT)[9..].to_vec(),
            ],
            vec![Says("pong"), Says("pong")],
        ),
        row(
            "a length in 16 bits that fits 7: the shortest form binds who sends",
            vec![frame_with(FIN | TEXT, HEARTBEAT, Length::In16Bits, Some([1, 2, 3, 4]))],
            pong(),
        ),
        row(
            "a length in 64 bits that fits 7",
            vec![frame_with(FIN | TEXT, HEARTBEAT, Length::In64Bits, Some([1, 2, 3, 4]))],
            pong(),
        ),
        row(
            "a text of one byte over 64 KiB",
            vec![text(&heartbeat_of(FRAME_BYTES_MAX + 1))],
            vec![TOO_LARGE],
        ),
        row(
            "a text of 1 MiB that goes on after the refusal is not answered by a reset",
            vec![text(&heartbeat_of(1 << 20)), vec![0x55; 1 << 18]],
            vec![TOO_LARGE],
        ),
        row(
            "binary of one byte over 64 KiB",
            vec![frame(FIN | BINARY, &[0; FRAME_BYTES_MAX + 1])],
            vec![TOO_LARGE],
        ),
        over("a length of 2^32", 1 << 32),
        over("a length of 2^63 - 1", (1 << 63) - 1),
        over("a length whose highest bit is set", 1 << 63),
        over("a length of 2^64 - 1", u64::MAX),
        row(
            "a ping that says it has 2^40 bytes",
            vec![head(FIN | PING, 1 << 40, Length::In64Bits, true), vec![0; 4]],
            vec![TOO_LARGE],
        ),
    ]);
    rows
}

fn pings() -> Vec<Case> {
    let ping = |payload: &[u8]| frame(FIN | PING, payload);
    let answered =
        |name: &str, payload: &[u8]| row(name, vec![ping(payload)], vec![Pong(payload.to_vec())]);
    vec![
        answered("an empty ping", b""),
        answered("a ping with a text", b"Hello"),
        answered("a ping with bytes that are no UTF-8", &[0x00, 0xff, 0xfe, 0x80]),
        answered("a ping of 125 bytes", &[0xfe; 125]),
        row("a ping byte by byte", chopped(&ping(b"slow")), vec![Pong(b"slow".to_vec())]),
        row("a ping of 126 bytes", vec![ping(&[0; 126])], vec![BROKEN]),
        row(
            "ten pings in one segment",
            vec![(0..10).flat_map(|number| ping(&[number])).collect()],
            (0..10).map(|number| Pong(vec![number])).collect(),
        ),
        row("a pong that nobody asked for", vec![frame(FIN | PONG, b"?")], vec![]),
        row("an empty pong that nobody asked for", vec![frame(FIN | PONG, b"")], vec![]),
        row(
            "a pong that nobody asked for, then a ping",
            vec![frame(FIN | PONG, b"one"), ping(b"two")],
            vec![Pong(b"two".to_vec())],
        ),
        row("a pong of 126 bytes", vec![frame(FIN | PONG, &[0; 126])], vec![BROKEN]),
        row("a ping in fragments", vec![frame(PING, b"a")], vec![BROKEN]),
        row("a pong in fragments", vec![frame(PONG, b"a")], vec![BROKEN]),
        row("a close frame in fragments", vec![frame(CLOSE, &[0x03, 0xe8])], vec![BROKEN]),
    ]
}

fn reserved_bits() -> Vec<Case> {
    let mut rows: Vec<Case> = (1..8)
        .map(|bits: u8| {
            let sent = frame(FIN | bits << 4 | TEXT, HEARTBEAT);
            row(format!("a text with the reserved bits {bits:03b}"), vec![sent], vec![BROKEN])
        })
        .collect();
    let kinds = [("binary", BINARY), ("a ping", PING), ("a pong", PONG), ("a close frame", CLOSE)];
    rows.extend(kinds.map(|(name, opcode)| {
        let sent = frame(FIN | 0x40 | opcode, b"");
        row(format!("{name} with the first reserved bit"), vec![sent], vec![BROKEN])
    }));
    let (start, rest) = HEARTBEAT.split_at(4);
    rows.push(row(
        "a continuation with the second reserved bit",
        vec![frame(TEXT, start), frame(FIN | 0x20 | CONTINUATION, rest)],
        vec![BROKEN],
    ));
    rows.push(row(
        "a reserved bit after a good text",
        vec![text(HEARTBEAT), frame(FIN | 0x10 | TEXT, HEARTBEAT)],
        vec![Says("pong"), BROKEN],
    ));
    rows
}

fn opcodes() -> Vec<Case> {
    let unknown = [3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf];
    let mut rows = Vec::new();
    for opcode in unknown {
        let name = |how: &str| format!("opcode {opcode:#x}{how}");
        rows.push(row(name(""), vec![frame(FIN | opcode, b"")], vec![BROKEN]));
        rows.push(row(name(" with bytes"), vec![frame(FIN | opcode, b"abc")], vec![BROKEN]));
    }
    rows.push(row(
        "an unknown opcode after a good text",
        vec![text(HEARTBEAT), frame(FIN | 5, b"")],
        vec![Says("pong"), BROKEN],
    ));
    rows.push(row(
        "an unknown opcode between fragments",
        vec![frame(TEXT, b"{"), frame(FIN | 3, b"")],
        vec![BROKEN],
    ));
    rows.push(row(
        "HTTP where frames belong",
        vec![b"GET / HTTP/1.1\r\n\r\n".to_vec()],
        vec![BROKEN],
    ));
    rows.push(row(
        "TLS where frames belong",
        vec![vec![0x16, 0x83, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc]],
        vec![BROKEN],
    ));
    rows
}

fn fragmentation() -> Vec<Case> {
    let pong = || vec![Says("pong")];
    let letters: Vec<&[u8]> = HEARTBEAT.chunks(1).collect();
    let (start, rest) = HEARTBEAT.split_at(5);
    let (middle, end) = rest.split_at(4);
    let half = vec![b' '; FRAME_BYTES_MAX / 2];
    let rest_of_half = heartbeat_of(FRAME_BYTES_MAX / 2);
    let ping = frame(FIN | PING, b"between");
    let ponged = || Pong(b"between".to_vec());
    vec![
        row("a text in two fragments", fragments(TEXT, &[start, rest]), pong()),
        row("a text in three fragments", fragments(TEXT, &[start, middle, end]), pong()),
        row("a text with a fragment for each byte", fragments(TEXT, &letters), pong()),
        row(
            "fragments byte by byte",
            chopped(&fragments(TEXT, &[start, middle, end]).concat()),
            pong(),
        ),
        row("fragments in one segment", vec![fragments(TEXT, &[start, rest]).concat()], pong()),
        row("an empty first fragment", fragments(TEXT, &[b"", HEARTBEAT]), pong()),
        row("an empty last fragment", fragments(TEXT, &[HEARTBEAT, b""]), pong()),
        row("an empty fragment between", fragments(TEXT, &[start, b"", rest]), pong()),
        row(
            "nothing but empty fragments",
            fragments(TEXT, &[b"", b"", b""]),
            vec![Says("bad_frame")],
        ),
        row(
            "a thousand empty fragments",
            vec![
                frame(TEXT, b""),
                frame(CONTINUATION, b"").repeat(1_000),
                frame(FIN | CONTINUATION, HEARTBEAT),
            ],
            pong(),
        ),
        row("binary in fragments", fragments(BINARY, &[b"a", b"b"]), vec![Says("bad_frame")]),
        row("fragments that are 64 KiB together", fragments(TEXT, &[&half, &rest_of_half]), pong()),
        row(
            "fragments that are more than 64 KiB together",
            fragments(TEXT, &[&half, &rest_of_half, b" "]),
            vec![TOO_LARGE],
        ),
        row(
            "binary fragments that are more than 64 KiB together",
            fragments(BINARY, &[&half, &half, b" "]),
            vec![TOO_LARGE],
        ),
        row(
            "a ping between fragments",
            vec![frame(TEXT, start), ping.clone(), frame(FIN | CONTINUATION, rest)],
            vec![ponged(), Says("pong")],
        ),
        row(
            "a ping after each fragment",
            fragments(TEXT, &[start, middle, end])
                .join(&ping[..])
                .chunks(7)
                .map(<[_]>::to_vec)
                .collect(),
            vec![ponged(), ponged(), Says("pong")],
        ),
        row(
            "a pong between fragments",
            vec![frame(TEXT, start), frame(FIN | PONG, b""), frame(FIN | CONTINUATION, rest)],
            pong(),
        ),
        row(
            "a second message after one in fragments",
            [fragments(TEXT, &[start, rest]), vec![text(HEARTBEAT)]].concat(),
            vec![Says("pong"), Says("pong")],
        ),
        row("a continuation of nothing", vec![frame(FIN | CONTINUATION, HEARTBEAT)], vec![BROKEN]),
        row("an unfinished continuation of nothing", vec![frame(CONTINUATION, b"")], vec![BROKEN]),
        row(
            "a continuation of a finished text",
            vec![text(HEARTBEAT), frame(FIN | CONTINUATION, b"")],
            vec![Says("pong"), BROKEN],
        ),
        row(
            "a continuation of a finished text in fragments",
            [fragments(TEXT, &[start, rest]), vec![frame(CONTINUATION, b"")]].concat(),
            vec![Says("pong"), BROKEN],
        ),
        row("a text inside another", vec![frame(TEXT, start), text(HEARTBEAT)], vec![BROKEN]),
        row(
            "a begun text inside another",
            vec![frame(TEXT, start), frame(TEXT, start)],
            vec![BROKEN],
        ),
        row(
            "binary inside a text",
            vec![frame(TEXT, start), frame(FIN | BINARY, b"")],
            vec![BROKEN],
        ),
        row(
            "a close frame between fragments",
            vec![frame(TEXT, start), frame(FIN | CLOSE, &close_payload(1000, b""))],
            vec![Closes(Some(1000))],
        ),
    ]
}

fn masking() -> Vec<Case> {
    let masked_with = |mask| frame_with(FIN | TEXT, HEARTBEAT, Length::Shortest, Some(mask));
    let without = |name: &str, first: u8, payload: &[u8]| {
        row(format!("{name} without a mask"), vec![unmasked(first, payload)], vec![BROKEN])
    };
    vec![
        row("a mask of zeros", vec![masked_with([0; 4])], vec![Says("pong")]),
        row("a mask of ones", vec![masked_with([0xff; 4])], vec![Says("pong")]),
        row(
            "another mask for each frame",
            (0..5).map(|number| masked_with([number, 7, 0, 0x80])).collect(),
            vec![Says("pong"); 5],
        ),
        without("a text", FIN | TEXT, HEARTBEAT),
        without("an empty text", FIN | TEXT, b""),
        without("binary", FIN | BINARY, b"ab"),
        without("a ping", FIN | PING, b"ab"),
        without("a pong", FIN | PONG, b""),
        without("a close frame", FIN | CLOSE, &[0x03, 0xe8]),
        row(
            "a continuation without a mask",
            vec![frame(TEXT, b"{"), unmasked(FIN | CONTINUATION, b"}")],
            vec![BROKEN],
        ),
    ]
}

fn close_codes() -> Vec<Case> {
    let mut rows = Vec::new();
    let may_be_sent =
        [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4001, 4503, 4999];
    for code in may_be_sent {
        let sent = frame(FIN | CLOSE, &close_payload(code, b""));
        rows.push(row(format!("close {code}"), vec![sent], vec![Closes(Some(code))]));
    }
    let must_not_be_sent =
        [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 9999, 65_535];
    for code in must_not_be_sent {
        let sent = frame(FIN | CLOSE, &close_payload(code, b""));
        rows.push(row(format!("close {code}"), vec![sent], vec![BROKEN]));
    }
    rows
}

fn closing() -> Vec<Case> {
    let close = |payload: &[u8]| frame(FIN | CLOSE, payload);
    let normal = close(&close_payload(1000, b""));
    let closed = || vec![Closes(Some(1000))];
    let mut rows = vec![
        row("a close frame without a code", vec![close(b"")], vec![Closes(None)]),
        row("a close frame with half a code", vec![close(&[0x03])], vec![BROKEN]),
        row("a close frame with a reason", vec![close(&close_payload(1000, b"bye"))], closed()),
        row(
            "a close frame with a reason in Greek",
            vec![close(&close_payload(1000, "κόσμε".as_bytes()))],
            closed(),
        ),
        row(
            "a close frame of 125 bytes",
            vec![close(&close_payload(1000, &[b'x'; 123]))],
            closed(),
        ),
        row(
            "a close frame of 126 bytes",
            vec![close(&close_payload(1000, &[b'x'; 124]))],
            vec![BROKEN],
        ),
        row(
            "a reason that is not UTF-8",
            vec![close(&close_payload(1000, &[0xce, 0xed, 0xa0, 0x80]))],
            vec![NOT_UTF8],
        ),
        row("a close frame byte by byte", chopped(&normal), closed()),
        row("two close frames", vec![normal.clone(), normal.clone()], closed()),
        row(
            "a ping after the close frame",
            vec![[normal.clone(), frame(FIN | PING, b"")].concat()],
            closed(),
        ),
        row(
            "a text after the close frame",
            vec![[normal.clone(), text(HEARTBEAT)].concat()],
            closed(),
        ),
        row(
            "rubbish after the close frame",
            vec![[normal.clone(), vec![0xff; 300]].concat()],
            closed(),
        ),
        row(
            "1 MiB after the close frame is not answered by a reset",
            vec![normal.clone(), vec![0xff; 1 << 20]],
            closed(),
        ),
        row(
            "a text and a close frame in one segment",
            vec![[text(HEARTBEAT), normal.clone()].concat()],
            vec![Says("pong"), Closes(Some(1000))],
        ),
        row(
            "20 bad frames",
            vec![text(b"nonsense").repeat(20)],
            // The last of them is answered by the close.
            [vec![Says("bad_frame"); 19], vec![Closes(Some(4500))]].concat(),
        ),
    ];
    let half_closed = |name: &str, sent: Vec<Vec<u8>>, back| Case {
        is_half_closed: true,
        ..row(name, sent, back)
    };
    rows.extend([
        half_closed("the end of TCP without a close frame", vec![], vec![Ends]),
        half_closed(
            "the end of TCP inside a frame",
            vec![text(HEARTBEAT)[..8].to_vec()],
            vec![Ends],
        ),
        half_closed("a close frame and the end of TCP", vec![normal], closed()),
    ]);
    rows
}

fn before_hello() -> Vec<Case> {
    let stranger =
        |name: &str, sent: Vec<Vec<u8>>, back| Case { is_known: false, ..row(name, sent, back) };
    let bad = || vec![Closes(Some(4500))];
    vec![
        stranger("a ping before hello", vec![frame(FIN | PING, b"a")], vec![Pong(b"a".to_vec())]),
        stranger("a heartbeat before hello", vec![text(HEARTBEAT)], bad()),
        stranger("binary before hello", vec![frame(FIN | BINARY, b"a")], bad()),
        stranger("no JSON before hello", vec![text(b"hello")], bad()),
        stranger("an unmasked frame before hello", vec![unmasked(FIN | TEXT, b"{}")], vec![BROKEN]),
        stranger("a reserved bit before hello", vec![frame(FIN | 0x40 | TEXT, b"")], vec![BROKEN]),
        stranger("not UTF-8 before hello", vec![text(&[0xff])], vec![NOT_UTF8]),
        stranger(
            "64 KiB and a byte before hello",
            vec![text(&heartbeat_of(FRAME_BYTES_MAX + 1))],
            vec![TOO_LARGE],
        ),
        stranger(
            "a close frame before hello",
            vec![frame(FIN | CLOSE, &close_payload(1001, b""))],
            vec![Closes(Some(1001))],
        ),
        stranger(
            "a wrong token",
            vec![text(br#"{"type":"hello","token":"AAAA","resume":null}"#)],
            vec![Closes(Some(4503))],
        ),
    ]
}
