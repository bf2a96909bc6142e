//! Builds the stages, connects them, starts them and stops them: the only file that knows all.

mod core;
mod email;
mod reload;
mod restore;
mod settings;
mod snapshots;
mod understand;
mod webhooks;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::admin::{self, AdminKey, Management, OwnIntentSets, ShopReloads};
use crate::backup;
use crate::config::shop::{Shop, ShopErrors};
use crate::config::{Config, Mistakes};
use crate::domain::ShopId;
use crate::flow::{Board, Library, PhraseStore, RecordError, Sensing, Shops};
use crate::gateway::{
    self, Door, Gateway, OpenIdSignIns, PasswordChecks, Secret, Served, SignedOut,
};
use crate::journal::{self, Journal, JournalError, SnapshotId};
use crate::knowledge::IndexError;
use crate::metrics::Metrics;
use crate::openid::Providers;
use crate::outward::MailServerError;
use crate::runtime::{Certificate, CertificateError, CertificateFiles, Clock, Internet};
use crate::schedule::{self, Roster};
use crate::understand::ModelError;
use crate::understand::encoder::EncoderError;
use crate::understand::tenant::ServedSets;
use crate::vault::{self, Vault, VaultError};

pub use core::{Core, CoreParts};
pub use email::courier;
pub use snapshots::{Making, ask_for_pieces};
pub use webhooks::messenger;

use settings::{journal_options, rosters, schedule_settings, sign_ins};
use snapshots::Snapshotter;

/// Why the router does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A shop's files have mistakes, or a demo shop would be open to strangers.
    #[error(transparent)]
    Shops(#[from] ShopErrors),
    /// The model cannot be read.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// There is no encoder to ask, or it cannot be used.
    #[error("encoder: {0}; `understand.encoder = \"off\"` starts without it")]
    Encoder(#[from] EncoderError),
    /// The articles of the shops cannot be searched.
    #[error(transparent)]
    Articles(#[from] IndexError),
    /// The journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The disk does not give the snapshots, or a later program wrote them.
    #[error("snapshots in {}: {error}", folder.display())]
    Snapshots {
        /// The journal's folder.
        folder: PathBuf,
        /// What is wrong.
        error: JournalError,
    },
    /// A whole snapshot holds what this program does not understand.
    #[error(
        "{snapshot} in {} is whole, but this program does not understand it: {error}; \
         start the program that wrote it",
        folder.display()
    )]
    Snapshot {
        /// The journal's folder.
        folder: PathBuf,
        /// Which.
        snapshot: SnapshotId,
        /// What is not understood.
        error: RecordError,
    },
    /// The conversations were in snapshots that are damaged, or gone.
    #[error(
        "no whole snapshot is in {}, and the beginning of the journal is gone: restore a backup, or \
         set `journal.lost_state = \"start\"` for one start to go on with what is left",
        folder.display()
    )]
    StateLost {
        /// The journal's folder.
        folder: PathBuf,
    },
    /// Something in the data folder cannot be used.
    #[error("data folder {}: {error}", folder.display())]
    Data {
        /// The folder.
        folder: PathBuf,
        /// What is wrong.
        error: io::Error,
    },
    /// The certificate of the main address cannot be used.
    #[error("certificate: {0}")]
    Certificate(#[from] CertificateError),
    /// The keys cannot be used.
    #[error(transparent)]
    Keys(#[from] VaultError),
    /// What customers said is sealed with keys that are not here.
    #[error(
        "the journal in {} is sealed with keys that are not in {}: bring back the folder of keys that \
         belongs to it",
        journal.display(),
        keys.display()
    )]
    KeysMissing {
        /// The journal's folder.
        journal: PathBuf,
        /// Where the keys were looked for.
        keys: PathBuf,
    },
    /// The mail server cannot be used as it is set up.
    #[error("e-mail: {0}")]
    Email(#[from] MailServerError),
    /// E-mails cannot come from the address that is set up.
    #[error("email.from is not an address that mail can come from")]
    EmailFrom,
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

/// Time that calls of the system get to end once everything has stopped.
const CALLS_END_MAX: Duration = Duration::from_millis(500);

/// Serves until Ctrl-C or SIGTERM; SIGHUP loads the shops and their own intents anew.
///
/// # Errors
/// When the router cannot start.
pub fn run(config: Config, read_again: ReadSettings) -> Result<(), StartError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| StartError::Runtime(error.to_string()))?;
    let served: Result<(), StartError> = runtime.block_on(async {
        let mut signals = Signals::listen()?;
        let app = App::start_from(config, read_again).await?;
        // Whoever started the router may not listen: no reason to stop.
        let _ = app.tell_addresses(&mut io::stdout().lock());
        while let Signal::Reload = signals.recv().await {
            let reload = async {
                // What came of it stands in the log.
                let _ = app.shop_reloads.reload().await;
                app.own_intents.reload().await;
                app.reload_certificate().await;
            };
            // It may wait for a file that cannot be read; a stop is heard meanwhile.
            tokio::select! {
                () = reload => {}
                () = signals.stop() => break,
            }
        }
        tracing::info!("stopping");
        app.stop().await;
        Ok(())
    });
    // A runtime that is dropped waits for calls that nobody can end, of a resolver or a disk that does
    // not answer: the stop would take as long as they do.
    runtime.shutdown_timeout(CALLS_END_MAX);
    served
}

