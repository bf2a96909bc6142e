//! The owner of incidents: what shards tell of fresh questions, what seats say of them, and the answers that
//! go back to the shards. Pure: it takes `now`, and gives what follows.
//!
//! What it knows is no fact of the journal: after a restart the questions that still wait are told again,
//! and whoever has an answer has it in the own conversation. What seats said of joins, what is usual, and the
//! open incidents with their answers and whom seats have confirmed are kept in a file of each shop ([`Kept`]).

mod act;
mod sensing;
mod shop;
mod shown;
mod spoken;
mod store;
mod task;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::domain::{
    ConversationId, CustomerId, CustomerKey, Language, ShopId, Timestamp, Translated,
};
use crate::incidents::{
    Asked, Closed, Gate, Kept, Live, NotAnswered, Print, Question, Settings, Standing, Told,
};
use crate::protocol::{ErrorCode, ServerFrame, encode};
use crate::understand::encoder::Sense;
use crate::understand::{Hint, Model, Scratch, names_order};

use super::dispatch::SeatLine;
use super::input::{CustomerRef, ForMany, Link, SeatRef};
use super::shard::Shops;
use super::translated::ToTranslate;
use sensing::Pending;
use shop::{ShopBoard, Unkept};
use store::{OnDisk, Store};

pub use act::IncidentAct;
pub use sensing::ToSense;
pub use task::{Incidents, Sensing};

/// Least time between two showings.
const INTERVAL: Duration = Duration::from_millis(500);
/// Least time between two keepings of what is usual; whether joins were right is kept at once.
const KEEP_INTERVAL: Duration = Duration::from_secs(60);

/// What a shard tells.
#[derive(Clone, Debug)]
pub enum Report {
    /// A customer asks what needs a person, or has had a machine's answer to.
    Asks(Asks),
    /// The same, told again after a restart.
    AsksStill(Asks),
    /// A conversation has ended, a seat has taken it, or its customer has said more.
    Left(ShopId, ConversationId),
    /// The answer was none for this customer.
    Returned(ShopId, ConversationId),
}

/// A question that needs a person, or that a machine has answered by what is always true.
#[derive(Clone, Debug)]
pub struct Asks {
    /// In which shop.
    pub shop: ShopId,
    /// Where.
    pub conversation: ConversationId,
    /// By whom.
    pub customer: CustomerId,
    /// When.
    pub asked_at: Timestamp,
    /// The language to answer in.
    pub language: Language,
    /// Everything that the customer has said, a line each.
    pub text: Arc<str>,
    /// Whether it is for one person: the customer asked for one, is a VIP, or is in trouble.
    pub needs_person: bool,
    /// Whether it waits for a person. A machine has answered it if not, and more may be known.
    pub waits: bool,
}

/// The incidents of all shops.
pub struct Board {
    model: Arc<Model>,
    scratch: Scratch,
    shops: BTreeMap<ShopId, ShopBoard>,
    shown_at: Timestamp,
    kept_at: Timestamp,
    store: Option<Store>,
    /// Questions that wait for an encoder; `None` where none is asked.
    pending: Option<Pending>,
    /// Reads what the encoder makes of them.
    sense: Option<Arc<Sense>>,
    /// The fingerprint of that; empty for none.
    points_of: String,
}

/// What is to be kept of a shop.
struct ToKeep {
    shop: ShopId,
    kept: Kept,
    /// Whether its file has what it may not have any more.
    outdated: bool,
}

impl Board {
    /// No incidents yet, in these shops.
    pub fn new(model: Arc<Model>, shops: &Shops) -> Self {
        let mut board = Self {
            model,
            scratch: Scratch::default(),
            shops: BTreeMap::new(),
            shown_at: Timestamp::default(),
            kept_at: Timestamp::default(),
            store: None,
            pending: None,
            sense: None,
            points_of: String::new(),
        };
        board.take_shops(shops);
        board
    }

    /// The same with what was kept of these shops in the folder `data`, where it is kept from now on.
    #[must_use]
    pub fn kept_in(mut self, data: &Path) -> Self {
        let store = Store::of(data);
        for (shop, board) in &mut self.shops {
            board.live = Live::restored(board.live.settings(), store.read(shop));
            board.has_changed = true;
        }
        self.store = Some(store);
        self
    }

