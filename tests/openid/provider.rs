//! A provider whose every answer the test decides, also those that no honest one gives.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

/// A key pair of the provider.
pub struct Key {
    kid: String,
    pkcs8: Vec<u8>,
}

impl Key {
    pub fn new(kid: &str) -> Self {
        let pkcs8 =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        Self { kid: kid.to_owned(), pkcs8: pkcs8.expect("a key").as_ref().to_vec() }
    }

    fn pair(&self) -> EcdsaKeyPair {
        let random = SystemRandom::new();
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &self.pkcs8, &random)
            .expect("a key")
    }

    /// The point of the public key, as anybody may know it.
    pub fn public(&self) -> Vec<u8> {
        self.pair().public_key().as_ref().to_vec()
    }

    fn jwk(&self) -> Value {
        let point = self.public();
        let part = |range: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(&point[range]);
        json!({"kty": "EC", "crv": "P-256", "use": "sig", "kid": self.kid, "x": part(1..33),
            "y": part(33..65)})
    }

    pub fn sign(&self, claims: &Value) -> String {
        let message = unsigned(&json!({"alg": "ES256", "kid": self.kid}), claims);
        let tag = self.pair().sign(&SystemRandom::new(), message.as_bytes()).expect("signed");
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))
    }
}

/// Head and claims of a token, without a signature.
pub fn unsigned(head: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(head), part(claims))
}

/// What the provider answers. A path that is not here gets 404.
pub struct Answers {
    /// Whole answers by path.
    pub by_path: BTreeMap<&'static str, String>,
    /// Requests so far, each as its first line and its body.
    pub seen: Vec<(String, String)>,
    /// Whether a connection is taken and nothing said.
    pub is_silent: bool,
}

pub struct Provider {
    pub address: SocketAddr,
    answers: Arc<Mutex<Answers>>,
}

pub fn ok(body: &Value) -> String {
    with_status("200 OK", &body.to_string())
}

pub fn with_status(status: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )
}

impl Provider {
    /// One that signs with `key`.
    pub fn start(key: &Key) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let answers = Answers { by_path: BTreeMap::new(), seen: Vec::new(), is_silent: false };
        let answers = Arc::new(Mutex::new(answers));
        let served = answers.clone();
        std::thread::spawn(move || {
            let mut held = Vec::new();
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                if served.lock().expect("answers").is_silent {
                    held.push(stream);
                } else {
                    let served = served.clone();
                    std::thread::spawn(move || answer(stream, &served));
                }
            }
        });
        let provider = Self { address, answers };
        let discovery = ok(&provider.discovery());
        provider.answers().by_path.insert("/.well-known/openid-configuration", discovery);
        provider.show_keys(&[key]);
        provider
    }

    pub fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().expect("answers")
    }

    pub fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it says of itself.
    pub fn discovery(&self) -> Value {
        let at = |path: &str| format!("{}{path}", self.issuer());
        json!({"issuer": self.issuer(), "authorization_endpoint": at("/authorize"),
            "token_endpoint": at("/token"), "jwks_uri": at("/keys"),
            "userinfo_endpoint": at("/me"), "end_session_endpoint": at("/end"),
            "code_challenge_methods_supported": ["S256"]})
    }

    pub fn show_keys(&self, keys: &[&Key]) {
        let keys: Vec<Value> = keys.iter().map(|key| key.jwk()).collect();
        self.answers().by_path.insert("/keys", ok(&json!({ "keys": keys })));
    }

    /// Gives this token for the next code.
    pub fn gives(&self, id_token: &str) {
        let tokens =
            json!({"id_token": id_token, "access_token": "access", "token_type": "Bearer"});
        self.answers().by_path.insert("/token", ok(&tokens));
    }

    /// How often a path was asked for.
    pub fn asked(&self, path: &str) -> usize {
        let asks = |line: &str| line.split(' ').nth(1) == Some(path);
        self.answers().seen.iter().filter(|(line, _)| asks(line)).count()
    }

    /// The claims of an honest token.
    pub fn claims(&self, subject: &str, nonce: &str) -> Value {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
        let now = now.as_secs();
        json!({"iss": self.issuer(), "aud": "tradewind", "sub": subject, "nonce": nonce,
            "exp": now + 300, "iat": now})
    }
}

fn answer(stream: TcpStream, answers: &Mutex<Answers>) {
    let mut lines = BufReader::new(&stream);
    let (mut first, mut length) = (String::new(), 0);
    if lines.read_line(&mut first).is_err() {
        return;
    }
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line).is_err() || line.trim().is_empty() {
            break;
        }
        if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = text.trim().parse().unwrap_or_default();
        }
    }
    let mut body = vec![0; length];
    if lines.read_exact(&mut body).is_err() {
        return;
    }
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let text = {
        let mut answers = answers.lock().expect("answers");
        answers.seen.push((first, String::from_utf8_lossy(&body).into_owned()));
        let found = answers.by_path.get(path.as_str()).cloned();
        found.unwrap_or_else(|| with_status("404 Not Found", "{}"))
    };
    // The router may have gone away, as it does from an answer that is too large.
    let _ = (&stream).write_all(text.as_bytes());
}
