//! The sets that shops have in use. Which shops there are and what their sets are may change while
//! messages are read.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;

use super::{IntentSet, SetScratch};
use crate::config::shop::{Mistake, Shop};
use crate::domain::{OwnIntent, ShopId};

/// The sets of all shops that have one.
#[derive(Default)]
pub struct ServedSets {
    by_shop: RwLock<Arc<ByShop>>,
}

/// One state of them.
type ByShop = BTreeMap<ShopId, Served>;

#[derive(Clone)]
struct Served {
    shop: Arc<Shop>,
    set: Arc<Labelled>,
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
    /// Serves the set of a shop; messages that are being read keep the old one.
    pub(super) fn serve(&self, shop: Arc<Shop>, set: IntentSet) {
        let mut by_shop = self.by_shop.write();
        let served = Served { set: Labelled::new(set), shop: shop.clone() };
        Arc::make_mut(&mut by_shop).insert(shop.id.clone(), served);
    }

    /// The shops that have a set.
    pub(super) fn shops(&self) -> Vec<Arc<Shop>> {
        self.now().values().map(|served| served.shop.clone()).collect()
    }

    /// Serves what `other` holds and nothing else.
    pub fn become_as(&self, other: &Self) {
        let other = other.now();
        *self.by_shop.write() = other;
    }

    fn now(&self) -> Arc<ByShop> {
        self.by_shop.read().clone()
    }

    /// Whether no shop has a set.
    pub fn is_empty(&self) -> bool {
        self.by_shop.read().is_empty()
    }

    /// What `text` is in the set of `shop`; `None` when the shop has none.
    pub fn read(&self, shop: &ShopId, text: &str, scratch: &mut SetScratch) -> Option<OwnIntent> {
        let by_shop = self.now();
        let current = &by_shop.get(shop)?.set;
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
