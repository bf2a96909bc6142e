//! Frames of a customer, handed to the owner of the customer.

use std::sync::Arc;
use std::time::Instant;

use uuid::Uuid;

use crate::domain::Work;
use crate::flow::{CustomerAct, FromCustomer, Input, Profile};
use crate::protocol::ClientFrame;

use super::connection::{Connection, NotTaken};

impl Connection {
    pub(super) fn widget_frame(
        &mut self,
        profile: &Arc<Profile>,
        frame: Option<Uuid>,
        parsed: ClientFrame<'_>,
        arrived_at: Instant,
    ) -> Result<(), NotTaken> {
        let mut work = Work::Ongoing;
        let act = match parsed {
            ClientFrame::Send { id, conversation, text } => {
                self.admit_message(&text)?;
                if conversation.is_none() && !self.is_in_conversation {
                    let is_known = profile.verified.is_some();
                    work = if is_known { Work::NewIdentified } else { Work::NewAnonymous };
                }
                CustomerAct::Send { id, conversation, text: text.into() }
            }
            other => {
                self.admit_frame()?;
                match other {
                    ClientFrame::Person { conversation } => CustomerAct::Person(conversation),
                    ClientFrame::Rate { conversation, score } => {
                        CustomerAct::Rate(conversation, score)
                    }
                    ClientFrame::Close { conversation } => CustomerAct::Close(conversation),
                    ClientFrame::Typing { conversation } => CustomerAct::Typing(conversation),
                    ClientFrame::Received { conversation, seq } => {
                        CustomerAct::Received(conversation, seq)
                    }
                    _ => return Err(NotTaken::OtherRole),
                }
            }
        };
        let after = match act {
            CustomerAct::Send { .. } => true,
            CustomerAct::Close(_) => false,
            _ => self.is_in_conversation,
        };
        let from = FromCustomer { profile: profile.clone(), link: self.link.clone(), frame, act };
        let owner = self.owner_of(&profile.customer);
        self.hand_over(owner, work, Input::Customer(from), arrived_at)?;
        self.is_in_conversation = after;
        Ok(())
    }
}
