//! Calls hooks, several at a time, and again where they fail.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::calls::Calls;
use super::line::{Bounds, Ended, HOOK_CALLS_MAX, HookId, Lines, Next, id_of};
use super::signed::{signed, web_rules};
use crate::config::shop::ShopWebhook;
use crate::domain::{ConversationId, Progress, Timestamp, Webhook};
use crate::flow::{
    EffectReport, Envelope, Errand, Errands, Forget, Forgets, Input, Owners, Shops, WebhookAsked,
};
use crate::metrics::Metrics;
use crate::metrics::names::{Counter, Gauge, WebhookPause, WebhookResult};
use crate::outward::Retry;
use crate::runtime::{AskWeb, Clock, OpenWeb, Reach, WebError};

/// Errands taken at one wake-up.
const BATCH_MAX: usize = 256;
/// Longest wait for the owner of a conversation, who may wait for the disk.
const OWNER_MAX: Duration = Duration::from_secs(30);

/// Everything that calling hooks works with.
pub struct Messenger {
    /// Where errands come from.
    pub errands: Errands<Webhook>,
    /// Where erasures are told.
    pub forgets: Forgets,
    /// Where reports go.
    pub owners: Owners,
    /// The time.
    pub clock: Clock,
    /// What is measured.
    pub metrics: Arc<Metrics>,
    /// The shops, which name the hooks.
    pub shops: watch::Receiver<Shops>,
    /// Where the ways to hooks begin.
    pub outside: Arc<dyn OpenWeb>,
    /// Where calls may lead.
    pub reach: Reach,
    /// Longest that one call takes.
    pub timeout: Duration,
    /// When failures are tried again.
    pub retry: Retry,
    /// How long a hook rests that fails.
    pub rest: Duration,
    /// What waits for one hook.
    pub waiting_max: usize,
    /// Calls at a time.
    pub calls_max: usize,
    /// For what chance takes of the pauses between tries.
    pub seed: u64,
}

/// A way out, for the hooks of one set of roots.
type Way = Arc<dyn AskWeb>;

/// The ways to one hook.
struct Call {
    errand: Errand<Webhook>,
    hook: ShopWebhook,
    web: Way,
    owners: Owners,
    clock: Clock,
    retry: Retry,
    /// What chance takes of the pause after it, from 0 to 1.
    chance: f64,
}

/// Told to a call when what it was to say was erased; dropped once that was let go of.
type LetGo = Arc<oneshot::Sender<()>>;

/// The calls that may hold what a conversation says.
#[derive(Default)]
struct InFlight(Vec<(ConversationId, oneshot::Sender<LetGo>)>);

impl InFlight {
    fn begin(&mut self, conversation: ConversationId) -> oneshot::Receiver<LetGo> {
        self.0.retain(|(_, call)| !call.is_closed());
        let (call, told) = oneshot::channel();
        self.0.push((conversation, call));
        told
    }

    /// Ends the calls of conversations; who waits hears it from the last of them.
    fn forget(&mut self, Forget { conversations, done }: Forget) {
        let done = LetGo::new(done);
        for (_, call) in self.0.extract_if(.., |(of, _)| conversations.contains(of)) {
            // One that has ended holds nothing any more.
            let _ = call.send(done.clone());
        }
    }
}

/// Why nothing was sent.
enum Unsent {
    /// It is not wanted any more.
    Unwanted,
    /// The owner of the conversation has stopped.
    NoOwner,
    /// The owner has not answered.
    LateOwner,
}

/// What came of a call.
struct Called {
    hook: HookId,
    ended: Ended,
    result: Option<WebhookResult>,
    /// To be tried again.
    again: Option<Errand<Webhook>>,
}

/// Why a hook did not take it.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(transparent)]
    Web(#[from] WebError),
    #[error("the hook answers {0}")]
    Status(u16),
}

