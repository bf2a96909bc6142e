//! Lets the JWT library verify by `ring`: the algorithms that are believed somewhere in this program,
//! and no other. Which of them is right for a token, its key decides, not the token.

use std::sync::Once;

use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::signature::{self, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
use ring::signature::{RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm};

/// Has to be called before a token is verified; further calls do nothing.
pub fn install_verifier() {
    static INSTALLED: Once = Once::new();
    static PROVIDER: CryptoProvider = CryptoProvider {
        signer_factory: |_, _| Err(ErrorKind::InvalidAlgorithm.into()),
        verifier_factory: |algorithm, key| match algorithm {
            Algorithm::HS256
            | Algorithm::EdDSA
            | Algorithm::RS256
            | Algorithm::PS256
            | Algorithm::ES256
            | Algorithm::ES384 => Ok(Box::new(Check { algorithm: *algorithm, key: key.clone() })),
            _ => Err(ErrorKind::InvalidAlgorithm.into()),
        },
        key_utils: KeyUtils::new_unimplemented(),
    };
    // Nothing else in this process installs one.
    INSTALLED.call_once(|| {
        let _ = PROVIDER.install_default();
    });
}

/// One verification.
struct Check {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl Verifier<Vec<u8>> for Check {
    fn verify(&self, message: &[u8], tag: &Vec<u8>) -> Result<(), signature::Error> {
        let verified = match (self.key.kind(), self.algorithm) {
            (DecodingKeyKind::RsaModulusExponent { n, e }, algorithm) => {
                // 2048 bits and more.
                let scheme = match algorithm {
                    Algorithm::RS256 => &ring::signature::RSA_PKCS1_2048_8192_SHA256,
                    Algorithm::PS256 => &ring::signature::RSA_PSS_2048_8192_SHA256,
                    _ => return Err(signature::Error::new()),
                };
                RsaPublicKeyComponents { n, e }.verify(scheme, message, tag)
            }
            (DecodingKeyKind::SecretOrDer(key), Algorithm::HS256) => {
                let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key);
                ring::hmac::verify(&key, message, tag)
            }
            (DecodingKeyKind::SecretOrDer(key), algorithm) => {
                let scheme: &dyn VerificationAlgorithm = match algorithm {
                    Algorithm::EdDSA => &ring::signature::ED25519,
                    Algorithm::ES256 => &ring::signature::ECDSA_P256_SHA256_FIXED,
                    Algorithm::ES384 => &ring::signature::ECDSA_P384_SHA384_FIXED,
                    _ => return Err(signature::Error::new()),
                };
                UnparsedPublicKey::new(scheme, key).verify(message, tag)
            }
        };
        verified.map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for Check {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
