//! The clusters of one shop: what joins, opens and closes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::domain::{ConversationId, CustomerId, Language, Timestamp};

use super::cluster::{
    Answer, Cluster, ClusterId, FOLLOWERS_MAX, Follower, QUIET_MAX, Standing, for_a_seat,
};
use super::gather::Risen;
use super::print::{Match, Print};
use super::rate::MEMORY;
use super::trust::Trust;

/// Clusters of a shop, with those that are only watched.
pub const CLUSTERS_MAX: usize = 256;
/// How much more alike than to the next cluster a question must be: who is between two belongs to none.
pub(super) const MARGIN_MIN: f32 = 0.02;

/// By what the clusters of a shop come and go. A shop sets [`Self::may_be_automatic`] alone; the others are
/// the same for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Distinct customers in a minute, who wait for a person, from which on a cluster is suggested.
    pub suggest_from: usize,
    /// Without a newcomer for so long, a cluster closes.
    pub quiet_max: Duration,
    /// Whether questions join without a click once [`Trust`] says so (`[incidents] automatic` of a shop).
    pub may_be_automatic: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { suggest_from: 3, quiet_max: QUIET_MAX, may_be_automatic: true }
    }
}

/// How a question comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// When it is asked.
    First,
    /// After a restart, since it still waits.
    Again,
}

/// A question that the gate has let through.
#[derive(Clone, Debug)]
pub struct Question {
    /// Where it was asked.
    pub conversation: ConversationId,
    /// By whom.
    pub customer: CustomerId,
    /// When.
    pub asked_at: Timestamp,
    /// How it comes in.
    pub told: Told,
    /// Whether it waits for a person; a machine has answered it if not.
    pub waits: bool,
    /// The language to answer in.
    pub language: Language,
    /// As it was typed.
    pub text: Arc<str>,
    /// What it is compared by.
    pub print: Arc<Print>,
}

/// What a question has become part of.
#[derive(Clone, Debug, PartialEq)]
pub struct Joined {
    /// Which cluster.
    pub cluster: ClusterId,
    /// By what; `None` for the first of its cluster.
    pub by: Option<Match>,
    /// How far the cluster has come with it.
    pub standing: Standing,
    /// Whether it has come further by this question.
    pub is_news: bool,
    /// Distinct customers of the last minute, and how many are usual.
    pub customers: usize,
    /// Customers of a usual minute.
    pub usual: f64,
    /// The answer, where the customer is to get it at once.
    pub answer: Option<Arc<Answer>>,
}

/// A cluster that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Which.
    pub cluster: ClusterId,
    /// Who followed it to the end.
    pub followers: Vec<ConversationId>,
}

/// The clusters of one shop.
#[derive(Clone, Debug, Default)]
pub struct Live {
    settings: Settings,
    pub(super) clusters: Vec<Cluster>,
    pub(super) of: BTreeMap<ConversationId, ClusterId>,
    pub(super) next: u32,
    /// Of which seats have said that they are different matters, the older first.
    pub(super) apart: BTreeSet<(ClusterId, ClusterId)>,
    pub(super) trust: Trust,
    /// By what the points of the middles were made; empty for nothing.
    pub(super) points_of: String,
    /// Since when questions are counted that a machine has answered.
    pub(super) answered_since: Option<Timestamp>,
}

impl Live {
    /// No clusters yet; `trust` is what was known of joins before.
    pub fn new(settings: Settings, trust: Trust) -> Self {
        Self { settings, trust, ..Self::default() }
    }

    /// By what it works.
    pub const fn settings(&self) -> Settings {
        self.settings
    }