impl Messenger {
    /// Works until `drain` is cancelled; calls that were begun then are finished.
    pub async fn run(self, drain: CancellationToken) {
        let mut lines = Lines::new(Bounds {
            waiting_max: self.waiting_max,
            up_to: self.retry.up_to,
            rest: self.rest,
            pause_max: self.retry.longest,
            shop_calls_max: HOOK_CALLS_MAX.max(self.calls_max / 2),
        });
        let mut shops = self.shops.clone();
        let mut clients = HashMap::new();
        let mut chances = SmallRng::seed_from_u64(self.seed);
        let mut calls = Calls::new();
        let mut batch = Vec::new();
        let (mut in_flight, mut forgets) = (InFlight::default(), Vec::new());
        let mut paused = 0;
        loop {
            let may_call = |calls: &Calls<Called>| calls.len() < self.calls_max;
            while let Some(next) = lines.next(may_call(&calls), self.clock.now()) {
                match next {
                    Next::Try(errand) => match self.way_to(&errand, &mut clients) {
                        Some((hook, web)) => {
                            let (owners, clock, retry) =
                                (self.owners.clone(), self.clock, self.retry);
                            let erased = in_flight.begin(errand.conversation);
                            let (begun, chance) = (errand.clone(), chances.random());
                            let call = Call { errand, hook, web, owners, clock, retry, chance };
                            calls.begin(begun, call.carry(erased));
                        }
                        None => {
                            lines.ended(&id_of(&errand), Ended::Uncalled, self.clock.now());
                            self.settle(&errand, Progress::Refused, WebhookResult::Unknown);
                        }
                    },
                    Next::GiveUp(errand, why) => self.settle(&errand, Progress::GivenUp, why),
                }
            }
            paused = self.show_paused(&lines, paused);
            let wakes_at = lines.wakes_at(may_call(&calls));
            tokio::select! {
                biased; // what is begun is finished before the drain is noticed
                Some(done) = calls.next(), if calls.len() > 0 => {
                    self.ended(done, chances.random(), &mut lines);
                }
                () = self.forgets.take(&mut forgets, BATCH_MAX) => {
                    forgets.drain(..).for_each(|forget| in_flight.forget(forget));
                }
                () = self.errands.take(&mut batch, BATCH_MAX) => {}
                () = self.sleep_until(wakes_at) => {}
                Ok(()) = shops.changed() => {
                    lines.begin_anew();
                    clients.clear();
                }
                () = drain.cancelled() => break,
            }
            let now = self.clock.now();
            batch.drain(..).for_each(|errand| lines.add(errand, now));
        }
        self.finish(calls, &mut chances, &mut lines).await;
    }

    /// Waits for the calls that were begun: what comes of them counts as that of any other.
    async fn finish(&self, mut calls: Calls<Called>, chances: &mut SmallRng, lines: &mut Lines) {
        while let Some(done) = calls.next().await {
            self.ended(done, chances.random(), lines);
        }
    }

    fn ended(&self, done: Result<Called, Errand<Webhook>>, chance: f64, lines: &mut Lines) {
        match done {
            Ok(called) => self.called(called, lines),
            Err(errand) => self.panicked(errand, chance, lines),
        }
    }

    async fn sleep_until(&self, at: Option<Timestamp>) {
        match at {
            Some(at) => tokio::time::sleep_until(self.clock.tokio_instant(at)).await,
            None => std::future::pending().await,
        }
    }

    /// The hook that an errand is for, and the way to it; `None` when there is no such hook any more.
    fn way_to(
        &self,
        errand: &Errand<Webhook>,
        clients: &mut HashMap<Option<Arc<[u8]>>, Way>,
    ) -> Option<(ShopWebhook, Way)> {
        let shop = self.shops.borrow().get(&errand.shop).cloned()?;
        let name = &errand.effect.what.hook;
        let hook = shop.webhooks.iter().find(|hook| hook.name == *name)?;
        if hook.keys.is_empty() {
            // Whoever receives could not tell it from a forged one.
            return None;
        }
        if !clients.contains_key(&hook.roots) {
            let rules = web_rules(hook.roots.as_deref(), self.reach, self.timeout);
            let made = self.outside.open(&rules);
            let made = made.inspect_err(|error| {
                tracing::error!(shop = %errand.shop, hook = %name, %error, "no way to a webhook");
            });
            clients.insert(hook.roots.clone(), made.ok()?);
        }
        Some((hook.clone(), clients.get(&hook.roots)?.clone()))
    }

    /// Takes note of what came of a call.
    fn called(&self, called: Called, lines: &mut Lines) {
        let Called { hook, ended, result, again } = called;
        if let Some(result) = result {
            self.metrics.count(Counter::Webhook(result));
        }
        if let Some(why) = lines.ended(&hook, ended, self.clock.now()) {
            self.metrics.count(Counter::WebhookPaused(why));
            let (shop, hook) = (&hook.0, &hook.1);
            match why {
                WebhookPause::Gone => {
                    tracing::warn!(%shop, %hook, "webhook is gone (410), not called until a reload");
                }
                WebhookPause::Failing => {
                    tracing::warn!(%shop, %hook, rest = ?self.rest, "webhook keeps failing, it rests");
                }
            }
        }
        again.into_iter().for_each(|errand| lines.add(errand, self.clock.now()));
    }

