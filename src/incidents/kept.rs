//! What outlives a restart: what seats said of joins, of each question that is asked again and again what it is
//! about, from which likeness on a question joins it and how often it usually is, and which of them is an open
//! incident, with its answer.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::{ConversationId, Timestamp};

use super::cluster::{Answer, Cluster, ClusterId, FOLLOWERS_MAX, Standing};
use super::live::{CLUSTERS_MAX, Live, Settings};
use super::things;
use super::threshold::Threshold;
use super::topic::Centre;
use super::trust::Trust;

/// Customers who have asked of late, or follow an open incident, from which on a question is kept: what is
/// written down is no single customer's.
const CUSTOMERS_MIN: usize = 3;
/// Numbers of clusters that may have been given since it was last kept: none is given twice, or a seat's answer
/// from before a restart would go to those of another incident.
const NUMBERS_UNKEPT: u32 = 10_000;

/// What is kept of the incidents of one shop. It holds no text but what seats answered, no customer, and no name
/// that only few have named.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    trust: Trust,
    /// By which table of things the middles were made: in another they would mean something else.
    #[serde(default)]
    table: u64,
    /// The number of the next cluster.
    #[serde(default)]
    next: u32,
    /// By what the points of the middles were made; empty for nothing.
    #[serde(default)]
    points_of: String,
    /// Since when questions are counted that a machine has answered.
    #[serde(default)]
    answered_since: Option<Timestamp>,
    /// Incidents that a seat has called different matters.
    #[serde(default)]
    apart: BTreeSet<(ClusterId, ClusterId)>,
    clusters: Vec<KeptCluster>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct KeptCluster {
    centre: Centre,
    #[serde(flatten)]
    threshold: Threshold,
    /// Customers of the past who waited, weighed by how long ago at `at`.
    past: f64,
    /// Those whom a machine answered.
    #[serde(default)]
    past_answered: f64,
    at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    open: Option<KeptOpen>,
}

/// What an open incident has beside that. Who follows it is told again by their conversations; of them it is kept
/// whom a seat has confirmed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct KeptOpen {
    incident: ClusterId,
    newest_at: Timestamp,
    answer: Option<Answer>,
    #[serde(default)]
    confirmed: BTreeSet<ConversationId>,
}

impl KeptOpen {
    fn of(cluster: &Cluster) -> Option<Self> {
        cluster.is_open().then(|| Self {
            incident: cluster.id,
            newest_at: cluster.newest_at,
            answer: cluster.answer.as_deref().cloned(),
            confirmed: cluster.confirmed().take(FOLLOWERS_MAX).collect(),
        })
    }

    /// The same without an answer that no program writes.
    fn sound(mut self) -> Self {
        self.answer = self.answer.filter(|it| it.texts.contains_key(&it.fallback));
        self
    }
}

impl KeptCluster {
    fn of(cluster: &Cluster, now: Timestamp) -> Option<Self> {
        let (past, past_answered) = (cluster.rate.asked(now), cluster.answered.asked(now));
        let open = KeptOpen::of(cluster)
            .filter(|_| cluster.customers() >= CUSTOMERS_MIN || cluster.was_kept);
        let is_asked = past + past_answered >= CUSTOMERS_MIN as f64;
        (is_asked || open.is_some()).then(|| Self {
            centre: cluster.middle_of_many(),
            threshold: cluster.threshold,
            past,
            past_answered,
            at: now,
            open,
        })
    }

    fn restored(self, id: ClusterId) -> Cluster {
        let Self { centre, threshold, past, past_answered, at, open } = self;
        let past = [past, past_answered].map(|it| if it.is_finite() { it } else { 0.0 });
        let mut cluster = Cluster::watched(id, centre.sound(), threshold.sound(), (past, at));
        if let Some(open) = open.map(KeptOpen::sound) {
            let KeptOpen { incident, newest_at, answer, confirmed } = open;
            (cluster.id, cluster.newest_at, cluster.promised) = (incident, newest_at, confirmed);
            (cluster.standing, cluster.answer) = (Standing::Open, answer.map(Arc::new));
        }
        cluster
    }
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
        let clusters = self.all().iter().filter_map(|it| KeptCluster::of(it, now)).collect();
        let (trust, table, next) = (self.trust(), things::fingerprint(), self.next);
        let (points_of, answered_since) = (self.points_of.clone(), self.answered_since);
        Kept { trust, table, next, points_of, answered_since, apart: self.apart(), clusters }
    }

    /// What was kept, with nobody who follows anything.
    pub fn restored(settings: Settings, kept: Kept) -> Self {
        let mut live = Self::new(settings, kept.trust.sound());
        if kept.next > 0 {
            live.next = kept.next.wrapping_add(NUMBERS_UNKEPT);
        }
        (live.points_of, live.answered_since) = (kept.points_of, kept.answered_since);
        live.apart = kept.apart;
        for kept in kept.clusters.into_iter().take(CLUSTERS_MAX) {
            let id = live.next_id();
            live.clusters.push(kept.restored(id));
        }
        // Of what is not there any more, or no program writes.
        live.apart = live.apart();
        live
    }
}

