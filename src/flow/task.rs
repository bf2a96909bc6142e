//! The driver of one shard: takes inputs in batches, makes their records durable, then lets what
//! follows from them leave.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::deliver::Outbox;
use crate::domain::{ConversationId, CustomerId, CustomerKey, ShopId, Tier};
use crate::journal::{Batch, Journal, JournalError};
use crate::metrics::Metrics;
use crate::metrics::names::{Counter, Gauge, Histogram, SecondLook as SecondLookResult};
use crate::protocol::CloseCode;
use crate::runtime::{Clock, Full, Inbox};
use crate::understand::tiers::{Asked, NotAsked, Unsure};
use crate::understand::{Hint, Job, Outcome, Understand};
use crate::vault::Vault;

use super::dispatch::{Dispatch, Dispatcher, sleep_until};
use super::effects::Effects;
use super::erase::{ErasedCustomer, Erasing};
use super::fact::{Fact, Record, SeatRecord};
use super::incidents::Incidents;
use super::input::{CustomerRef, Envelope, Input};
use super::sealed::Keyring;
use super::second_look::SecondLook;
use super::shard::Shard;
use super::sweep::{Pieces, Sweep};
use super::translated::Interpreter;
use super::turn::{Delivery, FirstResponse, Timing, ToUnderstand, Turn};
use super::understood::Understood;
use super::unkept::Unkept;

/// Records go to the journal in pieces of this size at most, and of less where its segments are small.
const APPEND_BYTES: usize = 1 << 20;
/// Pause before a failed append is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(100);
/// Inputs that wait beside the inbox while the disk refuses; past it readers wait as well.
const PUT_ASIDE_MAX: usize = 8192;

/// The inboxes of every shard.
#[derive(Clone, Debug)]
pub struct Owners {
    inboxes: Arc<[Inbox<Envelope>]>,
}

impl Owners {
    /// Inboxes for `shards` owners, each with room for `capacity` inputs from outside.
    pub fn new(shards: usize, capacity: usize) -> Self {
        Self { inboxes: (0..shards.max(1)).map(|_| Inbox::new(capacity)).collect() }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.inboxes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.inboxes.is_empty()
    }

    /// The owner of a conversation.
    pub fn of_conversation(&self, conversation: ConversationId) -> usize {
        conversation.customer_key().shard(self.inboxes.len())
    }

    /// The owner of a customer.
    pub fn of_customer(&self, customer: &CustomerRef) -> usize {
        CustomerKey::of(&customer.shop, &customer.id).shard(self.inboxes.len())
    }

    /// Hands in work from outside.
    ///
    /// # Errors
    /// When the owner's inbox is full.
    pub fn offer(&self, owner: usize, envelope: Envelope) -> Result<(), Full<()>> {
        self.inboxes[owner].offer(envelope).map_err(|_| Full(()))
    }

    /// How much work from outside waits for an owner, and how much may.
    pub fn waiting(&self, owner: usize) -> (usize, usize) {
        self.inboxes[owner].waiting()
    }

    /// Hands in a consequence of work that was taken in before.
    pub fn follow_up(&self, owner: usize, envelope: Envelope) {
        self.inboxes[owner].follow_up(envelope);
    }

    /// Tells every owner something.
    pub fn tell_all(&self, mut input: impl FnMut() -> Input) {
        for inbox in self.inboxes.iter() {
            inbox.follow_up(Envelope { caused_at: Instant::now(), input: input() });
        }
    }

    /// The next input of an owner that does not run.
    #[cfg(test)]
    pub(super) async fn first_of(&self, owner: usize) -> Envelope {
        let mut batch = Vec::new();
        self.inboxes[owner].take(&mut batch, 1).await;
        batch.remove(0)
    }

    /// Whether every inbox is empty.
    pub fn are_idle(&self) -> bool {
        self.inboxes.iter().all(Inbox::is_empty)
    }
}

