//! The threads that read messages, and the reading of a model from a folder.

use std::fs::File;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use crossbeam::channel::{Receiver, Sender, bounded};
use tokio::sync::oneshot;

use super::format::FILE_BYTES_MAX;
use super::model::{Hint, Manifest, Model, Scratch};
use super::{ModelError, train};
use crate::domain::{Guess, Intent, Language, Sentiment, Understanding};

impl Model {
    /// The model in a folder that holds `manifest.toml` and the file it names.
    ///
    /// # Errors
    /// When a file is missing, too large, damaged, or not the one in the manifest.
    pub fn load(dir: &Path) -> Result<Arc<Self>, ModelError> {
        let manifest = String::from_utf8(read(&dir.join("manifest.toml"))?)
            .map_err(|_| ModelError::Manifest("not UTF-8".to_owned()))?;
        let name = Manifest::parse(&manifest)?.file;
        if name != train::FILE {
            return Err(ModelError::Manifest(format!("file must be `{}`", train::FILE)));
        }
        Self::from_file(Bytes::from(read(&dir.join(name))?), &manifest)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, ModelError> {
    let failed = |reason| ModelError::Read { path: path.display().to_string(), reason };
    let file = File::open(path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    if bytes > FILE_BYTES_MAX {
        let reason = format!("{bytes} bytes, at most {FILE_BYTES_MAX} are read");
        return Err(failed(std::io::Error::new(std::io::ErrorKind::FileTooLarge, reason)));
    }
    let mut content = Vec::with_capacity(bytes as usize);
    file.take(FILE_BYTES_MAX).read_to_end(&mut content).map_err(failed)?;
    Ok(content)
}

/// A message to read.
#[derive(Clone, Debug)]
pub struct Job {
    /// As it was typed.
    pub text: Arc<str>,
    /// What is known of its language.
    pub hint: Hint,
}

/// What was read, and where the time went.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// What the message says; [`unknown`] when reading it failed.
    pub understanding: Understanding,
    /// From submission until a thread took the batch up.
    pub queue: Duration,
    /// Time that reading this message took.
    pub infer: Duration,
}

/// The threads have no room for more messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{waiting} messages wait to be understood, at most {capacity} may")]
pub struct Overloaded {
    /// Messages that wait or are being read.
    pub waiting: usize,
    /// Most that may.
    pub capacity: usize,
}

/// An understanding that claims nothing: every confidence is zero, so that no threshold is met and
/// the conversation goes to a person.
pub fn unknown(hint: &Hint) -> Understanding {
    let language = hint.previous.or(hint.locale).unwrap_or(Language::ENGLISH);
    Understanding {
        language: Guess { label: language, confidence: 0.0 },
        intent: Guess { label: Intent::Other, confidence: 0.0 },
        sentiment: Guess { label: Sentiment::Neutral, confidence: 0.0 },
        pii: Vec::new(),
    }
}

/// A pool of OS threads that read messages in batches. Dropping it lets the threads finish what
/// they have and ends them.
pub struct Understanders {
    /// `None` once the pool is being dropped.
    batches: Option<Sender<Batch>>,
    waiting: Arc<AtomicUsize>,
    capacity: usize,
    threads: Vec<JoinHandle<()>>,
}

struct Batch {
    jobs: Vec<Job>,
    submitted: Instant,
    reply: oneshot::Sender<Vec<Outcome>>,
    /// Gives the room back when the batch is gone, whatever became of it.
    _room: Room,
}

struct Room {
    waiting: Arc<AtomicUsize>,
    messages: usize,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.waiting.fetch_sub(self.messages, Ordering::Release);
    }
}

/// How a thread reads one message.
type Reader = Arc<dyn Fn(&Job, &mut Scratch) -> Understanding + Send + Sync>;

impl Understanders {
    /// Starts `threads` threads (at least one) that together hold at most `capacity` messages.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub fn start(model: Arc<Model>, threads: usize, capacity: usize) -> std::io::Result<Self> {
        let read =
            move |job: &Job, scratch: &mut Scratch| model.understand(&job.text, &job.hint, scratch);
        Self::start_with(Arc::new(read), threads, capacity)
    }

    fn start_with(read: Reader, threads: usize, capacity: usize) -> std::io::Result<Self> {
        // Every batch holds at least one message, so the channel never refuses what has room.
        let (batches, inbox) = bounded::<Batch>(capacity.max(1));
        let spawn = |number: usize| {
            let (inbox, read) = (inbox.clone(), read.clone());
            std::thread::Builder::new()
                .name(format!("understand-{number}"))
                .spawn(move || serve(&inbox, &read))
        };
        let threads = (0..threads.max(1)).map(spawn).collect::<Result<Vec<_>, _>>()?;
        let waiting = Arc::new(AtomicUsize::new(0));
        Ok(Self { batches: Some(batches), waiting, capacity, threads })
    }

