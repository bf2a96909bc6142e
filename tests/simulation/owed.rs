//! What the journal wants to happen outside, and what those outside say of it: each thing under one
//! id, that never says two things.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tradewind::domain::{
    ConversationId, Effect, EffectKey, Event, EventKind, HookEvent, Outward, Progress, Sender,
    Timestamp, Webhook,
};
use tradewind::flow::{Fact, Record};

use super::setting::{HOOKS, Hook, RETRY_FIRST, RETRY_FOR, RETRY_LONGEST, shop_id};

/// Something wanted, as the journal tells it.
struct Wanted {
    conversation: ConversationId,
    effect: Effect,
    /// What was last said of it, and when.
    progress: Option<(Progress, Timestamp)>,
    /// When its hook was last called, if it is a webhook.
    called_at: Timestamp,
}

/// What a shop's own system has kept.
pub struct Kept {
    pub key: EffectKey,
    pub hook: &'static Hook,
    pub body: Value,
}

/// How often what came of something outside.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Webhooks that a hook has kept, also again.
    pub told: u64,
    /// Webhooks that were given up.
    pub given_up: u64,
    /// Letters that the mail server has taken.
    pub letters: u64,
    /// Letters of which the router does not know whether they were.
    pub uncertain: u64,
}

impl Counts {
    pub fn add(&mut self, others: &Self) {
        self.told += others.told;
        self.given_up += others.given_up;
        self.letters += others.letters;
        self.uncertain += others.uncertain;
    }
}

/// What is to happen outside, and what did.
#[derive(Default)]
pub struct Owed {
    wanted: BTreeMap<EffectKey, Wanted>,
    /// What each hook was told under each id.
    told: BTreeMap<EffectKey, Value>,
    /// Ids that a hook has kept, or the mail server has taken.
    kept: BTreeSet<EffectKey>,
    /// When each conversation began.
    opened_at: BTreeMap<ConversationId, Timestamp>,
    /// What happened in each, by number.
    events: BTreeMap<(ConversationId, u64), Event>,
    answered: BTreeSet<ConversationId>,
    /// Records of these are gone by damage: what is said of them is believed.
    damaged: BTreeSet<ConversationId>,
    /// When the shops were loaded anew: what waits for a next try may be tried at once.
    loaded_anew_at: Timestamp,
    pub counts: Counts,
}

impl Owed {
    /// Takes the next record.
    pub fn read(&mut self, record: &Record, violations: &mut Vec<String>) {
        let id = record.conversation;
        let mut tells = BTreeSet::new();
        let mut wanted = BTreeSet::new();
        for fact in &record.facts {
            match fact {
                Fact::Opened(opened) => {
                    self.opened_at.insert(id, opened.at);
                    tells.extend(expected(HookEvent::Opened, 0));
                }
                Fact::Event(event) => {
                    self.events.insert((id, event.seq), event.clone());
                    self.event(id, event, &mut tells);
                }
                Fact::Wanted(effect) => {
                    if let Outward::Webhook(webhook) = &effect.what {
                        wanted.insert((webhook.hook.to_string(), webhook.event, webhook.seq));
                    }
                    let effect = effect.clone();
                    let called_at = Timestamp::default();
                    let new = Wanted { conversation: id, effect, progress: None, called_at };
                    let before = self.wanted.insert(new.effect.key, new);
                    if before.is_some() && !self.damaged.contains(&id) {
                        violations.push(format!("{id}: an id is given twice in {record:?}"));
                    }
                }
                Fact::Progressed(progressed) => {
                    self.progressed(progressed.key, progressed.progress, progressed.at, violations);
                }
                _ => {}
            }
        }
        if tells != wanted && !self.damaged.contains(&id) {
            violations.push(format!("{id}: hooks are to be told {wanted:?} of {tells:?}"));
        }
    }

    /// What hooks have to be told of an event.
    fn event(
        &mut self,
        id: ConversationId,
        event: &Event,
        tells: &mut BTreeSet<(String, HookEvent, u64)>,
    ) {
        let (kind, answers) = match &event.kind {
            EventKind::Message { from, .. } => match from {
                Sender::Customer => (Some(HookEvent::MessageReceived), false),
                Sender::Seat => (Some(HookEvent::MessageSent), true),
                Sender::Machine => (Some(HookEvent::MessageSent), false),
            },
            EventKind::Assigned { .. } => (Some(HookEvent::Assigned), false),
            EventKind::Ticket { .. } => (Some(HookEvent::Ticketed), false),
            EventKind::Transferred { .. } => (Some(HookEvent::Transferred), false),
            EventKind::FoundHelpful { .. } => (Some(HookEvent::FoundHelpful), false),
            EventKind::Rated { .. } => (Some(HookEvent::Rated), false),
            EventKind::Closed { .. } => (Some(HookEvent::Closed), false),
            EventKind::AnsweredByMachine { .. } => (None, true),
            EventKind::Queued { .. } => (None, false),
        };
        tells.extend(kind.into_iter().flat_map(|kind| expected(kind, event.seq)));
        if answers && self.answered.insert(id) {
            tells.extend(expected(HookEvent::Answered, event.seq));
        }
    }

