//! What the handles, the writer and the keeper see together: counters, health, the end, the floor.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::segment::{Position, SegmentId};
use crate::runtime::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

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

/// Segments that a reader beside the writer keeps from being recycled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Names the hold.
    pub id: u64,
    /// The oldest segment that stays.
    pub from: SegmentId,
    /// Where the acknowledged bytes ended when the hold began; `None` while nothing was written.
    pub end: Option<Position>,
}

/// Holds at a time. Each keeps files on the disk.
pub const HOLDS_MAX: usize = 4;

pub(super) struct Shared {
    pub stats: Counters,
    pub observer: Option<Arc<dyn CommitObserver>>,
    is_healthy: AtomicBool,
    /// Segments below this number are no longer needed by the caller.
    wanted_floor: AtomicU64,
    /// Where the acknowledged bytes end; its segment and all above stay.
    end: Mutex<Option<Position>>,
    holds: Mutex<Holds>,
}

#[derive(Default)]
struct Holds {
    last_id: u64,
    /// Each with the instant at which it ends by itself.
    held: Vec<(Hold, Instant)>,
}

impl Shared {
    pub(super) fn new(observer: Option<Arc<dyn CommitObserver>>, end: Option<Position>) -> Self {
        Self {
            stats: Counters::default(),
            observer,
            is_healthy: AtomicBool::new(true),
            wanted_floor: AtomicU64::new(0),
            end: Mutex::new(end),
            holds: Mutex::default(),
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

    pub(super) fn end(&self) -> Option<Position> {
        *self.end.lock()
    }

    pub(super) fn set_end(&self, end: Position) {
        *self.end.lock() = Some(end);
    }

    /// Segments with lower numbers may be recycled.
    pub(super) fn recycle_floor(&self) -> u64 {
        let mut holds = self.holds.lock();
        self.floor_under(&mut holds)
    }

    /// Keeps from now on what is not recycled yet; `None` when there are too many holds.
    ///
    /// The floor is worked out under the same lock that the keeper reads it under, so what it is
    /// recycling at this instant lies below the hold.
    pub(super) fn hold(&self, lease: Duration) -> Option<Hold> {
        let mut holds = self.holds.lock();
        let from = SegmentId::new(self.floor_under(&mut holds)).unwrap_or(SegmentId::FIRST);
        if holds.held.len() >= HOLDS_MAX {
            return None;
        }
        holds.last_id += 1;
        let hold = Hold { id: holds.last_id, from, end: self.end() };
        holds.held.push((hold, Instant::now() + lease));
        Some(hold)
    }

    /// Lets a hold last for another `lease` from now; false when it has ended.
    pub(super) fn extend_hold(&self, id: u64, lease: Duration) -> bool {
        let mut holds = self.holds.lock();
        self.floor_under(&mut holds);
        match holds.held.iter_mut().find(|(hold, _)| hold.id == id) {
            Some((_, until)) => {
                *until = Instant::now() + lease;
                true
            }
            None => false,
        }
    }

    /// False when it had ended before.
    pub(super) fn end_hold(&self, id: u64) -> bool {
        let mut holds = self.holds.lock();
        let before = holds.held.len();
        holds.held.retain(|(hold, _)| hold.id != id);
        holds.held.len() < before
    }

    fn floor_under(&self, holds: &mut Holds) -> u64 {
        let now = Instant::now();
        holds.held.retain(|(_, until)| *until > now);
        let committed = self.end().map_or(0, |end| end.segment.get());
        let held = holds.held.iter().map(|(hold, _)| hold.from.get());
        held.chain([self.wanted_floor.load(Relaxed), committed]).min().unwrap_or(0)
    }
}