    /// Takes note that a call ended in a panic, which is ours and none of the hook's: the hook has its place
    /// back and is not said to fail, and what was to be told is tried again as after any failure.
    fn panicked(&self, mut errand: Errand<Webhook>, chance: f64, lines: &mut Lines) {
        let (now, hook) = (self.clock.now(), id_of(&errand));
        tracing::error!(shop = %hook.0, hook = %hook.1, webhook = %errand.effect.key, "a call of a webhook panicked");
        lines.ended(&hook, Ended::Uncalled, now);
        let progress = after_failure(&self.retry, &errand, now, chance);
        self.settle(&errand, progress, WebhookResult::Panicked);
        if let Progress::Failed { again_at } = progress {
            errand.tries += 1;
            errand.not_before = again_at;
            lines.add(errand, now);
        }
    }

    /// Has kept how far an errand is that no call tells of. Nobody waits for it to be kept: what is not kept
    /// is settled again after the next start.
    fn settle(&self, errand: &Errand<Webhook>, progress: Progress, why: WebhookResult) {
        self.metrics.count(Counter::Webhook(why));
        drop(report(&self.owners, errand, progress));
    }

    fn show_paused(&self, lines: &Lines, shown: usize) -> usize {
        let paused = lines.paused();
        let change = i32::try_from(paused).unwrap_or(i32::MAX) - i32::try_from(shown).unwrap_or(0);
        if change != 0 {
            self.metrics.shift(Gauge::WebhooksPaused, change);
        }
        paused
    }
}

impl Call {
    /// Calls the hook once, and has kept what came of it. What was erased before the hook has answered is
    /// let go of, and asked for anew.
    async fn carry(mut self, erased: oneshot::Receiver<LetGo>) -> Called {
        let hook = id_of(&self.errand);
        let uncalled = |result, again| {
            let hook = hook.clone();
            Called { hook, ended: Ended::Uncalled, result, again }
        };
        let sent = tokio::select! {
            biased;
            Ok(_let_go) = erased => return uncalled(None, Some(self.errand)),
            sent = self.ask_and_send() => sent,
        };
        let (ended, error) = match sent {
            Ok(Ok(())) => (Ended::Delivered, None),
            Ok(Err((Refusal::Status(410), _))) => (Ended::Gone, Some(Refusal::Status(410))),
            Ok(Err((error, wish))) => (Ended::Failed(wish), Some(error)),
            Err(Unsent::Unwanted) => {
                // If the conversation is still there, then not the hook.
                drop(report(&self.owners, &self.errand, Progress::GivenUp));
                return uncalled(Some(WebhookResult::Unwanted), None);
            }
            Err(Unsent::NoOwner) => return uncalled(None, None),
            Err(Unsent::LateOwner) => {
                self.errand.not_before = self.clock.now() + self.retry.first;
                return uncalled(None, Some(self.errand));
            }
        };
        let progress = match &error {
            None => Progress::Done,
            Some(error) => self.failed(error),
        };
        let kept = report(&self.owners, &self.errand, progress).await;
        let result = match progress {
            Progress::Done => WebhookResult::Delivered,
            Progress::Failed { .. } => WebhookResult::Failed,
            _ => WebhookResult::GivenUp,
        };
        let Progress::Failed { again_at } = progress else {
            return Called { hook, ended, result: Some(result), again: None };
        };
        self.errand.tries += 1;
        self.errand.not_before = again_at;
        let again = kept.is_ok_and(|is_wanted| is_wanted).then_some(self.errand);
        Called { hook, ended, result: Some(result), again }
    }

    fn failed(&self, error: &Refusal) -> Progress {
        let Errand { shop, effect, tries, .. } = &self.errand;
        let (hook, tries) = (&self.hook.name, tries + 1);
        tracing::warn!(%shop, %hook, webhook = %effect.key, tries, %error, "webhook not delivered");
        after_failure(&self.retry, &self.errand, self.clock.now(), self.chance)
    }

