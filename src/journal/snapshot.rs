//! Files that hold a state as it was at a place of the journal, so that a start reads them and what
//! came after instead of everything.
//!
//! What an entry holds is the caller's. Each entry has the position up to which it covers the
//! journal: entries of one snapshot are made one after another while the journal goes on.
//!
//! # Format, version 2
//! As version 1, but payloads may be sealed.
//!
//! All numbers are little-endian; checksums are CRC-32C. The file is named after the position at which
//! the journal ended when the snapshot was finished, and is written aside (`snapshot.new`), synced
//! and renamed.
//!
//! | bytes | header |
//! |---|---|
//! | 8 | `TWSNAP\r\n` |
//! | 4 | format version |
//! | 4 | zero |
//! | 16 | where the journal has to be read from: segment, offset |
//! | 4 | checksum of the 32 bytes before |
//!
//! | bytes | entry |
//! |---|---|
//! | 4 | bytes of the payload, 1 to 2³⁰ |
//! | 4 | checksum of the rest of the entry |
//! | 16 | position: segment, offset |
//! | … | payload |
//!
//! The last entry has no payload and holds the number of entries before it where the others have
//! their segment, and the checksum of all their checksums where they have their offset.

use std::io;
use std::sync::Arc;

use super::error::JournalError;
use super::folder::{Folder, FolderFile};
use super::segment::{DAMAGED_SUFFIX, Position, SegmentId};

/// Version written into every header.
pub const SNAPSHOT_VERSION: u32 = 2;
/// The oldest version that is read.
const SNAPSHOT_VERSION_MIN: u32 = 1;

const MAGIC: [u8; 8] = *b"TWSNAP\r\n";
const HEADER_BYTES: usize = 36;
const HEAD_BYTES: usize = 24;
/// Largest payload of an entry.
const PAYLOAD_BYTES_MAX: usize = 1 << 30;
/// Bytes between two writes, and between two reads.
const BUFFER_BYTES: usize = 1 << 20;
/// Bytes between two syncs: keeps the disk's queue short for the commits beside them.
const SYNC_BYTES: u64 = 4 << 20;
const ASIDE: &str = "snapshot.new";
const SUFFIX: &str = ".snapshot";

/// The snapshots in the folder of a journal.
#[derive(Clone)]
pub struct Snapshots {
    folder: Arc<dyn Folder>,
}

/// A finished snapshot: where the journal ended then. Later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SnapshotId(Position);

impl SnapshotId {
    /// Where the journal ended when it was finished: behind all that it covers.
    pub(super) const fn end(self) -> Position {
        self.0
    }

    fn name(self) -> String {
        format!("{:020}-{:010}{SUFFIX}", self.0.segment.get(), self.0.offset)
    }

    fn parse(name: &str) -> Option<Self> {
        let (segment, offset) = name.strip_suffix(SUFFIX)?.split_once('-')?;
        let position = Position {
            segment: SegmentId::new(segment.parse().ok()?)?,
            offset: offset.parse().ok()?,
        };
        Some(Self(position)).filter(|id| id.name() == name)
    }
}

impl std::fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "snapshot at {}", self.0)
    }
}

impl Snapshots {
    pub(super) fn new(folder: Arc<dyn Folder>) -> Self {
        Self { folder }
    }

    /// Every finished snapshot, the newest first, whole or not.
    ///
    /// # Errors
    /// What the disk says.
    pub fn list(&self) -> Result<Vec<SnapshotId>, JournalError> {
        let names = self.folder.list().map_err(|error| JournalError::from_io("list", error))?;
        let mut ids: Vec<_> = names.iter().filter_map(|name| SnapshotId::parse(name)).collect();
        ids.sort_unstable_by(|a, b| b.cmp(a));
        Ok(ids)
    }

    /// Whether one that was finished in segment `oldest` or later was set aside as damaged and still lies there.
    ///
    /// # Errors
    /// What the disk says.
    pub fn has_set_aside(&self, oldest: SegmentId) -> Result<bool, JournalError> {
        let names = self.folder.list().map_err(|error| JournalError::from_io("list", error))?;
        let set_aside = names.iter().filter_map(|name| name.strip_suffix(DAMAGED_SUFFIX));
        Ok(set_aside.filter_map(SnapshotId::parse).any(|id| id.end().segment >= oldest))
    }

