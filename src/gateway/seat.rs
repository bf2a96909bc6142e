//! Frames of a seat: those about a conversation go to its owner, those about the seat itself to the
//! scheduler.

use std::sync::Arc;
use std::time::Instant;

use uuid::Uuid;

use crate::admission::Refusal;
use crate::domain::{TransferTarget, Work};
use crate::flow::{Dispatch, FromSeat, IncidentAct, Input, SeatAct, SeatLine, SeatRef};
use crate::incidents::ClusterId;
use crate::protocol::{ClientFrame, ErrorCode, Target};
use crate::schedule::Command;

use super::connection::{Connection, NotTaken};

impl Connection {
    pub(super) fn seat_frame(
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
        let (shop, id) = (seat.shop.clone(), seat.id.clone());
        let (conversation, act) = match parsed {
            ClientFrame::State(state) => {
                let command = Command::SetState { shop, seat: id, state };
                return self.wish(seat, frame, command, arrived_at);
            }
            ClientFrame::Accept { offer } => {
                let command = Command::Accept { shop, seat: id, offer };
                return self.wish(seat, frame, command, arrived_at);
            }
            ClientFrame::Decline { offer } => {
                let command = Command::Decline { shop, seat: id, offer };
                return self.wish(seat, frame, command, arrived_at);
            }
            ClientFrame::Incidents { watch } => {
                return self.about_incident(seat, frame, IncidentAct::Watch(watch));
            }
            ClientFrame::ConfirmIncident { incident, conversations, wrong } => {
                let incident = ClusterId(incident);
                let act = IncidentAct::Confirm { incident, conversations, wrong };
                return self.about_incident(seat, frame, act);
            }
            ClientFrame::AnswerIncident { incident, texts, fallback } => {
                let incident = ClusterId(incident);
                let act = IncidentAct::Answer { incident, texts, fallback };
                return self.about_incident(seat, frame, act);
            }
            ClientFrame::JoinIncidents { incident, into } => {
                let (incident, into) = (ClusterId(incident), ClusterId(into));
                return self.about_incident(seat, frame, IncidentAct::Join { incident, into });
            }
            ClientFrame::PartIncidents { incident, from } => {
                let (incident, from) = (ClusterId(incident), ClusterId(from));
                return self.about_incident(seat, frame, IncidentAct::Part { incident, from });
            }
            ClientFrame::CloseIncident { incident } => {
                let act = IncidentAct::Close(ClusterId(incident));
                return self.about_incident(seat, frame, act);
            }
            ClientFrame::Floor { watch } => return self.floor(seat, watch, arrived_at),
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
            ClientFrame::Assign { conversation, seat } => (conversation, SeatAct::Assign(seat)),
            ClientFrame::Approve { conversation } => (conversation, SeatAct::Approve),
            ClientFrame::TakeOver { conversation } => (conversation, SeatAct::Assign(id)),
            ClientFrame::Translate { conversation, seq } => (conversation, SeatAct::Translate(seq)),
            ClientFrame::Part { conversation, seq } => (conversation, SeatAct::Part(seq)),
            ClientFrame::Close { conversation } => (conversation, SeatAct::Close),
            ClientFrame::Typing { conversation } => (conversation, SeatAct::Typing),
            ClientFrame::Received { conversation, seq } => (conversation, SeatAct::Received(seq)),
            _ => return Err(NotTaken::OtherRole),
        };
        let from =
            FromSeat { seat: seat.clone(), link: self.link.clone(), frame, conversation, act };
        let owner = self.gateway.owners.of_conversation(conversation);
        self.hand_over(owner, Work::Ongoing, Input::Seat(from), arrived_at)
    }

    fn about_incident(
        &self,
        seat: &Arc<SeatRef>,
        frame: Option<Uuid>,
        act: IncidentAct,
    ) -> Result<(), NotTaken> {
        if !matches!(act, IncidentAct::Watch(_)) {
            self.can_be_kept()?;
        }
        let line = SeatLine { seat: (**seat).clone(), link: self.link.clone() };
        self.gateway.incidents.act(line, frame, act);
        Ok(())
    }

    fn floor(&self, seat: &Arc<SeatRef>, watch: bool, arrived_at: Instant) -> Result<(), NotTaken> {
        if !self.gateway.is_supervisor(seat) {
            return Err(NotTaken::Refused(Refusal {
                code: ErrorCode::Forbidden,
                message: "this is for supervisors",
                retry_after: None,
            }));
        }
        let line = SeatLine { seat: (**seat).clone(), link: self.link.clone() };
        self.gateway.dispatcher.tell(Dispatch::Floor { line, watch }, arrived_at);
        Ok(())
    }

    fn wish(
        &self,
        seat: &Arc<SeatRef>,
        frame: Option<Uuid>,
        command: Command,
        arrived_at: Instant,
    ) -> Result<(), NotTaken> {
        let line = SeatLine { seat: (**seat).clone(), link: self.link.clone() };
        self.gateway.dispatcher.tell(Dispatch::FromSeat { line, frame, command }, arrived_at);
        Ok(())
    }
}
