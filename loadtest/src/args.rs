//! The command line.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::client::session::Target;
use crate::require::Requirement;

/// Drives a Tradewind router with customers and seats over its documented wire protocol, compares
/// what was sent, acknowledged and seen, and reports latencies.
///
/// Exit codes: 0 all is well; 1 a threshold or a promise was broken; 2 wrong use, or the router
/// could not be reached.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    Run(RunArgs),
    Day(DayArgs),
    Flood(FloodArgs),
    Idle(IdleArgs),
}

/// Where the router is.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Router")]
pub struct Where {
    /// Address of the router, such as http://127.0.0.1:8080
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    pub url: String,
    /// The shop whose customers and seats these are
    #[arg(long, default_value = "demo")]
    pub shop: String,
    /// Allow a host other than this machine: load on somebody else's machine needs their consent
    #[arg(long)]
    pub allow_remote: bool,
}

/// What customers write.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Messages")]
pub struct WrittenArgs {
    /// A file of {"text":…,"language":…} lines, or a folder of such .jsonl files; else a small built-in
    /// sample
    #[arg(long, value_name = "PATH")]
    pub messages: Option<PathBuf>,
    /// Weights of the languages, such as en=30,ar=12,it=7; others are left out. Else each has its share
    /// of the messages
    #[arg(long, value_name = "LANGUAGE=WEIGHT,…", value_delimiter = ',', value_parser = weight_of)]
    pub mix: Vec<(String, usize)>,
}

impl WrittenArgs {
    /// For reports: the name of the file or folder, and the weights.
    pub fn describe(&self) -> String {
        let mut words = match &self.messages {
            Some(path) => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            None => "built-in sample".into(),
        };
        for (at, (language, weight)) in self.mix.iter().enumerate() {
            let before = if at == 0 { ": " } else { ", " };
            words.push_str(&format!("{before}{language}={weight}"));
        }
        words
    }
}

/// Largest weight of one language: whole percents and their tenths need no more.
const WEIGHT_MAX: usize = 1_000;

fn weight_of(part: &str) -> Result<(String, usize), String> {
    let (language, weight) = part.split_once('=').ok_or("write it as en=30")?;
    let weight: usize = weight.trim().parse().map_err(|_| "the weight is no whole number")?;
    if !(1..=WEIGHT_MAX).contains(&weight) {
        return Err(format!("a weight is from 1 to {WEIGHT_MAX}"));
    }
    Ok((language.trim().to_owned(), weight))
}

/// Who works at the seats.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Seats")]
pub struct SeatArgs {
    /// Seats that sign in; each needs an account in the shop [default: 40, for a day 200]
    #[arg(long, value_name = "N")]
    pub seats: Option<usize>,
    /// User names of the seats: `{}` is the number, `{:03}` the number with leading zeros
    #[arg(long, default_value = "seat-{:03}", value_name = "PATTERN")]
    pub seat_user: String,
    /// Number of the first seat
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seat_from: usize,
    /// Password of all seats
    #[arg(long, default_value = "demo", value_name = "TEXT")]
    pub seat_password: String,
    /// Conversations that a seat may hold at the same time: set in the router, told here only for
    /// the report's occupancy
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub slots: u32,
    /// Mean time to look at an offer before accepting it, seconds
    #[arg(long, default_value_t = 0.15, value_name = "S")]
    pub accept_s: f64,
}

/// What comes out.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Print the result as JSON on standard output, and nothing else there
    #[arg(long)]
    pub json: bool,
    /// Write a report with percentile plots; one file that needs no network
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
    /// A threshold that sets the exit code, such as 'ack_ms.p99<=50'; may be given more than once
    #[arg(long, value_name = "EXPR")]
    pub require: Vec<Requirement>,
    /// Write each step as a JSON line while it happens, for tests that kill the router. Holds the
    /// credentials of the made-up customers, no texts
    #[arg(long, value_name = "FILE")]
    pub ledger: Option<PathBuf>,
}

