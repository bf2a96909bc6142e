//! Measures the detector on a labelled set of bursts: many customers ask about several incidents at once,
//! and between them stand look-alikes that must never be merged.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::{ConversationId, CustomerId, CustomerKey, ShopId, Timestamp};

use super::cluster::{Cluster, Standing};
use super::gate::Barred;
use super::live::{Live, Question, Told};
use super::print::Print;
use super::simhash::hash;

/// Time between two messages: all incidents of the set at once, each a burst of its own.
const PAUSE_MS: u64 = 200;

/// Where the sets of the repository lie whose rows of the half `dev` teach.
pub const SETS: [&str; 7] = [
    "tests/bursts",
    "tests/bursts/more",
    "tests/bursts/fresh",
    "tests/bursts/unseen",
    "tests/bursts/other_languages",
    "tests/bursts/many",
    "tests/bursts/wide",
];

/// A labelled message.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Row {
    /// The incident that it is about, or looks like.
    pub incident: String,
    /// The language that it is written in.
    pub language: String,
    /// Whether one answer serves it.
    pub kind: Kind,
    /// As it was typed.
    pub text: String,
    /// Which half of the set it belongs to.
    pub half: Half,
}

/// Whether one answer serves a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It does.
    Same,
    /// It must never be merged.
    Own,
}

/// The halves of the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Half {
    /// For choosing.
    Dev,
    /// For the figure.
    Final,
}

/// A message as the gate has judged it.
#[derive(Clone, Debug)]
pub struct Judged<'a> {
    /// The message.
    pub row: &'a Row,
    /// Its print, or why it is not looked at.
    pub print: Result<Arc<Print>, Barred>,
}

/// What became of a set of bursts.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct BurstReport {
    /// Messages that one answer serves.
    pub same: usize,
    /// Look-alikes that must never be merged.
    pub own: usize,
    /// Share of the same that end in an open cluster of their incident.
    pub recall: f64,
    /// Look-alikes that ended in an open cluster.
    pub false_merges: usize,
    /// Messages that ended in an open cluster of another incident.
    pub wrong_incident: usize,
    /// False merges and wrong incidents in 10,000 messages.
    pub false_per_10000: f64,
    /// Share of the pairs in one open cluster that are of one incident, look-alikes being of none.
    pub pairwise_precision: f64,
    /// Share of the pairs of one incident that are in one open cluster.
    pub pairwise_recall: f64,
    /// Clusters that opened.
    pub clusters: usize,
    /// Those of them of which seats are told at the end that they may be one with an older one: which is of the
    /// same incident, and which is of another.
    pub told_same: [usize; 2],
    /// Same messages that the gate let through without a doubt, and look-alikes.
    pub passed: [usize; 2],
    /// Same messages that it let through in doubt, and look-alikes.
    pub in_doubt: [usize; 2],
    /// Why the gate barred messages: same, and look-alikes.
    pub barred: BTreeMap<&'static str, [usize; 2]>,
    /// The share of the same of each language that was found, and its false merges.
    pub per_language: BTreeMap<String, LanguageReport>,
}

/// One language of a [`BurstReport`].
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LanguageReport {
    /// As above.
    pub recall: f64,
    /// Look-alikes in a cluster.
    pub false_merges: usize,
}

