//! `cargo xtask lint-corpus`: whether the corpus covers every cell and does not repeat itself.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use tradewind::understand::train::lint::{File, Lint, lint};

/// Which corpus.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    cargo xtask lint-corpus\n  \
    cargo xtask lint-corpus --models ../other/models --json\n\n\
    The exit code is 1 when something has to be mended. The rules are those of models/corpus/GUIDE.md.")]
pub struct Args {
    /// Folder with `corpus/`.
    #[arg(long, default_value = "models")]
    models: PathBuf,
    /// Writes one JSON object.
    #[arg(long)]
    json: bool,
}

/// Checks the corpus and prints what it holds and what has to be mended; `false` when something has.
///
/// # Errors
/// When the corpus cannot be read.
pub fn run(args: &Args) -> anyhow::Result<bool> {
    let report = lint(&read(&args.models.join("corpus"))?);
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print(&report);
    }
    Ok(report.findings.is_empty())
}

fn read(folder: &Path) -> anyhow::Result<Vec<File>> {
    let name_of = |path: &Path| path.display().to_string();
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| name_of(folder))? {
        let path = entry.with_context(|| name_of(folder))?.path();
        if path.extension().is_some_and(|ending| ending == "jsonl") {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let text = fs::read_to_string(&path).with_context(|| name_of(&path))?;
            files.push(File { name, text });
        }
    }
    ensure!(!files.is_empty(), "{}: no .jsonl files", folder.display());
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

fn print(report: &Lint) {
    println!("language  messages  negative  neutral  positive  smallest  largest  own script");
    println!("                           %        %         %      cell     cell           %");
    for (language, it) in &report.languages {
        println!(
            "{language:<8}  {}  {:>8}  {:>7}  {:>10.0}",
            it.spread,
            it.cell_min,
            it.cell_max,
            100.0 * it.own_script as f64 / it.spread.messages.max(1) as f64
        );
    }
    println!("\nintent              messages  negative  neutral  positive");
    for (intent, spread) in &report.intents {
        println!("{intent:<18}  {spread}");
    }
    println!();
    for finding in &report.findings {
        println!("{finding}");
    }
    println!("{} messages, {} to mend", report.messages, report.findings.len());
}
