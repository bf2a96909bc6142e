//! `flood`: messages as fast as they are answered, or at a fixed rate; the same frames to the router
//! or to a plain echo server, so that the two can be compared.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use hdrhistogram::Histogram;
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

use crate::args::{FloodArgs, FloodTarget, check_ranges};
use crate::client::frame::{self, Frame};
use crate::client::plain::{self, Writer};
use crate::client::socket::{self, Socket};
use crate::process::{self, CpuMeter};
use crate::progress::Progress;
use crate::scenario::{check_requirements_in, tell_requirements};
use crate::stats::{Percentiles, histogram, lock, micros};

/// A ping at the latest after so long without another frame; the router allows 10 s.
const HEARTBEAT: Duration = Duration::from_secs(4);
/// On a schedule, a message that was due before the end leaves at the latest so long after it: timers tick
/// in milliseconds, and a busy machine may stall for longer.
const LEAVES_LATE: Duration = Duration::from_millis(250);
/// Histograms to share among the connections, so that they do not wait for one another.
const SHARDS: usize = 16;

/// What a flood measured.
#[derive(Debug, Serialize)]
struct FloodOutcome {
    target: &'static str,
    connections: usize,
    payload_bytes: u32,
    offered_rate_per_s: Option<f64>,
    duration_s: f64,
    messages: u64,
    messages_per_s: f64,
    /// From the scheduled moment at a fixed rate, else from the sending.
    latency_ms: Percentiles,
    /// From the sending.
    latency_since_sent_ms: Percentiles,
    errors: BTreeMap<String, u64>,
    connections_lost: u64,
    cpu_s_of_harness: Option<f64>,
    cpu_share_of_harness: Option<f64>,
    cpu_cores: usize,
    server: Option<ServerEffort>,
}

#[derive(Debug, Serialize)]
struct ServerEffort {
    cpu_s: f64,
    cpu_s_per_million_messages: f64,
    /// Messages for each second of a core: the figure to compare servers by.
    messages_per_cpu_s: f64,
    resident_bytes: Option<u64>,
}

/// Shared by all connections.
struct Flood {
    full: bool,
    payload_bytes: usize,
    /// Time between two messages of one connection; None in a closed loop.
    period: Option<Duration>,
    measured_from: Instant,
    until: Instant,
    histograms: Vec<Mutex<(Histogram<u64>, Histogram<u64>)>>,
    errors: Mutex<BTreeMap<String, u64>>,
    connections_lost: AtomicU64,
}

