//! What the journal says, record by record, read on its own.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use tradewind::domain::{ConversationId, EventKind, MessageId, Said, Timestamp};
use tradewind::flow::{Entry, Fact, Record};

use super::owed::Owed;

#[derive(Default)]
pub struct Story {
    /// Every record that is known to be on disk, in order.
    log: Vec<Written>,
    conversations: BTreeMap<ConversationId, Told>,
    /// The open conversation of each customer, by the shop's own id.
    open: BTreeMap<String, ConversationId>,
    /// What is to happen outside.
    pub owed: Owed,
    /// When each seat left; `None` while it is there.
    left_at: BTreeMap<String, Option<Timestamp>>,
}

#[derive(Clone, Copy)]
struct Written {
    hash: u64,
    conversation: Option<ConversationId>,
}

/// What is told of one conversation.
#[derive(Default)]
struct Told {
    customer: String,
    epoch: u64,
    /// `None` after damage, until the next event tells.
    seq: Option<u64>,
    fence: Option<u64>,
    messages: BTreeMap<MessageId, u64>,
    understood: BTreeSet<u64>,
    /// Messages that wait for their translation.
    translating: BTreeSet<u64>,
    /// What each message says in other languages: those of its customer and of the seats that have had it.
    translated: BTreeMap<u64, BTreeSet<Arc<str>>>,
    closed_at: Option<Timestamp>,
    rated: u64,
    /// Records of it are gone by damage: what is said of it is believed.
    is_damaged: bool,
}

/// What a start found on the disk.
pub struct Found {
    /// Records that the caller knew nothing of: they were written and never acknowledged.
    pub extra: Vec<Vec<u8>>,
    /// Conversations of which records are missing.
    pub lost: BTreeSet<ConversationId>,
    /// The missing records, by their place in the story.
    pub missing: BTreeSet<usize>,
}

fn hash(payload: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    payload.hash(&mut hasher);
    hasher.finish()
}

impl Story {
    pub fn len(&self) -> usize {
        self.log.len()
    }

    /// The last number of a conversation; `None` when it is not known.
    pub fn seq(&self, conversation: ConversationId) -> Option<u64> {
        let Some(told) = self.conversations.get(&conversation) else { return Some(0) };
        told.seq
    }

    pub fn message(&self, conversation: ConversationId, id: MessageId) -> Option<u64> {
        self.conversations.get(&conversation)?.messages.get(&id).copied()
    }

    pub fn is_damaged(&self, conversation: ConversationId) -> bool {
        self.conversations.get(&conversation).is_some_and(|told| told.is_damaged)
    }

    /// Whether a message stands anywhere.
    pub fn holds(&self, id: MessageId) -> bool {
        self.conversations.values().any(|told| told.messages.contains_key(&id))
    }

    pub fn closed_at(&self, conversation: ConversationId) -> Option<Timestamp> {
        self.conversations.get(&conversation)?.closed_at
    }

    pub fn left_at(&self, seat: &str) -> Option<Timestamp> {
        self.left_at.get(seat).copied().flatten()
    }

    pub fn rated(&self, conversation: ConversationId) -> u64 {
        self.conversations.get(&conversation).map_or(0, |told| told.rated)
    }

    /// Whose conversation it is, by the shop's own id.
    pub fn customer(&self, conversation: ConversationId) -> Option<String> {
        self.conversations.get(&conversation).map(|told| told.customer.clone())
    }

    /// The conversations of a customer with their epoch and last number.
    pub fn of(&self, customer: &str) -> Vec<(ConversationId, u64, Option<u64>)> {
        let theirs = self.conversations.iter().filter(|(_, told)| told.customer == customer);
        theirs.map(|(id, told)| (*id, told.epoch, told.seq)).collect()
    }

    /// Whether the journal has this as what a message says in another language.
    pub fn has_translation(&self, conversation: ConversationId, seq: u64, text: &str) -> bool {
        let told = self.conversations.get(&conversation);
        told.and_then(|told| told.translated.get(&seq)).is_some_and(|said| said.contains(text))
    }

    /// A message that waits for its translation.
    pub fn untranslated(&self) -> Option<String> {
        let waiting = self.conversations.iter().find(|(_, told)| !told.translating.is_empty());
        waiting.map(|(id, told)| format!("{id}: {:?} wait for translations", told.translating))
    }

    /// Every open conversation.
    pub fn open(&self) -> Vec<ConversationId> {
        self.open.values().copied().collect()
    }

    /// Takes the next record.
    pub fn read(&mut self, payload: &[u8], violations: &mut Vec<String>) {
        let mut written = Written { hash: hash(payload), conversation: None };
        match Entry::decode(payload) {
            Ok(Entry::Conversation(record)) => {
                written.conversation = Some(record.conversation);
                self.record(&record, violations);
                self.owed.read(&record, violations);
            }
            Ok(Entry::Seat(record)) => {
                let left_at = record.state.is_none().then_some(record.at);
                self.left_at.insert(record.seat.to_string(), left_at);
            }
            Err(error) => violations.push(format!("a record that nobody wrote: {error}")),
        }
        self.log.push(written);
    }

