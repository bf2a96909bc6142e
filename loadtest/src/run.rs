//! Carries out a scenario: seats sign in, conversations arrive, everything is read again and judged.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use uuid::Uuid;

use crate::args::seat_user;
use crate::audit;
use crate::client::link::{Link, Role};
use crate::client::seat::{self, SignIn};
use crate::client::widget::{self, Ended};
use crate::outcome::{Config, Effort, Outcome, Verification};
use crate::process::CpuMeter;
use crate::progress::Progress;
use crate::record::Conversation;
use crate::schedule::{Arrivals, Visit};
use crate::shared::Shared;
use crate::stats::{Count, lock};
use crate::verify::{Viewer, judge};

/// A customer opens the page this long before writing, so that the time to connect does not count
/// as time to acknowledge unless it takes longer than this.
pub const PAGE_OPEN: Duration = Duration::from_secs(2);
/// Longest wait for all seats to be ready.
const SIGN_IN_WAIT: Duration = Duration::from_secs(60);
/// Seats that sign in at the same time: passwords are slow to check, on purpose.
const SIGN_IN_PARALLEL: usize = 16;
/// After the last customer: seats finish with those who walked away.
const SEATS_FINISH: Duration = Duration::from_secs(15);

/// How conversations come.
#[derive(Clone, Debug)]
pub enum Pace {
    /// At their own rate, whatever the server does.
    Open { rate_per_s: f64, duration: Duration, conversations_max: Option<u64> },
    /// The next as soon as a customer is free; the language of each is given.
    Closed { languages: Vec<usize> },
}

impl Pace {
    /// Time before the first moment at which a conversation may be due.
    fn lead(&self) -> Duration {
        match self {
            Self::Open { .. } => PAGE_OPEN,
            Self::Closed { .. } => Duration::ZERO,
        }
    }
}

/// What to carry out.
#[derive(Debug)]
pub struct Scenario {
    pub pace: Pace,
    pub customers: usize,
    pub seats: usize,
    pub seat_user: String,
    pub seat_from: usize,
    pub seat_password: String,
    pub visits_per_customer: u32,
    /// After the last arrival, conversations have this long to end by themselves.
    pub drain: Duration,
    pub config: Config,
}

/// One conversation for a customer.
struct Call {
    visit: Visit,
    scheduled: Instant,
    /// In a closed loop: gives the turn back at the end.
    _turn: Option<tokio::sync::OwnedSemaphorePermit>,
}

/// The customers who are free, each behind a door of its own.
struct Pool {
    shared: Arc<Shared>,
    doors: Vec<mpsc::Sender<Call>>,
    free: Arc<std::sync::Mutex<Vec<usize>>>,
    tasks: JoinSet<()>,
    customers_max: usize,
    visits_max: u32,
    hurry: watch::Receiver<bool>,
    finished: Arc<AtomicU64>,
}

/// Runs it. The clock of `shared` must have started just before.
///
/// # Errors
/// When the seats cannot sign in.
pub async fn carry_out(
    shared: Arc<Shared>,
    scenario: Scenario,
    progress: &Progress,
) -> Result<Outcome> {
    let cpu = CpuMeter::start();
    let (stop_seats, stopping) = watch::channel(false);
    let seats = sign_in(&shared, &scenario, &stopping, progress).await?;

    let (hurry, hurrying) = watch::channel(false);
    let interrupted = watch_interrupt();
    // Every figure by time counts from here: in the lead before it nothing can arrive.
    let start = Instant::now() + scenario.pace.lead();
    let mut pool = Pool::new(shared.clone(), &scenario, hurrying);
    let busy = Occupancy::watch(shared.clone(), scenario.seats, scenario.config.slots, start);
    match &scenario.pace {
        Pace::Open { rate_per_s, duration, conversations_max } => {
            let arrivals = Arrivals::new(shared.seed, *rate_per_s, *duration);
            let until = start + *duration;
            pool.open_loop(arrivals, *conversations_max, start, until, &interrupted, progress)
                .await;
        }
        Pace::Closed { languages } => pool.closed_loop(languages, &interrupted, progress).await,
    }
    let arriving_s = start.elapsed().as_secs_f64();
    let occupancy = busy.average();
    progress.phase("conversations end");
    pool.finish(scenario.drain, &hurry, &interrupted, progress).await;
    let elapsed_s = start.elapsed().as_secs_f64();

    wait_for_seats(&shared).await;
    let _ = stop_seats.send(true);
    seats.join_all().await;
    let effort = Effort {
        elapsed_s,
        arriving_s,
        cpu_share: cpu.share(),
        cpu_s: cpu.used().map(|used| used.as_secs_f64()),
        occupancy,
    };

    let verification = verify(&shared, progress).await;
    shared.recorder.flush_ledger();
    Ok(Outcome::new(&shared.stats, verification, effort, scenario.config))
}

