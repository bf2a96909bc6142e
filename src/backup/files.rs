//! Copying files durably, for the owner alone, with a checksum.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::runtime;

use super::BackupError;

const BUFFER_BYTES: usize = 1 << 20;
/// Bytes between two syncs: bounds the wait at the end of a file, in which nobody is asked.
const SYNC_BYTES: u64 = 64 << 20;

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSum {
    /// Where it lies below the backup, with `/`.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256 in lower-case hex.
    pub sha256: String,
}

/// Copies a file to a new one and waits for the disk.
pub(super) fn copy(from: &Path, to: &Path, path: &str) -> Result<FileSum, BackupError> {
    copy_while(from, to, u64::MAX, path, &mut || true)
}

/// Copies the first `bytes_max` bytes of a file that is only held while `goes_on` says so: it is asked
/// before each buffer and at the end.
pub(super) fn copy_while(
    from: &Path,
    to: &Path,
    bytes_max: u64,
    path: &str,
    goes_on: &mut impl FnMut() -> bool,
) -> Result<FileSum, BackupError> {
    let mut source = File::open(from).map_err(BackupError::file("read", from))?.take(bytes_max);
    let mut target = new_file(to).map_err(BackupError::file("write", to))?;
    let mut sum = Sha256::new();
    let mut bytes = 0;
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        if !goes_on() {
            return Err(BackupError::HoldLost);
        }
        let read = match source.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(BackupError::file("read", from)(error)),
        };
        sum.update(&buffer[..read]);
        target.write_all(&buffer[..read]).map_err(BackupError::file("write", to))?;
        bytes += read as u64;
        if bytes % SYNC_BYTES < read as u64 {
            target.sync_data().map_err(BackupError::file("write", to))?;
        }
    }
    target.sync_all().map_err(BackupError::file("write", to))?;
    if !goes_on() {
        return Err(BackupError::HoldLost);
    }
    let sha256 = sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(FileSum { path: path.to_owned(), bytes, sha256 })
}

/// Writes a new file and waits for the disk.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), BackupError> {
    let written = new_file(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(BackupError::file("write", path))
}

fn new_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Makes a folder and those above it; what is there stays.
pub(super) fn make_folder(path: &Path) -> Result<(), BackupError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(BackupError::file("make", path))
}

/// Makes sure that `folder` is there and holds nothing.
pub(super) fn empty_folder(folder: &Path) -> Result<(), BackupError> {
    make_folder(folder)?;
    let mut entries = fs::read_dir(folder).map_err(BackupError::file("read", folder))?;
    match entries.next() {
        Some(_) => Err(BackupError::NotEmpty { folder: folder.to_owned() }),
        None => Ok(()),
    }
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> Result<(), BackupError> {
    runtime::sync_folder(folder).map_err(BackupError::file("sync", folder))
}
