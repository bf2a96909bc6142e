//! What seats see of the incidents of their shop.

use std::collections::BTreeMap;

use super::ShopBoard;
use super::spoken::Spoken;
use crate::incidents::{Answer, Cluster, Standing};
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
        let rows = self.live.shown().take(ROWS_MAX).map(|cluster| IncidentRow {
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
