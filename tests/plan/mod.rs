//! Something that a test has done once, when somebody who speaks to a server of the test comes to a step.

use std::sync::{Arc, Mutex};

type Act = Box<dyn FnOnce() + Send>;

/// What is to be done next, if anything.
pub struct Plan<S>(Arc<Mutex<Inner<S>>>);

struct Inner<S> {
    /// Sessions that there ever were.
    sessions: usize,
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
        Self(Arc::new(Mutex::new(Inner { sessions: 0, planned: None })))
    }
}

impl<S> Clone for Plan<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S: PartialEq> Plan<S> {
    /// A connection was accepted.
    pub fn session(&self) -> Session<S> {
        let mut inner = self.inner();
        inner.sessions += 1;
        Session { number: inner.sessions, plan: self.clone() }
    }

    /// Has `act` done once, when a session that begins after now comes to `step`. One from before may
    /// still have steps to go, though whoever is at its other side has all that it wanted.
    pub fn at(&self, step: S, act: impl FnOnce() + Send + 'static) {
        let mut inner = self.inner();
        inner.planned = Some((step, inner.sessions, Box::new(act)));
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner<S>> {
        self.0.lock().expect("nobody panics with it")
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
