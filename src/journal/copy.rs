//! Which bytes of which files make up a copy of a journal.
//!
//! A copy holds each segment of the chain up to where its acknowledged bytes end, so that it reads
//! as the journal did; what a commit was writing, and segments that were prepared, are left out. So are
//! snapshots that are finished behind the end of the copy while it is made.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use super::error::JournalError;
use super::find::{Found, end_of, find, find_until};
use super::folder::{DiskFolder, Folder};
use super::options::Unreadable;
use super::replay::{Damage, Link};
use super::segment::{Position, SegmentId};
use super::snapshot::{self, files};

/// The beginning of a file of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Name of the file.
    pub name: String,
    /// Bytes from its start that belong to the copy. A damaged journal may have fewer.
    pub bytes: u64,
}

impl Piece {
    /// Whether it is a snapshot, and not a segment.
    pub fn is_snapshot(&self) -> bool {
        snapshot::is_name(&self.name)
    }
}

/// What to copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyPlan {
    /// The files: snapshots, then segments, oldest first.
    pub pieces: Vec<Piece>,
    /// Where the acknowledged bytes end; `None` when nothing was ever written.
    pub end: Option<Position>,
    /// Damage that was met on the way; a copy carries it along.
    pub damaged: Vec<Damage>,
}

impl CopyPlan {
    /// For a journal that nobody writes to: whoever copies holds its lock.
    ///
    /// # Errors
    /// What the disk says, or a later format.
    pub fn at_rest(dir: &Path) -> Result<Self, JournalError> {
        let folder = read_only(dir)?;
        let Found { links, damaged, .. } = find(&folder, 0, Unreadable::PassOver)?;
        let end = end_of(&links);
        Ok(Self { pieces: pieces(&folder, links, None)?, end, damaged })
    }

    /// For a journal that goes on being written, under a [`Hold`](super::Hold) with these bounds.
    ///
    /// # Errors
    /// What the disk says, or a later format.
    pub fn beside_the_writer(
        dir: &Path,
        from: SegmentId,
        end: Position,
    ) -> Result<Self, JournalError> {
        let folder = read_only(dir)?;
        let (links, damaged) = find_until(&folder, from, end)?;
        Ok(Self { pieces: pieces(&folder, links, Some(end))?, end: Some(end), damaged })
    }
}

fn read_only(dir: &Path) -> Result<Arc<dyn Folder>, JournalError> {
    let folder = DiskFolder::read_only(dir);
    Ok(Arc::new(folder.map_err(|error| JournalError::from_io("open the folder", error))?))
}

/// Snapshots first: they are the first to be replaced by newer ones.
fn pieces(
    folder: &Arc<dyn Folder>,
    links: VecDeque<Link>,
    end: Option<Position>,
) -> Result<Vec<Piece>, JournalError> {
    let snapshots = files(folder, end)?.into_iter().map(|(name, bytes)| Piece { name, bytes });
    let segments =
        links.into_iter().map(|link| Piece { name: link.segment.journal_name(), bytes: link.end });
    Ok(snapshots.chain(segments).collect())
}
