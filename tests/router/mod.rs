//! A whole router in the test's process, with clients over real sockets.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tradewind::app::{App, StartError};
use tradewind::config::{Config, Sources};
use tungstenite::{Message, WebSocket};

/// Longest that a client waits for a frame before the test fails.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Router {
    app: Option<App>,
    pub address: SocketAddr,
    pub admin_address: SocketAddr,
    runtime: tokio::runtime::Runtime,
}

/// Settings of a test: `lines` beside free addresses and folders below `folder`.
pub fn config(folder: &Path, lines: &str) -> Config {
    let text = format!(
        "data = {:?}\nshops = {:?}\n[server]\nlisten = \"127.0.0.1:0\"\n\
         admin_listen = \"127.0.0.1:0\"\n{lines}",
        folder.join("data"),
        folder.join("shops"),
    );
    let file = Some((PathBuf::from("test.toml"), text));
    Config::resolve(&Sources { file, ..Sources::default() }).expect("settings").config
}

impl Router {
    pub fn start(config: Config) -> Result<Self, StartError> {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let app = runtime.block_on(App::start(config))?;
        let (address, admin_address) = (app.address, app.admin_address);
        Ok(Self { app: Some(app), address, admin_address, runtime })
    }

    pub fn customer(&self, shop: &str) -> Client {
        let session = visitor(self.address, shop, &Value::Null);
        Client::hello(self.address, "/v1/widget", &session["token"], &Value::Null).0
    }

    /// A seat that is ready.
    pub fn seat(&self, shop: &str, user: &str) -> Client {
        let asked = json!({"shop": shop, "user": user, "password": "demo"});
        let token = post(self.address, "/v1/seat/session", &asked).1["token"].clone();
        let (mut client, _) = Client::hello(self.address, "/v1/seat", &token, &Value::Null);
        client.send(&json!({"type": "state", "state": "ready"}));
        client.next("state");
        client
    }

    pub fn metric(&self, line: &str) -> f64 {
        metric(self.admin_address, line)
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        if let Some(app) = self.app.take() {
            self.runtime.block_on(app.stop());
        }
    }
}

pub struct Client {
    socket: WebSocket<TcpStream>,
    next_id: u128,
}

impl Client {
    /// A socket that said hello with what it holds, and what `welcome` said.
    pub fn hello(address: SocketAddr, path: &str, token: &Value, resume: &Value) -> (Self, Value) {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a bound");
        let url = format!("ws://{address}{path}");
        let (socket, _) = tungstenite::client(url, stream).expect("a socket");
        let mut client = Self { socket, next_id: 1 };
        client.send(&json!({"type": "hello", "token": token, "resume": resume}));
        let welcome = client.next("welcome");
        (client, welcome)
    }

    pub fn send(&mut self, frame: &Value) {
        self.socket.send(Message::text(frame.to_string())).expect("sent");
    }

    pub fn say(&mut self, text: &str) {
        let id = uuid::Uuid::from_u128(self.next_id);
        self.next_id += 1;
        self.send(&json!({"type": "send", "id": id, "conversation": null, "text": text}));
    }

    /// The next frame of any type; `None` when the router has closed the socket.
    pub fn any(&mut self) -> Option<Value> {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    return Some(serde_json::from_str(&text).expect("JSON"));
                }
                Ok(Message::Close(_)) => return None,
                Ok(_) => {}
                Err(error) => panic!("a frame in time: {error}"),
            }
        }
    }

    /// The next frame of this type, or event of this kind; what comes before it is passed over.
    pub fn next(&mut self, name: &str) -> Value {
        loop {
            let text = match self.socket.read().expect("a frame in time") {
                Message::Text(text) => text,
                _ => continue,
            };
            let frame: Value = serde_json::from_str(&text).expect("JSON");
            if frame["type"] == name || frame["kind"] == name {
                return frame;
            }
            assert!(frame["type"] != "error", "{frame}");
        }
    }
}

/// A token of a customer, and the handle by which the customer is known again.
pub fn visitor(address: SocketAddr, shop: &str, visitor: &Value) -> Value {
    let asked = json!({"shop": shop, "visitor": visitor, "locale": "en-GB", "time_zone": null,
        "identity": null});
    post(address, "/v1/widget/session", &asked).1
}

/// Status and body of a `GET`.
pub fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let asked = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    request(address, &asked)
}

/// Status and JSON body of a request.
pub fn post(address: SocketAddr, path: &str, body: &Value) -> (u16, Value) {
    let (body, length) = (body.to_string(), body.to_string().len());
    let (status, body) = request(
        address,
        &format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        ),
    );
    (status, serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}")))
}

/// The value of the metric on a line that begins with `line`.
pub fn metric(address: SocketAddr, line: &str) -> f64 {
    let (_, body) = get(address, "/metrics");
    let value = body.lines().find_map(|it| it.strip_prefix(line)).expect("such a metric");
    value.trim().parse().expect("a number")
}

fn request(address: SocketAddr, text: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a bound");
    stream.write_all(text.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.expect("a status"), body.to_owned())
}
