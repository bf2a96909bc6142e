//! The life of one WebSocket: hello, welcome, frames both ways, one clean-up at the end.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use uuid::Uuid;

use crate::admission::{Gate, Place, Refusal, Usage, admit, no_room};
use crate::deliver::{Frame, Outbox, Ready};
use crate::domain::Work;
use crate::flow::{
    Attach, Attached, CustomerRef, Dispatch, Envelope, Input, Link, SeatLine, Viewer,
};
use crate::metrics::names::{Counter, Gauge, Histogram};
use crate::protocol::{ClientFrame, CloseCode, ErrorCode, Resume, ServerFrame, encode};

use super::Gateway;
use super::clients::{Accepted, ShopPlace};
use super::hello::{Identified, Who, identify};
use super::retry;
use super::socket::{Received, Socket};
use super::standing::OpenSocket;
use super::stream::Stream;

/// What a path is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Customers.
    Widget,
    /// Seats.
    Seat,
}

/// A socket that has not said hello.
pub struct Visit {
    /// What its path is for.
    pub role: Role,
    /// The page that it belongs to.
    pub origin: Option<String>,
    /// What its address uses, where that is counted.
    pub address: Option<Arc<Usage>>,
    /// Its place among the sockets of its address.
    pub place: Option<Place>,
    /// Its place among all.
    pub _accepted: Arc<Accepted>,
}

/// Runs a connection from its first frame to its end.
pub async fn run(
    gateway: Arc<Gateway>,
    stream: Box<WebSocketStream<Stream>>,
    mut visit: Box<Visit>,
) {
    let mut socket = Socket::new(stream, gateway.limits.peer_dead_after, gateway.clock);
    let hello = Box::pin(welcome(&gateway, &mut socket, &mut visit)).await;
    let (identified, shop) = match hello {
        Ok(welcomed) => welcomed,
        Err(None) => return Box::pin(socket.part()).await,
        Err(Some(code)) => return Box::pin(close(&gateway, socket, code)).await,
    };
    // Everything that an open connection needs for long is in one place on the heap; what the hello
    // needed is freed before.
    Box::pin(open(gateway, socket, visit, identified, shop)).await;
}

/// Hears who it is, and whether the shop may have one more.
async fn welcome(
    gateway: &Gateway,
    socket: &mut Socket,
    visit: &mut Visit,
) -> Result<(Identified, ShopPlace), Option<CloseCode>> {
    let identified = identify(gateway, socket, visit.role, visit.origin.as_deref()).await?;
    let place = gateway.shop_place(&identified.token.shop).map_err(Some)?;
    if matches!(identified.who, Who::Seat(_)) {
        // A shop vouches for its seats, and many of them share the address of an office.
        visit.place = None;
        visit.address = None;
    }
    Ok((identified, place))
}

/// The instant from which the latency of what follows counts.
fn now() -> std::time::Instant {
    Instant::now().into_std()
}

async fn close(gateway: &Gateway, socket: Socket, code: CloseCode) {
    gateway.metrics.count(Counter::Closed(code));
    let retry_after = code.back_after();
    let retry_after =
        retry_after.map(|least| retry::later(least, gateway.sockets.len(), rand::random()));
    socket.close(code, retry_after).await;
}

/// An identified connection.
pub(super) struct Connection {
    pub(super) gateway: Arc<Gateway>,
    pub(super) who: Who,
    pub(super) link: Link,
    pub(super) gate: Gate,
    /// Whether the customer has a conversation that goes on, as far as this socket knows.
    pub(super) is_in_conversation: bool,
    bad_frames: usize,
    /// Whether the latest ping was one too many, which the client was told.
    is_ping_refused: bool,
}

