//! Chores of the repository: `cargo xtask --help`.

mod bench;
mod count;
mod echo;
mod encoder_card;
mod fit_encoder;
mod install;
mod licences;
mod lint_corpus;
mod reliability;
mod run;
mod start_up;
mod steps;
mod train_account_bound;
mod train_leaving;
mod train_model;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::{Parser, Subcommand};

use run::Mode;

/// As in the program: training asks for and gives back large blocks all the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Chores of the repository.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    disable_help_subcommand = true,
    after_help = "\
Examples:
  cargo xtask test               what can be tested with what is installed
  cargo xtask test --install     install what is missing, then test everything
  cargo xtask ci                 what has to pass before a change lands"
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Runs the tests: Rust, the Python client, the pages in a browser.
    #[command(after_help = "\
Examples:
  cargo xtask test
  cargo xtask test --install
  cargo xtask test --only python --only browser

Without --install, steps whose tools are missing are skipped, with a word on what is missing.
The last line is `N passed, N failed, N skipped`; the exit code is 1 when one failed.")]
    Test {
        /// Installs what is missing first: Debian packages, npm and Python packages.
        #[arg(long)]
        install: bool,
        /// Runs only this step; may come several times.
        #[arg(long, value_name = "STEP")]
        only: Vec<String>,
    },
    /// Checks everything that has to hold before a change lands. Nothing may be skipped.
    #[command(after_help = "\
Examples:
  cargo xtask ci
  bash .ci/run")]
    Ci,
    /// Checks that every dependency has a licence that deny.toml allows.
    #[command(after_help = "\
Examples:
  cargo xtask licences")]
    Licences,
    /// Builds the pages from `web/` into the assets that the program embeds (needs Node).
    #[command(after_help = "\
Examples:
  cargo xtask web
  cargo xtask web --check        fails when the committed assets are not what the sources give")]
    Web {
        /// Changes nothing and compares byte for byte.
        #[arg(long)]
        check: bool,
    },
    /// Checks that the corpus covers every intent and language and does not repeat itself.
    LintCorpus(lint_corpus::Args),
    /// Trains the shipped model from `models/corpus`; takes minutes, in the release profile.
    TrainModel(train_model::Args),
    /// Fits what tells leaving customers from others, in seconds; the shipped model stays as it is.
    TrainLeaving(train_leaving::Args),
    /// Fits what tells messages about one's own order or account from what many ask, in minutes.
    TrainAccountBound(train_account_bound::Args),
    /// Fits what stands beside the weights of the shipped encoder and writes its card, in some ten minutes.
    FitEncoder(fit_encoder::Args),
    /// Breaks the router in every way that it promises to survive, and counts what was lost.
    #[command(after_help = "\
Examples:
  cargo xtask reliability
  cargo xtask reliability --only kill-9 --json
  cargo xtask reliability --full              hours; goes on where it was interrupted

A row has {name, size, lost, duplicates, out_of_order, violations, seconds, passed}. The exit code is 1
when one did not pass. docs/reliability.md says which promise each row is about.")]
    Reliability(reliability::Args),
    /// Measures how long a router takes to start on a long journal, and on a snapshot of it.
    #[command(after_help = "\
Examples:
  cargo xtask start-up
  cargo xtask start-up --records 1000000 --json

Needs some 400 bytes of disk and some 200 bytes of memory for each record. Build xtask for release,
or most of the time goes by making the journal: cargo run --release -p xtask -- start-up")]
    StartUp(start_up::Args),
    /// Measures the router side by side with what it is compared to, as ratios.
    #[command(after_help = "\
Examples:
  cargo xtask bench-compare
  cargo xtask bench-compare --rounds 5 --duration 10 --json

The exit code is 1 when a goal was missed or could not be measured. Builds the release profile first.")]
    BenchCompare(bench::Args),
    /// Serves a plain WebSocket echo, the yardstick of `bench-compare`.
    #[command(hide = true)]
    Echo {
        /// Address to listen on.
        #[arg(long)]
        listen: std::net::SocketAddr,
    },
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().verb {
        Verb::Test { install, only } => {
            let mode = if install { Mode::Install } else { Mode::AsItIs };
            run::tests(mode, &only)
        }
        Verb::Ci => run::ci(),
        Verb::Licences => licences::check().map(|()| true),
        Verb::Web { check } => run::web(check),
        Verb::LintCorpus(args) => lint_corpus::run(&args),
        Verb::TrainModel(args) => train_model::run(&args).map(|()| true),
        Verb::TrainLeaving(args) => train_leaving::run(&args).map(|()| true),
        Verb::TrainAccountBound(args) => train_account_bound::run(&args).map(|()| true),
        Verb::FitEncoder(args) => fit_encoder::run(&args).map(|()| true),
        Verb::Reliability(args) => reliability::run(&args),
        Verb::StartUp(args) => start_up::measure(&args),
        Verb::BenchCompare(args) => bench::compare(&args),
        Verb::Echo { listen } => echo::serve(listen),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the repository: the folder above this package.
/// A program to start, without what cargo tells this one about its package: build scripts of dependencies
/// look at that too, so cargo would build them anew, and the router on top of them.
fn program(name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    for (name, _) in std::env::vars_os() {
        let is_of_package = |name: &str| {
            ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|start| name.starts_with(start))
        };
        if name.to_str().is_some_and(is_of_package) {
            command.env_remove(name);
        }
    }
    command
}

fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().expect("xtask is a folder of the repository").to_owned()
}
