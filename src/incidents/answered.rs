//! What seats do about the clusters of a shop: say who belongs, answer, close.

use std::sync::Arc;

use crate::domain::ConversationId;

use super::cluster::{Answer, Cluster, ClusterId, Standing};
use super::live::{Closed, Live};

/// Why an answer or a click goes nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnswered {
    /// There is no such cluster, or it has closed.
    #[error("no such incident, or it is over")]
    Unknown,
    /// Nobody has confirmed it.
    #[error("confirm first whom the answer is for")]
    Unconfirmed,
    /// It has an answer already.
    #[error("a colleague has answered it")]
    Answered,
    /// There is no text in the fallback language.
    #[error("there is no text in the fallback language")]
    NoFallback,
}

impl Live {
    /// A seat says of the followers that it was shown who belongs to the cluster: `wrong` do not, all
    /// others that waited for a click do. Gives those who get the answer now, if there is one.
    ///
    /// # Errors
    /// When the cluster is over.
    pub fn confirm(
        &mut self,
        id: ClusterId,
        shown: &[ConversationId],
        wrong: &[ConversationId],
    ) -> Result<Vec<ConversationId>, NotAnswered> {
        let cluster = find_mut(&mut self.clusters, id).ok_or(NotAnswered::Unknown)?;
        for conversation in wrong {
            if let Some(follower) = cluster.followers.remove(conversation) {
                self.of.remove(conversation);
                cluster.was_wrong(&follower);
                if follower.has_joined() {
                    self.trust.decided(false);
                }
            }
        }
        let mut now_answered = Vec::new();
        for conversation in shown {
            let Some(follower) = cluster.followers.get_mut(conversation) else { continue };
            if !follower.is_confirmed {
                follower.is_confirmed = true;
                if follower.has_joined() {
                    self.trust.decided(true);
                }
                if cluster.answer.is_some() && !follower.is_answered {
                    follower.is_answered = true;
                    now_answered.push(*conversation);
                    let by = follower.by;
                    cluster.was_answered(by);
                }
            }
        }
        cluster.was_looked_at();
        Ok(now_answered)
    }

    /// A seat answers everybody who is confirmed. Gives whom it reaches.
    ///
    /// # Errors
    /// When the cluster is over, not confirmed, or answered already.
    pub fn answer(
        &mut self,
        id: ClusterId,
        answer: Arc<Answer>,
    ) -> Result<Vec<ConversationId>, NotAnswered> {
        let cluster = find_mut(&mut self.clusters, id).ok_or(NotAnswered::Unknown)?;
        if cluster.answer.is_some() {
            return Err(NotAnswered::Answered);
        }
        if !answer.texts.contains_key(&answer.fallback) {
            return Err(NotAnswered::NoFallback);
        }
        let reached = cluster.take_reached();
        if reached.is_empty() {
            return Err(NotAnswered::Unconfirmed);
        }
        cluster.answer = Some(answer);
        Ok(reached)
    }

    /// A seat closes a cluster by hand.
    ///
    /// # Errors
    /// When it is over already.
    pub fn close(&mut self, id: ClusterId) -> Result<Closed, NotAnswered> {
        let cluster = find_mut(&mut self.clusters, id).ok_or(NotAnswered::Unknown)?;
        let followers: Vec<ConversationId> = cluster.followers.keys().copied().collect();
        followers.iter().for_each(|follower| {
            self.of.remove(follower);
        });
        cluster.close();
        Ok(Closed { cluster: id, followers })
    }
}

impl Cluster {
    /// Whom an answer reaches now: they have it from here on.
    pub(super) fn take_reached(&mut self) -> Vec<ConversationId> {
        let reached: Vec<ConversationId> = self.reached().map(|it| it.conversation).collect();
        for conversation in &reached {
            if let Some(follower) = self.followers.get_mut(conversation) {
                follower.is_answered = true;
                let by = follower.by;
                self.was_answered(by);
            }
        }
        reached
    }
}

/// A cluster that seats are told of.
fn find_mut(clusters: &mut [Cluster], id: ClusterId) -> Option<&mut Cluster> {
    clusters.iter_mut().find(|it| it.id == id && it.standing != Standing::Watched)
}

#[cfg(test)]
mod tests {
    use super::super::live::tests::{asked_by, at, question};
    use super::*;
    use crate::domain::{Language, SeatId};
    use crate::incidents::{Follower, Match, Settings};

    fn answer() -> Arc<Answer> {
        let text = |code: &str, text: &str| (code.parse().expect("a language"), text.into());
        let texts = [text("en", "It lasts until Friday."), text("es", "Dura hasta el viernes.")];
        Arc::new(Answer {
            seat: SeatId::from("mai"),
            texts: texts.into(),
            fallback: Language::ENGLISH,
        })
    }

    fn ids(cluster: &Cluster) -> Vec<ConversationId> {
        cluster.followers.keys().copied().collect()
    }

    /// An incident of five whom a seat has confirmed and answered.
    fn answered(live: &mut Live) -> ClusterId {
        let id = asked_by(live, 0..5)[0].cluster;
        let all = ids(live.get(id).expect("open"));
        live.confirm(id, &all, &[]).expect("open");
        live.answer(id, answer()).expect("confirmed");
        id
    }