    /// Hands a batch to the threads; the answer has one outcome for each job, in order.
    ///
    /// # Errors
    /// When the batch does not fit beside the messages that wait already. Nothing of it is read
    /// then.
    pub fn submit(&self, jobs: Vec<Job>) -> Result<oneshot::Receiver<Vec<Outcome>>, Overloaded> {
        let (reply, answer) = oneshot::channel();
        if jobs.is_empty() {
            // The receiver is held by the caller, so this cannot fail in a way that matters.
            let _ = reply.send(Vec::new());
            return Ok(answer);
        }
        let room = self.take_room(jobs.len())?;
        let batch = Batch { jobs, submitted: Instant::now(), reply, _room: room };
        let batches = self.batches.as_ref().expect("the channel is open until the pool is dropped");
        match batches.try_send(batch) {
            Ok(()) => Ok(answer),
            Err(_) => Err(self.overloaded()),
        }
    }

    /// Messages that wait or are being read.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    fn take_room(&self, messages: usize) -> Result<Room, Overloaded> {
        let fits =
            |waiting: usize| waiting.checked_add(messages).filter(|sum| *sum <= self.capacity);
        self.waiting
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, fits)
            .map_err(|_| self.overloaded())?;
        Ok(Room { waiting: self.waiting.clone(), messages })
    }

    fn overloaded(&self) -> Overloaded {
        Overloaded { waiting: self.waiting(), capacity: self.capacity }
    }
}

impl Drop for Understanders {
    fn drop(&mut self) {
        self.batches = None;
        for thread in self.threads.drain(..) {
            // A thread cannot have panicked: readers are caught, the rest cannot fail.
            let _ = thread.join();
        }
    }
}

fn serve(inbox: &Receiver<Batch>, read: &Reader) {
    let mut scratch = Scratch::default();
    while let Ok(batch) = inbox.recv() {
        let queue = batch.submitted.elapsed();
        let mut outcomes = Vec::with_capacity(batch.jobs.len());
        for job in &batch.jobs {
            let start = Instant::now();
            let attempt = catch_unwind(AssertUnwindSafe(|| read(job, &mut scratch)));
            let understanding = attempt.unwrap_or_else(|_| {
                // The buffers may be half written: the next message starts with fresh ones.
                scratch = Scratch::default();
                unknown(&job.hint)
            });
            outcomes.push(Outcome { understanding, queue, infer: start.elapsed() });
        }
        // The asker may have gone away, for example with its connection.
        let _ = batch.reply.send(outcomes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn job(text: &str) -> Job {
        Job { text: text.into(), hint: Hint::default() }
    }

    fn echo_length() -> Reader {
        Arc::new(|job: &Job, _: &mut Scratch| {
            assert!(&*job.text != "panic", "asked to");
            let mut understanding = unknown(&job.hint);
            understanding.intent.confidence = job.text.len() as f32;
            understanding
        })
    }

    #[test]
    fn a_message_that_breaks_the_reader_leaves_the_batch_and_the_pool_alive() {
        let pool = Understanders::start_with(echo_length(), 1, 10).expect("threads");

        for _ in 0..2 {
            let jobs = vec![job("ab"), job("panic"), job("abc")];
            let outcomes = pool.submit(jobs).expect("room").blocking_recv().expect("an answer");

            let lengths: Vec<f32> =
                outcomes.iter().map(|outcome| outcome.understanding.intent.confidence).collect();
            assert_eq!(lengths, [2.0, 0.0, 3.0]);
        }
    }

    #[test]
    fn a_full_pool_refuses_and_has_room_again_afterwards() {
        let (release, gate) = mpsc::channel::<()>();
        let gate = std::sync::Mutex::new(gate);
        let held: Reader = Arc::new(move |job: &Job, _: &mut Scratch| {
            gate.lock().expect("no panic while held").recv().expect("released");
            unknown(&job.hint)
        });
        let pool = Understanders::start_with(held, 1, 2).expect("threads");

        let first = pool.submit(vec![job("a"), job("b")]).expect("room for two");
        let refused = pool.submit(vec![job("c")]).expect_err("full");
        assert_eq!(refused, Overloaded { waiting: 2, capacity: 2 });
        release.send(()).expect("the thread waits");
        release.send(()).expect("the thread waits");

        assert_eq!(first.blocking_recv().expect("an answer").len(), 2);
        drop(release);
        drop(pool);
    }

    #[test]
    fn dropping_the_pool_answers_what_was_taken_and_ends_the_threads() {
        let pool = Understanders::start_with(echo_length(), 2, 100).expect("threads");
        let answers: Vec<_> =
            (0..20).map(|_| pool.submit(vec![job("abc")]).expect("room")).collect();

        drop(pool);

        assert!(answers.into_iter().all(|answer| answer.blocking_recv().is_ok()));
    }

    #[test]
    fn an_empty_batch_is_answered_at_once() {
        let pool = Understanders::start_with(echo_length(), 1, 1).expect("threads");

        let answer = pool.submit(Vec::new()).expect("nothing needs no room");

        assert_eq!(answer.blocking_recv(), Ok(Vec::new()));
    }

    #[test]
    fn a_folder_without_a_model_says_which_file_is_missing() {
        let dir = tempfile::tempdir().expect("a folder");

        let error = Model::load(dir.path()).err().expect("no model");

        assert!(error.to_string().contains("manifest.toml"), "{error}");
    }
}
