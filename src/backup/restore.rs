//! Making a data folder out of a backup.

use std::fs;
use std::path::Path;

use crate::domain::Timestamp;
use crate::flow::{Entry, Epochs, Kept};
use crate::journal::{self, Batch, Journal, JournalError, Options};
use crate::runtime::Clock;

use super::{BackupError, JOURNAL, Manifest, files};

/// Where the journal stands until everything else is in its place.
const UNFINISHED: &str = "journal.restoring";

/// Bytes of records that are appended at a time.
const APPEND_BYTES: usize = 1 << 20;

/// A data folder that was restored.
#[derive(Clone, Debug)]
pub struct Restored {
    /// What the backup says of itself.
    pub manifest: Manifest,
    /// Records of the journal.
    pub records: u64,
    /// Conversations that have a new epoch.
    pub conversations: usize,
    /// Damages of the journal, which the backup had.
    pub damages: u64,
    /// Records that this program does not understand.
    pub not_understood: u64,
}

/// Whether a restore into `data` was begun and not finished.
pub fn is_unfinished(data: &Path) -> bool {
    data.join(UNFINISHED).exists()
}

/// Restores the backup in `from` into `data`, which must be empty or missing, and begins a new epoch
/// of every conversation.
///
/// # Errors
/// When `from` is no whole backup, `data` holds something, or a file refuses. `data` then has no
/// journal, and no router starts on it.
pub async fn restore(from: &Path, data: &Path, options: Options) -> Result<Restored, BackupError> {
    let manifest = Manifest::read(from)?;
    files::empty_folder(data)?;
    files::make_folder(&data.join(UNFINISHED))?;
    for file in &manifest.files {
        let below = match file.path.strip_prefix(JOURNAL) {
            Some(name) if name.starts_with('/') => format!("{UNFINISHED}{name}"),
            _ => file.path.clone(),
        };
        let target = data.join(&below);
        if let Some(folder) = target.parent() {
            files::make_folder(folder)?;
        }
        let written = files::copy(&from.join(&file.path), &target, &file.path)?;
        if written != *file {
            return Err(BackupError::Changed { path: file.path.clone() });
        }
        // The entry of each file is durable before the journal gets its name.
        target.parent().map_or(Ok(()), files::sync_folder)?;
    }
    let restored = begin_epochs(&data.join(UNFINISHED), options, manifest).await?;
    let target = data.join(JOURNAL);
    fs::rename(data.join(UNFINISHED), &target).map_err(BackupError::file("name", &target))?;
    files::sync_folder(data)?;
    Ok(restored)
}

/// Reads the whole journal and appends the new epochs.
async fn begin_epochs(
    folder: &Path,
    options: Options,
    manifest: Manifest,
) -> Result<Restored, BackupError> {
    let (journal, mut replay) = journal::open(folder, options)?;
    let mut epochs = Epochs::default();
    let mut not_understood = 0;
    let snapshots = journal.snapshots();
    for id in snapshots.list()? {
        // The start takes the newest that is whole. Epochs of the others do no harm.
        for entry in snapshots.open(id).into_iter().flatten() {
            match Kept::decode(&entry?.1) {
                Ok(Kept::Conversation(kept)) => epochs.note_kept(&kept.conversation),
                Ok(Kept::Seat(_)) => {}
                Err(_) => not_understood += 1,
            }
        }
    }
    for entry in replay.by_ref() {
        match entry {
            Ok((_, payload)) => match Entry::decode(&payload) {
                Ok(Entry::Conversation(record)) => epochs.note(&record),
                Ok(Entry::Seat(_)) => {}
                Err(_) => not_understood += 1,
            },
            // The summary counts it.
            Err(JournalError::Damaged(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    append(&journal, &epochs, Clock::start().now()).await?;
    journal.close().await?;
    let summary = replay.summary();
    Ok(Restored {
        manifest,
        records: summary.records,
        conversations: epochs.len(),
        damages: summary.damaged_total,
        not_understood,
    })
}

async fn append(journal: &Journal, epochs: &Epochs, at: Timestamp) -> Result<(), JournalError> {
    let mut batch = Batch::new();
    for record in epochs.next(at) {
        batch.push(&record.encode())?;
        if batch.frame_bytes() >= APPEND_BYTES {
            journal.append(std::mem::take(&mut batch)).await?;
        }
    }
    if !batch.is_empty() {
        journal.append(batch).await?;
    }
    Ok(())
}
