//! The shared record of a run: per conversation, what was acknowledged and seen by whom, and when
//! the router showed that it had understood and offered it.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use crate::client::frame::{Event, Kind};
use crate::ledger::{Entry, Ledger};
use crate::stats::{Measure, Stats, lock};
use crate::verify::{Acked, End, History, Said, Step, View, Viewer};

/// Locks to share among the clients; a power of two.
const SHARDS: usize = 64;

/// One conversation of the run.
#[derive(Debug, Default)]
pub struct Conversation {
    pub history: History,
    /// Whose it is, for the re-read: index of the customer's credential.
    pub identity: Option<usize>,
    timing: Timing,
}

/// First moments. The offer may reach a seat before the customer's own acknowledgement is read, so
/// each side leaves its moment here and whoever comes second records the latency.
#[derive(Debug, Default)]
struct Timing {
    scheduled: Option<Instant>,
    /// Asked for after a machine's answer: the wait for a seat begins here.
    person_wanted: Option<Instant>,
    understood: First,
    offered: First,
}

#[derive(Debug, Default)]
enum First {
    #[default]
    NotYet,
    At(Instant),
    Recorded,
}

impl First {
    fn note(&mut self, at: Instant) {
        if matches!(self, Self::NotYet) {
            *self = Self::At(at);
        }
    }

    fn settle(&mut self, scheduled: Option<Instant>) -> Option<Duration> {
        let (Self::At(at), Some(scheduled)) = (&*self, scheduled) else { return None };
        let took = at.saturating_duration_since(scheduled);
        *self = Self::Recorded;
        Some(took)
    }
}

/// All conversations of the run.
#[derive(Debug)]
pub struct Recorder {
    shards: [Mutex<HashMap<Uuid, Conversation>>; SHARDS],
    start: Instant,
    ledger: Option<Ledger>,
}

impl Recorder {
    /// Empty; a ledger gets a copy of each step as it happens.
    pub fn new(start: Instant, ledger: Option<Ledger>) -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()), start, ledger }
    }

    fn with<T>(&self, conversation: Uuid, change: impl FnOnce(&mut Conversation) -> T) -> T {
        // Ids of version 7 share their first bytes; the last are random.
        let shard = conversation.as_bytes()[15] as usize % SHARDS;
        change(lock(&self.shards[shard]).entry(conversation).or_default())
    }

    /// Milliseconds since the start of the run.
    pub fn now_ms(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }

    /// A message left for the first time.
    pub fn sent(&self, viewer: Viewer, said: Said) {
        self.note(Entry::Sent { viewer, said });
    }

    /// A customer's credential, which a later check of the ledger needs.
    pub fn visitor(&self, identity: usize, visitor: &str) {
        self.note(Entry::Visitor { identity, visitor });
    }

    /// The viewer begins to watch, holding nothing.
    pub fn begin_view(&self, conversation: Uuid, viewer: Viewer) {
        self.with(conversation, |known| {
            known.history.views.push(View { viewer, steps: Vec::new(), end: End::Left });
        });
    }

    /// An event reached the viewer.
    pub fn event(&self, viewer: Viewer, event: &Event) {
        let said = match event.kind {
            Kind::Message { id, hash, .. } => Some(Said { id, hash }),
            _ => None,
        };
        let step = Step::Event { epoch: event.epoch, seq: event.seq, said };
        self.step(event.conversation, viewer, step);
        self.note(Entry::Seen { viewer, conversation: event.conversation, seq: event.seq, said });
    }

    /// The viewer's own message was acknowledged.
    pub fn acked(&self, viewer: Viewer, conversation: Uuid, acked: Acked, again: bool) {
        let Acked { said, epoch, seq, .. } = acked;
        self.with(conversation, |known| known.history.acked.push(acked));
        self.step(conversation, viewer, Step::Ack { epoch, seq, said, again });
        self.note(Entry::Acked { viewer, conversation, epoch, seq, said });
    }

    /// The viewer dropped what it held.
    pub fn restart(&self, conversation: Uuid, viewer: Viewer) {
        self.step(conversation, viewer, Step::Restart);
    }

    /// The viewer stopped watching; once closed stays closed.
    pub fn end_view(&self, conversation: Uuid, viewer: Viewer, end: End) {
        self.with(conversation, |known| {
            if let Some(view) = last_view(known, viewer)
                && view.end != End::Closed
            {
                view.end = end;
            }
        });
    }

    fn step(&self, conversation: Uuid, viewer: Viewer, step: Step) {
        self.with(conversation, |known| {
            if last_view(known, viewer).is_none() {
                known.history.views.push(View { viewer, steps: Vec::new(), end: End::Left });
            }
            if let Some(view) = last_view(known, viewer) {
                view.steps.push(step);
            }
        });
    }

    /// Whose the conversation is and when its first message was due.
    pub fn opened(&self, conversation: Uuid, identity: usize, scheduled: Instant, stats: &Stats) {
        self.with(conversation, |known| {
            known.identity = Some(identity);
            known.timing.scheduled = Some(scheduled);
            settle(&mut known.timing, stats);
        });
    }

    /// The customer asked for a person although a machine had answered.
    pub fn person_wanted(&self, conversation: Uuid, at: Instant) {
        self.with(conversation, |known| known.timing.person_wanted = Some(at));
    }

    /// A frame showed that the router understood the conversation.
    pub fn understood(&self, conversation: Uuid, at: Instant, stats: &Stats) {
        self.with(conversation, |known| {
            known.timing.understood.note(at);
            settle(&mut known.timing, stats);
        });
    }

    /// The conversation was offered to a seat.
    pub fn offered(&self, conversation: Uuid, at: Instant, stats: &Stats) {
        self.with(conversation, |known| {
            known.timing.offered.note(at);
            settle(&mut known.timing, stats);
        });
    }

    /// Takes everything out, sorted by conversation, for the judgement.
    pub fn drain(&self) -> Vec<(Uuid, Conversation)> {
        let mut all: Vec<_> =
            self.shards.iter().flat_map(|shard| std::mem::take(&mut *lock(shard))).collect();
        all.sort_by_key(|(conversation, _)| *conversation);
        all
    }

    /// Writes out what is still buffered.
    pub fn flush_ledger(&self) {
        if let Some(ledger) = &self.ledger {
            ledger.flush();
        }
    }

    fn note(&self, entry: Entry<'_>) {
        if let Some(ledger) = &self.ledger {
            ledger.write(self.now_ms(), &entry);
        }
    }
}

