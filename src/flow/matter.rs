//! Which of a customer's conversations a message belongs to. Only what a shop's own server has vouched for
//! joins without a name: a matter of the same verified customer that is open, or ended a moment ago, unless
//! both speak of different orders. What names a conversation stays there, since its customer saw it go there;
//! that it speaks of another order is shown to the seat. Conversations stay what they are: one goes on from
//! another, which is a fact with its evidence, and can be taken back.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::config::shop::Shop;
use crate::domain::{By, ConversationId, EventKind, MessageId, SeatId, Sender, Timestamp};
use crate::protocol::{ErrorCode, Join, ServerFrame};

use super::conversation::{Conversation, Stage};
use super::customer::Message;
use super::fact::{Fact, Opened};
use super::shard::{Cause, Shard};
use super::step::Step;
use super::summary::Summary;
use super::turn::Turn;

/// Conversations that one customer may have open at a time; what is said beyond them joins the newest.
const OPEN_MAX: usize = 4;
/// Conversations that ended a moment ago of which one can be gone on with, from the last begun on.
const ENDED_MAX: usize = 8;
/// Messages of a conversation in which order numbers are looked for, from the last on.
const LOOKED_AT_MAX: usize = 50;
/// Bytes of those messages, the one that reaches it included whole: every message of a verified customer is
/// held against all of his conversations that may go on.
const LOOKED_AT_BYTES_MAX: usize = 64 * 1024;
/// Joins that a conversation remembers; the journal has them all.
const JOINED_MAX: usize = 16;
/// Messages that are moved when a join is taken back.
const MOVED_MAX: usize = 20;

/// That a message went to a matter which may not be its own, and by what evidence. The customer was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// When.
    pub at: Timestamp,
    /// Number of the message.
    pub seq: u64,
    /// What it joined.
    pub to: JoinedTo,
    /// Whether both name the same order. Otherwise one of them names none.
    pub same_order: bool,
}

/// What a message joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum JoinedTo {
    /// The conversation that was open, without naming it.
    Open,
    /// The one that it names, though it speaks of another order.
    Named,
    /// One that had ended, from which its own conversation goes on.
    Ended {
        /// Which.
        conversation: ConversationId,
        /// How long ago, in milliseconds.
        ms_ago: u64,
    },
}

/// That a join was taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parted {
    /// When.
    pub at: Timestamp,
    /// Who did it.
    pub by: SeatId,
    /// Number of the message that had joined.
    pub seq: u64,
    /// Where that message went, if it was in the wrong conversation.
    pub to: Option<ConversationId>,
    /// Number of the last message that went there with it.
    #[serde(default)]
    pub last: Option<u64>,
}

/// Where a message belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Matter {
    /// To a conversation that is open; with evidence where it does not name it and the customer is verified.
    Open(ConversationId, Option<SameOrder>),
    /// To the open one that it names, though it speaks of another order.
    Named(ConversationId),
    /// To a new one, which goes on from one that ended so many milliseconds ago.
    After(ConversationId, u64, SameOrder),
    /// To a new one.
    New,
}

/// Whether both name the same order.
pub(super) type SameOrder = bool;

/// How the orders of a message and of a conversation are to one another.
enum Orders {
    Same,
    Others,
    /// One of them names none.
    Unknown,
}

impl Shard {
    /// Where a message belongs that names no conversation. `theirs` are the customer's.
    pub(super) fn matter(
        &self,
        now: Timestamp,
        theirs: &[ConversationId],
        is_verified: bool,
        (text, shop): (&str, &Shop),
    ) -> Matter {
        let newest_first = || theirs.iter().rev().filter_map(|id| self.conversations.get(id));
        let open = || newest_first().filter(|it| !it.is_closed());
        if !is_verified {
            return open().next_back().map_or(Matter::New, |it| Matter::Open(it.id, None));
        }
        let numbers = shop.order_number.find_in(text);
        let mut fits = None;
        for it in open() {
            match self.orders(&numbers, it, shop) {
                Orders::Same => return Matter::Open(it.id, Some(true)),
                Orders::Unknown => fits = fits.or(Some(it.id)),
                Orders::Others => {}
            }
        }
        let newest = || open().next().filter(|_| open().count() >= OPEN_MAX).map(|it| it.id);
        if let Some(id) = fits.or_else(newest) {
            return Matter::Open(id, Some(false));
        }
        let mut after = Matter::New;
        let ended = newest_first().filter_map(|it| Some((it, self.ended_ms_ago(now, it)?)));
        for (it, ms_ago) in ended.take(ENDED_MAX) {
            match self.orders(&numbers, it, shop) {
                Orders::Same => return Matter::After(it.id, ms_ago, true),
                Orders::Unknown if after == Matter::New => {
                    after = Matter::After(it.id, ms_ago, false);
                }
                Orders::Unknown | Orders::Others => {}
            }
        }
        after
    }

