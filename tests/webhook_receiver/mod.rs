//! A system of a shop that takes webhooks over real sockets, keeps every delivery, and looks at every
//! signature with an implementation that is not the router's. At a chosen step of a delivery it can do
//! something, such as end the process at the other side.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::plan::{Plan, Session};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// What the hooks of these tests are signed with.
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Where a delivery is when something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Connected,
    Head,
    Body,
    /// It is kept, and the other side does not know that yet.
    Kept,
    /// The other side was told.
    Answered,
}

/// A delivery that was kept.
#[derive(Clone)]
pub struct Delivery {
    pub id: String,
    /// As it came.
    pub bytes: Vec<u8>,
    pub body: Value,
    /// The status that it was answered with.
    pub status: u16,
    /// By how many keys it was signed.
    pub signatures: usize,
}

impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.id, self.status, self.body)
    }
}

#[derive(Default)]
struct Inner {
    deliveries: Vec<Delivery>,
    /// What the next deliveries are answered with; then `usual`.
    answers: VecDeque<u16>,
    usual: u16,
    connections: usize,
    /// The body of an answer.
    answer: String,
    /// Deliveries that are not answered yet, and the most that there were.
    open: usize,
    open_max: usize,
}

#[derive(Clone)]
pub struct Receiver {
    pub address: SocketAddr,
    shared: Arc<(Mutex<Inner>, Condvar)>,
    plan: Plan<Step>,
}

/// Writes the key, and gives the lines of a shop's file that name this hook.
pub fn hook(shop_folder: &Path, receiver: SocketAddr, events: &[&str], more: &str) -> String {
    std::fs::create_dir_all(shop_folder).expect("a folder");
    std::fs::write(shop_folder.join("hook.key"), format!("{SECRET}\n")).expect("a file");
    format!(
        "\n[[webhooks]]\nname = \"crm\"\nurl = \"http://{receiver}/in?from=router\"\n\
         events = {events:?}\nsecret_file = \"hook.key\"\n{more}\n"
    )
}

impl Receiver {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let inner = Inner { usual: 200, ..Inner::default() };
        let shared = Arc::new((Mutex::new(inner), Condvar::new()));
        let receiver = Self { address, shared, plan: Plan::default() };
        let accepting = receiver.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let receiver = accepting.clone();
                // Who sees the connection counted can wait for its session.
                let session = receiver.plan.session();
                receiver.inner().connections += 1;
                std::thread::spawn(move || receiver.serve(&stream, &session));
            }
        });
        receiver
    }

    /// Has `act` done once, when a delivery that begins after now is at `step`.
    pub fn at(&self, step: Step, act: impl FnOnce() + Send + 'static) {
        self.plan.at(step, act);
    }

    /// Answers the next deliveries so, and all others with `usual`.
    pub fn answer(&self, next: &[u16], usual: u16) {
        let mut inner = self.inner();
        inner.answers = next.iter().copied().collect();
        inner.usual = usual;
    }

    /// Answers with this body from now on.
    pub fn answer_with(&self, body: &str) {
        self.inner().answer = body.to_owned();
    }

    /// The most deliveries that were not answered at a time.
    pub fn open_max(&self) -> usize {
        self.inner().open_max
    }

    /// Waits until whoever has connected so far was served.
    pub fn wait_for_sessions_of_now(&self) {
        self.plan.wait_for_sessions_of_now();
    }

    pub fn connections(&self) -> usize {
        self.inner().connections
    }

    pub fn deliveries(&self) -> Vec<Delivery> {
        self.inner().deliveries.clone()
    }

    /// Waits until what was delivered is so, and gives it.
    pub fn wait_for(&self, is_so: impl Fn(&[Delivery]) -> bool) -> Vec<Delivery> {
        let (lock, news) = &*self.shared;
        let until = Instant::now() + Duration::from_secs(60);
        let mut inner = lock.lock().expect("nobody panics with it");
        while !is_so(&inner.deliveries) {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "only these came: {:#?}", inner.deliveries);
            inner = news.wait_timeout(inner, left).expect("nobody panics with it").0;
        }
        inner.deliveries.clone()
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.shared.0.lock().expect("nobody panics with it")
    }

    /// Takes one delivery; whoever breaks off has delivered nothing.
    fn serve(&self, mut stream: &TcpStream, session: &Session<Step>) -> Option<()> {
        session.reach(&Step::Connected);
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        assert_eq!(line.trim_end(), "POST /in?from=router HTTP/1.1");
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        session.reach(&Step::Head);
        let length = headers.get("content-length")?.parse().expect("a length");
        let mut bytes = vec![0; length];
        reader.read_exact(&mut bytes).ok()?;
        session.reach(&Step::Body);
        let id = headers["webhook-id"].clone();
        let signatures = check_signature(&headers, &bytes);
        let body = serde_json::from_slice(&bytes).expect("JSON");
        let status = {
            let mut inner = self.inner();
            let status = inner.answers.pop_front().unwrap_or(inner.usual);
            inner.deliveries.push(Delivery { id, bytes, body, status, signatures });
            inner.open += 1;
            inner.open_max = inner.open_max.max(inner.open);
            status
        };
        self.shared.1.notify_all();
        session.reach(&Step::Kept);
        let body = {
            let mut inner = self.inner();
            inner.open -= 1;
            inner.answer.clone()
        };
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status} so\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        stream.write_all(answer.as_bytes()).ok()?;
        session.reach(&Step::Answered);
        Some(())
    }
}

/// That one of the keys is [`SECRET`]; how many there are.
fn check_signature(headers: &BTreeMap<String, String>, body: &[u8]) -> usize {
    let key = SECRET.strip_prefix("whsec_").expect("the form of the specification");
    let key = STANDARD.decode(key).expect("base64");
    let (id, sent_at) = (&headers["webhook-id"], &headers["webhook-timestamp"]);
    let signed = [format!("{id}.{sent_at}.").as_bytes(), body].concat();
    let signatures = headers["webhook-signature"].split(' ').map(|signature| {
        let signature = signature.strip_prefix("v1,").expect("version 1");
        STANDARD.decode(signature).expect("base64")
    });
    let signatures: Vec<_> = signatures.collect();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &key);
    let is_good = |signature: &Vec<u8>| ring::hmac::verify(&key, &signed, signature).is_ok();
    assert!(signatures.iter().any(is_good), "signed with the key of the hook");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let age = now.expect("after 1970").as_secs().abs_diff(sent_at.parse().expect("seconds"));
    assert!(age < 300, "signed {age} s ago");
    signatures.len()
}
