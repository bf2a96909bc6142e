//! Something that a test has done once, when somebody who speaks to a server of the test comes to a step.
#![allow(dead_code, reason = "each server uses a part of it")]

use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// Longest that sessions of before may go on.
const PATIENCE: Duration = Duration::from_secs(60);

type Act = Box<dyn FnOnce() + Send>;

/// What is to be done next, if anything.
pub struct Plan<S>(Arc<(Mutex<Inner<S>>, Condvar)>);

struct Inner<S> {
    /// Sessions that there ever were, and which of them go on.
    sessions: usize,
    open: BTreeSet<usize>,
    /// At which step, after how many sessions, and what.
    planned: Option<(S, usize, Act)>,
}

/// One connection, from when the server accepts it.
pub struct Session<S> {
    number: usize,
    plan: Plan<S>,
}

impl<S> Default for Plan<S> {
    fn default() -> Self {
        let inner = Inner { sessions: 0, open: BTreeSet::new(), planned: None };
        Self(Arc::new((Mutex::new(inner), Condvar::new())))
    }
}

impl<S> Clone for Plan<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S> Plan<S> {
    fn inner(&self) -> MutexGuard<'_, Inner<S>> {
        self.0.0.lock().expect("nobody panics with it")
    }
}

impl<S: PartialEq> Plan<S> {
    /// A connection was accepted.
    pub fn session(&self) -> Session<S> {
        let mut inner = self.inner();
        inner.sessions += 1;
        let number = inner.sessions;
        inner.open.insert(number);
        Session { number, plan: self.clone() }
    }

    /// Has `act` done once, when a session that begins after now comes to `step`. One from before may
    /// still have steps to go, though whoever is at its other side has all that it wanted.
    pub fn at(&self, step: S, act: impl FnOnce() + Send + 'static) {
        let mut inner = self.inner();
        inner.planned = Some((step, inner.sessions, Box::new(act)));
    }

    /// Waits until the sessions of now have ended: what is put there afterwards is met by later ones.
    pub fn wait_for_sessions_of_now(&self) {
        let inner = self.inner();
        let last = inner.sessions;
        let goes_on = |inner: &mut Inner<S>| inner.open.range(..=last).next().is_some();
        let waited = self.0.1.wait_timeout_while(inner, PATIENCE, goes_on);
        assert!(!waited.expect("nobody panics with it").1.timed_out(), "a session does not end");
    }
}

impl<S: PartialEq> Session<S> {
    /// The session is at `step`.
    pub fn reach(&self, step: &S) {
        let is_it = |(at, after, _): &mut (S, usize, Act)| at == step && *after < self.number;
        let planned = self.plan.inner().planned.take_if(is_it);
        if let Some((.., act)) = planned {
            act();
        }
    }
}

impl<S> Drop for Session<S> {
    fn drop(&mut self) {
        self.plan.inner().open.remove(&self.number);
        self.plan.0.1.notify_all();
    }
}
