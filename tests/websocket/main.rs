//! RFC 6455 case by case, over raw TCP against the running server: what is sent, and what must come
//! back. `handshakes.rs` is the table of section 4, `frames.rs` that of sections 5 to 8.

#[path = "../router/mod.rs"]
mod router;

mod frames;
mod handshakes;
mod utf8;
mod wire;

use std::net::SocketAddr;
use std::time::Duration;

use router::{Client, Router, config, visitor, write_shop};
use serde_json::{Value, json};
use wire::{CLOSE, CONTINUATION, FIN, Frame, PONG, TEXT, Wire, frame};

/// What the server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Back {
    /// A pong with this payload.
    Pong(Vec<u8>),
    /// A frame of the protocol of this type; of an error, its code.
    Says(&'static str),
    /// A close frame with this code (`None` for an empty one), and then the end of the connection.
    Closes(Option<u16>),
    /// The end of the connection without a close frame.
    Ends,
}

fn start(lines: &str) -> (Router, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    write_shop(folder.path(), "demo", str::to_owned);
    let router = Router::start(config(folder.path(), lines)).expect("a router");
    (router, folder)
}

/// A handshake as any client makes it, with the key of RFC 6455, 1.3.
fn upgrade(address: SocketAddr) -> Wire {
    let mut wire = Wire::connect(address);
    let host = address.to_string();
    wire.send(handshakes::GOOD.replace("{host}", &host).as_bytes());
    let (status, _) = wire.answer().expect("an answer");
    assert_eq!(status, 101);
    wire
}

/// A new customer's `hello`.
fn hello(address: SocketAddr) -> Vec<u8> {
    hello_with(&visitor(address, "demo", &Value::Null)["token"])
}

fn hello_with(token: &Value) -> Vec<u8> {
    let hello = json!({"type": "hello", "token": token, "resume": null}).to_string();
    frame(FIN | TEXT, hello.as_bytes())
}

/// A socket of a customer that was welcomed.
fn welcomed(address: SocketAddr, hello: &[u8]) -> Wire {
    let mut wire = upgrade(address);
    wire.send(hello);
    assert_eq!(next(&mut wire), Ok(Back::Says("welcome")));
    wire
}

/// The next thing that the server does, up to the end of the connection behind a close frame.
fn next(wire: &mut Wire) -> Result<Back, String> {
    let Some(Frame { first, payload }) = wire.frame()? else { return Ok(Back::Ends) };
    match first {
        first if first == FIN | PONG => Ok(Back::Pong(payload)),
        first if first == FIN | TEXT => {
            let said: Value =
                serde_json::from_slice(&payload).map_err(|error| error.to_string())?;
            let name = if said["type"] == "error" { &said["code"] } else { &said["type"] };
            let known = ["welcome", "pong", "ack", "event", "closing", "bad_frame", "rate_limited"];
            let known = known.into_iter().find(|known| name == known);
            known.map(Back::Says).ok_or_else(|| format!("unexpected: {said}"))
        }
        first if first == FIN | CLOSE => {
            // As every client does; to one who has closed before it is one frame too many.
            wire.send(&frame(FIN | CLOSE, &payload));
            let code = match payload.as_slice() {
                [] => None,
                [high, low, reason @ ..] => {
                    std::str::from_utf8(reason).map_err(|_| "a reason that is no text")?;
                    Some(u16::from_be_bytes([*high, *low]))
                }
                [_] => return Err("a close frame with half a code".to_owned()),
            };
            match wire.frame()? {
                None => Ok(Back::Closes(code)),
                Some(frame) => Err(format!("{frame:?} after the close frame")),
            }
        }
        _ => Err(format!("a frame that no server sends: {first:#04x}")),
    }
}

#[test]
fn every_frame_gets_what_rfc_6455_and_the_protocol_say() {
    let (router, _folder) = start("");
    let address = router.address;
    let hello = hello(address);
    let cases = frames::cases();
    let mut failed = Vec::new();

    for case in &cases {
        let mut wire = if case.is_known { welcomed(address, &hello) } else { upgrade(address) };
        for piece in &case.sent {
            wire.send(piece);
        }
        if case.is_half_closed {
            wire.half_close();
        }
        let mut wanted = case.back.clone();
        if case.stays_open() {
            // It still works: what comes later is answered in its turn.
            wire.send(&frame(FIN | TEXT, br#"{"type":"ping"}"#));
            wanted.push(Back::Says("pong"));
        }
        for wanted in wanted {
            match next(&mut wire) {
                Ok(got) if got == wanted => {}
                got => {
                    failed.push(format!("{}: {wanted:?} wanted, {got:?} came", case.name));
                    break;
                }
            }
        }
    }

    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), cases.len(), failed.join("\n"));
    println!("{} cases of frames", cases.len());
}

#[test]
fn every_handshake_gets_what_rfc_6455_and_the_protocol_say() {
    let (router, _folder) = start("");
    let host = router.address.to_string();
    let cases = handshakes::cases();
    let mut failed = Vec::new();

    for case in &cases {
        let mut wire = Wire::connect(router.address);
        wire.send(&case.request(&host));
        let (status, headers) = wire.answer().unwrap_or((handshakes::HUNG_UP, Vec::new()));
        let lacks = case.headers.iter().find(|line| !headers.iter().any(|it| it == *line));
        let leaks = case.never.iter().find(|name| headers.iter().any(|it| it.starts_with(*name)));
        if status != case.status || lacks.is_some() || leaks.is_some() {
            failed
                .push(format!("{}: {} wanted, {status} came: {headers:?}", case.name, case.status));
        } else if status == 101 {
            // Whatever it was asked with, it is a WebSocket now.
            wire.send(&frame(FIN | wire::PING, b"hi"));
            if next(&mut wire) != Ok(Back::Pong(b"hi".to_vec())) {
                failed.push(format!("{}: upgraded, but no WebSocket", case.name));
            }
        }
    }

    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), cases.len(), failed.join("\n"));
    println!("{} cases of handshakes", cases.len());
}