    /// Begins a snapshot. A start from it reads the journal from `from` on.
    ///
    /// # Errors
    /// What the disk says.
    pub fn begin(&self, from: Position) -> Result<SnapshotWriter, JournalError> {
        let begin = || {
            match self.folder.remove(ASIDE) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            self.folder.create(ASIDE)
        };
        let file = begin().map_err(|error| JournalError::from_io("begin a snapshot", error))?;
        let mut buffer = Vec::with_capacity(BUFFER_BYTES);
        buffer.extend_from_slice(&MAGIC);
        buffer.extend_from_slice(&SNAPSHOT_VERSION.to_le_bytes());
        buffer.extend_from_slice(&[0; 4]);
        push_position(&mut buffer, from);
        buffer.extend_from_slice(&crc32c::crc32c(&buffer).to_le_bytes());
        Ok(SnapshotWriter {
            snapshots: self.clone(),
            file,
            buffer,
            written: 0,
            synced: 0,
            entries: 0,
            crc: 0,
        })
    }

    /// Reads a snapshot through and, when it is whole, gives its entries.
    ///
    /// # Errors
    /// [`JournalError::BadSnapshot`], [`JournalError::LaterSnapshot`], or what the disk says.
    pub fn open(&self, id: SnapshotId) -> Result<SnapshotReader, JournalError> {
        let mut check = self.reader(id)?;
        let mut entries = 0;
        for entry in check.by_ref() {
            entry?;
            entries += 1;
        }
        let mut reader = self.reader(id)?;
        reader.entries = entries;
        Ok(reader)
    }

    fn reader(&self, id: SnapshotId) -> Result<SnapshotReader, JournalError> {
        let file = self
            .folder
            .open(&id.name())
            .map_err(|error| JournalError::from_io("open a snapshot", error))?;
        let len =
            file.len_bytes().map_err(|error| JournalError::from_io("read a snapshot", error))?;
        let mut reader = SnapshotReader {
            id,
            file,
            len,
            at: 0,
            buffer: Vec::new(),
            from: id.0,
            entries: 0,
            read: 0,
            crc: 0,
            is_done: false,
        };
        let header = reader.bytes(HEADER_BYTES)?;
        if header[..8] != MAGIC || crc32c::crc32c(&header[..32]) != u32_at(&header, 32) {
            return Err(reader.bad("its header does not check"));
        }
        let found = u32_at(&header, 8);
        if !(SNAPSHOT_VERSION_MIN..=SNAPSHOT_VERSION).contains(&found) {
            return Err(JournalError::LaterSnapshot { snapshot: id, found });
        }
        reader.from =
            position_at(&header, 16).ok_or_else(|| reader.bad("its header names no segment"))?;
        Ok(reader)
    }

    /// Sets a snapshot aside for a person to look at.
    ///
    /// # Errors
    /// What the disk says.
    pub fn set_aside(&self, id: SnapshotId) -> Result<(), JournalError> {
        let name = id.name();
        self.folder
            .rename(&name, &format!("{name}{DAMAGED_SUFFIX}"))
            .and_then(|()| self.folder.sync())
            .map_err(|error| JournalError::from_io("set a snapshot aside", error))
    }

    /// Writes a snapshot anew with other entries: `change` gives what is to stand in place of one, or `None`
    /// to leave it. Gives how many were changed; where there are none, nothing is written.
    ///
    /// # Errors
    /// What the disk says, or that the snapshot is not whole.
    pub(super) fn rewrite(
        &self,
        id: SnapshotId,
        mut change: impl FnMut(&[u8]) -> Option<Vec<u8>>,
    ) -> Result<u64, JournalError> {
        let mut changes = std::collections::BTreeMap::new();
        for (number, entry) in self.open(id)?.enumerate() {
            let (_, payload) = entry?;
            changes.extend(change(&payload).map(|new| (number, new)));
        }
        if changes.is_empty() {
            return Ok(0);
        }
        let reader = self.open(id)?;
        let mut writer = self.begin(reader.from())?;
        for (number, entry) in reader.enumerate() {
            let (at, payload) = entry?;
            if let Err(error) = writer.push(at, changes.get(&number).unwrap_or(&payload)) {
                writer.abandon();
                return Err(error);
            }
        }
        writer.finish(id.end())?;
        Ok(changes.len() as u64)
    }

