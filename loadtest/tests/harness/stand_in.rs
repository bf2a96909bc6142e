//! A router just large enough to hold conversations, in memory, that can be told to break its
//! promises: the harness has to find out.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

/// The promise to break, at every seventh message where nothing else is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// Acknowledges, and forgets.
    Forgets,
    /// Shows an event twice.
    ShowsTwice,
    /// Leaves a number out.
    Skips,
    /// Keeps another text than the one that was sent.
    Alters,
    /// Has no answer to any message.
    Silent,
    /// Has no answer to every second customer, however often its first message comes.
    Swallows,
    /// Refuses every second message of a customer, and acknowledges the one before it only then.
    RefusesBetween,
    /// Ends the connection at a customer's fifth message.
    HangsUp,
    /// Reads nothing more after a customer's first message.
    StopsReading,
    /// Takes [`WELCOME_TAKES`] to welcome a client.
    WelcomesLate,
}

/// See [`Fault::WelcomesLate`].
pub const WELCOME_TAKES: Duration = Duration::from_millis(300);

const SLOTS: usize = 3;

type Outbox = mpsc::UnboundedSender<String>;

#[derive(Default)]
struct Conversation {
    visitor: String,
    log: Vec<Value>,
    owner: Option<String>,
    offered: bool,
    closed: bool,
    acks: BTreeMap<Uuid, Value>,
}

#[derive(Default)]
struct Seat {
    outbox: Option<Outbox>,
    ready: bool,
}

#[derive(Default)]
struct State {
    conversations: BTreeMap<Uuid, Conversation>,
    queue: VecDeque<Uuid>,
    seats: BTreeMap<String, Seat>,
    customers: BTreeMap<String, Vec<Outbox>>,
    offers: BTreeMap<Uuid, (Uuid, String)>,
    messages: usize,
    /// First messages, each with whether it is answered.
    firsts: BTreeMap<Uuid, bool>,
    /// Messages by customer that [`Fault::RefusesBetween`] has yet to acknowledge.
    held: BTreeMap<String, Uuid>,
}

pub struct Router {
    fault: Fault,
    state: Mutex<State>,
}

