use jsonwebtoken::Algorithm::{self, ES256, ES384, EdDSA, PS256, RS256};
use ring::rand::SystemRandom;
use ring::rsa::{KeyPair as RsaKeyPair, PublicKeyComponents};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
};
use serde_json::json;

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const NOW_S: u64 = 1_800_000_000;
const ACCESS: &str = "an access token";
/// A key for these tests: nothing else trusts it.
const RSA: &[u8] = include_bytes!("rsa_2048_of_tests.pk8");

/// A key of a provider, with its private half.
struct Signer {
    algorithm: Algorithm,
    pkcs8: Vec<u8>,
    jwk: Value,
}

fn base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Signer {
    fn new(algorithm: Algorithm) -> Self {
        let random = SystemRandom::new();
        let (pkcs8, jwk) = match algorithm {
            RS256 | PS256 => {
                let pair = RsaKeyPair::from_pkcs8(RSA).expect("a key");
                let PublicKeyComponents { n, e } =
                    PublicKeyComponents::<Vec<u8>>::from(pair.public());
                (RSA.to_vec(), json!({"kty": "RSA", "n": base64(&n), "e": base64(&e)}))
            }
            EdDSA => {
                let pkcs8 = Ed25519KeyPair::generate_pkcs8(&random).expect("a key");
                let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).expect("a key");
                let x = base64(pair.public_key().as_ref());
                (pkcs8.as_ref().to_vec(), json!({"kty": "OKP", "crv": "Ed25519", "x": x}))
            }
            _ => {
                let (kind, curve) = match algorithm {
                    ES256 => (&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256"),
                    _ => (&ECDSA_P384_SHA384_FIXED_SIGNING, "P-384"),
                };
                let pkcs8 = EcdsaKeyPair::generate_pkcs8(kind, &random).expect("a key");
                let pair = EcdsaKeyPair::from_pkcs8(kind, pkcs8.as_ref(), &random).expect("a key");
                let (x, y) = pair.public_key().as_ref()[1..].split_at(if curve == "P-256" {
                    32
                } else {
                    48
                });
                let jwk = json!({"kty": "EC", "crv": curve, "x": base64(x), "y": base64(y)});
                (pkcs8.as_ref().to_vec(), jwk)
            }
        };
        Self { algorithm, pkcs8, jwk }
    }

    fn named(mut self, kid: &str) -> Self {
        self.jwk["kid"] = kid.into();
        self
    }

    fn keys(&self) -> Keys {
        keys(&[&self.jwk])
    }

    fn header(&self) -> Value {
        let name = serde_json::to_value(self.algorithm).expect("a name");
        json!({"alg": name, "kid": self.jwk.get("kid")})
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let random = SystemRandom::new();
        let message = format!(
            "{}.{}",
            base64(header.to_string().as_bytes()),
            base64(claims.to_string().as_bytes())
        );
        let bytes = message.as_bytes();
        let tag = match self.algorithm {
            RS256 | PS256 => {
                let pair = RsaKeyPair::from_pkcs8(&self.pkcs8).expect("a key");
                let mut tag = vec![0; pair.public().modulus_len()];
                let signed = match self.algorithm {
                    RS256 => pair.sign(&RSA_PKCS1_SHA256, &random, bytes, &mut tag),
                    _ => pair.sign(&RSA_PSS_SHA256, &random, bytes, &mut tag),
                };
                signed.expect("signed");
                tag
            }
            EdDSA => {
                let pair = Ed25519KeyPair::from_pkcs8(&self.pkcs8).expect("a key");
                pair.sign(bytes).as_ref().to_vec()
            }
            _ => {
                let kind = match self.algorithm {
                    ES256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
                    _ => &ECDSA_P384_SHA384_FIXED_SIGNING,
                };
                let pair = EcdsaKeyPair::from_pkcs8(kind, &self.pkcs8, &random).expect("a key");
                pair.sign(&random, bytes).expect("signed").as_ref().to_vec()
            }
        };
        format!("{message}.{}", base64(&tag))
    }

    fn token(&self, claims: &Value) -> String {
        self.sign(&self.header(), claims)
    }
}

fn keys(list: &[&Value]) -> Keys {
    Keys::read(json!({ "keys": list }).to_string().as_bytes()).expect("keys")
}

fn claims() -> Value {
    json!({"iss": "https://login.example", "aud": "tradewind", "sub": "u-1", "nonce": "n",
        "exp": NOW_S + 300, "iat": NOW_S - 1})
}

