//! One answer for many whose router is killed at each step between the click of the seat and the last
//! follower: real processes, real files, and an engine over real sockets.

#[path = "engine/mod.rs"]
mod engine;
#[path = "killed/mod.rs"]
mod killed;
#[path = "reliability/mod.rs"]
mod reliability;
#[path = "router/mod.rs"]
mod router;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use engine::Step::{Asked, Said};
use engine::{Engine, said, word};
use killed::{Kill, Process, Round, Rounds, Socket, killed_at_each_step, seat_token};
use router::{always_at_work, visitor, write_shop};
use serde_json::{Value, json};
use tempfile::TempDir;

/// What customers of five languages write when no card is taken.
const ASKED: [(&str, &str); 6] = [
    ("en", "card payments fail at checkout for all of us, known problem?"),
    ("es", "la tarjeta da error al pagar, ¿les pasa a todos?"),
    ("fr", "le paiement par carte ne marche plus, panne ?"),
    ("pt", "erro ao pagar com cartão de crédito, é geral?"),
    ("ko", "카드결제 오류인데 다들 그런가요"),
    ("es", "la tarjeta da error al pagar, ¿les pasa a todos?"),
];
/// Those who ask after the restart: with them there are always enough for an incident.
const LATER: usize = 3;
/// Those of them, one in each round, to whom the answer is none; the seat that is offered them speaks both
/// languages.
const UNHELPED: [usize; 2] = [0, 2];
/// What two clocks and whole milliseconds may differ by.
const CLOCK: Duration = Duration::from_millis(50);

/// The answer of one round: an engine is not asked twice for the same.
fn answer_text(round: usize) -> String {
    format!("Cards work again this evening, says note {}.", word(round))
}

/// When the router is killed.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The seat has sent the answer.
    Sent,
    /// The engine is so far with the language whose turn it is.
    Engine(engine::Step, usize),
    /// So many followers have read it.
    Read(usize),
}

const STEPS: [Step; 15] = [
    Step::Engine(Asked, 0),
    Step::Engine(Said, 1),
    Step::Read(1),
    Step::Sent,
    Step::Read(3),
    Step::Engine(Said, 3),
    Step::Engine(Asked, 2),
    Step::Read(6),
    Step::Engine(Asked, 1),
    Step::Engine(Asked, 3),
    Step::Engine(Said, 0),
    Step::Engine(Said, 2),
    Step::Read(2),
    Step::Read(4),
    Step::Read(5),
];

/// A customer who asks what all ask.
struct Asker {
    language: &'static str,
    visitor: Value,
    socket: Socket,
    conversation: Value,
    /// Between these two the router has taken the question in.
    asked_at: Instant,
    acknowledged_at: Instant,
    /// The answer that is waited for.
    wanted: String,
    /// Answers that were shown, over all connections.
    answers: usize,
    last: u64,
}

