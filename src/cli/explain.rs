//! `tradewind explain`: why a conversation is where it is, asked of the router that runs.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail};

use super::settings::SettingsArgs;
use super::{Exit, print};
use crate::domain::ConversationId;

/// How long the router may take for each step of the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Most bytes of an answer that are read.
const ANSWER_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Explains the decisions about a conversation.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tradewind explain 0190f3a2-5b1e-7c3d-9a44-0c6f6b2f9dc1
  tradewind explain 0190f3a2-5b1e-7c3d-9a44-0c6f6b2f9dc1 --json
  tradewind explain 0190f3a2-5b1e-7c3d-9a44-0c6f6b2f9dc1 --admin-listen 127.0.0.1:9001

Asks the router that runs on this machine, at its management address. It remembers the latest decisions
(schedule.records_max), those of before a restart as long as its journal keeps the conversation. Exit code 1 when it is not there or does not know.")]
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
    let address = reachable(args.settings.load()?.config.server.admin_listen);
    let kind = if args.json { "application/json" } else { "text/plain" };
    let path = format!("/v1/conversations/{}/explanation", args.conversation);
    let (status, body) =
        get(address, &path, kind).with_context(|| format!("no router answers at {address}"))?;
    match status {
        200 => print(&body)?,
        404 => bail!("the router at {address} remembers no conversation {}", args.conversation),
        status => bail!("the router at {address} answers with status {status}"),
    }
    Ok(Exit::Success)
}

/// An address that is listened on as one that can be asked.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// Status and body of one HTTP request to the router.
fn get(address: SocketAddr, path: &str, kind: &str) -> anyhow::Result<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    // HTTP/1.0: the answer ends with the connection.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\nAccept: {kind}\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("the answer is no HTTP")?;
    let status = head.split_whitespace().nth(1).and_then(|status| status.parse().ok());
    Ok((status.context("the answer has no status")?, body.to_owned()))
}
