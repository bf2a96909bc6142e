//! The owner of a share of the customers and of all their conversations.
//!
//! Pure: it takes `now` and inputs, and fills a [`Turn`]. One task drives each shard, so nothing
//! here locks.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ahash::AHashMap;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use smallvec::SmallVec;
use uuid::Uuid;

use crate::automate::Phrases;
use crate::config::shop::Shop;
use crate::dedup::{self, Delivered, DeliveredLimits, OneDelivery};
use crate::deliver::Outbox;
use crate::domain::{
    ConversationId, CustomerId, CustomerKey, Language, MessageId, SeatId, ShopId, Timestamp,
};
use crate::metrics::names::Counter;
use crate::protocol::{ErrorCode, ServerFrame, encode};
use crate::understand::Scratch;

use super::conversation::Conversation;
use super::erase::EndedByErasure;
use super::fact::{Fact, Opened, Record, SeatRecord};
use super::input::{CustomerRef, Envelope, Input, Link, SeatRef, Viewer};
use super::library::Library;
use super::second_look::SecondLooks;
use super::step::Step;
use super::translated::Awaited;
use super::turn::{Delivery, Turn};

/// What a shard needs of the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What an acknowledgement promises: `durable` or `memory`.
    pub ack_level: &'static str,
    /// Conversations held by this shard.
    pub conversations_max: usize,
    /// Messages and other events of one conversation, and its notes, beyond which clients add none.
    pub messages_per_conversation_max: usize,
    /// How long a closed conversation can be resumed.
    pub resume_for: Duration,
    /// How long a customer who has only said hello may take to the question before being asked.
    pub greeting_wait: Duration,
    /// Longest that what follows from a line waits for the next one, counted from the first. Zero: each
    /// line is a question by itself.
    pub lines_wait_max: Duration,
    /// Silence of a customer after which the customer is asked.
    pub customer_silence_ask: Duration,
    /// Silence of a customer after which the conversation closes.
    pub customer_silence_close: Duration,
    /// How long after its end a verified customer goes on with a conversation.
    pub joins_for: Duration,
    /// When a conversation counts as said before.
    pub dedup: dedup::Settings,
    /// How long the ids of what was delivered are remembered, and how many.
    pub delivered: DeliveredLimits,
    /// How customers are written to; `None` when they are not.
    pub email: Option<EmailRules>,
}

/// How customers are written to.
#[derive(Clone, Debug, Default)]
pub struct EmailRules {
    /// Whether an answer to an e-mail comes back to its conversation, where the shop has no mailbox of its own.
    pub can_reply: bool,
    /// Addresses that e-mails come from and go back to, where the shop has none of its own.
    pub ours: Arc<[String]>,
}

impl EmailRules {
    /// Whether an answer to an e-mail of a shop comes back.
    pub(super) fn can_reply_to(&self, shop: &Shop) -> bool {
        self.can_reply || shop.email.reply_to.is_some()
    }
}

/// Conversations of one customer that are kept, the open one included: nobody fills the memory of the
/// others by opening and closing.
const CONVERSATIONS_PER_CUSTOMER_MAX: usize = 64;

/// The shops that are served, by id.
pub type Shops = Arc<AHashMap<ShopId, Arc<Shop>>>;

/// One owner of conversations.
pub struct Shard {
    pub(super) settings: Settings,
    pub(super) shops: Shops,
    pub(super) conversations: AHashMap<ConversationId, Box<Conversation>>,
    pub(super) customers: AHashMap<CustomerRef, Customer>,
    pub(super) seats: AHashMap<SeatRef, SeatViews>,
    /// The seats that are there, in the shard that writes down when they come and go.
    pub(super) present: BTreeMap<SeatRef, SeatRecord>,
    /// When to look at a conversation again, looked at anew when it comes up. Of several entries of
    /// one conversation only that at its `alarm_at` counts.
    pub(super) alarms: BinaryHeap<Reverse<(Timestamp, ConversationId)>>,
    pub(super) second_looks: SecondLooks,
    pub(super) delivered: Delivered,
    /// Conversations whose question an article could have answered, by their shop, the oldest first.
    pub(super) unanswered: BTreeMap<ShopId, VecDeque<ConversationId>>,
    /// Deliveries to what was let go of, which are not written down yet.
    pub(super) let_go_of: Vec<OneDelivery>,
    /// Articles to answer with; `None` answers with none.
    pub(super) library: Option<Arc<Library>>,
    pub(super) scratch: Scratch,
    pub(super) awaited: Awaited,
    /// What shops say in languages that they did not write.
    pub(super) phrases: BTreeMap<(ShopId, Language), Arc<Phrases>>,
    /// Conversations whose keys are needed no longer.
    pub(super) released: Vec<ConversationId>,
    /// Who began conversations that are erased, until nothing is left of him: whoever asks again by one
    /// of them means him.
    pub(super) unfinished: BTreeMap<ConversationId, EndedByErasure>,
    random: SmallRng,
}