    /// Works by these from now on. Who has joined already stays.
    pub fn set(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// The points of questions are made by what has this fingerprint from now on. What another made of those
    /// before means something else, and is forgotten.
    pub fn take_points_of(&mut self, fingerprint: &str) {
        if self.points_of != fingerprint {
            self.clusters.iter_mut().for_each(|cluster| cluster.centre.forget_points());
            fingerprint.clone_into(&mut self.points_of);
        }
    }

    /// Whether questions join without a click now.
    pub fn is_automatic(&self) -> bool {
        self.settings.may_be_automatic && self.trust.is_automatic()
    }

    /// What is known of joins.
    pub const fn trust(&self) -> Trust {
        self.trust
    }

    /// The clusters that seats are told of, oldest first.
    pub fn shown(&self) -> impl Iterator<Item = &Cluster> {
        self.clusters.iter().filter(|cluster| cluster.standing != Standing::Watched)
    }

    /// Every cluster, those that are only watched included.
    pub fn all(&self) -> &[Cluster] {
        &self.clusters
    }

    /// The cluster that a conversation follows.
    pub fn of(&self, conversation: ConversationId) -> Option<&Cluster> {
        self.find(*self.of.get(&conversation)?)
    }

    /// A cluster that seats are told of.
    pub fn get(&self, id: ClusterId) -> Option<&Cluster> {
        self.find(id).filter(|cluster| cluster.standing != Standing::Watched)
    }

    /// Takes a question in. `None` when it names nothing that incidents are about and is a copy of
    /// nothing, or when its conversation follows one already.
    pub fn ask(&mut self, now: Timestamp, question: &Question) -> Option<Joined> {
        if self.of.contains_key(&question.conversation) {
            return None;
        }
        let (at, by) = match self.nearest(&question.print) {
            Some((at, by)) => (at, Some(by)),
            None if !question.print.topic().is_empty() => (self.begin(now, question), None),
            None => return None,
        };
        let is_automatic = self.is_automatic()
            && !Trust::is_audited(question.conversation.as_uuid().as_u128() as u64);
        let suggest_from = self.settings.suggest_from;
        if self.clusters[at].followers.len() >= FOLLOWERS_MAX {
            return None;
        }
        let before = self.clusters[at].standing;
        let id = self.clusters[at].id;
        let is_usual_known = self.knows_what_is_usual(now, question);
        let is_more = self.clusters[at].take(now, question, by.is_none());
        // What a machine answers makes no incident, however much more it is than usual: seats are told.
        let mut is_high = is_more && question.waits;
        let is_to_be_told = is_more && is_usual_known;
        let is_doubtful = question.print.is_doubtful();
        let may_rise = question.waits && !is_doubtful && !is_high && before != Standing::Open;
        let risen = if may_rise { self.rise(now, at) } else { None };
        // What is near in the middle alone is for a seat to look at.
        let is_automatic = is_automatic && risen.is_none();
        let (at, by) = match risen {
            Some(Risen { at, likeness }) => {
                is_high = true;
                (at, likeness.map(Match::Topic).or(by))
            }
            // Others may have become one though the newcomer was kept out, and stand elsewhere now.
            None => (self.clusters.iter().position(|it| it.id == id)?, by),
        };
        if is_high {
            self.recall(self.clusters[at].id);
        }
        let cluster = &mut self.clusters[at];
        let customers = cluster.rate_of(question.waits).customers(now);
        // Who still waits after a restart may have asked long ago, and is to be seen again as before.
        let again = match question.told {
            Told::First => 0,
            Told::Again => cluster.followers.values().filter(|it| it.waits).count() + 1,
        };
        let are_several = question.waits && customers.max(again) >= suggest_from;
        if is_high {
            cluster.standing = Standing::Open;
        } else if before == Standing::Watched && (are_several || is_to_be_told) {
            cluster.standing = Standing::Suggested;
        }
        let is_automatic = is_automatic && cluster.is_open();
        let answer = cluster.answer.clone().filter(|_| is_automatic);
        let follower = Follower {
            conversation: question.conversation,
            customer: question.customer.clone(),
            language: question.language,
            text: for_a_seat(&question.text),
            asked_at: question.asked_at.min(now),
            waits: question.waits,
            by,
            is_confirmed: is_automatic,
            is_automatic,
            is_answered: answer.is_some(),
            home: (cluster.id, by),
        };
        if follower.is_answered {
            cluster.was_answered(by);
        }
        cluster.followers.insert(question.conversation, follower);
        self.of.insert(question.conversation, cluster.id);
        let joined = Joined {
            cluster: cluster.id,
            by,
            standing: cluster.standing,
            is_news: cluster.standing != before,
            customers,
            usual: cluster.rate_of(question.waits).usual(now),
            answer,
        };
        Some(self.settle(now, question.conversation, joined))
    }

    /// Whether it is known by now how often such a question usually comes. What machines answer is most of what
    /// is asked: before that, all of it would be more than usual.
    fn knows_what_is_usual(&mut self, now: Timestamp, question: &Question) -> bool {
        let since = *self.answered_since.get_or_insert(now);
        !question.waits && now.since(since) >= MEMORY
    }

    /// Lets every other question find its place, now that a newcomer has his, and tells which he has then.
    fn settle(&mut self, now: Timestamp, newcomer: ConversationId, joined: Joined) -> Joined {
        self.gather(now, joined.cluster);
        self.sort_out(joined.cluster);
        self.lean(joined.cluster);
        let Some(cluster) = self.of(newcomer).filter(|it| it.id != joined.cluster) else {
            return joined;
        };
        let by = cluster.followers.get(&newcomer).and_then(|it| it.by);
        Joined { cluster: cluster.id, by, standing: cluster.standing, is_news: false, ..joined }
    }

    /// A conversation follows nothing any more: it has ended, or a seat has taken it.
    pub fn leave(&mut self, conversation: ConversationId) -> Option<ClusterId> {
        self.unpromise(conversation);
        let id = self.of.remove(&conversation)?;
        self.any_mut(id)?.followers.remove(&conversation);
        Some(id)
    }

    /// The customer of a follower has said something else than thanks after the answer.
    pub fn returned(&mut self, conversation: ConversationId) -> Option<ClusterId> {
        self.unpromise(conversation);
        let id = self.of.remove(&conversation)?;
        let cluster = self.any_mut(id)?;
        let follower = cluster.followers.remove(&conversation)?;
        cluster.was_returned(follower.by);
        // Nobody has looked at such a join: all that is known of it is that the answer was none.
        if follower.is_automatic {
            self.trust.decided(false);
        }
        Some(id)
    }

    /// Forgets what an erased customer wrote, and that it was him; whether there was anything. His
    /// conversations follow nothing any more.
    pub fn forget(&mut self, customer: &CustomerId) -> bool {
        let mut had_any = false;
        for cluster in &mut self.clusters {
            for conversation in cluster.take_followers_of(customer) {
                self.of.remove(&conversation);
                had_any = true;
            }
            had_any |= cluster.forget(customer);
        }
        self.clusters.retain(|cluster| !cluster.is_forgotten());
        had_any
    }

    /// When [`Self::on_timer`] next has work.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.shown().map(|cluster| cluster.newest_at + self.settings.quiet_max).min()
    }

