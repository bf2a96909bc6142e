//! A folder in memory below a journal: every operation is a step at which another thread may go on.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use interleavings::journal::{Folder, FolderFile, FolderLock};

type Content = Arc<Mutex<Vec<u8>>>;

/// Files by their names; clones share them.
#[derive(Clone, Default)]
pub struct MemoryFolder(Arc<Mutex<BTreeMap<String, Content>>>);

impl MemoryFolder {
    fn files(&self) -> MutexGuard<'_, BTreeMap<String, Content>> {
        shuttle::thread::yield_now();
        self.0.lock().expect("no panic while it is held")
    }
}

impl Folder for MemoryFolder {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.files().keys().cloned().collect())
    }
    fn open(&self, name: &str) -> io::Result<Box<dyn FolderFile>> {
        let file = self.files().get(name).cloned().ok_or(ErrorKind::NotFound)?;
        Ok(Box::new(MemoryFile(file)))
    }
    fn create(&self, name: &str) -> io::Result<Box<dyn FolderFile>> {
        let file = Content::default();
        match self.files().insert(name.to_owned(), file.clone()) {
            Some(_) => Err(ErrorKind::AlreadyExists.into()),
            None => Ok(Box::new(MemoryFile(file))),
        }
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut files = self.files();
        let file = files.remove(from).ok_or(ErrorKind::NotFound)?;
        files.insert(to.to_owned(), file);
        Ok(())
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.files().remove(name).map(drop).ok_or(ErrorKind::NotFound.into())
    }
    fn sync(&self) -> io::Result<()> {
        shuttle::thread::yield_now();
        Ok(())
    }
    fn lock(&self) -> io::Result<Option<FolderLock>> {
        Ok(Some(FolderLock::new(())))
    }
    fn path(&self) -> &Path {
        Path::new("memory")
    }
}

struct MemoryFile(Content);

impl MemoryFile {
    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        shuttle::thread::yield_now();
        self.0.lock().expect("no panic while it is held")
    }
}

impl FolderFile for MemoryFile {
    fn len_bytes(&self) -> io::Result<u64> {
        Ok(self.bytes().len() as u64)
    }
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let (bytes, at) = (self.bytes(), offset as usize);
        let read = bytes.get(at..at + buffer.len()).ok_or(ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(read);
        Ok(())
    }
    fn write_all_at(&self, written: &[u8], offset: u64) -> io::Result<()> {
        let (mut bytes, at) = (self.bytes(), offset as usize);
        let end = at + written.len();
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[at..end].copy_from_slice(written);
        Ok(())
    }
    fn sync_data(&self) -> io::Result<()> {
        shuttle::thread::yield_now();
        Ok(())
    }
}
