//! Rows that are tests: `tests/reliability/mod.rs` is their side of this.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::{Share, Tally};
use crate::{program, root};

/// What a test tells on a line of its own.
const PREFIX: &str = "reliability: ";

#[derive(Deserialize)]
struct Done {
    size: u64,
}

/// Runs one test of a file, or all of them; one that fails has broken a promise and says on standard
/// error which.
pub fn rust(row: &str, file: &str, test: Option<&str>, share: &Share) -> Result<Tally> {
    let mut command = program("cargo");
    // With fewer packages some libraries would be built once more, with fewer features.
    command.args(["test", "--locked", "--quiet", "--workspace", "--test", file, "--"]);
    if let Some(test) = test {
        command.args(["--exact", test]);
    }
    command
        .arg("--nocapture")
        .env("TRADEWIND_SIZE", share.size.to_string())
        .env("TRADEWIND_SEED", share.seed.to_string())
        .current_dir(root());
    if let Some(limit_s) = share.limit_s {
        command.env("TRADEWIND_SECONDS", limit_s.to_string());
        command.env("TRADEWIND_LEAST", share.least.to_string());
    }
    told_by(command, row)
}

/// Runs a module of `tests/python` against a real router.
pub fn python(row: &str, module: &str, binary: Option<&Path>) -> Result<Tally> {
    let binary = super::router::binary(binary)?;
    let python = match crate::run::python() {
        Ok(python) => python,
        Err(error) => {
            eprintln!("    {row}: {error:#}");
            return Ok(Tally { violations: 1, ..Tally::default() });
        }
    };
    let mut command = Command::new(python);
    command
        .args(["-m", "unittest", module])
        .env("TRADEWIND_BIN", binary)
        .current_dir(root().join("tests/python"));
    told_by(command, row)
}

/// Runs it, and adds up what it tells of its sizes. What else it says is passed on with the name of the row,
/// since another may speak at the same time; standard output is for the rows alone.
fn told_by(mut command: Command, row: &str) -> Result<Tally> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{command:?} cannot be started"))?;
    let stdout = BufReader::new(child.stdout.take().context("standard output is a pipe")?);
    let stderr = BufReader::new(child.stderr.take().context("standard error is a pipe")?);
    let done = std::thread::scope(|scope| -> Result<u64> {
        scope.spawn(|| {
            for line in stderr.lines().map_while(Result::ok) {
                eprintln!("    {row}: {line}");
            }
        });
        let mut done = 0;
        for line in stdout.lines() {
            let line = line?;
            match line.strip_prefix(PREFIX) {
                Some(told) => done += serde_json::from_str::<Done>(told)?.size,
                None => eprintln!("    {row}: {line}"),
            }
        }
        Ok(done)
    })?;
    let has_passed = child.wait()?.success() && done > 0;
    Ok(Tally { size: done, violations: u64::from(!has_passed), ..Tally::default() })
}
