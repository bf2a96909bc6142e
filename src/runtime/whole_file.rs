//! Writes a file so that whoever reads it finds either all of the old one or all of the new one.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Writes a file beside the old one, syncs it and puts it in its place; its folder is made where there is none.
/// After a power cut it may be the old one, but never a part of one. One writer at a time.
///
/// # Errors
/// What the system says. The old file is still there then.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    fs::rename(&new, path)
}

/// Makes the names in a folder durable: a file that was renamed may have its old name after a power cut until
/// then.
///
/// # Errors
/// What the system says.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_over_and_one_that_cannot_be_stays_as_it_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep").join("it.json");

        write_whole(&path, b"one").expect("written");
        write_whole(&path, b"two").expect("written");

        assert_eq!(fs::read(&path).expect("the file"), b"two");
        assert!(!path.with_extension("new").exists());
        fs::create_dir(path.with_extension("new")).expect("what is in the way");
        write_whole(&path, b"three").expect_err("it is in the way");
        assert_eq!(fs::read(&path).expect("the file"), b"two");
    }
}
