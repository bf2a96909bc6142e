//! The threads that read messages, and the reading of a model from a folder.

use std::fs::File;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use bytes::Bytes;
use crossbeam::channel::{Receiver, Sender, bounded};
use tokio::sync::oneshot;

use super::format::FILE_BYTES_MAX;
use super::model::{Hint, Manifest, Model, Scratch};
use super::room::{Overloaded, Room, Rooms};
use super::tenant::{ServedSets, SetScratch};
use super::tiers::{Asked, NotAsked, SecondThread, Unsure};
use super::{ModelError, train};
use crate::domain::{Language, ShopId, Understanding};
use crate::metrics::Metrics;
use crate::metrics::names::Histogram;

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
    /// The shop whose customer wrote it; `None` for a seat's message, of which only the language is
    /// asked.
    pub customer_of: Option<ShopId>,
    /// As it was typed.
    pub text: Arc<str>,
    /// What is known of its language.
    pub hint: Hint,
}

/// What the fast tier read.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// What the message says; [`Understanding::unknown`] when reading it failed.
    pub understanding: Understanding,
    /// For [`Understanders::ask_encoder`], when the fast tier is not sure and there is an encoder.
    pub unsure: Option<Box<Unsure>>,
}

/// What reads messages, and where its times are told.
pub struct Readers {
    /// Reads every message.
    pub fast: Arc<Model>,
    /// Is asked where the fast tier is not sure.
    pub encoder: Option<Arc<SecondThread>>,
    /// The intents of shops' own.
    pub own_sets: Arc<ServedSets>,
    /// What is measured.
    pub metrics: Arc<Metrics>,
}

/// Who reads messages for the owners of conversations. In a router it is [`Understanders`].
pub trait Understand: Send + Sync {
    /// As [`Understanders::submit`].
    ///
    /// # Errors
    /// When there is no room.
    fn submit(&self, jobs: Vec<Job>) -> Result<oneshot::Receiver<Vec<Outcome>>, Overloaded>;

    /// As [`Understanders::ask_encoder`].
    ///
    /// # Errors
    /// When the encoder is not asked.
    fn ask_encoder(&self, asked: Asked) -> Result<(), NotAsked>;
}

impl Understand for Understanders {
    fn submit(&self, jobs: Vec<Job>) -> Result<oneshot::Receiver<Vec<Outcome>>, Overloaded> {
        self.submit(jobs)
    }

    fn ask_encoder(&self, asked: Asked) -> Result<(), NotAsked> {
        self.ask_encoder(asked)
    }
}

/// Both tiers: a pool of OS threads that read messages in batches, and the thread of the encoder.
/// Dropping it lets the threads finish what they have and ends them, that of the encoder when nobody else
/// asks it.
pub struct Understanders {
    /// `None` once the pool is being dropped.
    batches: Option<Sender<Batch>>,
    rooms: Rooms,
    threads: Vec<JoinHandle<()>>,
    /// Others may ask it as well; whoever lets go of it last ends its thread.
    encoder: Option<Arc<SecondThread>>,
}

struct Batch {
    jobs: Vec<Job>,
    submitted: Instant,
    reply: oneshot::Sender<Vec<Outcome>>,
    /// Gives the room back when the batch is gone, whatever became of it.
    _room: Room,
}

/// How a thread reads one message. The instant is that between finding its features and reading them.
type Reader = Arc<dyn Fn(&Job, &mut Buffers) -> (Outcome, Instant) + Send + Sync>;

/// What a thread keeps from message to message.
#[derive(Default)]
struct Buffers {
    fast: Scratch,
    own: SetScratch,
}

