//! `cargo xtask reliability`: the product's promises under faults, a row for each. Add a row to
//! [`ROWS`] and nowhere else.

mod client;
mod edge;
mod kill;
mod parts;
mod router;
mod suite;
mod view;
mod visit;

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
    /// Runs only this row, or the rows whose names begin so (`fuzz`); may come several times.
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
    /// A real process that is stormed.
    Edge(edge::Kind),
    /// A test of this file.
    Test { file: &'static str, test: &'static str },
    /// All tests of this file of a package.
    File { package: &'static str, file: &'static str },
    /// A module of `tests/python`.
    Python { module: &'static str },
    /// A test of `tests/fuzz`, which ends with its size or by [`FUZZ_CI_S`] and [`FUZZ_FULL_S`].
    Fuzz { test: &'static str },
}

impl Spec {
    /// Whether `name` is this row or the family that it belongs to.
    fn is_in(&self, name: &str) -> bool {
        self.name.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    }

    /// Longest time for the full size, where it may end before it is done.
    const fn full_s(&self) -> Option<u64> {
        match self.how {
            How::Fuzz { .. } => Some(FUZZ_FULL_S),
            _ => None,
        }
    }
}

/// Longest time of fuzzing one entry in CI, and of a part of the full size.
const FUZZ_CI_S: u64 = 60;
/// Longest time of fuzzing one entry in full.
const FUZZ_FULL_S: u64 = 900;
/// Inputs that there must be however long they take.
const FUZZ_LEAST: u64 = 100_000;

/// A row of fuzzing.
const fn fuzz(name: &'static str, unit: &'static str, test: &'static str) -> Spec {
    let how = How::Fuzz { test };
    Spec { name, unit, ci: 1_000_000, full: 10_000_000, part: 1_000_000, how }
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
        name: "races",
        unit: "races of real clients at one router: one offer, one id, one customer, one slot",
        ci: 1_800,
        full: 1_800,
        part: 1_800,
        how: How::File { package: "tradewind", file: "races" },
    },
    Spec {
        name: "planted_data",
        unit: "fields with planted personal data and tokens, looked for in log, metrics and errors",
        ci: 221,
        full: 221,
        part: 221,
        how: How::Python { module: "test_privacy" },
    },
    Spec {
        name: "foreign_credentials",
        unit: "routes and types of message tried with what belongs to another shop",
        ci: 61,
        full: 61,
        part: 61,
        how: How::File { package: "tradewind", file: "foreign_credentials" },
    },
    Spec {
        name: "interleavings",
        unit: "orders of steps of the queues between threads",
        ci: 80_000,
        full: 4_000_000,
        part: 400_000,
        how: How::File { package: "interleavings", file: "queues" },
    },
    fuzz("fuzz_frames", "texts as frames of a client", "frames"),
    fuzz("fuzz_tokens", "tokens of ours, JWTs, signed ids and handles", "tokens"),
    fuzz("fuzz_config", "settings of a router and files of a shop", "configuration"),
    fuzz("fuzz_journal", "segments, snapshots and records of a journal", "journal_bytes"),
    fuzz("fuzz_http", "heads of HTTP requests to a running router", "http_heads"),
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
        name: "half_open_handshakes",
        unit: "half-open handshakes at once, beside 1,000 customers",
        ci: 2_000,
        full: 15_000,
        part: 15_000,
        how: How::Edge(edge::Kind::HalfOpen),
    },
    Spec {
        name: "slow_readers",
        unit: "seconds with 10 readers that do not read, beside 1,000 customers",
        ci: 30,
        full: 300,
        part: 30,
        how: How::Edge(edge::Kind::SlowReaders),
    },
    Spec {
        name: "reconnect_storm",
        unit: "customers who come back at once, without jitter",
        ci: 2_000,
        full: 15_000,
        part: 15_000,
        how: How::Edge(edge::Kind::Storm),
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
    if let Some(unknown) = args.only.iter().find(|name| !ROWS.iter().any(|row| row.is_in(name))) {
        let known: Vec<_> = ROWS.iter().map(|row| row.name).collect();
        bail!("`{unknown}` is no row; there are {}", known.join(", "));
    }
    let chosen = |row: &&Spec| args.only.is_empty() || args.only.iter().any(|it| row.is_in(it));
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
    let tally =
        part(spec, args, &Share { size: spec.ci, seed: 0, limit_s: FUZZ_CI_S, least: FUZZ_LEAST })?;
    Ok(row(spec, tally, started.elapsed().as_secs_f64(), spec.ci))
}

/// The full size, part by part.
fn full(spec: &Spec, args: &Args) -> Result<Row> {
    let mut parts = Parts::open(spec.name, args.anew)?;
    let is_over = |seconds: f64| spec.full_s().is_some_and(|full_s| seconds >= full_s as f64);
    while parts.done.size < spec.full && !is_over(parts.seconds) {
        let size = spec.part.min(spec.full - parts.done.size);
        let share = Share { size, seed: parts.done.size, limit_s: FUZZ_CI_S, least: 0 };
        let started = Instant::now();
        let tally = part(spec, args, &share)?;
        // What has done less than it was to do would do so again.
        let is_short = spec.full_s().is_none() && tally.size < size;
        let is_clean = tally.is_clean() && tally.size > 0 && !is_short;
        parts.add(tally, started.elapsed().as_secs_f64())?;
        eprintln!("    {} of {} {}", parts.done.size, spec.full, spec.unit);
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
    /// Ends fuzzing before its size is done, once the least is.
    limit_s: u64,
    least: u64,
}

fn part(spec: &Spec, args: &Args, share: &Share) -> Result<Tally> {
    let Share { size, seed, .. } = *share;
    match spec.how {
        How::Kill => kill::run(args.binary.as_deref(), size, seed),
        How::Edge(kind) => edge::run(kind, args.binary.as_deref(), size),
        How::Test { file, test } => suite::rust("tradewind", file, Some(test), share),
        How::File { package, file } => suite::rust(package, file, None, share),
        How::Python { module } => suite::python(module, args.binary.as_deref()),
        How::Fuzz { test } => suite::rust("tradewind", "fuzz", Some(test), share),
    }
}

fn row(spec: &Spec, tally: Tally, seconds: f64, wanted: u64) -> Row {
    // What is bounded by time has done enough when it has done the least.
    let enough = spec.full_s().map_or(wanted, |_| FUZZ_LEAST);
    let passed = tally.is_clean() && tally.size >= enough;
    Row { name: spec.name, tally, seconds: (seconds * 10.0).round() / 10.0, passed }
}

fn line(row: &Row) -> String {
    let Row { name, tally, seconds, passed } = row;
    let verdict = if *passed { "passed" } else { "FAILED" };
    format!(
        "{name:<20} {:>7} {:>6} lost {:>6} duplicates {:>6} out of order {:>6} violations {seconds:>8.1} s  {verdict}",
        tally.size, tally.lost, tally.duplicates, tally.out_of_order, tally.violations
    )
}
