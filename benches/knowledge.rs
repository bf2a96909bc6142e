//! Time to find the article of a question, among as many as a shop may have, all in one language, and among
//! as many as the demo shop has. Questions are messages of the corpus.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::{Value, json};
use tradewind::config::shop::{ALL_QUESTIONS_MAX, ARTICLES_MAX, Article};
use tradewind::domain::Language;
use tradewind::knowledge::{Index, Query};
use tradewind::understand::{Model, Scratch, parse_rows};

/// Of ten questions of an article so many are such that it is not for.
const NOT_FOR_OF_TEN: usize = 3;
/// Messages that are searched for, one after the other.
const SEARCHED: usize = 64;

fn messages() -> Vec<String> {
    let corpus = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/models/corpus"));
    let mut files: Vec<_> = std::fs::read_dir(corpus)
        .expect("the corpus is in the repository")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|it| it == "jsonl"))
        .collect();
    files.sort();
    let read = |path| parse_rows(&std::fs::read_to_string(path).expect("a text")).expect("rows");
    let rows = files.iter().flat_map(read).map(|row| row.text);
    rows.filter(|text| (10..150).contains(&text.chars().count())).collect()
}

/// Articles with these questions, ten each, all of them English by their name.
fn articles(questions: &[String], count: usize) -> Vec<Arc<Article>> {
    let article = |(at, ten): (usize, &[String])| {
        let (not_for, asked) = ten.split_at(NOT_FOR_OF_TEN);
        // The escapes of JSON are those of TOML.
        let toml = |value: Value| value.to_string();
        let (title, intents) = (toml(json!(asked[0])), toml(json!(["return_policy"])));
        let (asked, not_for) = (toml(json!(asked)), toml(json!(not_for)));
        let text = format!(
            "+++\ntitle = {title}\nintents = {intents}\nquestions = {asked}\n\
             not_for = {not_for}\n+++\n{}\n",
            ten.join("\n\n")
        );
        Arc::new(Article::read(&format!("article-{at}.en.md"), &text).expect("an article"))
    };
    questions.chunks_exact(10).take(count).enumerate().map(article).collect()
}

fn search(criterion: &mut Criterion) {
    let model = Model::embedded().expect("the shipped model fits its manifest");
    let mut scratch = Scratch::default();
    let messages = messages();
    let (searched, questions) = messages.split_at(SEARCHED);
    assert!(questions.len() >= ALL_QUESTIONS_MAX, "{}", questions.len());
    let step = questions.len() / ALL_QUESTIONS_MAX;
    let questions: Vec<String> = questions.iter().step_by(step).cloned().collect();
    let mut embed = |text: &str| model.meaning(text, &mut scratch).vector;
    let searched: Vec<_> = searched.iter().map(|text| (text, embed(text))).collect();

    let mut group = criterion.benchmark_group("knowledge");
    for count in [12, ARTICLES_MAX] {
        let index = Index::new(&articles(&questions, count), &mut embed).expect("an index");
        let mut next = searched.iter().cycle();
        group.bench_function(format!("search_of_{count}"), |bencher| {
            bencher.iter(|| {
                let (text, vector) = next.next().expect("there are some");
                black_box(index.search(Language::ENGLISH, black_box(&Query { text, vector })))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, search);
criterion_main!(benches);
