//! `tradewind translate`: what the engines of a shop make of each line.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use anyhow::{Context, bail};
use serde_json::json;

use super::settings::SettingsArgs;
use super::{Exit, print};
use crate::config::shop::Shop;
use crate::domain::Language;
use crate::runtime::Internet;
use crate::translate::{Desk, Glossary, How, TranslateError, Translation, damaged, protect};

/// Translates lines by the engines of a shop, as seats and customers will see them.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    echo 'Where is order TW-20481?' | tradewind translate --shops shops --shop acme --from en --to de\n  \
    tradewind translate --shops shops --shop acme --from en --to ja lines.txt --json\n\n\
    Order numbers, amounts, addresses and the terms of the shop's glossary come through untouched. The last\n\
    line on standard error counts how the lines came through; the exit code is 3 when one was not translated.")]
pub(super) struct Args {
    /// File with one text a line; standard input when it is missing.
    file: Option<PathBuf>,
    /// The shop whose engines and glossary are used.
    #[arg(long, value_name = "ID")]
    shop: String,
    /// Language of the texts.
    #[arg(long, value_name = "CODE")]
    from: Language,
    /// Language that is wanted.
    #[arg(long, value_name = "CODE")]
    to: Language,
    /// Writes one JSON object a line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: SettingsArgs,
}

/// How the lines came through.
#[derive(Debug, Default)]
struct Counts {
    whole: usize,
    pieces: usize,
    failed: usize,
    /// Lines in which something protected is missing.
    damaged: usize,
}

/// Translates the lines and prints what came of them.
///
/// # Errors
/// When the shop has no engine, or the lines cannot be read.
pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let shop = shop(args)?;
    if shop.translators.engines.is_empty() {
        bail!("the shop `{}` has no [[translation.engines]] in its shop.toml", shop.id);
    }
    let glossary = Glossary::new(shop.translators.terms.clone());
    let desk = Desk::of(&shop.translators, &Internet)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let input: Box<dyn BufRead> = match &args.file {
        Some(path) => {
            let file = std::fs::File::open(path);
            Box::new(BufReader::new(file.with_context(|| path.display().to_string())?))
        }
        None => Box::new(std::io::stdin().lock()),
    };
    let mut counts = Counts::default();
    for line in input.lines() {
        let line = line.context("reading the texts")?;
        if line.trim().is_empty() {
            continue;
        }
        let said = runtime.block_on(desk.translate(&line, args.from, args.to));
        counts.add(&said);
        let stretches = protect(&line, &glossary, Some(args.from), args.to).unwrap_or_default();
        if said.as_ref().is_ok_and(|said| damaged(&stretches, &said.text) > 0) {
            counts.damaged += 1;
        }
        print(&if args.json { to_json(&line, &said) } else { to_line(&said) })?;
    }
    let Counts { whole, pieces, failed, damaged } = counts;
    eprintln!("{whole} whole, {pieces} in pieces, {failed} not translated, {damaged} damaged");
    Ok(if failed + damaged == 0 { Exit::Success } else { Exit::CheckFailed })
}

fn shop(args: &Args) -> anyhow::Result<Shop> {
    let config = args.settings.load()?.config;
    let shops = match config.paths.shops {
        Some(folder) => Shop::load_dir(&folder)?,
        None => vec![Shop::embedded_demo()],
    };
    let named = shops.into_iter().find(|shop| shop.id.as_str() == args.shop);
    named.with_context(|| format!("there is no shop `{}`", args.shop))
}

impl Counts {
    fn add(&mut self, said: &Result<Translation, TranslateError>) {
        match said {
            Ok(Translation { how: How::Whole, .. }) => self.whole += 1,
            Ok(Translation { how: How::Pieces, .. }) => self.pieces += 1,
            Err(_) => self.failed += 1,
        }
    }
}

fn to_json(text: &str, said: &Result<Translation, TranslateError>) -> String {
    let line = match said {
        Ok(said) => json!({"text": text, "translation": &*said.text, "engine": &*said.engine,
            "how": said.how.as_str()}),
        Err(error) => json!({"text": text, "error": error.to_string()}),
    };
    format!("{line}\n")
}

fn to_line(said: &Result<Translation, TranslateError>) -> String {
    match said {
        Ok(said) => format!("{}\n", said.text),
        Err(error) => format!("! {error}\n"),
    }
}
