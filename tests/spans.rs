//! How well personal data and order numbers are found, measured on the spans of the corpus. They were
//! marked by other means than the finder's, so the two can disagree.

use std::fs;
use std::ops::Range;
use std::path::Path;

use tradewind::domain::PiiKind;
use tradewind::understand::order_numbers;
use tradewind::understand::pii::find;
use tradewind::understand::train::{Row, SlotKind, parse_rows};

fn corpus() -> Vec<Row> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/corpus");
    let entries = fs::read_dir(folder).expect("the corpus is in the repository");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let files = paths.filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"));
    let rows = files.map(|path| parse_rows(&fs::read_to_string(path).expect("UTF-8")));
    rows.flat_map(|rows| rows.expect("rows")).collect()
}

fn marked(row: &Row, kind: SlotKind) -> Vec<Range<usize>> {
    row.spans.iter().filter(|slot| slot.kind == kind).map(|slot| slot.start..slot.end).collect()
}

fn personal(row: &Row, kind: PiiKind) -> Vec<Range<usize>> {
    find(&row.text)
        .iter()
        .filter(|span| span.kind == kind)
        .map(|span| span.start..span.end)
        .collect()
}

/// What was marked, what was found, and what is both, over the whole corpus.
#[derive(Debug, Default)]
struct Tally {
    marked: usize,
    found: usize,
    both: usize,
    /// Messages where the two differ, for a person.
    differs: Vec<String>,
}

impl Tally {
    fn of(rows: &[Row], kind: SlotKind, found: impl Fn(&Row) -> Vec<Range<usize>>) -> Self {
        let mut tally = Self::default();
        for row in rows {
            let (marked, found) = (marked(row, kind), found(row));
            // A sign before the number, such as `#`, may belong to it or not.
            let covers = |found: &Range<usize>, stretch: &Range<usize>| {
                found.start <= stretch.start && stretch.end <= found.end
            };
            let both = marked.iter().filter(|it| found.iter().any(|other| covers(other, it)));
            let both = both.count();
            tally.marked += marked.len();
            tally.found += found.len();
            tally.both += both;
            if both < marked.len().max(found.len()) {
                let found: Vec<&str> = found.iter().map(|it| &row.text[it.clone()]).collect();
                tally.differs.push(format!("{found:?} in {}", row.text));
            }
        }
        println!(
            "{kind:?}: {} marked, {} found, {} both: recall {:.3}, precision {:.3}",
            tally.marked,
            tally.found,
            tally.both,
            tally.recall(),
            tally.precision()
        );
        tally
    }

    fn recall(&self) -> f64 {
        self.both as f64 / self.marked as f64
    }

    fn precision(&self) -> f64 {
        self.both as f64 / self.found as f64
    }
}

#[test]
fn order_numbers_of_the_corpus_are_found() {
    let tally = Tally::of(&corpus(), SlotKind::OrderNumber, |row| order_numbers(&row.text));

    println!("{}", tally.differs.join("\n"));
    assert!(tally.recall() >= 0.87 && tally.precision() >= 0.84, "{tally:?}");
}

#[test]
fn addresses_of_mail_and_telephone_numbers_of_the_corpus_are_found() {
    let rows = corpus();

    let mail = Tally::of(&rows, SlotKind::Email, |row| personal(row, PiiKind::Email));
    let phone = Tally::of(&rows, SlotKind::Phone, |row| personal(row, PiiKind::Phone));

    println!("{}\n{}", mail.differs.join("\n"), phone.differs.join("\n"));
    assert!(mail.recall() >= 0.99 && mail.precision() >= 0.99, "{mail:?}");
    assert!(phone.recall() >= 0.9 && phone.precision() >= 0.85, "{phone:?}");
}

#[test]
fn what_is_no_personal_data_is_hardly_ever_taken_for_it() {
    use SlotKind::{City, Email, Phone, Postcode, TaxNumber};
    let personal = [City, Email, Phone, Postcode, TaxNumber];
    let rows = corpus();
    let (mut harmless, mut wrong) = (0, Vec::new());
    for row in &rows {
        let found = find(&row.text);
        for slot in row.spans.iter().filter(|slot| !personal.contains(&slot.kind)) {
            harmless += 1;
            let hit = found.iter().find(|span| span.start < slot.end && slot.start < span.end);
            wrong.extend(hit.map(|hit| format!("{:?}: {}", hit.kind, row.text)));
        }
    }

    println!("{} of {harmless} taken for personal data\n{}", wrong.len(), wrong.join("\n"));
    assert!(wrong.len() * 1_000 <= harmless);
}
