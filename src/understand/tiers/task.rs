//! The thread that asks the encoder.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, bounded};

use super::budget::Budget;
use super::second::{NoVector, Second, SecondRead, SecondTier, Unsure};
use crate::metrics::Metrics;
use crate::metrics::names::Histogram;
use crate::understand::encoder::{BATCH_MAX, EncoderError};

/// How much the encoder's threads yield to the rest, 0 to 19: sockets and owners of conversations go
/// first when the processors are busy, since nobody is kept waiting by a late second look.
const NICENESS: i32 = 10;

/// Hears what the encoder made of a message; `None` when it failed.
pub type Reply = Box<dyn FnOnce(Option<Second>) + Send>;

/// Hears the vector of a text. It runs on the encoder's thread, so it must not wait.
pub type VectorReply = Box<dyn FnOnce(Result<Vec<f32>, NoVector>) + Send>;

/// A message for the encoder.
pub struct Asked {
    /// The message.
    pub message: Unsure,
    /// After this nobody waits for the answer any more, and none is given.
    pub until: Instant,
    /// Who is told.
    pub reply: Reply,
}

/// Why the encoder is not asked about a message; the fast tier's answer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAsked {
    /// There is no encoder.
    #[error("there is no encoder")]
    None,
    /// As many messages wait for it as may.
    #[error("the encoder has no room for another message")]
    Full,
    /// It has used up the time that it may take.
    #[error("the encoder has used up its share of the time")]
    OverBudget,
}

/// What is asked, and who is told.
enum Question {
    Look(Unsure, Reply),
    Vector(Arc<str>, VectorReply),
}

struct Waiting {
    question: Question,
    until: Instant,
    since: Instant,
    /// Out of the budget.
    paid: Duration,
}

/// The encoder tier on a thread of its own. Dropping it lets the thread finish what it has.
pub struct SecondThread {
    /// `None` once it is being dropped.
    queue: Option<Sender<Waiting>>,
    budget: Arc<Mutex<Budget>>,
    thread: Option<JoinHandle<()>>,
}

impl SecondThread {
    /// Starts the thread; `load` makes the tier there, so that the threads of its own that it may
    /// start yield as this one does. At most `capacity` messages wait, and they take no more time
    /// than `budget` has.
    ///
    /// # Errors
    /// When the encoder cannot be loaded or the system gives no thread.
    pub fn start(
        load: impl FnOnce() -> Result<SecondTier, EncoderError> + Send + 'static,
        capacity: usize,
        budget: Budget,
        metrics: Arc<Metrics>,
    ) -> Result<Self, EncoderError> {
        let budget = Arc::new(Mutex::new(budget));
        let (queue, inbox) = bounded(capacity.max(1));
        let (loaded, answer) = bounded(1);
        let settled = budget.clone();
        let thread = std::thread::Builder::new().name("encoder-tier".to_owned()).spawn(move || {
            // Where the system does not let a thread yield, it computes all the same.
            let _ = rustix::process::setpriority_process(None, NICENESS);
            match load() {
                Ok(tier) => {
                    let _ = loaded.send(Ok(()));
                    serve(&inbox, tier, &settled, &metrics);
                }
                Err(error) => drop(loaded.send(Err(error))),
            }
        });
        let thread = thread.map_err(|error| EncoderError::Encode(error.to_string()))?;
        let gone = |_| Err(EncoderError::Encode("the encoder panicked while loading".to_owned()));
        answer.recv().unwrap_or_else(gone)?;
        Ok(Self { queue: Some(queue), budget, thread: Some(thread) })
    }

    /// Asks about a message.
    ///
    /// # Errors
    /// When as many messages wait as may, or no time is left for it.
    pub fn ask(&self, asked: Asked) -> Result<(), NotAsked> {
        let Asked { message, until, reply } = asked;
        self.put(Question::Look(message, reply), until)
    }

