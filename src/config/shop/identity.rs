//! How a shop's own server vouches for its customers: keys for signed tokens, and a secret for those
//! who sign user ids only.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::account::IdentitySecret;
use super::section::Section;

/// Keys of a shop: two while one takes the place of the other, and some for several senders.
const KEYS_MAX: usize = 8;
const KID_BYTES_MAX: usize = 64;
const LEEWAY: Duration = Duration::from_secs(60);
const LEEWAY_MAX: Duration = Duration::from_secs(600);
const ED25519_BYTES: usize = 32;
/// What stands before the 32 bytes in the DER form of an Ed25519 public key (RFC 8410).
const ED25519_DER: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0];
const PUBLIC_KEY: &str =
    "an Ed25519 public key: PEM, or the 32 bytes in Base64 as in the `x` of a JSON Web Key";

/// Whom the shop believes about its customers, and how much has to be proved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CustomerProof {
    /// Whether everybody has to prove who they are: no anonymous customers.
    pub required: bool,
    /// Who must have issued a token, if the shop names somebody.
    pub issuer: Option<String>,
    /// Whom a token must be meant for.
    pub audience: String,
    /// How far the clocks may differ.
    pub leeway: Duration,
    /// Keys of signed tokens by their `kid`.
    pub keys: BTreeMap<String, TokenKey>,
    /// Key of signed user ids.
    pub user_id_secret: Option<IdentitySecret>,
}

impl CustomerProof {
    /// The material of every key that the shop believes now.
    pub fn key_material(&self) -> impl Iterator<Item = &[u8]> {
        let secret = self.user_id_secret.iter().map(IdentitySecret::as_bytes);
        self.keys.values().map(TokenKey::material).chain(secret)
    }
}

/// A key that verifies signed tokens. It fixes the algorithm: what a token says of its own algorithm
/// must agree, and chooses nothing.
#[derive(Clone, PartialEq, Eq)]
pub enum TokenKey {
    /// HMAC with SHA-256.
    Hs256(IdentitySecret),
    /// Ed25519.
    EdDsa([u8; ED25519_BYTES]),
}

impl TokenKey {
    /// The algorithm by its registered name.
    pub const fn algorithm(&self) -> &'static str {
        match self {
            Self::Hs256(_) => "HS256",
            Self::EdDsa(_) => "EdDSA",
        }
    }

    /// The bytes of the key.
    pub fn material(&self) -> &[u8] {
        match self {
            Self::Hs256(secret) => secret.as_bytes(),
            Self::EdDsa(key) => key,
        }
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(…)", self.algorithm())
    }
}

/// Reads `[identity]`; `secret` is the text of the older key `identity_secret`.
pub(super) fn read(
    mut section: Section<'_>,
    shop: &str,
    secret: Option<IdentitySecret>,
) -> CustomerProof {
    let mut keys = BTreeMap::new();
    for mut entry in section.sections("keys") {
        let kid = entry.required_text("kid", "a name such as 2026-11");
        if kid.len() > KID_BYTES_MAX || kid.chars().any(char::is_control) {
            entry.note("kid", "does not fit", "at most 64 bytes without control characters");
        } else if keys.contains_key(&kid) {
            entry.note("kid", format!("`{kid}` stands twice"), "a name of its own");
        }
        if let Some(key) = key(&mut entry) {
            keys.insert(kid, key);
        }
        entry.finish();
    }
    if keys.len() > KEYS_MAX {
        section.note("keys", "are too many", format!("at most {KEYS_MAX}"));
    }
    let proof = CustomerProof {
        required: section.flag("required"),
        issuer: section.text("issuer"),
        audience: section.text("audience").unwrap_or_else(|| shop.to_owned()),
        leeway: section.length("leeway", LEEWAY_MAX, LEEWAY),
        keys,
        user_id_secret: secret,
    };
    if proof.required && proof.keys.is_empty() && proof.user_id_secret.is_none() {
        section.note("required", "leaves nobody in", "a key under [[identity.keys]] as well");
    }
    section.finish();
    proof
}

fn key(entry: &mut Section<'_>) -> Option<TokenKey> {
    let algorithm = entry.required_text("alg", "HS256 or EdDSA");
    match algorithm.as_str() {
        "HS256" => secret(entry, "secret").map(TokenKey::Hs256),
        "EdDSA" => {
            let text = entry.required_text("public_key", PUBLIC_KEY);
            let key = ed25519(&text);
            if key.is_none() && !text.is_empty() {
                // A private key may stand there by mistake: the text stays out of the message.
                entry.note("public_key", "is no such key", PUBLIC_KEY);
            }
            key.map(TokenKey::EdDsa)
        }
        "" => None,
        other => {
            entry.note("alg", format!("`{other}` is not supported"), "HS256 or EdDSA");
            // Read, so that they are not reported as unknown as well.
            entry.text("secret");
            entry.text("public_key");
            None
        }
    }
}

