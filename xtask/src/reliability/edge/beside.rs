//! Customers who do what customers do, on a schedule of their own, while something else goes on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::windows::{Air, RATIO_MAX, Sample, Window, is_above, median, order, p99, ratios};
use crate::reliability::Tally;
use crate::reliability::client::{Socket, customer_token, dial};

/// How many there are.
pub const CUSTOMERS: u64 = 1_000;
/// Each says something so often.
const EVERY: Duration = Duration::from_secs(4);
/// Connections that are made at the same time.
const AT_A_TIME: usize = 32;
/// The first seconds, when caches fill and the last connections are made, are not counted.
const WARM_UP: Duration = Duration::from_secs(4);

/// The customers, and what they have measured so far.
pub struct Beside {
    samples: Arc<Mutex<Vec<Sample>>>,
    stop: CancellationToken,
    talking: JoinSet<Result<()>>,
}

impl Beside {
    /// Connects all of them, and waits until they talk.
    pub async fn start(address: SocketAddr) -> Result<Self> {
        let gate = Arc::new(Semaphore::new(AT_A_TIME));
        let mut opening = JoinSet::new();
        for number in 0..CUSTOMERS {
            let gate = gate.clone();
            opening.spawn(async move {
                let _turn = gate.acquire().await?;
                let (token, _) = customer_token(address, None).await?;
                let stream = dial(address, number).await?;
                Ok::<_, anyhow::Error>(
                    Socket::hello_on(stream, "/v1/widget", &token, json!({})).await?.0,
                )
            });
        }
        let mut sockets = Vec::new();
        while let Some(opened) = opening.join_next().await {
            sockets.push(opened??);
        }
        let samples = Arc::new(Mutex::new(Vec::new()));
        let stop = CancellationToken::new();
        let mut talking = JoinSet::new();
        let now = Instant::now();
        for (number, socket) in (0_u32..).zip(sockets) {
            let first_at = now + EVERY * number / u32::try_from(CUSTOMERS)?;
            talking.spawn(talk(socket, number, first_at, samples.clone(), stop.clone()));
        }
        tokio::time::sleep(WARM_UP).await;
        Ok(Self { samples, stop, talking })
    }

    /// Ends their talk; one who was refused or cut off makes the run worthless.
    pub async fn stop(mut self) -> Result<Vec<Sample>> {
        self.stop.cancel();
        while let Some(ended) = self.talking.join_next().await {
            ended??;
        }
        let samples = std::mem::take(&mut *self.samples.lock().await);
        Ok(samples)
    }

    /// The median ratio of the pairs so far.
    pub async fn ratio(&self, windows: &[Window]) -> Option<f64> {
        median(ratios(windows, &self.samples.lock().await))
    }
}

/// Runs pairs of windows: at least `least`, and until the median ratio is as promised, at most `most`.
/// `window` makes the air of one, and says when it began and ended.
pub async fn pairs(
    beside: &Beside,
    (least, most): (usize, usize),
    mut window: impl AsyncFnMut(Air) -> Result<(Instant, Instant)>,
) -> Result<Vec<Window>> {
    let mut windows = Vec::new();
    for pair in 0..most {
        for air in order(pair) {
            let (from, to) = window(air).await?;
            windows.push(Window { air, from, to });
        }
        let is_as_promised = beside.ratio(&windows).await.is_some_and(|ratio| ratio <= RATIO_MAX);
        if pair + 1 >= least && is_as_promised {
            break;
        }
    }
    Ok(windows)
}

/// Says what the others noticed; more than they may, beyond chance, is a broken promise.
pub fn judge(windows: &[Window], samples: &[Sample]) -> Tally {
    for window in windows {
        let p99 = p99(window, samples).unwrap_or_default();
        eprintln!("    {:?}: p99 {:.2} ms", window.air, p99.as_secs_f64() * 1e3);
    }
    let ratios = ratios(windows, samples);
    let is_broken = ratios.is_empty() || is_above(RATIO_MAX, &ratios);
    let pairs = ratios.len();
    let figure = median(ratios).map_or("none".to_owned(), |ratio| format!("{ratio:.2}x"));
    eprintln!(
        "    the others' p99 with trouble against without: {figure}, median of {pairs} pairs"
    );
    Tally { violations: u64::from(is_broken), ..Tally::default() }
}

/// Says something at each of its times, whatever became of the last, and waits for the acknowledgement.
async fn talk(
    mut socket: Socket,
    number: u32,
    first_at: Instant,
    samples: Arc<Mutex<Vec<Sample>>>,
    stop: CancellationToken,
) -> Result<()> {
    let mut scheduled = first_at;
    for count in 0.. {
        tokio::select! {
            () = tokio::time::sleep_until(scheduled.into()) => {}
            () = stop.cancelled() => return Ok(()),
            broken = read_on(&mut socket) => return broken,
        }
        let id = Uuid::new_v4().to_string();
        let text = format!("customer {number} says number {count}");
        let send = json!({"type": "send", "id": id, "conversation": null, "text": text});
        socket.send(&send).await?;
        while !is_ack(&socket.next().await.context("beside")?, &id)? {}
        samples.lock().await.push(Sample { scheduled, took: scheduled.elapsed() });
        scheduled += EVERY;
    }
    Ok(())
}

/// Reads what comes between two messages; ends only with the connection.
async fn read_on(socket: &mut Socket) -> Result<()> {
    loop {
        socket.wait().await.context("a customer beside the trouble was cut off")?;
    }
}

fn is_ack(frame: &Value, id: &str) -> Result<bool> {
    ensure!(frame["type"] != "error", "a customer beside the trouble was refused: {frame}");
    Ok(frame["type"] == "ack" && frame["id"] == *id)
}