    /// Closes the clusters that nobody has joined for long.
    pub fn on_timer(&mut self, now: Timestamp) -> Vec<Closed> {
        let quiet_max = self.settings.quiet_max;
        let is_over = |cluster: &&Cluster| now.since(cluster.newest_at) >= quiet_max;
        let over: Vec<ClusterId> = self.shown().filter(is_over).map(|cluster| cluster.id).collect();
        over.into_iter().filter_map(|id| self.close(id).ok()).collect()
    }

    pub(super) fn next_id(&mut self) -> ClusterId {
        let id = ClusterId(self.next);
        self.next = self.next.wrapping_add(1);
        id
    }

    pub(super) fn find(&self, id: ClusterId) -> Option<&Cluster> {
        self.clusters.iter().find(|cluster| cluster.id == id)
    }

    /// One that is only watched as well: whoever leaves it is to be gone when it opens.
    pub(super) fn any_mut(&mut self, id: ClusterId) -> Option<&mut Cluster> {
        self.clusters.iter_mut().find(|it| it.id == id)
    }

    /// The cluster that a question joins, if it is in no doubt: one that it copies, else the open one that it is most like, else
    /// the most alike of the others. Between two open ones it joins none.
    fn nearest(&self, print: &Print) -> Option<(usize, Match)> {
        if print.is_doubtful() {
            return None;
        }
        let all = || self.clusters.iter().enumerate().filter(|(_, it)| !it.is_doubtful());
        let copies = all().filter_map(|(at, cluster)| Some((at, cluster.copied_by(print)?)));
        if let Some(copy) = copies.max_by(|a, b| a.1.likeness().total_cmp(&b.1.likeness())) {
            return Some(copy);
        }
        let likeness = all().map(|(at, it)| (at, it.is_open(), it.centre.likeness(print.topic())));
        let (open, others): (Vec<_>, Vec<_>) = likeness.partition(|(_, is_open, _)| *is_open);
        let joins = |(at, _, likeness): (usize, bool, f32)| {
            let is_alike = likeness >= self.clusters[at].threshold.joins_from();
            is_alike.then_some((at, Match::Topic(likeness)))
        };
        let best = |all: &[(usize, bool, f32)]| {
            all.iter().copied().max_by(|a, b| a.2.total_cmp(&b.2).then(b.0.cmp(&a.0)))
        };
        if let Some(found) = best(&open)
            && let Some(joined) = joins(found)
        {
            let others = open.iter().filter(|it| it.0 != found.0);
            let second = others.map(|it| it.2).fold(0.0, f32::max);
            return (found.2 - second >= MARGIN_MIN).then_some(joined);
        }
        best(&others).and_then(joins)
    }

    /// Begins to watch a question. In a full memory it takes the place of the cluster that nobody is told of
    /// and nobody has joined for longest, of a doubtful one first.
    fn begin(&mut self, now: Timestamp, question: &Question) -> usize {
        let id = self.next_id();
        if self.clusters.len() >= CLUSTERS_MAX {
            let watched = self.clusters.iter().enumerate();
            let oldest = watched.min_by_key(|(_, it)| {
                (it.standing != Standing::Watched, !it.is_doubtful(), it.newest_at)
            });
            if let Some(at) = oldest.map(|(at, _)| at) {
                let forgotten = self.clusters.remove(at);
                forgotten.followers.keys().for_each(|follower| {
                    self.of.remove(follower);
                });
            }
        }
        self.clusters.push(Cluster::new(id, now, question));
        self.clusters.len() - 1
    }
}

#[cfg(test)]
pub(super) mod tests;
