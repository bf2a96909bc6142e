//! What everybody was told and what is on the disk, held against the promises as it happens.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::Value;
use tokio::time::Instant;
use tradewind::domain::{ConversationId, MessageId};
use tradewind::flow::Entry;

use super::faults::{Fault, Faults};
use super::story::{Found, Story};

/// One judge for everybody in a simulated world.
#[derive(Clone)]
pub struct Judge(Arc<Mutex<State>>);

pub struct State {
    began: Instant,
    trace: DefaultHasher,
    /// What the trace was made of, when it is wanted.
    pub log: Option<Vec<String>>,
    pub story: Story,
    pub violations: Vec<String>,
    pub faults: Faults,
    pub snapshots: usize,
    /// Each number that anybody was shown, with what it stood for.
    seen: BTreeMap<(ConversationId, u64, u64), u64>,
    /// Acknowledgements, with epoch and number.
    acknowledged: BTreeMap<(ConversationId, MessageId), (u64, u64)>,
    /// `rate` frames sent, by conversation.
    pub rates_sent: BTreeMap<ConversationId, u64>,
    pub frames: u64,
}

impl Judge {
    pub fn new(log: bool) -> Self {
        Self(Arc::new(Mutex::new(State {
            began: Instant::now(),
            trace: DefaultHasher::new(),
            log: log.then(Vec::new),
            story: Story::default(),
            violations: Vec::new(),
            faults: Faults::default(),
            snapshots: 0,
            seen: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            rates_sent: BTreeMap::new(),
            frames: 0,
        })))
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nobody panics while holding it")
    }

    /// Something is not as promised.
    pub fn violation(&self, what: impl Into<String>) {
        let mut state = self.state();
        let what = what.into();
        state.note("violation", &what);
        state.violations.push(what);
    }

    /// Holds a promise: what is said about it is made only when it is broken.
    pub fn expect(&self, is_kept: bool, what: impl FnOnce() -> String) {
        if !is_kept {
            self.violation(what());
        }
    }

    pub fn fault(&self, fault: Fault) {
        let mut state = self.state();
        state.note("fault", &format!("{fault:?}"));
        state.faults.count(fault);
    }

    pub fn note(&self, kind: &str, what: &str) {
        self.state().note(kind, what);
    }

    /// A record is on the disk.
    pub fn on_disk(&self, payload: &[u8]) {
        let mut state = self.state();
        payload.hash(&mut state.trace);
        state.note("record", "");
        if let Some(line) = state.log.as_mut().and_then(|log| log.last_mut()) {
            let _ = write!(line, "{:?}", Entry::decode(payload));
        }
        let State { story, violations, .. } = &mut *state;
        story.read(payload, violations);
    }

    pub fn snapshot_made(&self) {
        let mut state = self.state();
        state.note("snapshot", "");
        state.snapshots += 1;
    }

    /// A viewer was shown an event.
    pub fn shown(&self, who: &str, frame: &Value) {
        let conversation = conversation_of(frame);
        let (epoch, seq) = (number(frame, "epoch"), number(frame, "seq"));
        // Each side is shown what it needs of a translation, and when there is one. What the model has read a
        // message as is shown before it is on disk, and may be read otherwise after a power cut.
        let mut said = frame.clone();
        if let Some(fields) = said.as_object_mut() {
            fields.remove("translation");
            fields.remove("language");
        }
        let mut hasher = DefaultHasher::new();
        said.to_string().hash(&mut hasher);
        let content = hasher.finish();
        let mut state = self.state();
        let before = *state.seen.entry((conversation, epoch, seq)).or_insert(content);
        let written = state.story.seq(conversation);
        let says = says_what_is_written(&state.story, conversation, frame);
        drop(state);
        if let Err(what) = says {
            self.violation(format!("{who} is shown {frame}, and {what}"));
        }
        self.expect(before == content, || {
            format!("{who} is shown something else under a number that was seen before: {frame}")
        });
        self.expect(written.is_none_or(|written| seq <= written), || {
            format!("{who} is shown what is not on disk: {frame}")
        });
    }

    /// A sender got an acknowledgement.
    pub fn acknowledged(&self, who: &str, frame: &Value) {
        let conversation = conversation_of(frame);
        let id: MessageId = text(frame, "id").parse().expect("an id");
        let at = (number(frame, "epoch"), number(frame, "seq"));
        let mut state = self.state();
        let before = *state.acknowledged.entry((conversation, id)).or_insert(at);
        let written = state.story.message(conversation, id);
        let is_damaged = state.story.is_damaged(conversation);
        drop(state);
        self.expect(before.0 != at.0 || before == at, || {
            format!("{who}: another number than the first time: {frame}")
        });
        self.expect(is_damaged || written == Some(at.1), || {
            format!("{who}: acknowledged, but the disk says {written:?}: {frame}")
        });
    }

    /// The trace so far.
    pub fn trace(&self) -> u64 {
        self.state().trace.finish()
    }
}

impl State {
    /// Takes what a start found for what there is.
    pub fn believe(&mut self, found: &Found) {
        self.story.forgive(&found.lost);
        for payload in &found.extra {
            self.story.read(payload, &mut self.violations);
        }
    }

    pub fn note(&mut self, kind: &str, what: &str) {
        let at_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        (at_ms, kind, what).hash(&mut self.trace);
        if let Some(log) = &mut self.log {
            log.push(format!("{at_ms:>8} {kind} {what}"));
        }
    }
}

/// A message is shown as it was written, and said in another language as the journal has it.
fn says_what_is_written(
    story: &Story,
    conversation: ConversationId,
    frame: &Value,
) -> Result<(), String> {
    let seq = number(frame, "seq");
    if frame["kind"] != "message" || story.is_damaged(conversation) {
        return Ok(());
    }
    let written = story.owed.text(conversation, seq);
    if written != frame["text"].as_str() {
        return Err(format!("{written:?} was written"));
    }
    let translated = frame["translation"]["text"].as_str();
    match translated.is_none_or(|text| story.has_translation(conversation, seq, text)) {
        true => Ok(()),
        false => Err("it was not translated so".to_owned()),
    }
}

pub fn conversation_of(frame: &Value) -> ConversationId {
    text(frame, "conversation").parse().expect("an id")
}

pub fn text<'a>(frame: &'a Value, field: &str) -> &'a str {
    frame[field].as_str().unwrap_or_else(|| panic!("no text `{field}` in {frame}"))
}

pub fn number(frame: &Value, field: &str) -> u64 {
    frame[field].as_u64().unwrap_or_else(|| panic!("no number `{field}` in {frame}"))
}
