//! A customer in one conversation, from the first message to the end or to walking away.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;

use super::frame::{self, Event, Kind, Sender};
use super::link::{Incoming, Link};
use crate::schedule::Visit;
use crate::shared::Shared;
use crate::stats::{Count, Measure};
use crate::verify::End;

/// A first response within this counts as in time.
const FIRST_RESPONSE_GOAL: Duration = Duration::from_secs(15);
/// After the end: longest wait for the rating's event and for late acknowledgements.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// After being told to hurry: longest wait for the end.
const HURRY: Duration = Duration::from_secs(10);

/// How a visit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With the event `closed`: the customer can come again.
    Closed,
    /// The customer walked away, or the conversation did not come to an end: its credential is not
    /// used for another one.
    Open,
}

/// What the customer does next by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Intention {
    Say,
    Close,
    AskForPerson,
}

struct Customer<'a> {
    link: &'a mut Link,
    shared: &'a Arc<Shared>,
    visit: &'a Visit,
    scheduled: Instant,
    conversation: Option<Uuid>,
    said: usize,
    intends: Option<(Instant, Intention)>,
    leaves_at: Option<Instant>,
    /// When this customer stops waiting for anything.
    gives_up_at: Instant,
    /// From when on a person is awaited.
    person_since: Instant,
    machine_answered: bool,
    /// A machine has asked back: the next message answers it, and the wait for a person begins there.
    asked_back: bool,
    wants_person: bool,
    /// Told to hurry before the first message was due.
    called_off: bool,
    left: bool,
    person_answered: bool,
    got_ticket: bool,
    closing: bool,
    closed: bool,
    rating: bool,
    /// Refusals that only the event `closed` explains: it may come after them, as it waits for the
    /// disk and they do not.
    conflicts: u32,
    last_seq: u64,
}

/// Holds one conversation.
pub async fn converse(
    link: &mut Link,
    shared: &Arc<Shared>,
    visit: &Visit,
    scheduled: Instant,
    hurry: &mut watch::Receiver<bool>,
) -> Ended {
    let mut customer = Customer {
        link,
        shared,
        visit,
        scheduled,
        conversation: None,
        said: 0,
        intends: Some((scheduled, Intention::Say)),
        leaves_at: None,
        gives_up_at: scheduled + shared.patience,
        person_since: scheduled,
        machine_answered: false,
        asked_back: false,
        wants_person: false,
        called_off: false,
        left: false,
        person_answered: false,
        got_ticket: false,
        closing: false,
        closed: false,
        rating: false,
        conflicts: 0,
        last_seq: 0,
    };
    let ended = customer.run(hurry).await;
    customer.account(ended);
    ended
}

