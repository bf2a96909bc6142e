//! A router with two shops that trust one provider, and browsers that go there and back.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tradewind::domain::{SeatId, ShopId, Timestamp};
use tradewind::flow::SeatRecord;
use tradewind::journal::{Batch, Options, open};

use super::provider::{Key, Provider};
use super::router::{Client, Router, config, post, write_shop};

/// Where browsers are said to see the router; it need not be there.
pub const PAGES: &str = "http://localhost:8080";
/// What the product promises for a right that is taken away.
pub const CLOSED_WITHIN: Duration = Duration::from_secs(5);
pub const SECRET: &str = "a-secret-of-the-client";

/// A provider has a second to answer.
pub const SETTINGS: &str = "[timers]\nprovider = \"1s\"\n";

pub struct World {
    pub router: Router,
    pub provider: Provider,
    pub key: Key,
    pub folder: tempfile::TempDir,
}

/// `mai` is known by an address, `lucia` by a subject, `wei`, the supervisor, by both and by a group.
fn with_provider(text: &str, issuer: &str) -> String {
    let known = |text: &str, seat: &str, lines: &str| {
        text.replacen(&format!("id = \"{seat}\"\n"), &format!("id = \"{seat}\"\n{lines}\n"), 1)
    };
    let text = known(text, "mai", "email = \"mai@shop.example\"");
    let text = known(&text, "lucia", "subject = \"u-lucia\"");
    let text = known(&text, "wei", "subject = \"u-wei\"\nemail = \"wei@shop.example\"");
    format!(
        "{text}\n[openid]\nissuer = \"{issuer}\"\nclient_id = \"tradewind\"\nrouter = \"{PAGES}\"\n\
         client_secret_file = \"client.secret\"\nlabel = \"Shop account\"\n\
         [openid.groups]\nclaim = \"groups\"\nsupervisor = [\"leads\"]\n"
    )
}

/// An answer with its head.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let of = |line: &'_ str| line.split_once(": ").map(|(name, _)| name.to_ascii_lowercase());
        let line = self.head.lines().find(|line| of(line).as_deref() == Some(name));
        line.and_then(|line| line.split_once(": ")).map(|(_, value)| value)
    }

    pub fn location(&self) -> &str {
        assert_eq!(self.status, 303, "{} {}", self.head, self.body);
        self.header("location").expect("an address")
    }

    /// Name and value of each cookie that is set.
    pub fn cookies(&self) -> Vec<String> {
        let lines = self.head.lines().filter_map(|line| line.strip_prefix("set-cookie: "));
        lines.map(|line| line.split(';').next().unwrap_or_default().to_owned()).collect()
    }

    /// How the sign-in ended, from the address of the page.
    pub fn outcome(&self) -> String {
        let (page, outcome) = self.location().split_once("&sign_in=").expect("an outcome");
        assert!(["/seat?shop=cafe", "/supervisor?shop=cafe"].contains(&page), "{page}");
        outcome.to_owned()
    }
}

