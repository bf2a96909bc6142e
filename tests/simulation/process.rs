//! The router as a process that can be started, paused and killed: the real one behind its sockets,
//! with a simulated disk below it.

use std::collections::BTreeSet;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::io::DuplexStream;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tradewind::app::{Core, CoreParts, Making, StartError, ask_for_pieces, courier, messenger};
use tradewind::domain::Timestamp;
use tradewind::flow::{Pieces, Shops};
use tradewind::gateway::{self, Gateway, Role, Stream};
use tradewind::journal::{Journal, Options, Steps, open_stepped};
use tradewind::metrics::Metrics;
use tradewind::outward::{Courier, MailServer, Messenger};
use tradewind::runtime::Clock;
use tradewind::understand::Understand;

use super::disk::SimulatedDisk;
use super::engine::{Engine, SimulatedEngine};
use super::hooks::{Hooks, SimulatedWeb};
use super::judge::Judge;
use super::mail::{Mail, SimulatedDial};
use super::setting::{Setting, no_provider};

const SNAPSHOT_EVERY: Duration = Duration::from_secs(25);

/// Keeps tasks of a process from running.
#[derive(Default)]
pub struct Gate(Mutex<Shut>);

#[derive(Default)]
struct Shut {
    all: bool,
    tasks: BTreeSet<usize>,
    sleepers: Vec<Waker>,
}

impl Gate {
    fn shut(&self) -> MutexGuard<'_, Shut> {
        self.0.lock().expect("nobody panics while holding it")
    }

    /// Stops every task, as a stopped process, or lets them go on.
    pub fn pause(&self, is_paused: bool) {
        self.shut().all = is_paused;
        self.wake();
    }

    /// The same for one task.
    pub fn hold(&self, task: usize, is_held: bool) {
        if is_held {
            self.shut().tasks.insert(task);
        } else {
            self.shut().tasks.remove(&task);
        }
        self.wake();
    }

    pub fn open(&self) {
        let mut shut = self.shut();
        (shut.all, shut.tasks) = (false, BTreeSet::new());
        drop(shut);
        self.wake();
    }

    fn wake(&self) {
        for sleeper in std::mem::take(&mut self.shut().sleepers) {
            sleeper.wake();
        }
    }

    pub fn holds(&self, task: usize, waker: &Waker) -> bool {
        let mut shut = self.shut();
        let is_shut = shut.all || shut.tasks.contains(&task);
        if is_shut {
            shut.sleepers.push(waker.clone());
        }
        is_shut
    }
}

/// A task behind the gate.
pub struct Gated<T> {
    pub task: BoxFuture<'static, T>,
    pub number: usize,
    pub gate: Arc<Gate>,
}

impl<T> Future for Gated<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        if self.gate.holds(self.number, context.waker()) {
            return Poll::Pending;
        }
        self.task.as_mut().poll(context)
    }
}

/// How long each commit takes.
#[derive(Clone)]
pub struct DiskPace(Arc<Mutex<(SmallRng, u64)>>);

const USUAL_COMMIT_MS_MAX: u64 = 4;

impl DiskPace {
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new((SmallRng::seed_from_u64(seed), USUAL_COMMIT_MS_MAX))))
    }

    pub fn slow_down(&self, commit_ms_max: u64) {
        self.0.lock().expect("no panic").1 = commit_ms_max;
    }

    pub fn usual(&self) {
        self.slow_down(USUAL_COMMIT_MS_MAX);
    }

    fn next(&self) -> Duration {
        let (random, most) = &mut *self.0.lock().expect("no panic");
        Duration::from_millis(random.random_range(0..=*most))
    }
}

/// What a start needs beside the disk.
pub struct Start {
    pub wall: Timestamp,
    pub seed: u64,
    pub pace: DiskPace,
    pub model: Arc<dyn Understand>,
    pub metrics: Arc<Metrics>,
    pub hooks: Hooks,
    pub mail: Mail,
    pub engine: Engine,
    /// Where the notes lie of letters whose end has begun.
    pub data: PathBuf,
    pub judge: Judge,
}

pub struct Process {
    pub gateway: Arc<Gateway>,
    pub gate: Arc<Gate>,
    /// Tells those who call hooks that the shops were loaded anew.
    shops: watch::Sender<Shops>,
    tasks: Vec<JoinHandle<()>>,
    /// The tasks that are there from the start to the end, by number.
    pub lasting: usize,
    /// Connections that panicked.
    panics: usize,
    /// Ends those who bring about what happens outside.
    stop_partners: CancellationToken,
    stop: CancellationToken,
}

fn has_panicked(ended: Result<(), JoinError>) -> bool {
    ended.is_err_and(|error| error.is_panic())
}

pub fn options() -> Options {
    Options { segment_bytes: 32 << 10, retry_pause: Duration::ZERO, ..Options::default() }
}

