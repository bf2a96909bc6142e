//! How many messages may wait for the threads, all batches together.

use std::sync::Arc;

use crate::runtime::sync::atomic::{AtomicUsize, Ordering};

/// The room that there is; clones share it.
#[derive(Clone)]
pub struct Rooms {
    waiting: Arc<AtomicUsize>,
    capacity: usize,
}

/// Room for some messages, given back when it is dropped, whatever became of them.
pub struct Room {
    waiting: Arc<AtomicUsize>,
    messages: usize,
}

/// The threads have no room for more messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{waiting} messages wait to be understood, at most {capacity} may")]
pub struct Overloaded {
    /// Messages that wait or are being read.
    pub waiting: usize,
    /// Most that may.
    pub capacity: usize,
}

impl Rooms {
    /// Room for `capacity` messages.
    pub fn new(capacity: usize) -> Self {
        Self { waiting: Arc::default(), capacity }
    }

    /// Takes room for `messages`.
    ///
    /// # Errors
    /// When they do not fit beside those that wait already.
    pub fn take(&self, messages: usize) -> Result<Room, Overloaded> {
        let fits =
            |waiting: usize| waiting.checked_add(messages).filter(|sum| *sum <= self.capacity);
        self.waiting
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, fits)
            .map_err(|_| self.overloaded())?;
        Ok(Room { waiting: self.waiting.clone(), messages })
    }

    /// Messages that have room now.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// What is said when there is none.
    pub fn overloaded(&self) -> Overloaded {
        Overloaded { waiting: self.waiting(), capacity: self.capacity }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.waiting.fetch_sub(self.messages, Ordering::Release);
    }
}
