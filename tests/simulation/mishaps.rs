//! The faults, put into a world; and mending them.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use tokio::time::sleep;
use tradewind::app::StartError;
use tradewind::domain::{Event, EventKind, MessageId};
use tradewind::flow::{Fact, Record};
use tradewind::journal::{Batch, open_stepped};

use super::client::Order;
use super::disk::SimulatedDisk;
use super::faults::{Fault, Plant};
use super::model::Health;
use super::network::Way;
use super::process::{Process, Start, options};
use super::view::Who;
use super::world::World;

const HOUR_MS: i64 = 60 * 60_000;
/// How far the system clock is off at most.
const CLOCK_AHEAD_MS_MAX: i64 = 12 * HOUR_MS;
/// The number of the scheduler's task.
const SCHEDULER: usize = 1;
/// Bits of one disk that turn over.
const FLIPS_MAX: usize = 2;
/// Starts that are tried while the disk cannot be read.
const TRIES: usize = 4;

/// What is left of the disk when a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The process is asked to end, and finishes what it has taken.
    Drain,
    /// The operating system goes on and has everything that was written.
    Kill,
    /// The power goes: of what was not synced any part is there.
    Torn,
    /// The power goes: nothing is there that was not synced.
    Lost,
}

impl World<'_> {
    /// One of the faults of this world, or a kill, which every world has.
    pub async fn something_fails(&mut self) {
        let fault = match self.random.random_range(0..8) {
            0 => Fault::Kill,
            _ => *self.kinds.choose(&mut self.random).expect("not empty"),
        };
        if self.inject(fault).await {
            self.judge.fault(fault);
        }
    }

    fn some_ms(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(self.random.random_range(least..=most))
    }

    /// Whether it could happen.
    async fn inject(&mut self, fault: Fault) -> bool {
        match fault {
            Fault::NetDelay
            | Fault::NetReorder
            | Fault::NetDrop
            | Fault::NetDuplicate
            | Fault::PartitionOneWay
            | Fault::PartitionBothWays
            | Fault::HalfOpen
            | Fault::Reset => return self.net_fails(fault),
            Fault::SeatVanishes => return self.seat_vanishes(),
            Fault::DiskSlow | Fault::WriteError | Fault::SyncError | Fault::DiskFull => {
                self.disk_fails(fault);
            }
            Fault::TornWrite => {
                self.disk.cut_power_after(self.random.random_range(1..6));
                // Somebody has to write for it to happen.
                for _ in 0..100 {
                    if self.disk.is_off() {
                        break;
                    }
                    sleep(Duration::from_millis(20)).await;
                }
                self.restart(Cut::Torn, false).await;
            }
            Fault::LostUnsynced => self.restart(Cut::Lost, false).await,
            Fault::Kill => self.restart(Cut::Kill, false).await,
            Fault::ReadError => return self.cannot_be_read().await,
            Fault::BitFlip => return self.bit_flips().await,
            Fault::Pause | Fault::SlowTask => return self.process_hangs(fault),
            Fault::ClockForward | Fault::ClockBack => return self.clock_is_set(fault).await,
            Fault::ClockSkew => {
                let at = self.any_client(|_| true);
                self.skew_ms[at] = self.random.random_range(-HOUR_MS..HOUR_MS);
            }
            Fault::ModelFails => {
                let ways = [Health::Silent, Health::Raving, Health::Full, Health::Unsure];
                self.model.set(*ways.choose(&mut self.random).expect("not empty"));
                let (model, lasts) = (self.model.clone(), self.some_ms(1_000, 30_000));
                tokio::spawn(async move {
                    sleep(lasts).await;
                    model.set(Health::Well);
                });
            }
        }
        true
    }

    fn net_fails(&mut self, fault: Fault) -> bool {
        let at = self.any_client(|_| true);
        let route = self.clients[at].route.clone();
        if !route.is_used() {
            return false;
        }
        let way = *[Way::Up, Way::Down].choose(&mut self.random).expect("not empty");
        let both = [Way::Up, Way::Down];
        let lasts = self.some_ms(100, 30_000);
        match fault {
            Fault::NetDelay => {
                route.slow_down(self.some_ms(300, 6_000));
                tokio::spawn(async move {
                    sleep(lasts).await;
                    route.usual_speed();
                });
            }
            Fault::NetReorder => {
                let is_customer = matches!(self.clients[at].view().who, Who::Customer(_));
                let sent = is_customer.then(|| self.message(at, None));
                self.clients[at].order(Order::Overtake(sent));
            }
            Fault::NetDuplicate => {
                let conversation = self.clients[at].view().last.keys().next().copied();
                let who = self.clients[at].view().who;
                let sent = match (who, conversation) {
                    (Who::Customer(_), _) => self.message(at, None),
                    (Who::Seat(_), Some(id)) => self.message(at, Some(id)),
                    (Who::Seat(_), None) => return false,
                };
                self.clients[at].order(Order::Say(sent, 2));
            }
            Fault::NetDrop => {
                route.swallow(&[way]);
                let until = self.some_ms(10, 3_000);
                tokio::spawn(async move {
                    sleep(until).await;
                    route.reset();
                });
            }
            Fault::PartitionOneWay | Fault::PartitionBothWays => {
                let ways = if fault == Fault::PartitionOneWay { vec![way] } else { both.into() };
                route.block(&ways, true);
                tokio::spawn(async move {
                    sleep(lasts).await;
                    route.block(&ways, false);
                });
            }
            Fault::HalfOpen => route.swallow(&both),
            _ => route.reset(),
        }
        true
    }

    /// Somebody sets the system clock; a router looks at it when it starts. A clock that was a day
    /// ahead is believed, so no step is longer than that.
    async fn clock_is_set(&mut self, fault: Fault) -> bool {
        let to = match fault {
            Fault::ClockForward => self.clock_ahead_ms..CLOCK_AHEAD_MS_MAX,
            _ => -CLOCK_AHEAD_MS_MAX..self.clock_ahead_ms,
        };
        if to.is_empty() {
            return false;
        }
        self.clock_ahead_ms = self.random.random_range(to);
        self.restart(Cut::Kill, false).await;
        true
    }

    /// A seat that owns something is gone, and nobody is told.
    fn seat_vanishes(&mut self) -> bool {
        let owners: Vec<_> = (0..self.clients.len())
            .filter(|at| {
                let view = self.clients[*at].view();
                matches!(view.who, Who::Seat(_)) && !view.last.is_empty()
            })
            .collect();
        let Some(at) = owners.choose(&mut self.random).copied() else { return false };
        let pause = self.some_ms(15_000, 90_000);
        self.clients[at].route.swallow(&[Way::Up, Way::Down]);
        self.clients[at].order(Order::Leave(pause));
        true
    }

    fn disk_fails(&mut self, fault: Fault) {
        let lasts = self.some_ms(500, 20_000);
        match fault {
            Fault::DiskSlow => {
                self.pace.slow_down(self.random.random_range(100..2_500));
                let pace = self.pace.clone();
                tokio::spawn(async move {
                    sleep(lasts).await;
                    pace.usual();
                });
            }
            Fault::WriteError => self.disk.fail_writes(self.random.random_range(1..6)),
            Fault::SyncError => self.disk.fail_syncs(self.random.random_range(1..4)),
            _ => {
                self.disk.limit_capacity(Some(self.disk.used_bytes()));
                let disk = self.disk.clone();
                tokio::spawn(async move {
                    sleep(lasts).await;
                    disk.limit_capacity(None);
                });
            }
        }
    }

    /// The process stands still, or one of its tasks does.
    fn process_hangs(&mut self, fault: Fault) -> bool {
        let (pause, moment) = (self.some_ms(1_000, 60_000), self.some_ms(50, 8_000));
        let process = self.door.process();
        let Some(process) = process.as_ref() else { return false };
        let gate = process.gate.clone();
        let task = self.random.random_range(0..process.lasting);
        if fault == Fault::Pause {
            gate.pause(true);
            tokio::spawn(async move {
                sleep(pause).await;
                gate.pause(false);
            });
        } else {
            gate.hold(task, true);
            tokio::spawn(async move {
                sleep(moment).await;
                gate.hold(task, false);
            });
        }
        true
    }

    /// The process ends and comes back a little later.
    pub async fn restart(&mut self, cut: Cut, flips_a_bit: bool) {
        self.stop(cut).await;
        if flips_a_bit {
            self.flip();
        }
        if cut == Cut::Torn && self.random.random_range(0..3) == 0 {
            // It goes again, while the start repairs what the first cut left or soon after.
            self.disk.cut_power_after(self.random.random_range(1..40));
        }
        sleep(self.some_ms(10, 4_000)).await;
        self.start().await;
    }

    async fn stop(&mut self, cut: Cut) {
        let process = self.door.process().take();
        if let Some(process) = process {
            if cut == Cut::Drain {
                process.drain();
                sleep(self.some_ms(1, 500)).await;
            }
            let panics = process.kill().await;
            self.judge.expect(panics == 0, || format!("{panics} tasks have panicked"));
        }
        self.judge.note("end", &format!("{cut:?}"));
        match cut {
            Cut::Drain | Cut::Kill => {}
            Cut::Torn => self.disk = self.disk.after_power_cut(&mut self.chance),
            Cut::Lost => self.disk = self.disk.after_losing_unsynced(),
        }
    }

    fn some_file(&mut self) -> Option<String> {
        let kept = |name: &String| name.ends_with(".journal") || name.ends_with(".snapshot");
        let names: Vec<_> = self.disk.names().into_iter().filter(kept).collect();
        names.choose(&mut self.random).cloned()
    }

    /// A bit of the very last commit is left alone: that one looks like an interrupted commit, which
    /// the journal says of itself.
    fn flip(&mut self) {
        for _ in 0..10 {
            let Some(name) = self.some_file() else { return };
            let Some(bit) = self.disk.some_bit(&name, &mut self.chance) else { continue };
            self.disk.flip_bit(&name, bit);
            let read = read_journal(&self.disk.copy());
            let goes_unnoticed = read.is_some_and(|(found, is_damaged)| {
                let is_whole = self.judge.state().snapshots == 0;
                let missing = self.judge.state().story.compare(&found, is_whole).missing;
                !is_damaged && !missing.is_empty()
            });
            if !goes_unnoticed {
                self.flipped_bits += 1;
                self.may_lose = true;
                return;
            }
            self.disk.flip_bit(&name, bit);
        }
    }

    async fn bit_flips(&mut self) -> bool {
        let before = self.flipped_bits;
        if before == FLIPS_MAX {
            return false;
        }
        self.restart(Cut::Kill, true).await;
        self.flipped_bits > before
    }

    /// A file cannot be read for as long as a start or two last.
    async fn cannot_be_read(&mut self) -> bool {
        self.stop(Cut::Kill).await;
        let Some(name) = self.some_file() else {
            self.start().await;
            return false;
        };
        self.disk.fail_reads_of(Some(&name));
        self.start().await;
        self.disk.fail_reads_of(None);
        true
    }

    /// Starts the router on what the disk has, as often as it takes.
    pub async fn start(&mut self) {
        let mut refused = String::new();
        for tries in 0..2 * TRIES {
            if tries == TRIES {
                self.heal_disk();
            }
            if self.disk.is_off() {
                // The power went during the start before.
                self.disk = self.disk.after_power_cut(&mut self.chance);
            }
            match self.try_to_start().await {
                Ok(()) => return,
                // Two flipped bits can take both snapshots: then it is right not to start.
                Err(Some(StartError::StateLost { .. })) if self.flipped_bits > 1 => {
                    self.judge.note("state lost", "");
                    self.is_over = true;
                    return;
                }
                Err(Some(error)) => refused = error.to_string(),
                Err(None) => "the journal cannot be read".clone_into(&mut refused),
            }
            self.judge.note("start refused", &refused);
            sleep(Duration::from_secs(1)).await;
        }
        self.judge.violation(format!("no start on a well disk: {refused}"));
    }

    async fn try_to_start(&mut self) -> Result<(), Option<StartError>> {
        self.plant_into_disk().await;
        let (found, is_damaged) = read_journal(&self.disk).ok_or(None)?;
        // Behind a snapshot what is older may be gone; where there is damage it counts as lost.
        let is_whole = is_damaged || self.judge.state().snapshots == 0;
        let found = self.judge.state().story.compare(&found, is_whole);
        let start = Start {
            wall: self.wall(),
            seed: self.random.random(),
            pace: self.pace.clone(),
            model: self.model.clone(),
            metrics: self.metrics.clone(),
            judge: self.judge.clone(),
        };
        let process = Process::start(&self.disk, self.setting, start).await.map_err(Some)?;
        self.judge.note("start", "");
        let may_lose = self.recovers_wrongly() || is_damaged && std::mem::take(&mut self.may_lose);
        let lost_now = found.missing.difference(&self.missing).count();
        self.judge.expect(may_lose || lost_now == 0, || {
            format!("{lost_now} records are lost, and nobody is told")
        });
        if !self.recovers_wrongly() {
            self.judge.state().believe(&found);
            self.missing = found.missing;
        }
        self.overdue_since.clear();
        self.started_at = process.gateway.clock.now();
        *self.door.process() = Some(process);
        Ok(())
    }

    /// Mistakes of a recovery are found by what clients see, not by a look at the disk.
    fn recovers_wrongly(&self) -> bool {
        matches!(self.plant, Some(Plant::CutsTooMuch | Plant::ForgetsIds))
    }

    /// What a wrong disk or a wrong recovery makes of what was written.
    async fn plant_into_disk(&mut self) {
        match self.plant {
            Some(Plant::SyncsNothing) => self.disk.lie(),
            Some(Plant::CutsTooMuch) => {
                self.rewrite(|records| drop(records.pop())).await;
            }
            Some(Plant::ForgetsIds) => {
                let mut random = SmallRng::seed_from_u64(self.random.random());
                self.rewrite(|records| {
                    records.iter_mut().for_each(|payload| forget_ids(payload, &mut random));
                })
                .await;
            }
            _ => {}
        }
    }

    /// Puts another journal in the place of the one that there is.
    async fn rewrite(&mut self, edit: impl FnOnce(&mut Vec<Vec<u8>>)) {
        let Some((mut records, _)) = read_journal(&self.disk) else { return };
        edit(&mut records);
        let disk = SimulatedDisk::new();
        let opened = open_stepped(Arc::new(disk.clone()), options());
        let (journal, _, mut steps) = opened.expect("an empty disk");
        for payload in records {
            let batch = Batch::of(&payload).expect("it was in a journal");
            let receipt = journal.try_enqueue(batch).expect("nothing else waits");
            assert!(steps.wait().await, "something waits");
            steps.step(&mut |_| {});
            receipt.await.expect("the disk is well");
        }
        self.disk = disk;
    }

    fn heal_disk(&self) {
        self.disk.fail_reads_of(None);
        self.disk.fail_writes(0);
        self.disk.fail_syncs(0);
        self.disk.limit_capacity(None);
        self.pace.usual();
    }

    /// Ends every fault.
    pub async fn mend(&mut self) {
        self.judge.note("mended", "");
        self.heal_disk();
        while self.disk.is_off() {
            self.restart(Cut::Torn, false).await;
        }
        self.disk.keep_power();
        self.model.set(Health::Well);
        if let Some(process) = self.door.process().as_ref() {
            process.gate.open();
            if self.plant == Some(Plant::StopsScheduler) {
                process.gate.hold(SCHEDULER, true);
            }
        }
        for client in &self.clients {
            client.route.usual_speed();
            client.route.block(&[Way::Up, Way::Down], false);
            client.route.reset();
        }
    }
}

/// What a start finds, and whether it is told that something is missing; `None` when it cannot be
/// read.
fn read_journal(disk: &SimulatedDisk) -> Option<(Vec<Vec<u8>>, bool)> {
    let opened = open_stepped(Arc::new(disk.clone()), options());
    let Ok((journal, mut replay, _steps)) = opened else { return None };
    let found = replay.by_ref().filter_map(Result::ok).map(|(_, payload)| payload).collect();
    let mut is_damaged = replay.summary().damaged_total > 0;
    // A snapshot that cannot be read makes the start go back to the one before it.
    if let Ok(ids) = journal.snapshots().list() {
        is_damaged |= ids.iter().any(|id| journal.snapshots().open(*id).is_err());
    }
    Some((found, is_damaged))
}

/// Gives the messages of a record other ids.
fn forget_ids(payload: &mut Vec<u8>, random: &mut SmallRng) {
    let Ok(mut record) = Record::decode(payload) else { return };
    for fact in &mut record.facts {
        if let Fact::Event(Event { kind: EventKind::Message { id, .. }, .. }) = fact {
            *id =
                MessageId::from_uuid(uuid::Builder::from_random_bytes(random.random()).into_uuid());
        }
    }
    *payload = record.encode();
}
