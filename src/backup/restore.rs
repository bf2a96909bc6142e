//! Making a data folder out of a backup.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::domain::{ConversationId, ShopId, Timestamp};
use crate::flow::{Entry, Epochs, Fact, Kept, Keyring, Record, RecordError, Seal, key_of};
use crate::inward;
use crate::journal::{self, Batch, Journal, JournalError, Options};
use crate::runtime::Clock;
use crate::vault::{self, MasterSource, Vault};

use super::files::{self, FileSum};
use super::{BackupError, JOURNAL, Manifest};

/// Where the journal stands until everything else is in its place.
const UNFINISHED: &str = "journal.restoring";

/// Bytes of records that are appended at a time.
const APPEND_BYTES: usize = 1 << 20;

/// The keys that a backup is opened with.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// Copies of the folder of keys, the newest first. What is destroyed in one of them stays so.
    pub copies: Vec<PathBuf>,
    /// Where the master key is.
    pub master: MasterSource,
}

/// A data folder that was restored.
#[derive(Clone, Debug)]
pub struct Restored {
    /// What the backup says of itself.
    pub manifest: Manifest,
    /// Records of the journal.
    pub records: u64,
    /// Conversations that have a new epoch.
    pub conversations: usize,
    /// Entries whose key was destroyed since the backup: what they held is erased.
    pub erased: u64,
    /// Damages of the journal and of its snapshots, which the backup had.
    pub damages: u64,
    /// Records that this program does not understand.
    pub not_understood: u64,
}

/// Whether a restore into `data` was begun and not finished.
pub fn is_unfinished(data: &Path) -> bool {
    data.join(UNFINISHED).exists()
}

/// Restores the backup in `from` into `data`, which must be empty or missing, and begins a new epoch
/// of every conversation. Of the keys only those are taken over that the backup needs, where all of it is
/// understood: erasing a customer there reaches everything that is left of him.
///
/// # Errors
/// When `from` is no whole backup, `data` holds something, a later program wrote a snapshot, or a file
/// refuses. `data` then has no
/// journal, and no router starts on it.
pub async fn restore(
    from: &Path,
    data: &Path,
    keys: &Keys,
    options: Options,
) -> Result<Restored, BackupError> {
    let manifest = Manifest::read(from)?;
    files::empty_folder(data)?;
    files::make_folder(&data.join(UNFINISHED))?;
    // Backups of before say how far mailboxes were read after their journal was copied: it would skip
    // the letters between. Without it they are read anew, and what was taken is known by its Message-ID.
    let is_wanted = |file: &&FileSum| !Path::new(&file.path).starts_with(inward::FOLDER);
    for file in manifest.files.iter().filter(is_wanted) {
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
    let copy = data.join(vault::FOLDER);
    vault::merge(&keys.copies, &copy)?;
    let vault = Vault::open(&copy, &keys.master)?;
    let restored = begin_epochs(&data.join(UNFINISHED), &vault, options, manifest).await?;
    let target = data.join(JOURNAL);
    fs::rename(data.join(UNFINISHED), &target).map_err(BackupError::file("name", &target))?;
    files::sync_folder(data)?;
    Ok(restored)
}

/// What a backup says of keys.
struct Needed<'a> {
    keys: Keyring,
    vault: &'a Vault,
    /// Those that sealed something, and of which conversations.
    by_conversation: BTreeMap<ConversationId, BTreeSet<(ShopId, u64)>>,
    /// Entries whose key is destroyed.
    erased: u64,
}

impl Needed<'_> {
    fn note(
        &mut self,
        conversation: ConversationId,
        payload: &[u8],
        seal: &Seal,
    ) -> Result<(), BackupError> {
        match seal {
            Seal::None => return Ok(()),
            Seal::Locked => return Err(BackupError::KeysMissing),
            Seal::Erased => self.erased += 1,
            Seal::Opened(_) => {}
        }
        if let Some((shop, slot)) = key_of(payload) {
            let keys = self.by_conversation.entry(conversation).or_default();
            keys.insert((ShopId::from(shop), slot));
        }
        Ok(())
    }

    /// The journal says that a conversation was erased.
    fn erase(&mut self, record: &Record) {
        if record.facts.iter().any(|fact| matches!(fact, Fact::Erased(_))) {
            self.by_conversation.remove(&record.conversation);
        }
    }

    /// Destroys every key but those that are needed.
    fn destroy_others(self) -> Result<(), BackupError> {
        let mut kept: BTreeMap<ShopId, BTreeSet<u64>> = BTreeMap::new();
        for (shop, slot) in self.by_conversation.into_values().flatten() {
            kept.entry(shop).or_default().insert(slot);
        }
        self.vault.keep_only(&kept)?;
        Ok(())
    }
}

/// Reads the whole journal and appends the new epochs.
async fn begin_epochs(
    folder: &Path,
    vault: &Vault,
    options: Options,
    manifest: Manifest,
) -> Result<Restored, BackupError> {
    let (journal, mut replay) = journal::open(folder, options)?;
    let mut epochs = Epochs::default();
    let (mut not_understood, mut snapshots_damaged) = (0, 0);
    let mut needed = Needed {
        keys: Keyring::new(vault.clone()),
        vault,
        by_conversation: BTreeMap::new(),
        erased: 0,
    };
    let snapshots = journal.snapshots();
    for id in snapshots.list()? {
        // The start takes the newest that is whole. Epochs of the others do no harm.
        let entries = match snapshots.open(id) {
            Ok(entries) => entries,
            Err(JournalError::BadSnapshot { .. }) => {
                snapshots_damaged += 1;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        for entry in entries {
            let (_, payload) = entry?;
            match Kept::read(&payload, &mut needed.keys) {
                Ok((Kept::Conversation(kept), seal)) => {
                    needed.note(kept.conversation.id, &payload, &seal)?;
                    epochs.note_kept(&kept.conversation);
                }
                Ok((Kept::Seat(_) | Kept::Deliveries(_), _)) => {}
                Err(RecordError::Keys(error)) => return Err(error.into()),
                Err(_) => not_understood += 1,
            }
        }
    }
    for entry in replay.by_ref() {
        match entry {
            Ok((_, payload)) => match Entry::read(&payload, &mut needed.keys) {
                Ok((Entry::Conversation(record), seal)) => {
                    needed.note(record.conversation, &payload, &seal)?;
                    needed.erase(&record);
                    epochs.note(&record);
                }
                Ok((Entry::Seat(_), _)) => {}
                Err(RecordError::Keys(error)) => return Err(error.into()),
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
    let erased = needed.erased;
    // What was not read may need any of them, and a key that is destroyed does not come back.
    if not_understood == 0 && snapshots_damaged == 0 {
        needed.destroy_others()?;
    }
    Ok(Restored {
        erased,
        manifest,
        records: summary.records,
        conversations: epochs.len(),
        damages: summary.damaged_total + snapshots_damaged,
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
