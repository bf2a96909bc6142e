//! What was asked before an incident was known as one: the first questions of a burst name little in
//! common and begin clusters of their own. So each newcomer looks for those that are near to it and to
//! one another; together they may be more than usual, and are one cluster from then on. Once it is open, its
//! middle is that of many, and the small ones that ask the same are taken in.

use crate::domain::Timestamp;

use super::cluster::{Cluster, ClusterId, EXAMPLES_MAX, FOLLOWERS_MAX, PRINTS_MAX};
use super::live::Live;
use super::print::{Centre, Match};

/// Likeness of the middles from which on small clusters may be one.
const RISES_FROM: f32 = 0.4;
/// How often the middle of those that may be one is looked for.
const SHIFTS: usize = 3;
/// Likeness of the middles from which on a small cluster is taken into an open one.
const GATHERS_FROM: f32 = 0.3;
/// How much more alike than to any other open cluster it must be.
const GATHER_MARGIN_MIN: f32 = 0.05;

impl Live {
    /// Makes the cluster at `at` one with those near to it if more customers ask all that than usually do.
    /// Gives its new place then. Their conversations follow it, and wait for a seat's click.
    pub(super) fn rise(&mut self, now: Timestamp, at: usize) -> Option<usize> {
        let near = self.near(at);
        let rates = near.iter().map(|(at, _)| &self.clusters[*at].rate);
        if near.is_empty() || !self.clusters[at].rate.is_high_with(now, rates) {
            return None;
        }
        let into = self.clusters[at].id;
        let near: Vec<(ClusterId, f32)> =
            near.into_iter().map(|(at, likeness)| (self.clusters[at].id, likeness)).collect();
        // The oldest last: what was written first is to stay first.
        for (small, likeness) in near.into_iter().rev() {
            self.take_in(into, small, likeness);
        }
        self.clusters.iter().position(|it| it.id == into)
    }

    /// The clusters that nobody has opened and that lie about the middle of themselves and the one at
    /// `at`, nearer than to any open one.
    fn near(&self, at: usize) -> Vec<(usize, f32)> {
        let mut centre: Centre = self.clusters[at].centre.clone();
        let mut near = Vec::new();
        for _ in 0..SHIFTS {
            let small = self
                .clusters
                .iter()
                .enumerate()
                .filter(|(it, small)| *it != at && !small.is_open());
            let alike = small.filter_map(|(it, small)| {
                let likeness = centre.alike(&small.centre);
                let is_near = likeness >= RISES_FROM && self.next_open(None, small) <= likeness;
                is_near.then_some((it, likeness))
            });
            near = alike.collect();
            centre = self.clusters[at].centre.clone();
            near.iter().for_each(|(it, _)| centre.add_all(&self.clusters[*it].centre));
        }
        near
    }

    /// How alike the open cluster is that `small` is most like, `but` for one.
    fn next_open(&self, but: Option<ClusterId>, small: &Cluster) -> f32 {
        let open = self.clusters.iter().filter(|it| it.is_open() && Some(it.id) != but);
        open.map(|open| open.centre.alike(&small.centre)).fold(0.0, f32::max)
    }

    /// Takes into the cluster at `at`, if it is open, those that are not and ask the same. Their
    /// conversations follow it, and wait for a seat's click.
    pub(super) fn gather(&mut self, at: usize) {
        let open = &self.clusters[at];
        if !open.is_open() {
            return;
        }
        let into = open.id;
        for (small, likeness) in self.to_gather(open) {
            self.take_in(into, small, likeness);
        }
    }

    fn to_gather(&self, open: &Cluster) -> Vec<(ClusterId, f32)> {
        let small = self.clusters.iter().filter(|it| !it.is_open());
        let alike = small.filter_map(|small| {
            let likeness = open.centre.alike(&small.centre);
            let is_alike = likeness >= GATHERS_FROM
                && likeness - self.next_open(Some(open.id), small) >= GATHER_MARGIN_MIN;
            is_alike.then_some((small.id, likeness))
        });
        alike.collect()
    }

    fn take_in(&mut self, into: ClusterId, small: ClusterId, likeness: f32) {
        let followers = |id| self.find(id).map_or(0, |it| it.followers.len());
        if followers(into) + followers(small) > FOLLOWERS_MAX {
            return;
        }
        let Some(from) = self.clusters.iter().position(|it| it.id == small) else { return };
        let small = self.clusters.remove(from);
        for conversation in small.followers.keys() {
            self.of.insert(*conversation, into);
        }
        if let Some(open) = self.clusters.iter_mut().find(|it| it.id == into) {
            open.take_in(small, likeness);
        }
    }
}

impl Cluster {
    fn take_in(&mut self, small: Self, likeness: f32) {
        self.newest_at = self.newest_at.max(small.newest_at);
        self.centre.add_all(&small.centre);
        self.rate.add(small.rate);
        let room = PRINTS_MAX.saturating_sub(self.known.len());
        self.known.extend(small.known.into_iter().take(room));
        // Seats are shown what was written first.
        let mut later = small.examples;
        if small.id < self.id {
            std::mem::swap(&mut self.examples, &mut later);
        }
        for example in later {
            let is_new = self.examples.iter().all(|it| it.text != example.text);
            if self.examples.len() < EXAMPLES_MAX && is_new {
                self.examples.push(example);
            }
        }
        for (conversation, mut follower) in small.followers {
            // What made it the first of its own cluster is no reason to be in this one.
            follower.by = Some(Match::Topic(likeness));
            self.followers.insert(conversation, follower);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::live::tests::{at, question};
    use super::*;
    use crate::domain::{Language, Meaning};
    use crate::incidents::{Print, Question};

    /// A question in English with the vector that all have here.
    fn asks(number: u64, text: &str) -> Question {
        let meaning = Meaning { vector: vec![1.0], ..Meaning::default() };
        let print = Arc::new(Print::of_text(text, Language::ENGLISH, &meaning));
        Question { print, ..question(number, "en", text) }
    }

    /// Five who ask about a strike.
    fn opens(live: &mut Live) -> ClusterId {
        let texts = ["is there a strike", "how long is the strike", "is the strike over"];
        let ask = |n: u64| live.ask(at(n), &asks(n, texts[n as usize % 3])).expect("joins").cluster;
        (0..5).map(ask).last().expect("five")
    }

    #[test]
    fn who_asked_before_the_incident_was_known_is_gathered_when_it_opens_and_waits_for_a_click() {
        let mut live = Live::default();
        // It is about more than the strike: too little alike for joining, and enough for gathering.
        let early = asks(
            100,
            "flooded lockers, search, reviews, recalled sizes: what of the strike, ana-said-Q7?",
        );
        let other = asks(101, "is the link in the newsletter wrong?");
        live.ask(at(0), &early);
        live.ask(at(0), &other);

        let open = opens(&mut live);

        let cluster = live.of(early.conversation).expect("it follows one");
        assert_eq!((cluster.id, cluster.followers.len()), (open, 6));
        let follower = &cluster.followers[&early.conversation];
        assert!(!follower.is_confirmed);
        assert!(matches!(follower.by, Some(Match::Topic(likeness)) if likeness >= GATHERS_FROM));
        assert_ne!(live.of(other.conversation).map(|it| it.id), Some(open));
        assert_eq!(live.all().len(), 2);

        live.leave(early.conversation);
        live.forget(&early.customer);
        let kept = format!("{:?}", live.all());
        assert!(!kept.contains("ana-said-Q7") && !kept.contains("\"v_100\""), "{kept}");
    }
}
