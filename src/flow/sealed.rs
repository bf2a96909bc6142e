//! Records and snapshots as they lie on disk: what is personal sealed with the key of its conversation,
//! the rest for anybody to read, since it has to be read when the key is destroyed.

use std::sync::Arc;

use ahash::AHashMap;

use super::conversation::Conversation;
use super::fact::{Entry, Record, RecordError};
use super::kept::{Kept, KeptConversation};
use super::personal::Personal;
use crate::domain::{ConversationId, CustomerId, ShopId};
use crate::schedule::DecisionRecord;
use crate::vault::{Found, Key, RECORD, SNAPSHOT, Sealed, Vault, VaultError, seal};

/// What was found of the seal of an entry.
#[derive(Clone, Debug)]
pub enum Seal {
    /// There was none: nothing in it is personal, or it is older than seals.
    None,
    /// Its key opened it.
    Opened(Key),
    /// Its key is destroyed: what was personal is erased.
    Erased,
    /// Its key is not here. What was personal is not in the entry.
    Locked,
}

/// The keys of conversations that are in use, and where to look for others.
#[derive(Debug, Default)]
pub struct Keyring {
    vault: Option<Vault>,
    held: AHashMap<ConversationId, Key>,
}

impl Keyring {
    /// Without any key: everything sealed stays so.
    pub fn locked() -> Self {
        Self::default()
    }

    /// With the keys of a data folder.
    pub fn new(vault: Vault) -> Self {
        Self { vault: Some(vault), held: AHashMap::new() }
    }

    /// Keeps the key of a conversation at hand.
    pub fn hold(&mut self, conversation: ConversationId, key: Key) {
        self.held.insert(conversation, key);
    }

    /// The key of a conversation, if it is at hand.
    pub fn get(&self, conversation: ConversationId) -> Option<&Key> {
        self.held.get(&conversation)
    }

    /// The key of a conversation, given to it now if it has none; `None` while none is there to be given.
    pub fn get_or_take(
        &mut self,
        conversation: ConversationId,
        shop: &ShopId,
        customer: &CustomerId,
    ) -> Option<&Key> {
        if !self.held.contains_key(&conversation) {
            let key = self.vault.as_ref()?.take(shop, customer)?;
            self.held.insert(conversation, key);
        }
        self.held.get(&conversation)
    }

    /// Where the keys come from.
    pub fn vault(&self) -> Option<&Vault> {
        self.vault.as_ref()
    }

    /// Whether more keys will be there soon.
    pub fn makes_more(&self) -> bool {
        self.vault.as_ref().is_some_and(Vault::is_healthy)
    }

    /// The keys of some conversations by themselves.
    pub fn split_off(&mut self, belongs: impl Fn(ConversationId) -> bool) -> Self {
        let held = self.held.extract_if(|id, _| belongs(*id)).collect();
        Self { vault: self.vault.clone(), held }
    }

    /// Every key at hand.
    pub fn held(&self) -> impl Iterator<Item = (ConversationId, &Key)> {
        self.held.iter().map(|(id, key)| (*id, key))
    }

    /// Lets go of a key.
    pub fn remove(&mut self, conversation: ConversationId) -> Option<Key> {
        self.held.remove(&conversation)
    }

    fn find(
        &mut self,
        conversation: ConversationId,
        shop: &str,
        slot: u64,
    ) -> Result<Found, VaultError> {
        if let Some(held) = self.held.get(&conversation)
            && held.id().slot == slot
            && held.id().shop.as_str() == shop
        {
            return Ok(Found::Key(held.clone()));
        }
        let found =
            self.vault.as_ref().map_or(Ok(Found::Missing), |vault| vault.find(shop, slot))?;
        if let Found::Key(key) = &found {
            self.held.insert(conversation, key.clone());
        }
        Ok(found)
    }

