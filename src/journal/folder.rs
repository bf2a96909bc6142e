//! The disk as the journal sees it: one folder of files.
//!
//! Everything the journal asks of an operating system goes through these two traits, so that tests
//! can put a disk below it that fails, fills up or forgets what was not synced.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A folder that holds a journal.
pub trait Folder: Send + Sync {
    /// Names of the files in the folder, in any order.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Opens an existing file for reading and writing.
    fn open(&self, name: &str) -> io::Result<Box<dyn FolderFile>>;
    /// Creates an empty file that must not exist yet.
    fn create(&self, name: &str) -> io::Result<Box<dyn FolderFile>>;
    /// Renames a file; durable only after [`Folder::sync`].
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file; durable only after [`Folder::sync`].
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes creations, renames and removals durable.
    fn sync(&self) -> io::Result<()>;
    /// Takes the folder for this process until the guard is dropped; `None` when it is taken.
    fn lock(&self) -> io::Result<Option<FolderLock>>;
    /// The path to show in messages.
    fn path(&self) -> &Path;
}

/// A file in a [`Folder`].
pub trait FolderFile: Send + Sync {
    /// Length in bytes.
    fn len_bytes(&self) -> io::Result<u64>;
    /// Reads exactly `buffer.len()` bytes at `offset`.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
    /// Writes all of `bytes` at `offset`, extending the file where needed.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Returns once content and length would survive a power cut.
    fn sync_data(&self) -> io::Result<()>;
}

/// Keeps a folder taken until it is dropped.
pub struct FolderLock {
    _guard: Box<dyn Send>,
}

impl FolderLock {
    /// Wraps whatever releases the lock when dropped.
    pub fn new(guard: impl Send + 'static) -> Self {
        Self { _guard: Box::new(guard) }
    }
}

/// A folder of the local file system.
pub struct DiskFolder {
    path: PathBuf,
    access: Access,
}

/// What may be done in a [`DiskFolder`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Read,
    ReadAndWrite,
}

/// Name of the file whose lock marks the folder as taken.
const LOCK_NAME: &str = "lock";

impl DiskFolder {
    /// The folder at `path`, created with its parents when missing, for the owner alone.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn create(path: &Path) -> io::Result<Self> {
        if !path.is_dir() {
            // Customers' words lie in here: nobody but the owner may read them.
            DirBuilder::new().recursive(true).mode(0o700).create(path)?;
            // The entry of the new folder lives in its parent.
            if let Some(parent) = path.canonicalize()?.parent() {
                File::open(parent)?.sync_all()?;
            }
        }
        Ok(Self { path: path.to_owned(), access: Access::ReadAndWrite })
    }

    /// The folder at `path`, which must exist, for looking only: nothing in it is changed, and no
    /// right to change it is needed.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn read_only(path: &Path) -> io::Result<Self> {
        fs::read_dir(path)?;
        Ok(Self { path: path.to_owned(), access: Access::Read })
    }

    /// Whether a process has the folder at this instant.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn is_taken(&self) -> io::Result<bool> {
        let file = match File::open(self.path.join(LOCK_NAME)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        // Shared, so that two lookers do not see each other; given back at once.
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn options(&self) -> OpenOptions {
        let mut options = private();
        options.write(self.access == Access::ReadAndWrite);
        options
    }

    fn check_may_write(&self) -> io::Result<()> {
        match self.access {
            Access::Read => Err(io::ErrorKind::PermissionDenied.into()),
            Access::ReadAndWrite => Ok(()),
        }
    }
}

/// Reading and writing, for the owner alone.
fn private() -> OpenOptions {
    let mut options = File::options();
    options.read(true).write(true).mode(0o600);
    options
}

impl Folder for DiskFolder {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            // A name that is not UTF-8 is not one of ours.
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn FolderFile>> {
        Ok(Box::new(self.options().open(self.path.join(name))?))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn FolderFile>> {
        self.check_may_write()?;
        Ok(Box::new(private().create_new(true).open(self.path.join(name))?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.check_may_write()?;
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.check_may_write()?;
        fs::remove_file(self.path.join(name))
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    fn lock(&self) -> io::Result<Option<FolderLock>> {
        self.check_may_write()?;
        let file = private().create(true).truncate(false).open(self.path.join(LOCK_NAME))?;
        match file.try_lock() {
            // The operating system releases the lock with the process, however it ends.
            Ok(()) => Ok(Some(FolderLock::new(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

impl FolderFile for File {
    fn len_bytes(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        File::sync_data(self)
    }
}