impl Router {
    /// Listens on a free port of this machine.
    pub async fn start(fault: Fault) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let router = Arc::new(Self { fault, state: Mutex::default() });
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let router = router.clone();
                tokio::spawn(async move {
                    let mut start = [0; 4];
                    match stream.peek(&mut start).await {
                        Ok(4) if &start == b"POST" => router.session(stream).await,
                        _ => router.socket(stream).await,
                    }
                });
            }
        });
        address
    }

    async fn session(&self, mut stream: TcpStream) -> Option<()> {
        let mut bytes = Vec::new();
        let body: Value = loop {
            if stream.read_buf(&mut bytes).await.ok()? == 0 {
                return None;
            }
            let text = String::from_utf8_lossy(&bytes);
            if let Some((_, body)) = text.split_once("\r\n\r\n")
                && let Ok(body) = serde_json::from_str(body)
            {
                break body;
            }
        };
        let who = match body.get("user").and_then(Value::as_str) {
            Some(user) => json!({"token": format!("seat:{user}"), "seat": user}),
            None => {
                let visitor = body["visitor"]
                    .as_str()
                    .map_or_else(|| Uuid::new_v4().to_string(), std::borrow::ToOwned::to_owned);
                json!({"token": format!("customer:{visitor}"), "visitor": visitor})
            }
        };
        let body = who.to_string();
        let length = body.len();
        let answer = format!("HTTP/1.1 201 Created\r\nContent-Length: {length}\r\n\r\n{body}");
        stream.write_all(answer.as_bytes()).await.ok()
    }

    async fn socket(&self, stream: TcpStream) -> Option<()> {
        let mut socket = tokio_tungstenite::accept_async(stream).await.ok()?;
        let hello: Value = match socket.next().await? {
            Ok(Message::Text(text)) => serde_json::from_str(text.as_str()).ok()?,
            _ => return None,
        };
        let (role, name) = hello["token"].as_str()?.split_once(':')?;
        let (role, name) = (role.to_owned(), name.to_owned());
        let (outbox, mut waiting) = mpsc::unbounded_channel();
        if self.fault == Fault::WelcomesLate {
            tokio::time::sleep(WELCOME_TAKES).await;
        }
        self.welcome(&hello, &role, &name, &outbox);
        let mut sends = 0;
        loop {
            tokio::select! {
                text = waiting.recv() => socket.send(Message::text(text?)).await.ok()?,
                message = socket.next() => match message? {
                    Ok(Message::Text(text)) => {
                        let frame: Value = serde_json::from_str(text.as_str()).ok()?;
                        sends += usize::from(frame["type"] == "send");
                        match self.fault {
                            Fault::HangsUp if sends == 5 => return None,
                            Fault::StopsReading if sends == 1 => std::future::pending().await,
                            _ => {}
                        }
                        self.take(&frame, &role, &name, &outbox);
                    }
                    _ => return None,
                },
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn welcome(&self, hello: &Value, role: &str, name: &str, outbox: &Outbox) {
        let mut state = self.lock();
        let is_seat = role == "seat";
        if is_seat {
            state.seats.entry(name.into()).or_default().outbox = Some(outbox.clone());
        } else {
            state.customers.entry(name.into()).or_default().push(outbox.clone());
        }
        let mine: Vec<_> =
            state
                .conversations
                .iter()
                .filter(|(_, it)| {
                    if is_seat { it.owner.as_deref() == Some(name) } else { it.visitor == name }
                })
                .map(|(id, it)| json!({"conversation": id, "epoch": 1, "seq": it.log.len()}))
                .collect();
        let asked = hello["resume"]["last_seq"].as_object();
        let known = |id: &str| id.parse().is_ok_and(|id| state.conversations.contains_key(&id));
        let recovered =
            asked.is_some_and(|asked| !asked.is_empty() && asked.keys().all(|id| known(id)));
        let welcome = json!({"type":"welcome","session":Uuid::now_v7(),"heartbeat_ms":5000,
            "recovered":recovered,"conversations":mine});
        let _ = outbox.send(welcome.to_string());
        for (id, last) in asked.into_iter().flatten() {
            let Some(it) = id.parse().ok().and_then(|id: Uuid| state.conversations.get(&id)) else {
                continue;
            };
            for event in it.log.iter().skip(last.as_u64().unwrap_or(0) as usize) {
                let _ = outbox.send(event.to_string());
            }
        }
    }

    fn take(&self, frame: &Value, role: &str, name: &str, outbox: &Outbox) {
        let mut state = self.lock();
        let id = |field: &str| frame[field].as_str().and_then(|id| id.parse::<Uuid>().ok());
        match frame["type"].as_str().unwrap_or_default() {
            "ping" => {
                let _ = outbox.send(r#"{"type":"pong"}"#.into());
            }
            "state" => {
                if let Some(seat) = state.seats.get_mut(name) {
                    seat.ready = true;
                }
                let answer = json!({"type":"state","state":"ready","slots":SLOTS,"used":0});
                let _ = outbox.send(answer.to_string());
                state.offer();
            }
            "send" => {
                let Some(message) = id("id") else { return };
                let text = frame["text"].as_str().unwrap_or_default();
                self.say(&mut state, message, id("conversation"), text, role, name, outbox);
            }
            "accept" => {
                let Some(offer) = id("offer") else { return };
                let Some((conversation, seat)) = state.offers.remove(&offer) else { return };
                if let Some(it) = state.conversations.get_mut(&conversation) {
                    it.owner = Some(seat.clone());
                }
                state.tell(conversation, json!({"kind":"assigned","seat":seat}), Some(outbox));
                let history = state.conversations[&conversation].log.clone();
                let accepted = json!({"type":"accepted","offer":offer,"conversation":conversation,
                    "epoch":1,"fence":1,"history":history,"notes":[]});
                let _ = outbox.send(accepted.to_string());
            }
            "person" => {
                if let Some(conversation) = id("conversation") {
                    state.wait(conversation);
                }
            }
            "rate" => {
                if let Some(conversation) = id("conversation") {
                    state.tell(conversation, json!({"kind":"rated","score":frame["score"]}), None);
                }
            }
            "close" => {
                if let Some(conversation) = id("conversation")
                    && !state.conversations[&conversation].closed
                {
                    state.tell(conversation, json!({"kind":"closed","by":role}), None);
                    if let Some(it) = state.conversations.get_mut(&conversation) {
                        it.closed = true;
                    }
                    state.queue.retain(|waiting| *waiting != conversation);
                    state.offer();
                }
            }
            _ => {}
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one place, in a test")]
    fn say(
        &self,
        state: &mut State,
        message: Uuid,
        conversation: Option<Uuid>,
        text: &str,
        role: &str,
        name: &str,
        outbox: &Outbox,
    ) {
        match self.fault {
            Fault::Silent => return,
            Fault::RefusesBetween => return state.refuse_between(message, name, outbox),
            _ => {}
        }
        let conversation = conversation.unwrap_or_else(|| {
            let open = state.conversations.iter().find(|(_, it)| {
                it.visitor == name && (!it.closed || it.acks.contains_key(&message))
            });
            open.map_or_else(Uuid::now_v7, |(id, _)| *id)
        });
        if !state.conversations.contains_key(&conversation) {
            let is_even = state.firsts.len().is_multiple_of(2);
            let is_answered = *state.firsts.entry(message).or_insert(is_even);
            if self.fault == Fault::Swallows && !is_answered {
                return;
            }
        }
        let it = state.conversations.entry(conversation).or_default();
        if let Some(ack) = it.acks.get(&message) {
            let _ = outbox.send(ack.to_string());
            return;
        }
        if it.closed {
            let error = json!({"type":"error","id":message,"code":"conflict","message":"closed"});
            let _ = outbox.send(error.to_string());
            return;
        }
        if role == "customer" {
            it.visitor = name.into();
        }
        let is_first = it.log.is_empty();
        let seq = it.log.len() + 1;
        let ack = json!({"type":"ack","id":message,"conversation":conversation,"epoch":1,"seq":seq,
            "level":"durable"});
        it.acks.insert(message, ack.clone());
        let _ = outbox.send(ack.to_string());
        state.messages += 1;
        let breaks = state.messages.is_multiple_of(7);
        let kept = if breaks && self.fault == Fault::Alters { "something else" } else { text };
        let event = json!({"kind":"message","from":role,"id":message,"text":kept,"language":null});
        match self.fault {
            Fault::Forgets if breaks => return,
            Fault::Skips if breaks => {
                if let Some(it) = state.conversations.get_mut(&conversation) {
                    it.log.push(Value::Null);
                }
            }
            _ => {}
        }
        state.tell(conversation, event, Some(outbox));
        if breaks && self.fault == Fault::ShowsTwice {
            let last = state.conversations[&conversation].log.last().cloned().unwrap_or_default();
            state.send_to_viewers(conversation, &last, None);
        }
        if is_first && role == "customer" {
            if state.messages.is_multiple_of(3) {
                let answer = json!({"kind":"message","from":"machine","id":Uuid::now_v7(),
                    "text":"it is on its way","language":"en"});
                state.tell(conversation, answer, None);
                state.tell(
                    conversation,
                    json!({"kind":"answered_by_machine","source":"faq"}),
                    None,
                );
            } else {
                state.wait(conversation);
            }
        }
    }
}

impl State {
    fn refuse_between(&mut self, message: Uuid, name: &str, outbox: &Outbox) {
        let Some(first) = self.held.remove(name) else {
            self.held.insert(name.into(), message);
            return;
        };
        let refusal = json!({"type":"error","id":message,"code":"rate_limited","message":"later"});
        let ack = json!({"type":"ack","id":first,"conversation":Uuid::now_v7(),"epoch":1,"seq":1,
            "level":"durable"});
        for frame in [refusal, ack] {
            let _ = outbox.send(frame.to_string());
        }
    }

    fn wait(&mut self, conversation: Uuid) {
        let it = &self.conversations[&conversation];
        if !it.closed && it.owner.is_none() && !it.offered && !self.queue.contains(&conversation) {
            self.queue.push_back(conversation);
            let queued = json!({"kind":"queued","place":1,"wait_s":null,"reason":"capacity"});
            self.tell(conversation, queued, None);
            self.offer();
        }
    }

    fn offer(&mut self) {
        while let Some(conversation) = self.queue.front().copied() {
            let used = |name: &String| {
                let owned = self
                    .conversations
                    .values()
                    .filter(|it| !it.closed && it.owner.as_ref() == Some(name))
                    .count();
                owned + self.offers.values().filter(|(_, seat)| seat == name).count()
            };
            let free = self.seats.iter().find(|(name, seat)| seat.ready && used(name) < SLOTS);
            let Some((name, seat)) = free else { return };
            let offer = Uuid::now_v7();
            let frame = json!({"type":"offer","offer":offer,"conversation":conversation,
                "waiting_ms":0,"language":"es","intent":"order_status","confidence":0.9,"why":[]});
            if let Some(outbox) = &seat.outbox {
                let _ = outbox.send(frame.to_string());
            }
            let name = name.clone();
            self.offers.insert(offer, (conversation, name));
            self.queue.pop_front();
            if let Some(it) = self.conversations.get_mut(&conversation) {
                it.offered = true;
            }
        }
    }

    /// Numbers an event, keeps it and shows it to everybody but the one who caused it.
    fn tell(&mut self, conversation: Uuid, mut event: Value, but: Option<&Outbox>) {
        let Some(it) = self.conversations.get_mut(&conversation) else { return };
        event["type"] = "event".into();
        event["conversation"] = conversation.to_string().into();
        event["epoch"] = 1.into();
        event["seq"] = (it.log.len() + 1).into();
        it.log.push(event.clone());
        self.send_to_viewers(conversation, &event, but);
    }

    fn send_to_viewers(&self, conversation: Uuid, event: &Value, but: Option<&Outbox>) {
        let it = &self.conversations[&conversation];
        let customers = self.customers.get(&it.visitor).into_iter().flatten();
        let owner = it.owner.as_ref().and_then(|owner| self.seats[owner].outbox.as_ref());
        for outbox in customers.chain(owner) {
            if but.is_none_or(|but| !but.same_channel(outbox)) {
                let _ = outbox.send(event.to_string());
            }
        }
    }
}
