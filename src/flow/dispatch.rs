//! The driver of the scheduler: one task owns it, carries its decisions to the owners of the
//! conversations, and speaks to seats about themselves.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use smallvec::SmallVec;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::domain::{ConversationId, SeatState, ShopId};
use crate::metrics::Metrics;
use crate::metrics::names::{Counter, Gauge, OfferAnswer};
use crate::protocol::{CloseCode, ErrorCode, ServerFrame, encode};
use crate::runtime::{Clock, Inbox};
use crate::schedule::{
    AuditCursor, Command, Decision, Explanation, RefuseReason, Roster, Scheduler, SeatView,
    WaitingView,
};

use super::decided::refusal;
use super::fact::SeatRecord;
use super::floor::{Floors, ROWS_MAX};
use super::input::{Envelope, Input, Link, SeatRef};
use super::task::Owners;

/// The scheduler's promises are audited in small parts, this often and so many seats and lanes at
/// a time: below a thousandth of a core, and 20,000 seats in two minutes.
const AUDIT_INTERVAL: Duration = Duration::from_millis(250);
const AUDIT_UNITS: usize = 50;
/// Commands that one turn of the scheduler takes in.
const BATCH_MAX: usize = 256;
/// Conversations that the queue page shows.
const QUEUE_VIEW_MAX: usize = 200;

/// What the scheduler's task is told.
#[derive(Debug)]
pub enum Dispatch {
    /// Something about conversations.
    Command(Command),
    /// A socket of a seat opened.
    SeatOpened(SeatLine),
    /// A socket of a seat is gone.
    SeatClosed {
        /// Whose.
        seat: SeatRef,
        /// Which.
        session: Uuid,
    },
    /// A frame of a seat that is for the scheduler.
    FromSeat {
        /// Through which socket.
        line: SeatLine,
        /// The id that an error should repeat.
        frame: Option<Uuid>,
        /// What.
        command: Command,
    },
    /// Somebody asks why a conversation is where it is.
    Explain(ConversationId, oneshot::Sender<Option<Box<Explanation>>>),
    /// The seats and rules of shops have changed.
    Reload {
        /// What they are now.
        rosters: Vec<Roster>,
        /// Seats that are no longer there: their sockets are closed.
        gone: Vec<SeatRef>,
    },
    /// The supervisors of all shops from now on: nobody else watches a floor.
    Supervisors(BTreeSet<SeatRef>),
    /// A socket of a supervisor is to see the floor of the shop from now on, or no longer.
    Floor {
        /// Which socket.
        line: SeatLine,
        /// Whether it is to see it.
        watch: bool,
    },
    /// Customers of conversations are erased; answered when nothing is known of them here.
    Forget(Vec<ConversationId>, oneshot::Sender<()>),
    /// Somebody wants to see queue and seats of a shop.
    View(ShopId, oneshot::Sender<(Vec<WaitingView>, Vec<SeatView>)>),
}

/// A socket of a seat.
#[derive(Clone, Debug)]
pub struct SeatLine {
    /// Whose.
    pub seat: SeatRef,
    /// Where its frames go.
    pub link: Link,
}

/// The way to the scheduler's task.
#[derive(Clone, Debug)]
pub struct Dispatcher {
    inbox: Arc<Inbox<(Dispatch, Instant)>>,
}

impl Dispatcher {
    /// A way to a task that is yet to start; see [`Self::run`].
    pub fn new() -> Self {
        // Only consequences of admitted frames come in, so the bound is that of the frames.
        Self { inbox: Arc::new(Inbox::new(1)) }
    }

    /// Tells the scheduler something that was caused at `caused_at`.
    pub fn tell(&self, dispatch: Dispatch, caused_at: Instant) {
        self.inbox.follow_up((dispatch, caused_at));
    }