    fn progressed(
        &mut self,
        key: EffectKey,
        progress: Progress,
        at: Timestamp,
        violations: &mut Vec<String>,
    ) {
        let Some(wanted) = self.wanted.get_mut(&key) else {
            return violations.push(format!("{key} is {progress:?} and was never wanted"));
        };
        let is_believed = self.damaged.contains(&wanted.conversation);
        let settled = wanted.progress.filter(|(before, _)| before.is_settled() && !is_believed);
        if let Some((before, _)) = settled {
            violations.push(format!("{key} is {progress:?} after {before:?}"));
        }
        let before = wanted.progress.replace((progress, at)).map(|(before, _)| before);
        let wanted_at = wanted.effect.at;
        let is_webhook = wanted.effect.is_webhook();
        let is_kept = self.kept.contains(&key);
        let may_be = match progress {
            // A letter that was taken and counts as not sent would be sent again.
            Progress::Failed { again_at } => {
                (is_webhook || !is_kept)
                    && again_at <= wanted_at + RETRY_FOR
                    && again_at.since(at) <= RETRY_LONGEST
                    && (!is_webhook || again_at >= wanted.called_at + RETRY_FIRST / 2)
            }
            Progress::Done => is_kept,
            Progress::GivenUp => {
                self.counts.given_up += u64::from(is_webhook);
                (is_webhook || !is_kept) && at + RETRY_LONGEST >= wanted_at + RETRY_FOR
            }
            Progress::Ending => !is_webhook && !is_kept,
            Progress::Refused => !is_webhook && !is_kept,
            Progress::Uncertain => {
                self.counts.uncertain += 1;
                !is_webhook && before == Some(Progress::Ending)
            }
        };
        if !may_be && !is_believed {
            violations.push(format!("{key}, wanted at {wanted_at:?}, is {progress:?} at {at:?}"));
        }
    }

    /// The shops are loaded anew.
    pub fn hooks_are_loaded_anew(&mut self, now: Timestamp) {
        self.loaded_anew_at = now;
    }

    /// A hook is called, which is not before the pause after the last failure is over, unless the
    /// shops were loaded anew meanwhile.
    pub fn called(&mut self, key: EffectKey, now: Timestamp) -> Result<(), String> {
        let wanted = self.wanted.get_mut(&key).ok_or("the journal does not know of it")?;
        wanted.called_at = now;
        let is_believed = self.damaged.contains(&wanted.conversation);
        match wanted.progress {
            Some((Progress::Failed { again_at }, failed_at))
                if now < again_at && failed_at > self.loaded_anew_at && !is_believed =>
            {
                Err(format!("{key} was to be called again at {again_at:?}, and it is {now:?}"))
            }
            _ => Ok(()),
        }
    }

    /// A hook was called: what it hears is held against the journal.
    pub fn told(&mut self, kept: &Kept, is_kept: bool) -> Result<(), String> {
        let Kept { key, hook, body } = kept;
        let wanted = self.wanted.get(key).ok_or("the journal does not know of it")?;
        let Outward::Webhook(webhook) = &wanted.effect.what else {
            return Err("it is no webhook".to_owned());
        };
        if *webhook.hook != *hook.name {
            return Err(format!("it is for {}", webhook.hook));
        }
        let before = self.told.entry(*key).or_insert_with(|| body.clone());
        if before != body {
            return Err(format!("it said {before} before"));
        }
        let data = &body["data"];
        let says = (body["type"].as_str(), data["conversation"].as_str(), data["seq"].as_u64());
        let conversation = wanted.conversation.to_string();
        if says != (Some(webhook.event.as_str()), Some(conversation.as_str()), Some(webhook.seq)) {
            return Err(format!("it is about {webhook:?} of {conversation}"));
        }
        let has_to_say = self.body(wanted.conversation, webhook, hook);
        if !self.damaged.contains(&wanted.conversation) && has_to_say.as_ref() != Some(body) {
            return Err(format!("by the journal it is {has_to_say:?}"));
        }
        if is_kept {
            self.counts.told += 1;
            self.kept.insert(*key);
        }
        Ok(())
    }

