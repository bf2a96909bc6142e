//! The keys of a provider: which of them may have signed a token, and by which algorithm.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

/// Most keys that are kept of one provider; the others are passed over.
const KEYS_MAX: usize = 64;

/// What a provider signs with now.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys(Vec<Jwk>);

#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

impl Keys {
    /// Reads the document under `jwks_uri`. A key that is not understood is passed over, as RFC 7517,
    /// 5 wants it; `None` when the document is none.
    pub fn read(document: &[u8]) -> Option<Self> {
        let Document { keys } = serde_json::from_slice(document).ok()?;
        let understood = keys.into_iter().filter_map(|key| serde_json::from_value(key).ok());
        let is_useful = |key: &Jwk| {
            let for_signatures = !matches!(
                key.common.public_key_use,
                Some(PublicKeyUse::Encryption | PublicKeyUse::Other(_))
            );
            for_signatures && !algorithms_of(key).is_empty()
        };
        Some(Self(understood.filter(is_useful).take(KEYS_MAX).collect()))
    }

    /// The key that may have signed a token with this header. Without a `kid` there is one only when
    /// no choice is left.
    pub fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<DecodingKey> {
        let may_be = |key: &&Jwk| {
            let named = kid.is_none() || key.common.key_id.as_deref() == kid;
            named && algorithms_of(key).contains(&algorithm)
        };
        let mut found = self.0.iter().filter(may_be);
        let key = found.next()?;
        let is_clear = kid.is_some() || found.next().is_none();
        is_clear.then(|| DecodingKey::from_jwk(key).ok()).flatten()
    }
}

/// Whether tokens signed so are believed from a provider at all: by a pair of keys, so that nobody who
/// reads the public one can sign.
pub(super) fn is_believed(algorithm: Algorithm) -> bool {
    use Algorithm::{ES256, ES384, EdDSA, PS256, RS256};
    matches!(algorithm, RS256 | PS256 | ES256 | ES384 | EdDSA)
}

/// What a key may sign with: its kind decides, and its own `alg` where it names one.
fn algorithms_of(key: &Jwk) -> Vec<Algorithm> {
    let by_kind: &[Algorithm] = match &key.algorithm {
        AlgorithmParameters::RSA(_) => &[Algorithm::RS256, Algorithm::PS256],
        AlgorithmParameters::EllipticCurve(key) => match key.curve {
            EllipticCurve::P256 => &[Algorithm::ES256],
            EllipticCurve::P384 => &[Algorithm::ES384],
            _ => &[],
        },
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            &[Algorithm::EdDSA]
        }
        _ => &[],
    };
    let own = key.common.key_algorithm;
    let own = own.map(|own| Algorithm::try_from(own).ok());
    by_kind.iter().copied().filter(|kind| own.is_none_or(|own| own == Some(*kind))).collect()
}
