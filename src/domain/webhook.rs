//! What a shop's own systems are told of its conversations.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Something that happens in a conversation and that a shop may want to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
pub enum HookEvent {
    /// A conversation began.
    Opened,
    /// A seat took it.
    Assigned,
    /// It was answered for the first time, by a person or a machine.
    Answered,
    /// Its owner handed it on.
    Transferred,
    /// A ticket stands in for the queue.
    Ticketed,
    /// The customer said whether the machine's answer helped.
    FoundHelpful,
    /// The customer rated it.
    Rated,
    /// It ended.
    Closed,
    /// The customer said something.
    MessageReceived,
    /// A seat or a machine said something.
    MessageSent,
}

/// No [`HookEvent`] is called so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no event of webhooks")]
pub struct HookEventError;

impl HookEvent {
    /// Every one.
    pub const ALL: [Self; 10] = [
        Self::Opened,
        Self::Assigned,
        Self::Answered,
        Self::Transferred,
        Self::Ticketed,
        Self::FoundHelpful,
        Self::Rated,
        Self::Closed,
        Self::MessageReceived,
        Self::MessageSent,
    ];

    /// Its name in settings, in what is sent, and in the journal.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "conversation.opened",
            Self::Assigned => "conversation.assigned",
            Self::Answered => "conversation.answered",
            Self::Transferred => "conversation.transferred",
            Self::Ticketed => "conversation.ticketed",
            Self::FoundHelpful => "conversation.found_helpful",
            Self::Rated => "conversation.rated",
            Self::Closed => "conversation.closed",
            Self::MessageReceived => "message.received",
            Self::MessageSent => "message.sent",
        }
    }
}

impl From<HookEvent> for &'static str {
    fn from(event: HookEvent) -> Self {
        event.as_str()
    }
}

impl FromStr for HookEvent {
    type Err = HookEventError;

    fn from_str(text: &str) -> Result<Self, HookEventError> {
        Self::ALL.into_iter().find(|event| event.as_str() == text).ok_or(HookEventError)
    }
}

impl TryFrom<String> for HookEvent {
    type Error = HookEventError;

    fn try_from(text: String) -> Result<Self, HookEventError> {
        text.parse()
    }
}

impl fmt::Display for HookEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a shop's own system is told. It holds nothing that anybody said: what is sent is written from the
/// conversation when it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// The shop's name of whom to tell.
    pub hook: Arc<str>,
    /// What happened.
    pub event: HookEvent,
    /// The number of the conversation's event that it is; 0 for the beginning.
    pub seq: u64,
}
