//! Changing what records hold, in a journal that nobody has open: for what must not lie in it any more.
//!
//! Nothing moves: what stands in place of a payload has its length, so every position stays what it was. A
//! segment is written anew aside, synced and renamed; whenever that is cut short, the folder holds the one
//! or the other whole.

use std::sync::Arc;

use super::error::JournalError;
use super::find::{Found, find, open_segment};
use super::folder::Folder;
use super::frame::{Kind, replace_payload};
use super::options::Unreadable;
use super::recover::fill_zero;
use super::replay::Link;
use super::scan::{self, Step};
use super::segment::{DAMAGED_SUFFIX, HEADER_BYTES, SegmentId};
use super::snapshot::Snapshots;

/// What a segment is called that is not finished.
const ASIDE_SUFFIX: &str = ".rewritten";

/// What was changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rewritten {
    /// Records of the journal.
    pub records: u64,
    /// Entries of snapshots.
    pub entries: u64,
    /// Files of the folder that nothing is known of: they were set aside as damaged.
    pub set_aside: u64,
}

/// Goes over every acknowledged record and every entry of the snapshots. `record` and `entry` give what is to
/// stand in place of a payload, or `None` to leave it as it is; of a record it must not be longer, and is
/// filled up with zeros. Files that wait to be used again, and still hold what stood in them, are removed.
///
/// The caller has the lock of the folder.
///
/// # Errors
/// What the disk says, or a snapshot that is not whole.
pub fn rewrite(
    folder: &Arc<dyn Folder>,
    mut record: impl FnMut(&[u8]) -> Option<Vec<u8>>,
    mut entry: impl FnMut(&[u8]) -> Option<Vec<u8>>,
) -> Result<Rewritten, JournalError> {
    let mut rewritten = Rewritten::default();
    for name in folder.list().map_err(|error| JournalError::from_io("list the folder", error))? {
        rewritten.set_aside += u64::from(name.ends_with(DAMAGED_SUFFIX));
        if name.ends_with(ASIDE_SUFFIX) {
            remove(folder, &name)?;
        }
    }
    let Found { links, spares, .. } = find(folder, 0, Unreadable::PassOver)?;
    for spare in spares {
        remove(folder, &spare.spare_name())?;
    }
    for Link { segment, end } in links {
        rewritten.records += rewrite_segment(folder, segment, end, &mut record)?;
    }
    let snapshots = Snapshots::new(Arc::clone(folder));
    for id in snapshots.list()? {
        rewritten.entries += snapshots.rewrite(id, &mut entry)?;
    }
    Ok(rewritten)
}

/// Gives the number of records that were changed.
fn rewrite_segment(
    folder: &Arc<dyn Folder>,
    segment: SegmentId,
    end: u64,
    change: &mut impl FnMut(&[u8]) -> Option<Vec<u8>>,
) -> Result<u64, JournalError> {
    let failed = |error| JournalError::from_io("rewrite a segment", error);
    let file = open_segment(folder, segment)?;
    let len = file.len_bytes().map_err(failed)?;
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut bytes, 0).map_err(failed)?;
    let end = usize::try_from(end).unwrap_or(usize::MAX).min(bytes.len());
    let changes = changes_of(&bytes[..end], segment, change);
    if changes.is_empty() {
        return Ok(0);
    }
    for (offset, payload) in &changes {
        replace_payload(&mut bytes, segment, *offset, payload);
    }
    // What stands behind the end was never acknowledged, and may be of the same customer.
    bytes[end..].fill(0);
    let aside = format!("{}{ASIDE_SUFFIX}", segment.journal_name());
    let write = || {
        let new = folder.create(&aside)?;
        new.write_all_at(&bytes, 0)?;
        new.sync_data()?;
        folder.rename(&aside, &segment.journal_name())?;
        folder.sync()?;
        // The blocks of the old file are free now, and are not to be read in there either.
        fill_zero(&*file, 0, len)?;
        file.sync_data()
    };
    write().map_err(failed)?;
    Ok(changes.len() as u64)
}

fn changes_of(
    bytes: &[u8],
    segment: SegmentId,
    change: &mut impl FnMut(&[u8]) -> Option<Vec<u8>>,
) -> Vec<(usize, Vec<u8>)> {
    let mut changes = Vec::new();
    let mut at = HEADER_BYTES;
    while let Some(step) = scan::step(bytes, segment, at) {
        at = step.end();
        if let Step::Frame { kind: Kind::Record | Kind::BatchEnd, offset, payload, .. } = step
            && let Some(new) = change(payload)
        {
            assert!(new.len() <= payload.len(), "what stands in place of a payload has its room");
            changes.push((offset, new));
        }
    }
    changes
}

fn remove(folder: &Arc<dyn Folder>, name: &str) -> Result<(), JournalError> {
    let removed = folder.remove(name).and_then(|()| folder.sync());
    removed.map_err(|error| JournalError::from_io("remove a file", error))
}
