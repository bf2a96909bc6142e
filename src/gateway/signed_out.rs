//! Sessions of providers that were ended before their time: here, or at the provider. Tokens are kept
//! nowhere, so those of an ended session have to be known by what they name. The list lives in the data
//! folder, because a restart must not bring such a session back.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::config::shop::OpenId;
use crate::domain::{ShopId, Timestamp};

use super::token::{Secret, write_private};

const FILE: &str = "signed-out.json";
/// Entries of one shop, of some 40 bytes each. Beyond that its oldest is forgotten, and what is left of that
/// session stands again: at most a day's worth.
const ENTRIES_MAX: usize = 16_384;

/// What was ended in a shop, and when.
type Ended = BTreeMap<String, Timestamp>;

/// The session of a provider that a token or a cookie belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderSession {
    /// When somebody signed in.
    began_at: Timestamp,
    /// By what the session may be ended: each a digest, the session's own first.
    names: Vec<String>,
}

impl ProviderSession {
    /// A session that begins; `id` is its own, the others are the provider's.
    pub(super) fn begin(
        secret: &Secret,
        shop: &ShopId,
        (id, subject, session): (&str, &str, Option<&str>),
        began_at: Timestamp,
    ) -> Self {
        let mut names = vec![own_name(secret, shop, id), account_name(secret, shop, subject)];
        names.extend(session.map(|session| session_name(secret, shop, session)));
        Self { began_at, names }
    }

    /// The name that no other session has.
    pub(super) fn own(&self) -> &str {
        self.names.first().map_or("", String::as_str)
    }
}

fn own_name(secret: &Secret, shop: &ShopId, id: &str) -> String {
    name(secret, "own", shop, id)
}

/// All sessions of an account.
pub(super) fn account_name(secret: &Secret, shop: &ShopId, subject: &str) -> String {
    name(secret, "account", shop, subject)
}

/// A session as the provider names it.
pub(super) fn session_name(secret: &Secret, shop: &ShopId, session: &str) -> String {
    name(secret, "session", shop, session)
}

/// Nobody finds the account in it.
fn name(secret: &Secret, kind: &str, shop: &ShopId, id: &str) -> String {
    secret.stamp(format!("signed out {:?}", (kind, shop.as_str(), id)).as_bytes())
}

/// What was ended, and when.
pub struct SignedOut {
    /// Held while the file is written, so that it holds what came last. Nothing else waits for the
    /// disk: what is ended is so at once.
    file: Mutex<PathBuf>,
    ended: Mutex<BTreeMap<ShopId, Ended>>,
}

impl SignedOut {
    /// What `data` holds of it.
    ///
    /// # Errors
    /// When the file cannot be read, or holds something else.
    pub fn load(data: &Path) -> io::Result<Self> {
        let file = data.join(FILE);
        let ended = match std::fs::read(&file) {
            Ok(bytes) => read(&bytes).ok_or_else(|| {
                io::Error::new(io::ErrorKind::InvalidData, format!("{FILE} is damaged: remove it"))
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error),
        };
        Ok(Self { file: Mutex::new(file), ended: Mutex::new(ended) })
    }

    /// Ends every session of these names in a shop that began until `now`, here at once and on disk when
    /// this returns.
    ///
    /// # Errors
    /// When the disk refuses; the sessions are ended until the next start.
    pub(super) fn end(&self, shop: &ShopId, names: &[String], now: Timestamp) -> io::Result<()> {
        self.add(shop, names, now);
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = serde_json::to_vec(&*self.ended()).expect("names are texts");
        write_private(&file, &bytes)
    }

    fn ended(&self) -> MutexGuard<'_, BTreeMap<ShopId, Ended>> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, shop: &ShopId, names: &[String], now: Timestamp) {
        let mut shops = self.ended();
        shops.retain(|_, ended| {
            ended.retain(|_, at| now < *at + OpenId::SESSION_MAX);
            !ended.is_empty()
        });
        let ended = shops.entry(shop.clone()).or_default();
        for name in names {
            ended.insert(name.clone(), now);
        }
        while ended.len() > ENTRIES_MAX {
            let oldest = ended.iter().min_by_key(|(_, at)| **at).map(|(name, _)| name.clone());
            oldest.and_then(|name| ended.remove(&name));
        }
    }

