//! `cargo xtask train-leaving`: from `models/churn` to `models/churn/head.toml`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use serde_json::json;
use tradewind::domain::Intent;
use tradewind::understand::leaving::{
    LeavingRow, Outcome, Signs, area_under_curve, calibration_error, calm, fit, parse,
};
use tradewind::understand::train::corpus::{Part, parts};
use tradewind::understand::{Hint, Manifest, Model, Row, Scratch, parse_rows};

/// Which models.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    cargo xtask train-leaving\n  \
    cargo xtask train-leaving --models ../other/models\n\n\
    Reads the shipped model, churn/*.jsonl and churn/forms.txt, and writes churn/head.toml. Run it after\n\
    each training of the model: the head weighs what that model says.")]
pub struct Args {
    /// Folder with the model, `corpus/` and `churn/`.
    #[arg(long, default_value = "models")]
    models: PathBuf,
}

/// Fits, writes and prints the figures as JSON.
///
/// # Errors
/// When something cannot be read or written.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let churn = args.models.join("churn");
    let model = Model::load(&args.models)?;
    let manifest = Manifest::parse(&read(&args.models.join("manifest.toml"))?)?;
    let signs = Signs::parse(&read(&churn.join("forms.txt"))?)?;
    let rows: Vec<LeavingRow> = lines(&churn, |text| parse(text).map_err(|why| anyhow!(why)))?;
    let corpus = lines(&args.models.join("corpus"), |text| Ok(parse_rows(text)?))?;
    let weights = fit(&model, &manifest.sha256, &signs, &rows, &calm(&corpus));
    fs::write(churn.join("head.toml"), toml::to_string(&weights)?)?;

    let complaints = complaints(&model, &corpus);
    let figures = json!({
        "leaving": weights.measured,
        "complaint": {
            "rows": complaints.len(),
            "auroc": area_under_curve(&complaints),
            "ece": calibration_error(&complaints),
        },
    });
    println!("{}", serde_json::to_string_pretty(&figures)?);
    Ok(())
}

/// How probable the model calls a complaint in the rows of the corpus that trained no weights.
fn complaints(model: &Model, corpus: &[Row]) -> Vec<Outcome> {
    let mut scratch = Scratch::default();
    let held_out = parts(corpus).into_iter().zip(corpus);
    let held_out = held_out.filter(|(part, _)| *part == Part::HeldOut);
    held_out
        .map(|(_, row)| {
            let read = model.classify(&row.text, &Hint::default(), &mut scratch);
            let complaint = read.alternatives.iter().find(|it| it.label == Intent::Complaint);
            let said = complaint.map_or(0.0, |it| f64::from(it.confidence));
            (said, row.intent == Some(Intent::Complaint))
        })
        .collect()
}

pub(crate) fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| path.display().to_string())
}

/// What `parse` makes of each `.jsonl` file of a folder, by name of the file.
pub(crate) fn lines<T>(
    folder: &Path,
    parse: impl Fn(&str) -> anyhow::Result<Vec<T>>,
) -> anyhow::Result<Vec<T>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "jsonl") {
            paths.push(path);
        }
    }
    paths.sort();
    let mut all = Vec::new();
    for path in paths {
        all.extend(parse(&read(&path)?).with_context(|| path.display().to_string())?);
    }
    Ok(all)
}
