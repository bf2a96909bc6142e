//! A simulated world from a seed: a router, its clients, what they do and what happens to them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};
use tradewind::domain::{ConversationId, MessageId, Timestamp};
use tradewind::flow::Dispatch;
use tradewind::metrics::Metrics;
use tradewind::schedule::{SeatView, WaitingView};

use super::client::{self, Client, Order};
use super::disk::{Chance, SimulatedDisk};
use super::door::Door;
use super::engine::Engine;
use super::faults::{Fault, Faults, Plant};
use super::hooks::Hooks;
use super::judge::Judge;
use super::mail::Mail;
use super::model::{SimulatedModel, TEXTS};
use super::owed::Counts;
use super::panics;
use super::process::DiskPace;
use super::restarts::Cut;
use super::setting::{BEGINNING, CUSTOMERS, SEATS, SLOTS, SUPERVISOR, Setting, shop_id};
use super::view::{Sent, View, Who};

/// What clients do and suffer before everything is mended.
const STEPS: usize = 45;
/// Kinds of faults in one world, beside kills.
const KINDS: usize = 9;
/// After its connection a seat keeps its conversations for 20 s; then they are somebody else's.
const GONE_MAX: Duration = Duration::from_secs(30);
/// Once everything is mended, nobody waits longer than this.
const WAIT_MAX: Duration = Duration::from_secs(400);

/// What came of a seed.
pub struct Outcome {
    pub trace: u64,
    pub violations: Vec<String>,
    pub faults: Faults,
    pub frames: u64,
    pub records: usize,
    pub outside: Counts,
    pub log: Vec<String>,
}

pub struct World<'a> {
    pub setting: &'a Setting,
    pub random: SmallRng,
    pub chance: Chance,
    pub judge: Judge,
    pub door: Door,
    pub disk: SimulatedDisk,
    pub pace: DiskPace,
    pub model: Arc<SimulatedModel>,
    pub hooks: Hooks,
    pub mail: Mail,
    pub engine: Engine,
    /// What lies in files of its own beside the simulated disk.
    pub data: TempDir,
    pub metrics: Arc<Metrics>,
    /// What the system clock shows beyond the time that has really passed.
    pub clock_ahead_ms: i64,
    pub clients: Vec<Client>,
    /// How far each client's clock is off.
    pub skew_ms: Vec<i64>,
    pub kinds: Vec<Fault>,
    pub plant: Option<Plant>,
    pub flipped_bits: usize,
    /// A bit has turned over, and the next start may find something missing.
    pub may_lose: bool,
    /// Records that are known to be gone.
    pub missing: BTreeSet<usize>,
    /// What each seat may use since records were lost: with the end of a conversation lost, its owner
    /// has it again, also beside others. `None` before the first look after such a start.
    pub slots_max: Option<BTreeMap<String, u32>>,
    /// The disk has lost what a start needs, and the router says so.
    pub is_over: bool,
    began: Instant,
    /// Panics of the worlds before on this thread.
    panics_before: u64,
    /// How often a process has started.
    pub starts: usize,
    /// When the process started, by its own clock.
    pub started_at: Timestamp,
    /// Since when a seat that is gone should have nothing any more.
    pub overdue_since: BTreeMap<String, Instant>,
}

/// Lives through a seed on a clock that stands still while anybody has something to do.
pub fn run(setting: &Setting, seed: u64, log: bool, plant: Option<Plant>) -> Outcome {
    panics::count_them();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let mut world = World::new(setting, seed, log, plant).await;
        for _ in 0..STEPS {
            world.step().await;
            if world.is_over || !world.judge.state().violations.is_empty() {
                break;
            }
        }
        world.end().await
    })
}

