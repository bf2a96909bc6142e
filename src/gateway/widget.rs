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
                // Not what the client names: anybody could name one.
                let goes_on = self.is_in_conversation;
                work = kind_of_work(goes_on, profile.verified.is_some());
                CustomerAct::Send { id, conversation, text: text.into() }
            }
            other => {
                self.admit_frame()?;
                match other {
                    ClientFrame::Person { conversation } => CustomerAct::Person(conversation),
                    ClientFrame::Helpful { conversation, helpful } => {
                        CustomerAct::Helpful(conversation, helpful)
                    }
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

/// What a message is to the owner of its customer.
const fn kind_of_work(goes_on: bool, is_known: bool) -> Work {
    match (goes_on, is_known) {
        (true, _) => Work::Ongoing,
        (false, true) => Work::NewIdentified,
        (false, false) => Work::NewAnonymous,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_is_worth_more_than_what_begins_and_the_known_more_than_strangers() {
        let begins = [kind_of_work(false, false), kind_of_work(false, true)];
        let goes_on = [kind_of_work(true, false), kind_of_work(true, true)];

        assert_eq!(begins, [Work::NewAnonymous, Work::NewIdentified]);
        assert_eq!(goes_on, [Work::Ongoing; 2]);
        assert!(begins[0] < begins[1] && begins[1] < goes_on[0]);
    }
}
