//! The keys of one shop: its own, and those of its customers.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::key::{Key, KeyId, Secret};
use super::master::{MasterKey, MasterSource};
use super::slots::{CustomerTag, Slot, Slots};
use super::store::Found;
use super::{VaultError, write_whole};
use crate::domain::{CustomerId, ShopId};

const TENANT_FORMAT: u32 = 1;
const TENANT_SUFFIX: &str = "tenant";
pub(super) const KEYS_SUFFIX: &str = "keys";

/// The file of a shop's own key.
#[derive(Serialize, Deserialize)]
pub(super) struct TenantFile {
    format: u32,
    pub(super) shop: ShopId,
    /// Tells two shops of one name apart.
    pub(super) id: String,
    /// Which master key wraps it.
    pub(super) master: String,
    key: String,
}

impl TenantFile {
    pub(super) fn path(folder: &Path, shop: &str) -> PathBuf {
        folder.join(format!("{shop}.{TENANT_SUFFIX}"))
    }

    /// Every such file of a folder; none when there is no folder.
    pub(super) fn list(folder: &Path) -> Result<Vec<PathBuf>, VaultError> {
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(VaultError::file("read", folder)(error)),
        };
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry.map_err(VaultError::file("read", folder))?.path();
            if path.extension().is_some_and(|ending| ending == TENANT_SUFFIX) {
                paths.push(path);
            }
        }
        paths.sort_unstable();
        Ok(paths)
    }

    pub(super) fn read(path: &Path) -> Result<Self, VaultError> {
        let bytes = std::fs::read(path).map_err(VaultError::file("read", path))?;
        let file: Self =
            serde_json::from_slice(&bytes).map_err(|error| VaultError::bad(path, error))?;
        if file.format != TENANT_FORMAT {
            let why = format!("it has format {}; this program reads {TENANT_FORMAT}", file.format);
            return Err(VaultError::bad(path, why));
        }
        Ok(file)
    }

    fn new(shop: &ShopId, id: String, secret: &Secret, master: &MasterKey) -> Self {
        let wrapped = master.0.wrap(secret, &Self::bound_to(shop, &id));
        Self {
            format: TENANT_FORMAT,
            shop: shop.clone(),
            id,
            master: master.fingerprint(),
            key: URL_SAFE_NO_PAD.encode(wrapped),
        }
    }

    fn write(&self, path: &Path) -> Result<(), VaultError> {
        let text = serde_json::to_vec_pretty(self).map_err(|error| VaultError::bad(path, error))?;
        write_whole(path, &text)
    }

    fn bound_to(shop: &ShopId, id: &str) -> Vec<u8> {
        format!("tradewind tenant\0{shop}\0{id}").into_bytes()
    }

    fn secret(
        &self,
        path: &Path,
        master: &MasterKey,
        source: &MasterSource,
    ) -> Result<Secret, VaultError> {
        let wrapped = URL_SAFE_NO_PAD.decode(&self.key).ok();
        let wrapped = wrapped.and_then(|bytes| <[u8; _]>::try_from(bytes).ok());
        let wrapped = wrapped.ok_or_else(|| VaultError::bad(path, "its key is cut short"))?;
        let bound_to = Self::bound_to(&self.shop, &self.id);
        master.0.unwrap(&wrapped, &bound_to).map_err(|_| VaultError::WrongMaster {
            what: source.to_string(),
            path: path.to_owned(),
        })
    }

    /// The same key, wrapped with another master key.
    pub(super) fn rewrap(
        &self,
        path: &Path,
        (old, source): (&MasterKey, &MasterSource),
        new: &MasterKey,
    ) -> Result<(), VaultError> {
        let secret = self.secret(path, old, source)?;
        Self::new(&self.shop, self.id.clone(), &secret, new).write(path)
    }
}