/// `flood`; false when a threshold was broken.
///
/// # Errors
/// On wrong use, or when the server cannot be reached.
pub async fn flood(args: FloodArgs) -> Result<bool> {
    check_ranges(&[], &[("duration", args.duration), ("warm-up-s", args.warm_up_s)])?;
    if args.connections == 0 || args.rate.is_some_and(|rate| rate <= 0.0 || !rate.is_finite()) {
        bail!("--connections is at least 1, and --rate above 0");
    }
    process::check_open_files(args.connections)?;
    check_requirements_in(&args.require, &serde_json::to_value(empty(&args))?)?;

    let progress = Progress::new();
    progress.begin_steps("connections open", args.connections as u64);
    let sockets = open(&args, &progress).await?;
    progress.phase("messages flow");

    let start = Instant::now() + Duration::from_millis(200);
    let measured_from = start + Duration::from_secs_f64(args.warm_up_s);
    let flood = Arc::new(Flood {
        full: args.target == FloodTarget::Full,
        payload_bytes: args.payload_bytes as usize,
        period: args.rate.map(|rate| Duration::from_secs_f64(args.connections as f64 / rate)),
        measured_from,
        until: measured_from + Duration::from_secs_f64(args.duration),
        histograms: (0..SHARDS).map(|_| Mutex::new((histogram(), histogram()))).collect(),
        errors: Mutex::default(),
        connections_lost: AtomicU64::new(0),
    });
    let mut connections = JoinSet::new();
    for (number, socket) in sockets.into_iter().enumerate() {
        let flood = flood.clone();
        // At a fixed rate the connections take turns; in a closed loop they start together.
        let begin = start
            + flood.period.map_or(Duration::ZERO, |period| {
                period.mul_f64(number as f64 / args.connections as f64)
            });
        connections.spawn(async move { connection(&flood, socket, number, begin).await });
    }

    sleep_until(flood.measured_from).await;
    let (cpu, server_before) = (CpuMeter::start(), server_cpu(&args));
    sleep_until(flood.until).await;
    let (cpu_s, cpu_share) = (cpu.used(), cpu.share());
    let server_after = server_cpu(&args);
    connections.join_all().await;
    progress.end();

    let mut outcome = empty(&args);
    let (mut scheduled, mut sent) = (histogram(), histogram());
    for shard in &flood.histograms {
        let shard = lock(shard);
        scheduled.add(&shard.0)?;
        sent.add(&shard.1)?;
    }
    outcome.messages = scheduled.len();
    outcome.messages_per_s = (scheduled.len() as f64 / args.duration).round();
    outcome.latency_ms = Percentiles::ms(&scheduled);
    outcome.latency_since_sent_ms = Percentiles::ms(&sent);
    outcome.errors = lock(&flood.errors).clone();
    outcome.connections_lost = flood.connections_lost.load(Ordering::Relaxed);
    outcome.cpu_s_of_harness = cpu_s.map(|used| used.as_secs_f64());
    outcome.cpu_share_of_harness = cpu_share;
    outcome.server = server_before.zip(server_after).map(|(before, after)| {
        let cpu_s = after.saturating_sub(before).as_secs_f64();
        let messages = outcome.messages.max(1) as f64;
        ServerEffort {
            cpu_s,
            cpu_s_per_million_messages: cpu_s / messages * 1e6,
            messages_per_cpu_s: messages / cpu_s.max(0.01),
            resident_bytes: args.server_pid.and_then(process::resident_bytes),
        }
    });
    tell(&args, &outcome)
}

fn empty(args: &FloodArgs) -> FloodOutcome {
    let nothing = Percentiles::ms(&histogram());
    FloodOutcome {
        target: match args.target {
            FloodTarget::Full => "full",
            FloodTarget::Echo => "echo",
        },
        connections: args.connections,
        payload_bytes: args.payload_bytes,
        offered_rate_per_s: args.rate,
        duration_s: args.duration,
        messages: 0,
        messages_per_s: 0.0,
        latency_ms: nothing.clone(),
        latency_since_sent_ms: nothing,
        errors: BTreeMap::new(),
        connections_lost: 0,
        cpu_s_of_harness: None,
        cpu_share_of_harness: None,
        cpu_cores: process::cores(),
        server: args.server_pid.map(|_| ServerEffort {
            cpu_s: 0.0,
            cpu_s_per_million_messages: 0.0,
            messages_per_cpu_s: 0.0,
            resident_bytes: None,
        }),
    }
}

async fn open(args: &FloodArgs, progress: &Progress) -> Result<Vec<Socket>> {
    let target = Arc::new(args.place.target()?);
    let opened = |count| progress.step(count);
    match args.target {
        FloodTarget::Full => {
            plain::open_all(args.connections, || plain::enter(target.clone()), opened).await
        }
        FloodTarget::Echo => {
            let enter = || {
                let target = target.clone();
                async move { socket::open(&target, "/").await }
            };
            plain::open_all(args.connections, enter, opened).await
        }
    }
}

fn server_cpu(args: &FloodArgs) -> Option<Duration> {
    process::cpu_time(&args.server_pid?.to_string())
}

async fn connection(flood: &Flood, socket: Socket, number: usize, begin: Instant) {
    let mut speaker = Speaker {
        flood,
        socket,
        writer: Writer::new(number as u64, flood.payload_bytes),
        ids: (number as u128) << 64,
        shard: &flood.histograms[number % SHARDS],
        conversation: None,
    };
    let ended = match flood.period {
        None => speaker.closed_loop(begin).await,
        Some(period) => speaker.on_schedule(begin, period).await,
    };
    if let Err(why) = ended {
        flood.connections_lost.fetch_add(1, Ordering::Relaxed);
        flood.error(&why);
    }
}

impl Flood {
    fn error(&self, code: &str) {
        self.errors(code, 1);
    }

