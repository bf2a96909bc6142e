//! What outlives a restart: what seats said of joins, and of each question that is asked again and again
//! what it is about, from which likeness on a question joins it and how often it usually is.

use serde::{Deserialize, Serialize};

use crate::domain::Timestamp;

use super::cluster::Cluster;
use super::live::{CLUSTERS_MAX, Live, Settings};
use super::things;
use super::threshold::Threshold;
use super::topic::Centre;
use super::trust::Trust;

/// Customers who have asked of late from which on a question is kept: what is written down is no
/// single customer's.
const CUSTOMERS_MIN: f64 = 3.0;
/// Numbers of clusters that may have been given since it was last kept: none is given twice, or a seat's answer
/// from before a restart would go to those of another incident.
const NUMBERS_UNKEPT: u32 = 10_000;

/// What is kept of the incidents of one shop. It holds no text, no customer, and no name that only few
/// have named.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    trust: Trust,
    /// By which table of things the middles were made: in another they would mean something else.
    #[serde(default)]
    table: u64,
    /// The number of the next cluster.
    #[serde(default)]
    next: u32,
    clusters: Vec<KeptCluster>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct KeptCluster {
    centre: Centre,
    #[serde(flatten)]
    threshold: Threshold,
    /// Customers of the past, weighed by how long ago at `at`.
    past: f64,
    at: Timestamp,
}

impl Kept {
    /// Sets aside the middles that were made by another table of things; whether there were any. What
    /// seats said of joins stays.
    pub fn drop_outdated(&mut self) -> bool {
        let is_outdated = self.table != things::fingerprint() && !self.clusters.is_empty();
        if is_outdated {
            self.clusters.clear();
        }
        is_outdated
    }
}

impl Live {
    /// What is to be kept of it.
    pub fn keep(&self, now: Timestamp) -> Kept {
        let usual = self.all().iter().filter(|it| it.rate.asked(now) >= CUSTOMERS_MIN);
        let clusters = usual.map(|cluster| KeptCluster {
            centre: cluster.middle_of_many(),
            threshold: cluster.threshold,
            past: cluster.rate.asked(now),
            at: now,
        });
        let (trust, table, next) = (self.trust(), things::fingerprint(), self.next);
        Kept { trust, table, next, clusters: clusters.collect() }
    }

    /// What was kept, with nobody who follows anything.
    pub fn restored(settings: Settings, kept: Kept) -> Self {
        let mut live = Self::new(settings, kept.trust.sound());
        if kept.next > 0 {
            live.next = kept.next.wrapping_add(NUMBERS_UNKEPT);
        }
        for kept in kept.clusters.into_iter().take(CLUSTERS_MAX) {
            let id = live.next_id();
            let KeptCluster { centre, threshold, past, at } = kept;
            let (centre, past) = (centre.sound(), if past.is_finite() { past } else { 0.0 });
            live.clusters.push(Cluster::watched(id, centre, threshold.sound(), (past, at)));
        }
        live
    }
}

#[cfg(test)]
mod tests {
    use super::super::live::tests::{asked_by, at, question};
    use super::super::names;
    use super::*;
    use crate::incidents::{Question, Standing, Told};

