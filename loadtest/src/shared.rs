//! What all clients of one run share.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde::Serialize;

use crate::client::session::Target;
use crate::record::Recorder;
use crate::schedule::Manners;
use crate::stats::{Stats, lock};
use crate::texts::Texts;

/// How seats work: means of log-normal times.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct SeatManners {
    /// Looking at an offer before accepting it.
    pub accept_s: f64,
    /// From accepting to the first reply.
    pub first_reply_s: f64,
    /// From a customer's later message to the reply.
    pub reply_s: f64,
    /// From accepting to closing, if the customer does not close before.
    pub handling_s: f64,
}

/// Shared by every customer and seat of a run.
#[derive(Debug)]
pub struct Shared {
    pub target: Target,
    pub seed: u64,
    pub texts: Texts,
    pub manners: Manners,
    pub seat_manners: SeatManners,
    /// A customer who has heard nothing for so long gives up.
    pub patience: Duration,
    pub stats: Stats,
    pub recorder: Recorder,
    /// Credentials of all customers, for the re-read at the end.
    pub identities: Mutex<Vec<String>>,
    /// Conversations that seats own at this moment.
    pub owned: AtomicI64,
}

impl Shared {
    /// Keeps a customer's credential; gives its number.
    pub fn add_identity(&self, visitor: &str) -> usize {
        let mut identities = lock(&self.identities);
        identities.push(visitor.into());
        let identity = identities.len() - 1;
        drop(identities);
        self.recorder.visitor(identity, visitor);
        identity
    }

    /// The credentials so far.
    pub fn identities(&self) -> Vec<String> {
        lock(&self.identities).clone()
    }

    /// A seat took (1) or ended (-1) a conversation.
    pub fn change_owned(&self, by: i64) {
        self.owned.fetch_add(by, Ordering::Relaxed);
    }

    /// Conversations that seats own now.
    pub fn owned(&self) -> i64 {
        self.owned.load(Ordering::Relaxed)
    }
}
