//! A client over the simulated network: connects, says hello, resumes, sends again, and comes back
//! after whatever happens.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, interval_at, sleep, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role as Side;
use tradewind::gateway::Role;

use super::door::Door;
use super::judge::{Judge, text};
use super::network::Route;
use super::view::{Sent, View, Welcomed, Who};

/// Silence after which the router is taken for dead.
const PATIENCE: Duration = Duration::from_secs(12);
const HEARTBEAT: Duration = Duration::from_secs(5);
/// A message without an answer is sent again after this.
const SEND_AGAIN: Duration = Duration::from_secs(4);

/// What a client is told to do.
#[derive(Debug)]
pub enum Order {
    /// Sends a message; twice, when the network doubles it.
    Say(Sent, usize),
    /// Sends any other frame.
    Act(Value),
    /// Leaves without a word for so long.
    Leave(Duration),
    /// Opens another connection beside the old one, on which this is still on its way.
    Overtake(Option<Sent>),
}

/// The world's end of a client.
pub struct Client {
    pub view: Arc<Mutex<View>>,
    pub route: Route,
    pub orders: mpsc::UnboundedSender<Order>,
}

impl Client {
    pub fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().expect("nobody panics while holding it")
    }

    pub fn order(&self, order: Order) {
        self.orders.send(order).expect("the client is there to the end");
    }
}

/// Why a connection ended.
enum End {
    /// It broke, or the router closed it.
    Broke,
    /// The client wants another one at once.
    Again,
    Left(Duration),
}

/// The client's own end.
struct Life {
    view: Arc<Mutex<View>>,
    door: Door,
    route: Route,
    token: String,
    orders: mpsc::UnboundedReceiver<Order>,
    random: SmallRng,
    judge: Judge,
    /// An older connection that nobody reads any more.
    old: Option<WebSocketStream<DuplexStream>>,
}

/// Starts a client.
pub fn start(view: View, token: String, seed: u64, door: Door, judge: Judge) -> Client {
    let (orders, told) = mpsc::unbounded_channel();
    let view = Arc::new(Mutex::new(view));
    let route = Route::new(seed ^ 0x0ffe);
    let life = Life {
        view: view.clone(),
        door,
        route: route.clone(),
        token,
        orders: told,
        random: SmallRng::seed_from_u64(seed),
        judge,
        old: None,
    };
    tokio::spawn(life.live());
    Client { view, route, orders }
}