    /// Whether a session of a shop was ended.
    pub fn has(&self, shop: &ShopId, session: &ProviderSession) -> bool {
        let shops = self.ended();
        let lists = [shops.get(shop), shops.get(&of_any_shop())];
        let is_over = |name: &String| {
            let ended = lists.iter().flatten().filter_map(|ended| ended.get(name));
            ended.into_iter().any(|at| session.began_at <= *at)
        };
        session.names.iter().any(is_over)
    }
}

/// Reads the file, also as it was when all shops had one list.
fn read(bytes: &[u8]) -> Option<BTreeMap<ShopId, Ended>> {
    let of_all = |bytes| Some([(of_any_shop(), serde_json::from_slice(bytes).ok()?)].into());
    serde_json::from_slice(bytes).ok().or_else(|| of_all(bytes))
}

/// Under what the entries stand of which the shop is not known; no shop is called so.
fn of_any_shop() -> ShopId {
    ShopId::from("")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn session(id: &str, subject: &str, at_provider: Option<&str>) -> ProviderSession {
        let shop = ShopId::from("cafe");
        ProviderSession::begin(&Secret::of_test(7), &shop, (id, subject, at_provider), NOW)
    }

    #[test]
    fn what_is_ended_stays_so_over_a_restart_and_nothing_else_does() {
        let folder = tempfile::tempdir().expect("a folder");
        let (secret, shop) = (Secret::of_test(7), ShopId::from("cafe"));
        let signed_out = SignedOut::load(folder.path()).expect("a list");
        let own = session("1", "ann", Some("s-1"));
        let other = session("2", "ann", Some("s-2"));

        signed_out.end(&shop, &[own.own().to_owned()], NOW).expect("written");
        assert_eq!([&own, &other].map(|it| signed_out.has(&shop, it)), [true, false]);
        signed_out.end(&shop, &[session_name(&secret, &shop, "s-2")], NOW).expect("written");
        assert!(signed_out.has(&shop, &other));
        let again = SignedOut::load(folder.path()).expect("a list");
        assert_eq!([&own, &other].map(|it| again.has(&shop, it)), [true, true]);

        let all = account_name(&secret, &shop, "bob");
        again.end(&shop, &[all], NOW).expect("written");
        assert!(again.has(&shop, &session("3", "bob", None)));
        assert!(!again.has(&shop, &session("4", "eve", Some("s-9"))));
        let later = NOW + std::time::Duration::from_millis(1);
        let bob = ("5", "bob", None);
        assert!(
            !again.has(&shop, &ProviderSession::begin(&secret, &shop, bob, later)),
            "signed in anew"
        );
        let text = std::fs::read_to_string(folder.path().join(FILE)).expect("a file");
        assert!(!text.contains("bob") && !text.contains("s-2"), "{text}");
    }

    #[test]
    fn the_list_is_bounded_and_a_damaged_one_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let signed_out = SignedOut::load(folder.path()).expect("a list");
        let names: Vec<String> = (0..ENTRIES_MAX + 3).map(|n| n.to_string()).collect();

        let (shop, other) = (ShopId::from("cafe"), ShopId::from("tea"));
        let held = |shop| signed_out.ended.lock().expect("a map").get(shop).map_or(0, Ended::len);

        signed_out.end(&other, &["one".to_owned()], NOW).expect("written");
        signed_out.end(&shop, &names, NOW).expect("written");
        assert_eq!((held(&shop), held(&other)), (ENTRIES_MAX, 1), "one takes none of another's");
        signed_out.end(&shop, &[], NOW + OpenId::SESSION_MAX).expect("written");
        assert_eq!((held(&shop), held(&other)), (0, 0));
        std::fs::write(folder.path().join(FILE), "no list").expect("written");
        assert!(SignedOut::load(folder.path()).is_err());
    }

    #[test]
    fn a_list_of_before_shops_had_their_own_holds_still() {
        let folder = tempfile::tempdir().expect("a folder");
        let shop = ShopId::from("cafe");
        let own = session("1", "ann", None);
        let before = serde_json::json!({ own.own(): NOW });
        std::fs::write(folder.path().join(FILE), before.to_string()).expect("written");

        let signed_out = SignedOut::load(folder.path()).expect("a list");

        assert!(signed_out.has(&shop, &own));
        signed_out.end(&shop, &["another".to_owned()], NOW).expect("written");
        assert!(SignedOut::load(folder.path()).expect("a list").has(&shop, &own));
    }
}