#[test]
fn a_refused_handshake_leaves_the_connection_for_the_next_request() {
    let (router, _folder) = start("");
    let host = router.address.to_string();
    let mut wire = Wire::connect(router.address);

    wire.send(handshakes::GOOD.replace("{host}", &host).replace("13", "8").as_bytes());
    assert_eq!(wire.answer().map(|(status, _)| status), Some(426));
    wire.send(format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
    assert_eq!(wire.answer().map(|(status, _)| status), Some(200));
    wire.send(handshakes::GOOD.replace("{host}", &host).as_bytes());
    assert_eq!(wire.answer().map(|(status, _)| status), Some(101));
}

#[test]
fn frames_that_come_with_the_handshake_are_not_lost() {
    let (router, _folder) = start("");
    let host = router.address.to_string();
    let mut all = handshakes::GOOD.replace("{host}", &host).into_bytes();
    all.extend(hello(router.address));
    let mut wire = Wire::connect(router.address);
    all.extend(frame(FIN | TEXT, br#"{"type":"ping"}"#));

    wire.send(&all);

    assert_eq!(wire.answer().map(|(status, _)| status), Some(101));
    assert_eq!(next(&mut wire), Ok(Back::Says("welcome")));
    assert_eq!(next(&mut wire), Ok(Back::Says("pong")));
}

#[test]
fn a_text_that_is_cut_inside_a_letter_arrives_as_it_was_written() {
    let (router, _folder) = start("");
    let address = router.address;
    let granted = visitor(address, "demo", &Value::Null);
    let mut viewer = Client::open(address, "/v1/widget", &granted["token"]);
    let mut wire = welcomed(address, &hello_with(&granted["token"]));
    let text = "κόσμε 日本 😀 \u{10ffff} ñ";
    let id = uuid::Uuid::from_u128(1);
    let send = json!({"type": "send", "id": id, "conversation": null, "text": text}).to_string();

    let bytes = send.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        let opcode = if at == 0 { TEXT } else { CONTINUATION };
        let fin = if at + 1 == bytes.len() { FIN } else { 0 };
        wire.send(&frame(fin | opcode, &[*byte]));
    }

    assert_eq!(next(&mut wire), Ok(Back::Says("ack")));
    assert_eq!(viewer.next("message")["text"], text);
}

#[test]
fn a_ping_of_the_socket_is_answered_and_does_not_count_as_life() {
    let (router, _folder) =
        start("[timers]\nheartbeat = \"500ms\"\npeer_dead_after = \"1500ms\"\n");
    let mut wire = welcomed(router.address, &hello(router.address));
    let mut pongs = 0;

    let end = loop {
        wire.send(&frame(FIN | wire::PING, b"alive?"));
        match next(&mut wire) {
            Ok(Back::Pong(payload)) => {
                assert_eq!(payload, b"alive?");
                pongs += 1;
            }
            end => break end,
        }
        // Four in the time of a silent peer: more would close it for their number.
        if !wire.is_quiet_for(Duration::from_millis(400)) {
            break next(&mut wire);
        }
    };

    assert_eq!(end, Ok(Back::Closes(Some(4001))));
    assert!(pongs > 0);
}

#[test]
fn whoever_floods_pings_is_closed_and_not_answered_without_end() {
    let (router, _folder) = start("");
    let address = router.address;
    let sockets = [upgrade(address), welcomed(address, &hello(address))];

    for mut wire in sockets {
        // All of them before anything is read.
        wire.send(&frame(FIN | wire::PING, b"flood").repeat(5_000));
        let mut pongs = 0;
        let end = loop {
            match next(&mut wire) {
                Ok(Back::Pong(_)) => pongs += 1,
                end => break end,
            }
        };

        assert_eq!(end, Ok(Back::Closes(Some(1002))));
        assert!((10..100).contains(&pongs), "{pongs} pongs");
    }
    assert_eq!(router.metric("tradewind_gateway_closed_total{reason=\"protocol\"}"), 2.0);
}

#[test]
fn whoever_floods_pings_of_the_protocol_is_told_once_and_not_answered_without_end() {
    let (router, _folder) = start("[gateway]\nmessages_per_s = 1\nmessages_burst = 1\n");
    let mut wire = welcomed(router.address, &hello(router.address));
    let (sent, mut pongs, mut refused) = (5_000, 0, 0);

    wire.send(&frame(FIN | TEXT, br#"{"type":"ping"}"#).repeat(sent));
    // The last that is answered.
    wire.send(&frame(FIN | wire::PING, b"read all"));
    let end = loop {
        match next(&mut wire) {
            Ok(Back::Says("pong")) => pongs += 1,
            Ok(Back::Says("rate_limited")) => refused += 1,
            end => break end,
        }
    };

    assert_eq!(end, Ok(Back::Pong(b"read all".to_vec())), "the connection goes on");
    assert!((10..1_000).contains(&pongs), "{pongs} pongs");
    assert!((1..=pongs).contains(&refused), "{refused} errors, {pongs} pongs");
    let counted = router.metric("tradewind_gateway_refused_total{reason=\"rate_limited\"}");
    assert_eq!(counted, (sent - pongs) as f64);
}
