//! Tokens and visitor handles: signed by this router, so that nothing has to be kept about them.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::domain::{CustomerId, CustomerValue, Language, RegionId, SeatId, ShopId, Timestamp};
use crate::runtime::sync_folder;

use super::signed_out::ProviderSession;

type HmacSha256 = Hmac<Sha256>;

const KEY_BYTES: usize = 32;
const HANDLE_BYTES: usize = 16;
const HANDLE_TAG_BYTES: usize = 10;
const HANDLE_PREFIX: &str = "v_";

/// The key that tokens and visitor handles are signed with.
#[derive(Clone)]
pub struct Secret(Arc<[u8; KEY_BYTES]>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What a token says. It is signed, not hidden: it holds nothing that its owner may not know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Token {
    /// The shop.
    pub shop: ShopId,
    /// The page that it was given to; `None` for a client that is no page.
    pub origin: Option<String>,
    /// When it stops opening sockets.
    pub expires_at: Timestamp,
    /// What vouched for the holder, by [`Secret::stamp`]: a password or a key. `None` for a visitor.
    pub stamp: Option<String>,
    /// Who.
    pub holder: Holder,
    /// The session of the shop's provider that it was given for, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<ProviderSession>,
}

/// Who holds a token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    /// A customer.
    Widget(Customer),
    /// A seat.
    Seat(SeatId),
}

/// A customer, as known when the token was given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Customer {
    /// Who.
    pub id: CustomerId,
    /// The shop's own id, when the shop vouched for it.
    pub verified: Option<CustomerId>,
    /// The language of the page.
    pub locale: Option<Language>,
    /// The IANA time zone of the page.
    pub time_zone: Option<Arc<str>>,
    /// The sales region.
    pub region: Option<RegionId>,
    /// How much the customer is worth to the shop.
    #[serde(default)]
    pub value: CustomerValue,
}

impl Secret {
    /// The key in `data`, made on the first start, readable by its owner only.
    ///
    /// # Errors
    /// When the file cannot be read or written, or is not of the right length.
    pub fn load_or_create(data: &Path) -> io::Result<Self> {
        let path = data.join("secret.key");
        match fs::read(&path) {
            Ok(bytes) => bytes.try_into().map(|key| Self(Arc::new(key))).map_err(|_| {
                io::Error::new(io::ErrorKind::InvalidData, "secret.key is not 32 bytes long")
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key: [u8; KEY_BYTES] = rand::random();
                write_private(&path, &key)?;
                Ok(Self(Arc::new(key)))
            }
            Err(error) => Err(error),
        }
    }

    /// A key for another purpose, which says nothing about this one.
    pub fn derived(&self, purpose: &[u8]) -> [u8; KEY_BYTES] {
        self.mac(b"derived", purpose).finalize().into_bytes().into()
    }

    /// Signs a token.
    pub fn seal(&self, token: &Token) -> String {
        self.seal_as("token", token)
    }

    /// Signs what is to come back unchanged. What was signed for one purpose opens for no other.
    pub fn seal_as(&self, purpose: &str, content: &impl Serialize) -> String {
        let payload = serde_json::to_vec(content).expect("what is sealed has string keys");
        let tag = self.tag(purpose.as_bytes(), &payload);
        format!("{}.{}", URL_SAFE_NO_PAD.encode(payload), URL_SAFE_NO_PAD.encode(tag))
    }

    /// Opens a token that was signed here and has not expired at `now`.
    pub fn open(&self, text: &str, now: Timestamp) -> Option<Token> {
        self.open_as::<Token>("token", text).filter(|token| now < token.expires_at)
    }

    /// Opens what was signed here for the same purpose.
    pub fn open_as<T: DeserializeOwned>(&self, purpose: &str, text: &str) -> Option<T> {
        let (payload, tag) = text.split_once('.')?;
        let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        self.mac(purpose.as_bytes(), &payload).verify_slice(&tag).ok()?;
        serde_json::from_slice(&payload).ok()
    }

    /// A secret that belongs to `name` and to this purpose: 43 letters of Base64url, which nobody else
    /// can tell from random ones.
    pub fn derive(&self, purpose: &str, name: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.tag(purpose.as_bytes(), name.as_bytes()))
    }

    /// A new visitor handle for a shop: random, and signed so that only handles from here count.
    pub fn new_visitor(&self, shop: &ShopId) -> String {
        let random: [u8; HANDLE_BYTES] = rand::random();
        let mut handle = random.to_vec();
        handle.extend_from_slice(&self.visitor_tag(shop, &random));
        format!("{HANDLE_PREFIX}{}", URL_SAFE_NO_PAD.encode(handle))
    }

