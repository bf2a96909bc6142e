//! What a seat should know of a conversation that it takes over, from the conversation's facts alone:
//! nothing is made up, and what people said stands in their words.

use std::fmt;

use crate::domain::{EventKind, Intent, Language, SeatId, Sender, Sentiment, Timestamp};

use super::conversation::Conversation;

/// Most letters of one quotation.
const QUOTED_MAX: usize = 280;

/// A conversation in a few lines. Its text (`Display`) is what the next seat reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The customer's language.
    pub language: Language,
    /// What the customer wants, and how sure that is.
    pub intent: Option<(Intent, f32)>,
    /// How the customer feels.
    pub sentiment: Option<Sentiment>,
    /// What the customer said first.
    pub first_asked: Option<String>,
    /// What the customer said last, when that is something else.
    pub last_asked: Option<String>,
    /// When the customer asked what nobody has answered yet.
    pub unanswered_since: Option<Timestamp>,
    /// The last word of a seat to the customer.
    pub last_answer: Option<String>,
    /// Sources that a machine has answered from.
    pub machine_answers: Vec<String>,
    /// The number of a ticket that was given, and when somebody was to be there.
    pub ticket: Option<(String, Option<Timestamp>)>,
    /// Everybody who had it, in order.
    pub owners: Vec<SeatId>,
}

impl Summary {
    /// The summary of a conversation as it stands.
    pub fn of(conversation: &Conversation) -> Self {
        let said_by = |who: Sender| {
            conversation.events.iter().filter_map(move |event| match &event.kind {
                EventKind::Message { from, text, .. } if *from == who => Some(quoted(text)),
                _ => None,
            })
        };
        let first_asked = said_by(Sender::Customer).next();
        let last_asked =
            said_by(Sender::Customer).next_back().filter(|last| Some(last) != first_asked.as_ref());
        let mut owners: Vec<SeatId> = Vec::new();
        let mut ticket = None;
        for event in &conversation.events {
            match &event.kind {
                EventKind::Assigned { seat } if owners.last() != Some(seat) => {
                    owners.push(seat.clone());
                }
                EventKind::Ticket { reference, opens_at } => {
                    ticket = Some((reference.to_string(), *opens_at));
                }
                _ => {}
            }
        }
        let latest = conversation.latest.as_ref();
        Self {
            language: conversation.language(),
            intent: latest.map(|latest| (latest.intent.label, latest.intent.confidence)),
            sentiment: latest.map(|latest| latest.sentiment.label),
            first_asked,
            last_asked,
            unanswered_since: conversation.unanswered_since,
            last_answer: said_by(Sender::Seat).next_back(),
            machine_answers: conversation.machine_sources.iter().map(ToString::to_string).collect(),
            ticket,
            owners,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Language: {}.", self.language)?;
        if let Some((intent, confidence)) = self.intent {
            write!(f, " Wants: {intent} ({:.0} % sure).", confidence * 100.0)?;
        }
        if let Some(sentiment) = self.sentiment {
            write!(f, " Mood: {}.", sentiment.as_str())?;
        }
        if let Some(text) = &self.first_asked {
            write!(f, "\nAsked: “{text}”")?;
        }
        if let Some(text) = &self.last_asked {
            write!(f, "\nAsked last: “{text}”")?;
        }
        if let Some(since) = self.unanswered_since {
            write!(f, "\nWithout an answer since {since}.")?;
        }
        for source in &self.machine_answers {
            write!(f, "\nAnswered by machine from {source}.")?;
        }
        if let Some(text) = &self.last_answer {
            write!(f, "\nWas told last: “{text}”")?;
        }
        if let Some((reference, opens_at)) = &self.ticket {
            write!(f, "\nWas given ticket {reference}")?;
            match opens_at {
                Some(at) => write!(f, ", with an answer promised from {at} on.")?,
                None => f.write_str(".")?,
            }
        }
        if !self.owners.is_empty() {
            let owners: Vec<&str> = self.owners.iter().map(SeatId::as_str).collect();
            write!(f, "\nWas with: {}.", owners.join(", "))?;
        }
        Ok(())
    }
}

/// The beginning of a text in one line.
fn quoted(text: &str) -> String {
    let mut words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((cut, _)) = words.char_indices().nth(QUOTED_MAX) {
        words.truncate(cut);
        words.push('…');
    }
    words
}
