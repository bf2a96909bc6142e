//! Where clients find the router, whichever process it is at the moment.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::io::DuplexStream;
use tradewind::domain::ConversationId;
use tradewind::gateway::Role;

use super::judge::Judge;
use super::network::Route;
use super::process::Process;

/// After its end a conversation can be resumed for this long.
const RESUME_FOR: Duration = Duration::from_secs(24 * 3600);

#[derive(Clone)]
pub struct Door {
    process: Arc<Mutex<Option<Process>>>,
    judge: Judge,
}

impl Door {
    pub fn new(judge: Judge) -> Self {
        Self { process: Arc::default(), judge }
    }

    /// The process that runs.
    pub fn process(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().expect("nobody panics while holding it")
    }

    /// A connection to the router, if it runs and the way is open.
    pub fn connect(&self, route: &Route, role: Role) -> Option<DuplexStream> {
        let mut process = self.process();
        let process = process.as_mut()?;
        let (client, router) = route.connect()?;
        process.accept(router, role);
        Some(client)
    }

    /// Whether a conversation ended so long ago, by the router's clock, that it may be forgotten.
    pub fn has_aged(&self, conversation: ConversationId) -> bool {
        let now = self.process().as_ref().map(|process| process.gateway.clock.now());
        let state = self.judge.state();
        let closed_at = state.story.closed_at(conversation);
        let is_damaged = state.story.is_damaged(conversation);
        is_damaged || closed_at.zip(now).is_some_and(|(at, now)| now.since(at) >= RESUME_FOR)
    }
}
