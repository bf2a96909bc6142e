use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

use super::*;
use crate::config::shop::{Shop, ShopFiles};
use crate::domain::CustomerValue;

const NOW_S: u64 = 1_800_000_000;
const OLD: &str = "the old secret, which is 32 bytes";
const NEW: &str = "the new secret, which is 32 bytes";
const HMAC: &str = "0123456789abcdef0123456789abcdef";

fn now() -> Timestamp {
    Timestamp::from_millis(NOW_S * 1000)
}

fn pair() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a key")
}

/// A shop in the middle of a rotation, with a key of the other algorithm beside.
fn shop() -> CustomerProof {
    let public = URL_SAFE_NO_PAD.encode(pair().public_key().as_ref());
    let lines = format!(
        "\n[identity]\nissuer = \"https://shop.example\"\n\
         [[identity.keys]]\nkid = \"old\"\nalg = \"HS256\"\nsecret = \"{OLD}\"\n\
         [[identity.keys]]\nkid = \"new\"\nalg = \"HS256\"\nsecret = \"{NEW}\"\n\
         [[identity.keys]]\nkid = \"ed\"\nalg = \"EdDSA\"\npublic_key = \"{public}\"\n"
    );
    let mut files = ShopFiles::demo();
    let text = files.0.get_mut("shop.toml").expect("the file");
    *text = format!("identity_secret = \"{HMAC}\"\n{text}{lines}");
    Shop::from_files(&files).expect("a shop").customer_proof
}

fn claims() -> Value {
    json!({"sub": "user-7", "aud": "demo", "iss": "https://shop.example", "exp": NOW_S + 300,
        "profile": {"value": "vip", "country": "MX"}})
}

fn with(changes: Value) -> Value {
    let mut claims = claims();
    for (key, value) in changes.as_object().expect("an object") {
        claims[key] = value.clone();
    }
    claims
}

fn signed(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(sign(message.as_bytes()));
    format!("{message}.{signature}")
}

fn hs256(secret: &str, message: &[u8]) -> Vec<u8> {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
    ring::hmac::sign(&key, message).as_ref().to_vec()
}

fn token(kid: &str, secret: &str, claims: &Value) -> String {
    let header = json!({"alg": "HS256", "typ": "JWT", "kid": kid});
    signed(&header, claims, |message| hs256(secret, message))
}

fn ed_token(claims: &Value) -> String {
    let header = json!({"alg": "EdDSA", "kid": "ed"});
    signed(&header, claims, |message| pair().sign(message).as_ref().to_vec())
}

fn check(jwt: String) -> Result<String, Unproved> {
    let shop = shop();
    prove(&shop, &Identity::Jwt { jwt }, now()).map(|proved| proved.user_id)
}

#[test]
fn tokens_of_both_algorithms_and_of_both_keys_of_a_rotation_are_believed() {
    for jwt in [
        token("old", OLD, &claims()),
        token("new", NEW, &claims()),
        ed_token(&claims()),
        token("new", NEW, &with(json!({"aud": ["other", "demo"]}))),
    ] {
        assert_eq!(check(jwt).as_deref(), Ok("user-7"));
    }
    let shop = shop();
    let identity = Identity::Jwt { jwt: ed_token(&claims()) };
    let proved = prove(&shop, &identity, now()).expect("proved");
    assert_eq!(proved.profile.value, CustomerValue::Vip);
    assert_eq!(proved.until, Some(now() + Duration::from_secs(360)));
    assert_eq!(proved.key, pair().public_key().as_ref());
}

#[test]
fn a_key_believes_no_algorithm_but_its_own() {
    let public = pair().public_key().as_ref().to_vec();
    // The classic: the public key, which everybody has, as the secret of an HMAC.
    let confused = signed(&json!({"alg": "HS256", "kid": "ed"}), &claims(), |message| {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &public);
        ring::hmac::sign(&key, message).as_ref().to_vec()
    });
    let other = signed(&json!({"alg": "HS512", "kid": "new"}), &claims(), |m| hs256(NEW, m));

    assert_eq!(check(confused), Err(Unproved::WrongAlgorithm));
    assert_eq!(check(other), Err(Unproved::WrongAlgorithm));
    for name in ["none", "None", "NONE", ""] {
        let header = json!({"alg": name, "kid": "new"});
        assert_eq!(check(signed(&header, &claims(), |_| Vec::new())), Err(Unproved::Critical));
    }
}

#[test]
fn forged_foreign_and_oversized_tokens_are_refused() {
    let good = token("new", NEW, &claims());
    let (message, _) = good.rsplit_once('.').expect("a signature");
    let no_kid = signed(&json!({"alg": "HS256"}), &claims(), |m| hs256(NEW, m));
    let crit = json!({"alg": "HS256", "kid": "new", "crit": ["exp"], "exp": 1});

    assert_eq!(check(token("new", OLD, &claims())), Err(Unproved::Forged));
    assert_eq!(check(format!("{message}.")), Err(Unproved::Forged));
    assert_eq!(check(format!("{message}.AAAA")), Err(Unproved::Forged));
    assert_eq!(check(token("gone", NEW, &claims())), Err(Unproved::UnknownKey));
    assert_eq!(check(no_kid), Err(Unproved::UnknownKey));
    assert_eq!(check(signed(&crit, &claims(), |m| hs256(NEW, m))), Err(Unproved::Critical));
    let long = with(json!({"more": "x".repeat(3_000)}));
    assert_eq!(check(token("new", NEW, &long)), Err(Unproved::NoToken));
    for text in ["", ".", "..", "a.b.c", "a.b.c.d"] {
        assert!(check(text.to_owned()).is_err(), "{text}");
    }
}

