//! What a caller can choose.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use super::batch::BATCH_BYTES_MAX;
use super::error::JournalError;
use super::segment::{SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN};
use super::shared::CommitObserver;

/// What an acknowledgement means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// On disk: survives a power cut.
    Durable,
    /// Handed to the operating system: survives `kill -9` only. For comparisons.
    Memory,
}

/// What becomes of a segment that the disk cannot read now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// The journal does not open: the disk may be well again the next time.
    Refuse,
    /// It counts as damage, and is set aside.
    PassOver,
}

/// Settings of a journal.
#[derive(Clone)]
pub struct Options {
    /// Bytes of a new segment, 16 KiB to 1 GiB. Existing segments keep theirs.
    pub segment_bytes: u64,
    /// What an acknowledgement means.
    pub durability: Durability,
    /// Most bytes gathered into one commit, 1 to 8 MiB; a single larger batch goes alone.
    pub commit_bytes_max: usize,
    /// Batches that wait for the writer before an append waits for room.
    pub queue_capacity: NonZeroUsize,
    /// Bytes that wait for the writer, 8 MiB to 1 GiB.
    pub queue_bytes_max: usize,
    /// Longest an append waits for room before it is refused.
    pub queue_wait_max: Duration,
    /// After a segment could not be had, appends are refused for this long before the disk is
    /// asked again: each try on a full disk writes until it fails.
    pub retry_pause: Duration,
    /// What becomes of a segment that cannot be read.
    pub unreadable: Unreadable,
    /// Told of every commit.
    pub observer: Option<Arc<dyn CommitObserver>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            durability: Durability::Durable,
            commit_bytes_max: 1 << 20,
            queue_capacity: const { NonZeroUsize::new(4096).expect("4096 is not zero") },
            queue_bytes_max: 64 << 20,
            queue_wait_max: Duration::from_secs(2),
            retry_pause: Duration::from_millis(500),
            unreadable: Unreadable::Refuse,
            observer: None,
        }
    }
}

impl Options {
    pub(super) fn check(&self) -> Result<(), JournalError> {
        let ranges = [
            (
                "segment_bytes",
                "16 KiB to 1 GiB",
                (SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(&self.segment_bytes),
            ),
            (
                "commit_bytes_max",
                "1 byte to 8 MiB",
                (1..=BATCH_BYTES_MAX).contains(&self.commit_bytes_max),
            ),
            (
                "queue_bytes_max",
                "8 MiB to 1 GiB",
                (BATCH_BYTES_MAX..=1 << 30).contains(&self.queue_bytes_max),
            ),
        ];
        match ranges.into_iter().find(|(_, _, is_in_range)| !is_in_range) {
            Some((option, range, _)) => Err(JournalError::Option { option, range }),
            None => Ok(()),
        }
    }
}