    fn errors(&self, code: &str, count: u64) {
        if count == 0 {
            return;
        }
        let mut errors = lock(&self.errors);
        if errors.len() < 100 || errors.contains_key(code) {
            *errors.entry(code.into()).or_default() += count;
        }
    }
}

/// One connection.
struct Speaker<'a> {
    flood: &'a Flood,
    socket: Socket,
    writer: Writer,
    ids: u128,
    shard: &'a Mutex<(Histogram<u64>, Histogram<u64>)>,
    conversation: Option<Uuid>,
}

/// What an incoming frame means for the messages in flight.
enum Answer {
    /// One is answered; the id where it was read.
    Done(Option<Uuid>),
    /// One is refused, if the frame names it, and may come again after a while.
    Later {
        refused: Option<Uuid>,
        wait: Duration,
    },
    /// The conversation can take no more.
    Full {
        refused: Option<Uuid>,
        conversation: Uuid,
    },
    Nothing,
}

/// A message that has no answer yet.
struct Sent {
    id: Uuid,
    scheduled: Instant,
    at: Instant,
}

/// What one connection sends at a fixed rate.
struct Schedule {
    /// When the next message is due.
    due: Instant,
    period: Duration,
    in_flight: VecDeque<Sent>,
}

impl Schedule {
    /// Messages that are due from `from` on and before `until` and have not been sent.
    fn left(&self, from: Instant, until: Instant) -> u64 {
        let due_before = |end: Instant| {
            let time = end.saturating_duration_since(self.due);
            time.as_nanos().div_ceil(self.period.as_nanos().max(1))
        };
        due_before(until).saturating_sub(due_before(from)) as u64
    }

    /// Messages that were due from `from` on, have been sent and have no answer.
    fn unanswered(&self, from: Instant) -> u64 {
        self.in_flight.iter().filter(|sent| sent.scheduled >= from).count() as u64
    }
}

