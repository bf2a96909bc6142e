//! Makes a snapshot every now and then, and lets go of the journal behind the older of two.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::flow::{Piece, Pieces};
use crate::journal::{Journal, JournalError, Position, SnapshotWriter};
use crate::vault::Vault;

/// Whole snapshots that are kept: the older one is for the day on which the newer one is damaged.
const KEPT: usize = 2;
/// Pieces that wait to be written. Shards wait for room with the next one, and with nothing else.
const PIECES_WAITING_MAX: usize = 4;

/// What makes the snapshots.
pub(super) struct Snapshotter {
    pub journal: Journal,
    pub vault: Option<Vault>,
    /// Records that were read at the start: no snapshot covers them.
    pub replayed: u64,
    /// The way to ask each shard.
    pub shards: Vec<mpsc::Sender<Pieces>>,
}

impl Snapshotter {
    /// Makes one `every` so often, when something was written that the last does not cover, also before
    /// the start: else a long journal would be read again at each start until somebody writes.
    pub(super) async fn run(self, every: Duration) {
        let mut covered = if self.replayed > 0 { None } else { self.journal.end() };
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
        let Some(mut pieces) = ask_for_pieces(&self.shards).await else { return false };
        let (journal, vault) = (self.journal.clone(), self.vault.clone());
        let shards = self.shards.len();
        let written = tokio::task::spawn_blocking(move || {
            let mut making = Making::begin(journal, vault, from, shards)?;
            while let Some(piece) = pieces.blocking_recv() {
                making = making.take(piece)?;
            }
            making.finish()
        });
        match written.await {
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

/// Asks every shard for its part of a snapshot; `None` when one of them has ended.
pub async fn ask_for_pieces(shards: &[mpsc::Sender<Pieces>]) -> Option<mpsc::Receiver<Piece>> {
    let (to, pieces) = mpsc::channel(PIECES_WAITING_MAX);
    for shard in shards {
        shard.send(to.clone()).await.ok()?;
    }
    Some(pieces)
}

/// A snapshot that is being written.
pub struct Making {
    journal: Journal,
    vault: Option<Vault>,
    writer: SnapshotWriter,
    conversations: u64,
    shards_left: usize,
}

impl Making {
    /// Begins one of what `shards` shards hand over from now on, for a journal that is read again from
    /// `from`.
    ///
    /// # Errors
    /// What the disk says.
    pub fn begin(
        journal: Journal,
        vault: Option<Vault>,
        from: Position,
        shards: usize,
    ) -> Result<Self, JournalError> {
        let writer = journal.snapshots().begin(from)?;
        Ok(Self { journal, vault, writer, conversations: 0, shards_left: shards })
    }

    /// Writes what was handed over.
    ///
    /// # Errors
    /// What the disk says. The snapshot is given up then: what is left aside would keep a full disk
    /// full.
    pub fn take(mut self, piece: Piece) -> Result<Self, JournalError> {
        match piece {
            Piece::Kept(kept) => {
                for (at, payload) in kept {
                    self.conversations += 1;
                    if let Err(error) = self.writer.push(at, &payload) {
                        self.writer.abandon();
                        return Err(error);
                    }
                }
            }
            Piece::Done => self.shards_left = self.shards_left.saturating_sub(1),
        }
        Ok(self)
    }

    /// Puts it in its place and lets go of what it makes needless; gives the number of conversations
    /// and of bytes, or `None` when a shard ended before it had handed over everything.
    ///
    /// # Errors
    /// What the disk says.
    pub fn finish(self) -> Result<Option<(u64, u64)>, JournalError> {
        let Self { journal, vault, writer, conversations, shards_left } = self;
        let Some(end) = journal.end().filter(|_| shards_left == 0) else {
            writer.abandon();
            return Ok(None);
        };
        // What is not in it any more has lost its key before the journal is used again behind it.
        if let Some(Err(error)) = vault.map(|vault| vault.sync()) {
            writer.abandon();
            return Err(JournalError::Io {
                doing: "make sure of the keys",
                source: Arc::new(std::io::Error::other(error)),
            });
        }
        let bytes = writer.finish(end)?;
        let kept = journal.snapshots().keep_newest(KEPT)?;
        if let (KEPT, Some(oldest)) = (kept.len(), kept.iter().min()) {
            journal.recycle_below(oldest.segment);
        }
        Ok(Some((conversations, bytes)))
    }
}
