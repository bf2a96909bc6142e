//! The two HTTP calls that give a token. HTTP/1.1 by hand over a short-lived connection: one
//! request, one small JSON answer, so that the harness brings no HTTP client along.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// An answer longer than this is not one of ours.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Longest wait for an answer.
const ANSWER_WAIT: Duration = Duration::from_secs(10);
/// Longest wait for somebody to listen, as a router does that was started just before, and how often it is tried.
const LISTENER_WAIT: Duration = Duration::from_secs(5);
const LISTENER_PAUSE: Duration = Duration::from_millis(100);

/// Where the router listens.
#[derive(Clone, Debug)]
pub struct Target {
    pub address: SocketAddr,
    /// For the `Host` header.
    pub host: String,
    pub shop: String,
}

impl Target {
    /// Waits until somebody listens.
    ///
    /// # Errors
    /// When nobody does within 5 s.
    pub async fn listens(&self) -> Result<()> {
        let until = Instant::now() + LISTENER_WAIT;
        loop {
            let why = match timeout_at(until, TcpStream::connect(self.address)).await {
                Ok(Ok(_)) => return Ok(()),
                Ok(Err(why)) => why.to_string(),
                Err(_) => "no answer".to_owned(),
            };
            if Instant::now() + LISTENER_PAUSE >= until {
                bail!("no router listens at {}: {why}; start one, or name it by --url", self.host);
            }
            sleep(LISTENER_PAUSE).await;
        }
    }
}

/// What a session call gives.
#[derive(Debug, Deserialize)]
pub struct Session {
    pub token: String,
    /// The credential of an anonymous customer; seats have none.
    pub visitor: Option<String>,
}

/// Why no session came.
#[derive(Debug)]
pub enum Refused {
    /// The router answered: status, `code`, and how long to wait.
    Answer { status: u16, code: String, retry_after: Option<Duration> },
    /// No answer: refused, reset, or too slow.
    Transport(String),
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Answer { status, code, .. } => write!(f, "status {status}, code {code}"),
            Self::Transport(why) => f.write_str(why),
        }
    }
}

/// `POST /v1/widget/session`, for a new visitor or an earlier one.
///
/// # Errors
/// When the router refuses or cannot be reached.
pub async fn widget(target: &Target, visitor: Option<&str>) -> Result<Session, Refused> {
    let body = serde_json::json!({
        "shop": target.shop, "visitor": visitor, "locale": null, "time_zone": null, "identity": null,
    });
    post(target, "/v1/widget/session", &body.to_string()).await
}

/// `POST /v1/seat/session`.
///
/// # Errors
/// When the router refuses or cannot be reached.
pub async fn seat(target: &Target, user: &str, password: &str) -> Result<Session, Refused> {
    let body = serde_json::json!({"shop": target.shop, "user": user, "password": password});
    post(target, "/v1/seat/session", &body.to_string()).await
}

async fn post(target: &Target, path: &str, body: &str) -> Result<Session, Refused> {
    let exchange = timeout(ANSWER_WAIT, exchange(target, path, body));
    let answer = match exchange.await {
        Ok(Ok(answer)) => answer,
        Ok(Err(why)) => return Err(Refused::Transport(format!("{why:#}"))),
        Err(_) => return Err(Refused::Transport("no answer within 10 s".into())),
    };
    if answer.status == 201 {
        return serde_json::from_slice(&answer.body)
            .map_err(|why| Refused::Transport(format!("the session is not as documented: {why}")));
    }
    Err(refusal(&answer))
}

fn refusal(answer: &Answer) -> Refused {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Problem {
        code: String,
        retry_after_ms: Option<u64>,
    }
    let problem: Problem = serde_json::from_slice(&answer.body).unwrap_or_default();
    let code =
        if problem.code.is_empty() { format!("http_{}", answer.status) } else { problem.code };
    let retry_after = problem
        .retry_after_ms
        .map(Duration::from_millis)
        .or(answer.retry_after_s.map(Duration::from_secs));
    Refused::Answer { status: answer.status, code, retry_after }
}

struct Answer {
    status: u16,
    retry_after_s: Option<u64>,
    body: Vec<u8>,
}

async fn exchange(target: &Target, path: &str, body: &str) -> Result<Answer> {
    let mut stream = TcpStream::connect(target.address).await.context("connecting")?;
    stream.set_nodelay(true)?;
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nAccept: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        target.host,
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;

    let mut bytes = Vec::with_capacity(1024);
    loop {
        if let Some(answer) = parse(&bytes)? {
            return Ok(answer);
        }
        if bytes.len() > ANSWER_BYTES_MAX {
            bail!("the answer is longer than {ANSWER_BYTES_MAX} bytes");
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            bail!("the connection closed before the whole answer had come");
        }
    }
}

/// The answer, once all of it is there. Only bodies with a length are read: the router's JSON
/// answers have one.
fn parse(bytes: &[u8]) -> Result<Option<Answer>> {
    let Some(head_end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&bytes[..head_end]).context("the answer's head is not text")?;
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .and_then(|status| status.parse().ok())
        .context("the answer has no status")?;
    let (mut length, mut retry_after_s) = (0_usize, None);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().context("the answer's length is not a number")?;
        } else if name.eq_ignore_ascii_case("retry-after") {
            retry_after_s = value.parse().ok();
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            bail!("the answer has no length");
        }
    }
    let body = &bytes[head_end + 4..];
    if body.len() < length {
        return Ok(None);
    }
    Ok(Some(Answer { status, retry_after_s, body: body[..length].to_vec() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_complete_only_with_its_whole_body() {
        let whole = b"HTTP/1.1 201 Created\r\ncontent-length: 4\r\n\r\nabcd";

        for cut in 0..whole.len() {
            assert!(parse(&whole[..cut]).expect("a prefix is no error").is_none(), "cut {cut}");
        }
        let answer = parse(whole).expect("valid").expect("complete");
        assert_eq!((answer.status, answer.body.as_slice()), (201, b"abcd".as_slice()));
    }

    #[test]
    fn a_refusal_carries_its_code_and_its_wait() {
        let body = r#"{"status":429,"code":"rate_limited","retry_after_ms":null}"#;
        let head = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3\r\nContent-Length";
        let bytes = format!("{head}: {}\r\n\r\n{body}", body.len());

        let answer = parse(bytes.as_bytes()).expect("valid").expect("complete");

        match refusal(&answer) {
            Refused::Answer { status, code, retry_after } => {
                assert_eq!((status, code.as_str()), (429, "rate_limited"));
                assert_eq!(retry_after, Some(Duration::from_secs(3)));
            }
            Refused::Transport(why) => panic!("{why}"),
        }
    }
}