    /// What is to be kept by now, or everything that is not kept.
    fn take_to_keep(&mut self, now: Timestamp, is_last: bool) -> Vec<ToKeep> {
        let is_time = is_last || self.kept_at + KEEP_INTERVAL <= now;
        let from = if is_time { Unkept::Questions } else { Unkept::Decisions };
        if is_time {
            self.kept_at = now;
        }
        let due = self.shops.iter_mut().filter(|(_, board)| board.unkept >= from);
        due.map(|(shop, board)| {
            board.unkept = Unkept::Nothing;
            let (kept, outdated) = (board.live.keep(now), board.unforgotten);
            ToKeep { shop: shop.clone(), kept, outdated }
        })
        .collect()
    }

    /// Takes what came of keeping shops: where it failed it is tried again later.
    fn kept(&mut self, shops: &[(ShopId, OnDisk)]) {
        for (shop, on_disk) in shops {
            let Some(board) = self.shops.get_mut(shop) else { continue };
            if *on_disk != OnDisk::New {
                board.unkept = board.unkept.max(Unkept::Questions);
            }
            if *on_disk != OnDisk::Old {
                board.unforgotten = false;
            }
        }
    }

    /// Whether nothing is left of the customers of a shop who are erased, in its file either.
    fn has_forgotten(&self, shop: &ShopId) -> bool {
        self.store.is_none() || self.shops.get(shop).is_none_or(|board| !board.unforgotten)
    }

    /// When [`Self::take_to_keep`] next has something.
    fn next_keeping(&self) -> Option<Timestamp> {
        self.store.as_ref()?;
        match self.shops.values().map(|board| board.unkept).max()? {
            Unkept::Nothing => None,
            Unkept::Questions => Some(self.kept_at + KEEP_INTERVAL),
            Unkept::Decisions => Some(self.kept_at),
        }
    }

    /// Works by new shops. What is known of those that are gone is forgotten.
    pub fn take_shops(&mut self, shops: &Shops) {
        self.shops.retain(|shop, _| shops.contains_key(shop));
        if let Some(pending) = &mut self.pending {
            pending.keep_shops(shops);
        }
        for (id, shop) in &**shops {
            let generic = shop.generic_intents.clone();
            let settings =
                Settings { may_be_automatic: shop.automatic_joins, ..Settings::default() };
            let board = self.shops.entry(id.clone()).or_insert_with(|| {
                let kept = self.store.as_ref().map(|store| store.read(id)).unwrap_or_default();
                let mut live = Live::restored(settings, kept);
                if self.sense.is_some() {
                    live.take_points_of(&self.points_of);
                }
                ShopBoard { live, ..ShopBoard::default() }
            });
            board.gate = generic.map_or_else(Gate::default, Gate::new);
            board.spoken.set_wait(shop.translators.wait_max());
            board.has_changed |=
                (board.live.settings(), board.fallback) != (settings, shop.default_language);
            board.live.set(settings);
            board.fallback = shop.default_language;
        }
    }

    /// Takes what a shard tells. Gives the answers that customers get by it.
    pub fn report(&mut self, now: Timestamp, report: Report) -> Vec<ForMany> {
        if let (Report::Left(_, id) | Report::Returned(_, id), Some(pending)) =
            (&report, &mut self.pending)
        {
            pending.leave(*id);
        }
        match report {
            Report::Asks(asks) => self.ask(now, asks, Told::First).into_iter().collect(),
            Report::AsksStill(asks) => self.ask(now, asks, Told::Again).into_iter().collect(),
            Report::Left(shop, conversation) => {
                if let Some(board) = self.shops.get_mut(&shop) {
                    board.has_changed |= board.live.leave(conversation).is_some();
                    board.spoken.leave(conversation);
                }
                Vec::new()
            }
            Report::Returned(shop, conversation) => {
                if let Some(board) = self.shops.get_mut(&shop) {
                    board.returned(conversation);
                }
                Vec::new()
            }
        }
    }

