//! Mailboxes to read from over IMAP: a small server that does what it is told, a real one where Dovecot is
//! installed, and a way between that tells how far a session is.
#![allow(dead_code, reason = "each test uses a part of it")]

pub mod dovecot;
pub mod proxy;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

pub const PASSWORD: &str = "correct-horse";

/// A letter that lies in the mailbox.
#[derive(Clone, Debug, Default)]
pub struct Lying {
    pub raw: String,
    /// What the server says that it has, where that is not true.
    pub size: Option<usize>,
    /// What the server says in place of it when it is fetched; `""`: nothing.
    pub instead: Option<&'static str>,
    pub is_read: bool,
    /// The folder that it was moved to.
    pub moved_to: Option<String>,
}

#[derive(Default)]
pub struct Inner {
    pub letters: BTreeMap<u32, Lying>,
    pub validity: u32,
    /// Numbers of letters that were fetched whole, in order.
    pub fetched: Vec<u32>,
    /// Of each session that signed in, how many letters it fetched.
    pub sessions: Vec<usize>,
    /// Lists of letters that were asked for.
    pub lists: usize,
    /// Commands of this name are answered by these bytes, or by nothing where there are none.
    pub odd: Option<(&'static str, Vec<u8>)>,
    /// Marks are refused.
    pub refuses_marks: bool,
    pub connections: usize,
}

/// The server.
#[derive(Clone)]
pub struct Mailbox {
    pub address: SocketAddr,
    shared: Arc<(Mutex<Inner>, Condvar)>,
}

impl Mailbox {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let inner = Inner { validity: 7, ..Inner::default() };
        let mailbox = Self { address, shared: Arc::new((Mutex::new(inner), Condvar::new())) };
        let accepting = mailbox.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mailbox = accepting.clone();
                mailbox.inner().connections += 1;
                std::thread::spawn(move || drop(mailbox.serve(stream)));
            }
        });
        mailbox
    }

    pub fn inner(&self) -> MutexGuard<'_, Inner> {
        self.shared.0.lock().expect("nobody panics with it")
    }

    /// Puts a letter there, and gives its number.
    pub fn put(&self, raw: &str) -> u32 {
        let mut inner = self.inner();
        let number = inner.letters.last_key_value().map_or(1, |(last, _)| last + 1);
        inner.letters.insert(number, Lying { raw: raw.to_owned(), ..Lying::default() });
        number
    }

    pub fn is_read(&self, number: u32) -> bool {
        self.inner().letters[&number].is_read
    }

    /// Waits until the mailbox is so.
    pub fn wait_until(&self, what: &str, is_so: impl Fn(&Inner) -> bool) {
        let until = Instant::now() + Duration::from_secs(60);
        let mut inner = self.inner();
        while !is_so(&inner) {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "not in time: {what}");
            inner = self.shared.1.wait_timeout(inner, left).expect("nobody panics with it").0;
        }
    }

    /// Waits until two whole sessions have come after now.
    pub fn wait_for_looks(&self) {
        let before = self.inner().sessions.len();
        self.wait_until("two more looks", |inner| inner.sessions.len() >= before + 3);
    }

    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut out = stream.try_clone()?;
        let mut lines = BufReader::new(stream);
        out.write_all(b"* OK [ALERT]\xe2\x80\x93 ready {5}\r\n")?;
        let mut session = None;
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let line = line.trim_end().to_owned();
            let (tag, command) = line.split_once(' ').unwrap_or((&line, ""));
            let odd = self.inner().odd.clone().filter(|(name, _)| command.starts_with(name));
            if let Some((_, said)) = odd {
                if said.is_empty() {
                    // Silent until the other side gives up.
                    while lines.read_line(&mut String::new())? > 0 {}
                    return Ok(());
                }
                out.write_all(&said)?;
                continue;
            }
            if let Some(rest) = command.strip_prefix("LOGIN ") {
                let is_known = rest == format!("\"answers\" \"{PASSWORD}\"");
                if is_known {
                    let mut inner = self.inner();
                    session = Some(inner.sessions.len());
                    inner.sessions.push(0);
                }
                let said = if is_known { "OK" } else { "NO [AUTHENTICATIONFAILED]" };
                out.write_all(format!("{tag} {said} {rest}\r\n").as_bytes())?;
            } else if command == "LOGOUT" {
                out.write_all(format!("* BYE\r\n{tag} OK\r\n").as_bytes())?;
                self.shared.1.notify_all();
                return Ok(());
            } else {
                let said = self.answer(tag, command, session);
                out.write_all(&said)?;
            }
            self.shared.1.notify_all();
        }
    }

    fn answer(&self, tag: &str, command: &str, session: Option<usize>) -> Vec<u8> {
        let mut inner = self.inner();
        let words: Vec<&str> = command.split(' ').collect();
        let done = format!("{tag} OK done\r\n");
        match (words.as_slice(), session) {
            (["CAPABILITY"], _) => format!("* CAPABILITY IMAP4rev1 MOVE\r\n{done}").into_bytes(),
            (["SELECT" | "EXAMINE", "\"INBOX\""], Some(_)) => {
                let next = inner.letters.last_key_value().map_or(1, |(last, _)| last + 1);
                let Inner { validity, .. } = *inner;
                format!(
                    "* 2 EXISTS\r\n* FLAGS (\\Seen)\r\n* OK [UIDVALIDITY {validity}] ok\r\n\
                     * OK [UIDNEXT {next}] ok\r\n{done}"
                )
                .into_bytes()
            }
            (["STATUS", "\"Done\"", ..], Some(_)) => {
                format!("* STATUS Done (UIDNEXT 4)\r\n{done}").into_bytes()
            }
            (["UID", "FETCH", range, "(UID", "RFC822.SIZE)"], Some(_)) => {
                inner.lists += 1;
                let (first, last) = range.split_once(':').expect("a range");
                let range: std::ops::RangeInclusive<u32> =
                    first.parse().expect("a number")..=last.parse().expect("a number");
                let list = inner.letters.range(range);
                let list = list.filter(|(_, it)| it.moved_to.is_none()).map(|(number, it)| {
                    let size = it.size.unwrap_or(it.raw.len());
                    format!("* {number} FETCH (UID {number} RFC822.SIZE {size})\r\n")
                });
                (list.collect::<String>() + &done).into_bytes()
            }
            (["UID", "FETCH", number, "(UID", "BODY.PEEK[])"], Some(session)) => {
                let number: u32 = number.parse().expect("a number");
                inner.fetched.push(number);
                inner.sessions[session] += 1;
                match inner.letters[&number].instead {
                    Some("") => return Vec::new(),
                    Some(said) => return format!("{tag} {said}\r\n").into_bytes(),
                    None => {}
                }
                let raw = &inner.letters[&number].raw;
                let length = raw.len();
                format!("* 1 FETCH (UID {number} BODY[] {{{length}}}\r\n{raw})\r\n{done}")
                    .into_bytes()
            }
            (["UID", "STORE", ..], Some(_)) if inner.refuses_marks => {
                format!("{tag} NO [CANNOT] no marks\r\n").into_bytes()
            }
            (["UID", "STORE", number, "+FLAGS.SILENT", "(\\Seen)"], Some(_)) => {
                let number = number.parse().expect("a number");
                inner.letters.get_mut(&number).expect("it is there").is_read = true;
                done.into_bytes()
            }
            (["UID", "MOVE", number, folder], Some(_)) => {
                let number = number.parse().expect("a number");
                let letter = inner.letters.get_mut(&number).expect("it is there");
                letter.moved_to = Some(folder.trim_matches('"').to_owned());
                done.into_bytes()
            }
            _ => format!("{tag} BAD {command}?\r\n").into_bytes(),
        }
    }
}

/// What a shop's file says of a mailbox here.
pub fn settings(address: SocketAddr, more: &str) -> String {
    format!(
        "\n[email.imap]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nuser = \"answers\"\n\
         password_file = \"imap.password\"\nevery = \"1s\"\n{more}\n",
        address.port()
    )
}

/// A letter to an address, with an id and a text.
pub fn letter(to: &str, id: &str, headers: &str, body: &str) -> String {
    format!(
        "Message-ID: <{id}@example.org>\r\nFrom: ana@example.org\r\nTo: {to}\r\n\
         Subject: another subject\r\n{headers}\r\n{body}\r\n"
    )
}
