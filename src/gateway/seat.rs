//! Frames of a seat: those about a conversation go to its owner, those about the seat itself to the
//! scheduler.

use std::sync::Arc;
use std::time::Instant;

use uuid::Uuid;

use crate::domain::TransferTarget;
use crate::flow::{Dispatch, FromSeat, Input, SeatAct, SeatLine, SeatRef, SeatWish};
use crate::protocol::{ClientFrame, Target};

use super::connection::{Connection, NotTaken};

impl Connection {
    pub(super) fn from_seat(
        &mut self,
        seat: &Arc<SeatRef>,
        frame: Option<Uuid>,
        parsed: ClientFrame<'_>,
        arrived_at: Instant,
    ) -> Result<(), NotTaken> {
        if let ClientFrame::Send { text, .. } | ClientFrame::Note { text, .. } = &parsed {
            self.admit_message(text)?;
        } else {
            self.admit_frame()?;
        }
        let (conversation, act) = match parsed {
            ClientFrame::State(state) => {
                return self.wish(seat, frame, SeatWish::State(state), arrived_at);
            }
            ClientFrame::Accept { offer } => {
                return self.wish(seat, frame, SeatWish::Accept(offer), arrived_at);
            }
            ClientFrame::Decline { offer } => {
                return self.wish(seat, frame, SeatWish::Decline(offer), arrived_at);
            }
            ClientFrame::Send { id, conversation: Some(conversation), text } => {
                (conversation, SeatAct::Send { id, text: text.into() })
            }
            ClientFrame::Note { conversation, text } => (conversation, SeatAct::Note(text.into())),
            ClientFrame::Transfer { conversation, to } => {
                let to = match to {
                    Target::Seat(seat) => TransferTarget::Seat(seat),
                    Target::Skill(skill) => TransferTarget::Skill(skill),
                };
                (conversation, SeatAct::Transfer(to))
            }
            ClientFrame::Close { conversation } => (conversation, SeatAct::Close),
            ClientFrame::Typing { conversation } => (conversation, SeatAct::Typing),
            ClientFrame::Received { conversation, seq } => (conversation, SeatAct::Received(seq)),
            _ => return Err(NotTaken::OtherRole),
        };
        let from =
            FromSeat { seat: seat.clone(), link: self.link.clone(), frame, conversation, act };
        let owner = self.gateway.owners.of_conversation(conversation);
        self.hand_over(owner, Input::Seat(from), arrived_at)
    }

    fn wish(
        &self,
        seat: &Arc<SeatRef>,
        frame: Option<Uuid>,
        act: SeatWish,
        arrived_at: Instant,
    ) -> Result<(), NotTaken> {
        let line = SeatLine { seat: (**seat).clone(), link: self.link.clone() };
        self.gateway.dispatcher.tell(Dispatch::FromSeat { line, frame, act }, arrived_at);
        Ok(())
    }
}
