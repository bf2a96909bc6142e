//! Somebody who translates, over real sockets with the interface of LibreTranslate: a text in `es` comes
//! back as `es: text`. At a chosen text it can do something, such as end the process at the other side.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

/// Where the engine is with a text when something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It has the text, and has not answered.
    Asked,
    /// It has answered.
    Said,
}

/// A text that it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub text: String,
    pub to: String,
}

type Act = Box<dyn FnOnce() + Send>;
type Which = Box<dyn FnMut(&str) -> bool + Send>;

#[derive(Default)]
struct Inner {
    asked: Vec<Asked>,
    /// Texts that it works on now, and the most that it ever did.
    at_work: (usize, usize),
    planned: Option<(Step, Which, Act)>,
}

#[derive(Clone)]
pub struct Engine {
    pub address: SocketAddr,
    inner: Arc<Mutex<Inner>>,
    takes: Duration,
}

/// What the engine makes of a text.
pub fn said(to: &str, text: &str) -> String {
    format!("{to}: {text}")
}

/// A word that stands in the texts of one round: numbers do not leave the router.
pub fn word(round: usize) -> String {
    let letter = |it: usize| char::from(b"abcdefghijklmnopqrstuvwxyz"[it % 26]);
    [round / 676, round / 26, round].map(letter).iter().collect()
}

impl Engine {
    /// One that takes so long for each text.
    pub fn start(takes: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let engine = Self { address, inner: Arc::default(), takes };
        let accepting = engine.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let engine = accepting.clone();
                // Whoever asks may be killed meanwhile.
                std::thread::spawn(move || drop(engine.serve(stream)));
            }
        });
        engine
    }

    /// The lines of a shop that has it.
    pub fn lines(&self) -> String {
        format!(
            "\n[translation]\ntimeout = \"6s\"\n[[translation.engines]]\nkind = \"libretranslate\"\n\
             url = \"http://{}\"\n",
            self.address
        )
    }

    /// Has `act` done once, when it is at `step` with the first text of which `which` holds.
    pub fn at(
        &self,
        step: Step,
        which: impl FnMut(&str) -> bool + Send + 'static,
        act: impl FnOnce() + Send + 'static,
    ) {
        self.inner().planned = Some((step, Box::new(which), Box::new(act)));
    }

    /// Everything that it was asked for.
    pub fn asked(&self) -> Vec<Asked> {
        self.inner().asked.clone()
    }

    /// The most texts that it has worked on side by side.
    pub fn most_at_once(&self) -> usize {
        self.inner().at_work.1
    }

    /// Takes its time for one text.
    fn work(&self) {
        let mut inner = self.inner();
        let (now, most) = inner.at_work;
        inner.at_work = (now + 1, most.max(now + 1));
        drop(inner);
        std::thread::park_timeout(self.takes);
        self.inner().at_work.0 -= 1;
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().expect("nobody panics with it")
    }

    fn reach(&self, step: Step, text: &str) {
        let mut inner = self.inner();
        let is_it = |(planned, which, _): &mut (Step, Which, Act)| *planned == step && which(text);
        let planned = inner.planned.take_if(is_it);
        drop(inner);
        if let Some((.., act)) = planned {
            act();
        }
    }

    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut out = stream.try_clone()?;
        let mut lines = BufReader::new(stream);
        while let Some(body) = request(&mut lines)? {
            // The interface names the script of Chinese as well.
            let to = body["target"].as_str().unwrap_or_default();
            let to = to.split('-').next().unwrap_or_default();
            let texts = body["q"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let texts: Vec<&str> = texts.collect();
            for text in &texts {
                let asked = Asked { text: (*text).to_owned(), to: to.to_owned() };
                self.inner().asked.push(asked);
                self.reach(Step::Asked, text);
                self.work();
            }
            let answer: Vec<String> = texts.iter().map(|text| said(to, text)).collect();
            let answer = json!({"translatedText": answer}).to_string();
            let length = answer.len();
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length:";
            out.write_all(format!("{head} {length}\r\n\r\n{answer}").as_bytes())?;
            texts.iter().for_each(|text| self.reach(Step::Said, text));
        }
        Ok(())
    }
}

/// The body of the next request; `None` when there is no other.
fn request(lines: &mut impl BufRead) -> std::io::Result<Option<Value>> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    lines.read_exact(&mut body)?;
    Ok(serde_json::from_slice(&body).ok())
}