/// Open model: conversations arrive at their own rate and keep their schedule when the router slows;
/// latency counts from the scheduled moment.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  # a minute of conversations from the built-in sample
  tradewind-loadtest run --customers 100 --seats 20 --rate 3 --duration 60

  # 200 seats x 3 slots at load 0.9: customers who close by themselves bring the 10 s of handling
  # down to 8.7 s, so 0.9 x 600 slots / 8.7 s = 62 conversations a second
  tradewind-loadtest run --customers 2500 --seats 200 --rate 62 --duration 170 --seed 7 \\
    --messages messages.jsonl --handling-s 10 --first-reply-s 1 \\
    --report load.html --require 'within_15s_person>=0.95' --require 'ack_ms.p99<=50'")]
pub struct RunArgs {
    #[command(flatten)]
    pub place: Where,
    /// Customers there are at most: a conversation that finds none free is counted, not delayed
    #[arg(long, default_value_t = 200)]
    pub customers: usize,
    /// Conversations that begin a second, on average (Poisson)
    #[arg(long, default_value_t = 2.0, value_name = "PER_S")]
    pub rate: f64,
    /// How long conversations arrive, seconds
    #[arg(long, default_value_t = 60.0, value_name = "S")]
    pub duration: f64,
    /// Stop after so many conversations
    #[arg(long, value_name = "N")]
    pub conversations: Option<u64>,
    #[command(flatten)]
    pub written: WrittenArgs,
    /// The same seed gives the same arrivals and the same customers
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    #[command(flatten)]
    pub seats: SeatArgs,
    /// Mean time from accepting to closing, seconds
    #[arg(long, default_value_t = 10.0, value_name = "MEAN")]
    pub handling_s: f64,
    /// Mean time from accepting to the first reply, seconds
    #[arg(long, default_value_t = 1.0, value_name = "MEAN")]
    pub first_reply_s: f64,
    /// Mean time from a customer's later message to the reply, seconds; else as --first-reply-s
    #[arg(long, value_name = "MEAN")]
    pub reply_s: Option<f64>,
    #[command(flatten)]
    pub people: PeopleArgs,
    /// After the last arrival, conversations have this long to end by themselves, seconds
    #[arg(long, default_value_t = 120.0, value_name = "S")]
    pub drain_s: f64,
    #[command(flatten)]
    pub output: OutputArgs,
}

/// How customers behave.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Customers")]
pub struct PeopleArgs {
    /// A customer's messages after the first, on average
    #[arg(long, default_value_t = 2.0, value_name = "MEAN")]
    pub turns: f64,
    /// Mean time to write one, seconds
    #[arg(long, default_value_t = 2.0, value_name = "MEAN")]
    pub think_s: f64,
    /// Share that is content with a machine's answer; the others ask for a person
    #[arg(long, default_value_t = 0.6, value_name = "SHARE")]
    pub content_share: f64,
    /// Share that closes the conversation itself once it has said everything
    #[arg(long, default_value_t = 0.3, value_name = "SHARE")]
    pub close_share: f64,
    /// Share that walks away while waiting in the queue and never comes back
    #[arg(long, default_value_t = 0.02, value_name = "SHARE")]
    pub leave_share: f64,
    /// Mean wait in the queue before walking away, seconds
    #[arg(long, default_value_t = 3.0, value_name = "MEAN")]
    pub leave_after_s: f64,
    /// Share whose connection breaks once, right after a message left, and is resumed
    #[arg(long, default_value_t = 0.05, value_name = "SHARE")]
    pub reconnect_share: f64,
    /// Mean time without a connection, seconds
    #[arg(long, default_value_t = 1.0, value_name = "MEAN")]
    pub away_s: f64,
    /// Share that rates the conversation at its end
    #[arg(long, default_value_t = 0.5, value_name = "SHARE")]
    pub rate_share: f64,
    /// A customer whose conversation has not ended after so long closes it, seconds
    #[arg(long, default_value_t = 300.0, value_name = "S")]
    pub patience_s: f64,
    /// Conversations of one customer before another takes its place
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub visits: u32,
}