/// A customer with open sockets or kept conversations.
#[derive(Debug, Default)]
pub(super) struct Customer {
    pub(super) links: SmallVec<[Link; 1]>,
    pub(super) conversations: SmallVec<[ConversationId; 1]>,
}

/// The sockets of a seat and what it owns in this shard.
#[derive(Debug, Default)]
pub(super) struct SeatViews {
    pub(super) links: SmallVec<[Link; 1]>,
    pub(super) owned: BTreeSet<ConversationId>,
}

impl Shard {
    /// An empty shard; `seed` is for the ids it makes.
    pub fn new(settings: Settings, shops: Shops, seed: u64) -> Self {
        Self {
            delivered: Delivered::new(settings.delivered),
            let_go_of: Vec::new(),
            unanswered: BTreeMap::new(),
            settings,
            shops,
            conversations: AHashMap::new(),
            customers: AHashMap::new(),
            seats: AHashMap::new(),
            present: BTreeMap::new(),
            alarms: BinaryHeap::new(),
            second_looks: SecondLooks::default(),
            library: None,
            scratch: Scratch::default(),
            awaited: Awaited::default(),
            phrases: BTreeMap::new(),
            released: Vec::new(),
            unfinished: BTreeMap::new(),
            random: SmallRng::seed_from_u64(seed),
        }
    }

    /// Answers by these articles from now on.
    pub fn take_library(&mut self, library: Arc<Library>) {
        self.library = Some(library);
    }

    /// Conversations in memory.
    pub fn len(&self) -> usize {
        self.conversations.len()
    }

    /// Whether it holds no conversation.
    pub fn is_empty(&self) -> bool {
        self.conversations.is_empty()
    }

