//! Settings: one typed tree, its bounds, and loading that reports every mistake at once.
//!
//! - **In**: flags, variables `TRADEWIND_*`, a TOML file, defaults; the earlier is the stronger.
//! - **Out**: [`Config`], every value within its range, with the [`Origin`] of each.
//! - **Invariants**: the checks between settings in `limits.rs` hold; no source is ignored in
//!   silence; the built-in demo shop goes with loopback addresses only.
//! - **Bounds**: all in `limits.rs`.

mod kinds;
mod limits;
mod load;
mod mistakes;
mod print;
mod reader;
mod settings;
pub mod shop;
mod sources;

pub use kinds::{
    AddressLimit, Durability, EmailTls, EncoderChoice, ForwardedHeader, LogFormat, LogLevel,
    LostState, UncertainEmail, WebhookReach,
};
pub use limits::{
    Admission, Config, Dedup, Email, Flow, Gateway, Journal, Log, Paths, SECTIONS, Schedule,
    Server, Timers, Understand, Webhooks,
};
pub use load::DEFAULT_FILE;
pub use mistakes::{Mistake, Mistakes, Origin};
pub use print::commented_file;
pub use reader::Loaded;
pub use settings::{ENV_PREFIX, Section, Setting};
pub use sources::{CONFIG_FILE_ENV, Flag, Sources, all_settings, setting};
