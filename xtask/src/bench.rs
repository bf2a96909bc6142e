//! `cargo xtask bench-compare`: figures as ratios, each pair interleaved in one run, because machines
//! are shared and noisy. What is compared with what is written beside each figure.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::root;

/// What to measure, and how often.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Rounds of each pair; the median counts.
    #[arg(long, default_value_t = 3, value_name = "N")]
    rounds: usize,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 5, value_name = "S")]
    duration: u32,
    /// Connections of the flood.
    #[arg(long, default_value_t = 1000, value_name = "N")]
    connections: u32,
    /// Prints one JSON object instead of the table.
    #[arg(long)]
    json: bool,
}

/// Messages a second of the flood whose acknowledgements are timed.
const FLOOD_PER_S: f64 = 5_000.0;
/// Share of them that has to be answered: with less, the latencies are of another rate.
const KEPT_UP: f64 = 0.98;
/// Connections that memory is shared out among.
const IDLE_CONNECTIONS: u64 = 15_000;

/// A figure with the goal it is held against.
struct Row {
    name: &'static str,
    figure: f64,
    /// Why the figure says nothing; empty when it was measured as it should be.
    failed: Vec<String>,
    unit: &'static str,
    /// The least (`true`) or the most (`false`) that is good enough.
    at_least: bool,
    goal: f64,
    detail: String,
}

impl Row {
    fn is_met(&self) -> bool {
        let is_good =
            if self.at_least { self.figure >= self.goal } else { self.figure <= self.goal };
        is_good && self.failed.is_empty()
    }

    fn verdict(&self) -> &'static str {
        match (self.is_met(), self.failed.is_empty()) {
            (true, _) => "met",
            (false, true) => "MISSED",
            (false, false) => "NOT MEASURED",
        }
    }
}

/// Builds everything, measures, prints; whether every goal was met.
pub fn compare(args: &Args) -> Result<bool> {
    build()?;
    let rows = vec![throughput(args)?, memory(args)?, journal_tax(args)?, offers(args)?];
    if args.json {
        let rows = rows.iter().map(|row| {
            json!({ "name": row.name, "figure": row.figure, "unit": row.unit, "goal": row.goal,
                    "met": row.is_met(), "not_measured": row.failed, "detail": row.detail })
        });
        println!("{}", Value::Array(rows.collect()));
    } else {
        for row in &rows {
            let verdict = row.verdict();
            let sign = if row.at_least { "≥" } else { "≤" };
            println!(
                "{:<58} {:>9.2} {:<6} goal {sign} {:<7} {verdict}\n    {}",
                row.name, row.figure, row.unit, row.goal, row.detail
            );
            for why in &row.failed {
                println!("    not measured: {why}");
            }
        }
    }
    Ok(rows.iter().all(Row::is_met))
}

/// Messages for each second of processor time, full path against an echo that does nothing.
fn throughput(args: &Args) -> Result<Row> {
    let (mut pairs, mut failed) = (Vec::new(), Vec::new());
    for _ in 0..args.rounds {
        let echo = Server::echo()?;
        let plain = flood(args, &echo, &["--target", "echo"])?;
        drop(echo);
        let router = Server::router("durable")?;
        let full = flood(args, &router, &[])?;
        failed.extend([&full, &plain].into_iter().filter_map(|report| flood_failed(report, None)));
        pairs.push((per_core(&full)?, per_core(&plain)?));
    }
    let ratios: Vec<f64> = pairs.iter().map(|(full, plain)| full / plain).collect();
    let figure = median(ratios);
    Ok(Row {
        name: "full path against a plain echo, messages a core-second",
        figure,
        failed,
        unit: "x",
        at_least: true,
        goal: 0.4,
        detail: format!(
            "{} connections, 256-byte frames, distinct texts, closed loop; (full, echo) a round: {}",
            args.connections,
            list(pairs.iter().map(|(full, plain)| format!("({full:.0}, {plain:.0})")))
        ),
    })
}

