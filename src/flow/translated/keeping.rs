//! Keeps phrases that were translated, one file at a time, beside the task that has them translated.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::phrasebook::Phrasebook;
use super::store::PhraseStore;
use super::words::PhrasesCame;
use crate::automate::Phrases;
use crate::config::shop::Shop;
use crate::domain::{Language, ShopId, Timestamp};
use crate::flow::shard::Shops;

/// What is to be written, and what is being written.
pub(super) struct Keeping {
    /// `None` where nothing outlives the process.
    store: Option<PhraseStore>,
    waiting: BTreeSet<ShopId>,
    writing: JoinSet<()>,
}

impl Keeping {
    pub fn new(store: Option<PhraseStore>) -> Self {
        Self { store, waiting: BTreeSet::new(), writing: JoinSet::new() }
    }

    /// Puts what was kept of `shops` into the phrasebook, and gives what of it is whole. Languages
    /// that are not `wanted` are left out.
    pub async fn read(
        &self,
        now: Timestamp,
        shops: &Shops,
        wanted: &[Language],
        phrasebook: &mut Phrasebook,
    ) -> Vec<PhrasesCame> {
        let Some(store) = self.store.clone() else { return Vec::new() };
        let served: Vec<Arc<Shop>> =
            shops.values().filter(|shop| shop.translators.reads().is_some()).cloned().collect();
        let read = move || {
            let read = |shop: Arc<Shop>| (shop.clone(), store.read(&shop));
            served.into_iter().map(read).collect::<Vec<_>>()
        };
        let mut came = Vec::new();
        for (shop, kept) in tokio::task::spawn_blocking(read).await.unwrap_or_default() {
            let kept = kept.into_iter().filter(|(language, _)| wanted.contains(language));
            for (language, phrases) in kept {
                let one = PhrasesCame { shop: shop.clone(), language, phrases: Arc::new(phrases) };
                if phrasebook.restore(now, &one) {
                    came.push(one);
                }
            }
        }
        came
    }

    /// Something of this shop is new.
    pub fn want(&mut self, shop: &ShopId) {
        if self.store.is_some() {
            self.waiting.insert(shop.clone());
        }
    }

    /// Begins to write what waits, unless something is being written.
    pub fn begin(&mut self, phrasebook: &Phrasebook, shops: &Shops) {
        while self.writing.is_empty()
            && let Some(id) = self.waiting.pop_first()
        {
            if let (Some(store), Some(shop)) = (self.store.clone(), shops.get(&id).cloned()) {
                let phrases = phrasebook.known(&id);
                self.writing.spawn_blocking(move || write(&store, &shop, &phrases));
            }
        }
    }

    /// Whether something is being written.
    pub fn is_writing(&self) -> bool {
        !self.writing.is_empty()
    }

    /// Waits until what is being written is so.
    pub async fn written(&mut self) {
        // What panics was not written, as what fails.
        let _ = self.writing.join_next().await;
    }

    /// Writes everything that waits.
    pub async fn finish(mut self, phrasebook: &Phrasebook, shops: &Shops) {
        self.begin(phrasebook, shops);
        while self.is_writing() {
            self.written().await;
            self.begin(phrasebook, shops);
        }
    }
}

/// What cannot be written is told, and tried again with the next language: without it a restart asks engines
/// for the phrases anew.
fn write(store: &PhraseStore, shop: &Shop, phrases: &BTreeMap<Language, Arc<Phrases>>) {
    let written: io::Result<()> = store.write(shop, phrases);
    if let Err(error) = written {
        tracing::warn!(shop = %shop.id, %error, "translated phrases are not kept");
    }
}
