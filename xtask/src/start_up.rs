//! `cargo xtask start-up`: how long a router takes to start on a long journal, and on a snapshot of it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tradewind::domain::{
    ConversationId, CustomerId, CustomerKey, CustomerValue, Event, EventKind, Guess, Intent,
    MessageId, Sender, Sentiment, ShopId, Timestamp, Understanding,
};
use tradewind::flow::{Fact, Opened, Record};
use tradewind::journal::{Batch, Journal, Options, open};
use uuid::Uuid;

use crate::{program, root};

/// Records of one conversation: each message is one, and so is what was read out of it.
const RECORDS_PER_CONVERSATION: u64 = 20;
/// Bytes that are appended at a time.
const BATCH_BYTES: usize = 1 << 20;

/// What to measure.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Records of the journal.
    #[arg(long, default_value_t = 10_000_000, value_name = "N")]
    records: u64,
    /// Prints one JSON object instead of the lines.
    #[arg(long)]
    json: bool,
}

/// Writes the journal, starts a router on it, waits for its snapshot and starts it again.
///
/// # Errors
/// When the router cannot be built or does not start.
pub fn measure(args: &Args) -> Result<bool> {
    let built = program("cargo")
        .args(["build", "--locked", "--release", "--quiet", "--workspace"])
        .current_dir(root())
        .status()?;
    anyhow::ensure!(built.success(), "the router cannot be built");
    let folder = root().join("target/start-up");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    let data = folder.join("data");
    let written = write(&data.join("journal"), args.records)?;
    let mut first = Router::start(&data)?;
    let from_journal = first.until_ready()?;
    let snapshot = first.line("snapshot made")?;
    drop(first);
    let from_snapshot = Router::start(&data)?.until_ready()?;
    std::fs::remove_dir_all(&folder)?;
    let conversations = args.records.div_ceil(RECORDS_PER_CONVERSATION);
    check(&from_journal, conversations, 0)?;
    check(&from_snapshot, conversations, conversations)?;

    let result = json!({
        "records": args.records,
        "bytes": written,
        "journal": from_journal,
        "snapshot_made": {"bytes": snapshot["bytes"], "took_ms": snapshot["took_ms"]},
        "snapshot": from_snapshot,
    });
    if args.json {
        println!("{result}");
        return Ok(true);
    }
    let rate = |took: &Value| args.records as f64 / (took["took_ms"].as_f64().unwrap_or(1.0) / 1e3);
    println!("records            {}", args.records);
    println!("bytes              {written}");
    println!("start, journal     {} ms", from_journal["took_ms"]);
    println!("records a second   {:.0}", rate(&from_journal));
    println!("snapshot made in   {} ms, {} bytes", snapshot["took_ms"], snapshot["bytes"]);
    println!("start, snapshot    {} ms", from_snapshot["took_ms"]);
    println!("conversations      {}", from_snapshot["conversations"]);
    Ok(true)
}

/// Whether a start restored all conversations, so many of them from a snapshot: else its time is that of
/// something else.
fn check(started: &Value, conversations: u64, from_snapshot: u64) -> Result<()> {
    anyhow::ensure!(
        started["conversations"] == conversations && started["from_snapshot"] == from_snapshot,
        "of {conversations} conversations {from_snapshot} were to come from a snapshot: {started}"
    );
    Ok(())
}

/// A router whose log is read.
struct Router {
    child: Child,
    log: std::io::Lines<BufReader<std::process::ChildStderr>>,
}

