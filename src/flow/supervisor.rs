//! What a supervisor does in the conversations of the shop, whoever owns them.

use crate::domain::{By, SeatId, ShopId};
use crate::protocol::{ErrorCode, ServerFrame, encode};
use crate::schedule::Command;

use super::conversation::Conversation;
use super::input::{FromSeat, SeatAct, SeatRef};
use super::seat::ask_scheduler;
use super::shard::{Cause, Shard};
use super::turn::Turn;
use super::viewers::deliver;

impl Shard {
    /// Carries out what a seat asks for in a conversation that it does not own. That the
    /// conversation is one of its shop was checked before.
    pub(super) fn supervisor_acts(
        &mut self,
        cause: Cause,
        frame: &FromSeat,
        conversation: &mut Conversation,
        turn: &mut Turn,
    ) -> Result<(), (ErrorCode, &'static str)> {
        if !self.is_supervisor(&frame.seat) {
            return Err(match frame.act {
                SeatAct::Assign(_) | SeatAct::Approve => {
                    (ErrorCode::Forbidden, "this is for supervisors")
                }
                _ => (ErrorCode::Forbidden, "another seat owns the conversation, or none"),
            });
        }
        match &frame.act {
            SeatAct::Close => self.close(cause, conversation, By::Supervisor, turn),
            SeatAct::Part(seq) => self.part(cause, (&frame.seat.id, *seq), conversation, turn)?,
            SeatAct::Assign(_) | SeatAct::Approve if conversation.is_closed() => {
                return Err((ErrorCode::Conflict, "the conversation is closed"));
            }
            SeatAct::Assign(to) => {
                let contact = self.contact_of(cause.now, conversation);
                let (to, by) = (to.clone(), frame.seat.id.clone());
                ask_scheduler(cause, frame, Command::Assign { contact, to, by }, turn);
            }
            SeatAct::Approve => {
                let (shop, by) = (frame.seat.shop.clone(), frame.seat.id.clone());
                let command = Command::Approve { shop, conversation: conversation.id, by };
                ask_scheduler(cause, frame, command, turn);
            }
            _ => return Err((ErrorCode::Forbidden, "take it over first")),
        }
        Ok(())
    }

    fn is_supervisor(&self, seat: &SeatRef) -> bool {
        let shop = self.shops.get(&seat.shop);
        shop.and_then(|shop| shop.seats.get(&seat.id)).is_some_and(|account| account.supervisor)
    }

    /// Sends a frame to every supervisor of a shop who is there.
    pub(super) fn tell_supervisors(
        &self,
        shop_id: &ShopId,
        frame: &ServerFrame<'_>,
        turn: &mut Turn,
    ) {
        let Some(shop) = self.shops.get(shop_id) else { return };
        let frame = encode(frame).into();
        let supervisors = shop.seats.iter().filter(|(_, account)| account.supervisor);
        for seat in supervisors.map(|(seat, _): (&SeatId, _)| seat) {
            deliver(self.seat_links(shop_id, seat), None, &frame, turn);
        }
    }
}
