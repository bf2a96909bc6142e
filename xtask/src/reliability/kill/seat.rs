//! Seats: they accept what they are offered and look on.

use std::net::SocketAddr;

use anyhow::Result;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::Tally;
use crate::reliability::client::{PAUSE, Socket, seat_token};
use crate::reliability::view::View;

/// Looks on until it is told to stop; gives what was wrong.
pub async fn look_on(address: SocketAddr, user: String, stop: CancellationToken) -> Tally {
    let mut view = View::default();
    let mut token = None;
    while !stop.is_cancelled() {
        tokio::select! {
            // A kill ends it with an error every time.
            _ = one_connection(address, &user, &mut token, &mut view) => {
                tokio::time::sleep(PAUSE).await;
            }
            () = stop.cancelled() => {}
        }
    }
    view.tally
}

async fn one_connection(
    address: SocketAddr,
    user: &str,
    token: &mut Option<String>,
    view: &mut View,
) -> Result<()> {
    // A password costs the router tens of milliseconds; the token outlives it.
    let text = match token {
        Some(text) => text,
        None => token.insert(seat_token(address, user).await?),
    };
    let (mut socket, welcome) = Socket::hello(address, "/v1/seat", text, view.last_seq()).await?;
    if view.welcome(&welcome, true) {
        return Ok(());
    }
    socket.send(&json!({"type": "state", "state": "ready"})).await?;
    loop {
        let frame = socket.next().await?;
        match frame["type"].as_str() {
            Some("offer") => {
                socket.send(&json!({"type": "accept", "offer": frame["offer"]})).await?;
            }
            Some("accepted") => view.accepted(&frame),
            Some("taken_back") => view.gone(&frame),
            Some("event") => view.event(&frame),
            _ => {}
        }
    }
}
