//! A conversation in translation whose router is killed at each step between a message and what the other
//! side reads of it: real processes, real files, and an engine over real sockets.

#[path = "engine/mod.rs"]
mod engine;
#[path = "killed/mod.rs"]
mod killed;
#[path = "reliability/mod.rs"]
mod reliability;
#[path = "router/mod.rs"]
mod router;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use engine::Step::{Asked, Said};
use engine::{Engine, said, word};
use killed::{Kill, Process, Round, Rounds, Socket, killed_at_each_step, seat_token};
use router::{always_at_work, visitor, write_shop};
use serde_json::{Value, json};
use tempfile::TempDir;

const COMPLAINT: &str = "El pago con tarjeta fue rechazado dos veces y no entiendo por qué";

/// When the router is killed, after both sides have written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Nobody has read anything.
    Written,
    /// The seat, or the customer, has its acknowledgement.
    Acknowledged(Side),
    /// The engine is so far with what that side has written.
    Engine(engine::Step, Side),
    /// The other side reads it.
    Read(Side),
}

/// Who has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Seat,
    Customer,
}

const STEPS: [Step; 9] = [
    Step::Engine(Asked, Side::Seat),
    Step::Engine(Said, Side::Seat),
    Step::Engine(Asked, Side::Customer),
    Step::Engine(Said, Side::Customer),
    Step::Written,
    Step::Acknowledged(Side::Seat),
    Step::Read(Side::Seat),
    Step::Acknowledged(Side::Customer),
    Step::Read(Side::Customer),
];

/// What one side has seen of the conversation, judged frame by frame.
#[derive(Debug, Default)]
struct View {
    last: u64,
    /// Numbers of messages by their ids.
    numbers: BTreeMap<String, u64>,
    /// Sender and text of messages, by their numbers.
    messages: BTreeMap<u64, (String, String)>,
    /// What messages say in another language.
    translated: BTreeMap<u64, String>,
}

impl View {
    fn take(&mut self, frame: &Value) {
        let is_numbered = frame["type"] == "event" || frame["type"] == "ack";
        let seq = frame["seq"].as_u64().unwrap_or_default();
        if is_numbered {
            let id = frame["id"].as_str().unwrap_or_default().to_owned();
            let known = self.numbers.get(&id).copied();
            assert!(known.is_none_or(|it| it == seq), "two places: {frame}");
            let is_told_again = frame["type"] == "ack" && known.is_some();
            assert!(is_told_again || seq == self.last + 1, "after {}: {frame}", self.last);
            self.last = self.last.max(seq);
            if !id.is_empty() {
                self.numbers.insert(id, seq);
            }
        }
        if frame["kind"] == "message" {
            let text = |name: &str| frame[name].as_str().expect("a text").to_owned();
            self.messages.insert(seq, (text("from"), text("text")));
        }
        if let Some(text) = frame["translation"]["text"].as_str() {
            let before = self.translated.insert(seq, text.to_owned());
            assert!(before.is_none_or(|it| it == text), "said in two ways: {frame}");
        }
    }

    /// Whether a message is there in both languages.
    fn reads(&self, text: &str) -> bool {
        let found = self.messages.iter().find(|(_, (_, it))| it == text);
        found.is_some_and(|(seq, _)| self.translated.contains_key(seq))
    }

    /// What `from` has said, in order, each with what it says in `language`.
    fn said_by(&self, from: &str, language: &str) -> Vec<String> {
        let theirs = self.messages.iter().filter(|(_, (it, _))| it == from);
        let texts = theirs.map(|(seq, (_, text))| {
            let translated = self.translated.get(seq);
            assert_eq!(translated, Some(&said(language, text)), "of {text}");
            text.clone()
        });
        texts.collect()
    }
}

/// One side of the conversation.
struct Party {
    side: Side,
    /// By which a customer is known again.
    visitor: Value,
    socket: Socket,
    view: View,
    written: Vec<(String, String)>,
}

