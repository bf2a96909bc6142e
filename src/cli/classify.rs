//! `tradewind classify`: what the model reads in each line.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;

use anyhow::Context;
use serde_json::json;

use super::Exit;
use super::model::EncoderArgs;
use crate::domain::Language;
use crate::understand::mixed::{self, Share};
use crate::understand::tiers::TieredReader;
use crate::understand::{Classified, Hint, Model, Scratch};

/// Tells language, intent, sentiment and personal data of each line.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    echo 'where is my order?' | tradewind classify\n  \
    tradewind classify messages.txt --json\n  \
    tradewind classify --locale ms-MY messages.txt\n  \
    tradewind classify --encoder data/models/encoder --json messages.txt\n\n\
    With --json, `tier` says which model had the last word, `fast` or `encoder`, and `languages` tells\n\
    each language of a message with its share of the letters, the largest first. Names, brands and numbers count for none, and less than a clause is no second\n\
    language. Without it, `+en` before the text names a second language.")]
pub(super) struct Args {
    /// File with one message a line; standard input when it is missing.
    file: Option<PathBuf>,
    /// Writes one JSON object a line.
    #[arg(long)]
    json: bool,
    /// Language of the writers' browsers, such as `ms-MY`.
    #[arg(long)]
    locale: Option<String>,
    /// Folder of a model; the one inside the binary when it is missing.
    #[arg(long)]
    model: Option<PathBuf>,
    #[command(flatten)]
    encoder: EncoderArgs,
}

/// Reads the lines and writes what they say.
///
/// # Errors
/// When the model or the lines cannot be read, or the output is closed.
pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let model = match &args.model {
        Some(dir) => Model::load(dir)?,
        None => Model::embedded()?,
    };
    let locale = args.locale.as_deref().map(Language::from_locale).transpose()?;
    let hint = Hint { locale, previous: None };
    let input: Box<dyn BufRead> = match &args.file {
        Some(path) => {
            let file = std::fs::File::open(path);
            Box::new(BufReader::new(file.with_context(|| path.display().to_string())?))
        }
        None => Box::new(std::io::stdin().lock()),
    };
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut reader = TieredReader::new(model.clone(), args.encoder.tier()?);
    let mut scratch = Scratch::default();
    for line in input.split(b'\n') {
        let line = line.context("reading the messages")?;
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches('\r');
        if text.trim().is_empty() {
            continue;
        }
        let classified = reader.classify(text, &hint)?;
        let mut guess = |part: &str| model.classify(part, &Hint::default(), &mut scratch).languages;
        let whole = classified.understanding.language.label;
        let shares = mixed::languages(text, whole, &mut guess);
        let written = if args.json {
            writeln!(out, "{}", to_json(text, &classified, &shares))
        } else {
            writeln!(out, "{}", to_line(text, &classified, &shares))
        };
        match written {
            // The reader, such as `head`, has seen enough.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {
                return Ok(Exit::Success);
            }
            written => written.context("writing")?,
        }
    }
    match out.flush() {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(Exit::Success),
        flushed => flushed.map(|()| Exit::Success).context("writing"),
    }
}

fn to_json(text: &str, classified: &Classified, shares: &[Share]) -> serde_json::Value {
    let read = &classified.understanding;
    let alternatives: Vec<_> = classified
        .alternatives
        .iter()
        .map(|guess| json!({"label": guess.label, "confidence": guess.confidence}))
        .collect();
    let languages: Vec<_> =
        shares.iter().map(|it| json!({"code": it.language, "share": it.share})).collect();
    json!({
        "text": text,
        "languages": languages,
        "language": {"code": read.language.label, "confidence": read.language.confidence},
        "intent": {
            "label": read.intent.label,
            "confidence": read.intent.confidence,
            "alternatives": alternatives,
        },
        "sentiment": {"label": read.sentiment.label, "confidence": read.sentiment.confidence},
        "pii": read.pii,
        "tier": read.tier,
    })
}

fn to_line(text: &str, classified: &Classified, shares: &[Share]) -> String {
    let read = &classified.understanding;
    // A message of several languages names them all, the largest first.
    let others = shares.iter().filter(|it| it.language != read.language.label);
    let mixed: String = others.map(|it| format!("+{} ", it.language)).collect();
    format!(
        "{:<3} {:3.0}%  {:<18} {:3.0}%  {:<8} {:3.0}%  {mixed}{text}",
        read.language.label.to_string(),
        read.language.confidence * 100.0,
        read.intent.label.to_string(),
        read.intent.confidence * 100.0,
        read.sentiment.label.to_string(),
        read.sentiment.confidence * 100.0,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_json_has_the_documented_fields() {
        let model = Model::embedded().expect("the shipped model");
        let text = "¿dónde está mi pedido? escríbanme a ana@example.org";
        let classified = model.classify(text, &Hint::default(), &mut Scratch::default());
        let share = Share { language: classified.understanding.language.label, share: 1.0 };

        let json = to_json(text, &classified, &[share]);

        let keys = |value: &serde_json::Value| -> Vec<String> {
            value.as_object().expect("an object").keys().cloned().collect()
        };
        assert_eq!(
            keys(&json),
            ["intent", "language", "languages", "pii", "sentiment", "text", "tier"]
        );
        assert_eq!(keys(&json["language"]), ["code", "confidence"]);
        assert_eq!(json["languages"], serde_json::json!([{"code": "es", "share": 1.0}]));
        assert_eq!(keys(&json["intent"]), ["alternatives", "confidence", "label"]);
        assert_eq!(keys(&json["pii"][0]), ["confidence", "end", "kind", "start"]);
    }
}