impl Speaker<'_> {
    async fn closed_loop(&mut self, begin: Instant) -> Result<(), String> {
        sleep_until(begin).await;
        while Instant::now() < self.flood.until {
            let sent = Instant::now();
            self.send().await?;
            loop {
                match self.answer(sent + HEARTBEAT).await? {
                    Some(Answer::Done(_)) => {
                        self.record(sent, sent);
                        break;
                    }
                    Some(Answer::Later { wait, .. }) => {
                        sleep(wait.min(HEARTBEAT)).await;
                        break;
                    }
                    Some(Answer::Full { conversation, .. }) => {
                        self.tell(frame::about("close", conversation)).await?;
                        break;
                    }
                    Some(Answer::Nothing) => {}
                    None if Instant::now() >= self.flood.until => return Ok(()),
                    None => {
                        self.flood.error("slow_answer");
                        self.ping().await?;
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    async fn on_schedule(&mut self, begin: Instant, period: Duration) -> Result<(), String> {
        let mut schedule = Schedule { due: begin, period, in_flight: VecDeque::new() };
        let ended = self.keep_to(&mut schedule).await;
        if ended.is_ok() {
            self.drain(&mut schedule.in_flight).await;
        }
        // Whatever ended it: a message that was due behind the warm-up and is not in the latencies is in
        // the errors.
        let (from, until) = (self.flood.measured_from, self.flood.until);
        self.flood.errors("not_sent", schedule.left(from, until));
        self.flood.errors("no_answer", schedule.unanswered(from));
        ended
    }

    /// Sends what is due until the end.
    async fn keep_to(&mut self, schedule: &mut Schedule) -> Result<(), String> {
        let until = self.flood.until;
        let last_leaves = until + LEAVES_LATE;
        let mut last_sent = schedule.due;
        loop {
            let now = Instant::now();
            let is_left = schedule.due < until;
            if now >= if is_left { last_leaves } else { until } {
                return Ok(());
            }
            if is_left && now >= schedule.due {
                // A server that reads nothing holds a message back for ever.
                let Ok(sent) = timeout_at(last_leaves, self.send()).await else {
                    return Ok(());
                };
                let sent = Sent { id: sent?, scheduled: schedule.due, at: now };
                schedule.in_flight.push_back(sent);
                schedule.due += schedule.period;
                last_sent = now;
                continue;
            }
            if now >= last_sent + HEARTBEAT {
                self.ping().await?;
                last_sent = now;
            }
            let wake = schedule.due.min(last_sent + HEARTBEAT).min(until);
            if let Some(answer) = self.answer(wake).await? {
                self.settle(&mut schedule.in_flight, &answer);
                if let Answer::Full { conversation, .. } = answer {
                    self.tell(frame::about("close", conversation)).await?;
                }
            }
        }
    }

    /// Answers that were under way at the end still count: leaving them out would hide the slowest.
    async fn drain(&mut self, in_flight: &mut VecDeque<Sent>) {
        let until = Instant::now() + HEARTBEAT;
        while !in_flight.is_empty() && Instant::now() < until {
            match self.answer(until).await {
                Ok(Some(answer)) => self.settle(in_flight, &answer),
                Ok(None) | Err(_) => return,
            }
        }
    }

    /// Takes the message that an answer is for out of those in flight.
    fn settle(&self, in_flight: &mut VecDeque<Sent>, answer: &Answer) {
        match answer {
            Answer::Done(id) => {
                let at = in_flight.iter().position(|sent| id.is_none_or(|id| id == sent.id));
                if let Some(sent) = at.and_then(|at| in_flight.remove(at)) {
                    self.record(sent.scheduled, sent.at);
                }
            }
            // On a schedule, a refused message is a failed one: it is counted and not repeated.
            Answer::Later { refused, .. } | Answer::Full { refused, .. } => {
                in_flight.retain(|sent| *refused != Some(sent.id));
            }
            Answer::Nothing => {}
        }
    }

    async fn send(&mut self) -> Result<Uuid, String> {
        self.ids += 1;
        // Version 7 with the time of the run's connection and a counter: unique without drawing
        // random bytes for each message.
        let id = unique_id(self.ids);
        let text = self.writer.send(id, self.conversation);
        self.socket.send(Message::text(text)).await.map_err(|_| "connection_lost".to_owned())?;
        Ok(id)
    }

    async fn ping(&mut self) -> Result<(), String> {
        if self.flood.full { self.tell(frame::PING.to_owned()).await } else { Ok(()) }
    }

    async fn tell(&mut self, text: String) -> Result<(), String> {
        let sent = self.socket.send(Message::text(text)).await;
        sent.map_err(|_| "connection_lost".to_owned())
    }

    /// None when nothing came until then.
    async fn answer(&mut self, until: Instant) -> Result<Option<Answer>, String> {
        let Ok(message) = timeout_at(until, self.socket.next()).await else { return Ok(None) };
        match message {
            Some(Ok(Message::Text(text))) => Ok(Some(self.read(text.as_str()))),
            Some(Ok(Message::Close(close))) => {
                Err(format!("closed_{}", close.map_or(1005, |close| u16::from(close.code))))
            }
            Some(Ok(_)) => Ok(Some(Answer::Nothing)),
            Some(Err(_)) | None => Err("connection_lost".into()),
        }
    }

    fn read(&mut self, text: &str) -> Answer {
        if !self.flood.full {
            return Answer::Done(None);
        }
        // In a closed loop an acknowledgement can only be that of the one message in flight, so
        // once the conversation is known the frame need not be parsed.
        if self.flood.period.is_none() && self.conversation.is_some() {
            if text.starts_with(r#"{"type":"ack""#) {
                return Answer::Done(None);
            }
            if text.starts_with(r#"{"type":"event""#) {
                return Answer::Nothing;
            }
        }
        let Ok(frame) = Frame::decode(text) else {
            self.flood.error("unreadable_frame");
            return Answer::Nothing;
        };
        match &*frame.kind_of_frame {
            "ack" => {
                self.conversation = frame.conversation;
                Answer::Done(frame.id)
            }
            "error" => {
                let code = frame.code.as_deref().unwrap_or("no_code");
                self.flood.error(code);
                if matches!(code, "conflict" | "not_found")
                    && let Some(full) = self.conversation.take()
                {
                    return Answer::Full { refused: frame.id, conversation: full };
                }
                let wait = Duration::from_millis(frame.retry_after_ms.unwrap_or(0));
                Answer::Later { refused: frame.id, wait }
            }
            _ => Answer::Nothing,
        }
    }

    fn record(&self, scheduled: Instant, sent: Instant) {
        let now = Instant::now();
        let flood = self.flood;
        // By the scheduled moment: a message counts in the window in which it was due. In a closed
        // loop what is answered after the end is left out, as the throughput is of the window.
        let counts = scheduled >= flood.measured_from
            && scheduled < flood.until
            && (flood.period.is_some() || now <= flood.until);
        if counts {
            let mut shard = lock(self.shard);
            shard.0.saturating_record(micros(now - scheduled));
            shard.1.saturating_record(micros(now - sent));
        }
    }
}

/// A version 7 id from the moment of the process's first one and `number`.
fn unique_id(number: u128) -> Uuid {
    static BASE: std::sync::OnceLock<u128> = std::sync::OnceLock::new();
    let base = *BASE.get_or_init(|| Uuid::now_v7().as_u128());
    // The time (48 bits) and the version stay; connection and counter go where random bits would.
    let keep = base & !((1_u128 << 62) - 1);
    let low = ((number >> 64) << 40 | (number & ((1 << 40) - 1))) & ((1 << 62) - 1);
    Uuid::from_u128(keep | low)
}

fn tell(args: &FloodArgs, outcome: &FloodOutcome) -> Result<bool> {
    let value = serde_json::to_value(outcome)?;
    if args.json {
        println!("{value}");
    } else {
        let percentiles = &outcome.latency_ms;
        let show = |value: Option<f64>| value.map_or("–".into(), |value| format!("{value:.2}"));
        println!(
            "{}: {} messages, {:.0} a second, latency p50 {} p99 {} p99.9 {} ms",
            outcome.target,
            outcome.messages,
            outcome.messages_per_s,
            show(percentiles.p50),
            show(percentiles.p99),
            show(percentiles.p999),
        );
        println!(
            "harness: {:.1} s of {} cores; errors {:?}; connections lost {}",
            outcome.cpu_s_of_harness.unwrap_or(0.0),
            outcome.cpu_cores,
            outcome.errors,
            outcome.connections_lost
        );
        if let Some(server) = &outcome.server {
            println!(
                "server: {:.1} s of processor, {:.0} messages for each second of a core",
                server.cpu_s, server.messages_per_cpu_s
            );
        }
    }
    let checked: Vec<_> =
        args.require.iter().map(|requirement| requirement.check(&value)).collect();
    Ok(tell_requirements(&checked))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_of_all_connections_are_unique_and_of_version_7() {
        let ids: BTreeSet<Uuid> = (0..100_u128)
            .flat_map(|connection| (1..=100).map(move |at| unique_id((connection << 64) + at)))
            .collect();

        assert_eq!(ids.len(), 10_000);
        assert!(ids.iter().all(|id| id.get_version_num() == 7));
    }

    #[test]
    fn what_is_left_of_a_schedule_is_due_behind_the_warm_up_and_before_the_end() {
        let start = Instant::now();
        let period = Duration::from_millis(10);
        let left_from = |warm_up_ms: u64, due_ms: u64| {
            let at = |ms| start + Duration::from_millis(ms);
            let schedule = Schedule { due: at(due_ms), period, in_flight: VecDeque::new() };
            schedule.left(at(warm_up_ms), at(100))
        };

        assert_eq!([0, 85, 90, 100, 150].map(|due_ms| left_from(0, due_ms)), [10, 2, 1, 0, 0]);
        assert_eq!([0, 5, 60, 100].map(|due_ms| left_from(50, due_ms)), [5, 5, 4, 0]);
    }

    #[test]
    fn what_was_sent_in_the_warm_up_is_in_no_figure_also_without_an_answer() {
        let start = Instant::now();
        let sent = |ms| {
            let scheduled = start + Duration::from_millis(ms);
            Sent { id: Uuid::now_v7(), scheduled, at: scheduled }
        };
        let in_flight = [10, 49, 50, 90].map(sent).into();
        let schedule = Schedule { due: start, period: Duration::from_millis(10), in_flight };

        assert_eq!(schedule.unanswered(start + Duration::from_millis(50)), 2);
    }
}