impl Customer<'_> {
    async fn run(&mut self, hurry: &mut watch::Receiver<bool>) -> Ended {
        loop {
            let until = self.next_moment();
            let hurried = *hurry.borrow();
            let incoming = tokio::select! {
                biased;
                Ok(()) = hurry.changed(), if !hurried => {
                    self.hurry().await;
                    continue;
                }
                incoming = self.link.next(until) => incoming,
            };
            let end = match incoming {
                Incoming::Due => self.act(Instant::now()).await,
                Incoming::Event(event) => self.hear(event).await,
                Incoming::Acked { conversation } => self.acked(conversation).await,
                Incoming::Welcome(standings) => {
                    let known = standings.iter().map(|standing| standing.conversation).collect();
                    self.welcomed(known).await
                }
                Incoming::Refused { conversation, code, .. } => self.refused(conversation, &code),
                Incoming::Broken => Some(Ended::Open),
                _ => None,
            };
            if let Some(end) = end {
                return end;
            }
            // The first message has no conversation of its own to be awaited by.
            let awaits_ack = self.link.awaits_ack(self.conversation) || self.link.awaits_ack(None);
            if self.closed && !self.rating && !awaits_ack {
                return Ended::Closed;
            }
        }
    }

    fn next_moment(&self) -> Instant {
        let intends = self.intends.map(|(at, _)| at);
        [intends, self.leaves_at].into_iter().flatten().fold(self.gives_up_at, Instant::min)
    }

    async fn act(&mut self, now: Instant) -> Option<Ended> {
        if self.leaves_at.is_some_and(|at| at <= now) {
            self.left = true;
            self.link.leave();
            self.shared.stats.count(Count::Left);
            return Some(Ended::Open);
        }
        if now >= self.gives_up_at {
            return self.give_up(now).await;
        }
        if let Some((at, intention)) = self.intends
            && at <= now
        {
            self.intends = None;
            match intention {
                Intention::Say => self.say(at).await,
                Intention::Close => self.close().await,
                Intention::AskForPerson => self.ask_for_person(at).await,
            }
        }
        None
    }

    async fn say(&mut self, scheduled: Instant) {
        if std::mem::take(&mut self.asked_back) {
            self.person_since = scheduled;
            if let Some(conversation) = self.conversation {
                self.shared.recorder.person_wanted(conversation, scheduled);
            }
        }
        let text = &self.visit.texts[self.said];
        self.link.say(self.conversation, text, scheduled).await;
        self.said += 1;
        if let Some(breaks) = self.visit.breaks
            && breaks.after_message + 1 == self.said
        {
            self.link.break_off(breaks.away);
        }
    }

    async fn close(&mut self) {
        self.closing = true;
        if let Some(conversation) = self.conversation {
            self.link.tell(frame::about("close", conversation)).await;
        }
    }

    async fn ask_for_person(&mut self, at: Instant) {
        self.wants_person = true;
        self.person_since = at;
        self.shared.stats.count(Count::AskedForPerson);
        if let Some(conversation) = self.conversation {
            self.shared.recorder.person_wanted(conversation, at);
            self.link.tell(frame::about("person", conversation)).await;
        }
    }

    /// Waited long enough: first ends the conversation, then stops hoping for its end.
    async fn give_up(&mut self, now: Instant) -> Option<Ended> {
        if self.closed || self.closing {
            return Some(if self.closed { Ended::Closed } else { Ended::Open });
        }
        self.shared.stats.count(Count::GaveUp);
        self.gives_up_at = now + HURRY;
        self.intends = None;
        self.leaves_at = None;
        self.close().await;
        None
    }

    async fn hurry(&mut self) {
        if self.closed {
            return;
        }
        let now = Instant::now();
        self.called_off = now < self.scheduled;
        self.gives_up_at = now + HURRY;
        self.intends = None;
        self.leaves_at = None;
        if !self.closing {
            self.close().await;
        }
    }

    async fn welcomed(&mut self, known: Vec<Uuid>) -> Option<Ended> {
        let conversation = self.conversation?;
        if !known.contains(&conversation) {
            self.shared.stats.error("conversation_gone");
            return Some(Ended::Open);
        }
        // A frame without an acknowledgement may have gone down with the connection.
        if self.closing && !self.closed {
            self.link.tell(frame::about("close", conversation)).await;
        } else if self.wants_person && !self.person_answered {
            self.link.tell(frame::about("person", conversation)).await;
        }
        if self.rating
            && let Some(score) = self.visit.rates
        {
            self.link.tell(frame::rate(conversation, score)).await;
        }
        None
    }

    async fn acked(&mut self, conversation: Uuid) -> Option<Ended> {
        self.opened(conversation);
        // Told to hurry before the conversation had a name.
        if self.closing && !self.closed {
            self.close().await;
        }
        None
    }

    fn opened(&mut self, conversation: Uuid) {
        if self.conversation.is_some() {
            return;
        }
        self.conversation = Some(conversation);
        let stats = &self.shared.stats;
        stats.count(Count::Conversations);
        stats.language(&self.visit.language, |it| it.conversations += 1);
        if let Some(identity) = self.link.identity() {
            self.shared.recorder.opened(conversation, identity, self.scheduled, stats);
        }
    }

    fn refused(&mut self, conversation: Option<Uuid>, code: &str) -> Option<Ended> {
        if self.closed && matches!(code, "conflict" | "not_found") {
            self.shared.stats.count(Count::RacedClose);
            return None;
        }
        if code == "conflict" && conversation.is_some() {
            self.conflicts += 1;
            return None;
        }
        self.shared.stats.error(code);
        // The first message was refused for good: there will be no conversation.
        (conversation.is_none() && self.conversation.is_none()).then_some(Ended::Open)
    }

    async fn hear(&mut self, event: Event) -> Option<Ended> {
        self.opened(event.conversation);
        if self.conversation != Some(event.conversation) {
            return None;
        }
        let now = Instant::now();
        self.last_seq = event.seq;
        match event.kind {
            Kind::Message { from: Sender::Seat, .. } => self.heard_person(now).await,
            Kind::Message { from: Sender::Machine, .. } => {
                self.shared.stats.count(Count::MessagesMachine);
                self.show().await;
                self.heard_question(now);
            }
            Kind::AnsweredByMachine => self.heard_machine(now),
            Kind::Queued => {
                self.understood(now);
                if self.leaves_at.is_none() && !self.closing && !self.person_answered {
                    self.leaves_at = self.visit.leaves_after.map(|after| now + after);
                }
            }
            Kind::Assigned => {
                self.leaves_at = None;
            }
            Kind::Ticket => {
                self.understood(now);
                self.shared.stats.count(Count::Tickets);
                self.got_ticket = true;
                self.leaves_at = None;
                self.intends = Some((now + self.look(), Intention::Close));
            }
            Kind::Rated => {
                self.shared.stats.count(Count::Rated);
                self.rating = false;
            }
            Kind::Closed => self.heard_close(now).await,
            Kind::Message { .. } | Kind::Transferred | Kind::Other => {}
        }
        None
    }

    /// Looking at an answer or a ticket before doing something about it.
    fn look(&self) -> Duration {
        Duration::from_secs_f64(self.shared.manners.look_s)
    }

    fn understood(&self, now: Instant) {
        if let Some(conversation) = self.conversation {
            self.shared.recorder.understood(conversation, now, &self.shared.stats);
        }
    }

    async fn show(&mut self) {
        if let Some(conversation) = self.conversation {
            self.link.tell(frame::received(conversation, self.last_seq)).await;
        }
    }

    async fn heard_person(&mut self, now: Instant) {
        self.leaves_at = None;
        if !self.person_answered {
            self.person_answered = true;
            let took = now.saturating_duration_since(self.person_since);
            let stats = &self.shared.stats;
            stats.record(Measure::FirstResponsePerson, took);
            stats.second(|second| second.first_person += 1);
            stats.language(&self.visit.language, |it| {
                let longest = it.longest_first_response_person_s.max(took.as_secs_f64());
                it.longest_first_response_person_s = (longest * 1e3).round() / 1e3;
                it.within_15s_person += u64::from(took <= FIRST_RESPONSE_GOAL);
            });
            if took <= FIRST_RESPONSE_GOAL {
                stats.count(Count::PersonWithin15s);
            }
        }
        self.show().await;
        if self.intends.is_some() || self.closing {
            return;
        }
        if let Some(think) = self.visit.thinks.get(self.said.saturating_sub(1)) {
            self.intends = Some((now + *think, Intention::Say));
            if let Some(conversation) = self.conversation {
                self.link.tell(frame::about("typing", conversation)).await;
            }
        } else if self.visit.closes {
            self.intends = Some((now + self.look(), Intention::Close));
        }
    }

    /// A machine's message is a question back unless `answered_by_machine` follows at once, which
    /// then decides what the customer does.
    fn heard_question(&mut self, now: Instant) {
        self.understood(now);
        if self.closing || self.person_answered || self.machine_answered {
            return;
        }
        let next = if self.said < self.visit.texts.len() {
            self.asked_back = true;
            Intention::Say
        } else {
            Intention::AskForPerson
        };
        self.intends = Some((now + self.look(), next));
    }

    fn heard_machine(&mut self, now: Instant) {
        self.asked_back = false;
        self.understood(now);
        if self.person_answered || self.machine_answered {
            return;
        }
        self.machine_answered = true;
        let took = now.saturating_duration_since(self.scheduled);
        let stats = &self.shared.stats;
        stats.count(Count::AnsweredByMachine);
        stats.record(Measure::FirstResponseMachine, took);
        stats.second(|second| second.first_machine += 1);
        if took <= FIRST_RESPONSE_GOAL {
            stats.count(Count::MachineWithin15s);
        }
        if !self.closing {
            let next = if self.visit.content_with_machine {
                Intention::Close
            } else {
                Intention::AskForPerson
            };
            self.intends = Some((now + self.look(), next));
        }
    }

    async fn heard_close(&mut self, now: Instant) {
        self.closed = true;
        self.leaves_at = None;
        self.intends = None;
        self.gives_up_at = now + LAST_WORDS;
        self.shared.stats.count(if self.closing {
            Count::ClosedByCustomer
        } else {
            Count::ClosedBySeat
        });
        if let (Some(score), Some(conversation)) = (self.visit.rates, self.conversation) {
            self.rating = true;
            self.link.tell(frame::rate(conversation, score)).await;
        }
    }

    /// Books the visit once it is over.
    fn account(&mut self, ended: Ended) {
        let stats = &self.shared.stats;
        for _ in 0..self.conflicts {
            if self.closed {
                stats.count(Count::RacedClose);
            } else {
                stats.error("conflict");
            }
        }
        let left = self.left;
        // Never answered by anybody, not even with an acknowledgement: a person was needed, whatever
        // the reason why none came.
        let needed_person = self.wants_person || self.person_answered || !self.machine_answered;
        if needed_person && !self.called_off {
            stats.count(Count::NeededPerson);
            stats.language(&self.visit.language, |it| it.needed_person += 1);
            if self.got_ticket && !self.person_answered {
                stats.count(Count::NeededPersonOffShift);
            }
        }
        if self.person_answered {
            stats.count(Count::PersonAnswered);
        }
        if ended == Ended::Open && !left {
            stats.count(Count::Unfinished);
        }
        self.link.give_up_messages();
        let Some(conversation) = self.conversation else { return };
        let end =
            if left { End::Left } else { End::Watched { until_ms: self.shared.recorder.now_ms() } };
        self.shared.recorder.end_view(conversation, self.link.viewer(), end);
        self.link.forget(conversation);
    }
}
