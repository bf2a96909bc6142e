//! Carries out what conversations bring about outside: e-mails, and webhooks of shops.
//!
//! **In**: [`Errand`](crate::flow::Errand)s, each with an effect that its owner has written down.
//! **Out**: e-mails and calls of hooks; a report of each step to the owner of the conversation, which writes
//! it down.
//! **Invariants**: a letter is transferred first and ended only after the owner has kept that the end comes
//! next; so whatever interrupts the work, it is known whether the letter can have been taken. Every try of
//! an effect sends the same bytes under the same Message-ID. A webhook is called until it is answered, always
//! under the same id, and says what the conversation holds at that moment.
//! **Bounds**: sessions and calls at a time, time for each step, what waits for one hook, and the time for
//! which an effect is tried again.

mod begun;
mod retry;
mod server;
mod session;
mod task;
mod webhooks;

pub use begun::Begun;
pub use retry::Retry;
pub use server::{Dial, Duplex, MailServer, MailServerError};
pub use session::{NotSent, Session};
pub use task::Courier;
pub use webhooks::{
    HookRules, Messenger, Trial, Trouble, advice_for_status, reach_webhook, try_webhook,
};
