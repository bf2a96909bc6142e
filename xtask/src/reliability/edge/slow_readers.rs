//! Readers that do not read, beside customers who do.
//!
//! Each has two sockets: on one it writes long messages, the other looks on, and in troubled windows does
//! not read. In quiet ones the same is written and read, so that the windows differ in the reading alone.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::beside::{Beside, CUSTOMERS, judge, pairs};
use super::windows::Air;
use super::{Place, files};
use crate::reliability::Tally;
use crate::reliability::client::{Closed, Socket, customer_token, dial, get};
use crate::reliability::view::View;

/// One in a hundred of the others.
const SLOW: u64 = CUSTOMERS / 100;
/// How long a window lasts: longer than it takes to fill an outbox.
const WINDOW: Duration = Duration::from_secs(10);
/// How much longer a troubled one may last until all are cut, on a busy machine.
const LONGER_MAX: Duration = Duration::from_secs(20);
/// In this time who was cut reads on, comes back and has the gap.
const PAUSE: Duration = Duration::from_secs(4);
/// An outbox of a quarter of the usual, so that it fills within a window, and time to hear at its end why
/// one was cut.
const FLAGS: &[&str] =
    &["--set", "gateway.outbox_bytes_max=256KiB", "--set", "timers.peer_dead_after=1min"];
/// A long message, and how often.
const TEXT_BYTES: usize = 16_000;
const EVERY: Duration = Duration::from_millis(80);
/// A ping of the reader goes out with every so many messages of the writer: some four
/// seconds.
const PING_EVERY: u64 = 48;
/// Tries to come back, and the pause between them: a busy router may ask to wait.
const TRIES: usize = 20;
const AGAIN: Duration = Duration::from_secs(1);
/// The code that says "reconnect": too slow.
const SLOW_CODE: u16 = 4002;

