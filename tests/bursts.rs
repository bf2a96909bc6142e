//! The set of burst messages that the detector of incidents is measured with keeps its shape, so that a
//! figure measured on it means what `tests/bursts/README.md` says.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::PathBuf;

use serde::Deserialize;
use tradewind::dedup::normalise;

const LANGUAGES: [&str; 9] = ["en", "zh", "es", "ar", "pt", "id", "fr", "ru", "ko"];
const INCIDENTS: usize = 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    incident: String,
    language: String,
    kind: Kind,
    text: String,
    half: Half,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Hash)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Same,
    Own,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Hash)]
#[serde(rename_all = "snake_case")]
enum Half {
    Dev,
    Final,
}

fn rows(language: &str) -> Vec<Row> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/bursts");
    let text = fs::read_to_string(folder.join(format!("{language}.jsonl"))).expect("the set");
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

#[test]
fn every_incident_has_nine_askers_and_six_look_alikes_in_each_language() {
    for language in LANGUAGES {
        let mut cells: HashMap<String, HashMap<Kind, usize>> = HashMap::new();
        for row in rows(language) {
            assert_eq!(row.language, language, "{}", row.text);
            *cells.entry(row.incident).or_default().entry(row.kind).or_default() += 1;
        }

        assert_eq!(cells.len(), INCIDENTS, "{language}");
        for (incident, kinds) in cells {
            assert_eq!((kinds[&Kind::Same], kinds[&Kind::Own]), (9, 6), "{language} {incident}");
        }
    }
}

#[test]
fn both_halves_hold_both_kinds_evenly() {
    for language in LANGUAGES {
        let mut halves: HashMap<(Kind, Half), usize> = HashMap::new();
        for row in rows(language) {
            *halves.entry((row.kind, row.half)).or_default() += 1;
        }

        for half in [Half::Dev, Half::Final] {
            assert_eq!(halves[&(Kind::Same, half)], 90, "{language} {half:?}");
            assert_eq!(halves[&(Kind::Own, half)], 60, "{language} {half:?}");
        }
    }
}

#[test]
fn nobody_writes_what_another_wrote() {
    let mut seen = HashSet::new();
    for row in LANGUAGES.iter().flat_map(|language| rows(language)) {
        assert!(seen.insert(normalise(&row.text)), "twice: {}", row.text);
    }
}
