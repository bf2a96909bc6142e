//! The thread that prepares the next segment and recycles the ones no longer needed, so that a
//! commit never waits for 64 MiB of zeros. Where the journal is driven by its owner, the same is done
//! at once.

use std::collections::BTreeSet;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::error::JournalError;
use super::folder::Folder;
use super::recover::fill_zero;
use super::segment::{HEADER_BYTES, SegmentFile, SegmentId, encode_header};
use super::shared::Shared;
use crate::runtime::sync::mpsc::{Receiver, RecvError, SyncSender, TryRecvError, sync_channel};
use crate::runtime::sync::thread;

/// Freed files kept for reuse; more are removed.
const SPARES_MAX: usize = 2;

/// Zeros written between two syncs: keeps the disk's queue short for the commits beside it.
const ZERO_CHUNK_BYTES: u64 = 4 << 20;

/// Jobs that wait for the keeper. The writer asks for one segment at a time; wake-ups for
/// recycling are dropped when full, because each job ends with a look at the floor.
const JOBS_MAX: usize = 16;

/// A job for the keeper.
pub(super) enum Job {
    /// Prepare the segment with this number.
    Prepare(SegmentId),
    /// Remove a segment in which nothing was acknowledged.
    Discard(SegmentId),
    /// Look which segments lie below the floor.
    Recycle,
    /// End the thread.
    Stop,
}

/// The writer's end: prepared segments come out in the order of the requests.
pub(super) struct Keeper {
    jobs: SyncSender<Job>,
    ready: Receiver<Prepared>,
    hands: Hands,
    next: SegmentId,
    is_requested: bool,
}

/// A segment to go on in, or why there is none.
type Prepared = Result<SegmentFile, JournalError>;

/// Who does the jobs.
enum Hands {
    /// A thread; `None` once it was waited for.
    Thread(Option<thread::JoinHandle<()>>),
    /// Whoever asks, before going on.
    Caller { worker: Box<Worker>, inbox: Receiver<Job>, ready: SyncSender<Prepared> },
}

/// What the keeper starts from.
pub(super) struct Stock {
    /// Segments that hold records.
    pub live: BTreeSet<SegmentId>,
    /// A prepared segment.
    pub ready: Option<SegmentFile>,
    /// Files to reuse.
    pub spares: Vec<String>,
    /// Number for the next segment to prepare.
    pub next: SegmentId,
    /// Bytes of each new segment.
    pub segment_bytes: u64,
}

impl Keeper {
    /// Starts the thread; also returns the sender that wakes it for recycling.
    pub(super) fn start(
        folder: Arc<dyn Folder>,
        shared: Arc<Shared>,
        stock: Stock,
    ) -> Result<(Self, SyncSender<Job>), JournalError> {
        Self::with(folder, shared, stock, |worker, inbox, ready| {
            let thread = thread::Builder::new()
                .name("journal-keeper".to_owned())
                .spawn(move || worker.run(&inbox, &ready))
                .map_err(|error| JournalError::from_io("start the keeper thread", error))?;
            Ok(Hands::Thread(Some(thread)))
        })
    }

    /// The same without a thread: see [`Self::work`].
    pub(super) fn without_thread(
        folder: Arc<dyn Folder>,
        shared: Arc<Shared>,
        stock: Stock,
    ) -> Result<(Self, SyncSender<Job>), JournalError> {
        Self::with(folder, shared, stock, |mut worker, inbox, ready| {
            worker.trim_spares();
            Ok(Hands::Caller { worker: Box::new(worker), inbox, ready })
        })
    }

    fn with(
        folder: Arc<dyn Folder>,
        shared: Arc<Shared>,
        stock: Stock,
        hands: impl FnOnce(Worker, Receiver<Job>, SyncSender<Prepared>) -> Result<Hands, JournalError>,
    ) -> Result<(Self, SyncSender<Job>), JournalError> {
        let (jobs, inbox) = sync_channel(JOBS_MAX);
        let (ready_sender, ready) = sync_channel(1);
        let Stock { mut live, ready: prepared, spares, next, segment_bytes } = stock;

        let is_prepared = prepared.is_some();
        if let Some(segment) = prepared {
            live.insert(segment.id);
            ready_sender.try_send(Ok(segment)).expect("an empty channel has room for one");
        }
        let worker = Worker { folder, shared, segment_bytes, live, spares };
        let hands = hands(worker, inbox, ready_sender)?;

        let mut keeper = Self { jobs: jobs.clone(), ready, hands, next, is_requested: true };
        if !is_prepared {
            keeper.is_requested = false;
            keeper.request();
        }
        Ok((keeper, jobs))
    }

    /// Does the jobs that wait, where no thread does them.
    pub(super) fn work(&mut self) {
        let Hands::Caller { worker, inbox, ready } = &mut self.hands else { return };
        while let Ok(job) = inbox.try_recv() {
            if worker.take(job, ready).is_break() {
                return;
            }
        }
    }

    /// Asks for the next segment ahead of its use.
    pub(super) fn request(&mut self) {
        if !self.is_requested && self.jobs.send(Job::Prepare(self.next)).is_ok() {
            // A number is never tried twice: a failed attempt may have left a file of that name.
            self.next = self.next.next();
            self.is_requested = true;
            self.work();
        }
    }

