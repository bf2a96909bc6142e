//! Reading a journal without opening it: for checks, for printing, for copies.

use std::path::Path;
use std::sync::Arc;

use super::error::JournalError;
use super::find::{ahead_of, end_of, find};
use super::folder::{DiskFolder, Folder};
use super::options::Unreadable;
use super::replay::Replay;
use super::segment::Position;
use super::snapshot::Snapshots;

/// A journal that is only looked at.
pub struct Look {
    /// Every acknowledged record, oldest first. Beside a running router it may meet what is being
    /// written at this instant, which then shows as an interrupted commit, and segments that are
    /// recycled under it, which then show as damage.
    pub replay: Replay,
    /// The snapshots beside it.
    pub snapshots: Snapshots,
    /// Where the acknowledged bytes end; `None` when no record was ever written.
    pub end: Option<Position>,
    /// Files of the journal in the folder, prepared ones included.
    pub files: usize,
    /// Whether a process has the folder.
    pub is_taken: bool,
}

/// Looks at the journal in `dir` and changes nothing: its end is not repaired, its lock not held.
///
/// # Errors
/// [`JournalError::UnsupportedVersion`], or what the disk says. Damage is no error here: the replay
/// reports it.
pub fn look(dir: &Path) -> Result<Look, JournalError> {
    let folder = DiskFolder::read_only(dir)
        .map_err(|error| JournalError::from_io("open the folder", error))?;
    let is_taken =
        folder.is_taken().map_err(|error| JournalError::from_io("look at the lock", error))?;
    Ok(Look { is_taken, ..look_in(Arc::new(folder))? })
}

/// As [`look`], on any [`Folder`]; whether a process has it is not asked.
///
/// # Errors
/// As [`look`].
pub fn look_in(folder: Arc<dyn Folder>) -> Result<Look, JournalError> {
    let snapshots = Snapshots::new(Arc::clone(&folder));
    // Asked before the log is followed, which may grow meanwhile and give snapshots of its later ends.
    let newest = snapshots.list()?.first().copied();
    // Only the repair asks which segments are prepared.
    let mut found = find(&folder, 0, Unreadable::PassOver)?;
    let end = end_of(&found.links);
    found.damaged.extend(ahead_of(end, newest).map(|(_, damage)| damage));
    let files = found.journals.len();
    let replay = Replay::new(folder, found.links, found.damaged, found.torn_tail);
    Ok(Look { replay, snapshots, end, files, is_taken: false })
}