#[test]
fn every_claim_that_is_wrong_or_missing_is_refused_with_its_name() {
    let cases = [
        (json!({"aud": "another"}), Unproved::WrongAudience),
        (json!({"aud": null}), Unproved::WrongAudience),
        (json!({"aud": []}), Unproved::WrongAudience),
        (json!({"iss": "https://evil.example"}), Unproved::WrongIssuer),
        (json!({"iss": null}), Unproved::WrongIssuer),
        (json!({"exp": null}), Unproved::Expired),
        (json!({"exp": NOW_S - 60}), Unproved::Expired),
        (json!({"exp": NOW_S + 25 * 3600}), Unproved::TooLong),
        (json!({"nbf": NOW_S + 61}), Unproved::NotYet),
        (json!({"sub": null}), Unproved::UserId),
        (json!({"sub": ""}), Unproved::UserId),
        (json!({"sub": "a\nb"}), Unproved::UserId),
        (json!({"sub": "x".repeat(257)}), Unproved::UserId),
        (json!({"profile": {"value": "emperor"}}), Unproved::Profile),
    ];
    for (changes, why) in cases {
        let claims = with(changes);
        assert_eq!(check(token("new", NEW, &claims)), Err(why), "{claims}");
        assert_eq!(check(ed_token(&claims)), Err(why), "{claims}");
    }
    for within in
        [json!({"exp": NOW_S - 59}), json!({"nbf": NOW_S + 60}), json!({"exp": 1.9e9_f64})]
    {
        let far = within["exp"].is_f64();
        assert_eq!(check(ed_token(&with(within))).is_ok(), !far);
    }
}

#[test]
fn a_shop_without_keys_believes_nobody() {
    let nobody = CustomerProof { keys: BTreeMap::new(), user_id_secret: None, ..shop() };
    let jwt = Identity::Jwt { jwt: token("new", NEW, &claims()) };
    let hmac = Identity::Hmac { user_id: "u".into(), hmac: "0".repeat(64), profile: None };

    assert_eq!(prove(&nobody, &jwt, now()).map(|_| ()), Err(Unproved::NoKeys));
    assert_eq!(prove(&nobody, &hmac, now()).map(|_| ()), Err(Unproved::NoSecret));
}

#[test]
fn a_user_is_proved_by_the_hmac_of_the_id() {
    let shop = shop();
    let hmac = |text: &str| -> String {
        hs256(HMAC, text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let check = |user_id: &str, profile: Option<&str>, hmac: &str| {
        let (user_id, hmac) = (user_id.to_owned(), hmac.to_owned());
        let identity = Identity::Hmac { user_id, hmac, profile: profile.map(str::to_owned) };
        prove(&shop, &identity, now()).map(|proved| proved.profile.value)
    };
    let proof = hmac("user-7");
    // Made by `printf user-7 | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef`.
    assert_eq!(proof, "2cd67013356eac556271874e0276a3f82c60f4a0d3e8263f441937f9f0cbf114");

    assert_eq!(check("user-7", None, &proof), Ok(CustomerValue::Normal));
    assert_eq!(check("user-8", None, &proof), Err(Unproved::Forged));
    assert_eq!(check("user-7", None, &proof.to_uppercase()), Err(Unproved::Forged));
    assert_eq!(check("user-7", None, "é"), Err(Unproved::Forged));
    let profile = r#"{"value":"vip"}"#;
    let signed = format!("user-7\n{profile}");
    assert_eq!(check("user-7", Some(profile), &hmac(&signed)), Ok(CustomerValue::Vip));
    assert_eq!(check("user-7", Some(profile), &proof), Err(Unproved::Forged), "one's own profile");
    assert_eq!(check(&signed, None, &hmac(&signed)), Err(Unproved::UserId), "looks like both");
}

/// RFC 7515, appendix A.1, and RFC 8037, appendix A.4: signatures that others made.
#[test]
fn the_examples_of_the_standards_verify() {
    install_verifier();
    let hs_key =
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let hs_message = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let ed_key = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    let ed_message = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let cases = [
        (Algorithm::HS256, hs_key, hs_message, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
        (
            Algorithm::EdDSA,
            ed_key,
            ed_message,
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        ),
    ];
    for (algorithm, key, message, signature) in cases {
        let bytes = URL_SAFE_NO_PAD.decode(key).expect("Base64");
        let key = match algorithm {
            Algorithm::EdDSA => DecodingKey::from_ed_der(&bytes),
            _ => DecodingKey::from_secret(&bytes),
        };
        let verify = |message: &str| {
            jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, algorithm)
        };
        assert_eq!(verify(message).ok(), Some(true));
        assert_eq!(verify(&message.replacen("eyJ", "eyK", 1)).ok(), Some(false));
    }
}

proptest::proptest! {
    #[test]
    fn no_text_is_believed_or_panics(text in "[A-Za-z0-9_.-]{0,200}", raw in "\\PC{0,80}") {
        proptest::prop_assert!(check(text).is_err());
        proptest::prop_assert!(check(raw).is_err());
    }

    #[test]
    fn no_change_of_a_token_is_believed(at in 0usize..400, to in proptest::char::range('A', 'z')) {
        let good = token("new", NEW, &claims());
        let at = at % good.len();
        let mut changed: Vec<char> = good.chars().collect();
        changed[at] = to;
        let changed: String = changed.into_iter().collect();
        // The last letter of a part may hold bits that mean nothing; they must be zero.
        proptest::prop_assume!(changed != good);
        proptest::prop_assert!(check(changed).is_err());
    }
}
