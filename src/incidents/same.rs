//! Open incidents that may be one matter, and what seats say of them.
//!
//! The first questions of a matter may be of two kinds, and each kind opens by itself. A seat is told which two
//! are that much alike, and makes them one or says that they are not; open ones never become one by themselves.

use std::collections::BTreeSet;

use crate::domain::ConversationId;

use super::cluster::{Cluster, ClusterId, FOLLOWERS_MAX};
use super::live::Live;

/// Likeness in the mean from which on two open incidents may be one. On the sets for tuning, 13 pairs that are one
/// matter are told by it and none that is two (docs/decisions/0052).
const SAME_FROM: f32 = 0.2;

/// Why what a seat says of two incidents goes nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTwo {
    /// There is no such cluster, or it has closed.
    #[error("no such incident, or it is over")]
    Unknown,
    /// They are the same already.
    #[error("that is one incident")]
    One,
    /// One answer could not reach the followers of both.
    #[error("the two have more than {FOLLOWERS_MAX} followers together")]
    NoRoom,
}

impl Live {
    /// The older open cluster that an open one is most like, if they may be one matter and no seat has said that
    /// they are not.
    pub fn same_as(&self, cluster: &Cluster) -> Option<ClusterId> {
        let is_older = |it: &&Cluster| it.is_open() && it.id < cluster.id;
        let is_apart = |it: &Cluster| self.apart.contains(&(it.id, cluster.id));
        let older = self.clusters.iter().filter(|_| cluster.is_open()).filter(is_older);
        let alike = older
            .filter(|it| !is_apart(it))
            .map(|it| (it.id, it.centre.alike(&cluster.centre)))
            .filter(|(_, likeness)| *likeness >= SAME_FROM);
        // Of those that are equally alike the oldest.
        alike.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0))).map(|(id, _)| id)
    }

    /// A seat says that `id` is the same as `into`: who follows the one follows the other from now on. Where
    /// only one of them has an answer both have it; gives those who get it by that. Of joins it says nothing:
    /// no question has joined either by how alike the two are.
    ///
    /// # Errors
    /// When either is over, both are the same, or one cannot have as many followers.
    pub fn make_one(
        &mut self,
        id: ClusterId,
        into: ClusterId,
    ) -> Result<Vec<ConversationId>, NotTwo> {
        let [small, large] = self.two(id, into)?;
        // As far as the rates know; whoever has left the window since leaves it with the next question.
        let newest_at = small.newest_at.max(large.newest_at);
        if self.followers_of_both(into, id) > FOLLOWERS_MAX {
            return Err(NotTwo::NoRoom);
        }
        self.absorb(newest_at, into, id, None);
        self.keep_apart_from_both(id, into);
        let answered = self.any_mut(into).filter(|it| it.answer.is_some());
        Ok(answered.map(Cluster::take_reached).unwrap_or_default())
    }

    /// A seat says that the two are different matters.
    ///
    /// # Errors
    /// When either is over, or both are the same.
    pub fn keep_apart(&mut self, id: ClusterId, other: ClusterId) -> Result<(), NotTwo> {
        self.two(id, other)?;
        self.apart = self.apart();
        self.apart.insert(by_age(id, other));
        Ok(())
    }

    /// What seats keep apart. That of those which are forgotten goes with them, so there is one of each two
    /// clusters at most.
    pub(super) fn apart(&self) -> BTreeSet<(ClusterId, ClusterId)> {
        let is_known = |id: &ClusterId| self.find(*id).is_some();
        let apart =
            self.apart.iter().filter(|(older, younger)| is_known(older) && is_known(younger));
        apart.copied().collect()
    }

    /// Two that seats are told of.
    fn two(&self, id: ClusterId, other: ClusterId) -> Result<[&Cluster; 2], NotTwo> {
        let told_of = |id| self.get(id).ok_or(NotTwo::Unknown);
        let two = [told_of(id)?, told_of(other)?];
        if id == other { Err(NotTwo::One) } else { Ok(two) }
    }

    /// What is not the same as one that is gone is not the same as the one that took it in.
    fn keep_apart_from_both(&mut self, gone: ClusterId, into: ClusterId) {
        let now = |id| if id == gone { into } else { id };
        let apart = std::mem::take(&mut self.apart).into_iter();
        let apart = apart.map(|(older, younger)| by_age(now(older), now(younger)));
        self.apart = apart.filter(|(older, younger)| older != younger).collect();
    }
}

