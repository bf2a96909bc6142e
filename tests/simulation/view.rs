//! What one client holds, as section 12 of the protocol asks of it, and whether what it is told fits.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tradewind::domain::{ConversationId, MessageId};

use super::faults::Plant;
use super::judge::{Judge, conversation_of, number, text};

/// Whose client it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Customer(&'static str),
    Seat(&'static str),
}

/// A message of the client.
#[derive(Clone, Debug)]
pub struct Sent {
    pub id: MessageId,
    pub conversation: Option<ConversationId>,
    pub text: String,
    /// Acknowledged, or refused for good.
    pub is_settled: bool,
}

impl Sent {
    pub fn frame(&self) -> Value {
        json!({
            "type": "send",
            "id": self.id.to_string(),
            "conversation": self.conversation.map(|id| id.to_string()),
            "text": self.text,
        })
    }
}

/// What came of a `welcome`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Welcomed {
    /// It holds everything.
    Well,
    /// There is more than it knew of: it has to say hello again.
    AsksAgain,
}

pub struct View {
    pub who: Who,
    pub name: String,
    judge: Judge,
    plant: Option<Plant>,
    /// Events that came.
    events: u64,
    pub session: Option<String>,
    /// Epoch and last number of each conversation.
    pub last: BTreeMap<ConversationId, (u64, u64)>,
    shown: BTreeMap<(ConversationId, MessageId), u64>,
    pub sent: Vec<Sent>,
    /// Offers that are open.
    pub offers: Vec<String>,
    pub is_connected: bool,
}

impl View {
    pub fn new(who: Who, number: usize, plant: Option<Plant>, judge: Judge) -> Self {
        let (Who::Customer(name) | Who::Seat(name)) = who;
        Self {
            who,
            name: format!("{name}/{number}"),
            judge,
            plant,
            events: 0,
            session: None,
            last: BTreeMap::new(),
            shown: BTreeMap::new(),
            sent: Vec::new(),
            offers: Vec::new(),
            is_connected: false,
        }
    }

    fn violation(&self, what: &str, frame: &Value) {
        self.judge.violation(format!("{} {what}: {frame}", self.name));
    }

    /// For `hello`.
    pub fn resume(&self) -> Value {
        if self.session.is_none() && self.last.is_empty() {
            return Value::Null;
        }
        let last = self.last.iter().map(|(id, (_, seq))| (id.to_string(), json!(seq)));
        json!({"session": self.session, "last_seq": last.collect::<serde_json::Map<_, _>>()})
    }

    /// After coming back. `has_aged` tells whether a conversation may have been forgotten.
    pub fn welcome(
        &mut self,
        frame: &Value,
        has_aged: impl Fn(ConversationId) -> bool,
    ) -> Welcomed {
        self.offers.clear();
        self.session = Some(text(frame, "session").to_owned());
        let held = frame["conversations"].as_array().expect("a list");
        let held: BTreeMap<_, _> = held
            .iter()
            .map(|held| (conversation_of(held), (number(held, "epoch"), number(held, "seq"))))
            .collect();
        let asked = self.last.len();
        let mut recovered = 0;
        let mut verdict = Welcomed::Well;
        for (id, (epoch, seq)) in std::mem::take(&mut self.last) {
            match held.get(&id) {
                Some((now, at)) if *now == epoch => {
                    if *at < seq {
                        self.violation(&format!("held {seq} of {id}"), frame);
                    }
                    recovered += 1;
                    self.last.insert(id, (epoch, seq));
                }
                Some((_, at)) => {
                    // Another epoch: nothing that it holds counts any more.
                    recovered += usize::from(*at >= seq);
                    self.forget(id);
                    verdict = Welcomed::AsksAgain;
                }
                None => {
                    if matches!(self.who, Who::Customer(_)) && !has_aged(id) {
                        self.violation(&format!("has lost {id}"), frame);
                    }
                    self.forget(id);
                }
            }
        }
        let says = frame["recovered"].as_bool().expect("a boolean");
        if says != (asked > 0 && recovered == asked) {
            self.violation(&format!("asked for {asked} of which {recovered} go on"), frame);
        }
        for (id, (epoch, seq)) in held {
            if !self.last.contains_key(&id) && seq > 0 {
                self.last.insert(id, (epoch, 0));
                verdict = Welcomed::AsksAgain;
            }
        }
        verdict
    }

