//! Measures a model on public sets: tab-separated texts with one label each.

mod codes;
mod fragments;
mod language;
mod pairs;
mod sentiment;
mod tsv;

pub use codes::language_of_stem;
pub use fragments::{Lengths, LengthsError, fragments};
pub use language::{LanguageReport, LanguageTally, LanguageText, languages_of, parse_languages};
pub use pairs::{Pair, PairFigures, PairReport, PairTally, pairs_of, parse_pairs};
pub use sentiment::{MoodReport, MoodTally, MoodText, moods_of, parse_moods};
pub use tsv::TableError;
