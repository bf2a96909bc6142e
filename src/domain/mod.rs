//! The vocabulary of a contact centre, without I/O: what every stage speaks.
//!
//! Nothing here reads a clock, draws a random number or touches a socket. Shapes that leave the
//! process (wire frames, journal records) are built from these types in `protocol` and `journal`.

mod customer;
mod digits;
mod effect;
mod event;
mod few;
mod hours;
mod ids;
mod language;
mod meaning;
mod network;
mod priority;
mod routing;
mod seat;
mod time;
mod translated;
mod understanding;
mod webhook;
mod work;

pub use customer::CustomerValue;
pub use digits::ascii_digit;
pub use effect::{Effect, EffectKey, Email, Outward, Progress, Purpose};
pub use event::{By, Event, EventKind, Sender, TransferTarget, WaitReason};
pub use few::few;
pub use hours::{Hours, HoursError, time_zone};
pub use ids::{
    ConversationId, CustomerId, CustomerKey, MessageId, OfferId, RegionId, SeatId, ShopId, SkillId,
};
pub use language::{Language, LanguageError};
pub use meaning::{Meaning, Sensed};
pub use network::{ClientAddress, Network, NetworkError, is_public};
pub use priority::Priority;
pub use routing::{
    AfterHold, ApprovalRule, LEVEL_MAX, Needs, QueueRules, Regions, Rules, Select, Step,
};
pub use seat::{Proficiency, SeatProfile, SeatState};
pub use time::Timestamp;
pub use translated::{Pair, Said, Translated, Untranslated};
pub use understanding::{
    Guess, Intent, IntentError, OwnIntent, PiiKind, PiiSpan, Sentiment, Tier, Understanding,
};
pub use webhook::{HookEvent, HookEventError, Webhook};
pub use work::Work;
