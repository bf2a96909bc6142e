//! Handing what a shard holds over to a snapshot, piece by piece between its turns, so that
//! nobody waits for all of them.

use tokio::sync::mpsc;

use crate::domain::ConversationId;
use crate::journal::{Journal, Position};

use super::input::SeatRef;
use super::sealed::Keyring;
use super::shard::Shard;

/// Bytes that are encoded between two turns: some 200 µs of work.
const PIECE_BYTES: usize = 128 << 10;

/// What a shard hands over.
#[derive(Debug)]
pub enum Piece {
    /// Conversations, seats and deliveries, each with the position up to which it covers the journal.
    Kept(Vec<(Position, Vec<u8>)>),
    /// That was all of this shard.
    Done,
}

/// Where a shard hands its pieces to.
pub type Pieces = mpsc::Sender<Piece>;

/// What has to be handed over.
enum Item {
    Conversation(ConversationId),
    Seat(SeatRef),
    /// What channels have delivered, as it is when its turn comes.
    Deliveries,
    /// A part of that.
    Encoded(Vec<u8>),
}

/// A shard's part of a snapshot that is being made.
pub(super) struct Sweep {
    /// Still to come, the last first. What begins meanwhile is in the journal behind the snapshot.
    items: Vec<Item>,
    to: Pieces,
}

impl Sweep {
    pub(super) fn begin(shard: &Shard, to: Pieces) -> Self {
        let conversations = shard.conversation_ids().map(Item::Conversation);
        let seats = shard.present.keys().cloned().map(Item::Seat);
        // Deliveries are the last to be handed over: what is delivered to a conversation before it is
        // handed over is not read from the journal again.
        let items = std::iter::once(Item::Deliveries).chain(conversations).chain(seats).collect();
        Self { items, to }
    }

    /// Returns once there is room for a piece.
    pub(super) async fn has_room(sweep: Option<&Self>) {
        match sweep {
            // Whoever makes the snapshot may be gone; then the next step ends the sweep.
            Some(sweep) => drop(sweep.to.reserve().await),
            None => std::future::pending().await,
        }
    }

    /// Hands over a piece if there is room; whether there is more to come. Call it between turns:
    /// everything that the shard knows is on disk then, in front of the journal's end.
    pub(super) fn step(
        &mut self,
        shard: &mut Shard,
        keys: &mut Keyring,
        journal: &Journal,
    ) -> bool {
        let permit = match self.to.try_reserve() {
            Ok(permit) => permit,
            Err(mpsc::error::TrySendError::Full(())) => return true,
            Err(mpsc::error::TrySendError::Closed(())) => return false,
        };
        let Some(end) = journal.end() else { return false };
        let (mut piece, mut bytes) = (Vec::new(), 0);
        while bytes < PIECE_BYTES
            && let Some(item) = self.items.pop()
        {
            let kept = match item {
                Item::Conversation(id) => match keep(shard, keys, id) {
                    Ok(kept) => kept,
                    Err(NoKey) if keys.makes_more() => {
                        self.items.push(Item::Conversation(id));
                        break;
                    }
                    // It would lie there for anybody to read.
                    Err(NoKey) => return false,
                },
                Item::Seat(seat) => shard.keep_seat(&seat),
                Item::Deliveries => {
                    self.items.extend(shard.keep_deliveries().into_iter().map(Item::Encoded));
                    None
                }
                Item::Encoded(part) => Some(part),
            };
            if let Some(kept) = kept {
                bytes += kept.len();
                piece.push((end, kept));
            }
        }
        if piece.is_empty() && !self.items.is_empty() {
            return true;
        }
        if piece.is_empty() {
            permit.send(Piece::Done);
            return false;
        }
        permit.send(Piece::Kept(piece));
        true
    }
}

/// No key is there to seal a conversation with.
struct NoKey;

/// A conversation as it goes to disk. One that is older than keys gets its key here.
fn keep(
    shard: &mut Shard,
    keys: &mut Keyring,
    id: ConversationId,
) -> Result<Option<Vec<u8>>, NoKey> {
    let Some((shop, customer)) = shard.customer_of(id) else { return Ok(shard.keep(id)) };
    let key = keys.get_or_take(id, shop, customer).ok_or(NoKey)?.clone();
    Ok(shard.keep_sealed(id, &key))
}
