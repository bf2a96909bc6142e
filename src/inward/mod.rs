//! Takes in what customers write by e-mail: letters that are brought, and those that lie in a shop's mailbox.
//!
//! **In**: a letter as it came; the mailbox of each shop that has one, over IMAP.
//! **Out**: what was written, to the owner of its conversation; how far each mailbox is read, in a file.
//! **Invariants**: a letter in a mailbox is settled only after its owner has kept it, so nothing is skipped
//! whatever ends the process; what is fetched again is known by its Message-ID, so nothing is taken twice. A
//! shop's mailbox says nothing about other shops. Nothing that a server or a letter says is repeated in an
//! error.
//! **Bounds**: letters that are read at a time ([`READING_MAX`]) or fetched ([`FETCHING_MAX`]), bytes of a letter ([`LETTER_BYTES_MAX`]),
//! letters of one look into a mailbox, time of each step, letters that wait, and
//! how often one is tried that ends the process or a look.

mod letters;
mod look;
mod pause;
mod progress;
mod response;
mod server;
mod session;
mod store;
mod task;

pub use letters::{FETCHING_MAX, LETTER_BYTES_MAX, Letters, NotTaken, Place, READING_MAX};
pub use look::{LookError, try_mailbox};
pub use progress::Progress;
pub use server::{MailboxServer, ServerError};
pub use session::ImapError;
pub use store::FOLDER;
pub use task::Mailboxes;
