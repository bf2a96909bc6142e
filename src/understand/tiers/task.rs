//! The thread that asks the encoder.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, bounded};

use super::second::{Second, SecondRead, SecondTier, Unsure};
use crate::metrics::Metrics;
use crate::metrics::names::Histogram;
use crate::understand::encoder::{BATCH_MAX, EncoderError};

/// How much the encoder's threads yield to the rest, 0 to 19: sockets and owners of conversations go
/// first when the processors are busy, since nobody is kept waiting by a late second look.
const NICENESS: i32 = 10;

/// Hears what the encoder made of a message; `None` when it failed.
pub type Reply = Box<dyn FnOnce(Option<Second>) + Send>;

/// A message for the encoder.
pub struct Asked {
    /// The message.
    pub message: Unsure,
    /// After this nobody waits for the answer any more, and none is given.
    pub until: Instant,
    /// Who is told.
    pub reply: Reply,
}

struct Waiting {
    asked: Asked,
    since: Instant,
}

/// The encoder tier on a thread of its own. Dropping it lets the thread finish what it has.
pub struct SecondThread {
    /// `None` once it is being dropped.
    queue: Option<Sender<Waiting>>,
    thread: Option<JoinHandle<()>>,
}

impl SecondThread {
    /// Starts the thread; `load` makes the tier there, so that the threads of its own that it may
    /// start yield as this one does. At most `capacity` messages wait.
    ///
    /// # Errors
    /// When the encoder cannot be loaded or the system gives no thread.
    pub fn start(
        load: impl FnOnce() -> Result<SecondTier, EncoderError> + Send + 'static,
        capacity: usize,
        metrics: Arc<Metrics>,
    ) -> Result<Self, EncoderError> {
        let (queue, inbox) = bounded(capacity.max(1));
        let (loaded, answer) = bounded(1);
        let thread = std::thread::Builder::new().name("encoder-tier".to_owned()).spawn(move || {
            // Where the system does not let a thread yield, it computes all the same.
            let _ = rustix::process::setpriority_process(None, NICENESS);
            match load() {
                Ok(tier) => {
                    let _ = loaded.send(Ok(()));
                    serve(&inbox, tier, &metrics);
                }
                Err(error) => drop(loaded.send(Err(error))),
            }
        });
        let thread = thread.map_err(|error| EncoderError::Encode(error.to_string()))?;
        let gone = |_| Err(EncoderError::Encode("the encoder panicked while loading".to_owned()));
        answer.recv().unwrap_or_else(gone)?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Asks about a message.
    ///
    /// # Errors
    /// When as many messages wait as may; the message comes back.
    pub fn ask(&self, asked: Asked) -> Result<(), Asked> {
        let queue = self.queue.as_ref().expect("the queue is open until the thread is dropped");
        let sent = queue.try_send(Waiting { asked, since: Instant::now() });
        sent.map_err(|refused| refused.into_inner().asked)
    }
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

fn serve(inbox: &Receiver<Waiting>, mut tier: SecondTier, metrics: &Metrics) {
    while let Ok(first) = inbox.recv() {
        let taken_up = Instant::now();
        let waiting = std::iter::once(first).chain(inbox.try_iter().take(BATCH_MAX - 1));
        let (mut messages, mut replies) = (Vec::new(), Vec::new());
        for Waiting { asked: Asked { message, until, reply }, since } in waiting {
            metrics.record(Histogram::EncoderQueue, taken_up - since);
            if until > taken_up {
                messages.push(message);
                replies.push(reply);
            }
        }
        if messages.is_empty() {
            continue;
        }
        let mut clock = || -> Duration { taken_up.elapsed() };
        let attempt = catch_unwind(AssertUnwindSafe(|| tier.read(&messages, &mut clock)));
        let answers = match attempt {
            Ok(Ok(SecondRead { answers, tokenise, infer })) => {
                metrics.record(Histogram::EncoderTokenise, tokenise);
                metrics.record(Histogram::EncoderInfer, infer);
                answers
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, messages = messages.len(), "the encoder failed");
                Vec::new()
            }
            Err(_) => {
                tracing::error!(messages = messages.len(), "the encoder panicked");
                Vec::new()
            }
        };
        let answers = answers.into_iter().map(Some).chain(std::iter::repeat(None));
        replies.into_iter().zip(answers).for_each(|(reply, answer)| reply(answer));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{self, Receiver as Answers, Sender as Gate};

    use super::*;
    use crate::domain::{Intent, Sentiment, Tier};
    use crate::understand::encoder::{Embedded, Encoder, Head, Heads};

    /// An encoder that waits at a gate before each batch, panics when it is told to, and tells how
    /// many texts each batch has.
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
            Ok(Embedded { vectors: vec![vec![1.0]; texts.len()], ..Embedded::default() })
        }
    }

    struct World {
        tier: SecondThread,
        gate: Gate<Result<(), EncoderError>>,
        batches: Answers<usize>,
    }

    fn world(capacity: usize) -> World {
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
        };
        let load = || SecondTier::new(Box::new(Gated { gate: opened, batches }), heads);
        let metrics = Arc::new(Metrics::new().expect("metrics"));
        let tier = SecondThread::start(load, capacity, metrics).expect("a thread");
        World { tier, gate, batches: told }
    }

    impl World {
        fn ask(&self, text: &str, wait: Duration) -> Result<Answers<Option<Second>>, ()> {
            let mut intents = vec![0.0; Intent::ALL.len()];
            intents[Intent::Invoice as usize] = 1.0;
            let message = Unsure { text: text.into(), intents, sentiments: vec![0.2, 0.6, 0.2] };
            let (told, answer) = mpsc::channel();
            let reply = Box::new(move |second| drop(told.send(second)));
            let asked = Asked { message, until: Instant::now() + wait, reply };
            self.tier.ask(asked).map(|()| answer).map_err(drop)
        }
    }

    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn what_waits_is_read_in_one_batch_and_answered_by_the_mean_of_both_tiers() {
        let world = world(8);
        let first = world.ask("a", LONG).expect("room");
        assert_eq!(world.batches.recv(), Ok(1));
        let others = ["b", "c"].map(|text| world.ask(text, LONG).expect("room"));

        world.gate.send(Ok(())).expect("the thread waits");
        assert_eq!(world.batches.recv(), Ok(2));
        world.gate.send(Ok(())).expect("the thread waits");

        for answer in [first].iter().chain(&others) {
            let second = answer.recv().expect("told").expect("an answer");
            let even = 1.0 / Intent::ALL.len() as f32;
            assert_eq!(second.intent.label, Intent::Invoice);
            assert!((second.intent.confidence - (1.0 + even) / 2.0).abs() < 1e-6);
            let fast = crate::domain::Understanding::unknown(crate::domain::Language::ENGLISH);
            assert_eq!(second.over(fast).tier, Tier::Encoder);
        }
    }

    #[test]
    fn a_full_queue_refuses_and_a_late_message_is_not_read() {
        let world = world(1);
        let _held = world.ask("a", LONG).expect("room");
        assert_eq!(world.batches.recv(), Ok(1));
        let late = world.ask("b", Duration::ZERO).expect("room for one");
        assert!(world.ask("c", LONG).is_err());

        world.gate.send(Ok(())).expect("the thread waits");
        drop(world.tier);

        assert!(late.recv().is_err(), "nobody is told");
        assert!(world.batches.recv().is_err(), "and nothing more was read");
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
        let metrics = Arc::new(Metrics::new().expect("metrics"));

        let error = SecondThread::start(load, 1, metrics).err().expect("no encoder");

        assert!(error.to_string().contains("none"), "{error}");
    }
}
