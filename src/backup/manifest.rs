//! What a backup says of itself.

use std::fs;
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};

use crate::domain::Timestamp;
use crate::journal::Position;

use super::BackupError;
use super::files::{self, FileSum};

/// Version of the layout and of the manifest. Since version 2 the journal may be sealed with keys that are
/// kept apart.
pub const FORMAT_VERSION: u32 = 2;
/// The oldest version that is read.
const FORMAT_VERSION_MIN: u32 = 1;

/// The file that makes a folder a backup.
pub const MANIFEST: &str = "backup.json";

/// Files of one backup: a journal has one for each segment, the rest is a handful.
pub const FILES_MAX: usize = 1_000_000;

/// Largest manifest that is read.
const MANIFEST_BYTES_MAX: u64 = 256 << 20;

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// See [`FORMAT_VERSION`].
    pub format: u32,
    /// The program that made it.
    pub program: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// Whether a router was running.
    pub online: bool,
    /// Where the journal ends: what was acknowledged up to here is in the backup, what was
    /// acknowledged later is not. `None` when nothing was ever written.
    pub position: Option<Position>,
    /// Every other file of the backup.
    pub files: Vec<FileSum>,
}

impl Manifest {
    /// Reads and checks the manifest of the backup in `folder`.
    ///
    /// # Errors
    /// When there is none, or it is of a later version or not one of ours.
    pub fn read(folder: &Path) -> Result<Self, BackupError> {
        let path = folder.join(MANIFEST);
        let bytes = match fs::metadata(&path) {
            Ok(found) if found.len() <= MANIFEST_BYTES_MAX => fs::read(&path),
            Ok(_) => return Err(bad("it is too large")),
            Err(error) => Err(error),
        };
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(BackupError::NoManifest { folder: folder.to_owned() });
            }
            Err(error) => return Err(BackupError::file("read", &path)(error)),
        };
        // The version first: a later manifest may look altogether different.
        let version: Version = parse(&bytes)?;
        if !(FORMAT_VERSION_MIN..=FORMAT_VERSION).contains(&version.format) {
            return Err(BackupError::UnsupportedVersion { found: version.format });
        }
        let manifest: Self = parse(&bytes)?;
        if manifest.files.len() > FILES_MAX {
            return Err(bad("it names too many files"));
        }
        match manifest.files.iter().find(|file| !is_below(&file.path)) {
            Some(file) => Err(bad(&format!("`{}` leads out of the backup", file.path))),
            None => Ok(manifest),
        }
    }

    /// Writes it into `folder` as the last file, so that it is there whole or not at all.
    pub(super) fn write(&self, folder: &Path) -> Result<(), BackupError> {
        let text = serde_json::to_vec_pretty(self).map_err(|error| bad(&error.to_string()))?;
        let aside = folder.join("backup.json.new");
        files::write_new(&aside, &text)?;
        let path = folder.join(MANIFEST);
        fs::rename(&aside, &path).map_err(BackupError::file("name", &path))?;
        files::sync_folder(folder)
    }
}

#[derive(Deserialize)]
struct Version {
    format: u32,
}

fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, BackupError> {
    serde_json::from_slice(bytes).map_err(|error| bad(&error.to_string()))
}

fn bad(why: &str) -> BackupError {
    BackupError::BadManifest { why: why.to_owned() }
}

/// Whether a path names something below the folder it is joined to.
fn is_below(path: &str) -> bool {
    let path = Path::new(path);
    path.file_name().is_some() && path.components().all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_below_the_backup_are_taken() {
        for good in ["secret.key", "journal/00000000000000000001.journal"] {
            assert!(is_below(good), "{good}");
        }
        for bad in ["", ".", "..", "../secret.key", "/etc/passwd", "a/../../b"] {
            assert!(!is_below(bad), "{bad}");
        }
    }
}
