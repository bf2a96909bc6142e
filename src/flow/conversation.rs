//! One conversation: its state, and how each fact changes it.
//!
//! [`Conversation::apply`] is the only place where state changes, for live work and for replay
//! alike, so what a restart restores is what was there.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use uuid::Uuid;

use crate::automate::{KnownCustomer, Mood};
use crate::dedup::{self, Delivery, Recent, Seen};
use crate::deliver::Outbox;
use crate::domain::{
    ConversationId, Event, EventKind, Intent, Language, MessageId, OfferId, Pair, SeatId, Sender,
    Timestamp, TransferTarget, Translated, Understanding, few,
};
use crate::protocol::Held;
use crate::schedule::{Contact, DecisionRecord};

use super::fact::{Fact, Noted, Opened};
use super::in_flight::InFlight;
use super::lines::is_from_customer;
use super::matter::Joined;
use super::owed::OwedEffects;
use super::personal::{ERASED_TEXT, Personal, is_erased};
use super::ticket::says_only_address;
use super::unanswered::Unanswered;

/// Typing of one side is passed on once in this time.
const TYPING_PAUSE: Duration = Duration::from_secs(1);

/// A conversation in memory. A snapshot keeps it with its fields' names, but for what a restart makes
/// anew.
#[derive(Debug, Serialize, Deserialize)]
pub struct Conversation {
    /// Which.
    pub id: ConversationId,
    /// How it began.
    pub opened: Opened,
    /// Its epoch.
    pub epoch: u32,
    /// What it waits for or who owns it.
    pub stage: Stage,
    /// How often what it waits for has changed since it began to wait.
    pub need_changes: u8,
    /// Every numbered event; number `n` stands at `n - 1`.
    pub events: Vec<Event>,
    /// Notes of seats.
    pub notes: Vec<Noted>,
    /// What the model read out of the customer's latest message that says something.
    pub latest: Option<Understanding>,
    /// How the customer has felt over the messages that were understood.
    pub mood: Mood,
    /// When the customer asked what nobody has answered yet.
    pub unanswered_since: Option<Timestamp>,
    /// When the customer asked what a machine has answered last, unless a seat has said something since:
    /// the place of a customer whom the answer did not help.
    #[serde(default)]
    pub machine_answered: Option<Timestamp>,
    /// Whether a person or a machine has answered before.
    pub had_first_response: bool,
    /// Whether the customer has asked for a person.
    pub asked_for_person: bool,
    /// Sources that a machine has answered from.
    #[serde(deserialize_with = "few")]
    pub machine_sources: SmallVec<[Arc<str>; 1]>,
    /// When its ticket is worked off, while it is one.
    #[serde(default)]
    pub ticket_due: Option<Timestamp>,
    /// Where the customer can be written to.
    #[serde(default)]
    pub email: Option<Arc<str>>,
    /// How often that has changed.
    #[serde(default)]
    pub email_changes: u8,
    /// What has to happen outside and is not settled.
    #[serde(default)]
    pub owed: OwedEffects,
    /// Where it stood when it was answered for everybody who asks the same, until its customer says
    /// something else than thanks.
    #[serde(default)]
    pub aside: Option<Box<Contact>>,
    /// Whether it is a matter of its own, which no answer for many is for.
    #[serde(default)]
    pub is_of_its_own: bool,
    /// What joined it, and what it goes on from, unless that was taken back; oldest first.
    #[serde(default)]
    pub joined: Vec<Joined>,
    /// What has gone from it to others: the numbers of the first and the last message of each stretch.
    #[serde(default)]
    pub moved: Vec<(u64, u64)>,
    /// The first question for which a person was needed where an article could have answered.
    #[serde(default)]
    pub unanswered: Option<Unanswered>,
    /// The first message from which nothing follows yet, as its customer may go on.
    #[serde(default)]
    pub held_from: Option<u64>,
    /// Messages in other languages, by their numbers; of each the latest.
    #[serde(default)]
    pub translated: BTreeMap<u64, Translated>,
    /// Whether the silent customer was asked for a sign of life since the last message.
    pub asked_if_there: bool,
    /// The seat that gets the events.
    pub seat_viewer: Option<SeatId>,
    /// The number of the assignment: the seat got everything up to it as history.
    pub seat_sees_after: u64,
    /// How the seat came to own it, until it is told.
    #[serde(skip)]
    pub taken_by: Option<TakenBy>,
    /// The fence of the last assignment.
    pub last_fence: u64,
    /// What the owner asked to hand it on, until the scheduler has decided.
    #[serde(skip)]
    pub handing_on: Option<HandingOn>,
    /// The ids of its messages.
    #[serde(skip)]
    pub seen: Seen,
    /// What the customer said lately.
    #[serde(skip)]
    pub recent: Recent,
    /// What the scheduler decided about it, for as long as the scheduler remembers.
    #[serde(skip)]
    pub decided: Vec<Weak<DecisionRecord>>,
    /// Messages that were not yet passed on to the viewers.
    #[serde(deserialize_with = "few")]
    pub in_flight: SmallVec<[InFlight; 1]>,
    /// Events up to this number were passed on to the viewers.
    pub passed_on: u64,
    /// When typing was last passed on: the customer's, and the seat's.
    #[serde(skip)]
    typing_passed_on_at: [Timestamp; 2],
    /// When the customer's page last said that somebody types.
    #[serde(skip)]
    pub typed_at: Option<Timestamp>,
    /// When it is next looked at.
    #[serde(skip)]
    pub alarm_at: Timestamp,
}

