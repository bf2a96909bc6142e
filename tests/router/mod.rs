//! A whole router in the test's process, with clients over real sockets.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tradewind::app::{App, ReadSettings, StartError};
use tradewind::config::shop::ShopFiles;
use tradewind::config::{Config, Mistakes, Sources};
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

/// Longest that a client waits for a frame before the test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// The id of the next message of any client.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

pub struct Router {
    app: Option<App>,
    pub address: SocketAddr,
    pub admin_address: SocketAddr,
    runtime: tokio::runtime::Runtime,
}

/// Settings of a test: `lines` beside free addresses and folders below `folder`.
pub fn config(folder: &Path, lines: &str) -> Config {
    try_config(folder, lines).expect("settings")
}

/// The same with what is wrong in `lines`.
pub fn try_config(folder: &Path, lines: &str) -> Result<Config, Mistakes> {
    let text = format!(
        "data = {:?}\nshops = {:?}\n[server]\nlisten = \"127.0.0.1:0\"\n\
         admin_listen = \"127.0.0.1:0\"\n{lines}",
        folder.join("data"),
        folder.join("shops"),
    );
    let file = Some((PathBuf::from("test.toml"), text));
    Config::resolve(&Sources { file, ..Sources::default() }).map(|loaded| loaded.config)
}

/// Writes a shop called `name`, which is the demo shop with `edit` done to its `shop.toml`.
pub fn write_shop(folder: &Path, name: &str, edit: impl Fn(&str) -> String) {
    for (file, text) in &ShopFiles::demo().0 {
        let path = folder.join("shops").join(name).join(file);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        let own_name = |text: &str| text.replace("id = \"demo\"", &format!("id = \"{name}\""));
        let text = if file == "shop.toml" { edit(&own_name(text)) } else { text.clone() };
        std::fs::write(path, text).expect("a file");
    }
}

/// The text of a shop that is closed today and tomorrow, of one that is always open.
pub fn closed(text: &str) -> String {
    let now = jiff::Zoned::now().in_tz("UTC").expect("UTC");
    let opens = now.checked_add(jiff::Span::new().days(3)).expect("a day");
    text.replace(
        "open = [\"always\"]",
        &format!("open = [\"{} 09:00-10:00\"]", opens.strftime("%a")),
    )
}

/// The text of a shop whose seats of the day are at work whenever the test runs.
pub fn always_at_work(text: &str) -> String {
    text.replace("shifts = [\"Mon-Fri 09:00-18:00\"]", "shifts = [\"always\"]")
}

impl Router {
    pub fn start(config: Config) -> Result<Self, StartError> {
        let same = config.clone();
        Self::start_from(config, Box::new(move || Ok(same.clone())))
    }

    /// One that may find other settings later.
    pub fn start_from(config: Config, read_again: ReadSettings) -> Result<Self, StartError> {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let app = runtime.block_on(App::start_from(config, read_again))?;
        let (address, admin_address) = (app.address, app.admin_address);
        Ok(Self { app: Some(app), address, admin_address, runtime })
    }

    pub fn customer(&self, shop: &str) -> Client {
        let session = visitor(self.address, shop, &Value::Null);
        Client::open(self.address, "/v1/widget", &session["token"])
    }

    /// A customer whose identity the shop's own server vouches for.
    pub fn proved_customer(&self, shop: &str, identity: &Value) -> Client {
        let asked = json!({"shop": shop, "identity": identity});
        let (status, granted) = post(self.address, "/v1/widget/session", &asked);
        assert_eq!(status, 201, "{granted}");
        Client::open(self.address, "/v1/widget", &granted["token"])
    }

    /// A seat that is ready.
    pub fn seat(&self, shop: &str, user: &str) -> Client {
        let asked = json!({"shop": shop, "user": user, "password": "demo"});
        let token = post(self.address, "/v1/seat/session", &asked).1["token"].clone();
        let mut client = Client::open(self.address, "/v1/seat", &token);
        client.send(&json!({"type": "state", "state": "ready"}));
        client.next("state");
        client
    }

    pub fn metric(&self, line: &str) -> f64 {
        metric(self.admin_address, line)
    }
}

impl Router {
    /// Stops before the router is dropped, as for another one on the same folder.
    pub fn stop(&mut self) {
        if let Some(app) = self.app.take() {
            self.runtime.block_on(app.stop());
        }
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        self.stop();
    }
}

pub struct Client {
    socket: WebSocket<TcpStream>,
}

impl Client {
    /// A connection that has said hello and was welcomed.
    pub fn open(address: SocketAddr, path: &str, token: &Value) -> Self {
        Self::hello(address, path, token, &Value::Null).0
    }

    /// The same with what it holds, and what `welcome` said.
    pub fn hello(address: SocketAddr, path: &str, token: &Value, resume: &Value) -> (Self, Value) {
        let mut client = Self::connect(address, path);
        client.send(&json!({"type": "hello", "token": token, "resume": resume}));
        let welcome = client.next("welcome");
        (client, welcome)
    }