    #[test]
    fn nobody_is_reached_without_a_click_and_everybody_once_with_it() {
        let mut live = Live::default();
        let id = asked_by(&mut live, 0..5)[0].cluster;
        assert_eq!(live.answer(id, answer()), Err(NotAnswered::Unconfirmed));
        let all = ids(live.get(id).expect("open"));

        assert_eq!(live.confirm(id, &all, &[all[4]]), Ok(Vec::new()));
        assert_eq!(live.answer(id, answer()), Ok(all[..4].to_vec()));

        assert_eq!(live.answer(id, answer()), Err(NotAnswered::Answered));
        assert_eq!(live.get(id).expect("open").reached().count(), 0);
        assert_eq!(live.trust().decisions(), 4, "the first is no decision");
        assert!(live.of(all[4]).is_none());
    }

    #[test]
    fn who_comes_late_waits_for_a_click_and_later_for_none() {
        let mut live = Live::default();
        let id = answered(&mut live);

        let late = asked_by(&mut live, 5..6);
        assert_eq!(late[0].answer, None);
        let newcomer = live.get(id).expect("open").unconfirmed().next().expect("one").conversation;
        assert_eq!(live.confirm(id, &[newcomer], &[]), Ok(vec![newcomer]));

        (0..400).for_each(|_| live.trust.decided(true));
        let later = asked_by(&mut live, 6..12);
        let at_once = later.iter().filter(|it| it.answer.is_some()).count();
        assert!(at_once >= 5, "one in fifty is shown to a seat: {at_once}");
    }

    #[test]
    fn who_joined_without_a_click_and_comes_back_is_a_wrong_decision_unless_a_seat_confirmed_him() {
        let mut live = Live::default();
        let id = answered(&mut live);
        (0..1_000).for_each(|_| live.trust.decided(true));
        asked_by(&mut live, 5..12);
        let followers = || live.get(id).expect("open").followers.values();
        let clicked = |it: &&Follower| it.is_answered && it.by.is_some() && !it.is_automatic;
        let clicked = followers().find(clicked).expect("one of the five").conversation;
        let automatic = followers().find(|it| it.is_automatic).expect("a late one").conversation;
        let mut trust = live.trust();

        live.returned(clicked);
        assert_eq!(live.trust(), trust);
        live.returned(automatic);

        trust.decided(false);
        assert_eq!(live.trust(), trust);
    }

    #[test]
    fn in_a_shop_that_forbids_it_nothing_joins_without_a_click_and_clicks_count_all_the_same() {
        let mut live = Live::default();
        let id = answered(&mut live);
        (0..400).for_each(|_| live.trust.decided(true));
        let before = live.trust().decisions();
        live.set(Settings { may_be_automatic: false, ..live.settings() });

        let late = asked_by(&mut live, 5..12);
        let waiting: Vec<_> =
            live.get(id).expect("open").unconfirmed().map(|it| it.conversation).collect();
        live.confirm(id, &waiting, &[]).expect("open");

        assert!(late.iter().all(|it| it.answer.is_none()));
        assert_eq!((waiting.len(), live.trust().decisions()), (7, before + 7));
        assert!(live.trust().is_automatic() && !live.is_automatic());
        live.set(Settings::default());
        assert!(asked_by(&mut live, 12..18).iter().any(|it| it.answer.is_some()));
    }

    #[test]
    fn a_wrong_join_raises_the_threshold_of_its_cluster_only() {
        let mut live = Live::default();
        let id = asked_by(&mut live, 0..5)[0].cluster;
        let other = question(90, "en", "is the warehouse flooded?");
        let other = live.ask(at(90), &other).expect("begins").cluster;
        let by_topic = |it: &&Follower| matches!(it.by, Some(Match::Topic(_)));
        let followers = &live.get(id).expect("open").followers;
        let follower = followers.values().find(by_topic).expect("one").clone();

        live.confirm(id, &[], &[follower.conversation]).expect("open");

        assert!(joins_from(&live, id) > joins_from(&live, other));
        assert!(joins_from(&live, id) > follower.by.expect("a join").likeness().min(1.0));
    }

    /// Likeness from which on a question joins.
    fn joins_from(live: &Live, id: ClusterId) -> f32 {
        live.find(id).expect("kept").threshold.joins_from()
    }

    #[test]
    fn many_who_go_on_writing_after_the_answer_raise_it_and_those_who_do_not_lower_it_again() {
        let mut live = Live::default();
        let mut customers = 0..;
        let mut incident = |live: &mut Live, returns: bool| {
            let first = customers.next().expect("endless") * 5;
            let id = asked_by(live, first..first + 5).last().expect("five").cluster;
            let all = ids(live.find(id).expect("known"));
            // The rate may call it usual by now, and copies of earlier ones teach nothing.
            live.clusters[0].standing = Standing::Open;
            let followers = live.clusters[0].followers.values_mut();
            followers.for_each(|follower| follower.by = Some(Match::Topic(0.6)));
            live.confirm(id, &all, &[]).expect("open");
            for reached in live.answer(id, answer()).expect("confirmed") {
                if returns {
                    live.returned(reached);
                }
            }
            live.close(id).expect("open");
            joins_from(live, id)
        };

        let at_first = incident(&mut live, false);
        let unhelped = (0..4).map(|_| incident(&mut live, true)).last().expect("four");
        assert!(unhelped > at_first + 0.01, "{unhelped}");

        let helped = (0..100).map(|_| incident(&mut live, false)).last().expect("a hundred");
        assert_eq!(helped, at_first);
    }
}