impl Life {
    fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().expect("nobody panics while holding it")
    }

    fn role(&self) -> Role {
        match self.view().who {
            Who::Customer(_) => Role::Widget,
            Who::Seat(_) => Role::Seat,
        }
    }

    async fn live(mut self) {
        loop {
            let connected = self.door.connect(&self.route, self.role());
            let end = match connected {
                Some(stream) => self.session(stream).await.unwrap_or(End::Broke),
                None => End::Broke,
            };
            self.view().is_connected = false;
            let pause = match end {
                End::Broke => Duration::from_millis(self.random.random_range(100..2_000)),
                End::Again => Duration::ZERO,
                End::Left(pause) => pause,
            };
            sleep(pause).await;
        }
    }

    /// One connection; `None` when it cannot be written to any more.
    async fn session(&mut self, stream: DuplexStream) -> Option<End> {
        let mut socket = WebSocketStream::from_raw_socket(stream, Side::Client, None).await;
        let resume = self.view().resume();
        let hello = json!({"type": "hello", "token": self.token, "resume": resume});
        send(&mut socket, &hello).await?;
        let welcome = timeout(PATIENCE, next(&mut socket)).await.ok()??;
        self.note(&welcome);
        if text(&welcome, "type") == "closing" {
            return Some(End::Broke);
        }
        if text(&welcome, "type") != "welcome" {
            self.judge.violation(format!("no welcome: {welcome}"));
            return None;
        }
        let door = self.door.clone();
        let welcomed = self.view().welcome(&welcome, |id| door.has_aged(id));
        if welcomed == Welcomed::AsksAgain {
            return Some(End::Again);
        }
        self.view().is_connected = true;
        self.old = None;
        if self.role() == Role::Seat {
            send(&mut socket, &json!({"type": "state", "state": "ready"})).await?;
        }
        let unsettled = self.view().unsettled();
        for sent in unsettled {
            send(&mut socket, &sent.frame()).await?;
        }
        self.talk(socket).await
    }

    async fn talk(&mut self, mut socket: WebSocketStream<DuplexStream>) -> Option<End> {
        let begun = Instant::now();
        let every = |period: Duration| interval_at(begun + period, period);
        let (mut ping, mut again) = (every(HEARTBEAT), every(SEND_AGAIN));
        let mut heard = begun;
        let mut answer_at: Option<Instant> = None;
        loop {
            tokio::select! {
                biased;
                frame = next(&mut socket) => {
                    let frame = frame?;
                    heard = Instant::now();
                    self.note(&frame);
                    self.view().take(&frame);
                    if text(&frame, "type") == "offer" {
                        let wait = Duration::from_millis(self.random.random_range(50..4_000));
                        answer_at.get_or_insert(heard + wait);
                    }
                }
                () = sleep_until(heard + PATIENCE) => return None,
                () = until(answer_at) => {
                    answer_at = None;
                    let offers = std::mem::take(&mut self.view().offers);
                    for offer in offers {
                        let act = if self.random.random_range(0..10) < 8 { "accept" } else { "decline" };
                        send(&mut socket, &json!({"type": act, "offer": offer})).await?;
                    }
                }
                order = self.orders.recv() => match order? {
                    Order::Say(sent, times) => {
                        self.view().sent.push(sent.clone());
                        for _ in 0..times {
                            send(&mut socket, &sent.frame()).await?;
                        }
                    }
                    Order::Act(frame) => send(&mut socket, &frame).await?,
                    Order::Leave(pause) => return Some(End::Left(pause)),
                    Order::Overtake(sent) => {
                        if let Some(sent) = sent {
                            self.view().sent.push(sent.clone());
                            send(&mut socket, &sent.frame()).await?;
                        }
                        self.old = Some(socket);
                        return Some(End::Again);
                    }
                },
                _ = ping.tick() => send(&mut socket, &json!({"type": "ping"})).await?,
                _ = again.tick() => {
                    let unsettled = self.view().unsettled();
                    for sent in unsettled {
                        send(&mut socket, &sent.frame()).await?;
                    }
                }
            }
        }
    }

    /// For the trace: everything that came, without what is made anew in each run.
    fn note(&self, frame: &Value) {
        let mut frame = frame.clone();
        if let Some(session) = frame.get_mut("session") {
            *session = Value::Null;
        }
        // Drawn for each client, so that they do not come back at once.
        if let Some(wait) = frame.get_mut("retry_after_ms") {
            *wait = Value::Null;
        }
        let mut state = self.judge.state();
        state.frames += 1;
        if frame["type"] == "closing" {
            // All are told at once, in the order of a hash table.
            return;
        }
        let what = format!("{} {frame}", self.view().name);
        state.note("frame", &what);
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

async fn send(socket: &mut WebSocketStream<DuplexStream>, frame: &Value) -> Option<()> {
    let sent = timeout(PATIENCE, socket.send(Message::text(frame.to_string()))).await;
    sent.ok()?.ok()
}

/// The next frame; `None` at the end of the connection.
async fn next(socket: &mut WebSocketStream<DuplexStream>) -> Option<Value> {
    loop {
        match socket.next().await? {
            Ok(Message::Text(text)) => {
                return Some(serde_json::from_str(&text).expect("the router sends JSON"));
            }
            Ok(Message::Ping(_) | Message::Pong(_)) => {}
            Ok(_) | Err(_) => return None,
        }
    }
}
