//! The corpus in the repository keeps the rules of `models/corpus/GUIDE.md`.

use std::fs;
use std::path::PathBuf;

use tradewind::understand::train::lint::{File, LANGUAGES, lint};

fn corpus() -> Vec<File> {
    // Asked when the test runs, so that a build can look at another working tree.
    let root = std::env::var_os("CARGO_MANIFEST_DIR");
    let root = root.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    let folder = root.join("models/corpus");
    let entries = fs::read_dir(folder).expect("the corpus is in the repository");
    let mut files: Vec<File> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"))
        .map(|path| {
            let name = path.file_name().expect("a file has a name").to_string_lossy().into_owned();
            File { name, text: fs::read_to_string(path).expect("UTF-8") }
        })
        .collect();
    files.sort_by(|a, b| a.name.cmp(&b.name));
    files
}

#[test]
fn the_corpus_covers_every_cell_and_repeats_nothing() {
    let report = lint(&corpus());

    let findings: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "{} to mend:\n{}", findings.len(), findings.join("\n"));
    assert!(LANGUAGES.iter().all(|code| report.languages.contains_key(*code)));
}
