//! What waits for the disk: making keys ahead, destroying them. One thread does all of it.

use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use super::VaultError;
use super::key::KeyId;
use super::slots::Slot;
use super::store::{Erased, Erasure, Shared, Vault};
use crate::domain::{CustomerId, ShopId};

/// Pause before a disk that refuses is asked again.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(500);

/// A job for the keeper.
pub(super) enum Job {
    Grow(ShopId),
    /// Destroy what is to be destroyed, as is done after every job.
    Destroy,
    Sync(SyncSender<Result<(), VaultError>>),
    LookAgain,
}

/// Works off jobs until the last handle is gone.
pub(super) fn keep(shared: &Weak<Shared>, inbox: &Receiver<Job>) {
    let mut is_healthy = true;
    loop {
        let job = match is_healthy {
            true => inbox.recv().ok(),
            false => match inbox.recv_timeout(LOOK_AGAIN_AFTER) {
                Err(RecvTimeoutError::Timeout) => Some(Job::LookAgain),
                received => received.ok(),
            },
        };
        let Some((job, shared)) = job.zip(shared.upgrade()) else { return };
        let vault = Vault { shared };
        vault.work_off(job);
        is_healthy = vault.is_healthy();
    }
}

impl Vault {
    fn work_off(&self, job: Job) {
        match job {
            Job::Grow(shop) => {
                if let Err(error) = self.grow(&shop) {
                    self.is_refused(&error);
                }
                self.shared.grown.notify_waiters();
            }
            Job::Destroy => {}
            Job::Sync(reply) => drop(reply.send(self.sync_now())),
            Job::LookAgain => self.look_again(),
        }
        self.erase_undone();
        if self.is_healthy()
            && let Err(error) = self.destroy_undone()
        {
            self.is_refused(&error);
        }
    }

    /// Destroys the keys of customers who are erased, and tells who asked.
    fn erase_undone(&self) {
        let erasures = std::mem::take(&mut self.shared.undone.lock().erasures);
        for Erasure { shop, customer, below, reply } in erasures {
            let erased = self.erase_now(&shop, &customer, below).inspect_err(|error| {
                tracing::error!(%error, "keys of a customer not destroyed");
            });
            // Who asked may have gone.
            let _ = reply.send(erased);
        }
    }

    /// Whether the disk takes keys again.
    fn look_again(&self) {
        let shops = self.shops();
        let all_well = shops.iter().try_for_each(|shop| {
            let slots = self.shop(shop).map(|keys| keys.lock().slots.clone());
            slots.map_or(Ok(()), |slots| slots.probe())?;
            self.grow(shop)
        });
        let all_well = all_well.and_then(|()| self.destroy_undone());
        if all_well.is_ok() {
            self.shared.is_healthy.store(true, Ordering::Relaxed);
            tracing::info!("disk takes keys again");
        }
        self.shared.grown.notify_waiters();
    }

    /// Makes keys. Only one at a time does.
    pub(super) fn grow(&self, shop: &ShopId) -> Result<(), VaultError> {
        if self.shop(shop).is_none() {
            self.create(shop)?;
        }
        let Some(keys) = self.shop(shop) else { return Err(VaultError::Closed) };
        let (slots, first, fresh) = {
            let mut keys = keys.lock();
            keys.is_growing = false;
            if !keys.runs_low() {
                return Ok(());
            }
            let (first, fresh) = keys.grow()?;
            (keys.slots.clone(), first, fresh)
        };
        // Nobody waits for the disk with the lock in hand.
        let written = slots.append(first, &fresh.wrapped);
        keys.lock().grown(if written.is_ok() { fresh.keys } else { Vec::new() });
        written
    }

    /// Destroys what is to be destroyed; what the disk refuses is tried again.
    fn destroy_undone(&self) -> Result<(), VaultError> {
        let gone = std::mem::take(&mut self.shared.undone.lock().keys);
        let destroyed = self.destroy_now(&gone);
        if destroyed.is_err() {
            self.shared.undone.lock().keys.extend(gone);
        }
        destroyed
    }

    fn destroy_now(&self, gone: &[KeyId]) -> Result<(), VaultError> {
        for (shop, keys) in self.shared.shops.read().iter() {
            let numbers = gone.iter().filter(|key| key.shop == *shop).map(|key| key.slot);
            let slots = keys.lock().slots.clone();
            if slots.destroy(numbers)? > 0 {
                slots.sync()?;
            }
        }
        Ok(())
    }

    pub(super) fn erase_now(
        &self,
        shop: &ShopId,
        customer: &CustomerId,
        below: u64,
    ) -> Result<Erased, VaultError> {
        let Some(keys) = self.shop(shop) else { return Ok(Erased::default()) };
        let (slots, tag) = {
            let keys = keys.lock();
            (keys.slots.clone(), keys.tag(customer))
        };
        let mut theirs = Vec::new();
        slots.for_each(|slot, found| {
            if matches!(found, Slot::Key { customer: Some(it), .. } if it == tag) && slot < below {
                theirs.push(slot);
            }
        })?;
        let keys = slots.destroy(theirs.into_iter())?;
        slots.sync()?;
        Ok(Erased { keys })
    }

    fn sync_now(&self) -> Result<(), VaultError> {
        self.destroy_undone()?;
        for keys in self.shared.shops.read().values() {
            let slots = keys.lock().slots.clone();
            slots.sync()?;
        }
        Ok(())
    }
}