async fn open(
    gateway: Arc<Gateway>,
    mut socket: Socket,
    mut visit: Box<Visit>,
    hello: Identified,
    shop: ShopPlace,
) {
    let resume = hello.resume.unwrap_or_default();
    let session = resume.session.unwrap_or_else(Uuid::now_v7);
    let outbox = Arc::new(Outbox::new(gateway.limits.outbox_bytes_max));
    let mut connection = Connection {
        who: hello.who,
        link: Link { outbox, session },
        gate: Gate::new(gateway.limits.admission.clone(), visit.address.take(), shop.usage),
        is_in_conversation: false,
        bad_frames: 0,
        is_ping_refused: false,
        gateway,
    };
    let gauge = match visit.role {
        Role::Widget => Gauge::WidgetConnections,
        Role::Seat => Gauge::SeatConnections,
    };
    connection.gateway.metrics.shift(gauge, 1);
    // A key of its own: a session that comes back may overlap with the socket it replaces.
    let key = Uuid::now_v7();
    let open = OpenSocket { outbox: connection.link.outbox.clone(), token: hello.token };
    connection.gateway.sockets.insert(key, open);
    // A right may have been taken away after it was looked at and before the socket was listed.
    if !connection.gateway.sockets.get(&key).is_some_and(|it| connection.gateway.stands(&it.token))
    {
        connection.link.outbox.close(CloseCode::Unauthorized);
    }
    if !connection.gateway.ready.load(Ordering::Relaxed) {
        // It may have come after the others were asked to go, and nobody would ask it.
        connection.link.outbox.close(CloseCode::Draining);
    }
    let end = connection.live(&mut socket, resume).await;
    connection.gateway.sockets.remove(&key);
    connection.leave();
    connection.gateway.metrics.shift(gauge, -1);
    match end {
        Some(code) => Box::pin(close(&connection.gateway, socket, code)).await,
        None => Box::pin(socket.part()).await,
    }
}

impl Connection {
    /// Serves the connection; gives the code to close with, or `None` when the peer is gone.
    async fn live(&mut self, socket: &mut Socket, resume: Resume) -> Option<CloseCode> {
        let mut frames = match Box::pin(self.attach(resume)).await {
            Ok(frames) => frames,
            Err(code) => return Some(code),
        };
        let outbox = self.link.outbox.clone();
        let slow = || poll_fn(|context| outbox.poll_slow(context));
        if let Err(unwritten) = socket.write(&mut frames, slow()).await {
            return unwritten.close_code();
        }
        frames = Vec::new();
        let dead_after = self.gateway.limits.peer_dead_after;
        let mut heard_at = Instant::now();
        let mut alarm = pin!(tokio::time::sleep(dead_after));
        loop {
            tokio::select! {
                biased;
                ready = poll_fn(|context| outbox.poll_ready(context, &mut frames)) => match ready {
                    Ready::Write => {
                        if let Err(unwritten) = socket.write(&mut frames, slow()).await {
                            return unwritten.close_code();
                        }
                    }
                    Ready::Close(code) => return Some(code),
                },
                received = socket.next() => {
                    heard_at = Instant::now();
                    match received {
                        Received::Text(text) => self.take(&text, heard_at.into_std()),
                        Received::Binary => {
                            self.bad_frame(None, "binary messages are not part of the protocol");
                        }
                        Received::Broken(code) => return Some(code),
                        Received::Gone => return None,
                    }
                    if self.bad_frames >= self.gateway.limits.bad_frames_max {
                        return Some(CloseCode::BadFrame);
                    }
                }
                () = &mut alarm => {
                    // Looked at only when it goes off: setting a timer anew for each frame costs
                    // more than an early look now and then.
                    let silent_for = heard_at.elapsed();
                    if silent_for >= dead_after {
                        return Some(CloseCode::Silent);
                    }
                    alarm.as_mut().reset(heard_at + dead_after);
                }
            }
        }
    }