/// Replays a day of 10,000 conversations as fast as the router takes it; see docs/loadtest.md.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  # the published day with the built-in sample
  tradewind-loadtest day

  # with real messages, more customers at the same time, and nothing may go wrong
  tradewind-loadtest day --messages messages.jsonl --customers 300 \\
    --require 'unfinished==0' --report day.html")]
pub struct DayArgs {
    #[command(flatten)]
    pub place: Where,
    /// Conversations of the day
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    pub conversations: u64,
    /// Conversations at the same time
    #[arg(long, default_value_t = 200)]
    pub customers: usize,
    #[command(flatten)]
    pub written: WrittenArgs,
    /// The same seed gives the same day
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// A customer's messages after the first, on average
    #[arg(long, default_value_t = 2.0, value_name = "MEAN")]
    pub turns: f64,
    /// Conversations of one customer before another takes its place
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub visits: u32,
    #[command(flatten)]
    pub seats: SeatArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

/// What a flood reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FloodTarget {
    /// The router: session, hello, one conversation a connection; counts acknowledgements
    Full,
    /// A plain WebSocket echo server at the address; counts what comes back
    Echo,
}

/// Messages as fast as they are answered, one in flight on each connection; or at a fixed rate.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  # the router's full path, distinct texts, 256 bytes a frame
  tradewind-loadtest flood --connections 1000 --payload-bytes 256 --duration 10 --json

  # the same frames to a plain echo server
  tradewind-loadtest flood --target echo --url http://127.0.0.1:9001 --duration 10 --json

  # 5,000 messages a second, latency from the scheduled moment
  tradewind-loadtest flood --rate 5000 --duration 20")]
pub struct FloodArgs {
    #[command(flatten)]
    pub place: Where,
    /// What is at the address
    #[arg(long, value_enum, default_value = "full")]
    pub target: FloodTarget,
    /// Connections, each with a conversation of its own
    #[arg(long, default_value_t = 1000, value_name = "N")]
    pub connections: usize,
    /// Bytes of a whole frame's payload, the JSON around the text included, so that both targets
    /// get the same bytes
    #[arg(long, default_value_t = 256, value_name = "N", value_parser = clap::value_parser!(u32).range(200..=16384))]
    pub payload_bytes: u32,
    /// Measured time after the warm-up, seconds
    #[arg(long, default_value_t = 10.0, value_name = "S")]
    pub duration: f64,
    /// Not measured at the beginning, seconds
    #[arg(long, default_value_t = 1.0, value_name = "S")]
    pub warm_up_s: f64,
    /// Messages a second in all, on a schedule that does not wait for answers; else closed loop
    #[arg(long, value_name = "PER_S")]
    pub rate: Option<f64>,
    /// Process of the server, to report its processor time and memory as well
    #[arg(long, value_name = "PID")]
    pub server_pid: Option<u32>,
    /// Print the result as JSON on standard output
    #[arg(long)]
    pub json: bool,
    /// A threshold that sets the exit code, such as 'messages_per_s>=20000'
    #[arg(long, value_name = "EXPR")]
    pub require: Vec<Requirement>,
}

/// Opens connections that send one message each and then only keep alive: for measuring memory.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  # resident memory for each idle connection with its conversation
  tradewind-loadtest idle --connections 5000 --hold-s 20 --server-pid \"$(pidof tradewind)\"")]
pub struct IdleArgs {
    #[command(flatten)]
    pub place: Where,
    /// Connections
    #[arg(long, default_value_t = 1000, value_name = "N")]
    pub connections: usize,
    /// How long they stay, seconds
    #[arg(long, default_value_t = 15.0, value_name = "S")]
    pub hold_s: f64,
    /// Send no message: connections without a conversation
    #[arg(long)]
    pub silent: bool,
    /// Process of the server, whose resident memory is read before and after
    #[arg(long, value_name = "PID")]
    pub server_pid: Option<u32>,
    /// Print the result as JSON on standard output
    #[arg(long)]
    pub json: bool,
    /// A threshold that sets the exit code, such as 'bytes_per_connection<=12288'
    #[arg(long, value_name = "EXPR")]
    pub require: Vec<Requirement>,
}

