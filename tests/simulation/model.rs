//! A model that reads nothing: what it says follows from the text, and at times it says nothing or
//! nonsense.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use tokio::sync::oneshot;
use tokio::time::sleep;
use tradewind::domain::{Guess, Intent, Language, Sentiment, Tier, Understanding};
use tradewind::understand::tiers::{Asked, NotAsked, Second, Unsure};
use tradewind::understand::{Job, Outcome, Overloaded, Understand, pii};

/// How the model is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    Well,
    /// Does not answer in time.
    Silent,
    /// Answers anything.
    Raving,
    /// Has no room.
    Full,
    /// Is never sure, and the encoder answers late or not at all.
    Unsure,
}

pub struct SimulatedModel(Mutex<State>);

struct State {
    random: SmallRng,
    health: Health,
}

impl SimulatedModel {
    pub fn new(seed: u64) -> Arc<Self> {
        let random = SmallRng::seed_from_u64(seed);
        Arc::new(Self(Mutex::new(State { random, health: Health::Well })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nobody panics while holding it")
    }

    pub fn set(&self, health: Health) {
        self.state().health = health;
    }
}

/// What texts of the clients begin with, and what that means.
pub const TEXTS: [(&str, &str, Intent); 6] = [
    ("quiero mi dinero de vuelta", "es", Intent::RequestRefund),
    ("¿hasta cuándo puedo devolver algo?", "es", Intent::ReturnPolicy),
    ("where is my parcel", "en", Intent::TrackOrder),
    ("hello", "en", Intent::Greeting),
    ("this is the last time I buy here", "en", Intent::Complaint),
    ("พัสดุของฉันแตก", "th", Intent::DamagedItem),
];

fn read(text: &str) -> Understanding {
    let known = TEXTS.iter().find(|(start, ..)| text.starts_with(start));
    let (_, language, intent) = known.unwrap_or(&TEXTS[2]);
    Understanding {
        language: Guess { label: language.parse().expect("a language"), confidence: 0.99 },
        intent: Guess { label: *intent, confidence: 0.9 },
        sentiment: Guess { label: Sentiment::Neutral, confidence: 0.9 },
        pii: pii::find(text),
        ..Understanding::unknown(Language::ENGLISH)
    }
}

fn nonsense(random: &mut SmallRng) -> Understanding {
    let language = *["es", "en", "th", "ko", "yo"].choose(random).expect("not empty");
    let intent = *Intent::ALL.choose(random).expect("not empty");
    let sentiment = *Sentiment::ALL.choose(random).expect("not empty");
    let confidence = *[0.0, 0.5, 1.0, f32::NAN, 7.0].choose(random).expect("not empty");
    Understanding {
        language: Guess { label: language.parse().expect("a language"), confidence },
        intent: Guess { label: intent, confidence },
        sentiment: Guess { label: sentiment, confidence },
        ..Understanding::unknown(Language::ENGLISH)
    }
}

impl Understand for SimulatedModel {
    fn submit(&self, jobs: Vec<Job>) -> Result<oneshot::Receiver<Vec<Outcome>>, Overloaded> {
        let mut state = self.state();
        let State { random, health } = &mut *state;
        if *health == Health::Full {
            return Err(Overloaded { waiting: 1, capacity: 1 });
        }
        let outcome = |job: &Job| {
            let understanding = match health {
                Health::Raving => nonsense(random),
                _ => read(&job.text),
            };
            let is_unsure = *health == Health::Unsure && job.customer_of.is_some();
            let unsure = is_unsure.then(|| {
                Box::new(Unsure {
                    text: job.text.clone(),
                    intents: Vec::new(),
                    sentiments: Vec::new(),
                })
            });
            Outcome { understanding, unsure }
        };
        let outcomes: Vec<_> = jobs.iter().map(outcome).collect();
        let took_ms = match health {
            Health::Silent => 3_000,
            _ => random.random_range(1..30),
        };
        let (reply, answer) = oneshot::channel();
        tokio::spawn(async move {
            sleep(Duration::from_millis(took_ms)).await;
            // Who asked may have stopped waiting, or been killed.
            drop(reply.send(outcomes));
        });
        Ok(answer)
    }

    fn ask_encoder(&self, asked: Asked) -> Result<(), NotAsked> {
        let random = &mut self.state().random;
        if random.random_range(0..4) == 0 {
            return Err(NotAsked::Full);
        }
        let took_ms = random.random_range(1..400);
        let Understanding { intent, sentiment, .. } = nonsense(random);
        let second = Second { intent, sentiment, alternatives: vec![intent], tier: Tier::Encoder };
        let answer = (random.random_range(0..4) != 0).then_some(second);
        tokio::spawn(async move {
            sleep(Duration::from_millis(took_ms)).await;
            (asked.reply)(answer);
        });
        Ok(())
    }
}
