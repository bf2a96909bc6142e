//! The keys of all shops, and the thread that makes and destroys them.
//!
//! Keys are made ahead and waited for on disk before anybody gets one, so that a conversation that begins
//! waits for no file of its own. The thread `key-keeper` does everything that waits for the disk.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, futures::Notified, oneshot};

use super::key::{Key, KeyId};
use super::master::{MasterKey, MasterSource};
use super::shop::{ShopKeys, TenantFile};
use super::slots::Slot;
use super::{VaultError, make_folder};
use crate::domain::{CustomerId, ShopId};

/// Pause before a disk that refuses is asked again.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(500);
/// Jobs that wait for the keeper. Past it whoever destroys keys waits.
const JOBS_MAX: usize = 1024;

/// What became of a key.
#[derive(Clone, Debug)]
pub enum Found {
    /// It is here.
    Key(Key),
    /// It was destroyed: what it sealed is erased.
    Destroyed,
    /// It was never here: these are the keys of another data folder, or older ones.
    Missing,
}

/// What an erasure destroyed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Keys.
    pub keys: u64,
}

/// The keys of a data folder. Copies of the handle share them.
#[derive(Clone)]
pub struct Vault {
    shared: Arc<Shared>,
}

struct Shared {
    folder: PathBuf,
    source: MasterSource,
    master: Mutex<Option<MasterKey>>,
    shops: RwLock<BTreeMap<ShopId, Arc<Mutex<ShopKeys>>>>,
    keeper: OnceLock<SyncSender<Job>>,
    grown: Notify,
    is_healthy: AtomicBool,
}

enum Job {
    Grow(ShopId),
    Destroy(Vec<KeyId>),
    Erase {
        shop: ShopId,
        customer: CustomerId,
        below: u64,
        reply: oneshot::Sender<Result<Erased, VaultError>>,
    },
    Sync(SyncSender<Result<(), VaultError>>),
    LookAgain,
}

impl Vault {
    /// Opens the keys in `folder`, which need not be there yet, for looking them up.
    ///
    /// # Errors
    /// When there are keys and the master key is missing or another one, or a file cannot be read.
    pub fn open(folder: &Path, source: &MasterSource) -> Result<Self, VaultError> {
        let tenants = TenantFile::list(folder)?;
        let master = source.load(folder)?;
        let mut shops = BTreeMap::new();
        if !tenants.is_empty() {
            let master = master.as_ref().ok_or_else(|| VaultError::NoMaster {
                what: source.to_string(),
                folder: folder.to_owned(),
            })?;
            for path in tenants {
                let keys = ShopKeys::open(&path, master, source)?;
                shops.insert(keys.shop().clone(), Arc::new(Mutex::new(keys)));
            }
        }
        Ok(Self {
            shared: Arc::new(Shared {
                folder: folder.to_owned(),
                source: source.clone(),
                master: Mutex::new(master),
                shops: RwLock::new(shops),
                keeper: OnceLock::new(),
                grown: Notify::new(),
                is_healthy: AtomicBool::new(true),
            }),
        })
    }

    /// The folder of the keys.
    pub fn folder(&self) -> &Path {
        &self.shared.folder
    }

    /// The shops that have keys.
    pub fn shops(&self) -> Vec<ShopId> {
        self.shared.shops.read().keys().cloned().collect()
    }

