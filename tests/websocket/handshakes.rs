//! The table of handshakes: section 4 of RFC 6455, and what a server on the open net is sent beside it.

/// The key of RFC 6455, 1.3; [`ACCEPT`] is the answer that stands there.
pub const GOOD: &str = "GET /v1/widget HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";
const ACCEPT: &str = "sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=";
const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const VERSION: &str = "Sec-WebSocket-Version: 13\r\n";
/// What says which version is spoken here.
const SPOKEN: &[&str] = &["sec-websocket-version: 13", "upgrade: websocket", "connection: upgrade"];
/// In place of a status: the server hangs up without an answer.
pub const HUNG_UP: u16 = 0;
const PROBLEM: &[&str] = &["content-type: application/problem+json"];

/// One row.
pub struct Case {
    pub name: &'static str,
    /// With `{host}` for the address.
    request: Vec<u8>,
    pub status: u16,
    /// Lines that must come back, in lower case.
    pub headers: &'static [&'static str],
    /// Starts of lines that must not.
    pub never: &'static [&'static str],
}

impl Case {
    pub fn request(&self, host: &str) -> Vec<u8> {
        match std::str::from_utf8(&self.request) {
            Ok(text) => text.replace("{host}", host).into_bytes(),
            Err(_) => self.request.clone(),
        }
    }
}

/// The good handshake with one piece of it changed.
fn changed(name: &'static str, from: &str, to: &str, status: u16) -> Case {
    assert!(GOOD.contains(from), "{name}: there is no {from:?}");
    Case { name, request: GOOD.replace(from, to).into(), status, headers: &[], never: &[] }
}

/// The good handshake with a line more.
fn with(name: &'static str, line: &str, status: u16) -> Case {
    changed(name, VERSION, &format!("{VERSION}{line}\r\n"), status)
}

fn raw(name: &'static str, request: &[u8], status: u16) -> Case {
    Case { name, request: request.to_vec(), status, headers: &[], never: &[] }
}

pub fn cases() -> Vec<Case> {
    let groups = [accepted, negotiated, methods_and_versions, refused, origins, heads];
    groups.into_iter().flat_map(|group| group()).collect()
}

fn accepted() -> Vec<Case> {
    vec![
        Case {
            headers: &[ACCEPT, "upgrade: websocket", "connection: upgrade"],
            never: &["sec-websocket-protocol", "sec-websocket-extensions"],
            ..raw("the handshake of RFC 6455", GOOD.as_bytes(), 101)
        },
        changed("the socket of seats", "/v1/widget", "/v1/seat", 101),
        changed("names of headers in any case", "Sec-WebSocket-Key", "sEC-wEBSOCKET-kEY", 101),
        changed("`WebSocket` in any case", "Upgrade: websocket", "Upgrade: WebSocket", 101),
        changed("`upgrade` in any case", "Connection: Upgrade", "Connection: UPGRADE", 101),
        changed(
            "`Connection` with more words",
            "Connection: Upgrade",
            "Connection: keep-alive, Upgrade",
            101,
        ),
        changed(
            "`Connection` in two lines",
            "Connection: Upgrade",
            "Connection: keep-alive\r\nConnection: Upgrade",
            101,
        ),
        changed(
            "`Upgrade` with another protocol beside it",
            "Upgrade: websocket",
            "Upgrade: h2c, websocket",
            101,
        ),
        changed("spaces around a value", "Version: 13", "Version:   13  ", 101),
        changed("no space before a value", "Version: 13", "Version:13", 101),
        changed("a key whose last bits mean nothing", "ZQ==", "ZR==", 101),
        changed("a query, in which nothing is looked for", "/v1/widget", "/v1/widget?token=x", 101),
        changed(
            "the whole address in the first line",
            "/v1/widget",
            "http://{host}/v1/widget",
            101,
        ),
        with("headers that nobody knows", "X-Whatever: 1\r\nCookie: a=b", 101),
        with("an empty body that is said to be empty", "Content-Length: 0", 101),
    ]
}

fn negotiated() -> Vec<Case> {
    let ours: &[&str] = &["sec-websocket-protocol: tradewind.v1.json"];
    vec![
        Case {
            headers: ours,
            ..with("our subprotocol", "Sec-WebSocket-Protocol: tradewind.v1.json", 101)
        },
        Case {
            headers: ours,
            ..with("ours among others", "Sec-WebSocket-Protocol: chat, tradewind.v1.json, x", 101)
        },
        Case {
            headers: ours,
            ..with(
                "ours in a second line",
                "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: tradewind.v1.json",
                101,
            )
        },
        Case {
            never: &["sec-websocket-protocol"],
            ..with("another subprotocol", "Sec-WebSocket-Protocol: chat", 101)
        },
        Case {
            never: &["sec-websocket-protocol"],
            ..with(
                "ours in another case is another",
                "Sec-WebSocket-Protocol: Tradewind.V1.json",
                101,
            )
        },
        Case {
            never: &["sec-websocket-extensions"],
            ..with(
                "compression",
                "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
                101,
            )
        },
        Case {
            never: &["sec-websocket-extensions"],
            ..with("extensions that nobody knows", "Sec-WebSocket-Extensions: a;b=c, d", 101)
        },
    ]
}

