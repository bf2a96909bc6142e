//! Messages that the encoder is asked about. They, and what their customers say after them, wait for
//! its answer, so that a conversation is acted on in the order in which it was written. When the
//! answer does not come in time, the fast tier's stands.

use std::collections::VecDeque;

use ahash::AHashMap;

use crate::domain::{ConversationId, Tier, Timestamp};
use crate::metrics::names::{self, Counter};
use crate::understand::tiers::Second;

use super::shard::Shard;
use super::turn::Turn;
use super::understood::Understood;

/// What the encoder made of a message.
#[derive(Debug)]
pub struct SecondLook {
    /// Where.
    pub conversation: ConversationId,
    /// Its number.
    pub seq: u64,
    /// What; `None` when the encoder failed.
    pub answer: Option<Second>,
}

/// Messages that wait for the encoder.
#[derive(Default)]
pub(super) struct SecondLooks {
    waiting: AHashMap<ConversationId, VecDeque<Look>>,
    /// Of the messages that the encoder still looks at; the soonest first, since all wait equally long.
    deadlines: VecDeque<(Timestamp, ConversationId, u64)>,
}

struct Look {
    message: Understood,
    /// Whether the encoder still looks at it. One that comes after such a message waits as well.
    is_open: bool,
}

impl SecondLooks {
    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.front().map(|(until, ..)| *until)
    }

    fn open(&mut self, conversation: ConversationId, seq: u64) -> Option<&mut Look> {
        let looks = self.waiting.get_mut(&conversation)?;
        looks.iter_mut().find(|look| look.is_open && look.message.seq == seq)
    }

    /// Forgets deadlines that were kept.
    fn tidy(&mut self) {
        while let Some((_, conversation, seq)) = self.deadlines.front().copied()
            && self.open(conversation, seq).is_none()
        {
            self.deadlines.pop_front();
        }
    }

    /// The next message of `conversation` that waits for nothing any more.
    fn next(&mut self, conversation: ConversationId) -> Option<Understood> {
        let looks = self.waiting.get_mut(&conversation)?;
        let next = looks.pop_front_if(|look| !look.is_open).map(|look| look.message);
        if looks.is_empty() {
            self.waiting.remove(&conversation);
        }
        next
    }

    /// Lets go of what waits in a conversation.
    pub(super) fn forget(&mut self, conversation: ConversationId) {
        self.waiting.remove(&conversation);
        self.tidy();
    }

    /// Lets `message` wait behind those of its conversation; gives it back when there are none.
    pub(super) fn behind(&mut self, message: Understood) -> Option<Understood> {
        if self.waiting.is_empty() {
            return Some(message);
        }
        match self.waiting.get_mut(&message.conversation) {
            Some(looks) => {
                looks.push_back(Look { message, is_open: false });
                None
            }
            None => Some(message),
        }
    }
}

impl Shard {
    /// Keeps back a message that the encoder was asked about, at most until `until`.
    pub fn wait_for_encoder(&mut self, message: Understood, until: Timestamp) {
        let conversation = message.conversation;
        self.second_looks.deadlines.push_back((until, conversation, message.seq));
        let looks = self.second_looks.waiting.entry(conversation).or_default();
        looks.push_back(Look { message, is_open: true });
    }

    /// Whether a message waits for the encoder.
    pub fn waits_for_encoder(&self) -> bool {
        !self.second_looks.deadlines.is_empty()
    }

    /// Takes the encoder's answer; one that comes too late changes nothing.
    pub(super) fn looked_again(&mut self, now: Timestamp, look: SecondLook, turn: &mut Turn) {
        let SecondLook { conversation, seq, answer } = look;
        let Some(open) = self.second_looks.open(conversation, seq) else { return };
        open.is_open = false;
        let fast = open.message.understanding.take();
        let (result, tier) = match &answer {
            Some(second) => (names::SecondLook::Answered, second.tier),
            None => (names::SecondLook::Failed, Tier::Fast),
        };
        open.message.understanding = match answer {
            Some(second) => fast.map(|fast| second.over(fast)),
            None => fast,
        };
        turn.counts.extend([Counter::Encoder(result), Counter::Understood(tier)]);
        self.second_looks.tidy();
        self.go_on(now, conversation, turn);
    }

    /// Lets the fast tier's answer stand where the encoder did not answer in time.
    pub(super) fn give_up_second_looks(&mut self, now: Timestamp, turn: &mut Turn) {
        while let Some((until, conversation, seq)) = self.second_looks.deadlines.front().copied()
            && until <= now
        {
            self.second_looks.deadlines.pop_front();
            if let Some(open) = self.second_looks.open(conversation, seq) {
                open.is_open = false;
                let late = Counter::Encoder(names::SecondLook::Late);
                turn.counts.extend([late, Counter::Understood(Tier::Fast)]);
                self.go_on(now, conversation, turn);
            }
        }
        self.second_looks.tidy();
    }

    /// Acts on the messages of a conversation up to the next that the encoder still looks at.
    fn go_on(&mut self, now: Timestamp, conversation: ConversationId, turn: &mut Turn) {
        while let Some(message) = self.second_looks.next(conversation) {
            self.act_on(now, message, turn);
        }
    }
}
