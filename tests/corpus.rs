//! The corpus in the repository keeps the rules of `models/corpus/GUIDE.md`, and the lexicon those of
//! `models/lexicon/GUIDE.md`.

use std::fs;
use std::path::PathBuf;

use tradewind::understand::lexicon::Builder;
use tradewind::understand::train::lint::{File, LANGUAGES, lint};

fn models() -> PathBuf {
    // Asked when the test runs, so that a build can look at another working tree.
    let root = std::env::var_os("CARGO_MANIFEST_DIR");
    root.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from).join("models")
}

fn corpus() -> Vec<File> {
    let folder = models().join("corpus");
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

#[test]
fn every_language_of_the_corpus_names_nearly_every_concept_by_forms_that_can_be_found() {
    let of_language = |code: &&str| {
        let path = models().join("lexicon").join(format!("{code}.txt"));
        let text = fs::read_to_string(&path).expect("a lexicon of each language of the corpus");
        let mut builder = Builder::default();
        builder.add(&text).unwrap_or_else(|wrong| panic!("{}: {wrong}", path.display()));
        (builder.concepts().into_iter().map(str::to_owned).collect::<Vec<_>>(), text)
    };
    let languages: Vec<_> = LANGUAGES.iter().map(of_language).collect();
    let mut all = Builder::default();
    for (_, text) in &languages {
        all.add(text).expect("each was read alone");
    }

    let known = all.concepts();

    for (code, (concepts, _)) in LANGUAGES.iter().zip(&languages) {
        let missing: Vec<_> =
            known.iter().filter(|name| !concepts.iter().any(|own| own == *name)).collect();
        assert!(missing.len() * 20 <= known.len(), "{code} lacks {missing:?} of {}", known.len());
    }
}