fn methods_and_versions() -> Vec<Case> {
    let spoken = |case: Case| Case { headers: SPOKEN, never: &["sec-websocket-accept"], ..case };
    let allowed = |case: Case| Case { never: &["sec-websocket-accept", "upgrade"], ..case };
    vec![
        allowed(changed("POST", "GET", "POST", 405)),
        allowed(changed("PUT", "GET", "PUT", 405)),
        allowed(changed("DELETE", "GET", "DELETE", 405)),
        allowed(changed("OPTIONS", "GET", "OPTIONS", 405)),
        allowed(changed("PATCH", "GET", "PATCH", 405)),
        allowed(changed("a method in lower case", "GET", "get", 405)),
        allowed(changed("HTTP/1.0", "HTTP/1.1", "HTTP/1.0", 400)),
        spoken(changed("version 0", "Version: 13", "Version: 0", 426)),
        spoken(changed("version 8", "Version: 13", "Version: 8", 426)),
        spoken(changed("version 14", "Version: 13", "Version: 14", 426)),
        spoken(changed("version 013", "Version: 13", "Version: 013", 426)),
        spoken(changed("a version that is no number", "Version: 13", "Version: new", 426)),
        spoken(changed("a list of versions", "Version: 13", "Version: 13, 8", 426)),
        spoken(changed("no version", VERSION, "", 426)),
        spoken(with("the version twice", "Sec-WebSocket-Version: 13", 426)),
        spoken(changed("no `Upgrade`", "Upgrade: websocket\r\n", "", 426)),
        spoken(changed("another `Upgrade`", "Upgrade: websocket", "Upgrade: h2c", 426)),
        spoken(changed("`Upgrade` that only begins so", "websocket", "websockets", 426)),
    ]
}

fn refused() -> Vec<Case> {
    let problem = |case: Case| Case { headers: PROBLEM, never: &["sec-websocket-accept"], ..case };
    vec![
        problem(changed("no `Connection`", "Connection: Upgrade\r\n", "", 400)),
        problem(changed(
            "`Connection` without `Upgrade`",
            "Connection: Upgrade",
            "Connection: close",
            400,
        )),
        problem(changed("no key", KEY, "", 400)),
        problem(changed("an empty key", "Key: dGhlIHNhbXBsZSBub25jZQ==", "Key: ", 400)),
        problem(changed(
            "a key of 15 bytes",
            "dGhlIHNhbXBsZSBub25jZQ==",
            "dGhlIHNhbXBsZSBub25j",
            400,
        )),
        problem(changed(
            "a key of 17 bytes",
            "dGhlIHNhbXBsZSBub25jZQ==",
            "dGhlIHNhbXBsZSBub25jZWU=",
            400,
        )),
        problem(changed("a key without its end", "ZQ==", "ZQ", 400)),
        problem(changed("a key that is no Base64", "dGhl", "d*hl", 400)),
        problem(changed("a key in the Base64 of addresses", "dGhl", "d_-l", 400)),
        problem(with("the key twice", KEY.trim_end(), 400)),
        problem(with("two keys", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", 400)),
        problem(changed("no `Host`", "Host: {host}\r\n", "", 400)),
        problem(with("`Host` twice", "Host: shop.example", 400)),
        problem(with("a body", "Content-Length: 2", 400)),
        problem(with("a body in chunks", "Transfer-Encoding: chunked", 400)),
        Case {
            never: &["sec-websocket-accept"],
            ..changed("another address", "/v1/widget", "/v1/nothing", 404)
        },
        Case {
            never: &["sec-websocket-accept"],
            ..changed("an address that is no socket", "/v1/widget", "/healthz", 200)
        },
    ]
}

fn origins() -> Vec<Case> {
    let forbidden =
        |case: Case| Case { headers: PROBLEM, never: &["sec-websocket-accept"], ..case };
    vec![
        with("a page of this machine, which the demo allows", "Origin: http://localhost:5173", 101),
        forbidden(with("a page of somebody else", "Origin: https://shop.example.net", 403)),
        forbidden(with(
            "a page of somebody else that begins right",
            "Origin: http://localhost.example",
            403,
        )),
        forbidden(with("a page without an origin", "Origin: null", 403)),
        forbidden(with("an empty origin", "Origin: ", 403)),
        forbidden(with("an origin with a path", "Origin: http://localhost:5173/x", 403)),
        forbidden(with(
            "two origins in one line",
            "Origin: http://localhost:1 http://localhost:2",
            403,
        )),
        forbidden(with(
            "two origins",
            "Origin: http://localhost:1\r\nOrigin: https://shop.example.net",
            403,
        )),
        forbidden(with(
            "the same origin twice",
            "Origin: http://localhost:1\r\nOrigin: http://localhost:1",
            403,
        )),
        forbidden(with("an origin that is no text", "Origin: http://l\u{f6}calhost", 403)),
    ]
}

fn heads() -> Vec<Case> {
    let many = "X-Many: 1\r\n".repeat(64);
    let long = format!("X-Long: {}", "a".repeat(9 * 1024));
    let address = format!("/v1/widget?{}", "a".repeat(9 * 1024));
    vec![
        with("a head of more than 8 KiB", &long, 431),
        with("more than 64 headers", many.trim_end(), 431),
        changed("an address of more than 8 KiB", "/v1/widget", &address, 431),
        changed("a space before a colon", "Version:", "Version :", 400),
        changed("a header over two lines", "Version: 13", "Version:\r\n 13", 400),
        changed("a header without a name", VERSION, ": 13\r\n", 400),
        changed("a line that is no header", VERSION, "what is this\r\n", 400),
        changed("a zero byte in a value", "Version: 13", "Version: 1\u{0}3", 400),
        changed("another version of HTTP", "HTTP/1.1", "HTTP/3.7", 400),
        changed("no version of HTTP", " HTTP/1.1", "", 400),
        changed("an address with a space", "/v1/widget", "/v1 /widget", 400),
        raw("HTTP/2 from the start", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HUNG_UP),
        raw("TLS on a plain address", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        raw("rubbish", b"\xff\xfe\xfd\r\n\r\n", 400),
    ]
}
