//! Makes a snapshot every now and then, and lets go of the journal behind the older of two.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::flow::{Piece, Pieces};
use crate::journal::{Journal, JournalError, Position};
use crate::vault::Vault;

/// Whole snapshots that are kept: the older one is for the day on which the newer one is damaged.
const KEPT: usize = 2;
/// Pieces that wait to be written. Shards wait for room with the next one, and with nothing else.
const PIECES_WAITING_MAX: usize = 4;

/// What makes the snapshots.
pub(super) struct Snapshotter {
    pub journal: Journal,
    pub vault: Vault,
    /// The way to ask each shard.
    pub shards: Vec<mpsc::Sender<Pieces>>,
}

impl Snapshotter {
    /// Makes one `every` so often, when something was written since the last.
    pub(super) async fn run(self, every: Duration) {
        let mut covered = self.journal.end();
        loop {
            tokio::time::sleep(every).await;
            let end = self.journal.end();
            if end == covered {
                continue;
            }
            if let Some(from) = end
                && self.make(from).await
            {
                covered = end;
            }
        }
    }

    /// Whether a snapshot was made.
    async fn make(&self, from: Position) -> bool {
        let began = Instant::now();
        let (to, pieces) = mpsc::channel(PIECES_WAITING_MAX);
        for shard in &self.shards {
            if shard.send(to.clone()).await.is_err() {
                return false;
            }
        }
        drop(to);
        let (journal, vault, shards) =
            (self.journal.clone(), self.vault.clone(), self.shards.len());
        let write = move || write(&journal, &vault, from, shards, pieces);
        let written = tokio::task::spawn_blocking(write).await;
        match written {
            Ok(Ok(Some((conversations, bytes)))) => {
                let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                tracing::info!(conversations, bytes, took_ms, "snapshot made");
                true
            }
            // The router is stopping.
            Ok(Ok(None)) | Err(_) => false,
            Ok(Err(error)) => {
                tracing::error!(%error, "no snapshot made; the journal is kept meanwhile");
                false
            }
        }
    }
}

/// Writes what `shards` shards hand over; gives the number of conversations and of bytes, or `None`
/// when a shard ended before it had handed over everything.
fn write(
    journal: &Journal,
    vault: &Vault,
    from: Position,
    shards: usize,
    mut pieces: mpsc::Receiver<Piece>,
) -> Result<Option<(u64, u64)>, JournalError> {
    let snapshots = journal.snapshots();
    let mut writer = snapshots.begin(from)?;
    let (mut conversations, mut done) = (0, 0);
    while let Some(piece) = pieces.blocking_recv() {
        match piece {
            Piece::Kept(kept) => {
                for (at, payload) in kept {
                    conversations += 1;
                    if let Err(error) = writer.push(at, &payload) {
                        writer.abandon();
                        return Err(error);
                    }
                }
            }
            Piece::Done => done += 1,
        }
    }
    let Some(end) = journal.end().filter(|_| done == shards) else {
        writer.abandon();
        return Ok(None);
    };
    // What is not in it any more has lost its key before the journal is used again behind it.
    if let Err(error) = vault.sync() {
        writer.abandon();
        return Err(JournalError::Io {
            doing: "make sure of the keys",
            source: Arc::new(std::io::Error::other(error)),
        });
    }
    let bytes = writer.finish(end)?;
    let kept = snapshots.keep_newest(KEPT)?;
    if let (KEPT, Some(oldest)) = (kept.len(), kept.iter().min()) {
        journal.recycle_below(oldest.segment);
    }
    Ok(Some((conversations, bytes)))
}
