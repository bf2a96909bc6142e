//! Builds the stages, connects them, starts them and stops them: the only file that knows all.

mod reload;
mod restore;
mod settings;
mod snapshots;
mod understand;

use std::collections::VecDeque;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::admin::{self, OwnIntentSets, ShopReloads};
use crate::admission::SharedBucket;
use crate::backup;
use crate::config::Config;
use crate::config::shop::{Shop, ShopErrors};
use crate::flow::{Dispatcher, Owners, Shard, ShardTask, Shops, Turn};
use crate::gateway::{self, Gateway, Secret};
use crate::journal::{self, Journal, JournalError};
use crate::metrics::Metrics;
use crate::runtime::Clock;
use crate::schedule::Scheduler;
use crate::understand::ModelError;
use crate::understand::encoder::EncoderError;
use crate::understand::tenant::ServedSets;

use restore::{Restored, restore};
use settings::{flow_settings, journal_options, limits, rosters, schedule_settings, shop_rate};
use snapshots::Snapshotter;

/// Why the router does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The demo shop would be open to strangers.
    #[error(
        "the demo shop has well-known passwords and is served on loopback only: \
         set `shops`, or let `server.listen` and `server.admin_listen` be loopback addresses"
    )]
    DemoShop,
    /// A shop's files have mistakes.
    #[error(transparent)]
    Shops(#[from] ShopErrors),
    /// The model cannot be read.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// There is no encoder to ask, or it cannot be used.
    #[error("encoder: {0}; `understand.encoder = \"off\"` starts without it")]
    Encoder(#[from] EncoderError),
    /// The journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Something in the data folder cannot be used.
    #[error("data folder {}: {error}", folder.display())]
    Data {
        /// The folder.
        folder: PathBuf,
        /// What is wrong.
        error: io::Error,
    },
    /// A restore was begun and not finished.
    #[error(
        "data folder {}: a restore into it was not finished; empty it and restore again",
        folder.display()
    )]
    Restoring {
        /// The folder.
        folder: PathBuf,
    },
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What is wrong.
        error: io::Error,
    },
    /// The runtime cannot be built, or a metric has no buckets.
    #[error("cannot start: {0}")]
    Runtime(String),
}

/// Serves until Ctrl-C or SIGTERM; SIGHUP loads the shops and their own intents anew.
///
/// # Errors
/// When the router cannot start.
pub fn run(config: Config) -> Result<(), StartError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| StartError::Runtime(error.to_string()))?;
    runtime.block_on(async {
        let mut signals = Signals::listen()?;
        let app = App::start(config).await?;
        // Whoever started the router may not listen: no reason to stop.
        let _ = app.tell_addresses(&mut io::stdout().lock());
        while let Signal::Reload = signals.recv().await {
            // What came of it stands in the log.
            let _ = app.shop_reloads.reload().await;
            app.own_intents.reload().await;
        }
        tracing::info!("stopping");
        app.stop().await;
        Ok(())
    })
}

/// What the operating system may ask for.
enum Signal {
    Stop,
    Reload,
}

/// Signals that are listened to.
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> Result<Self, StartError> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).map_err(|error| StartError::Runtime(error.to_string()));
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    async fn recv(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Stop,
            _ = self.terminate.recv() => Signal::Stop,
            _ = self.hang_up.recv() => Signal::Reload,
        }
    }
}

/// A running router.
pub struct App {
    /// Where pages and sockets are.
    pub address: SocketAddr,
    /// Where management is.
    pub admin_address: SocketAddr,
    gateway: Arc<Gateway>,
    journal: Journal,
    stop_accepting: CancellationToken,
    stop_owners: CancellationToken,
    owners: JoinSet<()>,
    edges: JoinSet<()>,
    own_intents: OwnIntentSets,
    shop_reloads: ShopReloads,
    reloading: tokio::task::JoinHandle<()>,
    snapshotting: tokio::task::JoinHandle<()>,
    drain_max: Duration,
}

impl App {
    /// Starts everything; ready when it returns.
    ///
    /// # Errors
    /// When a part cannot start.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let began = Instant::now();
        let metrics =
            Arc::new(Metrics::new().map_err(|error| StartError::Runtime(error.to_string()))?);
        if backup::is_unfinished(&config.paths.data) {
            return Err(StartError::Restoring { folder: config.paths.data });
        }
        let shops = load_shops(&config)?;
        let own_sets = Arc::new(ServedSets::load(shops.values())?);
        let listener = listen(config.server.listen).await?;
        let admin_listener = listen(config.server.admin_listen).await?;
        let (address, admin_address) = (local(&listener)?, local(&admin_listener)?);
        let understanders =
            Arc::new(understand::understanders(&config, own_sets.clone(), metrics.clone())?);
        let (journal, replay) =
            journal::open(&config.paths.data.join("journal"), journal_options(&config))?;
        let secret = Secret::load_or_create(&config.paths.data)
            .map_err(|error| StartError::Data { folder: config.paths.data.clone(), error })?;

