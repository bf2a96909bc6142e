//! The articles of every shop, searched by what the fast tier makes of a question.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::automate::FromArticles;
use crate::config::shop::{ArticleRules, Shop};
use crate::domain::{Language, ShopId, Understanding};
use crate::knowledge::{Hit, Index, IndexError, Query, Verdict, judge};
use crate::understand::{Model, Scratch};

use super::shard::Shops;

/// Everything that machines may look up in articles. Shared, never changed: new shops bring a new one.
pub struct Library {
    model: Arc<Model>,
    by_shop: BTreeMap<ShopId, Index>,
}

impl Library {
    /// The articles of these shops. Takes some ten microseconds for each question in them.
    ///
    /// # Errors
    /// When an index cannot be built.
    pub fn new(model: Arc<Model>, shops: &Shops) -> Result<Self, IndexError> {
        let mut scratch = Scratch::default();
        let mut embed = |text: &str| model.meaning(text, &mut scratch).vector;
        let mut by_shop = BTreeMap::new();
        for (id, shop) in &**shops {
            let articles = &shop.knowledge.articles;
            if !articles.is_empty() {
                by_shop.insert(id.clone(), Index::new(articles, &mut embed)?);
            }
        }
        Ok(Self { model, by_shop })
    }

    /// The articles of `shop` in `language`, the one that fits `text` best first.
    pub fn search(
        &self,
        shop: &ShopId,
        language: Language,
        text: &str,
        scratch: &mut Scratch,
    ) -> Vec<Hit> {
        let Some(index) = self.by_shop.get(shop) else { return Vec::new() };
        let vector = self.model.meaning(text, scratch).vector;
        let found = index.search(language, &Query { text, vector: &vector });
        found.unwrap_or_else(|error| {
            tracing::error!(%error, "articles were not searched");
            Vec::new()
        })
    }

    /// What the articles of `shop` that were found say to a message, under `rules`.
    pub fn judge(
        &self,
        read: &Understanding,
        hits: &[Hit],
        shop: &Shop,
        rules: &ArticleRules,
    ) -> FromArticles {
        if !self.speaks_of(shop, read) {
            return FromArticles::Nothing;
        }
        // Whoever names an address or a number is after something of their own.
        if !read.pii.is_empty() {
            return FromArticles::Unsure;
        }
        match judge(read.intent.label, hits, rules) {
            Verdict::Answer(hit) => FromArticles::Answer(hit.article.clone()),
            Verdict::Unsure(_) => FromArticles::Unsure,
        }
    }

    /// What the articles of `shop` say to a message.
    pub fn look_up(
        &self,
        shop: &Shop,
        text: &str,
        read: &Understanding,
        scratch: &mut Scratch,
    ) -> FromArticles {
        if !self.speaks_of(shop, read) {
            return FromArticles::Nothing;
        }
        let hits = self.search(&shop.id, read.language.label, text, scratch);
        self.judge(read, &hits, shop, &shop.answering.articles)
    }

    fn speaks_of(&self, shop: &Shop, read: &Understanding) -> bool {
        let index = self.by_shop.get(&shop.id);
        index.is_some_and(|index| index.speaks_of(read.intent.label, read.language.label))
    }
}

impl std::fmt::Debug for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Library").field("shops", &self.by_shop.keys()).finish()
    }
}
