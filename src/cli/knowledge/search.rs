//! `tradewind knowledge check` and `search`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Value, json};

use super::ShopArgs;
use crate::cli::model::EncoderArgs;
use crate::cli::{Exit, print, print_json};
use crate::config::shop::Shop;
use crate::domain::Language;
use crate::flow::Library;
use crate::knowledge::{HITS_MIN, Hit, Verdict, judge};
use crate::understand::tiers::TieredReader;
use crate::understand::{Hint, Model, Scratch};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tradewind knowledge check --shops shops --shop cafe
  tradewind knowledge check --json")]
pub(super) struct CheckArgs {
    /// Prints JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    shop: ShopArgs,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tradewind knowledge search \"can I send it back?\"
  tradewind knowledge search \"wer zahlt das Porto?\" --language de --shops shops --shop cafe --json

The score is how well an article fits, 0 to 1: half by words (BM25), half by meaning (the vector of the
fast model). The last column is how well its `not_for` fits.")]
pub(super) struct SearchArgs {
    /// The question.
    text: String,
    /// The language of the articles; left out: that of the question, as the model reads it.
    #[arg(long, value_name = "CODE")]
    language: Option<Language>,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    encoder: EncoderArgs,
    #[command(flatten)]
    shop: ShopArgs,
}

/// Counts the articles. Mistakes are told when the shop is read.
///
/// # Errors
/// When the shop has mistakes.
pub(super) fn check(args: &CheckArgs) -> anyhow::Result<Exit> {
    let shop = args.shop.shop()?;
    let mut languages: BTreeMap<Language, usize> = BTreeMap::new();
    let mut articles: BTreeMap<&str, Vec<Language>> = BTreeMap::new();
    for article in &shop.knowledge.articles {
        *languages.entry(article.language).or_default() += 1;
        articles.entry(&article.id).or_default().push(article.language);
    }
    if args.json {
        print_json(&json!({ "shop": shop.id, "articles": articles, "languages": languages }))?;
        return Ok(Exit::Success);
    }
    let mut text = String::new();
    for (id, spoken) in &articles {
        let spoken: Vec<&str> = spoken.iter().map(Language::as_str).collect();
        let _ = writeln!(text, "{id:<32} {}", spoken.join(" "));
    }
    let _ = writeln!(text, "{} articles in {} languages", articles.len(), languages.len());
    print(&text)?;
    Ok(Exit::Success)
}

/// Prints what fits a question.
///
/// # Errors
/// When the shop or a model cannot be read.
pub(super) fn search(args: &SearchArgs) -> anyhow::Result<Exit> {
    let shop = args.shop.shop()?;
    let model = Model::embedded()?;
    let library = library(&shop, &model)?;
    let mut reader = TieredReader::new(model, args.encoder.tier()?);
    let read = reader.classify(&args.text, &Hint::default())?.understanding;
    let language = args.language.unwrap_or(read.language.label);
    let found = library.search(&shop.id, language, &args.text, &mut Scratch::default());
    let verdict = match judge(read.intent.label, &found, &shop.answering.articles) {
        Verdict::Answer(hit) => hit.article.source().to_string(),
        Verdict::Unsure(doubt) => format!("none: {}", doubt.as_str()),
    };
    let shown = &found.hits[..found.hits.len().min(HITS_MIN)];
    if args.json {
        let hits: Vec<Value> = shown.iter().map(to_json).collect();
        print_json(&json!({
            "language": language, "intent": read.intent.label, "confidence": read.intent.confidence,
            "verdict": verdict, "hits": hits,
        }))?;
        return Ok(Exit::Success);
    }
    let intent = read.intent;
    let mut text = format!(
        "{language}, {} ({:.2}), answer: {verdict}\nscore  words  meaning  not for  article\n",
        intent.label, intent.confidence
    );
    for hit in shown {
        let Hit { words, meaning, score, not_for, article } = hit;
        let _ = writeln!(
            text,
            "{score:>5.2}  {words:>5.2}  {meaning:>7.2}  {not_for:>7.2}  {}",
            article.id
        );
    }
    print(&text)?;
    Ok(Exit::Success)
}

fn to_json(hit: &Hit) -> Value {
    let Hit { words, meaning, score, not_for, article } = hit;
    json!({ "article": article.id, "title": article.title, "score": score, "words": words,
        "meaning": meaning, "not_for": not_for })
}

/// The articles of one shop, to be searched.
pub(super) fn library(shop: &Shop, model: &Arc<Model>) -> anyhow::Result<Library> {
    let shops = [(shop.id.clone(), Arc::new(shop.clone()))].into_iter().collect();
    Ok(Library::new(model.clone(), &Arc::new(shops))?)
}
