//! Calls of shops' own systems: each is tried until it is answered, always under the same id.

mod advice;
mod calls;
mod line;
mod signed;
mod task;
mod trial;

pub use advice::advice_for_status;
pub use task::Messenger;
pub use trial::{HookRules, Trial, Trouble, reach_webhook, try_webhook};