    /// The key with this number.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn find(&self, shop: &str, slot: u64) -> Result<Found, VaultError> {
        match self.shop(&ShopId::from(shop)) {
            Some(keys) => keys.lock().find(slot),
            None => Ok(Found::Missing),
        }
    }

    /// Says whose a key is that was found; that is lost when the power goes soon after it was given.
    ///
    /// # Errors
    /// When the file refuses.
    pub fn note(&self, key: &Key, customer: &CustomerId) -> Result<(), VaultError> {
        let keys = self.shop(&key.id().shop);
        keys.map_or(Ok(()), |keys| keys.lock().note(key.id().slot, customer))
    }

    /// Begins to give and destroy keys, and makes some for each of `shops`. Call it once, when everything
    /// that was sealed has been read: only then is it known that a new key is not made over old data.
    /// `is_damaged` says that something of it could not be read.
    ///
    /// # Errors
    /// When there is no master key and none can be made, or a file refuses.
    pub fn serve<'a>(
        &self,
        shops: impl Iterator<Item = &'a ShopId>,
        is_damaged: bool,
    ) -> Result<(), VaultError> {
        for keys in self.shared.shops.read().values() {
            let mut keys = keys.lock();
            keys.slots = keys.slots.clone().compacted()?;
            if is_damaged {
                keys.forget_free();
            }
        }
        shops.filter(|shop| self.shop(shop).is_none()).try_for_each(|shop| self.create(shop))?;
        let (jobs, inbox) = sync_channel(JOBS_MAX);
        // It ends with the last handle.
        let shared = Arc::downgrade(&self.shared);
        let spawned = std::thread::Builder::new()
            .name("key-keeper".to_owned())
            .spawn(move || keep(&shared, &inbox));
        spawned.map_err(VaultError::file("start a thread for", &self.shared.folder))?;
        let _ = self.shared.keeper.set(jobs);
        let shops: Vec<_> = self.shared.shops.read().keys().cloned().collect();
        shops.iter().try_for_each(|shop| self.grow(shop))
    }

    /// Looks which keys wait for a conversation. Before anything is read, so that what is read can take
    /// from them what was given.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn find_free(&self) -> Result<(), VaultError> {
        self.shared.shops.read().values().try_for_each(|keys| keys.lock().find_free())
    }

    /// A key for a conversation that a customer begins; `None` while none is on disk: wait for
    /// [`Self::grown`].
    pub fn take(&self, shop: &ShopId, customer: &CustomerId) -> Option<Key> {
        let Some(keys) = self.shop(shop) else {
            self.ask(Job::Grow(shop.clone()));
            return None;
        };
        let mut keys = keys.lock();
        let taken = keys.take(customer).unwrap_or_else(|error| {
            self.is_refused(&error);
            None
        });
        if !keys.is_growing && keys.runs_low() {
            keys.is_growing = self.ask(Job::Grow(shop.clone()));
        }
        taken
    }

    /// The disk refuses: it is asked again until it does not.
    fn is_refused(&self, error: &VaultError) {
        if self.shared.is_healthy.swap(false, Ordering::Relaxed) {
            tracing::error!(%error, "disk refuses keys, no conversation can begin");
            self.ask(Job::LookAgain);
        }
    }

    /// Wakes up when keys were made from now on.
    pub fn grown(&self) -> Notified<'_> {
        self.shared.grown.notified()
    }

    /// Whether the disk takes keys.
    pub fn is_healthy(&self) -> bool {
        self.shared.is_healthy.load(Ordering::Relaxed)
    }

    /// Destroys keys, soon.
    pub fn destroy(&self, keys: Vec<KeyId>) {
        if !keys.is_empty()
            && let Some(keeper) = self.shared.keeper.get()
        {
            // A keeper that is gone ends with the process; the next start destroys them.
            let _ = keeper.send(Job::Destroy(keys));
        }
    }

    /// Destroys every key that a customer has had up to now; the answer comes when they are gone from the
    /// disk.
    pub fn erase(
        &self,
        shop: &ShopId,
        customer: &CustomerId,
    ) -> oneshot::Receiver<Result<Erased, VaultError>> {
        let (reply, answer) = oneshot::channel();
        let Some(keys) = self.shop(shop) else {
            let _ = reply.send(Ok(Erased::default()));
            return answer;
        };
        // What is given later is another conversation's.
        match keys.lock().next() {
            Ok(below) => {
                let (shop, customer) = (shop.clone(), customer.clone());
                if let Some(keeper) = self.shared.keeper.get() {
                    let _ = keeper.send(Job::Erase { shop, customer, below, reply });
                }
            }
            Err(error) => drop(reply.send(Err(error))),
        }
        answer
    }

    /// The same without the thread, for a folder that nobody serves.
    ///
    /// # Errors
    /// When the file refuses.
    pub fn erase_at_rest(
        &self,
        shop: &ShopId,
        customer: &CustomerId,
    ) -> Result<Erased, VaultError> {
        self.erase_now(shop, customer, u64::MAX)
    }

    /// Destroys, for each shop, the keys of customers that are not among these numbers. For a folder that
    /// nobody serves.
    ///
    /// # Errors
    /// When a file refuses.
    pub fn keep_only(&self, kept: &BTreeMap<ShopId, BTreeSet<u64>>) -> Result<Erased, VaultError> {
        let mut erased = Erased::default();
        for (shop, keys) in self.shared.shops.read().iter() {
            let keys = keys.lock();
            let of_shop = kept.get(shop);
            let mut others = Vec::new();
            keys.slots.for_each(|slot, found| {
                let is_given = matches!(found, Slot::Key { customer: Some(_), .. });
                if is_given && !of_shop.is_some_and(|kept| kept.contains(&slot)) {
                    others.push(slot);
                }
            })?;
            erased.keys += keys.slots.destroy(others.into_iter())?;
            keys.slots.sync()?;
        }
        Ok(erased)
    }

    /// Waits until everything that was asked for is on disk.
    ///
    /// # Errors
    /// When a file refuses.
    pub fn sync(&self) -> Result<(), VaultError> {
        let (reply, answer) = sync_channel(1);
        let keeper = self.shared.keeper.get().ok_or(VaultError::Closed)?;
        keeper.send(Job::Sync(reply)).map_err(|_| VaultError::Closed)?;
        answer.recv().map_err(|_| VaultError::Closed)?
    }

    fn shop(&self, shop: &ShopId) -> Option<Arc<Mutex<ShopKeys>>> {
        self.shared.shops.read().get(shop).cloned()
    }

    fn ask(&self, job: Job) -> bool {
        self.shared.keeper.get().is_some_and(|keeper| keeper.try_send(job).is_ok())
    }

    fn create(&self, shop: &ShopId) -> Result<(), VaultError> {
        let Shared { folder, source, .. } = &*self.shared;
        make_folder(folder)?;
        let mut master = self.shared.master.lock();
        let master = match &mut *master {
            Some(master) => master,
            none => none.insert(source.create(folder)?),
        };
        let keys = ShopKeys::create(folder, shop, master)?;
        self.shared.shops.write().insert(shop.clone(), Arc::new(Mutex::new(keys)));
        Ok(())
    }

    fn work_off(&self, job: Job) {
        match job {
            Job::Grow(shop) => {
                if let Err(error) = self.grow(&shop) {
                    self.is_refused(&error);
                }
                self.shared.grown.notify_waiters();
            }
            Job::Destroy(keys) => {
                if let Err(error) = self.destroy_now(&keys) {
                    tracing::error!(%error, "keys not destroyed");
                }
            }
            Job::Erase { shop, customer, below, reply } => {
                let erased = self.erase_now(&shop, &customer, below).inspect_err(|error| {
                    tracing::error!(%error, "keys of a customer not destroyed");
                });
                // Who asked may have gone.
                let _ = reply.send(erased);
            }
            Job::Sync(reply) => drop(reply.send(self.sync_now())),
            Job::LookAgain => self.look_again(),
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
        if all_well.is_ok() {
            self.shared.is_healthy.store(true, Ordering::Relaxed);
            tracing::info!("disk takes keys again");
        }
        self.shared.grown.notify_waiters();
    }

    /// Makes keys. Only one at a time does.
    fn grow(&self, shop: &ShopId) -> Result<(), VaultError> {
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
            let end = keys.slots.end()?;
            (keys.slots.clone(), end, keys.fresh(end))
        };
        // Nobody waits for the disk with the lock in hand.
        slots.append(first, &fresh.wrapped)?;
        keys.lock().add_free(fresh.keys);
        Ok(())
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

    fn erase_now(
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
        for keys in self.shared.shops.read().values() {
            let slots = keys.lock().slots.clone();
            slots.sync()?;
        }
        Ok(())
    }
}