#[cfg(test)]
mod tests {
    use super::super::live::tests::{asked_by, at, question};
    use super::super::names;
    use super::*;
    use crate::domain::{Language, Meaning, Sensed};
    use crate::incidents::{Joined, Print, Question, Told};

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
        assert_eq!((joined.cluster, joined.standing), (id, Standing::Open));
        assert_eq!(again.all()[0].id, id, "an incident keeps its number");
        let other = again.ask(at(3_600), &question(60, "en", "is the warehouse flooded?"));
        let joined = other.expect("it has a topic");
        assert!(joined.cluster.0 >= live.next, "no number is given twice");
        again.forget(&question(77, "en", "").customer);
        assert_eq!(again.all().len(), 2, "another customer's erasure takes nothing away");
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
        assert_eq!((cluster.standing, cluster.followers.len()), (Standing::Open, 6));
        assert!(cluster.unconfirmed().count() == 6 && !cluster.examples.is_empty());
        assert!((cluster.rate.usual(now) - before).abs() < 1e-9, "nobody has asked anew");
    }

    /// What was kept, as the next process reads it.
    fn read_again(live: &Live, now: Timestamp) -> Live {
        let kept = serde_json::to_string(&live.keep(now)).expect("JSON");
        Live::restored(Settings::default(), serde_json::from_str(&kept).expect("its own JSON"))
    }

    /// An incident of so many customers, open since a seat has confirmed and answered it.
    fn answered(customers: u64) -> (Live, ClusterId) {
        let mut live = Live::default();
        (0..400).for_each(|_| live.trust.decided(true));
        let id = asked_by(&mut live, 0..customers)[0].cluster;
        let all: Vec<_> = live.of.keys().copied().collect();
        live.any_mut(id).expect("watched").standing = Standing::Suggested;
        live.confirm(id, &all, &[]).expect("shown");
        let (seat, fallback) = ("mai".into(), Language::ENGLISH);
        let texts = [(fallback, "It lasts until Friday.".into())].into();
        live.answer(id, Arc::new(Answer { seat, texts, fallback })).expect("confirmed");
        (live, id)
    }

    #[test]
    fn who_asks_after_a_restart_what_is_answered_has_the_answer_at_once() {
        let (live, id) = answered(6);

        let mut again = read_again(&live, at(600));

        let shown: Vec<_> = again.shown().map(|it| (it.id, it.followers.len())).collect();
        assert_eq!(shown, [(id, 0)], "whoever has the answer is told nothing again");
        let late = asked_by(&mut again, 700..703);
        let texts = |it: &Joined| it.answer.clone().map(|it| it.texts[&Language::ENGLISH].clone());
        assert!(late.iter().any(|it| texts(it).as_deref() == Some("It lasts until Friday.")));
        assert!(late.iter().all(|it| it.cluster == id));
        assert!(again.clusters.iter().filter(|it| it.id == id).count() == 1);
    }

    #[test]
    fn an_incident_that_nobody_has_joined_for_long_while_the_router_was_down_is_over() {
        let (live, id) = answered(6);

        let mut again = read_again(&live, at(10));
        let newest_at = live.find(id).expect("open").newest_at;
        let due = newest_at + Settings::default().quiet_max;

        assert_eq!(again.next_deadline(), Some(due));
        assert_eq!(again.on_timer(due).len(), 1);
        assert_eq!(again.shown().count(), 0);
        assert!(asked_by(&mut again, 2_000..2_001)[0].answer.is_none());
        let closed = serde_json::to_string(&again.keep(due)).expect("JSON");
        assert!(!closed.contains("until Friday"), "{closed}");
    }

    #[test]
    fn an_incident_of_so_few_that_it_is_single_customers_is_not_written_down() {
        let (live, _) = answered(2);
        assert_eq!(live.shown().count(), 1);

        assert_eq!(read_again(&live, at(600)).shown().count(), 0);
        assert_eq!(read_again(&answered(3).0, at(600)).shown().count(), 1, "later as well");
    }

    #[test]
    fn points_outlive_a_restart_and_are_forgotten_under_another_encoder() {
        let asks = |n, point: f32| {
            let sensed = Sensed { point: vec![point, 1.0 - point], ..Sensed::default() };
            let text = format!("{n}").repeat(20);
            let print =
                Print::of_text(&text, Language::ENGLISH, &Meaning::default(), Some(&sensed));
            Question { print: Arc::new(print), ..question(n, "en", &text) }
        };
        let mut live = Live::default();
        live.take_points_of("this");
        (0..6).for_each(|n| drop(live.ask(at(n), &asks(n, 1.0))));

        let mut same = read_again(&live, at(60));
        same.take_points_of("this");
        let mut other = read_again(&live, at(60));
        other.take_points_of("another");

        let known = same.all()[0].id;
        assert_eq!(same.ask(at(60), &asks(7, 1.0)).map(|it| it.cluster), Some(known));
        assert_ne!(same.ask(at(60), &asks(8, 0.0)).map(|it| it.cluster), Some(known));
        let known = other.all()[0].id;
        assert_ne!(other.ask(at(60), &asks(7, 1.0)).map(|it| it.cluster), Some(known));
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
