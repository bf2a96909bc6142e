//! Whom a seat had confirmed before a restart: they belong to their incident still, and get its answer if they
//! had not got it by then.
//!
//! An answer goes to thousands, and the process may end between the click of the seat and the last of them.
//! What was kept says to whom it was promised; the conversations that still wait say who has not got it.

use std::sync::Arc;

use crate::domain::{ConversationId, CustomerId, CustomerKey, Language, Timestamp};

use super::cluster::{Answer, Cluster, ClusterId, FOLLOWERS_MAX, Follower, for_a_seat};
use super::live::Live;
use super::print::Match;

/// A conversation that still waits after a restart, and to which an answer was promised.
#[derive(Clone, Debug)]
pub struct StillWaits {
    /// Which.
    pub conversation: ConversationId,
    /// Whose it is.
    pub customer: CustomerId,
    /// The language to answer in.
    pub language: Language,
    /// What it asks.
    pub text: Arc<str>,
    /// When it asked.
    pub asked_at: Timestamp,
    /// Whether it waits for a person.
    pub waits: bool,
}

impl Cluster {
    /// Whom a seat has confirmed, in this process or before.
    pub(super) fn confirmed(&self) -> impl Iterator<Item = ConversationId> {
        let confirmed = self.followers.values().filter(|it| it.is_confirmed);
        confirmed.map(|it| it.conversation).chain(self.promised.iter().copied())
    }
}

impl Live {
    /// Whether a seat had confirmed a conversation before a restart, and nothing was heard of it since.
    pub fn is_promised(&self, conversation: ConversationId) -> bool {
        self.promised_by(conversation).is_some()
    }

    /// Lets a conversation follow the incident for which a seat had confirmed it. Gives that, and its answer if it
    /// has one; `None` for a conversation that nothing was promised to.
    pub fn take_promised(&mut self, it: StillWaits) -> Option<(ClusterId, Option<Arc<Answer>>)> {
        let StillWaits { conversation, customer, language, text, asked_at, waits } = it;
        let id = self.promised_by(conversation)?;
        let cluster = self.any_mut(id)?;
        cluster.promised.remove(&conversation);
        if cluster.followers.len() >= FOLLOWERS_MAX {
            return None;
        }
        let by = Some(Match::Click);
        let (text, answer) = (for_a_seat(&text), cluster.answer.clone());
        let (is_confirmed, is_automatic, is_answered) = (true, false, answer.is_some());
        let home = (id, by);
        let follower = Follower {
            conversation,
            customer,
            language,
            text,
            asked_at,
            waits,
            by,
            is_confirmed,
            is_automatic,
            is_answered,
            home,
        };
        cluster.followers.insert(conversation, follower);
        self.of.insert(conversation, id);
        Some((id, answer))
    }

    /// Nothing is promised to a conversation any more.
    pub(super) fn unpromise(&mut self, conversation: ConversationId) {
        for cluster in &mut self.clusters {
            cluster.promised.remove(&conversation);
        }
    }

    /// Nor to any of a customer who is erased; whether there were any. Others of the same key, one in 65,536,
    /// are compared anew.
    pub fn unpromise_all_of(&mut self, key: CustomerKey) -> bool {
        let promised = self.clusters.iter_mut().map(|cluster| &mut cluster.promised);
        let gone = promised.map(|it| it.extract_if(.., |it| it.customer_key() == key).count());
        gone.sum::<usize>() > 0
    }

    fn promised_by(&self, conversation: ConversationId) -> Option<ClusterId> {
        let cluster = self.clusters.iter().find(|it| it.promised.contains(&conversation));
        cluster.map(|cluster| cluster.id)
    }
}

#[cfg(test)]
mod tests {
    use super::super::live::tests::{asked_by, at, question};
    use super::*;
    use crate::domain::ShopId;
    use crate::incidents::{Kept, Settings};

    fn conversation(n: u64) -> ConversationId {
        question(n, "en", "").conversation
    }

    fn still_waits(n: u64) -> StillWaits {
        let asked = question(n, "es", "¿la huelga sigue?");
        StillWaits {
            conversation: asked.conversation,
            customer: asked.customer,
            language: asked.language,
            text: asked.text,
            asked_at: at(n * 10),
            waits: true,
        }
    }

