//! Copies of the keys. A copy holds what is not destroyed when it is made, so the last one is the only one
//! to keep; copies are put together so that what is destroyed in one is destroyed.

use std::fs;
use std::path::{Path, PathBuf};

use super::master::MASTER_FILE;
use super::shop::{KEYS_SUFFIX, TenantFile};
use super::slots::{Slot, Slots};
use super::{VaultError, make_folder, write_whole};

/// What was put together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Shops with keys.
    pub shops: usize,
    /// Keys that were here and are destroyed in another copy.
    pub destroyed: u64,
}

/// Copies the keys in `from` over those in `to`. A router may use them meanwhile.
///
/// # Errors
/// When a file refuses.
pub fn copy(from: &Path, to: &Path) -> Result<usize, VaultError> {
    make_folder(to)?;
    let tenants = TenantFile::list(from)?;
    for stale in TenantFile::list(to)? {
        let name = stale.file_name().unwrap_or_default();
        if !from.join(name).exists() {
            for path in [stale.with_extension(KEYS_SUFFIX), stale.clone()] {
                fs::remove_file(&path).map_err(VaultError::file("remove", &path))?;
            }
        }
    }
    for path in &tenants {
        // What is written last stands for both.
        copy_file(&path.with_extension(KEYS_SUFFIX), to)?;
        copy_file(path, to)?;
    }
    let master = from.join(MASTER_FILE);
    if master.exists() {
        copy_file(&master, to)?;
    }
    Ok(tenants.len())
}

fn copy_file(from: &Path, folder: &Path) -> Result<(), VaultError> {
    let bytes = fs::read(from).map_err(VaultError::file("read", from))?;
    write_whole(&folder.join(from.file_name().unwrap_or_default()), &bytes)
}

/// Copies the keys in the first of `copies` to `to`, and destroys there what is destroyed in any other.
///
/// # Errors
/// When a file refuses, or a shop's keys are those of another shop of its name.
pub fn merge(copies: &[PathBuf], to: &Path) -> Result<Merged, VaultError> {
    let Some((first, others)) = copies.split_first() else { return Ok(Merged::default()) };
    let mut merged = Merged { shops: copy(first, to)?, destroyed: 0 };
    for path in TenantFile::list(to)? {
        let tenant = TenantFile::read(&path)?;
        let slots = Slots::open(&path.with_extension(KEYS_SUFFIX))?;
        for other in others {
            let path = TenantFile::path(other, tenant.shop.as_str());
            if !path.exists() {
                continue;
            }
            if TenantFile::read(&path)?.id != tenant.id {
                return Err(VaultError::bad(&path, "it belongs to another shop of this name"));
            }
            merged.destroyed +=
                destroy_as(&slots, &Slots::open(&path.with_extension(KEYS_SUFFIX))?)?;
        }
        slots.sync()?;
    }
    Ok(merged)
}

fn destroy_as(slots: &Slots, other: &Slots) -> Result<u64, VaultError> {
    let mut gone = Vec::new();
    for slot in 0..slots.end()? {
        if other.read(slot)? == Slot::Destroyed {
            gone.push(slot);
        }
    }
    slots.destroy(gone.into_iter())
}
