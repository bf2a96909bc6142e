//! Connections that begin and do not go on, beside customers who do.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::StreamExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

use super::beside::{Beside, CUSTOMERS, judge, pairs};
use super::windows::Air;
use super::{Place, files};
use crate::reliability::Tally;
use crate::reliability::client::{dial, upgrade};

/// When the router lets go: `timers.handshake`.
const DEADLINE: Duration = Duration::from_secs(5);
/// How much earlier or later is as good, on a busy machine.
const EARLY_MAX: Duration = Duration::from_millis(250);
const LATE_MAX: Duration = Duration::from_secs(3);
/// In this time all are opened, so that all are open at once.
const RAMP: Duration = Duration::from_secs(3);
/// After the ramp, until the last has met its deadline.
const REST: Duration = Duration::from_millis(5_500);
/// Between two windows.
const PAUSE: Duration = Duration::from_secs(1);
/// Pairs of windows, at least and at most.
const PAIRS: (usize, usize) = (2, 5);

/// Opens `size` in each troubled window.
pub async fn run(place: &Place, size: u64) -> Result<Tally> {
    files::make_room(size + CUSTOMERS)?;
    let router = place.router(&[])?;
    let address = router.address;
    let beside = Beside::start(address).await?;
    let mut tally = Tally::default();
    let windows = pairs(&beside, PAIRS, async |air| {
        let from = Instant::now();
        let attack = match air {
            Air::Quiet => None,
            Air::Troubled => Some(tokio::spawn(attack(address, size))),
        };
        tokio::time::sleep(RAMP + REST).await;
        let to = Instant::now();
        if let Some(attack) = attack {
            let seen = attack.await??;
            // Each window has the whole size.
            tally =
                Tally { size: seen.size, violations: tally.violations + seen.violations, ..tally };
        }
        tokio::time::sleep(PAUSE).await;
        Ok((from, to))
    })
    .await?;
    tally += judge(&windows, &beside.stop().await?);
    Ok(tally)
}

/// Opens `size` connections over the ramp, and waits until the router has let go of each.
async fn attack(address: SocketAddr, size: u64) -> Result<Tally> {
    let began = Instant::now();
    let mut open = JoinSet::new();
    for number in 0..size {
        let at = began + RAMP.mul_f64(number as f64 / size as f64);
        open.spawn(async move {
            tokio::time::sleep_until(at.into()).await;
            half_open(address, number).await
        });
    }
    let mut tally = Tally::default();
    let mut slowest = Duration::ZERO;
    while let Some(ended) = open.join_next().await {
        let (held, has_code) = ended??;
        slowest = slowest.max(held);
        let is_in_time = held + EARLY_MAX >= DEADLINE && held <= DEADLINE + LATE_MAX;
        if !(is_in_time && has_code) {
            eprintln!("    held for {held:?}, right code: {has_code}");
        }
        tally.violations += u64::from(!(is_in_time && has_code));
        tally.size += 1;
    }
    eprintln!("    {} half-open connections, the last was held for {slowest:.2?}", tally.size);
    Ok(tally)
}

/// Begins one of three ways; gives how long the router held it, and whether it ended as it should.
async fn half_open(address: SocketAddr, number: u64) -> Result<(Duration, bool)> {
    let mut stream = dial(address, CUSTOMERS + number).await?;
    let began = Instant::now();
    let is_right = match number % 3 {
        0 => is_dropped(&mut stream).await,
        1 => dribble(&mut stream).await,
        _ => without_hello(stream).await,
    };
    Ok((began.elapsed(), is_right))
}

/// Says nothing.
async fn is_dropped(stream: &mut TcpStream) -> bool {
    let mut answer = [0; 256];
    loop {
        match stream.read(&mut answer).await {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() == ErrorKind::ConnectionReset,
        }
    }
}

/// Sends a head a byte a second.
async fn dribble(stream: &mut TcpStream) -> bool {
    let head = b"GET /v1/widget HTTP/1.1\r\nHost: shop\r\nX-Slow: ";
    if stream.write_all(head).await.is_err() {
        return false;
    }
    loop {
        tokio::select! {
            is_right = is_dropped(stream) => return is_right,
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
        // The router may have let go just now: the next read says so.
        let _ = stream.write_all(b"y").await;
    }
}

/// Becomes a WebSocket and never says who it is.
async fn without_hello(stream: TcpStream) -> bool {
    let Ok(mut socket) = upgrade(stream, "/v1/widget").await else { return false };
    loop {
        match socket.next().await {
            Some(Ok(Message::Close(Some(close)))) => return u16::from(close.code) == 4003,
            Some(Ok(_)) => {}
            _ => return false,
        }
    }
}
