//! What one address and one shop may use, behind a proxy and without one, at a real router.

#[path = "router/mod.rs"]
mod router;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use router::{Client, Router, config, visitor, write_shop};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(30);

/// A router with two shops and these settings.
fn router(lines: &str) -> (Router, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    for shop in ["first", "second"] {
        write_shop(folder.path(), shop, str::to_owned);
    }
    let router = Router::start(config(folder.path(), lines)).expect("a router");
    (router, folder)
}

/// Status, head and body of a request with these header lines; the connection stays open.
fn exchange(stream: &mut TcpStream, request: &str) -> (u16, String, Value) {
    stream.set_read_timeout(Some(PATIENCE)).expect("a bound");
    // A connection that is refused at the door may be closed before the request is written.
    let _ = stream.write_all(request.as_bytes());
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        assert_eq!(stream.read(&mut byte).expect("an answer in time"), 1, "the head ends early");
        bytes.push(byte[0]);
    }
    let head = String::from_utf8(bytes).expect("text").to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length = length.map_or(0, |text| text.parse().expect("a number"));
    let mut body = vec![0; length];
    stream.read_exact(&mut body).expect("a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, head, serde_json::from_slice(&body).unwrap_or_default())
}

fn session(shop: &str, headers: &str) -> String {
    let body = json!({"shop": shop}).to_string();
    format!(
        "POST /v1/widget/session HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn upgrade(headers: &str) -> String {
    format!(
        "GET /v1/widget HTTP/1.1\r\nHost: x\r\n{headers}Connection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).expect("a connection")
}

#[test]
fn an_address_holds_as_many_connections_as_it_may_and_gets_the_place_of_one_that_ends() {
    let (router, _folder) = router("[gateway]\naddress_connections_max = 3\n");
    let ask = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut open: Vec<_> = (0..3).map(|_| connect(router.address)).collect();
    for stream in &mut open {
        assert_eq!(exchange(stream, ask).0, 200);
    }

    let (status, head, _) = exchange(&mut connect(router.address), ask);
    assert_eq!(status, 429, "{head}");
    assert!(head.contains("retry-after: "), "{head}");
    let limited = "tradewind_admission_limited_total{limit=\"address_connections\"}";
    assert!(router.metric(limited) >= 1.0, "management is not counted by address");

    drop(open.pop());
    // The router hears of the end of a connection a moment after it.
    let is_let_in = (0..500).any(|_| exchange(&mut connect(router.address), ask).0 == 200);
    assert!(is_let_in);
}

#[test]
fn an_address_that_connects_too_often_is_told_when_to_come_back() {
    let lines = "[gateway]\naddress_handshakes_per_s = 1\naddress_handshakes_burst = 6\n";
    let (router, _folder) = router(lines);
    let mut stream = connect(router.address);

    // Sign-ins on one connection count as connections do.
    let answers: Vec<_> = (0..9).map(|_| exchange(&mut stream, &session("first", ""))).collect();

    let statuses: Vec<u16> = answers.iter().map(|(status, ..)| *status).collect();
    assert_eq!(statuses[..5], [201; 5], "the connection was the sixth");
    let (status, head, problem) = &answers[8];
    assert_eq!((*status, &problem["code"]), (429, &json!("rate_limited")));
    assert!(problem["retry_after_ms"].as_u64().is_some_and(|wait| wait >= 500), "{problem}");
    assert!(head.contains("retry-after: "), "{head}");
}

#[test]
fn behind_a_trusted_proxy_clients_are_counted_by_the_address_that_it_names() {
    let lines = "trusted_proxies = \"127.0.0.0/8\"\n[gateway]\n\
        address_connections_max = 2\naddress_handshakes_per_s = 1\naddress_handshakes_burst = 8\n";
    let (router, _folder) = router(lines);
    let from = |address: &str| format!("X-Forwarded-For: 198.51.100.99, {address}\r\n");
    let socket = |address: &str| {
        let mut stream = connect(router.address);
        let (status, head, _) = exchange(&mut stream, &upgrade(&from(address)));
        assert!(status == 101 || head.contains("retry-after: "), "{head}");
        (status, stream)
    };

    let held = [socket("203.0.113.1"), socket("203.0.113.1")];
    assert_eq!(held.each_ref().map(|(status, _)| *status), [101, 101]);
    assert_eq!(socket("203.0.113.1").0, 429);
    assert_eq!(socket("203.0.113.2").0, 101);
    // The whole /64 is one client.
    let site = [socket("2001:db8::1"), socket("2001:db8::2"), socket("2001:db8::3")];
    assert_eq!(site.map(|(status, _)| status), [101, 101, 429]);

    // One connection of the proxy carries the requests of many.
    let mut shared = connect(router.address);
    let sign_in = |shared: &mut TcpStream, address: &str| {
        exchange(shared, &session("first", &from(address))).0
    };
    let statuses: Vec<_> = (0..12).map(|_| sign_in(&mut shared, "203.0.113.7")).collect();
    assert_eq!((statuses[7], statuses[11]), (201, 429));
    assert_eq!(sign_in(&mut shared, "203.0.113.8"), 201);
    // A proxy that does not say for whom it asks is not shut out.
    let untold: Vec<_> = (0..12).map(|_| exchange(&mut shared, &session("first", "")).0).collect();
    assert_eq!(untold, [201; 12]);
}

#[test]
fn without_a_trusted_proxy_nobody_chooses_an_address() {
    let lines = "[gateway]\naddress_handshakes_per_s = 1\naddress_handshakes_burst = 4\n";
    let (router, _folder) = router(lines);
    let mut stream = connect(router.address);

    let statuses: Vec<u16> = (0..8)
        .map(|n| {
            let headers =
                format!("X-Forwarded-For: 203.0.113.{n}\r\nForwarded: for=203.0.113.{n}\r\n");
            exchange(&mut stream, &session("first", &headers)).0
        })
        .collect();

    assert_eq!(statuses[7], 429, "{statuses:?}");
}

#[test]
fn without_numbers_of_its_own_loopback_is_not_held_to_the_limits_of_one_address() {
    let (router, _folder) = router("");

    let open: Vec<_> = (0..80).map(|_| router.customer("first")).collect();

    assert_eq!(open.len(), 80);
}

#[test]
fn all_customers_of_one_address_share_its_messages_and_seats_do_not() {
    let (router, _folder) = router("[gateway]\naddress_messages_per_s = 1\n");
    let mut customers: Vec<_> = (0..3).map(|_| router.customer("first")).collect();
    let mut send = |at: usize| {
        let id = uuid::Uuid::now_v7();
        let send = json!({"type": "send", "id": id, "conversation": null, "text": "hello there"});
        customers[at].send(&send);
        customers[at].next_of_any(&["ack", "error"])
    };

    let codes: Vec<_> = (0..9).map(|n| send(n % 3)["code"].clone()).collect();

    assert_eq!(codes[..4], [Value::Null, Value::Null, Value::Null, Value::Null]);
    assert!(codes.iter().any(|code| code == "rate_limited"), "{codes:?}");
    // Whoever works for the shop has an allowance of his own connection, in an office of many.
    let mut seat = router.seat("second", "mai");
    for _ in 0..9 {
        let id = uuid::Uuid::now_v7();
        let send = json!({"type": "send", "id": id, "conversation": id, "text": "hello there"});
        assert_eq!(seat.refused(&send), "not_found");
    }
}

#[test]
fn a_seat_gives_the_place_of_its_address_back() {
    let (router, _folder) = router("[gateway]\naddress_connections_max = 4\n");

    let seats: Vec<_> = ["mai", "lucia", "wei", "seat-001", "seat-002", "seat-003"]
        .map(|it| router.seat("first", it))
        .into();

    assert_eq!(seats.len(), 6);
}

#[test]
fn a_shop_leaves_connections_to_the_others_and_says_when_to_come_back() {
    let lines = "[gateway]\nconnections_max = 12\n[admission]\nshop_connections_share = 0.5\n";
    let (router, _folder) = router(lines);
    let held: Vec<_> = (0..6).map(|_| router.customer("first")).collect();
    let hello = |shop: &str| {
        let session = visitor(router.address, shop, &Value::Null);
        let mut client = Client::connect(router.address, "/v1/widget");
        client.send(&json!({"type": "hello", "token": session["token"], "resume": null}));
        client
    };

    let mut refused = hello("first");
    let closing = refused.next("closing");
    assert_eq!(closing["reason"], "overloaded");
    assert!(closing["retry_after_ms"].as_u64().is_some_and(|wait| wait >= 1_000), "{closing}");
    assert_eq!(refused.close_code(), 4004);
    hello("second").next("welcome");
    drop(held);
}

#[test]
fn a_shop_that_is_stormed_refuses_sign_ins_with_a_time_and_the_others_do_not_notice() {
    let (router, _folder) = router("[admission]\nshop_handshakes_per_s = 3\n");
    let mut stream = connect(router.address);
    let mut sign_in = |shop: &str| exchange(&mut stream, &session(shop, ""));

    let answers: Vec<_> = (0..8).map(|_| sign_in("first")).collect();

    let (status, _, problem) = &answers[7];
    assert_eq!((*status, &problem["code"]), (429, &json!("rate_limited")));
    assert!(problem["retry_after_ms"].as_u64().is_some(), "{problem}");
    assert_eq!(sign_in("second").0, 201);
}

#[test]
fn where_a_customer_is_is_believed_from_a_trusted_proxy_only() {
    for (lines, region) in [("trusted_proxies = \"127.0.0.0/8\"\n", "latam"), ("", "europe")] {
        let folder = tempfile::tempdir().expect("a folder");
        let trusted = "\n[trusted_headers]\ncountry = \"x-country\"\n";
        write_shop(folder.path(), "first", |text| {
            let text =
                text.replacen("shifts = [\"Mon-Fri 09:00-18:00\"]", "shifts = [\"always\"]", 99);
            format!("{text}{trusted}")
        });
        let router = Router::start(config(folder.path(), lines)).expect("a router");
        let body = json!({"shop": "first", "locale": "en-GB"}).to_string();
        let asked = format!(
            "POST /v1/widget/session HTTP/1.1\r\nHost: x\r\nX-Country: MX\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let (status, _, granted) = exchange(&mut connect(router.address), &asked);
        assert_eq!(status, 201, "{granted}");
        let mut customer = Client::open(router.address, "/v1/widget", &granted["token"]);

        customer.say("I want to talk to a person");
        let queued = customer.next("queued");

        let id = queued["conversation"].as_str().expect("an id");
        let path = format!("/v1/conversations/{id}/explanation");
        let (_, explained) = router::get(router.admin_address, &path, "");
        let explained: Value = serde_json::from_str(&explained).expect("JSON");
        assert!(explained.to_string().contains(&format!("\"{region}\"")), "{lines}: {explained}");
    }
}