    /// What a hook has to be told by what the journal says.
    fn body(&self, id: ConversationId, webhook: &Webhook, hook: &Hook) -> Option<Value> {
        let Webhook { event: r#type, seq, .. } = webhook;
        let event = self.events.get(&(id, *seq));
        let at = if *seq == 0 { *self.opened_at.get(&id)? } else { event?.at };
        let mut data =
            event.map_or_else(|| json!({}), |event| self.own_fields(id, *r#type, event, hook));
        data["shop"] = json!(shop_id());
        data["conversation"] = json!(id);
        data["seq"] = json!(seq);
        Some(json!({ "type": r#type.as_str(), "timestamp": at.to_rfc3339(), "data": data }))
    }

    /// What is told beside the place, by what happened.
    fn own_fields(&self, id: ConversationId, told: HookEvent, event: &Event, hook: &Hook) -> Value {
        match &event.kind {
            EventKind::Message { from, .. } if told == HookEvent::Answered => {
                json!({ "by": from, "waited_ms": self.waited_ms(id, event) })
            }
            EventKind::Message { from, text, .. } if hook.has_text => {
                json!({ "from": from, "text": text })
            }
            EventKind::Message { from, .. } => json!({ "from": from }),
            EventKind::AnsweredByMachine { .. } => {
                json!({ "by": "machine", "waited_ms": self.waited_ms(id, event) })
            }
            EventKind::Assigned { seat } => json!({ "seat": seat }),
            EventKind::Ticket { reference, opens_at } => {
                json!({ "reference": reference, "opens_at": opens_at.map(Timestamp::to_rfc3339) })
            }
            EventKind::Transferred { to } => json!({ "to": to }),
            EventKind::FoundHelpful { helpful } => json!({ "helpful": helpful }),
            EventKind::Rated { score } => json!({ "score": score }),
            EventKind::Closed { by } => json!({ "by": by }),
            EventKind::Queued { .. } => json!({}),
        }
    }

    /// How long the customer had waited for an answer since the first thing that he said.
    fn waited_ms(&self, id: ConversationId, answer: &Event) -> u64 {
        let is_asked = |event: &&Event| {
            matches!(event.kind, EventKind::Message { from: Sender::Customer, .. })
        };
        let before = self.events.range((id, 0)..=(id, answer.seq)).map(|(_, event)| event);
        let asked_at = before.into_iter().find(is_asked).map(|event| event.at);
        let asked_at = asked_at.or_else(|| self.opened_at.get(&id).copied()).unwrap_or_default();
        u64::try_from(answer.at.since(asked_at).as_millis()).unwrap_or(u64::MAX)
    }

    /// The mail server has taken a letter: it has not had it before, and the journal says that its end
    /// was to come.
    pub fn letter_taken(&mut self, letter: &str) -> Result<(), String> {
        let header = |name: &str| {
            let line = letter.lines().find_map(|line| line.strip_prefix(name));
            line.map(str::trim).ok_or_else(|| format!("it has no {name}"))
        };
        let id = header("Message-ID: <")?;
        let key = id.split('@').next().and_then(|key| key.to_owned().try_into().ok());
        let key: EffectKey = key.ok_or_else(|| format!("{id} is no id"))?;
        let wanted = self.wanted.get(&key).ok_or("the journal does not know of it")?;
        let Outward::Email(email) = &wanted.effect.what else {
            return Err("it is no letter".to_owned());
        };
        if header("To: ")? != &*email.to {
            return Err(format!("it is for {}", email.to));
        }
        self.counts.letters += 1;
        let is_first = self.kept.insert(key);
        let progress = wanted.progress.map(|(progress, _)| progress);
        if self.damaged.contains(&wanted.conversation) {
            return Ok(());
        }
        match (is_first, progress) {
            (false, _) => Err("it has it already".to_owned()),
            (true, Some(Progress::Ending)) => Ok(()),
            (true, progress) => Err(format!("the journal says {progress:?}")),
        }
    }

    /// What the journal says that a message says.
    pub fn text(&self, conversation: ConversationId, seq: u64) -> Option<&str> {
        match &self.events.get(&(conversation, seq))?.kind {
            EventKind::Message { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Something that is not settled yet.
    pub fn unsettled(&self) -> Option<String> {
        self.wanted.iter().find_map(|(key, wanted)| {
            let is_settled = wanted.progress.is_some_and(|(progress, _)| progress.is_settled());
            let is_believed = self.damaged.contains(&wanted.conversation);
            (!is_settled && !is_believed).then(|| format!("{key} waits: {:?}", wanted.effect))
        })
    }

    /// Believes the disk about conversations of which records are gone.
    pub fn forgive(&mut self, lost: &BTreeSet<ConversationId>) {
        self.damaged.extend(lost);
    }
}

/// The hooks that have to be told that something has happened.
fn expected(event: HookEvent, seq: u64) -> impl Iterator<Item = (String, HookEvent, u64)> {
    let hears = move |hook: &&Hook| hook.events.contains(&event);
    HOOKS.iter().filter(hears).map(move |hook| (hook.name.to_owned(), event, seq))
}
