//! A router process with a small shop, and clients that can be let go at the same instant.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tradewind::config::shop::ShopFiles;

/// Longest wait for a frame before the test fails.
const PATIENCE: Duration = Duration::from_secs(120);
/// What every customer here says: for a person, and in English.
pub const COMPLAINT: &str =
    "My parcel arrived broken and nobody answers me. I want to talk to a person.";
/// Conversations that a seat may have at a time.
pub const SLOTS: usize = 3;

/// A router that ends with the test.
pub struct Process {
    child: Child,
    pub address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Process {
    /// Serves a shop called `race` with the seats `seat-0` to the last of `seats`, who all speak English,
    /// and the supervisor `boss`, who is given nothing.
    pub fn start(seats: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        write_shop(&folder.path().join("shops/race"), seats);
        let settings = folder.path().join("settings.toml");
        let text = format!(
            "data = {:?}\nshops = {:?}\n\
             [server]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\n\
             [log]\nlevel = \"error\"\n\
             [gateway]\nmessages_per_s = 1000\nmessages_burst = 1000\n",
            folder.path().join("data"),
            folder.path().join("shops"),
        );
        std::fs::write(&settings, text).expect("a file");
        let mut child = Command::new(env!("CARGO_BIN_EXE_tradewind"))
            .args(["serve", "--config"])
            .arg(&settings)
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let first = lines.next().expect("it says where it listens").expect("text");
        let address = first.strip_prefix("listening on http://").expect("an address");
        Self { child, address: address.parse().expect("an address"), _folder: folder }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The folder goes with it, so nothing is left to be done in order.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn write_shop(folder: &Path, seats: usize) {
    for (file, text) in &ShopFiles::demo().0 {
        let path = folder.join(file);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        let text = if file == "shop.toml" { shop(text, seats) } else { text.clone() };
        std::fs::write(path, text).expect("a file");
    }
}

/// The demo shop with these seats and no other.
fn shop(demo: &str, seats: usize) -> String {
    let (rules, _) = demo.split_once("\n[[seats]]\n").expect("the demo has seats");
    let mut text = rules.replace("id = \"demo\"", "id = \"race\"") + "\n";
    let same = "demo_password = \"demo\"\nlanguages = [\"en\"]\nzone = \"Etc/UTC\"\nshifts = [\"always\"]\n";
    for seat in 0..seats {
        text += &format!("[[seats]]\nid = \"seat-{seat}\"\nslots = {SLOTS}\n{same}");
    }
    text + &format!("[[seats]]\nid = \"boss\"\nrole = \"supervisor\"\nreplies = false\n{same}")
}

/// Status and body of a request.
async fn request(address: SocketAddr, head: &str, body: &str) -> (u16, Value) {
    let text = format!(
        "{head}\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(text.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, serde_json::from_str(body).expect("JSON"))
}

/// A token of a new customer.
pub async fn customer(address: SocketAddr) -> Value {
    let body = json!({"shop": "race", "locale": "en-GB"}).to_string();
    let (status, granted) = request(address, "POST /v1/widget/session HTTP/1.1", &body).await;
    assert_eq!(status, 201, "{granted}");
    granted["token"].clone()
}

/// A token of a seat.
pub async fn seat(address: SocketAddr, user: &str) -> Value {
    let body = json!({"shop": "race", "user": user, "password": "demo"}).to_string();
    let (status, granted) = request(address, "POST /v1/seat/session HTTP/1.1", &body).await;
    assert_eq!(status, 201, "{granted}");
    granted["token"].clone()
}

/// What a supervisor sees of the seats.
pub async fn seats(address: SocketAddr, token: &Value) -> Vec<Value> {
    let token = token.as_str().expect("a token");
    let head = format!("GET /v1/seat/queue HTTP/1.1\r\nAuthorization: Bearer {token}");
    let (status, view) = request(address, &head, "").await;
    assert_eq!(status, 200, "{view}");
    view["seats"].as_array().expect("a list").clone()
}

/// An open socket.
pub struct Socket {
    stream: WebSocketStream<TcpStream>,
    pub welcome: Value,
}

impl Socket {
    /// One that holds nothing.
    pub async fn open(address: SocketAddr, path: &str, token: &Value) -> Self {
        Self::resume(address, path, token, &json!({})).await
    }

    /// One that has seen so much of each conversation.
    pub async fn resume(address: SocketAddr, path: &str, token: &Value, last_seq: &Value) -> Self {
        let stream = TcpStream::connect(address).await.expect("a connection");
        stream.set_nodelay(true).expect("a connection");
        let url = format!("ws://{address}{path}");
        let (stream, _) = tokio_tungstenite::client_async(url, stream).await.expect("a socket");
        let mut socket = Self { stream, welcome: Value::Null };
        let resume = json!({"session": null, "last_seq": last_seq});
        socket.send(&json!({"type": "hello", "token": token, "resume": resume})).await;
        socket.welcome = socket.next("welcome").await;
        socket
    }

    /// One of a seat that is ready.
    pub async fn ready(address: SocketAddr, token: &Value) -> Self {
        let mut socket = Self::open(address, "/v1/seat", token).await;
        socket.send(&json!({"type": "state", "state": "ready"})).await;
        socket.next("state").await;
        socket
    }

    pub async fn send(&mut self, frame: &Value) {
        self.stream.send(Message::text(frame.to_string())).await.expect("an open socket");
    }

    /// The next frame.
    pub async fn any(&mut self) -> Value {
        loop {
            // Nothing but this is sent while somebody waits.
            let heartbeat = Duration::from_secs(4);
            let waited = async {
                loop {
                    match tokio::time::timeout(heartbeat, self.stream.next()).await {
                        Ok(next) => return next.expect("an open socket").expect("a frame"),
                        Err(_) => self.send(&json!({"type": "ping"})).await,
                    }
                }
            };
            match tokio::time::timeout(PATIENCE, waited).await.expect("a frame in time") {
                Message::Text(text) => {
                    let frame: Value = serde_json::from_str(&text).expect("JSON");
                    if frame["type"] != "pong" {
                        return frame;
                    }
                }
                Message::Close(close) => panic!("closed: {close:?}"),
                _ => {}
            }
        }
    }

    /// The next frame of this type, or event of this kind; what comes before it is passed over.
    pub async fn next(&mut self, name: &str) -> Value {
        self.until(name, |_| {}).await
    }

    /// The same with a look at what comes before it.
    pub async fn until(&mut self, name: &str, mut passed: impl FnMut(&Value)) -> Value {
        loop {
            let frame = self.any().await;
            if frame["type"] == name || frame["kind"] == name {
                return frame;
            }
            passed(&frame);
        }
    }
}

/// A message with this id into the open conversation, or a new one.
pub fn message(id: uuid::Uuid, text: &str) -> Value {
    json!({"type": "send", "id": id, "conversation": null, "text": text})
}

/// Every event of a conversation, read from its start by a socket that holds nothing.
pub async fn history(address: SocketAddr, token: &Value, conversation: &Value) -> Vec<Value> {
    let from_start = json!({conversation.as_str().expect("an id"): 0});
    let mut socket = Socket::resume(address, "/v1/widget", token, &from_start).await;
    let held = socket.welcome["conversations"].as_array().expect("a list").clone();
    let held = held.iter().find(|held| held["conversation"] == *conversation).expect("it is kept");
    let mut events = Vec::new();
    while events.last().is_none_or(|event: &Value| event["seq"] != held["seq"]) {
        events.push(socket.next("event").await);
    }
    events
}
