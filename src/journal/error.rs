//! What can go wrong between an append and the disk.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::replay::Damage;
use super::segment::FORMAT_VERSION;
use super::snapshot::{SNAPSHOT_VERSION, SnapshotId};

/// Why the journal did not do what was asked.
///
/// Clonable, because one failed commit answers every batch that was in it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum JournalError {
    /// Another process (or an open handle of this one) holds the folder.
    #[error("journal folder {} is in use by another process", folder.display())]
    Locked {
        /// The folder that was asked for.
        folder: PathBuf,
    },
    /// A segment was written by a later version of the program.
    #[error(
        "segment {segment} has journal format {found}; this program reads up to {FORMAT_VERSION}"
    )]
    UnsupportedVersion {
        /// Number of the segment.
        segment: u64,
        /// Version in its header.
        found: u32,
    },
    /// An option lies outside its range.
    #[error("journal option {option}: {range}")]
    Option {
        /// Name of the field in [`Options`](super::Options).
        option: &'static str,
        /// The accepted range, in words.
        range: &'static str,
    },
    /// A payload is empty or larger than [`PAYLOAD_BYTES_MAX`](super::PAYLOAD_BYTES_MAX).
    #[error("payload of {len_bytes} bytes; a record holds 1 to {limit_bytes}")]
    PayloadSize {
        /// Bytes that were offered.
        len_bytes: usize,
        /// Most bytes a record holds.
        limit_bytes: usize,
    },
    /// The batch holds more than one segment or one batch can.
    #[error("batch of {len_bytes} bytes exceeds {limit_bytes}")]
    BatchTooLarge {
        /// Bytes of the batch with its frames.
        len_bytes: usize,
        /// Most bytes a batch may have.
        limit_bytes: usize,
    },
    /// The batch holds no record, so there is no position to answer with.
    #[error("batch holds no record")]
    EmptyBatch,
    /// The queue stayed full for the longest wait; nothing of the batch was written.
    #[error("journal queue stayed full for {waited:?}")]
    Overloaded {
        /// How long the batch waited for room.
        waited: Duration,
    },
    /// The disk is full; else as [`JournalError::Io`].
    #[error("no room on the disk of the journal: {source}")]
    Full {
        /// What the operating system said.
        source: Arc<io::Error>,
    },
    /// The disk refused an operation.
    ///
    /// For an append: the batch is not acknowledged. It does not come back at the next start once
    /// a later append succeeded; without one, whether it comes back is unknown.
    #[error("journal could not {doing}: {source}")]
    Io {
        /// The operation, to finish the sentence "could not".
        doing: &'static str,
        /// What the operating system said.
        source: Arc<io::Error>,
    },
    /// Replay met bytes that were once good and no longer are; it goes on behind them.
    #[error("journal damage: {0}")]
    Damaged(Damage),
    /// A snapshot is not what was written: its checksums say so.
    #[error("{snapshot} cannot be used: {why}")]
    BadSnapshot {
        /// Which.
        snapshot: SnapshotId,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A snapshot was written by a later version of the program.
    #[error("{snapshot} has format {found}; this program reads up to {SNAPSHOT_VERSION}")]
    LaterSnapshot {
        /// Which.
        snapshot: SnapshotId,
        /// Version in its header.
        found: u32,
    },
    /// The journal was closed, or its writer is gone.
    #[error("journal is closed")]
    Closed,
}

impl JournalError {
    /// Wraps what the disk said, telling a full disk from everything else.
    pub(super) fn from_io(doing: &'static str, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::Full { source: Arc::new(error) },
            _ => Self::Io { doing, source: Arc::new(error) },
        }
    }

    /// True when the same append may succeed a little later.
    pub fn is_retriable(&self) -> bool {
        matches!(self, Self::Overloaded { .. } | Self::Full { .. } | Self::Io { .. })
    }
}