/// The claims with others in their places; `null` takes one away.
fn claims_with(others: &Value) -> Value {
    let mut claims = claims();
    for (claim, value) in others.as_object().expect("an object") {
        claims[claim] = value.clone();
        if value.is_null() {
            claims.as_object_mut().expect("an object").remove(claim);
        }
    }
    claims
}

fn verified(token: &str, keys: &Keys) -> Result<Account, NotBelieved> {
    let expected = Expected {
        issuer: "https://login.example",
        client_id: "tradewind",
        nonce: "n",
        access_token: Some(ACCESS),
    };
    verify(token, keys, &expected, NOW)
}

#[test]
fn a_token_of_each_algorithm_that_is_believed_verifies_and_a_changed_one_does_not() {
    for algorithm in [RS256, PS256, ES256, ES384, EdDSA] {
        let signer = Signer::new(algorithm).named("a");
        let hash = half_of_hash(algorithm, ACCESS);
        let token = signer.token(&claims_with(&json!({ "at_hash": hash })));

        let account = verified(&token, &signer.keys()).expect("an account");

        assert_eq!(account.subject, "u-1", "{algorithm:?}");
        let other = signer.token(&claims_with(&json!({"sub": "u-2"})));
        let (message, _) = token.rsplit_once('.').expect("a signature");
        let (_, signature) = other.rsplit_once('.').expect("a signature");
        let mixed = format!("{message}.{signature}");
        assert_eq!(verified(&mixed, &signer.keys()), Err(NotBelieved::Forged), "{algorithm:?}");
    }
}

#[test]
fn the_hash_of_an_access_token_is_that_of_the_standards_example() {
    // OpenID Connect Core 1.0, A.3.
    let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";

    assert_eq!(half_of_hash(RS256, token), "77QmUPtjPfzWtF2AnpK9RQ");
}

#[test]
fn every_claim_that_is_wrong_or_missing_is_refused_with_its_name() {
    use NotBelieved::{AccessToken, Audience, Expired, Issuer, NoToken, Nonce, NotNow, Subject};
    let signer = Signer::new(ES256).named("a");
    for (others, refusal) in [
        (json!({"iss": "https://login.example/"}), Issuer),
        (json!({"iss": null}), NoToken),
        (json!({"aud": "another"}), Audience),
        (json!({"aud": ["tradewind", "another"]}), Audience),
        (json!({"aud": ["tradewind", "another"], "azp": "another"}), Audience),
        (json!({"azp": "another"}), Audience),
        (json!({"aud": []}), Audience),
        (json!({"aud": null}), NoToken),
        (json!({"exp": NOW_S - 60}), Expired),
        (json!({"exp": null}), NoToken),
        (json!({"exp": "soon"}), NoToken),
        (json!({"iat": NOW_S + 61}), NotNow),
        (json!({"iat": NOW_S - 661}), NotNow),
        (json!({"iat": null}), NoToken),
        (json!({"nbf": NOW_S + 61}), NotNow),
        (json!({"nonce": "m"}), Nonce),
        (json!({"nonce": null}), Nonce),
        (json!({"at_hash": "77QmUPtjPfzWtF2AnpK9RQ"}), AccessToken),
        (json!({"sub": null}), Subject),
        (json!({"sub": ""}), Subject),
        (json!({"sub": 7}), Subject),
        (json!({"sub": "x".repeat(256)}), Subject),
    ] {
        let token = signer.token(&claims_with(&others));

        assert_eq!(verified(&token, &signer.keys()), Err(refusal), "{others}");
    }
    for others in [
        json!({"aud": ["tradewind"]}),
        json!({"aud": ["tradewind", "another"], "azp": "tradewind"}),
        json!({"exp": NOW_S - 59}),
        json!({"iat": NOW_S + 59}),
        json!({"sub": "x".repeat(255)}),
    ] {
        let token = signer.token(&claims_with(&others));
        assert!(verified(&token, &signer.keys()).is_ok(), "{others}");
    }
}

