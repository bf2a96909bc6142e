//! Connections that begin and do not go on: each is let go of at a deadline, whatever it dribbles.

#[path = "router/mod.rs"]
mod router;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use router::{Client, Router, config, get, write_shop};

/// Short deadlines, so that the tests are. Real ones are 5 s and 10 s.
const DEADLINES: &str =
    "[timers]\nhandshake = \"400ms\"\nheartbeat = \"300ms\"\npeer_dead_after = \"1s\"\n";
const HANDSHAKE: Duration = Duration::from_millis(400);
/// How late a busy machine may be.
const LATE_MAX: Duration = Duration::from_secs(15);
/// Pause between two bytes that are dribbled.
const DRIBBLE: Duration = Duration::from_millis(40);

fn router(lines: &str) -> (Router, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    write_shop(folder.path(), "first", str::to_owned);
    let router = Router::start(config(folder.path(), &format!("{DEADLINES}{lines}")));
    (router.expect("a router"), folder)
}

/// Sends `bytes` one by one, the last of them again and again, until the router lets go; gives how long
/// that took, and what it said.
fn dribbled(address: SocketAddr, bytes: &[u8]) -> (Duration, String) {
    let began = Instant::now();
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(DRIBBLE)).expect("a bound");
    let mut bytes = bytes.iter().chain(std::iter::repeat(bytes.last().unwrap_or(&b'x')));
    let mut said = Vec::new();
    let mut buffer = [0; 1024];
    while began.elapsed() < LATE_MAX {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => said.extend_from_slice(&buffer[..read]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                // The router may have closed just now: the next read says so.
                let _ = bytes.next().map(|byte| stream.write_all(&[*byte]));
            }
            Err(_) => break,
        }
    }
    (began.elapsed(), String::from_utf8_lossy(&said).into_owned())
}

/// Holds a connection that says nothing; gives how long the router did.
fn silent(address: SocketAddr) -> Duration {
    let began = Instant::now();
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(LATE_MAX)).expect("a bound");
    let _ = stream.read(&mut [0; 64]);
    began.elapsed()
}

fn is_at_the_deadline(took: Duration) -> bool {
    took >= HANDSHAKE - Duration::from_millis(20) && took < LATE_MAX
}

#[test]
fn a_head_that_does_not_come_or_is_dribbled_ends_at_the_deadline() {
    let (router, _folder) = router("");

    let nothing = silent(router.address);
    let (dribbled, _) = dribbled(router.address, b"GET /v1/widget HTTP/1.1\r\nHost: x\r\nX: yyyyy");
    let management = silent(router.admin_address);

    assert!(is_at_the_deadline(nothing), "{nothing:?}");
    assert!(is_at_the_deadline(dribbled), "{dribbled:?}");
    assert!(is_at_the_deadline(management), "{management:?}");
}

#[test]
fn a_body_that_is_dribbled_is_refused_at_the_deadline() {
    let (router, _folder) = router("");
    let mut stream = TcpStream::connect(router.address).expect("a connection");
    stream.set_read_timeout(Some(LATE_MAX)).expect("a bound");
    let head = "POST /v1/seat/session HTTP/1.1\r\nHost: x\r\nContent-Length: 4000\r\n\r\n{";
    let began = Instant::now();
    stream.write_all(head.as_bytes()).expect("sent");

    let mut answer = [0; 12];
    stream.read_exact(&mut answer).expect("an answer");

    assert_eq!(&answer, b"HTTP/1.1 400");
    assert!(is_at_the_deadline(began.elapsed()));
}

#[test]
fn a_socket_without_hello_is_closed_with_its_code_at_the_deadline() {
    let (router, _folder) = router("");
    let began = Instant::now();

    let mut clients = ["/v1/widget", "/v1/seat"].map(|path| Client::connect(router.address, path));
    let codes = clients.each_mut().map(Client::close_code);

    assert_eq!(codes, [4003, 4003]);
    assert!(is_at_the_deadline(began.elapsed()));
}

#[test]
fn a_head_that_is_too_long_or_has_too_many_lines_is_refused_at_once() {
    let (router, _folder) = router("");
    let long = format!("X-Long: {}\r\n", "y".repeat(9_000));
    let many: String = (0..70).map(|n| format!("X-{n}: y\r\n")).collect();
    let began = Instant::now();

    assert_eq!(get(router.address, "/healthz", &long).0, 431);
    assert_eq!(get(router.address, "/healthz", &many).0, 431);
    let some: String = (0..40).map(|n| format!("X-{n}: y\r\n")).collect();
    assert_eq!(get(router.address, "/healthz", &some).0, 200);
    assert!(began.elapsed() < LATE_MAX);
}

#[test]
fn who_asks_and_does_not_read_is_let_go_of() {
    let (router, _folder) = router("[gateway]\naddress_connections_max = 1\n");
    let mut stream = TcpStream::connect(router.address).expect("a connection");
    let ask = "GET /assets/seat.js HTTP/1.1\r\nHost: x\r\n\r\n";
    // More than any buffer on the way takes.
    stream.set_nonblocking(true).expect("a mode");
    let mut asked = ask.repeat(400).into_bytes();
    while let Ok(sent) = stream.write(&asked) {
        asked.drain(..sent);
        if asked.is_empty() {
            break;
        }
    }

    let began = Instant::now();
    let mut is_free = false;
    while !is_free && began.elapsed() < LATE_MAX {
        let mut other = TcpStream::connect(router.address).expect("a connection");
        other.set_read_timeout(Some(DRIBBLE)).expect("a bound");
        let _ = other.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
        let mut answer = [0; 12];
        is_free = other.read_exact(&mut answer).is_ok() && &answer == b"HTTP/1.1 200";
    }

    assert!(is_free, "its place is still taken");
    assert!(began.elapsed() >= Duration::from_millis(500), "it was never taken");
    drop(stream);
}

#[test]
fn a_tls_handshake_that_is_not_finished_ends_at_the_deadline() {
    let folder = tempfile::tempdir().expect("a folder");
    write_shop(folder.path(), "first", str::to_owned);
    let (certificate, key) = certificate(folder.path());
    let lines = format!("tls_certificate = \"{certificate}\"\ntls_key = \"{key}\"\n{DEADLINES}");
    let router = Router::start(config(folder.path(), &lines)).expect("a router");

    let nothing = silent(router.address);
    // The beginning of a ClientHello that says it is longer than what comes.
    let (dribbled, _) = dribbled(router.address, &[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3, 0]);

    assert!(is_at_the_deadline(nothing), "{nothing:?}");
    assert!(is_at_the_deadline(dribbled), "{dribbled:?}");
}

fn certificate(folder: &Path) -> (String, String) {
    let key = rcgen::KeyPair::generate().expect("a key");
    let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let certificate = params.self_signed(&key).expect("a certificate");
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    (write("chain.pem", certificate.pem()), write("key.pem", key.serialize_pem()))
}

#[test]
fn a_connection_that_is_kept_open_and_asks_nothing_more_ends_at_the_deadline() {
    let (router, _folder) = router("");
    let mut stream = TcpStream::connect(router.address).expect("a connection");
    stream.set_read_timeout(Some(LATE_MAX)).expect("a bound");
    let began = Instant::now();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");

    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("its end");

    assert!(answer.starts_with(b"HTTP/1.1 200"));
    assert!(is_at_the_deadline(began.elapsed()), "{:?}", began.elapsed());
}
