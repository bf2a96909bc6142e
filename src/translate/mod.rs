//! Says a text in another language, with what must not change unchanged.
//!
//! An engine that translates does not know what an order number is: it drops, splits and rounds. So
//! terms of the shop's glossary, order numbers, amounts, addresses of pages and placeholders leave the
//! text before the engine sees it and come back afterwards, byte for byte. An answer of the engine in
//! which one of them is missing, or stands twice, is thrown away, and the text is translated in pieces
//! around them: less elegant, and never damaged.
//!
//! **In**: a text, its language, the language that is wanted, the glossary of the shop.
//!
//! **Out**: a [`Translation`] that names its engine, or the reason why there is none. The original is
//! the caller's, who keeps it and shows it.
//!
//! **Invariants**: what is protected stands in the translation as often as in the original. A text goes
//! to an engine that the shop has named, and nowhere else.
//!
//! **Bounds**: [`TEXT_BYTES_MAX`] bytes a text, [`TRANSLATION_BYTES_MAX`] what it becomes;
//! [`PROTECTED_MAX`] stretches of one; the glossary holds
//! [`TERMS_MAX`](crate::config::shop::TERMS_MAX) terms; an engine's answer has a longest wait and a largest size; what was translated
//! is remembered up to a number of bytes.

mod engine;
mod glossary;
mod marian;
mod marks;
mod pieces;
mod protect;
mod services;
mod task;

pub use engine::{EngineError, Job, Translating, Translator};
pub use glossary::Glossary;
pub use marian::{JOBS_WAITING_MAX as LOCAL_JOBS_WAITING_MAX, LocalEngine};
pub use marks::{Damage, Marked, Markup};
pub use pieces::{Pieces, pieces};
pub use protect::{PROTECTED_MAX, Protected, damaged, protect};
pub use task::{Desk, How, TranslateError, Translation};

use std::time::Duration;

/// Longest text that is translated; the longest message that the router takes is shorter.
pub const TEXT_BYTES_MAX: usize = 32 * 1024;
/// Longest translation: letters of other alphabets take up to three bytes where English ones take one, and
/// a sentence grows by less than a third.
pub const TRANSLATION_BYTES_MAX: usize = 4 * TEXT_BYTES_MAX;
/// Texts of one shop that are translated at a time.
pub const CALLS_MAX: usize = 64;
/// Largest answer of a service.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// Texts and their translations that a shop remembers, together.
const REMEMBERED_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// How long a translation is remembered: an incident's answers, not a customer's life.
const REMEMBERED_FOR: Duration = Duration::from_secs(3_600);
