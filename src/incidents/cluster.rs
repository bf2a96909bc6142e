//! One group of conversations that ask the same thing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::{ConversationId, CustomerId, Language, SeatId, Timestamp};

use super::live::{Question, Told};
use super::names;
use super::print::{Match, Print};
use super::rate::{Rate, WINDOW};
use super::threshold::Threshold;
use super::topic::Centre;

/// Conversations that one answer reaches.
pub const FOLLOWERS_MAX: usize = 10_000;
/// Texts of a cluster that copies are looked for among: its first and its latest.
pub const PRINTS_MAX: usize = 16;
/// Texts of a cluster that a seat is shown.
pub const EXAMPLES_MAX: usize = 3;
/// Characters of what a follower asked that a seat is shown, to judge by.
pub(super) const TEXT_CHARS_MAX: usize = 160;
/// Without a newcomer for so long, a cluster closes.
pub const QUIET_MAX: Duration = Duration::from_secs(30 * 60);

/// Customers who have named a name from which on it is no single customer's.
const NAMED_BY_MIN: usize = 3;
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
    /// Whose it is.
    pub(super) customer: CustomerId,
    /// The language to answer in.
    pub language: Language,
    /// What it asked, for a seat to judge by: on one line, 160 characters at most, the last of them `…` where it
    /// is cut. The gate lets no personal data through. That is 640 bytes of a follower at most, 6.4 MB of a
    /// cluster that [`FOLLOWERS_MAX`] follow, and of a shop 640 bytes for each conversation that waits or that a
    /// machine has answered last, which follows one cluster at most. It goes with the follower: when that
    /// leaves, its customer is erased, or the cluster closes.
    pub text: Arc<str>,
    /// When it asked.
    pub asked_at: Timestamp,
    /// Whether it waits for a person: a machine has answered the others, by what is always true.
    pub waits: bool,
    /// By what it belongs here; `None` for the first.
    pub by: Option<Match>,
    /// Whether a seat has said that it does, or it joined without a click.
    pub is_confirmed: bool,
    /// Whether it joined without a click.
    pub(super) is_automatic: bool,
    /// Whether it has the answer.
    pub is_answered: bool,
    /// The cluster in whose middle it is counted, this one or one that leans to it, and by what it belongs
    /// there.
    pub(super) home: (ClusterId, Option<Match>),
}

impl Follower {
    /// Whether a seat's word on it says how good joins are: the first joins nothing, and what only resembles
    /// the others never joins without a click.
    pub(super) const fn has_joined(&self) -> bool {
        self.by.is_some() && !self.leans()
    }

    /// Whether it is here since what it asks leans to this.
    pub(super) const fn leans(&self) -> bool {
        matches!(self.by, Some(Match::Resemblance(_)))
    }

    /// Whether it may still follow another: nobody has said that it belongs where it is.
    pub(super) const fn is_free(&self) -> bool {
        !self.is_confirmed && !self.is_answered
    }
}

/// What a seat is shown of a question: see [`Follower::text`].
pub(super) fn for_a_seat(text: &Arc<str>) -> Arc<str> {
    let is_long = text.chars().nth(TEXT_CHARS_MAX).is_some();
    if !is_long && !text.contains(char::is_control) {
        return text.clone();
    }
    let kept = text.chars().take(if is_long { TEXT_CHARS_MAX - 1 } else { TEXT_CHARS_MAX });
    // Messages of several lines stand on one, and nothing takes more than its own bytes in JSON.
    let kept = kept.map(|char| if char.is_control() { ' ' } else { char });
    kept.chain(is_long.then_some('…')).collect::<String>().into()
}

/// What a seat answers to all at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Who answered.
    pub seat: SeatId,
    /// The text in each language that there is one for.
    pub texts: BTreeMap<Language, Arc<str>>,
    /// The language of the text for everybody else.
    pub fallback: Language,
}

impl Answer {
    /// What a seat is shown of it: the text for whoever has none in the own language, cut as [`Follower::text`].
    pub fn for_a_seat(&self) -> Option<Arc<str>> {
        self.texts.get(&self.fallback).map(for_a_seat)
    }

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
    pub(super) conversation: ConversationId,
}

impl Example {
    fn of(follower: &Follower) -> Self {
        let Follower { text, customer, conversation, .. } = follower;
        Self { text: text.clone(), customer: customer.clone(), conversation: *conversation }
    }
}

/// A question that goes over to another cluster.
pub(super) struct Given {
    known: Known,
    follower: Follower,
}

/// A question that copies are looked for among, and who asked it where.
#[derive(Clone, Debug)]
pub(super) struct Known {
    print: Arc<Print>,
    customer: CustomerId,
    conversation: ConversationId,
}