    #[test]
    fn trust_thresholds_and_what_is_usual_outlive_a_restart_and_texts_do_not() {
        let mut live = Live::default();
        let joined = asked_by(&mut live, 0..6);
        let (id, now) = (joined[0].cluster, at(60));
        let all: Vec<_> = live.of.keys().copied().collect();
        live.confirm(id, &all[1..], &all[..1]).expect("open");
        live.ask(now, &question(50, "en", "is the newsletter link of ana-said-Q7 wrong?"));

        let kept = serde_json::to_string(&live.keep(now)).expect("JSON");
        let kept: Kept = serde_json::from_str(&kept).expect("its own JSON");
        let mut again = Live::restored(Settings::default(), kept.clone());

        assert!(!format!("{kept:?}").contains("ana-said-Q7"));
        assert_eq!((again.trust(), again.all().len()), (live.trust(), 1));
        assert_eq!(again.all()[0].threshold, live.find(id).expect("open").threshold);
        let usual = |live: &Live| live.all()[0].rate.usual(at(3_600));
        assert!(usual(&again) > 0.0 && (usual(&again) - usual(&live)).abs() < 0.01);
        let joined = again.ask(at(3_600), &question(9, "en", "how long is the strike?"));
        let joined = joined.expect("it is known");
        assert_eq!((joined.cluster, joined.standing), (again.all()[0].id, Standing::Watched));
        assert!(joined.cluster.0 >= live.next, "no number is given twice");
        assert!(joined.by.is_some());
        again.forget(&question(77, "en", "").customer);
        assert_eq!(again.all().len(), 1, "another customer's erasure takes nothing away");
    }

    #[test]
    fn who_still_waits_after_a_restart_is_seen_again_at_once_and_counted_once() {
        let mut live = Live::default();
        asked_by(&mut live, 0..6);
        let (before, now) = (live.all()[0].rate.usual(at(600)), at(600));

        let mut again = Live::restored(Settings::default(), live.keep(now));
        for n in 0..6 {
            let asked = question(n, "en", "how long is the strike?");
            again.ask(now, &Question { told: Told::Again, asked_at: at(n), ..asked });
        }

        let cluster = again.shown().next().expect("a seat is shown it");
        assert_eq!((cluster.standing, cluster.followers.len()), (Standing::Suggested, 6));
        assert!((cluster.rate.usual(now) - before).abs() < 1e-9, "nobody has asked anew");
    }

    #[test]
    fn middles_of_another_table_are_set_aside_and_what_seats_said_stays() {
        let mut live = Live::default();
        asked_by(&mut live, 0..6);
        let all: Vec<_> = live.of.keys().copied().collect();
        live.confirm(live.all()[0].id, &all, &[]).expect("open");
        let mut kept = live.keep(at(60));
        assert!(!kept.drop_outdated());

        kept.table += 1;

        assert!(kept.drop_outdated());
        assert_eq!((kept.trust, kept.clusters.len()), (live.trust(), 0));
        // A file that was written before tables were told apart.
        let old = r#"{"trust":TRUST,"clusters":[{"centre":{"topics":[1.0],"intents":[],"vector":[]},
            "threshold":0.9,"past":4.0,"at":60}]}"#;
        let trust = serde_json::to_string(&live.trust()).expect("JSON");
        let mut old: Kept = serde_json::from_str(&old.replace("TRUST", &trust)).expect("read");
        assert!(old.drop_outdated());
        assert_eq!(old.trust, live.trust());
    }

    #[test]
    fn a_name_that_only_one_has_named_is_not_written_down_and_one_that_several_have_is() {
        let mut live = Live::default();
        for n in 0..6 {
            let own = if n == 4 { "Quenthorp" } else { "" };
            live.ask(at(n), &question(n, "en", &format!("is the Zorvex strike over? {own}")));
        }
        let names = |text: &str| -> Vec<u32> {
            let print = question(9, "en", text).print;
            print.topic().keys().filter(|key| names::is_name(*key)).collect()
        };
        let (own, brand) = (names("Quenthorp"), names("Zorvex"));
        assert!(!own.is_empty() && brand.len() == 1);
        assert!(own.iter().chain(&brand).all(|name| live.all()[0].centre.has(*name)));

        let kept = live.keep(at(10));

        let has = |kept: &Kept, name| kept.clusters[0].centre.has(name);
        assert!(has(&kept, brand[0]) && !own.iter().any(|name| has(&kept, *name)));
        // What was written down is no single customer's, and stays so.
        let again = Live::restored(Settings::default(), kept);
        assert!(has(&again.keep(at(20)), brand[0]));
    }
}
