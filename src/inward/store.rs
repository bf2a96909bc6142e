//! Progress in files, one for each shop, which outlive the process.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::ShopId;

use super::Progress;

/// The folder of these files in the data folder.
pub const FOLDER: &str = "mailboxes";

/// The file of one shop.
#[derive(Clone, Debug)]
pub(super) struct Store {
    path: PathBuf,
    /// What was begun goes on when nobody waits for it any more.
    writing: Arc<Mutex<()>>,
}

impl Store {
    /// That of `shop` in the folder `data`.
    pub(super) fn of(data: &Path, shop: &ShopId) -> Self {
        let path = data.join(FOLDER).join(format!("{shop}.json"));
        Self { path, writing: Arc::default() }
    }

    /// How far `mailbox` is read. A file of another mailbox, or a damaged one, says nothing: what is fetched
    /// again is known by its Message-ID.
    pub(super) fn read(&self, mailbox: &str) -> io::Result<Progress> {
        let text = match fs::read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            read => read?,
        };
        let kept: Option<Progress> = serde_json::from_slice(&text).ok();
        if kept.is_none() && !text.is_empty() {
            tracing::warn!(file = %self.path.display(), "damaged: the mailbox is read from its beginning");
        }
        let kept = kept.filter(|kept| kept.is_of(mailbox));
        Ok(kept.unwrap_or_else(|| Progress::none_of(mailbox.to_owned())))
    }

    /// Keeps how far it is read; what was kept before stays whole until then.
    pub(super) fn write(&self, progress: &Progress) -> io::Result<()> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let new = self.path.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(&serde_json::to_vec(progress)?)?;
        file.sync_data()?;
        fs::rename(&new, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_found_again_for_the_same_mailbox_and_not_for_another_or_in_a_damaged_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::of(folder.path(), &ShopId::from("demo"));
        let mut progress = store.read("a").expect("nothing");
        progress.go_on(1);
        progress.settle(9);
        store.write(&progress).expect("kept");

        assert_eq!(store.read("a").expect("the same"), progress);
        assert_eq!(store.read("b").expect("none").next(), 1);
        fs::write(folder.path().join("mailboxes/demo.json"), "{\"mail").expect("written");
        assert_eq!(store.read("a").expect("none").next(), 1);
    }
}
