//! The calls that are under way. One that ends in a panic is told as well, so that its place comes back.

use std::collections::HashMap;

use tokio::task::{Id, JoinSet};

use crate::domain::Webhook;
use crate::flow::Errand;

/// Calls that end with a `T` each, in any order.
pub(super) struct Calls<T> {
    tasks: JoinSet<T>,
    /// What each is about: a task that panics says nothing but its id.
    errands: HashMap<Id, Errand<Webhook>>,
}

impl<T: Send + 'static> Calls<T> {
    pub(super) fn new() -> Self {
        Self { tasks: JoinSet::new(), errands: HashMap::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.tasks.len()
    }

    pub(super) fn begin(
        &mut self,
        errand: Errand<Webhook>,
        call: impl Future<Output = T> + Send + 'static,
    ) {
        let id = self.tasks.spawn(call).id();
        self.errands.insert(id, errand);
    }

    /// What the next one that ends says, or the errand of one that panicked; `None` when there is none.
    pub(super) async fn next(&mut self) -> Option<Result<T, Errand<Webhook>>> {
        loop {
            match self.tasks.join_next_with_id().await? {
                Ok((id, said)) => {
                    self.errands.remove(&id);
                    return Some(Ok(said));
                }
                Err(error) => {
                    if let Some(errand) = self.errands.remove(&error.id()) {
                        return Some(Err(errand));
                    }
                }
            }
        }
    }
}
