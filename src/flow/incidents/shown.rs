//! What seats see of the incidents of their shop.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::ShopBoard;
use super::spoken::Spoken;
use crate::incidents::{Answer, Cluster, Live, Standing};
use crate::protocol::{IncidentFollower, IncidentRow, ServerFrame, encode};

/// Incidents that are shown of a shop, and followers of each. With what each of them asked a frame stays below
/// 1 MiB, whatever customers write: a seat that is a frame behind is not called slow.
pub(super) const ROWS_MAX: usize = 20;
pub(super) const FOLLOWERS_SHOWN_MAX: usize = 50;

impl ShopBoard {
    pub(super) fn is_to_be_shown(&self) -> bool {
        self.has_changed && !self.watchers.is_empty()
    }

    pub(super) fn show(&mut self) {
        self.has_changed = false;
        self.watchers.retain(|it| !it.link.outbox.is_closed());
        let rows = to_show(&self.live).into_iter().map(|cluster| IncidentRow {
            same_as: self.live.same_as(cluster).map(|it| it.0),
            ..row(cluster, &self.spoken)
        });
        let rows: Vec<IncidentRow<'_>> = rows.collect();
        let frame: crate::deliver::Frame = encode(&ServerFrame::Incidents {
            incidents: &rows,
            translates: self.spoken.translates(),
            automatic: self.live.is_automatic(),
            decisions: self.live.trust().decisions(),
            fallback: self.fallback,
        })
        .into();
        for watcher in &self.watchers {
            watcher.link.outbox.push(frame.clone());
        }
    }
}

/// The incidents that seats see, oldest first: of more than there is room for those in which most wait for an
/// answer, the newer ones of as many.
fn to_show(live: &Live) -> Vec<&Cluster> {
    let mut shown: Vec<&Cluster> = live.shown().collect();
    let waiting = |it: &&Cluster| it.followers.values().filter(|it| !it.is_answered).count();
    shown.sort_by_cached_key(|it| Reverse((waiting(it), it.id)));
    shown.truncate(ROWS_MAX);
    shown.sort_by_key(|it| it.id);
    shown
}

fn row<'a>(cluster: &'a Cluster, spoken: &Spoken) -> IncidentRow<'a> {
    let mut languages = BTreeMap::new();
    for follower in cluster.followers.values().filter(|it| !it.is_answered) {
        *languages.entry(follower.language).or_default() += 1;
    }
    // Those that wait for a click first: a seat goes on with the next fifty when it has clicked.
    let unanswered = cluster.unconfirmed().chain(cluster.reached());
    IncidentRow {
        incident: cluster.id.0,
        is_open: cluster.standing == Standing::Open,
        same_as: None,
        examples: cluster.examples.iter().map(|example| &*example.text).collect(),
        followers: cluster.followers.len(),
        machine_answered: cluster.followers.values().filter(|it| !it.waits).count(),
        reaches: cluster.reached().count(),
        unconfirmed: cluster.unconfirmed().count(),
        languages,
        shown: unanswered
            .take(FOLLOWERS_SHOWN_MAX)
            .map(|it| IncidentFollower {
                conversation: it.conversation,
                language: it.language,
                text: &it.text,
                by: it.by.map(|by| by.as_str()),
                confirmed: it.is_confirmed,
            })
            .collect(),
        untranslated: spoken.untranslated(cluster.id),
        answered_by: cluster.answer.as_ref().map(|answer| &answer.seat),
        answer: cluster.answer.as_deref().and_then(Answer::for_a_seat),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::tests::{at, conversation, question};
    use super::*;
    use crate::domain::{Language, Meaning, Sensed};
    use crate::incidents::{Print, Question};

    const INCIDENTS: u64 = ROWS_MAX as u64 + 5;
    const OF_EACH: u64 = 5;

    /// Asks about an incident that is like no other.
    fn asks(n: u64) -> Question {
        let mut point = vec![0.0; INCIDENTS as usize];
        point[(n / OF_EACH) as usize] = 1.0;
        // None is a copy of another.
        let text = char::from_u32(0x4e00 + n as u32).expect("a character").to_string().repeat(20);
        let sensed = Sensed { point, ..Sensed::default() };
        let print = Print::of_text(&text, Language::ENGLISH, &Meaning::default(), Some(&sensed));
        Question { print: Arc::new(print), ..question(n, &text) }
    }

    #[test]
    fn of_more_incidents_than_there_is_room_for_seats_see_those_in_which_most_wait() {
        let mut live = Live::default();
        for n in 0..INCIDENTS * OF_EACH {
            live.ask(at(0), &asks(n)).expect("has a topic");
        }
        let all: Vec<_> = live.shown().map(|it| it.id).collect();
        assert_eq!(all.len() as u64, INCIDENTS);

        // Most leave the first twenty, and nobody the five that came last.
        (0..ROWS_MAX as u64 * OF_EACH).filter(|n| n % OF_EACH > n / OF_EACH / 10).for_each(|n| {
            live.leave(conversation(n));
        });

        let shown: Vec<_> = to_show(&live).iter().map(|it| it.id).collect();
        assert_eq!(shown, all[5..], "two wait in each of the second ten, one in each of the first");
    }
}
