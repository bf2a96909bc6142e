//! The command line: verbs, flags, help and exit codes.
//!
//! - **In**: the arguments.
//! - **Out**: an [`Exit`]; results go to standard output, everything else to standard error.
//! - **Invariants**: every verb has examples in its `--help`; each flag is a name for a setting
//!   of `config/tradewind.toml`.
//! - **Bounds**: none of its own; what runs is bounded by the configuration.

mod backup;
mod classify;
mod config;
mod doctor;
mod erase;
mod erase_at_rest;
mod evaluate;
mod explain;
mod folder;
mod html;
mod journal;
mod keyring;
mod keys;
mod knowledge;
mod model;
mod own_intents;
mod restore;
mod router;
mod seat;
mod serve;
mod settings;
mod simulate;
mod tenant;
mod train;
mod translate;
mod webhook;

use std::ffi::OsString;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::Mistakes;

/// Routes the conversations of a cross-border shop to the right answer or the right seat.
#[derive(Debug, Parser)]
#[command(
    name = "tradewind",
    version,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    after_help = "\
Examples:
  tradewind                                    serve the demo shop on http://127.0.0.1:8080
  tradewind serve --listen 127.0.0.1:9000      the same on another port
  tradewind config print --origin              every setting in force, and where it comes from
  tradewind doctor                             is this machine fit to serve?

Exit codes: 0 right, 1 failure, 2 wrong flags or settings, 3 a check failed.
Settings: flags, then variables TRADEWIND_*, then config/tradewind.toml, then defaults."
)]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Without a verb the program serves.
    #[command(flatten)]
    serve: serve::Args,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Serves the shops: pages, sockets, metrics and management.
    Serve(serve::Args),
    /// Checks or prints the settings.
    Config(config::Args),
    /// Examines this machine: settings, disk, open files, ports, model.
    Doctor(doctor::Args),
    /// Tells language, intent, sentiment and personal data of each line.
    Classify(classify::Args),
    /// Measures the model on messages with known labels.
    Evaluate(evaluate::Args),
    /// Installs and lists models.
    Model(model::Args),
    /// Trains a set of intents of your own from examples.
    Train(train::Args),
    /// Translates lines by the engines of a shop, as seats and customers will see them.
    Translate(translate::Args),
    /// Looks after the articles that machines answer with.
    Knowledge(knowledge::Args),
    /// Looks after shops: their pages and the keys of their customers.
    Tenant(tenant::Args),
    /// Looks after the accounts of seats.
    Seat(seat::Args),
    /// Tries the webhooks of a shop.
    Webhook(webhook::Args),
    /// Explains the decisions about a conversation.
    Explain(explain::Args),
    /// Erases a customer: what he said, and that it was him.
    Erase(erase::Args),
    /// Looks after the keys that personal data is sealed with.
    Keys(keys::Args),
    /// Copies the data folder, beside a running router or at rest.
    Backup(backup::Args),
    /// Makes a data folder out of a backup.
    Restore(restore::Args),
    /// Checks the journal or prints what it holds.
    Journal(journal::Args),
    /// Simulates a contact centre in virtual time and compares schedulers.
    Simulate(simulate::Args),
}

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All is well.
    Success = 0,
    /// Something failed.
    Failure = 1,
    /// The flags or the settings are wrong.
    Usage = 2,
    /// A check ran and found something wrong.
    CheckFailed = 3,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Does what `arguments` say; the first is the name of the program.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too. A closed output leaves nobody to tell.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Success };
        }
    };
    let outcome = match cli.verb {
        None => serve::run(&cli.serve),
        Some(Verb::Serve(args)) => serve::run(&args),
        Some(Verb::Config(args)) => config::run(&args),
        Some(Verb::Doctor(args)) => doctor::run(&args),
        Some(Verb::Classify(args)) => classify::run(&args),
        Some(Verb::Evaluate(args)) => evaluate::run(&args),
        Some(Verb::Model(args)) => model::run(&args),
        Some(Verb::Train(args)) => train::run(&args),
        Some(Verb::Translate(args)) => translate::run(&args),
        Some(Verb::Knowledge(args)) => knowledge::run(&args),
        Some(Verb::Tenant(args)) => tenant::run(&args),
        Some(Verb::Seat(args)) => seat::run(&args),
        Some(Verb::Webhook(args)) => webhook::run(&args),
        Some(Verb::Explain(args)) => explain::run(&args),
        Some(Verb::Erase(args)) => erase::run(&args),
        Some(Verb::Keys(args)) => keys::run(&args),
        Some(Verb::Backup(args)) => backup::run(&args),
        Some(Verb::Restore(args)) => restore::run(&args),
        Some(Verb::Journal(args)) => journal::run(&args),
        Some(Verb::Simulate(args)) => simulate::run(&args),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        if error.is::<Mistakes>() { Exit::Usage } else { Exit::Failure }
    })
}

/// Writes `text` to standard output. A reader that has seen enough, as `head` has, is no error.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Writes `value` to standard output as JSON for people and programs.
fn print_json(value: &serde_json::Value) -> anyhow::Result<()> {
    print(&format!("{value:#}\n"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_verb_has_examples_in_its_help() {
        fn check(command: &clap::Command) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Examples:"), "{} has no examples", command.get_name());
            command.get_subcommands().for_each(check);
        }

        let command = Cli::command();
        command.clone().debug_assert();
        check(&command);
    }
}