/// Where a conversation stands.
#[derive(Debug, Serialize, Deserialize)]
pub enum Stage {
    /// Nothing is owed: new, or answered by a machine.
    Open,
    /// In the scheduler's queue.
    Waiting(Box<Contact>),
    /// A seat owns it.
    Owned(Box<Owned>),
    /// A ticket stands in for the queue.
    Ticketed,
    /// It ended.
    Closed {
        /// When.
        at: Timestamp,
    },
}

/// An owner and what it took over.
#[derive(Debug, Serialize, Deserialize)]
pub struct Owned {
    /// The owner.
    pub seat: SeatId,
    /// Grows with every assignment.
    pub fence: u64,
    /// What it waited as.
    pub contact: Contact,
    /// Whether the owner has written.
    pub replied: bool,
}

/// How a seat came to own a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakenBy {
    /// It accepted an offer.
    Accepting(OfferId),
    /// A supervisor gave it.
    Supervisor,
}

/// A transfer that is asked for.
#[derive(Debug)]
pub struct HandingOn {
    /// To whom.
    pub to: TransferTarget,
    /// Where a refusal goes.
    pub asked_by: Arc<Outbox>,
    /// The id that it should repeat.
    pub frame: Option<Uuid>,
}

impl Conversation {
    /// A conversation that begins.
    pub fn new(id: ConversationId, opened: Opened) -> Self {
        Self {
            id,
            epoch: opened.epoch,
            opened,
            stage: Stage::Open,
            need_changes: 0,
            events: Vec::new(),
            notes: Vec::new(),
            latest: None,
            mood: Mood::default(),
            unanswered_since: None,
            machine_answered: None,
            had_first_response: false,
            asked_for_person: false,
            machine_sources: SmallVec::new(),
            ticket_due: None,
            email: None,
            email_changes: 0,
            owed: OwedEffects::default(),
            aside: None,
            is_of_its_own: false,
            joined: Vec::new(),
            moved: Vec::new(),
            unanswered: None,
            held_from: None,
            translated: BTreeMap::new(),
            asked_if_there: false,
            seat_viewer: None,
            seat_sees_after: 0,
            taken_by: None,
            last_fence: 0,
            handing_on: None,
            seen: Seen::default(),
            recent: Recent::default(),
            decided: Vec::new(),
            in_flight: SmallVec::new(),
            passed_on: 0,
            typing_passed_on_at: [Timestamp::default(); 2],
            typed_at: None,
            alarm_at: Timestamp::default(),
        }
    }

    /// The number of the last event.
    pub fn seq(&self) -> u64 {
        self.events.last().map_or(0, |event| event.seq)
    }

    /// The conversation as `welcome` lists it.
    pub fn held(&self) -> Held {
        Held { conversation: self.id, epoch: self.epoch, seq: self.seq() }
    }

    /// The event with this number.
    pub fn event(&self, seq: u64) -> Option<&Event> {
        self.events.get(usize::try_from(seq.checked_sub(1)?).ok()?)
    }

