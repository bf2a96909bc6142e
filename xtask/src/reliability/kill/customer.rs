//! Customers: they talk and come back.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Tally;
use crate::reliability::client::{PAUSE, Socket, customer_token};
use crate::reliability::view::{Place, View};
use crate::reliability::visit::Visit;

/// Messages of one visitor before another takes its place: a conversation has a bound.
const MESSAGES: usize = 500;
/// Pause between an acknowledgement and the next message.
const BREATH: Duration = Duration::from_millis(10);

/// A customer that talks.
pub struct Customer {
    address: SocketAddr,
    number: usize,
    count: usize,
    view: View,
    visit: Visit,
    visited: Vec<Visit>,
    tally: Tally,
    /// Sent and not acknowledged: to be sent again with the same id.
    waiting: Option<(String, String)>,
    /// Counts the acknowledgements of all customers.
    acks: Arc<watch::Sender<u64>>,
}

impl Customer {
    pub fn new(address: SocketAddr, number: usize, acks: Arc<watch::Sender<u64>>) -> Self {
        Self {
            address,
            number,
            count: 0,
            view: View::default(),
            visit: Visit::default(),
            visited: Vec::new(),
            tally: Tally::default(),
            waiting: None,
            acks,
        }
    }

    /// Talks until it is told to stop; gives what was wrong and what has to be there.
    pub async fn talk(mut self, stop: CancellationToken) -> (Tally, Vec<Visit>) {
        while !stop.is_cancelled() {
            tokio::select! {
                // A kill ends it with an error every time.
                _ = self.one_connection() => tokio::time::sleep(PAUSE).await,
                () = stop.cancelled() => {}
            }
        }
        self.leave();
        (self.tally, self.visited)
    }

    /// Until the router is gone, or the visitor has said enough.
    async fn one_connection(&mut self) -> Result<()> {
        if self.visit.acked.len() >= MESSAGES {
            self.leave();
        }
        let (token, visitor) = customer_token(self.address, self.visit.visitor.as_deref()).await?;
        self.visit.visitor = Some(visitor);
        let last = self.view.last_seq();
        let (mut socket, welcome) = Socket::hello(self.address, "/v1/widget", &token, last).await?;
        if self.view.welcome(&welcome, false) {
            return Ok(());
        }
        while self.visit.acked.len() < MESSAGES {
            let (id, text) = self.waiting.get_or_insert_with(|| {
                self.count += 1;
                let text = format!("customer {} says number {}", self.number, self.count);
                (Uuid::new_v4().to_string(), text)
            });
            let send = json!({"type": "send", "id": id, "conversation": null, "text": text});
            socket.send(&send).await?;
            while self.waiting.is_some() {
                let frame = socket.next().await?;
                self.take(&frame);
            }
            tokio::time::sleep(BREATH).await;
        }
        Ok(())
    }

    fn take(&mut self, frame: &Value) {
        match frame["type"].as_str() {
            Some("event") => self.view.event(frame),
            Some("ack") => {
                self.view.event(frame);
                let Some((id, text)) = self.waiting.take_if(|(id, _)| frame["id"] == **id) else {
                    return;
                };
                let (Some(conversation), Some(seq)) =
                    (frame["conversation"].as_str(), frame["seq"].as_u64())
                else {
                    return;
                };
                let place = Place { conversation: conversation.to_owned(), seq };
                self.visit.acked.insert(id, (place, text));
                self.acks.send_modify(|count| *count += 1);
            }
            Some("error") => {
                // Nothing of what is sent here may be refused while the disk takes it.
                eprintln!("    refused: {frame}");
                self.view.tally.violations += 1;
                self.waiting = None;
            }
            _ => {}
        }
    }

    /// Ends the visit; the next connection is another visitor's.
    fn leave(&mut self) {
        self.tally += std::mem::take(&mut self.view).tally;
        self.visited.push(std::mem::take(&mut self.visit));
        self.waiting = None;
    }
}