impl Party {
    fn token(side: Side, address: SocketAddr, handle: &Value) -> Value {
        match side {
            Side::Seat => seat_token(address, "kofi"),
            Side::Customer => visitor(address, "demo", handle)["token"].clone(),
        }
    }

    fn path(side: Side) -> &'static str {
        match side {
            Side::Seat => "/v1/seat",
            Side::Customer => "/v1/widget",
        }
    }

    /// The same at another router, with what it has seen.
    fn come_back(&mut self, address: SocketAddr, conversation: &Value) {
        let token = Self::token(self.side, address, &self.visitor);
        let held = conversation.as_str().expect("an id");
        let last = json!({ held: self.view.last });
        self.socket = Socket::hello(address, Self::path(self.side), &token, &last).0;
        self.get_ready();
        for (id, text) in &self.written {
            if !self.view.numbers.contains_key(id) {
                self.socket.send(&send(id, conversation, text));
            }
        }
    }

    fn get_ready(&mut self) {
        if self.side == Side::Seat {
            self.socket.send(&json!({"type": "state", "state": "ready"}));
        }
    }

    fn write(&mut self, conversation: &Value, text: &str) {
        let id = uuid::Uuid::now_v7().to_string();
        self.socket.send(&send(&id, conversation, text));
        self.written.push((id, text.to_owned()));
    }

    /// Reads until `is_so`; `false` when the router has gone before.
    fn read_until(&mut self, is_so: impl Fn(&View) -> bool) -> bool {
        while !is_so(&self.view) {
            let Some(frame) = self.socket.next() else { return false };
            assert_ne!(frame["type"], "error", "{frame}");
            self.view.take(&frame);
        }
        true
    }

    fn reads(&mut self, text: &str) -> bool {
        self.read_until(|view| view.reads(text))
    }

    fn is_acknowledged(&mut self) -> bool {
        let id = self.written.last().expect("it has written").0.clone();
        self.read_until(|view| view.numbers.contains_key(&id))
    }
}

fn send(id: &str, conversation: &Value, text: &str) -> Value {
    json!({"type": "send", "id": id, "conversation": conversation, "text": text})
}

/// A Spanish customer and a seat of English and French that has accepted the conversation.
fn meet(address: SocketAddr) -> (Party, Party, Value) {
    let session = visitor(address, "demo", &Value::Null);
    let none = json!({});
    let party = |side, visitor: &Value, token: &Value| {
        let socket = Socket::hello(address, Party::path(side), token, &none).0;
        let view = View::default();
        Party { side, visitor: visitor.clone(), socket, view, written: Vec::new() }
    };
    let mut seat = party(Side::Seat, &Value::Null, &seat_token(address, "kofi"));
    seat.get_ready();
    let mut customer = party(Side::Customer, &session["visitor"], &session["token"]);
    customer.write(&Value::Null, COMPLAINT);
    let accepted = loop {
        let frame = seat.socket.next().expect("an offer");
        if frame["type"] == "offer" {
            seat.socket.send(&json!({"type": "accept", "offer": frame["offer"]}));
        }
        if frame["type"] == "accepted" {
            break frame;
        }
    };
    accepted["history"].as_array().expect("a history").iter().for_each(|it| seat.view.take(it));
    assert!(seat.reads(COMPLAINT) && customer.is_acknowledged());
    let conversation = accepted["conversation"].clone();
    (seat, customer, conversation)
}

/// Everything that one side reads who has seen nothing.
fn read_again(side: Side, address: SocketAddr, handle: &Value, conversation: &Value) -> View {
    let token = Party::token(side, address, handle);
    let held = conversation.as_str().expect("an id");
    let (mut socket, welcome) =
        Socket::hello(address, Party::path(side), &token, &json!({ held: 0 }));
    let listed = welcome["conversations"].as_array().expect("conversations").iter();
    let last =
        listed.filter(|it| it["conversation"] == *conversation).find_map(|it| it["seq"].as_u64());
    let mut view = View::default();
    while view.last < last.expect("it is listed") {
        view.take(&socket.next().expect("what was missed"));
    }
    view
}

