//! Keeps phrases that were translated, one file at a time, beside the task that has them translated.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::task::JoinHandle;

use super::phrasebook::Phrasebook;
use super::store::PhraseStore;
use super::words::{PhrasesCame, same_translators};
use crate::automate::Phrases;
use crate::config::shop::Shop;
use crate::domain::{Language, ShopId, Timestamp};
use crate::flow::shard::Shops;

/// What is to be written, and what is being written.
pub(super) struct Keeping {
    /// `None` where nothing outlives the process.
    store: Option<PhraseStore>,
    waiting: BTreeSet<ShopId>,
    /// Of which shop, and whether it is written then.
    writing: Option<(ShopId, JoinHandle<bool>)>,
    /// Those of which the last write failed: a disk that refuses is not asked again at once.
    failed: BTreeSet<ShopId>,
}

impl Keeping {
    pub fn new(store: Option<PhraseStore>) -> Self {
        Self { store, waiting: BTreeSet::new(), writing: None, failed: BTreeSet::new() }
    }

    /// Puts what was kept of those `shops` into the phrasebook that it knows nothing of, as they were not served
    /// `before` or have others translate now, and gives what of it is whole. Languages that are not `wanted`
    /// are left out.
    pub async fn read(
        &self,
        now: Timestamp,
        (before, shops): (&Shops, &Shops),
        wanted: &[Language],
        phrasebook: &mut Phrasebook,
    ) -> Vec<PhrasesCame> {
        let Some(store) = self.store.clone() else { return Vec::new() };
        let is_new = |shop: &&Arc<Shop>| {
            shop.translators.reads().is_some() && !same_translators(before, shops, &shop.id)
        };
        let new: Vec<Arc<Shop>> = shops.values().filter(is_new).cloned().collect();
        let read = move || {
            let read = |shop: Arc<Shop>| (shop.clone(), store.read(&shop));
            new.into_iter().map(read).collect::<Vec<_>>()
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

    /// Begins to write what waits, unless something is being written. Of whom nothing is known any more, as he
    /// has others translate now, what was kept stays.
    pub fn begin(&mut self, phrasebook: &Phrasebook, shops: &Shops) {
        while self.writing.is_none()
            && let Some(id) = self.waiting.pop_first()
        {
            let phrases = phrasebook.known(&id);
            if let (Some(store), Some(shop)) = (self.store.clone(), shops.get(&id).cloned())
                && !phrases.is_empty()
            {
                let write = move || write(&store, &shop, &phrases);
                self.writing = Some((id, tokio::task::spawn_blocking(write)));
            }
        }
    }

    /// Whether something is being written.
    pub fn is_writing(&self) -> bool {
        self.writing.is_some()
    }

    /// Waits until what is being written is so, or failed.
    pub async fn written(&mut self) {
        let Some((shop, writing)) = &mut self.writing else { return };
        // What panics was not written, as what fails.
        match writing.await.unwrap_or(false) {
            true => self.failed.remove(shop),
            false => self.failed.insert(shop.clone()),
        };
        self.writing = None;
    }

    /// Writes everything that waits, and once more what failed.
    pub async fn write_all(&mut self, phrasebook: &Phrasebook, shops: &Shops) {
        self.written().await;
        self.waiting.append(&mut self.failed);
        self.begin(phrasebook, shops);
        while self.is_writing() {
            self.written().await;
            self.begin(phrasebook, shops);
        }
    }
}

/// Whether it is written. What is not is told with its reason, and tried again with the next language, before the
/// shops change and at the end: without it a restart asks engines for the phrases anew.
fn write(store: &PhraseStore, shop: &Shop, phrases: &BTreeMap<Language, Arc<Phrases>>) -> bool {
    let written = store.write(shop, phrases).inspect_err(|error| {
        tracing::warn!(shop = %shop.id, %error, "translated phrases are not kept");
    });
    written.is_ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(5);

    /// The demo shop, and a phrasebook that knows one phrase of it in Yoruba.
    fn one_phrase() -> (Shops, Phrasebook) {
        let shop = Arc::new(Shop::embedded_demo());
        let shops: Shops = Arc::new([(shop.id.clone(), shop.clone())].into_iter().collect());
        let mut phrases = Phrases::default();
        let (phrase, text) = phrases.missing(&shop).remove(0);
        assert!(phrases.add(&shop, phrase, text.as_str(), &"engine".into()));
        let language = "yo".parse().expect("a language");
        let mut came = PhrasesCame { shop, language, phrases: Arc::new(phrases) };
        let mut phrasebook = Phrasebook::default();
        assert_eq!(phrasebook.take(NOW, &shops, &mut came), Some(false));
        (shops, phrasebook)
    }

    #[tokio::test]
    async fn what_could_not_be_written_is_written_at_the_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = PhraseStore::of(folder.path());
        let mut keeping = Keeping::new(Some(store.clone()));
        let (shops, phrasebook) = one_phrase();
        let shop = ShopId::from("demo");
        fs::write(folder.path().join("phrases"), "a file").expect("what is in the way");
        keeping.want(&shop);
        keeping.begin(&phrasebook, &shops);
        keeping.written().await;
        keeping.begin(&phrasebook, &shops);
        assert!(!keeping.is_writing(), "it is not tried again at once");

        fs::remove_file(folder.path().join("phrases")).expect("removed");
        keeping.write_all(&phrasebook, &shops).await;

        assert_eq!(store.read(&shops[&shop]).len(), 1);
        assert!(keeping.failed.is_empty());
    }

    #[tokio::test]
    async fn of_whom_nothing_is_known_what_was_kept_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = PhraseStore::of(folder.path());
        let mut keeping = Keeping::new(Some(store.clone()));
        let (shops, phrasebook) = one_phrase();
        let shop = ShopId::from("demo");
        keeping.want(&shop);
        keeping.write_all(&phrasebook, &shops).await;
        assert_eq!(store.read(&shops[&shop]).len(), 1);

        keeping.want(&shop);
        keeping.write_all(&Phrasebook::default(), &shops).await;

        assert_eq!(store.read(&shops[&shop]).len(), 1);
    }
}