    /// Every conversation in memory.
    pub fn conversation_ids(&self) -> impl Iterator<Item = ConversationId> + '_ {
        self.conversations.keys().copied()
    }

    /// Takes one input.
    pub fn handle(&mut self, now: Timestamp, envelope: Envelope, turn: &mut Turn) {
        let cause = Cause { now, at: envelope.caused_at };
        match envelope.input {
            Input::Attach(attach) => self.attach(attach, turn),
            Input::Detach { viewer, session } => self.detach(&viewer, session),
            Input::Customer(frame) => self.customer_frame(cause, frame, turn),
            Input::Seat(frame) => self.seat_frame(cause, frame, turn),
            Input::Decided(decision) => self.decided(cause, decision, turn),
            Input::Recorded(id, record) => self.record_decision(now, id, record, turn),
            Input::SeatNoted(record) => {
                self.note_seat(&record);
                turn.seats.push(record);
            }
            Input::Email(letter) => self.email_came(cause, letter, turn),
            Input::Effect(report) => self.effect_reported(now, report, turn),
            Input::Webhook(asked) => self.webhook_asked(asked, turn),
            Input::AnsweredForMany(answer) => self.answered_for_many(cause, answer, turn),
            Input::OfItsOwn(shop, id) => self.was_wrong(cause.now, &shop, id, turn),
            Input::Translated(came) => self.translation_came(cause, came, turn),
            Input::Phrases(came) => self.phrases_came(came),
            Input::LookedAgain(look) => self.looked_again(now, look, turn),
            Input::Library(library) => self.take_library(library),
            Input::Shops(shops) => self.take_shops(cause, shops, turn),
            Input::Erase(erase) => self.erase(cause, erase, turn),
            Input::ErasureFinished(conversations) => self.erasure_finished(&conversations),
            Input::Unanswered(wanted) => self.tell_unanswered(wanted),
        }
    }

    fn detach(&mut self, viewer: &Viewer, session: Uuid) {
        match viewer {
            Viewer::Customer(customer) => {
                let Some(entry) = self.customers.get_mut(customer) else { return };
                entry.links.retain(|link| link.session != session || !link.outbox.is_closed());
                if entry.links.is_empty() && entry.conversations.is_empty() {
                    self.customers.remove(customer);
                }
            }
            Viewer::Seat(seat) => {
                let Some(entry) = self.seats.get_mut(seat) else { return };
                entry.links.retain(|link| link.session != session || !link.outbox.is_closed());
                if entry.links.is_empty() && entry.owned.is_empty() {
                    self.seats.remove(seat);
                }
            }
        }
    }

    /// Begins a conversation.
    pub(super) fn open(&mut self, opened: Opened) -> ConversationId {
        let key = CustomerKey::of(&opened.shop, &opened.customer);
        let id = ConversationId::new(opened.at.as_millis(), key, self.random.random());
        self.insert(Conversation::new(id, opened));
        id
    }

    /// Puts a conversation in its places.
    pub(super) fn insert(&mut self, conversation: Conversation) {
        let Conversation { id, ref opened, .. } = conversation;
        if !opened.is_erased() {
            self.list(id, CustomerRef { shop: opened.shop.clone(), id: opened.customer.clone() });
        }
        let at = opened.at + self.settings.customer_silence_ask;
        let mut conversation = Box::new(conversation);
        self.set_alarm(&mut conversation, at);
        self.conversations.insert(id, conversation);
    }

    /// Puts a conversation on the list of its customer, from which the oldest may fall.
    fn list(&mut self, id: ConversationId, customer: CustomerRef) {
        let entry = self.customers.entry(customer).or_default();
        entry.conversations.push(id);
        if entry.conversations.len() > CONVERSATIONS_PER_CUSTOMER_MAX {
            let conversations = &self.conversations;
            // One that is not in its place is being worked on.
            let has_ended = |id| conversations.get(id).is_some_and(|c| c.is_closed());
            if let Some(oldest) = entry.conversations.iter().position(has_ended) {
                let oldest = entry.conversations.remove(oldest);
                self.released.push(oldest);
                if let Some(conversation) = self.conversations.remove(&oldest) {
                    self.remember_ids_of(&conversation);
                }
            }
        }
    }

    /// Has a conversation looked at then, and not at the instant set before.
    pub(super) fn set_alarm(&mut self, conversation: &mut Conversation, at: Timestamp) {
        conversation.alarm_at = at;
        self.alarms.push(Reverse((at, conversation.id)));
    }

    /// Whether a conversation has no room for what clients add to it.
    pub(super) fn is_full(&self, conversation: &Conversation) -> bool {
        conversation.events.len() >= self.settings.messages_per_conversation_max
    }

    /// A fresh id for a message of the router's own.
    pub(super) fn message_id(&mut self, now: Timestamp) -> MessageId {
        let bytes: [u8; 10] = self.random.random();
        let builder = uuid::Builder::from_unix_timestamp_millis(now.as_millis(), &bytes);
        MessageId::from_uuid(builder.into_uuid())
    }

    /// The shop of a conversation.
    pub(super) fn shop(&self, id: &ShopId) -> Option<Arc<Shop>> {
        self.shops.get(id).cloned()
    }

    /// Rebuilds state from one record of the journal. Records of conversations that never began
    /// here, as after a loss, are left out, but for what was delivered.
    pub fn restore(&mut self, record: &Record) -> bool {
        let mut has_more = false;
        for fact in &record.facts {
            match fact {
                Fact::Delivered(delivery) => self.delivered.record(*delivery),
                _ => has_more = true,
            }
        }
        if !has_more {
            return true;
        }
        if !self.conversations.contains_key(&record.conversation) {
            let Some(Fact::Opened(opened)) = record.facts.first() else { return false };
            self.insert(Conversation::new(record.conversation, opened.clone()));
        }
        let is_erasure = record.facts.iter().any(|fact| matches!(fact, Fact::Erased(_)));
        if is_erasure && let Some(conversation) = self.conversations.remove(&record.conversation) {
            // The process may have ended before the key was destroyed.
            self.forget(&conversation);
            self.conversations.insert(record.conversation, conversation);
        }
        if let Some(conversation) = self.conversations.get_mut(&record.conversation) {
            for fact in &record.facts {
                conversation.apply(fact);
            }
        }
        true
    }

    /// The last epoch of any of its conversations; 0 when it holds none.
    pub fn last_epoch(&self) -> u32 {
        self.conversations.values().map(|conversation| conversation.epoch).max().unwrap_or_default()
    }

    /// Gives every conversation that it holds a new epoch: what clients hold may no longer be so. The
    /// journal keeps it, since it holds also when the damage is no longer there to be seen.
    pub fn begin_epoch(&mut self, epoch: u32, now: Timestamp, turn: &mut Turn) {
        let mut conversations: Vec<_> = self.conversations.values_mut().collect();
        conversations.sort_unstable_by_key(|conversation| conversation.id);
        for conversation in conversations {
            let mut step = Step::new(conversation, now);
            step.fact(Fact::Epoch(epoch));
            step.finish(turn);
        }
    }

    pub(super) fn seat_links(&self, shop: &ShopId, seat: &SeatId) -> &[Link] {
        let seat = SeatRef { shop: shop.clone(), id: seat.clone() };
        self.seats.get(&seat).map_or(&[], |views| &views.links)
    }

    pub(super) fn customer_links(&self, shop: &ShopId, customer: &CustomerId) -> &[Link] {
        let customer = CustomerRef { shop: shop.clone(), id: customer.clone() };
        self.customers.get(&customer).map_or(&[], |entry| &entry.links)
    }
}

/// When something happens, and since when its latency counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cause {
    pub(super) now: Timestamp,
    pub(super) at: Instant,
}

/// When it is worth trying again to begin a conversation where there are as many as may be.
const FULL_FOR: Duration = Duration::from_secs(10);

/// Refuses a frame.
pub(super) fn refuse(
    turn: &mut Turn,
    outbox: &Arc<Outbox>,
    frame: Option<Uuid>,
    code: ErrorCode,
    message: &str,
) {
    turn.counts.push(Counter::Refused(code));
    let retry_after_ms = (code == ErrorCode::Overloaded).then_some(FULL_FOR.as_millis() as u64);
    let error = ServerFrame::Error { id: frame, code, message, retry_after_ms };
    turn.deliveries.push(Delivery::Frame(outbox.clone(), encode(&error).into()));
}
