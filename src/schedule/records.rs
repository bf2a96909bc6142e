//! What is remembered of past decisions, in a bounded space.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::decision::{TakeBackReason, TicketReason, WithdrawReason};
use super::search::Search;
use super::shop::ShopNo;
use crate::domain::{ConversationId, RegionId, SeatId, Timestamp, WaitReason};

/// Decisions that are remembered of one conversation, the latest ones.
const PER_CONVERSATION_MAX: usize = 32;

/// One decision about a conversation, as it is remembered and as the journal keeps it. It holds no
/// text of a customer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecisionRecord {
    /// When.
    pub at: Timestamp,
    /// The version of the shop's rules that decided.
    pub rules: Arc<str>,
    /// What was decided.
    pub step: Step,
    pub(super) search: Option<Box<Search>>,
}

/// What of a decision tells where the customer is: the region that was looked for, and the words for why
/// a seat was asked, which may name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AboutCustomer {
    region: Option<RegionId>,
    why: Vec<String>,
}

impl DecisionRecord {
    /// Whether it tells anything of the customer.
    pub fn is_about_customer(&self) -> bool {
        let has_region = self.search.as_ref().is_some_and(|search| search.region.is_some());
        has_region || matches!(&self.step, Step::Offered { why, .. } if !why.is_empty())
    }

    /// Takes that out; `None` when there is nothing.
    pub fn take_about_customer(&mut self) -> Option<AboutCustomer> {
        let region = self.search.as_mut().and_then(|search| search.region.take());
        let why = match &mut self.step {
            Step::Offered { why, .. } => std::mem::take(why),
            _ => Vec::new(),
        };
        (region.is_some() || !why.is_empty()).then_some(AboutCustomer { region, why })
    }

    /// Gives back what was taken out of this decision.
    pub fn give_about_customer(&mut self, about: AboutCustomer) {
        if let Some(search) = &mut self.search {
            search.region = about.region;
        }
        if let Step::Offered { why, .. } = &mut self.step {
            *why = about.why;
        }
    }
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// No seat was free: it lined up, or what it waits for has changed.
    Waits {
        /// What it waits for.
        reason: WaitReason,
        /// Place in its lane, from 1.
        place: u32,
        /// Expected wait in whole seconds, lower and upper end.
        wait_s: Option<(u32, u32)>,
    },
    /// It waits for a supervisor's approval.
    Held {
        /// Until when at the most, in milliseconds since the Unix epoch.
        until: Timestamp,
    },
    /// It goes on to the seats.
    Approved {
        /// The supervisor; `None` when it was held as long as it may be.
        by: Option<SeatId>,
    },
    /// A seat was asked.
    Offered {
        /// Which seat.
        seat: SeatId,
        /// Why, in words.
        why: Vec<String>,
    },
    /// The seat that was asked said no.
    Declined {
        /// Which seat.
        seat: SeatId,
    },
    /// The offer was void.
    Withdrawn {
        /// Who had it.
        seat: SeatId,
        /// Why.
        reason: WithdrawReason,
    },
    /// A seat took it, or was given it.
    Assigned {
        /// The owner.
        seat: SeatId,
    },
    /// The owner lost it.
    TakenBack {
        /// The owner until then.
        seat: SeatId,
        /// Why.
        reason: TakeBackReason,
    },
    /// It got a ticket instead of a place.
    Ticket {
        /// Why.
        reason: TicketReason,
        /// When somebody will be there, in milliseconds since the Unix epoch.
        opens_at: Option<Timestamp>,
    },
    /// A supervisor was called.
    Escalated {
        /// How often it has moved.
        hops: u8,
    },
}

/// The records of the conversations that were decided on last.
#[derive(Debug)]
pub(super) struct Records {
    /// Only looked up, never walked.
    by_conversation: HashMap<ConversationId, Remembered, ahash::RandomState>,
    /// The conversations in the order of their first record.
    order: VecDeque<ConversationId>,
    /// Conversations with records that the journal has not been given.
    unwritten: BTreeSet<ConversationId>,
    total: usize,
    total_max: usize,
}

#[derive(Debug)]
struct Remembered {
    shop: ShopNo,
    records: VecDeque<Arc<DecisionRecord>>,
    /// How many of the latest are not written.
    unwritten: usize,
}

impl Records {
    /// At most `total_max` records, and never fewer than one conversation may have; none for 0.
    pub fn new(total_max: usize) -> Self {
        let total_max = if total_max == 0 { 0 } else { total_max.max(PER_CONVERSATION_MAX) };
        Self {
            by_conversation: HashMap::default(),
            order: VecDeque::new(),
            unwritten: BTreeSet::new(),
            total: 0,
            total_max,
        }
    }

    /// Whether anything is remembered.
    pub fn is_on(&self) -> bool {
        self.total_max > 0
    }