/// Everything that a shard's task works with.
pub struct ShardTask {
    /// Which shard.
    pub index: usize,
    /// The shard.
    pub shard: Shard,
    /// Where its inputs come in.
    pub owners: Owners,
    /// Where its records go.
    pub journal: Journal,
    /// Who understands its messages.
    pub understanders: Arc<dyn Understand>,
    /// Longest that a message waits to be understood.
    pub understand_wait_max: Duration,
    /// Longest that a message waits for the encoder beyond that.
    pub encoder_wait_max: Duration,
    /// The scheduler.
    pub dispatcher: Dispatcher,
    /// Who carries out what is to happen outside.
    pub effects: Effects,
    /// The owner of incidents.
    pub incidents: Incidents,
    /// Who translates.
    pub interpreter: Interpreter,
    /// The time.
    pub clock: Clock,
    /// What is measured.
    pub metrics: Arc<Metrics>,
    /// Inputs of one turn.
    pub batch_max: usize,
    /// Snapshots that it is asked to hand its conversations to, one at a time.
    pub snapshots: mpsc::Receiver<Pieces>,
    /// Inputs that came while the disk refused.
    pub put_aside: VecDeque<Envelope>,
    /// The keys of its conversations.
    pub keys: Keyring,
}

/// What is remembered from the first refusal of the disk until it takes the records.
struct Refused {
    unkept: Unkept,
    /// Sockets that were shown less than there is.
    saw_less: Vec<Arc<Outbox>>,
}

impl Refused {
    fn of(records: &[Record], shard: &Shard) -> Self {
        let was_held_back = |conversation, seq| shard.was_held_back(conversation, seq);
        Self { unkept: Unkept::of(records, was_held_back), saw_less: Vec::new() }
    }

    fn end(self) {
        tracing::info!("disk takes records again");
        // The client asks anew for what it was not shown.
        self.saw_less.iter().for_each(|outbox| outbox.close(CloseCode::Draining));
    }
}

impl ShardTask {
    /// Runs until `drain` is cancelled and the inbox is empty. `first` is what a restart left to do.
    pub async fn run(mut self, first: Turn, drain: CancellationToken) {
        let held = i32::try_from(self.shard.len()).unwrap_or(i32::MAX);
        self.metrics.shift(Gauge::Conversations, held);
        self.settle(first).await;
        let mut batch = Vec::with_capacity(self.batch_max);
        let mut sweep: Option<Sweep> = None;
        loop {
            let deadline = self.shard.next_deadline().map(|at| self.clock.tokio_instant(at));
            let inboxes = self.owners.inboxes.clone();
            if self.put_aside.is_empty() {
                tokio::select! {
                    biased; // what was taken in is finished before the drain is noticed
                    () = inboxes[self.index].take(&mut batch, self.batch_max) => {}
                    () = sleep_until(deadline) => {}
                    Some(to) = self.snapshots.recv(), if sweep.is_none() => {
                        sweep = Some(Sweep::begin(&self.shard, to));
                    }
                    () = Sweep::has_room(sweep.as_ref()) => {}
                    () = drain.cancelled(), if !self.shard.waits_for_encoder() => return,
                }
            } else {
                let count = self.put_aside.len().min(self.batch_max);
                batch.extend(self.put_aside.drain(..count));
            }
            self.metrics.record_value(Histogram::BatchSize, batch.len() as f64);
            let now = self.clock.now();
            let mut turn = Turn::default();
            let held_before = self.shard.len();
            let mut lap = Instant::now();
            for envelope in batch.drain(..) {
                self.shard.handle(now, envelope, &mut turn);
                self.lap(Histogram::FlowHandle, &mut lap);
            }
            self.shard.on_timer(now, Instant::now(), &mut turn);
            let grown = self.shard.len() as i64 - held_before as i64;
            self.metrics.shift(Gauge::Conversations, i32::try_from(grown).unwrap_or(0));
            self.settle(turn).await;
            if let Some(current) = &mut sweep
                && !current.step(&mut self.shard, &mut self.keys, &self.journal)
            {
                sweep = None;
            }
        }
    }

    /// Makes a turn durable and lets it leave, then does the same with what follows from the
    /// messages in it, once they are understood. Understanding begins before the disk is waited for.
    async fn settle(&mut self, mut turn: Turn) {
        let closing = std::mem::take(&mut turn.closing);
        self.settle_messages(turn).await;
        closing.iter().for_each(|(outbox, code)| outbox.close(*code));
    }

