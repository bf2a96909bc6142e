//! Messages on their way to whoever looks at their conversation.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::deliver::Outbox;
use crate::domain::Pair;

/// A message between its acceptance and the moment its viewers get it.
#[derive(Debug, Serialize, Deserialize)]
pub struct InFlight {
    /// Its number.
    pub seq: u64,
    /// The sockets that sent it, one unless it was sent again meanwhile; none after a restart.
    #[serde(skip)]
    pub origins: SmallVec<[Origin; 1]>,
    /// Whether it has been understood, or that has failed.
    pub understood: bool,
    /// The languages, while it is being translated for its customer.
    #[serde(default)]
    pub translating: Option<Pair>,
}

/// A socket that sent a message and gets the acknowledgement in place of the event.
#[derive(Debug)]
pub struct Origin {
    /// Where the acknowledgement goes.
    pub outbox: Arc<Outbox>,
    /// Whether it has left.
    pub acknowledged: bool,
}

impl InFlight {
    pub(super) fn new(seq: u64, understood: bool) -> Self {
        Self { seq, origins: SmallVec::new(), understood, translating: None }
    }

    /// Whether its viewers may get it.
    pub fn is_ready(&self) -> bool {
        self.understood && self.translating.is_none()
    }

    /// Adds a socket that sends the message; gives whether it has the acknowledgement already.
    pub fn sent_by(&mut self, outbox: &Arc<Outbox>) -> bool {
        match self.origins.iter().find(|origin| Arc::ptr_eq(&origin.outbox, outbox)) {
            Some(origin) => origin.acknowledged,
            None => {
                self.origins.push(Origin { outbox: outbox.clone(), acknowledged: false });
                false
            }
        }
    }
}
