//! The articles of every shop, searched by what the fast tier makes of a question.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::automate::FromArticles;
use crate::config::shop::{Article, ArticleRules, Shop};
use crate::domain::{Language, ShopId, Understanding};
use crate::knowledge::{Found, Index, IndexError, Query, Verdict, judge};
use crate::understand::{Model, Scratch};

use super::shard::Shops;

/// Everything that machines may look up in articles. Shared, never changed: new shops bring a new one.
pub struct Library {
    model: Arc<Model>,
    by_shop: BTreeMap<ShopId, Arc<Indexed>>,
}

/// The articles of one shop.
struct Indexed {
    articles: Vec<Arc<Article>>,
    index: Index,
}

impl Library {
    /// The articles of these shops. Takes some ten microseconds for each question in them.
    ///
    /// # Errors
    /// When an index cannot be built.
    pub fn new(model: Arc<Model>, shops: &Shops) -> Result<Self, IndexError> {
        Self { model, by_shop: BTreeMap::new() }.renewed(shops)
    }

    /// The articles of other shops, or of the same ones after a change. A shop whose articles say what
    /// they said costs nothing.
    ///
    /// # Errors
    /// When an index cannot be built.
    pub fn renewed(&self, shops: &Shops) -> Result<Self, IndexError> {
        let mut scratch = Scratch::default();
        let mut embed = |text: &str| self.model.meaning(text, &mut scratch).vector;
        let mut by_shop = BTreeMap::new();
        for (id, shop) in &**shops {
            let articles = &shop.knowledge.articles;
            if articles.is_empty() {
                continue;
            }
            let before = self.by_shop.get(id).filter(|before| before.articles == *articles);
            let indexed = match before {
                Some(before) => before.clone(),
                None => {
                    let index = Index::new(articles, &mut embed)?;
                    Arc::new(Indexed { articles: articles.clone(), index })
                }
            };
            by_shop.insert(id.clone(), indexed);
        }
        Ok(Self { model: self.model.clone(), by_shop })
    }

    /// What questions are compared by.
    pub fn model(&self) -> Arc<Model> {
        self.model.clone()
    }

    /// The articles of `shop` in `language` that fit `text` best.
    pub fn search(
        &self,
        shop: &ShopId,
        language: Language,
        text: &str,
        scratch: &mut Scratch,
    ) -> Found {
        let Some(Indexed { index, .. }) = self.by_shop.get(shop).map(|it| &**it) else {
            return Found::default();
        };
        let vector = self.model.meaning(text, scratch).vector;
        index.search(language, &Query { text, vector: &vector })
    }

    /// What the articles of `shop` that were found say to a message, under `rules`.
    pub fn judge(
        &self,
        read: &Understanding,
        found: &Found,
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
        match judge(read.intent.label, found, rules) {
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
        let found = self.search(&shop.id, read.language.label, text, scratch);
        self.judge(read, &found, shop, &shop.answering.articles)
    }

    fn speaks_of(&self, shop: &Shop, read: &Understanding) -> bool {
        let (intent, language) = (read.intent.label, read.language.label);
        self.by_shop.get(&shop.id).is_some_and(|it| it.index.speaks_of(intent, language))
    }
}

impl std::fmt::Debug for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Library").field("shops", &self.by_shop.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::shop::ShopFiles;

    const RETURNS: &str = "knowledge/return-cost.en.md";

    /// The demo shop under an id, with `change` made to its article about returns.
    fn shop(id: &str, change: impl Fn(&str) -> String) -> (ShopId, Arc<Shop>) {
        let mut files = ShopFiles::demo();
        let article = files.0.get_mut(RETURNS).expect("an article of the demo shop");
        *article = change(article);
        let mut shop = Shop::from_files(&files).expect("a shop");
        shop.id = ShopId::from(id);
        (shop.id.clone(), Arc::new(shop))
    }

    fn shops(shops: impl IntoIterator<Item = (ShopId, Arc<Shop>)>) -> Shops {
        Arc::new(shops.into_iter().collect())
    }

    #[test]
    fn only_a_shop_whose_articles_were_changed_is_indexed_anew() {
        let model = Model::embedded().expect("the shipped model");
        let (cafe, bar) = (ShopId::from("cafe"), ShopId::from("bar"));
        let first = shops([shop("cafe", str::to_owned), shop("bar", str::to_owned)]);
        let before = Library::new(model, &first).expect("an index");
        let dearer = |text: &str| text.replace("Returning is free", "Returning costs 1 €");
        let second = shops([shop("cafe", dearer), shop("bar", str::to_owned)]);

        let after = before.renewed(&second).expect("an index");

        assert!(Arc::ptr_eq(&before.by_shop[&bar], &after.by_shop[&bar]));
        let told = |library: &Library| {
            let question = "Is sending something back free?";
            let english = Language::ENGLISH;
            let found = library.search(&cafe, english, question, &mut Scratch::default());
            found.hits[0].article.answer.to_string()
        };
        assert!(told(&before).starts_with("Returning is free"), "{}", told(&before));
        assert!(told(&after).starts_with("Returning costs 1 €"), "{}", told(&after));
        let closed = after.renewed(&shops([shop("cafe", dearer)])).expect("an index");
        assert_eq!(closed.by_shop.keys().collect::<Vec<_>>(), [&cafe]);
    }
}