    async fn settle_messages(&mut self, mut turn: Turn) {
        loop {
            let messages = std::mem::take(&mut turn.to_understand);
            let outcomes = self.submit(&messages);
            self.shard.pass_on(&mut turn);
            self.commit(turn).await;
            if messages.is_empty() {
                return;
            }
            let outcomes = self.outcomes(outcomes).await;
            let now = self.clock.now();
            turn = Turn::default();
            let mut outcomes = outcomes.into_iter();
            let mut lap = Instant::now();
            let mut by_fast = 0;
            for message in messages {
                let (understanding, unsure) = outcomes
                    .next()
                    .map_or((None, None), |outcome| (Some(outcome.understanding), outcome.unsure));
                let ToUnderstand { conversation, seq, caused_at, .. } = message;
                let understood = Understood { conversation, seq, understanding, caused_at };
                if unsure.is_some_and(|unsure| self.ask_encoder(*unsure, &understood)) {
                    self.shard.wait_for_encoder(understood, now + self.encoder_wait_max);
                } else {
                    by_fast += u64::from(understood.understanding.is_some());
                    self.shard.understood(now, understood, &mut turn);
                }
                self.lap(Histogram::FlowDecide, &mut lap);
            }
            self.metrics.count_many(Counter::Understood(Tier::Fast), by_fast);
        }
    }

    /// Records what passed since `lap` and begins the next one: one look at the clock for each.
    fn lap(&self, histogram: Histogram, lap: &mut Instant) {
        let begun = std::mem::replace(lap, Instant::now());
        self.metrics.record(histogram, *lap - begun);
    }

    fn submit(
        &self,
        messages: &[ToUnderstand],
    ) -> Option<tokio::sync::oneshot::Receiver<Vec<Outcome>>> {
        if messages.is_empty() {
            return None;
        }
        let job = |message: &ToUnderstand| Job {
            customer_of: message.customer_of.clone(),
            text: message.text.clone(),
            hint: Hint { locale: message.locale, previous: message.previous },
        };
        self.understanders.submit(messages.iter().map(job).collect()).ok()
    }

    /// Asks the encoder about a message; whether it has room and time. The answer comes through the inbox.
    fn ask_encoder(&self, message: Unsure, understood: &Understood) -> bool {
        let Understood { conversation, seq, caused_at, .. } = *understood;
        let (owners, index) = (self.owners.clone(), self.index);
        let reply = Box::new(move |answer| {
            let look = SecondLook { conversation, seq, answer };
            owners.follow_up(index, Envelope { caused_at, input: Input::LookedAgain(look) });
        });
        let until = Instant::now() + self.encoder_wait_max;
        let asked = self.understanders.ask_encoder(Asked { message, until, reply });
        match asked {
            Ok(()) => return true,
            Err(NotAsked::None) => {}
            Err(NotAsked::Full) => self.metrics.count(Counter::Encoder(SecondLookResult::Full)),
            Err(NotAsked::OverBudget) => {
                self.metrics.count(Counter::Encoder(SecondLookResult::OverBudget));
            }
        }
        false
    }

    /// What came back in time; fewer than asked for means that the rest did not.
    async fn outcomes(
        &self,
        receiver: Option<tokio::sync::oneshot::Receiver<Vec<Outcome>>>,
    ) -> Vec<Outcome> {
        let Some(receiver) = receiver else { return Vec::new() };
        match tokio::time::timeout(self.understand_wait_max, receiver).await {
            Ok(Ok(outcomes)) => outcomes,
            Ok(Err(_)) | Err(_) => Vec::new(),
        }
    }

    async fn commit(&mut self, mut turn: Turn) {
        self.find_keys_to_destroy(&mut turn.erasing);
        // When the journal is closed, nothing of this turn may be told to anybody.
        if self.append(&turn).await.is_ok() {
            self.release(turn);
            self.let_go_of_keys();
        }
    }

    /// Writes the records of a turn until they are durable. A write that fails is tried again on a
    /// fresh segment, so state in memory never runs ahead of the disk for good; meanwhile the gateway
    /// refuses, and who only reads is served with what is on disk.
    async fn append(&mut self, turn: &Turn) -> Result<(), ()> {
        let started = Instant::now();
        let mut payloads = Vec::with_capacity(turn.records.len() + turn.seats.len());
        for record in &turn.records {
            payloads.push(self.sealed(record, &turn.records).await);
        }
        payloads.extend(turn.seats.iter().map(SeatRecord::encode));
        for piece in self.journal.pieces(&payloads, APPEND_BYTES) {
            self.append_piece(piece, &turn.records).await?;
        }
        if !payloads.is_empty() {
            self.metrics.record(Histogram::JournalCommit, started.elapsed());
        }
        Ok(())
    }

