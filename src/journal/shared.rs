//! What the handles, the writer and the keeper see together: counters, health, the floor.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::segment::SegmentId;

/// One commit, as told to a [`CommitObserver`].
#[derive(Clone, Copy, Debug)]
pub struct CommitReport {
    /// Batches in the commit.
    pub batches: u32,
    /// Records in the commit.
    pub records: u32,
    /// Bytes written.
    pub bytes: u64,
    /// Time of write and sync together.
    pub took: Duration,
    /// False when the disk refused.
    pub is_ok: bool,
}

/// Told of every commit in the writer's thread; must be quick and must not panic.
pub trait CommitObserver: Send + Sync {
    /// A commit ended.
    fn committed(&self, report: &CommitReport);
}

impl<F: Fn(&CommitReport) + Send + Sync> CommitObserver for F {
    fn committed(&self, report: &CommitReport) {
        self(report);
    }
}

/// Counters since open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JournalStats {
    /// Commits that succeeded.
    pub commits: u64,
    /// Commits that the disk refused.
    pub failed_commits: u64,
    /// Batches acknowledged.
    pub batches: u64,
    /// Records acknowledged.
    pub records: u64,
    /// Bytes written by successful commits, frames included.
    pub bytes: u64,
    /// Segments taken into use.
    pub rotations: u64,
    /// Rotations for which the next segment was not prepared in time.
    pub rotation_waits: u64,
    /// Segments recycled or removed as no longer needed.
    pub recycled: u64,
    /// Batches refused because the queue stayed full.
    pub refused: u64,
    /// Batches that wait in the queue now.
    pub queued: usize,
}

#[derive(Default)]
pub(super) struct Counters {
    commits: AtomicU64,
    failed_commits: AtomicU64,
    batches: AtomicU64,
    records: AtomicU64,
    bytes: AtomicU64,
    rotations: AtomicU64,
    rotation_waits: AtomicU64,
    recycled: AtomicU64,
    refused: AtomicU64,
}

impl Counters {
    pub(super) fn committed(&self, report: &CommitReport) {
        if !report.is_ok {
            self.failed_commits.fetch_add(1, Relaxed);
            return;
        }
        self.commits.fetch_add(1, Relaxed);
        self.batches.fetch_add(report.batches.into(), Relaxed);
        self.records.fetch_add(report.records.into(), Relaxed);
        self.bytes.fetch_add(report.bytes, Relaxed);
    }

    pub(super) fn rotated(&self, has_waited: bool) {
        self.rotations.fetch_add(1, Relaxed);
        self.rotation_waits.fetch_add(has_waited.into(), Relaxed);
    }

    pub(super) fn recycled(&self) {
        self.recycled.fetch_add(1, Relaxed);
    }

    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    pub(super) fn snapshot(&self, queued: usize) -> JournalStats {
        JournalStats {
            commits: self.commits.load(Relaxed),
            failed_commits: self.failed_commits.load(Relaxed),
            batches: self.batches.load(Relaxed),
            records: self.records.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            rotations: self.rotations.load(Relaxed),
            rotation_waits: self.rotation_waits.load(Relaxed),
            recycled: self.recycled.load(Relaxed),
            refused: self.refused.load(Relaxed),
            queued,
        }
    }
}

pub(super) struct Shared {
    pub stats: Counters,
    pub observer: Option<Arc<dyn CommitObserver>>,
    is_healthy: AtomicBool,
    /// Segments below this number are no longer needed by the caller.
    wanted_floor: AtomicU64,
    /// The segment of the last successful commit; it and all above stay.
    committed: AtomicU64,
}

impl Shared {
    pub(super) fn new(
        observer: Option<Arc<dyn CommitObserver>>,
        committed: Option<SegmentId>,
    ) -> Self {
        Self {
            stats: Counters::default(),
            observer,
            is_healthy: AtomicBool::new(true),
            wanted_floor: AtomicU64::new(0),
            committed: AtomicU64::new(committed.map_or(0, SegmentId::get)),
        }
    }

    pub(super) fn is_healthy(&self) -> bool {
        self.is_healthy.load(Relaxed)
    }

    pub(super) fn set_healthy(&self, is_healthy: bool) {
        self.is_healthy.store(is_healthy, Relaxed);
    }

    /// True when the floor was lower before.
    pub(super) fn raise_floor(&self, segment: SegmentId) -> bool {
        self.wanted_floor.fetch_max(segment.get(), Relaxed) < segment.get()
    }

    pub(super) fn set_committed(&self, segment: SegmentId) {
        self.committed.fetch_max(segment.get(), Relaxed);
    }

    /// Segments with lower numbers may be recycled.
    pub(super) fn recycle_floor(&self) -> u64 {
        self.wanted_floor.load(Relaxed).min(self.committed.load(Relaxed))
    }
}
