//! What customers write by e-mail: the same as on the page, with nobody to acknowledge it to.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::dedup::{Channel, Delivery as Redelivery, DeliveryId};
use crate::domain::{ConversationId, Event, EventKind, MessageId, SeatId, ShopId, Timestamp};
use crate::metrics::names::{Counter, EmailTaken, Repeat};
use crate::protocol::ServerFrame;

use super::conversation::Conversation;
use super::customer::Message;
use super::effects::ROUTER;
use super::fact::{Fact, Noted, Opened};
use super::input::CustomerRef;
use super::matter::Matter;
use super::shard::{Cause, Shard};
use super::step::Step;
use super::turn::{Delivery, Turn};
use super::viewers::note_of;

/// A letter for a conversation.
#[derive(Debug)]
pub struct FromEmail {
    /// Which.
    pub conversation: ConversationId,
    /// The shop whose mailbox it came to, which says nothing of others; `None`: the operator's.
    pub shop: Option<ShopId>,
    /// The same whenever it is delivered.
    pub id: MessageId,
    /// What was written; `None` when it says that an e-mail of ours was not delivered.
    pub text: Option<Arc<str>>,
    /// Gets what became of it, once that is durable.
    pub reply: oneshot::Sender<EmailTaken>,
}

/// A letter among what channels deliver.
fn delivery_of(shop: &ShopId, letter: MessageId) -> DeliveryId {
    DeliveryId::of_channel(shop, Channel::Email, letter.as_uuid().as_bytes())
}

impl Shard {
    /// Takes a letter in.
    pub(super) fn email_came(&mut self, cause: Cause, letter: FromEmail, turn: &mut Turn) {
        let FromEmail { conversation, shop, id, text, reply } = letter;
        let is_theirs = |it: &Conversation| shop.is_none_or(|shop| it.opened.shop == shop);
        let taken = match text {
            _ if !self.conversations.get(&conversation).is_some_and(|it| is_theirs(it)) => {
                EmailTaken::Unknown
            }
            Some(text) => self.written_by_email(cause, conversation, (id, text), turn),
            None => self.not_delivered(cause.now, conversation, id, turn),
        };
        if taken == EmailTaken::Duplicate {
            turn.counts.push(Counter::Repeated(Repeat::Redelivered));
        }
        turn.counts.push(Counter::EmailCame(taken));
        turn.deliveries.push(Delivery::EmailTaken(reply, taken));
    }

    /// Whether a customer's message came in a letter, for as long as what channels delivered is remembered.
    pub(super) fn is_letter(&self, shop: &ShopId, message: &Event) -> bool {
        let EventKind::Message { id, .. } = &message.kind else { return false };
        self.was_delivered(message.at, delivery_of(shop, *id))
    }

    fn written_by_email(
        &mut self,
        cause: Cause,
        named: ConversationId,
        (id, text): (MessageId, Arc<str>),
        turn: &mut Turn,
    ) -> EmailTaken {
        let Some(conversation) = self.conversations.get(&named) else { return EmailTaken::Unknown };
        let opened = conversation.opened.clone();
        // What would begin here would be nobody's: no key, no erasure would find it.
        if opened.is_erased() {
            return EmailTaken::Unknown;
        }
        let customer = CustomerRef { shop: opened.shop.clone(), id: opened.customer.clone() };
        let Some(shop) = self.shop(&opened.shop) else { return EmailTaken::Unknown };
        let theirs = self.customers.get(&customer).map(|it| it.conversations.clone());
        let theirs = theirs.unwrap_or_default();
        let of = |id: &ConversationId| self.conversations.get(id);
        let is_known = |it: &Conversation| !matches!(it.delivery(id, &text), Redelivery::Fresh);
        let delivery = delivery_of(&customer.shop, id);
        if self.was_delivered(cause.now, delivery)
            || theirs.iter().filter_map(of).any(|it| is_known(it))
        {
            return EmailTaken::Duplicate;
        }
        let is_verified = opened.verified.is_some();
        let matter = if of(&named).is_some_and(|it| !it.is_closed()) {
            self.named_matter(named, is_verified, (&text, &shop))
        } else {
            self.matter(cause.now, &theirs, is_verified, (&text, &shop))
        };
        let open = match matter {
            Matter::Open(id, _) | Matter::Named(id) => Some(id),
            Matter::After(..) | Matter::New => None,
        };
        let full = open.and_then(|open| of(&open)).is_some_and(|it| self.is_full(it));
        let too_many =
            open.is_none() && self.conversations.len() >= self.settings.conversations_max;
        if full || too_many {
            return EmailTaken::Full;
        }
        let email = of(&named).and_then(|it| it.email.clone());
        let target = match open {
            Some(open) => open,
            None => self.open(Opened { at: cause.now, epoch: 1, ..opened }),
        };
        self.take_in(cause, target, Message { id, conversation: Some(target), text }, None, turn);
        self.write_joined(cause.now, target, matter, turn);
        if let Some(mut conversation) = self.conversations.remove(&target) {
            let has_none = conversation.email.is_none();
            let mut step = Step::new(&mut conversation, cause.now);
            self.write_delivery(cause.now, delivery, &mut step);
            // Whoever answers after the end is written to as before.
            if let Some(email) = email.filter(|_| has_none) {
                step.fact(Fact::ReachableAt(email));
            }
            step.finish(turn);
            self.conversations.insert(target, conversation);
        }
        EmailTaken::Taken
    }

    /// An e-mail of ours came back: the seats are told, once for each letter that says so.
    fn not_delivered(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        letter: MessageId,
        turn: &mut Turn,
    ) -> EmailTaken {
        let Some(conversation) = self.conversations.get(&id) else { return EmailTaken::Unknown };
        let delivery = delivery_of(&conversation.opened.shop, letter);
        if self.was_delivered(now, delivery) {
            return EmailTaken::Duplicate;
        }
        let Some(mut conversation) = self.conversations.remove(&id) else {
            return EmailTaken::Unknown;
        };
        let mut step = Step::new(&mut conversation, now);
        self.note(now, "an e-mail to the customer was not delivered", &mut step, turn);
        self.write_delivery(now, delivery, &mut step);
        step.finish(turn);
        self.conversations.insert(id, conversation);
        EmailTaken::NotDelivered
    }

    /// Notes something for the seats, as long as there is room for it.
    pub(super) fn note(&self, now: Timestamp, text: &str, step: &mut Step<'_>, turn: &mut Turn) {
        if step.conversation.notes.len() >= self.settings.messages_per_conversation_max {
            return;
        }
        let noted = Noted { at: now, seat: SeatId::from(ROUTER), text: text.into() };
        let shown = ServerFrame::Note(note_of(step.conversation.id, &noted));
        self.tell_seat(step.conversation, &shown, turn);
        step.fact(Fact::Noted(noted));
    }
}
