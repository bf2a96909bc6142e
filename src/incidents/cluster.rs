//! One group of conversations that ask the same thing.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::{ConversationId, CustomerId, Language, SeatId, Timestamp};

use super::live::Question;
use super::print::{Centre, Match, Print, TOPIC_ALIKE};
use super::rate::Rate;

/// Conversations that one answer reaches.
pub const FOLLOWERS_MAX: usize = 10_000;
/// Texts of a cluster that copies are looked for among: its first and its latest.
pub const PRINTS_MAX: usize = 16;
/// Texts of a cluster that a seat is shown.
pub const EXAMPLES_MAX: usize = 3;
/// Without a newcomer for so long, a cluster closes.
pub const QUIET_MAX: Duration = Duration::from_secs(30 * 60);

/// Where the threshold of a cluster stays, whatever is learned.
const THRESHOLD_RANGE: std::ops::RangeInclusive<f32> = 0.5..=1.1;
/// How much less alike than its threshold says a question may be once a cluster is open: by then its middle
/// is that of many.
const OPEN_EASIER: f32 = 0.2;
/// How far beyond a wrong join the threshold moves, and how far for a customer who was not served.
const BEYOND_WRONG: f32 = 0.02;
const BEYOND_RETURN: f32 = 0.005;

/// Number of a cluster in its shop, since the start of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ClusterId(pub u32);

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How far a cluster has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nobody is told of it.
    Watched,
    /// Seats are told that several customers may ask the same.
    Suggested,
    /// Its rate has left the baseline, or a seat has confirmed it.
    Open,
}

/// A conversation that asks what the others of its cluster ask.
#[derive(Clone, Debug, PartialEq)]
pub struct Follower {
    /// Which.
    pub conversation: ConversationId,
    /// The language to answer in.
    pub language: Language,
    /// When it asked.
    pub asked_at: Timestamp,
    /// By what it belongs here; `None` for the first.
    pub by: Option<Match>,
    /// Whether a seat has said that it does, or joining is automatic.
    pub is_confirmed: bool,
    /// Whether it has the answer.
    pub is_answered: bool,
}

/// What a seat answers to all at once.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Who answered.
    pub seat: SeatId,
    /// The text in each language that there is one for.
    pub texts: BTreeMap<Language, Arc<str>>,
    /// The language of the text for everybody else.
    pub fallback: Language,
}

impl Answer {
    /// The text for a follower and the language that it is in.
    pub fn text_for(&self, language: Language) -> Option<(Language, &Arc<str>)> {
        let found = self.texts.get_key_value(&language);
        found.or_else(|| self.texts.get_key_value(&self.fallback)).map(|(l, text)| (*l, text))
    }
}

/// A text of a cluster that a seat is shown, and who wrote it.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// As it was typed.
    pub text: Arc<str>,
    pub(super) customer: CustomerId,
}

/// A question that copies are looked for among, and who asked it.
#[derive(Clone, Debug)]
pub(super) struct Known {
    print: Arc<Print>,
    customer: CustomerId,
}

/// A group of questions.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Its number.
    pub id: ClusterId,
    /// How far it has come.
    pub standing: Standing,
    /// Who follows it.
    pub followers: BTreeMap<ConversationId, Follower>,
    /// What its first askers wrote; the gate lets no personal data through.
    pub examples: Vec<Example>,
    /// What was answered.
    pub answer: Option<Arc<Answer>>,
    /// When the last newcomer came.
    pub newest_at: Timestamp,
    /// Likeness from which on a question joins.
    pub threshold: f32,
    pub(super) centre: Centre,
    pub(super) known: VecDeque<Known>,
    pub(super) rate: Rate,
    /// Whether it was known before a restart: it has a middle although nothing is left to compare copies with.
    was_kept: bool,
}

impl Cluster {
    pub(super) fn new(
        id: ClusterId,
        now: Timestamp,
        (print, customer): (&Arc<Print>, &CustomerId),
    ) -> Self {
        let known = [Known { print: print.clone(), customer: customer.clone() }].into();
        let watched = Self::watched(id, Centre::of(print), TOPIC_ALIKE, (0.0, now));
        Self { known, was_kept: false, ..watched }
    }

