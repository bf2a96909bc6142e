//! Rows that are tests: `tests/reliability/mod.rs` is their side of this.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::Tally;
use crate::root;

/// What a test tells on its last line.
const PREFIX: &str = "reliability: ";

#[derive(Deserialize)]
struct Done {
    size: u64,
}

/// Runs a test with this size; one that fails has broken a promise and says on standard error which.
pub fn run(file: &str, test: &str, size: u64, seed: u64) -> Result<Tally> {
    let mut child = Command::new("cargo")
        .args(["test", "--locked", "--quiet", "--test", file, "--", "--exact", test, "--nocapture"])
        .env("TRADEWIND_SIZE", size.to_string())
        .env("TRADEWIND_SEED", seed.to_string())
        .current_dir(root())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cargo cannot be started")?;
    let mut done = None;
    for line in BufReader::new(child.stdout.take().context("standard output is a pipe")?).lines() {
        let line = line?;
        match line.strip_prefix(PREFIX) {
            Some(told) => done = Some(serde_json::from_str::<Done>(told)?),
            // Standard output is for the rows alone.
            None => eprintln!("    {line}"),
        }
    }
    let has_passed = child.wait()?.success();
    Ok(match done {
        Some(Done { size }) if has_passed => Tally { size, ..Tally::default() },
        _ => Tally { violations: 1, ..Tally::default() },
    })
}
