//! Public sets: texts with a sentiment, texts of a language.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::cli::model::encoded;
use crate::incidents::{JOINS_FROM, Print};
use crate::understand::encoder::{Bounds, CandleEncoder, Encoder, Installed, Sense};
use crate::understand::labelled::{
    LanguageReport, Lengths, MoodReport, Pair, PairFigures, PairReport, fragments,
    language_of_stem, languages_of, moods_of, pairs_of, parse_languages, parse_moods, parse_pairs,
};
use crate::understand::{Hint, Model, Scratch};

use super::{percent, read};

/// Evaluates the sentiment of texts.
///
/// # Errors
/// When a file cannot be read or a line has no text or no known sentiment.
pub(super) fn sentiment(model: &Model, paths: &[PathBuf], json: bool) -> anyhow::Result<()> {
    let mut files = Vec::new();
    for path in paths {
        let name = name(path);
        let (texts, left_out) = parse_moods(&read(path)?).with_context(|| name.clone())?;
        if left_out > 0 {
            eprintln!("{name}: {left_out} lines left out, their label is none of the three");
        }
        files.push((name, texts));
    }
    let report = moods_of(model, &files);
    if json {
        crate::cli::print_json(&serde_json::to_value(&report)?)
    } else {
        crate::cli::print(&sentiment_table(&report))
    }
}

/// Evaluates the language of texts, or of fragments of them; each file is named after its language.
///
/// # Errors
/// When a file cannot be read, has no texts, or its name is no language.
pub(super) fn language(
    model: &Model,
    paths: &[PathBuf],
    cut_to: Option<&Lengths>,
    json: bool,
) -> anyhow::Result<()> {
    let mut files = Vec::new();
    for path in paths {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let language = language_of_stem(&stem)
            .with_context(|| format!("{}: the name of the file is no language", name(path)))?;
        if !model.languages().contains(&language) {
            eprintln!(
                "{}: the model does not tell `{language}`; its texts count as wrong",
                name(path)
            );
        }
        let texts = parse_languages(&read(path)?).with_context(|| name(path))?;
        let texts = match cut_to {
            Some(lengths) => fragments(&texts, lengths),
            None => texts,
        };
        files.push((language, texts));
    }
    let report = languages_of(model, &files);
    if json {
        crate::cli::print_json(&serde_json::to_value(&report)?)
    } else {
        crate::cli::print(&language_table(&report))
    }
}

/// Evaluates how well likenesses tell texts that say the same.
///
/// # Errors
/// When a file cannot be read, a line is no pair, or the encoder cannot be used.
pub(super) fn pairs(
    model: &Model,
    encoder: Option<Installed>,
    paths: &[PathBuf],
    json: bool,
) -> anyhow::Result<()> {
    let mut pairs = Vec::new();
    for path in paths {
        pairs.extend(parse_pairs(&read(path)?).with_context(|| name(path))?);
    }
    let (mut encoder, sense) = match encoder {
        Some(Installed { files, sense, .. }) => {
            (Some(CandleEncoder::new(files, &Bounds::default())?), sense)
        }
        None => (None, None),
    };
    let figures = incident_figures(model, encoder.as_mut().zip(sense.as_ref()), &pairs)?;
    let encoder = encoder.as_mut().map(|encoder| encoder as &mut dyn Encoder);
    let report = pairs_of(model, encoder, &pairs)?;
    if json {
        let mut value = serde_json::to_value(figures)?;
        value["by"] = serde_json::to_value(report)?;
        crate::cli::print_json(&value)
    } else {
        crate::cli::print(&(figures_table(&figures) + &pairs_table(&report)))
    }
}

/// How well the likeness tells the pairs by which questions of an incident are found; by an encoder as well,
/// where one was fitted for that.
fn incident_figures(
    model: &Model,
    encoder: Option<(&mut CandleEncoder, &Sense)>,
    pairs: &[Pair],
) -> anyhow::Result<PairFigures> {
    let texts: Vec<&str> = pairs.iter().flat_map(|pair| &pair.texts).map(String::as_str).collect();
    let vectors = match encoder {
        Some((encoder, sense)) => Some((sense, encoded(encoder, &texts)?)),
        None => None,
    };
    let mut scratch = Scratch::default();
    let mut print = |at: usize| {
        let meaning = model.meaning(texts[at], &mut scratch);
        let language = model.understand(texts[at], &Hint::default(), &mut scratch).language.label;
        let vector = vectors.as_ref().map(|(sense, all)| (sense, &all[at]));
        let whole = vector.filter(|(_, (_, is_cut))| !is_cut);
        let sensed = whole.map(|(sense, (vector, _))| sense.read(vector, language));
        Print::of_text(texts[at], language, &meaning, sensed.as_ref())
    };
    let likeness = |at: usize| print(2 * at).likeness(&print(2 * at + 1));
    let scores: Vec<f32> = (0..pairs.len()).map(likeness).collect();
    Ok(PairFigures::of(pairs, &scores, JOINS_FROM))
}

fn figures_table(figures: &PairFigures) -> String {
    format!(
        "as incidents are found\nAUROC              {}\nfound at 90 %      {}\n\
         found at 95 %      {}\nright of the found {}\nfound by default   {}\n\n",
        figures.auroc.map_or("–".to_owned(), |area| format!("{area:.3}")),
        percent(Some(figures.recall_at_precision_90)),
        percent(Some(figures.recall_at_precision_95)),
        percent(figures.precision_at_default),
        percent(figures.recall_at_default),
    )
}

fn pairs_table(report: &PairReport) -> String {
    let mut table =
        format!("pairs  {}\n\nalike by     AUROC  accuracy  found at 90 %\n", report.pairs);
    let fixed = [("characters", report.characters), ("fast tier", report.fast)];
    for (name, tally) in fixed.into_iter().chain(report.encoder.map(|tally| ("encoder", tally))) {
        table += &format!(
            "{name:<10}  {:>6}  {:>8}  {:>13}\n",
            tally.auroc.map_or("–".to_owned(), |area| format!("{area:.3}")),
            percent(tally.accuracy),
            percent(Some(tally.recall_at_90)),
        );
    }
    table
}

fn name(path: &Path) -> String {
    path.display().to_string()
}

fn sentiment_table(report: &MoodReport) -> String {
    let mut table = "messages  accuracy  macro F1  file\n".to_owned();
    let all = std::iter::once(("all", &report.all));
    let files = report.per_file.iter().map(|(name, tally)| (name.as_str(), tally));
    for (name, tally) in all.chain(files) {
        table += &format!(
            "{:>8}  {:>8}  {:>8}  {name}\n",
            tally.messages,
            percent(tally.sentiment_accuracy),
            percent(tally.sentiment_macro_f1),
        );
    }
    if report.per_file.len() > 1 {
        let mean = percent(report.mean_macro_f1);
        table += &format!("                    {mean:>8}  mean of the files\n");
    }
    table
}

fn language_table(report: &LanguageReport) -> String {
    let mut table = "messages  accuracy\n".to_owned();
    let all = std::iter::once(("all", &report.all));
    let rest = report.per_kind.iter().chain(&report.per_language);
    for (name, tally) in all.chain(rest.map(|(name, tally)| (name.as_str(), tally))) {
        table +=
            &format!("{:>8}  {:>8}  {name}\n", tally.messages, percent(tally.language_accuracy));
    }
    table
}