#[test]
fn none_and_a_shared_secret_are_no_signatures_whatever_the_secret_is() {
    let signer = Signer::new(RS256).named("a");
    let part = |value: &Value| base64(value.to_string().as_bytes());
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let head = part(&json!({"alg": alg, "kid": "a"}));
        let token = format!("{head}.{}.", part(&claims()));
        assert_eq!(verified(&token, &signer.keys()), Err(NotBelieved::Algorithm), "{alg}");
    }
    let n = signer.jwk["n"].as_str().expect("a modulus");
    let secrets = [n.as_bytes().to_vec(), URL_SAFE_NO_PAD.decode(n).expect("bytes"), Vec::new()];
    for secret in secrets {
        let message = format!("{}.{}", part(&json!({"alg": "HS256", "kid": "a"})), part(&claims()));
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &secret);
        let tag = base64(ring::hmac::sign(&key, message.as_bytes()).as_ref());
        let token = format!("{message}.{tag}");
        assert_eq!(verified(&token, &signer.keys()), Err(NotBelieved::Algorithm));
    }
    // A provider that lists a shared secret among its keys lists none that is used.
    let shared = json!({"kty": "oct", "kid": "a", "k": base64(&[7; 32]), "alg": "HS256"});
    assert_eq!(verified(&signer.token(&claims()), &keys(&[&shared])), Err(NotBelieved::UnknownKey));
}

#[test]
fn a_key_signs_by_its_own_kind_and_name_only() {
    let rsa = Signer::new(RS256).named("a");
    let other = Signer::new(ES256).named("b");
    let token = rsa.token(&claims());

    assert_eq!(verified(&token, &other.keys()), Err(NotBelieved::UnknownKey));
    let misnamed = Signer::new(ES256).named("a");
    assert_eq!(verified(&token, &misnamed.keys()), Err(NotBelieved::UnknownKey));
    for (member, value) in [("alg", "PS256"), ("use", "enc"), ("alg", "RSA-OAEP")] {
        let mut key = rsa.jwk.clone();
        key[member] = value.into();
        assert_eq!(verified(&token, &keys(&[&key])), Err(NotBelieved::UnknownKey), "{value}");
    }
    // Odd keys beside the right one are passed over.
    let odd = [json!({"kty": "quantum"}), json!(7), json!({"kty": "RSA", "n": "!", "e": "AQAB"})];
    let list = [&odd[0], &odd[1], &odd[2], &rsa.jwk];
    assert!(verified(&token, &keys(&list)).is_ok());
}

#[test]
fn a_token_without_a_kid_needs_a_provider_with_one_key_of_its_kind() {
    let (one, two) = (Signer::new(ES256), Signer::new(ES256));
    let token = one.sign(&json!({"alg": "ES256"}), &claims());

    assert!(verified(&token, &one.keys()).is_ok());
    let both = keys(&[&one.jwk, &two.jwk]);
    assert_eq!(verified(&token, &both), Err(NotBelieved::UnknownKey));
}

#[test]
fn what_is_no_token_is_refused_and_never_repeated() {
    let signer = Signer::new(ES256).named("a");
    let good = signer.token(&claims());
    let critical =
        signer.sign(&json!({"alg": "ES256", "kid": "a", "crit": ["exp"], "exp": 1}), &claims());
    let list = signer.token(&json!([1, 2]));
    let long = signer.token(&claims_with(&json!({"groups": vec!["g".repeat(99); 400]})));
    for token in ["", ".", "..", "...", "a.b.c", &good[1..], &critical, &list, &long] {
        let refused = verified(token, &signer.keys()).expect_err("a refusal");
        assert!(token.is_empty() || token.len() < 8 || !refused.to_string().contains(&token[..8]));
    }
    for at in (0..good.len()).step_by(3) {
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).expect("ASCII");
        assert!(verified(&changed, &signer.keys()).is_err(), "at {at}");
    }
}

#[test]
fn an_address_counts_when_the_provider_has_verified_it() {
    let account = |others: &Value| {
        let claims = claims_with(others);
        Account::of(claims.as_object().expect("an object").clone()).expect("an account")
    };
    let email = "Ann@Shop.example";

    for verified in [json!(true), json!("true")] {
        let account = account(&json!({"email": email, "email_verified": verified}));
        assert_eq!(account.verified_email().as_deref(), Some("ann@shop.example"));
    }
    for verified in [json!(false), json!("false"), json!(1), json!(null)] {
        let account = account(&json!({"email": email, "email_verified": verified}));
        assert_eq!(account.verified_email(), None, "{verified}");
    }
    let mut first = account(&json!({"email": "own@shop.example"}));
    let more = account(&json!({"email": email, "groups": "leads"}));
    first.add(more.clone()).expect("the same account");
    assert_eq!((first.has("email"), first.texts("groups")), (true, vec!["leads".to_owned()]));
    assert_eq!(first.claims["email"], "own@shop.example", "what is signed goes before");
    let other = account(&json!({"sub": "u-2"}));
    assert_eq!(first.add(other), Err(NotBelieved::Subject));
}
