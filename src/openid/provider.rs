//! One provider: what it says of itself, its keys, and how both are kept fresh.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::{MutexGuard, Semaphore};

use crate::config::shop::{OpenId, WebAddress};
use crate::domain::ShopId;
use crate::runtime::WebError;

use super::fetch::{CALLS_MAX, Call, FetchError, Way};
use super::id_token::NotBelieved;
use super::keys::Keys;
use super::places::{Place, Places};

/// How long what a provider says of itself, and its keys, are good without being asked for again.
const FRESH_FOR: Duration = Duration::from_secs(3600);
/// Least time between two looks for keys that are not known: a flood of forged `kid`s costs the
/// provider no more than that, and the first new one is found at once.
const LOOKED_AGAIN_EVERY: Duration = Duration::from_secs(30);
const DISCOVERY: &str = "/.well-known/openid-configuration";

/// Why a provider's word cannot be had, or is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// A call failed.
    #[error("{what}: {error}")]
    Call {
        /// What was asked for.
        what: &'static str,
        /// What is wrong.
        error: FetchError,
    },
    /// An answer is not what it should be.
    #[error("{0}: the answer is not what OpenID Connect says")]
    Answer(&'static str),
    /// The document names another provider than the one that was asked.
    #[error("discovery: the document is of another issuer")]
    OtherIssuer,
    /// The provider cannot do what is needed.
    #[error("discovery: the provider has no {0}")]
    Lacks(&'static str),
    /// The provider refused the code, with an error of RFC 6749.
    #[error("the provider refused the code, or does not know this client")]
    CodeRefused,
    /// What came is not believed.
    #[error(transparent)]
    NotBelieved(#[from] NotBelieved),
}

impl ProviderError {
    /// Whether the provider was not there, or too much is asked of it: trying later may help.
    pub const fn is_for_a_while(&self) -> bool {
        matches!(self, Self::Call { .. })
    }
}

/// What a provider says of itself, as far as it is used.
#[derive(Debug)]
pub(super) struct Metadata {
    pub authorization: WebAddress,
    pub token: WebAddress,
    pub keys: WebAddress,
    pub user_info: Option<WebAddress>,
    pub end_session: Option<WebAddress>,
    /// Whether it takes the secret in the form only.
    pub secret_in_form: bool,
    /// Whether it always names itself when it sends a browser back (RFC 9207).
    pub names_itself: bool,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    userinfo_endpoint: Option<String>,
    #[serde(default)]
    end_session_endpoint: Option<String>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    code_challenge_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// Every provider that a shop names.
pub struct Providers {
    known: std::sync::Mutex<BTreeMap<Key, Arc<Provider>>>,
    timeout: Duration,
    calls: Arc<Semaphore>,
    places: Places,
}

/// What makes a provider another one: its address, and who vouches for it.
type Key = (WebAddress, Option<Arc<[u8]>>);

impl Providers {
    /// None yet; a call to one takes at most `timeout`.
    pub fn new(timeout: Duration) -> Self {
        let calls = Arc::new(Semaphore::new(CALLS_MAX));
        let places = Places::default();
        Self { known: std::sync::Mutex::default(), timeout, calls, places }
    }

    /// A place for something that asks the provider of a shop, to be held for as long.
    ///
    /// # Errors
    /// When the shop has as many as it may.
    pub fn place(&self, shop: &ShopId) -> Result<Place, ProviderError> {
        self.places.take(shop)
    }

    /// Forgets those that no shop names any more.
    pub fn keep<'a>(&self, named: impl Iterator<Item = &'a OpenId>) {
        let named: Vec<Key> = named.map(key_of).collect();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|key, _| named.contains(key));
    }

    /// The provider of a shop.
    pub(super) fn of(&self, openid: &OpenId) -> Arc<Provider> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let provider = known.entry(key_of(openid)).or_insert_with(|| {
            let way = Way::new(openid.roots.as_deref(), self.timeout, self.calls.clone());
            let issuer = openid.issuer.clone();
            let known = tokio::sync::Mutex::default();
            Arc::new(Provider { issuer, way, timeout: self.timeout, known })
        });
        provider.clone()
    }
}

fn key_of(openid: &OpenId) -> Key {
    (openid.issuer.clone(), openid.roots.clone())
}

/// One provider with what it said last.
pub(super) struct Provider {
    issuer: WebAddress,
    way: Way,
    timeout: Duration,
    /// Held while the provider is asked, so that of many sign-ins one asks and the others wait.
    known: tokio::sync::Mutex<Known>,
}

#[derive(Default)]
struct Known {
    metadata: Option<(Instant, Arc<Metadata>)>,
    keys: Option<(Instant, Keys)>,
    /// When keys were asked for because one was not known.
    looked_again_at: Option<Instant>,
}

