//! The state that a start begins with: the newest whole snapshot, and the journal from there on.

use std::path::PathBuf;

use ahash::AHashMap;

use super::StartError;
use crate::config::LostState;
use crate::dedup::OneDelivery;
use crate::domain::{ConversationId, Timestamp};
use crate::flow::{
    Entry, Kept, KeptConversation, Keyring, Owners, RecordError, Seal, SeatRecord, SeatStates,
    Shard, recall_kept,
};
use crate::journal::{DamageKind, Journal, JournalError, Position, Replay, SnapshotId};
use crate::schedule::Scheduler;
use crate::vault::Vault;

/// What is told beside the state of the shards.
pub(super) struct Restored {
    /// The latest instant that was written down.
    pub last_at: Timestamp,
    /// Whether something that was acknowledged is missing.
    pub damaged: bool,
    /// Records that were read from the journal: no snapshot covers them.
    pub replayed: u64,
    /// The seats that were there at the end.
    pub seats: SeatStates,
    /// The keys of each shard's conversations.
    pub keys: Vec<Keyring>,
}

/// What a start finds on disk.
pub(super) struct Stored<'a> {
    pub journal: &'a Journal,
    /// `None` when nothing is sealed.
    pub vault: Option<&'a Vault>,
    /// What to do when the state is lost.
    pub lost_state: LostState,
}

/// A snapshot in memory.
struct Loaded {
    /// Where the journal has to be read from.
    from: Position,
    /// Conversations, each with the position up to which it covers the journal.
    kept: Vec<(Position, KeptConversation)>,
    /// Seats that were there. What the journal says of them from there on may be said again: the
    /// last word counts.
    seats: Vec<SeatRecord>,
    /// What channels have delivered.
    deliveries: Vec<OneDelivery>,
}

/// Brings the shards, and the scheduler's memory of decisions, to where the journal ends. The first
/// shard knows the seats.
///
/// # Errors
/// When a snapshot cannot be read or understood, and when the state is lost, or a segment cannot be read,
/// and `lost_state` does not allow for that. Only what its checksums call damaged is passed over: anything else may be well again
/// at the next start.
pub(super) fn restore(
    stored: &Stored<'_>,
    mut replay: Replay,
    shards: &mut [Shard],
    owners: &Owners,
    scheduler: &mut Scheduler,
) -> Result<Restored, StartError> {
    let Stored { journal, vault, lost_state } = *stored;
    let mut keys = vault.cloned().map_or_else(Keyring::locked, Keyring::new);
    let mut covered: AHashMap<ConversationId, Position> = AHashMap::new();
    let mut last_at = Timestamp::default();
    let (loaded, broken) = newest_whole(journal, vault, &mut keys)?;
    // Older segments are recycled behind two snapshots. Without one, the journal has to be whole.
    let oldest = replay.oldest();
    let is_new = oldest.is_none() && broken.is_empty();
    let mut damaged = loaded.is_none() && !is_new && !replay.begins_at_the_beginning();
    if damaged {
        // A start that went on with what is left may have ended before it had made a snapshot. It has set
        // aside those that covered what is gone; other damaged files say nothing of that.
        let was_accepted = match oldest {
            Some(oldest) if broken.is_empty() => journal.snapshots().has_set_aside(oldest)?,
            _ => false,
        };
        if lost_state == LostState::Refuse && !was_accepted {
            return Err(StartError::StateLost { folder: journal.path().to_owned() });
        }
        tracing::error!("there is no whole snapshot, and the beginning of the journal is gone");
    }
    // Only now: a start that is refused leaves the folder as it found it.
    for id in broken {
        journal.snapshots().set_aside(id)?;
    }
    if let Some(Loaded { from, kept, seats, deliveries }) = loaded {
        replay.skip_to(from);
        recall_kept(kept.iter().map(|(_, kept)| kept), scheduler);
        for seat in seats {
            last_at = last_at.max(seat.at);
            shards[0].note_seat(&seat);
        }
        for delivery in deliveries {
            shards[owners.of_conversation(delivery.conversation)].note_delivery(delivery);
        }
        for (at, kept) in kept {
            let conversation = &kept.conversation;
            covered.insert(conversation.id, at);
            last_at = last_at.max(conversation.events.last().map_or(last_at, |event| event.at));
            shards[owners.of_conversation(conversation.id)].restore_kept(kept);
        }
    }
    let (mut unknown, mut erased) = (0u64, 0u64);
    for item in &mut replay {
        let (position, payload) = match item {
            Ok(found) => found,
            Err(JournalError::Damaged(damage))
                if damage.kind == DamageKind::Unreadable && lost_state == LostState::Refuse =>
            {
                return Err(JournalError::Damaged(damage).into());
            }
            Err(error) => {
                tracing::error!(%error, "journal is damaged");
                continue;
            }
        };
        let entry = match Entry::read(&payload, &mut keys) {
            Ok((_, Seal::Locked)) => return Err(keys_missing(journal, vault)),
            Ok((entry, seal)) => {
                erased += u64::from(matches!(seal, Seal::Erased));
                entry
            }
            Err(RecordError::Keys(error)) => return Err(error.into()),
            Err(error) => {
                tracing::error!(%error, "journal record is not understood");
                // What was sealed and does not open is lost as what does not check is.
                damaged |= !matches!(error, RecordError::Unknown(_));
                continue;
            }
        };
        last_at = last_at.max(entry.at().unwrap_or_default());
        match entry {
            Entry::Seat(seat) => shards[0].note_seat(&seat),
            Entry::Conversation(record) => {
                if covered.get(&record.conversation).is_some_and(|at| position < *at) {
                    continue;
                }
                let shard = &mut shards[owners.of_conversation(record.conversation)];
                unknown += u64::from(!shard.restore(&record));
                shard.recall(&record, scheduler);
            }
        }
    }
    let summary = replay.summary();
    damaged |= summary.damaged_total > 0;
    let from_snapshot = covered.len();
    let (records, segments, damages) = (summary.records, summary.segments, summary.damaged_total);
    let conversations: usize = shards.iter().map(Shard::len).sum();
    tracing::info!(
        from_snapshot,
        records,
        segments,
        damaged = damages,
        unknown,
        erased,
        conversations,
        "journal replayed"
    );
    let keys = keys_of_each(keys, shards, owners)?;
    Ok(Restored { last_at, damaged, replayed: records, seats: shards[0].seat_states(), keys })
}

