//! Abuse and overload of a real router on loopback, with customers beside it who must not notice.
//!
//! Every check of the router stays on its path: the load profile raises what one address may use, since
//! here one machine plays everybody.

mod beside;
mod files;
mod half_open;
mod slow_readers;
mod storm;
mod windows;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Tally;
use super::router;

/// What storms the router.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Connections that begin and do not go on.
    HalfOpen,
    /// Readers that do not read.
    SlowReaders,
    /// Everybody comes back at once.
    Storm,
}

/// Runs one of them.
///
/// # Errors
/// When the machine cannot play it, or there is no router to start: that is no figure.
pub fn run(kind: Kind, binary: Option<&Path>, size: u64) -> Result<Tally> {
    let binary = router::binary(binary)?;
    let folder = crate::root().join("target/reliability").join(format!("{kind:?}"));
    if folder.exists() {
        std::fs::remove_dir_all(&folder).context("the folder of the last run")?;
    }
    std::fs::create_dir_all(&folder)?;
    let place = Place { binary, data: folder.join("data") };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let tally = runtime.block_on(async {
        match kind {
            Kind::HalfOpen => half_open::run(&place, size).await,
            Kind::SlowReaders => slow_readers::run(&place, size).await,
            Kind::Storm => storm::run(&place, size).await,
        }
    });
    runtime.shutdown_background();
    std::fs::remove_dir_all(&folder)?;
    tally
}

/// What is run, and where it keeps its data.
struct Place {
    binary: PathBuf,
    data: PathBuf,
}

impl Place {
    /// A router with the load profile, and flags of the row's own.
    fn router(&self, flags: &[&str]) -> Result<router::Router> {
        router::Router::start(&self.binary, &self.data, &Self::with_profile(flags))
    }

    fn with_profile<'f>(flags: &[&'f str]) -> Vec<&'f str> {
        [&["--config", PROFILE], flags].concat()
    }
}

/// The load profile.
const PROFILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/load.toml");
