//! What conversations bring about outside: wanted, tried and settled as facts, so that a restart knows
//! how far each is.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::domain::{
    ConversationId, Effect, EffectKey, Email, Outward, Progress, ShopId, Timestamp, Webhook,
};
use crate::metrics::names::Counter;
use crate::runtime::Inbox;

use super::conversation::Conversation;
use super::fact::{Fact, Progressed};
use super::shard::Shard;
use super::step::Step;
use super::turn::{Delivery, Turn};

/// Who notes what became of an effect. No seat is called so: its name would have no brackets.
pub(super) const ROUTER: &str = "(router)";

/// An effect that is not settled yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Owed {
    /// What.
    pub effect: Effect,
    /// How often it has failed.
    pub tries: u32,
    /// When it is tried again.
    pub again_at: Timestamp,
    /// When its end came next, if that is the last that is known.
    pub ending_at: Option<Timestamp>,
}

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
}

/// The way to whoever carries out effects of one kind.
#[derive(Debug)]
pub struct Errands<W> {
    inbox: Arc<Inbox<Errand<W>>>,
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
        Self { letters: Errands::new(), webhooks: Errands::new() }
    }

    /// Hands an errand over.
    pub fn send(&self, errand: Errand) {
        let Errand { shop, conversation, effect, tries, not_before, ending_at } = errand;
        let Effect { key, at, what } = effect;
        match what {
            Outward::Email(what) => {
                let effect = Effect { key, at, what };
                let errand = Errand { shop, conversation, effect, tries, not_before, ending_at };
                self.letters.inbox.follow_up(errand);
            }
            Outward::Webhook(what) => {
                let effect = Effect { key, at, what };
                let errand = Errand { shop, conversation, effect, tries, not_before, ending_at };
                self.webhooks.inbox.follow_up(errand);
            }
        }
    }
}

impl Default for Effects {
    fn default() -> Self {
        Self::new()
    }
}

impl Conversation {
    /// Takes note that an effect is wanted, unless it is already.
    pub(super) fn want(&mut self, effect: &Effect) {
        if self.owed.iter().all(|owed| owed.effect.key != effect.key) {
            let again_at = effect.at;
            self.owed.push(Owed { effect: effect.clone(), tries: 0, again_at, ending_at: None });
        }
    }

    /// Takes note of how far an effect is.
    pub(super) fn progress(&mut self, Progressed { key, at, progress }: Progressed) {
        let Some(found) = self.owed.iter().position(|it| it.effect.key == key) else { return };
        if progress.is_settled() {
            self.owed.remove(found);
            return;
        }
        let owed = &mut self.owed[found];
        owed.ending_at = (progress == Progress::Ending).then_some(at);
        if let Progress::Failed { again_at } = progress {
            owed.tries = owed.tries.saturating_add(1);
            owed.again_at = again_at;
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
        let find = |it: &Conversation| it.owed.iter().position(|owed| owed.effect.key == key);
        let found = taken.as_deref().and_then(find);
        if let Some(mut conversation) = taken {
            if let Some((progress, owed)) = progress.zip(found) {
                if conversation.owed[owed].effect.is_webhook() {
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
        turn.deliveries.push(Delivery::Kept(reply, found.is_some()));
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
        for owed in conversation.owed.iter().filter(|owed| self.is_carried_out(owed)).cloned() {
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