/// Reads the settings again from where the program was started with them, to tell which have changed.
pub type ReadSettings = Box<dyn Fn() -> Result<Config, Mistakes> + Send + Sync>;

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

    /// Waits for a stop; whoever asks for a reload meanwhile is heard behind the one that goes on.
    async fn stop(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// A running router.
pub struct App {
    /// Where pages and sockets are.
    pub address: SocketAddr,
    /// Where management is.
    pub admin_address: SocketAddr,
    /// What is measured.
    pub metrics: Arc<Metrics>,
    gateway: Arc<Gateway>,
    journal: Journal,
    stop_accepting: CancellationToken,
    stop_courier: CancellationToken,
    courier: JoinSet<()>,
    stop_owners: CancellationToken,
    owners: JoinSet<()>,
    edges: JoinSet<()>,
    certificate: Option<Arc<Certificate>>,
    own_intents: OwnIntentSets,
    /// Kept to the end: whoever lets go of an encoder last waits for its thread, and the owners stop first.
    _sensing: Option<Sensing>,
    shop_reloads: ShopReloads,
    reloading: tokio::task::JoinHandle<()>,
    snapshotting: tokio::task::JoinHandle<()>,
    measuring: tokio::task::JoinHandle<()>,
    drain_max: Duration,
}

impl App {
    /// Starts everything with settings that come from nowhere else; ready when it returns.
    ///
    /// # Errors
    /// When a part cannot start.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let same = config.clone();
        Self::start_from(config, Box::new(move || Ok(same.clone()))).await
    }

    /// Starts everything; ready when it returns. A reload of the shops tells which of the settings
    /// that `read_again` gives are not those in force.
    ///
    /// # Errors
    /// When a part cannot start.
    pub async fn start_from(config: Config, read_again: ReadSettings) -> Result<Self, StartError> {
        let began = Instant::now();
        let metrics =
            Arc::new(Metrics::new().map_err(|error| StartError::Runtime(error.to_string()))?);
        if backup::is_unfinished(&config.paths.data) {
            return Err(StartError::Restoring { folder: config.paths.data });
        }
        let shops = load_shops(&config)?;
        let files = CertificateFiles::of(&config.server.tls_certificate, &config.server.tls_key);
        let certificate = files.map(Certificate::load).transpose()?;
        let tls = certificate.as_ref().map(Certificate::server_config).transpose()?;
        let tls = tls.map(TlsAcceptor::from);
        let own_sets = Arc::new(ServedSets::load(shops.values())?);
        let listener = listen(config.server.listen)?;
        let admin_listener = listen(config.server.admin_listen)?;
        let (address, admin_address) = (local(&listener)?, local(&admin_listener)?);
        let model = understand::fast(&config)?;
        let (understanders, sensing) =
            understand::understanders(&config, model.clone(), own_sets.clone(), metrics.clone())?;
        let vault = Vault::open(&config.paths.data.join(vault::FOLDER), &config.keys.master)?;
        vault.find_free()?;
        let (journal, replay) =
            journal::open(&config.paths.data.join("journal"), journal_options(&config))?;
        let unusable = |error| StartError::Data { folder: config.paths.data.clone(), error };
        let secret = Secret::load_or_create(&config.paths.data).map_err(unusable)?;
        let key = AdminKey::load_or_create(&config.paths.data).map_err(unusable)?;
        let signed_out = SignedOut::load(&config.paths.data).map_err(unusable)?;
        let openid = OpenIdSignIns::new(Providers::new(config.timers.provider), signed_out);

        let password_checks = PasswordChecks::start(sign_ins(&config))
            .map_err(|error| StartError::Runtime(error.to_string()))?;
        let library = Arc::new(Library::new(model.clone(), &shops)?);
        let parts = CoreParts {
            board: Board::new(model, &shops).kept_in(&config.paths.data),
            phrases: Some(PhraseStore::of(&config.paths.data)),
            library: library.clone(),
            shops,
            metrics: metrics.clone(),
            understanders: Arc::new(understanders),
            sensing: sensing.clone(),
            journal: journal.clone(),
            vault: Some(vault.clone()),
            replay,
            secret,
            password_checks,
            openid,
            outside: Arc::new(Internet),
            clock: Box::new(Clock::start_after),
            // Not fixed: the next ids must not be guessed from the last ones.
            seed: rand::random(),
        };
        let Core { gateway, tasks: core, stop: stop_owners, replayed, snapshots, effects } =
            Core::build(&config, parts).await?;
        let stop_courier = CancellationToken::new();
        let mut courier = JoinSet::new();
        let carried = (effects.letters.clone(), gateway.owners.clone(), gateway.clock);
        match email::courier(&config, &gateway.secret, carried) {
            Ok(carries) => {
                carries.map(|carries| courier.spawn(carries.run(stop_courier.clone())));
            }
            Err(error) => {
                // The folder is free when the error is told.
                let _ = journal.close().await;
                return Err(error);
            }
        }
        let (tell_messenger, told) = watch::channel(gateway.shops());
        let messenger = webhooks::messenger(&config, &gateway, effects, told);
        courier.spawn(messenger.run(stop_courier.clone()));
        let letters = email::letters(&config, &gateway);
        let answers_come = email::answers_come(&config);
        let mut tasks = JoinSet::new();
        for task in core {
            tasks.spawn(task);
        }

        let stop_accepting = CancellationToken::new();
        let mut edges = JoinSet::new();
        let public = Served {
            listener,
            router: gateway::router(gateway.clone()),
            tls,
            connections_max: config.gateway.connections_max.get(),
            door: Door::Strangers,
        };
        edges.spawn(gateway::serve(gateway.clone(), public, stop_accepting.clone()));
        let mailboxes = email::mailboxes(&config, &gateway, letters.clone());
        let (tell_mailboxes, told) = watch::channel(gateway.shops());
        edges.spawn(mailboxes.run(told, stop_accepting.clone()));
        let own_intents = OwnIntentSets { sets: own_sets, metrics: metrics.clone() };
        let (shop_reloads, asked) = ShopReloads::new();
        let drain_max = config.timers.drain;
        let snapshots = Snapshotter {
            journal: journal.clone(),
            vault: Some(vault),
            replayed,
            shards: snapshots,
        };
        let snapshotting = tokio::spawn(snapshots.run(config.journal.snapshot_every));
        let measuring = tokio::spawn(keep_measuring(metrics.clone()));
        let shops = config.paths.shops.clone();
        let reload = reload::Reload {
            config,
            read_again,
            gateway: gateway.clone(),
            own_sets: own_intents.sets.clone(),
            tell_messenger,
            tell_mailboxes,
        };
        let reloading = tokio::spawn(reload.serve(library, asked));
        let router = admin::router(Management {
            gateway: gateway.clone(),
            own_intents: own_intents.clone(),
            reloads: shop_reloads.clone(),
            letters,
            answers_come,
            shops,
            key,
            loopback: admin_address.ip().to_canonical().is_loopback(),
        });
        let management = Served {
            listener: admin_listener,
            router,
            tls: None,
            connections_max: admin::CONNECTIONS_MAX,
            door: Door::Management,
        };
        edges.spawn(gateway::serve(gateway.clone(), management, stop_accepting.clone()));
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(%address, %admin_address, took_ms, "ready");
        Ok(Self {
            address,
            admin_address,
            metrics,
            gateway,
            journal,
            stop_accepting,
            stop_courier,
            courier,
            stop_owners,
            owners: tasks,
            edges,
            certificate,
            own_intents,
            _sensing: sensing,
            shop_reloads,
            reloading,
            snapshotting,
            measuring,
            drain_max,
        })
    }

    fn tell_addresses(&self, out: &mut impl Write) -> io::Result<()> {
        let Self { address, admin_address, .. } = self;
        let scheme = if self.certificate.is_some() { "https" } else { "http" };
        writeln!(
            out,
            "listening on {scheme}://{address}\n  customers  {scheme}://{address}/widget\n  \
             seats      {scheme}://{address}/seat\n  management http://{admin_address}"
        )
    }

    /// Reads the certificate of the main address anew, for whoever connects from here on.
    async fn reload_certificate(&self) {
        let Some(certificate) = self.certificate.clone() else { return };
        match tokio::task::spawn_blocking(move || certificate.reload()).await {
            Ok(Ok(validity)) => {
                tracing::info!(until_s = validity.until, "certificate loaded anew");
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "certificate refused, the old one stays");
            }
            Err(error) => tracing::error!(%error, "certificate not loaded, the old one stays"),
        }
    }

    /// Stops: takes nothing more, finishes what was taken, makes it durable, closes the sockets.
    pub async fn stop(mut self) {
        let drain_max = self.drain_max;
        self.gateway.ready.store(false, Ordering::Relaxed);
        self.stop_accepting.cancel();
        self.reloading.abort();
        self.snapshotting.abort();
        self.measuring.abort();
        let drained = tokio::time::timeout(drain_max, async {
            while self.edges.join_next().await.is_some() {}
            self.stop_courier.cancel();
            // A slow mail server or hook must not take the time that the sockets need. A letter that is cut
            // off before its end was not sent; one after it is noted; a webhook is sent again.
            let last_letters = async { while self.courier.join_next().await.is_some() {} };
            if tokio::time::timeout(drain_max / 4, last_letters).await.is_err() {
                self.courier.abort_all();
                while self.courier.join_next().await.is_some() {}
            }
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

/// Time in which what is measured is kept value by value. A router that nobody scrapes keeps no more.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

async fn keep_measuring(metrics: Arc<Metrics>) {
    loop {
        tokio::time::sleep(UPKEEP_EVERY).await;
        metrics.upkeep();
    }
}

fn load_shops(config: &Config) -> Result<Shops, StartError> {
    let shops = Shop::served(config)?;
    Ok(Arc::new(shops.into_iter().map(|shop| (shop.id.clone(), Arc::new(shop))).collect()))
}

/// Seats, rules and settings of a shop, as a router with this configuration would have them; `None`
/// when it would not serve the shop.
///
/// # Errors
/// When the shops have mistakes.
pub fn rules_of(
    config: &Config,
    shop: &ShopId,
) -> Result<Option<(Roster, schedule::Settings)>, StartError> {
    let shops = load_shops(config)?;
    let roster = rosters(&shops).into_iter().find(|roster| roster.shop == *shop);
    Ok(roster.map(|roster| (roster, schedule_settings(config))))
}

/// What the system keeps of what was written and not read yet, for each socket; Linux doubles it. Left
/// to itself it grows to megabytes.
const SEND_BUFFER_BYTES: u32 = 128 * 1024;
/// Connections that wait to be accepted, as when everybody comes back at once.
const BACKLOG: u32 = 4_096;

/// Listens with a bound on what the system keeps for a peer that does not read.
fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    let bound = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    bound().map_err(|error| StartError::Listen { address, error })
}

fn local(listener: &TcpListener) -> Result<SocketAddr, StartError> {
    listener.local_addr().map_err(|error| StartError::Runtime(error.to_string()))
}
