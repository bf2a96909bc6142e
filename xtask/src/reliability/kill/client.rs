//! A client of `docs/protocol.md`: the two HTTP calls for a token, and a socket.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// Longest wait for an answer: a router that is killed may never give one.
const PATIENCE: Duration = Duration::from_secs(5);
/// Pause before the next try to reach a router that is not there.
pub const PAUSE: Duration = Duration::from_millis(20);

/// A token for a customer (a new one without `visitor`), and the handle.
pub async fn customer_token(
    address: SocketAddr,
    visitor: Option<&str>,
) -> Result<(String, String)> {
    let body = json!({"shop": "demo", "visitor": visitor, "locale": "en-GB"});
    let answer = post(address, "/v1/widget/session", &body).await?;
    let text = |name: &str| answer[name].as_str().map(str::to_owned).context("a field");
    Ok((text("token")?, text("visitor")?))
}

/// A token for a seat.
pub async fn seat_token(address: SocketAddr, user: &str) -> Result<String> {
    let body = json!({"shop": "demo", "user": user, "password": "demo"});
    let answer = post(address, "/v1/seat/session", &body).await?;
    answer["token"].as_str().map(str::to_owned).context("a token")
}

async fn post(address: SocketAddr, path: &str, body: &Value) -> Result<Value> {
    let body = body.to_string();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let mut answer = String::new();
    let asked = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request.as_bytes()).await?;
        stream.read_to_string(&mut answer).await
    };
    tokio::time::timeout(PATIENCE, asked).await.context("no answer in time")??;
    let (head, body) = answer.split_once("\r\n\r\n").context("no HTTP")?;
    ensure!(head.starts_with("HTTP/1.1 201"), "{head}");
    Ok(serde_json::from_str(body)?)
}

/// An open socket.
pub struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    /// Says hello with the last number seen of each conversation; gives what `welcome` says.
    pub async fn hello(
        address: SocketAddr,
        path: &str,
        token: &str,
        last_seq: Value,
    ) -> Result<(Self, Value)> {
        let opened = async {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let url = format!("ws://{address}{path}");
            let (socket, _) = tokio_tungstenite::client_async(url, stream).await?;
            let mut socket = Self(socket);
            let resume = json!({"session": null, "last_seq": last_seq});
            socket.send(&json!({"type": "hello", "token": token, "resume": resume})).await?;
            let welcome = socket.next().await?;
            ensure!(welcome["type"] == "welcome", "{welcome}");
            Ok((socket, welcome))
        };
        tokio::time::timeout(PATIENCE, opened).await.context("no welcome in time")?
    }

    /// Sends a frame.
    pub async fn send(&mut self, frame: &Value) -> Result<()> {
        Ok(self.0.send(Message::text(frame.to_string())).await?)
    }

    /// The next frame; an error when there is none in time, or the router is gone.
    pub async fn next(&mut self) -> Result<Value> {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.0.next()).await;
            match next.context("no frame in time")?.context("closed")?? {
                Message::Text(text) => return Ok(serde_json::from_str(&text)?),
                Message::Close(_) => anyhow::bail!("closed"),
                _ => {}
            }
        }
    }
}