    /// Where a message belongs that names this open conversation.
    pub(super) fn named_matter(
        &self,
        id: ConversationId,
        is_verified: bool,
        (text, shop): (&str, &Shop),
    ) -> Matter {
        let conversation = self.conversations.get(&id).filter(|_| is_verified);
        let orders = conversation.map(|it| self.orders(&shop.order_number.find_in(text), it, shop));
        match orders {
            Some(Orders::Others) => Matter::Named(id),
            Some(Orders::Same | Orders::Unknown) | None => Matter::Open(id, None),
        }
    }

    /// How the orders that a message names are to those of a conversation and of the one that it goes on
    /// from.
    fn orders(&self, numbers: &[String], conversation: &Conversation, shop: &Shop) -> Orders {
        if numbers.is_empty() {
            return Orders::Unknown;
        }
        let earlier = conversation.goes_on_from().and_then(|id| self.conversations.get(&id));
        let events =
            conversation.events.iter().rev().filter(|event| !conversation.has_gone(event.seq));
        let events = events.chain(earlier.into_iter().flat_map(|it| it.events.iter().rev()));
        let texts = events.filter_map(|event| match &event.kind {
            EventKind::Message { from: Sender::Customer, text, .. } => Some(text),
            _ => None,
        });
        let mut bytes = 0;
        let texts = texts.take(LOOKED_AT_MAX).take_while(|text| {
            let fits = bytes < LOOKED_AT_BYTES_MAX;
            bytes += text.len();
            fits
        });
        let mut names_any = false;
        for named in texts.flat_map(|text| shop.order_number.find_in(text)) {
            if numbers.contains(&named) {
                return Orders::Same;
            }
            names_any = true;
        }
        if names_any { Orders::Others } else { Orders::Unknown }
    }

    /// How long ago a conversation ended that its customer may go on with.
    fn ended_ms_ago(&self, now: Timestamp, conversation: &Conversation) -> Option<u64> {
        let Stage::Closed { at } = conversation.stage else { return None };
        let by_router = conversation.events.last().is_some_and(|event| {
            matches!(event.kind, EventKind::Closed { by: By::Shop | By::Erasure })
        });
        let ago = now.since(at);
        let goes_on =
            ago < self.settings.joins_for && !by_router && !conversation.opened.is_erased();
        goes_on.then(|| u64::try_from(ago.as_millis()).unwrap_or(u64::MAX))
    }

    /// Writes down why the last message of a conversation is there, and tells the seat.
    pub(super) fn write_joined(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        matter: Matter,
        turn: &mut Turn,
    ) {
        let (to, same_order) = match matter {
            Matter::Open(_, Some(same_order)) => (JoinedTo::Open, same_order),
            Matter::Named(_) => (JoinedTo::Named, false),
            Matter::After(conversation, ms_ago, same_order) => {
                (JoinedTo::Ended { conversation, ms_ago }, same_order)
            }
            Matter::Open(_, None) | Matter::New => return,
        };
        let Some(mut conversation) = self.conversations.remove(&id) else { return };
        let seq = conversation.seq();
        let mut step = Step::new(&mut conversation, now);
        step.fact(Fact::Joined(Joined { at: now, seq, to, same_order }));
        if let Matter::After(earlier, ms_ago, _) = matter
            && let Some(earlier) = self.conversations.get(&earlier)
        {
            let text = note_of_earlier(earlier, ms_ago, same_order);
            self.note(now, &text, &mut step, turn);
        }
        step.finish(turn);
        self.tell_seat(&conversation, &conversation.joined_frame(), turn);
        self.conversations.insert(id, conversation);
    }

