//! Making a backup.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::domain::Timestamp;
use crate::inward;
use crate::journal::{CopyPlan, Damage};
use crate::vault;

use super::files::{self, FileSum};
use super::{BackupError, FORMAT_VERSION, JOURNAL, Manifest};

/// A backup that was made.
#[derive(Clone, Debug)]
pub struct Made {
    /// What it says of itself.
    pub manifest: Manifest,
    /// Damage of the journal, which the backup has as well.
    pub damaged: Vec<Damage>,
}

/// Copies `data` into `target`, the journal as `plan` says. Before each mebibyte and after each file of
/// the journal `goes_on` is asked whether it is still held; the other files need no hold.
///
/// # Errors
/// When `target` holds something, a file refuses, or the hold is lost. What was copied so far stays
/// and is no backup.
pub fn make(
    data: &Path,
    target: &Path,
    plan: CopyPlan,
    made_at: Timestamp,
    online: bool,
    mut goes_on: impl FnMut() -> bool,
) -> Result<Made, BackupError> {
    files::empty_folder(target)?;
    if resolved(target)?.starts_with(resolved(data)?) {
        return Err(BackupError::Inside { folder: target.to_owned() });
    }
    let mut copied = Vec::new();
    let mut folders = vec![target.to_owned(), target.join(JOURNAL)];
    files::make_folder(&target.join(JOURNAL))?;
    for (index, piece) in plan.pieces.iter().enumerate() {
        let path = format!("{JOURNAL}/{}", piece.name);
        let (from, to) = (data.join(&path), target.join(&path));
        match files::copy_while(&from, &to, piece.bytes, &path, &mut goes_on) {
            Ok(sum) => copied.push(sum),
            // The router replaces the older snapshot whenever it makes a new one. The newest comes first.
            Err(BackupError::File { error, .. })
                if error.kind() == io::ErrorKind::NotFound && index > 0 && piece.is_snapshot() => {}
            Err(error) => return Err(error),
        }
    }
    copy_others(data, Path::new(""), target, &mut copied, &mut folders)?;
    folders.iter().try_for_each(|folder| files::sync_folder(folder))?;
    let manifest = Manifest {
        format: FORMAT_VERSION,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        made_at,
        online,
        position: plan.end,
        files: copied,
    };
    manifest.write(target)?;
    Ok(Made { manifest, damaged: plan.damaged })
}

fn resolved(folder: &Path) -> Result<PathBuf, BackupError> {
    folder.canonicalize().map_err(BackupError::file("find", folder))
}

/// Whether what lies there is not copied like the others. The journal is copied as its plan says. What
/// keys sealed in a backup has to be unreadable once they are destroyed. How far mailboxes are read is
/// further by now than the journal of the backup: restored, it would skip the letters between.
fn has_its_own_way(path: &Path) -> bool {
    [JOURNAL, vault::FOLDER, inward::FOLDER].iter().any(|folder| path == Path::new(folder))
}

/// Endings of names under which a file is written until it is renamed: it may be gone at any moment, and says
/// nothing that counts.
const ASIDE: [&str; 3] = [".new", ".tmp", ".partial"];

/// Copies everything below `data`/`below` but what [`has_its_own_way`] or is written aside. Each such file is
/// renamed by whoever changes it, so it is whole whenever it is read.
fn copy_others(
    data: &Path,
    below: &Path,
    target: &Path,
    copied: &mut Vec<FileSum>,
    folders: &mut Vec<PathBuf>,
) -> Result<(), BackupError> {
    let folder = data.join(below);
    let mut entries = fs::read_dir(&folder)
        .and_then(|entries| entries.collect::<io::Result<Vec<_>>>())
        .map_err(BackupError::file("read", &folder))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = below.join(entry.file_name());
        let name = path.to_string_lossy().into_owned();
        if has_its_own_way(&path) || ASIDE.iter().any(|ending| name.ends_with(ending)) {
            continue;
        }
        let kind = entry.file_type().map_err(BackupError::file("read", &entry.path()))?;
        if kind.is_dir() {
            files::make_folder(&target.join(&path))?;
            folders.push(target.join(&path));
            copy_others(data, &path, target, copied, folders)?;
        } else if kind.is_file() || kind.is_symlink() && leads_to_file(&entry.path())? {
            copied.push(files::copy(&entry.path(), &target.join(&path), &name)?);
        }
    }
    Ok(())
}

/// Whether a link leads to a file: keys that are mounted from elsewhere lie like that. A folder is not
/// followed, as it may lead anywhere, and is not left out in silence.
fn leads_to_file(link: &Path) -> Result<bool, BackupError> {
    let found = fs::metadata(link).map_err(BackupError::file("follow the link", link))?;
    if found.is_dir() {
        let error = io::Error::other("it is a link to a folder");
        return Err(BackupError::file("copy", link)(error));
    }
    Ok(found.is_file())
}