impl Process {
    /// Starts on what is on the disk.
    pub async fn start(
        disk: &SimulatedDisk,
        setting: &Setting,
        start: Start,
    ) -> Result<Self, StartError> {
        let Start { wall, seed, pace, model, metrics, hooks, mail, engine, data, judge } = start;
        let mut config = setting.config.clone();
        config.paths.data = data;
        let (journal, replay, steps) = open_stepped(Arc::new(disk.clone()), options())?;
        let gate = Arc::new(Gate::default());
        let writer = write(steps, pace, judge.clone());
        let writer = run(Box::pin(writer), 0, &gate);
        let parts = CoreParts {
            phrases: None,
            shops: setting.shops.clone(),
            metrics,
            understanders: model,
            sensing: None,
            journal: journal.clone(),
            // Keys lie in files of their own, which are not simulated.
            vault: None,
            replay,
            secret: setting.secret.clone(),
            password_checks: setting.password_checks.clone(),
            openid: no_provider(),
            outside: Arc::new(SimulatedEngine { engine, gate: gate.clone() }),
            board: setting.board(),
            library: setting.library.clone(),
            clock: Box::new(move |last| Clock::start_at(wall, last)),
            seed,
        };
        let core = match Core::build(&config, parts).await {
            Ok(core) => core,
            Err(error) => {
                writer.abort();
                return Err(error);
            }
        };
        let Core { gateway, tasks: core, snapshots, stop, effects, .. } = core;
        let mut tasks = vec![writer];
        for task in core {
            tasks.push(run(task, tasks.len(), &gate));
        }
        let stop_partners = CancellationToken::new();
        let (shops, told) = watch::channel(gateway.shops());
        let carried = (effects.letters.clone(), gateway.owners.clone(), gateway.clock);
        let courier = courier(&config, &setting.secret, carried)?.expect("there is a mail server");
        let dial = SimulatedDial { mail, gate: gate.clone(), task: tasks.len() };
        let server = MailServer::clone(&courier.server).reached_by(Arc::new(dial));
        let courier = Courier { server: Arc::new(server), ..courier };
        tasks.push(run(Box::pin(courier.run(stop_partners.clone())), tasks.len(), &gate));
        let outside =
            SimulatedWeb { hooks, gate: gate.clone(), task: tasks.len(), clock: gateway.clock };
        let messenger = Messenger {
            outside: Arc::new(outside),
            seed,
            ..messenger(&config, &gateway, effects, told)
        };
        tasks.push(run(Box::pin(messenger.run(stop_partners.clone())), tasks.len(), &gate));
        let lasting = tasks.len();
        let snapshotter = make_snapshots(journal, snapshots, judge);
        tasks.push(run(Box::pin(snapshotter), lasting, &gate));
        Ok(Self { gateway, gate, shops, tasks, lasting, panics: 0, stop_partners, stop })
    }

    /// Takes in a connection.
    pub fn accept(&mut self, stream: DuplexStream, role: Role) {
        let mut connections = self.tasks.split_off(self.lasting + 1);
        for task in connections.extract_if(.., |task| task.is_finished()) {
            let ended = task.now_or_never();
            self.panics += usize::from(ended.is_some_and(has_panicked));
        }
        self.tasks.append(&mut connections);
        let served = gateway::serve_stream(self.gateway.clone(), Stream::Local(stream), role, None);
        let number = self.lasting + 1;
        self.tasks.push(run(Box::pin(served), number, &self.gate));
    }

    /// Whether a task that should be there to the end has ended.
    pub fn has_lost_a_task(&self) -> bool {
        self.tasks.iter().take(self.lasting).any(JoinHandle::is_finished)
    }

    /// Ends those who bring about what happens outside, before [`Self::drain`].
    pub fn drain_partners(&self) {
        self.gateway.ready.store(false, Relaxed);
        self.stop_partners.cancel();
    }

    /// Ends the tasks once they have finished what they have taken in.
    pub fn drain(&self) {
        self.stop.cancel();
    }

    /// Loads the shops anew, as far as it concerns those who call their hooks.
    pub fn call_hooks_anew(&self) {
        self.shops.send_replace(self.gateway.shops());
    }

    /// `kill -9`: nothing of it runs any more. Gives the panics that it had.
    pub async fn kill(self) -> usize {
        for task in &self.tasks {
            task.abort();
        }
        let mut panics = self.panics;
        for task in self.tasks {
            panics += usize::from(has_panicked(task.await));
        }
        panics
    }
}

fn run(task: BoxFuture<'static, ()>, number: usize, gate: &Arc<Gate>) -> JoinHandle<()> {
    tokio::spawn(Gated { task, number, gate: gate.clone() })
}

/// Drives the journal.
async fn write(mut steps: Steps, pace: DiskPace, judge: Judge) {
    while steps.wait().await {
        sleep(pace.next()).await;
        steps.step(&mut |payload| judge.on_disk(payload));
    }
}

/// Makes a snapshot every now and then, as the program does.
async fn make_snapshots(journal: Journal, shards: Vec<mpsc::Sender<Pieces>>, judge: Judge) {
    loop {
        sleep(SNAPSHOT_EVERY).await;
        let Some(from) = journal.end() else { continue };
        let Some(mut pieces) = ask_for_pieces(&shards).await else { return };
        let mut making = Making::begin(journal.clone(), None, from, shards.len()).ok();
        while let Some(piece) = pieces.recv().await {
            making = making.and_then(|making| making.take(piece).ok());
        }
        if let Some(Ok(Some(_))) = making.map(Making::finish) {
            judge.snapshot_made();
        }
    }
}
