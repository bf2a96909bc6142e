//! `tradewind explain`: why a conversation is where it is, asked of the router that runs.

use anyhow::bail;

use super::router::Router;
use super::settings::SettingsArgs;
use super::{Exit, print};
use crate::domain::ConversationId;

/// Explains the decisions about a conversation.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tradewind explain 0190f3a2-5b1e-7c3d-9a44-0c6f6b2f9dc1
  tradewind explain 0190f3a2-5b1e-7c3d-9a44-0c6f6b2f9dc1 --json
  tradewind explain 0190f3a2-5b1e-7c3d-9a44-0c6f6b2f9dc1 --admin-listen 127.0.0.1:9001

Asks the router that runs on this machine, at its management address. It remembers the latest decisions
(schedule.records_max), those of before a restart included, as long as it keeps the conversation. Exit code 1 when it is not there or does not know.")]
pub(super) struct Args {
    /// The id of the conversation.
    #[arg(value_name = "CONVERSATION")]
    conversation: ConversationId,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: SettingsArgs,
}

/// Asks and prints.
///
/// # Errors
/// When the router cannot be asked, or does not know the conversation.
pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let router = Router::of(&args.settings.load()?.config);
    let address = router.address;
    let kind = if args.json { "application/json" } else { "text/plain" };
    let path = format!("/v1/conversations/{}/explanation", args.conversation);
    let (status, body) = router.ask("GET", &path, kind)?;
    match status {
        200 => print(&body)?,
        404 => bail!("the router at {address} remembers no conversation {}", args.conversation),
        status => bail!("the router at {address} answers with status {status}"),
    }
    Ok(Exit::Success)
}
