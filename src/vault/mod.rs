//! The keys that personal data is sealed with, and their destruction.
//!
//! **In**: the folder `keys` of a data folder and the master key. **Out**: a key for each conversation,
//! sealed bytes and what they held, and the certainty that a key is gone.
//! **Invariants**: the master key opens the key of each shop, which opens the keys of its customers: one
//! for each conversation, so that a conversation is forgotten by itself and a customer by all of his; a
//! key is on disk before anything is sealed with it; a key that is destroyed never comes back, and its
//! number is never given again; no key is made over data that another key sealed.
//! **Bounds**: keys that wait for their conversation are made ahead, at most 8,192 of a shop; a key takes
//! 80 bytes on disk, and the file is written anew at a start once most of its beginning is destroyed. At most
//! 256 erasures wait; nobody who destroys a key waits for the thread that does it.
//!
//! # Files
//! `<shop>.tenant` is JSON: the shop's key, sealed with the master key. `<shop>.keys` has one slot of 80
//! bytes for each key (`slots.rs`). `master.key` is there unless the master key is kept elsewhere.

mod keeper;
mod key;
mod master;
mod rotate;
mod sealed;
mod shop;
mod slots;
mod store;
mod transfer;

use std::io;
use std::path::{Path, PathBuf};

pub use key::{BadSeal, Key, KeyId};
pub use master::{MASTER_FILE, MasterKey, MasterSource};
pub use rotate::{Rotated, rotate};
pub use sealed::{RECORD, SNAPSHOT, Sealed, seal};
pub use store::{Erased, Found, Vault};
pub use transfer::{Merged, copy, merge};

/// The folder of the keys in a data folder.
pub const FOLDER: &str = "keys";

/// Why keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// A file refused.
    #[error("cannot {doing} {}: {error}", path.display())]
    File {
        /// What was to be done.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// There is no master key, and there are keys that it has to open.
    #[error("there is no master key ({what}), but {} holds keys that it opens; bring it back", folder.display())]
    NoMaster {
        /// Where it was looked for.
        what: String,
        /// The folder of the keys.
        folder: PathBuf,
    },
    /// What was found is no master key.
    #[error("the master key ({what}) cannot be used: {why}")]
    BadMaster {
        /// Where it was looked for.
        what: String,
        /// What is wrong.
        why: String,
    },
    /// The master key is another one.
    #[error("the master key ({what}) does not open {}: it is another one", path.display())]
    WrongMaster {
        /// Where it was found.
        what: String,
        /// What it should open.
        path: PathBuf,
    },
    /// A file of the folder is not one of ours.
    #[error("{} cannot be read: {why}", path.display())]
    Bad {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A thread of the vault is gone.
    #[error("the keys are closed")]
    Closed,
}

impl VaultError {
    fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::File { doing, path, error }
    }

    fn bad(path: &Path, why: impl ToString) -> Self {
        Self::Bad { path: path.to_owned(), why: why.to_string() }
    }
}

/// Writes a file whole or not at all, for the owner alone.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), VaultError> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let aside = path.with_extension("new");
    let write = || {
        let mut file = std::fs::OpenOptions::new();
        let mut file = file.write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&aside, path)?;
        path.parent().map_or(Ok(()), |folder| std::fs::File::open(folder)?.sync_all())
    };
    write().map_err(VaultError::file("write", path))
}

/// Makes the folder, for the owner alone.
fn make_folder(folder: &Path) -> Result<(), VaultError> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(VaultError::file("make", folder))
}
