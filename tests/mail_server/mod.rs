//! A mail server that takes letters over real sockets and keeps every copy, whatever its Message-ID says.
//! At a chosen step of a session it can do something, such as end the process at the other side.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::plan::{Plan, Session};

/// Where a session is when something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Connected,
    Greeted,
    Mail,
    Rcpt,
    Data,
    /// The first bytes of the letter are here, its end is not.
    Content,
    /// The end is here: the letter is kept, and the other side does not know that yet.
    Ended,
    /// The other side was told.
    Told,
    Quit,
}

/// A letter that was kept.
#[derive(Clone, Debug)]
pub struct Letter {
    pub from: String,
    pub to: String,
    /// Headers and text, without the dots that were added on the way.
    pub content: String,
}

impl Letter {
    /// The value of a header that stands on one line.
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.content.split("\r\n").take_while(|line| !line.is_empty());
        let value = |line: &'_ str| -> Option<usize> {
            let (key, _) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(key.len() + 2)
        };
        lines.filter_map(|line| value(line).map(|at| &line[at..])).next()
    }
}

#[derive(Default)]
struct Inner {
    letters: Vec<Letter>,
    /// What is said to the next recipients, in order, in place of "250".
    refusals: Vec<&'static str>,
    /// Sessions that ended after the letter was begun and before its end.
    cut_off: usize,
    /// Sessions that go on.
    sessions: usize,
    /// The most that went on at a time.
    sessions_most: usize,
    /// Sessions that there ever were.
    sessions_ever: usize,
    /// Nobody is answered at this step.
    held: Option<Step>,
    /// Recipients that were named.
    named: usize,
}

#[derive(Clone)]
pub struct MailServer {
    pub address: SocketAddr,
    shared: Arc<(Mutex<Inner>, Condvar)>,
    plan: Plan<Step>,
}

