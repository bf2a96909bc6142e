//! Labelled bursts of incidents, with look-alikes that must never be merged.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use serde_json::json;

use crate::automate::Mood;
use crate::cli::model::encoded;
use crate::config::shop::Shop;
use crate::incidents::bursts::{BurstReport, Half, Judged, Row, measure};
use crate::incidents::{Asked, Gate, Print};
use crate::understand::encoder::{Bounds, CandleEncoder, Installed, Sense};
use crate::understand::{Hint, Model, Scratch, names_order};

use super::{percent, read};

/// Of the order in which messages arrive.
const SEED: u64 = 1;

/// Reads every `*.jsonl` of a folder and tells how many of the same question were found, and how many
/// look-alikes were merged, in each half. They are compared by the vectors of `encoder` as well, if it was
/// fitted for that.
///
/// # Errors
/// When the folder or a file cannot be read, or a line is no row.
pub(super) fn run(
    model: &Model,
    encoder: Option<Installed>,
    folder: &Path,
    json: bool,
) -> anyhow::Result<()> {
    let rows = rows(folder)?;
    let vectors = vectors(encoder, &rows)?;
    let judged = judge(model, &rows, &vectors);
    let half = |half: Half| -> Vec<Judged<'_>> {
        judged.iter().filter(|it| it.row.half == half).cloned().collect()
    };
    let [dev, last] = [Half::Dev, Half::Final].map(|it| measure(&half(it), SEED));
    if json {
        crate::cli::print_json(&json!({ "dev": dev, "final": last }))
    } else {
        let table = format!("{}\n{}", table("dev", &dev), table("final", &last));
        crate::cli::print(&table)
    }
}

pub(in crate::cli) fn rows(folder: &Path) -> anyhow::Result<Vec<Row>> {
    let name = || folder.display().to_string();
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(name)? {
        let path = entry.with_context(name)?.path();
        if path.extension().is_some_and(|ending| ending == "jsonl") {
            files.push(path);
        }
    }
    anyhow::ensure!(!files.is_empty(), "{}: no file that ends in .jsonl", folder.display());
    files.sort();
    let mut rows = Vec::new();
    for path in files {
        for (at, line) in read(&path)?.lines().enumerate() {
            let place = || format!("{}: line {}", path.display(), at + 1);
            rows.push(serde_json::from_str(line).with_context(place)?);
        }
    }
    Ok(rows)
}

/// What reads vectors, and those of the rows, with whether they were cut.
type Vectors = Option<(Sense, Vec<(Vec<f32>, bool)>)>;

fn vectors(encoder: Option<Installed>, rows: &[Row]) -> anyhow::Result<Vectors> {
    let Some(Installed { files, sense: Some(sense), .. }) = encoder else { return Ok(None) };
    let mut encoder = CandleEncoder::new(files, &Bounds::default())?;
    let texts: Vec<&str> = rows.iter().map(|row| row.text.as_str()).collect();
    Ok(Some((sense, encoded(&mut encoder, &texts)?)))
}

/// Asks the gate about each message, as the router does: by the language that the model reads.
fn judge<'a>(model: &Model, rows: &'a [Row], vectors: &Vectors) -> Vec<Judged<'a>> {
    let gate = Gate::default();
    let mut scratch = Scratch::default();
    // Who complains or is about to leave is barred where a shop cares for that, as the demo shop does.
    let rules = Shop::embedded_demo().priorities;
    let mut judge = |(at, row): (usize, &'a Row)| {
        let understanding = model.understand(&row.text, &Hint::default(), &mut scratch);
        let mut mood = Mood::default();
        mood.hear(1, &understanding);
        let urgency = mood.urgency(&rules);
        let asked = Asked {
            text: &row.text,
            understanding: &understanding,
            names_order: names_order(&row.text),
            needs_person: urgency.needs_person,
        };
        let language = understanding.language;
        let vector = vectors.as_ref().map(|(sense, all)| (sense, &all[at]));
        // The router makes nothing of one that was cut either.
        let whole = vector.filter(|(_, (_, is_cut))| !is_cut);
        let sensed = whole.map(|(sense, (vector, _))| sense.read(vector, language.label));
        let print = gate.pass(&asked, sensed.as_ref()).map(|passed| {
            let meaning = model.meaning(&row.text, &mut scratch);
            Arc::new(Print::new(&passed, language, &meaning, sensed.as_ref()))
        });
        Judged { row, print }
    };
    rows.iter().enumerate().map(&mut judge).collect()
}

fn table(half: &str, report: &BurstReport) -> String {
    let mut table = format!(
        "{half}\nsame question       {}\nlook-alikes         {}\nfound               {}\n\
         false merges        {}\nwrong incident      {}\nwrong of 10,000     {:.1}\n\
         pairwise            precision {}, recall {}\nclusters            {}\n\
         told to be the same {} rightly, {} wrongly\n\
         passed the gate     {} same, {} look-alikes\n\
         in doubt            {} same, {} look-alikes\n\nbarred by   same  look-alikes\n",
        report.same,
        report.own,
        percent(Some(report.recall)),
        report.false_merges,
        report.wrong_incident,
        report.false_per_10000,
        percent(Some(report.pairwise_precision)),
        percent(Some(report.pairwise_recall)),
        report.clusters,
        report.told_same[0],
        report.told_same[1],
        report.passed[0],
        report.passed[1],
        report.in_doubt[0],
        report.in_doubt[1],
    );
    for (reason, [same, own]) in &report.barred {
        table += &format!("{reason:<10}  {same:>4}  {own:>11}\n");
    }
    table += "\nlanguage     found  false merges\n";
    for (language, report) in &report.per_language {
        let found = percent(Some(report.recall));
        table += &format!("{language:<8}  {found:>8}  {:>12}\n", report.false_merges);
    }
    table
}
