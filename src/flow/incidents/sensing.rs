//! Questions that wait for the encoder, where incidents are compared by the vector of one as well. A question
//! that it has no room or no time for, cannot read or is late with goes on without a vector.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::super::input::{CustomerRef, ForMany};
use super::super::shard::Shops;
use super::{Asks, Board};
use crate::domain::{ConversationId, Timestamp};
use crate::incidents::Told;
use crate::metrics::names::{Counter, Unsensed};
use crate::understand::encoder::Sense;
use crate::understand::tiers::NoVector;

/// Questions that wait for the encoder at a time.
const PENDING_MAX: usize = 1_024;
/// Longest that one waits. An encoder of 12 layers reads a text in 20 to 50 ms; who joins an incident that has its
/// answer is to have it within a second of the question.
pub(super) const SENSE_WAIT: Duration = Duration::from_millis(700);

impl From<NoVector> for Unsensed {
    fn from(why: NoVector) -> Self {
        match why {
            NoVector::Cut => Self::Long,
            NoVector::Failed => Self::Failed,
        }
    }
}

/// A question whose vector is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToSense {
    /// The number under which it waits; see [`Board::sensed`].
    pub ask: u64,
    /// As it was typed.
    pub text: Arc<str>,
}

impl Board {
    /// The same, where each question waits for its vector, which `sense` reads; see [`Self::take_to_sense`].
    #[must_use]
    pub fn sensing(mut self, sense: Arc<Sense>) -> Self {
        self.pending = Some(Pending::default());
        self.points_of = sense.fingerprint();
        self.sense = Some(sense);
        for board in self.shops.values_mut() {
            board.live.take_points_of(&self.points_of);
        }
        self
    }

    /// Whose vectors are wanted since the last call.
    pub fn take_to_sense(&mut self) -> Vec<ToSense> {
        self.pending.as_mut().map(Pending::take_to_sense).unwrap_or_default()
    }

    /// Goes on with a question, with its vector or without. Gives the answers that customers
    /// get by it; none where it does not wait any more.
    pub fn sensed(
        &mut self,
        now: Timestamp,
        ask: u64,
        vector: Result<Vec<f32>, Unsensed>,
    ) -> Vec<ForMany> {
        let why = vector.as_ref().err().copied();
        let came = self.pending.as_mut().and_then(|pending| pending.came(ask, why));
        let Some((asks, told)) = came else { return Vec::new() };
        self.compare(now, asks, told, vector.ok().as_deref()).into_iter().collect()
    }

    /// Goes on with the questions that have waited for too long, without a vector.
    pub(super) fn go_on_without(&mut self, now: Timestamp) -> Vec<ForMany> {
        let late = self.pending.as_mut().map(|pending| pending.late(now)).unwrap_or_default();
        let compared = late.into_iter().map(|(asks, told)| self.compare(now, asks, told, None));
        compared.flatten().collect()
    }

    /// What is to be counted since the last call.
    pub(super) fn take_counts(&mut self) -> Vec<Counter> {
        self.pending.as_mut().map(Pending::take_counts).unwrap_or_default()
    }
}

/// The questions that wait for the encoder.
#[derive(Default)]
pub(super) struct Pending {
    /// By their numbers: who has waited longest comes first.
    waiting: BTreeMap<u64, Waiting>,
    /// The last number that was given, and the last one that [`Self::take_to_sense`] knew.
    asks: u64,
    taken: u64,
    counts: Vec<Counter>,
}

struct Waiting {
    asks: Asks,
    told: Told,
    until: Timestamp,
}

impl Pending {
    /// Lets a question wait, in place of one that its conversation has asked before. Gives it back where as
    /// many wait as may.
    pub fn put(&mut self, now: Timestamp, asks: Asks, told: Told) -> Option<(Asks, Told)> {
        self.leave(asks.conversation);
        if self.waiting.len() >= PENDING_MAX {
            self.counts.push(Counter::Sensed(Some(Unsensed::Full)));
            return Some((asks, told));
        }
        self.asks += 1;
        self.waiting.insert(self.asks, Waiting { asks, told, until: now + SENSE_WAIT });
        None
    }

    /// Those that wait and were not given yet.
    pub fn take_to_sense(&mut self) -> Vec<ToSense> {
        let fresh = self.waiting.range(self.taken + 1..);
        let fresh = fresh.map(|(ask, it)| ToSense { ask: *ask, text: it.asks.text.clone() });
        let fresh = fresh.collect();
        self.taken = self.asks;
        fresh
    }

    /// Takes out a question whose vector came, or will not come because of `why`; `None` when it does not wait
    /// any more.
    pub fn came(&mut self, ask: u64, why: Option<Unsensed>) -> Option<(Asks, Told)> {
        let Waiting { asks, told, .. } = self.waiting.remove(&ask)?;
        self.counts.push(Counter::Sensed(why));
        Some((asks, told))
    }

    /// Takes out the questions that have waited for [`SENSE_WAIT`].
    pub fn late(&mut self, now: Timestamp) -> Vec<(Asks, Told)> {
        let late = self.waiting.extract_if(.., |_, it| it.until <= now);
        let late: Vec<_> = late.map(|(_, it)| (it.asks, it.told)).collect();
        self.counts.extend(late.iter().map(|_| Counter::Sensed(Some(Unsensed::Late))));
        late
    }