impl<'a> World<'a> {
    async fn new(setting: &'a Setting, seed: u64, log: bool, plant: Option<Plant>) -> Self {
        let mut random = SmallRng::seed_from_u64(seed);
        let judge = Judge::new(log);
        let door = Door::new(judge.clone());
        let customers = CUSTOMERS.iter().flat_map(|name| {
            // Two of them have two pages open.
            let pages = if *name < "c" { 2 } else { 1 };
            (0..pages).map(|page| (Who::Customer(name), page))
        });
        let seats = SEATS.iter().map(|name| (Who::Seat(name), 0));
        let clients: Vec<_> = customers
            .chain(seats)
            .map(|(who, number)| {
                let (Who::Customer(name) | Who::Seat(name)) = who;
                let token = setting.tokens[name].clone();
                let view = View::new(who, number, plant, judge.clone());
                client::start(view, token, random.random(), door.clone(), judge.clone())
            })
            .collect();
        let mut kinds = Fault::OWN.to_vec();
        kinds.shuffle(&mut random);
        kinds.truncate(KINDS);
        let mut world = Self {
            setting,
            chance: Chance(random.random()),
            hooks: Hooks::new(random.random(), plant, judge.clone()),
            mail: Mail::new(random.random(), plant, judge.clone()),
            engine: Engine::new(random.random(), judge.clone()),
            data: tempfile::tempdir().expect("a folder"),
            judge,
            door,
            disk: SimulatedDisk::new(),
            pace: DiskPace::new(random.random()),
            model: SimulatedModel::new(random.random()),
            metrics: Arc::new(Metrics::new().expect("metrics")),
            clock_ahead_ms: 0,
            skew_ms: vec![0; clients.len()],
            clients,
            kinds,
            plant,
            flipped_bits: 0,
            may_lose: false,
            missing: BTreeSet::new(),
            slots_max: Some(BTreeMap::new()),
            is_over: false,
            began: Instant::now(),
            panics_before: panics::so_far(),
            starts: 0,
            started_at: BEGINNING,
            overdue_since: BTreeMap::new(),
            random,
        };
        world.start().await;
        world
    }

    /// What the system clock shows.
    pub fn wall(&self) -> Timestamp {
        let passed = u64::try_from(self.began.elapsed().as_millis()).expect("not for ever");
        let millis = (BEGINNING.as_millis() + passed).saturating_add_signed(self.clock_ahead_ms);
        Timestamp::from_millis(millis)
    }

    async fn step(&mut self) {
        if self.disk.is_off() {
            self.restart(Cut::Torn, false).await;
        }
        match self.random.random_range(0..100) {
            0..33 => self.customer_says(),
            33..38 => {
                self.somebody_is_written_to();
            }
            38..46 => self.customer_acts(),
            46..62 => self.seat_says(),
            62..69 => self.seat_acts(),
            69..73 => self.supervisor_acts(),
            73..76 => self.somebody_leaves(),
            76 => self.restart(Cut::Drain, false).await,
            _ => self.something_fails().await,
        }
        let pause_ms = [3, 20, 200, 200, 1_000, 1_000, 3_000, 9_000];
        let pause_ms = *pause_ms.choose(&mut self.random).expect("not empty");
        sleep(Duration::from_millis(pause_ms)).await;
        self.look().await;
    }

    pub fn any_client(&mut self, is_wanted: impl Fn(Who) -> bool) -> usize {
        let clients = self.clients.iter().enumerate();
        let wanted: Vec<_> =
            clients.filter(|(_, client)| is_wanted(client.view().who)).map(|(at, _)| at).collect();
        *wanted.choose(&mut self.random).expect("there are customers and seats")
    }

    fn any_customer(&mut self) -> usize {
        self.any_client(|who| matches!(who, Who::Customer(_)))
    }

    fn any_seat(&mut self) -> usize {
        self.any_client(|who| matches!(who, Who::Seat(_)))
    }

    /// One of the conversations that a client holds.
    fn held(&mut self, client: usize) -> Option<ConversationId> {
        let held: Vec<_> = self.clients[client].view().last.keys().copied().collect();
        held.choose(&mut self.random).copied()
    }

    /// A fresh message of a client, with an id by the client's own clock.
    pub fn message(&mut self, client: usize, conversation: Option<ConversationId>) -> Sent {
        let millis = self.wall().as_millis().saturating_add_signed(self.skew_ms[client]);
        let id = uuid::Builder::from_unix_timestamp_millis(millis, &self.random.random());
        let (text, ..) = TEXTS.choose(&mut self.random).expect("not empty");
        let who = self.clients[client].view().who;
        let text = match (self.random.random_range(0..6), who) {
            (0 | 1, _) => (*text).to_owned(),
            (2, Who::Customer(name)) => format!("{text} {name}@example.org"),
            _ => format!("{text} {}", self.random.random_range(0..1_000)),
        };
        let id = MessageId::from_uuid(id.into_uuid());
        Sent { id, conversation, text, is_settled: false }
    }

