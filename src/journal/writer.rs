//! What writes, on one thread: gathers what waits, commits it, answers all.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::batch::Batch;
use super::error::JournalError;
use super::folder::FolderLock;
use super::log::{Log, Room};
use super::segment::Position;
use super::shared::{CommitReport, Shared};

/// A batch on its way to the disk.
pub(super) struct Pending {
    pub batch: Batch,
    pub reply: oneshot::Sender<Result<Position, JournalError>>,
    /// Its share of the queue's bytes, given back with the answer.
    pub _bytes: OwnedSemaphorePermit,
}

pub(super) enum Command {
    Append(Pending),
    /// Finish what was taken, then answer.
    Close(oneshot::Sender<()>),
}

pub(super) struct Writer {
    pub log: Log,
    pub shared: Arc<Shared>,
    pub queue: mpsc::Receiver<Command>,
    /// Most bytes gathered into one commit; a single larger batch goes alone.
    pub commit_bytes_max: usize,
    pub lock: FolderLock,
    /// The commit that is being made.
    pub group: VecDeque<Pending>,
    /// Came behind the last commit and did not fit into it.
    pub held: Option<Command>,
    /// Who waits for the end.
    pub closed: Vec<oneshot::Sender<()>>,
}

impl Writer {
    /// Runs until the journal is closed or every handle is gone, and the queue is empty.
    pub(super) fn run(mut self) {
        while let Some(command) = self.held.take().or_else(|| self.queue.blocking_recv()) {
            self.take(command, &mut |_| {});
        }
        self.end();
    }

    /// Waits for the next command; `None` as [`Self::run`] ends.
    pub(super) async fn next(&mut self) -> Option<Command> {
        match self.held.take() {
            Some(command) => Some(command),
            None => self.queue.recv().await,
        }
    }

    /// Carries out a command, with what waits behind it. `on_disk` hears of each batch that is on
    /// disk now, before its caller does.
    pub(super) fn take(&mut self, command: Command, on_disk: &mut dyn FnMut(&Batch)) {
        match command {
            Command::Append(pending) => {
                self.group.push_back(pending);
                self.commit(on_disk);
            }
            Command::Close(reply) => {
                self.queue.close();
                self.closed.push(reply);
            }
        }
        self.log.keep();
    }

    /// Ends the keeper and frees the folder.
    pub(super) fn end(mut self) {
        self.log.stop();
        let Self { log, lock, closed, .. } = self;
        // The files and the lock are gone before anybody hears that the journal is closed.
        drop((log, lock));
        for reply in closed {
            let _ = reply.send(());
        }
    }

    /// Commits the first batch with as many of the waiting ones as fit beside it.
    fn commit(&mut self, on_disk: &mut dyn FnMut(&Batch)) {
        let mut group = std::mem::take(&mut self.group);
        self.commit_group(&mut group, on_disk);
        // Its room is used again.
        self.group = group;
    }

    fn commit_group(&mut self, group: &mut VecDeque<Pending>, on_disk: &mut dyn FnMut(&Batch)) {
        let first_bytes: usize = group.iter().map(|pending| pending.batch.frame_bytes()).sum();
        let room = match self.log.make_room(first_bytes) {
            Ok(Room::Same(bytes)) => bytes,
            Ok(Room::Rotated { bytes, has_waited }) => {
                self.shared.stats.rotated(has_waited);
                bytes
            }
            Err(error) => {
                self.fail(group, &error);
                return;
            }
        };
        self.held = self.gather(group, first_bytes, room.min(self.commit_bytes_max));

        let batches = u32::try_from(group.len()).unwrap_or(u32::MAX);
        let records = group.iter().map(|pending| pending.batch.records()).sum();
        let started = Instant::now();
        let mut positions = Vec::with_capacity(group.len());
        let commit =
            self.log.commit(group.iter().map(|pending| &pending.batch), |at| positions.push(at));
        let took = started.elapsed();

        match commit {
            Ok(commit) => {
                self.shared.set_end(commit.end);
                self.shared.set_healthy(true);
                self.report(&CommitReport {
                    batches,
                    records,
                    bytes: commit.bytes,
                    took,
                    is_ok: true,
                });
                group.iter().for_each(|pending| on_disk(&pending.batch));
                for (pending, position) in group.drain(..).zip(positions) {
                    // A caller that no longer waits lost nothing: its records are on disk.
                    let _ = pending.reply.send(Ok(position));
                }
            }
            Err(error) => {
                self.report(&CommitReport { batches, records, bytes: 0, took, is_ok: false });
                self.fail(group, &error);
            }
        }
    }

    /// Adds waiting batches while they fit; returns the command that did not.
    fn gather(
        &mut self,
        group: &mut VecDeque<Pending>,
        mut bytes: usize,
        bytes_max: usize,
    ) -> Option<Command> {
        while let Ok(command) = self.queue.try_recv() {
            match command {
                Command::Append(pending) if bytes + pending.batch.frame_bytes() <= bytes_max => {
                    bytes += pending.batch.frame_bytes();
                    group.push_back(pending);
                }
                other => return Some(other),
            }
        }
        None
    }

    fn report(&self, report: &CommitReport) {
        self.shared.stats.committed(report);
        if let Some(observer) = &self.shared.observer {
            observer.committed(report);
        }
    }

    fn fail(&self, group: &mut VecDeque<Pending>, error: &JournalError) {
        if self.shared.is_healthy() {
            tracing::error!(%error, "journal refuses appends");
        }
        self.shared.set_healthy(false);
        for pending in group.drain(..) {
            let _ = pending.reply.send(Err(error.clone()));
        }
    }
}