    /// When [`Self::late`] next has something.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        // All wait equally long.
        self.waiting.first_key_value().map(|(_, it)| it.until)
    }

    /// A conversation asks nothing any more.
    pub fn leave(&mut self, conversation: ConversationId) {
        self.waiting.retain(|_, it| it.asks.conversation != conversation);
    }

    /// Forgets what an erased customer asks.
    pub fn forget(&mut self, customer: &CustomerRef) {
        let is_his = |asks: &Asks| asks.shop == customer.shop && asks.customer == customer.id;
        self.waiting.retain(|_, it| !is_his(&it.asks));
    }

    /// Forgets what is asked in shops that are gone.
    pub fn keep_shops(&mut self, shops: &Shops) {
        self.waiting.retain(|_, it| shops.contains_key(&it.asks.shop));
    }

    fn take_counts(&mut self) -> Vec<Counter> {
        std::mem::take(&mut self.counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{CustomerId, CustomerKey, Language, ShopId};

    const START: Timestamp = Timestamp::from_millis(5);

    fn shop() -> ShopId {
        ShopId::from("demo")
    }

    fn customer(n: u64) -> CustomerId {
        CustomerId::from(format!("v_{n}"))
    }

    fn conversation(n: u64) -> ConversationId {
        ConversationId::new(n, CustomerKey::of(&shop(), &customer(n)), n)
    }

    fn asks(n: u64) -> Asks {
        Asks {
            shop: shop(),
            conversation: conversation(n),
            customer: customer(n),
            asked_at: START,
            language: Language::ENGLISH,
            text: format!("question {n}").into(),
            needs_person: false,
            waits: true,
        }
    }

    /// So many questions that wait from the start on, of whom the encoder is still to be asked.
    fn pending(count: usize) -> Pending {
        let mut pending = Pending::default();
        for n in 0..count as u64 {
            assert!(pending.put(START, asks(n), Told::First).is_none(), "there is room");
        }
        pending
    }

    fn texts(to_sense: &[ToSense]) -> Vec<&str> {
        to_sense.iter().map(|it| &*it.text).collect()
    }

    fn counted(why: Option<Unsensed>) -> Counter {
        Counter::Sensed(why)
    }

    #[test]
    fn a_question_is_given_to_the_encoder_once_and_taken_out_once() {
        let mut pending = pending(2);

        let to_sense = pending.take_to_sense();
        assert_eq!(texts(&to_sense), ["question 0", "question 1"]);
        assert!(pending.take_to_sense().is_empty());
        let (asks, told) = pending.came(to_sense[1].ask, None).expect("it waits");

        assert_eq!((asks.conversation, told), (conversation(1), Told::First));
        assert!(pending.came(to_sense[1].ask, None).is_none(), "it went on");
        assert!(pending.came(77, Some(Unsensed::Failed)).is_none(), "nobody has this number");
        assert_eq!(pending.take_counts(), [counted(None)]);
    }

    #[test]
    fn beyond_those_that_may_wait_a_question_goes_on_at_once_until_there_is_room() {
        let mut pending = pending(PENDING_MAX);
        let newest = PENDING_MAX as u64;

        let (asked, _) = pending.put(START, asks(newest), Told::Again).expect("no room");
        assert_eq!(asked.conversation, conversation(newest));
        assert_eq!(pending.take_counts(), [counted(Some(Unsensed::Full))]);
        assert_eq!(pending.take_to_sense().len(), PENDING_MAX);

        pending.leave(conversation(0));
        assert!(pending.put(START, asks(newest), Told::Again).is_none());
        assert_eq!(texts(&pending.take_to_sense()), [format!("question {newest}")]);
    }

    #[test]
    fn a_question_waits_until_its_deadline_and_no_longer() {
        let mut pending = pending(1);
        let later = START + Duration::from_millis(300);
        assert!(pending.put(later, asks(1), Told::Again).is_none());
        assert_eq!(pending.next_deadline(), Some(START + SENSE_WAIT));

        let just_before = START + (SENSE_WAIT - Duration::from_millis(1));
        assert!(pending.late(just_before).is_empty());
        let late = pending.late(START + SENSE_WAIT);

        let conversations: Vec<_> = late.iter().map(|(asks, _)| asks.conversation).collect();
        assert_eq!(conversations, [conversation(0)]);
        assert_eq!(pending.take_counts(), [counted(Some(Unsensed::Late))]);
        assert_eq!(pending.next_deadline(), Some(later + SENSE_WAIT));
        assert_eq!(pending.late(later + SENSE_WAIT).len(), 1);
        assert_eq!(pending.next_deadline(), None);
    }

    #[test]
    fn who_asks_again_waits_with_the_last_question_alone() {
        let mut pending = pending(1);
        let first = pending.take_to_sense().remove(0);

        let again = Asks { text: "another".into(), ..asks(0) };
        assert!(pending.put(START, again, Told::First).is_none());

        let to_sense = pending.take_to_sense();
        assert_eq!(texts(&to_sense), ["another"]);
        assert!(pending.came(first.ask, None).is_none());
        assert!(pending.came(to_sense[0].ask, None).is_some());
    }

    #[test]
    fn who_leaves_or_is_erased_and_whose_shop_is_gone_waits_no_longer() {
        let mut pending = pending(3);
        pending.leave(conversation(0));
        let elsewhere = CustomerRef { shop: ShopId::from("other"), id: customer(2) };
        pending.forget(&elsewhere);
        pending.forget(&CustomerRef { shop: shop(), id: customer(1) });

        let to_sense = pending.take_to_sense();
        assert_eq!(texts(&to_sense), ["question 2"]);
        pending.keep_shops(&Shops::default());

        assert!(pending.came(to_sense[0].ask, None).is_none());
        assert_eq!(pending.next_deadline(), None);
        assert!(pending.take_counts().is_empty(), "nobody went on");
    }
}