    /// Takes back that a message joined: what a conversation goes on from is none of it any more, and a
    /// message that is in the wrong one goes to one of its own, with what the customer said after it. `meant`
    /// is the message that the last join has to be of.
    pub(super) fn part(
        &mut self,
        cause: Cause,
        (by, meant): (&SeatId, Option<u64>),
        conversation: &mut Conversation,
        turn: &mut Turn,
    ) -> Result<(), (ErrorCode, &'static str)> {
        let Some(joined) = conversation.joined.last().copied() else {
            return Err((ErrorCode::Conflict, "nothing has joined this conversation"));
        };
        if meant.is_some_and(|seq| seq != joined.seq) {
            return Err((ErrorCode::Conflict, "another message has joined last"));
        }
        let opened = conversation.opened.clone();
        if opened.is_erased() {
            return Err((ErrorCode::Conflict, "its customer is erased"));
        }
        let to = match joined.to {
            JoinedTo::Ended { .. } => None,
            JoinedTo::Open | JoinedTo::Named => {
                if self.conversations.len() + 1 >= self.settings.conversations_max {
                    return Err((ErrorCode::Overloaded, "too many conversations"));
                }
                Some(self.open(Opened { at: cause.now, epoch: 1, ..opened }))
            }
        };
        let (seq, by) = (joined.seq, by.clone());
        let said = match to {
            Some(_) => said_from(conversation, seq),
            None => Vec::new(),
        };
        let last = said.last().map(|(seq, _)| *seq);
        let mut step = Step::new(conversation, cause.now);
        let text = match to {
            Some(to) => format!("{by} has moved what was said from #{seq} on to {to}."),
            None => format!("{by} says that this is another matter than the one before."),
        };
        step.fact(Fact::Parted(Parted { at: cause.now, by, seq, to, last }));
        self.note(cause.now, &text, &mut step, turn);
        step.finish(turn);
        self.tell_seat(conversation, &conversation.joined_frame(), turn);
        if let Some(to) = to {
            for (_, text) in said {
                let id: MessageId = self.message_id(cause.now);
                self.take_in(cause, to, Message { id, conversation: Some(to), text }, None, turn);
            }
        }
        Ok(())
    }
}

impl Conversation {
    /// The conversation that this one goes on from.
    pub fn goes_on_from(&self) -> Option<ConversationId> {
        self.joined.iter().rev().find_map(|joined| match joined.to {
            JoinedTo::Ended { conversation, .. } => Some(conversation),
            JoinedTo::Open | JoinedTo::Named => None,
        })
    }

    /// The frame that tells a seat what has joined.
    pub(super) fn joined_frame(&self) -> ServerFrame<'static> {
        ServerFrame::Joined { conversation: self.id, joins: self.joins() }
    }

    /// What has joined, as seats get it.
    pub(super) fn joins(&self) -> Vec<Join> {
        self.joined.iter().map(Join::from).collect()
    }

    /// Whether what was said by this number was moved to another conversation.
    fn has_gone(&self, seq: u64) -> bool {
        self.moved.iter().any(|&(first, last)| (first..=last).contains(&seq))
    }

    /// Takes in that a message joined.
    pub(super) fn join(&mut self, joined: Joined) {
        if self.joined.last().is_some_and(|last| last.seq >= joined.seq) {
            return;
        }
        if self.joined.len() == JOINED_MAX {
            // What it goes on from stays: it stands first, if at all.
            self.joined.remove(1);
        }
        self.joined.push(joined);
    }

    /// Takes in that a join was taken back.
    pub(super) fn take_apart(&mut self, parted: &Parted) {
        self.joined.retain(|joined| joined.seq != parted.seq);
        if let Some(last) = parted.last {
            // Behind a gap a later message may get the number of one that has gone.
            let last = last.min(self.seq());
            // A stretch that went before may lie in the new one.
            self.moved.retain(|&(first, end)| first < parted.seq || end > last);
            self.moved.push((parted.seq, last));
        }
    }
}

/// What the customer has said in a conversation from a number on, with the numbers, but for what was moved
/// before.
fn said_from(conversation: &Conversation, seq: u64) -> Vec<(u64, Arc<str>)> {
    let said = conversation.events.iter().filter_map(|event| match &event.kind {
        EventKind::Message { from: Sender::Customer, text, .. }
            if event.seq >= seq && !conversation.has_gone(event.seq) =>
        {
            Some((event.seq, text.clone()))
        }
        _ => None,
    });
    said.take(MOVED_MAX).collect()
}

impl From<&Joined> for Join {
    fn from(joined: &Joined) -> Self {
        let (to, earlier, ms_ago) = match joined.to {
            JoinedTo::Open => ("open", None, None),
            JoinedTo::Named => ("named", None, None),
            JoinedTo::Ended { conversation, ms_ago } => ("ended", Some(conversation), Some(ms_ago)),
        };
        let Joined { at, seq, same_order, .. } = *joined;
        Self { at, seq, to, earlier, ms_ago, same_order }
    }
}

fn note_of_earlier(earlier: &Conversation, ms_ago: u64, same_order: bool) -> String {
    let minutes = ms_ago / 60_000;
    let order = if same_order { "both name the same order" } else { "no other order is named" };
    let id = earlier.id;
    format!(
        "Goes on from {id}, which ended {minutes} min ago: the same verified customer, {order}.\n{}",
        Summary::of(earlier)
    )
}
