//! E-mail: letters, and the addresses that answers come back to.

mod html;
mod incoming;
mod letter;
mod parts;
mod quotes;
mod reply;

pub use incoming::{Incoming, IncomingKind, NotForUs, read};
pub use letter::{Letter, LetterError, Letterhead, is_address};
pub use reply::ReplyAddresses;