impl Asker {
    fn ask(address: SocketAddr, (language, text): (&'static str, &str), wanted: &str) -> Self {
        let session = visitor(address, "demo", &Value::Null);
        let (mut socket, _) = Socket::hello(address, "/v1/widget", &session["token"], &json!({}));
        let asked_at = Instant::now();
        let id = uuid::Uuid::now_v7();
        socket.send(&json!({"type": "send", "id": id, "conversation": null, "text": text}));
        let mut asker = Self {
            language,
            visitor: session["visitor"].clone(),
            socket,
            conversation: Value::Null,
            asked_at,
            acknowledged_at: asked_at,
            wanted: wanted.to_owned(),
            answers: 0,
            last: 0,
        };
        while asker.conversation.is_null() {
            let frame = asker.socket.next().expect("an acknowledgement");
            if frame["type"] == "ack" {
                asker.conversation = frame["conversation"].clone();
                asker.last = 1;
                asker.acknowledged_at = Instant::now();
            }
        }
        asker
    }

    fn take(&mut self, frame: &Value) {
        if frame["type"] != "event" || frame["conversation"] != self.conversation {
            return;
        }
        let seq = frame["seq"].as_u64().expect("a number");
        assert_eq!(seq, self.last + 1, "{frame}");
        self.last = seq;
        if frame["text"] == self.wanted.as_str() {
            self.answers += 1;
            let wanted = match self.language {
                "en" => Value::Null,
                language => said(language, &self.wanted).into(),
            };
            assert_eq!(frame["translation"]["text"], wanted, "{frame}");
        }
    }

    /// Reads until the answer is there; `false` when the router has gone before.
    fn hears(&mut self) -> bool {
        while self.answers == 0 {
            let Some(frame) = self.socket.next() else { return false };
            self.take(&frame);
        }
        true
    }

    /// What was shown before the router went counts.
    fn read_to_the_end(&mut self) {
        while let Some(frame) = self.socket.next() {
            self.take(&frame);
        }
    }

    /// Connects again, and reads what it has missed.
    fn come_back(&mut self, address: SocketAddr) {
        let session = visitor(address, "demo", &self.visitor);
        let held = self.conversation.as_str().expect("an id");
        let last_seq = json!({ held: self.last });
        let (socket, welcome) = Socket::hello(address, "/v1/widget", &session["token"], &last_seq);
        self.socket = socket;
        let listed = welcome["conversations"].as_array().expect("conversations").iter();
        let listed = listed.filter(|it| it["conversation"] == self.conversation);
        let seq = listed.filter_map(|it| it["seq"].as_u64()).next().expect("it is listed");
        while self.last < seq {
            let frame = self.socket.next().expect("what it has missed");
            self.take(&frame);
        }
    }

    fn next(&mut self, kind: &str) -> Value {
        loop {
            let frame = self.socket.next().expect("the router stands");
            self.take(&frame);
            if frame["kind"] == kind {
                return frame;
            }
        }
    }

    fn say(&mut self, text: &str) {
        let (id, conversation) = (uuid::Uuid::now_v7(), &self.conversation);
        self.socket
            .send(&json!({"type": "send", "id": id, "conversation": conversation, "text": text}));
        // The acknowledgement stands for the number.
        while let Some(frame) = self.socket.next() {
            if frame["type"] == "ack" {
                self.last += 1;
                return;
            }
            self.take(&frame);
        }
    }
}

/// A seat that is away, and looks on.
fn watcher(address: SocketAddr) -> Socket {
    let token = seat_token(address, "lucia");
    let (mut seat, _) = Socket::hello(address, "/v1/seat", &token, &json!({}));
    seat.send(&json!({"type": "state", "state": "away"}));
    seat.send(&json!({"type": "incidents", "watch": true}));
    seat
}

/// The only incident of the first showing of which `is_it` holds.
fn incident_until(seat: &mut Socket, is_it: impl Fn(&Value) -> bool) -> Value {
    loop {
        let frame = seat.next().expect("the router stands");
        assert_ne!(frame["type"], "error", "{frame}");
        let shown = frame["incidents"].as_array().filter(|it| it.len() == 1);
        if let Some(incident) = shown.map(|it| &it[0])
            && is_it(incident)
        {
            return incident.clone();
        }
    }
}

/// Confirms and answers the incident, whose followers are `askers`.
fn answer(seat: &mut Socket, askers: &[&Asker], text: &str, incident: Value) -> Value {
    let shown = incident["shown"].as_array().expect("followers").iter();
    let shown: Vec<Value> = shown.map(|it| it["conversation"].clone()).collect();
    for asker in askers {
        assert!(shown.contains(&asker.conversation), "{} waits for nothing", asker.conversation);
    }
    seat.send(&json!({"type": "confirm_incident", "incident": incident["incident"],
        "conversations": shown, "wrong": []}));
    let confirmed = incident_until(seat, |it| it["reaches"] == askers.len());
    assert_eq!(confirmed["answered_by"], Value::Null, "nobody is told that it has an answer");
    seat.send(&json!({"type": "answer_incident", "incident": confirmed["incident"],
        "texts": {"en": text}, "fallback": "en"}));
    confirmed
}

/// As [`answer`], or, where the answer outlived the router, confirms those for it who have asked since: whoever was
/// confirmed before gets it without.
fn answer_what_is_not(seat: &mut Socket, askers: &[&Asker], text: &str) -> Value {
    let incident = incident_until(seat, |it| match it["answered_by"].is_null() {
        true => it["followers"] == askers.len(),
        false => it["unconfirmed"] == LATER,
    });
    if incident["answered_by"].is_null() {
        return answer(seat, askers, text, incident);
    }
    let shown = incident["shown"].as_array().expect("followers").iter();
    let shown: Vec<Value> = shown.map(|it| it["conversation"].clone()).collect();
    seat.send(&json!({"type": "confirm_incident", "incident": incident["incident"],
        "conversations": shown, "wrong": []}));
    incident
}

/// Whom the answer is none for comes back with the time that he has waited, across the restart.
fn returns_to_his_place(asker: &mut Asker, address: SocketAddr) {
    let least = asker.acknowledged_at.elapsed();
    asker.say("no, that does not help me, I paid twice for order 48213");
    asker.next("queued");
    let token = seat_token(address, "kofi");
    let (mut seat, _) = Socket::hello(address, "/v1/seat", &token, &json!({}));
    seat.send(&json!({"type": "state", "state": "ready"}));
    loop {
        let frame = seat.next().expect("an offer");
        if frame["type"] == "offer" && frame["conversation"] == asker.conversation {
            let waited = Duration::from_millis(frame["waiting_ms"].as_u64().expect("a time"));
            let most = asker.asked_at.elapsed();
            let fits = waited + CLOCK >= least && waited <= most + CLOCK;
            assert!(fits, "{waited:?}, which is not between {least:?} and {most:?}");
            seat.send(&json!({"type": "decline", "offer": frame["offer"]}));
            break;
        }
    }
    seat.send(&json!({"type": "state", "state": "away"}));
}

/// A shop with many who ask the same, and an engine that translates the answer.
struct Answered {
    folder: TempDir,
    engine: Engine,
}

impl Rounds for Answered {
    type Step = Step;
    type Left = (Socket, Vec<Asker>);