impl Known {
    fn of(question: &Question) -> Self {
        let Question { print, customer, conversation, .. } = question;
        Self { print: print.clone(), customer: customer.clone(), conversation: *conversation }
    }
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
    pub threshold: Threshold,
    /// How far its first question may be its writer's own matter: see [`Passed::doubt`](super::gate::Passed::doubt).
    pub(super) doubt: f32,
    pub(super) centre: Centre,
    pub(super) known: VecDeque<Known>,
    /// Who asks it and waits for a person.
    pub(super) rate: Rate,
    /// Who asks it and has a machine's answer.
    pub(super) answered: Rate,
    /// The names in its middle that are no single customer's.
    names_of_many: BTreeSet<u32>,
    /// Whom a seat had confirmed before a restart and who has told nothing since; `promised.rs`.
    pub(super) promised: BTreeSet<ConversationId>,
    /// The open cluster to which it leans, and which those who asked it follow.
    pub(super) leans_to: Option<ClusterId>,
    /// Whether it was known before a restart: it has a middle although nothing is left to compare copies with.
    pub(super) was_kept: bool,
}

impl Cluster {
    pub(super) fn new(id: ClusterId, now: Timestamp, question: &Question) -> Self {
        let (known, doubt) = ([Known::of(question)].into(), question.print.doubt());
        let centre = Centre::of(question.print.topic());
        let watched = Self::watched(id, centre, Threshold::default(), ([0.0; 2], now));
        Self { known, doubt, was_kept: false, ..watched }
    }

    /// One that was known before: nobody follows it, and nothing is left to compare copies with. `past` are those
    /// who waited and those whom a machine answered, weighed by how long ago at `at`.
    pub(super) fn watched(
        id: ClusterId,
        centre: Centre,
        threshold: Threshold,
        (past, at): ([f64; 2], Timestamp),
    ) -> Self {
        let mut cluster = Self {
            id,
            standing: Standing::Watched,
            followers: BTreeMap::new(),
            examples: Vec::new(),
            answer: None,
            newest_at: at,
            threshold,
            doubt: f32::NEG_INFINITY,
            centre,
            known: VecDeque::new(),
            rate: Rate::of_past(past[0], at),
            answered: Rate::of_past(past[1], at),
            names_of_many: BTreeSet::new(),
            promised: BTreeSet::new(),
            leans_to: None,
            was_kept: true,
        };
        // Only those were written down.
        cluster.names_of_many.extend(cluster.centre.keys().filter(|key| names::is_name(*key)));
        cluster
    }

    /// By what a question is a copy of one here, if it is.
    pub(super) fn copied_by(&self, print: &Print) -> Option<Match> {
        let copy = self.known.iter().filter_map(|known| known.print.is_copy(print));
        copy.max_by(|a, b| a.likeness().total_cmp(&b.likeness()))
    }

    /// Whether seats are told of it as one.
    pub(super) fn is_open(&self) -> bool {
        self.standing == Standing::Open
    }

    /// Whether its only question may rather be its writer's own matter: nothing joins it, and it may do no more
    /// than lean.
    pub(super) fn is_doubtful(&self) -> bool {
        self.doubt >= 0.0
    }

    /// Takes a question in; whether more customers ask than usually do, and wait as this one does or not.
    pub(super) fn take(&mut self, now: Timestamp, question: &Question, is_first: bool) -> bool {
        let Question { conversation, customer, text, .. } = question;
        let asked_at = question.asked_at.min(now);
        self.newest_at = self.newest_at.max(asked_at);
        let (text, conversation) = (text.clone(), *conversation);
        self.show(Example { text, customer: customer.clone(), conversation });
        if !is_first {
            self.know(Known::of(question));
        }
        if question.told == Told::Again && now.since(asked_at) >= WINDOW {
            // What was kept of the past has counted this customer already.
            return false;
        }
        self.rate_of(question.waits).ask(now, asked_at, customer)
    }

    /// Lets a seat see this as well, if it is another text and there is room.
    fn show(&mut self, example: Example) {
        let is_new = self.examples.iter().all(|it| it.text != example.text);
        if self.examples.len() < EXAMPLES_MAX && is_new {
            self.examples.push(example);
        }
    }

    /// Takes a question into its middle, and looks for copies of it from now on.
    fn know(&mut self, known: Known) {
        self.centre.add(known.print.topic());
        if self.known.len() >= PRINTS_MAX {
            // The first one stays: it is what a seat is shown.
            self.known.remove(1);
        }
        let print = known.print.clone();
        self.known.push_back(known);
        self.note_names(&print);
    }

