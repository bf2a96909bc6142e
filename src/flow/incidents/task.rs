//! Drives the owner of incidents: one task, beside the scheduler's.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::domain::{ShopId, Timestamp, Translated};
use crate::metrics::Metrics;
use crate::metrics::names::Unsensed;
use crate::runtime::{Clock, Inbox};
use crate::understand::encoder::Sense;
use crate::understand::tiers::{NoVector, NotAsked, SecondThread};

use super::super::dispatch::{SeatLine, sleep_until};
use super::super::input::{CustomerRef, Envelope, ForMany, Input, SeatRef};
use super::super::shard::Shops;
use super::super::task::Owners;
use super::super::translated::Interpreter;
use super::sensing::{SENSE_WAIT, ToSense};
use super::store::OnDisk;
use super::{Board, IncidentAct, Report, ToKeep};

/// What one turn of the task takes in.
const BATCH_MAX: usize = 256;
/// While so much waits, what machines have answered is not taken in: most of a flood is that, and nobody waits
/// for it.
pub(super) const ANSWERED_MAX: usize = 1_024;

#[derive(Debug)]
enum Message {
    Report(Report),
    Act(SeatLine, Option<Uuid>, IncidentAct),
    Closed(SeatRef, Uuid),
    Shops(Shops),
    Forget(CustomerRef, oneshot::Sender<()>),
    Translated(ShopId, u64, Translated),
    Vector(u64, Result<Vec<f32>, NoVector>),
}

/// What questions are compared by beside their words: an encoder.
#[derive(Clone)]
pub struct Sensing {
    /// Makes the vectors, as it has time.
    pub encoder: Arc<SecondThread>,
    /// Reads them.
    pub sense: Arc<Sense>,
    /// Where it is counted how often there was one.
    pub metrics: Arc<Metrics>,
}

impl Sensing {
    /// Asks the encoder for the vectors that `board` wants; one for each at most comes to `inbox`. Gives the
    /// answers by questions that it has no room or no time for.
    fn ask(&self, board: &mut Board, inbox: &Arc<Inbox<Message>>, now: Timestamp) -> Vec<ForMany> {
        let mut answers = Vec::new();
        let until = Instant::now() + SENSE_WAIT;
        for ToSense { ask, text } in board.take_to_sense() {
            let inbox = inbox.clone();
            let reply = Box::new(move |vector| inbox.follow_up(Message::Vector(ask, vector)));
            let why = match self.encoder.ask_vector(text, until, reply) {
                Ok(()) => continue,
                Err(NotAsked::Full) => Unsensed::Full,
                Err(NotAsked::OverBudget) => Unsensed::OverBudget,
                Err(NotAsked::None) => Unsensed::Failed,
            };
            answers.extend(board.sensed(now, ask, Err(why)));
        }
        answers
    }

    fn count(&self, board: &mut Board) {
        board.take_counts().into_iter().for_each(|counter| self.metrics.count(counter));
    }
}

/// The way to the owner of incidents.
#[derive(Clone, Debug)]
pub struct Incidents {
    inbox: Arc<Inbox<Message>>,
}

impl Default for Incidents {
    fn default() -> Self {
        Self::new()
    }
}

impl Incidents {
    /// A way to a task that is yet to start; see [`Self::run`].
    pub fn new() -> Self {
        // Only consequences of admitted frames come in, so the bound is that of the frames.
        Self { inbox: Arc::new(Inbox::new(1)) }
    }

    /// Tells what a shard has seen; whether it is taken in, as all is but a question that a machine has answered
    /// while there is too much to do.
    pub fn report(&self, report: Report) -> bool {
        let is_extra =
            matches!(&report, Report::Asks(asks) | Report::AsksStill(asks) if !asks.waits);
        if is_extra && self.inbox.len() >= ANSWERED_MAX {
            return false;
        }
        self.inbox.follow_up(Message::Report(report));
        true
    }

    /// Passes on what a seat does.
    pub fn act(&self, line: SeatLine, frame: Option<Uuid>, act: IncidentAct) {
        self.inbox.follow_up(Message::Act(line, frame, act));
    }

    /// A socket of a seat has gone.
    pub fn closed(&self, seat: SeatRef, session: Uuid) {
        self.inbox.follow_up(Message::Closed(seat, session));
    }

    /// The shops have changed.
    pub fn shops(&self, shops: Shops) {
        self.inbox.follow_up(Message::Shops(shops));
    }

    /// What came of translating an answer.
    pub fn translated(&self, shop: ShopId, ask: u64, translated: Translated) {
        self.inbox.follow_up(Message::Translated(shop, ask, translated));
    }

    /// Has an erased customer forgotten; the answer comes when he is, in the kept file as well, and not before
    /// that could be written.
    pub fn forget(&self, customer: CustomerRef) -> oneshot::Receiver<()> {
        let (done, answer) = oneshot::channel();
        self.inbox.follow_up(Message::Forget(customer, done));
        answer
    }

