//! The file of a shop's keys: one slot for each, written once, and zeroed when the key is destroyed.
//!
//! # Format, version 1
//! Numbers are little-endian. The first 80 bytes are `TWKEYS\r\n`, the version (4), zero (4), the number of
//! the first slot (8) and zeros; slots of 80 bytes follow.
//!
//! | bytes | slot |
//! |---|---|
//! | 60 | the key, wrapped with the shop's key: nonce, key, tag; zero when it is destroyed |
//! | 4 | zero |
//! | 16 | which customer has it, by a keyed hash; zero while it waits for one |

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::key::WRAPPED_BYTES;
use super::{VaultError, write_whole};

/// Bytes of a slot, and of the head of the file.
const SLOT_BYTES: usize = 80;
const TAG_AT: u64 = 64;
const MAGIC: [u8; 8] = *b"TWKEYS\r\n";
const VERSION: u32 = 1;
/// Destroyed slots at the beginning for which the file is written anew.
const COMPACT_FROM: u64 = 4096;
/// Slots that are read at a time.
const READ_SLOTS: u64 = 4096;

/// Which customer has a key.
pub(super) type CustomerTag = [u8; 16];

/// What a slot holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// A key, and whose it is; nobody's while it waits.
    Key { wrapped: [u8; WRAPPED_BYTES], customer: Option<CustomerTag> },
    /// Its key is destroyed.
    Destroyed,
    /// It was never written.
    Missing,
}

/// A file of slots. Copies of the handle share it.
#[derive(Clone)]
pub(super) struct Slots {
    path: PathBuf,
    file: Arc<File>,
    first: u64,
}

impl Slots {
    /// A new file without slots.
    pub(super) fn create(path: &Path) -> Result<Self, VaultError> {
        write_whole(path, &head(0))?;
        Self::open(path)
    }

    pub(super) fn open(path: &Path) -> Result<Self, VaultError> {
        let open = |write| OpenOptions::new().read(true).write(write).mode(0o600).open(path);
        // Whoever only looks may have no right to write.
        let file = open(true).or_else(|error| match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => open(false),
            _ => Err(error),
        });
        let file = file.map_err(VaultError::file("open", path))?;
        let mut found = [0; SLOT_BYTES];
        file.read_exact_at(&mut found, 0).map_err(VaultError::file("read", path))?;
        let first = u64::from_le_bytes(found[16..24].try_into().expect("eight bytes"));
        if found[..8] != MAGIC {
            return Err(VaultError::bad(path, "it is no file of keys"));
        }
        let version = u32::from_le_bytes(found[8..12].try_into().expect("four bytes"));
        if version != VERSION || found != head(first) {
            let why = format!("it has format {version}; this program reads {VERSION}");
            return Err(VaultError::bad(path, why));
        }
        Ok(Self { path: path.to_owned(), file: Arc::new(file), first })
    }

    /// The number after the last slot.
    pub(super) fn end(&self) -> Result<u64, VaultError> {
        let bytes = self.file.metadata().map_err(VaultError::file("read", &self.path))?.len();
        // A slot that was being written when the power went is none.
        Ok(self.first + (bytes / SLOT_BYTES as u64).saturating_sub(1))
    }

    fn at(&self, slot: u64) -> u64 {
        (slot - self.first + 1) * SLOT_BYTES as u64
    }

    pub(super) fn read(&self, slot: u64) -> Result<Slot, VaultError> {
        if slot < self.first {
            return Ok(Slot::Destroyed);
        }
        if slot >= self.end()? {
            return Ok(Slot::Missing);
        }
        let mut bytes = [0; SLOT_BYTES];
        let read = self.file.read_exact_at(&mut bytes, self.at(slot));
        read.map_err(VaultError::file("read", &self.path))?;
        Ok(parse(&bytes))
    }

    /// Every slot with its number.
    pub(super) fn for_each(&self, mut look: impl FnMut(u64, Slot)) -> Result<(), VaultError> {
        let (mut slot, end) = (self.first, self.end()?);
        let mut bytes = Vec::new();
        while slot < end {
            let count = (end - slot).min(READ_SLOTS);
            bytes.resize(usize::try_from(count).unwrap_or(0) * SLOT_BYTES, 0);
            let read = self.file.read_exact_at(&mut bytes, self.at(slot));
            read.map_err(VaultError::file("read", &self.path))?;
            for (number, one) in (slot..).zip(bytes.as_chunks().0) {
                look(number, parse(one));
            }
            slot += count;
        }
        Ok(())
    }

    /// Writes keys behind the last slot, from number `slot` on, and waits for the disk.
    pub(super) fn append(
        &self,
        slot: u64,
        wrapped: &[[u8; WRAPPED_BYTES]],
    ) -> Result<(), VaultError> {
        let mut bytes = vec![0; wrapped.len() * SLOT_BYTES];
        for (one, wrapped) in bytes.chunks_exact_mut(SLOT_BYTES).zip(wrapped) {
            one[..WRAPPED_BYTES].copy_from_slice(wrapped);
        }
        let written = self.file.write_all_at(&bytes, self.at(slot));
        let written = written.and_then(|()| self.file.sync_data()).inspect_err(|_| {
            // Half of it would keep a full disk full.
            let _ = self.file.set_len(self.at(slot));
        });
        written.map_err(VaultError::file("write", &self.path))
    }

    /// Says whose a key is. The disk is waited for by [`Self::sync`].
    pub(super) fn set_customer(&self, slot: u64, tag: CustomerTag) -> Result<(), VaultError> {
        let written = self.file.write_all_at(&tag, self.at(slot) + TAG_AT);
        written.map_err(VaultError::file("write", &self.path))
    }

    /// Destroys keys. The disk is waited for by [`Self::sync`].
    pub(super) fn destroy(&self, slots: impl Iterator<Item = u64>) -> Result<u64, VaultError> {
        let mut destroyed = 0;
        for slot in slots {
            if let Slot::Key { .. } = self.read(slot)? {
                let written = self.file.write_all_at(&[0; SLOT_BYTES], self.at(slot));
                written.map_err(VaultError::file("write", &self.path))?;
                destroyed += 1;
            }
        }
        Ok(destroyed)
    }

    /// Whether the disk takes what is written to the last slot.
    pub(super) fn probe(&self) -> Result<(), VaultError> {
        let Some(last) = self.end()?.checked_sub(1).filter(|last| *last >= self.first) else {
            return Ok(());
        };
        // Four bytes that are zero in every slot.
        let written = self.file.write_all_at(&[0; 4], self.at(last) + WRAPPED_BYTES as u64);
        written.map_err(VaultError::file("write", &self.path))?;
        self.sync()
    }

    pub(super) fn sync(&self) -> Result<(), VaultError> {
        self.file.sync_data().map_err(VaultError::file("sync", &self.path))
    }

    /// The file without the destroyed slots at its beginning, when there are many.
    pub(super) fn compacted(self) -> Result<Self, VaultError> {
        let end = self.end()?;
        let mut first = end;
        self.for_each(|slot, found| {
            if found != Slot::Destroyed {
                first = first.min(slot);
            }
        })?;
        let (gone, left) = (first - self.first, end - first);
        if gone < COMPACT_FROM || gone < left {
            return Ok(self);
        }
        let mut bytes = head(first).to_vec();
        let kept = usize::try_from(left).unwrap_or(0) * SLOT_BYTES;
        bytes.resize(SLOT_BYTES + kept, 0);
        let read = self.file.read_exact_at(&mut bytes[SLOT_BYTES..], self.at(first));
        read.map_err(VaultError::file("read", &self.path))?;
        write_whole(&self.path, &bytes)?;
        Self::open(&self.path)
    }
}

