//! What was asked before an incident was known as one: the first questions of a burst name little in
//! common and begin clusters of their own. So each newcomer looks for those that are near to it and to
//! one another; together they may be more than usual, and are one cluster from then on. Once it is open, the
//! small ones that ask the same are taken in.

use crate::domain::Timestamp;

use super::cluster::{Cluster, ClusterId, FOLLOWERS_MAX};
use super::live::{Live, MARGIN_MIN};
use super::topic::Centre;

/// Likeness of the middles from which on small clusters may be one: less than joins, since they must be near
/// to one another and more than usual (docs/decisions/0050).
const RISES_FROM: f32 = 0.2;
/// How often the middle of those that may be one is looked for.
const SHIFTS: usize = 3;

/// What a newcomer has become part of.
pub(super) struct Risen {
    /// Where the cluster stands that all are one in now.
    pub at: usize,
    /// How alike the newcomer's own cluster was to it; `None` where it is that one.
    pub likeness: Option<f32>,
}

impl Live {
    /// Makes the cluster at `at` one with those near to it if more customers ask all that than usually do.
    /// Their conversations follow it, and wait for a seat's click. It is the oldest of them that seats
    /// are told of already, so that none vanishes under a click, else the newcomer's.
    pub(super) fn rise(&mut self, now: Timestamp, at: usize) -> Option<Risen> {
        let near = self.near(at);
        let rates = near.iter().map(|(at, _)| &self.clusters[*at].rate);
        if near.is_empty() || !self.clusters[at].rate.is_high_with(now, rates) {
            return None;
        }
        let newcomer = self.clusters[at].id;
        let near: Vec<(ClusterId, f32)> =
            near.into_iter().map(|(at, likeness)| (self.clusters[at].id, likeness)).collect();
        let all =
            near.iter().map(|(id, likeness)| (*id, Some(*likeness))).chain([(newcomer, None)]);
        let told_of = all.filter(|(id, _)| self.get(*id).is_some()).min_by_key(|(id, _)| *id);
        let (into, likeness) = told_of.unwrap_or((newcomer, None));
        if let Some(likeness) = likeness {
            self.take_in(now, into, newcomer, likeness);
        }
        // The oldest last: what was written first is to stay first.
        for (small, likeness) in near.into_iter().rev().filter(|(small, _)| *small != into) {
            self.take_in(now, into, small, likeness);
        }
        // A newcomer whom the bound kept out is by himself as before.
        let is_in = into == newcomer || self.find(newcomer).is_none();
        let at = self.clusters.iter().position(|it| it.id == into).filter(|_| is_in)?;
        Some(Risen { at, likeness })
    }

    /// The clusters that nobody has opened and that lie about the middle of themselves and the one at
    /// `at`, nearer than to any open one, and as near as seats want it of them.
    fn near(&self, at: usize) -> Vec<(usize, f32)> {
        let newcomer = &self.clusters[at];
        let others = self.clusters.iter().enumerate();
        let is_small = |it: &Cluster| !it.is_open() && !it.is_doubtful();
        let small = others.filter(|(it, small)| *it != at && is_small(small));
        // The open ones are compared with once, and with none that has nothing of the newcomer's.
        let small = small.filter(|(_, small)| newcomer.centre.alike(&small.centre) > 0.0);
        let small: Vec<(usize, &Cluster, f32)> =
            small.map(|(it, small)| (it, small, self.next_open(None, small))).collect();
        let mut centre: Centre = newcomer.centre.clone();
        let mut near = Vec::new();
        for _ in 0..SHIFTS {
            let alike = small.iter().filter_map(|(it, small, next_open)| {
                let likeness = centre.alike(&small.centre);
                let learned = small.threshold.of_both(newcomer.threshold).leans_from();
                let is_near = likeness >= RISES_FROM.max(learned) && *next_open <= likeness;
                is_near.then_some((*it, likeness))
            });
            near = alike.collect();
            centre = newcomer.centre.clone();
            near.iter().for_each(|(it, _)| centre.add_all(&self.clusters[*it].centre));
        }
        near
    }

    /// How alike the open cluster is that `small` is most like, `but` for one.
    fn next_open(&self, but: Option<ClusterId>, small: &Cluster) -> f32 {
        let open = self.clusters.iter().filter(|it| it.is_open() && Some(it.id) != but);
        open.map(|open| open.centre.alike(&small.centre)).fold(0.0, f32::max)
    }

    /// Takes into this cluster, if it is open, those that are not and ask the same. Their conversations
    /// follow it, and wait for a seat's click.
    pub(super) fn gather(&mut self, now: Timestamp, into: ClusterId) {
        let Some(open) = self.find(into).filter(|it| it.is_open()) else { return };
        for (small, likeness) in self.to_gather(open) {
            self.take_in(now, into, small, likeness);
        }
    }

    fn to_gather(&self, open: &Cluster) -> Vec<(ClusterId, f32)> {
        let small = self.clusters.iter().filter(|it| !it.is_open() && !it.is_doubtful());
        let alike = small.filter_map(|small| {
            let likeness = open.centre.alike(&small.centre);
            let is_alike = likeness >= open.threshold.of_both(small.threshold).joins_from()
                && likeness - self.next_open(Some(open.id), small) >= MARGIN_MIN;
            is_alike.then_some((small.id, likeness))
        });
        alike.collect()
    }

    fn take_in(&mut self, now: Timestamp, into: ClusterId, small: ClusterId, likeness: f32) {
        // With room for the newcomer.
        if self.followers_of_both(into, small) < FOLLOWERS_MAX {
            self.absorb(now, into, small, Some(likeness));
        }
    }