/// The secret under `key`, which must be there.
pub(super) fn secret(section: &mut Section<'_>, key: &'static str) -> Option<IdentitySecret> {
    let accepted = "at least 32 bytes";
    let text = section.required_text(key, accepted);
    if text.is_empty() {
        return None;
    }
    let secret = IdentitySecret::new(text);
    if secret.is_none() {
        // The text itself stays out of the message: it may go to a log.
        section.note(key, "is too short", accepted);
    }
    secret
}

fn ed25519(text: &str) -> Option<[u8; ED25519_BYTES]> {
    let text = text.trim();
    if text.starts_with("-----") {
        let der = SubjectPublicKeyInfoDer::from_pem_slice(text.as_bytes()).ok()?;
        return der.strip_prefix(&ED25519_DER)?.try_into().ok();
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).or_else(|_| STANDARD.decode(text)).ok()?;
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::super::{Shop, ShopFiles};
    use super::*;

    /// The public key of RFC 8037, appendix A.2, as a JSON Web Key has it and as PEM.
    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    const PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----";

    fn shop(lines: &str) -> Result<CustomerProof, String> {
        let mut files = ShopFiles::demo();
        let text = files.0.get_mut("shop.toml").expect("the file");
        // Before the first table there are the keys of the root; tables may stand at the end.
        text.push_str(lines);
        Shop::from_files(&files).map(|shop| shop.customer_proof).map_err(|error| error.to_string())
    }

    #[test]
    fn a_public_key_reads_the_same_from_pem_and_from_a_json_web_key() {
        let lines = |key: &str| {
            format!("\n[[identity.keys]]\nkid = \"a\"\nalg = \"EdDSA\"\npublic_key = '''{key}'''\n")
        };

        let from_x = shop(&lines(X)).expect("a key");

        assert_eq!(shop(&lines(PEM)).expect("a key"), from_x);
        assert_eq!(from_x.keys["a"].material()[..4], [0xd7, 0x5a, 0x98, 0x01]);
        assert_eq!(from_x.audience, "demo");
        assert_eq!(from_x.leeway, Duration::from_secs(60));
        assert!(!format!("{from_x:?}").contains("11qY"));
    }

    #[test]
    fn mistakes_are_told_without_the_secret() {
        let lines = "\n[identity]\nleeway = \"1h\"\n\
            [[identity.keys]]\nkid = \"a\"\nalg = \"HS256\"\nsecret = \"hush-hush\"\n\
            [[identity.keys]]\nkid = \"b\"\nalg = \"none\"\n\
            [[identity.keys]]\nkid = \"c\"\nalg = \"EdDSA\"\npublic_key = \"PRIVATE hush-hush\"\n";

        let told = shop(lines).expect_err("mistakes");

        for part in ["leeway", "keys[0].secret", "`none` is not supported", "keys[2].public_key"] {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert!(!told.contains("hush"), "{told}");
        for (lines, part) in [
            ("[identity.keys]\nkid = \"a\"\nsecret = \"hush-hush\"", "identity.keys: a table"),
            (
                "[[identity.keys]]\nkid = \"a\"\nalg = \"HS256\"\nsecret = [\"hush\"]",
                "keys[0].secret",
            ),
            (
                "[[identity.keys]]\nkid = \"a\"\nalg = \"EdDSA\"\npublic_key = {hush = 1}",
                "public_key",
            ),
            ("[[seats]]\nid = \"a\"\nlanguages = [\"en\"]\npassword = 40740740", "].password"),
            (
                "[[seats]]\nid = \"a\"\nlanguages = [\"en\"]\ndemo_password = 40740740",
                "demo_password",
            ),
            ("[[identity.keys]]\nsecret = \"hush-hush", ", column "),
            ("[[identity.keys]]\nsecret = hush-hush", ", column "),
        ] {
            let told = shop(&format!("\n{lines}\n")).expect_err("a mistake");
            assert!(told.contains(part), "{part}: {told}");
            assert!(!told.contains("hush") && !told.contains("4074"), "{told}");
        }
        let nobody = shop("\n[identity]\nrequired = true\n").expect_err("a mistake");
        assert!(nobody.contains("identity.required: leaves nobody in"), "{nobody}");
    }
}
