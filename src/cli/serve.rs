//! `tradewind serve`: the router itself.

use std::io::IsTerminal;

use tracing::level_filters::LevelFilter;
use tracing::{info, warn};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::Exit;
use super::settings::SettingsArgs;
use crate::config::{Loaded, Log, LogFormat, LogLevel};
use crate::doctor;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tradewind serve
  tradewind serve --listen 127.0.0.1:9000 --admin-listen 127.0.0.1:9001 --data /var/lib/tradewind
  tradewind serve --shops /etc/tradewind/shops --listen 0.0.0.0:8080
  TRADEWIND_LOG_FORMAT=json tradewind serve --set timers.offer=8s

Stop it with Ctrl-C or SIGTERM: it takes no more, finishes what it has taken, and closes the sockets.")]
pub(super) struct Args {
    #[command(flatten)]
    settings: SettingsArgs,
}

/// Serves until it is told to stop.
pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let Loaded { config, ignored, .. } = args.settings.load()?;
    start_log(&config.log)?;
    for variable in ignored {
        warn!(variable, "this variable is no setting and has no effect");
    }
    match doctor::raise_open_files() {
        Ok(limit) => info!(open_files_max = limit, "open files"),
        Err(error) => warn!(%error, "the limit of open files stays as it is"),
    }
    let settings = args.settings.clone();
    let read_again = move || settings.load().map(|loaded| loaded.config);
    crate::app::run(config, Box::new(read_again))?;
    Ok(Exit::Success)
}

/// Sends log lines to standard error. Libraries below stay quiet unless something is odd: what they
/// say of frames may hold text of customers.
fn start_log(log: &Log) -> anyhow::Result<()> {
    let level = match log.level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let targets = Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target(env!("CARGO_PKG_NAME"), level);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(targets);
    match log.format {
        LogFormat::Text => {
            let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            registry.with(lines.with_ansi(colour)).try_init()?;
        }
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init()?,
    }
    Ok(())
}