    /// Drives `scheduler` until `drain` is cancelled. `noted` is what the journal says of the seats:
    /// a start finds none of them there.
    pub async fn run(
        self,
        scheduler: Scheduler,
        noted: SeatStates,
        owners: Owners,
        clock: Clock,
        metrics: Arc<Metrics>,
        drain: CancellationToken,
    ) {
        let audited_up_to = AuditCursor::default();
        let (lines, floors) = (HashMap::new(), Floors::default());
        let mut driver =
            Driver { scheduler, noted, owners, clock, metrics, lines, floors, audited_up_to };
        for seat in driver.noted.keys().cloned().collect::<Vec<_>>() {
            driver.note_state(&seat);
        }
        let mut batch = Vec::new();
        let mut audit = tokio::time::interval(AUDIT_INTERVAL);
        // A part that comes late is not made up for: the work goes first.
        audit.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let deadline = driver.scheduler.next_deadline().map(|at| clock.tokio_instant(at));
            let floors_due = driver.floors.due_at().map(|at| clock.tokio_instant(at));
            tokio::select! {
                biased;
                () = self.inbox.take(&mut batch, BATCH_MAX) => {}
                () = sleep_until(deadline) => driver.on_timer(),
                () = sleep_until(floors_due) => {}
                () = drain.cancelled() => return,
                _ = audit.tick() => driver.audit(),
            }
            for (dispatch, caused_at) in batch.drain(..) {
                driver.handle(dispatch, caused_at);
            }
            driver.show_floors();
            driver.metrics.set(Gauge::Waiting, driver.scheduler.without_owner() as f64);
        }
    }
}

impl Default for Dispatcher {
    fn default() -> Self {
        Self::new()
    }
}

/// Sleeps until `deadline`; forever without one.
pub(super) async fn sleep_until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// The states of the seats that are there.
pub type SeatStates = BTreeMap<SeatRef, SeatState>;

struct Driver {
    scheduler: Scheduler,
    /// What the journal has last been told of each seat.
    noted: SeatStates,
    owners: Owners,
    clock: Clock,
    metrics: Arc<Metrics>,
    lines: HashMap<SeatRef, SmallVec<[Link; 1]>>,
    floors: Floors,
    audited_up_to: AuditCursor,
}

impl Driver {
    fn on_timer(&mut self) {
        let decisions = self.scheduler.on_timer(self.clock.now());
        self.floors.note_change();
        self.carry_out(decisions, Instant::now(), None);
    }

    /// Shows supervisors what has happened, once that is due; also between two full batches.
    fn show_floors(&mut self) {
        let now = self.clock.now();
        if self.floors.due_at().is_none_or(|at| at > now) {
            return;
        }
        let scheduler = &self.scheduler;
        for shown in self.floors.show(now, |shop| scheduler.floor(shop, ROWS_MAX)) {
            self.metrics.count(Counter::FloorShown(shown));
        }
    }

    /// Tells sockets that they see no floor, or none any more.
    fn refuse_floor(links: impl IntoIterator<Item = Link>) {
        let code = ErrorCode::Forbidden;
        let message = "this seat is no supervisor any more";
        let frame = encode(&ServerFrame::Error { id: None, code, message, retry_after_ms: None });
        for link in links {
            link.outbox.push(frame.clone().into());
        }
    }

    /// Takes new seats and rules. A seat that is gone has nothing more to hear.
    fn reload(&mut self, rosters: Vec<Roster>, gone: &[SeatRef], caused_at: Instant) {
        for roster in rosters {
            let decisions = self.scheduler.reload(self.clock.now(), roster);
            self.carry_out(decisions, caused_at, None);
        }
        self.audited_up_to = AuditCursor::default();
        for seat in gone {
            let links = self.lines.remove(seat).unwrap_or_default();
            links.iter().for_each(|link| link.outbox.close(CloseCode::Unauthorized));
            self.note_state(seat);
        }
        let connected: Vec<SeatRef> = self.lines.keys().cloned().collect();
        for seat in connected {
            self.sign_in_if_new(&seat, caused_at);
            self.show_state(&seat);
        }
    }