/// Resident memory for each idle connection with its conversation.
fn memory(_: &Args) -> Result<Row> {
    let router = Server::router("durable")?;
    let pid = router.pid();
    let connections = IDLE_CONNECTIONS.to_string();
    let args = ["idle", "--connections", &connections, "--hold-s", "8", "--json"];
    let report = harness(&router, &args, Some(&pid))?;
    let bytes = number(&report, "bytes_per_connection")?;
    Ok(Row {
        name: "resident memory of an idle connection with its conversation",
        figure: bytes / 1024.0,
        failed: idle_failed(&report).into_iter().collect(),
        unit: "KiB",
        at_least: false,
        goal: 12.0,
        detail: "15,000 connections, one message each: growth of the resident set over them, one-off growth included".to_owned(),
    })
}

/// What the disk adds to the 99th percentile of the acknowledgement.
fn journal_tax(args: &Args) -> Result<Row> {
    let (mut pairs, mut failed) = (Vec::new(), Vec::new());
    for _ in 0..args.rounds {
        let mut p99 = |durability| -> Result<f64> {
            let router = Server::router(durability)?;
            let report = flood(args, &router, &["--rate", &FLOOD_PER_S.to_string()])?;
            failed.extend(flood_failed(&report, Some(FLOOD_PER_S)));
            // Null where nothing was answered, and then it has failed.
            Ok(report["latency_ms"]["p99"].as_f64().unwrap_or(f64::NAN))
        };
        pairs.push((p99("durable")?, p99("memory")?));
    }
    Ok(Row {
        name: "acknowledged, p99 with the journal's sync against without",
        figure: median(pairs.iter().map(|(with, without)| with / without).collect()),
        failed,
        unit: "x",
        at_least: false,
        goal: 3.0,
        detail: format!(
            "5,000 messages a second from their scheduled moment; (with, without) ms a round: {}",
            list(pairs.iter().map(|(with, without)| format!("({with:.2}, {without:.2})")))
        ),
    })
}

/// From the event that frees a slot, or brings a conversation, to the offer, below saturation.
fn offers(_: &Args) -> Result<Row> {
    let router = Server::router("durable")?;
    let args = [
        "run",
        "--customers",
        "400",
        "--seats",
        "100",
        "--rate",
        "12",
        "--duration",
        "30",
        "--handling-s",
        "10",
        "--first-reply-s",
        "1",
        "--drain-s",
        "40",
        "--seed",
        "5",
        "--json",
        "--leave-share",
        "0",
        "--reconnect-share",
        "0",
    ];
    harness(&router, &args, None)?;
    let offers = offer_p99_ms(&router.metrics()?);
    let (p99_ms, count) = offers.unwrap_or((f64::NAN, 0));
    Ok(Row {
        name: "a slot frees or a conversation comes, to the offer: p99",
        figure: p99_ms,
        failed: offers.is_none().then(|| "no offer was made".to_owned()).into_iter().collect(),
        unit: "ms",
        at_least: false,
        goal: 50.0,
        detail: format!(
            "{count} offers, inside the server from the frame's arrival; upper end of the bucket"
        ),
    })
}

fn flood(args: &Args, server: &Server, more: &[&str]) -> Result<Value> {
    let (connections, duration) = (args.connections.to_string(), args.duration.to_string());
    let mut line = vec![
        "flood",
        "--connections",
        &connections,
        "--duration",
        &duration,
        "--payload-bytes",
        "256",
        "--json",
    ];
    line.extend_from_slice(more);
    harness(server, &line, Some(&server.pid()))
}

/// Why a flood's report says nothing, if so; at a rate, it has to have been kept.
fn flood_failed(report: &Value, rate_per_s: Option<f64>) -> Option<String> {
    let (lost, errors) = (&report["connections_lost"], &report["errors"]);
    if *lost != 0 || *errors != json!({}) {
        return Some(format!("{lost} connections were lost, errors {errors}"));
    }
    let answered = &report["messages_per_s"];
    let kept_up = |rate: f64| answered.as_f64().is_some_and(|per_s| per_s >= KEPT_UP * rate);
    let rate = rate_per_s.filter(|rate| !kept_up(*rate))?;
    Some(format!("{answered} messages a second were answered, of {rate}"))
}

