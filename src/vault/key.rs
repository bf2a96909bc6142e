//! A key, and what can be done with one: ChaCha20-Poly1305 with a random nonce.
//!
//! Each key seals the few thousand records and snapshots of one conversation, or wraps the keys below it:
//! random nonces of 96 bits are good for 2³² uses of a key.

use std::fmt;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

use crate::domain::ShopId;

/// Bytes of a key.
pub(super) const KEY_BYTES: usize = 32;
/// Bytes of a nonce.
pub(super) const NONCE_BYTES: usize = 12;
/// Bytes by which sealing makes a text longer.
pub(super) const TAG_BYTES: usize = 16;
/// Bytes of a key that is wrapped: nonce, key and tag.
pub(super) const WRAPPED_BYTES: usize = NONCE_BYTES + KEY_BYTES + TAG_BYTES;

/// Sealed bytes were changed, moved, or sealed with another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it was changed, moved, or sealed with another key")]
pub struct BadSeal;

/// Which key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId {
    /// The shop whose key wraps it.
    pub shop: ShopId,
    /// Its number, never given twice in a shop.
    pub slot: u64,
}

/// The key of a conversation.
#[derive(Clone)]
pub struct Key {
    id: KeyId,
    secret: Secret,
}

impl Key {
    pub(super) fn new(id: KeyId, secret: Secret) -> Self {
        Self { id, secret }
    }

    /// Which.
    pub const fn id(&self) -> &KeyId {
        &self.id
    }

    pub(super) const fn secret(&self) -> &Secret {
        &self.secret
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({} of {})", self.id.slot, self.id.shop)
    }
}

/// The bytes of a key, overwritten when they are dropped.
#[derive(Clone)]
pub(super) struct Secret(Zeroizing<[u8; KEY_BYTES]>);

impl Secret {
    /// A fresh one from the operating system.
    pub(super) fn random() -> Self {
        Self(Zeroizing::new(rand::random()))
    }

    pub(super) fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    fn cipher(&self) -> LessSafeKey {
        let key = UnboundKey::new(&CHACHA20_POLY1305, &self.0[..]).expect("a key has 32 bytes");
        LessSafeKey::new(key)
    }

    /// Seals `text` where it stands; gives the tag.
    pub(super) fn seal(
        &self,
        nonce: [u8; NONCE_BYTES],
        bound_to: &[u8],
        text: &mut [u8],
    ) -> [u8; TAG_BYTES] {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let sealed = self.cipher().seal_in_place_separate_tag(nonce, Aad::from(bound_to), text);
        let tag = sealed.expect("what is sealed is far smaller than the cipher's limit");
        tag.as_ref().try_into().expect("a tag has 16 bytes")
    }

    /// What `sealed`, text and tag, held.
    pub(super) fn open(
        &self,
        nonce: [u8; NONCE_BYTES],
        bound_to: &[u8],
        sealed: &[u8],
    ) -> Result<Vec<u8>, BadSeal> {
        let mut text = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let opened = self.cipher().open_in_place(nonce, Aad::from(bound_to), &mut text);
        let len = opened.map_err(|_| BadSeal)?.len();
        text.truncate(len);
        Ok(text)
    }

    /// Another key, sealed with this one for a stated place.
    pub(super) fn wrap(&self, other: &Self, bound_to: &[u8]) -> [u8; WRAPPED_BYTES] {
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let mut wrapped = [0; WRAPPED_BYTES];
        wrapped[..NONCE_BYTES].copy_from_slice(&nonce);
        let text = &mut wrapped[NONCE_BYTES..NONCE_BYTES + KEY_BYTES];
        text.copy_from_slice(other.bytes());
        let tag = self.seal(nonce, bound_to, text);
        wrapped[NONCE_BYTES + KEY_BYTES..].copy_from_slice(&tag);
        wrapped
    }

    /// The key that was wrapped for that place.
    pub(super) fn unwrap(
        &self,
        wrapped: &[u8; WRAPPED_BYTES],
        bound_to: &[u8],
    ) -> Result<Self, BadSeal> {
        let (nonce, sealed) = wrapped.split_at(NONCE_BYTES);
        let nonce = nonce.try_into().expect("split at its length");
        let text = Zeroizing::new(self.open(nonce, bound_to, sealed)?);
        Ok(Self::from_bytes(text[..].try_into().map_err(|_| BadSeal)?))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapped_key_opens_only_with_its_key_and_in_its_place() {
        let (outer, inner) = (Secret::random(), Secret::random());
        let wrapped = outer.wrap(&inner, b"here");

        assert_eq!(outer.unwrap(&wrapped, b"here").expect("the key").bytes(), inner.bytes());
        assert_eq!(outer.unwrap(&wrapped, b"there").err(), Some(BadSeal));
        assert_eq!(Secret::random().unwrap(&wrapped, b"here").err(), Some(BadSeal));
        let mut changed = wrapped;
        changed[20] ^= 1;
        assert_eq!(outer.unwrap(&changed, b"here").err(), Some(BadSeal));
    }
}
