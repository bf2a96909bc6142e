//! Records that are kept or lost together.

use super::error::JournalError;
use super::frame::{HEAD_BYTES, Kind, PAYLOAD_BYTES_MAX, payload_len, push_unplaced, set_kind};

/// Most bytes of one batch, frames included: 8 MiB.
pub const BATCH_BYTES_MAX: usize = 8 << 20;

/// Records for one append: after a crash all of them are there, or none.
///
/// Checksums of the payloads are computed here, in the caller's thread.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    frames: Vec<u8>,
    records: u32,
    last_frame_at: usize,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty batch with room for records whose payloads have `len_bytes` each. Growing by doubling
    /// copies, and asks the system for fresh pages, as often as a batch has powers of two.
    pub fn with_room_for(len_bytes: impl Iterator<Item = usize>) -> Self {
        let frames = Vec::with_capacity(len_bytes.map(|len| HEAD_BYTES + len).sum());
        Self { frames, ..Self::default() }
    }

    /// A batch of one record.
    ///
    /// # Errors
    /// As [`Batch::push`].
    pub fn of(payload: &[u8]) -> Result<Self, JournalError> {
        let mut batch = Self::new();
        batch.push(payload)?;
        Ok(batch)
    }

    /// Adds a record of 1 byte to [`PAYLOAD_BYTES_MAX`].
    ///
    /// # Errors
    /// [`JournalError::PayloadSize`] or [`JournalError::BatchTooLarge`]; the batch is unchanged.
    pub fn push(&mut self, payload: &[u8]) -> Result<(), JournalError> {
        if payload.is_empty() || payload.len() > PAYLOAD_BYTES_MAX {
            return Err(JournalError::PayloadSize {
                len_bytes: payload.len(),
                limit_bytes: PAYLOAD_BYTES_MAX,
            });
        }
        let len_bytes = self.frames.len() + HEAD_BYTES + payload.len();
        if len_bytes > BATCH_BYTES_MAX {
            return Err(JournalError::BatchTooLarge { len_bytes, limit_bytes: BATCH_BYTES_MAX });
        }

        if self.records > 0 {
            set_kind(&mut self.frames, self.last_frame_at, Kind::Record);
        }
        self.last_frame_at = self.frames.len();
        push_unplaced(&mut self.frames, Kind::BatchEnd, payload);
        self.records += 1;
        Ok(())
    }

    /// Number of records.
    pub const fn records(&self) -> u32 {
        self.records
    }

    /// True when no record was added.
    pub const fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Bytes the batch takes in a segment.
    pub const fn frame_bytes(&self) -> usize {
        self.frames.len()
    }

    /// The payloads in order.
    pub fn payloads(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.frames.as_slice();
        std::iter::from_fn(move || {
            let (head, behind) = rest.split_at_checked(HEAD_BYTES)?;
            let (payload, next) = behind.split_at_checked(payload_len(head))?;
            rest = next;
            Some(payload)
        })
    }

    /// Frames in order, heads not yet placed.
    pub(super) fn frames(&self) -> &[u8] {
        &self.frames
    }
}
