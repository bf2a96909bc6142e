//! A person at a seat: takes every offer, answers, closes after the handling time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use uuid::Uuid;

use super::frame::{self, Event, Kind, Sender, Standing};
use super::link::{Incoming, Link, Offer, Role};
use crate::schedule::{Chance, Purpose};
use crate::shared::Shared;
use crate::stats::{Count, Measure};
use crate::verify::{End, Viewer};

/// Before closing, own messages get this long to be acknowledged.
const CLOSE_RETRY: Duration = Duration::from_millis(200);
/// A `close` without its event is sent again.
const CLOSE_AGAIN: Duration = Duration::from_secs(5);
/// Spread of the times that people take, as the deviation of the logarithm.
const REPLY_SPREAD: f64 = 0.5;
const HANDLING_SPREAD: f64 = 0.7;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Task {
    Accept { offer: Uuid },
    Reply { conversation: Uuid },
    Close { conversation: Uuid },
}

#[derive(Debug)]
struct Owned {
    /// The customer said something that is not answered yet.
    unanswered: bool,
    reply_planned: bool,
    replied: bool,
    close_sent: Option<Instant>,
    accepted_at: Instant,
    /// Refusals that only the event `closed` explains: it may come after them.
    conflicts: u32,
    language: usize,
}

struct Seat {
    shared: Arc<Shared>,
    link: Link,
    chance: Chance,
    slots: u32,
    owned: BTreeMap<Uuid, Owned>,
    /// Offers that are looked at, with the language of the texts that will answer.
    offers: BTreeMap<Uuid, Option<usize>>,
    tasks: BinaryHeap<Reverse<(Instant, Task)>>,
    /// When the last slot of a full seat was given back by a `close` of its own.
    freed_at: Option<Instant>,
    in_state: bool,
}

/// What a seat tells while it signs in.
#[derive(Debug)]
pub enum SignIn {
    Ready,
    Refused(String),
}

/// Works until told to stop.
pub async fn work(
    shared: Arc<Shared>,
    number: usize,
    user: String,
    password: String,
    signed_in: mpsc::Sender<SignIn>,
    mut stop: watch::Receiver<bool>,
) {
    let role = Role::Seat { user, password };
    // Customers count from 0; seats take numbers far above, for random streams of their own.
    let link = Link::new(shared.clone(), role, Viewer::Seat(number), (1 << 40) + number as u64);
    let chance = Chance::new(shared.seed, Purpose::Seat, number as u64);
    let mut seat = Seat {
        shared,
        link,
        chance,
        slots: 0,
        owned: BTreeMap::new(),
        offers: BTreeMap::new(),
        tasks: BinaryHeap::new(),
        freed_at: None,
        in_state: false,
    };
    let mut signed_in = Some(signed_in);
    while !*stop.borrow() {
        let far = Instant::now() + Duration::from_secs(3600);
        let until = seat.tasks.peek().map_or(far, |Reverse((at, _))| *at);
        let incoming = tokio::select! {
            biased;
            _ = stop.changed() => break,
            incoming = seat.link.next(until) => incoming,
        };
        if matches!(incoming, Incoming::Broken) {
            seat.shared.stats.error("seat_not_coming_back");
            if let Some(signed_in) = signed_in.take() {
                let _ = signed_in.send(SignIn::Refused("the connection was refused".into())).await;
            }
            break;
        }
        seat.handle(incoming).await;
        if seat.in_state
            && let Some(signed_in) = signed_in.take()
        {
            let _ = signed_in.send(SignIn::Ready).await;
        }
    }
    seat.go_home();
}

