//! Which open cluster a question follows that is in the middle of none.
//!
//! What is too little alike for joining may still ask the same in other words. It *leans* to the open cluster
//! that it is most like: its customers follow that one and wait for a seat's click, but it stays a cluster of
//! its own, has no say in what the other is about, and takes its customers back when it opens itself.

use super::cluster::{Cluster, ClusterId, FOLLOWERS_MAX, Follower, Standing};
use super::live::Live;
use super::print::Match;
use super::threshold::TOPIC_ALIKE;

/// What a likeness has to be more for each log-odds by which a question may rather be its writer's own matter: what
/// many ask word for word is theirs (docs/decisions/0052).
const LIKENESS_OF_DOUBT: f32 = 0.15;

/// Likeness from which on a question leans that is in such doubt: as joins where nothing says either.
fn in_doubt_from(doubt: f32) -> f32 {
    LIKENESS_OF_DOUBT.mul_add(doubt, TOPIC_ALIKE)
}

impl Live {
    /// Lets the cluster lean, or, if it is open, the others lean to it.
    pub(super) fn lean(&mut self, newest: ClusterId) {
        let Some(newest) = self.find(newest) else { return };
        let may_lean = |small: &&Cluster| match newest.is_open() {
            true => !small.is_open() && leans(small, newest).is_some(),
            false => small.id == newest.id,
        };
        let small = self.clusters.iter().filter(may_lean);
        let leaning: Vec<(ClusterId, ClusterId, f32)> = small
            .filter_map(|small| {
                let open = self.clusters.iter().filter(|it| it.is_open());
                let alike = open.filter_map(|open| Some((open.id, leans(small, open)?)));
                let (to, likeness) = alike.max_by(|a, b| a.1.total_cmp(&b.1))?;
                Some((small.id, to, likeness))
            })
            .collect();
        for (small, to, likeness) in leaning {
            self.lend(small, to, likeness);
        }
    }

    /// Who asked in `small` follows the open cluster `to`, if that has room.
    fn lend(&mut self, small: ClusterId, to: ClusterId, likeness: f32) {
        if self.find(small).is_some_and(|it| it.leans_to != Some(to)) {
            self.recall(small);
        }
        let room = self.find(to).map_or(0, |to| FOLLOWERS_MAX.saturating_sub(to.followers.len()));
        let small = self.any_mut(small).filter(|it| it.followers.len() <= room);
        let Some(small) = small else { return };
        small.leans_to = Some(to);
        // Seats see them with the incident that they may belong to.
        small.standing = Standing::Watched;
        let lent = std::mem::take(&mut small.followers);
        for conversation in lent.keys() {
            self.of.insert(*conversation, to);
        }
        let Some(to) = self.any_mut(to) else { return };
        to.followers.extend(lent.into_iter().map(|(conversation, mut follower)| {
            follower.by = Some(Match::Resemblance(likeness));
            (conversation, follower)
        }));
    }

    /// Takes back those who asked in a cluster and follow another, unless a seat has said that they belong
    /// there.
    pub(super) fn recall(&mut self, small: ClusterId) {
        let Some(from) = self.any_mut(small).and_then(|it| it.leans_to.take()) else { return };
        let Some(from) = self.any_mut(from) else { return };
        let of_small = |it: &Follower| it.home.0 == small && it.is_free();
        let lent: Vec<_> = from.followers.extract_if(.., |_, it| of_small(it)).collect();
        for (conversation, _) in &lent {
            self.of.insert(*conversation, small);
        }
        let Some(small) = self.any_mut(small) else { return };
        small.followers.extend(lent.into_iter().map(|(conversation, mut follower)| {
            follower.by = follower.home.1;
            (conversation, follower)
        }));
    }
}