/// Set by the first Ctrl-C: no more arrivals, the rest as usual. The second ends the process.
fn watch_interrupt() -> Arc<AtomicBool> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = interrupted.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            flag.store(true, Ordering::Relaxed);
            eprintln!("stopping: no more arrivals; once more to end at once");
        }
        if tokio::signal::ctrl_c().await.is_ok() {
            std::process::exit(130);
        }
    });
    interrupted
}

async fn sign_in(
    shared: &Arc<Shared>,
    scenario: &Scenario,
    stopping: &watch::Receiver<bool>,
    progress: &Progress,
) -> Result<JoinSet<()>> {
    progress.phase("seats sign in");
    let mut seats = JoinSet::new();
    let gate = Arc::new(Semaphore::new(SIGN_IN_PARALLEL));
    let (report, mut reports) = mpsc::channel(scenario.seats.max(1));
    for number in 0..scenario.seats {
        let user = seat_user(&scenario.seat_user, scenario.seat_from + number);
        let turn = gate.clone().acquire_owned().await?;
        let (told, mut telling) = mpsc::channel(1);
        seats.spawn(seat::work(
            shared.clone(),
            number,
            user.clone(),
            scenario.seat_password.clone(),
            told,
            stopping.clone(),
        ));
        let report = report.clone();
        tokio::spawn(async move {
            let answer = timeout(SIGN_IN_WAIT, telling.recv()).await;
            drop(turn);
            let refused = match answer {
                Ok(Some(SignIn::Ready)) => None,
                Ok(Some(SignIn::Refused(why))) => Some(why),
                Ok(None) => Some("the seat ended".into()),
                Err(_) => Some("not ready after 60 s".into()),
            };
            let _ = report.send(refused.map(|why| format!("{user}: {why}"))).await;
        });
    }
    drop(report);
    let mut ready = 0;
    while let Some(refused) = reports.recv().await {
        if let Some(why) = refused {
            bail!("a seat could not sign in: {why} (errors so far: {:?})", shared.stats.errors());
        }
        ready += 1;
        progress.seats(ready, scenario.seats);
    }
    Ok(seats)
}

impl Pool {
    fn new(shared: Arc<Shared>, scenario: &Scenario, hurry: watch::Receiver<bool>) -> Self {
        Self {
            shared,
            doors: Vec::new(),
            free: Arc::default(),
            tasks: JoinSet::new(),
            customers_max: scenario.customers,
            visits_max: scenario.visits_per_customer,
            hurry,
            finished: Arc::default(),
        }
    }

