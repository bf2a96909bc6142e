//! `tradewind journal`: checks a journal and prints what it holds, without changing it.

mod dump;
mod verify;

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use super::Exit;
use crate::journal::{Look, look};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tradewind journal verify data
  tradewind journal dump data --conversation 0190f3a2-5b1e-7c3d-9a44-0c6f6b2f9dc1")]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Reads every record and checks every checksum; ends with 3 when something is damaged.
    Verify(verify::Args),
    /// Prints the records, oldest first.
    Dump(dump::Args),
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    match &args.verb {
        Verb::Verify(args) => verify::run(args),
        Verb::Dump(args) => dump::run(args),
    }
}

/// The journal's own folder: `dir`, or the `journal` in it when it is a data folder.
fn folder(dir: &Path) -> PathBuf {
    let inner = dir.join("journal");
    if inner.is_dir() { inner } else { dir.to_owned() }
}

/// Looks at the journal in `dir`; what a running router may make of it is said on standard error.
pub(in crate::cli) fn open(dir: &Path) -> anyhow::Result<Look> {
    let folder = folder(dir);
    let found = look(&folder).with_context(|| format!("no journal in {}", folder.display()))?;
    ensure!(found.files > 0, "no journal in {}", folder.display());
    if found.is_taken {
        eprintln!(
            "note: a router has {}: a commit at the end may look interrupted, and segments that it \
             recycles meanwhile look damaged",
            folder.display()
        );
    }
    Ok(found)
}
