//! What the journal keeps: facts about conversations, from which every state is rebuilt.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::dedup::OneDelivery;
use crate::domain::{
    ConversationId, CustomerId, CustomerValue, Effect, EffectKey, Event, EventKind, Language,
    Outward, Pair, Progress, RegionId, Said, SeatId, SeatState, ShopId, Timestamp, Translated,
    Understanding,
};
use crate::schedule::{Contact, DecisionRecord};
use crate::vault::{BadSeal, VaultError};

use super::matter::{Joined, Parted};
use super::personal::{ErasedAt, Misfit};

/// Room for the record of a usual message; a longer one grows.
const USUAL_BYTES: usize = 512;

/// How deep values may lie in one another: several times what is written, and far less than a stack holds.
const DEPTH_MAX: usize = 64;

/// Letters that are left of an id that is cut short, and never more than half of it.
const SHORT_CHARS: usize = 6;

/// One step of one conversation: facts that hold together or not at all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Which conversation.
    pub conversation: ConversationId,
    /// What became true, in order.
    pub facts: Vec<Fact>,
}

/// Something that became true of a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Fact {
    /// It began.
    Opened(Opened),
    /// A numbered event that viewers see.
    Event(Event),
    /// The message with this number was understood; nothing more follows from it than what stands
    /// beside this fact.
    Understood {
        /// The number of the message's event.
        seq: u64,
        /// What was read out of it; `None` when that failed.
        understanding: Option<Understanding>,
    },
    /// It has another epoch than the one it began with.
    Epoch(u32),
    /// The customer asked for a person.
    AskedForPerson,
    /// It waits for a seat.
    Waits(Contact),
    /// It was answered for everybody who asks the same, and would stand here if that is no answer.
    Aside(Contact),
    /// A seat owns it.
    Owned {
        /// The owner.
        seat: SeatId,
        /// Grows with every assignment.
        fence: u64,
    },
    /// A seat noted something for its colleagues.
    Noted(Noted),
    /// The scheduler decided something about it, and why: for explanations only.
    Decided(Arc<DecisionRecord>),
    /// What people said in it, and who they are, was erased.
    Erased(ErasedAt),
    /// It stays a ticket, and is worked off then.
    TicketDue(Timestamp),
    /// The customer can be reached at this e-mail address.
    ReachableAt(Arc<str>),
    /// Something outside has to happen once.
    Wanted(Effect),
    /// It is as far as that.
    Progressed(Progressed),
    /// Nothing follows yet from the customer's message with this number, as more may come that belongs to it.
    MayGoOn(u64),
    /// What was said so far is one question, and what follows from it stands beside this fact.
    SaidAll,
    /// The customer's message went to this matter without naming it.
    Joined(Joined),
    /// That was taken back.
    Parted(Parted),
    /// A channel delivered something for it, which has no effect when it comes again.
    Delivered(OneDelivery),
    /// The message with this number is being translated for its customer, who gets nothing behind it
    /// before.
    Translating {
        /// The number of the message's event.
        seq: u64,
        /// The languages.
        pair: Pair,
    },
    /// The message with this number was translated, or stays as it was written.
    Translated {
        /// The number of the message's event.
        seq: u64,
        /// What came of it.
        translated: Translated,
    },
    /// It is a matter of its own: no answer for many is for it, and no incident takes it in again.
    OfItsOwn,
}

/// How far something outside is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Progressed {
    /// Which.
    pub key: EffectKey,
    /// When.
    pub at: Timestamp,
    /// How far.
    pub progress: Progress,
}

/// How a conversation began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Opened {
    /// In which shop.
    pub shop: ShopId,
    /// By whom.
    pub customer: CustomerId,
    /// The shop's own id of the customer, when the shop vouched for it.
    pub verified: Option<CustomerId>,
    /// The first epoch.
    pub epoch: u32,
    /// When.
    pub at: Timestamp,
    /// The language of the customer's page.
    pub locale: Option<Language>,
    /// The customer's IANA time zone.
    pub time_zone: Option<Arc<str>>,
    /// The sales region.
    pub region: Option<RegionId>,
    /// How much the customer is worth to the shop, by its signed word.
    #[serde(default)]
    pub value: CustomerValue,
}

/// A note of a seat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Noted {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub seat: SeatId,
    /// What.
    pub text: Arc<str>,
}

