//! The cheap handle that the rest of the program holds.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::batch::Batch;
use super::error::JournalError;
use super::folder::Folder;
use super::frame::HEAD_BYTES;
use super::keeper::Job;
use super::segment::{Position, SegmentId};
use super::shared::{Hold, JournalStats, Shared};
use super::snapshot::Snapshots;
use super::writer::{Command, Pending};
use crate::runtime::sync::mpsc::SyncSender;

/// An open journal. Clones share one writer, which ends when it is closed or the last clone goes.
#[derive(Clone)]
pub struct Journal {
    pub(super) queue: mpsc::Sender<Command>,
    pub(super) bytes: Arc<Semaphore>,
    pub(super) shared: Arc<Shared>,
    pub(super) keeper: SyncSender<Job>,
    pub(super) wait_max: Duration,
    pub(super) batch_bytes_max: usize,
    pub(super) folder: Arc<dyn Folder>,
}

impl Journal {
    /// Writes a batch and resolves once it is on disk.
    ///
    /// The batch takes its place in the log at the first poll. Dropping the future afterwards does
    /// not take it back.
    ///
    /// # Errors
    /// Those of [`Journal::enqueue`] and of [`Receipt`].
    pub async fn append(&self, batch: Batch) -> Result<Position, JournalError> {
        self.enqueue(batch).await?.await
    }

    /// Takes the batch's place in the log, waiting for room in the queue; the receipt resolves
    /// once it is on disk. For a caller that goes on working in the meantime.
    ///
    /// # Errors
    /// [`JournalError::Overloaded`] when no room came in time, [`JournalError::Closed`],
    /// [`JournalError::EmptyBatch`], [`JournalError::BatchTooLarge`]. Nothing was written.
    pub async fn enqueue(&self, batch: Batch) -> Result<Receipt, JournalError> {
        let permits = self.check(&batch)?;
        let send = async {
            let bytes = Arc::clone(&self.bytes)
                .acquire_many_owned(permits)
                .await
                .map_err(|_| JournalError::Closed)?;
            let slot = self.queue.reserve().await.map_err(|_| JournalError::Closed)?;
            let (reply, answer) = oneshot::channel();
            slot.send(Command::Append(Pending { batch, reply, _bytes: bytes }));
            Ok(Receipt(answer))
        };
        tokio::time::timeout(self.wait_max, send).await.unwrap_or_else(|_| {
            self.shared.stats.refused();
            Err(JournalError::Overloaded { waited: self.wait_max })
        })
    }

    /// As [`Journal::enqueue`], but refuses at once when the queue is full.
    ///
    /// # Errors
    /// As [`Journal::enqueue`].
    pub fn try_enqueue(&self, batch: Batch) -> Result<Receipt, JournalError> {
        let overloaded = || {
            self.shared.stats.refused();
            JournalError::Overloaded { waited: Duration::ZERO }
        };
        let permits = self.check(&batch)?;
        let bytes =
            Arc::clone(&self.bytes).try_acquire_many_owned(permits).map_err(|_| overloaded())?;
        let (reply, answer) = oneshot::channel();
        let command = Command::Append(Pending { batch, reply, _bytes: bytes });
        match self.queue.try_send(command) {
            Ok(()) => Ok(Receipt(answer)),
            Err(TrySendError::Full(_)) => Err(overloaded()),
            Err(TrySendError::Closed(_)) => Err(JournalError::Closed),
        }
    }

