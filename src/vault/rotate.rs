//! Another master key for the same keys.

use std::path::Path;

use super::master::{MASTER_FILE, MasterKey, MasterSource};
use super::shop::TenantFile;
use super::{VaultError, write_whole};

/// The new master key while the keys of the shops are changed to it.
const NEXT_FILE: &str = "master.key.next";

/// What was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// Shops whose key is wrapped anew.
    pub shops: usize,
}

/// Wraps the key of each shop in `folder` with a new master key: one that is made beside them, or the one
/// at `to`. What was sealed stays as it is. An interrupted change is finished by the next one.
///
/// # Errors
/// When the old master key does not open a shop's key, there is no new one, or a file refuses.
pub fn rotate(
    folder: &Path,
    from: &MasterSource,
    to: Option<&MasterSource>,
) -> Result<Rotated, VaultError> {
    let tenants = TenantFile::list(folder)?;
    let old = from.load(folder)?.ok_or_else(|| no_master(folder, from))?;
    let next_path = folder.join(NEXT_FILE);
    let next_source = MasterSource::File(next_path.clone());
    let new = match to {
        Some(to) => to.load(folder)?.ok_or_else(|| no_master(folder, to))?,
        None => match next_source.load(folder)? {
            Some(next) if next.fingerprint() != old.fingerprint() => next,
            _ => next_source.create(folder)?,
        },
    };
    let mut shops = 0;
    for path in tenants {
        let tenant = TenantFile::read(&path)?;
        if tenant.master != new.fingerprint() {
            tenant.rewrap(&path, (&old, from), &new)?;
            shops += 1;
        }
    }
    if to.is_none() {
        finish(folder, from, &new)?;
        std::fs::remove_file(&next_path).map_err(VaultError::file("remove", &next_path))?;
    }
    Ok(Rotated { shops })
}

/// Puts the new key where the old one was.
fn finish(folder: &Path, source: &MasterSource, new: &MasterKey) -> Result<(), VaultError> {
    match source {
        MasterSource::Beside => write_whole(&folder.join(MASTER_FILE), new.text().as_bytes()),
        MasterSource::File(path) => write_whole(path, new.text().as_bytes()),
        MasterSource::Env(_) | MasterSource::Command(_) => Err(VaultError::BadMaster {
            what: source.to_string(),
            why: "it cannot be replaced from here; name the place of the new one with --to"
                .to_owned(),
        }),
    }
}

fn no_master(folder: &Path, source: &MasterSource) -> VaultError {
    VaultError::NoMaster { what: source.to_string(), folder: folder.to_owned() }
}
