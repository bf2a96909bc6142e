//! The shop's own systems, which are told of its conversations: they verify what comes, keep it, and
//! answer as their health lets them.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use hmac::{Hmac, KeyInit, Mac};
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use sha2::Sha256;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tradewind::domain::{EffectKey, Timestamp};
use tradewind::runtime::{AskWeb, Clock, OpenWeb, WebAnswer, WebError, WebRequest, WebRules};

use super::faults::{Fault, Plant};
use super::judge::Judge;
use super::owed::Kept;
use super::process::{Gate, Gated};
use super::setting::{HOOK_COUNT, HOOK_KEY, HOOKS, Hook};

/// How a shop's own system is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookHealth {
    Well,
    /// Answers 400 or 404, and keeps nothing.
    Refuses,
    /// Answers 410.
    Gone,
    /// Answers 500 or 503, with a wish to be left alone or without, and keeps nothing.
    Fails,
    /// Answers late, at times too late, and keeps it.
    Slow,
    /// Never answers, and keeps nothing.
    Silent,
    /// Breaks the connection before it has kept what came.
    CutsBefore,
    /// Breaks it after it has kept that.
    CutsAfter,
}

impl HookHealth {
    const fn fault(self) -> Option<Fault> {
        match self {
            Self::Well => None,
            Self::Refuses => Some(Fault::HookRefuses),
            Self::Gone => Some(Fault::HookGone),
            Self::Fails => Some(Fault::HookFails),
            Self::Slow => Some(Fault::HookSlow),
            Self::Silent => Some(Fault::HookSilent),
            Self::CutsBefore => Some(Fault::HookCutsBefore),
            Self::CutsAfter => Some(Fault::HookCutsAfter),
        }
    }
}

/// All of them.
#[derive(Clone)]
pub struct Hooks(Arc<Mutex<State>>);

struct State {
    random: SmallRng,
    health: [HookHealth; HOOK_COUNT],
    plant: Option<Plant>,
    judge: Judge,
    calls: u64,
}

/// The way from one process to them.
pub struct SimulatedWeb {
    pub hooks: Hooks,
    pub gate: Arc<Gate>,
    /// The number of the task that calls.
    pub task: usize,
    pub clock: Clock,
}

struct SimulatedWay {
    hooks: Hooks,
    gate: Arc<Gate>,
    task: usize,
    clock: Clock,
    within: Duration,
}

impl OpenWeb for SimulatedWeb {
    fn open(&self, rules: &WebRules<'_>) -> Result<Arc<dyn AskWeb>, WebError> {
        let Self { hooks, gate, task, clock } = self;
        let (hooks, gate) = (hooks.clone(), gate.clone());
        let within = rules.within;
        Ok(Arc::new(SimulatedWay { hooks, gate, task: *task, clock: *clock, within }))
    }
}

impl AskWeb for SimulatedWay {
    fn ask(&self, request: WebRequest) -> BoxFuture<'_, Result<WebAnswer, WebError>> {
        // The request says when it was signed; a process that stands still then sends it later.
        let (hooks, now, within) = (self.hooks.clone(), self.clock.now(), self.within);
        let asked = async move {
            let answer = hooks.call(request, now);
            match timeout(within, answer).await {
                Ok(answered) => answered.unwrap_or(Err(WebError::Broken)),
                Err(_) => Err(WebError::Late),
            }
        };
        // What it has asked, it hears when it goes on.
        Box::pin(Gated { task: Box::pin(asked), number: self.task, gate: self.gate.clone() })
    }
}

type Answered = Result<WebAnswer, WebError>;

fn answer(status: u16, retry_after: Option<Duration>) -> Answered {
    Ok(WebAnswer { status, from: None, retry_after, body: bytes::Bytes::new() })
}