    /// Removes all but the newest `count`; gives where a start from each of those reads the journal
    /// from, the newest first.
    ///
    /// # Errors
    /// What the disk says, or a snapshot that is not whole.
    pub fn keep_newest(&self, count: usize) -> Result<Vec<Position>, JournalError> {
        let mut ids = self.list()?;
        for id in ids.split_off(count.min(ids.len())) {
            self.folder
                .remove(&id.name())
                .and_then(|()| self.folder.sync())
                .map_err(|error| JournalError::from_io("remove a snapshot", error))?;
        }
        ids.into_iter().map(|id| Ok(self.reader(id)?.from)).collect()
    }

    fn remove_aside(&self) {
        // A leftover is overwritten by the next snapshot.
        let _ = self.folder.remove(ASIDE);
    }
}

/// Whether a finished snapshot is called so.
pub(super) fn is_name(name: &str) -> bool {
    SnapshotId::parse(name).is_some()
}

/// Names and sizes of the finished snapshots, or of those that a copy up to `end` takes along.
pub(super) fn files(
    folder: &Arc<dyn Folder>,
    end: Option<Position>,
) -> Result<Vec<(String, u64)>, JournalError> {
    let snapshots = Snapshots::new(Arc::clone(folder));
    let ids = snapshots.list()?.into_iter().filter(|id| end.is_none_or(|end| id.0 <= end));
    ids.map(|id| {
        let len = folder.open(&id.name()).and_then(|file| file.len_bytes());
        Ok((id.name(), len.map_err(|error| JournalError::from_io("open a snapshot", error))?))
    })
    .collect()
}

/// A snapshot that is being written. It counts from [`SnapshotWriter::finish`] on.
pub struct SnapshotWriter {
    snapshots: Snapshots,
    file: Box<dyn FolderFile>,
    buffer: Vec<u8>,
    written: u64,
    synced: u64,
    entries: u64,
    /// Checksum of the entries' checksums.
    crc: u32,
}

impl SnapshotWriter {
    /// Adds an entry that covers the journal up to `at`.
    ///
    /// # Errors
    /// What the disk says, or a payload that is empty or too large.
    pub fn push(&mut self, at: Position, payload: &[u8]) -> Result<(), JournalError> {
        if payload.is_empty() || payload.len() > PAYLOAD_BYTES_MAX {
            return Err(JournalError::PayloadSize {
                len_bytes: payload.len(),
                limit_bytes: PAYLOAD_BYTES_MAX,
            });
        }
        self.entries += 1;
        self.push_entry(at.segment.get(), at.offset, payload)
    }

    fn push_entry(&mut self, first: u64, second: u64, payload: &[u8]) -> Result<(), JournalError> {
        let start = self.buffer.len();
        let len = u32::try_from(payload.len()).expect("a payload has its bound");
        self.buffer.extend_from_slice(&len.to_le_bytes());
        self.buffer.extend_from_slice(&[0; 4]);
        self.buffer.extend_from_slice(&first.to_le_bytes());
        self.buffer.extend_from_slice(&second.to_le_bytes());
        self.buffer.extend_from_slice(payload);
        let crc = crc32c::crc32c(&self.buffer[start + 8..]).to_le_bytes();
        self.buffer[start + 4..start + 8].copy_from_slice(&crc);
        self.crc = crc32c::crc32c_append(self.crc, &crc);
        if self.buffer.len() >= BUFFER_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), JournalError> {
        let mut write = || {
            self.file.write_all_at(&self.buffer, self.written)?;
            self.written += self.buffer.len() as u64;
            self.buffer.clear();
            if self.written - self.synced >= SYNC_BYTES {
                self.synced = self.written;
                self.file.sync_data()?;
            }
            Ok(())
        };
        write().map_err(|error| JournalError::from_io("write a snapshot", error))
    }

    /// Makes it durable and reads it back; `end` is where the journal ends now, behind every entry.
    ///
    /// # Errors
    /// What the disk says, or that it gave back something else.
    pub fn finish(mut self, end: Position) -> Result<u64, JournalError> {
        let finished = self.try_to_finish(end);
        if finished.is_err() {
            // Gives the space back: what is left aside would keep a full disk full.
            self.abandon();
        }
        finished
    }

