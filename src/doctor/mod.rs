//! Examines the machine before it has to serve.
//!
//! - **In**: the configuration, or the mistakes in it.
//! - **Out**: a [`Finding`] for each check, in a fixed order.
//! - **Invariants**: the data folder is made when it is missing, as serving would; the probe files in
//!   it are removed; nothing else is changed.
//! - **Bounds**: each check ends within seconds, that of all webhooks within 30.

mod certificate;
mod email;
mod files;
pub mod fsync;
mod keys;
mod model;
mod ports;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use crate::config::shop::Shop;
use crate::config::{Config, Loaded, Mistakes, Origin};
use crate::understand::tenant::ServedSets;

pub use files::raise_open_files;

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was examined.
    pub check: &'static str,
    /// How it stands.
    pub verdict: Verdict,
    /// The figures, and what to do about it.
    pub text: String,
}

/// How a check stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Good,
    /// It works, but not as well as it could.
    Odd,
    /// The server would not start, or would not keep its promises.
    Wrong,
}

impl Verdict {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Odd => "odd",
            Self::Wrong => "wrong",
        }
    }
}

impl Finding {
    pub(crate) fn new(check: &'static str, verdict: Verdict, text: impl Into<String>) -> Self {
        Self { check, verdict, text: text.into() }
    }
}

/// Every check of the machine, in the order in which they are told.
const CHECKS: &[fn(&Config) -> Finding] = &[
    shops,
    files::data_folder,
    files::free_space,
    keys::examine,
    disk,
    files::open_files,
    ports::main,
    ports::admin,
    certificate::examine,
    model::examine,
    model::encoder,
    email::examine,
    email::mailboxes,
    webhooks::examine,
];

/// Examines the settings and the machine. With mistakes in the settings the machine is examined for
/// the defaults.
pub fn examine(loaded: &Result<Loaded, Mistakes>) -> Vec<Finding> {
    let defaults = Config::default();
    let config = loaded.as_ref().map_or(&defaults, |loaded| &loaded.config);
    let machine = CHECKS.iter().map(|check| check(config));
    std::iter::once(settings(loaded)).chain(machine).collect()
}

fn settings(loaded: &Result<Loaded, Mistakes>) -> Finding {
    match loaded {
        Ok(loaded) => {
            let changed = loaded.origins.values().filter(|it| **it != Origin::Default).count();
            let text = format!("no mistakes, {changed} settings not left at the default");
            if loaded.ignored.is_empty() {
                return Finding::new("settings", Verdict::Good, text);
            }
            let ignored = loaded.ignored.join(", ");
            let text = format!("{text}; these variables are no settings: {ignored}");
            Finding::new("settings", Verdict::Odd, text)
        }
        Err(mistakes) => Finding::new("settings", Verdict::Wrong, mistakes.to_string()),
    }
}

fn shops(config: &Config) -> Finding {
    const CHECK: &str = "shops";
    match Shop::served(config) {
        Ok(_) if config.paths.shops.is_none() => {
            Finding::new(CHECK, Verdict::Good, "the built-in demo shop")
        }
        Ok(shops) => {
            let shops: Vec<Arc<Shop>> = shops.into_iter().map(Arc::new).collect();
            if let Err(errors) = ServedSets::load(&shops) {
                return Finding::new(CHECK, Verdict::Wrong, errors.to_string());
            }
            let names: Vec<_> = shops.iter().map(|shop| shop.id.to_string()).collect();
            Finding::new(CHECK, Verdict::Good, format!("no mistakes in {}", names.join(", ")))
        }
        Err(errors) => Finding::new(CHECK, Verdict::Wrong, errors.to_string()),
    }
}

/// Above this, at the 99th percentile, the wait for the disk is a part of the first response that
/// a customer notices under load, when several waits follow one another.
const SLOW_DISK: Duration = Duration::from_millis(20);

fn disk(config: &Config) -> Finding {
    const CHECK: &str = "disk";
    match fsync::probe(&config.paths.data) {
        Ok(took) => {
            let millis = |time: Duration| time.as_secs_f64() * 1e3;
            let text = format!(
                "{} writes kept in p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms",
                took.samples,
                millis(took.p50),
                millis(took.p99),
                millis(took.max)
            );
            if took.p99 <= SLOW_DISK {
                return Finding::new(CHECK, Verdict::Good, text);
            }
            let text = format!("{text}: every acknowledgement waits for that");
            Finding::new(CHECK, Verdict::Odd, text)
        }
        Err(error) => {
            Finding::new(CHECK, Verdict::Wrong, format!("writes cannot be kept: {error}"))
        }
    }
}
