//! The life of one WebSocket: hello, welcome, frames both ways, one clean-up at the end.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tokio::sync::oneshot;
use tokio_tungstenite::WebSocketStream;
use uuid::Uuid;

use crate::admission::{Gate, Refusal};
use crate::deliver::{Frame, Outbox, Ready};
use crate::flow::{
    Attach, Attached, CustomerRef, Dispatch, Envelope, Input, Link, SeatLine, Viewer,
};
use crate::metrics::names::{Counter, Gauge, Histogram};
use crate::protocol::{ClientFrame, CloseCode, ErrorCode, Resume, ServerFrame, encode};

use super::Gateway;
use super::hello::{Identified, Who, identify};
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

/// Runs a connection from its first frame to its end.
pub async fn run(
    gateway: Arc<Gateway>,
    stream: Box<WebSocketStream<Stream>>,
    role: Role,
    origin: Option<String>,
) {
    let limits = &gateway.limits;
    let mut socket = Socket::new(stream, limits.peer_dead_after);
    let within = limits.handshake;
    let hello = Box::pin(identify(&gateway, &mut socket, role, origin.as_deref(), within)).await;
    let identified = match hello {
        Ok(identified) => identified,
        Err(None) => return,
        Err(Some(code)) => return Box::pin(close(&gateway, socket, code)).await,
    };
    // Everything that an open connection needs for long is in one place on the heap; what the hello
    // needed is freed before.
    Box::pin(open(gateway, socket, role, identified)).await;
}

async fn close(gateway: &Gateway, socket: Socket, code: CloseCode) {
    gateway.metrics.count(Counter::Closed(code));
    socket.close(code).await;
}

/// An identified connection.
pub(super) struct Connection {
    pub(super) gateway: Arc<Gateway>,
    pub(super) who: Who,
    pub(super) link: Link,
    pub(super) gate: Gate,
    bad_frames: usize,
}

async fn open(gateway: Arc<Gateway>, mut socket: Socket, role: Role, hello: Identified) {
    let bucket = gateway.shop_buckets.get(&hello.token.shop).map(|bucket| bucket.clone());
    let Some(bucket) = bucket else {
        // The shop went since it said hello.
        return Box::pin(close(&gateway, socket, CloseCode::Unauthorized)).await;
    };
    let resume = hello.resume.unwrap_or_default();
    let session = resume.session.unwrap_or_else(Uuid::now_v7);
    let outbox = Arc::new(Outbox::new(gateway.limits.outbox_bytes_max));
    let mut connection = Connection {
        who: hello.who,
        link: Link { outbox, session },
        gate: Gate::new(gateway.limits.admission.clone(), bucket),
        bad_frames: 0,
        gateway,
    };
    let gauge = match role {
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
    if let Some(code) = end {
        Box::pin(close(&connection.gateway, socket, code)).await;
    }
}

impl Connection {
    /// Serves the connection; gives the code to close with, or `None` when the peer is gone.
    async fn live(&mut self, socket: &mut Socket, resume: Resume) -> Option<CloseCode> {
        let mut frames = match Box::pin(self.attach(resume)).await {
            Ok(frames) => frames,
            Err(code) => return Some(code),
        };
        if socket.write(&mut frames).await.is_err() {
            return None;
        }
        frames = Vec::new();
        let outbox = self.link.outbox.clone();
        let dead_after = self.gateway.limits.peer_dead_after;
        let mut heard_at = Instant::now();
        let mut alarm = pin!(tokio::time::sleep(dead_after));
        loop {
            tokio::select! {
                biased;
                ready = poll_fn(|context| outbox.poll_ready(context, &mut frames)) => match ready {
                    Ready::Write => socket.write(&mut frames).await.ok()?,
                    Ready::Close(code) => return Some(code),
                },
                received = socket.next() => {
                    heard_at = Instant::now();
                    match received {
                        Received::Text(text) => self.take(&text, heard_at),
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
                    alarm.as_mut().reset((heard_at + dead_after).into());
                }
            }
        }
    }

    /// Becomes a viewer; gives `welcome` and the missed events.
    async fn attach(&self, resume: Resume) -> Result<Vec<Frame>, CloseCode> {
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
            let envelope = Envelope { caused_at: Instant::now(), input: Input::Attach(attach) };
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
            all.missed.extend(attached.missed);
        }
        if let Who::Seat(seat) = &self.who {
            let line = SeatLine { seat: (**seat).clone(), link: self.link.clone() };
            self.gateway.dispatcher.tell(Dispatch::SeatOpened(line), Instant::now());
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
        Ok(frames)
    }

    /// Stops being a viewer.
    fn leave(&self) {
        // Marked first: whatever is still on its way to this socket is dropped from here on.
        self.link.outbox.close(CloseCode::Draining);
        let session = self.link.session;
        for owner in self.owners() {
            let input = Input::Detach { viewer: self.who.viewer(), session };
            let envelope = Envelope { caused_at: Instant::now(), input };
            self.gateway.owners.follow_up(owner, envelope);
        }
        if let Who::Seat(seat) = &self.who {
            self.gateway.incidents.closed((**seat).clone(), session);
            let dispatch = Dispatch::SeatClosed { seat: (**seat).clone(), session };
            self.gateway.dispatcher.tell(dispatch, Instant::now());
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

    fn take(&mut self, text: &str, arrived_at: Instant) {
        match ClientFrame::parse(text) {
            Err((frame, error)) => self.bad_frame(frame, &error.to_string()),
            Ok((_, ClientFrame::Ping)) => self.send(&ServerFrame::Pong),
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

    pub(super) fn hand_over(
        &self,
        owner: usize,
        input: Input,
        arrived_at: Instant,
    ) -> Result<(), NotTaken> {
        let envelope = Envelope { caused_at: arrived_at, input };
        self.gateway.owners.offer(owner, envelope).map_err(|_| {
            NotTaken::Refused(Refusal {
                code: ErrorCode::Overloaded,
                message: "too much is waiting",
                retry_after: Some(std::time::Duration::from_secs(1)),
            })
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
        _: impl FnOnce(Arc<Gateway>, Box<WebSocketStream<Stream>>, Role, Option<String>) -> F,
    ) -> usize {
        size_of::<F>()
    }

    fn open_bytes<F: Future>(_: impl FnOnce(Arc<Gateway>, Socket, Role, Identified) -> F) -> usize {
        size_of::<F>()
    }

    /// Tens of thousands of sockets are open and silent; each costs its futures and its buffer. What
    /// is needed once, as for hello, attaching and closing, has to live in boxes of its own.
    #[test]
    fn a_silent_connection_is_small() {
        let bytes = future_bytes(run) + open_bytes(open) + size_of::<Connection>();

        assert!(bytes <= 1_536, "{bytes} bytes");
    }
}