    /// Sends what the conversation says now.
    async fn ask_and_send(&self) -> Result<Result<(), (Refusal, Option<Duration>)>, Unsent> {
        let asked = tokio::time::timeout(OWNER_MAX, self.body()).await;
        let said = asked.map_err(|_| Unsent::LateOwner)?.map_err(|_| Unsent::NoOwner)?;
        Ok(self.send(said.ok_or(Unsent::Unwanted)?).await)
    }

    /// What it says now; an error when the owner has stopped.
    async fn body(&self) -> Result<Option<Bytes>, oneshot::error::RecvError> {
        let (reply, said) = oneshot::channel();
        let Errand { conversation, effect, .. } = &self.errand;
        let asked = WebhookAsked { conversation: *conversation, key: effect.key, reply };
        let envelope = Envelope { caused_at: Instant::now(), input: Input::Webhook(asked) };
        self.owners.follow_up(self.owners.of_conversation(*conversation), envelope);
        said.await
    }

    /// Sends it, under the same id whenever it is sent; otherwise why not, and for how long the hook wants to
    /// be left alone.
    async fn send(&self, body: Bytes) -> Result<(), (Refusal, Option<Duration>)> {
        let id = self.errand.effect.key.to_string();
        let request = signed(&self.hook, &id, self.clock.wall(), body);
        let answer = match self.web.ask(request).await {
            Ok(answer) => answer,
            Err(error) => return Err((error.into(), None)),
        };
        match answer.status {
            200..=299 => Ok(()),
            status => Err((Refusal::Status(status), answer.retry_after)),
        }
    }
}

/// How far an errand is that has just failed once more.
fn after_failure(retry: &Retry, errand: &Errand<Webhook>, now: Timestamp, chance: f64) -> Progress {
    let again = retry.again_by_chance(errand.effect.at, errand.tries + 1, now, chance);
    again.map_or(Progress::GivenUp, |again_at| Progress::Failed { again_at })
}

