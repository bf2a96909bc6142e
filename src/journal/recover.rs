//! What open does before the first append: follow the chain of segments, cut the torn tail, sort the
//! other files.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use super::batch::BATCH_BYTES_MAX;
use super::error::JournalError;
use super::find::{Found, Loaded, State, Unused, ahead_of, end_of, find, open_segment};
use super::folder::{Folder, FolderFile};
use super::options::Unreadable;
use super::replay::{Damage, DamageKind, Link, TornTail};
use super::segment::{HEADER_BYTES, Header, SegmentFile, SegmentId};
use super::snapshot::Snapshots;

/// The state of a folder after its repair.
pub(super) struct Recovered {
    /// Segments that hold records, oldest first.
    pub links: VecDeque<Link>,
    /// The last of them, to go on writing at its link's end. `None` when the log goes on in a new one.
    pub active: Option<SegmentFile>,
    /// A segment that was prepared and never used.
    pub ready: Option<SegmentFile>,
    /// Files to zero and reuse, or to remove.
    pub spares: Vec<String>,
    /// Number for the next segment.
    pub next: SegmentId,
    pub torn_tail: Option<TornTail>,
    pub damaged: Vec<Damage>,
}

/// Reads the folder and repairs its end.
///
/// Safe to interrupt at any instant: it only zeroes bytes that no acknowledgement covers, rewrites
/// bytes with themselves, and renames segments that the chain does not reach.
pub(super) fn recover(
    folder: &Arc<dyn Folder>,
    segment_bytes: u64,
    unreadable: Unreadable,
) -> Result<Recovered, JournalError> {
    let Found { journals, mut spares, links, last, unused, torn_tail, mut damaged } =
        find(folder, segment_bytes, unreadable)?;
    let newest = Snapshots::new(Arc::clone(folder)).list()?.first().copied();
    let ahead = ahead_of(end_of(&links), newest);
    // Positions up to a snapshot's end count as covered by it, so nothing new may get one of them.
    let covered = ahead.map(|(snapshot, _)| snapshot.end().segment);
    let last_number = journals.last().max(spares.last()).max(covered.as_ref()).copied();
    let next = last_number.map_or(SegmentId::FIRST, SegmentId::next);
    // A segment of an older version gets nothing new, so that older programs know what they can read.
    let is_older = |last: &Loaded| matches!(last.header, Header::Good { is_current: false, .. });
    let goes_on = ahead.is_none() && !last.as_ref().is_some_and(is_older);
    let active = last.map(|last| repair(folder, last)).transpose()?;

    let mut ready = None;
    for segment in journals {
        if links.iter().any(|link| link.segment == segment) {
            continue;
        }
        if is_unreadable(&damaged, segment) {
            // What goes on without it must not meet it again when the disk is well.
            rename(folder, &segment.journal_name(), &segment.damaged_name())?;
            continue;
        }
        match unused.iter().find(|candidate| candidate.segment == segment) {
            Some(Unused { state: State::Broken, .. }) => {
                rename(folder, &segment.journal_name(), &segment.damaged_name())?;
            }
            Some(Unused { state: State::Prepared, .. })
                if ready.is_none() && Some(segment) > covered =>
            {
                let file = open_segment(folder, segment)?;
                ready = Some(SegmentFile { id: segment, file, bytes: segment_bytes });
            }
            None if !damaged.is_empty() => {
                // The chain could not be followed everywhere, so what it does not reach may matter.
                rename(folder, &segment.journal_name(), &segment.damaged_name())?;
            }
            _ => {
                rename(folder, &segment.journal_name(), &segment.spare_name())?;
                spares.insert(segment);
            }
        }
    }
    folder.sync().map_err(|error| JournalError::from_io("sync the folder", error))?;
    damaged.extend(ahead.map(|(_, damage)| damage));

    Ok(Recovered {
        links,
        active: active.filter(|_| goes_on),
        ready,
        spares: spares.into_iter().map(SegmentId::spare_name).collect(),
        next,
        torn_tail,
        damaged,
    })
}

/// Makes everything the replay will hand out durable, and the bytes behind it zero.
///
/// A killed process leaves bytes in the page cache that were never synced, and after a failed
/// sync the operating system may hold pages as clean that the disk never got. Whatever is
/// replayed must survive the next power cut, so the last commit's worth is written once more.
fn repair(folder: &Arc<dyn Folder>, last: Loaded) -> Result<SegmentFile, JournalError> {
    let Loaded { segment, mut bytes, header, tail } = last;
    let file = open_segment(folder, segment)?;
    let len = bytes.len();
    let full = match header {
        Header::Good { segment_bytes, .. } => segment_bytes.max(len as u64),
        Header::Bad => len as u64,
    };
    let rewrite_from = tail.end.saturating_sub(BATCH_BYTES_MAX).max(HEADER_BYTES);

    bytes[tail.end..tail.dirty_end].fill(0);
    file.write_all_at(&bytes[rewrite_from..tail.dirty_end], rewrite_from as u64)
        .and_then(|()| fill_zero(&*file, len as u64, full))
        .and_then(|()| file.sync_data())
        .map_err(|error| JournalError::from_io("repair the last segment", error))?;
    Ok(SegmentFile { id: segment, file, bytes: full })
}

fn is_unreadable(damaged: &[Damage], segment: SegmentId) -> bool {
    damaged
        .iter()
        .any(|damage| damage.kind == DamageKind::Unreadable && damage.position.segment == segment)
}

fn rename(folder: &Arc<dyn Folder>, from: &str, to: &str) -> Result<(), JournalError> {
    folder.rename(from, to).map_err(|error| JournalError::from_io("set a segment aside", error))
}

/// Writes zeros over `from..to` in blocks.
pub(super) fn fill_zero(file: &dyn FolderFile, from: u64, to: u64) -> io::Result<()> {
    static BLOCK: [u8; 64 << 10] = [0; 64 << 10];
    let mut at = from;
    while at < to {
        let len = (to - at).min(BLOCK.len() as u64);
        file.write_all_at(&BLOCK[..usize::try_from(len).unwrap_or(BLOCK.len())], at)?;
        at += len;
    }
    Ok(())
}