    fn answer() -> Arc<Answer> {
        let (seat, fallback) = ("mai".into(), Language::ENGLISH);
        Arc::new(Answer { seat, texts: [(fallback, "Until Friday.".into())].into(), fallback })
    }

    /// An incident of customers 0 to 5, of whom a seat has confirmed all but the last, after a restart.
    fn restarted(answers: bool) -> (Live, ClusterId) {
        let mut live = Live::default();
        let id = asked_by(&mut live, 0..6)[0].cluster;
        live.confirm(id, &[0, 1, 2, 3, 4].map(conversation), &[]).expect("open");
        if answers {
            live.answer(id, answer()).expect("confirmed");
        }
        let kept = serde_json::to_string(&live.keep(at(60))).expect("JSON");
        let kept: Kept = serde_json::from_str(&kept).expect("its own JSON");
        (Live::restored(Settings::default(), kept), id)
    }

    #[test]
    fn who_was_confirmed_and_had_not_got_the_answer_gets_it_once_and_who_was_not_waits_for_a_click()
    {
        let (mut live, id) = restarted(true);

        let taken = live.take_promised(still_waits(1));

        assert_eq!(taken, Some((id, Some(answer()))));
        let follower = &live.get(id).expect("open").followers[&conversation(1)];
        assert!(follower.is_confirmed && follower.is_answered);
        assert!(!live.is_promised(conversation(1)) && live.take_promised(still_waits(1)).is_none());
        assert!(!live.is_promised(conversation(5)) && live.take_promised(still_waits(5)).is_none());
        assert!(live.is_promised(conversation(2)), "nothing was heard of it yet");
        let trust = live.trust();
        live.returned(conversation(1));
        assert_eq!(live.trust(), trust, "a seat had confirmed it");
    }

    #[test]
    fn who_was_confirmed_before_the_answer_is_reached_by_it_without_another_click() {
        let (mut live, id) = restarted(false);
        for n in [1, 3] {
            assert_eq!(live.take_promised(still_waits(n)), Some((id, None)));
        }

        assert_eq!(live.answer(id, answer()), Ok([1, 3].map(conversation).to_vec()));
    }

    #[test]
    fn it_outlives_the_next_restart_as_well_and_ends_when_the_conversation_leaves_or_the_incident_is_over()
     {
        let (mut live, id) = restarted(true);
        live.take_promised(still_waits(1));
        live.leave(conversation(2));

        let mut next = Live::restored(Settings::default(), live.keep(at(70)));

        assert!([0, 1, 3, 4].iter().all(|n| next.is_promised(conversation(*n))));
        assert!(!next.is_promised(conversation(2)));
        next.close(id).expect("open");
        assert!(!(0..6).any(|n| next.is_promised(conversation(n))));
    }

    #[test]
    fn nothing_is_promised_to_an_erased_customer() {
        let (mut live, _) = restarted(true);
        let key = CustomerKey::of(&ShopId::from("demo"), &still_waits(3).customer);

        assert!(live.unpromise_all_of(key));

        assert!(!live.is_promised(conversation(3)) && live.is_promised(conversation(2)));
        assert!(!live.unpromise_all_of(key));
        let kept = serde_json::to_string(&live.keep(at(70))).expect("JSON");
        assert!(!kept.contains(&conversation(3).to_string()), "{kept}");
    }

    #[test]
    fn an_incident_that_is_full_meanwhile_keeps_no_promise_and_the_conversation_waits_on() {
        let (mut live, id) = restarted(true);
        live.take_promised(still_waits(1));
        let cluster = live.any_mut(id).expect("open");
        let one = cluster.followers[&conversation(1)].clone();
        for n in 1_000..1_000 + (FOLLOWERS_MAX - 1) as u64 {
            cluster.followers.insert(conversation(n), one.clone());
        }

        assert_eq!(live.take_promised(still_waits(2)), None);
        assert!(live.of(conversation(2)).is_none() && !live.is_promised(conversation(2)));
    }
}
