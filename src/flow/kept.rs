//! What snapshots keep: conversations and the seats that are there, as MessagePack with field names, as
//! records are.

use std::sync::{Arc, Weak};

use serde::{Deserialize, Serialize};

use crate::domain::ConversationId;
use crate::schedule::{DecisionRecord, Scheduler};
use crate::vault::Key;

use super::conversation::Conversation;
use super::delivered::KeptDeliveries;
use super::dispatch::SeatStates;
use super::fact::{RecordError, SeatRecord, read};
use super::input::SeatRef;
use super::personal::Personal;
use super::sealed::seal_conversation;
use super::shard::Shard;

/// Room for a usual conversation; a longer one grows.
const USUAL_BYTES: usize = 2048;

/// One entry of a snapshot.
#[derive(Debug)]
pub enum Kept {
    /// A conversation.
    Conversation(Box<KeptConversation>),
    /// A seat that was there, and since when it had its state.
    Seat(SeatRecord),
    /// What channels have delivered.
    Deliveries(KeptDeliveries),
}

/// A conversation, and why it is where it is.
#[derive(Debug, Deserialize)]
pub struct KeptConversation {
    /// Its state.
    pub conversation: Conversation,
    /// What the scheduler remembered of its decisions, oldest first.
    pub decided: Vec<Arc<DecisionRecord>>,
}

/// [`KeptConversation`], borrowed.
#[derive(Serialize)]
struct Keeping<'a> {
    conversation: &'a Conversation,
    decided: &'a [Arc<DecisionRecord>],
}

impl Kept {
    /// Reads what [`Shard::keep`], [`Shard::keep_seat`] or [`Shard::keep_deliveries`] wrote.
    ///
    /// # Errors
    /// When the bytes are none of them.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        // Their fields have no name in common, so no payload is two of them.
        match read::<KeptConversation>(bytes) {
            Ok(mut kept) => {
                kept.conversation.remember_seen();
                Ok(Self::Conversation(Box::new(kept)))
            }
            Err(error) => read(bytes)
                .map(Self::Seat)
                .or_else(|_| read(bytes).map(Self::Deliveries))
                .map_err(|_| error),
        }
    }
}

impl KeptConversation {
    /// The entry of a snapshot that is left of it when it is erased.
    pub fn erased(mut self) -> Vec<u8> {
        drop(Personal::out_of_conversation(&mut self.conversation, &mut self.decided));
        encode(&self.conversation, &self.decided)
    }
}

impl Conversation {
    /// Lets go of what is said of events that are not there: earlier programs kept it behind a gap in a
    /// damaged journal, and the next event would get it.
    fn let_go_of_missing(&mut self) {
        let end = self.seq();
        self.translated.retain(|seq, _| *seq <= end);
        self.in_flight.retain(|message| message.seq <= end);
        self.held_from = self.held_from.filter(|seq| *seq <= end);
        self.joined.retain(|joined| joined.seq <= end);
        self.moved.retain(|(first, _)| *first <= end);
        self.moved.iter_mut().for_each(|(_, last)| *last = end.min(*last));
    }
}

impl Shard {
    /// A conversation as a snapshot keeps it; `None` when it is not here any more.
    pub fn keep(&self, id: ConversationId) -> Option<Vec<u8>> {
        let conversation = self.conversations.get(&id)?;
        Some(encode(conversation, &decided(conversation)))
    }

    /// The same with what is personal in it sealed.
    pub fn keep_sealed(&mut self, id: ConversationId, key: &Key) -> Option<Vec<u8>> {
        let conversation = self.conversations.get_mut(&id)?;
        let mut decided = decided(conversation);
        Some(seal_conversation(key, conversation, &mut decided, encode))
    }

    /// A seat as a snapshot keeps it; `None` when it is not there any more.
    pub fn keep_seat(&self, seat: &SeatRef) -> Option<Vec<u8>> {
        self.present.get(seat).map(SeatRecord::encode)
    }

    /// Takes in a conversation of a snapshot, whose decisions [`recall_kept`] has given to the
    /// scheduler. What happened to it afterwards follows by [`Self::restore`].
    pub fn restore_kept(&mut self, kept: KeptConversation) {
        let KeptConversation { mut conversation, decided } = kept;
        conversation.let_go_of_missing();
        conversation.decided = decided.iter().map(Arc::downgrade).collect();
        self.insert(conversation);
    }

    /// Takes in that a seat came, went or changed its state.
    pub fn note_seat(&mut self, record: &SeatRecord) {
        let seat = SeatRef { shop: record.shop.clone(), id: record.seat.clone() };
        match record.state {
            Some(_) => self.present.insert(seat, record.clone()),
            None => self.present.remove(&seat),
        };
    }

    /// The states of the seats that are there.
    pub fn seat_states(&self) -> SeatStates {
        let present = self.present.iter();
        present.filter_map(|(seat, record)| Some((seat.clone(), record.state?))).collect()
    }
}

/// What the scheduler remembers of its decisions about a conversation.
fn decided(conversation: &Conversation) -> Vec<Arc<DecisionRecord>> {
    conversation.decided.iter().filter_map(Weak::upgrade).collect()
}

fn encode(conversation: &Conversation, decided: &[Arc<DecisionRecord>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(USUAL_BYTES);
    rmp_serde::encode::write_named(&mut out, &Keeping { conversation, decided })
        .expect("conversations hold only types that MessagePack has");
    out
}

/// Lets the scheduler remember the decisions of a snapshot. Call it before any record of the journal
/// is recalled.
pub fn recall_kept<'a>(
    kept: impl Iterator<Item = &'a KeptConversation>,
    scheduler: &mut Scheduler,
) {
    let mut decided: Vec<_> = kept.filter(|kept| !kept.decided.is_empty()).collect();
    // What was decided on first is forgotten first, as before.
    decided.sort_unstable_by_key(|kept| (kept.decided[0].at, kept.conversation.id));
    for KeptConversation { conversation, decided } in decided {
        for record in decided {
            scheduler.recall(&conversation.opened.shop, conversation.id, record.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes: Vec<u8>) {
            let _ = Kept::decode(&bytes);
        }
    }
}