    async fn open_loop(
        &mut self,
        arrivals: Arrivals,
        conversations_max: Option<u64>,
        start: Instant,
        until: Instant,
        interrupted: &AtomicBool,
        progress: &Progress,
    ) {
        let total = conversations_max.unwrap_or(u64::MAX);
        progress.begin_timed(until - Instant::now());
        let mut last = start;
        for (number, at) in arrivals.enumerate() {
            let number = number as u64;
            if interrupted.load(Ordering::Relaxed) {
                return;
            }
            if number >= total {
                // It was handed over before it was due.
                sleep_until(last).await;
                return;
            }
            let scheduled = start + at;
            last = scheduled;
            // In steps, so that the bar moves and an interruption is seen at low rates too.
            while Instant::now() + PAGE_OPEN < scheduled {
                let step = Instant::now() + Duration::from_millis(250);
                sleep_until(step.min(scheduled - PAGE_OPEN)).await;
                progress.tick(&self.shared.stats);
                if interrupted.load(Ordering::Relaxed) {
                    return;
                }
            }
            let shared = &self.shared;
            let visit = Visit::new(shared.seed, number, &shared.texts, &shared.manners, None);
            self.shared.stats.arrived();
            let call = Call { visit, scheduled, _turn: None };
            if !self.hand_over(call) {
                self.shared.stats.count(Count::NoFreeCustomer);
            }
        }
        sleep_until(until).await;
    }

    async fn closed_loop(
        &mut self,
        languages: &[usize],
        interrupted: &AtomicBool,
        progress: &Progress,
    ) {
        let turns = Arc::new(Semaphore::new(self.customers_max));
        progress.begin_counted(languages.len() as u64);
        for (number, language) in languages.iter().enumerate() {
            if interrupted.load(Ordering::Relaxed) {
                return;
            }
            let Ok(turn) = turns.clone().acquire_owned().await else { return };
            let shared = &self.shared;
            let visit = Visit::new(
                shared.seed,
                number as u64,
                &shared.texts,
                &shared.manners,
                Some(*language),
            );
            self.shared.stats.arrived();
            let call = Call { visit, scheduled: Instant::now(), _turn: Some(turn) };
            if !self.hand_over(call) {
                self.shared.stats.count(Count::NoFreeCustomer);
            }
            progress.tick(&self.shared.stats);
        }
    }

    /// Gives the conversation to a free customer, a new one if there is room; false when all are
    /// busy.
    fn hand_over(&mut self, call: Call) -> bool {
        let free = lock(&self.free).pop();
        let number = match free {
            Some(number) => number,
            None if self.doors.len() < self.customers_max => self.new_customer(),
            None => return false,
        };
        // The door of a free customer is empty: it holds one call, and the last one has ended.
        self.doors[number].try_send(call).is_ok()
    }

    fn new_customer(&mut self) -> usize {
        let number = self.doors.len();
        let (door, calls) = mpsc::channel(1);
        self.doors.push(door);
        let hurry = self.hurry.clone();
        let (free, finished) = (self.free.clone(), self.finished.clone());
        let done = move || {
            finished.fetch_add(1, Ordering::Relaxed);
            lock(&free).push(number);
        };
        self.tasks.spawn(customer(
            self.shared.clone(),
            number,
            self.visits_max,
            calls,
            hurry,
            done,
        ));
        number
    }

    /// Waits until the last conversation has ended; those that take longer than `drain` are closed.
    async fn finish(
        mut self,
        drain: Duration,
        hurry: &watch::Sender<bool>,
        interrupted: &AtomicBool,
        progress: &Progress,
    ) {
        self.doors.clear();
        let until = Instant::now() + drain;
        while !self.tasks.is_empty() {
            let tick = Instant::now() + Duration::from_millis(250);
            tokio::select! {
                _ = self.tasks.join_next() => continue,
                () = sleep_until(tick) => progress.tick(&self.shared.stats),
            }
            if (Instant::now() >= until || interrupted.load(Ordering::Relaxed)) && !*hurry.borrow()
            {
                progress.phase("ending what is still open");
                let _ = hurry.send(true);
            }
        }
    }
}

