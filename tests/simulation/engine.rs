//! The service that translates for the shop: it speaks the interface of LibreTranslate, and at times
//! answers late, not at all, or nonsense.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::future::BoxFuture;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use tradewind::runtime::{AskWeb, OpenWeb, WebAnswer, WebError, WebRequest, WebRules};
use tradewind::translate::TRANSLATION_BYTES_MAX;

use super::faults::Fault;
use super::judge::Judge;
use super::process::{Gate, Gated};

/// The number of the task that asks it.
const INTERPRETER: usize = 3;
/// How the service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineHealth {
    Well,
    /// Answers late, at times too late.
    Slow,
    /// Never answers.
    Silent,
    /// Answers 401, 429 or 503, or breaks the connection.
    Fails,
    /// Answers what is no translation.
    Raving,
}

impl EngineHealth {
    const fn fault(self) -> Option<Fault> {
        match self {
            Self::Well => None,
            Self::Slow => Some(Fault::EngineSlow),
            Self::Silent => Some(Fault::EngineSilent),
            Self::Fails => Some(Fault::EngineFails),
            Self::Raving => Some(Fault::EngineRaves),
        }
    }
}

#[derive(Clone)]
pub struct Engine(Arc<Mutex<State>>);

struct State {
    random: SmallRng,
    health: EngineHealth,
    judge: Judge,
}

/// The way from one process to it.
#[derive(Clone)]
pub struct SimulatedEngine {
    pub engine: Engine,
    pub gate: Arc<Gate>,
}

struct SimulatedWay {
    to: SimulatedEngine,
    within: Duration,
}

impl OpenWeb for SimulatedEngine {
    fn open(&self, rules: &WebRules<'_>) -> Result<Arc<dyn AskWeb>, WebError> {
        Ok(Arc::new(SimulatedWay { to: self.clone(), within: rules.within }))
    }
}

impl AskWeb for SimulatedWay {
    fn ask(&self, request: WebRequest) -> BoxFuture<'_, Result<WebAnswer, WebError>> {
        let (engine, within) = (self.to.engine.clone(), self.within);
        let asked = async move {
            let (late, answer) = engine.answer(&request);
            match timeout(within, sleep(late)).await {
                Ok(()) => answer,
                Err(_) => Err(WebError::Late),
            }
        };
        let gate = self.to.gate.clone();
        Box::pin(Gated { task: Box::pin(asked), number: INTERPRETER, gate })
    }
}

impl Engine {
    pub fn new(seed: u64, judge: Judge) -> Self {
        let random = SmallRng::seed_from_u64(seed);
        Self(Arc::new(Mutex::new(State { random, health: EngineHealth::Well, judge })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nobody panics while holding it")
    }

    pub fn set(&self, health: EngineHealth) {
        self.state().health = health;
    }

    /// What it answers, and how late.
    fn answer(&self, request: &WebRequest) -> (Duration, Result<WebAnswer, WebError>) {
        let asked: Value = serde_json::from_slice(&request.body).expect("the router sends JSON");
        let mut state = self.state();
        let State { random, health, judge } = &mut *state;
        health.fault().into_iter().for_each(|fault| judge.fault(fault));
        let late_ms = match health {
            EngineHealth::Silent => 3_600_000,
            EngineHealth::Slow => random.random_range(500..6_000),
            _ => random.random_range(5..300),
        };
        let status = match health {
            EngineHealth::Fails => *[0, 401, 429, 503].choose(random).expect("some"),
            _ => 200,
        };
        let said = said(&asked);
        let body = match health {
            EngineHealth::Raving => nonsense(&said, random),
            _ => json!({"translatedText": said}).to_string(),
        };
        let answer = WebAnswer { status, from: None, retry_after: None, body: body.into() };
        let answer = if status == 0 { Err(WebError::Broken) } else { Ok(answer) };
        (Duration::from_millis(late_ms), answer)
    }
}

/// Each text with the language that was wanted in front of it.
fn said(asked: &Value) -> Vec<String> {
    let texts = asked["q"].as_array().expect("a list of texts");
    let target = asked["target"].as_str().expect("a language");
    let said = |text: &Value| format!("[{target}] {}", text.as_str().expect("a text"));
    texts.iter().map(said).collect()
}

fn nonsense(said: &[String], random: &mut SmallRng) -> String {
    match random.random_range(0..6) {
        0 => "<html>welcome".to_owned(),
        1 => json!({"translatedText": []}).to_string(),
        2 => {
            let twice = [said, said].concat();
            json!({"translatedText": twice}).to_string()
        }
        3 => json!({"translatedText": vec!["x".repeat(TRANSLATION_BYTES_MAX + 1); said.len()]})
            .to_string(),
        4 => json!({"translatedText": vec![""; said.len()]}).to_string(),
        _ => json!({"translatedText": vec!["<x id=\"7\"/><x id=\"0\"/>"; said.len()]}).to_string(),
    }
}
