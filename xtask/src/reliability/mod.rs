//! `cargo xtask reliability`: the product's promises under faults, a row for each of [`ROWS`].

mod client;
mod edge;
mod kill;
mod parts;
mod router;
mod rows;
mod suite;
mod view;
mod visit;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use parts::Parts;
use rows::{How, ROWS, Spec};

/// How many rows that may run beside one another do.
const LANES: usize = 2;

/// What to run.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The full sizes, in parts. What was finished is kept until the next commit, so an interrupted
    /// run goes on where it was.
    #[arg(long)]
    full: bool,
    /// Runs the full sizes from the start.
    #[arg(long, requires = "full")]
    anew: bool,
    /// Runs only this row, or the rows that begin so (`fuzz`); may come several times.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Prints one JSON array and nothing else on standard output.
    #[arg(long)]
    json: bool,
    /// A built `tradewind` for the rows with real processes; else the release build, which is brought
    /// up to date first.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

/// What went wrong, and how much was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Units that were really done.
    pub size: u64,
    /// Acknowledged messages or records that are gone.
    pub lost: u64,
    /// Messages that stand or were shown twice.
    pub duplicates: u64,
    /// Numbers that were not one more than the last.
    pub out_of_order: u64,
    /// Other promises that were broken.
    pub violations: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.size += other.size;
        self.lost += other.lost;
        self.duplicates += other.duplicates;
        self.out_of_order += other.out_of_order;
        self.violations += other.violations;
    }
}

impl Tally {
    /// Whether nothing was wrong.
    pub const fn is_clean(&self) -> bool {
        self.lost == 0 && self.duplicates == 0 && self.out_of_order == 0 && self.violations == 0
    }
}

/// A row of the result.
#[derive(Debug, Serialize)]
struct Row {
    name: &'static str,
    #[serde(flatten)]
    tally: Tally,
    seconds: f64,
    passed: bool,
}

/// Runs the rows and prints what came of them; whether all passed.
///
/// # Errors
/// When a name is no row.
pub fn run(args: &Args) -> Result<bool> {
    if let Some(unknown) = args.only.iter().find(|name| !ROWS.iter().any(|row| row.is_in(name))) {
        let known: Vec<_> = ROWS.iter().map(|row| row.name).collect();
        bail!("`{unknown}` is no row; there are {}", known.join(", "));
    }
    let chosen = |row: &&Spec| args.only.is_empty() || args.only.iter().any(|it| row.is_in(it));
    let (beside, alone): (Vec<_>, Vec<_>) = ROWS.iter().filter(chosen).partition(|row| row.beside);
    let mut rows = in_lanes(&alone, 1, args);
    rows.extend(in_lanes(&beside, LANES, args));
    rows.sort_by_key(|row| ROWS.iter().position(|spec| spec.name == row.name));
    if args.json {
        println!("{}", serde_json::to_string(&rows)?);
    }
    Ok(rows.iter().all(|row| row.passed))
}

/// Runs rows, so many at a time, and prints each when it is done. One that cannot be run has failed.
fn in_lanes(specs: &[&Spec], lanes: usize, args: &Args) -> Vec<Row> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..lanes {
            scope.spawn(|| {
                while let Some(spec) = specs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    eprintln!("==> {}: {}", spec.name, spec.unit);
                    let ran = if args.full { full(spec, args) } else { one(spec, args) };
                    let row = ran.unwrap_or_else(|error| {
                        eprintln!("    {}: {error:#}", spec.name);
                        row(spec, Tally { violations: 1, ..Tally::default() }, 0.0, 0)
                    });
                    if !args.json {
                        println!("{}", line(&row));
                    }
                    done.lock().unwrap_or_else(PoisonError::into_inner).push(row);
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// The size of CI, at one go.
fn one(spec: &Spec, args: &Args) -> Result<Row> {
    let started = Instant::now();
    let limit_s = spec.time.as_ref().map(|time| time.ci_s);
    let least = spec.time.as_ref().map_or(0, |time| time.least);
    let tally = part(spec, args, &Share { size: spec.ci, seed: 0, limit_s, least })?;
    Ok(row(spec, tally, started.elapsed().as_secs_f64(), spec.ci))
}

/// The full size, part by part.
fn full(spec: &Spec, args: &Args) -> Result<Row> {
    let mut parts = Parts::open(spec.name, args.anew)?;
    // What is left of the time, a part at a time, so that little is lost to an interruption.
    let limit_s = |spent: f64| {
        let time = spec.time.as_ref()?;
        Some(time.full_s.saturating_sub(spent as u64).min(time.ci_s))
    };
    while parts.done.size < spec.full && limit_s(parts.seconds) != Some(0) {
        let size = spec.part.min(spec.full - parts.done.size);
        let (seed, limit_s) = (parts.done.size, limit_s(parts.seconds));
        let share = Share { size, seed, limit_s, least: 0 };
        let started = Instant::now();
        let tally = part(spec, args, &share)?;
        // What has done less than it was to do would do so again.
        let is_short = spec.time.is_none() && tally.size < size;
        let is_clean = tally.is_clean() && tally.size > 0 && !is_short;
        parts.add(tally, started.elapsed().as_secs_f64())?;
        eprintln!("    {}: {} of {} {}", spec.name, parts.done.size, spec.full, spec.unit);
        if !is_clean {
            break;
        }
    }
    Ok(row(spec, parts.done, parts.seconds, spec.full))
}

/// How much of a row is run at one go.
struct Share {
    size: u64,
    /// Where the seeds begin, so that the parts of a long run differ.
    seed: u64,
    /// Ends the run before its size is done, once the least is.
    limit_s: Option<u64>,
    least: u64,
}

fn part(spec: &Spec, args: &Args, share: &Share) -> Result<Tally> {
    let binary = args.binary.as_deref();
    match spec.how {
        How::Kill => kill::run(binary, share.size, share.seed),
        How::Edge(kind) => edge::run(kind, binary, share.size),
        How::Tests { file, test } => suite::rust(spec.name, file, test, share),
        How::Python { module } => suite::python(spec.name, module, binary),
    }
}

fn row(spec: &Spec, tally: Tally, seconds: f64, wanted: u64) -> Row {
    // What is bounded by time has done enough when it has done the least.
    let enough = spec.time.as_ref().map_or(wanted, |time| time.least);
    let passed = tally.is_clean() && tally.size >= enough;
    Row { name: spec.name, tally, seconds: (seconds * 10.0).round() / 10.0, passed }
}

fn line(row: &Row) -> String {
    let Row { name, tally, seconds, passed } = row;
    let verdict = if *passed { "passed" } else { "FAILED" };
    format!(
        "{name:<20} {:>8} {:>6} lost {:>6} duplicates {:>6} out of order {:>6} violations {seconds:>8.1} s  {verdict}",
        tally.size, tally.lost, tally.duplicates, tally.out_of_order, tally.violations
    )
}