    /// Whether it has ended.
    pub fn is_closed(&self) -> bool {
        matches!(self.stage, Stage::Closed { .. })
    }

    /// Whether the customer has said hello and nobody has said anything since.
    pub fn has_only_greeted(&self) -> bool {
        let is_theirs =
            |event: &Event| matches!(event.kind, EventKind::Message { from: Sender::Customer, .. });
        let greeted = |latest: &Understanding| latest.intent.label == Intent::Greeting;
        matches!(self.stage, Stage::Open)
            && self.latest.as_ref().is_some_and(greeted)
            && self.events.last().is_some_and(is_theirs)
            && self.in_flight.iter().all(|message| message.understood)
    }

    /// Whether a machine has said anything in it.
    pub fn machine_spoke(&self) -> bool {
        let by_machine =
            |event: &Event| matches!(event.kind, EventKind::Message { from: Sender::Machine, .. });
        self.events.iter().any(by_machine)
    }

    /// What the customer has said of the machine's last answer.
    pub fn found_helpful(&self) -> Option<bool> {
        let since = self.events.iter().rev();
        let said = since.map_while(|event| match event.kind {
            EventKind::AnsweredByMachine { .. } => None,
            EventKind::FoundHelpful { helpful } => Some(Some(helpful)),
            _ => Some(None),
        });
        said.flatten().next()
    }

