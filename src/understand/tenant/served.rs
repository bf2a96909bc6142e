//! The sets that shops have in use, which may be replaced while messages are read.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;

use super::{IntentSet, SetScratch};
use crate::config::shop::{Mistake, Shop};
use crate::domain::{OwnIntent, ShopId};

/// The sets of all shops that have one. Which shops do is fixed; what their sets are is not.
#[derive(Default)]
pub struct ServedSets {
    by_shop: BTreeMap<ShopId, Served>,
}

struct Served {
    shop: Arc<Shop>,
    set: RwLock<Arc<Labelled>>,
}

/// A set with its labels ready to be handed on.
struct Labelled {
    set: IntentSet,
    labels: Vec<Arc<str>>,
}

impl Labelled {
    fn new(set: IntentSet) -> Arc<Self> {
        let labels = set.labels().iter().map(|label| label.as_str().into()).collect();
        Arc::new(Self { set, labels })
    }
}

impl ServedSets {
    /// Adds the set of a shop.
    pub(super) fn insert(&mut self, shop: Arc<Shop>, set: IntentSet) {
        let set = RwLock::new(Labelled::new(set));
        self.by_shop.insert(shop.id.clone(), Served { shop, set });
    }

    /// The shops that have a set.
    pub(super) fn shops(&self) -> impl Iterator<Item = &Arc<Shop>> {
        self.by_shop.values().map(|served| &served.shop)
    }

    /// Puts a new set in the place of a shop's; messages that are being read keep the old one.
    pub(super) fn replace(&self, shop: &ShopId, set: IntentSet) {
        if let Some(served) = self.by_shop.get(shop) {
            *served.set.write() = Labelled::new(set);
        }
    }

    /// Whether no shop has a set.
    pub fn is_empty(&self) -> bool {
        self.by_shop.is_empty()
    }

    /// What `text` is in the set of `shop`; `None` when the shop has none.
    pub fn read(&self, shop: &ShopId, text: &str, scratch: &mut SetScratch) -> Option<OwnIntent> {
        let served = self.by_shop.get(shop)?;
        let current = served.set.read().clone();
        let guess = current.set.read(text, scratch);
        let at = current.set.labels().binary_search_by(|label| label.as_str().cmp(guess.label));
        let label = at.ok().filter(|_| !guess.out_of_scope).map(|at| current.labels[at].clone());
        Some(OwnIntent { label, confidence: guess.confidence })
    }
}

/// What in the file of `shop` does not fit its set: skills for labels that the set does not have.
pub(super) fn mistakes(shop: &Shop, set: &IntentSet) -> Vec<Mistake> {
    let missing = |label: &&str| !set.labels().iter().any(|known| known == label);
    let mistake = |label: &str| Mistake {
        file: format!("{}/shop.toml", shop.id),
        key: format!("intents.{label}"),
        problem: "is neither a shipped intent nor a label of the shop's own set".to_owned(),
        accepted: format!("one of {}", set.labels().join(", ")),
    };
    shop.skills.own_labels().filter(missing).map(mistake).collect()
}