/// One customer after another on one connection: a new credential after some visits, or after a
/// conversation that was left open.
async fn customer(
    shared: Arc<Shared>,
    number: usize,
    visits_max: u32,
    mut calls: mpsc::Receiver<Call>,
    mut hurry: watch::Receiver<bool>,
    done: impl Fn(),
) {
    let mut generation = 0_u64;
    let mut link: Option<(Link, u32)> = None;
    loop {
        let call = match &mut link {
            Some((link, _)) => tokio::select! {
                biased;
                call = calls.recv() => call,
                () = link.idle() => continue,
            },
            None => calls.recv().await,
        };
        let Some(call) = call else { return };
        if *hurry.borrow() {
            // Too late to begin: the run is being ended.
            done();
            continue;
        }
        let (mut current, visits) = link.take().unwrap_or_else(|| {
            generation += 1;
            let role = Role::Customer { visitor: None };
            let stream = generation << 20 | number as u64;
            (Link::new(shared.clone(), role, Viewer::Customer(number), stream), 0)
        });
        let ended =
            widget::converse(&mut current, &shared, &call.visit, call.scheduled, &mut hurry).await;
        if ended == Ended::Closed && visits + 1 < visits_max {
            link = Some((current, visits + 1));
        }
        // Free before the turn is given back, so that a closed loop finds a free customer.
        done();
        drop(call);
    }
}

/// Samples how many conversations the seats own.
struct Occupancy {
    task: tokio::task::JoinHandle<()>,
    sum: Arc<AtomicU64>,
    samples: Arc<AtomicU64>,
    slots: u64,
}

impl Occupancy {
    /// Samples from the moment `from` on.
    fn watch(shared: Arc<Shared>, seats: usize, slots: u32, from: Instant) -> Self {
        let (sum, samples) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (adding, counting) = (sum.clone(), samples.clone());
        let task = tokio::spawn(async move {
            sleep_until(from).await;
            loop {
                sleep(Duration::from_millis(200)).await;
                adding.fetch_add(shared.owned().max(0) as u64, Ordering::Relaxed);
                counting.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { task, sum, samples, slots: seats as u64 * u64::from(slots) }
    }

    fn average(self) -> Option<f64> {
        self.task.abort();
        let whole = self.samples.load(Ordering::Relaxed) * self.slots;
        (whole > 0).then(|| self.sum.load(Ordering::Relaxed) as f64 / whole as f64)
    }
}

async fn wait_for_seats(shared: &Shared) {
    let until = Instant::now() + SEATS_FINISH;
    while shared.owned() > 0 && Instant::now() < until {
        sleep(Duration::from_millis(100)).await;
    }
}

async fn verify(shared: &Arc<Shared>, progress: &Progress) -> Verification {
    let conversations = shared.recorder.drain();
    let identities = shared.identities();
    let mut by_customer: BTreeMap<usize, Vec<Uuid>> = BTreeMap::new();
    for (conversation, known) in &conversations {
        if let Some(identity) = known.identity {
            by_customer.entry(identity).or_default().push(*conversation);
        }
    }
    let customers: Vec<_> = by_customer
        .into_iter()
        .map(|(identity, conversations)| (identities[identity].clone(), conversations))
        .collect();
    progress.begin_audit(customers.len() as u64);
    let audits = audit::reread(&shared.target, customers, |done| progress.audited(done)).await;
    sum_up(&conversations, &audits)
}

fn sum_up(conversations: &[(Uuid, Conversation)], audits: &audit::Audits) -> Verification {
    let mut sum = Verification::default();
    for (conversation, known) in conversations {
        // Seen at a seat only: somebody else's customer, on the same server.
        if known.identity.is_none() {
            continue;
        }
        let audit = audits.get(conversation);
        if audit.is_some() {
            sum.audited += 1;
        } else {
            sum.unaudited += 1;
        }
        let verdict = judge(&known.history, audit);
        sum.lost += verdict.lost.len() as u64;
        sum.duplicated += verdict.duplicated;
        sum.out_of_order += verdict.out_of_order;
        sum.altered += verdict.altered.len() as u64;
        for finding in verdict.findings {
            if sum.findings.len() < 20 {
                sum.findings.push(format!("{conversation}: {finding}"));
            }
        }
    }
    sum
}
