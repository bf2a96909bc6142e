//! What a customer has had acknowledged, read again at the end.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Context, Result};
use serde_json::json;

use super::Tally;
use super::client::{PAUSE, Socket, customer_token};
use super::view::{Place, View};

/// Tries of a re-read: the router may be on its way up.
const TRIES: usize = 200;

/// A visitor and what it has had acknowledged: place and text of each message, by id.
#[derive(Debug, Default)]
pub struct Visit {
    pub visitor: Option<String>,
    pub acked: BTreeMap<String, (Place, String)>,
}

impl Visit {
    /// Reads every conversation from its start and compares.
    ///
    /// # Errors
    /// When the router cannot be read.
    pub async fn read_again(self, address: SocketAddr) -> Result<Tally> {
        for _ in 1..TRIES {
            if let Ok(tally) = self.try_to_read(address).await {
                return Ok(tally);
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.try_to_read(address).await.context("reading everything again")
    }

    async fn try_to_read(&self, address: SocketAddr) -> Result<Tally> {
        if self.acked.is_empty() {
            return Ok(Tally::default());
        }
        let (token, _) = customer_token(address, self.visitor.as_deref()).await?;
        let acked = self.acked.values().map(|(place, _)| (place.conversation.clone(), 0));
        let from_start: BTreeMap<String, u64> = acked.collect();
        let (mut socket, welcome) =
            Socket::hello(address, "/v1/widget", &token, json!(from_start)).await?;
        let mut left: u64 = welcome["conversations"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|held| {
                held["conversation"].as_str().is_some_and(|it| from_start.contains_key(it))
            })
            .filter_map(|held| held["seq"].as_u64())
            .sum();
        let mut view = View::default();
        let mut found = BTreeMap::new();
        while left > 0 {
            let frame = socket.next().await?;
            if frame["type"] != "event" {
                continue;
            }
            left -= 1;
            view.event(&frame);
            if let (Some(id), Some(text)) = (frame["id"].as_str(), frame["text"].as_str()) {
                let place = Place {
                    conversation: frame["conversation"].as_str().unwrap_or_default().to_owned(),
                    seq: frame["seq"].as_u64().unwrap_or_default(),
                };
                found.insert(id.to_owned(), (place, text.to_owned()));
            }
        }
        let mut tally = view.tally;
        for (id, acked) in &self.acked {
            match found.get(id) {
                None => {
                    eprintln!("    lost: message {id}, acknowledged at {:?}", acked.0);
                    tally.lost += 1;
                }
                Some(there) if there != acked => {
                    eprintln!("    changed: message {id}, acknowledged at {:?}", acked.0);
                    tally.violations += 1;
                }
                Some(_) => {}
            }
        }
        Ok(tally)
    }
}
