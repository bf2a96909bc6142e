//! The end of the journal: where the next commit goes, and what a failed one means.

use std::time::{Duration, Instant};

use super::Durability;
use super::batch::Batch;
use super::error::JournalError;
use super::frame::{OPENING_FRAME_BYTES, OPENINGS, Opening, place, push_opening};
use super::keeper::Keeper;
use super::segment::{HEADER_BYTES, Position, SegmentFile};

/// Space that the first commit of a segment cannot use.
pub(super) const SEGMENT_OVERHEAD_BYTES: usize = HEADER_BYTES + OPENINGS * OPENING_FRAME_BYTES;

/// The segment that is written to.
struct Active {
    segment: SegmentFile,
    end: u64,
    /// No commit succeeded in it yet, its opening is still to be written.
    is_fresh: bool,
}

/// Owns the write position. Every call that touches the disk is made by the writer's thread.
pub(super) struct Log {
    active: Option<Active>,
    /// End of what was acknowledged, for the opening of the next segment.
    acknowledged: Option<Position>,
    keeper: Keeper,
    durability: Durability,
    retry_pause: Duration,
    /// Why there is no active segment, and since when.
    refused: Option<(Instant, JournalError)>,
    buffer: Vec<u8>,
}

/// A segment was taken into use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// The active segment has this many bytes left.
    Same(usize),
    /// A new segment was taken, after a wait or not.
    Rotated { bytes: usize, has_waited: bool },
}

impl Log {
    /// Goes on at the end of what was acknowledged, in `active` or in a new segment.
    pub(super) fn new(
        active: Option<SegmentFile>,
        acknowledged: Option<Position>,
        keeper: Keeper,
        durability: Durability,
        retry_pause: Duration,
    ) -> Self {
        let active = active.zip(acknowledged).map(|(segment, acknowledged)| Active {
            segment,
            end: acknowledged.offset,
            is_fresh: false,
        });
        Self {
            active,
            acknowledged,
            keeper,
            durability,
            retry_pause,
            refused: None,
            buffer: Vec::new(),
        }
    }

    /// Makes sure that a batch of `bytes` fits, and says how much fits in all.
    pub(super) fn make_room(&mut self, bytes: usize) -> Result<Room, JournalError> {
        if let Some(active) = &self.active
            && active.room() >= bytes
        {
            return Ok(Room::Same(active.room()));
        }
        if let Some((since, error)) = &self.refused
            && since.elapsed() < self.retry_pause
        {
            return Err(error.clone());
        }
        match self.keeper.take() {
            Ok((segment, has_waited)) => {
                self.refused = None;
                let active = Active { segment, end: HEADER_BYTES as u64, is_fresh: true };
                let bytes = active.room();
                self.active = Some(active);
                Ok(Room::Rotated { bytes, has_waited })
            }
            Err(error) => {
                // A full segment stays the active one: a smaller batch may still fit.
                self.refused = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    /// Writes `batches` with one write and one sync; room must have been made for all of them.
    ///
    /// Hands the start of each batch to `at`.
    ///
    /// After an error the segment is given up: what the disk kept of the commit is unknown, and a
    /// second sync of the same bytes could succeed without having written them.
    pub(super) fn commit<'a>(
        &mut self,
        batches: impl Iterator<Item = &'a Batch>,
        mut at: impl FnMut(Position),
    ) -> Result<Commit, JournalError> {
        let active = self.active.as_mut().expect("room was made before the commit");
        let segment = active.segment.id;
        let start = active.end;

        self.buffer.clear();
        if active.is_fresh {
            push_opening(
                &mut self.buffer,
                Opening {
                    previous: self.acknowledged.map(|end| end.segment),
                    previous_end: self.acknowledged.map_or(0, |end| end.offset),
                },
            );
        }
        for batch in batches {
            at(Position { segment, offset: start + self.buffer.len() as u64 });
            self.buffer.extend_from_slice(batch.frames());
        }
        place(&mut self.buffer, segment, start, start);

        let written = active.segment.file.write_all_at(&self.buffer, start);
        let synced = written.and_then(|()| match self.durability {
            Durability::Durable => active.segment.file.sync_data(),
            Durability::Memory => Ok(()),
        });
        match synced {
            Ok(()) => {
                active.end = start + self.buffer.len() as u64;
                let end = Position { segment, offset: active.end };
                self.acknowledged = Some(end);
                if std::mem::take(&mut active.is_fresh) {
                    self.keeper.request();
                }
                Ok(Commit { end, bytes: self.buffer.len() as u64 })
            }
            Err(error) => {
                let error = JournalError::from_io("write and sync a commit", error);
                if active.is_fresh {
                    // Two segments refused in a row: give the disk a pause.
                    self.refused = Some((Instant::now(), error.clone()));
                    self.keeper.discard(segment);
                }
                self.active = None;
                self.keeper.request();
                Err(error)
            }
        }
    }

    /// Does what the keeper has to do, where it has no thread.
    pub(super) fn keep(&mut self) {
        self.keeper.work();
    }

    /// Ends the keeper's thread.
    pub(super) fn stop(&mut self) {
        self.keeper.stop();
    }
}

/// A commit that the disk has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Commit {
    /// Where it ends.
    pub end: Position,
    pub bytes: u64,
}

impl Active {
    fn room(&self) -> usize {
        let opening = if self.is_fresh { (OPENINGS * OPENING_FRAME_BYTES) as u64 } else { 0 };
        usize::try_from(self.segment.bytes.saturating_sub(self.end + opening)).unwrap_or(usize::MAX)
    }
}