    /// Questions that copies are looked for among and of which nobody has said that they belong here.
    pub(super) fn movable(&self) -> impl Iterator<Item = (ConversationId, &Print)> {
        let is_free = |known: &&Known| {
            let follower = self.followers.get(&known.conversation);
            follower.is_some_and(|it| it.is_free() && it.home.0 == self.id)
        };
        self.known.iter().filter(is_free).map(|known| (known.conversation, &*known.print))
    }

    /// Gives one of [`Self::movable`] away; how often it is asked has counted it already.
    pub(super) fn give(&mut self, conversation: ConversationId) -> Option<Given> {
        let at = self.known.iter().position(|it| it.conversation == conversation)?;
        let follower = self.followers.remove(&conversation)?;
        let known = self.known.remove(at)?;
        self.centre.take_away(known.print.topic());
        self.examples.retain(|it| it.conversation != conversation);
        if let Some(next) = self.followers.values().min_by_key(|it| it.asked_at)
            && self.examples.is_empty()
        {
            self.examples.push(Example::of(next));
        }
        let has_nobody = self.followers.is_empty() && self.promised.is_empty();
        if has_nobody && self.answer.is_none() {
            // There is none whom a seat could tell anything.
            self.standing = Standing::Watched;
        }
        Some(Given { known, follower })
    }

    /// Takes in what another has given away.
    pub(super) fn receive(&mut self, given: Given, by: Match) {
        let Given { known, mut follower } = given;
        (follower.by, follower.home) = (Some(by), (self.id, Some(by)));
        self.show(Example::of(&follower));
        self.newest_at = self.newest_at.max(follower.asked_at);
        self.know(known);
        self.followers.insert(follower.conversation, follower);
    }

    /// Who asks it and waits for a person, or has a machine's answer.
    pub(super) const fn rate_of(&mut self, waits: bool) -> &mut Rate {
        if waits { &mut self.rate } else { &mut self.answered }
    }

    /// Notes which names of a question others have named as well.
    fn note_names(&mut self, print: &Print) {
        for name in print.topic().keys().filter(|key| names::is_name(*key)) {
            let known =
                self.known.iter().filter(|it| it.print.topic().keys().any(|key| key == name));
            let customers: BTreeSet<&CustomerId> = known.map(|known| &known.customer).collect();
            if customers.len() >= NAMED_BY_MIN && self.centre.has(name) {
                self.names_of_many.insert(name);
            }
        }
        let centre = &self.centre;
        self.names_of_many.retain(|name| centre.has(*name));
    }

    /// Its middle without the names that only few have named.
    pub(super) fn middle_of_many(&self) -> Centre {
        self.centre.only(|key| !names::is_name(key) || self.names_of_many.contains(&key))
    }

    /// Whom an answer would reach: those that a seat has confirmed and nobody has answered.
    pub fn reached(&self) -> impl Iterator<Item = &Follower> {
        self.followers.values().filter(|follower| follower.is_confirmed && !follower.is_answered)
    }

    /// Those that wait for a seat's click; last those that only resemble the others, and of each of both those
    /// first who wait for a person.
    pub fn unconfirmed(&self) -> impl Iterator<Item = &Follower> {
        let order = [(false, true), (false, false), (true, true), (true, false)];
        order.into_iter().flat_map(|of| {
            let followers = self.followers.values().filter(|follower| !follower.is_confirmed);
            followers.filter(move |follower| (follower.leans(), follower.waits) == of)
        })
    }

    /// Learns from a join that a seat has called wrong: as much alike is too little, also once it is open,
    /// and what was asked there tells no longer what is asked here.
    pub(super) fn was_wrong(&mut self, follower: &Follower) {
        if let Some(likeness) = follower.by.and_then(Match::of_topics) {
            self.threshold.was_wrong(likeness);
        }
        let wrong = follower.conversation;
        self.forget_asked(|it| it.conversation == wrong, |it| it.conversation == wrong);
    }

    /// Learns that one who belongs here by this has the answer.
    pub(super) fn was_answered(&mut self, by: Option<Match>) {
        if by.and_then(Match::of_topics).is_some() {
            self.threshold.was_answered();
        }
    }

    /// Learns from a follower to whom the answer was none.
    pub(super) fn was_returned(&mut self, by: Option<Match>) {
        if by.and_then(Match::of_topics).is_some() {
            self.threshold.was_returned();
        }
    }

