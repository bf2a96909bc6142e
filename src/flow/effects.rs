//! What conversations bring about outside: wanted, tried and settled as facts, so that a restart knows
//! how far each is.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::domain::{
    ConversationId, Effect, EffectKey, Email, Outward, Progress, ShopId, Timestamp, Webhook,
};
use crate::metrics::names::Counter;
use crate::runtime::Inbox;

use super::conversation::Conversation;
use super::fact::{Fact, Progressed};
use super::owed::Owed;
use super::shard::Shard;
use super::step::Step;
use super::turn::{Delivery, Turn};

/// Who notes what became of an effect. No seat is called so: its name would have no brackets.
pub(super) const ROUTER: &str = "(router)";

/// One effect to be carried out.
#[derive(Clone, Debug)]
pub struct Errand<W = Outward> {
    /// Of which shop.
    pub shop: ShopId,
    /// Whose it is.
    pub conversation: ConversationId,
    /// What.
    pub effect: Effect<W>,
    /// How often it has failed.
    pub tries: u32,
    /// When it may begin.
    pub not_before: Timestamp,
    /// When an earlier process was about to end it: whether it did is not known here.
    pub ending_at: Option<Timestamp>,
}

/// How far an errand is, or whether it is still wanted, from whoever carries it out.
#[derive(Debug)]
pub struct EffectReport {
    /// Whose it is.
    pub conversation: ConversationId,
    /// Which.
    pub key: EffectKey,
    /// How far; `None` only asks.
    pub progress: Option<Progress>,
    /// Gets whether the effect is wanted, once what is reported is durable.
    pub reply: oneshot::Sender<bool>,
}

/// The ways to whoever carries effects out.
#[derive(Clone, Debug)]
pub struct Effects {
    /// E-mails.
    pub letters: Errands<Email>,
    /// Calls of shops' own systems.
    pub webhooks: Errands<Webhook>,
    /// What those who call them are to let go of.
    pub forgets: Forgets,
}

/// The way to whoever calls shops' own systems, when customers are erased.
#[derive(Clone, Debug)]
pub struct Forgets {
    inbox: Arc<Inbox<Forget>>,
}

/// Of these conversations nothing that was asked for before is to be sent any more.
#[derive(Debug)]
pub struct Forget {
    /// Which.
    pub conversations: Vec<ConversationId>,
    /// Told, or dropped, once it is so.
    pub done: oneshot::Sender<()>,
}

impl Forgets {
    /// Waits for some and moves up to `max` to `batch`.
    pub async fn take(&self, batch: &mut Vec<Forget>, max: usize) {
        self.inbox.take(batch, max).await;
    }
}

/// The way to whoever carries out effects of one kind.
#[derive(Debug)]
pub struct Errands<W> {
    inbox: Arc<Inbox<Errand<W>>>,
}

impl<W> Errand<W> {
    /// What it is about, and the same errand about something else.
    fn replace<V>(self, what: V) -> (W, Errand<V>) {
        let Self { shop, conversation, effect, tries, not_before, ending_at } = self;
        let Effect { key, at, what: before } = effect;
        let effect = Effect { key, at, what };
        (before, Errand { shop, conversation, effect, tries, not_before, ending_at })
    }
}

impl<W> Errands<W> {
    fn new() -> Self {
        // Only consequences of what conversations hold come in, so the bound is theirs.
        Self { inbox: Arc::new(Inbox::new(1)) }
    }

    /// Waits for errands and moves up to `max` to `batch`.
    pub async fn take(&self, batch: &mut Vec<Errand<W>>, max: usize) {
        self.inbox.take(batch, max).await;
    }
}

impl<W> Clone for Errands<W> {
    fn clone(&self) -> Self {
        Self { inbox: self.inbox.clone() }
    }
}

impl Effects {
    /// Ways to somebody who is yet to start.
    pub fn new() -> Self {
        // Only erasures that were let in come in, so the bound is theirs.
        let forgets = Forgets { inbox: Arc::new(Inbox::new(1)) };
        Self { letters: Errands::new(), webhooks: Errands::new(), forgets }
    }