fn last_view(known: &mut Conversation, viewer: Viewer) -> Option<&mut View> {
    known.history.views.iter_mut().rev().find(|view| view.viewer == viewer)
}

fn settle(timing: &mut Timing, stats: &Stats) {
    if let Some(took) = timing.understood.settle(timing.scheduled) {
        stats.record(Measure::Understood, took);
    }
    let waiting_since = timing.person_wanted.or(timing.scheduled);
    if let Some(took) = timing.offered.settle(waiting_since) {
        stats.record(Measure::Offered, took);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONVERSATION: Uuid = Uuid::from_u128(7);

    #[tokio::test]
    async fn an_offer_that_overtakes_the_acknowledgement_is_still_measured_once() {
        let start = Instant::now();
        let (stats, recorder) = (Stats::new(start), Recorder::new(start, None));

        recorder.offered(CONVERSATION, start + Duration::from_millis(40), &stats);
        recorder.opened(CONVERSATION, 0, start, &stats);
        recorder.offered(CONVERSATION, start + Duration::from_millis(90), &stats);

        let histogram = stats.histogram(Measure::Offered);
        assert_eq!(histogram.len(), 1);
        assert!((39_900..=40_100).contains(&histogram.max()));
    }

    #[tokio::test]
    async fn a_second_assignment_to_the_same_seat_is_a_view_of_its_own() {
        let recorder = Recorder::new(Instant::now(), None);
        let seat = Viewer::Seat(1);
        let event = Event { conversation: CONVERSATION, epoch: 1, seq: 1, kind: Kind::Queued };

        for _ in 0..2 {
            recorder.begin_view(CONVERSATION, seat);
            recorder.event(seat, &event);
        }
        recorder.end_view(CONVERSATION, seat, End::Closed);
        recorder.end_view(CONVERSATION, seat, End::Left);

        let views = recorder.drain().remove(0).1.history.views;
        assert_eq!(views.iter().map(|view| view.steps.len()).collect::<Vec<_>>(), [1, 1]);
        assert_eq!([views[0].end, views[1].end], [End::Left, End::Closed]);
    }
}