    /// The customer behind a visitor handle; `None` when it was not made here for this shop. The
    /// handle is a credential, so only a digest of it names the customer from here on.
    pub fn visitor(&self, shop: &ShopId, handle: &str) -> Option<CustomerId> {
        let bytes = URL_SAFE_NO_PAD.decode(handle.strip_prefix(HANDLE_PREFIX)?).ok()?;
        if bytes.len() != HANDLE_BYTES + HANDLE_TAG_BYTES {
            return None;
        }
        let (random, tag) = bytes.split_at(HANDLE_BYTES);
        let known: bool =
            subtle::ConstantTimeEq::ct_eq(&self.visitor_tag(shop, random)[..], tag).into();
        known.then(|| CustomerId::from(format!("a_{}", digest(&bytes))))
    }

    /// The customer that a shop vouches for as `user_id`.
    pub fn verified_customer(user_id: &str) -> CustomerId {
        CustomerId::from(format!("u_{}", digest(user_id.as_bytes())))
    }

    /// A name for a secret of a shop by which nobody finds the secret.
    pub fn stamp(&self, material: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(&self.tag(b"stamp", material)[..15])
    }

    fn visitor_tag(&self, shop: &ShopId, random: &[u8]) -> [u8; HANDLE_TAG_BYTES] {
        let mut message = shop.as_str().as_bytes().to_vec();
        message.push(0);
        message.extend_from_slice(random);
        let tag = self.tag(b"visitor", &message);
        let mut short = [0; HANDLE_TAG_BYTES];
        short.copy_from_slice(&tag[..HANDLE_TAG_BYTES]);
        short
    }

    #[cfg(test)]
    pub(super) fn of_test(byte: u8) -> Self {
        Self(Arc::new([byte; KEY_BYTES]))
    }

    fn tag(&self, purpose: &[u8], message: &[u8]) -> Vec<u8> {
        self.mac(purpose, message).finalize().into_bytes().to_vec()
    }

    fn mac(&self, purpose: &[u8], message: &[u8]) -> HmacSha256 {
        let mut mac = HmacSha256::new_from_slice(&self.0[..]).expect("HMAC takes any key length");
        mac.update(purpose);
        mac.update(&[0]);
        mac.update(message);
        mac
    }
}

fn digest(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(bytes)[..15])
}

/// Writes a file that only its owner may read, complete or not at all. When this returns it outlives a power
/// cut.
///
/// # Errors
/// When it cannot be written.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let partial = path.with_extension("tmp");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&partial)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&partial, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    sync_folder(folder.unwrap_or(Path::new(".")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(byte: u8) -> Secret {
        Secret::of_test(byte)
    }

    fn token() -> Token {
        Token {
            shop: ShopId::from("demo"),
            origin: Some("https://shop.example".to_owned()),
            expires_at: Timestamp::from_millis(1_000),
            stamp: Some(secret(1).stamp(b"a password")),
            holder: Holder::Seat(SeatId::from("mai")),
            session: None,
        }
    }

    #[test]
    fn a_file_counts_as_written_only_when_its_name_is_durable() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let mode = |mode| fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode));

        // It may be written into and not opened, so its names cannot be synced.
        mode(0o300).expect("our own folder");
        let written = write_private(&folder.path().join("a.key"), b"a");
        mode(0o700).expect("our own folder");

        // Root may open every folder.
        assert_eq!(written.is_ok(), rustix::process::geteuid().is_root(), "{written:?}");
    }

    #[test]
    fn a_token_opens_until_it_expires_and_only_with_its_own_key() {
        let sealed = secret(1).seal(&token());

        assert_eq!(secret(1).open(&sealed, Timestamp::from_millis(999)), Some(token()));
        assert_eq!(secret(1).open(&sealed, Timestamp::from_millis(1_000)), None);
        assert_eq!(secret(2).open(&sealed, Timestamp::from_millis(999)), None);
    }

    #[test]
    fn a_changed_token_does_not_open() {
        let sealed = secret(1).seal(&token());
        for at in 0..sealed.len() {
            let mut bytes = sealed.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).expect("ASCII");
            // The last letter of Base64 may hold bits that mean nothing; those must be zero.
            assert_eq!(secret(1).open(&changed, Timestamp::default()), None, "at {at}");
        }
    }

    #[test]
    fn a_visitor_handle_names_the_same_customer_in_its_own_shop_only() {
        let shop = ShopId::from("demo");
        let handle = secret(1).new_visitor(&shop);

        let customer = secret(1).visitor(&shop, &handle);

        assert!(customer.is_some());
        assert_eq!(customer, secret(1).visitor(&shop, &handle));
        assert_eq!(secret(1).visitor(&ShopId::from("other"), &handle), None);
        assert_eq!(secret(2).visitor(&shop, &handle), None);
        for forged in ["", "v_", "v_AAAA", "me", &handle[2..]] {
            assert_eq!(secret(1).visitor(&shop, forged), None);
        }
    }
}