    fn ask(&mut self, now: Timestamp, asks: Asks, told: Told) -> Option<ForMany> {
        let board = self.shops.get_mut(&asks.shop)?;
        if told == Told::Again && board.live.is_promised(asks.conversation) {
            return board.keep_promise(asks);
        }
        // What needs no model first.
        board.gate.may_pass(&asks.text).ok()?;
        // The encoder's time is for those who wait, as long as there is nothing to tell the others.
        let is_worth_it = asks.waits || board.live.shown().next().is_some();
        let (asks, told) = match &mut self.pending {
            Some(pending) if is_worth_it && !asks.needs_person => pending.put(now, asks, told)?,
            _ => (asks, told),
        };
        self.compare(now, asks, told, None)
    }

    /// Goes on with a question, with its vector where there is one.
    fn compare(
        &mut self,
        now: Timestamp,
        asks: Asks,
        told: Told,
        vector: Option<&[f32]>,
    ) -> Option<ForMany> {
        let understanding = self.model.understand(&asks.text, &Hint::default(), &mut self.scratch);
        let asked = Asked {
            text: &asks.text,
            understanding: &understanding,
            names_order: names_order(&asks.text),
            needs_person: asks.needs_person,
        };
        let language = understanding.language.label;
        let sense = self.sense.as_ref().zip(vector);
        let sensed = sense.map(|(sense, vector)| sense.read(vector, language));
        let sensed = sensed.as_ref();
        let board = self.shops.get_mut(&asks.shop)?;
        let passed = board.gate.pass(&asked, sensed).ok()?;
        let meaning = self.model.meaning(&asks.text, &mut self.scratch);
        let print = Arc::new(Print::new(&passed, understanding.language, &meaning, sensed));
        let Asks { conversation, customer, asked_at, waits, language, text, .. } = asks;
        let question =
            Question { conversation, customer, asked_at, told, waits, language, text, print };
        let joined = board.live.ask(now, &question)?;
        board.unkept = board.unkept.max(Unkept::Questions);
        board.has_changed |= joined.standing != Standing::Watched;
        let answer = joined.answer?;
        board.reach(joined.cluster, &answer, [conversation]).pop()
    }

    /// Of which seats have said since the last call that they are none of those that an incident is about.
    pub fn take_wrong(&mut self) -> Vec<(ShopId, ConversationId)> {
        let wrong = self.shops.iter_mut().flat_map(|(shop, board)| {
            let wrong = std::mem::take(&mut board.wrong);
            wrong.into_iter().map(move |conversation| (shop.clone(), conversation))
        });
        wrong.collect()
    }

    /// Gives the answers that still wait to be translated, as they were written: the router stops.
    pub fn give_what_waits(&mut self) -> Vec<ForMany> {
        let boards = self.shops.values_mut();
        boards.flat_map(|board| board.spoken.close_all()).collect()
    }

    /// What is to be translated for the answers that were given so far.
    pub fn take_to_translate(&mut self, now: Timestamp) -> Vec<ToTranslate> {
        let of =
            |(shop, board): (&ShopId, &mut ShopBoard)| board.spoken.take_to_translate(now, shop);
        self.shops.iter_mut().flat_map(of).collect()
    }

    /// Takes what came of translating an answer. Gives it to whoever waited for it.
    pub fn translated(&mut self, shop: &ShopId, ask: u64, translated: &Translated) -> Vec<ForMany> {
        let Some(board) = self.shops.get_mut(shop) else { return Vec::new() };
        board.has_changed = true;
        board.spoken.came(ask, translated)
    }

    /// Forgets a customer who is erased.
    pub fn forget(&mut self, customer: &CustomerRef) {
        if let Some(pending) = &mut self.pending {
            pending.forget(customer);
        }
        let Some(board) = self.shops.get_mut(&customer.shop) else { return };
        let key = CustomerKey::of(&customer.shop, &customer.id);
        let had_any = board.live.forget(&customer.id) | board.live.unpromise_all_of(key);
        board.has_changed |= had_any;
        board.unforgotten |= had_any;
        if board.unforgotten {
            // What was kept knows what he asked; whoever asks again has it tried again at once.
            board.unkept = Unkept::Decisions;
        }
    }