    /// One that was known before: nobody follows it, and nothing is left to compare copies with.
    pub(super) fn watched(
        id: ClusterId,
        centre: Centre,
        threshold: f32,
        (past, at): (f64, Timestamp),
    ) -> Self {
        let mut cluster = Self {
            id,
            standing: Standing::Watched,
            followers: BTreeMap::new(),
            examples: Vec::new(),
            answer: None,
            newest_at: at,
            threshold: TOPIC_ALIKE,
            centre,
            known: VecDeque::new(),
            rate: Rate::of_past(past, at),
            was_kept: true,
        };
        cluster.set_threshold(threshold);
        cluster
    }

    /// By what a question is a copy of one here, if it is.
    pub(super) fn copied_by(&self, print: &Print) -> Option<Match> {
        let copy = self.known.iter().filter_map(|known| known.print.is_copy(print));
        copy.max_by(|a, b| a.likeness().total_cmp(&b.likeness()))
    }

    /// Likeness from which on a question joins now.
    pub(super) fn joins_from(&self) -> f32 {
        if self.is_open() { self.threshold - OPEN_EASIER } else { self.threshold }
    }

    /// Whether seats are told of it as one.
    pub(super) fn is_open(&self) -> bool {
        self.standing == Standing::Open
    }

    /// Takes a question in; whether more customers ask than usually do.
    pub(super) fn take(&mut self, now: Timestamp, question: &Question, is_first: bool) -> bool {
        let Question { print, customer, text, .. } = question;
        self.newest_at = now;
        let is_new = !self.examples.iter().any(|example| example.text == *text);
        if self.examples.len() < EXAMPLES_MAX && is_new {
            self.examples.push(Example { text: text.clone(), customer: customer.clone() });
        }
        if !is_first {
            self.centre.add(print);
            if self.known.len() >= PRINTS_MAX {
                // The first one stays: it is what a seat is shown.
                self.known.remove(1);
            }
            self.known.push_back(Known { print: print.clone(), customer: customer.clone() });
        }
        self.rate.ask(now, customer)
    }

    /// Whom an answer would reach: those that a seat has confirmed and nobody has answered.
    pub fn reached(&self) -> impl Iterator<Item = &Follower> {
        self.followers.values().filter(|follower| follower.is_confirmed && !follower.is_answered)
    }

    /// Those that wait for a seat's click.
    pub fn unconfirmed(&self) -> impl Iterator<Item = &Follower> {
        self.followers.values().filter(|follower| !follower.is_confirmed)
    }

    /// Learns from a join that a seat has called wrong.
    pub(super) fn was_wrong(&mut self, by: Option<Match>) {
        if let Some(Match::Topic(likeness)) = by {
            let easier = self.threshold - self.joins_from();
            self.set_threshold(self.threshold.max(likeness + BEYOND_WRONG + easier));
        }
    }

    /// Learns from a follower to whom the answer was none.
    pub(super) fn was_returned(&mut self, by: Option<Match>) {
        if let Some(Match::Topic(_)) = by {
            self.set_threshold(self.threshold + BEYOND_RETURN);
        }
    }

    fn set_threshold(&mut self, threshold: f32) {
        let (low, high) = (*THRESHOLD_RANGE.start(), *THRESHOLD_RANGE.end());
        self.threshold = threshold.clamp(low, high);
    }

    /// Forgets what an erased customer wrote, and that it was him. Of a text that is no longer looked for
    /// among, what is left is its part in the sum of all.
    pub(super) fn forget(&mut self, customer: &CustomerId) -> bool {
        let before = (self.examples.len(), self.known.len());
        self.examples.retain(|example| example.customer != *customer);
        let centre = &mut self.centre;
        self.known.retain(|known| {
            let is_theirs = known.customer == *customer;
            if is_theirs {
                centre.take_away(&known.print);
            }
            !is_theirs
        });
        self.rate.forget(customer);
        before != (self.examples.len(), self.known.len())
    }

    /// Whether nothing is left that a question could be compared with.
    pub(super) fn is_forgotten(&self) -> bool {
        !self.was_kept && self.known.is_empty() && self.followers.is_empty()
    }

    /// Forgets the incident and keeps what it was about and how often it is asked.
    pub(super) fn close(&mut self) {
        self.standing = Standing::Watched;
        self.followers.clear();
        self.examples.clear();
        self.answer = None;
    }
}