    /// Takes any other frame.
    pub fn take(&mut self, frame: &Value) {
        match text(frame, "type") {
            "event" => {
                // Its last words may come to a seat that was not there when it ended.
                let is_held = self.last.contains_key(&conversation_of(frame));
                if is_held || matches!(self.who, Who::Customer(_)) {
                    self.events += 1;
                    let mut frame = frame.clone();
                    if self.plant == Some(Plant::ShowsTranslated)
                        && frame["translation"]["text"].is_string()
                    {
                        frame["text"] = frame["translation"]["text"].clone();
                    }
                    for _ in 0..self.times_shown() {
                        self.event(&frame);
                    }
                }
            }
            "ack" => self.acknowledged(frame),
            "accepted" => {
                let conversation = conversation_of(frame);
                self.forget(conversation);
                self.last.insert(conversation, (number(frame, "epoch"), 0));
                for event in frame["history"].as_array().expect("a list") {
                    self.event(event);
                }
            }
            "taken_back" => self.forget(conversation_of(frame)),
            "offer" => self.offers.push(text(frame, "offer").to_owned()),
            "withdrawn" => self.offers.retain(|offer| offer != text(frame, "offer")),
            "error" => self.refused(frame),
            "pong" | "typing" | "received" | "state" | "note" | "translated" | "held"
            | "escalated" | "closing" | "joined" => {}
            _ => self.violation("does not know this frame", frame),
        }
    }

    /// Once, unless a mistake was put in.
    fn times_shown(&self) -> usize {
        match self.plant {
            Some(Plant::ShowsTwice) if self.events.is_multiple_of(20) => 2,
            Some(Plant::ShowsNot) if self.events.is_multiple_of(20) => 0,
            _ => 1,
        }
    }

    fn event(&mut self, frame: &Value) {
        self.judge.shown(&self.name, frame);
        let conversation = conversation_of(frame);
        self.goes_on(conversation, frame);
        if frame["kind"] == "message" {
            let id = text(frame, "id").parse().expect("an id");
            let seq = number(frame, "seq");
            if self.shown.insert((conversation, id), seq).is_some() {
                self.violation("is shown a message twice", frame);
            }
            self.settle(id);
        }
    }

    /// The next number of a conversation, and no other, is what may come.
    fn goes_on(&mut self, conversation: ConversationId, frame: &Value) {
        let (epoch, seq) = (number(frame, "epoch"), number(frame, "seq"));
        let (held, last) = *self.last.entry(conversation).or_insert((epoch, 0));
        if held != epoch {
            self.violation(&format!("holds epoch {held}"), frame);
        }
        if seq != last + 1 {
            self.violation(&format!("was at {last}"), frame);
        }
        self.last.insert(conversation, (epoch, seq));
    }

    fn acknowledged(&mut self, frame: &Value) {
        self.judge.acknowledged(&self.name, frame);
        let conversation = conversation_of(frame);
        let id: MessageId = text(frame, "id").parse().expect("an id");
        self.settle(id);
        if matches!(self.who, Who::Seat(_)) && !self.last.contains_key(&conversation) {
            // It lost the conversation while its message was on the way.
            return;
        }
        let seq = number(frame, "seq");
        match self.shown.insert((conversation, id), seq) {
            Some(before) if before != seq => self.violation("had another number", frame),
            Some(_) => {}
            None => self.goes_on(conversation, frame),
        }
    }

    fn settle(&mut self, id: MessageId) {
        if let Some(sent) = self.sent.iter_mut().find(|sent| sent.id == id) {
            sent.is_settled = true;
        }
    }

    fn refused(&mut self, frame: &Value) {
        let Some(id) = frame["id"].as_str().and_then(|id| id.parse::<MessageId>().ok()) else {
            return;
        };
        match text(frame, "code") {
            "rate_limited" | "overloaded" | "unavailable" => {}
            "bad_frame" | "too_large" | "unauthorized" => self.violation("is refused", frame),
            _ => {
                let is_customer = matches!(self.who, Who::Customer(_));
                let stands = self.judge.state().story.holds(id);
                if is_customer && stands {
                    self.violation("is refused a message that stands", frame);
                }
                self.settle(id);
            }
        }
    }

    fn forget(&mut self, conversation: ConversationId) {
        self.last.remove(&conversation);
        self.shown.retain(|(of, _), _| *of != conversation);
    }

    pub fn unsettled(&self) -> Vec<Sent> {
        self.sent.iter().filter(|sent| !sent.is_settled).cloned().collect()
    }
}