impl Provider {
    /// What the provider says of itself.
    pub async fn metadata(&self) -> Result<Arc<Metadata>, ProviderError> {
        self.fresh_metadata(&mut *self.known().await?).await
    }

    async fn fresh_metadata(&self, known: &mut Known) -> Result<Arc<Metadata>, ProviderError> {
        if let Some((at, metadata)) = &known.metadata
            && at.elapsed() < FRESH_FOR
        {
            return Ok(metadata.clone());
        }
        let issuer = self.issuer.as_str();
        let address = format!("{}{DISCOVERY}", issuer.trim_end_matches('/')).parse();
        let address = address.map_err(|()| ProviderError::Answer("discovery"))?;
        let answer = self.call("discovery", &address, Call::Get).await?;
        let metadata = Arc::new(self.read_metadata(&answer)?);
        known.metadata = Some((Instant::now(), metadata.clone()));
        Ok(metadata)
    }

    fn read_metadata(&self, answer: &[u8]) -> Result<Metadata, ProviderError> {
        let said: Document = json("discovery", answer)?;
        if said.issuer != self.issuer.as_str() {
            return Err(ProviderError::OtherIssuer);
        }
        // Who leaves the list out may be able to (RFC 8414): the code then stands or falls with it.
        let methods = said.code_challenge_methods_supported;
        if methods.is_some_and(|methods| methods.iter().all(|method| method != "S256")) {
            return Err(ProviderError::Lacks("PKCE with S256"));
        }
        // Basic is what is meant when nothing is said (Core, 9).
        let methods = said.token_endpoint_auth_methods_supported.unwrap_or_default();
        let has = |name: &str| methods.iter().any(|method| method == name);
        Ok(Metadata {
            authorization: self.endpoint(&said.authorization_endpoint)?,
            token: self.endpoint(&said.token_endpoint)?,
            keys: self.endpoint(&said.jwks_uri)?,
            user_info: said.userinfo_endpoint.map(|it| self.endpoint(&it)).transpose()?,
            end_session: said.end_session_endpoint.map(|it| self.endpoint(&it)).transpose()?,
            secret_in_form: has("client_secret_post") && !has("client_secret_basic"),
            names_itself: said.authorization_response_iss_parameter_supported,
        })
    }

    /// An address that the provider names: one with TLS leads to none without.
    fn endpoint(&self, text: &str) -> Result<WebAddress, ProviderError> {
        let address: Option<WebAddress> = text.parse().ok();
        let fits = |address: &WebAddress| address.is_https() || !self.issuer.is_https();
        address.filter(fits).ok_or(ProviderError::Answer("discovery"))
    }

    /// Runs `verify` with the keys; where they lack the right one, once more with fresh keys, unless
    /// that was done a moment ago.
    pub async fn with_keys<T>(
        &self,
        verify: impl Fn(&Keys) -> Result<T, NotBelieved>,
    ) -> Result<T, ProviderError> {
        let mut known = self.known().await?;
        if let Some((at, keys)) = &known.keys {
            let verified = verify(keys);
            let is_fresh = at.elapsed() < FRESH_FOR;
            let lacks = matches!(verified, Err(NotBelieved::UnknownKey));
            let rests = known.looked_again_at.is_some_and(|at| at.elapsed() < LOOKED_AGAIN_EVERY);
            if is_fresh && (!lacks || rests) {
                return Ok(verified?);
            }
            if lacks {
                known.looked_again_at = Some(Instant::now());
            }
        }
        let address = self.fresh_metadata(&mut known).await?.keys.clone();
        let answer = self.call("keys", &address, Call::Get).await?;
        let keys = Keys::read(&answer).ok_or(ProviderError::Answer("keys"))?;
        let verified = verify(&keys);
        known.keys = Some((Instant::now(), keys));
        Ok(verified?)
    }

    /// What is known, once nobody asks the provider any more. Who would have to wait for longer than
    /// an answer may take goes away: otherwise a provider that is silent would gather them.
    async fn known(&self) -> Result<MutexGuard<'_, Known>, ProviderError> {
        let late = ProviderError::Call { what: "provider", error: WebError::Late.into() };
        tokio::time::timeout(self.timeout, self.known.lock()).await.map_err(|_| late)
    }

    pub async fn call(
        &self,
        what: &'static str,
        to: &WebAddress,
        call: Call<'_>,
    ) -> Result<Bytes, ProviderError> {
        let answer = self.way.call(to, call).await;
        answer.map_err(|error| ProviderError::Call { what, error })
    }
}

/// Reads an answer.
pub(super) fn json<T: DeserializeOwned>(
    what: &'static str,
    answer: &[u8],
) -> Result<T, ProviderError> {
    serde_json::from_slice(answer).map_err(|_| ProviderError::Answer(what))
}
