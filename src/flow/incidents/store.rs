//! What is kept of incidents in files, one for each shop, which outlive the process.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::domain::ShopId;
use crate::incidents::Kept;
use crate::runtime::{sync_folder, write_whole};

/// The folder of these files in the data folder.
const FOLDER: &str = "incidents";

/// What the file of a shop has after it was to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnDisk {
    /// What was to be kept.
    New,
    /// Nothing: it is not there.
    Nothing,
    /// What it had before.
    Old,
}

/// The files of all shops.
#[derive(Clone, Debug)]
pub(super) struct Store {
    folder: PathBuf,
}

impl Store {
    /// That in the folder `data`.
    pub fn of(data: &Path) -> Self {
        Self { folder: data.join(FOLDER) }
    }

    /// What was kept of a shop. Of a file that is not there or damaged it is nothing: then seats have to
    /// click again before anything joins by itself.
    pub fn read(&self, shop: &ShopId) -> Kept {
        let path = self.path(shop);
        let read = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Kept::default(),
            read => read,
        };
        let kept: io::Result<Kept> = read.and_then(|text| Ok(serde_json::from_slice(&text)?));
        let mut kept = kept.unwrap_or_else(|error| {
            tracing::warn!(file = %path.display(), %error, "what seats said of incidents is not known");
            Kept::default()
        });
        if kept.drop_outdated() {
            tracing::warn!(
                file = %path.display(),
                "what is usual was kept by another table of things and is learned anew"
            );
        }
        kept
    }

    /// Keeps it. Where it cannot be written what was kept before stays whole, unless it is `outdated`: then it
    /// goes, which a full disk takes as well.
    pub fn keep(&self, shop: &ShopId, kept: &Kept, outdated: bool) -> OnDisk {
        let Err(error) = self.write(shop, kept) else { return OnDisk::New };
        tracing::warn!(%shop, %error, "what seats said of incidents is not kept");
        if !outdated {
            return OnDisk::Old;
        }
        let Err(error) = self.remove(shop) else { return OnDisk::Nothing };
        tracing::warn!(%shop, %error, "what an erased customer had a part in is still kept");
        OnDisk::Old
    }

    fn write(&self, shop: &ShopId, kept: &Kept) -> io::Result<()> {
        write_whole(&self.path(shop), &serde_json::to_vec(kept)?)?;
        sync_folder(&self.folder)
    }

    fn remove(&self, shop: &ShopId) -> io::Result<()> {
        match fs::remove_file(self.path(shop)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            // One that is gone may have been taken away by a try whose sync failed.
            _ => {}
        }
        match sync_folder(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            synced => synced,
        }
    }

    fn path(&self, shop: &ShopId) -> PathBuf {
        self.folder.join(format!("{shop}.json"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;
    use crate::incidents::{Live, Settings, Trust};

    #[test]
    fn what_is_kept_is_read_again_and_a_damaged_file_says_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let (store, shop) = (Store::of(folder.path()), ShopId::from("demo"));
        assert_eq!(store.read(&shop), Kept::default());
        let mut trust = Trust::default();
        trust.decided(true);
        let kept = Live::new(Settings::default(), trust).keep(Timestamp::from_millis(1));

        assert_eq!(store.keep(&shop, &kept, false), OnDisk::New);

        assert_eq!(store.read(&shop), kept);
        assert_ne!(kept, Kept::default());
        fs::write(store.path(&shop), "{\"trust").expect("written");
        assert_eq!(store.read(&shop), Kept::default());
    }
}