    fn start(&mut self) -> Process {
        Process::start::<&str>(self.folder.path(), &[])
    }

    fn lead(&mut self, router: &Process, round: Round<Step>, kill: Kill) -> Self::Left {
        let text = answer_text(round.number);
        let mut seat = watcher(router.address);
        let mut askers: Vec<Asker> =
            ASKED.iter().map(|it| Asker::ask(router.address, *it, &text)).collect();
        let click = |seat: &mut Socket, askers: &[Asker]| {
            let incident = incident_until(seat, |it| it["followers"] == askers.len());
            answer(seat, &askers.iter().collect::<Vec<_>>(), &text, incident);
        };
        match round.step {
            Step::Engine(at, nth) => {
                let (mut before, awaited) = (nth, text.clone());
                let is_its_turn = move |text: &str| {
                    let is_it = text == awaited && before == 0;
                    before -= usize::from(text == awaited && before > 0);
                    is_it
                };
                self.engine.at(at, is_its_turn, || kill.now());
                click(&mut seat, &askers);
            }
            Step::Sent => {
                click(&mut seat, &askers);
                kill.now();
            }
            Step::Read(count) => {
                click(&mut seat, &askers);
                assert!(askers.iter_mut().take(count).all(Asker::hears), "{:?}", round.step);
                kill.now();
            }
        }
        (seat, askers)
    }

    fn judge(&mut self, router: &Process, round: Round<Step>, (_, mut askers): Self::Left) {
        let (text, step, address) = (answer_text(round.number), round.step, router.address);
        askers.iter_mut().for_each(Asker::read_to_the_end);
        let mut seat = watcher(address);
        askers.iter_mut().for_each(|asker| asker.come_back(address));
        askers.extend(ASKED.iter().take(LATER).map(|it| Asker::ask(address, *it, &text)));
        let without: Vec<&Asker> = askers.iter().filter(|asker| asker.answers == 0).collect();
        let incident = answer_what_is_not(&mut seat, &without, &text);
        assert!(askers.iter_mut().all(Asker::hears), "{step:?}");
        let unhelped = UNHELPED[round.number % UNHELPED.len()];
        returns_to_his_place(&mut askers[unhelped], address);

        for asker in &mut askers {
            // From the start, as somebody who has seen nothing.
            (asker.last, asker.answers) = (0, 0);
            asker.come_back(address);
            assert_eq!(asker.answers, 1, "{step:?}: {} in {}", asker.conversation, asker.language);
            asker.socket.send(&json!({"type": "close", "conversation": asker.conversation}));
        }
        seat.send(&json!({"type": "close_incident", "incident": incident["incident"]}));
        while seat.next().expect("the router stands")["incidents"] != json!([]) {}
    }

    fn end(self, _: Process, _: usize) {}
}

#[test]
fn a_kill_at_any_step_between_the_click_and_the_last_follower_brings_everybody_the_answer_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = Engine::start(Duration::ZERO);
    write_shop(folder.path(), "demo", |text| always_at_work(text) + &engine.lines());

    killed_at_each_step(Answered { folder, engine }, &STEPS);
}
