//! One session with a mail server (RFC 5321): a letter is transferred, and ended in a step of its own.
//!
//! Until the end is written the server has taken nothing, whatever happens to the connection; once it is
//! written the server may have. That is why [`Session::end`] stands alone.

use std::io;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::time::timeout;

use super::server::{Duplex, Login, MailServer};
use crate::channels::email::Letter;
use crate::config::EmailTls;

/// Longest line of an answer, five times what RFC 5321 allows.
const LINE_BYTES_MAX: u64 = 2_560;
/// Most lines of one answer.
const LINES_MAX: usize = 64;
/// RFC 5321, 4.5.3.2.6: a server that has the end may work on the letter before it says so.
const END_MAX: Duration = Duration::from_secs(600);

/// Why a letter was not sent. Nothing of what the server said is repeated: it may name the customer.
#[derive(Debug, thiserror::Error)]
pub enum NotSent {
    /// The connection failed.
    #[error("connection: {0}")]
    Connection(#[from] io::Error),
    /// The router ended before the server had said whether it took the letter.
    #[error("the router ended before the mail server's word")]
    CutOff,
    /// It cannot be noted that the letter is about to end.
    #[error("the data folder cannot be written: {0}")]
    NotNoted(io::Error),
    /// A step took too long.
    #[error("the mail server took too long")]
    TooLong,
    /// The server said what no mail server says.
    #[error("the mail server's answer is not understood")]
    NotUnderstood,
    /// Something that is needed is not offered.
    #[error("the mail server does not offer {0}")]
    NotOffered(&'static str),
    /// The server cannot be spoken to as it is set up, or not now.
    #[error("the mail server answers {code} to {step}")]
    NotNow {
        /// Its answer.
        code: u16,
        /// To what.
        step: &'static str,
    },
    /// The server will not take this letter, however often it is tried.
    #[error("the mail server refuses the letter: {code} to {step}")]
    Refused {
        /// Its answer.
        code: u16,
        /// To what.
        step: &'static str,
    },
}

/// A connection to a mail server that knows who we are.
pub struct Session {
    stream: BufReader<Box<dyn Duplex>>,
    step_max: Duration,
}

/// What a server has said.
struct Answer {
    code: u16,
    lines: Vec<String>,
}

impl Session {
    /// Connects, greets, encrypts and signs in, as the server is set up.
    ///
    /// # Errors
    /// Why that does not work; never [`NotSent::Refused`].
    pub async fn open(server: &MailServer) -> Result<Self, NotSent> {
        let connecting = server.dial.dial(&server.host, server.port);
        let stream = timeout(server.step_max, connecting).await.map_err(|_| NotSent::TooLong)??;
        let mut session = match server.tls {
            EmailTls::Wrapped => encrypted(stream, server).await?,
            EmailTls::StartTls | EmailTls::None => Self::over(stream, server),
        };
        session.answer().await?.must_be(220, "the connection")?;
        let mut offers = session.greet().await?;
        if server.tls == EmailTls::StartTls {
            if !offers.has("STARTTLS") {
                return Err(NotSent::NotOffered("STARTTLS"));
            }
            session.ask("STARTTLS").await?.must_be(220, "STARTTLS")?;
            // What came in clear behind the answer would pass for encrypted.
            if !session.stream.buffer().is_empty() {
                return Err(NotSent::NotUnderstood);
            }
            session = encrypted(session.stream.into_inner(), server).await?;
            offers = session.greet().await?;
        }
        if let Some(login) = &server.login {
            session.sign_in(login, &offers).await?;
        }
        Ok(session)
    }

    fn over(stream: Box<dyn Duplex>, server: &MailServer) -> Self {
        Self { stream: BufReader::new(stream), step_max: server.step_max }
    }

    async fn greet(&mut self) -> Result<Answer, NotSent> {
        // The name is only shown in the trace of the letter; an address literal is always valid.
        self.ask("EHLO [127.0.0.1]").await?.must_be(250, "EHLO")
    }

    async fn sign_in(&mut self, login: &Login, offers: &Answer) -> Result<(), NotSent> {
        let Login { user, password } = login;
        if offers.has_word("AUTH", "PLAIN") {
            let secret = STANDARD.encode(format!("\0{user}\0{password}"));
            self.ask(&format!("AUTH PLAIN {secret}")).await?.must_be(235, "AUTH")?;
        } else if offers.has_word("AUTH", "LOGIN") {
            self.ask("AUTH LOGIN").await?.must_be(334, "AUTH")?;
            self.ask(&STANDARD.encode(user)).await?.must_be(334, "AUTH")?;
            self.ask(&STANDARD.encode(password)).await?.must_be(235, "AUTH")?;
        } else {
            return Err(NotSent::NotOffered("AUTH PLAIN or AUTH LOGIN"));
        }
        Ok(())
    }

    /// Transfers a letter without its end.
    ///
    /// # Errors
    /// Why it cannot be; the server has taken nothing.
    pub async fn transfer(&mut self, letter: &Letter) -> Result<(), NotSent> {
        let Letter { from, to, content } = letter;
        self.ask(&format!("MAIL FROM:<{from}>")).await?.takes("MAIL")?;
        self.ask(&format!("RCPT TO:<{to}>")).await?.takes("RCPT")?;
        let answer = self.ask("DATA").await?;
        if answer.code != 354 {
            return Err(answer.refusal("DATA"));
        }
        self.write(&stuffed(content)).await
    }

    /// Ends the letter that was transferred. With any error but [`NotSent::Refused`] and
    /// [`NotSent::NotNow`] the server may have taken it nevertheless.
    ///
    /// # Errors
    /// Why the server has not said that it has taken it.
    pub async fn end(&mut self) -> Result<(), NotSent> {
        self.write(b".\r\n").await?;
        self.answer_within(END_MAX).await?.takes("the end of the letter")
    }

    /// Takes leave; nothing depends on it.
    pub async fn quit(mut self) {
        let _ = self.ask("QUIT").await;
    }

    async fn ask(&mut self, command: &str) -> Result<Answer, NotSent> {
        self.write(format!("{command}\r\n").as_bytes()).await?;
        self.answer().await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), NotSent> {
        let stream = self.stream.get_mut();
        let written = async {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        Ok(timeout(self.step_max, written).await.map_err(|_| NotSent::TooLong)??)
    }

    async fn answer(&mut self) -> Result<Answer, NotSent> {
        self.answer_within(self.step_max).await
    }

    async fn answer_within(&mut self, longest: Duration) -> Result<Answer, NotSent> {
        timeout(longest, self.read_answer()).await.map_err(|_| NotSent::TooLong)?
    }

    async fn read_answer(&mut self) -> Result<Answer, NotSent> {
        let mut lines = Vec::new();
        while lines.len() < LINES_MAX {
            let mut line = Vec::new();
            let mut limited = (&mut self.stream).take(LINE_BYTES_MAX);
            limited.read_until(b'\n', &mut line).await?;
            if line.is_empty() {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            let (code, is_last, text) = parse_line(&line).ok_or(NotSent::NotUnderstood)?;
            lines.push(text);
            if is_last {
                return Ok(Answer { code, lines });
            }
        }
        Err(NotSent::NotUnderstood)
    }
}

impl Answer {
    fn must_be(self, code: u16, step: &'static str) -> Result<Self, NotSent> {
        match self.code == code {
            true => Ok(self),
            false => Err(NotSent::NotNow { code: self.code, step }),
        }
    }

    /// Whether the server takes a part of the letter.
    fn takes(self, step: &'static str) -> Result<(), NotSent> {
        match self.code {
            200..300 => Ok(()),
            _ => Err(self.refusal(step)),
        }
    }

    fn refusal(&self, step: &'static str) -> NotSent {
        let code = self.code;
        match code {
            500..600 => NotSent::Refused { code, step },
            _ => NotSent::NotNow { code, step },
        }
    }

    fn has(&self, keyword: &str) -> bool {
        self.words(keyword).is_some()
    }

    fn has_word(&self, keyword: &str, word: &str) -> bool {
        self.words(keyword).is_some_and(|mut words| words.any(|it| it.eq_ignore_ascii_case(word)))
    }

    /// What stands behind a keyword that the server offers.
    fn words(&self, keyword: &str) -> Option<impl Iterator<Item = &str>> {
        self.lines.iter().find_map(|line| {
            let mut words = line.split_ascii_whitespace();
            words.next().filter(|first| first.eq_ignore_ascii_case(keyword)).map(|_| words)
        })
    }
}

async fn encrypted(stream: Box<dyn Duplex>, server: &MailServer) -> Result<Session, NotSent> {
    let connector = server.connector.as_ref().ok_or(NotSent::NotOffered("TLS"))?;
    let name = ServerName::try_from(server.host.clone());
    let name = name.map_err(|_| NotSent::NotOffered("a host name"))?;
    let handshake = connector.connect(name, stream);
    let stream = timeout(server.step_max, handshake).await.map_err(|_| NotSent::TooLong)??;
    Ok(Session::over(Box::new(stream), server))
}

/// Code, whether it is the last line, and the rest.
fn parse_line(line: &[u8]) -> Option<(u16, bool, String)> {
    let line = line.strip_suffix(b"\n")?;
    let line = std::str::from_utf8(line.strip_suffix(b"\r").unwrap_or(line)).ok()?;
    let code = line.get(..3).filter(|code| code.bytes().all(|byte| byte.is_ascii_digit()))?;
    let is_last = match line.as_bytes().get(3) {
        None | Some(b' ') => true,
        Some(b'-') => false,
        Some(_) => return None,
    };
    Some((code.parse().ok()?, is_last, line.get(4..).unwrap_or_default().to_owned()))
}

/// The content with a dot in front of every line that begins with one (RFC 5321, 4.5.2), ended by a
/// line break.
fn stuffed(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + 16);
    for line in content.split_inclusive(|byte| *byte == b'\n') {
        if line.first() == Some(&b'.') {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_a_dot_does_not_end_the_letter() {
        assert_eq!(stuffed(b"a\r\n.\r\n..b\r\n"), b"a\r\n..\r\n...b\r\n");
        assert_eq!(stuffed(b"no line break"), b"no line break\r\n");
    }

    #[test]
    fn lines_of_answers_are_read_and_others_are_not() {
        assert_eq!(parse_line(b"250-AUTH PLAIN\r\n"), Some((250, false, "AUTH PLAIN".to_owned())));
        assert_eq!(parse_line(b"354 go on\r\n"), Some((354, true, "go on".to_owned())));
        assert_eq!(parse_line(b"250\r\n"), Some((250, true, String::new())));
        for line in [&b"25 ok\r\n"[..], b"hello\r\n", b"250x\r\n", b"250 no end", b"\xff\r\n"] {
            assert_eq!(parse_line(line), None, "{line:?}");
        }
    }

    #[test]
    fn a_refusal_of_the_letter_is_final_and_one_of_the_moment_is_not() {
        let answer = |code| Answer { code, lines: Vec::new() };

        assert!(matches!(answer(550).takes("RCPT"), Err(NotSent::Refused { code: 550, .. })));
        assert!(matches!(answer(451).takes("RCPT"), Err(NotSent::NotNow { code: 451, .. })));
        assert!(matches!(answer(535).must_be(235, "AUTH"), Err(NotSent::NotNow { .. })));
        assert!(answer(251).takes("RCPT").is_ok());
    }
}
