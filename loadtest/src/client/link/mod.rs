//! One client's connection over its whole life: token, hello, heartbeat, unacknowledged messages,
//! resume. Follows the outline in section 12 of the protocol, for customers and seats alike.

mod connect;
mod cursor;
mod pace;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};
use uuid::Uuid;

use self::cursor::{Cursor, Place};
use self::pace::Pace;
use super::frame::{self, Event, Frame, Kind, Standing};
use super::socket::Socket;
use crate::schedule::{Chance, Purpose};
use crate::shared::Shared;
use crate::stats::{Count, Measure};
use crate::verify::{Acked, End, Said, Viewer};

/// An acknowledgement that takes longer is asked for again, with the same id.
const ACK_WAIT: Duration = Duration::from_secs(10);
/// Without any frame for so long, not even a pong, the server is taken for dead.
const SILENCE_MAX: Duration = Duration::from_secs(20);
/// Wait after a refusal that names none.
const RETRY_WAIT: Duration = Duration::from_secs(1);
/// Back-off between connections, doubling from the first to the last.
const BACKOFF_S: (f64, f64) = (1.0, 30.0);

/// Who connects.
#[derive(Clone, Debug)]
pub enum Role {
    /// A customer; the credential is None for a new one.
    Customer {
        visitor: Option<String>,
    },
    Seat {
        user: String,
        password: String,
    },
}

/// What a client hears about.
#[derive(Debug)]
pub enum Incoming {
    /// A connection stands, the first or another; the conversations that the server knows of.
    Welcome(Vec<Standing>),
    /// The next event of a conversation.
    Event(Event),
    /// An own message is safe.
    Acked {
        conversation: Uuid,
    },
    /// A frame was refused for good.
    Refused {
        id: Option<Uuid>,
        conversation: Option<Uuid>,
        code: String,
    },
    Offer(Offer),
    Accepted {
        offer: Uuid,
        conversation: Uuid,
        history: Vec<Event>,
    },
    Withdrawn {
        offer: Uuid,
    },
    TakenBack {
        conversation: Uuid,
    },
    State {
        ready: bool,
        slots: u32,
    },
    /// The moment asked for has come.
    Due,
    /// The server closed with a code that forbids coming back.
    Broken,
}

/// A conversation that a seat may take.
#[derive(Debug)]
pub struct Offer {
    pub id: Uuid,
    pub conversation: Uuid,
    /// Whether the router says what the customer wants.
    pub understood: bool,
    pub waiting_ms: u64,
    pub language: Option<Box<str>>,
}

#[derive(Debug)]
struct Outstanding {
    said: Said,
    conversation: Option<Uuid>,
    text: Arc<str>,
    scheduled: Instant,
    sent: Option<Instant>,
    /// Times it left without a refusal: more than one means that an older answer may exist.
    in_doubt: u32,
    /// Held back by this client itself.
    paced: bool,
    again_at: Option<Instant>,
}

/// See the module.
pub struct Link {
    shared: Arc<Shared>,
    role: Role,
    viewer: Viewer,
    identity: Option<usize>,
    token: Option<(String, Instant)>,
    session: Option<Uuid>,
    socket: Option<Socket>,
    heartbeat: Duration,
    last_sent: Instant,
    last_heard: Instant,
    failures: i32,
    retry_at: Option<Instant>,
    /// The wait that the server has named before the close that is on its way.
    back_after: Option<Duration>,
    was_connected: bool,
    /// Since when the connection stands, or the last one stood.
    connected_at: Instant,
    broken: bool,
    cursors: BTreeMap<Uuid, Cursor>,
    /// Conversations of earlier visits or that this seat has ended: not to be followed again.
    past: BTreeSet<Uuid>,
    outstanding: Vec<Outstanding>,
    ready: VecDeque<Incoming>,
    pace: Pace,
    chance: Chance,
}

impl Link {
    /// Not connected yet: the first [`Self::next`] connects.
    pub fn new(shared: Arc<Shared>, role: Role, viewer: Viewer, number: u64) -> Self {
        let now = Instant::now();
        let chance = Chance::new(shared.seed, Purpose::Backoff, number);
        Self {
            shared,
            role,
            viewer,
            identity: None,
            token: None,
            session: None,
            socket: None,
            heartbeat: Duration::from_secs(5),
            last_sent: now,
            last_heard: now,
            failures: 0,
            retry_at: None,
            back_after: None,
            was_connected: false,
            connected_at: now,
            broken: false,
            cursors: BTreeMap::new(),
            past: BTreeSet::new(),
            outstanding: Vec::new(),
            ready: VecDeque::new(),
            pace: Pace::new(now),
            chance,
        }
    }

