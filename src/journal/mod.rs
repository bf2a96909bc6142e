//! The durable log: what was appended and acknowledged is there after `kill -9` or a power cut.
//!
//! Records are opaque bytes here; who appends them encodes them, and who replays them decodes.
//!
//! **In:** [`Batch`]es of records from any number of tasks, through a [`Journal`] handle.
//!
//! **Out:** a [`Position`] for each batch once it is on disk; at start a [`Replay`] of every
//! acknowledged record, oldest first.
//!
//! **Invariants**
//! - An append resolves with `Ok` only after `fdatasync` ([`Durability::Durable`]).
//! - A batch is replayed whole or, damage aside, not at all. Batches replay in the order in which they took their
//!   place in the queue; a replay never has a record that was not appended.
//! - Commits are strictly one after the other: a commit starts only when the one before it is on
//!   disk. This is what lets recovery tell an interrupted commit from damage.
//! - After a failed write or sync the segment is given up and nothing is synced a second time. The
//!   next segment states where the acknowledged bytes ended, so the failed batch does not come back.
//! - Damage is reported where it stands and never skipped in silence. What the disk cannot read now is no
//!   damage unless the caller says so ([`Unreadable`]).
//! - One process has the folder; another gets [`JournalError::Locked`].
//!
//! **Bounds:** queue by batches, by bytes and by longest wait; record 1 MiB, batch 8 MiB; segment
//! 16 KiB to 1 GiB; two spare segments; memory of the writer one commit, of a replay one segment.
//! One prepared segment waits beside the active one, so the folder holds the live segments and at
//! most three more, and what at most four holds keep.
//!
//! # How it runs
//! Two threads. `journal-writer` takes whatever waits in the queue, writes it with one `pwrite` and
//! one `fdatasync` and answers every caller. `journal-keeper` zero-fills the next segment before it
//! is needed and recycles freed ones: a file that grows costs a file-system journal commit for each
//! `fdatasync`, a zero-filled one does not. [`open_stepped`] runs the same code without the threads.
//!
//! # Format, version 3
//! As version 1, but payloads may be sealed (since 2), and segments have two openings (since 3). Segments
//! of versions 1 and 2 are read, and never written to.
//!
//! All numbers are little-endian; checksums are CRC-32C.
//!
//! A folder holds `lock`, and segments named by their number with 20 digits: `….journal` belongs
//! to the log or is prepared for it, `….spare` waits to be zeroed, `….damaged` was set aside for a
//! person. Numbers grow and are never reused.
//!
//! Beside them lie snapshots (`….snapshot`, [`Snapshots`]), whose format is in `snapshot.rs`. Segments
//! behind the older of two whole snapshots are recycled. Where the log ends before a snapshot, its
//! end is lost: that is damage, and it goes on in a segment with a higher number than the snapshot's.
//!
//! A segment has a fixed size and is zero where nothing was written. Its header page:
//!
//! | offset | bytes | |
//! |---|---|---|
//! | 0 | 8 | `TWJRNL\r\n` |
//! | 8 | 4 | format version |
//! | 12 | 4 | zero |
//! | 16 | 8 | segment number |
//! | 24 | 8 | bytes of the file |
//! | 32 | 4060 | zero |
//! | 4092 | 4 | checksum of the 4092 bytes before |
//!
//! Frames follow from offset 4096 without padding:
//!
//! | offset | bytes | |
//! |---|---|---|
//! | 0 | 3 | payload length, 1 to 2²⁰ |
//! | 3 | 1 | kind: 1 record, 2 last record of its batch, 3 opening |
//! | 4 | 4 | offset in the segment at which the commit that wrote this frame started |
//! | 8 | 4 | checksum of the payload |
//! | 12 | 4 | checksum of: segment number (8), offset of this frame (8), the 12 bytes before |
//! | 16 | … | payload |
//!
//! The first frame of a used segment is its opening: number of the segment before it (8; zero for
//! the very first) and the offset at which the acknowledged bytes of that one end (8). It stands there
//! twice, so that one lost bit does not bring back what was refused at the end of the segment before, and
//! is written by the same write as the first batch.
//!
//! The log is the chain of openings from the highest segment that holds a frame. Every segment but
//! the last is read exactly up to the end its successor states. In the last, a broken place with a
//! frame behind it whose commit *starts* behind it is damage; any other broken place is the
//! interrupted commit: the log ends with the last whole batch before it, and the rest is zeroed
//! before the first append. A segment outside the chain holds nothing acknowledged and is reused;
//! where damage kept the chain from being followed, it is set aside instead.
//!
//! # Limits of the promise
//! The disk must keep what `fdatasync` reported as kept, and must not garble bytes of a sector
//! that a write leaves unchanged. A flipped bit in the very last commit looks like an interrupted
//! one and is reported as torn, not as damage.

mod batch;
mod copy;
mod error;
mod find;
mod folder;
mod frame;
mod handle;
mod keeper;
mod log;
mod look;
mod options;
mod recover;
mod replay;
mod rewrite;
mod scan;
mod segment;
mod shared;
mod snapshot;
mod steps;
mod writer;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};