/// Tells the owner of the conversation how far it is: gets whether it is still wanted, once that is kept.
fn report(
    owners: &Owners,
    errand: &Errand<Webhook>,
    progress: Progress,
) -> oneshot::Receiver<bool> {
    let (reply, kept) = oneshot::channel();
    let Errand { conversation, ref effect, .. } = *errand;
    let report = EffectReport { conversation, key: effect.key, progress: Some(progress), reply };
    let envelope = Envelope { caused_at: Instant::now(), input: Input::Effect(report) };
    owners.follow_up(owners.of_conversation(conversation), envelope);
    kept
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::{SystemTime, UNIX_EPOCH};

    use futures_util::future::BoxFuture;

    use super::*;
    use crate::config::shop::{Shop, ShopFiles};
    use crate::domain::{Effect, EffectKey, HookEvent, ShopId};
    use crate::flow::Effects;
    use crate::runtime::{Internet, WebAnswer, WebRequest};

    const HOOK: &str = "\n[[webhooks]]\nname = \"crm\"\nurl = \"https://crm.shop.example/in\"\n\
                        events = [\"conversation.closed\"]\nsecret_env = \"HOOK\"\n";

    /// A way to somebody who takes everything, which keeps what goes there.
    #[derive(Default)]
    struct Taken(Mutex<Vec<WebRequest>>);

    impl AskWeb for Taken {
        fn ask(&self, request: WebRequest) -> BoxFuture<'_, Result<WebAnswer, WebError>> {
            self.0.lock().expect("nobody panics with it").push(request);
            let answer =
                WebAnswer { status: 204, from: None, retry_after: None, body: Bytes::new() };
            Box::pin(std::future::ready(Ok(answer)))
        }
    }

    fn hook() -> ShopWebhook {
        let mut files = ShopFiles::demo();
        files.0.get_mut("shop.toml").expect("the file").push_str(HOOK);
        Shop::from_files(&files).expect("a shop").webhooks.remove(0)
    }

    fn messenger(clock: Clock) -> Messenger {
        let effects = Effects::new();
        let (_, shops) = watch::channel(Shops::default());
        Messenger {
            errands: effects.webhooks,
            forgets: effects.forgets,
            owners: Owners::new(1, 16),
            clock,
            metrics: Arc::new(Metrics::new().expect("metrics")),
            shops,
            outside: Arc::new(Internet),
            reach: Reach::Anywhere,
            timeout: Duration::from_secs(1),
            retry: Retry {
                first: Duration::from_secs(5),
                longest: Duration::from_secs(60),
                up_to: Duration::from_secs(600),
            },
            rest: Duration::from_secs(60),
            waiting_max: 100,
            calls_max: 32,
            seed: 1,
        }
    }

    fn errand(number: u128, at: Timestamp) -> Errand<Webhook> {
        let conversation = ConversationId::from_uuid(uuid::Uuid::from_u128(number));
        let what = Webhook { hook: "crm".into(), event: HookEvent::Closed, seq: 4 };
        let effect = Effect { key: EffectKey::of_webhook(conversation, 1, &what), at, what };
        let (shop, not_before) = (ShopId::from("demo"), at);
        Errand { shop, conversation, effect, tries: 0, not_before, ending_at: None }
    }

    fn lines(messenger: &Messenger) -> Lines {
        Lines::new(Bounds {
            waiting_max: 100,
            up_to: messenger.retry.up_to,
            rest: messenger.rest,
            pause_max: messenger.retry.longest,
            shop_calls_max: HOOK_CALLS_MAX,
        })
    }

    #[tokio::test]
    async fn a_webhook_says_when_it_is_sent_by_the_system_clock_whatever_time_goes_on_from() {
        let system_s =
            || SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let ahead = Timestamp::from_millis((system_s() + 3600) * 1000);
        let messenger = messenger(Clock::start_after(ahead));
        let taken = Arc::new(Taken::default());
        let call = Call {
            errand: errand(1, messenger.clock.now()),
            hook: hook(),
            web: taken.clone(),
            owners: messenger.owners.clone(),
            clock: messenger.clock,
            retry: messenger.retry,
            chance: 0.0,
        };

        let sent = call.send(Bytes::from_static(b"{}")).await;

        assert!(sent.is_ok());
        let requests = taken.0.lock().expect("nobody panics with it");
        let sent_at_s = requests[0].headers["webhook-timestamp"].to_str().expect("digits");
        let sent_at_s: u64 = sent_at_s.parse().expect("seconds");
        assert!(sent_at_s.abs_diff(system_s()) < 60, "{sent_at_s}");
    }

    #[tokio::test]
    async fn a_call_that_panics_while_the_last_ones_are_waited_for_is_counted() {
        let messenger = messenger(Clock::start());
        let now = messenger.clock.now();
        let mut lines = lines(&messenger);
        lines.add(errand(1, now), now);
        let Some(Next::Try(errand)) = lines.next(true, now) else { panic!("it is due") };
        let mut calls = Calls::new();
        calls.begin(errand, async { panic!("a bug of a call") });

        messenger.finish(calls, &mut SmallRng::seed_from_u64(1), &mut lines).await;

        let counted = "tradewind_outward_webhooks_total{result=\"panicked\"} 1";
        let shown = messenger.metrics.render();
        assert!(shown.contains(counted), "{shown}");
    }

    #[tokio::test]
    async fn calls_that_panic_leave_no_place_of_their_hook_taken_and_come_again_later() {
        let messenger = messenger(Clock::start());
        let now = messenger.clock.now();
        let mut lines = lines(&messenger);
        let calls_of = |lines: &mut Lines, count: u128| {
            (0..count).for_each(|number| lines.add(errand(number, now), now));
            let mut calls: Calls<Called> = Calls::new();
            while let Some(Next::Try(errand)) = lines.next(true, now) {
                calls.begin(errand, async { panic!("a bug of a call") });
            }
            calls
        };

        let mut calls = calls_of(&mut lines, HOOK_CALLS_MAX as u128 + 1);
        assert_eq!(calls.len(), HOOK_CALLS_MAX, "the last one waits for a place");
        while let Some(ended) = calls.next().await {
            messenger.panicked(ended.err().expect("it panicked"), 1.0, &mut lines);
        }

        let counted = "tradewind_outward_webhooks_total{result=\"panicked\"} 4";
        let shown = messenger.metrics.render();
        assert!(shown.contains(counted), "{shown}");
        assert_eq!(lines.paused(), 0, "the hook is not to blame");
        assert!(lines.next(true, now).is_some(), "the one that waited has a place");
        assert!(lines.next(true, now).is_none());
        let later = now + messenger.retry.first;
        let again = std::iter::from_fn(|| lines.next(true, later)).count();
        assert_eq!(again, HOOK_CALLS_MAX - 1, "those that panicked are tried again");
    }
}
