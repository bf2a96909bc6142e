//! Whether a customer is who the shop's own server says: signed tokens (JWT) and signed user ids.

use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use sha2::Sha256;

use crate::config::shop::{CustomerProof, TokenKey};
use crate::domain::Timestamp;
use crate::protocol::session::{CustomerProfile, Identity};
use crate::runtime::install_verifier;

/// Longest token. It has to fit into the body of the session call beside the other fields.
const JWT_BYTES_MAX: usize = 3 * 1024;
/// Longest id of a user.
const USER_ID_BYTES_MAX: usize = 256;
/// Furthest end of a token. What is good for longer would be a password that nobody can change.
const LIFETIME_MAX_S: f64 = 24.0 * 3600.0;

/// A customer whose identity is proved.
#[derive(Debug)]
pub struct Proved<'a> {
    /// The shop's id of the customer.
    pub user_id: String,
    /// What else the shop says.
    pub profile: CustomerProfile,
    /// The key that the proof was made with.
    pub key: &'a [u8],
    /// When the proof ends, if it does.
    pub until: Option<Timestamp>,
}

/// Why an identity is not believed. Nothing of what was sent is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unproved {
    /// No keys for tokens.
    #[error("this shop has no keys for signed tokens")]
    NoKeys,
    /// No secret for user ids.
    #[error("this shop has no identity secret")]
    NoSecret,
    /// Over a bound, or not made of three parts.
    #[error("the token is no JWT of at most 3 KiB")]
    NoToken,
    /// No `kid`, or one that the shop does not have.
    #[error("the shop has no key of the token's `kid`")]
    UnknownKey,
    /// The `alg` of the token is not that of its key.
    #[error("the token's `alg` is not that of its key")]
    WrongAlgorithm,
    /// The token asks for extensions that are not understood.
    #[error("the token's header has `crit` or is not understood")]
    Critical,
    /// Signature or HMAC.
    #[error("the identity does not verify")]
    Forged,
    /// `aud`.
    #[error("the token's `aud` is missing or is not this shop's")]
    WrongAudience,
    /// `iss`.
    #[error("the token's `iss` is missing or is not the shop's issuer")]
    WrongIssuer,
    /// `exp`.
    #[error("the token's `exp` is missing or over")]
    Expired,
    /// `exp` too far away.
    #[error("the token's `exp` is more than 24 h away")]
    TooLong,
    /// `nbf`.
    #[error("the token's `nbf` is still to come")]
    NotYet,
    /// `sub`, or the user id.
    #[error("the user id (`sub` of a token) must be 1 to 256 bytes without control characters")]
    UserId,
    /// The other claims.
    #[error("`profile` is not an object of country, time_zone and value")]
    Profile,
}

/// What a token says.
#[derive(Deserialize)]
struct Claims {
    sub: Option<String>,
    exp: Option<f64>,
    nbf: Option<f64>,
    profile: Option<serde_json::Value>,
}

/// Verifies an identity at `now`, as the system clock has it: the shop's server has only that.
///
/// # Errors
/// Why it is not believed.
pub fn prove<'a>(
    shop: &'a CustomerProof,
    identity: &Identity,
    now: Timestamp,
) -> Result<Proved<'a>, Unproved> {
    match identity {
        Identity::Jwt { jwt } => prove_token(shop, jwt, now),
        Identity::Hmac { user_id, hmac, profile } => {
            let secret = shop.user_id_secret.as_ref().ok_or(Unproved::NoSecret)?;
            check_user_id(user_id)?;
            if !proves_user(secret.as_bytes(), user_id, profile.as_deref(), hmac) {
                return Err(Unproved::Forged);
            }
            let profile = serde_json::from_str(profile.as_deref().unwrap_or("{}"));
            let profile = profile.map_err(|_| Unproved::Profile)?;
            Ok(Proved { user_id: user_id.clone(), profile, key: secret.as_bytes(), until: None })
        }
    }
}

