//! `cargo xtask reliability`: the product's promises under faults, a row for each. Add a row to
//! [`ROWS`] and nowhere else.

mod kill;
mod parts;
mod suite;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use parts::Parts;

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
    /// Runs only this row; may come several times.
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

/// A row of the table.
struct Spec {
    name: &'static str,
    /// What one unit of the size is.
    unit: &'static str,
    /// Size in CI.
    ci: u64,
    /// Full size.
    full: u64,
    /// Most that is done at a time of the full size.
    part: u64,
    how: How,
}

/// How a row is run.
enum How {
    /// Real processes that are killed.
    Kill,
    /// A test of this file.
    Test { file: &'static str, test: &'static str },
}

const ROWS: &[Spec] = &[
    Spec {
        name: "kill-9",
        unit: "kills of the running router under load",
        ci: 100,
        full: 1_000,
        part: 100,
        how: How::Kill,
    },
    Spec {
        name: "power-cuts",
        unit: "simulated power cuts, also during the recovery from the one before",
        ci: 2_000,
        full: 10_000,
        part: 2_500,
        how: How::Test {
            file: "journal_simulated",
            test: "power_cut::no_acknowledged_record_is_lost_to_a_power_cut",
        },
    },
    Spec {
        name: "fsync-errors",
        unit: "lives of a journal with failed syncs and a full disk at any moment",
        ci: 300,
        full: 5_000,
        part: 1_000,
        how: How::Test {
            file: "journal_simulated",
            test: "refusals::what_the_disk_refused_never_comes_back_and_the_rest_is_kept_in_order",
        },
    },
    Spec {
        name: "bit-flips",
        unit: "flipped bits",
        ci: 600,
        full: 10_000,
        part: 2_500,
        how: How::Test {
            file: "journal_simulated",
            test: "damage::a_flipped_bit_never_changes_a_record_and_never_hides_one_in_silence",
        },
    },
    Spec {
        name: "disk-full",
        unit: "real process whose disk fills up and has room again",
        ci: 1,
        full: 1,
        part: 1,
        how: How::Test {
            file: "disk_full",
            test: "a_full_disk_stops_acknowledgements_but_not_reads_and_recovers_by_itself",
        },
    },
    Spec {
        name: "clock-jumps",
        unit: "restarts under a clock that was set",
        ci: 5,
        full: 5,
        part: 5,
        how: How::Test {
            file: "clock",
            test: "a_clock_that_was_set_changes_no_order_and_loses_nothing",
        },
    },
    Spec {
        name: "effects_once",
        unit: "kills at a step between a ticket and its e-mail, each step in turn",
        ci: 50,
        full: 1_000,
        part: 100,
        how: How::Test {
            file: "email_once",
            test: "a_kill_at_any_step_between_ticket_and_email_leaves_exactly_one_email",
        },
    },
];

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
/// When a name is no row, or the router cannot be built.
pub fn run(args: &Args) -> Result<bool> {
    if let Some(unknown) = args.only.iter().find(|name| ROWS.iter().all(|row| row.name != **name)) {
        let known: Vec<_> = ROWS.iter().map(|row| row.name).collect();
        bail!("`{unknown}` is no row; there are {}", known.join(", "));
    }
    let chosen = |row: &&Spec| args.only.is_empty() || args.only.iter().any(|it| it == row.name);
    let mut rows = Vec::new();
    for spec in ROWS.iter().filter(chosen) {
        eprintln!("==> {}: {}", spec.name, spec.unit);
        let row = if args.full { full(spec, args)? } else { one(spec, args)? };
        if !args.json {
            println!("{}", line(&row));
        }
        rows.push(row);
    }
    if args.json {
        println!("{}", serde_json::to_string(&rows)?);
    }
    Ok(rows.iter().all(|row| row.passed))
}

/// The size of CI, at one go.
fn one(spec: &Spec, args: &Args) -> Result<Row> {
    let started = Instant::now();
    let tally = part(spec, args, spec.ci, 0)?;
    Ok(row(spec, tally, started.elapsed().as_secs_f64(), spec.ci))
}

/// The full size, part by part.
fn full(spec: &Spec, args: &Args) -> Result<Row> {
    let mut parts = Parts::open(spec.name, args.anew)?;
    while parts.done.size < spec.full {
        let size = spec.part.min(spec.full - parts.done.size);
        let started = Instant::now();
        let tally = part(spec, args, size, parts.done.size)?;
        let is_clean = tally.is_clean() && tally.size > 0;
        parts.add(tally, started.elapsed().as_secs_f64())?;
        eprintln!("    {} of {} {}", parts.done.size, spec.full, spec.unit);
        if !is_clean {
            break;
        }
    }
    Ok(row(spec, parts.done, parts.seconds, spec.full))
}

fn part(spec: &Spec, args: &Args, size: u64, seed: u64) -> Result<Tally> {
    match spec.how {
        How::Kill => kill::run(args.binary.as_deref(), size, seed),
        How::Test { file, test } => suite::run(file, test, size, seed),
    }
}

fn row(spec: &Spec, tally: Tally, seconds: f64, wanted: u64) -> Row {
    let passed = tally.is_clean() && tally.size >= wanted;
    Row { name: spec.name, tally, seconds: (seconds * 10.0).round() / 10.0, passed }
}

fn line(row: &Row) -> String {
    let Row { name, tally, seconds, passed } = row;
    let verdict = if *passed { "passed" } else { "FAILED" };
    format!(
        "{name:<14} {:>7} {:>6} lost {:>6} duplicates {:>6} out of order {:>6} violations {seconds:>8.1} s  {verdict}",
        tally.size, tally.lost, tally.duplicates, tally.out_of_order, tally.violations
    )
}