/// Gives each shard the keys of its conversations, and says whose they are where that was lost.
fn keys_of_each(
    mut keys: Keyring,
    shards: &[Shard],
    owners: &Owners,
) -> Result<Vec<Keyring>, StartError> {
    for (id, key) in keys.held() {
        let customer = shards[owners.of_conversation(id)].customer_of(id);
        if let Some(((_, customer), vault)) = customer.zip(keys.vault()) {
            vault.note(key, customer)?;
        }
    }
    let of_shard = |index| keys.split_off(|id| owners.of_conversation(id) == index);
    Ok((0..shards.len()).map(of_shard).collect())
}

fn keys_missing(journal: &Journal, vault: Option<&Vault>) -> StartError {
    StartError::KeysMissing {
        journal: journal.path().to_owned(),
        keys: vault.map_or_else(PathBuf::new, |vault| vault.folder().to_owned()),
    }
}

/// The newest whole snapshot, and the newer ones that are damaged.
fn newest_whole(
    journal: &Journal,
    vault: Option<&Vault>,
    keys: &mut Keyring,
) -> Result<(Option<Loaded>, Vec<SnapshotId>), StartError> {
    let mut broken = Vec::new();
    let unread = |error| StartError::Snapshots { folder: journal.path().to_owned(), error };
    for id in journal.snapshots().list().map_err(unread)? {
        match load(journal, id, vault, keys) {
            Ok(loaded) => return Ok((Some(loaded), broken)),
            Err(StartError::Snapshots {
                error: error @ JournalError::BadSnapshot { .. }, ..
            }) => {
                tracing::error!(%error, "snapshot is damaged");
                broken.push(id);
            }
            Err(error) => return Err(error),
        }
    }
    Ok((None, broken))
}

/// All of it or nothing: a snapshot that lacks a conversation would lose it in silence.
fn load(
    journal: &Journal,
    id: SnapshotId,
    vault: Option<&Vault>,
    keys: &mut Keyring,
) -> Result<Loaded, StartError> {
    let unread = |error| StartError::Snapshots { folder: journal.path().to_owned(), error };
    let reader = journal.snapshots().open(id).map_err(unread)?;
    let from = reader.from();
    let mut kept = Vec::with_capacity(usize::try_from(reader.entries()).unwrap_or_default());
    let (mut seats, mut deliveries) = (Vec::new(), Vec::new());
    for entry in reader {
        let (at, payload) = entry.map_err(unread)?;
        let read = Kept::read(&payload, keys).map_err(|error| StartError::Snapshot {
            folder: journal.path().to_owned(),
            snapshot: id,
            error,
        })?;
        let (entry, Seal::None | Seal::Opened(_) | Seal::Erased) = read else {
            return Err(keys_missing(journal, vault));
        };
        match entry {
            Kept::Conversation(conversation) => kept.push((at, *conversation)),
            Kept::Seat(seat) => seats.push(seat),
            Kept::Deliveries(part) => deliveries.extend(part.delivered),
        }
    }
    // In the order in which they began, as a replay has them.
    kept.sort_unstable_by_key(|(_, kept)| kept.conversation.id);
    Ok(Loaded { from, kept, seats, deliveries })
}