    /// Becomes a viewer; gives `welcome` and the missed events.
    async fn attach(&mut self, resume: Resume) -> Result<Vec<Frame>, CloseCode> {
        let asked = resume.last_seq.len();
        let mut replies = Vec::new();
        for owner in self.owners() {
            let (reply, answer) = oneshot::channel();
            let attach = Attach {
                viewer: self.who.viewer(),
                link: self.link.clone(),
                resume: resume.clone(),
                reply,
            };
            let envelope = Envelope { caused_at: now(), input: Input::Attach(attach) };
            let offered = self.gateway.owners.offer(owner, envelope);
            offered.map_err(|_| CloseCode::Overloaded)?;
            replies.push(answer);
        }
        let mut all = Attached::default();
        for reply in replies {
            let answer = tokio::time::timeout(self.gateway.limits.handshake, reply).await;
            let Ok(Ok(attached)) = answer else { return Err(CloseCode::Overloaded) };
            all.held.extend(attached.held);
            all.recovered += attached.recovered;
            all.is_in_conversation |= attached.is_in_conversation;
            all.missed.extend(attached.missed);
        }
        if let Who::Seat(seat) = &self.who {
            let line = SeatLine { seat: (**seat).clone(), link: self.link.clone() };
            self.gateway.dispatcher.tell(Dispatch::SeatOpened(line), now());
        }
        let limits = &self.gateway.limits;
        let welcome = ServerFrame::Welcome {
            session: self.link.session,
            heartbeat_ms: u64::try_from(limits.heartbeat.as_millis()).unwrap_or(u64::MAX),
            recovered: asked > 0 && all.recovered == asked,
            conversations: &all.held,
        };
        let mut frames = vec![encode(&welcome).into()];
        frames.append(&mut all.missed);
        self.is_in_conversation = all.is_in_conversation;
        Ok(frames)
    }

    /// Stops being a viewer.
    fn leave(&self) {
        // Marked first: whatever is still on its way to this socket is dropped from here on.
        self.link.outbox.close(CloseCode::Draining);
        let session = self.link.session;
        for owner in self.owners() {
            let input = Input::Detach { viewer: self.who.viewer(), session };
            let envelope = Envelope { caused_at: now(), input };
            self.gateway.owners.follow_up(owner, envelope);
        }
        if let Who::Seat(seat) = &self.who {
            self.gateway.incidents.closed((**seat).clone(), session);
            let dispatch = Dispatch::SeatClosed { seat: (**seat).clone(), session };
            self.gateway.dispatcher.tell(dispatch, now());
        }
    }

    /// The owners of what this connection views: one for a customer, all for a seat.
    fn owners(&self) -> std::ops::Range<usize> {
        match self.who.viewer() {
            Viewer::Customer(customer) => {
                let owner = self.owner_of(&customer);
                owner..owner + 1
            }
            Viewer::Seat(_) => 0..self.gateway.owners.len(),
        }
    }

    pub(super) fn owner_of(&self, customer: &CustomerRef) -> usize {
        self.gateway.owners.of_customer(customer)
    }

    fn take(&mut self, text: &str, arrived_at: std::time::Instant) {
        match ClientFrame::parse(text) {
            Err((frame, error)) => self.bad_frame(frame, &error.to_string()),
            Ok((_, ClientFrame::Ping)) => self.ping(),
            Ok((frame, ClientFrame::Hello(_))) => {
                self.bad_frame(frame, "hello was said already");
            }
            Ok((frame, parsed)) => {
                let taken = match self.who.clone() {
                    Who::Customer(profile) => {
                        self.widget_frame(&profile, frame, parsed, arrived_at)
                    }
                    Who::Seat(seat) => self.seat_frame(&seat, frame, parsed, arrived_at),
                };
                match taken {
                    Ok(()) => {}
                    Err(NotTaken::Refused(refusal)) => self.refuse(frame, refusal),
                    Err(NotTaken::OtherRole) => {
                        self.bad_frame(frame, "this type belongs to the other role");
                    }
                }
            }
        }
    }