impl Hooks {
    pub fn new(seed: u64, plant: Option<Plant>, judge: Judge) -> Self {
        let random = SmallRng::seed_from_u64(seed);
        let health = [HookHealth::Well; HOOK_COUNT];
        Self(Arc::new(Mutex::new(State { random, health, plant, judge, calls: 0 })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nobody panics while holding it")
    }

    pub fn set(&self, hook: usize, health: HookHealth) {
        self.state().health[hook] = health;
    }

    pub fn heal(&self) {
        self.state().health = [HookHealth::Well; HOOK_COUNT];
    }

    /// A request on its way. It may arrive also where the process that sent it is gone.
    fn call(&self, mut request: WebRequest, now: Timestamp) -> oneshot::Receiver<Answered> {
        let (reply, answered) = oneshot::channel();
        let now_s = now.as_millis() / 1_000;
        let judge = self.state().judge.clone();
        let called = id_of(&request).and_then(|id| judge.state().story.owed.called(id, now));
        called.unwrap_or_else(|what| judge.violation(format!("a hook is called: {what}")));
        let (up, down, is_lost_with_caller) = {
            let mut state = self.state();
            state.calls += 1;
            match state.plant.filter(|_| state.calls.is_multiple_of(20)) {
                Some(Plant::CountsAsTold) => {
                    let _ = reply.send(answer(200, None));
                    return answered;
                }
                Some(Plant::TellsAnother) => tells_another(&mut request),
                Some(Plant::SignsAnother) => signs_another(&mut request),
                Some(Plant::CallPanics) => {
                    drop(state);
                    panic!("a mistake that is put in");
                }
                _ => {}
            }
            let mut ms = || Duration::from_millis(state.random.random_range(1..60));
            (ms(), ms(), state.random.random())
        };
        let hooks = self.clone();
        tokio::spawn(async move {
            sleep(up).await;
            if reply.is_closed() && is_lost_with_caller {
                return;
            }
            let answered = hooks.arrived(&request, now_s).await;
            sleep(down).await;
            // Nobody may be there any more to hear it.
            let _ = reply.send(answered);
        });
        answered
    }

    async fn arrived(&self, request: &WebRequest, now_s: u64) -> Answered {
        let at = HOOKS.iter().position(|hook| hook.url == request.url);
        let Some(at) = at else {
            self.state().judge.violation(format!("{} is called", request.url));
            return answer(404, None);
        };
        let (late, answer) = self.judged(at, request, now_s);
        sleep(late).await;
        answer
    }

    /// Holds what has arrived against the journal; what is answered to it, and how late.
    fn judged(&self, at: usize, request: &WebRequest, now_s: u64) -> (Duration, Answered) {
        let hook = &HOOKS[at];
        let health = self.state().health[at];
        let keeps = matches!(health, HookHealth::Well | HookHealth::Slow | HookHealth::CutsAfter);
        let mut state = self.state();
        let heard = heard(hook, request, now_s)
            .and_then(|kept| state.judge.state().story.owed.told(&kept, keeps));
        let body = String::from_utf8_lossy(&request.body);
        state.judge.note("webhook", &format!("{} {health:?} {body}", hook.name));
        if let Err(what) = heard {
            state.judge.violation(format!("{} is told {body}: {what}", hook.name));
        }
        let met = health.fault();
        met.into_iter().for_each(|fault| state.judge.fault(fault));
        let random = &mut state.random;
        let late = match health {
            HookHealth::Slow => Duration::from_millis(random.random_range(500..15_000)),
            HookHealth::Silent => Duration::from_secs(3_600),
            _ => Duration::ZERO,
        };
        let answer = match health {
            HookHealth::Well | HookHealth::Slow => {
                answer(*[200, 201, 204].choose(random).expect("some"), None)
            }
            HookHealth::Refuses => answer(*[302, 400, 404].choose(random).expect("some"), None),
            HookHealth::Gone => answer(410, None),
            HookHealth::Fails => {
                let wish = Duration::from_secs(random.random_range(1..100));
                let wish = Some(wish).filter(|_| random.random());
                answer(*[500, 503].choose(random).expect("some"), wish)
            }
            HookHealth::Silent | HookHealth::CutsBefore | HookHealth::CutsAfter => {
                Err(WebError::Broken)
            }
        };
        (late, answer)
    }
}

/// The value of a header.
fn header<'a>(request: &'a WebRequest, name: &str) -> Result<&'a str, String> {
    let value = request.headers.get(name).and_then(|value| value.to_str().ok());
    value.ok_or_else(|| format!("it has no {name}"))
}

fn id_of(request: &WebRequest) -> Result<EffectKey, String> {
    let id = header(request, "webhook-id")?;
    EffectKey::try_from(id.to_owned()).map_err(|_| format!("{id} is no id"))
}

/// What a request says, if it is signed as it has to be.
fn heard(hook: &'static Hook, request: &WebRequest, now_s: u64) -> Result<Kept, String> {
    let (id, sent_at) = (header(request, "webhook-id")?, header(request, "webhook-timestamp")?);
    let is_now = sent_at.parse::<u64>().is_ok_and(|at| at.abs_diff(now_s) <= 1);
    if !is_now {
        return Err(format!("it says that it was sent at {sent_at}, and that was {now_s}"));
    }
    let key = STANDARD.decode(HOOK_KEY).expect("base64");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("any length is good");
    mac.update(format!("{id}.{sent_at}.").as_bytes());
    mac.update(&request.body);
    let good = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    if header(request, "webhook-signature")? != good {
        return Err("its signature is not good".to_owned());
    }
    let key = id_of(request)?;
    let body = serde_json::from_slice(&request.body).map_err(|error| error.to_string())?;
    Ok(Kept { key, hook, body })
}

/// Says that it happened at another time, and signs that well.
fn tells_another(request: &mut WebRequest) {
    let body = String::from_utf8_lossy(&request.body);
    let body = body.replacen("\"timestamp\":\"2", "\"timestamp\":\"3", 1);
    request.body = body.into();
    let header = |name: &str| request.headers[name].to_str().expect("text").to_owned();
    let key = STANDARD.decode(HOOK_KEY).expect("base64");
    let sent_at_s = header("webhook-timestamp").parse().expect("a number");
    let signed = tradewind::channels::webhook::signature(
        &key,
        &header("webhook-id"),
        sent_at_s,
        &request.body,
    );
    request.headers.insert("webhook-signature", signed.parse().expect("a header"));
}

/// Signs with another key.
fn signs_another(request: &mut WebRequest) {
    let other = format!("v1,{}", STANDARD.encode([0; 32]));
    request.headers.insert("webhook-signature", other.parse().expect("a header"));
}
