//! What reaches the owner of a conversation, from whoever it comes.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;
use uuid::Uuid;

use crate::deliver::{Frame, Outbox};
use crate::domain::{
    ConversationId, CustomerId, CustomerValue, Language, MessageId, RegionId, SeatId, ShopId,
    TransferTarget, Translated,
};
use crate::protocol::{Held, Resume};
use crate::schedule::{Decision, DecisionRecord};

use super::effects::EffectReport;
use super::email::FromEmail;
use super::erase::Erase;
use super::fact::SeatRecord;
use super::library::Library;
use super::second_look::SecondLook;
use super::shard::Shops;
use super::translated::{PhrasesCame, TranslationCame};
use super::unanswered::WantsUnanswered;
use super::webhooks::WebhookAsked;

/// One input with the moment its cause came in, from which latencies are counted.
#[derive(Debug)]
pub struct Envelope {
    /// When the frame, or whatever led to this, arrived.
    pub caused_at: Instant,
    /// The input.
    pub input: Input,
}

/// The inputs of a shard.
#[derive(Debug)]
pub enum Input {
    /// A socket of a customer or a seat begins to view.
    Attach(Attach),
    /// A socket is gone.
    Detach {
        /// Whose.
        viewer: Viewer,
        /// Which.
        session: Uuid,
    },
    /// A frame of a customer.
    Customer(FromCustomer),
    /// A frame of a seat.
    Seat(FromSeat),
    /// The scheduler decided something about a conversation of this shard.
    Decided(Decision),
    /// Why the scheduler decided something, to be kept.
    Recorded(ConversationId, Arc<DecisionRecord>),
    /// What a seat does was noted, to be kept.
    SeatNoted(SeatRecord),
    /// A seat has answered everybody who asks the same, and this customer is one of them.
    AnsweredForMany(ForMany),
    /// A seat of this shop has said that it is none of those that an incident is about.
    OfItsOwn(ShopId, ConversationId),
    /// A message of this shard was translated, or was not.
    Translated(TranslationCame),
    /// The phrases of a shop in a language that it did not write.
    Phrases(PhrasesCame),
    /// The encoder looked at a message of this shard.
    LookedAgain(SecondLook),
    /// A letter of a customer.
    Email(FromEmail),
    /// How far something outside is.
    Effect(EffectReport),
    /// What a webhook says, for whoever sends it.
    Webhook(WebhookAsked),
    /// Answers by these articles from now on.
    Library(Arc<Library>),
    /// The shops have changed.
    Shops(Shops),
    /// A customer is to be erased.
    Erase(Erase),
    /// Nothing is left of the customer who began these conversations, which are erased.
    ErasureFinished(Vec<ConversationId>),
    /// What was asked in vain is wanted.
    Unanswered(WantsUnanswered),
}

/// An answer to everybody who asks the same, as one customer gets it.
#[derive(Clone, Debug, PartialEq)]
pub struct ForMany {
    /// Where.
    pub conversation: ConversationId,
    /// Number of the incident.
    pub incident: u32,
    /// Who has answered.
    pub seat: SeatId,
    /// What.
    pub text: Arc<str>,
    /// The language of the text.
    pub language: Language,
    /// What came of translating it for this customer; `None` where it is in the customer's language.
    pub translated: Option<Translated>,
    /// By what the conversation belongs to the incident.
    pub by: &'static str,
}

/// A socket that begins to view.
#[derive(Debug)]
pub struct Attach {
    /// Whose.
    pub viewer: Viewer,
    /// Where frames go.
    pub link: Link,
    /// What the client holds from before.
    pub resume: Resume,
    /// Gets the answer once everything in it is durable.
    pub reply: oneshot::Sender<Attached>,
}

/// What a new viewer is told.
#[derive(Debug, Default)]
pub struct Attached {
    /// The viewer's conversations in this shard.
    pub held: Vec<Held>,
    /// How many of the conversations named in `resume` continue without a gap.
    pub recovered: usize,
    /// The missed events, in order.
    pub missed: Vec<Frame>,
    /// Whether one of the viewer's conversations goes on.
    pub is_in_conversation: bool,
}

/// Who views.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Viewer {
    /// A customer.
    Customer(CustomerRef),
    /// A seat.
    Seat(SeatRef),
}

/// A customer of a shop.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CustomerRef {
    /// The shop.
    pub shop: ShopId,
    /// The customer.
    pub id: CustomerId,
}

/// A seat of a shop.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeatRef {
    /// The shop.
    pub shop: ShopId,
    /// The seat.
    pub id: SeatId,
}

/// A socket, as the owner of conversations knows it.
#[derive(Clone, Debug)]
pub struct Link {
    /// Where its frames go.
    pub outbox: Arc<Outbox>,
    /// Its session.
    pub session: Uuid,
}

/// What is known of a customer when the socket opens.
#[derive(Debug)]
pub struct Profile {
    /// Who.
    pub customer: CustomerRef,
    /// The shop's own id of the customer, when the shop vouched for it.
    pub verified: Option<CustomerId>,
    /// The language of the page.
    pub locale: Option<Language>,
    /// The IANA time zone of the page.
    pub time_zone: Option<Arc<str>>,
    /// The sales region.
    pub region: Option<RegionId>,
    /// How much the customer is worth to the shop, by its signed word.
    pub value: CustomerValue,
}

/// A frame of a customer.
#[derive(Debug)]
pub struct FromCustomer {
    /// Who.
    pub profile: Arc<Profile>,
    /// Through which socket.
    pub link: Link,
    /// The id that an error should repeat.
    pub frame: Option<Uuid>,
    /// What.
    pub act: CustomerAct,
}

/// What a customer does.
#[derive(Debug)]
pub enum CustomerAct {
    /// Says something; without a conversation it opens or joins one.
    Send {
        /// The client's id of the message.
        id: MessageId,
        /// Where.
        conversation: Option<ConversationId>,
        /// What.
        text: Arc<str>,
    },
    /// Wants a person.
    Person(ConversationId),
    /// Says whether the machine's answer helped.
    Helpful(ConversationId, bool),
    /// Rates, 1 to 5.
    Rate(ConversationId, u8),
    /// Ends it.
    Close(ConversationId),
    /// Types.
    Typing(ConversationId),
    /// Has seen everything up to a number.
    Received(ConversationId, u64),
}

/// A frame of a seat.
#[derive(Debug)]
pub struct FromSeat {
    /// Who.
    pub seat: Arc<SeatRef>,
    /// Through which socket.
    pub link: Link,
    /// The id that an error should repeat.
    pub frame: Option<Uuid>,
    /// In which conversation.
    pub conversation: ConversationId,
    /// What.
    pub act: SeatAct,
}

/// What a seat does in a conversation.
#[derive(Clone, Debug)]
pub enum SeatAct {
    /// Says something.
    Send {
        /// The client's id of the message.
        id: MessageId,
        /// What.
        text: Arc<str>,
    },
    /// Notes something for colleagues.
    Note(Arc<str>),
    /// Hands the conversation on.
    Transfer(TransferTarget),
    /// Wants what the customer has said under this number in its own language.
    Translate(u64),
    /// As a supervisor, gives the conversation to a seat, whoever owns it.
    Assign(SeatId),
    /// As a supervisor, lets it go on when it is held for approval.
    Approve,
    /// Takes back that a message of its customer joined it, or that it goes on from another: the last join,
    /// which has to be that of this message where one is named.
    Part(Option<u64>),
    /// Ends it; a supervisor ends any of the shop.
    Close,
    /// Types.
    Typing,
    /// Has seen everything up to a number.
    Received(u64),
}