    /// Who this is in the record.
    pub fn viewer(&self) -> Viewer {
        self.viewer
    }

    /// Number of the customer's credential, once there is a session.
    pub fn identity(&self) -> Option<usize> {
        self.identity
    }

    /// Whether a connection stands.
    pub fn is_connected(&self) -> bool {
        self.socket.is_some()
    }

    /// Whether messages of this conversation still wait for their acknowledgement.
    pub fn awaits_ack(&self, conversation: Option<Uuid>) -> bool {
        self.outstanding.iter().any(|message| message.conversation == conversation)
    }

    /// Says something; latency counts from `scheduled`. Without a connection it leaves with the next.
    pub async fn say(&mut self, conversation: Option<Uuid>, text: &Arc<str>, scheduled: Instant) {
        let said = Said { id: Uuid::now_v7(), hash: frame::fingerprint(text) };
        self.shared.recorder.sent(self.viewer, said);
        self.outstanding.push(Outstanding {
            said,
            conversation,
            text: text.clone(),
            scheduled,
            sent: None,
            in_doubt: 0,
            paced: false,
            again_at: None,
        });
        if self.socket.is_some() {
            self.transmit(self.outstanding.len() - 1).await;
        }
    }

    /// Sends a frame that needs no acknowledgement; lost with the connection.
    pub async fn tell(&mut self, text: String) {
        let Some(socket) = &mut self.socket else { return };
        self.last_sent = Instant::now();
        if socket.send(Message::text(text)).await.is_err() {
            self.lost("connection_lost");
        }
    }

    /// Drops the connection without a word and comes back after `away`.
    pub fn break_off(&mut self, away: Duration) {
        self.socket = None;
        self.retry_at = Some(Instant::now() + away);
    }

    /// Goes away for good.
    pub fn leave(&mut self) {
        self.socket = None;
        self.give_up_messages();
    }

    /// Stops following a conversation. What a seat still had under way in it is refused: nobody waits
    /// for that.
    pub fn forget(&mut self, conversation: Uuid) {
        self.cursors.remove(&conversation);
        self.past.insert(conversation);
        self.outstanding.retain(|message| message.conversation != Some(conversation));
    }

    /// Drops what was to be sent and never had an answer, and counts it.
    pub fn give_up_messages(&mut self) {
        for _ in self.outstanding.drain(..) {
            self.shared.stats.count(Count::Unacknowledged);
        }
    }

    /// Keeps the connection alive between conversations, until it breaks or the future is dropped.
    pub async fn idle(&mut self) {
        while self.socket.is_some() {
            let far = Instant::now() + Duration::from_secs(3600);
            // What comes between conversations concerns none.
            let _ = self.step(far).await;
        }
        std::future::pending::<()>().await;
    }

    /// The next thing that happens, or [`Incoming::Due`] at `until`. Dropping the future loses
    /// nothing: a connection under way starts anew, frames that were read are in the state.
    pub async fn next(&mut self, until: Instant) -> Incoming {
        loop {
            if let Some(waiting) = self.ready.pop_front() {
                return waiting;
            }
            if self.socket.is_none() {
                if self.broken {
                    return Incoming::Broken;
                }
                let at = self.retry_at.unwrap_or_else(Instant::now);
                if at > until {
                    sleep_until(until).await;
                    return Incoming::Due;
                }
                sleep_until(at).await;
                if let Some(standings) = self.connect().await {
                    for at in 0..self.outstanding.len() {
                        self.transmit(at).await;
                    }
                    return Incoming::Welcome(standings);
                }
                continue;
            }
            if let Some(incoming) = self.step(until).await {
                return incoming;
            }
        }
    }

