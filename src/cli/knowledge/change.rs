//! `tradewind knowledge import`, `put`, `versions` and `rollback`: articles that are changed.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::json;

use crate::cli::Exit;
use crate::cli::folder::FolderArgs;
use crate::config::shop::{Article, ArticleRow};
use crate::domain::Language;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tradewind knowledge import faq.csv --shop cafe --shops shops --reload
  tradewind knowledge import faq.csv --shop cafe --shops shops --json

The first line names the columns, in any order: id, language, title, intents, questions, answer, and if
wanted not_for. Several intents or questions in a cell stand apart by `|`. All rows are taken or none; a
row that says what is there already makes no version.")]
pub(super) struct ImportArgs {
    /// The table, separated by commas.
    file: PathBuf,
    #[command(flatten)]
    whose: Whose,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tradewind knowledge put return-window.en.md --shop cafe --shops shops --reload
  tradewind knowledge put return-window.en.md --base 3 --shop cafe --shops shops

The article becomes the version after the one that is there; that one is kept.")]
pub(super) struct PutArgs {
    /// The file of the article, named ID.LANGUAGE.md.
    file: PathBuf,
    /// Only if this version is there.
    #[arg(long, value_name = "VERSION")]
    base: Option<u32>,
    #[command(flatten)]
    whose: Whose,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tradewind knowledge versions return-window en --shop cafe --shops shops")]
pub(super) struct VersionsArgs {
    /// The article.
    id: String,
    /// Its language.
    language: Language,
    #[command(flatten)]
    whose: Whose,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tradewind knowledge rollback return-window en 3 --shop cafe --shops shops --reload

What was version 3 is written again as a new version: nothing is lost.")]
pub(super) struct RollbackArgs {
    /// The article.
    id: String,
    /// Its language.
    language: Language,
    /// The version that comes back.
    version: u32,
    #[command(flatten)]
    whose: Whose,
}

/// The shop whose articles are changed.
#[derive(Debug, clap::Args)]
struct Whose {
    /// The shop.
    #[arg(long, value_name = "ID")]
    shop: String,
    #[command(flatten)]
    folder: FolderArgs,
}

/// Takes in a table.
///
/// # Errors
/// When the table or an article in it has mistakes, or the disk refuses.
pub(super) fn import(args: &ImportArgs) -> anyhow::Result<Exit> {
    let Whose { shop, folder } = &args.whose;
    let table = read(&args.file)?;
    let rows = ArticleRow::table(&table).map_err(anyhow::Error::msg);
    let rows = rows.with_context(|| args.file.display().to_string())?;
    let articles: Vec<_> =
        rows.iter().map(|row| (row.id.clone(), row.language, row.file())).collect();
    let mut brought = None;
    folder.change(|shops| {
        brought = Some(shops.bring_articles(shop, &articles)?);
        Ok(())
    })?;
    let brought = brought.unwrap_or_default();
    let text = format!(
        "{} added, {} changed, {} as they were\n",
        brought.added, brought.changed, brought.unchanged
    );
    folder.done(json!({ "shop": shop, "articles": brought }), &text)
}

/// Writes one article.
///
/// # Errors
/// When it has mistakes, another version is there, or the disk refuses.
pub(super) fn put(args: &PutArgs) -> anyhow::Result<Exit> {
    let Whose { shop, folder } = &args.whose;
    let name = args.file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let text = read(&args.file)?;
    let article = Article::read(name, &text)?;
    let key = (&*article.id, article.language);
    let mut version = 0;
    folder.change(|shops| {
        version = shops.put_article(shop, key, &text, args.base)?;
        Ok(())
    })?;
    tell(folder, (&article.id, article.language), version)
}

/// Lists the versions of an article.
///
/// # Errors
/// When there is no such article.
pub(super) fn versions(args: &VersionsArgs) -> anyhow::Result<Exit> {
    let Whose { shop, folder } = &args.whose;
    let found = folder.open()?.article(shop, &args.id, args.language)?;
    let lines = found.before.iter().map(|version| format!("{version}\n"));
    let text = format!("{}{} in force\n", lines.collect::<String>(), found.version);
    let result = json!({ "article": args.id, "language": args.language,
        "version": found.version, "before": found.before });
    folder.tell(result, &text)
}

/// Brings an earlier version back.
///
/// # Errors
/// When it is not kept, or the disk refuses.
pub(super) fn roll_back(args: &RollbackArgs) -> anyhow::Result<Exit> {
    let Whose { shop, folder } = &args.whose;
    let key = (args.id.as_str(), args.language);
    let mut version = 0;
    folder.change(|shops| {
        version = shops.roll_back_article(shop, key, args.version)?;
        Ok(())
    })?;
    tell(folder, key, version)
}

fn tell(
    folder: &FolderArgs,
    (id, language): (&str, Language),
    version: u32,
) -> anyhow::Result<Exit> {
    let result = json!({ "article": id, "language": language, "version": version });
    folder.done(result, &format!("{id}.{language} is at version {version}\n"))
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| path.display().to_string())
}