    /// The customer, as far as the shop has signed it.
    pub fn known_customer(&self) -> KnownCustomer<'_> {
        KnownCustomer { id: self.opened.verified.as_ref(), value: self.opened.value }
    }

    /// Whether `seat` owns it.
    pub fn is_owned_by(&self, seat: &SeatId) -> bool {
        matches!(&self.stage, Stage::Owned(owned) if owned.seat == *seat)
    }

    /// Since when its last owner has had it.
    pub fn owned_since(&self) -> Option<Timestamp> {
        let assigned = |event: &&Event| matches!(event.kind, EventKind::Assigned { .. });
        self.events.iter().rev().find(assigned).map(|event| event.at)
    }

    /// Whether the customer has written to the seat that owns it.
    pub fn has_written_to_owner(&self) -> bool {
        let since = |event: &&Event| event.seq > self.seat_sees_after;
        self.events.iter().rev().take_while(since).any(is_from_customer)
    }

    /// The language to answer in: what the customer writes, else the page's.
    pub fn language(&self) -> Language {
        let spoken = self.latest.as_ref().map(|latest| latest.language.label);
        spoken.or(self.opened.locale).unwrap_or(Language::ENGLISH)
    }

    /// Whether typing should be passed on at `now`, which then counts as done.
    pub fn passes_on_typing(&mut self, from: Sender, now: Timestamp) -> bool {
        let last = &mut self.typing_passed_on_at[usize::from(from == Sender::Seat)];
        let due = !matches!(self.stage, Stage::Closed { .. }) && now.since(*last) >= TYPING_PAUSE;
        if due {
            *last = now;
        }
        due
    }

    /// Time of the last message of anybody.
    pub fn last_message(&self) -> Option<(Sender, Timestamp)> {
        self.events.iter().rev().find_map(|event| match event.kind {
            EventKind::Message { from, .. } => Some((from, event.at)),
            _ => None,
        })
    }

    /// Whether it has a message already, by the message's id.
    pub fn delivery(&self, id: MessageId, text: &str) -> Delivery {
        match self.seen.check(id, text) {
            Delivery::Fresh if self.seen.may_know(id) => self.older_delivery(id, text),
            delivery => delivery,
        }
    }

    /// The same of messages that are no longer at hand.
    fn older_delivery(&self, wanted: MessageId, said: &str) -> Delivery {
        let found = self.events.iter().find_map(|event| match &event.kind {
            EventKind::Message { id, text, .. } if *id == wanted => Some((event.seq, text)),
            _ => None,
        });
        match found {
            None => Delivery::Fresh,
            Some((seq, text)) if **text == *said => Delivery::Redelivered { seq },
            Some((seq, _)) => Delivery::Conflict { seq },
        }
    }

    /// Remembers anew, after a restart from a snapshot, which messages it had.
    pub fn remember_seen(&mut self) {
        if self.opened.is_erased() {
            return;
        }
        for event in &self.events {
            if let EventKind::Message { from, id, text, .. } = &event.kind
                && *from != Sender::Machine
            {
                self.seen.record(*id, text, event.seq);
            }
        }
    }

    /// Remembers anew, after a restart, what the customer said since the last answer.
    pub fn remember_recent(&mut self, settings: &dedup::Settings) {
        let since_answer = self.events.iter().rev().take_while(|event| {
            let by_machine = matches!(event.kind, EventKind::AnsweredByMachine { .. });
            let by_seat = matches!(event.kind, EventKind::Message { from: Sender::Seat, .. });
            !by_machine && !by_seat
        });
        let from = self.events.len() - since_answer.count();
        // A message that nobody has looked at comes by itself when somebody does.
        let not_looked_at: Vec<u64> =
            self.in_flight.iter().filter(|m| !m.understood).map(|m| m.seq).collect();
        for event in &self.events[from..] {
            if let EventKind::Message { from: Sender::Customer, text, .. } = &event.kind
                && !not_looked_at.contains(&event.seq)
            {
                self.recent.check(event.at, event.seq, text, settings);
            }
        }
    }

    /// Changes the state by one fact. Facts that it has had before change nothing: a journal
    /// write that failed half-way may stand in the journal twice.
    pub fn apply(&mut self, fact: &Fact) {
        // Behind a gap in a damaged journal the event is missing, and a later one gets its number.
        if fact.about().is_some_and(|seq| seq > self.seq()) {
            return;
        }
        match fact {
            Fact::Opened(_) => {}
            Fact::Event(event) => self.apply_event(event),
            Fact::Understood { seq, understanding } => {
                let language = understanding.as_ref().map(|u| u.language.label);
                self.set_understood(*seq, language);
                if let Some(u) = understanding
                    && let Some(text) = self.said_by_customer(*seq)
                {
                    // An address says nothing of the language that its writer reads, nor of the matter.
                    let is_news = self.latest.is_none() || !says_only_address(text, &u.pii);
                    self.mood.hear(*seq, u);
                    if is_news {
                        // Spans point into one text; the rest speaks for the conversation.
                        self.latest = Some(Understanding { pii: Vec::new(), ..u.clone() });
                    }
                }
            }
            Fact::Epoch(epoch) => self.epoch = *epoch,
            Fact::AskedForPerson => self.asked_for_person = true,
            Fact::Waits(contact) => {
                let waited = matches!(self.stage, Stage::Waiting(_));
                self.person_is_needed();
                self.need_changes = if waited { self.need_changes.saturating_add(1) } else { 0 };
                self.stage = Stage::Waiting(Box::new(contact.clone()));
                self.seat_viewer = None;
                self.aside = None;
                self.held_from = None;
            }
            Fact::Aside(place) => {
                self.stage = Stage::Open;
                self.aside = Some(Box::new(place.clone()));
            }
            Fact::Joined(joined) => self.join(*joined),
            Fact::Parted(parted) => self.take_apart(parted),
            Fact::MayGoOn(seq) => self.held_from = self.held_from.or(Some(*seq)),
            Fact::SaidAll => self.held_from = None,
            Fact::OfItsOwn => self.is_of_its_own = true,
            Fact::Owned { seat, fence } => self.set_owner(seat, *fence),
            Fact::Noted(note) => self.notes.push(note.clone()),
            Fact::TicketDue(at) => {
                self.stage = Stage::Ticketed;
                self.ticket_due = Some(*at);
            }
            Fact::ReachableAt(address) => {
                self.email_changes = self.email_changes.saturating_add(1);
                // An erased address is none.
                self.email = (**address != *ERASED_TEXT).then(|| address.clone());
            }
            // Its shard remembers it, longer than the conversation if need be.
            Fact::Delivered(_) => {}
            Fact::Wanted(effect) if is_erased(effect) => {}
            Fact::Wanted(effect) => self.want(effect),
            Fact::Progressed(it) => self.owed.progress(*it),
            Fact::Translating { seq, pair } => self.hold_back(*seq, *pair),
            Fact::Translated { seq, translated } => {
                self.translated.insert(*seq, translated.clone());
                let held = self.in_flight.iter_mut().find(|message| message.seq == *seq);
                held.into_iter().for_each(|message| message.translating = None);
            }
            Fact::Decided(decision) => {
                self.decided.retain(|it| it.strong_count() > 0);
                self.decided.push(Arc::downgrade(decision));
            }
            Fact::Erased(_) => self.erase(),
        }
    }

    /// Lets go of everything personal.
    fn erase(&mut self) {
        drop(Personal::out_of_conversation(self, &mut []));
        self.decided.clear();
        self.unanswered = None;
        (self.seen, self.recent) = (Seen::default(), Recent::default());
        // Nobody has to look at a text that is gone.
        self.in_flight.iter_mut().for_each(|message| {
            (message.understood, message.translating) = (true, None);
        });
    }

    /// Shows a message, and what stands behind it, to nobody until it is translated.
    fn hold_back(&mut self, seq: u64, pair: Pair) {
        if self.translated.contains_key(&seq) {
            return;
        }
        match self.in_flight.iter_mut().find(|message| message.seq == seq) {
            Some(message) => message.translating = Some(pair),
            // Nobody has to read what the router says itself, so it is not there yet.
            None => {
                let message = InFlight { translating: Some(pair), ..InFlight::new(seq, true) };
                self.in_flight.push(message);
            }
        }
    }

    fn apply_event(&mut self, event: &Event) {
        if event.seq != self.seq() + 1 {
            return;
        }
        match &event.kind {
            EventKind::Message { from, id, text, .. } => {
                self.apply_message(*from, *id, text, event)
            }
            EventKind::Ticket { .. } => self.stage = Stage::Ticketed,
            EventKind::Closed { .. } => {
                self.stage = Stage::Closed { at: event.at };
                self.held_from = None;
            }
            EventKind::AnsweredByMachine { source } => {
                self.machine_sources.push(source.clone());
                self.machine_answered = self.unanswered_since.or(self.machine_answered);
                self.answered();
            }
            EventKind::Queued { .. }
            | EventKind::Assigned { .. }
            | EventKind::Transferred { .. }
            | EventKind::FoundHelpful { .. }
            | EventKind::Rated { .. } => {}
        }
        self.events.push(event.clone());
    }

    fn apply_message(&mut self, from: Sender, id: MessageId, text: &str, event: &Event) {
        if from != Sender::Machine {
            self.seen.record(id, text, event.seq);
            self.in_flight.push(InFlight::new(event.seq, false));
        }
        match from {
            Sender::Customer => {
                self.unanswered_since.get_or_insert(event.at);
                self.asked_if_there = false;
            }
            Sender::Seat => {
                self.answered();
                self.machine_answered = None;
                if let Stage::Owned(owned) = &mut self.stage {
                    owned.replied = true;
                }
            }
            // In an owned conversation a machine says nothing else.
            Sender::Machine => self.asked_if_there |= matches!(self.stage, Stage::Owned(_)),
        }
    }

    fn answered(&mut self) {
        self.unanswered_since = None;
        self.had_first_response = true;
        self.recent.answered();
    }

    fn set_understood(&mut self, seq: u64, spoken: Option<Language>) {
        if let Some(in_flight) = self.in_flight.iter_mut().find(|entry| entry.seq == seq) {
            in_flight.understood = true;
        }
        let index = usize::try_from(seq.saturating_sub(1)).unwrap_or(usize::MAX);
        if let Some(Event { kind: EventKind::Message { language, .. }, .. }) =
            self.events.get_mut(index)
        {
            *language = spoken;
        }
    }

    fn set_owner(&mut self, seat: &SeatId, fence: u64) {
        self.last_fence = self.last_fence.max(fence);
        self.held_from = None;
        let stage = std::mem::replace(&mut self.stage, Stage::Open);
        self.stage = match stage {
            Stage::Waiting(contact) => Stage::Owned(Box::new(Owned {
                seat: seat.clone(),
                fence,
                contact: *contact,
                replied: false,
            })),
            Stage::Owned(mut owned) => {
                if owned.seat != *seat {
                    owned.replied = false;
                }
                owned.seat = seat.clone();
                owned.fence = fence;
                Stage::Owned(owned)
            }
            other => other,
        };
        self.seat_viewer = Some(seat.clone());
        self.seat_sees_after = self.seq();
    }

    fn said_by_customer(&self, seq: u64) -> Option<&str> {
        match &self.event(seq)?.kind {
            EventKind::Message { from: Sender::Customer, text, .. } => Some(text),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