/// How alike a small cluster and an open one are, if that is enough to lean.
fn leans(small: &Cluster, open: &Cluster) -> Option<f32> {
    let likeness = open.centre.alike(&small.centre);
    let learned = open.threshold.of_both(small.threshold).leans_from();
    (likeness >= learned.max(in_doubt_from(small.doubt))).then_some(likeness)
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::super::live::CLUSTERS_MAX;
    use super::super::live::tests::{at, question};
    use super::*;
    use crate::domain::{ConversationId, Guess, Language, Meaning, SeatId, Sensed};
    use crate::incidents::{Answer, Joined, Passed, Print, Question};

    /// Two matters of which each is as much like the other as leans, and a third that is like neither.
    pub const STRIKE: [f32; 3] = [1.0, 0.0, 0.0];
    const FLOOD: [f32; 3] = [0.36, 0.932_95, 0.0];
    pub const OTHER: [f32; 3] = [0.0, 0.0, 1.0];

    pub fn asks(n: u64, point: [f32; 3]) -> Question {
        asks_in_doubt(n, point, f32::NEG_INFINITY)
    }

    /// With these log-odds that it is its writer's own matter.
    fn asks_in_doubt(n: u64, point: [f32; 3], doubt: f32) -> Question {
        // They name nothing, and none is a copy of another.
        let plain = char::from(b'a' + (n % 26) as u8).to_string().repeat(20 + n as usize / 26);
        let sensed = Sensed { point: point.to_vec(), ..Sensed::default() };
        let language = Guess { label: Language::ENGLISH, confidence: 1.0 };
        let asked = question(n, "en", &plain);
        let passed = Passed { plain, doubt };
        let print = Print::new(&passed, language, &Meaning::default(), Some(&sensed));
        Question { print: Arc::new(print), ..asked }
    }

    pub fn ask(live: &mut Live, n: u64, point: [f32; 3]) -> Joined {
        live.ask(at(n), &asks(n, point)).expect("has a topic")
    }

    pub fn conversation(n: u64) -> ConversationId {
        question(n, "en", "").conversation
    }

    /// Five who ask about the strike.
    pub fn strike(live: &mut Live) -> ClusterId {
        (0..5).map(|n| ask(live, n, STRIKE).cluster).last().expect("five")
    }

    #[test]
    fn who_asks_nearly_the_same_follows_the_incident_and_waits_for_a_click() {
        let mut live = Live::default();
        let open = strike(&mut live);
        let middle = live.find(open).expect("open").centre.clone();

        let joined = ask(&mut live, 5, FLOOD);
        let other = ask(&mut live, 6, OTHER);

        assert_eq!((joined.cluster, joined.standing), (open, Standing::Open));
        assert!(!joined.is_news && joined.answer.is_none());
        assert!(matches!(joined.by, Some(Match::Resemblance(it)) if (0.12..0.3).contains(&it)));
        assert_ne!(other.cluster, open);
        let cluster = live.of(conversation(5)).expect("it follows one");
        assert_eq!((cluster.id, cluster.followers.len()), (open, 6));
        assert!(!cluster.followers[&conversation(5)].is_confirmed);
        assert_eq!(cluster.centre, middle, "it has no say in what the incident is about");
    }

    fn ask_in_doubt(live: &mut Live, n: u64, point: [f32; 3], doubt: f32) -> Joined {
        live.ask(at(n), &asks_in_doubt(n, point, doubt)).expect("has a topic")
    }

    #[test]
    fn what_is_in_doubt_follows_an_incident_that_it_is_the_more_alike_the_greater_the_doubt() {
        let mut live = Live::default();
        let open = strike(&mut live);
        let middle = live.find(open).expect("open").centre.clone();
        // As alike as 0.4 of their cosine says: 0.4, 0.32 and 0.16.
        let [same, much] = [STRIKE, [0.8, 0.6, 0.0]];
        let little = [[0.4, 0.916_52, 0.0], [0.4, 0.0, 0.916_52]];
        let cases = [
            (same, 0.6, true),
            (same, 0.7, false),
            (much, 0.1, true),
            (much, 0.2, false),
            (little[0], -1.0, true),
            (little[1], -0.9, false),
        ];

        for (n, (point, doubt, follows)) in (5..).zip(cases) {
            let joined = ask_in_doubt(&mut live, n, point, doubt);

            assert_eq!(joined.cluster == open, follows, "{doubt}");
            assert!(!follows || matches!(joined.by, Some(Match::Resemblance(_))), "{doubt}");
        }
        assert_eq!(live.find(open).expect("open").centre, middle);
    }

    #[test]
    fn what_is_in_doubt_is_no_suggestion_opens_nothing_and_is_joined_by_nothing() {
        let mut live = Live::default();

        for n in 0..20 {
            let alone = ask_in_doubt(&mut live, n, STRIKE, 0.5);
            assert_eq!((alone.standing, alone.by), (Standing::Watched, None));
        }
        assert_eq!((live.shown().count(), live.all().len()), (0, 20));

        let open = (20..25).map(|n| ask(&mut live, n, STRIKE)).last().expect("five");
        assert_eq!(open.standing, Standing::Open);
        assert_eq!(live.find(open.cluster).expect("open").followers.len(), 25, "they lean to it");
        assert_eq!(live.all().len(), 21);
    }

    #[test]
    fn in_a_full_memory_what_is_in_doubt_gives_way_first() {
        let mut live = Live::default();
        let first = ask(&mut live, 0, OTHER).cluster;
        (1..CLUSTERS_MAX as u64).for_each(|n| drop(ask_in_doubt(&mut live, n, STRIKE, 0.5)));

        ask(&mut live, CLUSTERS_MAX as u64, FLOOD);

        assert_eq!(live.all().len(), CLUSTERS_MAX);
        assert!(live.find(first).is_some(), "though it is the oldest");
        assert!(live.of(conversation(1)).is_none());
    }

    #[test]
    fn who_asked_before_the_incident_was_known_follows_it_once_it_opens() {
        let mut live = Live::default();
        ask(&mut live, 10, FLOOD);
        ask(&mut live, 11, OTHER);

        let open = strike(&mut live);

        assert_eq!(live.of(conversation(10)).map(|it| it.id), Some(open));
        assert_ne!(live.of(conversation(11)).map(|it| it.id), Some(open));
        assert_eq!(live.all().len(), 3, "its own cluster stays");
        let (early, text) = (&live.find(open).expect("open").followers, asks(10, FLOOD).text);
        assert_eq!(early[&conversation(10)].text, text, "a seat sees what it is to judge");
        assert!(!early[&conversation(10)].is_confirmed);
        live.forget(&question(10, "en", "").customer);
        assert!(live.of(conversation(10)).is_none());
        let kept = format!("{:?}", live.all());
        assert!(!kept.contains("\"v_10\"") && !kept.contains(&*text), "{kept}");
    }

    #[test]
    fn what_leans_is_taken_in_once_the_incident_asks_the_same_and_waits_for_a_click_still() {
        let mut live = Live::default();
        let open = strike(&mut live);
        let near = [0.72, 0.693_97, 0.0];
        assert!(matches!(ask(&mut live, 5, near).by, Some(Match::Resemblance(_))));

        // Who asks between the two moves the middle of the incident to it.
        assert_eq!(ask(&mut live, 6, [0.9, 0.435_89, 0.0]).cluster, open);

        assert_eq!(live.all().len(), 1);
        let cluster = live.find(open).expect("open");
        let follower = &cluster.followers[&conversation(5)];
        assert!(matches!(follower.by, Some(Match::Topic(likeness)) if likeness >= 0.3));
        assert!(follower.has_joined() && !follower.is_confirmed);
        assert_eq!(cluster.followers.len(), 7);
    }

    #[test]
    fn what_leans_takes_its_customers_back_when_it_is_an_incident_itself() {
        let mut live = Live::default();
        let open = strike(&mut live);
        let lent: Vec<ClusterId> = (5..9).map(|n| ask(&mut live, n, FLOOD).cluster).collect();
        assert_eq!(lent, [open; 4]);
        let last = live.find(open).expect("open").unconfirmed().last().expect("five");
        assert!(last.leans(), "a seat sees the surer ones first");
        live.confirm(open, &[conversation(6)], &[]).expect("open");

        let joined = ask(&mut live, 9, FLOOD);

        assert!(joined.cluster != open && joined.standing == Standing::Open && joined.is_news);
        let of = |n: u64| live.of(conversation(n)).map(|it| it.id);
        let flood = Some(joined.cluster);
        assert_eq!((of(5), of(7), of(8), of(9)), (flood, flood, flood, flood));
        assert_eq!(of(6), Some(open), "a seat has said that it belongs there");
        let flood = live.find(joined.cluster).expect("open");
        assert!(flood.followers[&conversation(5)].by.is_none(), "it was the first there");
    }

    #[test]
    fn what_leans_is_no_suggestion_of_its_own() {
        let mut live = Live::default();
        (5..8).for_each(|n| {
            ask(&mut live, n, FLOOD);
        });
        assert_eq!(live.shown().count(), 1);

        let open = strike(&mut live);

        assert_eq!(live.shown().map(|it| it.id).collect::<Vec<_>>(), [open]);
        assert_eq!(live.get(open).expect("open").followers.len(), 8);
    }

    #[test]
    fn it_leans_to_whichever_incident_it_is_most_like() {
        let mut live = Live::default();
        let open = strike(&mut live);
        let between = [0.35, 0.0, 0.936_75];
        assert_eq!(ask(&mut live, 5, between).cluster, open);

        let other = (6..11).map(|n| ask(&mut live, n, [0.0, 0.8, 0.6])).last().expect("five");

        assert_eq!(other.standing, Standing::Open);
        assert_eq!(live.of(conversation(5)).map(|it| it.id), Some(other.cluster));
    }

    #[test]
    fn a_click_on_what_leans_says_nothing_of_joins_and_a_wrong_one_ends_the_leaning() {
        let mut live = Live::default();
        let open = strike(&mut live);
        (5..7).for_each(|n| {
            ask(&mut live, n, FLOOD);
        });
        let (before, joins_from) =
            (live.trust(), live.find(open).expect("open").threshold.joins_from());

        live.confirm(open, &[conversation(5)], &[conversation(6)]).expect("open");

        assert_eq!(live.trust(), before);
        let threshold = live.find(open).expect("open").threshold;
        assert_eq!(threshold.joins_from(), joins_from);
        assert_ne!(ask(&mut live, 7, FLOOD).cluster, open);
    }

    #[test]
    fn who_leans_gets_the_answer_by_a_click_alone_however_well_joins_are_trusted() {
        let mut live = Live::default();
        (0..2_000).for_each(|_| live.trust.decided(true));
        assert!(live.is_automatic());
        let open = strike(&mut live);
        let all: Vec<ConversationId> =
            live.find(open).expect("open").followers.keys().copied().collect();
        live.confirm(open, &all, &[]).expect("open");
        let (seat, fallback) = (SeatId::from("mai"), Language::ENGLISH);
        let texts = BTreeMap::from([(fallback, "It lasts until Friday.".into())]);
        live.answer(open, Arc::new(Answer { seat, texts, fallback })).expect("confirmed");

        let joined = ask(&mut live, 5, FLOOD);

        assert_eq!((joined.cluster, joined.answer), (open, None));
        assert_eq!(live.confirm(open, &[conversation(5)], &[]), Ok(vec![conversation(5)]));
    }

    #[test]
    fn an_incident_that_has_no_room_is_leaned_to_by_nobody() {
        let mut live = Live::default();
        let open = strike(&mut live);
        let cluster = live.any_mut(open).expect("open");
        let one = cluster.followers[&conversation(0)].clone();
        for n in 1_000..1_000 + (FOLLOWERS_MAX - 5) as u64 {
            cluster.followers.insert(conversation(n), one.clone());
        }

        let joined = ask(&mut live, 5, FLOOD);

        assert_ne!(joined.cluster, open);
        assert_eq!(live.of(conversation(5)).map(|it| it.id), Some(joined.cluster));
        assert_eq!(live.find(open).expect("open").followers.len(), FOLLOWERS_MAX);
    }
}
