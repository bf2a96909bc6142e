//! The articles of one language, found by their words (BM25) and by the vector of their questions.

use std::sync::Arc;

use tantivy::collector::TopDocs;
use tantivy::directory::RamDirectory;
use tantivy::query::{BooleanQuery, BoostQuery, Occur, Query as TantivyQuery, TermQuery};
use tantivy::schema::{Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{PreTokenizedString, Token};
use tantivy::{
    Index as TantivyIndex, IndexReader, ReloadPolicy, Searcher, TantivyDocument, TantivyError, Term,
};

use crate::config::shop::Article;

use super::tokens::tokens;

/// How much a word counts that stands in the answer only, beside one of the title and the questions.
const ANSWER_WEIGHT: f32 = 0.3;
/// How much the words count beside the vector.
const WORDS_WEIGHT: f32 = 0.5;
/// The most that a term can score over its rarity: one and the `k1` of tantivy's BM25.
const TERM_MAX: f32 = 2.2;
/// Products that are summed beside one another.
const LANES: usize = 16;
/// Memory that the index of a shelf may take while it is built.
const BUILD_BYTES: usize = 15_000_000;

/// A question as it is searched for.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// As it was typed.
    pub text: &'a str,
    /// Its vector, of length one.
    pub vector: &'a [f32],
}

/// An article that was found.
#[derive(Clone, Debug)]
pub struct Hit {
    /// Which.
    pub article: Arc<Article>,
    /// Share of what the words of the question tell that is found in it, 0 to 1.
    pub words: f32,
    /// Cosine with the nearest of its questions, 0 to 1.
    pub meaning: f32,
    /// Both together, 0 to 1.
    pub score: f32,
    /// How alike the question is to the nearest of what the article is not for, as `score`.
    pub not_for: f32,
}

/// What is searched: an article, or what it is not for.
struct Entry {
    article: Arc<Article>,
    is_for: bool,
    vectors: Vec<Vec<f32>>,
}

/// The articles of one language.
pub(super) struct Shelf {
    entries: Vec<Entry>,
    searcher: Searcher,
    fields: Fields,
}

/// Where words are looked for.
#[derive(Clone, Copy)]
struct Fields {
    asked: Field,
    answer: Field,
}

impl Shelf {
    /// A shelf with these articles; `embed` gives the vector of a text.
    pub(super) fn new(
        articles: &[Arc<Article>],
        embed: &mut dyn FnMut(&str) -> Vec<f32>,
    ) -> Result<Self, TantivyError> {
        let mut schema = Schema::builder();
        let words = TextFieldIndexing::default().set_index_option(IndexRecordOption::WithFreqs);
        let options = TextOptions::default().set_indexing_options(words);
        let fields = Fields {
            asked: schema.add_text_field("asked", options.clone()),
            answer: schema.add_text_field("answer", options),
        };
        // One segment and no threads, so that documents keep the order in which they come.
        let builder = TantivyIndex::builder().schema(schema.build());
        let mut writer =
            builder.single_segment_index_writer(RamDirectory::create(), BUILD_BYTES)?;
        let mut entries = Vec::new();
        for article in articles {
            let mut vectors: Vec<_> = article.questions.iter().map(|it| embed(it)).collect();
            vectors.push(embed(&article.title));
            entries.push(Entry { article: article.clone(), is_for: true, vectors });
            let mut document = TantivyDocument::new();
            let asked = article.questions.join(" ") + " " + &article.title;
            document.add_pre_tokenized_text(fields.asked, pre_tokenized(&asked));
            document.add_pre_tokenized_text(fields.answer, pre_tokenized(&article.answer));
            writer.add_document(document)?;
            if article.not_for.is_empty() {
                continue;
            }
            let vectors = article.not_for.iter().map(|it| embed(it)).collect();
            entries.push(Entry { article: article.clone(), is_for: false, vectors });
            let mut document = TantivyDocument::new();
            let not_for = pre_tokenized(&article.not_for.join(" "));
            document.add_pre_tokenized_text(fields.asked, not_for);
            writer.add_document(document)?;
        }
        let index = writer.finalize()?;
        let reader: IndexReader =
            index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        Ok(Self { entries, searcher: reader.searcher(), fields })
    }

    /// Every article, the one that fits best first.
    pub(super) fn search(&self, query: &Query<'_>) -> Result<Vec<Hit>, TantivyError> {
        let words = self.words(query.text)?;
        let mut hits: Vec<Hit> = Vec::new();
        for (entry, words) in self.entries.iter().zip(words) {
            let meaning = entry.vectors.iter().map(|vector| cosine(vector, query.vector));
            let meaning = meaning.fold(0.0, f32::max);
            let score = WORDS_WEIGHT * words + (1.0 - WORDS_WEIGHT) * meaning;
            match hits.last_mut() {
                // What it is not for stands behind its article.
                Some(hit) if !entry.is_for => hit.not_for = score,
                _ => {
                    let article = entry.article.clone();
                    hits.push(Hit { article, words, meaning, score, not_for: 0.0 });
                }
            }
        }
        // The sort keeps the order of articles that fit equally well.
        hits.sort_by(|a, b| b.score.total_cmp(&a.score));
        Ok(hits)
    }

    /// For each entry, the share of what the words of `text` tell that it has.
    fn words(&self, text: &str) -> Result<Vec<f32>, TantivyError> {
        let mut shares = vec![0.0; self.entries.len()];
        let mut tokens = tokens(text);
        tokens.sort_unstable();
        tokens.dedup();
        let mut clauses: Vec<(Occur, Box<dyn TantivyQuery>)> = Vec::new();
        let mut most = 0.0;
        for token in &tokens {
            let asked = Term::from_field_text(self.fields.asked, token);
            most += rarity(self.searcher.doc_freq(&asked)?, self.entries.len()) * TERM_MAX;
            let answer = Term::from_field_text(self.fields.answer, token);
            clauses.push((Occur::Should, term(asked)));
            let answer = BoostQuery::new(term(answer), ANSWER_WEIGHT);
            clauses.push((Occur::Should, Box::new(answer)));
        }
        if most <= 0.0 {
            return Ok(shares);
        }
        let all = TopDocs::with_limit(self.entries.len()).order_by_score();
        for (score, document) in self.searcher.search(&BooleanQuery::new(clauses), &all)? {
            if let Some(share) = shares.get_mut(document.doc_id as usize) {
                *share = (score / most).min(1.0);
            }
        }
        Ok(shares)
    }
}

fn term(term: Term) -> Box<dyn TantivyQuery> {
    Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs))
}

/// The weight that BM25 gives a word of which `with` of `all` texts have it.
fn rarity(with: u64, all: usize) -> f32 {
    let (with, all) = (with as f32, all as f32);
    (1.0 + (all - with + 0.5) / (with + 0.5)).ln()
}

fn pre_tokenized(text: &str) -> PreTokenizedString {
    let token = |(position, text): (usize, String)| Token { position, text, ..Token::default() };
    PreTokenizedString {
        text: String::new(),
        tokens: tokens(text).into_iter().enumerate().map(token).collect(),
    }
}

/// Of vectors of length one. In lanes, which the compiler can take at once: a question is held against every
/// question of every article.
fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    (sums.iter().sum::<f32>() + rest).clamp(0.0, 1.0)
}