    /// Signs a connected seat in that has just become one that is given conversations.
    fn sign_in_if_new(&mut self, seat: &SeatRef, caused_at: Instant) {
        let view = self.scheduler.seat(&seat.shop, &seat.id);
        if view.is_some_and(|view| view.state.is_none()) {
            let (shop, id) = (seat.shop.clone(), seat.id.clone());
            self.apply(Command::SignIn { shop, seat: id, state: SeatState::Away }, caused_at);
        }
    }

    /// The next part of the audit that never ends. Its counter stays 0 unless the program has a
    /// bug.
    fn audit(&mut self) {
        let (_, broken) = self.scheduler.audit_part(&mut self.audited_up_to, AUDIT_UNITS);
        for promise in broken {
            self.metrics.count(Counter::PromiseBroken);
            tracing::error!(promise, "the scheduler has broken a promise");
        }
    }

    fn handle(&mut self, dispatch: Dispatch, caused_at: Instant) {
        self.floors.note_change();
        match dispatch {
            Dispatch::Command(command) => self.apply(command, caused_at),
            Dispatch::SeatOpened(line) => self.opened(line, caused_at),
            Dispatch::SeatClosed { seat, session } => self.closed(&seat, session, caused_at),
            Dispatch::FromSeat { line, frame, command } => {
                self.wish(line, frame, command, caused_at);
            }
            Dispatch::Explain(conversation, reply) => {
                // Nobody listens any more when the one who asked has left.
                let _ = reply.send(self.scheduler.explain(conversation).map(Box::new));
            }
            Dispatch::Forget(conversations, done) => {
                conversations.into_iter().for_each(|id| self.scheduler.forget(id));
                // Who asked for it may be gone.
                let _ = done.send(());
            }
            Dispatch::Reload { rosters, gone } => self.reload(rosters, &gone, caused_at),
            Dispatch::Supervisors(supervisors) => {
                Self::refuse_floor(self.floors.set_supervisors(supervisors));
            }
            Dispatch::Floor { line, watch: true } => {
                // Who asked may have lost the role on the way here.
                Self::refuse_floor(self.floors.watch(line).err());
            }
            Dispatch::Floor { line, watch: false } => {
                self.floors.unwatch(&line.seat.shop, line.link.session);
            }
            Dispatch::View(shop, reply) => {
                let queue = self.scheduler.queue(&shop, QUEUE_VIEW_MAX);
                // Nobody listens any more when the page was closed meanwhile.
                let _ = reply.send((queue, self.scheduler.seats(&shop)));
            }
        }
    }

    fn apply(&mut self, command: Command, caused_at: Instant) {
        let decisions = self.scheduler.apply(self.clock.now(), command);
        self.carry_out(decisions, caused_at, None);
    }

    /// The first socket of a seat signs it in; further ones only watch.
    fn opened(&mut self, line: SeatLine, caused_at: Instant) {
        let SeatLine { seat, link } = line;
        let links = self.lines.entry(seat.clone()).or_default();
        links.retain(|open| open.session != link.session && !open.outbox.is_closed());
        links.push(link);
        if links.len() == 1 {
            self.sign_in_if_new(&seat, caused_at);
        }
        self.show_state(&seat);
    }

    fn closed(&mut self, seat: &SeatRef, session: Uuid, caused_at: Instant) {
        let Some(links) = self.lines.get_mut(seat) else { return };
        links.retain(|link| link.session != session || !link.outbox.is_closed());
        let is_last = links.is_empty();
        self.floors.closed(&seat.shop, session);
        if is_last {
            self.lines.remove(seat);
            let (shop, seat) = (seat.shop.clone(), seat.id.clone());
            let left = SeatRef { shop: shop.clone(), id: seat.clone() };
            self.apply(Command::SignOut { shop, seat }, caused_at);
            self.note_state(&left);
        }
    }

    fn wish(&mut self, line: SeatLine, frame: Option<Uuid>, command: Command, caused_at: Instant) {
        let is_state = matches!(command, Command::SetState { .. });
        if is_state && !self.is_scheduled(&line.seat) {
            return self.show_state(&line.seat);
        }
        let is_decline = matches!(command, Command::Decline { .. });
        let decisions = self.scheduler.apply(self.clock.now(), command);
        let is_refused = decisions.iter().any(|d| matches!(d, Decision::Refused { .. }));
        if is_decline && !is_refused {
            self.metrics.count(Counter::Offer(OfferAnswer::Declined));
        }
        self.carry_out(decisions, caused_at, Some((&line.link, frame)));
        if is_state {
            self.show_state(&line.seat);
        }
    }