    /// What `sealed` held, beside how that came.
    fn open(
        &mut self,
        conversation: ConversationId,
        sealed: &Sealed<'_>,
    ) -> Result<(Option<Personal>, Seal), RecordError> {
        Ok(match self.find(conversation, sealed.shop, sealed.slot)? {
            Found::Key(key) => {
                let personal = rmp_serde::from_slice(&sealed.open(&key)?)?;
                (Some(personal), Seal::Opened(key))
            }
            Found::Destroyed => (None, Seal::Erased),
            Found::Missing => (None, Seal::Locked),
        })
    }
}

impl Record {
    /// The record as journal payload, sealed with `key` if something in it is personal.
    pub fn seal(&self, key: Option<&Key>) -> Vec<u8> {
        let Some(key) = key.filter(|_| self.is_personal()) else { return self.encode() };
        let mut plain = self.clone();
        match Personal::out_of_record(&mut plain) {
            Some(personal) => seal(key, RECORD, &plain.encode(), &personal.encode()),
            None => self.encode(),
        }
    }

    /// The record without what is personal.
    pub fn erased(mut self) -> Self {
        drop(Personal::out_of_record(&mut self));
        self
    }

    /// Whether something in it has to be sealed.
    pub fn is_personal(&self) -> bool {
        super::personal::is_personal(self)
    }
}

impl Entry {
    /// Reads a payload, with what the keys at hand open of it.
    ///
    /// # Errors
    /// When the bytes are no entry, or the seal does not hold.
    pub fn read(bytes: &[u8], keys: &mut Keyring) -> Result<(Self, Seal), RecordError> {
        if !Sealed::is_sealed(bytes) {
            return Ok((Self::decode(bytes)?, Seal::None));
        }
        let sealed = parse(bytes, RECORD)?;
        let mut record = Record::decode(sealed.plain)?;
        let (personal, seal) = keys.open(record.conversation, &sealed)?;
        personal.map_or(Ok(()), |personal| personal.into_record(&mut record))?;
        Ok((Self::Conversation(record), seal))
    }
}

impl Kept {
    /// Reads an entry of a snapshot, with what the keys at hand open of it.
    ///
    /// # Errors
    /// When the bytes are no entry, or the seal does not hold.
    pub fn read(bytes: &[u8], keys: &mut Keyring) -> Result<(Self, Seal), RecordError> {
        if !Sealed::is_sealed(bytes) {
            return Ok((Self::decode(bytes)?, Seal::None));
        }
        let sealed = parse(bytes, SNAPSHOT)?;
        let mut kept: KeptConversation = rmp_serde::from_slice(sealed.plain)?;
        let (personal, seal) = keys.open(kept.conversation.id, &sealed)?;
        let KeptConversation { conversation, decided } = &mut kept;
        personal.map_or(Ok(()), |personal| personal.into_conversation(conversation, decided))?;
        conversation.remember_seen();
        Ok((Self::Conversation(Box::new(kept)), seal))
    }
}

/// Which key sealed a payload: the shop's name and the number; `None` when it is not sealed.
pub fn key_of(payload: &[u8]) -> Option<(&str, u64)> {
    Sealed::parse(payload).map(|sealed| (sealed.shop, sealed.slot))
}

/// Takes out what is personal in a conversation and what was decided about it, lets `encode` write the
/// rest, and puts it back.
pub(super) fn seal_conversation(
    key: &Key,
    conversation: &mut Conversation,
    decided: &mut [Arc<DecisionRecord>],
    encode: impl FnOnce(&Conversation, &[Arc<DecisionRecord>]) -> Vec<u8>,
) -> Vec<u8> {
    let personal = Personal::out_of_conversation(conversation, decided);
    let (plain, secret) = (encode(conversation, decided), personal.encode());
    let given = personal.into_conversation(conversation, decided);
    given.expect("it was taken out of this very conversation");
    seal(key, SNAPSHOT, &plain, &secret)
}

fn parse(bytes: &[u8], kind: u8) -> Result<Sealed<'_>, RecordError> {
    Sealed::parse(bytes).filter(|sealed| sealed.kind == kind).ok_or(RecordError::UnknownSeal)
}

impl Personal {
    fn encode(&self) -> Vec<u8> {
        rmp_serde::to_vec_named(self).expect("it holds only types that MessagePack has")
    }
}