    /// How many follow the two, once each has taken back those that it lent.
    pub(super) fn followers_of_both(&mut self, one: ClusterId, other: ClusterId) -> usize {
        [one, other].into_iter().for_each(|it| self.recall(it));
        let followers = |id| self.find(id).map_or(0, |it| it.followers.len());
        followers(one) + followers(other)
    }

    /// Makes `small` part of `into`, for there is room: by so much likeness, or by a seat's word.
    pub(super) fn absorb(
        &mut self,
        now: Timestamp,
        into: ClusterId,
        small: ClusterId,
        likeness: Option<f32>,
    ) {
        let Some(from) = self.clusters.iter().position(|it| it.id == small) else { return };
        let small = self.clusters.remove(from);
        for conversation in small.followers.keys() {
            self.of.insert(*conversation, into);
        }
        for leaning in self.clusters.iter_mut().filter(|it| it.leans_to == Some(small.id)) {
            leaning.leans_to = Some(into);
        }
        if let Some(open) = self.clusters.iter_mut().find(|it| it.id == into) {
            open.take_in(now, small, likeness);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::live::tests::{at, question};
    use super::*;
    use crate::domain::{Language, Meaning};
    use crate::incidents::{Print, Question, Standing};

    /// A question in English with the vector that all have here.
    fn asks(number: u64, text: &str) -> Question {
        let meaning = Meaning { vector: vec![1.0], ..Meaning::default() };
        let print = Arc::new(Print::of_text(text, Language::ENGLISH, &meaning, None));
        Question { print, ..question(number, "en", text) }
    }

    /// Five who ask about a strike.
    fn opens(live: &mut Live) -> ClusterId {
        let texts = ["is there a strike", "how long is the strike", "is the strike over"];
        let ask = |n: u64| live.ask(at(n), &asks(n, texts[n as usize % 3])).expect("joins").cluster;
        (0..5).map(ask).last().expect("five")
    }

    /// Says of a question about the strike with more in it that it is another matter.
    fn called_wrong(live: &mut Live, n: u64) -> (ClusterId, Question) {
        let other =
            asks(n, "flooded lockers, search, reviews, recalled sizes: what of the strike?");
        live.ask(at(n), &other);
        let id = live.of(other.conversation).expect("it follows one").id;
        live.confirm(id, &[], &[other.conversation]).expect("seats are told of it");
        (id, other)
    }

    #[test]
    fn what_a_seat_has_called_another_matter_is_not_gathered_with_the_next_question() {
        let mut live = Live::default();
        let open = opens(&mut live);
        let (from, other) = called_wrong(&mut live, 10);
        assert_eq!(from, open);

        let again = Question { conversation: question(11, "en", "").conversation, ..other };
        live.ask(at(11), &again);
        live.ask(at(12), &asks(12, "is the strike over"));

        assert_ne!(live.of(again.conversation).map(|it| it.id), Some(open));
        assert_eq!(live.find(open).expect("open").followers.len(), 6);
    }

    #[test]
    fn a_suggestion_to_which_a_seat_says_no_does_not_open_and_takes_nothing_by_less() {
        let mut live = Live::default();
        let ask = |live: &mut Live, n: u64| live.ask(at(n), &asks(n, "is there a strike"));
        let id = (0..3).filter_map(|n| ask(&mut live, n)).last().expect("joins").cluster;
        let all: Vec<_> = live.find(id).expect("suggested").followers.keys().copied().collect();
        let before = live.find(id).expect("suggested").threshold.joins_from();

        live.confirm(id, &[], &all).expect("suggested");

        let cluster = live.find(id).expect("still watched");
        assert_eq!((cluster.standing, cluster.followers.len()), (Standing::Watched, 0));
        assert!(cluster.threshold.joins_from() >= before && cluster.examples.is_empty());
        assert!(live.of(all[0]).is_none());
    }

    #[test]
    fn what_was_called_wrong_tells_no_longer_what_is_asked() {
        let mut live = Live::default();
        let open = opens(&mut live);
        let (_, other) = called_wrong(&mut live, 10);

        let cluster = live.find(open).expect("open");

        assert!(cluster.copied_by(&other.print).is_none());
        assert!(cluster.examples.iter().all(|it| it.text != other.text));
    }

    #[test]
    fn an_incident_that_seats_are_told_of_keeps_its_number_when_a_newcomer_makes_it_open() {
        let mut live = Live::default();
        // Three in two minutes are a suggestion; two more of which each names something else open it.
        let ask = |live: &mut Live, n: u64, text: &str| live.ask(at(n), &asks(n, text));
        let told = (0..3).filter_map(|n| ask(&mut live, n, "is there a strike")).last();
        let told = told.expect("joins");
        assert_eq!(told.standing, Standing::Suggested);
        for (n, more) in (3..6).zip(["lockers and reviews", "sizes and search", "gifts and maps"]) {
            ask(&mut live, n, &format!("{more}, strike"));
        }

        assert!(live.get(told.cluster).is_some(), "it vanished under a click");
        assert!(live.of.values().all(|id| live.find(*id).is_some()));
    }

    #[test]
    fn one_that_takes_another_in_keeps_what_seats_have_taught_it() {
        let mut live = Live::default();
        live.ask(at(0), &asks(0, "is there a strike"));
        live.ask(at(1), &asks(1, "is the kettle recalled"));
        let (mut small, mut into) = (live.clusters[0].clone(), live.clusters[1].clone());
        small.threshold.was_wrong(0.8);
        small.was_kept = true;

        let taught = small.threshold;
        into.take_in(at(2), small, Some(0.6));

        assert!(taught.joins_from() > 0.8);
        assert_eq!((into.threshold, into.was_kept), (taught, true));
    }
}