    fn customer_says(&mut self) {
        let at = self.any_customer();
        for _ in 0..self.random.random_range(1..4) {
            let sent = self.message(at, None);
            self.clients[at].order(Order::Say(sent, 1));
        }
    }

    /// A customer leaves an address and then the page, and is answered; not if the seat that was chosen has
    /// nobody to answer.
    pub fn somebody_is_written_to(&mut self) -> bool {
        let seat = self.any_seat();
        let Some(conversation) = self.held(seat) else { return false };
        let customer = self.judge.state().story.customer(conversation);
        for at in 0..self.clients.len() {
            let Who::Customer(name) = self.clients[at].view().who else { continue };
            if customer.as_deref() == Some(name) {
                let mut sent = self.message(at, None);
                sent.text = format!("{name}@example.org");
                self.clients[at].order(Order::Say(sent, 1));
                let pause = Duration::from_millis(self.random.random_range(2_000..40_000));
                self.clients[at].order(Order::Leave(pause));
            }
        }
        for _ in 0..self.random.random_range(1..4) {
            let answer = self.message(seat, Some(conversation));
            let wait = Duration::from_millis(self.random.random_range(200..6_000));
            let orders = self.clients[seat].orders.clone();
            tokio::spawn(async move {
                sleep(wait).await;
                orders.send(Order::Say(answer, 1)).expect("the client is there to the end");
            });
        }
        true
    }

    fn customer_acts(&mut self) {
        let at = self.any_customer();
        let Some(conversation) = self.held(at) else { return };
        let id = conversation.to_string();
        let frame = match self.random.random_range(0..6) {
            0 => json!({"type": "person", "conversation": id}),
            1 => {
                *self.judge.state().rates_sent.entry(conversation).or_default() += 1;
                json!({"type": "rate", "conversation": id, "score": 4})
            }
            2 => json!({"type": "close", "conversation": id}),
            3 => json!({"type": "received", "conversation": id, "seq": 1}),
            _ => json!({"type": "typing", "conversation": id}),
        };
        self.clients[at].order(Order::Act(frame));
    }

    fn seat_says(&mut self) {
        let at = self.any_seat();
        if let Some(conversation) = self.held(at) {
            let sent = self.message(at, Some(conversation));
            self.clients[at].order(Order::Say(sent, 1));
        }
    }

    fn seat_acts(&mut self) {
        let at = self.any_seat();
        let Some(conversation) = self.held(at) else { return };
        let id = conversation.to_string();
        let to = *SEATS.choose(&mut self.random).expect("not empty");
        let frame = match self.random.random_range(0..6) {
            0 | 1 => json!({"type": "close", "conversation": id}),
            2 => json!({"type": "transfer", "conversation": id, "to": {"seat": to}}),
            3 => json!({"type": "transfer", "conversation": id, "to": {"skill": "orders"}}),
            4 => json!({"type": "note", "conversation": id, "text": "cliente antiguo"}),
            _ => json!({"type": "state", "state": "ready"}),
        };
        self.clients[at].order(Order::Act(frame));
    }

    /// A supervisor gives any conversation to any seat, whether or not that can be.
    fn supervisor_acts(&mut self) {
        let at = self.any_client(|who| who == Who::Seat(SUPERVISOR));
        let open = self.judge.state().story.open();
        let Some(conversation) = open.choose(&mut self.random) else { return };
        let id = conversation.to_string();
        let seat = *SEATS.choose(&mut self.random).expect("not empty");
        let frame = match self.random.random_range(0..5) {
            0 => json!({"type": "close", "conversation": id}),
            1 => json!({"type": "take_over", "conversation": id}),
            _ => json!({"type": "assign", "conversation": id, "seat": seat}),
        };
        self.clients[at].order(Order::Act(frame));
    }

