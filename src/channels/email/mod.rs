//! E-mail: letters, and the addresses that answers come back to.

mod letter;
mod reply;

pub use letter::{Letter, LetterError, Letterhead, is_address};
pub use reply::ReplyAddresses;
