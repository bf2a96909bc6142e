//! Carries errands out, several at a time, and again where they fail.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Begun, MailServer, NotSent, Retry, Session};
use crate::channels::email::Letterhead;
use crate::domain::{Email, Progress, Timestamp};
use crate::flow::{EffectReport, Envelope, Errand, Errands, Input, Owners};
use crate::runtime::Clock;

/// Errands taken at one wake-up.
const BATCH_MAX: usize = 64;
/// Longest wait for the owner to say that a letter is wanted, and to keep that its end comes next. The mail server waits as long.
const KEEP_MAX: Duration = Duration::from_secs(30);

/// Everything that carrying out works with.
#[derive(Clone)]
pub struct Courier {
    /// Where errands come from.
    pub errands: Errands<Email>,
    /// Where reports go.
    pub owners: Owners,
    /// The time.
    pub clock: Clock,
    /// Who takes letters.
    pub server: Arc<MailServer>,
    /// What letters begin with.
    pub letterhead: Arc<Letterhead>,
    /// Which ends have begun to be written.
    pub begun: Arc<Begun>,
    /// When failures are tried again.
    pub retry: Retry,
    /// Sessions with the mail server at a time.
    pub sessions_max: usize,
    /// Whether a letter that may have been taken is sent again.
    pub sends_uncertain_again: bool,
}

/// Why an errand is not done.
enum Undone {
    /// Nothing was taken.
    NotSent(NotSent),
    /// The owner did not let it end: it does not know of it any more, or could not write.
    NotLet,
    /// It may have been taken.
    Uncertain(NotSent),
}

impl Courier {
    /// Works until `drain` is cancelled; what was begun then is finished.
    pub async fn run(self, drain: CancellationToken) {
        // By due time; the number keeps those of one instant apart.
        let mut waiting: BTreeMap<(Timestamp, u64), Errand<Email>> = BTreeMap::new();
        let mut running: JoinSet<Option<Errand<Email>>> = JoinSet::new();
        let mut batch = Vec::new();
        let mut number = 0;
        loop {
            let now = self.clock.now();
            while running.len() < self.sessions_max
                && waiting.first_key_value().is_some_and(|((at, _), _)| *at <= now)
                && let Some((_, errand)) = waiting.pop_first()
            {
                running.spawn(self.clone().carry(errand));
            }
            let has_room = running.len() < self.sessions_max;
            let due = waiting.first_key_value().map(|((at, _), _)| *at).filter(|_| has_room);
            tokio::select! {
                biased; // what is begun is finished before the drain is noticed
                Some(done) = running.join_next(), if !running.is_empty() => {
                    batch.extend(done.ok().flatten());
                }
                () = self.errands.take(&mut batch, BATCH_MAX) => {}
                () = self.sleep_until(due) => {}
                () = drain.cancelled() => break,
            }
            for errand in batch.drain(..) {
                number += 1;
                waiting.insert((errand.not_before, number), errand);
            }
        }
        while running.join_next().await.is_some() {}
    }

    async fn sleep_until(&self, at: Option<Timestamp>) {
        match at {
            Some(at) => tokio::time::sleep_until(self.clock.tokio_instant(at)).await,
            None => std::future::pending().await,
        }
    }

    /// Tries an errand once and reports what came of it; gives it back when it is to be tried again.
    async fn carry(self, mut errand: Errand<Email>) -> Option<Errand<Email>> {
        let progress = match self.try_once(&errand).await {
            Ok(()) => Progress::Done,
            Err(Undone::NotLet) => {
                tracing::debug!(effect = %errand.effect.key, "owner does not want it ended now");
                self.after_failure(&errand)
            }
            Err(Undone::NotSent(error @ NotSent::Refused { .. })) => {
                tracing::warn!(effect = %errand.effect.key, %error, "e-mail refused");
                Progress::Refused
            }
            Err(Undone::NotSent(error)) => {
                tracing::warn!(effect = %errand.effect.key, %error, "e-mail not sent");
                self.after_failure(&errand)
            }
            Err(Undone::Uncertain(error)) => {
                tracing::warn!(effect = %errand.effect.key, %error, "e-mail may have been sent");
                match self.sends_uncertain_again {
                    true => self.after_failure(&errand),
                    false => Progress::Uncertain,
                }
            }
        };
        // An owner that has forgotten the conversation wants nothing more of it.
        let is_wanted = self.report(&errand, Some(progress)).await?;
        let Progress::Failed { again_at } = progress else { return None };
        errand.tries += 1;
        errand.ending_at = None;
        errand.not_before = again_at;
        is_wanted.then_some(errand)
    }

    fn after_failure(&self, errand: &Errand<Email>) -> Progress {
        let again = self.retry.again(errand.effect.at, errand.tries + 1, self.clock.now());
        again.map_or(Progress::GivenUp, |again_at| Progress::Failed { again_at })
    }

    async fn try_once(&self, errand: &Errand<Email>) -> Result<(), Undone> {
        if let Some(at) = errand.ending_at
            && !self.begun.rules_out(errand.effect.key, at)
        {
            return Err(Undone::Uncertain(NotSent::CutOff));
        }
        let refused = |_| NotSent::Refused { code: 553, step: "the address, unsent" };
        let letter = self.letterhead.letter(errand.conversation, &errand.effect);
        let letter = letter.map_err(refused).map_err(Undone::NotSent)?;
        let mut session = Session::open(&self.server).await.map_err(Undone::NotSent)?;
        // It may have waited for days: what was erased meanwhile must not go over the wire.
        if !self.is_let(errand, None).await {
            tokio::spawn(session.quit());
            return Err(Undone::NotLet);
        }
        session.transfer(&letter).await.map_err(Undone::NotSent)?;
        if !self.is_let(errand, Some(Progress::Ending)).await {
            // The connection closes without the end: the server throws away what it has.
            return Err(Undone::NotLet);
        }
        let noted = self.begun.note(errand.effect.key);
        noted.map_err(|error| Undone::NotSent(NotSent::NotNoted(error)))?;
        // Nothing may stand here.
        match session.end().await {
            Ok(()) => {}
            Err(error @ (NotSent::Refused { .. } | NotSent::NotNow { .. })) => {
                return Err(Undone::NotSent(error));
            }
            Err(error) => return Err(Undone::Uncertain(error)),
        }
        // Kept before we take leave: nothing is to stand between the server's word and ours.
        tokio::spawn(session.quit());
        Ok(())
    }

    /// Whether the owner says in time that the next step may be done.
    async fn is_let(&self, errand: &Errand<Email>, progress: Option<Progress>) -> bool {
        let said = tokio::time::timeout(KEEP_MAX, self.report(errand, progress)).await;
        matches!(said, Ok(Some(true)))
    }

    /// Tells the owner of the conversation, and waits until that is kept: whether the effect is still wanted.
    /// `None` when the owner has stopped.
    async fn report(&self, errand: &Errand<Email>, progress: Option<Progress>) -> Option<bool> {
        let (reply, kept) = oneshot::channel();
        let Errand { conversation, ref effect, .. } = *errand;
        let report = EffectReport { conversation, key: effect.key, progress, reply };
        let envelope = Envelope { caused_at: Instant::now(), input: Input::Effect(report) };
        self.owners.follow_up(self.owners.of_conversation(conversation), envelope);
        kept.await.ok()
    }
}