pub fn exchange(address: SocketAddr, method: &str, path: &str, headers: &str) -> Answer {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a bound");
    let text = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\n{headers}Content-Length: 0\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(text.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Answer { status: status.expect("a status"), head: head.to_owned(), body: body.to_owned() }
}

/// A browser on its way: what it was given and what it has to bring back.
#[derive(Clone)]
pub struct Begun {
    pub cookie: String,
    pub state: String,
    pub nonce: String,
    pub challenge: String,
    pub query: String,
}

impl World {
    pub fn new() -> Self {
        let key = Key::new("first");
        Self::of(Provider::start(&key), key)
    }

    /// A provider with TLS, and a shop, `cafe`, that believes its certificate. `tea` does not.
    pub fn behind_tls() -> Self {
        let key = Key::new("first");
        Self::of(Provider::start_behind_tls(&key), key)
    }

    fn of(provider: Provider, key: Key) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let issuer = provider.issuer();
        write_shop(folder.path(), "cafe", |text| with_provider(text, &issuer));
        write_shop(folder.path(), "tea", |text| with_provider(text, &issuer));
        for shop in ["cafe", "tea"] {
            write_secret(folder.path(), shop);
        }
        if let Some(certificate) = &provider.certificate {
            std::fs::write(folder.path().join("shops/cafe/root.pem"), certificate).expect("a file");
            let edit = |text: &str| believing_its_root(&with_provider(text, &issuer));
            write_shop(folder.path(), "cafe", edit);
        }
        let router = Router::start(config(folder.path(), SETTINGS)).expect("a router");
        Self { router, provider, key, folder }
    }

    /// Starts the router anew after its clock was set back by `by`: its time goes on from what it wrote.
    pub fn start_anew_after_clock_went_back(&mut self, by: Duration) {
        self.router.stop();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
        let at = Timestamp::from_millis((now + by).as_millis() as u64);
        let (shop, seat) = (ShopId::from("cafe"), SeatId::from("lucia"));
        let left = SeatRecord { shop, seat, at, state: None };
        tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
            let journal = self.folder.path().join("data/journal");
            let (journal, replay) = open(&journal, Options::default()).expect("a journal");
            replay.for_each(drop);
            let batch = Batch::of(&left.encode()).expect("a record");
            journal.append(batch).await.expect("written");
            journal.close().await.expect("closed");
        });
        self.router = Router::start(config(self.folder.path(), SETTINGS)).expect("a router");
    }

    pub fn get(&self, path: &str, headers: &str) -> Answer {
        exchange(self.router.address, "GET", path, headers)
    }

    pub fn begin(&self) -> Begun {
        self.begin_at("/v1/openid/cafe/start")
    }

    pub fn begin_at(&self, path: &str) -> Begun {
        let answer = self.get(path, "");
        let location = answer.location();
        let begins = format!("{}/authorize?", self.provider.issuer());
        let query = location.strip_prefix(&begins).expect("the address of the provider").to_owned();
        let of = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
        };
        let of = |name: &str| of(name).expect("a parameter");
        Begun {
            cookie: answer.cookies().remove(0),
            state: of("state"),
            nonce: of("nonce"),
            challenge: of("code_challenge"),
            query: query.clone(),
        }
    }

    pub fn come_back(&self, begun: &Begun) -> Answer {
        let path = format!("/v1/openid/cafe/callback?code=c-1&state={}", begun.state);
        self.get(&path, &format!("Cookie: {}\r\n", begun.cookie))
    }

    /// Signs somebody in with the claims that `edit` makes of honest ones.
    pub fn sign_in(&self, subject: &str, edit: impl Fn(&mut Value)) -> Answer {
        let begun = self.begin();
        let mut claims = self.provider.claims(subject, &begun.nonce);
        edit(&mut claims);
        self.provider.gives(&self.key.sign(&claims));
        self.come_back(&begun)
    }

    /// The cookie of a session of somebody whom the provider knows.
    pub fn session(&self, subject: &str, groups: &[&str]) -> String {
        let answer = self.sign_in(subject, |claims| claims["groups"] = json!(groups));
        assert_eq!(answer.outcome(), "done");
        answer.cookies().remove(1)
    }

    pub fn token(&self, cookie: &str) -> (u16, Value) {
        let headers = format!("Cookie: {cookie}\r\nOrigin: {PAGES}\r\n");
        let path = "/v1/openid/cafe/session";
        let answer = exchange(self.router.address, "POST", path, &headers);
        (answer.status, serde_json::from_str(&answer.body).expect("JSON"))
    }

    /// A socket of the page that holds this cookie.
    pub fn open(&self, cookie: &str) -> Client {
        let (status, granted) = self.token(cookie);
        assert_eq!(status, 201, "{granted}");
        let mut client = Client::connect_from(self.router.address, "/v1/seat", PAGES);
        client.send(&json!({"type": "hello", "token": granted["token"], "resume": null}));
        client.next("welcome");
        client
    }

    pub fn reload_with(&self, edit: impl Fn(&str) -> String) {
        let issuer = self.provider.issuer();
        write_shop(self.folder.path(), "cafe", |text| edit(&with_provider(text, &issuer)));
        assert_eq!(post(self.router.admin_address, "/v1/shops/reload", &json!({})).0, 200);
    }
}

/// The shop with the provider's own certificate among the roots that it believes.
pub fn believing_its_root(text: &str) -> String {
    text.replace("\nlabel = ", "\nca_file = \"root.pem\"\nlabel = ")
}

fn write_secret(folder: &Path, shop: &str) {
    let path = folder.join("shops").join(shop).join("client.secret");
    std::fs::write(path, format!("{SECRET}\n")).expect("a file");
}
