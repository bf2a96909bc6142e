//! The re-read at the end of a run: each customer comes back on a new connection and asks for all
//! of its conversations from the start.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

use crate::client::frame::{self, Event, Frame, Kind};
use crate::client::session::{self, Refused, Target};
use crate::client::socket;
use crate::verify::{Audit, Said};

/// Customers that re-read at the same time.
const PARALLEL: usize = 32;
/// Tries for each customer: the server may be on its way up.
const TRIES: u32 = 8;
/// Longest wait for the next frame of a re-read.
const FRAME_WAIT: Duration = Duration::from_secs(5);

/// What the re-read found, by conversation. A conversation that the server no longer knows has an
/// empty audit; one whose customer could not re-read has none.
pub type Audits = BTreeMap<Uuid, Audit>;

/// Re-reads the conversations of each customer, given as (credential, conversations).
pub async fn reread(
    target: &Target,
    customers: Vec<(String, Vec<Uuid>)>,
    mut progress: impl FnMut(usize),
) -> Audits {
    let gate = Arc::new(Semaphore::new(PARALLEL));
    let target = Arc::new(target.clone());
    let mut readers = JoinSet::new();
    for (visitor, conversations) in customers {
        let (gate, target) = (gate.clone(), target.clone());
        readers.spawn(async move {
            let _turn = gate.acquire_owned().await;
            for attempt in 0..TRIES {
                match one(&target, &visitor, &conversations).await {
                    Ok(audits) => return audits,
                    Err(wait) => {
                        sleep(wait.unwrap_or(Duration::from_millis(250 << attempt.min(4)))).await;
                    }
                }
            }
            Audits::new()
        });
    }
    let (mut all, mut done) = (Audits::new(), 0);
    while let Some(read) = readers.join_next().await {
        all.extend(read.unwrap_or_default());
        done += 1;
        progress(done);
    }
    all
}

/// One customer; the error is how long the server asks to wait, if it does.
async fn one(
    target: &Target,
    visitor: &str,
    conversations: &[Uuid],
) -> Result<Audits, Option<Duration>> {
    let session =
        session::widget(target, Some(visitor)).await.map_err(|refused| match refused {
            Refused::Answer { retry_after, .. } => retry_after,
            Refused::Transport(_) => None,
        })?;
    let mut socket = socket::open(target, "/v1/widget").await.map_err(|_| None)?;
    let from_start: Vec<_> = conversations.iter().map(|conversation| (*conversation, 0)).collect();
    let hello = frame::hello(&session.token, None, &from_start);
    socket.send(Message::text(hello)).await.map_err(|_| None)?;

    let mut audits: Audits = conversations.iter().map(|id| (*id, Audit::default())).collect();
    // Last number still awaited, by conversation.
    let mut awaited: Option<BTreeMap<Uuid, u64>> = None;
    while awaited.as_ref().is_none_or(|awaited| !awaited.is_empty()) {
        let text = match timeout_at(Instant::now() + FRAME_WAIT, socket.next()).await {
            Ok(Some(Ok(Message::Text(text)))) => text,
            Ok(Some(Ok(Message::Close(_)))) | Ok(None | Some(Err(_))) => return Err(None),
            Ok(Some(Ok(_))) => continue,
            // What has not come by now is not there: the judgement says what is missing.
            Err(_) if awaited.is_some() => break,
            Err(_) => return Err(None),
        };
        let Ok(frame) = Frame::decode(text.as_str()) else { continue };
        match &*frame.kind_of_frame {
            "welcome" => {
                awaited = Some(
                    frame
                        .conversations
                        .iter()
                        .filter(|standing| audits.contains_key(&standing.conversation))
                        .map(|standing| (standing.conversation, standing.seq))
                        .filter(|(_, seq)| *seq > 0)
                        .collect(),
                );
            }
            "event" => {
                let Some(event) = frame.event() else { continue };
                if let Some(audit) = audits.get_mut(&event.conversation) {
                    audit.events.push((event.epoch, event.seq, said(&event)));
                }
                if let Some(awaited) = &mut awaited
                    && awaited.get(&event.conversation).is_some_and(|last| event.seq >= *last)
                {
                    awaited.remove(&event.conversation);
                }
            }
            _ => {}
        }
    }
    Ok(audits)
}

fn said(event: &Event) -> Option<Said> {
    match event.kind {
        Kind::Message { id, hash, .. } => Some(Said { id, hash }),
        _ => None,
    }
}
