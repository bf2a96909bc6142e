//! The articles of a shop, language by language.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::shop::Article;
use crate::domain::{Intent, Language};

use super::shelf::{Hit, Query, Shelf};

/// The index of a shop's articles failed.
#[derive(Debug, thiserror::Error)]
#[error("the index of articles: {0}")]
pub struct IndexError(#[from] tantivy::TantivyError);

/// The articles of a shop, to be searched.
#[derive(Default)]
pub struct Index {
    shelves: BTreeMap<Language, Shelf>,
    intents: BTreeMap<Language, Vec<Intent>>,
}

impl Index {
    /// An index of these articles; `embed` gives the vector of a text, of length one.
    ///
    /// # Errors
    /// When the memory of the index cannot be written.
    pub fn new(
        articles: &[Arc<Article>],
        embed: &mut dyn FnMut(&str) -> Vec<f32>,
    ) -> Result<Self, IndexError> {
        let mut by_language: BTreeMap<Language, Vec<Arc<Article>>> = BTreeMap::new();
        for article in articles {
            by_language.entry(article.language).or_default().push(article.clone());
        }
        let mut index = Self::default();
        for (language, articles) in by_language {
            let intents = articles.iter().flat_map(|article| article.intents.clone()).collect();
            index.intents.insert(language, intents);
            index.shelves.insert(language, Shelf::new(&articles, embed)?);
        }
        Ok(index)
    }

    /// Whether there is anything in `language` about `intent`.
    pub fn speaks_of(&self, intent: Intent, language: Language) -> bool {
        self.intents.get(&language).is_some_and(|intents| intents.contains(&intent))
    }

    /// The articles in `language`, the one that fits the question best first.
    ///
    /// # Errors
    /// When the memory of the index cannot be read.
    pub fn search(&self, language: Language, query: &Query<'_>) -> Result<Vec<Hit>, IndexError> {
        match self.shelves.get(&language) {
            Some(shelf) => Ok(shelf.search(query)?),
            None => Ok(Vec::new()),
        }
    }
}