    /// Has everything let go of that was to be told of these conversations; the answer comes once it is,
    /// and what is told from then on is asked for anew.
    pub(super) fn forget(&self, conversations: Vec<ConversationId>) -> oneshot::Receiver<()> {
        let (done, answer) = oneshot::channel();
        self.forgets.inbox.follow_up(Forget { conversations, done });
        answer
    }

    /// Hands an errand over.
    pub fn send(&self, errand: Errand) {
        let (what, errand) = errand.replace(());
        match what {
            Outward::Email(email) => self.letters.inbox.follow_up(errand.replace(email).1),
            Outward::Webhook(webhook) => self.webhooks.inbox.follow_up(errand.replace(webhook).1),
        }
    }
}

impl Default for Effects {
    fn default() -> Self {
        Self::new()
    }
}

impl Conversation {
    /// Takes note that an effect is wanted, unless it is already. Behind a gap the event that a webhook
    /// tells is left out; a later one may get its number, and is not to be told for it.
    pub(super) fn want(&mut self, effect: &Effect) {
        if !matches!(&effect.what, Outward::Webhook(webhook) if webhook.seq > self.seq()) {
            self.owed.want(effect);
        }
    }
}

impl Shard {
    /// Keeps how far an effect is, and tells the seats when it will not happen.
    pub(super) fn effect_reported(
        &mut self,
        now: Timestamp,
        report: EffectReport,
        turn: &mut Turn,
    ) {
        let EffectReport { conversation, key, progress, reply } = report;
        let taken = self.conversations.remove(&conversation);
        let find = |it: &Conversation| it.owed.get(key).map(|owed| owed.effect.is_webhook());
        let is_webhook = taken.as_deref().and_then(find);
        if let Some(mut conversation) = taken {
            if let Some((progress, is_webhook)) = progress.zip(is_webhook) {
                if is_webhook {
                    // Who calls it counts, and no seat is told what a shop's systems hear.
                    let mut step = Step::new(&mut conversation, now);
                    step.fact(Fact::Progressed(Progressed { key, at: now, progress }));
                    step.finish(turn);
                } else {
                    self.settle_email(now, &mut conversation, key, progress, turn);
                }
            }
            self.conversations.insert(conversation.id, conversation);
        }
        turn.deliveries.push(Delivery::Kept(reply, is_webhook.is_some()));
    }

    fn settle_email(
        &self,
        now: Timestamp,
        conversation: &mut Conversation,
        key: EffectKey,
        progress: Progress,
        turn: &mut Turn,
    ) {
        if progress != Progress::Ending {
            turn.counts.push(Counter::Email(progress.into()));
        }
        let mut step = Step::new(conversation, now);
        step.fact(Fact::Progressed(Progressed { key, at: now, progress }));
        let note = match progress {
            Progress::Refused => "the e-mail to the customer was refused by the mail server",
            Progress::GivenUp => "the e-mail to the customer could not be sent and was given up",
            Progress::Uncertain => {
                "the mail server did not say whether it took the e-mail to the customer; it is not \
                 sent again"
            }
            Progress::Ending | Progress::Failed { .. } | Progress::Done => {
                return step.finish(turn);
            }
        };
        self.note(now, note, &mut step, turn);
        step.finish(turn);
    }

    /// After a restart: hands over what is not settled. Of what was about to end, whoever carries it out
    /// knows more.
    pub(super) fn resume_effects(&self, conversation: &Conversation, turn: &mut Turn) {
        let is_ours = |owed: &&Owed| self.is_carried_out(owed);
        let mut owed: Vec<Owed> = conversation.owed.iter().filter(is_ours).cloned().collect();
        owed.sort_by_key(|owed| owed.effect.at);
        for owed in owed {
            let Owed { effect, tries, again_at: not_before, ending_at } = owed;
            let (shop, conversation) = (conversation.opened.shop.clone(), conversation.id);
            turn.errands.push(Errand { shop, conversation, effect, tries, not_before, ending_at });
        }
    }

    /// Whether there is somebody who carries it out.
    pub(super) fn is_carried_out(&self, owed: &Owed) -> bool {
        owed.effect.is_webhook() || self.settings.email.is_some()
    }
}