impl MailServer {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let shared = Arc::new((Mutex::new(Inner::default()), Condvar::new()));
        let server = Self { address, shared, plan: Plan::default() };
        let accepting = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = accepting.clone();
                {
                    let mut inner = server.inner();
                    inner.sessions += 1;
                    inner.sessions_ever += 1;
                    inner.sessions_most = inner.sessions_most.max(inner.sessions);
                }
                server.shared.1.notify_all();
                let session = server.plan.session();
                std::thread::spawn(move || {
                    let quit = server.serve(stream, &session);
                    server.inner().sessions -= 1;
                    server.shared.1.notify_all();
                    // Not before it is counted as over: the other side may begin the next one at once.
                    if let Ok(Some(mut out)) = quit {
                        let _ = out.write_all(b"221 bye\r\n");
                    }
                });
            }
        });
        server
    }

    /// Settings of a router that is a process of its own and sends its e-mail here.
    pub fn settings(&self) -> [String; 4] {
        [
            format!("email.server={}", self.address),
            "email.tls=none".to_owned(),
            "email.from=help@shop.example".to_owned(),
            "email.retry_first=100ms".to_owned(),
        ]
    }

    /// Has `act` done once, when a session that begins after now is at `step`.
    pub fn at(&self, step: Step, act: impl FnOnce() + Send + 'static) {
        self.plan.at(step, act);
    }

    /// Says this to the next recipients in place of "250".
    pub fn refuse(&self, refusals: &[&'static str]) {
        self.inner().refusals = refusals.iter().rev().copied().collect();
    }

    /// Answers nobody at `step` until [`Self::go_on`].
    pub fn hold(&self, step: Step) {
        self.inner().held = Some(step);
    }

    pub fn go_on(&self) {
        self.inner().held = None;
        self.shared.1.notify_all();
    }

    /// Sessions now, the most at a time, and all that there ever were.
    pub fn sessions(&self) -> (usize, usize, usize) {
        let inner = self.inner();
        (inner.sessions, inner.sessions_most, inner.sessions_ever)
    }

    /// How often somebody was named who is to get a letter.
    pub fn named(&self) -> usize {
        self.inner().named
    }

    /// Waits until the sessions are so: now, the most at a time, and ever.
    pub fn wait_for_sessions(&self, is_so: impl Fn((usize, usize, usize)) -> bool) {
        let (lock, news) = &*self.shared;
        let until = Instant::now() + Duration::from_secs(60);
        let mut inner = lock.lock().expect("nobody panics with it");
        while !is_so((inner.sessions, inner.sessions_most, inner.sessions_ever)) {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{} sessions of {}", inner.sessions, inner.sessions_ever);
            inner = news.wait_timeout(inner, left).expect("nobody panics with it").0;
        }
    }

    pub fn letters(&self) -> Vec<Letter> {
        self.inner().letters.clone()
    }

    pub fn cut_off(&self) -> usize {
        self.inner().cut_off
    }

    /// Waits until `count` letters were kept and nobody is connected, and gives all of them.
    pub fn wait_for(&self, count: usize) -> Vec<Letter> {
        let (lock, news) = &*self.shared;
        let until = Instant::now() + Duration::from_secs(60);
        let mut inner = lock.lock().expect("nobody panics with it");
        while inner.letters.len() < count || inner.sessions > 0 {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{} of {count} letters came", inner.letters.len());
            inner = news.wait_timeout(inner, left).expect("nobody panics with it").0;
        }
        inner.letters.clone()
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.shared.0.lock().expect("nobody panics with it")
    }

    fn reach(&self, session: &Session<Step>, step: Step) {
        session.reach(&step);
        let mut inner = self.inner();
        while inner.held == Some(step) {
            inner = self.shared.1.wait(inner).expect("nobody panics with it");
        }
    }

    /// One session; where to say goodbye if it ended by QUIT.
    fn serve(
        &self,
        stream: TcpStream,
        session: &Session<Step>,
    ) -> std::io::Result<Option<TcpStream>> {
        let mut out = stream.try_clone()?;
        let mut lines = BufReader::new(stream);
        let (mut from, mut to) = (String::new(), String::new());
        self.reach(session, Step::Connected);
        out.write_all(b"220 mail.example ready\r\n")?;
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line)? == 0 {
                return Ok(None);
            }
            let line = line.trim_end();
            let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
            match verb {
                "EHLO" => {
                    self.reach(session, Step::Greeted);
                    out.write_all(b"250-mail.example\r\n250 8BITMIME\r\n")?;
                }
                "MAIL" => {
                    self.reach(session, Step::Mail);
                    from = between_angles(rest);
                    out.write_all(b"250 ok\r\n")?;
                }
                "RCPT" => {
                    self.reach(session, Step::Rcpt);
                    to = between_angles(rest);
                    self.inner().named += 1;
                    let refusal = self.inner().refusals.pop();
                    let answer = refusal.unwrap_or("250 ok");
                    out.write_all(format!("{answer}\r\n").as_bytes())?;
                }
                "DATA" => {
                    self.reach(session, Step::Data);
                    out.write_all(b"354 go on\r\n")?;
                    let Some(content) = self.content(session, &mut lines)? else {
                        self.inner().cut_off += 1;
                        return Ok(None);
                    };
                    let letter = Letter { from: from.clone(), to: to.clone(), content };
                    self.inner().letters.push(letter);
                    self.shared.1.notify_all();
                    self.reach(session, Step::Ended);
                    out.write_all(b"250 kept\r\n")?;
                    self.reach(session, Step::Told);
                }
                "QUIT" => {
                    self.reach(session, Step::Quit);
                    return Ok(Some(out));
                }
                _ => out.write_all(b"500 what?\r\n")?,
            }
        }
    }

    /// The letter up to its end; `None` when the connection ends before.
    fn content(
        &self,
        session: &Session<Step>,
        lines: &mut impl BufRead,
    ) -> std::io::Result<Option<String>> {
        let mut content = String::new();
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line)? == 0 {
                return Ok(None);
            }
            self.reach(session, Step::Content);
            match line.strip_prefix('.') {
                Some("\r\n") => return Ok(Some(content)),
                Some(rest) => content.push_str(rest),
                None => content.push_str(&line),
            }
        }
    }
}

fn between_angles(text: &str) -> String {
    let inner = text.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inner.map_or(String::new(), |(inner, _)| inner.to_owned())
}