    /// Asks for the vector of a text. After `until` nobody waits for it any more, and none is given.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub fn ask_vector(
        &self,
        text: Arc<str>,
        until: Instant,
        reply: VectorReply,
    ) -> Result<(), NotAsked> {
        self.put(Question::Vector(text, reply), until)
    }

    fn put(&self, question: Question, until: Instant) -> Result<(), NotAsked> {
        let queue = self.queue.as_ref().expect("the queue is open until the thread is dropped");
        let since = Instant::now();
        let paid = locked(&self.budget).take(since).ok_or(NotAsked::OverBudget)?;
        queue.try_send(Waiting { question, until, since, paid }).map_err(|_| {
            locked(&self.budget).settle(paid, 0, Duration::ZERO);
            NotAsked::Full
        })
    }
}

/// The budget; whoever panicked while holding it had done with it.
fn locked(budget: &Mutex<Budget>) -> std::sync::MutexGuard<'_, Budget> {
    budget.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for SecondThread {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // It cannot have panicked: reading is caught, the rest cannot fail.
            let _ = thread.join();
        }
    }
}

/// Questions that are read together. Answers of each kind come in the order in which they were asked for,
/// second looks first, since customers wait for them.
#[derive(Default)]
struct Batch {
    messages: Vec<Unsure>,
    looks: Vec<Reply>,
    texts: Vec<Arc<str>>,
    vectors: Vec<VectorReply>,
}

impl Batch {
    fn add(&mut self, question: Question) {
        match question {
            Question::Look(message, reply) => {
                self.messages.push(message);
                self.looks.push(reply);
            }
            Question::Vector(text, reply) => {
                self.texts.push(text);
                self.vectors.push(reply);
            }
        }
    }

    fn len(&self) -> usize {
        self.messages.len() + self.texts.len()
    }

    /// Tells everybody what came of reading; `None` when the encoder failed.
    fn tell(self, read: Option<SecondRead>) {
        let (answers, vectors) = read.map(|read| (read.answers, read.vectors)).unwrap_or_default();
        let answers = answers.into_iter().map(Some).chain(std::iter::repeat(None));
        self.looks.into_iter().zip(answers).for_each(|(reply, answer)| reply(answer));
        let vectors = vectors.into_iter().chain(std::iter::repeat(Err(NoVector::Failed)));
        self.vectors.into_iter().zip(vectors).for_each(|(reply, vector)| reply(vector));
    }
}

