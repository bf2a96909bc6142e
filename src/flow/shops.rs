//! Shops that come and go while the router works.
//!
//! A shop that is no longer served takes nothing new, and what is open in it ends at once: nobody
//! would answer it, and nobody should wait for that.

use crate::domain::{By, ConversationId, ShopId};
use crate::protocol::CloseCode;

use super::shard::{Cause, Shard, Shops};
use super::turn::Turn;

impl Shard {
    /// Works by new shops. Conversations of those that are gone are closed, and their sockets after
    /// they were told.
    pub(super) fn take_shops(&mut self, cause: Cause, shops: Shops, turn: &mut Turn) {
        let old = std::mem::replace(&mut self.shops, shops);
        self.forget_phrases(&old);
        self.look_at_closed(cause.now);
        self.unanswered.retain(|shop, _| self.shops.contains_key(shop));
        if old.keys().all(|shop| self.shops.contains_key(shop)) {
            return;
        }
        let mut open: Vec<ConversationId> = self.conversations.keys().copied().collect();
        open.sort_unstable();
        for id in open {
            self.close_if_not_served(cause, id, turn);
        }
        let is_gone = |shop: &ShopId| !self.shops.contains_key(shop);
        let customers = self.customers.iter().filter(|(customer, _)| is_gone(&customer.shop));
        let seats = self.seats.iter().filter(|(seat, _)| is_gone(&seat.shop));
        let links = customers.flat_map(|(_, entry)| &entry.links);
        let links = links.chain(seats.flat_map(|(_, views)| &views.links));
        turn.closing.extend(links.map(|link| (link.outbox.clone(), CloseCode::Unauthorized)));
    }

    /// Ends a conversation whose shop is not served.
    pub(super) fn close_if_not_served(
        &mut self,
        cause: Cause,
        id: ConversationId,
        turn: &mut Turn,
    ) {
        let is_served = |shop: &ShopId| self.shops.contains_key(shop);
        if self.conversations.get(&id).is_none_or(|it| is_served(&it.opened.shop)) {
            return;
        }
        let Some(mut conversation) = self.conversations.remove(&id) else { return };
        self.close(cause, &mut conversation, By::Shop, turn);
        self.conversations.insert(id, conversation);
    }
}