    fn record(&mut self, record: &Record, violations: &mut Vec<String>) {
        let id = record.conversation;
        for fact in &record.facts {
            if let Fact::Opened(opened) = fact {
                let customer =
                    opened.verified.as_ref().map(ToString::to_string).unwrap_or_default();
                if let Some(before) = self.open.insert(customer.clone(), id) {
                    violations.push(format!("{customer} has {id} open beside {before}"));
                }
                let epoch = u64::from(opened.epoch);
                let told = Told { customer, epoch, seq: Some(0), ..Told::default() };
                if self.conversations.insert(id, told).is_some() {
                    violations.push(format!("{id} begins twice"));
                }
                continue;
            }
            let Some(told) = self.conversations.get_mut(&id) else {
                violations.push(format!("{id} goes on without having begun"));
                return;
            };
            told.take(id, fact, violations);
            if told.closed_at.is_some() && self.open.get(&told.customer) == Some(&id) {
                self.open.remove(&told.customer);
            }
        }
    }

    /// Holds what a start finds against what was written. `is_whole` says that nothing was freed.
    pub fn compare(&self, found: &[Vec<u8>], is_whole: bool) -> Found {
        let hashes: Vec<u64> = found.iter().map(|payload| hash(payload)).collect();
        if is_whole {
            return self.compare_from(0, &hashes, found);
        }
        // What is older was freed behind a snapshot. Two records may be alike.
        let begins = |first: &u64| {
            let alike = (0..self.log.len()).filter(|at| self.log[*at].hash == *first);
            alike.map(|at| self.compare_from(at, &hashes, found)).min_by_key(|it| it.missing.len())
        };
        let compared = hashes.first().and_then(begins);
        compared.unwrap_or_else(|| self.compare_from(self.log.len(), &hashes, found))
    }

    fn compare_from(&self, mut at: usize, hashes: &[u64], found: &[Vec<u8>]) -> Found {
        let (mut missing, mut extra) = (BTreeSet::new(), Vec::new());
        for (hash, payload) in hashes.iter().zip(found) {
            match self.log[at..].iter().position(|written| written.hash == *hash) {
                Some(skipped) => {
                    missing.extend(at..at + skipped);
                    at += skipped + 1;
                }
                None => extra.push(payload.clone()),
            }
        }
        missing.extend(at..self.log.len());
        let lost = missing.iter().filter_map(|at| self.log[*at].conversation).collect();
        Found { extra, lost, missing }
    }

    /// Believes the disk about conversations of which records are gone.
    pub fn forgive(&mut self, lost: &BTreeSet<ConversationId>) {
        self.owed.forgive(lost);
        for id in lost {
            if let Some(told) = self.conversations.get_mut(id) {
                *told = Told {
                    customer: std::mem::take(&mut told.customer),
                    epoch: told.epoch,
                    is_damaged: true,
                    ..Told::default()
                };
                self.open.retain(|_, open| open != id);
            }
        }
    }
}

/// Holds a promise: what is said about it is made only when it is broken.
fn expect(violations: &mut Vec<String>, is_kept: bool, what: impl FnOnce() -> String) {
    if !is_kept {
        violations.push(what());
    }
}

impl Told {
    fn take(&mut self, id: ConversationId, fact: &Fact, violations: &mut Vec<String>) {
        match fact {
            Fact::Event(event) => {
                expect(violations, self.seq.is_none_or(|seq| event.seq == seq + 1), || {
                    format!("{id}: {} comes after {:?}", event.seq, self.seq)
                });
                self.seq = Some(event.seq);
                self.event(id, event.seq, event.at, &event.kind, violations);
            }
            Fact::Owned { fence, .. } => {
                expect(violations, self.fence.is_none_or(|before| *fence > before), || {
                    format!("{id}: fence {fence} after {:?}", self.fence)
                });
                self.fence = Some(*fence);
            }
            Fact::Understood { seq, .. } => {
                let is_first = self.understood.insert(*seq);
                expect(violations, is_first, || format!("{id}: {seq} is understood twice"));
            }
            Fact::Translating { seq, .. } => {
                self.translating.insert(*seq);
            }
            Fact::Translated { seq, translated } => {
                self.translating.remove(seq);
                if let Said::Anew { text, .. } = &translated.said {
                    self.translated.entry(*seq).or_default().insert(text.clone());
                }
            }
            Fact::Epoch(epoch) => {
                let epoch = u64::from(*epoch);
                expect(violations, epoch > self.epoch, || {
                    format!("{id}: epoch {epoch} after {}", self.epoch)
                });
                self.epoch = epoch;
            }
            _ => {}
        }
    }

    fn event(
        &mut self,
        id: ConversationId,
        seq: u64,
        at: Timestamp,
        kind: &EventKind,
        violations: &mut Vec<String>,
    ) {
        if self.closed_at.is_some() && !matches!(kind, EventKind::Rated { .. }) {
            violations.push(format!("{id}: {kind:?} after the end"));
        }
        match kind {
            EventKind::Message { id: message, .. } => {
                let is_first = self.messages.insert(*message, seq).is_none();
                expect(violations, is_first, || format!("{id}: message {message} stands twice"));
            }
            EventKind::Closed { .. } => self.closed_at = Some(at),
            EventKind::Rated { .. } => self.rated += 1,
            _ => {}
        }
    }
}