    fn somebody_leaves(&mut self) {
        let at = self.any_client(|_| true);
        let pause = Duration::from_millis(self.random.random_range(10..30_000));
        self.clients[at].order(Order::Leave(pause));
    }

    /// What the scheduler says; `None` when it does not answer at once.
    async fn scheduled(&self) -> Option<(Vec<WaitingView>, Vec<SeatView>)> {
        let (reply, answer) = oneshot::channel();
        {
            let process = self.door.process();
            let dispatcher = &process.as_ref()?.gateway.dispatcher;
            let asked_at = Instant::now().into_std();
            dispatcher.tell(Dispatch::View(shop_id(), reply), asked_at);
        }
        timeout(Duration::from_millis(2), answer).await.ok()?.ok()
    }

    /// Holds the promises that can be looked at from outside, after every step. The others are held
    /// as frames and records pass.
    async fn look(&mut self) {
        let has_lost_a_task = self.door.process().as_ref().is_some_and(|it| it.has_lost_a_task());
        self.judge.expect(!has_lost_a_task, || "a task of the router has ended".to_owned());
        let Some((_, seats)) = self.scheduled().await else {
            self.overdue_since.clear();
            return;
        };
        let now = self.door.process().as_ref().map(|process| process.gateway.clock.now());
        let now = now.unwrap_or_default();
        let mut owners: BTreeMap<ConversationId, &str> = BTreeMap::new();
        for seat in &seats {
            for conversation in &seat.conversations {
                if let Some(other) = owners.insert(*conversation, seat.seat.as_str()) {
                    self.judge.violation(format!("{conversation}: {other} beside {}", seat.seat));
                }
            }
            self.look_after(seat, now);
        }
        self.look_at_slots(&seats);
    }

    /// No seat gets more than fits, nor anything at all while it has more.
    fn look_at_slots(&mut self, seats: &[SeatView]) {
        let known = self.slots_max.take();
        let slots_max = seats.iter().map(|seat| {
            let used = seat.assigned + seat.offered + seat.wrapping_up;
            let most = match &known {
                Some(most) => most.get(seat.seat.as_str()).copied().unwrap_or(SLOTS),
                None if seat.offered == 0 => used.max(SLOTS),
                None => SLOTS,
            };
            self.judge.expect(used <= most, || {
                format!("{} has {used} of {most} slots in use", seat.seat)
            });
            (seat.seat.to_string(), used.clamp(SLOTS, most))
        });
        self.slots_max = Some(slots_max.collect());
    }

    /// What a seat that is gone owns is soon somebody else's.
    fn look_after(&mut self, seat: &SeatView, now: Timestamp) {
        let name = seat.seat.to_string();
        let left_at = self.judge.state().story.left_at(&name);
        // After a start a seat has as long to come back as after its connection.
        let since = left_at.map(|left_at| left_at.max(self.started_at));
        let is_overdue = since.is_some_and(|since| now.since(since) > GONE_MAX);
        if seat.state.is_some() || seat.conversations.is_empty() || !is_overdue {
            self.overdue_since.remove(&name);
            return;
        }
        // A process that was paused finds a timer that is long due.
        let since = *self.overdue_since.entry(name).or_insert_with(Instant::now);
        self.judge.expect(since.elapsed() <= Duration::from_secs(2), || {
            format!("{} is gone and owns {:?}", seat.seat, seat.conversations)
        });
    }