fn head(first: u64) -> [u8; SLOT_BYTES] {
    let mut head = [0; SLOT_BYTES];
    head[..8].copy_from_slice(&MAGIC);
    head[8..12].copy_from_slice(&VERSION.to_le_bytes());
    head[16..24].copy_from_slice(&first.to_le_bytes());
    head
}

fn parse(bytes: &[u8; SLOT_BYTES]) -> Slot {
    let wrapped: [u8; WRAPPED_BYTES] =
        bytes[..WRAPPED_BYTES].try_into().expect("a slot is longer than a wrapped key");
    if wrapped == [0; WRAPPED_BYTES] {
        return Slot::Destroyed;
    }
    let tag: CustomerTag = bytes[64..].try_into().expect("a slot ends with a tag");
    Slot::Key { wrapped, customer: (tag != [0; 16]).then_some(tag) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destroyed_slots_at_the_beginning_are_left_out_and_keep_their_numbers() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("demo.keys");
        let slots = Slots::create(&path).expect("a file");
        let wrapped: Vec<_> = (0..6000u32)
            .map(|number| {
                let mut wrapped = [7; WRAPPED_BYTES];
                wrapped[..4].copy_from_slice(&number.to_le_bytes());
                wrapped
            })
            .collect();
        slots.append(0, &wrapped).expect("written");
        slots.set_customer(5500, [9; 16]).expect("written");
        assert_eq!(slots.destroy(0..5000).expect("destroyed"), 5000);
        let before = std::fs::metadata(&path).expect("a file").len();

        let slots = slots.compacted().expect("compacted");

        assert!(std::fs::metadata(&path).expect("a file").len() < before / 4);
        assert_eq!(slots.end().expect("an end"), 6000);
        assert_eq!(slots.read(4999).expect("read"), Slot::Destroyed);
        assert_eq!(slots.read(6000).expect("read"), Slot::Missing);
        let found = slots.read(5500).expect("read");
        assert_eq!(found, Slot::Key { wrapped: wrapped[5500], customer: Some([9; 16]) });
    }
}
