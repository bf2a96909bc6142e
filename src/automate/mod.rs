//! Decides whether a machine answers a message or a person must.
//!
//! **In**: a message with what was understood of it, what happened in the conversation so far, the
//! shop, and the time; the lines of a customer who may go on.
//!
//! **Out**: an answer with its source, or the skill and the priority of the seat that is needed,
//! with the reason; and until when that waits for the next line.
//!
//! **Invariants**: nothing is answered below the shop's thresholds, nor about complaints and money,
//! nor in another language than the customer's, nor to a text that may not have been read to its end. An answer is built from the shop's own articles, sentences
//! and order facts only, and ends with the way to a person. Nobody hears from one source twice. Where the
//! shop has articles about a thing in the language, its one sentence about it is not told.
//!
//! **Bounds**: no line is waited for beyond a stated time after the first; lines that are read together
//! have a number and a size; the work is linear in the text; a [`Mood`] keeps a fixed number of messages,
//! nothing else is kept between calls.

mod answer;
mod endings;
mod lines;
mod mood;
mod needs;
mod order;
mod phrases;
mod texts;

#[cfg(test)]
mod tests;

pub use answer::{
    AutomateInput, Automated, FromArticles, WhySeat, decide, is_for_everybody, is_only_thanks,
    question,
};
pub use lines::{TYPING_LASTS, Unfinished, joined, lines_of, turns};
pub use mood::{Mood, Urgency};
pub use needs::{KnownCustomer, needs};
pub use phrases::{KeptPhrases, Phrases};
pub use texts::{
    TicketLetter, Voice, Words, answer_letter, closed_by_silence, email_ask, email_noted,
    person_hint, still_there, ticket,
};