fn keep(shared: &Weak<Shared>, inbox: &Receiver<Job>) {
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

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vault({})", self.shared.folder.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demo() -> ShopId {
        ShopId::from("demo")
    }

    fn served(folder: &Path) -> Vault {
        let vault = Vault::open(folder, &MasterSource::Beside).expect("it opens");
        vault.find_free().expect("it is read");
        vault.serve([demo()].iter(), false).expect("it serves");
        vault
    }

    fn take(vault: &Vault, customer: &str) -> Key {
        loop {
            if let Some(key) = vault.take(&demo(), &CustomerId::from(customer)) {
                return key;
            }
            std::thread::yield_now();
        }
    }

    fn is_destroyed(vault: &Vault, key: &Key) -> bool {
        match vault.find("demo", key.id().slot).expect("it is read") {
            Found::Key(found) => {
                assert_eq!(found.secret().bytes(), key.secret().bytes());
                false
            }
            Found::Destroyed => true,
            Found::Missing => panic!("{key:?} is missing"),
        }
    }

    #[test]
    fn keys_differ_are_found_after_a_restart_and_no_number_is_given_twice() {
        let folder = tempfile::tempdir().expect("a folder");
        let vault = served(folder.path());
        // More than are made at a time.
        let mut keys: Vec<Key> = (0..2_000).map(|n| take(&vault, &format!("c{n}"))).collect();
        drop(vault);

        let vault = served(folder.path());
        assert!(keys.iter().all(|key| !is_destroyed(&vault, key)));
        keys.extend((0..10).map(|n| take(&vault, &format!("d{n}"))));

        let numbers: BTreeSet<u64> = keys.iter().map(|key| key.id().slot).collect();
        let secrets: BTreeSet<[u8; 32]> = keys.iter().map(|key| *key.secret().bytes()).collect();
        assert_eq!((numbers.len(), secrets.len()), (keys.len(), keys.len()));
    }

    #[test]
    fn an_erasure_reaches_every_key_of_the_customer_up_to_then_and_no_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let vault = served(folder.path());
        let of_ana = [take(&vault, "ana"), take(&vault, "ana")];
        let of_min = take(&vault, "min");
        let forgotten = take(&vault, "lee");

        vault.destroy(vec![forgotten.id().clone()]);
        let answer = vault.erase(&demo(), &CustomerId::from("ana"));
        let later = take(&vault, "ana");
        let erased = answer.blocking_recv().expect("an answer").expect("it worked");

        assert_eq!(erased, Erased { keys: 2 });
        let after_restart = {
            drop(vault);
            served(folder.path())
        };
        assert!(of_ana.iter().chain([&forgotten]).all(|key| is_destroyed(&after_restart, key)));
        assert!(!is_destroyed(&after_restart, &of_min) && !is_destroyed(&after_restart, &later));
    }

    #[test]
    fn what_is_asked_for_at_a_start_is_not_given_again_though_its_owner_was_lost() {
        let folder = tempfile::tempdir().expect("a folder");
        let vault = served(folder.path());
        let key = take(&vault, "ana");
        drop(vault);
        // As a power cut would have it: the mark of the owner was not on disk.
        let path = folder.path().join("demo.keys");
        let mut bytes = std::fs::read(&path).expect("a file");
        let at = 80 + usize::try_from(key.id().slot).expect("small") * 80 + 64;
        bytes[at..at + 16].fill(0);
        std::fs::write(&path, bytes).expect("written");

        let vault = Vault::open(folder.path(), &MasterSource::Beside).expect("it opens");
        vault.find_free().expect("it is read");
        assert!(!is_destroyed(&vault, &key));
        vault.note(&key, &CustomerId::from("ana")).expect("noted");
        vault.serve([].iter(), false).expect("it serves");

        assert_ne!(take(&vault, "min").id(), key.id());
        let erased = vault.erase(&demo(), &CustomerId::from("ana")).blocking_recv();
        assert_eq!(erased.expect("an answer").expect("it worked"), Erased { keys: 1 });
    }

    #[test]
    fn copies_put_together_have_what_is_destroyed_in_none_of_them() {
        let place = tempfile::tempdir().expect("a folder");
        let (keys, before, merged) =
            (place.path().join("keys"), place.path().join("before"), place.path().join("merged"));
        let vault = served(&keys);
        let (ana, min) = (take(&vault, "ana"), take(&vault, "min"));
        vault.sync().expect("on disk");
        super::super::copy(&keys, &before).expect("copied");
        let erased = vault.erase(&demo(), &CustomerId::from("ana")).blocking_recv();
        erased.expect("an answer").expect("it worked");

        for copies in [[keys.clone(), before.clone()], [before.clone(), keys.clone()]] {
            super::super::merge(&copies, &merged).expect("merged");
            let vault = Vault::open(&merged, &MasterSource::Beside).expect("it opens");
            assert!(is_destroyed(&vault, &ana) && !is_destroyed(&vault, &min));
        }
        let vault = Vault::open(&merged, &MasterSource::Beside).expect("it opens");
        let kept = [(demo(), BTreeSet::new())].into_iter().collect();
        assert_eq!(vault.keep_only(&kept).expect("it worked"), Erased { keys: 1 });
    }
}