    /// Mends everything, lets everybody finish, and looks whether all is there.
    async fn end(mut self) -> Outcome {
        if !self.is_over && self.judge.state().violations.is_empty() {
            self.mend().await;
        }
        if !self.is_over && self.judge.state().violations.is_empty() {
            if let Some(unfinished) = self.finish().await {
                self.judge.violation(format!("although all is well, {unfinished}"));
            }
            self.compare();
        }
        let process = self.door.process().take();
        if let Some(process) = process {
            let panics = process.kill().await;
            self.judge.expect(panics == 0, || format!("{panics} tasks have panicked"));
        }
        let broken = "tradewind_schedule_promises_broken_total";
        let text = self.metrics.render();
        let broken = text.lines().find(|line| line.starts_with(broken)).map(str::to_owned);
        self.judge.expect(broken.as_ref().is_some_and(|line| line.ends_with(" 0")), || {
            format!("the scheduler's own audit: {broken:?}")
        });
        // Tasks that others wait for hide that they panicked.
        let panics = panics::so_far() - self.panics_before;
        self.judge.expect(panics == 0, || format!("there were {panics} panics"));
        let counted = |result: &str| {
            let name = format!("tradewind_outward_webhooks_total{{result=\"{result}\"}} ");
            let counted = text.lines().find_map(|line| line.strip_prefix(&name));
            counted.unwrap_or("0").to_owned()
        };
        let panicked = counted("panicked");
        self.judge.expect(panicked == "0", || format!("{panicked} calls of hooks have panicked"));
        // A process that ends may have written one that it has not counted, and the other way round.
        let given_up = self.judge.state().story.owed.counts.given_up.to_string();
        let said = counted("given_up");
        self.judge.expect(self.starts > 1 || said == given_up, || {
            format!("{given_up} webhooks were given up and {said} counted")
        });
        let trace = self.judge.trace();
        let mut state = self.judge.state();
        Outcome {
            trace,
            violations: std::mem::take(&mut state.violations),
            faults: state.faults.clone(),
            frames: state.frames,
            records: state.story.len(),
            outside: state.story.owed.counts,
            log: state.log.take().unwrap_or_default(),
        }
    }

    /// Seats end what they hold until nobody waits and nothing is unanswered; gives what does not end.
    async fn finish(&mut self) -> Option<String> {
        let mended = Instant::now();
        let mut quiet_for = 0;
        loop {
            sleep(Duration::from_secs(5)).await;
            self.look().await;
            self.seats_end_what_they_hold();
            let unfinished = self.unfinished().await;
            quiet_for = if unfinished.is_none() { quiet_for + 1 } else { 0 };
            if quiet_for == 4 || mended.elapsed() > WAIT_MAX {
                return unfinished;
            }
        }
    }

    fn seats_end_what_they_hold(&self) {
        for client in &self.clients {
            let view = client.view();
            if !matches!(view.who, Who::Seat(_)) {
                continue;
            }
            for conversation in view.last.keys() {
                let frame = json!({"type": "close", "conversation": conversation.to_string()});
                client.order(Order::Act(frame));
            }
        }
    }

    async fn unfinished(&self) -> Option<String> {
        let Some((waiting, seats)) = self.scheduled().await else {
            return Some("the scheduler does not answer".to_owned());
        };
        if let Some(waiting) = waiting.first() {
            return Some(format!("{waiting:?} beside {seats:?}"));
        }
        if let Some(seat) = seats.iter().find(|seat| !seat.conversations.is_empty()) {
            return Some(format!("{seat:?} owns something"));
        }
        let unsettled = {
            let state = self.judge.state();
            state.story.owed.unsettled().or_else(|| state.story.untranslated())
        };
        if unsettled.is_some() {
            return unsettled;
        }
        self.clients.iter().find_map(|client| {
            let view = client.view();
            let unsettled = view.unsettled();
            let is_well = view.is_connected && unsettled.is_empty();
            (!is_well).then(|| format!("{} waits for {unsettled:?}", view.name))
        })
    }

    /// Every page of a customer has everything that the disk has, and nothing happened twice.
    fn compare(&self) {
        for client in &self.clients {
            let (who, name, last) = {
                let view = client.view();
                (view.who, view.name.clone(), view.last.clone())
            };
            let Who::Customer(customer) = who else { continue };
            let told = self.judge.state().story.of(customer);
            for (conversation, epoch, seq) in told {
                let Some(seq) = seq else { continue };
                let held = last.get(&conversation).copied();
                let is_there = held == Some((epoch, seq)) || self.door.has_aged(conversation);
                self.judge.expect(is_there, || {
                    format!("{name} has {held:?} of {conversation}, the disk {:?}", (epoch, seq))
                });
            }
        }
        let rates_sent = self.judge.state().rates_sent.clone();
        for (conversation, sent) in rates_sent {
            let rated = self.judge.state().story.rated(conversation);
            self.judge.expect(rated <= sent, || {
                format!("{conversation} was rated {sent} times and has {rated} ratings")
            });
        }
    }
}
