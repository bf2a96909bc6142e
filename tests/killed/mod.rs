//! A router that is a process of its own, to be killed at any moment, and clients that bear it.
#![allow(dead_code, unused_imports, reason = "each test uses a part of it")]

mod journal;
mod process;
mod rounds;

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

use crate::router::post;

pub use journal::facts;
pub use process::{Kill, Process};
pub use rounds::{Round, Rounds, killed_at_each_step};

/// Longest that a test waits for a frame, a step or an end before it fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A token for a seat of the demo shop.
pub fn seat_token(address: SocketAddr, user: &str) -> Value {
    let asked = json!({"shop": "demo", "user": user, "password": "demo"});
    post(address, "/v1/seat/session", &asked).1["token"].clone()
}

/// A socket whose other side may be gone at any moment.
pub struct Socket(WebSocket<TcpStream>);

impl Socket {
    /// Says hello with the last number seen of each conversation; gives what `welcome` says.
    pub fn hello(
        address: SocketAddr,
        path: &str,
        token: &Value,
        last_seq: &Value,
    ) -> (Self, Value) {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a bound");
        let url = format!("ws://{address}{path}");
        let (socket, _) = tungstenite::client(url, stream).expect("a socket");
        let mut socket = Self(socket);
        let resume = json!({"session": null, "last_seq": last_seq});
        socket.send(&json!({"type": "hello", "token": token, "resume": resume}));
        loop {
            let frame = socket.next().expect("a welcome");
            if frame["type"] == "welcome" {
                return (socket, frame);
            }
        }
    }

    /// Sends a frame, if anybody is there.
    pub fn send(&mut self, frame: &Value) {
        let _ = self.0.send(Message::text(frame.to_string()));
    }

    /// The next frame; `None` when nobody is there any more.
    pub fn next(&mut self) -> Option<Value> {
        loop {
            match self.0.read() {
                Ok(Message::Text(text)) => {
                    return Some(serde_json::from_str(&text).expect("JSON"));
                }
                Ok(Message::Close(_)) => return None,
                Ok(_) => {}
                Err(tungstenite::Error::Io(error))
                    if error.kind() == std::io::ErrorKind::WouldBlock =>
                {
                    panic!("no frame in time");
                }
                Err(_) => return None,
            }
        }
    }
}