    /// Answers a ping. Of those over the rate of frames the first is refused, and those behind it get
    /// nothing: an answer to each would be as much work as a pong.
    fn ping(&mut self) {
        match self.gate.frame(self.gateway.clock.now()) {
            Ok(()) => {
                self.is_ping_refused = false;
                self.send(&ServerFrame::Pong);
            }
            Err(refusal) if self.is_ping_refused => {
                self.gateway.metrics.count(Counter::Refused(refusal.code));
            }
            Err(refusal) => {
                self.is_ping_refused = true;
                self.refuse(None, refusal);
            }
        }
    }

    pub(super) fn send(&self, frame: &ServerFrame<'_>) {
        self.link.outbox.push(encode(frame).into());
    }

    fn refuse(&self, frame: Option<Uuid>, refusal: Refusal) {
        self.gateway.metrics.count(Counter::Refused(refusal.code));
        let retry_after_ms =
            refusal.retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        self.send(&ServerFrame::Error {
            id: frame,
            code: refusal.code,
            message: refusal.message,
            retry_after_ms,
        });
    }

    fn bad_frame(&mut self, frame: Option<Uuid>, message: &str) {
        self.bad_frames += 1;
        let code = ErrorCode::BadFrame;
        self.gateway.metrics.count(Counter::Refused(code));
        self.send(&ServerFrame::Error { id: frame, code, message, retry_after_ms: None });
    }

    /// Lets a message in, if the journal can keep it.
    pub(super) fn admit_message(&mut self, text: &str) -> Result<(), NotTaken> {
        let begun = std::time::Instant::now();
        let checked = self.gate.message(self.gateway.clock.now(), text);
        self.gateway.metrics.record(Histogram::AdmissionCheck, begun.elapsed());
        checked?;
        self.can_be_kept()
    }

    /// Refuses what has to be kept while the journal cannot, or the router stops.
    pub(super) fn can_be_kept(&self) -> Result<(), NotTaken> {
        if !self.gateway.is_ready() {
            return Err(NotTaken::Refused(Refusal {
                code: ErrorCode::Unavailable,
                message: "nothing can be kept right now",
                retry_after: Some(std::time::Duration::from_secs(1)),
            }));
        }
        Ok(())
    }

    pub(super) fn admit_frame(&mut self) -> Result<(), NotTaken> {
        Ok(self.gate.frame(self.gateway.clock.now())?)
    }

    /// Hands work to an owner, if there is room for work of this kind.
    pub(super) fn hand_over(
        &self,
        owner: usize,
        work: Work,
        input: Input,
        arrived_at: std::time::Instant,
    ) -> Result<(), NotTaken> {
        let envelope = Envelope { caused_at: arrived_at, input };
        let owners = &self.gateway.owners;
        let (waiting, capacity) = owners.waiting(owner);
        let taken = admit(work, waiting, capacity)
            .and_then(|()| owners.offer(owner, envelope).map_err(|_| no_room(work)));
        taken.map_err(|refusal| {
            self.gateway.metrics.count(Counter::Shed(work));
            NotTaken::Refused(refusal)
        })
    }
}

/// Why a frame was not taken.
pub(super) enum NotTaken {
    /// Refused, for now or for good.
    Refused(Refusal),
    /// The type is not one of this role.
    OtherRole,
}

impl From<Refusal> for NotTaken {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn future_bytes<F: Future>(
        _: impl FnOnce(Arc<Gateway>, Box<WebSocketStream<Stream>>, Box<Visit>) -> F,
    ) -> usize {
        size_of::<F>()
    }

    fn open_bytes<F: Future>(
        _: impl FnOnce(Arc<Gateway>, Socket, Box<Visit>, Identified, ShopPlace) -> F,
    ) -> usize {
        size_of::<F>()
    }

    /// Tens of thousands of sockets are open and silent; each costs its futures and its buffer. What
    /// is needed once, as for hello, attaching and closing, has to live in boxes of its own.
    #[test]
    fn a_silent_connection_is_small() {
        let bytes =
            future_bytes(run) + open_bytes(open) + size_of::<Connection>() + size_of::<Visit>();

        assert!(bytes <= 1_536, "{bytes} bytes");
    }
}