impl Understanders {
    /// Starts `threads` threads (at least one) that together hold at most `capacity` messages.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub fn start(readers: Readers, threads: usize, capacity: usize) -> std::io::Result<Self> {
        let Readers { fast, encoder, own_sets, metrics } = readers;
        let asks_encoder = encoder.is_some();
        let read = move |job: &Job, buffers: &mut Buffers| {
            fast.tokenise(&job.text, &mut buffers.fast);
            let tokenised = Instant::now();
            let mut understanding = fast.infer(&job.text, &job.hint, &mut buffers.fast);
            let mut unsure = None;
            if let Some(shop) = &job.customer_of {
                if !own_sets.is_empty() {
                    understanding.own_intent = own_sets.read(shop, &job.text, &mut buffers.own);
                }
                if asks_encoder && fast.is_unsure(&understanding) {
                    unsure = Some(Box::new(buffers.fast.unsure(job.text.clone())));
                }
            }
            (Outcome { understanding, unsure }, tokenised)
        };
        let mut pool = Self::start_with(Arc::new(read), metrics, threads, capacity)?;
        pool.encoder = encoder;
        Ok(pool)
    }

    fn start_with(
        read: Reader,
        metrics: Arc<Metrics>,
        threads: usize,
        capacity: usize,
    ) -> std::io::Result<Self> {
        // Every batch holds at least one message, so the channel never refuses what has room.
        let (batches, inbox) = bounded::<Batch>(capacity.max(1));
        let spawn = |number: usize| {
            let (inbox, read, metrics) = (inbox.clone(), read.clone(), metrics.clone());
            std::thread::Builder::new()
                .name(format!("understand-{number}"))
                .spawn(move || serve(&inbox, &read, &metrics))
        };
        let threads = (0..threads.max(1)).map(spawn).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { batches: Some(batches), rooms: Rooms::new(capacity), threads, encoder: None })
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
        let room = self.rooms.take(jobs.len())?;
        let batch = Batch { jobs, submitted: Instant::now(), reply, _room: room };
        let batches = self.batches.as_ref().expect("the channel is open until the pool is dropped");
        match batches.try_send(batch) {
            Ok(()) => Ok(answer),
            Err(_) => Err(self.rooms.overloaded()),
        }
    }

    /// Asks the encoder about a message that the fast tier is not sure of.
    ///
    /// # Errors
    /// When there is no encoder, or it has no room or no time for another message. The fast tier's
    /// answer stands then.
    pub fn ask_encoder(&self, asked: Asked) -> Result<(), NotAsked> {
        self.encoder.as_ref().ok_or(NotAsked::None)?.ask(asked)
    }

    /// Messages that wait for the fast tier or are being read by it.
    pub fn waiting(&self) -> usize {
        self.rooms.waiting()
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

fn serve(inbox: &Receiver<Batch>, read: &Reader, metrics: &Metrics) {
    let mut buffers = Buffers::default();
    while let Ok(batch) = inbox.recv() {
        let mut outcomes = Vec::with_capacity(batch.jobs.len());
        let mut lap = Instant::now();
        let queue = lap - batch.submitted;
        for job in &batch.jobs {
            let attempt = catch_unwind(AssertUnwindSafe(|| read(job, &mut buffers)));
            let begun = std::mem::replace(&mut lap, Instant::now());
            metrics.record(Histogram::UnderstandQueue, queue);
            let outcome = if let Ok((outcome, tokenised)) = attempt {
                metrics.record(Histogram::UnderstandTokenise, tokenised - begun);
                metrics.record(Histogram::UnderstandInfer, lap - tokenised);
                outcome
            } else {
                // The buffers may be half written: the next message starts with fresh ones.
                buffers = Buffers::default();
                let language = job.hint.previous.or(job.hint.locale).unwrap_or(Language::ENGLISH);
                Outcome { understanding: Understanding::unknown(language), unsure: None }
            };
            outcomes.push(outcome);
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
        Job { customer_of: None, text: text.into(), hint: Hint::default() }
    }

    fn echo_length() -> Reader {
        Arc::new(|job: &Job, _: &mut Buffers| {
            assert!(&*job.text != "panic", "asked to");
            (outcome(job.text.len() as f32), Instant::now())
        })
    }

    fn outcome(confidence: f32) -> Outcome {
        let mut understanding = Understanding::unknown(Language::ENGLISH);
        understanding.intent.confidence = confidence;
        Outcome { understanding, unsure: None }
    }

    fn pool(read: Reader, threads: usize, capacity: usize) -> Understanders {
        let metrics = Arc::new(Metrics::new().expect("metrics"));
        Understanders::start_with(read, metrics, threads, capacity).expect("threads")
    }

    #[test]
    fn a_message_that_breaks_the_reader_leaves_the_batch_and_the_pool_alive() {
        let pool = pool(echo_length(), 1, 10);

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
        let held: Reader = Arc::new(move |_: &Job, _: &mut Buffers| {
            gate.lock().expect("no panic while held").recv().expect("released");
            (outcome(0.0), Instant::now())
        });
        let pool = pool(held, 1, 2);

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
        let pool = pool(echo_length(), 2, 100);
        let answers: Vec<_> =
            (0..20).map(|_| pool.submit(vec![job("abc")]).expect("room")).collect();

        drop(pool);

        assert!(answers.into_iter().all(|answer| answer.blocking_recv().is_ok()));
    }

    #[test]
    fn an_empty_batch_is_answered_at_once() {
        let pool = pool(echo_length(), 1, 1);

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