/// The keys of one shop.
pub(super) struct ShopKeys {
    shop: ShopId,
    secret: Secret,
    tags: Secret,
    pub(super) slots: Slots,
    /// Keys that are on disk and have no conversation yet, by rising numbers.
    free: VecDeque<(u64, Secret)>,
    /// Whether more are being made.
    pub(super) is_growing: bool,
    /// The first number of those that are being written: the file may end anywhere behind it meanwhile.
    growing_from: Option<u64>,
    /// How many were made last.
    made: u64,
}

/// Keys that are made at a time: as many as the shop has had, between these.
const MADE_MIN: u64 = 256;
const MADE_MAX: u64 = 8192;

impl ShopKeys {
    /// Makes the files of a shop that has none.
    pub(super) fn create(
        folder: &Path,
        shop: &ShopId,
        master: &MasterKey,
    ) -> Result<Self, VaultError> {
        let secret = Secret::random();
        let id: [u8; 12] = rand::random();
        let tenant = TenantFile::new(shop, URL_SAFE_NO_PAD.encode(id), &secret, master);
        // The file without keys first: a shop's key stands for a shop that is whole.
        let slots = Slots::create(&folder.join(format!("{shop}.{KEYS_SUFFIX}")))?;
        tenant.write(&TenantFile::path(folder, shop.as_str()))?;
        Ok(Self::with(shop.clone(), secret, slots))
    }

    /// Opens the files of a shop.
    pub(super) fn open(
        path: &Path,
        master: &MasterKey,
        source: &MasterSource,
    ) -> Result<Self, VaultError> {
        let tenant = TenantFile::read(path)?;
        let secret = tenant.secret(path, master, source)?;
        let slots = Slots::open(&path.with_extension(KEYS_SUFFIX))?;
        Ok(Self::with(tenant.shop, secret, slots))
    }

    fn with(shop: ShopId, secret: Secret, slots: Slots) -> Self {
        let tags = Secret::from_bytes(mac(&secret, b"tradewind customer tags"));
        Self {
            shop,
            secret,
            tags,
            slots,
            free: VecDeque::new(),
            is_growing: false,
            growing_from: None,
            made: MADE_MIN,
        }
    }

    pub(super) const fn shop(&self) -> &ShopId {
        &self.shop
    }

    /// Takes over the keys at the end of the file that nobody has.
    pub(super) fn find_free(&mut self) -> Result<(), VaultError> {
        let mut waiting: Vec<(u64, [u8; _])> = Vec::new();
        self.slots.for_each(|slot, found| match found {
            Slot::Key { wrapped, customer: None } => waiting.push((slot, wrapped)),
            // Numbers rise: what lies before a key that was given has been given too.
            _ => waiting.clear(),
        })?;
        for (slot, wrapped) in waiting {
            if let Ok(secret) = self.secret.unwrap(&wrapped, &self.bound_to(slot)) {
                self.free.push_back((slot, secret));
            }
        }
        Ok(())
    }

    /// Whether it is time to make more.
    pub(super) fn runs_low(&self) -> bool {
        (self.free.len() as u64) < self.made / 2
    }

    /// Gives the next key to a customer; `None` when none waits.
    pub(super) fn take(&mut self, customer: &CustomerId) -> Result<Option<Key>, VaultError> {
        let Some((slot, _)) = self.free.front() else { return Ok(None) };
        self.slots.set_customer(*slot, self.tag(customer))?;
        let taken = self.free.pop_front();
        Ok(taken.map(|(slot, secret)| Key::new(self.id(slot), secret)))
    }

    /// The key with a number. What is asked for has been given.
    pub(super) fn find(&mut self, slot: u64) -> Result<Found, VaultError> {
        let found = match self.slots.read(slot)? {
            Slot::Key { wrapped, .. } => {
                let secret = self.secret.unwrap(&wrapped, &self.bound_to(slot));
                secret.map_or(Found::Missing, |it| Found::Key(Key::new(self.id(slot), it)))
            }
            Slot::Destroyed => Found::Destroyed,
            Slot::Missing => Found::Missing,
        };
        while self.free.front().is_some_and(|(free, _)| *free <= slot) {
            self.free.pop_front();
        }
        Ok(found)
    }

    /// Gives none of the keys that wait: what they may have sealed is not known.
    pub(super) fn forget_free(&mut self) {
        self.free.clear();
    }

