//! Sign-ins on their way to a provider and back. The router keeps nothing of them: a signed cookie
//! names each, and what belongs to it is derived from the router's own secret. Only those that came
//! back are remembered, so that none comes back twice.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::config::shop::{OpenId, Shop};
use crate::domain::{ShopId, Timestamp};
use crate::openid::SignIn;

use super::token::Secret;

/// How long somebody may take at the provider.
pub(super) const PENDING_FOR: Duration = Duration::from_secs(600);
/// Sign-ins of one shop that came back and are remembered until they would have ended. Beyond that the one
/// that ends first is forgotten; then the provider alone sees to it that a code is good once.
const SPENT_MAX: usize = 4_096;
const SEAL: &str = "openid sign-in";

/// Where a sign-in began, and where it comes back to: nowhere else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Page {
    #[default]
    Seat,
    Supervisor,
}

impl Page {
    pub const fn path(self) -> &'static str {
        match self {
            Self::Seat => "/seat",
            Self::Supervisor => "/supervisor",
        }
    }
}

/// A sign-in that has begun.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Pending {
    shop: ShopId,
    id: String,
    pub page: Page,
    expires_at: Timestamp,
}

impl Pending {
    pub fn begin(shop: &ShopId, page: Page, now: Timestamp) -> Self {
        let random: [u8; 16] = rand::random();
        let id = URL_SAFE_NO_PAD.encode(random);
        Self { shop: shop.clone(), id, page, expires_at: now + PENDING_FOR }
    }

    /// What no other sign-in is called.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What the cookie holds.
    pub fn seal(&self, secret: &Secret) -> String {
        secret.seal_as(SEAL, self)
    }

    /// A sign-in of this shop that has not ended.
    pub fn open(secret: &Secret, sealed: &str, shop: &ShopId, now: Timestamp) -> Option<Self> {
        let pending: Self = secret.open_as(SEAL, sealed)?;
        (pending.shop == *shop && now < pending.expires_at).then_some(pending)
    }

    /// Whether the browser came back from where this sign-in sent it.
    pub fn has_state(&self, secret: &Secret, state: &str) -> bool {
        secret.derive("openid state", &self.id).as_bytes().ct_eq(state.as_bytes()).into()
    }

    /// What goes to the provider, and what has to come back.
    pub fn sign_in<'a>(&self, secret: &Secret, shop: &Shop, openid: &'a OpenId) -> SignIn<'a> {
        SignIn {
            openid,
            redirect_uri: openid.redirect_uri(shop.id.as_str()),
            state: secret.derive("openid state", &self.id),
            nonce: secret.derive("openid nonce", &self.id),
            verifier: secret.derive("openid verifier", &self.id),
        }
    }
}

/// Sign-ins that came back, of each shop by itself: what one has many of takes no room from another.
#[derive(Default)]
pub(super) struct Spent(Mutex<BTreeMap<ShopId, BTreeMap<String, Timestamp>>>);

impl Spent {
    /// Notes that `pending` came back; false when it did before.
    pub fn note(&self, pending: &Pending, now: Timestamp) -> bool {
        let mut shops = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let spent = shops.entry(pending.shop.clone()).or_default();
        if spent.contains_key(&pending.id) {
            return false;
        }
        if spent.len() >= SPENT_MAX {
            spent.retain(|_, expires_at| now < *expires_at);
        }
        if spent.len() >= SPENT_MAX {
            let first = spent.iter().min_by_key(|(_, at)| **at).map(|(id, _)| id.clone());
            first.and_then(|id| spent.remove(&id));
        }
        spent.insert(pending.id.clone(), pending.expires_at);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    #[test]
    fn a_sign_in_opens_in_its_shop_and_time_and_with_its_own_state_only() {
        let secret = Secret::of_test(7);
        let shop = ShopId::from("cafe");
        let pending = Pending::begin(&shop, Page::Supervisor, NOW);
        let sealed = pending.seal(&secret);
        let opened = |secret: &Secret, shop: &str, at| {
            Pending::open(secret, &sealed, &ShopId::from(shop), at)
        };

        assert_eq!(opened(&secret, "cafe", NOW), Some(pending.clone()));
        assert_eq!(opened(&secret, "tea", NOW), None);
        assert_eq!(opened(&Secret::of_test(8), "cafe", NOW), None);
        assert_eq!(opened(&secret, "cafe", NOW + PENDING_FOR), None);
        let other = Pending::begin(&shop, Page::Seat, NOW);
        let state = secret.derive("openid state", &pending.id);
        assert!(pending.has_state(&secret, &state) && !other.has_state(&secret, &state));
        assert!(!pending.has_state(&secret, ""));
        // What the browser holds does not tell what only the router may know.
        for purpose in ["openid state", "openid nonce", "openid verifier"] {
            assert!(!sealed.contains(&secret.derive(purpose, &pending.id)), "{purpose}");
        }
    }

    #[test]
    fn a_sealed_sign_in_is_no_token_and_a_token_no_sign_in() {
        let secret = Secret::of_test(7);
        let pending = Pending::begin(&ShopId::from("cafe"), Page::Seat, NOW);

        assert_eq!(secret.open(&pending.seal(&secret), NOW), None);
        assert_eq!(secret.open_as::<Pending>("openid session", &pending.seal(&secret)), None);
    }

    #[test]
    fn a_sign_in_comes_back_once_and_a_full_memory_stays_as_large_as_it_is() {
        let spent = Spent::default();
        let (cafe, tea) = (ShopId::from("cafe"), ShopId::from("tea"));
        let begin = || Pending::begin(&cafe, Page::Seat, NOW);
        let (first, of_another) = (begin(), Pending::begin(&tea, Page::Seat, NOW));
        let held = || spent.0.lock().expect("a map").get(&cafe).map(BTreeMap::len);
        assert!(spent.note(&of_another, NOW));

        assert!(spent.note(&first, NOW));
        assert!(!spent.note(&first, NOW));
        for _ in 0..SPENT_MAX {
            assert!(spent.note(&begin(), NOW));
        }
        assert_eq!(held(), Some(SPENT_MAX));
        assert!(!spent.note(&of_another, NOW), "another shop takes none of its room");
        // When the time of all is over, their room is free.
        assert!(spent.note(&begin(), NOW + PENDING_FOR));
        assert_eq!(held(), Some(1));
    }
}