/// Has slow readers for `seconds`, in windows; more are measured when the machine was busy.
pub async fn run(place: &Place, seconds: u64) -> Result<Tally> {
    files::make_room(CUSTOMERS + 3 * SLOW)?;
    let router = place.router(FLAGS)?;
    let address = router.address;
    let beside = Beside::start(address).await?;
    let (air, heard) = watch::channel(Air::Quiet);
    let mut slow = JoinSet::new();
    for number in 0..SLOW {
        slow.spawn(Pair::open(address, CUSTOMERS + 2 * number).await?.run(heard.clone()));
    }
    let air = Arc::new(air);
    let (mut troubled, mut seconds_of_it) = (0, 0);
    let least = usize::try_from(seconds.div_ceil(WINDOW.as_secs()))?;
    let windows = pairs(&beside, (least, 2 * least + 2), async |now| {
        air.send_replace(now);
        let from = Instant::now();
        tokio::time::sleep(WINDOW).await;
        if now == Air::Troubled {
            troubled += 1;
            while slow_ones(address).await? < troubled * SLOW
                && from.elapsed() < WINDOW + LONGER_MAX
            {
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
            seconds_of_it += from.elapsed().as_secs();
        }
        let to = Instant::now();
        air.send_replace(Air::Quiet);
        tokio::time::sleep(PAUSE).await;
        Ok((from, to))
    })
    .await?;
    drop((air, heard));
    let mut tally = Tally { size: seconds_of_it, ..Tally::default() };
    let mut cut = 0;
    while let Some(ended) = slow.join_next().await {
        let (seen, cuts) = ended??;
        tally += seen;
        cut += cuts;
    }
    let expected = troubled * SLOW;
    eprintln!("    {SLOW} slow readers, {troubled} times: cut with {SLOW_CODE} {cut} times");
    tally.violations += expected.abs_diff(cut);
    tally += judge(&windows, &beside.stop().await?);
    Ok(tally)
}

/// How many the router has cut for being slow.
async fn slow_ones(address: SocketAddr) -> Result<u64> {
    let page = get(address, "/metrics").await?;
    let name = "tradewind_gateway_closed_total{reason=\"slow\"} ";
    let value = page.lines().find_map(|line| line.strip_prefix(name)).context("such a metric")?;
    Ok(value.trim().parse()?)
}

/// A customer with a socket that writes and one that looks on.
struct Pair {
    address: SocketAddr,
    number: u64,
    token: String,
    writer: Socket,
    reader: Socket,
    view: View,
    cuts: u64,
}

impl Pair {
    async fn open(address: SocketAddr, number: u64) -> Result<Self> {
        let (token, _) = customer_token(address, None).await?;
        let open = async |number| {
            let stream = dial(address, number).await?;
            Ok::<_, anyhow::Error>(
                Socket::hello_on(stream, "/v1/widget", &token, json!({})).await?.0,
            )
        };
        let (writer, reader) = (open(number).await?, open(number + 1).await?);
        Ok(Self { address, number, token, writer, reader, view: View::default(), cuts: 0 })
    }

    /// Goes on until nobody makes the air any more; gives what was wrong, and how often it was cut.
    async fn run(mut self, mut air: watch::Receiver<Air>) -> Result<(Tally, u64)> {
        let mut next_at = Instant::now();
        let mut count = 0_u64;
        loop {
            let now = *air.borrow_and_update();
            tokio::select! {
                changed = air.changed() => if changed.is_err() { break },
                () = tokio::time::sleep_until(next_at.into()) => {
                    let (id, text) = (Uuid::new_v4(), long_text(self.number, count));
                    let send = json!({"type": "send", "id": id, "conversation": null, "text": text});
                    self.writer.send(&send).await.context("the writer")?;
                    if count.is_multiple_of(PING_EVERY) {
                        // Slow, and there all the same. One that was cut hears so when it reads.
                        let _ = self.reader.send(&json!({"type": "ping"})).await;
                    }
                    (next_at, count) = (next_at + EVERY, count + 1);
                }
                frame = self.writer.wait() => {
                    let frame = frame.context("the writer of a slow reader was cut off")?;
                    ensure!(frame["type"] != "error", "{frame}");
                }
                frame = self.reader.wait(), if now == Air::Quiet => match frame {
                    Ok(frame) => self.take(&frame),
                    Err(ended) => self.come_back(&ended).await?,
                },
            }
        }
        Ok((self.view.tally, self.cuts))
    }

    fn take(&mut self, frame: &serde_json::Value) {
        if frame["type"] == "event" {
            self.view.event(frame);
        }
    }

    /// After the code that says so: resumes, and has to get the gap.
    async fn come_back(&mut self, ended: &anyhow::Error) -> Result<()> {
        match ended.downcast_ref() {
            Some(Closed(Some(SLOW_CODE))) => self.cuts += 1,
            _ => eprintln!("    a slow reader was cut off without its code: {ended:#}"),
        }
        let mut tries = 0;
        let (reader, welcome) = loop {
            match self.resume().await {
                Ok(welcomed) => break welcomed,
                Err(error) if tries >= TRIES => return Err(error.context("coming back")),
                Err(_) => tokio::time::sleep(AGAIN).await,
            }
            tries += 1;
        };
        if self.view.welcome(&welcome, false) {
            bail!("there is a conversation that the reader never heard of");
        }
        if welcome["recovered"] != true {
            self.view.tally.lost += 1;
        }
        self.reader = reader;
        Ok(())
    }

    async fn resume(&self) -> Result<(Socket, serde_json::Value)> {
        let stream = dial(self.address, self.number + 1).await?;
        Socket::hello_on(stream, "/v1/widget", &self.token, self.view.last_seq()).await
    }
}

/// Words, so that it is read as a text is, of which no two are the same.
fn long_text(number: u64, count: u64) -> String {
    let mut text = format!("reader {number} has to read number {count}:");
    while text.len() + 12 < TEXT_BYTES {
        text.push_str(" some words");
    }
    text
}
