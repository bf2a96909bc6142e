//! What shops' own systems are told: wanted in the same record as what happened, so that neither is kept
//! without the other, and written out only when it is sent, from the conversation as it is then.

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::channels::webhook::{Told, payload};
use crate::domain::{
    ConversationId, Effect, EffectKey, EventKind, HookEvent, Outward, Sender, Timestamp, Webhook,
};

use super::conversation::Conversation;
use super::effects::Errand;
use super::fact::Fact;
use super::shard::Shard;
use super::turn::{Delivery, Turn};

/// Asks what a webhook says.
#[derive(Debug)]
pub struct WebhookAsked {
    /// Of which conversation.
    pub conversation: ConversationId,
    /// Which.
    pub key: EffectKey,
    /// Gets the body; `None` when it is not wanted any more.
    pub reply: oneshot::Sender<Option<Bytes>>,
}

impl Shard {
    /// Wants for each record of a turn what its shop's hooks are to be told of it.
    pub(super) fn want_webhooks(&mut self, turn: &mut Turn) {
        for record in &mut turn.records {
            let Some(conversation) = self.conversations.get_mut(&record.conversation) else {
                continue;
            };
            let shop = &conversation.opened.shop;
            let Some(served) = self.shops.get(shop).filter(|it| !it.webhooks.is_empty()) else {
                continue;
            };
            let shop = shop.clone();
            let happened: Vec<_> =
                record.facts.iter().flat_map(|fact| told_of(fact, conversation)).collect();
            for (event, seq, at) in happened {
                for hook in served.webhooks.iter().filter(|hook| hook.events.contains(&event)) {
                    let webhook = Webhook { hook: hook.name.clone(), event, seq };
                    let key = EffectKey::of_webhook(conversation.id, conversation.epoch, &webhook);
                    let effect = Effect { key, at, what: Outward::Webhook(webhook) };
                    conversation.want(&effect);
                    record.facts.push(Fact::Wanted(effect.clone()));
                    turn.errands.push(Errand {
                        shop: shop.clone(),
                        conversation: conversation.id,
                        effect,
                        tries: 0,
                        not_before: at,
                        ending_at: None,
                    });
                }
            }
        }
    }

    /// Says what a webhook tells.
    pub(super) fn webhook_asked(&self, asked: WebhookAsked, turn: &mut Turn) {
        let WebhookAsked { conversation, key, reply } = asked;
        turn.deliveries.push(Delivery::Webhook(reply, self.webhook(conversation, key)));
    }

    fn webhook(&self, conversation: ConversationId, key: EffectKey) -> Option<Bytes> {
        let conversation = self.conversations.get(&conversation)?;
        let owed = conversation.owed.get(key)?;
        let Outward::Webhook(Webhook { hook, event, seq }) = &owed.effect.what else { return None };
        let opened = &conversation.opened;
        let shop = self.shops.get(&opened.shop)?;
        let hook = shop.webhooks.iter().find(|it| it.name == *hook)?;
        let told = Told {
            shop: &opened.shop,
            conversation: conversation.id,
            opened_at: opened.at,
            events: &conversation.events,
            customer: opened.verified.as_ref().filter(|_| hook.include_customer),
            with_text: hook.include_text,
        };
        payload(&told, *event, *seq).map(Bytes::from)
    }
}

/// What a fact is to shops' own systems, with its number and its time.
fn told_of(
    fact: &Fact,
    conversation: &Conversation,
) -> impl Iterator<Item = (HookEvent, u64, Timestamp)> + use<> {
    let (first, second, seq, at) = match fact {
        Fact::Opened(opened) => (Some(HookEvent::Opened), None, 0, opened.at),
        Fact::Event(event) => {
            let answers = is_answer(&event.kind) && !was_answered(conversation, event.seq);
            (of_kind(&event.kind), answers.then_some(HookEvent::Answered), event.seq, event.at)
        }
        _ => (None, None, 0, Timestamp::default()),
    };
    first.into_iter().chain(second).map(move |event| (event, seq, at))
}

const fn of_kind(kind: &EventKind) -> Option<HookEvent> {
    Some(match kind {
        EventKind::Message { from: Sender::Customer, .. } => HookEvent::MessageReceived,
        EventKind::Message { from: Sender::Seat | Sender::Machine, .. } => HookEvent::MessageSent,
        EventKind::Assigned { .. } => HookEvent::Assigned,
        EventKind::Ticket { .. } => HookEvent::Ticketed,
        EventKind::Transferred { .. } => HookEvent::Transferred,
        EventKind::FoundHelpful { .. } => HookEvent::FoundHelpful,
        EventKind::Rated { .. } => HookEvent::Rated,
        EventKind::Closed { .. } => HookEvent::Closed,
        // Its place in a queue changes many times; the message before says what a machine answered.
        EventKind::Queued { .. } | EventKind::AnsweredByMachine { .. } => return None,
    })
}

/// A machine that asks back or says that it is late has not answered.
const fn is_answer(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::Message { from: Sender::Seat, .. } | EventKind::AnsweredByMachine { .. }
    )
}

/// Whether somebody had answered before the event with this number. The answer stands near the beginning.
fn was_answered(conversation: &Conversation, before: u64) -> bool {
    let events = conversation.events.iter().take_while(|event| event.seq < before);
    events.into_iter().any(|event| is_answer(&event.kind))
}