/// Why the report of idle connections says nothing, if so.
fn idle_failed(report: &Value) -> Option<String> {
    let (lost, conversations) = (&report["connections_lost"], &report["conversations"]);
    let is_whole = *lost == 0 && *conversations == IDLE_CONNECTIONS;
    (!is_whole).then(|| {
        format!("{conversations} of {IDLE_CONNECTIONS} conversations, {lost} connections were lost")
    })
}

/// The 99th percentile of the offer histogram among these metrics, as the upper end of its bucket, and
/// the count; `None` when there is none.
fn offer_p99_ms(metrics: &str) -> Option<(f64, u64)> {
    let buckets: Vec<(f64, f64)> = metrics
        .lines()
        .filter_map(|line| {
            let rest = line.strip_prefix("tradewind_schedule_offer_seconds_bucket{le=\"")?;
            let (end, count) = rest.split_once("\"} ")?;
            Some((end.parse().unwrap_or(f64::INFINITY), count.parse().ok()?))
        })
        .collect();
    let total = buckets.last().map(|(_, total)| *total).filter(|total| *total > 0.0)?;
    let (end, _) = buckets.iter().find(|(_, count)| *count >= 0.99 * total)?;
    Some((end * 1000.0, total as u64))
}

fn per_core(report: &Value) -> Result<f64> {
    number(&report["server"], "messages_per_cpu_s")
}

fn number(report: &Value, key: &str) -> Result<f64> {
    report[key].as_f64().with_context(|| format!("the harness gave no `{key}`: {report}"))
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(" ")
}

fn build() -> Result<()> {
    let status = crate::program(env!("CARGO"))
        .args(["build", "--quiet", "--locked", "--release", "--workspace"])
        .current_dir(root())
        .status()?;
    if !status.success() {
        bail!("the release build failed");
    }
    Ok(())
}

fn binary(name: &str) -> PathBuf {
    root().join("target/release").join(name)
}

/// Runs the harness against a server; gives the JSON that it prints.
fn harness(server: &Server, args: &[&str], pid: Option<&str>) -> Result<Value> {
    let mut command = Command::new(binary("tradewind-loadtest"));
    command.args(args).args(["--url", &server.url]);
    if let Some(pid) = pid {
        command.args(["--server-pid", pid]);
    }
    let output = command.output().context("tradewind-loadtest")?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        bail!("harness {args:?} ended with {}: {}", output.status, why.trim());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().last().unwrap_or_default();
    serde_json::from_str(line).with_context(|| format!("harness {args:?} printed `{text}`"))
}

/// A server that ends with this value.
struct Server {
    child: Child,
    url: String,
    admin: Option<String>,
    /// Removed when the server has ended.
    _data: Option<TempFolder>,
}

impl Server {
    fn echo() -> Result<Self> {
        let mut command = Command::new(binary("xtask"));
        command.args(["echo", "--listen", "127.0.0.1:0"]);
        Self::start(command, None)
    }

    /// The router with the limits of a flood: a thousand connections from one address that each send
    /// as fast as they are answered. The checks stay on the path.
    fn router(durability: &str) -> Result<Self> {
        let data = TempFolder::new()?;
        let mut command = Command::new(binary("tradewind"));
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
            .arg("--data")
            .arg(&data.0)
            // Every check is on the path: the profile raises what one address and one shop may use.
            .arg("--config")
            .arg(root().join("config/load.toml"))
            .args(["--set", &format!("journal.durability={durability}")])
            .args(["--set", "gateway.messages_per_s=10000"])
            .args(["--set", "gateway.messages_burst=10000"])
            .args(["--set", "flow.messages_per_conversation_max=100000"])
            .args(["--set", "log.level=warn"]);
        Self::start(command, Some(data))
    }

