//! What words tell of the texts of a shelf: the scores of BM25, which tantivy's index gives, worked out once
//! for every word, so that a question only adds them up.

use std::collections::HashMap;
use std::ops::Range;

use tantivy::directory::RamDirectory;
use tantivy::postings::Postings;
use tantivy::query::Bm25Weight;
use tantivy::schema::{Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{PreTokenizedString, Token};
use tantivy::{
    DocSet, Index as TantivyIndex, IndexReader, ReloadPolicy, Searcher, SingleSegmentIndexWriter,
    TERMINATED, TantivyDocument, TantivyError, Term,
};

use super::tokens::tokens;

/// How much a word counts that stands in the answer only, beside one of the title and the questions.
const ANSWER_WEIGHT: f32 = 0.3;
/// The most that a term can score over its rarity: one and the `k1` of tantivy's BM25.
const TERM_MAX: f32 = 2.2;
/// Memory that the index may take while it is built.
const BUILD_BYTES: usize = 15_000_000;

/// Takes in the texts of a shelf, one after the other.
pub(super) struct Writer {
    writer: SingleSegmentIndexWriter<TantivyDocument>,
    fields: Fields,
    texts: usize,
}

/// Where words stand.
#[derive(Clone, Copy)]
struct Fields {
    asked: Field,
    answer: Field,
}

/// The words of a shelf.
pub(super) struct Words {
    texts: usize,
    known: HashMap<Box<str>, Word>,
    scores: Vec<(u32, f32)>,
}

/// What one word tells, as places in `scores`: of which texts, and how much.
#[derive(Clone, Debug, Default)]
struct Word {
    asked: Range<usize>,
    answer: Range<usize>,
}

impl Writer {
    pub(super) fn new() -> Result<Self, TantivyError> {
        let mut schema = Schema::builder();
        let words = TextFieldIndexing::default().set_index_option(IndexRecordOption::WithFreqs);
        let options = TextOptions::default().set_indexing_options(words);
        let fields = Fields {
            asked: schema.add_text_field("asked", options.clone()),
            answer: schema.add_text_field("answer", options),
        };
        // One segment and no threads, so that texts keep the order in which they come.
        let builder = TantivyIndex::builder().schema(schema.build());
        let writer = builder.single_segment_index_writer(RamDirectory::create(), BUILD_BYTES)?;
        Ok(Self { writer, fields, texts: 0 })
    }

    /// Takes in a text: the ways to ask it, each of which counts as a whole, and what is answered where
    /// there is an answer.
    pub(super) fn add<'a>(
        &mut self,
        asked: impl IntoIterator<Item = &'a str>,
        answer: Option<&str>,
    ) -> Result<(), TantivyError> {
        let mut document = TantivyDocument::new();
        let asked = pre_tokenized(asked.into_iter().flat_map(tokens));
        document.add_pre_tokenized_text(self.fields.asked, asked);
        if let Some(answer) = answer {
            document.add_pre_tokenized_text(self.fields.answer, pre_tokenized(tokens(answer)));
        }
        self.writer.add_document(document)?;
        self.texts += 1;
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Words, TantivyError> {
        let Self { fields, texts, .. } = self;
        let searcher = searcher(self.writer)?;
        let mut words = Words { texts, known: HashMap::new(), scores: Vec::new() };
        words.read(&searcher, fields.asked, 1.0, |word| &mut word.asked)?;
        words.read(&searcher, fields.answer, ANSWER_WEIGHT, |word| &mut word.answer)?;
        Ok(words)
    }
}

fn searcher(writer: SingleSegmentIndexWriter<TantivyDocument>) -> Result<Searcher, TantivyError> {
    let index = writer.finalize()?;
    let reader: IndexReader =
        index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
    Ok(reader.searcher())
}

impl Words {
    /// Works out what each word of a field tells.
    fn read(
        &mut self,
        searcher: &Searcher,
        field: Field,
        weight: f32,
        place: impl Fn(&mut Word) -> &mut Range<usize>,
    ) -> Result<(), TantivyError> {
        for segment in searcher.segment_readers() {
            let index = segment.inverted_index(field)?;
            let lengths = segment.get_fieldnorms_reader(field)?;
            let mut terms = index.terms().stream()?;
            while let Some((key, info)) = terms.next() {
                let Ok(text) = std::str::from_utf8(key) else { continue };
                let term = Term::from_field_text(field, text);
                let bm25 = Bm25Weight::for_terms(searcher, &[term])?.boost_by(weight);
                let begins = self.scores.len();
                let mut texts =
                    index.read_postings_from_terminfo(info, IndexRecordOption::WithFreqs)?;
                while texts.doc() != TERMINATED {
                    let length = lengths.fieldnorm_id(texts.doc());
                    self.scores.push((texts.doc(), bm25.score(length, texts.term_freq())));
                    texts.advance();
                }
                let word = self.known.entry(text.into()).or_default();
                *place(word) = begins..self.scores.len();
            }
        }
        Ok(())
    }

    /// For each text, the share of what the words of `question` tell that it has, 0 to 1.
    pub(super) fn shares(&self, question: &str) -> Vec<f32> {
        let mut shares = vec![0.0; self.texts];
        let mut tokens = tokens(question);
        tokens.sort_unstable();
        tokens.dedup();
        let mut most = 0.0;
        for token in &tokens {
            let word = self.known.get(token.as_str()).cloned().unwrap_or_default();
            most += rarity(word.asked.len(), self.texts) * TERM_MAX;
            for range in [word.asked, word.answer] {
                for (text, score) in &self.scores[range] {
                    shares[*text as usize] += score;
                }
            }
        }
        if most > 0.0 {
            shares.iter_mut().for_each(|share| *share = (*share / most).min(1.0));
        }
        shares
    }
}

/// The weight that BM25 gives a word of which `with` of `all` texts have it.
fn rarity(with: usize, all: usize) -> f32 {
    let (with, all) = (with as f32, all as f32);
    (1.0 + (all - with + 0.5) / (with + 0.5)).ln()
}

fn pre_tokenized(tokens: impl IntoIterator<Item = String>) -> PreTokenizedString {
    let token = |(position, text): (usize, String)| Token { position, text, ..Token::default() };
    PreTokenizedString {
        text: String::new(),
        tokens: tokens.into_iter().enumerate().map(token).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tantivy::collector::TopDocs;
    use tantivy::query::{BooleanQuery, BoostQuery, Occur, Query, TermQuery};

    const TEXTS: [(&str, Option<&str>); 6] = [
        ("How many days until a return?", Some("Thirty days from the day it arrives.")),
        ("Who pays the postage?", Some("You pay the postage, we pay it where we were wrong.")),
        ("You charged me postage twice", None),
        ("多少天可以退货", Some("三十天内可以退货，邮费由您支付。")),
        ("days days days days", Some("days")),
        ("?!", Some("")),
    ];

    /// What tantivy itself says of a question that is a query of each word in both fields.
    fn asked_of_tantivy(question: &str) -> Vec<f32> {
        let mut writer = Writer::new().expect("a writer");
        TEXTS.iter().for_each(|(asked, answer)| writer.add([*asked], *answer).expect("taken in"));
        let fields = writer.fields;
        let searcher = searcher(writer.writer).expect("a searcher");
        let mut tokens = tokens(question);
        tokens.sort_unstable();
        tokens.dedup();
        let mut clauses: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        for token in &tokens {
            let term = |field| {
                let term = Term::from_field_text(field, token);
                Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs)) as Box<dyn Query>
            };
            clauses.push((Occur::Should, term(fields.asked)));
            let answer = BoostQuery::new(term(fields.answer), ANSWER_WEIGHT);
            clauses.push((Occur::Should, Box::new(answer)));
        }
        let mut scores = vec![0.0; TEXTS.len()];
        let all = TopDocs::with_limit(TEXTS.len()).order_by_score();
        for (score, at) in searcher.search(&BooleanQuery::new(clauses), &all).expect("searched") {
            scores[at.doc_id as usize] = score;
        }
        scores
    }

    #[test]
    fn what_is_added_up_is_what_tantivy_says() {
        let mut writer = Writer::new().expect("a writer");
        TEXTS.iter().for_each(|(asked, answer)| writer.add([*asked], *answer).expect("taken in"));
        let words = writer.finish().expect("words");

        for question in [
            "who pays the postage",
            "how many days, days and days do I have?",
            "we were wrong about postage",
            "退货邮费",
            "thirty",
            "xylophone",
        ] {
            let said = asked_of_tantivy(question);
            let shares = words.shares(question);
            // Shares are the scores over one number, or that number's bound.
            let most = said.iter().zip(&shares).map(|(said, share)| said / share.max(1e-9));
            let most = most.fold(0.0, f32::max);
            for (said, share) in said.iter().zip(&shares) {
                assert!((said - share * most).abs() < 1e-5, "{question}: {said} {share} {most}");
            }
            assert_eq!(said.iter().any(|it| *it > 0.0), question != "xylophone", "{question}");
        }
        assert!(words.shares("?! …").iter().all(|share| *share == 0.0));
    }
}