impl Router {
    fn start(data: &Path) -> Result<Self> {
        let mut child = Command::new(root().join("target/release/tradewind"))
            .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(["--set", "log.format=json", "--set", "journal.snapshot_every=1s"])
            // The made-up customers have been silent for longer than customers may.
            .args(["--set", "timers.customer_silence_ask=24h"])
            .args(["--set", "timers.customer_silence_close=48h", "--set", "timers.resume_for=30d"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let log = BufReader::new(child.stderr.take().context("a pipe")?).lines();
        Ok(Self { child, log })
    }

    /// The next line of the log with this message.
    fn line(&mut self, message: &str) -> Result<Value> {
        for line in self.log.by_ref() {
            let line: Value = serde_json::from_str(&line?)?;
            if line["message"] == message {
                return Ok(line);
            }
        }
        bail!("the router ended before it said `{message}`");
    }

    fn until_ready(&mut self) -> Result<Value> {
        let replayed = self.line("journal replayed")?;
        let ready = self.line("ready")?;
        Ok(json!({
            "took_ms": ready["took_ms"],
            "records": replayed["records"],
            "from_snapshot": replayed["from_snapshot"],
            "conversations": replayed["conversations"],
        }))
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        // It has nothing to finish.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes a journal of about `records` records; gives its bytes.
fn write(folder: &Path, records: u64) -> Result<u64> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (journal, _) = open(folder, Options { segment_bytes: 16 << 20, ..Options::default() })?;
    runtime.block_on(async {
        let mut batch = Batch::new();
        let now = Timestamp::from_millis(u64::try_from(
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_millis(),
        )?);
        let began = now - Duration::from_secs(3600);
        let conversations = records.div_ceil(RECORDS_PER_CONVERSATION);
        for number in 0..records {
            // Conversations go on side by side, as they do.
            let record = record(began, number % conversations, number / conversations);
            batch.push(&record.encode())?;
            if batch.frame_bytes() >= BATCH_BYTES {
                append(&journal, std::mem::take(&mut batch)).await?;
            }
        }
        if !batch.is_empty() {
            append(&journal, batch).await?;
        }
        let bytes = journal.stats().bytes;
        journal.close().await?;
        Ok(bytes)
    })
}

async fn append(journal: &Journal, batch: Batch) -> Result<()> {
    journal.append(batch).await?;
    Ok(())
}

/// The record `step` of a conversation: a message at even steps, what was read out of it at odd ones.
fn record(began: Timestamp, number: u64, step: u64) -> Record {
    let shop = ShopId::from("demo");
    let customer = CustomerId::from(format!("made-up-{number}"));
    let key = CustomerKey::of(&shop, &customer);
    let conversation = ConversationId::new(began.as_millis(), key, number);
    let seq = step / 2 + 1;
    let mut facts = Vec::new();
    if step == 0 {
        facts.push(Fact::Opened(Opened {
            shop,
            customer,
            verified: None,
            epoch: 1,
            at: began,
            locale: "en".parse().ok(),
            time_zone: Some("Europe/Berlin".into()),
            region: None,
            value: CustomerValue::Normal,
        }));
    }
    facts.push(if step.is_multiple_of(2) {
        Fact::Event(Event {
            seq,
            at: began + Duration::from_secs(seq),
            kind: EventKind::Message {
                from: Sender::Customer,
                id: MessageId::from_uuid(Uuid::from_u128(
                    u128::from(number) << 32 | u128::from(seq),
                )),
                text: format!(
                    "message {seq} of made-up customer {number}: where is my parcel now?"
                )
                .into(),
                language: None,
            },
        })
    } else {
        let understanding = "en".parse().ok().map(|label| Understanding {
            language: Guess { label, confidence: 0.99 },
            intent: Guess { label: Intent::TrackOrder, confidence: 0.9 },
            sentiment: Guess { label: Sentiment::Neutral, confidence: 0.9 },
            ..Understanding::unknown(label)
        });
        Fact::Understood { seq, understanding }
    });
    Record { conversation, facts }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_that_did_not_restore_what_it_should_has_no_figure() {
        let started = json!({"conversations": 50, "from_snapshot": 50});

        assert!(check(&started, 50, 50).is_ok());
        assert!(check(&started, 50, 0).is_err(), "it was to read the journal");
        assert!(check(&started, 51, 51).is_err(), "one is missing");
        assert!(check(&json!({"conversations": 50, "from_snapshot": 0}), 50, 50).is_err());
    }
}