    fn carry_out(
        &mut self,
        decisions: Vec<Decision>,
        caused_at: Instant,
        asked_by: Option<(&Link, Option<Uuid>)>,
    ) {
        for decision in decisions {
            let refused = match &decision {
                // Its owner knows who asked, and through which frame.
                Decision::Refused { conversation, .. } => *conversation,
                _ => None,
            };
            if let Some(conversation) = decision.conversation().or(refused) {
                let envelope = Envelope { caused_at, input: Input::Decided(decision) };
                self.owners.follow_up(self.owners.of_conversation(conversation), envelope);
                continue;
            }
            match decision {
                Decision::SeatState { shop, seat, .. } | Decision::SlotsChanged { shop, seat } => {
                    self.show_state(&SeatRef { shop, id: seat });
                }
                Decision::Refused { shop, seat, reason, .. } => {
                    self.refuse(&SeatRef { shop, id: seat }, reason, asked_by);
                }
                _ => {}
            }
        }
        for (conversation, record) in self.scheduler.take_unwritten_records() {
            let input = Input::Recorded(conversation, record);
            let owner = self.owners.of_conversation(conversation);
            self.owners.follow_up(owner, Envelope { caused_at, input });
        }
    }

    /// Has the journal keep the state of a seat, if it has changed.
    fn note_state(&mut self, seat: &SeatRef) {
        let state = self.scheduler.seat(&seat.shop, &seat.id).and_then(|view| view.state);
        let noted = match state {
            Some(state) => self.noted.insert(seat.clone(), state),
            None => self.noted.remove(seat),
        };
        if noted == state {
            return;
        }
        let (shop, id, at) = (seat.shop.clone(), seat.id.clone(), self.clock.now());
        let input = Input::SeatNoted(SeatRecord { shop, seat: id, at, state });
        // Any owner can keep it; always the same one keeps the order.
        self.owners.follow_up(0, Envelope { caused_at: Instant::now(), input });
    }

    fn refuse(
        &self,
        seat: &SeatRef,
        reason: RefuseReason,
        asked_by: Option<(&Link, Option<Uuid>)>,
    ) {
        let (code, message) = refusal(reason);
        self.metrics.count(Counter::Refused(code));
        let id = asked_by.and_then(|(_, frame)| frame);
        let frame = encode(&ServerFrame::Error { id, code, message, retry_after_ms: None });
        match asked_by {
            Some((link, _)) => link.outbox.push(frame.into()),
            None => self.send(seat, frame.into()),
        }
    }

    /// Whether a seat is given conversations at all.
    fn is_scheduled(&self, seat: &SeatRef) -> bool {
        self.scheduler.seat(&seat.shop, &seat.id).is_some()
    }

    /// Tells a seat its state. One that only looks is away and has no slots.
    fn show_state(&mut self, seat: &SeatRef) {
        self.note_state(seat);
        let frame = match self.scheduler.seat(&seat.shop, &seat.id) {
            None => ServerFrame::State { state: SeatState::Away, slots: 0, used: 0 },
            Some(view) => {
                let Some(state) = view.state else { return };
                let used = view.assigned + view.wrapping_up;
                ServerFrame::State { state, slots: view.slots, used }
            }
        };
        self.send(seat, encode(&frame).into());
    }

    fn send(&self, seat: &SeatRef, frame: crate::deliver::Frame) {
        for link in self.lines.get(seat).into_iter().flatten() {
            link.outbox.push(frame.clone());
        }
    }
}

/// Closes every socket of a seat.
impl Drop for Driver {
    fn drop(&mut self) {
        for link in self.lines.values().flatten() {
            link.outbox.close(CloseCode::Draining);
        }
    }
}
