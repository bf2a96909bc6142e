//! What outlives a restart: what seats said of joins, and of each question that is asked again and again
//! what it is about, from which likeness on a question joins it and how often it usually is.

use serde::{Deserialize, Serialize};

use crate::domain::Timestamp;

use super::cluster::Cluster;
use super::live::{CLUSTERS_MAX, Live, Settings};
use super::print::Centre;
use super::things;
use super::trust::Trust;

/// Customers who have asked of late from which on a question is kept: what is written down is no
/// single customer's.
const CUSTOMERS_MIN: f64 = 3.0;

/// What is kept of the incidents of one shop. It holds no text and no customer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    trust: Trust,
    /// By which table of things the middles were made: in another they would mean something else.
    #[serde(default)]
    table: u64,
    clusters: Vec<KeptCluster>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct KeptCluster {
    centre: Centre,
    threshold: f32,
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
            centre: cluster.centre.clone(),
            threshold: cluster.threshold,
            past: cluster.rate.asked(now),
            at: now,
        });
        let table = things::fingerprint();
        Kept { trust: self.trust(), table, clusters: clusters.collect() }
    }

    /// What was kept, with nobody who follows anything.
    pub fn restored(settings: Settings, kept: Kept) -> Self {
        let mut live = Self::new(settings, kept.trust);
        for kept in kept.clusters.into_iter().take(CLUSTERS_MAX) {
            let id = live.next_id();
            let KeptCluster { centre, threshold, past, at } = kept;
            live.clusters.push(Cluster::watched(id, centre, threshold, (past, at)));
        }
        live
    }
}

#[cfg(test)]
mod tests {
    use super::super::live::tests::{asked_by, at, question};
    use super::*;
    use crate::incidents::Standing;

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
        assert_eq!((joined.cluster.0, joined.standing), (0, Standing::Watched));
        assert!(joined.by.is_some());
        again.forget(&question(77, "en", "").customer);
        assert_eq!(again.all().len(), 1, "another customer's erasure takes nothing away");
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
}