    /// One wait on the standing connection.
    async fn step(&mut self, until: Instant) -> Option<Incoming> {
        let now = Instant::now();
        if now >= self.next_chore() {
            self.do_chores(now).await;
        }
        let wake = until.min(self.next_chore());
        let socket = self.socket.as_mut()?;
        match timeout_at(wake, socket.next()).await {
            Err(_) if Instant::now() >= until => Some(Incoming::Due),
            Err(_) => None,
            Ok(Some(Ok(Message::Text(text)))) => {
                self.last_heard = Instant::now();
                self.take(text.as_str())
            }
            Ok(Some(Ok(Message::Close(close)))) => {
                let code = close.map_or(1005, |close| u16::from(close.code));
                self.closed(code);
                None
            }
            Ok(Some(Ok(Message::Binary(_)))) => {
                self.shared.stats.error("binary_from_server");
                None
            }
            Ok(Some(Ok(_))) => None,
            Ok(Some(Err(why))) => {
                self.lost(match why {
                    // How a killed server looks from here.
                    SocketError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
                        "connection_lost"
                    }
                    SocketError::Protocol(_) => "protocol_violation",
                    SocketError::Utf8(_) => "not_utf8_from_server",
                    _ => "connection_lost",
                });
                None
            }
            Ok(None) => {
                self.lost("connection_lost");
                None
            }
        }
    }

    fn next_chore(&self) -> Instant {
        let dead = self.last_heard + SILENCE_MAX;
        let ping = self.last_sent + self.heartbeat;
        let again = self.outstanding.iter().filter_map(|message| message.again_at).min();
        again.into_iter().chain([dead, ping]).min().unwrap_or(ping)
    }

    async fn do_chores(&mut self, now: Instant) {
        if now >= self.last_heard + SILENCE_MAX {
            self.lost("silent_server");
            return;
        }
        for at in 0..self.outstanding.len() {
            let message = &self.outstanding[at];
            if message.again_at.is_some_and(|again_at| again_at <= now) {
                if message.in_doubt > 0 && !message.paced {
                    self.shared.stats.error("ack_timeout");
                }
                self.transmit(at).await;
            }
        }
        if now >= self.last_sent + self.heartbeat {
            self.tell(frame::PING.to_owned()).await;
        }
    }

    async fn transmit(&mut self, at: usize) {
        let Some(socket) = &mut self.socket else { return };
        let now = Instant::now();
        let message = &mut self.outstanding[at];
        if message.again_at.is_none() {
            // The first try. What the server took to let the client in is no lag of the harness.
            let due = message.scheduled.max(self.connected_at);
            self.shared.stats.record(Measure::Lag, now.saturating_duration_since(due));
        }
        message.paced = false;
        if let Err(wait) = self.pace.take(now) {
            message.paced = true;
            message.again_at = Some(now + wait);
            return;
        }
        if message.sent.is_some() {
            self.shared.stats.count(Count::Resent);
        }
        message.sent = Some(now);
        message.in_doubt += 1;
        message.again_at = Some(now + ACK_WAIT);
        self.last_sent = now;
        let text = frame::send(message.said.id, message.conversation, &message.text);
        if socket.send(Message::text(text)).await.is_err() {
            self.lost("connection_lost");
        }
    }

    /// The connection broke without a close frame.
    fn lost(&mut self, why: &str) {
        self.shared.stats.error(why);
        self.back_off();
    }

    fn closed(&mut self, code: u16) {
        self.shared.stats.error(&format!("closed_{code}"));
        match code {
            4503 => self.token = None,
            1002 | 4500..=4999 => self.broken = true,
            _ => {}
        }
        self.back_off();
    }

    /// Full jitter: all clients of a server that restarts must not come back at once.
    fn back_off(&mut self) {
        self.socket = None;
        let longest = (BACKOFF_S.0 * 2.0_f64.powi(self.failures.min(10))).min(BACKOFF_S.1);
        self.failures += 1;
        // A wait that the server names is spread already.
        let own = Duration::from_secs_f64(self.chance.unit() * longest);
        let wait = self.back_after.take().unwrap_or(own);
        self.retry_at = Some(Instant::now() + wait);
    }

    fn take(&mut self, text: &str) -> Option<Incoming> {
        let Ok(frame) = Frame::decode(text) else {
            self.shared.stats.error("unreadable_frame");
            return None;
        };
        match &*frame.kind_of_frame {
            "event" => self.take_event(&frame),
            "ack" => self.take_ack(&frame),
            "error" => self.take_error(&frame),
            "closing" => {
                self.back_after = frame.retry_after_ms.map(Duration::from_millis);
                None
            }
            "offer" => Some(Incoming::Offer(Offer {
                id: frame.offer?,
                conversation: frame.conversation?,
                understood: frame.intent.is_some(),
                waiting_ms: frame.waiting_ms.unwrap_or(0),
                language: frame.language.as_deref().map(Into::into),
            })),
            "accepted" => self.take_accepted(&frame),
            "withdrawn" => Some(Incoming::Withdrawn { offer: frame.offer? }),
            "taken_back" => Some(Incoming::TakenBack { conversation: frame.conversation? }),
            "state" => Some(Incoming::State {
                ready: frame.state.as_deref() == Some("ready"),
                slots: frame.slots.unwrap_or(0),
            }),
            _ => None,
        }
    }

    fn take_event(&mut self, frame: &Frame<'_>) -> Option<Incoming> {
        let Some(event) = frame.event() else {
            self.shared.stats.error("unreadable_event");
            return None;
        };
        // A seat may still hear of a conversation that it has ended.
        let cursor = self.cursors.get_mut(&event.conversation)?;
        self.shared.recorder.event(self.viewer, &event);
        match cursor.place(event.epoch, event.seq) {
            Place::Next => {
                if let Kind::Closed = event.kind {
                    let recorder = &self.shared.recorder;
                    recorder.end_view(event.conversation, self.viewer, End::Closed);
                }
                Some(Incoming::Event(event))
            }
            Place::Known => None,
            other => {
                self.missed(event.conversation, other);
                None
            }
        }
    }

    /// Reconnects to get what is missing.
    fn missed(&mut self, conversation: Uuid, place: Place) {
        if place == Place::NewEpoch {
            self.shared.stats.error("new_epoch");
            self.shared.recorder.restart(conversation, self.viewer);
            self.cursors.insert(conversation, Cursor::default());
        } else {
            self.shared.stats.error("gap");
        }
        self.back_off();
    }

    fn take_ack(&mut self, frame: &Frame<'_>) -> Option<Incoming> {
        let (id, conversation) = (frame.id?, frame.conversation?);
        // The second answer to a message that was sent twice.
        let at = self.outstanding.iter().position(|message| message.said.id == id)?;
        let message = self.outstanding.remove(at);
        let now = Instant::now();
        let stats = &self.shared.stats;
        stats.record(Measure::Ack, now - message.scheduled);
        stats.record(Measure::AckSinceSent, now - message.sent.unwrap_or(message.scheduled));
        stats.count(Count::Messages);
        stats.count(match self.viewer {
            Viewer::Customer(_) => Count::MessagesCustomer,
            Viewer::Seat(_) => Count::MessagesSeat,
        });
        stats.second(|second| second.acknowledged += 1);

        let acked = Acked {
            said: message.said,
            epoch: frame.epoch,
            seq: frame.seq,
            at_ms: self.shared.recorder.now_ms(),
        };
        let again = message.in_doubt > 1;
        self.shared.recorder.acked(self.viewer, conversation, acked, again);
        let followed = cursor::to_follow(&mut self.cursors, &self.past, conversation);
        match followed.map(|cursor| cursor.place(frame.epoch, frame.seq)) {
            None | Some(Place::Next | Place::Known) => {}
            Some(other) => self.missed(conversation, other),
        }
        Some(Incoming::Acked { conversation })
    }

    fn take_error(&mut self, frame: &Frame<'_>) -> Option<Incoming> {
        let code = frame.code.as_deref().unwrap_or("no_code");
        let at = self
            .outstanding
            .iter()
            .position(|message| frame.id.is_some_and(|id| id == message.said.id));
        let for_now = matches!(code, "rate_limited" | "overloaded" | "unavailable");
        if for_now {
            self.shared.stats.error(code);
            let wait = frame.retry_after_ms.map_or(RETRY_WAIT, Duration::from_millis);
            if let Some(at) = at {
                let message = &mut self.outstanding[at];
                message.in_doubt = message.in_doubt.saturating_sub(1);
                message.again_at = Some(Instant::now() + wait);
            }
            return None;
        }
        let conversation = at.and_then(|at| self.outstanding.remove(at).conversation);
        Some(Incoming::Refused { id: frame.id, conversation, code: code.to_owned() })
    }

    fn take_accepted(&mut self, frame: &Frame<'_>) -> Option<Incoming> {
        let (offer, conversation) = (frame.offer?, frame.conversation?);
        self.past.remove(&conversation);
        self.shared.recorder.begin_view(conversation, self.viewer);
        let mut cursor = Cursor::default();
        let mut history = Vec::with_capacity(frame.history.len());
        for past in &frame.history {
            // History stands inside a frame that names the conversation and the epoch already.
            let Some(event) = past.event() else {
                self.shared.stats.error("unreadable_event");
                continue;
            };
            self.shared.recorder.event(self.viewer, &event);
            cursor.place(event.epoch, event.seq);
            history.push(event);
        }
        self.cursors.insert(conversation, cursor);
        Some(Incoming::Accepted { offer, conversation, history })
    }
}