    /// Lets go of what comes in until `drain` is cancelled: where there is no board any more, nobody waits for
    /// it and nothing of it stays in memory.
    pub async fn let_go(self, drain: CancellationToken) {
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                biased;
                () = drain.cancelled() => return,
                () = self.inbox.take(&mut batch, BATCH_MAX) => batch.clear(),
            }
        }
    }

    /// Drives `board` until `drain` is cancelled; with `sensing` questions are compared by an encoder as well.
    pub async fn run(
        self,
        mut board: Board,
        sensing: Option<Sensing>,
        owners: Owners,
        interpreter: Interpreter,
        clock: Clock,
        drain: CancellationToken,
    ) {
        if let Some(sensing) = &sensing {
            board = board.sensing(sensing.sense.clone());
        }
        let mut batch = Vec::new();
        let mut forgotten = Vec::new();
        loop {
            let deadline = board.next_deadline().map(|at| clock.tokio_instant(at));
            tokio::select! {
                biased;
                () = self.inbox.take(&mut batch, BATCH_MAX) => {}
                () = sleep_until(deadline) => {}
                () = drain.cancelled() => {
                    // The owners stop after this task, so what was answered still goes out.
                    pass_on(&owners, board.give_what_waits());
                    keep(&mut board, clock.now(), true).await;
                    return confirm(&board, &mut forgotten);
                }
            }
            let mut answers = Vec::new();
            for told in batch.drain(..) {
                answers.extend(match told {
                    Message::Report(report) => board.report(clock.now(), report),
                    Message::Act(line, frame, act) => board.act(&line, frame, act),
                    Message::Closed(seat, session) => {
                        board.closed(&seat, session);
                        Vec::new()
                    }
                    Message::Shops(shops) => {
                        board.take_shops(&shops);
                        Vec::new()
                    }
                    Message::Forget(customer, done) => {
                        board.forget(&customer);
                        forgotten.push((customer.shop, done));
                        Vec::new()
                    }
                    Message::Translated(shop, ask, translated) => {
                        board.translated(&shop, ask, &translated)
                    }
                    Message::Vector(ask, vector) => {
                        board.sensed(clock.now(), ask, vector.map_err(Unsensed::from))
                    }
                });
            }
            // What a seat has answered is on disk before anybody is told so: whoever has not got it when the
            // process ends gets it from the next one.
            keep(&mut board, clock.now(), false).await;
            pass_on(&owners, answers);
            for (shop, conversation) in board.take_wrong() {
                let input = Input::OfItsOwn(shop, conversation);
                let owner = owners.of_conversation(conversation);
                owners.follow_up(owner, Envelope { caused_at: Instant::now(), input });
            }
            pass_on(&owners, board.on_timer(clock.now()));
            if let Some(sensing) = &sensing {
                pass_on(&owners, sensing.ask(&mut board, &self.inbox, clock.now()));
                sensing.count(&mut board);
            }
            for text in board.take_to_translate(clock.now()) {
                interpreter.translate(text);
            }
            confirm(&board, &mut forgotten);
        }
    }
}

/// Tells who waits for it that an erased customer is forgotten. As long as the file says what he asked, he is
/// not; whoever has stopped waiting is let go of.
fn confirm(board: &Board, forgotten: &mut Vec<(ShopId, oneshot::Sender<()>)>) {
    let is_over = |(shop, done): &mut (ShopId, oneshot::Sender<()>)| {
        done.is_closed() || board.has_forgotten(shop)
    };
    for (_, done) in forgotten.extract_if(.., is_over) {
        // Who asked for it may be gone.
        let _ = done.send(());
    }
}

/// Writes what is to outlive the process. What cannot be written is told, and tried again in a minute:
/// without it seats have to click again. A file that an erased customer had a part in is removed then; where it
/// stays, nobody is told that he is erased.
async fn keep(board: &mut Board, now: Timestamp, is_last: bool) {
    let Some(store) = board.store.clone() else { return };
    let kept = board.take_to_keep(now, is_last);
    if kept.is_empty() {
        return;
    }
    let untouched: Vec<_> = kept.iter().map(|it| (it.shop.clone(), OnDisk::Old)).collect();
    let write = move || -> Vec<(ShopId, OnDisk)> {
        let written = kept.into_iter().map(|ToKeep { shop, kept, outdated }| {
            let on_disk = store.keep(&shop, &kept, outdated);
            (shop, on_disk)
        });
        written.collect()
    };
    let written = tokio::task::spawn_blocking(write).await.unwrap_or_else(|error| {
        tracing::error!(%error, "what seats said of incidents is not kept");
        untouched
    });
    board.kept(&written);
}

fn pass_on(owners: &Owners, answers: Vec<ForMany>) {
    let caused_at = Instant::now();
    for answer in answers {
        let owner = owners.of_conversation(answer.conversation);
        owners.follow_up(owner, Envelope { caused_at, input: Input::AnsweredForMany(answer) });
    }
}