    /// Writes some of the payloads; `records` are those of the whole turn.
    async fn append_piece(&mut self, payloads: &[Vec<u8>], records: &[Record]) -> Result<(), ()> {
        let mut refused: Option<Refused> = None;
        loop {
            let mut batch = Batch::with_room_for(payloads.iter().map(Vec::len));
            for payload in payloads {
                batch.push(payload).expect("a record is far smaller than the journal's limit");
            }
            match self.journal.append(batch).await {
                Ok(_) => {
                    if let Some(refused) = refused {
                        refused.end();
                    }
                    return Ok(());
                }
                Err(JournalError::Closed) => return Err(()),
                Err(error) => {
                    self.metrics.count(Counter::JournalFailed);
                    let refused = refused.get_or_insert_with(|| {
                        tracing::error!(%error, "journal cannot write, nothing is acknowledged");
                        Refused::of(records, &self.shard)
                    });
                    self.serve_readers(refused).await;
                }
            }
        }
    }

    /// For the length of a pause lets sockets come and go, and puts everything else aside.
    async fn serve_readers(&mut self, refused: &mut Refused) {
        let mut pause = pin!(tokio::time::sleep(RETRY_PAUSE));
        let inboxes = self.owners.inboxes.clone();
        let mut batch = Vec::new();
        while self.put_aside.len() < PUT_ASIDE_MAX {
            tokio::select! {
                biased;
                () = &mut pause => return,
                () = inboxes[self.index].take(&mut batch, self.batch_max) => {}
            }
            let mut turn = Turn::default();
            for envelope in batch.drain(..) {
                match envelope.input {
                    Input::Attach(attach) => {
                        let outbox = attach.link.outbox.clone();
                        if self.shard.attach_to_kept(attach, &refused.unkept, &mut turn) {
                            refused.saw_less.push(outbox);
                        }
                    }
                    Input::Detach { .. } => {
                        self.shard.handle(self.clock.now(), envelope, &mut turn);
                    }
                    _ => self.put_aside.push_back(envelope),
                }
            }
            self.release(turn);
            // Else each try of a long outage would keep what is long gone.
            refused.saw_less.retain(|outbox| !outbox.is_closed());
        }
        pause.await;
    }

    /// A record as it goes to disk, once there is a key for what is personal in it.
    async fn sealed(&mut self, record: &Record, records: &[Record]) -> Vec<u8> {
        let id = record.conversation;
        let is_ready = self.keys.vault().is_none() || self.keys.get(id).is_some();
        if is_ready || !record.is_personal() {
            return record.seal(self.keys.get(id));
        }
        let opened = record.facts.iter().find_map(|fact| match fact {
            Fact::Opened(opened) => Some((&opened.shop, &opened.customer)),
            _ => None,
        });
        let whose = opened.or_else(|| self.shard.customer_of(id));
        let Some((shop, customer)) = whose.map(|(shop, id)| (shop.clone(), id.clone())) else {
            // It was erased in this very turn.
            return record.clone().erased().encode();
        };
        self.get_key(id, &shop, &customer, records).await;
        record.seal(self.keys.get(id))
    }

    /// Returns once a conversation has a key. A few are always there, so this waits only in a storm of
    /// new customers, and while the disk refuses.
    async fn get_key(
        &mut self,
        conversation: ConversationId,
        shop: &ShopId,
        customer: &CustomerId,
        records: &[Record],
    ) {
        let mut refused: Option<Refused> = None;
        let vault = self.keys.vault().cloned();
        loop {
            let more = vault.as_ref().map(Vault::grown);
            if self.keys.get_or_take(conversation, shop, customer).is_some() {
                if let Some(refused) = refused {
                    refused.end();
                }
                return;
            }
            match more.filter(|_| self.keys.makes_more()) {
                Some(more) => drop(tokio::time::timeout(RETRY_PAUSE, more).await),
                None => {
                    let refused = refused.get_or_insert_with(|| Refused::of(records, &self.shard));
                    self.serve_readers(refused).await;
                }
            }
        }
    }