fn prove_token<'a>(
    shop: &'a CustomerProof,
    jwt: &str,
    now: Timestamp,
) -> Result<Proved<'a>, Unproved> {
    if shop.keys.is_empty() {
        return Err(Unproved::NoKeys);
    }
    if jwt.len() > JWT_BYTES_MAX {
        return Err(Unproved::NoToken);
    }
    let header = decode_header(jwt).map_err(|error| unproved(&error))?;
    // RFC 7515, 4.1.11: who does not understand what is critical must refuse.
    if header.crit.is_some() {
        return Err(Unproved::Critical);
    }
    let key = header.kid.and_then(|kid| shop.keys.get(&kid)).ok_or(Unproved::UnknownKey)?;
    let algorithm = algorithm_of(key);
    if header.alg != algorithm {
        return Err(Unproved::WrongAlgorithm);
    }
    let mut rules = Validation::new(algorithm);
    rules.set_audience(&[&shop.audience]);
    let mut needed = vec!["exp", "aud", "sub"];
    if let Some(issuer) = &shop.issuer {
        rules.set_issuer(&[issuer]);
        needed.push("iss");
    }
    rules.set_required_spec_claims(&needed);
    // The time comes from outside, so the instants are compared below.
    rules.validate_exp = false;
    install_verifier();
    let decoding = match key {
        TokenKey::Hs256(secret) => DecodingKey::from_secret(secret.as_bytes()),
        TokenKey::EdDsa(bytes) => DecodingKey::from_ed_der(bytes),
    };
    let claims: Claims = decode(jwt, &decoding, &rules).map_err(|error| unproved(&error))?.claims;
    let until = check_instants(&claims, shop, now)?;
    let user_id = claims.sub.ok_or(Unproved::UserId)?;
    check_user_id(&user_id)?;
    let profile = claims.profile.map_or(Ok(CustomerProfile::default()), serde_json::from_value);
    let profile = profile.map_err(|_| Unproved::Profile)?;
    Ok(Proved { user_id, profile, key: key.material(), until: Some(until) })
}

/// Gives the end of the token, the allowed difference of the clocks included.
fn check_instants(
    claims: &Claims,
    shop: &CustomerProof,
    now: Timestamp,
) -> Result<Timestamp, Unproved> {
    let now_s = now.as_millis() as f64 / 1000.0;
    let leeway_s = shop.leeway.as_secs_f64();
    let ends_s = claims.exp.filter(|exp| exp.is_finite()).ok_or(Unproved::Expired)? + leeway_s;
    if now_s >= ends_s {
        return Err(Unproved::Expired);
    }
    if ends_s - now_s > LIFETIME_MAX_S + 2.0 * leeway_s {
        return Err(Unproved::TooLong);
    }
    if claims.nbf.is_some_and(|nbf| nbf > now_s + leeway_s) {
        return Err(Unproved::NotYet);
    }
    Ok(Timestamp::from_millis((ends_s * 1000.0) as u64))
}

fn algorithm_of(key: &TokenKey) -> Algorithm {
    match key {
        TokenKey::Hs256(_) => Algorithm::HS256,
        TokenKey::EdDsa(_) => Algorithm::EdDSA,
    }
}

fn check_user_id(user_id: &str) -> Result<(), Unproved> {
    let fits = (1..=USER_ID_BYTES_MAX).contains(&user_id.len());
    // A control character could make an id look like an id with a profile.
    if fits && !user_id.chars().any(char::is_control) { Ok(()) } else { Err(Unproved::UserId) }
}

fn unproved(error: &Error) -> Unproved {
    match error.kind() {
        ErrorKind::InvalidSignature => Unproved::Forged,
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName => Unproved::WrongAlgorithm,
        ErrorKind::InvalidAudience => Unproved::WrongAudience,
        ErrorKind::InvalidIssuer => Unproved::WrongIssuer,
        ErrorKind::MissingRequiredClaim(claim) => match claim.as_str() {
            "aud" => Unproved::WrongAudience,
            "iss" => Unproved::WrongIssuer,
            "sub" => Unproved::UserId,
            _ => Unproved::Expired,
        },
        // What is no JSON may be an `alg` such as `none`, which has no name here.
        ErrorKind::Json(_) => Unproved::Critical,
        _ => Unproved::NoToken,
    }
}

/// Whether `proof` is the lower-case hex HMAC-SHA-256 under `key` of `user_id`, or, where there is
/// one, of `user_id`, a line feed and `profile`.
fn proves_user(key: &[u8], user_id: &str, profile: Option<&str>, proof: &str) -> bool {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes any key length");
    mac.update(user_id.as_bytes());
    if let Some(profile) = profile {
        mac.update(b"\n");
        mac.update(profile.as_bytes());
    }
    from_hex(proof).is_some_and(|tag| mac.verify_slice(&tag).is_ok())
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
        return None;
    }
    let pair = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).ok();
    (0..text.len()).step_by(2).map(pair).collect()
}

#[cfg(test)]
mod tests;
