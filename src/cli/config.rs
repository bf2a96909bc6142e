//! `tradewind config`: what is set, and whether it is right.

use std::sync::Arc;

use serde_json::json;

use super::settings::SettingsArgs;
use super::{Exit, print, print_json};
use crate::config::shop::Shop;
use crate::config::{Config, Mistake, Origin, all_settings, commented_file};
use crate::understand::tenant::ServedSets;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tradewind config check --config /etc/tradewind.toml
  tradewind config print --origin")]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Tells every mistake at once; ends with 3 when there is one.
    #[command(after_help = "\
Examples:
  tradewind config check
  tradewind config check --config /etc/tradewind.toml --json
  tradewind config check --set timers.heartbeat=12s")]
    Check(CheckArgs),
    /// Prints every setting in force.
    #[command(after_help = "\
Examples:
  tradewind config print
  tradewind config print --origin | grep -v default
  tradewind config print --json
  tradewind config print --commented > tradewind.toml")]
    Print(PrintArgs),
}

#[derive(Debug, clap::Args)]
struct CheckArgs {
    /// Prints JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: SettingsArgs,
}

#[derive(Debug, clap::Args)]
struct PrintArgs {
    /// Says where each value comes from.
    #[arg(long)]
    origin: bool,
    /// Prints JSON, with origin, default, accepted values and reason.
    #[arg(long, conflicts_with = "origin")]
    json: bool,
    /// Prints the commented file of defaults instead, to start a file of your own.
    #[arg(long, conflicts_with_all = ["origin", "json"])]
    commented: bool,
    #[command(flatten)]
    settings: SettingsArgs,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    match &args.verb {
        Verb::Check(args) => check(args),
        Verb::Print(args) => {
            if args.commented {
                print(&commented_file())?;
                return Ok(Exit::Success);
            }
            let loaded = args.settings.load()?;
            match args.json {
                true => print_json(&loaded.to_json())?,
                false => print(&loaded.to_toml(args.origin))?,
            }
            Ok(Exit::Success)
        }
    }
}

fn check(args: &CheckArgs) -> anyhow::Result<Exit> {
    let (mistakes, changed) = match args.settings.load() {
        Ok(loaded) => {
            let changed = loaded.origins.values().filter(|origin| **origin != Origin::Default);
            (mistakes_in_shops(&loaded.config), changed.count())
        }
        Err(mistakes) => (mistakes.iter().map(Mistake::to_string).collect(), 0),
    };
    if args.json {
        print_json(&json!({"right": mistakes.is_empty(), "mistakes": mistakes}))?;
    } else if mistakes.is_empty() {
        let settings = all_settings().count();
        print(&format!("right: {settings} settings, {changed} of them not left at the default\n"))?;
    } else {
        let lines: String = mistakes.iter().map(|mistake| format!("\n  {mistake}")).collect();
        print(&format!("{} wrong:{lines}\n", mistakes.len()))?;
    }
    Ok(if mistakes.is_empty() { Exit::Success } else { Exit::CheckFailed })
}

/// What is wrong in the shops that would be served.
fn mistakes_in_shops(config: &Config) -> Vec<String> {
    let errors = match Shop::served(config) {
        Ok(shops) => {
            let shops: Vec<Arc<Shop>> = shops.into_iter().map(Arc::new).collect();
            ServedSets::load(&shops).err()
        }
        Err(errors) => Some(errors),
    };
    errors.iter().flat_map(|errors| &errors.0).map(ToString::to_string).collect()
}
