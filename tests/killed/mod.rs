//! A router that is a process of its own, to be killed at any moment, and clients that bear it.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

use crate::router::post;

/// Longest that a client waits for a frame before the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running router.
pub struct Process {
    child: Child,
    pub address: SocketAddr,
}

/// Ends a process at once, from wherever.
#[derive(Clone, Copy)]
pub struct Kill(Pid);

impl Kill {
    pub fn now(self) {
        kill_process(self.0, Signal::KILL).expect("it runs");
    }
}

impl Process {
    /// On the folders of data and shops below `folder`.
    pub fn start(folder: &Path, settings: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tradewind"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
        command.arg("--data").arg(folder.join("data"));
        let shops = format!("shops={}", folder.join("shops").display());
        let usual = [&shops, "journal.segment=1MiB", "understand.encoder=off", "log.level=error"];
        for setting in usual.iter().chain(settings) {
            command.args(["--set", setting]);
        }
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the router");
        let stdout = child.stdout.take().expect("a pipe");
        let first = BufReader::new(stdout).lines().next().expect("it says where it listens");
        let first = first.expect("a line");
        let address = first.strip_prefix("listening on http://").expect("an address");
        let address = address.parse().expect("an address");
        Self { child, address }
    }

    pub fn kill(&self) -> Kill {
        Kill(Pid::from_child(&self.child))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have been killed before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

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
