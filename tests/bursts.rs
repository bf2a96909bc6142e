//! The sets of burst messages that the detector of incidents is measured with keep their shape, so that a
//! figure measured on them means what `tests/bursts/README.md` says.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::PathBuf;

use serde::Deserialize;
use tradewind::dedup::normalise;

const LANGUAGES: &[&str] = &["en", "zh", "es", "ar", "pt", "id", "fr", "ru", "ko"];
const OTHER_LANGUAGES: &[&str] =
    &["bn", "de", "he", "hi", "it", "ja", "ms", "nl", "pl", "sv", "th", "tl", "tr", "uk", "vi"];

/// Both.
const ALL: &[&str] = &[
    "en", "zh", "es", "ar", "pt", "id", "fr", "ru", "ko", "bn", "de", "he", "hi", "it", "ja", "ms",
    "nl", "pl", "sv", "th", "tl", "tr", "uk", "vi",
];

/// A folder of rows, and how many each incident has of a kind in a language.
struct Set {
    folder: &'static str,
    languages: &'static [&'static str],
    incidents: usize,
    same: usize,
    own: usize,
}

const fn set(folder: &'static str, incidents: usize, same: usize, own: usize) -> Set {
    Set { folder, languages: LANGUAGES, incidents, same, own }
}

const FIRST: Set = set("tests/bursts", 20, 9, 6);
const FRESH: Set = set("tests/bursts/fresh", 12, 6, 4);
const MORE: Set = set("tests/bursts/more", 24, 5, 3);
const UNSEEN: Set = set("tests/bursts/unseen", 12, 6, 4);
const OTHERS: Set =
    Set { languages: OTHER_LANGUAGES, ..set("tests/bursts/other_languages", 10, 5, 3) };
/// Two hands, each with incidents of its own in half of the languages.
const ALL_LANGUAGES: [Set; 2] = [
    Set {
        languages: &["en", "zh", "es", "ar", "pt", "id", "fr", "ru", "ko", "de", "ja", "hi"],
        ..set("tests/bursts/all_languages/one", 10, 5, 3)
    },
    Set {
        languages: &["he", "it", "nl", "pl", "sv", "tr", "uk", "vi", "th", "tl", "ms", "bn"],
        ..set("tests/bursts/all_languages/two", 10, 5, 3)
    },
];

/// Two hands, and two later ones, each with incidents of its own in all languages: four rows of each in a
/// language, sixty general ones of an incident in all.
const LATE: [&str; 4] = [
    "tests/bursts/late/one",
    "tests/bursts/late/two",
    "tests/bursts/later/one",
    "tests/bursts/later/two",
];

/// Six hands, each with incidents of its own in four languages.
const MANY: [Set; 6] = [
    many(&["en", "es", "fr", "pt"]),
    many(&["zh", "ko", "id", "ja"]),
    many(&["ar", "ru", "tr", "he"]),
    many(&["de", "nl", "it", "sv"]),
    many(&["hi", "pl", "uk", "bn"]),
    many(&["th", "vi", "ms", "tl"]),
];

const fn many(languages: &'static [&'static str]) -> Set {
    Set { languages, ..set("tests/bursts/many", 24, 6, 4) }
}

/// Eight hands, each with incidents of its own.
const WIDE: Set = Set { languages: ALL, ..set("tests/bursts/wide", 8 * 16, 2, 2) };

fn sets() -> impl Iterator<Item = Set> {
    [FIRST, FRESH, MORE, UNSEEN, OTHERS, WIDE].into_iter().chain(ALL_LANGUAGES).chain(MANY)
}

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

impl Set {
    fn rows(&self, language: &str) -> Vec<Row> {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(self.folder);
        let text = fs::read_to_string(folder.join(format!("{language}.jsonl"))).expect("the set");
        text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    fn all(&self) -> impl Iterator<Item = Row> {
        self.languages.iter().flat_map(move |language| self.rows(language))
    }

    fn incidents(&self) -> HashSet<String> {
        self.all().map(|row| row.incident).collect()
    }
}

#[test]
fn every_incident_has_its_askers_and_its_look_alikes_in_each_language() {
    for set in sets() {
        for language in set.languages {
            let mut cells: HashMap<String, HashMap<Kind, usize>> = HashMap::new();
            for row in set.rows(language) {
                assert_eq!(row.language, *language, "{}", row.text);
                *cells.entry(row.incident).or_default().entry(row.kind).or_default() += 1;
            }

            let place = format!("{} {language}", set.folder);
            assert_eq!(cells.len(), set.incidents, "{place}");
            for (incident, kinds) in cells {
                let found = (kinds[&Kind::Same], kinds[&Kind::Own]);
                assert_eq!(found, (set.same, set.own), "{place} {incident}");
            }
        }
    }
}

#[test]
fn the_late_sets_have_four_rows_of_an_incident_in_a_language_and_never_of_one_kind() {
    for folder in LATE {
        let mut of_incidents: HashMap<(String, Kind), usize> = HashMap::new();
        for language in ALL {
            let mut cells: HashMap<String, HashMap<Kind, usize>> = HashMap::new();
            for row in set(folder, 10, 0, 0).rows(language) {
                assert_eq!((row.language.as_str(), row.half), (*language, Half::Final));
                *of_incidents.entry((row.incident.clone(), row.kind)).or_default() += 1;
                *cells.entry(row.incident).or_default().entry(row.kind).or_default() += 1;
            }
            for (incident, kinds) in cells {
                let found = (kinds[&Kind::Same], kinds[&Kind::Own]);
                assert!([(3, 1), (2, 2)].contains(&found), "{folder} {language} {incident}");
            }
        }
        assert_eq!(of_incidents.len(), 20, "{folder}");
        for ((incident, kind), count) in of_incidents {
            let wanted = if kind == Kind::Same { 60 } else { 36 };
            assert_eq!(count, wanted, "{folder} {incident}");
        }
    }
}

#[test]
fn all_languages_of_a_set_have_the_same_incidents() {
    for set in sets() {
        assert_eq!(set.incidents().len(), set.incidents, "{}", set.folder);
    }
}

#[test]
fn both_halves_hold_both_kinds_evenly() {
    for language in LANGUAGES {
        let mut halves: HashMap<(Kind, Half), usize> = HashMap::new();
        for row in FIRST.rows(language) {
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
    for row in FIRST.all() {
        assert!(seen.insert(normalise(&row.text)), "twice: {}", row.text);
    }
}

#[test]
fn what_is_kept_for_a_last_figure_says_so_and_what_is_used_up_is_for_tuning() {
    for row in ALL_LANGUAGES.iter().flat_map(Set::all) {
        assert_eq!(row.half, Half::Final, "{}", row.text);
    }
    for row in [MORE, FRESH, UNSEEN, OTHERS, WIDE].iter().chain(&MANY).flat_map(Set::all) {
        assert_eq!(row.half, Half::Dev, "{}", row.text);
    }
}

#[test]
fn the_fresh_set_shares_no_incident_and_no_text_with_the_first() {
    assert!(FIRST.incidents().is_disjoint(&FRESH.incidents()));

    // As typed: the fresh set holds near copies on purpose.
    let mut seen: HashSet<String> = FIRST.all().map(|row| row.text).collect();
    for row in FRESH.all() {
        assert!(!row.text.trim().is_empty(), "an empty row of {}", row.incident);
        assert!(seen.insert(row.text.clone()), "twice: {}", row.text);
    }
}
