//! One session with the server of a mailbox: the part of IMAP (RFC 9051, and RFC 3501 before it) that
//! fetching letters needs.
//!
//! A letter is looked at without being marked as read, and marked in a step of its own once it is kept.

use std::collections::BTreeMap;
use std::io;
use std::ops::RangeInclusive;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::config::EmailTls;

use super::letters::LETTER_BYTES_MAX;
use super::response::{Code, Fetch, Response, literal_after, parse};
use super::server::MailboxServer;

/// Longest response without a letter.
const RESPONSE_BYTES_MAX: u64 = 64 << 10;
/// What a server may say before it greets, or before a command is done, beside what was asked for.
const RESPONSES_MAX: usize = 10_000;

/// Why a mailbox cannot be read. Nothing of what the server said is repeated: it may be of a letter.
#[derive(Debug, thiserror::Error)]
pub enum ImapError {
    /// The connection failed.
    #[error("connection: {0}")]
    Connection(#[from] io::Error),
    /// A step took too long.
    #[error("the mailbox's server took too long")]
    TooLong,
    /// The server said what no such server says.
    #[error("the answer of the mailbox's server is not understood")]
    NotUnderstood,
    /// The server said more than was asked for.
    #[error("the mailbox's server says too much")]
    TooMuch,
    /// Something that is needed is not offered.
    #[error("the mailbox's server does not offer {0}")]
    NotOffered(&'static str),
    /// The server will not do it.
    #[error("the mailbox's server refuses {0}")]
    Refused(&'static str),
    /// The server ends the connection.
    #[error("the mailbox's server ends the connection")]
    Ends,
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection that has signed in.
pub(super) struct Session {
    stream: BufReader<Box<dyn Duplex>>,
    timeout: Duration,
    commands: u32,
    abilities: Vec<String>,
}

/// A folder that was opened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Folder {
    /// What the numbers of its letters are good for.
    pub(super) validity: u32,
    /// The number that the next letter gets at least.
    pub(super) next: u32,
}

impl Session {
    /// Connects, encrypts and signs in, as the server is set up.
    pub(super) async fn open(server: &MailboxServer) -> Result<Self, ImapError> {
        let connecting = TcpStream::connect((server.host.as_str(), server.port));
        let stream =
            timeout(server.timeout, connecting).await.map_err(|_| ImapError::TooLong)??;
        let mut session = match server.tls {
            EmailTls::Wrapped => encrypted(Box::new(stream), server).await?,
            EmailTls::StartTls | EmailTls::None => Self::over(Box::new(stream), server),
        };
        let is_known = session.greeting().await?;
        if server.tls == EmailTls::StartTls {
            // Who is greeted as known could not encrypt any more (RFC 9051, 7.1.4).
            session.learn().await?;
            if is_known || !session.can("STARTTLS") {
                return Err(ImapError::NotOffered("STARTTLS"));
            }
            session.command("STARTTLS", "STARTTLS").await?;
            // What came in clear behind the answer would pass for encrypted.
            if !session.stream.buffer().is_empty() {
                return Err(ImapError::NotUnderstood);
            }
            session = encrypted(session.stream.into_inner(), server).await?;
        }
        if !is_known {
            session.learn().await?;
            session.sign_in(server).await?;
        }
        // There may be more for who has signed in.
        session.learn().await?;
        Ok(session)
    }

    fn over(stream: Box<dyn Duplex>, server: &MailboxServer) -> Self {
        let stream = BufReader::new(stream);
        Self { stream, timeout: server.timeout, commands: 0, abilities: Vec::new() }
    }

    /// Whether the server knows already who we are.
    async fn greeting(&mut self) -> Result<bool, ImapError> {
        let read = timeout(self.timeout, self.response(RESPONSE_BYTES_MAX)).await;
        match parse(&read.map_err(|_| ImapError::TooLong)??) {
            Some(Response::Ok(_)) => Ok(false),
            Some(Response::PreAuth) => Ok(true),
            Some(Response::Bye) => Err(ImapError::Ends),
            _ => Err(ImapError::NotUnderstood),
        }
    }

    async fn learn(&mut self) -> Result<(), ImapError> {
        let mut abilities = Vec::new();
        self.ask("CAPABILITY", "CAPABILITY", RESPONSE_BYTES_MAX, |response| {
            if let Response::Capabilities(words) = response {
                abilities = words.into_iter().map(str::to_ascii_uppercase).collect();
            }
        })
        .await?;
        self.abilities = abilities;
        Ok(())
    }

    /// Whether the server can do something.
    pub(super) fn can(&self, ability: &str) -> bool {
        self.abilities.iter().any(|it| it == ability)
    }

    async fn sign_in(&mut self, server: &MailboxServer) -> Result<(), ImapError> {
        const STEP: &str = "the name and password";
        let (user, password) = (server.user.as_str(), server.password.reveal());
        if self.can("AUTH=PLAIN") {
            let tag = self.begin("AUTHENTICATE PLAIN").await?;
            let secret = STANDARD.encode(format!("\0{user}\0{password}"));
            return self.finish(STEP, &tag, RESPONSE_BYTES_MAX, Some(&secret), |_| {}).await;
        }
        let is_plain = |text: &str| text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if self.can("LOGINDISABLED") || !is_plain(user) || !is_plain(password) {
            return Err(ImapError::NotOffered("AUTH=PLAIN"));
        }
        self.command(STEP, &format!("LOGIN {} {}", quoted(user), quoted(password))).await
    }

    /// Opens a folder, `to_change` marks in it or only to look.
    pub(super) async fn folder(
        &mut self,
        name: &str,
        to_change: bool,
    ) -> Result<Folder, ImapError> {
        let verb = if to_change { "SELECT" } else { "EXAMINE" };
        let (mut validity, mut next) = (None, None);
        let command = format!("{verb} {}", quoted(name));
        self.ask("the folder", &command, RESPONSE_BYTES_MAX, |response| match response {
            Response::Ok(Some(Code::UidValidity(number))) => validity = Some(number),
            Response::Ok(Some(Code::UidNext(number))) => next = Some(number),
            _ => {}
        })
        .await?;
        let validity = validity.ok_or(ImapError::NotOffered("UIDVALIDITY"))?;
        Ok(Folder { validity, next: next.ok_or(ImapError::NotOffered("UIDNEXT"))? })
    }

    /// Whether there is a folder of this name to move letters to.
    pub(super) async fn must_have(&mut self, name: &str) -> Result<(), ImapError> {
        let command = format!("STATUS {} (UIDNEXT)", quoted(name));
        self.command("the folder of move_to", &command).await
    }

    /// The letters with numbers in `range`, and their sizes in bytes.
    pub(super) async fn letters(
        &mut self,
        range: RangeInclusive<u32>,
    ) -> Result<BTreeMap<u32, u64>, ImapError> {
        let mut letters = BTreeMap::new();
        let command = format!("UID FETCH {}:{} (UID RFC822.SIZE)", range.start(), range.end());
        self.ask("the list of letters", &command, RESPONSE_BYTES_MAX, |response| {
            if let Response::Fetch(Fetch { uid: Some(uid), size: Some(size), .. }) = response
                && range.contains(&uid)
            {
                letters.insert(uid, size);
            }
        })
        .await?;
        Ok(letters)
    }

    /// A letter as it came; `None` when it is not there any more.
    pub(super) async fn letter(&mut self, letter: u32) -> Result<Option<Bytes>, ImapError> {
        let mut raw = None;
        let command = format!("UID FETCH {letter} (UID BODY.PEEK[])");
        let bytes_max = LETTER_BYTES_MAX as u64 + RESPONSE_BYTES_MAX;
        self.ask("a letter", &command, bytes_max, |response| {
            if let Response::Fetch(Fetch { uid: Some(uid), body: Some(body), .. }) = response
                && uid == letter
            {
                raw = Some(Bytes::copy_from_slice(body));
            }
        })
        .await?;
        Ok(raw)
    }

    /// Marks a letter as read.
    pub(super) async fn mark(&mut self, letter: u32) -> Result<(), ImapError> {
        self.command("a mark", &format!("UID STORE {letter} +FLAGS.SILENT (\\Seen)")).await
    }

    /// Moves a letter to another folder.
    pub(super) async fn move_to(&mut self, letter: u32, folder: &str) -> Result<(), ImapError> {
        self.command("a move", &format!("UID MOVE {letter} {}", quoted(folder))).await
    }

    /// Takes leave; nothing depends on it.
    pub(super) async fn leave(mut self) {
        if let Ok(tag) = self.begin("LOGOUT").await {
            // The server says `BYE` before it is done.
            let _ = self.finish("LOGOUT", &tag, RESPONSE_BYTES_MAX, None, |_| {}).await;
        }
    }

    async fn command(&mut self, step: &'static str, command: &str) -> Result<(), ImapError> {
        self.ask(step, command, RESPONSE_BYTES_MAX, |_| {}).await
    }

    /// Has a command done, and hears what is said before its end.
    async fn ask(
        &mut self,
        step: &'static str,
        command: &str,
        bytes_max: u64,
        hear: impl FnMut(Response<'_>),
    ) -> Result<(), ImapError> {
        let tag = self.begin(command).await?;
        self.finish(step, &tag, bytes_max, None, hear).await
    }

    async fn begin(&mut self, command: &str) -> Result<String, ImapError> {
        self.commands += 1;
        let tag = format!("t{}", self.commands);
        self.write(&format!("{tag} {command}\r\n")).await?;
        Ok(tag)
    }

    /// Waits for the end of a command within its time, and gives `more` once when the server asks for it.
    async fn finish(
        &mut self,
        step: &'static str,
        tag: &str,
        bytes_max: u64,
        mut more: Option<&str>,
        mut hear: impl FnMut(Response<'_>),
    ) -> Result<(), ImapError> {
        let longest = self.timeout;
        let all = async {
            for _ in 0..RESPONSES_MAX {
                let response = self.response(bytes_max).await?;
                match parse(&response).ok_or(ImapError::NotUnderstood)? {
                    Response::Done { tag: done, is_ok: true } if done == tag => return Ok(()),
                    Response::Done { tag: done, .. } if done == tag => {
                        return Err(ImapError::Refused(step));
                    }
                    Response::Done { .. } => return Err(ImapError::NotUnderstood),
                    Response::Bye => return Err(ImapError::Ends),
                    Response::Continue => {
                        let more = more.take().ok_or(ImapError::NotUnderstood)?;
                        self.write(&format!("{more}\r\n")).await?;
                    }
                    other => hear(other),
                }
            }
            Err(ImapError::TooMuch)
        };
        timeout(longest, all).await.map_err(|_| ImapError::TooLong)?
    }

    async fn write(&mut self, text: &str) -> Result<(), ImapError> {
        let longest = self.timeout;
        let stream = self.stream.get_mut();
        let written = async {
            stream.write_all(text.as_bytes()).await?;
            stream.flush().await
        };
        Ok(timeout(longest, written).await.map_err(|_| ImapError::TooLong)??)
    }

    /// Reads a response with its literals.
    async fn response(&mut self, bytes_max: u64) -> Result<Vec<u8>, ImapError> {
        let mut response = Vec::new();
        let mut line_begins = 0;
        loop {
            let room = bytes_max.saturating_sub(response.len() as u64).min(RESPONSE_BYTES_MAX);
            let mut line = (&mut self.stream).take(room);
            line.read_until(b'\n', &mut response).await?;
            if response.last() != Some(&b'\n') || response.len() == line_begins {
                let is_full = response.len() as u64 >= bytes_max.min(RESPONSE_BYTES_MAX);
                let cut_off = || io::Error::from(io::ErrorKind::UnexpectedEof).into();
                return Err(if is_full { ImapError::TooMuch } else { cut_off() });
            }
            let Some(length) = literal_after(&response) else { return Ok(response) };
            if response.len() as u64 + length > bytes_max {
                return Err(ImapError::TooMuch);
            }
            let read = (&mut self.stream).take(length).read_to_end(&mut response).await?;
            if (read as u64) < length {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            line_begins = response.len();
        }
    }
}

async fn encrypted(stream: Box<dyn Duplex>, server: &MailboxServer) -> Result<Session, ImapError> {
    let connector = server.connector.as_ref().ok_or(ImapError::NotOffered("TLS"))?;
    let name = ServerName::try_from(server.host.clone());
    let name = name.map_err(|_| ImapError::NotOffered("a host name"))?;
    let handshake = connector.connect(name, stream);
    let stream = timeout(server.timeout, handshake).await.map_err(|_| ImapError::TooLong)??;
    Ok(Session::over(Box::new(stream), server))
}

/// A text between quotes. The settings hold no control characters.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
