//! Which seat takes which conversation, and when.
//!
//! **In**: [`Command`]s with the instant at which they happened: conversations that need a seat,
//! seats that come and go, answers to offers, what owners and customers do.
//!
//! **Out**: [`Decision`]s as values, in the order in which they must be carried out. Supervisors
//! see [`Scheduler::floor`], [`Scheduler::queue`] and [`Scheduler::seats`], whoever wants to know why reads
//! [`Scheduler::explain`].
//!
//! **Invariants**
//! - A conversation is in exactly one place: in a lane, held for approval, kept for one seat, offered to one seat, or
//!   owned by one seat. Fences only rise.
//! - Assigned, offered and wrapped-up slots of a seat never exceed its slots.
//! - No free, ready seat on shift idles while a conversation that it could take waits, but for
//!   these rules, each with an end: a refusal bars the seat for a stated time, a chosen seat is
//!   asked alone for two offer times and one that the customer knows for at most 5 s before it is
//!   offered as to any other, a slot is wrapped up for a stated time, a step of a queue opens by
//!   its rule (a step may say none of its own end: `longer_than` is open or shut by what waits), the
//!   fallback language opens after a stated wait, and so does translation, which a seat takes only while it keeps some slots free for its own languages.
//!   A queue may hold its conversations for a supervisor's approval, for a stated time at the most.
//!   A queue that is closed waits for its hours, and a shift takes nothing new in its last minutes.
//! - Language, skill and region are hard filters; only a person who names a seat overrides
//!   language and skill, nobody overrides region, shift or capacity.
//! - The same commands at the same instants give the same decisions, byte for byte.
//!   [`Scheduler::audit`] checks the others.
//!
//! **Bounds**: waiting conversations by `waiting_max` a shop (beyond: a ticket; tickets that are
//! worked off count, as they do not for the limit of a queue) and `queue_wait_max`; lanes by the languages, skills and regions of the roster; remembered offers
//! by a constant, remembered decisions by `records_max`. A command costs the logarithm of what waits plus the lanes of one seat; places
//! are told by a rate-limited walk and not by every command.
//!
//! How it chooses: a conversation takes, among the seats that pass the filters, the one with the
//! lowest 0.4 × slots in use + 0.6 × price of its abilities, then the one that has idled longest
//! ([`SeatIndex`]). The price of an ability is how busy the conversations of the last hour
//! keep the slots that have it: so a seat that does many things that are asked for is spared, and
//! the most specialised one goes first. A seat that frees takes the head of its lanes with the largest
//! weight × (wait + 1 s), or the oldest one past the age bound. Nothing polls: whatever frees or
//! fills something is followed by its offers in the same call.

mod approval;
mod audit;
mod bitset;
mod choice;
mod chosen;
mod command;
mod decision;
mod dispatch;
mod expected_wait;
mod explain;
mod explain_text;
mod floor;
mod index;
mod lane;
mod offers;
mod owners;
mod places;
mod presence;
mod prices;
mod queues;
mod records;
mod reload;
mod rings;
mod scheduler;
mod search;
mod settings;
mod shifts;
mod shop;
mod timers;
mod views;
mod wrap_up;

pub use audit::AuditCursor;
pub use bitset::Bitset;
pub use command::{Approval, Command, Contact};
pub use decision::{Decision, RefuseReason, TakeBackReason, TicketReason, Why, WithdrawReason};
pub use explain::{Explanation, RecordView, Standing};
pub use floor::Floor;
pub use index::{ByPrice, SeatIndex};
pub use prices::Price;
pub use queues::QueueHours;
pub use records::{AboutCustomer, DecisionRecord, Step};
pub use rings::Translation;
pub use scheduler::Scheduler;
pub use search::{FilterView, ScoredView, SearchView};
pub use settings::{Roster, Settings};
pub use views::{SeatView, Totals, WaitingView};
