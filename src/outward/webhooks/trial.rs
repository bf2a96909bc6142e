//! Tries a hook for whoever sets one up: by a signed test event in the way in which every webhook goes, or
//! only whether it can be reached.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::signed::{signed, web_rules};
use crate::channels::webhook::test_payload;
use crate::config::shop::ShopWebhook;
use crate::domain::{ShopId, Timestamp};
use crate::runtime::{NoPlace, Place, Reach, Web, WebAnswer, WebError};

/// What holds for calls of every hook.
#[derive(Clone, Copy, Debug)]
pub struct HookRules {
    /// Where they may lead.
    pub reach: Reach,
    /// Longest that one takes.
    pub within: Duration,
}

/// What came of a test event.
#[derive(Debug)]
pub struct Trial {
    /// The id that it was sent under, which the receiver can look for.
    pub id: String,
    /// Where the name of the hook leads, of what may be called.
    pub addresses: Vec<SocketAddr>,
    /// From the first question to the end of the answer.
    pub took: Duration,
    /// What was answered.
    pub answer: Result<WebAnswer, Trouble>,
}

/// Why a hook answers nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// Its name leads nowhere.
    #[error(transparent)]
    Place(#[from] NoPlace),
    /// It cannot be spoken to.
    #[error(transparent)]
    Web(#[from] WebError),
    /// There is nothing to sign with.
    #[error("it has no key")]
    NoKey,
}

/// Sends a test event once.
pub async fn try_webhook(
    shop: &ShopId,
    hook: &ShopWebhook,
    rules: &HookRules,
    now: Timestamp,
) -> Trial {
    let (id, started) = (uuid::Uuid::new_v4().simple().to_string(), Instant::now());
    let mut addresses = Vec::new();
    // The name is resolved here for whoever reads it, and again by what calls: both in the one time.
    let answer = in_time(rules, async {
        if hook.keys.is_empty() {
            return Err(Trouble::NoKey);
        }
        addresses = place(hook, rules).addresses().await?;
        let web = Web::new(&web_rules(hook.roots.as_deref(), rules.reach, rules.within))?;
        let request = signed(hook, &id, now, test_payload(shop, now).into());
        Ok(web.ask(request).await?)
    });
    let answer = answer.await;
    Trial { id, addresses, took: started.elapsed(), answer }
}

/// Connects to a hook and has TLS come about, and says at which address; nothing is sent.
///
/// # Errors
/// Why it cannot be reached.
pub async fn reach_webhook(hook: &ShopWebhook, rules: &HookRules) -> Result<SocketAddr, Trouble> {
    if hook.keys.is_empty() {
        return Err(Trouble::NoKey);
    }
    let place = place(hook, rules);
    in_time(rules, async {
        let (address, stream) = place.connect(&place.addresses().await?).await?;
        if hook.url.is_https() {
            place.speak_tls(stream, hook.roots.as_deref()).await?;
        }
        Ok(address)
    })
    .await
}

fn place<'a>(hook: &'a ShopWebhook, rules: &HookRules) -> Place<'a> {
    Place { host: hook.url.host(), port: hook.url.port(), reach: rules.reach }
}

async fn in_time<T>(
    rules: &HookRules,
    work: impl Future<Output = Result<T, Trouble>>,
) -> Result<T, Trouble> {
    tokio::time::timeout(rules.within, work).await.unwrap_or(Err(WebError::Late.into()))
}
