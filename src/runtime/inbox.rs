//! Many senders, one owner: a lock-free queue that the owner empties in batches.

use tokio::sync::Notify;

use super::sync::{ArrayQueue, SegQueue};

/// The queue had no room; the entry comes back.
#[derive(Debug, PartialEq, Eq)]
pub struct Full<T>(pub T);

/// The inbox of one owner.
///
/// Work from outside goes through [`Self::offer`] and is refused when `capacity` entries wait.
/// Consequences of work that was taken in go through [`Self::follow_up`], which never refuses: they
/// are bounded by what they follow from (a few for each live conversation, itself bounded), and
/// refusing them would lose what was acknowledged.
#[derive(Debug)]
pub struct Inbox<T> {
    outside: ArrayQueue<T>,
    follow_ups: SegQueue<T>,
    wake: Notify,
}

impl<T> Inbox<T> {
    /// An empty inbox with room for `capacity` entries from outside.
    pub fn new(capacity: usize) -> Self {
        Self {
            outside: ArrayQueue::new(capacity.max(1)),
            follow_ups: SegQueue::new(),
            wake: Notify::new(),
        }
    }

    /// Puts in work from outside.
    ///
    /// # Errors
    /// When the inbox is full.
    pub fn offer(&self, entry: T) -> Result<(), Full<T>> {
        self.outside.push(entry).map_err(Full)?;
        self.wake.notify_one();
        Ok(())
    }

    /// Puts in a consequence of work that was taken in before.
    pub fn follow_up(&self, entry: T) {
        self.follow_ups.push(entry);
        self.wake.notify_one();
    }

    /// Waits until there is something, then moves up to `max` entries to `batch`, follow-ups first:
    /// finishing what was begun frees room for what is new.
    pub async fn take(&self, batch: &mut Vec<T>, max: usize) {
        loop {
            if self.take_now(batch, max) {
                return;
            }
            self.wake.notified().await;
        }
    }

    /// Moves up to `max` entries to `batch`; whether there were any.
    pub fn take_now(&self, batch: &mut Vec<T>, max: usize) -> bool {
        let before = batch.len();
        while batch.len() - before < max {
            match self.follow_ups.pop().or_else(|| self.outside.pop()) {
                Some(entry) => batch.push(entry),
                None => break,
            }
        }
        batch.len() > before
    }

    /// How many entries from outside wait, and how many may.
    pub fn waiting(&self) -> (usize, usize) {
        (self.outside.len(), self.outside.capacity())
    }

    /// Entries that wait, from outside and follow-ups together.
    pub fn len(&self) -> usize {
        self.outside.len() + self.follow_ups.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.outside.is_empty() && self.follow_ups.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_inbox_refuses_new_work_and_still_takes_consequences() {
        let inbox = Inbox::new(2);
        assert_eq!(inbox.offer(1), Ok(()));
        assert_eq!(inbox.offer(2), Ok(()));

        assert_eq!(inbox.offer(3), Err(Full(3)));
        inbox.follow_up(4);

        let mut batch = Vec::new();
        assert!(inbox.take_now(&mut batch, 10));
        assert_eq!(batch, [4, 1, 2]);
        assert_eq!(inbox.offer(5), Ok(()));
    }

    #[tokio::test]
    async fn the_owner_is_woken_by_an_entry() {
        let inbox = std::sync::Arc::new(Inbox::new(4));
        let owner = tokio::spawn({
            let inbox = inbox.clone();
            async move {
                let mut batch = Vec::new();
                inbox.take(&mut batch, 8).await;
                batch
            }
        });

        assert_eq!(inbox.offer(7), Ok(()));

        assert_eq!(owner.await.expect("the owner ends"), [7]);
    }
}