    /// A connection that has not said anything.
    pub fn connect(address: SocketAddr, path: &str) -> Self {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a bound");
        let url = format!("ws://{address}{path}");
        let (socket, _) = tungstenite::client(url, stream).expect("a socket");
        Self { socket }
    }

    /// The same from a page of `origin`.
    pub fn connect_from(address: SocketAddr, path: &str, origin: &str) -> Self {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a bound");
        let url = format!("ws://{address}{path}");
        let mut request = url.into_client_request().expect("a request");
        request.headers_mut().insert("origin", origin.parse().expect("an origin"));
        let (socket, _) = tungstenite::client(request, stream).expect("a socket");
        Self { socket }
    }

    pub fn send(&mut self, frame: &Value) {
        self.socket.send(Message::text(frame.to_string())).expect("sent");
    }

    pub fn say(&mut self, text: &str) {
        // One count for all clients: two connections of one customer share the ids of messages.
        let id = uuid::Uuid::from_u128(NEXT_ID.fetch_add(1, Ordering::Relaxed).into());
        self.send(&json!({"type": "send", "id": id, "conversation": null, "text": text}));
    }

    /// Sends a frame that is refused, and gives the code of the error that answers it.
    pub fn refused(&mut self, frame: &Value) -> String {
        self.send(frame);
        loop {
            let frame = self.any().expect("an answer");
            if frame["type"] == "error" {
                return frame["code"].as_str().expect("a code").to_owned();
            }
        }
    }

    /// Sends frames, and gives how many of them are refused with this code.
    pub fn refused_of(&mut self, frames: &[Value], code: &str) -> usize {
        frames.iter().for_each(|frame| self.send(frame));
        self.send(&json!({"type": "ping"}));
        let mut refused = 0;
        loop {
            let frame = self.any().expect("an answer");
            match frame["type"].as_str() {
                Some("error") if frame["code"] == code => refused += 1,
                Some("pong") => return refused,
                _ => {}
            }
        }
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
        self.next_of_any(&[name])
    }

    /// The next frame of any of these types, or event of these kinds.
    pub fn next_of_any(&mut self, names: &[&str]) -> Value {
        loop {
            let text = match self.socket.read().expect("a frame in time") {
                Message::Text(text) => text,
                _ => continue,
            };
            let frame: Value = serde_json::from_str(&text).expect("JSON");
            if names.iter().any(|name| frame["type"] == *name || frame["kind"] == *name) {
                return frame;
            }
            assert!(frame["type"] != "error", "{frame}");
        }
    }

    /// Reads what has come until the router closes the socket: the last number of an event, and the code;
    /// `None` when the connection broke without one.
    pub fn read_to_the_end(&mut self) -> (u64, Option<u16>) {
        let mut last = 0;
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    let frame: Value = serde_json::from_str(&text).expect("JSON");
                    last = frame["seq"].as_u64().unwrap_or(last);
                }
                Ok(Message::Close(close)) => return (last, close.map(|close| close.code.into())),
                Ok(_) => {}
                Err(_) => return (last, None),
            }
        }
    }

    /// The code with which the router closes the socket; what comes before it is passed over.
    pub fn close_code(&mut self) -> u16 {
        loop {
            if let Message::Close(Some(close)) = self.socket.read().expect("a close in time") {
                return close.code.into();
            }
        }
    }
}

/// A token of a customer, and the handle by which the customer is known again.
pub fn visitor(address: SocketAddr, shop: &str, visitor: &Value) -> Value {
    let asked = json!({"shop": shop, "visitor": visitor, "locale": "en-GB", "time_zone": null,
        "identity": null});
    post(address, "/v1/widget/session", &asked).1
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

/// Status and body of a request with a bearer token; an empty one is left out.
pub fn ask(
    address: SocketAddr,
    (method, path): (&str, &str),
    bearer: &str,
    body: &Value,
) -> (u16, String) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let token = match bearer {
        "" => String::new(),
        token => format!("Authorization: Bearer {token}\r\n"),
    };
    let length = body.len();
    request(
        address,
        &format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\n{token}Content-Length: {length}\r\n\
             Connection: close\r\n\r\n{body}"
        ),
    )
}

/// The value of the metric on a line that begins with `line`.
pub fn metric(address: SocketAddr, line: &str) -> f64 {
    let (_, body) = get(address, "/metrics", "");
    let value = body.lines().find_map(|it| it.strip_prefix(line)).expect("such a metric");
    value.trim().parse().expect("a number")
}

/// Status and body of a request with these header lines.
pub fn get(address: SocketAddr, path: &str, headers: &str) -> (u16, String) {
    let close = "Connection: close";
    request(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{headers}{close}\r\n\r\n"))
}

pub fn request(address: SocketAddr, text: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a bound");
    stream.write_all(text.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.expect("a status"), body.to_owned())
}