/// Lets the messages arrive in an order that `seed` makes, and tells what became of them.
pub fn measure(judged: &[Judged<'_>], seed: u64) -> BurstReport {
    let mut live = Live::default();
    let mut order: Vec<usize> = (0..judged.len()).collect();
    order.sort_by_key(|at| arrival(seed, judged[*at].row));
    let shop = ShopId::from("bursts");
    let mut conversations = BTreeMap::new();
    for (n, at) in order.into_iter().enumerate() {
        let Judged { row, print: Ok(print) } = &judged[at] else { continue };
        let customer = CustomerId::from(format!("v_{n}"));
        let now = Timestamp::from_millis(1_000_000_000 + n as u64 * PAUSE_MS);
        let key = CustomerKey::of(&shop, &customer);
        let conversation = ConversationId::new(now.as_millis(), key, n as u64);
        let language = row.language.parse().unwrap_or(crate::domain::Language::ENGLISH);
        let (text, print) = (row.text.as_str().into(), print.clone());
        let (asked_at, told, waits) = (now, Told::First, true);
        let question =
            Question { conversation, customer, asked_at, told, waits, language, text, print };
        live.ask(now, &question);
        conversations.insert(conversation, at);
    }
    let open = live.all().iter().filter(|cluster| cluster.standing == Standing::Open);
    let rows_of = |cluster: &Cluster| -> Vec<&Row> {
        let rows = cluster.followers.keys().filter_map(|id| conversations.get(id));
        rows.map(|at| judged[*at].row).collect()
    };
    let clusters: Vec<Vec<&Row>> = open.map(rows_of).collect();
    let mut report = report(judged, &clusters);
    for cluster in live.shown() {
        let Some(older) = live.same_as(cluster).and_then(|id| live.get(id)) else { continue };
        let is_right = about(&rows_of(cluster)) == about(&rows_of(older));
        report.told_same[usize::from(!is_right)] += 1;
    }
    report
}

/// By what messages are put in the order in which they arrive.
fn arrival(seed: u64, row: &Row) -> u64 {
    hash(format!("{seed} {}", row.text).as_bytes())
}

fn report(judged: &[Judged<'_>], clusters: &[Vec<&Row>]) -> BurstReport {
    let count = |kind| judged.iter().filter(|it| it.row.kind == kind).count();
    let mut report = BurstReport {
        same: count(Kind::Same),
        own: count(Kind::Own),
        clusters: clusters.len(),
        ..BurstReport::default()
    };
    for Judged { row, print } in judged {
        let column = usize::from(row.kind == Kind::Own);
        match print {
            Ok(print) if print.is_doubtful() => report.in_doubt[column] += 1,
            Ok(_) => report.passed[column] += 1,
            Err(barred) => report.barred.entry(barred.as_str()).or_default()[column] += 1,
        }
    }
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    for rows in clusters {
        let about = about(rows);
        for row in rows {
            match row.kind {
                Kind::Own => {
                    report.false_merges += 1;
                    report.per_language.entry(row.language.clone()).or_default().false_merges += 1;
                }
                Kind::Same if Some(row.incident.as_str()) != about => report.wrong_incident += 1,
                Kind::Same => *found.entry(&row.language).or_default() += 1,
            }
        }
    }
    report.recall = share(found.values().sum(), report.same);
    let mut asked: BTreeMap<&str, usize> = BTreeMap::new();
    for it in judged.iter().filter(|it| it.row.kind == Kind::Same) {
        *asked.entry(&it.row.language).or_default() += 1;
    }
    // By who asked, not by who was found: a language without any is the one to look at.
    for (language, all) in asked {
        let found = found.get(language).copied().unwrap_or(0);
        report.per_language.entry(language.to_owned()).or_default().recall = share(found, all);
    }
    report.false_per_10000 =
        10_000.0 * share(report.false_merges + report.wrong_incident, judged.len());
    (report.pairwise_precision, report.pairwise_recall) = pairwise(judged, clusters);
    report
}

/// The incident that most of a cluster ask about.
fn about<'a>(rows: &[&'a Row]) -> Option<&'a str> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.kind == Kind::Same) {
        *counts.entry(&row.incident).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(incident, _)| incident)
}

fn pairwise(judged: &[Judged<'_>], clusters: &[Vec<&Row>]) -> (f64, f64) {
    let pairs = |n: usize| n * n.saturating_sub(1) / 2;
    let of_one_incident = |rows: &mut dyn Iterator<Item = &Row>| -> usize {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for row in rows.filter(|row| row.kind == Kind::Same) {
            *counts.entry(&row.incident).or_default() += 1;
        }
        counts.into_values().map(pairs).sum()
    };
    let right: usize = clusters.iter().map(|rows| of_one_incident(&mut rows.iter().copied())).sum();
    let joined: usize = clusters.iter().map(|rows| pairs(rows.len())).sum();
    let all = of_one_incident(&mut judged.iter().map(|it| it.row));
    (share(right, joined), share(right, all))
}

fn share(part: usize, all: usize) -> f64 {
    part as f64 / all.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Language, Meaning, Sensed};

    fn row(language: &str, text: &str) -> Row {
        Row {
            incident: "outage".to_owned(),
            language: language.to_owned(),
            kind: Kind::Same,
            text: text.to_owned(),
            half: Half::Final,
        }
    }

    #[test]
    fn a_language_in_which_nothing_is_found_is_told_with_the_others() {
        let rows = [row("en", "one"), row("en", "two"), row("ko", "three")];
        let judged: Vec<Judged<'_>> =
            rows.iter().map(|row| Judged { row, print: Err(Barred::Entity) }).collect();

        let report = report(&judged, &[vec![&rows[0], &rows[1]]]);

        let recalls: Vec<(&str, f64)> =
            report.per_language.iter().map(|(name, it)| (name.as_str(), it.recall)).collect();
        assert_eq!(recalls, [("en", 1.0), ("ko", 0.0)]);
    }

    #[test]
    fn it_is_counted_which_incidents_seats_are_told_may_be_one_and_whether_they_are() {
        // Each kind of question opens by itself and is as much like the other as may be the same.
        let kinds = [[1.0, 0.0], [0.6, 0.8]];
        for (other, told_same) in [("outage", [1, 0]), ("strike", [0, 1])] {
            let texts = (0..10).map(|n| char::from(b'a' + n).to_string().repeat(20));
            let mut rows: Vec<Row> = texts.map(|text| row("en", &text)).collect();
            // As they arrive: the one has opened before the other begins.
            rows.sort_by_key(|row| arrival(1, row));
            rows[5..].iter_mut().for_each(|row| row.incident = other.to_owned());
            let print = |n: usize, row: &Row| {
                let sensed = Sensed { point: kinds[n / 5].to_vec(), ..Sensed::default() };
                let meaning = Meaning::default();
                Print::of_text(&row.text, Language::ENGLISH, &meaning, Some(&sensed))
            };
            let judge = rows.iter().enumerate().map(|(n, row)| (row, Ok(Arc::new(print(n, row)))));
            let judged: Vec<Judged<'_>> = judge.map(|(row, print)| Judged { row, print }).collect();

            let report = measure(&judged, 1);

            assert_eq!((report.clusters, report.told_same), (2, told_same), "{other}");
        }
    }
}
