//! The owners of conversations: the stages in the order in which a message passes them.
//!
//! **In**: [`Envelope`]s from sockets and from the scheduler, in one inbox for each shard.
//! **Out**: records for the journal; frames, acknowledgements and scheduler commands that leave only
//! after their records are durable; messages for the model.
//! **Invariants**: a customer and all of the customer's conversations have one owner; what happens to
//! a conversation is one order, the same for every viewer; state changes only by facts that stand in
//! the journal, so a restart finds what was there; at most one open conversation for each customer, but of
//! verified customers one for each order that they speak of.
//! **Bounds**: work from outside is refused when the inbox is full; while the disk refuses, each owner puts as much aside again; conversations, those kept of one
//! customer, messages of one conversation, and ids of what was delivered, are limited ([`Settings`]); a closed conversation is forgotten after its resume
//! window.

mod conversation;
mod customer;
mod decided;
mod delivered;
mod dispatch;
mod effects;
mod email;
mod epochs;
mod erase;
mod fact;
mod floor;
mod for_many;
mod in_flight;
mod incidents;
mod input;
mod kept;
mod library;
mod lines;
mod matter;
mod owed;
mod personal;
mod resume;
mod sealed;
mod seat;
mod second_look;
mod shard;
mod shops;
mod silence;
mod step;
mod summary;
mod supervisor;
mod sweep;
mod task;
mod ticket;
mod translated;
mod turn;
mod unanswered;
mod understood;
mod unkept;
mod viewers;
mod webhooks;

pub use conversation::{Conversation, Stage};
pub use delivered::KeptDeliveries;
pub use dispatch::{Dispatch, Dispatcher, SeatLine, SeatStates};
pub use effects::{EffectReport, Effects, Errand, Errands, Forget, Forgets};
pub use email::FromEmail;
pub use epochs::{Epochs, epoch_after};
pub use erase::{Erase, ErasedCustomer, Erasing, Whom};
pub use fact::{Entry, Fact, Noted, Opened, Progressed, Record, RecordError, SeatRecord};
pub use incidents::{Asks, Board, IncidentAct, Incidents, Report, Sensing, ToSense};
pub use input::{
    Attach, Attached, CustomerAct, CustomerRef, Envelope, ForMany, FromCustomer, FromSeat, Input,
    Link, Profile, SeatAct, SeatRef, Viewer,
};
pub use kept::{Kept, KeptConversation, recall_kept};
pub use library::Library;
pub use matter::{Joined, JoinedTo, Parted};
pub use owed::{Owed, OwedEffects};
pub use personal::{ERASED_TEXT, ErasedAt, Misfit};
pub use sealed::{Keyring, Seal, key_of};
pub use second_look::SecondLook;
pub use shard::{EmailRules, Settings, Shard, Shops};
pub use sweep::{Piece, Pieces};
pub use task::{Owners, ShardTask};
pub use ticket::reference;
pub use translated::{
    Interpreter, PhraseStore, PhrasesCame, TextOf, ToTranslate, TranslationCame, Ways,
};
pub use turn::{Delivery, FirstResponse, Timing, ToUnderstand, Turn};
pub use unanswered::{Unanswered, UnansweredQuestion, WantsUnanswered, shown as shown_question};
pub use understood::Understood;
pub use webhooks::WebhookAsked;