    /// The next segment, waiting for it when it is not ready; the flag tells whether it waited.
    ///
    /// An old failure that sat in the queue is no reason to refuse: the disk gets a fresh try.
    pub(super) fn take(&mut self) -> Result<(SegmentFile, bool), JournalError> {
        let mut has_waited = false;
        let mut is_fresh = !self.is_requested;
        loop {
            self.request();
            let answer = match self.ready.try_recv() {
                Ok(answer) => answer,
                Err(TryRecvError::Empty) => {
                    has_waited = true;
                    self.ready.recv().map_err(|RecvError| JournalError::Closed)?
                }
                Err(TryRecvError::Disconnected) => return Err(JournalError::Closed),
            };
            self.is_requested = false;
            match answer {
                Ok(segment) => return Ok((segment, has_waited)),
                Err(error) if is_fresh => return Err(error),
                Err(_) => is_fresh = true,
            }
        }
    }

    /// Removes a segment in which nothing was acknowledged.
    pub(super) fn discard(&mut self, segment: SegmentId) {
        // A keeper that is gone leaves the file; the next open finds it outside the chain.
        let _ = self.jobs.send(Job::Discard(segment));
        self.work();
    }

    /// Ends the thread and waits for it.
    pub(super) fn stop(&mut self) {
        let _ = self.jobs.send(Job::Stop);
        self.work();
        if let Hands::Thread(thread) = &mut self.hands
            && let Some(thread) = thread.take()
            && thread.join().is_err()
        {
            tracing::error!("journal keeper thread panicked");
        }
    }
}

struct Worker {
    folder: Arc<dyn Folder>,
    shared: Arc<Shared>,
    segment_bytes: u64,
    /// Every segment file of the journal, prepared ones included.
    live: BTreeSet<SegmentId>,
    spares: Vec<String>,
}

impl Worker {
    fn run(mut self, inbox: &Receiver<Job>, ready: &SyncSender<Prepared>) {
        self.trim_spares();
        while let Ok(job) = inbox.recv() {
            if self.take(job, ready).is_break() {
                return;
            }
        }
    }

    /// Does one job.
    fn take(&mut self, job: Job, ready: &SyncSender<Prepared>) -> ControlFlow<()> {
        match job {
            Job::Prepare(segment) => {
                let answer = self.prepare(segment);
                if ready.send(answer).is_err() {
                    return ControlFlow::Break(());
                }
            }
            Job::Discard(segment) => self.discard(segment),
            Job::Recycle => {}
            Job::Stop => return ControlFlow::Break(()),
        }
        self.recycle();
        ControlFlow::Continue(())
    }

    fn prepare(&mut self, segment: SegmentId) -> Result<SegmentFile, JournalError> {
        // A file of another size, or one that the disk refuses, makes way for a new one.
        while let Some(name) = self.spares.pop() {
            match self.fill(&name, segment, false) {
                Ok(file) => return Ok(file),
                Err(error) => {
                    tracing::warn!(%error, file = name, "spare journal segment not reused");
                    self.remove(&name);
                }
            }
        }
        let name = segment.spare_name();
        self.fill(&name, segment, true).map_err(|error| {
            // Gives the space back: a partly filled file would keep a full disk full.
            self.remove(&name);
            JournalError::from_io("prepare a segment", error)
        })
    }

    /// Zeroes the file, writes its header and moves it to its place in the journal.
    fn fill(&mut self, name: &str, segment: SegmentId, is_new: bool) -> io::Result<SegmentFile> {
        let file = if is_new { self.folder.create(name)? } else { self.folder.open(name)? };
        let bytes = self.segment_bytes;
        if file.len_bytes()? > bytes {
            return Err(io::Error::other("the spare is larger than a segment"));
        }
        let mut at = HEADER_BYTES as u64;
        file.write_all_at(&encode_header(segment, bytes), 0)?;
        while at < bytes {
            let to = (at + ZERO_CHUNK_BYTES).min(bytes);
            fill_zero(&*file, at, to)?;
            file.sync_data()?;
            at = to;
        }
        self.folder.rename(name, &segment.journal_name())?;
        self.live.insert(segment);
        self.folder.sync()?;
        Ok(SegmentFile { id: segment, file, bytes })
    }

    fn discard(&mut self, segment: SegmentId) {
        self.live.remove(&segment);
        self.remove(&segment.journal_name());
    }

    /// Turns every segment wholly below the floor into a spare, lowest first.
    ///
    /// Each rename is durable before the next and before the bytes are touched: a power cut then
    /// leaves either the whole segment or none of it, and never a hole between two segments.
    fn recycle(&mut self) {
        // Asked anew for each segment: somebody may have begun to hold what comes next.
        while let Some(&segment) = self.live.first()
            && segment.get() < self.shared.recycle_floor()
        {
            let (from, to) = (segment.journal_name(), segment.spare_name());
            if let Err(error) = self.folder.rename(&from, &to).and_then(|()| self.folder.sync()) {
                tracing::warn!(%error, segment = segment.get(), "journal segment not recycled");
                return;
            }
            self.live.remove(&segment);
            self.spares.push(to);
            self.shared.stats.recycled();
            self.trim_spares();
        }
    }

    fn trim_spares(&mut self) {
        while self.spares.len() > SPARES_MAX {
            if let Some(name) = self.spares.pop() {
                self.remove(&name);
            }
        }
    }

    fn remove(&self, name: &str) {
        match self.folder.remove(name).and_then(|()| self.folder.sync()) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!(%error, file = name, "journal file not removed"),
        }
    }
}