    /// Cuts records into pieces for a batch each, which take `bytes` at most with their heads, and less
    /// where the segments are small. A record that alone takes more is a piece by itself.
    pub fn pieces<'a>(
        &self,
        payloads: &'a [Vec<u8>],
        bytes: usize,
    ) -> impl Iterator<Item = &'a [Vec<u8>]> + use<'a> {
        let bytes_max = bytes.min(self.batch_bytes_max);
        let mut rest = payloads;
        std::iter::from_fn(move || {
            let mut taken = 0;
            let fits = rest.iter().take_while(|payload| {
                taken += HEAD_BYTES + payload.len();
                taken <= bytes_max
            });
            let (piece, later) = rest.split_at_checked(fits.count().max(1))?;
            rest = later;
            Some(piece)
        })
    }

    /// Frees every segment below `segment`: its files are zeroed and used again.
    ///
    /// The segment of the last commit and all above it always stay. Runs in the background; call
    /// it only after the replay was read.
    pub fn recycle_below(&self, segment: SegmentId) {
        if self.shared.raise_floor(segment) {
            // A full queue of jobs is as good: each job ends with a look at the floor.
            let _ = self.keeper.try_send(Job::Recycle);
        }
    }

    /// Where the acknowledged bytes end now; `None` while nothing was ever written. Whatever was
    /// acknowledged before this call lies before it.
    pub fn end(&self) -> Option<Position> {
        self.shared.end()
    }

    /// The folder of the journal.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The snapshots beside it.
    pub fn snapshots(&self) -> Snapshots {
        Snapshots::new(Arc::clone(&self.folder))
    }

    /// Keeps every segment that is still there from being recycled, for a reader beside the writer;
    /// ends by itself after `lease`. `None` when [`HOLDS_MAX`](super::HOLDS_MAX) are held already.
    pub fn hold(&self, lease: Duration) -> Option<Hold> {
        self.shared.hold(lease)
    }

    /// Lets a hold last for another `lease` from now; false when it has ended.
    pub fn extend_hold(&self, id: u64, lease: Duration) -> bool {
        self.shared.extend_hold(id, lease)
    }

    /// Ends a hold; false when it had ended before.
    pub fn end_hold(&self, id: u64) -> bool {
        let was_held = self.shared.end_hold(id);
        // A full queue of jobs is as good: each job ends with a look at the floor.
        let _ = self.keeper.try_send(Job::Recycle);
        was_held
    }

    /// False from a refused commit until the next that succeeds.
    pub fn healthy(&self) -> bool {
        self.shared.is_healthy()
    }

    /// Counters since open.
    pub fn stats(&self) -> JournalStats {
        self.shared.stats.snapshot(self.queue.max_capacity() - self.queue.capacity())
    }

    /// Finishes every batch that has its place, ends the threads and frees the folder. Other
    /// clones get [`JournalError::Closed`] from then on.
    ///
    /// # Errors
    /// [`JournalError::Closed`] when the journal was closed before.
    pub async fn close(self) -> Result<(), JournalError> {
        let (reply, done) = oneshot::channel();
        self.queue.send(Command::Close(reply)).await.map_err(|_| JournalError::Closed)?;
        done.await.map_err(|_| JournalError::Closed)
    }

    /// Permits for the queue's byte bound.
    fn check(&self, batch: &Batch) -> Result<u32, JournalError> {
        if batch.is_empty() {
            return Err(JournalError::EmptyBatch);
        }
        let len_bytes = batch.frame_bytes();
        if len_bytes > self.batch_bytes_max {
            return Err(JournalError::BatchTooLarge {
                len_bytes,
                limit_bytes: self.batch_bytes_max,
            });
        }
        Ok(u32::try_from(len_bytes).unwrap_or(u32::MAX))
    }
}

/// A batch with its place in the log; resolves once it is on disk.
///
/// # Errors
/// [`JournalError::Full`] and [`JournalError::Io`] when the disk refused: the batch is not
/// acknowledged. [`JournalError::Closed`] when the writer is gone.
#[must_use = "only the resolved receipt says that the batch is on disk"]
pub struct Receipt(oneshot::Receiver<Result<Position, JournalError>>);

impl Future for Receipt {
    type Output = Result<Position, JournalError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0)
            .poll(context)
            .map(|answer| answer.unwrap_or(Err(JournalError::Closed)))
    }
}