    /// Destroys the keys that nothing more is sealed with.
    fn let_go_of_keys(&mut self) {
        let released = self.shard.take_released();
        let keys = released.into_iter().filter_map(|id| self.keys.remove(id));
        let keys: Vec<_> = keys.map(|key| key.id().clone()).collect();
        if let Some(vault) = self.keys.vault() {
            vault.destroy(keys);
        }
    }

    fn find_keys_to_destroy(&self, erasing: &mut [Erasing]) {
        let Some(vault) = self.keys.vault() else { return };
        for it in erasing {
            it.below = it.customer.as_ref().and_then(|customer| {
                let next = vault.next(&customer.shop);
                next.inspect_err(|error| tracing::error!(%error, "keys not found")).ok()
            });
        }
    }

    /// Destroys all keys that a customer has had, has him forgotten elsewhere, and tells who asked.
    fn finish_erasing(&mut self, erasing: Erasing) {
        let Erasing { customer, conversations, unfinished, below, reply } = erasing;
        let plain = conversations.iter().filter(|id| self.keys.get(**id).is_none());
        self.shard.note_unsealed(plain.copied());
        let ended: Vec<_> = conversations.into_iter().chain(unfinished).collect();
        let unsealed = self.shard.unsealed(&ended);
        let forget = |whose| self.forget_elsewhere(Instant::now(), whose, &ended);
        let forgetting = customer.as_ref().map(forget).unwrap_or_default();
        let vault = self.keys.vault().zip(customer);
        let answer = match (vault, below) {
            // Its reply is dropped: nothing was destroyed, and the next start finishes it.
            (Some(_), None) => return,
            (Some((vault, customer)), Some(below)) => {
                Some(vault.erase(&customer.shop, &customer.id, below))
            }
            (None, _) => None,
        };
        let (owners, index) = (self.owners.clone(), self.index);
        tokio::spawn(async move {
            let keys = match answer {
                Some(answer) => match answer.await {
                    Ok(Ok(erased)) => erased.keys,
                    // The keeper has said why.
                    Ok(Err(_)) | Err(_) => return,
                },
                None => 0,
            };
            if forgetting.done().await {
                let (conversations, unsealed) = (ended.len() as u64, unsealed as u64);
                let input = Input::ErasureFinished(ended);
                owners.follow_up(index, Envelope { caused_at: Instant::now(), input });
                // Who asked may have gone.
                let _ = reply.send(ErasedCustomer { conversations, unsealed, keys });
            }
        });
    }

    fn release(&mut self, turn: Turn) {
        for delivery in turn.deliveries {
            match delivery {
                Delivery::Frame(outbox, frame) => outbox.push(frame),
                // The socket may be gone by now.
                Delivery::Attached(reply, attached) => drop(reply.send(attached)),
                // So may be whoever brought the letter, or reported.
                Delivery::EmailTaken(reply, taken) => drop(reply.send(taken)),
                Delivery::Kept(reply, is_wanted) => drop(reply.send(is_wanted)),
                Delivery::Webhook(reply, body) => drop(reply.send(body)),
            }
        }
        for (command, caused_at) in turn.commands {
            self.dispatcher.tell(Dispatch::Command(command), caused_at);
        }
        for (dispatch, caused_at) in turn.from_seats {
            self.dispatcher.tell(dispatch, caused_at);
        }
        for errand in turn.errands {
            self.effects.send(errand);
        }
        for text in turn.to_translate {
            self.interpreter.translate(text);
        }
        for (shop, language) in turn.phrases_wanted {
            self.interpreter.phrases(shop, language);
        }
        for report in turn.incidents {
            if !self.incidents.report(report) {
                self.metrics.count(Counter::NotCompared);
            }
        }
        for counter in turn.counts {
            self.metrics.count(counter);
        }
        for (timing, since) in turn.timings {
            let histogram = match timing {
                Timing::Ack => Histogram::Ack,
                Timing::Offer => Histogram::Offer,
            };
            self.metrics.record(histogram, since.elapsed());
        }
        for (who, waited_ms) in turn.first_responses {
            let histogram = match who {
                FirstResponse::Machine => Histogram::FirstResponseMachine,
                FirstResponse::Person => Histogram::FirstResponsePerson,
            };
            self.metrics.record(histogram, Duration::from_millis(waited_ms));
        }
        // Last: who is told to forget has heard everything of the turn before.
        turn.erasing.into_iter().for_each(|erasing| self.finish_erasing(erasing));
    }
}
