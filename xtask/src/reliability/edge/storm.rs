//! Everybody comes back at once: the router is killed with thousands connected, each with a message on
//! its way, and none of them waits before it tries again.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::sync::{Barrier, Semaphore, watch};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{Place, files};
use crate::reliability::Tally;
use crate::reliability::client::{Socket, customer_token, dial};
use crate::reliability::router::Router;
use crate::reliability::view::{Place as Seen, View};
use crate::reliability::visit::Visit;

/// Connections that are made at the same time before the storm, and read again after it.
const AT_A_TIME: usize = 64;
/// Pause before the next try, the same for all: no jitter.
const AGAIN: Duration = Duration::from_millis(250);
/// Longest wait for one answer of the router in the storm.
const PATIENCE: Duration = Duration::from_secs(30);
/// In this time everybody has to be back.
const STORM_MAX: Duration = Duration::from_secs(240);

/// Has `size` customers come back.
pub async fn run(place: &Place, size: u64) -> Result<Tally> {
    files::make_room(size + u64::try_from(AT_A_TIME)?)?;
    let mut router = place.router(&[])?;
    let address = router.address;
    let customers = connect(address, size).await?;
    eprintln!("    {size} customers are connected");
    let (killed, mut when) = watch::channel(None);
    when.mark_unchanged();
    let everybody = usize::try_from(size)? + 1;
    let said = Arc::new(Barrier::new(everybody));
    let mut storm = JoinSet::new();
    for customer in customers {
        storm.spawn(customer.through(said.clone(), when.clone()));
    }
    said.wait().await;
    router.kill();
    let began = Instant::now();
    killed.send_replace(Some(began));
    let _router = Router::start_at(&place.binary, &place.data, address, &Place::with_profile(&[]))?;
    let mut tally = Tally { size, ..Tally::default() };
    let (mut visits, mut waits) = (Vec::new(), Vec::new());
    let all_back = async {
        while let Some(back) = storm.join_next().await {
            let (seen, visit, wait) = back??;
            tally += seen;
            visits.push(visit);
            waits.push(wait);
        }
        Ok::<_, anyhow::Error>(())
    };
    tokio::time::timeout(STORM_MAX, all_back).await.context("not everybody came back")??;
    waits.sort_unstable();
    let at = |share: usize| waits[(waits.len() * share / 100).min(waits.len() - 1)];
    eprintln!(
        "    back after the kill: half within {:.1?}, 99 % within {:.1?}, all within {:.1?}",
        at(50),
        at(99),
        at(100)
    );
    tally += read_again(address, visits).await?;
    Ok(tally)
}

struct Customer {
    address: SocketAddr,
    number: u64,
    token: String,
    visit: Visit,
    view: View,
    socket: Socket,
}

/// Everybody, each with a conversation.
async fn connect(address: SocketAddr, size: u64) -> Result<Vec<Customer>> {
    let gate = Arc::new(Semaphore::new(AT_A_TIME));
    let mut opening = JoinSet::new();
    for number in 0..size {
        let gate = gate.clone();
        opening.spawn(async move {
            let _turn = gate.acquire().await?;
            Customer::open(address, number).await
        });
    }
    let mut customers = Vec::new();
    while let Some(opened) = opening.join_next().await {
        customers.push(opened??);
    }
    Ok(customers)
}

impl Customer {
    async fn open(address: SocketAddr, number: u64) -> Result<Self> {
        let (token, visitor) = customer_token(address, None).await?;
        let stream = dial(address, number).await?;
        let (socket, _) = Socket::hello_on(stream, "/v1/widget", &token, json!({})).await?;
        let visit = Visit { visitor: Some(visitor), ..Visit::default() };
        let mut new = Self { address, number, token, visit, view: View::default(), socket };
        let first = new.message("before the storm");
        new.send(&first).await?;
        new.acknowledged(&first).await?;
        Ok(new)
    }

    /// Says something that may not be acknowledged any more, loses the connection with everybody else,
    /// and comes back.
    async fn through(
        mut self,
        said: Arc<Barrier>,
        mut killed: watch::Receiver<Option<Instant>>,
    ) -> Result<(Tally, Visit, Duration)> {
        let message = self.message("into the storm");
        self.send(&message).await?;
        said.wait().await;
        let killed_at = *killed.wait_for(Option::is_some).await?;
        let killed_at = killed_at.context("the moment of the kill")?;
        let mut tries = 0_u64;
        loop {
            let back = tokio::time::timeout(PATIENCE, self.come_back(&message)).await;
            if matches!(back, Ok(Ok(()))) {
                break;
            }
            tries += 1;
            tokio::time::sleep(AGAIN).await;
        }
        self.view.tally.violations += u64::from(tries > 1_000);
        Ok((self.view.tally, self.visit, killed_at.elapsed()))
    }

    async fn come_back(&mut self, message: &(String, String)) -> Result<()> {
        let stream = dial(self.address, self.number).await?;
        let last = self.view.last_seq();
        let (socket, welcome) = Socket::hello_on(stream, "/v1/widget", &self.token, last).await?;
        // From here on it is back: whatever is wrong now is a broken promise.
        self.view.tally.lost += u64::from(welcome["recovered"] != true);
        self.view.welcome(&welcome, false);
        self.socket = socket;
        if !self.visit.acked.contains_key(&message.0) {
            self.send(message).await?;
            self.acknowledged(message).await?;
        }
        Ok(())
    }

    fn message(&self, when: &str) -> (String, String) {
        (Uuid::new_v4().to_string(), format!("customer {} {when}", self.number))
    }

    async fn send(&mut self, (id, text): &(String, String)) -> Result<()> {
        let send = json!({"type": "send", "id": id, "conversation": null, "text": text});
        self.socket.send(&send).await
    }

    async fn acknowledged(&mut self, (id, text): &(String, String)) -> Result<()> {
        loop {
            let frame = self.socket.wait().await?;
            ensure!(frame["type"] != "error", "{frame}");
            if matches!(frame["type"].as_str(), Some("event" | "ack")) {
                self.view.event(&frame);
            }
            if is_of(&frame, id) {
                let conversation = frame["conversation"].as_str().context("where")?.to_owned();
                let seq = frame["seq"].as_u64().context("a number")?;
                let seen = Seen { conversation, seq };
                self.visit.acked.insert(id.clone(), (seen, text.clone()));
                return Ok(());
            }
        }
    }
}

/// Whether a frame says that the message is kept: its acknowledgement, or, after a resume, its event.
fn is_of(frame: &Value, id: &str) -> bool {
    matches!(frame["type"].as_str(), Some("ack" | "event")) && frame["id"] == *id
}

async fn read_again(address: SocketAddr, visits: Vec<Visit>) -> Result<Tally> {
    let gate = Arc::new(Semaphore::new(AT_A_TIME));
    let mut reading = JoinSet::new();
    for visit in visits {
        let gate = gate.clone();
        reading.spawn(async move {
            let _turn = gate.acquire().await?;
            visit.read_again(address).await
        });
    }
    let mut tally = Tally::default();
    while let Some(read) = reading.join_next().await {
        tally += read??;
    }
    Ok(tally)
}
