//! The keys of all shops, and the thread that makes and destroys them.
//!
//! Keys are made ahead and waited for on disk before anybody gets one, so that a conversation that begins
//! waits for no file of its own. The thread `key-keeper` does everything that waits for the disk.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};

use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, futures::Notified, oneshot};

use super::keeper::{Job, keep};
use super::key::{Key, KeyId};
use super::master::{MasterKey, MasterSource};
use super::shop::{ShopKeys, TenantFile};
use super::slots::Slot;
use super::{VaultError, make_folder};
use crate::domain::{CustomerId, ShopId};

/// Jobs that wait for the keeper. One that finds no room is needless: each job ends with a look at what
/// is to be destroyed.
const JOBS_MAX: usize = 1024;
/// Erasures that wait for the keeper. Past it whoever asks is to ask again.
const ERASURES_MAX: usize = 256;

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
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    folder: PathBuf,
    source: MasterSource,
    master: Mutex<Option<MasterKey>>,
    pub(super) shops: RwLock<BTreeMap<ShopId, Arc<Mutex<ShopKeys>>>>,
    keeper: OnceLock<SyncSender<Job>>,
    pub(super) grown: Notify,
    pub(super) is_healthy: AtomicBool,
    /// What is to be destroyed and is not yet.
    pub(super) undone: Mutex<Undone>,
}

/// What is to be destroyed.
#[derive(Default)]
pub(super) struct Undone {
    /// Keys of conversations that are forgotten: at most one for each that was in memory.
    pub(super) keys: Vec<KeyId>,
    pub(super) erasures: VecDeque<Erasure>,
}

/// A customer whose keys are to be destroyed.
pub(super) struct Erasure {
    pub(super) shop: ShopId,
    pub(super) customer: CustomerId,
    pub(super) below: u64,
    pub(super) reply: oneshot::Sender<Result<Erased, VaultError>>,
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
                undone: Mutex::default(),
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
    pub(super) fn is_refused(&self, error: &VaultError) {
        if self.shared.is_healthy.swap(false, Ordering::Relaxed) {
            tracing::error!(%error, "disk refuses what is done to keys");
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

    /// Destroys keys, soon. Never waits.
    pub fn destroy(&self, keys: Vec<KeyId>) {
        if !keys.is_empty() {
            self.shared.undone.lock().keys.extend(keys);
            self.ask(Job::Destroy);
        }
    }

    /// Destroys every key that a customer has had whose number is below `below` (see [`Self::next`]: what
    /// was given later is another conversation's); the answer comes when they are gone from the disk.
    /// Never waits; where too many erasures wait already, no answer comes and it is to be asked again.
    pub fn erase(
        &self,
        shop: &ShopId,
        customer: &CustomerId,
        below: u64,
    ) -> oneshot::Receiver<Result<Erased, VaultError>> {
        let (reply, answer) = oneshot::channel();
        if self.shop(shop).is_none() {
            let _ = reply.send(Ok(Erased::default()));
            return answer;
        }
        let (shop, customer) = (shop.clone(), customer.clone());
        let mut undone = self.shared.undone.lock();
        if self.shared.keeper.get().is_none() || undone.erasures.len() >= ERASURES_MAX {
            tracing::error!("keys of a customer not destroyed: too many erasures wait");
            return answer;
        }
        undone.erasures.push_back(Erasure { shop, customer, below, reply });
        drop(undone);
        self.ask(Job::Destroy);
        answer
    }

    /// The number of the key of a shop that is given next.
    ///
    /// # Errors
    /// When the file refuses.
    pub fn next(&self, shop: &ShopId) -> Result<u64, VaultError> {
        // The lock is let go of here: the keeper wants it as well.
        self.shop(shop).map_or(Ok(0), |keys| keys.lock().next())
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

    pub(super) fn shop(&self, shop: &ShopId) -> Option<Arc<Mutex<ShopKeys>>> {
        self.shared.shops.read().get(shop).cloned()
    }

    fn ask(&self, job: Job) -> bool {
        self.shared.keeper.get().is_some_and(|keeper| keeper.try_send(job).is_ok())
    }

    pub(super) fn create(&self, shop: &ShopId) -> Result<(), VaultError> {
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
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vault({})", self.shared.folder.display())
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