fn serve(
    inbox: &Receiver<Waiting>,
    mut tier: SecondTier,
    budget: &Mutex<Budget>,
    metrics: &Metrics,
) {
    while let Ok(first) = inbox.recv() {
        let taken_up = Instant::now();
        let waiting = std::iter::once(first).chain(inbox.try_iter().take(BATCH_MAX - 1));
        let mut batch = Batch::default();
        let mut paid_for_all = Duration::ZERO;
        for Waiting { question, until, since, paid } in waiting {
            paid_for_all += paid;
            metrics.record(Histogram::EncoderQueue, taken_up - since);
            if until > taken_up {
                batch.add(question);
            }
        }
        let count = batch.len();
        if count == 0 {
            locked(budget).settle(paid_for_all, 0, Duration::ZERO);
            continue;
        }
        let mut clock = || -> Duration { taken_up.elapsed() };
        let read = || tier.read_with(&batch.messages, &batch.texts, &mut clock);
        let attempt = catch_unwind(AssertUnwindSafe(read));
        // By the clock: what a busy machine keeps the thread from counts as well, so that the encoder
        // takes less where there is little.
        locked(budget).settle(paid_for_all, count, taken_up.elapsed());
        let read = match attempt {
            Ok(Ok(read)) => {
                metrics.record(Histogram::EncoderTokenise, read.tokenise);
                metrics.record(Histogram::EncoderInfer, read.infer);
                Some(read)
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, messages = count, "the encoder failed");
                None
            }
            Err(_) => {
                tracing::error!(messages = count, "the encoder panicked");
                None
            }
        };
        batch.tell(read);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{self, Receiver as Answers, Sender as Gate};

    use super::*;
    use crate::domain::{Intent, Sentiment, Tier};
    use crate::understand::encoder::{Embedded, Encoder, Head, Heads, Pool, Pools};

    /// An encoder that waits at a gate before each batch, panics when it is told to, and tells how
    /// many texts each batch has. A vector has the length of its text.
    struct Gated {
        gate: mpsc::Receiver<Result<(), EncoderError>>,
        batches: Gate<usize>,
    }

    impl Encoder for Gated {
        fn dims(&self) -> usize {
            1
        }

        fn embed_timed(
            &mut self,
            texts: &[&str],
            _: &mut (dyn FnMut() -> Duration + Send),
        ) -> Result<Embedded, EncoderError> {
            self.batches.send(texts.len()).expect("the test listens");
            self.gate.recv().expect("the gate is there")?;
            assert!(texts != ["panic"], "asked to");
            let vectors = texts.iter().map(|text| vec![text.len() as f32]).collect();
            let is_cut = texts.iter().map(|text| *text == "cut").collect();
            Ok(Embedded { vectors, is_cut, ..Embedded::default() })
        }
    }

    struct World {
        tier: SecondThread,
        gate: Gate<Result<(), EncoderError>>,
        batches: Answers<usize>,
    }

    fn world(capacity: usize) -> World {
        world_with(capacity, Budget::new(1.0, LONG, Instant::now()))
    }

    fn world_with(capacity: usize, budget: Budget) -> World {
        let ((gate, opened), (batches, told)) = (mpsc::channel(), mpsc::channel());
        let head = |labels: usize| Head {
            weights: vec![0.0; labels],
            bias: vec![0.0; labels],
            temperature: 1.0,
        };
        let heads = Heads {
            dims: 1,
            encoder_sha256: String::new(),
            languages: Vec::new(),
            heads: [head(0), head(Intent::ALL.len()), head(Sentiment::ALL.len())],
            pools: Pools { intent: Pool { fast: 0.5, encoder: 1.0 }, ..Pools::FAST_ALONE },
        };
        let load = || SecondTier::new(Box::new(Gated { gate: opened, batches }), heads);
        let metrics = Arc::new(Metrics::new().expect("metrics"));
        let tier = SecondThread::start(load, capacity, budget, metrics).expect("a thread");
        World { tier, gate, batches: told }
    }

    impl World {
        fn ask(&self, text: &str, wait: Duration) -> Result<Answers<Option<Second>>, NotAsked> {
            let mut intents = vec![0.0; Intent::ALL.len()];
            intents[Intent::Invoice as usize] = 0.64;
            intents[Intent::Discount as usize] = 0.36;
            let message = Unsure { text: text.into(), intents, sentiments: vec![0.2, 0.6, 0.2] };
            let (told, answer) = mpsc::channel();
            let reply = Box::new(move |second| drop(told.send(second)));
            let asked = Asked { message, until: Instant::now() + wait, reply };
            self.tier.ask(asked).map(|()| answer)
        }

        fn ask_vector(&self, text: &str) -> Answers<Result<Vec<f32>, NoVector>> {
            let (told, answer) = mpsc::channel();
            let reply = Box::new(move |vector| drop(told.send(vector)));
            self.tier.ask_vector(text.into(), Instant::now() + LONG, reply).expect("room");
            answer
        }
    }

    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn what_waits_is_read_in_one_batch_and_answered_by_what_both_tiers_say() {
        let world = world(8);
        let first = world.ask("a", LONG).expect("room");
        assert_eq!(world.batches.recv(), Ok(1));
        let others = ["b", "c"].map(|text| world.ask(text, LONG).expect("room"));

        world.gate.send(Ok(())).expect("the thread waits");
        assert_eq!(world.batches.recv(), Ok(2));
        world.gate.send(Ok(())).expect("the thread waits");

        for answer in [first].iter().chain(&others) {
            let second = answer.recv().expect("told").expect("an answer");
            assert_eq!(second.intent.label, Intent::Invoice);
            // The roots of 0.64 and 0.36 are as 4 to 3, of what nobody names next to nothing is left;
            // the encoder finds all alike.
            let share = second.intent.confidence / second.alternatives[1].confidence;
            assert!((share - 4.0 / 3.0).abs() < 1e-3, "{share}");
            let fast = crate::domain::Understanding::unknown(crate::domain::Language::ENGLISH);
            assert_eq!(second.over(fast).tier, Tier::Encoder);
        }
    }

    #[test]
    fn looks_and_vectors_of_one_batch_get_each_its_own_answer_and_a_cut_text_has_no_vector() {
        let world = world(8);
        let _held = world.ask("a", LONG).expect("room");
        assert_eq!(world.batches.recv(), Ok(1));
        let (first, cut) = (world.ask_vector("bb"), world.ask_vector("cut"));
        let look = world.ask("c", LONG).expect("room");
        let last = world.ask_vector("dddd");

        world.gate.send(Ok(())).expect("the thread waits");
        assert_eq!(world.batches.recv(), Ok(4));
        world.gate.send(Ok(())).expect("the thread waits");

        assert_eq!(first.recv(), Ok(Ok(vec![2.0])));
        assert_eq!(cut.recv(), Ok(Err(NoVector::Cut)));
        assert_eq!(last.recv(), Ok(Ok(vec![4.0])));
        let look = look.recv().expect("told").expect("an answer");
        assert_eq!(look.intent.label, Intent::Invoice);
    }

    #[test]
    fn a_failure_is_told_to_looks_and_vectors_alike() {
        let world = world(8);
        let _held = world.ask("a", LONG).expect("room");
        assert_eq!(world.batches.recv(), Ok(1));
        let (vector, look) = (world.ask_vector("b"), world.ask("c", LONG).expect("room"));

        world.gate.send(Ok(())).expect("the thread waits");
        assert_eq!(world.batches.recv(), Ok(2));
        let broken = EncoderError::Encode("broken".to_owned());
        world.gate.send(Err(broken)).expect("the thread waits");

        assert_eq!(vector.recv(), Ok(Err(NoVector::Failed)));
        assert!(look.recv().expect("told").is_none());
    }

    #[test]
    fn a_full_queue_refuses_and_a_late_message_is_not_read() {
        let world = world(1);
        let _held = world.ask("a", LONG).expect("room");
        assert_eq!(world.batches.recv(), Ok(1));
        let late = world.ask("b", Duration::ZERO).expect("room for one");
        assert_eq!(world.ask("c", LONG).err(), Some(NotAsked::Full));

        world.gate.send(Ok(())).expect("the thread waits");
        drop(world.tier);

        assert!(late.recv().is_err(), "nobody is told");
        assert!(world.batches.recv().is_err(), "and nothing more was read");
    }

    #[test]
    fn without_time_left_nobody_is_asked_and_what_was_taken_is_answered() {
        // One and a half of what the first message is thought to take.
        let burst = Duration::from_micros(7_500);
        let world = world_with(8, Budget::new(0.0, burst, Instant::now()));
        let two = ["a", "b"].map(|text| world.ask(text, LONG).expect("time for two"));

        assert_eq!(world.ask("c", LONG).err(), Some(NotAsked::OverBudget));

        // One batch of two, or one each.
        for _ in 0..2 {
            world.gate.send(Ok(())).expect("the test's encoder is there");
        }
        assert!(two.iter().all(|answer| answer.recv().expect("told").is_some()));
    }

    #[test]
    fn a_failure_and_a_panic_are_told_and_the_next_message_is_read() {
        let world = world(8);
        let ask = |text: &str, gate: Result<(), EncoderError>| {
            let answer = world.ask(text, LONG).expect("room");
            world.gate.send(gate).expect("the thread waits");
            answer.recv().expect("told")
        };

        assert!(ask("a", Err(EncoderError::Encode("broken".to_owned()))).is_none());
        assert!(ask("panic", Ok(())).is_none());
        assert!(ask("b", Ok(())).is_some());
    }

    #[test]
    fn an_encoder_that_cannot_be_loaded_is_an_error_at_the_start() {
        let load = || Err(EncoderError::Weights("none".to_owned()));
        let budget = Budget::new(1.0, LONG, Instant::now());
        let metrics = Arc::new(Metrics::new().expect("metrics"));

        let error = SecondThread::start(load, 1, budget, metrics).err().expect("no encoder");

        assert!(error.to_string().contains("none"), "{error}");
    }
}
