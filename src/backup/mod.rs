//! Copies of a data folder, made beside a running router or at rest, and the way back.
//!
//! **In**: a data folder. **Out**: a folder with the same files, the journal up to a stated
//! position, and [`MANIFEST`], which is written last; and from it a data folder again.
//! **Invariants**: a backup without its manifest is none; every file is compared with its checksum
//! before it is restored; a backup holds no keys, and after a restore there are only those keys that are
//! needed and were destroyed nowhere, or all of the latter where something was not understood; no mailbox
//! is taken to be read further than the journal knows; a folder that holds anything is never restored
//! into; after a restore each conversation has a new epoch, so no client takes what it holds for what is there.
//! **Bounds**: one buffer of a mebibyte; the manifest names at most [`FILES_MAX`] files.

mod files;
mod make;
mod manifest;
mod restore;

use std::io;
use std::path::{Path, PathBuf};

use crate::journal::JournalError;
use crate::vault::VaultError;

pub use make::{Made, make};
pub use manifest::{FILES_MAX, FORMAT_VERSION, MANIFEST, Manifest};
pub use restore::{Keys, Restored, is_unfinished, restore};

/// The folder of the journal in a data folder and in a backup.
pub const JOURNAL: &str = "journal";

/// Why a backup or a restore did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file or folder refused.
    #[error("cannot {doing} {}: {error}", path.display())]
    File {
        /// What was to be done.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// The journal cannot be read or written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The target holds something.
    #[error("{} is not empty; a backup and a restore need an empty folder", folder.display())]
    NotEmpty {
        /// The target.
        folder: PathBuf,
    },
    /// The target lies in the folder that is to be copied.
    #[error("{} lies in the data folder; a backup belongs elsewhere", folder.display())]
    Inside {
        /// The target.
        folder: PathBuf,
    },
    /// There is no manifest.
    #[error("{} is no backup, or was not finished: it has no {MANIFEST}", folder.display())]
    NoManifest {
        /// What was taken for a backup.
        folder: PathBuf,
    },
    /// The manifest cannot be read.
    #[error("{MANIFEST} cannot be read: {why}")]
    BadManifest {
        /// Why.
        why: String,
    },
    /// The backup was made by a later program.
    #[error("the backup has format {found}; this program reads up to {FORMAT_VERSION}")]
    UnsupportedVersion {
        /// The version in the manifest.
        found: u32,
    },
    /// A file is not what it was when the backup was made.
    #[error("{path} in the backup is not what was written: its checksum or size differs")]
    Changed {
        /// Which, below the backup.
        path: String,
    },
    /// The keys refuse.
    #[error(transparent)]
    Keys(#[from] VaultError),
    /// What customers said in the backup is sealed, and the keys are not at hand.
    #[error(
        "the backup is sealed with keys that are not at hand; name the folder of the last copy of the keys \
         with --keys, and the place of the master key with --master"
    )]
    KeysMissing,
    /// Segments that were promised to stay are gone.
    #[error("the router let go of the journal before it was copied; try again")]
    HoldLost,
}

impl BackupError {
    fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::File { doing, path, error }
    }
}
