//! Bytes of which a part can be read by anybody, and the rest with a key.
//!
//! # Format, version 1
//! Numbers are little-endian. The first byte occurs in no MessagePack, so that a payload that is not
//! sealed is known from one that is.
//!
//! | bytes | |
//! |---|---|
//! | 1 | `0xC1` |
//! | 1 | version |
//! | 1 | what it is: 1 a record, 2 an entry of a snapshot |
//! | 1 | length of the shop's name |
//! | … | the shop's name |
//! | 8 | number of the key |
//! | 12 | nonce |
//! | 4 | length of the plain part |
//! | … | the plain part |
//! | … | the secret part, ChaCha20-Poly1305, with its tag at the end |
//!
//! Everything before the secret part is bound to it: the shop, the key, which is one conversation's of one
//! customer, and the plain part, which names the conversation. So nothing can be moved elsewhere.

use super::key::{BadSeal, Key, NONCE_BYTES, TAG_BYTES};

/// A record of the journal.
pub const RECORD: u8 = 1;
/// An entry of a snapshot.
pub const SNAPSHOT: u8 = 2;

const MARK: u8 = 0xC1;
const VERSION: u8 = 1;

/// Seals `secret` beside `plain`; `kind` is [`RECORD`], [`SNAPSHOT`] or what else there may be.
pub fn seal(key: &Key, kind: u8, plain: &[u8], secret: &[u8]) -> Vec<u8> {
    let shop = key.id().shop.as_str().as_bytes();
    let nonce: [u8; NONCE_BYTES] = rand::random();
    let head = 4 + shop.len() + 8 + NONCE_BYTES + 4;
    let mut out = Vec::with_capacity(head + plain.len() + secret.len() + TAG_BYTES);
    let shop_len = u8::try_from(shop.len()).expect("names of shops have at most 64 letters");
    out.extend_from_slice(&[MARK, VERSION, kind, shop_len]);
    out.extend_from_slice(shop);
    out.extend_from_slice(&key.id().slot.to_le_bytes());
    out.extend_from_slice(&nonce);
    let plain_len = u32::try_from(plain.len()).expect("payloads are far smaller than 4 GiB");
    out.extend_from_slice(&plain_len.to_le_bytes());
    out.extend_from_slice(plain);
    let at = out.len();
    out.extend_from_slice(secret);
    let (bound_to, text) = out.split_at_mut(at);
    let tag = key.secret().seal(nonce, bound_to, text);
    out.extend_from_slice(&tag);
    out
}

/// Sealed bytes, taken apart.
#[derive(Clone, Copy, Debug)]
pub struct Sealed<'a> {
    /// What it is.
    pub kind: u8,
    /// The shop of its key.
    pub shop: &'a str,
    /// The number of its key.
    pub slot: u64,
    /// What anybody can read.
    pub plain: &'a [u8],
    nonce: [u8; NONCE_BYTES],
    bound_to: &'a [u8],
    secret: &'a [u8],
}

impl<'a> Sealed<'a> {
    /// Whether bytes say that they are sealed.
    pub fn is_sealed(bytes: &[u8]) -> bool {
        bytes.first() == Some(&MARK)
    }

    /// Takes sealed bytes apart; `None` when they are none of a version that is known.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (&[mark, version, kind, shop_len], rest) = bytes.split_first_chunk()?;
        if mark != MARK || version != VERSION {
            return None;
        }
        let (shop, rest) = rest.split_at_checked(shop_len.into())?;
        let (slot, rest) = rest.split_first_chunk()?;
        let (nonce, rest) = rest.split_first_chunk()?;
        let (plain_len, rest) = rest.split_first_chunk()?;
        let plain_len = usize::try_from(u32::from_le_bytes(*plain_len)).ok()?;
        let (plain, secret) = rest.split_at_checked(plain_len)?;
        let bound_to = &bytes[..bytes.len() - secret.len()];
        Some(Self {
            kind,
            shop: std::str::from_utf8(shop).ok()?,
            slot: u64::from_le_bytes(*slot),
            plain,
            nonce: *nonce,
            bound_to,
            secret,
        })
    }

    /// What only the key opens.
    ///
    /// # Errors
    /// When anything of it was changed, or the key is another one.
    pub fn open(&self, key: &Key) -> Result<Vec<u8>, BadSeal> {
        key.secret().open(self.nonce, self.bound_to, self.secret)
    }
}

#[cfg(test)]
mod tests {
    use super::super::key::{KeyId, Secret};
    use super::*;
    use crate::domain::ShopId;

    fn key(slot: u64) -> Key {
        Key::new(KeyId { shop: ShopId::from("demo"), slot }, Secret::random())
    }

    #[test]
    fn what_was_sealed_comes_back_and_its_text_stands_nowhere() {
        let key = key(7);
        let sealed = seal(&key, RECORD, b"conversation", b"ana@example.org");

        let parsed = Sealed::parse(&sealed).expect("sealed");

        assert!(!sealed.windows(3).any(|window| window == b"ana"));
        assert_eq!(
            (parsed.shop, parsed.slot, parsed.plain),
            ("demo", 7, b"conversation".as_slice())
        );
        assert_eq!(parsed.open(&key).expect("opened"), b"ana@example.org");
        assert_ne!(
            sealed,
            seal(&key, RECORD, b"conversation", b"ana@example.org"),
            "a nonce twice"
        );
    }

    #[test]
    fn a_changed_byte_or_another_key_opens_nothing() {
        let mine = key(7);
        let sealed = seal(&mine, RECORD, b"conversation", b"secret");

        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            let opened = Sealed::parse(&changed).map(|parsed| parsed.open(&mine));
            assert!(!matches!(opened, Some(Ok(_))), "byte {at}");
        }
        assert_eq!(Sealed::parse(&sealed).expect("sealed").open(&key(7)), Err(BadSeal));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes: Vec<u8>) {
            let _ = Sealed::parse(&bytes);
            let _ = Sealed::parse(&[&[MARK, VERSION][..], &bytes].concat());
        }
    }
}