        let owners = Owners::new(config.flow.shards.get(), config.flow.shard_queue_capacity.get());
        let dispatcher = Dispatcher::new();
        let mut shards = empty_shards(&config, &shops, owners.len());
        let Restored { last_at, damaged } = restore(&journal, replay, &mut shards, &owners);
        let clock = Clock::start_after(last_at);
        let gateway = Arc::new(Gateway {
            limits: limits(&config),
            shop_buckets: shops
                .keys()
                .map(|id| (id.clone(), Arc::new(SharedBucket::new(shop_rate(&config)))))
                .collect(),
            shops: RwLock::new(shops.clone()),
            owners: owners.clone(),
            dispatcher: dispatcher.clone(),
            journal: journal.clone(),
            metrics: metrics.clone(),
            clock,
            secret,
            sockets: dashmap::DashMap::default(),
            connections: Arc::new(Semaphore::new(config.gateway.connections_max.get())),
            password_checks: Semaphore::new(PASSWORD_CHECKS_MAX),
            ready: AtomicBool::new(true),
        });

        let stop_owners = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let scheduler = Scheduler::new(schedule_settings(&config), rosters(&shops));
        tasks.spawn(dispatcher.clone().run(
            scheduler,
            owners.clone(),
            clock,
            metrics.clone(),
            stop_owners.clone(),
        ));
        let mut snapshots = Vec::new();
        for (index, mut shard) in shards.into_iter().enumerate() {
            let (ask, asked) = mpsc::channel(1);
            snapshots.push(ask);
            let mut first = Turn::default();
            if damaged {
                shard.begin_epoch(clock.now(), &mut first);
            }
            shard.resume(Instant::now(), &mut first);
            let task = ShardTask {
                index,
                shard,
                owners: owners.clone(),
                journal: journal.clone(),
                understanders: understanders.clone(),
                understand_wait_max: config.understand.wait_max,
                encoder_wait_max: config.understand.encoder_wait_max,
                dispatcher: dispatcher.clone(),
                clock,
                metrics: metrics.clone(),
                batch_max: config.flow.batch_max.get(),
                snapshots: asked,
                put_aside: VecDeque::new(),
            };
            tasks.spawn(task.run(first, stop_owners.clone()));
        }

        let stop_accepting = CancellationToken::new();
        let mut edges = JoinSet::new();
        let router = gateway::router(gateway.clone());
        edges.spawn(gateway::serve(gateway.clone(), listener, router, stop_accepting.clone()));
        let own_intents = OwnIntentSets { sets: own_sets, metrics: metrics.clone() };
        let (shop_reloads, asked) = ShopReloads::new();
        let drain_max = config.timers.drain;
        let snapshots = Snapshotter { journal: journal.clone(), shards: snapshots };
        let snapshotting = tokio::spawn(snapshots.run(config.journal.snapshot_every));
        let reloading = tokio::spawn(reload::serve(config, gateway.clone(), asked));
        let router = admin::router(gateway.clone(), own_intents.clone(), shop_reloads.clone());
        edges.spawn(gateway::serve(
            gateway.clone(),
            admin_listener,
            router,
            stop_accepting.clone(),
        ));
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(%address, %admin_address, took_ms, "ready");
        Ok(Self {
            address,
            admin_address,
            gateway,
            journal,
            stop_accepting,
            stop_owners,
            owners: tasks,
            edges,
            own_intents,
            shop_reloads,
            reloading,
            snapshotting,
            drain_max,
        })
    }

    fn tell_addresses(&self, out: &mut impl Write) -> io::Result<()> {
        let Self { address, admin_address, .. } = self;
        writeln!(
            out,
            "listening on http://{address}\n  customers  http://{address}/widget\n  \
             seats      http://{address}/seat\n  management http://{admin_address}"
        )
    }

    /// Stops: takes nothing more, finishes what was taken, makes it durable, closes the sockets.
    pub async fn stop(mut self) {
        let drain_max = self.drain_max;
        self.gateway.ready.store(false, Ordering::Relaxed);
        self.stop_accepting.cancel();
        self.reloading.abort();
        self.snapshotting.abort();
        let drained = tokio::time::timeout(drain_max, async {
            while self.edges.join_next().await.is_some() {}
            self.stop_owners.cancel();
            while self.owners.join_next().await.is_some() {}
            self.gateway.close_all();
            while !self.gateway.sockets.is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            self.journal.close().await
        });
        match drained.await {
            Ok(Ok(())) => tracing::info!("stopped, nothing left behind"),
            Ok(Err(error)) => tracing::error!(%error, "stopped with the journal in trouble"),
            Err(_) => tracing::error!(?drain_max, "stopped before everything was finished"),
        }
    }
}

/// Passwords that are checked at a time; each costs tens of milliseconds of a core.
const PASSWORD_CHECKS_MAX: usize = 64;

fn load_shops(config: &Config) -> Result<Shops, StartError> {
    let shops = match &config.paths.shops {
        Some(folder) => Shop::load_dir(folder)?,
        None => vec![Shop::embedded_demo()],
    };
    if shops.iter().any(|shop| shop.demo) && !config.demo_shop_allowed() {
        return Err(StartError::DemoShop);
    }
    Ok(Arc::new(shops.into_iter().map(|shop| (shop.id.clone(), Arc::new(shop))).collect()))
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|error| StartError::Listen { address, error })
}

fn local(listener: &TcpListener) -> Result<SocketAddr, StartError> {
    listener.local_addr().map_err(|error| StartError::Runtime(error.to_string()))
}

fn empty_shards(config: &Config, shops: &Shops, count: usize) -> Vec<Shard> {
    let settings = flow_settings(config, count);
    // The seed is for ids that must not be guessed from the last ones, so it is not fixed.
    (0..count).map(|_| Shard::new(settings.clone(), shops.clone(), rand::random())).collect()
}
