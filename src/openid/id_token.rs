//! What an ID token says, and whether to believe it (OpenID Connect Core 1.0, 3.1.3.7).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use ring::digest;
use serde::Deserialize;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq;

use crate::domain::Timestamp;
use crate::runtime::install_verifier;

use super::keys::{Keys, is_believed};

/// Longest token: some hundred groups fit.
const TOKEN_BYTES_MAX: usize = 32 * 1024;
/// How far the clocks may differ.
const LEEWAY_S: f64 = 60.0;
/// Oldest token: it was asked for in this very sign-in.
const AGE_MAX_S: f64 = 600.0;
/// Longest `sub` (Core, 2).
const SUBJECT_BYTES_MAX: usize = 255;

/// Why a token is not believed. Nothing of it is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotBelieved {
    /// Over a bound, not made of three parts, or not of the expected claims.
    #[error("the ID token is no JWT of at most 32 KiB with the claims of OpenID Connect")]
    NoToken,
    /// The algorithm is none, one with a shared secret, or not that of the key.
    #[error("the ID token's `alg` is not one that is believed")]
    Algorithm,
    /// The provider has no such key.
    #[error("the provider has no key of the ID token's `kid`")]
    UnknownKey,
    /// Signature.
    #[error("the ID token does not verify")]
    Forged,
    /// `iss`.
    #[error("the ID token's `iss` is not the provider")]
    Issuer,
    /// `aud` or `azp`.
    #[error("the ID token's `aud` or `azp` is not this client")]
    Audience,
    /// `exp`.
    #[error("the ID token's `exp` is over")]
    Expired,
    /// `iat` or `nbf`.
    #[error("the ID token's `iat` or `nbf` is not of now")]
    NotNow,
    /// `nonce`.
    #[error("the ID token's `nonce` is not that of this sign-in")]
    Nonce,
    /// `at_hash`.
    #[error("the ID token's `at_hash` is not that of the access token")]
    AccessToken,
    /// `sub`, also of what the provider tells beside the token.
    #[error("the `sub` is missing, too long, or another one")]
    Subject,
}

/// Whom and what a token has to name.
pub(super) struct Expected<'a> {
    pub issuer: &'a str,
    pub client_id: &'a str,
    pub nonce: &'a str,
    /// The access token that came with it.
    pub access_token: Option<&'a str>,
}

/// An account of a provider, with what it says of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// Its id there, which never changes.
    pub subject: String,
    claims: Map<String, Value>,
}

impl Account {
    /// The account of verified or otherwise trusted claims.
    pub(super) fn of(claims: Map<String, Value>) -> Result<Self, NotBelieved> {
        let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default();
        if !(1..=SUBJECT_BYTES_MAX).contains(&subject.len()) {
            return Err(NotBelieved::Subject);
        }
        Ok(Self { subject: subject.to_owned(), claims })
    }

    /// The e-mail address in lower case, if the provider has verified it.
    pub fn verified_email(&self) -> Option<String> {
        // Some providers write the flag as a text.
        let verified = match self.claims.get("email_verified")? {
            Value::Bool(verified) => *verified,
            Value::String(text) => text == "true",
            _ => false,
        };
        let email = self.claims.get("email")?.as_str()?;
        verified.then(|| email.to_ascii_lowercase())
    }