    fn start(mut command: Command, data: Option<TempFolder>) -> Result<Self> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let stdout = child.stdout.take().context("no output")?;
        let mut lines = BufReader::new(stdout).lines();
        let mut url = None;
        let mut admin = None;
        for line in lines.by_ref() {
            let line = line?;
            if let Some(address) = line.strip_prefix("listening on ") {
                url = Some(address.to_owned());
            }
            if let Some(address) = line.trim().strip_prefix("management ") {
                admin = Some(address.to_owned());
            }
            if url.is_some() && (admin.is_some() || data.is_none()) {
                break;
            }
        }
        // The pipe must stay open: a server that cannot print would end.
        std::thread::spawn(move || lines.for_each(drop));
        let url = url.context("the server did not start")?;
        Ok(Self { child, url, admin, _data: data })
    }

    fn pid(&self) -> String {
        self.child.id().to_string()
    }

    fn metrics(&self) -> Result<String> {
        get(self.admin.as_deref().context("no admin address")?, "/metrics")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Only our own child, and its data goes with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A GET over plain TCP: one request, no library.
fn get(url: &str, path: &str) -> Result<String> {
    use std::io::{Read, Write};
    let host = url.strip_prefix("http://").context("not an http address")?;
    let mut stream = std::net::TcpStream::connect(host)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

struct TempFolder(PathBuf);

impl TempFolder {
    fn new() -> Result<Self> {
        let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_nanos();
        let path = root().join("target").join(format!("bench-{}-{nanos}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_with_errors_or_lost_connections_says_nothing() {
        let report = |lost: u64, errors: Value| {
            let report = json!({"messages_per_s": 9.0, "connections_lost": lost, "errors": errors});
            flood_failed(&report, None)
        };

        assert_eq!(report(0, json!({})), None);
        let lost = report(2, json!({})).expect("connections were lost");
        assert_eq!(lost, "2 connections were lost, errors {}");
        let refused = report(0, json!({"rate_limited": 7})).expect("messages were refused");
        assert_eq!(refused, r#"0 connections were lost, errors {"rate_limited":7}"#);
        assert!(flood_failed(&json!({}), None).is_some(), "a report without the figures");
    }

    #[test]
    fn a_flood_that_did_not_keep_its_rate_says_nothing() {
        let report = |per_s: f64| {
            let report = json!({"messages_per_s": per_s, "connections_lost": 0, "errors": {}});
            flood_failed(&report, Some(5_000.0))
        };

        assert_eq!([report(5_000.0), report(4_900.0)], [None, None]);
        let slow = report(4_899.0).expect("it was too slow");
        assert_eq!(slow, "4899.0 messages a second were answered, of 5000");
    }

    #[test]
    fn memory_is_of_all_conversations_on_connections_that_all_stand() {
        let report = |conversations: u64, lost: u64| {
            idle_failed(&json!({"conversations": conversations, "connections_lost": lost}))
        };

        assert_eq!(report(15_000, 0), None);
        assert!(report(14_999, 0).is_some() && report(15_000, 1).is_some());
    }

    #[test]
    fn the_percentile_of_no_offer_is_none() {
        let metrics = |counts: [u64; 3]| {
            let buckets = ["0.005", "0.01", "+Inf"].into_iter().zip(counts);
            let line = |(end, count): (&str, u64)| {
                format!("tradewind_schedule_offer_seconds_bucket{{le=\"{end}\"}} {count}\n")
            };
            buckets.map(line).collect::<String>()
        };

        assert_eq!(offer_p99_ms(&metrics([0, 0, 0])), None);
        assert_eq!(offer_p99_ms(""), None);
        assert_eq!(offer_p99_ms(&metrics([60, 99, 100])), Some((10.0, 100)));
    }

    #[test]
    fn what_was_not_measured_is_not_met() {
        let row = |figure, failed| Row {
            name: "",
            figure,
            failed,
            unit: "x",
            at_least: false,
            goal: 3.0,
            detail: String::new(),
        };

        assert_eq!(row(2.0, Vec::new()).verdict(), "met");
        assert_eq!(row(4.0, Vec::new()).verdict(), "MISSED");
        assert_eq!(row(2.0, vec!["no offer was made".to_owned()]).verdict(), "NOT MEASURED");
    }
}
