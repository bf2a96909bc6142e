//! What one turn of a shard brings about, as values: the driver writes the records first and lets
//! the rest leave only when they are durable.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::deliver::{Frame, Outbox};
use crate::domain::{ConversationId, Language, ShopId};
use crate::metrics::names::{Counter, EmailTaken};
use crate::protocol::CloseCode;
use crate::schedule::Command;

use super::dispatch::Dispatch;
use super::effects::Errand;
use super::erase::Erasing;
use super::fact::{Record, SeatRecord};
use super::incidents::Report;
use super::input::Attached;
use super::translated::ToTranslate;

/// The outcome of a turn.
#[derive(Debug, Default)]
pub struct Turn {
    /// To be made durable, in order.
    pub records: Vec<Record>,
    /// What seats do, to be made durable beside them.
    pub seats: Vec<SeatRecord>,
    /// To leave after that, in order.
    pub deliveries: Vec<Delivery>,
    /// For the scheduler, after that, with the moment of their cause.
    pub commands: Vec<(Command, Instant)>,
    /// What seats ask of the scheduler about their conversations, after that; a refusal goes back to
    /// the frame that asked.
    pub from_seats: Vec<(Dispatch, Instant)>,
    /// What is to happen outside, after that.
    pub errands: Vec<Errand>,
    /// What is to be translated, after that.
    pub to_translate: Vec<ToTranslate>,
    /// Phrases of shops that are wanted in languages that nobody wrote them in; may begin at once.
    pub phrases_wanted: Vec<(ShopId, Language)>,
    /// What the owner of incidents is told, after that.
    pub incidents: Vec<Report>,
    /// Messages to understand; may begin at once.
    pub to_understand: Vec<ToUnderstand>,
    /// To be counted.
    pub counts: Vec<Counter>,
    /// To be timed: from then until the deliveries have left.
    pub timings: Vec<(Timing, Instant)>,
    /// First responses in milliseconds since the question.
    pub first_responses: Vec<(FirstResponse, u64)>,
    /// Sockets to close, after everything that follows from the turn has left.
    pub closing: Vec<(Arc<Outbox>, CloseCode)>,
    /// Customers that are erased once the records are durable.
    pub erasing: Vec<Erasing>,
    /// Conversations with something to pass on.
    pub touched: Vec<ConversationId>,
}

/// Something that leaves.
#[derive(Debug)]
pub enum Delivery {
    /// A frame to a socket.
    Frame(Arc<Outbox>, Frame),
    /// The answer to a socket that begins to view.
    Attached(oneshot::Sender<Attached>, Attached),
    /// The answer to whoever brought a letter.
    EmailTaken(oneshot::Sender<EmailTaken>, EmailTaken),
    /// The answer to a report, which says whether its effect is wanted.
    Kept(oneshot::Sender<bool>, bool),
    /// What a webhook says; `None` when it is not wanted any more.
    Webhook(oneshot::Sender<Option<Bytes>>, Option<Bytes>),
}

/// A message for the model.
#[derive(Debug)]
pub struct ToUnderstand {
    /// The shop whose customer wrote it; `None` for a seat's message.
    pub customer_of: Option<ShopId>,
    /// Where.
    pub conversation: ConversationId,
    /// Its number.
    pub seq: u64,
    /// What.
    pub text: Arc<str>,
    /// The language of the customer's page.
    pub locale: Option<Language>,
    /// The language of the message before.
    pub previous: Option<Language>,
    /// When its frame arrived.
    pub caused_at: Instant,
}

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// An acknowledgement.
    Ack,
    /// An offer.
    Offer,
}

/// Who gave a first response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstResponse {
    /// A machine.
    Machine,
    /// A person.
    Person,
}