    fn try_to_finish(&mut self, end: Position) -> Result<u64, JournalError> {
        let id = SnapshotId(end);
        let crc = u64::from(self.crc);
        self.push_entry(self.entries, crc, &[])?;
        self.flush()?;
        let folder = &self.snapshots.folder;
        self.file
            .sync_data()
            .and_then(|()| folder.rename(ASIDE, &id.name()))
            .and_then(|()| folder.sync())
            .map_err(|error| JournalError::from_io("finish a snapshot", error))?;
        self.snapshots.open(id).inspect_err(|_| {
            // What names it as damaged is the error; the one before it stays the newest.
            let _ = self.snapshots.set_aside(id);
        })?;
        Ok(self.written)
    }

    /// Gives it up.
    pub fn abandon(self) {
        self.snapshots.remove_aside();
    }
}

/// The entries of a snapshot, in the order in which they were written.
pub struct SnapshotReader {
    id: SnapshotId,
    file: Box<dyn FolderFile>,
    len: u64,
    /// Where the buffer ends in the file.
    at: u64,
    buffer: Vec<u8>,
    from: Position,
    entries: u64,
    read: u64,
    crc: u32,
    is_done: bool,
}

impl SnapshotReader {
    /// Where the journal has to be read from.
    pub const fn from(&self) -> Position {
        self.from
    }

    /// How many entries there are.
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    fn bad(&self, why: &'static str) -> JournalError {
        JournalError::BadSnapshot { snapshot: self.id, why }
    }

    /// The next `len` bytes.
    fn bytes(&mut self, len: usize) -> Result<Vec<u8>, JournalError> {
        if self.buffer.len() < len {
            let missing = (len - self.buffer.len()) as u64;
            let left = self.len - self.at;
            if missing > left {
                return Err(self.bad("it ends too early"));
            }
            let more = missing.max(left.min(BUFFER_BYTES as u64));
            let start = self.buffer.len();
            self.buffer.resize(start + usize::try_from(more).unwrap_or(usize::MAX), 0);
            self.file
                .read_exact_at(&mut self.buffer[start..], self.at)
                .map_err(|error| JournalError::from_io("read a snapshot", error))?;
            self.at += more;
        }
        let rest = self.buffer.split_off(len);
        Ok(std::mem::replace(&mut self.buffer, rest))
    }

    fn next_entry(&mut self) -> Result<Option<(Position, Vec<u8>)>, JournalError> {
        let head = self.bytes(HEAD_BYTES)?;
        let len = u32_at(&head, 0) as usize;
        if len > PAYLOAD_BYTES_MAX {
            return Err(self.bad("an entry does not check"));
        }
        let payload = self.bytes(len)?;
        let crc = crc32c::crc32c_append(crc32c::crc32c(&head[8..]), &payload);
        if crc != u32_at(&head, 4) {
            return Err(self.bad("an entry does not check"));
        }
        if len == 0 {
            let is_whole =
                u64_at(&head, 8) == self.read && u64_at(&head, 16) == u64::from(self.crc);
            let has_ended = self.buffer.is_empty() && self.at == self.len;
            return if is_whole && has_ended {
                Ok(None)
            } else {
                Err(self.bad("entries are missing"))
            };
        }
        self.read += 1;
        self.crc = crc32c::crc32c_append(self.crc, &crc.to_le_bytes());
        match position_at(&head, 8) {
            Some(position) => Ok(Some((position, payload))),
            None => Err(self.bad("an entry names no segment")),
        }
    }
}

impl Iterator for SnapshotReader {
    type Item = Result<(Position, Vec<u8>), JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let next = self.next_entry().transpose();
        self.is_done = !matches!(next, Some(Ok(_)));
        next
    }
}

fn push_position(out: &mut Vec<u8>, position: Position) {
    out.extend_from_slice(&position.segment.get().to_le_bytes());
    out.extend_from_slice(&position.offset.to_le_bytes());
}

fn position_at(bytes: &[u8], at: usize) -> Option<Position> {
    let segment = SegmentId::new(u64_at(bytes, at))?;
    Some(Position { segment, offset: u64_at(bytes, at + 8) })
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("a range of four is four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("a range of eight is eight bytes"))
}
