//! Which of two open clusters a question belongs to that joined one before the other was known.
//!
//! The first questions of an incident join what is most like them, which may be another incident. Once theirs is
//! open they are more like that one, and go over to it, unless a seat has said where they belong.

use crate::domain::ConversationId;

use super::cluster::{Cluster, ClusterId, FOLLOWERS_MAX};
use super::live::Live;
use super::print::Match;

/// How much more alike than to its own cluster a question must be to go over: with less, questions of one matter
/// that is open twice go to and fro (docs/decisions/0052).
const GOES_OVER_BY: f32 = 0.05;

/// A question that goes over.
struct Goes {
    conversation: ConversationId,
    from: ClusterId,
    to: ClusterId,
    likeness: f32,
}

impl Live {
    /// Lets questions go over to this cluster, if it is open, and from it to the others: of those that copies are
    /// looked for among, which are the first and the latest.
    pub(super) fn sort_out(&mut self, changed: ClusterId) {
        let Some(changed) = self.find(changed).filter(|it| it.is_open()) else { return };
        let others: Vec<&Cluster> =
            self.clusters.iter().filter(|it| it.is_open() && it.id != changed.id).collect();
        let only = [changed];
        let to_it = others.iter().flat_map(|other| goes_over(other, &only));
        let going: Vec<Goes> = goes_over(changed, &others).chain(to_it).collect();
        going.into_iter().for_each(|it| self.go_over(&it));
    }

    fn go_over(&mut self, going: &Goes) {
        let Goes { conversation, from, to, likeness } = *going;
        if self.find(to).is_none_or(|to| to.followers.len() >= FOLLOWERS_MAX) {
            return;
        }
        let Some(given) = self.any_mut(from).and_then(|from| from.give(conversation)) else {
            return;
        };
        let Some(to) = self.any_mut(to) else { return };
        to.receive(given, Match::Topic(likeness));
        let to = to.id;
        self.of.insert(conversation, to);
    }
}

/// The questions in `from` that are more like one of the others.
fn goes_over<'a>(from: &'a Cluster, others: &'a [&Cluster]) -> impl Iterator<Item = Goes> + 'a {
    from.movable().filter_map(move |(conversation, print)| {
        let alike = others.iter().map(|to| (*to, to.centre.likeness(print.topic())));
        let (to, likeness) = alike.max_by(|a, b| a.1.total_cmp(&b.1))?;
        let is_more = likeness - from.centre.likeness_to_others(print.topic()) >= GOES_OVER_BY;
        let joins = likeness >= to.threshold.joins_from();
        (is_more && joins).then_some(Goes { conversation, from: from.id, to: to.id, likeness })
    })
}

#[cfg(test)]
mod tests {
    use super::super::cluster::Standing;
    use super::super::lean::tests::{ask, asks, conversation, strike};
    use super::super::live::tests::at;
    use super::*;

    /// As alike as joins the strike, and more like the flood.
    const BETWEEN: [f32; 3] = [0.754_71, 0.656_06, 0.0];
    /// As much like the strike as leans to it.
    const FLOOD: [f32; 3] = [0.406_74, 0.913_55, 0.0];

    /// The strike with one who asks about the flood, which nobody knows yet, and the flood that five more open.
    fn both() -> (Live, ClusterId) {
        let mut live = Live::default();
        let strike = strike(&mut live);
        assert_eq!(ask(&mut live, 5, BETWEEN).cluster, strike);
        (live, strike)
    }

    fn of(live: &Live, n: u64) -> Option<ClusterId> {
        live.of(conversation(n)).map(|it| it.id)
    }

    fn opens(live: &mut Live) -> ClusterId {
        let joined = (6..11).map(|n| ask(live, n, FLOOD)).last().expect("five");
        assert_eq!(joined.standing, Standing::Open);
        joined.cluster
    }

