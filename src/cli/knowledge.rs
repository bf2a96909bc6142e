//! `tradewind knowledge`: the articles that a machine answers with.

mod change;
mod evaluate;
mod gaps;
mod plot;
mod search;

use anyhow::Context;

use super::Exit;
use super::settings::SettingsArgs;
use crate::config::shop::Shop;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tradewind knowledge check --shops shops
  tradewind knowledge search \"can I send it back?\" --language en
  tradewind knowledge evaluate tests/knowledge/questions.jsonl
  tradewind knowledge import faq.csv --shop cafe --shops shops --reload
  tradewind knowledge gaps data --shop cafe

Articles lie in the folder `knowledge` of a shop, ID.LANGUAGE.md each; docs/knowledge.md describes them.")]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Reads every article of a shop and counts them.
    Check(search::CheckArgs),
    /// Tells which articles fit a question, and whether one of them answers it.
    Search(search::SearchArgs),
    /// Measures how many questions are answered alone, and how many of these rightly.
    Evaluate(evaluate::EvaluateArgs),
    /// Lists what customers asked that no article answered: what to write next.
    Gaps(gaps::GapsArgs),
    /// Takes articles in from a table.
    Import(change::ImportArgs),
    /// Writes one article as its next version.
    Put(change::PutArgs),
    /// Lists the versions of an article.
    Versions(change::VersionsArgs),
    /// Brings an earlier version of an article back.
    Rollback(change::RollbackArgs),
}

/// Does what `args` say.
///
/// # Errors
/// When a shop has mistakes, or a file cannot be read or written.
pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    match &args.verb {
        Verb::Check(args) => search::check(args),
        Verb::Search(args) => search::search(args),
        Verb::Evaluate(args) => evaluate::run(args),
        Verb::Gaps(args) => gaps::run(args),
        Verb::Import(args) => change::import(args),
        Verb::Put(args) => change::put(args),
        Verb::Versions(args) => change::versions(args),
        Verb::Rollback(args) => change::roll_back(args),
    }
}

/// Whose articles are looked at.
#[derive(Debug, clap::Args)]
struct ShopArgs {
    /// The shop; the only one when it is missing.
    #[arg(long, value_name = "ID")]
    shop: Option<String>,
    #[command(flatten)]
    settings: SettingsArgs,
}

impl ShopArgs {
    /// That shop, as its files say now.
    fn shop(&self) -> anyhow::Result<Shop> {
        let mut shops = match self.settings.load()?.config.paths.shops {
            Some(folder) => Shop::load_dir(&folder)?,
            None => vec![Shop::embedded_demo()],
        };
        match &self.shop {
            None if shops.len() == 1 => Ok(shops.remove(0)),
            None => anyhow::bail!("there are {} shops: name one by --shop", shops.len()),
            Some(id) => {
                let named = shops.into_iter().find(|shop| shop.id.as_str() == id);
                named.with_context(|| format!("there is no shop `{id}`"))
            }
        }
    }
}