/// That a seat came, went or changed its state: so that it is known later who was there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatRecord {
    /// Of which shop.
    pub shop: ShopId,
    /// Who.
    pub seat: SeatId,
    /// When.
    pub at: Timestamp,
    /// Its state from then on; `None` when it left.
    pub state: Option<SeatState>,
}

/// One payload of the journal.
#[derive(Debug, PartialEq)]
pub enum Entry {
    /// A step of a conversation.
    Conversation(Record),
    /// A seat's coming and going.
    Seat(SeatRecord),
}

/// Why bytes are no record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// They are something else.
    #[error("journal record cannot be read: {0}")]
    Unknown(#[from] rmp_serde::decode::Error),
    /// They are sealed, and in no way that this program knows.
    #[error("journal record is sealed by a later version of the program, or is none")]
    UnknownSeal,
    /// The seal does not hold.
    #[error("journal record does not open: {0}")]
    BadSeal(#[from] BadSeal),
    /// What is sealed does not fit.
    #[error("journal record does not open: {0}")]
    Misfit(#[from] Misfit),
    /// The keys cannot be read.
    #[error(transparent)]
    Keys(#[from] VaultError),
}

/// Reads MessagePack with field names.
pub(super) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, RecordError> {
    let mut reader = rmp_serde::Deserializer::from_read_ref(bytes);
    reader.set_max_depth(DEPTH_MAX);
    Ok(T::deserialize(&mut reader)?)
}

impl Fact {
    /// The number of the event that it is about, which was there before it.
    pub(super) const fn about(&self) -> Option<u64> {
        match self {
            Self::Understood { seq, .. }
            | Self::Translating { seq, .. }
            | Self::Translated { seq, .. }
            | Self::MayGoOn(seq) => Some(*seq),
            Self::Joined(joined) => Some(joined.seq),
            Self::Parted(parted) => Some(parted.seq),
            _ => None,
        }
    }
}

impl SeatRecord {
    /// The record as journal payload, in the same form as [`Record::encode`].
    pub fn encode(&self) -> Vec<u8> {
        rmp_serde::to_vec_named(self).expect("records hold only types that MessagePack has")
    }
}

impl Entry {
    /// When it became true, where it says so.
    pub fn at(&self) -> Option<Timestamp> {
        match self {
            Self::Conversation(record) => record.at(),
            Self::Seat(seat) => Some(seat.at),
        }
    }

    /// Reads a payload of either kind.
    ///
    /// # Errors
    /// When the bytes are neither.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        // Their fields have no name in common, so no payload is both.
        Record::decode(bytes)
            .map(Self::Conversation)
            .or_else(|error| read(bytes).map(Self::Seat).map_err(|_| error))
    }
}

impl Record {
    /// The record as journal payload: MessagePack with field names, so that later versions may add
    /// fields and still read this one.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(USUAL_BYTES);
        rmp_serde::encode::write_named(&mut out, self)
            .expect("records hold only types that MessagePack has");
        out
    }

    /// When the first of its facts that says so became true.
    pub fn at(&self) -> Option<Timestamp> {
        self.facts.iter().find_map(|fact| match fact {
            Fact::Opened(opened) => Some(opened.at),
            Fact::Event(event) => Some(event.at),
            Fact::Noted(note) => Some(note.at),
            Fact::Decided(decision) => Some(decision.at),
            Fact::Erased(erased) => Some(erased.at),
            Fact::Wanted(effect) => Some(effect.at),
            Fact::Progressed(progressed) => Some(progressed.at),
            Fact::Delivered(delivery) => Some(delivery.at),
            Fact::Joined(joined) => Some(joined.at),
            Fact::Parted(parted) => Some(parted.at),
            _ => None,
        })
    }

    /// The record for eyes that need no personal data: texts of people go through `mask`, ids of
    /// customers are cut short. A visitor's id opens the visitor's conversations to whoever has it.
    pub fn masked(mut self, mask: impl Fn(&str) -> String) -> Self {
        for fact in &mut self.facts {
            // No wildcard: who adds a fact says here what of it is somebody's own.
            match fact {
                Fact::Opened(opened) => {
                    opened.customer = cut_short(&opened.customer);
                    opened.verified = opened.verified.as_ref().map(cut_short);
                }
                Fact::Event(event) => match &mut event.kind {
                    EventKind::Message { text, .. } => *text = mask(text).into(),
                    EventKind::AnsweredByMachine { source } => {
                        if let Some((kind, key)) = source.split_once('/') {
                            *source = format!("{kind}/{}", mask(key)).into();
                        }
                    }
                    EventKind::Queued { .. }
                    | EventKind::Assigned { .. }
                    | EventKind::Ticket { .. }
                    | EventKind::Transferred { .. }
                    | EventKind::FoundHelpful { .. }
                    | EventKind::Rated { .. }
                    | EventKind::Closed { .. } => {}
                },
                Fact::Noted(note) => note.text = mask(&note.text).into(),
                Fact::ReachableAt(address) => *address = mask(address).into(),
                Fact::Wanted(Effect { what: Outward::Email(email), .. }) => {
                    email.to = mask(&email.to).into();
                    email.text = mask(&email.text).into();
                }
                Fact::Translated { translated, .. } => {
                    if let Said::Anew { text, .. } = &mut translated.said {
                        *text = mask(text).into();
                    }
                }
                Fact::Understood { .. }
                | Fact::Translating { .. }
                | Fact::Epoch(_)
                | Fact::AskedForPerson
                | Fact::Waits(_)
                | Fact::Aside(_)
                | Fact::Owned { .. }
                | Fact::TicketDue(_)
                | Fact::Wanted(Effect { what: Outward::Webhook(_), .. })
                | Fact::Progressed(_)
                | Fact::MayGoOn(_)
                | Fact::SaidAll
                | Fact::OfItsOwn
                | Fact::Joined(_)
                | Fact::Parted(_)
                | Fact::Delivered(_)
                | Fact::Decided(_)
                | Fact::Erased(_) => {}
            }
        }
        self
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// When the bytes are no record.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        read(bytes)
    }
}

/// Enough of an id to tell customers of one conversation apart, too little to be taken for one.
fn cut_short(id: &CustomerId) -> CustomerId {
    if id.as_str().is_empty() {
        return id.clone();
    }
    let letters = id.as_str().chars().count();
    let start: String = id.as_str().chars().take(SHORT_CHARS.min(letters / 2)).collect();
    CustomerId::from(format!("{start}…"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{CustomerKey, EventKind, MessageId, Sender};

    /// Skipping what is not known calls itself for each level, and would end with the stack.
    #[test]
    fn bytes_that_nest_without_end_are_refused_and_not_followed() {
        for opening in [&[0x91][..], &[0x81, 0xa1, b'x']] {
            let mut bytes = vec![0x81, 0xa1, b'x'];
            bytes.extend(opening.repeat(100_000));

            assert!(Entry::decode(&bytes).is_err());
        }
    }

    #[test]
    fn a_record_comes_back_as_it_was_written() {
        let shop = ShopId::from("demo");
        let customer = CustomerId::from("v_1");
        let record = Record {
            conversation: ConversationId::new(5, CustomerKey::of(&shop, &customer), 9),
            facts: vec![
                Fact::Opened(Opened {
                    shop,
                    customer,
                    verified: None,
                    epoch: 1,
                    at: Timestamp::from_millis(5),
                    locale: "es".parse().ok(),
                    time_zone: Some("America/Mexico_City".into()),
                    region: None,
                    value: CustomerValue::Normal,
                }),
                Fact::Event(Event {
                    seq: 1,
                    at: Timestamp::from_millis(5),
                    kind: EventKind::Message {
                        from: Sender::Customer,
                        id: MessageId::from_uuid(uuid::Uuid::from_u128(7)),
                        text: "¿dónde está mi pedido?".into(),
                        language: None,
                    },
                }),
            ],
        };

        assert_eq!(Record::decode(&record.encode()).expect("a record"), record);
    }

    #[test]
    fn a_seat_that_leaves_comes_back_as_it_was_written() {
        let (shop, seat) = (ShopId::from("demo"), SeatId::from("mai"));
        let at = Timestamp::from_millis(7);
        for state in [Some(SeatState::Ready), None] {
            let record = SeatRecord { shop: shop.clone(), seat: seat.clone(), at, state };

            let entry = Entry::decode(&record.encode()).expect("an entry");

            assert_eq!(entry, Entry::Seat(record));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes: Vec<u8>) {
            let _ = Entry::decode(&bytes);
        }
    }
}