use crate::runtime::sync::mpsc::SyncSender;
use crate::runtime::sync::thread;

pub use batch::{BATCH_BYTES_MAX, Batch};
pub use copy::{CopyPlan, Piece};
pub use error::JournalError;
pub use folder::{DiskFolder, Folder, FolderFile, FolderLock};
pub use frame::PAYLOAD_BYTES_MAX;
pub use handle::{Journal, Receipt};
pub use look::{Look, look, look_in};
pub use options::{Durability, Options, Unreadable};
pub use replay::{Damage, DamageKind, Replay, ReplaySummary, TornTail};
pub use rewrite::{Rewritten, rewrite};
pub use segment::{FORMAT_VERSION, Position, SegmentId};
pub use shared::{CommitObserver, CommitReport, HOLDS_MAX, Hold, JournalStats};
pub use snapshot::{SNAPSHOT_VERSION, SnapshotId, SnapshotReader, SnapshotWriter, Snapshots};
pub use steps::Steps;

/// Opens the journal in `dir`, creating it when missing, and repairs its end.
///
/// Blocks for the time it takes to read the last segment. The replay shows what was acknowledged
/// before this call; appends may start at once and are not part of it.
///
/// # Errors
/// [`JournalError::Locked`], [`JournalError::UnsupportedVersion`], [`JournalError::Option`], or
/// what the disk says, as when a segment cannot be read. Damage is no error here: the replay reports it.
pub fn open(dir: &Path, options: Options) -> Result<(Journal, Replay), JournalError> {
    let folder = DiskFolder::create(dir)
        .map_err(|error| JournalError::from_io("create the folder", error))?;
    open_in(Arc::new(folder), options)
}

/// As [`open`], on any [`Folder`].
///
/// # Errors
/// As [`open`].
pub fn open_in(
    folder: Arc<dyn Folder>,
    options: Options,
) -> Result<(Journal, Replay), JournalError> {
    let (journal, replay, writer) = parts(folder, options, keeper::Keeper::start)?;
    thread::Builder::new()
        .name("journal-writer".to_owned())
        .spawn(move || writer.run())
        .map_err(|error| JournalError::from_io("start the writer thread", error))?;
    Ok((journal, replay))
}

/// As [`open_in`], without threads: nothing is written but by [`Steps`], so that one thread decides
/// what happens when.
///
/// # Errors
/// As [`open`].
pub fn open_stepped(
    folder: Arc<dyn Folder>,
    options: Options,
) -> Result<(Journal, Replay, Steps), JournalError> {
    let (journal, replay, writer) = parts(folder, options, keeper::Keeper::without_thread)?;
    Ok((journal, replay, Steps::new(writer)))
}

type StartKeeper = fn(
    Arc<dyn Folder>,
    Arc<shared::Shared>,
    keeper::Stock,
) -> Result<(keeper::Keeper, SyncSender<keeper::Job>), JournalError>;

fn parts(
    folder: Arc<dyn Folder>,
    options: Options,
    keeper: StartKeeper,
) -> Result<(Journal, Replay, writer::Writer), JournalError> {
    options.check()?;
    let lock = folder
        .lock()
        .map_err(|error| JournalError::from_io("lock the folder", error))?
        .ok_or_else(|| JournalError::Locked { folder: folder.path().to_owned() })?;

    let found = recover::recover(&folder, options.segment_bytes, options.unreadable)?;
    let end = find::end_of(&found.links);
    let shared = Arc::new(shared::Shared::new(options.observer, end));
    let stock = keeper::Stock {
        live: found.links.iter().map(|link| link.segment).collect(),
        ready: found.ready,
        spares: found.spares,
        next: found.next,
        segment_bytes: options.segment_bytes,
    };
    let (keeper, keeper_jobs) = keeper(Arc::clone(&folder), Arc::clone(&shared), stock)?;
    let log = log::Log::new(found.active, end, keeper, options.durability, options.retry_pause);

    let (queue, inbox) = mpsc::channel(options.queue_capacity.get());
    let writer = writer::Writer {
        log,
        shared: Arc::clone(&shared),
        queue: inbox,
        commit_bytes_max: options.commit_bytes_max,
        lock,
        group: VecDeque::new(),
        held: None,
        closed: Vec::new(),
    };
    let journal = Journal {
        folder: Arc::clone(&folder),
        queue,
        bytes: Arc::new(Semaphore::new(options.queue_bytes_max)),
        shared,
        keeper: keeper_jobs,
        wait_max: options.queue_wait_max,
        batch_bytes_max: usize::try_from(options.segment_bytes)
            .unwrap_or(usize::MAX)
            .saturating_sub(log::SEGMENT_OVERHEAD_BYTES)
            .min(BATCH_BYTES_MAX),
    };
    let replay = Replay::new(folder, found.links, found.damaged, found.torn_tail);
    Ok((journal, replay, writer))
}
