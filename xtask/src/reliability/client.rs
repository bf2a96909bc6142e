//! A client of `docs/protocol.md`: the two HTTP calls for a token, and a socket.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// Longest wait for an answer: a router that is killed may never give one.
const PATIENCE: Duration = Duration::from_secs(5);
/// The library's own would be gigabytes for thousands of sockets.
const READ_BUFFER_BYTES: usize = 4 * 1024;
/// Connections from one address.
const PORTS_OF_ONE: u64 = 2_000;
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
    Ok(serde_json::from_str(&ask(address, &request, "201").await?)?)
}

/// The body of a page.
pub async fn get(address: SocketAddr, path: &str) -> Result<String> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    ask(address, &request, "200").await
}

/// The body of an answer with this status.
async fn ask(address: SocketAddr, request: &str, status: &str) -> Result<String> {
    let mut answer = String::new();
    let asked = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request.as_bytes()).await?;
        stream.read_to_string(&mut answer).await
    };
    tokio::time::timeout(PATIENCE, asked).await.context("no answer in time")??;
    let (head, body) = answer.split_once("\r\n\r\n").context("no HTTP")?;
    ensure!(head.starts_with(&format!("HTTP/1.1 {status}")), "{head}");
    Ok(body.to_owned())
}

/// The router has closed the socket with this code.
#[derive(Debug)]
pub struct Closed(pub Option<u16>);

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "closed with {:?}", self.0)
    }
}

impl std::error::Error for Closed {}

/// A connection from one of several loopback addresses, by `number`: one address has too few ports for
/// everybody, and time to wait for those that were closed.
pub async fn dial(address: SocketAddr, number: u64) -> Result<TcpStream> {
    let source = Ipv4Addr::from_bits(0x7f01_0000 + u32::try_from(number / PORTS_OF_ONE)?);
    let socket = TcpSocket::new_v4()?;
    socket.bind((source, 0).into())?;
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The WebSocket at `path`, before anything was said on it.
pub async fn upgrade(stream: TcpStream, path: &str) -> Result<WebSocketStream<TcpStream>> {
    let url = format!("ws://{}{path}", stream.peer_addr()?);
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER_BYTES);
    Ok(tokio_tungstenite::client_async_with_config(url, stream, Some(config)).await?.0)
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
            Self::hello_on(stream, path, token, last_seq).await
        };
        tokio::time::timeout(PATIENCE, opened).await.context("no welcome in time")?
    }

    /// The same on a connection that stands, however long it takes.
    pub async fn hello_on(
        stream: TcpStream,
        path: &str,
        token: &str,
        last_seq: Value,
    ) -> Result<(Self, Value)> {
        let mut socket = Self(upgrade(stream, path).await?);
        let resume = json!({"session": null, "last_seq": last_seq});
        socket.send(&json!({"type": "hello", "token": token, "resume": resume})).await?;
        let welcome = socket.wait().await?;
        ensure!(welcome["type"] == "welcome", "{welcome}");
        Ok((socket, welcome))
    }

    /// Sends a frame.
    pub async fn send(&mut self, frame: &Value) -> Result<()> {
        Ok(self.0.send(Message::text(frame.to_string())).await?)
    }

    /// The next frame; an error when there is none in time, or the router is gone.
    pub async fn next(&mut self) -> Result<Value> {
        tokio::time::timeout(PATIENCE, self.wait()).await.context("no frame in time")?
    }

    /// The next frame, however long it takes.
    ///
    /// # Errors
    /// [`Closed`] with its code when the router closes.
    pub async fn wait(&mut self) -> Result<Value> {
        loop {
            match self.0.next().await.context("ended")?? {
                Message::Text(text) => return Ok(serde_json::from_str(&text)?),
                Message::Close(close) => {
                    return Err(Closed(close.map(|close| close.code.into())).into());
                }
                _ => {}
            }
        }
    }
}