    /// Carries out what a seat does. Gives the answers that customers get by it.
    pub fn act(&mut self, line: &SeatLine, frame: Option<Uuid>, act: IncidentAct) -> Vec<ForMany> {
        let Some(board) = self.shops.get_mut(&line.seat.shop) else { return Vec::new() };
        let done = match act {
            IncidentAct::Watch(watch) => {
                board.watchers.retain(|it| it.link.session != line.link.session);
                if watch {
                    board.watchers.push(line.clone());
                }
                board.has_changed |= watch;
                Ok(Vec::new())
            }
            IncidentAct::Confirm { incident, conversations, wrong } => {
                board.confirm(incident, &conversations, &wrong).map_err(refusal)
            }
            IncidentAct::Answer { incident, texts, fallback } => {
                board.answer(line, incident, texts, fallback)
            }
            IncidentAct::Join { incident, into } => board.join(incident, into),
            IncidentAct::Part { incident, from } => board.part(incident, from),
            IncidentAct::Close(incident) => {
                let closed = board.live.close(incident);
                board.has_changed = true;
                board.unkept = Unkept::Decisions;
                closed.map(|closed| board.spoken.close(closed.cluster)).map_err(refusal)
            }
        };
        done.unwrap_or_else(|(code, message)| {
            refuse(&line.link, frame, code, &message);
            Vec::new()
        })
    }

    /// A socket has gone.
    pub fn closed(&mut self, seat: &SeatRef, session: Uuid) {
        if let Some(board) = self.shops.get_mut(&seat.shop) {
            let has_gone = |it: &SeatLine| it.link.session == session && it.link.outbox.is_closed();
            board.watchers.retain(|it| !has_gone(it));
        }
    }

    /// When something is due: an incident to close, a question to go on with, or a showing.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let closes = self.shops.values().filter_map(|board| board.live.next_deadline());
        let shows = self.shops.values().any(ShopBoard::is_to_be_shown);
        let late = self.shops.values().filter_map(|board| board.spoken.next_deadline());
        let shows = shows.then(|| self.shown_at + INTERVAL);
        let goes_on = self.pending.as_ref().and_then(Pending::next_deadline);
        closes.chain(late).chain(shows).chain(goes_on).chain(self.next_keeping()).min()
    }

    /// Closes what nobody has joined for long, and shows what has changed. Gives the answers that go
    /// out by it.
    pub fn on_timer(&mut self, now: Timestamp) -> Vec<ForMany> {
        let mut answers = self.go_on_without(now);
        for board in self.shops.values_mut() {
            let closed: Vec<Closed> = board.live.on_timer(now);
            if !closed.is_empty() {
                board.has_changed = true;
                board.unkept = board.unkept.max(Unkept::Questions);
            }
            answers.extend(closed.iter().flat_map(|closed| board.spoken.close(closed.cluster)));
            // Others made room for a newer one, or are forgotten.
            let live = &board.live;
            answers.extend(board.spoken.close_others(|incident| live.get(incident).is_some()));
            let late = board.spoken.late(now);
            board.has_changed |= !late.is_empty();
            answers.extend(late);
        }
        self.show(now);
        answers
    }

    fn show(&mut self, now: Timestamp) {
        if self.shown_at + INTERVAL > now {
            return;
        }
        for board in self.shops.values_mut().filter(|board| board.is_to_be_shown()) {
            self.shown_at = now;
            board.show();
        }
    }
}

fn refusal(reason: NotAnswered) -> (ErrorCode, String) {
    let code = match reason {
        NotAnswered::Unknown => ErrorCode::NotFound,
        NotAnswered::NoFallback => ErrorCode::BadFrame,
        NotAnswered::Unconfirmed | NotAnswered::Answered => ErrorCode::Conflict,
    };
    (code, reason.to_string())
}

fn refuse(link: &Link, frame: Option<Uuid>, code: ErrorCode, message: &str) {
    let error = ServerFrame::Error { id: frame, code, message, retry_after_ms: None };
    link.outbox.push(encode(&error).into());
}