    #[test]
    fn who_joined_before_the_own_incident_was_known_goes_over_to_it_and_waits_for_a_click() {
        let (mut live, strike) = both();

        let flood = opens(&mut live);

        assert_ne!(flood, strike);
        assert_eq!(of(&live, 5), Some(flood));
        let [strike, flood] = [strike, flood].map(|id| live.find(id).expect("open"));
        assert_eq!((strike.followers.len(), flood.followers.len()), (5, 6));
        let follower = &flood.followers[&conversation(5)];
        assert!(
            matches!(follower.by, Some(Match::Topic(it)) if it > 0.35) && !follower.is_confirmed
        );
        assert!((0..5).all(|n| strike.followers.contains_key(&conversation(n))));
        assert!(strike.examples.iter().all(|it| it.conversation != conversation(5)));
        let again = asks(5, BETWEEN);
        assert!(
            strike.copied_by(&again.print).is_none() && flood.copied_by(&again.print).is_some()
        );
    }

    #[test]
    fn whom_a_seat_has_confirmed_or_answered_stays() {
        let (mut live, strike) = both();
        live.confirm(strike, &[conversation(5)], &[]).expect("open");

        opens(&mut live);

        assert_eq!(of(&live, 5), Some(strike));
    }

    /// Four who ask about the flood: seats see them with the strike, and one more opens it.
    fn nearly_opens(live: &mut Live, strike: ClusterId) -> ClusterId {
        (6..10).for_each(|n| drop(ask(live, n, FLOOD)));
        live.find(strike).expect("open").followers[&conversation(9)].home.0
    }

    #[test]
    fn nobody_goes_where_seats_want_a_question_to_be_more_alike() {
        let (mut live, strike) = both();
        let flood = nearly_opens(&mut live, strike);
        live.any_mut(flood).expect("watched").threshold.was_wrong(0.37);

        assert_eq!(ask(&mut live, 10, FLOOD).standing, Standing::Open);

        assert_eq!(of(&live, 5), Some(strike));
    }

    #[test]
    fn nobody_goes_for_a_little_more() {
        let mut live = Live::default();
        let strike = strike(&mut live);
        // Like the strike by 0.32, and like the flood by 0.35.
        assert_eq!(ask(&mut live, 5, [0.809_02, 0.587_79, 0.0]).cluster, strike);

        opens(&mut live);

        assert_eq!(of(&live, 5), Some(strike));
    }

    #[test]
    fn an_incident_that_has_no_room_takes_nobody_over() {
        let (mut live, strike) = both();
        let one = live.find(strike).expect("open").followers[&conversation(0)].clone();
        let flood = nearly_opens(&mut live, strike);
        let full = live.any_mut(flood).expect("watched");
        for n in 1_000..1_000 + (FOLLOWERS_MAX - 5) as u64 {
            full.followers.insert(conversation(n), one.clone());
        }

        assert_eq!(live.ask(at(10), &asks(10, FLOOD)).expect("joins").standing, Standing::Open);

        assert_eq!(of(&live, 5), Some(strike));
    }

    #[test]
    fn an_incident_that_everybody_leaves_is_shown_to_no_seat_unless_some_are_awaited() {
        for awaited in [false, true] {
            let mut live = Live::default();
            let strike = strike(&mut live);
            let flood = opens(&mut live);
            if awaited {
                let promised = &mut live.any_mut(strike).expect("open").promised;
                promised.insert(conversation(99));
            }

            for conversation in (0..5).map(conversation) {
                assert!(live.get(strike).is_some(), "some are left");
                live.go_over(&Goes { conversation, from: strike, to: flood, likeness: 0.5 });
            }

            assert_eq!(live.get(strike).is_some(), awaited);
            assert_eq!(live.find(flood).expect("open").followers.len(), 10);
        }
    }

    #[test]
    fn what_a_seat_is_shown_of_an_incident_is_what_those_ask_who_are_left() {
        let (mut live, strike) = both();
        let flood = opens(&mut live);
        let shown = |live: &Live| -> Vec<ConversationId> {
            live.find(strike).expect("open").examples.iter().map(|it| it.conversation).collect()
        };
        assert_eq!(shown(&live), [0, 1, 2].map(conversation));

        for n in 0..3 {
            let conversation = conversation(n);
            live.go_over(&Goes { conversation, from: strike, to: flood, likeness: 0.5 });
        }

        assert_eq!(shown(&live), [conversation(3)]);
        assert_eq!(live.find(flood).expect("open").examples.len(), 3);
    }
}
