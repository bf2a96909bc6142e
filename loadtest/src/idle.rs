//! `idle`: connections that only keep alive, for measuring what one costs the server in memory.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

use crate::args::{IdleArgs, check_ranges};
use crate::client::frame::{self, Frame};
use crate::client::plain::{self, Writer};
use crate::client::socket::Socket;
use crate::process;
use crate::progress::Progress;
use crate::scenario::{check_requirements_in, tell_requirements};
use crate::stats::lock;

/// A ping after so long without another frame; the router allows 10 s.
const HEARTBEAT: Duration = Duration::from_secs(4);
/// Longest wait for all conversations to be open.
const OPENING_WAIT: Duration = Duration::from_secs(120);
/// A frame's size: a usual short message.
const FRAME_BYTES: usize = 256;

/// What it measured.
#[derive(Debug, Default, Serialize)]
struct IdleOutcome {
    connections: usize,
    conversations: u64,
    hold_s: f64,
    connections_lost: u64,
    errors: BTreeMap<String, u64>,
    server_resident_bytes_before: Option<u64>,
    server_resident_bytes_after: Option<u64>,
    /// What the server grew by, shared out among the connections.
    bytes_per_connection: Option<f64>,
}

#[derive(Debug, Default)]
struct Idle {
    acknowledged: AtomicU64,
    lost: AtomicU64,
    errors: Mutex<BTreeMap<String, u64>>,
}

/// `idle`; false when a threshold was broken.
///
/// # Errors
/// On wrong use, or when the router cannot be reached.
pub async fn idle(args: IdleArgs) -> Result<bool> {
    check_ranges(&[], &[("hold-s", args.hold_s)])?;
    if args.connections == 0 {
        bail!("--connections is at least 1");
    }
    process::check_open_files(args.connections)?;
    check_requirements_in(&args.require, &serde_json::to_value(IdleOutcome::default())?)?;
    let target = Arc::new(args.place.target()?);
    let resident = || args.server_pid.and_then(process::resident_bytes);

    let before = resident();
    let progress = Progress::new();
    progress.begin_steps("connections open", args.connections as u64);
    let (stop, stopping) = watch::channel(false);
    let state = Arc::new(Idle::default());
    // Each connection starts its heartbeat as soon as it stands: opening thousands takes longer
    // than the router waits for a silent one.
    let mut connections = JoinSet::new();
    let mut opened = 0;
    while opened < args.connections {
        let batch = (args.connections - opened).min(256);
        let sockets = plain::open_all(batch, || plain::enter(target.clone()), |_| {}).await?;
        for socket in sockets {
            let (state, stopping) = (state.clone(), stopping.clone());
            let (number, speaks) = (opened as u64, !args.silent);
            connections.spawn(async move { keep(&state, socket, number, speaks, stopping).await });
            opened += 1;
        }
        progress.step(opened as u64);
    }
    let expected = if args.silent { 0 } else { args.connections as u64 };
    let until = Instant::now() + OPENING_WAIT;
    while state.acknowledged.load(Ordering::Relaxed) + state.lost.load(Ordering::Relaxed) < expected
        && Instant::now() < until
    {
        sleep(Duration::from_millis(50)).await;
    }
    progress.phase("all connections idle");
    sleep(Duration::from_secs_f64(args.hold_s)).await;
    let after = resident();
    let _ = stop.send(true);
    connections.join_all().await;
    progress.end();

    let grown = before.zip(after).map(|(before, after)| after as f64 - before as f64);
    let outcome = IdleOutcome {
        connections: args.connections,
        conversations: state.acknowledged.load(Ordering::Relaxed),
        hold_s: args.hold_s,
        connections_lost: state.lost.load(Ordering::Relaxed),
        errors: lock(&state.errors).clone(),
        server_resident_bytes_before: before,
        server_resident_bytes_after: after,
        bytes_per_connection: grown.map(|grown| (grown / args.connections as f64).round()),
    };
    tell(&args, &outcome)
}

fn tell(args: &IdleArgs, outcome: &IdleOutcome) -> Result<bool> {
    let value = serde_json::to_value(outcome)?;
    if args.json {
        println!("{value}");
    } else {
        println!(
            "{} connections, {} conversations, {} lost, errors {:?}",
            outcome.connections, outcome.conversations, outcome.connections_lost, outcome.errors
        );
        if let Some(bytes) = outcome.bytes_per_connection {
            println!("{bytes:.0} bytes of the server's resident memory for each connection");
        }
    }
    let checked: Vec<_> =
        args.require.iter().map(|requirement| requirement.check(&value)).collect();
    Ok(tell_requirements(&checked))
}

/// One connection, from its only message to the end.
async fn keep(
    state: &Idle,
    mut socket: Socket,
    number: u64,
    speaks: bool,
    mut stopping: watch::Receiver<bool>,
) {
    let ended = tokio::select! {
        _ = stopping.changed() => Ok(()),
        ended = stay(state, &mut socket, number, speaks) => ended,
    };
    if let Err(why) = ended {
        state.lost.fetch_add(1, Ordering::Relaxed);
        count(state, &why);
    }
}

async fn stay(state: &Idle, socket: &mut Socket, number: u64, speaks: bool) -> Result<(), String> {
    let gone = |_| "connection_lost".to_owned();
    if speaks {
        let frame = Writer::new(number, FRAME_BYTES).send(Uuid::now_v7(), None);
        socket.send(Message::text(frame)).await.map_err(gone)?;
    }
    let mut ping_at = Instant::now() + HEARTBEAT;
    loop {
        match timeout_at(ping_at, socket.next()).await {
            Err(_) => {
                socket.send(Message::text(frame::PING)).await.map_err(gone)?;
                ping_at += HEARTBEAT;
            }
            Ok(Some(Ok(Message::Text(text)))) => {
                let Ok(frame) = Frame::decode(text.as_str()) else { continue };
                match &*frame.kind_of_frame {
                    "ack" => {
                        state.acknowledged.fetch_add(1, Ordering::Relaxed);
                    }
                    "error" => count(state, frame.code.as_deref().unwrap_or("no_code")),
                    _ => {}
                }
            }
            Ok(Some(Ok(Message::Close(close)))) => {
                return Err(format!(
                    "closed_{}",
                    close.map_or(1005, |close| u16::from(close.code))
                ));
            }
            Ok(Some(Ok(_))) => {}
            Ok(Some(Err(_)) | None) => return Err("connection_lost".into()),
        }
    }
}

fn count(state: &Idle, code: &str) {
    let mut errors = lock(&state.errors);
    if errors.len() < 100 || errors.contains_key(code) {
        *errors.entry(code.into()).or_default() += 1;
    }
}