    /// Remembers what was decided just now.
    pub fn push(&mut self, conversation: ConversationId, shop: ShopNo, record: DecisionRecord) {
        self.recall(conversation, shop, Arc::new(record));
        if let Some(remembered) = self.by_conversation.get_mut(&conversation) {
            remembered.unwritten = (remembered.unwritten + 1).min(PER_CONVERSATION_MAX);
            self.unwritten.insert(conversation);
        }
    }

    /// What the journal has not been given since the last call.
    pub fn take_unwritten(&mut self) -> Vec<(ConversationId, Arc<DecisionRecord>)> {
        let mut taken = Vec::new();
        for conversation in std::mem::take(&mut self.unwritten) {
            let Some(remembered) = self.by_conversation.get_mut(&conversation) else { continue };
            let first = remembered.records.len() - remembered.unwritten;
            remembered.unwritten = 0;
            let records = remembered.records.range(first..).cloned();
            taken.extend(records.map(|record| (conversation, record)));
        }
        taken
    }

    /// Remembers what the journal has kept.
    pub fn recall(
        &mut self,
        conversation: ConversationId,
        shop: ShopNo,
        record: Arc<DecisionRecord>,
    ) {
        if !self.is_on() {
            return;
        }
        let order = &mut self.order;
        let remembered = self.by_conversation.entry(conversation).or_insert_with(|| {
            order.push_back(conversation);
            Remembered { shop, records: VecDeque::new(), unwritten: 0 }
        });
        if remembered.records.len() == PER_CONVERSATION_MAX {
            remembered.records.pop_front();
        } else {
            self.total += 1;
        }
        remembered.records.push_back(record);
        while self.total > self.total_max {
            let oldest = self.order.pop_front().expect("records belong to conversations");
            let forgotten = self.by_conversation.remove(&oldest);
            self.unwritten.remove(&oldest);
            self.total -= forgotten.map_or(0, |remembered| remembered.records.len());
        }
    }

    /// Forgets every decision about a conversation, also those that are not written.
    pub fn forget(&mut self, conversation: ConversationId) {
        let Some(forgotten) = self.by_conversation.remove(&conversation) else { return };
        self.total -= forgotten.records.len();
        self.unwritten.remove(&conversation);
        self.order.retain(|it| *it != conversation);
    }

    /// The shop of a conversation and what is remembered of it.
    pub fn of(
        &self,
        conversation: ConversationId,
    ) -> Option<(ShopNo, impl DoubleEndedIterator<Item = &DecisionRecord>)> {
        let remembered = self.by_conversation.get(&conversation)?;
        Some((remembered.shop, remembered.records.iter().map(AsRef::as_ref)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conversation(n: usize) -> ConversationId {
        ConversationId::from_uuid(uuid::Uuid::from_u128(n as u128))
    }

    fn record(at: usize) -> DecisionRecord {
        let at = Timestamp::from_millis(at as u64);
        DecisionRecord { at, rules: "v".into(), step: Step::Escalated { hops: 1 }, search: None }
    }

    fn times(records: &Records, n: usize) -> Vec<u64> {
        let of = records.of(conversation(n)).into_iter();
        of.flat_map(|(_, records)| records.map(|record| record.at.as_millis())).collect()
    }

    #[test]
    fn a_conversation_keeps_its_latest_records() {
        let mut records = Records::new(100);

        (0..40).for_each(|at| records.push(conversation(1), 0, record(at)));

        assert_eq!(times(&records, 1), (8..40).collect::<Vec<_>>());
        assert_eq!(records.total, 32);
    }

    #[test]
    fn each_record_is_given_to_the_journal_once_and_one_from_it_never() {
        let mut records = Records::new(100);
        records.recall(conversation(1), 0, record(1).into());
        records.push(conversation(1), 0, record(2));
        records.push(conversation(2), 0, record(3));
        let mut taken = || {
            let taken = records.take_unwritten().into_iter();
            taken.map(|(_, record)| record.at.as_millis()).collect::<Vec<_>>()
        };

        assert_eq!(taken(), [2, 3]);
        assert!(taken().is_empty());

        (0..200).for_each(|n| records.push(conversation(n), 0, record(n)));
        assert_eq!(records.take_unwritten().len(), 100, "what is forgotten is not written");
    }

    #[test]
    fn what_is_forgotten_is_not_written_and_leaves_its_room() {
        let mut records = Records::new(100);
        (0..3).for_each(|n| records.push(conversation(n), 0, record(n)));

        records.forget(conversation(1));
        records.forget(conversation(1));

        assert_eq!(records.take_unwritten().len(), 2);
        assert_eq!((records.total, records.order.len()), (2, 2));
        assert!(times(&records, 1).is_empty());
    }

    #[test]
    fn the_conversations_that_came_first_are_forgotten_first() {
        let mut records = Records::new(100);

        for n in 0..60 {
            records.push(conversation(n), 0, record(n));
            records.push(conversation(n), 0, record(n + 1));
        }

        assert!(times(&records, 9).is_empty());
        assert_eq!(times(&records, 10), [10, 11]);
        assert_eq!(
            (records.total, records.by_conversation.len(), records.order.len()),
            (100, 50, 50)
        );
    }
}
