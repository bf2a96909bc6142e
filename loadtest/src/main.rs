//! The bundled load harness: customers and seats over the documented wire protocol, verified end to
//! end. See `docs/loadtest.md`.

mod args;
mod audit;
mod client;
mod day;
mod flood;
mod idle;
mod ledger;
mod outcome;
mod process;
mod progress;
mod record;
mod report;
mod require;
mod run;
mod scenario;
mod schedule;
mod shared;
mod stats;
mod table;
mod texts;
mod verify;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(why) => {
            eprintln!("error: {why}");
            return ExitCode::from(2);
        }
    };
    let done = runtime.block_on(async {
        match cli.command {
            Command::Run(args) => scenario::run(args).await,
            Command::Day(args) => scenario::day(args).await,
            Command::Flood(args) => flood::flood(args).await,
            Command::Idle(args) => idle::idle(args).await,
        }
    });
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(why) => {
            eprintln!("error: {why:#}");
            ExitCode::from(2)
        }
    }
}
