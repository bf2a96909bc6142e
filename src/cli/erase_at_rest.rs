//! Erasing a customer in a data folder that no router has: his keys, and what was written before there
//! were any.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::ensure;

use super::erase::Erased;
use crate::domain::{ConversationId, CustomerId, CustomerKey, ShopId};
use crate::flow::{Entry, Fact, Kept, Keyring, Opened, Record, key_of};
use crate::journal::{Folder, look_in, rewrite};
use crate::vault::Vault;

/// Who is erased.
pub(super) struct Whose {
    pub shop: ShopId,
    /// By his ids.
    pub customers: Vec<CustomerId>,
    /// Whoever began this conversation.
    pub conversation: Option<ConversationId>,
}

/// Erases him. The next start finds the keys destroyed and ends the conversations. The caller has the lock
/// of the folder.
pub(super) fn at_rest(
    whose: Whose,
    folder: &Arc<dyn Folder>,
    vault: &Vault,
) -> anyhow::Result<Erased> {
    let mut search = Search { whose, theirs: BTreeSet::new(), known: BTreeSet::new() };
    search.look(folder, vault)?;
    ensure!(
        !search.whose.customers.is_empty(),
        "no conversation of that id is here, or its customer is erased already"
    );
    let mut keys = 0;
    for customer in &search.whose.customers {
        keys += vault.erase_at_rest(&search.whose.shop, customer)?.keys;
    }
    let mut left = BTreeSet::new();
    let rewritten = rewrite(
        folder,
        |payload| search.without_record(payload, &mut left),
        |payload| search.without_entry(payload),
    )?;
    Ok(Erased {
        conversations: search.theirs.len() as u64,
        keys,
        unsealed: left.len() as u64,
        emptied: rewritten.records + rewritten.entries,
        set_aside: rewritten.set_aside,
        by_router: false,
    })
}

/// Looks through a journal for a customer.
struct Search {
    whose: Whose,
    /// His conversations.
    theirs: BTreeSet<ConversationId>,
    /// Every conversation of which is known whose it is.
    known: BTreeSet<ConversationId>,
}

impl Search {
    fn look(&mut self, folder: &Arc<dyn Folder>, vault: &Vault) -> anyhow::Result<()> {
        let mut keys = Keyring::new(vault.clone());
        let found = look_in(Arc::clone(folder))?;
        for id in found.snapshots.list()? {
            for entry in found.snapshots.open(id)? {
                let (_, payload) = entry?;
                if let Ok((Kept::Conversation(kept), _)) = Kept::read(&payload, &mut keys) {
                    self.take(kept.conversation.id, &kept.conversation.opened);
                }
            }
        }
        for (_, payload) in found.replay.flatten() {
            if let Ok((Entry::Conversation(record), _)) = Entry::read(&payload, &mut keys)
                && let Some(Fact::Opened(opened)) = record.facts.first()
            {
                self.take(record.conversation, opened);
            }
        }
        Ok(())
    }

    fn take(&mut self, id: ConversationId, opened: &Opened) {
        if opened.is_erased() {
            // It says no more whose the conversation is than if it were gone.
            return;
        }
        self.known.insert(id);
        let whose = &mut self.whose;
        if opened.shop != whose.shop {
            return;
        }
        if whose.conversation == Some(id) && !whose.customers.contains(&opened.customer) {
            whose.customers.push(opened.customer.clone());
        }
        if whose.customers.contains(&opened.customer) {
            self.theirs.insert(id);
        }
    }

    /// Whether a record that is not sealed is his. Where the beginning of a conversation is gone or erased,
    /// nothing says whose it was, and nobody reads the rest: then whatever may be his is.
    fn is_theirs(&self, id: ConversationId) -> bool {
        let Whose { shop, customers, .. } = &self.whose;
        let may_be = || customers.iter().any(|it| CustomerKey::of(shop, it) == id.customer_key());
        self.theirs.contains(&id) || (!self.known.contains(&id) && may_be())
    }

    /// A record that is not sealed without what is his; notes in `left` where that has no room.
    fn without_record(
        &self,
        payload: &[u8],
        left: &mut BTreeSet<ConversationId>,
    ) -> Option<Vec<u8>> {
        let record = Record::decode(payload).ok().filter(|_| key_of(payload).is_none())?;
        if !self.is_theirs(record.conversation) {
            return None;
        }
        let Some(erased) = record.erased_within(payload.len()) else {
            left.insert(record.conversation);
            return None;
        };
        (erased != record).then(|| erased.encode())
    }

    /// The same of an entry of a snapshot, which may have any length.
    fn without_entry(&self, payload: &[u8]) -> Option<Vec<u8>> {
        if key_of(payload).is_some() {
            return None;
        }
        let Ok(Kept::Conversation(kept)) = Kept::decode(payload) else { return None };
        let is_bare = kept.conversation.opened.is_erased();
        (!is_bare && self.is_theirs(kept.conversation.id)).then(|| kept.erased())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{CustomerValue, Event, EventKind, MessageId, Sender, Timestamp};
    use crate::journal::{Batch, DiskFolder, Options, open};
    use crate::vault::MasterSource;

    #[tokio::test]
    async fn what_a_router_has_erased_the_beginning_of_is_told_by_the_key_in_its_id() {
        let data = tempfile::tempdir().expect("a folder");
        let (shop, at) = (ShopId::from("demo"), Timestamp::from_millis(1_764_463_600_000));
        let of = |name: &str| {
            let customer = CustomerId::from(name);
            ConversationId::new(at.as_millis(), CustomerKey::of(&shop, &customer), 1)
        };
        let path = data.path().join("journal");
        let (journal, mut replay) = open(&path, Options::default()).expect("a journal");
        assert!(replay.next().is_none());
        for id in [of("ana"), of("min")] {
            // The record of before keys that told whose it was is gone, the later one is erased.
            let opened = Fact::Opened(Opened {
                shop: shop.clone(),
                customer: CustomerId::from(""),
                verified: None,
                epoch: 1,
                at,
                locale: None,
                time_zone: None,
                region: None,
                value: CustomerValue::Normal,
            });
            let message = MessageId::from_uuid(uuid::Uuid::from_u128(7));
            let (from, text) = (Sender::Customer, "what was said".into());
            let kind = EventKind::Message { from, id: message, text, language: None };
            let said = Fact::Event(Event { seq: 1, at, kind });
            let mut batch = Batch::new();
            for fact in [opened, said] {
                let record = Record { conversation: id, facts: vec![fact] };
                batch.push(&record.encode()).expect("room");
            }
            journal.append(batch).await.expect("a disk");
        }
        journal.close().await.expect("a disk");
        let folder: Arc<dyn Folder> = Arc::new(DiskFolder::create(&path).expect("a folder"));
        let vault = Vault::open(&data.path().join("keys"), &MasterSource::Beside).expect("keys");
        let customers = vec![CustomerId::from("ana")];
        let whose = Whose { shop: shop.clone(), customers, conversation: None };

        let erased = at_rest(whose, &folder, &vault).expect("erased");

        assert_eq!((erased.emptied, erased.unsealed), (1, 0));
        let left = look_in(folder).expect("a journal").replay.flatten();
        let said_in = |id| {
            let records = left.map(|(_, bytes)| Record::decode(&bytes).expect("a record"));
            let mut with_text = records.filter(|it| format!("{it:?}").contains("what was said"));
            with_text.next().is_some_and(|it| it.conversation == id) && with_text.next().is_none()
        };
        assert!(said_in(of("min")), "the other lies where it lay");
    }
}
