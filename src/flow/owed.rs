//! What a conversation brings about outside and is not settled yet: found by its key, as a hook that is
//! down can leave thousands.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde::{Deserialize, Serialize, Serializer};

use crate::domain::{Effect, EffectKey, Progress, Timestamp};

use super::fact::Progressed;

/// An effect that is not settled yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Owed {
    /// What.
    pub effect: Effect,
    /// How often it has failed.
    pub tries: u32,
    /// When it is tried again.
    pub again_at: Timestamp,
    /// When its end came next, if that is the last that is known.
    pub ending_at: Option<Timestamp>,
}

/// All of a conversation. A snapshot keeps them as a list.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(from = "Vec<Owed>")]
pub struct OwedEffects(BTreeMap<EffectKey, Owed>);

impl OwedEffects {
    /// In no order that means anything.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Owed> {
        self.0.values()
    }

    pub(super) fn get(&self, key: EffectKey) -> Option<&Owed> {
        self.0.get(&key)
    }

    /// Takes note that an effect is wanted, unless it is already.
    pub(super) fn want(&mut self, effect: &Effect) {
        self.0.entry(effect.key).or_insert_with(|| Owed {
            effect: effect.clone(),
            tries: 0,
            again_at: effect.at,
            ending_at: None,
        });
    }

    /// Takes note of how far an effect is.
    pub(super) fn progress(&mut self, Progressed { key, at, progress }: Progressed) {
        let Entry::Occupied(mut found) = self.0.entry(key) else { return };
        if progress.is_settled() {
            found.remove();
            return;
        }
        let owed = found.get_mut();
        owed.ending_at = (progress == Progress::Ending).then_some(at);
        if let Progress::Failed { again_at } = progress {
            owed.tries = owed.tries.saturating_add(1);
            owed.again_at = again_at;
        }
    }
}

impl FromIterator<Owed> for OwedEffects {
    fn from_iter<T: IntoIterator<Item = Owed>>(owed: T) -> Self {
        Self(owed.into_iter().map(|it| (it.effect.key, it)).collect())
    }
}

impl From<Vec<Owed>> for OwedEffects {
    fn from(owed: Vec<Owed>) -> Self {
        owed.into_iter().collect()
    }
}

impl Serialize for OwedEffects {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.values())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ConversationId, HookEvent, Outward, Webhook};

    #[test]
    fn a_snapshot_holds_a_list_in_whatever_order() {
        let conversation = ConversationId::from_uuid(uuid::Uuid::from_u128(1));
        let owed = |seq| {
            let webhook = Webhook { hook: "crm".into(), event: HookEvent::Closed, seq };
            let key = EffectKey::of_webhook(conversation, 1, &webhook);
            let at = Timestamp::from_millis(seq);
            let effect = Effect { key, at, what: Outward::Webhook(webhook) };
            Owed { effect, tries: 2, again_at: at, ending_at: None }
        };
        let list: Vec<Owed> = (1..9).map(owed).collect();

        let old = rmp_serde::to_vec_named(&list).expect("bytes");
        let read: OwedEffects = rmp_serde::from_slice(&old).expect("a list is read");
        let again = rmp_serde::to_vec_named(&read).expect("bytes");

        assert_eq!(read.iter().count(), list.len());
        assert!(list.iter().all(|it| read.get(it.effect.key) == Some(it)));
        let written: Vec<Owed> = rmp_serde::from_slice(&again).expect("a list is written");
        assert_eq!(OwedEffects::from(written), read);
    }
}