impl Where {
    /// Resolves the address.
    ///
    /// # Errors
    /// When it is not `http://host:port`, cannot be resolved, or is not this machine and that was
    /// not allowed.
    pub fn target(&self) -> Result<Target> {
        let rest = self
            .url
            .strip_prefix("http://")
            .or_else(|| self.url.strip_prefix("ws://"))
            .with_context(|| format!("`{}` does not begin with http://", self.url))?;
        let host = rest.trim_end_matches('/');
        if host.is_empty() || host.contains('/') {
            bail!("`{}` is not an address of the form http://host:port", self.url);
        }
        let with_port = if has_port(host) { host.to_owned() } else { format!("{host}:80") };
        let address: SocketAddr = with_port
            .to_socket_addrs()
            .with_context(|| format!("resolving {host}"))?
            .next()
            .with_context(|| format!("{host} has no address"))?;
        if !address.ip().is_loopback() && !self.allow_remote {
            bail!("{host} is not this machine; --allow-remote if its owner agrees to the load");
        }
        Ok(Target { address, host: host.into(), shop: self.shop.clone() })
    }
}

fn has_port(host: &str) -> bool {
    let after_brackets = host.rsplit(']').next().unwrap_or(host);
    after_brackets.contains(':')
}

/// The user name of a seat by the pattern of `--seat-user`.
pub fn seat_user(pattern: &str, number: usize) -> String {
    if let Some((before, rest)) = pattern.split_once("{:0")
        && let Some((width, after)) = rest.split_once('}')
        && let Ok(width) = width.parse::<usize>()
        && width <= 20
    {
        return format!("{before}{number:0width$}{after}");
    }
    pattern.replacen("{}", &number.to_string(), 1)
}

/// Refuses a share outside 0 to 1 and a negative time, by name.
///
/// # Errors
/// With the first one that is out of range.
pub fn check_ranges(shares: &[(&str, f64)], times: &[(&str, f64)]) -> Result<()> {
    for (name, value) in shares {
        if !(0.0..=1.0).contains(value) {
            bail!("--{name} {value} is not a share between 0 and 1");
        }
    }
    for (name, value) in times {
        if !(0.0..=1e6).contains(value) {
            bail!("--{name} {value} is not between 0 and 1,000,000");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(url: &str) -> Where {
        Where { url: url.into(), shop: "demo".into(), allow_remote: false }
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn seats_are_named_by_the_pattern() {
        assert_eq!(seat_user("seat-{:03}", 7), "seat-007");
        assert_eq!(seat_user("agent{}@demo", 12), "agent12@demo");
        assert_eq!(seat_user("mai", 1), "mai");
    }

    #[test]
    fn only_this_machine_is_driven_unless_allowed() {
        assert!(place("http://127.0.0.1:8080").target().is_ok());
        assert!(place("http://[::1]:8080").target().is_ok());
        let refused = place("http://192.0.2.1:80").target().expect_err("not this machine");
        assert!(refused.to_string().contains("--allow-remote"));
        let allowed = Where { allow_remote: true, ..place("http://192.0.2.1:80") };
        assert!(allowed.target().is_ok());
    }

    #[test]
    fn an_address_that_is_none_is_refused() {
        for url in ["127.0.0.1:8080", "https://127.0.0.1", "http://", "http://127.0.0.1:8080/v1"] {
            assert!(place(url).target().is_err(), "{url}");
        }
    }

    #[test]
    fn shares_and_times_out_of_range_are_named() {
        let refused = check_ranges(&[("leave-share", 1.5)], &[]).expect_err("out of range");
        assert!(refused.to_string().contains("--leave-share"));
        assert!(check_ranges(&[], &[("think-s", f64::NAN)]).is_err());
    }
}
