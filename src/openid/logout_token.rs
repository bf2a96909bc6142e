//! What a provider says when somebody signs out there (OpenID Connect Back-Channel Logout 1.0, 2.6).

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::domain::Timestamp;

use super::id_token::{Audience, LEEWAY_S, NotBelieved, verify_signature};
use super::keys::Keys;

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// Oldest token: it is sent when somebody signs out, and a copy of it is soon worth nothing.
const AGE_MAX_S: f64 = 120.0;

/// Whose sessions are over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedOut {
    /// All of an account.
    pub subject: Option<String>,
    /// One of them, as the provider names it.
    pub session: Option<String>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    iat: f64,
    #[serde(default)]
    exp: Option<f64>,
    events: Map<String, Value>,
    #[serde(default)]
    sub: Option<String>,
    #[serde(default)]
    sid: Option<String>,
    /// Must not be there: an ID token must not pass for this one.
    #[serde(default)]
    nonce: Option<Value>,
}

/// Verifies a token at `now`.
pub(super) fn verify_logout(
    token: &str,
    keys: &Keys,
    issuer: &str,
    client_id: &str,
    now: Timestamp,
) -> Result<LoggedOut, NotBelieved> {
    let (claims, _) = verify_signature(token, keys)?;
    let claims: Claims =
        serde_json::from_value(Value::Object(claims)).map_err(|_| NotBelieved::NoToken)?;
    if claims.iss != issuer {
        return Err(NotBelieved::Issuer);
    }
    if !claims.aud.names(client_id) {
        return Err(NotBelieved::Audience);
    }
    let now_s = now.as_millis() as f64 / 1000.0;
    if claims.exp.is_some_and(|exp| now_s >= exp + LEEWAY_S) {
        return Err(NotBelieved::Expired);
    }
    if !(now_s - AGE_MAX_S - LEEWAY_S..=now_s + LEEWAY_S).contains(&claims.iat) {
        return Err(NotBelieved::NotNow);
    }
    if !claims.events.contains_key(EVENT) || claims.nonce.is_some() {
        return Err(NotBelieved::NoToken);
    }
    let out = LoggedOut { subject: claims.sub, session: claims.sid };
    if out.subject.is_none() && out.session.is_none() {
        return Err(NotBelieved::Subject);
    }
    Ok(out)
}
