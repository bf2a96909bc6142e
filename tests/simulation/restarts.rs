//! How a process of a world ends, and how the next one starts on what is left.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::time::sleep;
use tradewind::app::StartError;
use tradewind::domain::{Event, EventKind, MessageId};
use tradewind::flow::{Fact, Record};
use tradewind::journal::{Batch, open_stepped};

use super::disk::SimulatedDisk;
use super::faults::Plant;
use super::process::{Process, Start, options};
use super::world::World;

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

    pub async fn stop(&mut self, cut: Cut) {
        let process = self.door.process().take();
        if let Some(process) = process {
            if cut == Cut::Drain {
                process.drain_partners();
                sleep(self.some_ms(1, 500)).await;
                process.drain();
                sleep(self.some_ms(1, 500)).await;
            }
            let panics = process.kill().await;
            self.judge.expect(panics == 0, || format!("{panics} tasks have panicked"));
        }
        self.judge.note("end", &format!("{cut:?}"));
        if matches!(cut, Cut::Torn | Cut::Lost) {
            // It is not synced, and holds only for one start of the machine. There may be none yet.
            let _ = std::fs::remove_file(self.data.path().join("letters.begun"));
        }
        match cut {
            Cut::Drain | Cut::Kill => {}
            Cut::Torn => self.disk = self.disk.after_power_cut(&mut self.chance),
            Cut::Lost => self.disk = self.disk.after_losing_unsynced(),
        }
    }

    /// A file cannot be read for as long as a start or two last.
    pub async fn cannot_be_read(&mut self) -> bool {
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
        // Behind a snapshot what is older may be gone; after new damage it counts as lost.
        let is_whole = self.may_lose && is_damaged || self.judge.state().snapshots == 0;
        let found = self.judge.state().story.compare(&found, is_whole);
        let start = Start {
            wall: self.wall(),
            seed: self.random.random(),
            pace: self.pace.clone(),
            model: self.model.clone(),
            metrics: self.metrics.clone(),
            hooks: self.hooks.clone(),
            mail: self.mail.clone(),
            engine: self.engine.clone(),
            data: self.data.path().to_owned(),
            judge: self.judge.clone(),
        };
        let process = Process::start(&self.disk, self.setting, start).await.map_err(Some)?;
        self.judge.note("start", "");
        let may_lose = self.recovers_wrongly() || is_damaged && std::mem::take(&mut self.may_lose);
        let lost_now = found.missing.difference(&self.missing).count();
        self.judge.expect(may_lose || lost_now == 0, || {
            format!("{lost_now} records are lost, and nobody is told")
        });
        if is_damaged {
            // What the snapshot before had may be missing from this one.
            self.slots_max = None;
        }
        if !self.recovers_wrongly() {
            self.judge.state().believe(&found);
            self.missing.extend(found.missing);
        }
        self.overdue_since.clear();
        self.starts += 1;
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

    pub fn heal_disk(&self) {
        self.disk.fail_reads_of(None);
        self.disk.fail_writes(0);
        self.disk.fail_syncs(0);
        self.disk.limit_capacity(None);
        self.pace.usual();
    }
}

/// What a start finds, and whether it is told that something is missing; `None` when it cannot be
/// read.
pub fn read_journal(disk: &SimulatedDisk) -> Option<(Vec<Vec<u8>>, bool)> {
    let opened = open_stepped(Arc::new(disk.clone()), options());
    let Ok((_journal, mut replay, _steps)) = opened else { return None };
    let found = replay.by_ref().filter_map(Result::ok).map(|(_, payload)| payload).collect();
    let is_damaged = replay.summary().damaged_total > 0;
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