impl Seat {
    async fn handle(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Due => self.act().await,
            Incoming::Welcome(standings) => self.welcomed(&standings).await,
            Incoming::State { ready, slots } => self.state(ready, slots).await,
            Incoming::Offer(offer) => self.offered(&offer),
            Incoming::Accepted { offer, conversation, history } => {
                let language = self.offers.remove(&offer).flatten();
                self.take_over(conversation, language, &history);
            }
            Incoming::Withdrawn { offer } => {
                if self.offers.remove(&offer).is_some() {
                    self.shared.stats.count(Count::OffersWithdrawn);
                }
            }
            Incoming::TakenBack { conversation } => {
                if self.owned.contains_key(&conversation) {
                    self.shared.stats.count(Count::TakenBack);
                    self.end(conversation, End::Left);
                }
            }
            Incoming::Event(event) => self.hear(event),
            Incoming::Acked { .. } | Incoming::Broken => {}
            Incoming::Refused { id, conversation, code } => self.refused(id, conversation, &code),
        }
    }

    async fn welcomed(&mut self, standings: &[Standing]) {
        let listed: BTreeSet<Uuid> =
            standings.iter().map(|standing| standing.conversation).collect();
        let gone: Vec<Uuid> =
            self.owned.keys().filter(|owned| !listed.contains(owned)).copied().collect();
        for conversation in gone {
            self.shared.stats.count(Count::TakenBack);
            self.end(conversation, End::Left);
        }
        for conversation in listed {
            if !self.owned.contains_key(&conversation) {
                // Accepted just before the connection broke; its events follow from the start.
                self.take_over(conversation, None, &[]);
            }
        }
        self.offers.clear();
        self.in_state = false;
        self.freed_at = None;
        self.link.tell(frame::state("ready")).await;
    }

    async fn state(&mut self, ready: bool, slots: u32) {
        self.slots = slots;
        if ready {
            self.in_state = true;
        } else if std::mem::take(&mut self.in_state) {
            // Set away by the router after offers that ran out, which this seat did not mean.
            self.shared.stats.error("set_away");
            self.link.tell(frame::state("ready")).await;
        }
    }

    fn offered(&mut self, offer: &Offer) {
        let now = Instant::now();
        let (recorder, stats) = (&self.shared.recorder, &self.shared.stats);
        recorder.offered(offer.conversation, now, stats);
        if offer.understood {
            recorder.understood(offer.conversation, now, stats);
        }
        if let Some(freed_at) = self.freed_at.take() {
            let took = now - freed_at;
            // Only a conversation that was waiting already tells how quickly the slot was used.
            if u128::from(offer.waiting_ms) > took.as_millis() {
                stats.record(Measure::SlotToOffer, took);
            }
        }
        let language = offer.language.as_deref().and_then(|name| self.shared.texts.index_of(name));
        self.offers.insert(offer.id, language);
        let look = self.people_take(self.shared.seat_manners.accept_s, REPLY_SPREAD);
        self.plan(now + look, Task::Accept { offer: offer.id });
    }

    fn people_take(&mut self, mean_s: f64, spread: f64) -> Duration {
        self.chance.people_take(mean_s, spread)
    }

    fn plan(&mut self, at: Instant, task: Task) {
        self.tasks.push(Reverse((at, task)));
    }

    fn take_over(&mut self, conversation: Uuid, language: Option<usize>, history: &[Event]) {
        let now = Instant::now();
        let manners = self.shared.seat_manners;
        self.shared.stats.count(Count::OffersAccepted);
        self.shared.change_owned(1);
        self.owned.insert(
            conversation,
            Owned {
                unanswered: true,
                reply_planned: true,
                replied: false,
                close_sent: None,
                accepted_at: now,
                conflicts: 0,
                language: language
                    .unwrap_or_else(|| self.chance.below(self.shared.texts.languages())),
            },
        );
        let reply = self.people_take(manners.first_reply_s, REPLY_SPREAD);
        let handling = self.people_take(manners.handling_s, HANDLING_SPREAD);
        self.plan(now + reply, Task::Reply { conversation });
        self.plan(now + handling.max(reply), Task::Close { conversation });
        if history.iter().any(|event| event.kind == Kind::Closed) {
            self.end(conversation, End::Closed);
        }
    }

    fn hear(&mut self, event: Event) {
        let now = Instant::now();
        let conversation = event.conversation;
        let reply_s = self.shared.seat_manners.reply_s;
        match event.kind {
            Kind::Message { from: Sender::Customer, .. } => {
                let think = self.people_take(reply_s, REPLY_SPREAD);
                let Some(owned) = self.owned.get_mut(&conversation) else { return };
                owned.unanswered = true;
                if !owned.reply_planned {
                    owned.reply_planned = true;
                    self.plan(now + think, Task::Reply { conversation });
                }
            }
            Kind::Closed => {
                let was_full = self.owned.len() as u32 >= self.slots;
                if let Some(owned) = self.owned.get(&conversation)
                    && let (true, Some(sent)) = (was_full, owned.close_sent)
                {
                    self.freed_at = Some(sent);
                }
                self.end(conversation, End::Closed);
            }
            Kind::Transferred => self.end(conversation, End::Left),
            _ => {}
        }
    }

    fn end(&mut self, conversation: Uuid, end: End) {
        self.shared.recorder.end_view(conversation, self.link.viewer(), end);
        self.link.forget(conversation);
        if let Some(owned) = self.owned.remove(&conversation) {
            self.shared.change_owned(-1);
            let stats = &self.shared.stats;
            if end == End::Closed {
                stats.record(Measure::Handling, owned.accepted_at.elapsed());
            }
            for _ in 0..owned.conflicts {
                if end == End::Closed {
                    stats.count(Count::RacedClose);
                } else {
                    stats.error("conflict");
                }
            }
        }
    }

    fn refused(&mut self, id: Option<Uuid>, conversation: Option<Uuid>, code: &str) {
        if let Some(offer) = id
            && self.offers.remove(&offer).is_some()
        {
            self.shared.stats.error(code);
            return;
        }
        // The customer closed, or the router took the conversation back, while this was under way.
        let owned = conversation.and_then(|conversation| self.owned.get_mut(&conversation));
        if let (Some(owned), "conflict") = (owned, code) {
            owned.conflicts += 1;
            return;
        }
        let ended = conversation.is_none_or(|conversation| !self.owned.contains_key(&conversation));
        if ended && matches!(code, "conflict" | "forbidden" | "not_found") {
            self.shared.stats.count(Count::RacedClose);
        } else {
            self.shared.stats.error(code);
        }
    }

    async fn act(&mut self) {
        let now = Instant::now();
        while let Some(Reverse((at, task))) = self.tasks.peek().copied() {
            if at > now {
                return;
            }
            self.tasks.pop();
            match task {
                Task::Accept { offer } if self.offers.contains_key(&offer) => {
                    self.link.tell(frame::accept(offer)).await;
                }
                Task::Accept { .. } => {}
                Task::Reply { conversation } => self.reply(conversation, at).await,
                Task::Close { conversation } => self.close(conversation, now).await,
            }
        }
    }

    async fn reply(&mut self, conversation: Uuid, at: Instant) {
        let Some(owned) = self.owned.get_mut(&conversation) else { return };
        owned.reply_planned = false;
        owned.unanswered = false;
        owned.replied = true;
        let language = owned.language;
        let text = self.shared.texts.pick(language, |bound| self.chance.below(bound));
        self.link.say(Some(conversation), &text, at).await;
    }

    async fn close(&mut self, conversation: Uuid, now: Instant) {
        let Some(owned) = self.owned.get(&conversation) else { return };
        if owned.unanswered || !owned.replied {
            self.reply(conversation, now).await;
        }
        if !self.link.is_connected() || self.link.awaits_ack(Some(conversation)) {
            self.plan(now + CLOSE_RETRY, Task::Close { conversation });
            return;
        }
        if let Some(owned) = self.owned.get_mut(&conversation) {
            owned.close_sent.get_or_insert(now);
        }
        self.link.tell(frame::about("close", conversation)).await;
        self.plan(now + CLOSE_AGAIN, Task::Close { conversation });
    }

    fn go_home(&mut self) {
        let until_ms = self.shared.recorder.now_ms();
        let conversations: Vec<Uuid> = self.owned.keys().copied().collect();
        for conversation in conversations {
            self.end(conversation, End::Watched { until_ms });
        }
    }
}
