//! What keeps the promises of crossbeam's queues and of `AtomicWaker`, in as few steps as can be.

use std::collections::VecDeque;
use std::task::Waker;

use shuttle::sync::Mutex;

/// A queue with a bound.
#[derive(Debug)]
pub struct ArrayQueue<T> {
    entries: Mutex<VecDeque<T>>,
    capacity: usize,
}

impl<T> ArrayQueue<T> {
    /// An empty one.
    pub fn new(capacity: usize) -> Self {
        Self { entries: Mutex::default(), capacity }
    }

    /// Puts an entry at the end.
    ///
    /// # Errors
    /// The entry, when it is full.
    pub fn push(&self, entry: T) -> Result<(), T> {
        let mut entries = lock(&self.entries);
        if entries.len() == self.capacity {
            return Err(entry);
        }
        entries.push_back(entry);
        Ok(())
    }

    /// Takes the first entry.
    pub fn pop(&self) -> Option<T> {
        lock(&self.entries).pop_front()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        lock(&self.entries).len()
    }

    /// How many there may be.
    pub const fn capacity(&self) -> usize {
        self.capacity
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A queue without a bound.
#[derive(Debug)]
pub struct SegQueue<T>(ArrayQueue<T>);

impl<T> Default for SegQueue<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> SegQueue<T> {
    /// An empty one.
    pub fn new() -> Self {
        Self(ArrayQueue::new(usize::MAX))
    }

    /// Puts an entry at the end.
    pub fn push(&self, entry: T) {
        if self.0.push(entry).is_err() {
            unreachable!("it has no bound");
        }
    }

    /// Takes the first entry.
    pub fn pop(&self) -> Option<T> {
        self.0.pop()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Wakes the task that registered last, once.
#[derive(Debug, Default)]
pub struct AtomicWaker(Mutex<Option<Waker>>);

impl AtomicWaker {
    /// One without a task.
    pub fn new() -> Self {
        Self::default()
    }

    /// Remembers who is to be woken.
    pub fn register(&self, waker: &Waker) {
        *lock(&self.0) = Some(waker.clone());
    }

    /// Wakes.
    pub fn wake(&self) {
        let waker = lock(&self.0).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> shuttle::sync::MutexGuard<'_, T> {
    mutex.lock().expect("nobody panics while it is held")
}