    /// The texts of a claim: one, or a list.
    pub fn texts(&self, claim: &str) -> Vec<String> {
        match self.claims.get(claim) {
            Some(Value::String(text)) => vec![text.clone()],
            Some(Value::Array(items)) => {
                items.iter().filter_map(|item| Some(item.as_str()?.to_owned())).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether the provider has said something under this name.
    pub fn has(&self, claim: &str) -> bool {
        self.claims.contains_key(claim)
    }

    /// Adds what the provider says of the same account elsewhere; what the token says stays.
    pub(super) fn add(&mut self, other: Self) -> Result<(), NotBelieved> {
        if other.subject != self.subject {
            return Err(NotBelieved::Subject);
        }
        for (claim, value) in other.claims {
            self.claims.entry(claim).or_insert(value);
        }
        Ok(())
    }
}

/// The claims that are checked.
#[derive(Deserialize)]
struct Checked {
    iss: String,
    aud: Audience,
    #[serde(default)]
    azp: Option<String>,
    exp: f64,
    iat: f64,
    #[serde(default)]
    nbf: Option<f64>,
    #[serde(default)]
    nonce: Option<String>,
    #[serde(default)]
    at_hash: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// Verifies a token at `now`.
pub(super) fn verify(
    token: &str,
    keys: &Keys,
    expected: &Expected<'_>,
    now: Timestamp,
) -> Result<Account, NotBelieved> {
    let (claims, algorithm) = verify_signature(token, keys)?;
    let checked: Checked =
        serde_json::from_value(Value::Object(claims.clone())).map_err(|_| NotBelieved::NoToken)?;
    if checked.iss != expected.issuer {
        return Err(NotBelieved::Issuer);
    }
    check_audience(&checked, expected.client_id)?;
    check_instants(&checked, now)?;
    let nonce = checked.nonce.unwrap_or_default();
    if !bool::from(nonce.as_bytes().ct_eq(expected.nonce.as_bytes())) {
        return Err(NotBelieved::Nonce);
    }
    if let (Some(hash), Some(token)) = (&checked.at_hash, expected.access_token)
        && *hash != half_of_hash(algorithm, token)
    {
        return Err(NotBelieved::AccessToken);
    }
    Account::of(claims)
}

fn verify_signature(
    token: &str,
    keys: &Keys,
) -> Result<(Map<String, Value>, Algorithm), NotBelieved> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(NotBelieved::NoToken);
    }
    let header = decode_header(token).map_err(|error| not_believed(&error))?;
    // RFC 7515, 4.1.11: who does not understand what is critical must refuse.
    if header.crit.is_some() {
        return Err(NotBelieved::NoToken);
    }
    if !is_believed(header.alg) {
        return Err(NotBelieved::Algorithm);
    }
    let key = keys.find(header.kid.as_deref(), header.alg).ok_or(NotBelieved::UnknownKey)?;
    // Everything but the signature is checked by `verify`, with a time that comes from outside.
    let mut rules = Validation::new(header.alg);
    rules.required_spec_claims.clear();
    rules.validate_exp = false;
    rules.validate_aud = false;
    install_verifier();
    let decoded = decode(token, &key, &rules).map_err(|error| not_believed(&error))?;
    Ok((decoded.claims, header.alg))
}

fn check_audience(checked: &Checked, client_id: &str) -> Result<(), NotBelieved> {
    let (names_us, alone) = match &checked.aud {
        Audience::One(one) => (one == client_id, true),
        Audience::Many(many) => (many.iter().any(|it| it == client_id), many.len() == 1),
    };
    // Among several the token must say that it was made for us (Core, 3.1.3.7, 4 and 5).
    let is_for_us = checked.azp.as_deref().map_or(alone, |azp| azp == client_id);
    if names_us && is_for_us { Ok(()) } else { Err(NotBelieved::Audience) }
}

fn check_instants(checked: &Checked, now: Timestamp) -> Result<(), NotBelieved> {
    let now_s = now.as_millis() as f64 / 1000.0;
    if !checked.exp.is_finite() || now_s >= checked.exp + LEEWAY_S {
        return Err(NotBelieved::Expired);
    }
    let is_of_now = (now_s - AGE_MAX_S - LEEWAY_S..=now_s + LEEWAY_S).contains(&checked.iat);
    if !is_of_now || checked.nbf.is_some_and(|nbf| nbf > now_s + LEEWAY_S) {
        return Err(NotBelieved::NotNow);
    }
    Ok(())
}

/// The `at_hash` of an access token (Core, 3.1.3.6).
fn half_of_hash(algorithm: Algorithm, token: &str) -> String {
    let hash = match algorithm {
        Algorithm::ES384 => &digest::SHA384,
        // Ed25519 hashes by SHA-512.
        Algorithm::EdDSA => &digest::SHA512,
        _ => &digest::SHA256,
    };
    let hash = digest::digest(hash, token.as_bytes());
    URL_SAFE_NO_PAD.encode(&hash.as_ref()[..hash.as_ref().len() / 2])
}

fn not_believed(error: &Error) -> NotBelieved {
    match error.kind() {
        ErrorKind::InvalidSignature => NotBelieved::Forged,
        // What is no JSON may be an `alg` such as `none`, which has no name here.
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName | ErrorKind::Json(_) => {
            NotBelieved::Algorithm
        }
        _ => NotBelieved::NoToken,
    }
}

#[cfg(test)]
mod tests;