/// What the seat writes in a round.
fn reply(round: usize) -> String {
    format!("The card of payment {} works again, please try it", word(round))
}

/// What the customer writes.
fn question(round: usize) -> String {
    format!("Todavía no puedo pagar con la tarjeta, es el intento {}", word(round))
}

/// A conversation of two languages, and the engine between them.
struct Interpreted {
    folder: TempDir,
    engine: Engine,
    /// Seat, customer and conversation, once they have met.
    met: Option<(Party, Party, Value)>,
}

impl Interpreted {
    fn met(&mut self) -> &mut (Party, Party, Value) {
        self.met.as_mut().expect("they met in the first round")
    }
}

impl Rounds for Interpreted {
    type Step = Step;
    type Left = ();

    fn start(&mut self) -> Process {
        Process::start(self.folder.path(), &["schedule.fallback_after=0ms"])
    }

    fn lead(&mut self, router: &Process, Round { number, step }: Round<Step>, kill: Kill) {
        let (reply, question) = (reply(number), question(number));
        let (seat, customer, conversation) = self.met.get_or_insert_with(|| meet(router.address));
        let mut write = || {
            seat.write(conversation, &reply);
            customer.write(conversation, &question);
        };
        if let Step::Engine(at, side) = step {
            let of_this_round = if side == Side::Seat { reply.clone() } else { question.clone() };
            self.engine.at(at, move |text| text == of_this_round, || kill.now());
            return write();
        }
        write();
        let came_to_it = match step {
            Step::Written | Step::Engine(..) => true,
            Step::Acknowledged(Side::Seat) => seat.is_acknowledged(),
            Step::Acknowledged(Side::Customer) => customer.is_acknowledged(),
            Step::Read(Side::Seat) => customer.reads(&reply),
            Step::Read(Side::Customer) => seat.reads(&question),
        };
        assert!(came_to_it, "the router never came to {step:?}");
        kill.now();
    }

    fn judge(&mut self, router: &Process, Round { number, step }: Round<Step>, (): ()) {
        let (seat, customer, conversation) = self.met();
        for party in [&mut *seat, &mut *customer] {
            // What had left before counts as seen.
            party.read_until(|_| false);
            party.come_back(router.address, conversation);
        }
        assert!(seat.is_acknowledged() && customer.is_acknowledged(), "{step:?}");
        let (reply, question) = (reply(number), question(number));
        assert!(customer.reads(&reply) && seat.reads(&question), "{step:?}");
    }

    fn end(mut self, router: Process, rounds: usize) {
        let (replies, mut questions) =
            (Vec::from_iter((0..rounds).map(reply)), vec![COMPLAINT.to_owned()]);
        questions.extend((0..rounds).map(question));
        let (_, customer, conversation) = self.met();
        let read_again =
            |side, handle: &Value| read_again(side, router.address, handle, conversation);

        let for_customer = read_again(Side::Customer, &customer.visitor);
        assert_eq!(for_customer.said_by("seat", "es"), replies);
        let for_seat = read_again(Side::Seat, &Value::Null);
        assert_eq!(for_seat.said_by("customer", "en"), questions);
        assert_eq!(for_seat.said_by("seat", "es"), replies, "the seat sees what its customer sees");
    }
}

#[test]
fn a_kill_at_any_step_of_a_translation_loses_nothing_shows_nothing_twice_and_keeps_the_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = Engine::start(Duration::ZERO);
    write_shop(folder.path(), "demo", |text| always_at_work(text) + &engine.lines());

    killed_at_each_step(Interpreted { folder, engine, met: None }, &STEPS);
}