    /// Says whose a key is, where that was lost with the power.
    pub(super) fn note(&self, slot: u64, customer: &CustomerId) -> Result<(), VaultError> {
        match self.slots.read(slot)? {
            Slot::Key { customer: None, .. } => self.slots.set_customer(slot, self.tag(customer)),
            _ => Ok(()),
        }
    }

    /// The number that is given next.
    pub(super) fn next(&self) -> Result<u64, VaultError> {
        let waiting = self.free.front().map(|(slot, _)| *slot);
        waiting.or(self.growing_from).map_or_else(|| self.slots.end(), Ok)
    }

    pub(super) fn tag(&self, customer: &CustomerId) -> CustomerTag {
        let tag = mac(&self.tags, customer.as_str().as_bytes());
        tag[..16].try_into().expect("a hash of 32 bytes has 16")
    }

    /// Fresh keys to be written behind the last one, and the first of their numbers. [`Self::grown`] has to
    /// follow, whatever comes of it.
    pub(super) fn grow(&mut self) -> Result<(u64, Fresh), VaultError> {
        let first = self.slots.end()?;
        self.growing_from = Some(first);
        Ok((first, self.fresh(first)))
    }

    /// Fresh keys for the numbers from `slot` on, and the same wrapped.
    fn fresh(&mut self, slot: u64) -> Fresh {
        let count = slot.clamp(MADE_MIN, MADE_MAX);
        self.made = count;
        let keys: Vec<_> = (slot..slot + count).map(|slot| (slot, Secret::random())).collect();
        let wrap = |(slot, secret): &(u64, Secret)| self.secret.wrap(secret, &self.bound_to(*slot));
        let wrapped = keys.iter().map(wrap).collect();
        Fresh { keys, wrapped }
    }

    /// Takes over keys that are on disk now; none where it refused them.
    pub(super) fn grown(&mut self, keys: Vec<(u64, Secret)>) {
        self.growing_from = None;
        self.free.extend(keys);
    }

    fn id(&self, slot: u64) -> KeyId {
        KeyId { shop: self.shop.clone(), slot }
    }

    fn bound_to(&self, slot: u64) -> Vec<u8> {
        format!("tradewind key\0{}\0{slot}", self.shop).into_bytes()
    }
}

/// Keys that are not on disk yet.
pub(super) struct Fresh {
    pub(super) keys: Vec<(u64, Secret)>,
    pub(super) wrapped: Vec<[u8; super::key::WRAPPED_BYTES]>,
}

fn mac(secret: &Secret, what: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.bytes()).expect("a key of any length");
    mac.update(what);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_number_stays_what_it_is_while_keys_are_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let master = MasterKey(Secret::random());
        let shop = ShopId::from("demo");
        let mut keys = ShopKeys::create(folder.path(), &shop, &master).expect("files");

        let (first, fresh) = keys.grow().expect("the end of the file");
        assert_eq!(keys.next().expect("a number"), first);
        keys.slots.append(first, &fresh.wrapped).expect("written");
        assert_eq!(keys.next().expect("a number"), first, "written and not taken over");
        keys.grown(fresh.keys);

        assert_eq!(keys.next().expect("a number"), first);
        let given = keys.take(&CustomerId::from("ana")).expect("written").expect("a key");
        assert_eq!(given.id().slot, first);
        assert_eq!(keys.next().expect("a number"), first + 1);
    }

    #[test]
    fn keys_that_the_disk_refused_leave_the_end_of_the_file_as_the_next_number() {
        let folder = tempfile::tempdir().expect("a folder");
        let master = MasterKey(Secret::random());
        let shop = ShopId::from("demo");
        let mut keys = ShopKeys::create(folder.path(), &shop, &master).expect("files");

        let (first, _) = keys.grow().expect("the end of the file");
        keys.grown(Vec::new());

        assert_eq!(keys.next().expect("a number"), first);
        assert!(keys.take(&CustomerId::from("ana")).expect("nothing to write").is_none());
    }
}
