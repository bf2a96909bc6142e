//! The articles of a shop, language by language.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::shop::Article;
use crate::domain::{Intent, Language};

use super::shelf::{Found, Query, Shelf};

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

    /// The articles in `language` that fit the question best.
    pub fn search(&self, language: Language, query: &Query<'_>) -> Found {
        self.shelves.get(&language).map_or_else(Found::default, |shelf| shelf.search(query))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tokens::tokens;
    use super::super::{Doubt, Verdict, judge, margin};
    use super::*;
    use crate::config::shop::ArticleRules;

    const ENGLISH: Language = Language::ENGLISH;
    const RULES: ArticleRules = ArticleRules { intent: 0.5, retrieval: 0.3, margin: 0.05 };

    /// The letters that words begin with, as a vector of length one.
    fn embed(text: &str) -> Vec<f32> {
        let mut vector = vec![0.0_f32; 26];
        for token in tokens(text) {
            let letter = token.bytes().next().unwrap_or(b'a');
            vector[usize::from(letter.wrapping_sub(b'a')) % 26] += 1.0;
        }
        let length = vector.iter().map(|it| it * it).sum::<f32>().sqrt().max(1e-6);
        vector.into_iter().map(|it| it / length).collect()
    }

    fn article(id: &str, language: &str, questions: &[&str], not_for: &[&str]) -> Arc<Article> {
        let text = format!(
            "+++\ntitle = \"{id}\"\nintents = [\"return_policy\"]\nquestions = {questions:?}\n\
             not_for = {not_for:?}\n+++\nThat is so.\n"
        );
        let name = format!("{id}.{language}.md");
        Arc::new(Article::read(&name, &text).expect("an article"))
    }

    fn index() -> Index {
        let articles = [
            article("window", "en", &["How many days until a return?"], &[]),
            article("cost", "en", &["Who pays the postage?"], &["You charged me postage twice"]),
            article("kosten", "de", &["Wer bezahlt das Porto?"], &[]),
        ];
        Index::new(&articles, &mut embed).expect("an index")
    }

    fn search(index: &Index, language: Language, text: &str) -> Found {
        let vector = embed(text);
        index.search(language, &Query { text, vector: &vector })
    }

    #[test]
    fn the_article_with_the_words_of_the_question_is_found_in_its_language_only() {
        let index = index();
        let ids = |found: &Found| {
            found.hits.iter().map(|hit| hit.article.id.to_string()).collect::<Vec<_>>()
        };

        assert_eq!(ids(&search(&index, ENGLISH, "who pays postage")), ["cost", "window"]);
        let german = "de".parse().expect("a language");
        assert_eq!(ids(&search(&index, german, "who pays postage")), ["kosten"]);
        let french = "fr".parse().expect("a language");
        assert!(search(&index, french, "who pays postage").hits.is_empty());
        assert!(index.speaks_of(Intent::ReturnPolicy, german));
        assert!(!index.speaks_of(Intent::ReturnPolicy, french));
    }

    #[test]
    fn words_that_nobody_has_written_lower_the_score() {
        let index = index();
        let words = |text: &str| search(&index, ENGLISH, text).hits[0].words;

        let known = words("who pays the postage");
        let half_known = words("who pays the piano tuner of my grandmother");

        assert!(known > 2.0 * half_known, "{known} {half_known}");
        assert!((0.0..=1.0).contains(&known));
    }

    #[test]
    fn what_an_article_is_not_for_is_not_answered_by_it() {
        let index = index();
        let judged = |text: &str| {
            let found = search(&index, ENGLISH, text);
            match judge(Intent::ReturnPolicy, &found, &RULES) {
                Verdict::Answer(hit) => Ok(hit.article.id.to_string()),
                Verdict::Unsure(doubt) => Err(doubt),
            }
        };

        assert_eq!(judged("who pays the postage").as_deref(), Ok("cost"));
        assert_eq!(judged("you charged me the postage twice"), Err(Doubt::Margin));
        assert_eq!(judged("xylophone"), Err(Doubt::Retrieval));
        let found = search(&index, ENGLISH, "who pays the postage");
        assert!(matches!(judge(Intent::Invoice, &found, &RULES), Verdict::Unsure(Doubt::Intent)));
    }

    #[test]
    fn articles_that_say_the_same_do_not_block_one_another() {
        let of = |answer: &str| {
            let article = |id: &str| {
                let questions = r#"["Who pays the postage?"]"#;
                let answer = if id == "window" { answer } else { "We pay." };
                let text = format!(
                    "+++\ntitle = \"x\"\nintents = [\"return_policy\"]\nquestions = {questions}\n+++\n{answer}\n"
                );
                Arc::new(Article::read(&format!("{id}.en.md"), &text).expect("an article"))
            };
            let articles = [article("cost"), article("window")];
            let index = Index::new(&articles, &mut embed).expect("an index");
            margin(&search(&index, ENGLISH, "who pays the postage"))
        };

        assert_eq!(of("You pay."), 0.0);
        assert!(of("We pay.") > 0.5);
    }

    #[test]
    fn the_same_articles_give_the_same_scores() {
        let scores = || {
            let found = search(&index(), ENGLISH, "how many days do I have for a return");
            found.hits.iter().map(|hit| hit.score.to_bits()).collect::<Vec<_>>()
        };

        assert_eq!(scores(), scores());
    }
}