fn by_age(id: ClusterId, other: ClusterId) -> (ClusterId, ClusterId) {
    (id.min(other), id.max(other))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::super::lean::tests::{OTHER, STRIKE, ask, asks, conversation, strike};
    use super::super::live::tests::at;
    use super::*;
    use crate::domain::{Language, SeatId};
    use crate::incidents::{Answer, Follower, Match, Settings, Standing};

    /// As much like the strike as may be the same, and less than joins it.
    const DELAY: [f32; 3] = [0.6, 0.8, 0.0];
    /// As much like the delay as leans to it, and like the strike not at all.
    const NEAR_DELAY: [f32; 3] = [0.0, 0.5, 0.866_03];

    /// The incident that five from `first` on open, who ask about this.
    fn opens(live: &mut Live, first: u64, point: [f32; 3]) -> ClusterId {
        let joined = (first..first + 5).map(|n| ask(live, n, point)).last().expect("five");
        assert_eq!(joined.standing, Standing::Open);
        joined.cluster
    }

    /// Incidents that may be one, of customers 0 to 4 and 5 to 9.
    fn two_open() -> (Live, ClusterId, ClusterId) {
        let mut live = Live::default();
        let older = strike(&mut live);
        let younger = opens(&mut live, 5, DELAY);
        assert_ne!(older, younger);
        (live, older, younger)
    }

    fn same_as(live: &Live, id: ClusterId) -> Option<ClusterId> {
        live.same_as(live.get(id).expect("seats are told of it"))
    }

    fn confirm(live: &mut Live, id: ClusterId, who: std::ops::Range<u64>) -> Vec<ConversationId> {
        let who: Vec<ConversationId> = who.map(conversation).collect();
        live.confirm(id, &who, &[]).expect("seats are told of it")
    }

    fn answer(live: &mut Live, id: ClusterId, text: &str) -> Vec<ConversationId> {
        let (seat, fallback) = (SeatId::from("mai"), Language::ENGLISH);
        let texts = BTreeMap::from([(fallback, text.into())]);
        live.answer(id, Arc::new(Answer { seat, texts, fallback })).expect("confirmed")
    }

    fn text(live: &Live, id: ClusterId) -> Option<String> {
        let answer = live.get(id)?.answer.as_ref()?;
        Some(answer.texts[&Language::ENGLISH].to_string())
    }

    fn follower(live: &Live, n: u64) -> &Follower {
        &live.of(conversation(n)).expect("it follows one").followers[&conversation(n)]
    }

    #[test]
    fn of_two_open_incidents_that_are_alike_the_younger_is_said_to_be_the_older() {
        let (live, older, younger) = two_open();

        assert_eq!((same_as(&live, younger), same_as(&live, older)), (Some(older), None));
    }

    #[test]
    fn what_is_too_little_alike_or_only_a_suggestion_is_said_to_be_no_other() {
        let mut live = Live::default();
        let older = strike(&mut live);
        let other = opens(&mut live, 5, OTHER);
        assert_eq!(same_as(&live, other), None);

        let younger = opens(&mut live, 10, DELAY);
        assert_eq!(same_as(&live, younger), Some(older));
        live.any_mut(older).expect("open").standing = Standing::Suggested;
        assert_eq!(same_as(&live, younger), None);
        live.any_mut(older).expect("known").standing = Standing::Open;
        live.any_mut(younger).expect("open").standing = Standing::Suggested;
        assert_eq!(same_as(&live, younger), None);
    }

    #[test]
    fn it_is_said_to_be_the_one_that_it_is_most_like() {
        let mut live = Live::default();
        let strike = strike(&mut live);
        let delay = opens(&mut live, 5, [0.0, 1.0, 0.0]);
        let both = opens(&mut live, 10, [0.55, 0.6, 0.580_95]);

        assert_eq!(same_as(&live, both), Some(delay));
        live.keep_apart(both, delay).expect("open");
        assert_eq!(same_as(&live, both), Some(strike), "the next of them");
    }

    #[test]
    fn who_followed_the_one_follows_the_other_as_confirmed_and_answered_as_before() {
        let (mut live, older, younger) = two_open();
        confirm(&mut live, younger, 5..7);
        answer(&mut live, younger, "It comes tomorrow.");
        live.leave(conversation(6));
        let by = follower(&live, 8).by;

        live.make_one(younger, older).expect("open");

        assert!((0..10).filter(|n| *n != 6).all(|n| follower(&live, n).home.0 == older));
        assert!(live.of(conversation(6)).is_none());
        let of = |n| (follower(&live, n).is_confirmed, follower(&live, n).is_answered);
        assert_eq!((of(5), of(8), of(0)), ((true, true), (false, false), (false, false)));
        assert!(matches!(by, Some(Match::Topic(_))));
        assert_eq!(follower(&live, 8).by, by, "by what it belongs is no other");
        let one: Vec<ClusterId> = live.shown().map(|it| it.id).collect();
        assert_eq!(one, [older]);
        assert_eq!(live.get(older).expect("open").unconfirmed().count(), 8);
    }

    #[test]
    fn what_either_knows_of_its_questions_both_know() {
        let (mut live, older, younger) = two_open();
        let usual = live.get(older).expect("open").rate.asked(at(10));
        let mut all = live.get(older).expect("open").centre.clone();
        all.add_all(&live.get(younger).expect("open").centre);
        let first = live.get(older).expect("open").examples.clone();

        live.make_one(older, younger).expect("open");

        let one = live.get(younger).expect("open");
        assert_eq!(one.centre, all);
        assert!(one.rate.asked(at(10)) > usual + 4.0, "five more customers");
        assert_eq!(one.examples, first, "what was written first");
        for n in [0, 5] {
            let print = &asks(n, OTHER).print;
            assert_eq!(one.copied_by(print), Some(Match::Exact), "{n}");
        }
        assert_eq!(one.newest_at, at(9));
        for (n, point) in [(10, STRIKE), (11, DELAY)] {
            assert_eq!(ask(&mut live, n, point).cluster, younger, "who asks either joins it");
        }
    }

    #[test]
    fn making_one_of_two_says_nothing_of_joins() {
        let (mut live, older, younger) = two_open();
        confirm(&mut live, younger, 5..8);
        let before = live.trust();

        live.make_one(younger, older).expect("open");

        assert_eq!(live.trust(), before);
    }

    #[test]
    fn the_only_answer_is_that_of_both_and_goes_to_who_is_confirmed_whichever_had_it() {
        for into_the_older in [true, false] {
            let (mut live, older, younger) = two_open();
            confirm(&mut live, older, 0..2);
            confirm(&mut live, younger, 5..8);
            assert_eq!(answer(&mut live, older, "Until Friday.").len(), 2);
            let (id, into) = if into_the_older { (younger, older) } else { (older, younger) };

            let now = live.make_one(id, into).expect("open");

            assert_eq!(now, [5, 6, 7].map(conversation), "and not who waits for a click");
            assert_eq!(text(&live, into).as_deref(), Some("Until Friday."));
            assert!((5..8).all(|n| follower(&live, n).is_answered));
            assert_eq!(confirm(&mut live, into, 8..10), [8, 9].map(conversation));
        }
    }

    #[test]
    fn of_two_answers_that_of_the_one_which_stays_goes_to_newcomers_and_nobody_has_both() {
        let (mut live, older, younger) = two_open();
        confirm(&mut live, older, 0..2);
        confirm(&mut live, younger, 5..7);
        answer(&mut live, older, "Until Friday.");
        answer(&mut live, younger, "Until Monday.");

        assert_eq!(live.make_one(younger, older), Ok(Vec::new()));

        assert_eq!(text(&live, older).as_deref(), Some("Until Friday."));
        assert_eq!(confirm(&mut live, older, 6..8), [conversation(7)]);
    }

    #[test]
    fn two_without_an_answer_wait_for_one_together() {
        let (mut live, older, younger) = two_open();
        confirm(&mut live, older, 0..1);
        confirm(&mut live, younger, 5..6);

        assert_eq!(live.make_one(younger, older), Ok(Vec::new()));

        assert_eq!(answer(&mut live, older, "Until Friday."), [0, 5].map(conversation));
    }

    #[test]
    fn a_suggestion_that_takes_in_an_open_one_is_open() {
        let (mut live, older, younger) = two_open();
        live.any_mut(older).expect("open").standing = Standing::Suggested;

        live.make_one(younger, older).expect("seats are told of both");

        assert_eq!(live.get(older).expect("open").standing, Standing::Open);
    }

    #[test]
    fn two_that_have_too_many_followers_together_stay_two() {
        let (mut live, older, younger) = two_open();
        let cluster = live.any_mut(older).expect("open");
        let one = cluster.followers[&conversation(0)].clone();
        // With those of the other one more than may be.
        for n in 1_000..1_000 + (FOLLOWERS_MAX - 9) as u64 {
            cluster.followers.insert(conversation(n), one.clone());
        }

        assert_eq!(live.make_one(younger, older), Err(NotTwo::NoRoom));

        assert_eq!(live.get(younger).expect("open").followers.len(), 5);
        assert_eq!(live.of(conversation(5)).map(|it| it.id), Some(younger));
        live.leave(conversation(9));
        assert_eq!(live.make_one(younger, older), Ok(Vec::new()));
        assert_eq!(live.get(older).expect("open").followers.len(), FOLLOWERS_MAX);
    }

    #[test]
    fn what_leans_to_the_one_leans_to_the_other_and_still_takes_its_customers_back() {
        let (mut live, older, younger) = two_open();
        assert_eq!(ask(&mut live, 10, NEAR_DELAY).cluster, younger);
        assert_eq!(ask(&mut live, 11, NEAR_DELAY).cluster, younger);
        confirm(&mut live, younger, 11..12);

        live.make_one(younger, older).expect("open");

        let of = |live: &Live, n: u64| live.of(conversation(n)).map(|it| it.id);
        assert_eq!((of(&live, 10), of(&live, 11)), (Some(older), Some(older)));
        assert!(follower(&live, 10).leans() && !follower(&live, 10).is_confirmed);
        let its_own = opens(&mut live, 12, NEAR_DELAY);
        assert_eq!((of(&live, 10), of(&live, 11)), (Some(its_own), Some(older)));
    }

    #[test]
    fn what_a_seat_keeps_apart_is_said_no_more_and_not_of_those_either_becomes_one_with() {
        let (mut live, older, younger) = two_open();
        assert_eq!(live.keep_apart(older, younger), Ok(()), "in whichever order");
        assert_eq!(same_as(&live, younger), None);

        let third = opens(&mut live, 10, [0.55, 0.3, 0.779_42]);
        live.make_one(older, third).expect("open");

        assert_eq!(same_as(&live, third), None);
        live.make_one(third, younger).expect("a seat may say otherwise later");
        assert!(live.apart.is_empty());
    }

    #[test]
    fn that_two_are_apart_is_kept_once_and_goes_with_either() {
        let (mut live, older, younger) = two_open();
        let other = opens(&mut live, 10, OTHER);
        for _ in 0..100 {
            live.keep_apart(younger, older).expect("open");
            live.keep_apart(older, younger).expect("open");
        }
        assert_eq!(live.apart.len(), 1);

        live.clusters.retain(|it| it.id != older);
        live.keep_apart(other, younger).expect("open");

        assert_eq!(live.apart, [(younger, other)].into());
    }

    #[test]
    fn that_two_are_apart_outlives_a_restart() {
        let (mut live, older, younger) = two_open();
        live.keep_apart(older, younger).expect("open");
        let kept = serde_json::to_string(&live.keep(at(10))).expect("JSON");

        let kept = serde_json::from_str(&kept).expect("its own JSON");
        let again = Live::restored(Settings::default(), kept);

        assert_eq!(again.shown().count(), 2);
        assert_eq!(same_as(&again, younger), None);
        assert_eq!(again.apart, [(older, younger)].into());
    }

    #[test]
    fn one_that_is_over_or_twice_the_same_is_refused_and_nothing_changes() {
        let (mut live, older, younger) = two_open();

        assert_eq!(live.make_one(older, older), Err(NotTwo::One));
        assert_eq!(live.keep_apart(older, older), Err(NotTwo::One));
        live.close(younger).expect("open");
        for (one, other) in [(older, younger), (younger, older), (ClusterId(77), older)] {
            assert_eq!(live.make_one(one, other), Err(NotTwo::Unknown));
            assert_eq!(live.keep_apart(one, other), Err(NotTwo::Unknown));
        }

        assert!(live.apart.is_empty());
        assert_eq!(live.get(older).expect("open").followers.len(), 5);
    }
}