    /// Takes out the followers that are an erased customer's.
    pub(super) fn take_followers_of(&mut self, customer: &CustomerId) -> Vec<ConversationId> {
        let his = self.followers.extract_if(.., |_, it| it.customer == *customer);
        his.map(|(conversation, _)| conversation).collect()
    }

    /// Forgets what an erased customer wrote, and that it was him. Of a text that is no longer looked for
    /// among, what is left is its part in the sum of all.
    pub(super) fn forget(&mut self, customer: &CustomerId) -> bool {
        let had_asked =
            self.forget_asked(|it| it.customer == *customer, |it| it.customer == *customer);
        self.rate.forget(customer) | self.answered.forget(customer) | had_asked
    }

    /// Forgets these questions; whether there were any.
    fn forget_asked(
        &mut self,
        known: impl Fn(&Known) -> bool,
        example: impl Fn(&Example) -> bool,
    ) -> bool {
        let before = (self.examples.len(), self.known.len());
        self.examples.retain(|it| !example(it));
        let centre = &mut self.centre;
        self.known.retain(|it| {
            let is_gone = known(it);
            if is_gone {
                centre.take_away(it.print.topic());
            }
            !is_gone
        });
        before != (self.examples.len(), self.known.len())
    }

    /// Takes in what another knows, whose followers are as much alike; `None` where a seat has said that they
    /// ask the same.
    pub(super) fn take_in(&mut self, now: Timestamp, small: Self, likeness: Option<f32>) {
        if small.is_open() {
            self.standing = Standing::Open;
        }
        self.answer = self.answer.take().or(small.answer);
        self.newest_at = self.newest_at.max(small.newest_at);
        self.was_kept |= small.was_kept;
        self.threshold = self.threshold.of_both(small.threshold);
        self.centre.add_all(&small.centre);
        self.rate.add(now, small.rate);
        self.answered.add(now, small.answered);
        self.names_of_many.extend(small.names_of_many);
        self.promised.extend(small.promised);
        let room = PRINTS_MAX.saturating_sub(self.known.len());
        self.known.extend(small.known.into_iter().take(room));
        // Seats are shown what was written first.
        let mut later = small.examples;
        if small.id < self.id {
            std::mem::swap(&mut self.examples, &mut later);
        }
        later.into_iter().for_each(|it| self.show(it));
        for (conversation, mut follower) in small.followers {
            if follower.home.0 == small.id {
                // What made it the first of its own cluster is no reason to be in this one, unless a seat has
                // said so.
                follower.by = likeness.map(Match::Topic).or(follower.by);
                follower.home = (self.id, follower.by);
            }
            self.followers.insert(conversation, follower);
        }
    }

    /// Distinct customers who follow it.
    pub(super) fn customers(&self) -> usize {
        self.followers.values().map(|it| &it.customer).collect::<BTreeSet<_>>().len()
    }

    /// Whether nothing is left that a question could be compared with.
    pub(super) fn is_forgotten(&self) -> bool {
        !self.was_kept && self.known.is_empty() && self.followers.is_empty()
    }

    /// After a seat has said who belongs here: open once somebody does, and of a suggestion to which nobody
    /// is left nobody is told.
    pub(super) fn was_looked_at(&mut self) {
        if self.confirmed().next().is_some() {
            self.standing = Standing::Open;
        } else if self.standing == Standing::Suggested && self.followers.is_empty() {
            self.standing = Standing::Watched;
        }
    }

    /// Forgets the incident and keeps what it was about and how often it is asked.
    pub(super) fn close(&mut self) {
        self.standing = Standing::Watched;
        self.followers.clear();
        self.examples.clear();
        self.promised.clear();
        self.answer = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        for_a_seat(&text.into()).to_string()
    }

    #[test]
    fn a_seat_is_shown_160_characters_of_a_question_and_told_where_it_is_cut() {
        let whole = "ß".repeat(TEXT_CHARS_MAX);

        assert_eq!(shown(&whole), whole);
        assert_eq!(shown(&format!("{whole}?")), format!("{}…", "ß".repeat(TEXT_CHARS_MAX - 1)));
    }

    #[test]
    fn a_question_of_several_lines_is_shown_on_one() {
        assert_eq!(shown("hi\nis the site down?\u{1}"), "hi is the site down? ");
    }

    #[test]
    fn what_is_shown_of_any_question_takes_640_bytes_at_most() {
        for text in ["𝄞", "…", "a", "\u{1}"].map(|char| char.repeat(240)) {
            let shown = shown(&text);

            assert!(shown.len() <= TEXT_CHARS_MAX * 4, "{} bytes of {text}", shown.len());
            assert_eq!(shown.chars().count(), TEXT_CHARS_MAX);
        }
    }
}
