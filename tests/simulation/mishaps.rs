//! The faults, put into a world; and mending them.

use std::time::Duration;

use rand::RngExt;
use rand::seq::IndexedRandom;
use tokio::time::sleep;

use super::client::Order;
use super::engine::EngineHealth;
use super::faults::{Fault, Plant};
use super::hooks::HookHealth;
use super::mail::MailHealth;
use super::model::Health;
use super::network::Way;
use super::restarts::{Cut, read_journal};
use super::setting::HOOKS;
use super::view::Who;
use super::world::World;

const HOUR_MS: i64 = 60 * 60_000;
/// How far the system clock is off at most.
const CLOCK_AHEAD_MS_MAX: i64 = 12 * HOUR_MS;
/// The number of the scheduler's task.
const SCHEDULER: usize = 1;
/// Seats among which one is looked for that has somebody to write to.
const WRITERS_SOUGHT: usize = 8;
/// Bits of one disk that turn over.
const FLIPS_MAX: usize = 2;

impl World<'_> {
    /// One of the faults of this world, or a kill, which every world has.
    pub async fn something_fails(&mut self) {
        let fault = match self.random.random_range(0..10) {
            0 => Fault::Kill,
            1..=3 => *Fault::PARTNERS.choose(&mut self.random).expect("not empty"),
            _ => *self.kinds.choose(&mut self.random).expect("not empty"),
        };
        if self.inject(fault).await {
            self.judge.fault(fault);
        }
    }

    pub fn some_ms(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(self.random.random_range(least..=most))
    }

    /// Whether it has happened.
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
            Fault::HookRefuses => self.hook_fails(HookHealth::Refuses),
            Fault::HookGone => self.hook_fails(HookHealth::Gone),
            Fault::HookFails => self.hook_fails(HookHealth::Fails),
            Fault::HookSlow => self.hook_fails(HookHealth::Slow),
            Fault::HookSilent => self.hook_fails(HookHealth::Silent),
            Fault::HookCutsBefore => self.hook_fails(HookHealth::CutsBefore),
            Fault::HookCutsAfter => self.hook_fails(HookHealth::CutsAfter),
            Fault::MailAway => self.mail_fails(MailHealth::Away),
            Fault::MailBusy => self.mail_fails(MailHealth::Busy),
            Fault::MailRefuses => self.mail_fails(MailHealth::Refuses),
            Fault::MailCuts => self.mail_fails(MailHealth::Cuts),
            Fault::MailHangs => self.mail_fails(MailHealth::Hangs),
            Fault::EngineSlow => self.engine_fails(EngineHealth::Slow),
            Fault::EngineSilent => self.engine_fails(EngineHealth::Silent),
            Fault::EngineFails => self.engine_fails(EngineHealth::Fails),
            Fault::EngineRaves => self.engine_fails(EngineHealth::Raving),
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
        // What a partner does wrong happens when it is called.
        !Fault::PARTNERS.contains(&fault)
    }

    /// One of the shop's own systems is not well for a while, at times for longer than it is called.
    fn hook_fails(&mut self, health: HookHealth) {
        let at = self.random.random_range(0..HOOKS.len());
        self.hooks.set(at, health);
        let (hooks, lasts) = (self.hooks.clone(), self.some_ms(500, 150_000));
        tokio::spawn(async move {
            sleep(lasts).await;
            hooks.set(at, HookHealth::Well);
        });
    }

    fn mail_fails(&mut self, health: MailHealth) {
        self.mail.set(health);
        // Letters are rare: somebody has to be written to for it to be met.
        for _ in 0..WRITERS_SOUGHT {
            if self.somebody_is_written_to() {
                break;
            }
        }
        let (mail, lasts) = (self.mail.clone(), self.some_ms(500, 150_000));
        tokio::spawn(async move {
            sleep(lasts).await;
            mail.heal();
        });
    }

    fn engine_fails(&mut self, health: EngineHealth) {
        self.engine.set(health);
        let (engine, lasts) = (self.engine.clone(), self.some_ms(500, 150_000));
        tokio::spawn(async move {
            sleep(lasts).await;
            engine.set(EngineHealth::Well);
        });
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

    pub fn some_file(&mut self) -> Option<String> {
        let kept = |name: &String| name.ends_with(".journal") || name.ends_with(".snapshot");
        let names: Vec<_> = self.disk.names().into_iter().filter(kept).collect();
        names.choose(&mut self.random).cloned()
    }

    /// A bit of the very last commit is left alone: that one looks like an interrupted commit, which
    /// the journal says of itself.
    pub fn flip(&mut self) {
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

    /// Ends every fault.
    pub async fn mend(&mut self) {
        self.judge.note("mended", "");
        self.heal_disk();
        while self.disk.is_off() {
            self.restart(Cut::Torn, false).await;
        }
        self.disk.keep_power();
        self.model.set(Health::Well);
        self.hooks.heal();
        self.mail.heal();
        self.engine.set(EngineHealth::Well);
        if let Some(process) = self.door.process().as_ref() {
            process.gate.open();
            self.judge.state().story.owed.hooks_are_loaded_anew(process.gateway.clock.now());
            process.call_hooks_anew();
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
