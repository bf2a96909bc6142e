//! What waits for each hook, and when the next is tried. Pure: it takes `now`.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::{ShopId, Timestamp, Webhook};
use crate::flow::Errand;
use crate::metrics::names::{WebhookPause, WebhookResult};

/// Calls of one hook at a time: a slow one leaves room for those of others.
pub(super) const HOOK_CALLS_MAX: usize = 4;
/// Failures in a row after which a hook rests.
pub(super) const FAILURES_MAX: u32 = 10;

/// A hook of a shop, by its name.
pub(super) type HookId = (ShopId, Arc<str>);

/// Bounds of what waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// What waits for one hook.
    pub waiting_max: usize,
    /// How long it does.
    pub up_to: Duration,
    /// How long a hook rests.
    pub rest: Duration,
    /// Longest pause between two tries, also where a hook wants a longer one.
    pub pause_max: Duration,
    /// Calls of the hooks of one shop at a time.
    pub shop_calls_max: usize,
}

/// What is to be done next.
#[derive(Debug)]
pub(super) enum Next {
    /// Calls a hook; [`Lines::ended`] is told what came of it.
    Try(Errand<Webhook>),
    /// Gives it up.
    GiveUp(Errand<Webhook>, WebhookResult),
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// It was taken.
    Delivered,
    /// It was not, and the hook may want to be left alone for a while.
    Failed(Option<Duration>),
    /// There is nobody any more.
    Gone,
    /// Nothing was called.
    Uncalled,
}

/// How long a hook is left alone, by why it is.
#[derive(Debug, Default)]
struct Rest {
    /// As it fails.
    failing: Timestamp,
    /// As it wants that.
    wished: Timestamp,
    /// Until the shops are loaded anew, as nobody is there.
    is_gone: bool,
}

#[derive(Debug, Default)]
struct Line {
    /// By due time; the number keeps those of one instant apart.
    waiting: BTreeMap<(Timestamp, u64), Errand<Webhook>>,
    /// The due time of each, by when it was wanted.
    by_age: BTreeMap<(Timestamp, u64), Timestamp>,
    calls: usize,
    /// In a row.
    failures: u32,
    rest: Rest,
}

/// What waits for every hook.
#[derive(Debug)]
pub(super) struct Lines {
    bounds: Bounds,
    lines: BTreeMap<HookId, Line>,
    /// Calls of all hooks of a shop.
    shop_calls: BTreeMap<ShopId, usize>,
    added: u64,
    /// Whose turn was the last: the others come first.
    last: Option<HookId>,
}

impl Line {
    fn add(&mut self, number: u64, errand: Errand<Webhook>) {
        self.by_age.insert((errand.effect.at, number), errand.not_before);
        self.waiting.insert((errand.not_before, number), errand);
    }

    fn take_first(&mut self) -> Option<Errand<Webhook>> {
        let ((_, number), errand) = self.waiting.pop_first()?;
        self.by_age.remove(&(errand.effect.at, number));
        Some(errand)
    }

    fn take_oldest(&mut self) -> Option<Errand<Webhook>> {
        let ((_, number), due) = self.by_age.pop_first()?;
        self.waiting.remove(&(due, number))
    }

    fn oldest(&self) -> Option<&Errand<Webhook>> {
        let ((_, number), due) = self.by_age.first_key_value()?;
        self.waiting.get(&(*due, *number))
    }

    fn is_failing(&self) -> bool {
        self.failures >= FAILURES_MAX
    }

    /// Whether it fails or is gone.
    fn is_paused(&self) -> bool {
        self.is_failing() || self.rest.is_gone
    }

    /// Makes due what waits for its next try. How often it was tried stays.
    fn make_due(&mut self) {
        for ((_, number), mut errand) in std::mem::take(&mut self.waiting) {
            // Where the clock was set back, it was wanted later than now.
            errand.not_before = errand.not_before.min(errand.effect.at);
            self.add(number, errand);
        }
    }

    /// A hook that fails is tried by one call at a time.
    fn has_room(&self) -> bool {
        self.calls < if self.is_failing() { 1 } else { HOOK_CALLS_MAX }
    }

    /// When what waits first is tried.
    fn tries_at(&self, may_call: bool) -> Option<Timestamp> {
        let ((due, _), _) = self.waiting.first_key_value()?;
        let rests_until = self.rest.failing.max(self.rest.wished);
        let may_call = may_call && self.has_room() && !self.rest.is_gone;
        may_call.then(|| rests_until.max(*due))
    }

    /// When the oldest is given up. What was never tried is not only because it is old, as after a long
    /// stop, unless its hook fails.
    fn gives_up_at(&self, bounds: &Bounds) -> Option<Timestamp> {
        let oldest = self.oldest()?;
        let at = oldest.effect.at + bounds.up_to;
        let is_given_up = oldest.tries > 0 || self.rest.is_gone || at < self.rest.failing;
        is_given_up.then_some(at)
    }

    fn wakes_at(&self, bounds: &Bounds, may_call: bool) -> Option<Timestamp> {
        self.tries_at(may_call).into_iter().chain(self.gives_up_at(bounds)).min()
    }

    fn next(&mut self, bounds: &Bounds, may_call: bool, now: Timestamp) -> Option<Next> {
        if self.waiting.len() > bounds.waiting_max {
            return Some(Next::GiveUp(self.take_oldest()?, WebhookResult::Dropped));
        }
        if self.gives_up_at(bounds).is_some_and(|at| at <= now) {
            return Some(Next::GiveUp(self.take_oldest()?, WebhookResult::GivenUp));
        }
        if self.tries_at(may_call).is_none_or(|at| at > now) {
            return None;
        }
        self.calls += 1;
        Some(Next::Try(self.take_first()?))
    }

    fn is_idle(&self, now: Timestamp) -> bool {
        let rests = self.rest.is_gone || self.rest.failing.max(self.rest.wished) > now;
        self.waiting.is_empty() && self.calls == 0 && self.failures == 0 && !rests
    }
}

impl Lines {
    pub fn new(bounds: Bounds) -> Self {
        let (lines, shop_calls) = (BTreeMap::new(), BTreeMap::new());
        Self { bounds, lines, shop_calls, added: 0, last: None }
    }

    /// Puts an errand where it waits: for no longer than a pause may be, also where the clock was set back
    /// since it was last tried.
    pub fn add(&mut self, mut errand: Errand<Webhook>, now: Timestamp) {
        errand.not_before = errand.not_before.min(now + self.bounds.pause_max);
        self.added += 1;
        self.lines.entry(id_of(&errand)).or_default().add(self.added, errand);
    }

    /// What is to be done now, of the hooks in turn; without `may_call` nothing is called.
    pub fn next(&mut self, may_call: bool, now: Timestamp) -> Option<Next> {
        let after = match &self.last {
            Some(last) => Bound::Excluded(last.clone()),
            None => Bound::Unbounded,
        };
        let up_to = match &self.last {
            Some(last) => Bound::Included(last.clone()),
            None => Bound::Unbounded,
        };
        for range in [(after, Bound::Unbounded), (Bound::Unbounded, up_to)] {
            for (id, line) in self.lines.range_mut(range) {
                let calls = self.shop_calls.get(&id.0).copied().unwrap_or(0);
                let may_call = may_call && calls < self.bounds.shop_calls_max;
                if let Some(next) = line.next(&self.bounds, may_call, now) {
                    if matches!(next, Next::Try(_)) {
                        self.shop_calls.insert(id.0.clone(), calls + 1);
                    }
                    self.last = Some(id.clone());
                    return Some(next);
                }
            }
        }
        None
    }

    /// When [`Self::next`] next has something; without `may_call` when nothing may be called.
    pub fn wakes_at(&self, may_call: bool) -> Option<Timestamp> {
        let wakes_at = |(id, line): (&HookId, &Line)| {
            line.wakes_at(&self.bounds, may_call && self.may_call(&id.0))
        };
        self.lines.iter().filter_map(wakes_at).min()
    }

    /// Whether the hooks of a shop have not all the calls that they may have together.
    fn may_call(&self, shop: &ShopId) -> bool {
        self.shop_calls.get(shop).is_none_or(|calls| *calls < self.bounds.shop_calls_max)
    }

    fn call_ended(&mut self, shop: &ShopId) {
        if let Some(calls) = self.shop_calls.get_mut(shop) {
            *calls = calls.saturating_sub(1);
            if *calls == 0 {
                self.shop_calls.remove(shop);
            }
        }
    }

    /// Takes note of how a call ended; why the hook is left alone from now, if that is new.
    pub fn ended(&mut self, id: &HookId, ended: Ended, now: Timestamp) -> Option<WebhookPause> {
        self.call_ended(&id.0);
        let line = self.lines.get_mut(id)?;
        line.calls = line.calls.saturating_sub(1);
        let was_failing = line.is_failing();
        let paused = match ended {
            Ended::Uncalled => None,
            // What other calls were told meanwhile holds.
            Ended::Delivered => {
                (line.failures, line.rest.failing) = (0, Timestamp::default());
                None
            }
            Ended::Gone => {
                let is_new = !std::mem::replace(&mut line.rest.is_gone, true);
                is_new.then_some(WebhookPause::Gone)
            }
            Ended::Failed(wish) => {
                line.failures = line.failures.saturating_add(1);
                if let Some(wish) = wish {
                    let until = now + wish.min(self.bounds.pause_max);
                    line.rest.wished = line.rest.wished.max(until);
                }
                if line.is_failing() {
                    line.rest.failing = line.rest.failing.max(now + self.bounds.rest);
                }
                (line.is_failing() && !was_failing).then_some(WebhookPause::Failing)
            }
        };
        if line.is_idle(now) {
            self.lines.remove(id);
        }
        paused
    }

    /// Tries every hook again, as the shops were loaded anew: one that fails or is gone at once.
    pub fn begin_anew(&mut self) {
        for line in self.lines.values_mut() {
            if line.is_paused() {
                line.make_due();
            }
            (line.failures, line.rest) = (0, Rest::default());
        }
        self.lines.retain(|_, line| !line.is_idle(Timestamp::default()));
    }

    /// Hooks that fail or are gone.
    pub fn paused(&self) -> usize {
        self.lines.values().filter(|line| line.is_paused()).count()
    }
}

/// Whom an errand is for.
pub(super) fn id_of(errand: &Errand<Webhook>) -> HookId {
    (errand.shop.clone(), errand.effect.what.hook.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ConversationId, Effect, EffectKey, HookEvent};

    const BOUNDS: Bounds = Bounds {
        waiting_max: 20,
        up_to: Duration::from_secs(1_000),
        rest: Duration::from_secs(60),
        pause_max: Duration::from_secs(600),
        shop_calls_max: 8,
    };

    fn at(second: u64) -> Timestamp {
        Timestamp::from_millis(second * 1_000)
    }

    fn errand(hook: &str, wanted_s: u64) -> Errand<Webhook> {
        errand_of("demo", hook, wanted_s)
    }

    fn errand_of(shop: &str, hook: &str, wanted_s: u64) -> Errand<Webhook> {
        let conversation = ConversationId::from_uuid(uuid::Uuid::from_u128(1));
        let what = Webhook { hook: hook.into(), event: HookEvent::Closed, seq: wanted_s };
        let key = EffectKey::of_webhook(conversation, 1, &what);
        let effect = Effect { key, at: at(wanted_s), what };
        let (shop, not_before) = (ShopId::from(shop), at(wanted_s));
        Errand { shop, conversation, effect, tries: 0, not_before, ending_at: None }
    }

    fn lines(hooks: &[(&str, u64)]) -> Lines {
        let mut lines = Lines::new(BOUNDS);
        for (hook, count) in hooks {
            (0..*count).for_each(|second| lines.add(errand(hook, second), at(second)));
        }
        lines
    }

    fn id(hook: &str) -> HookId {
        (ShopId::from("demo"), hook.into())
    }

    /// Everything that is called now, by the names of the hooks.
    fn called(lines: &mut Lines, now: Timestamp) -> Vec<String> {
        let mut called = Vec::new();
        while let Some(next) = lines.next(true, now) {
            let Next::Try(errand) = next else { panic!("{next:?}") };
            called.push(errand.effect.what.hook.to_string());
        }
        called
    }

    #[test]
    fn hooks_take_turns_and_none_has_more_than_its_calls() {
        let mut lines = lines(&[("a", 9), ("b", 2)]);

        assert_eq!(called(&mut lines, at(10)), ["a", "b", "a", "b", "a", "a"]);
        assert_eq!(lines.ended(&id("a"), Ended::Delivered, at(10)), None);
        assert_eq!(called(&mut lines, at(10)), ["a"]);
        assert!(lines.next(false, at(10)).is_none());
    }

    #[test]
    fn the_hooks_of_a_shop_have_so_many_calls_together_and_leave_room_for_those_of_others() {
        let mut lines = lines(&[("a", 4), ("b", 4), ("c", 4)]);
        for second in 0..3 {
            lines.add(errand_of("other", "z", second), at(second));
        }

        let calls = called(&mut lines, at(10));
        assert_eq!(calls.iter().filter(|hook| *hook != "z").count(), BOUNDS.shop_calls_max);
        assert_eq!(calls.iter().filter(|hook| *hook == "z").count(), 3);
        assert_eq!(lines.wakes_at(true), None, "what waits has no room");
        lines.ended(&id("b"), Ended::Delivered, at(10));
        assert_eq!(called(&mut lines, at(10)).len(), 1);
    }

    #[test]
    fn nothing_is_called_before_its_time() {
        let mut lines = Lines::new(BOUNDS);
        lines.add(errand("a", 5), at(4));

        assert!(lines.next(true, at(4)).is_none());
        assert_eq!(lines.wakes_at(true), Some(at(5)));
        assert_eq!(called(&mut lines, at(5)), ["a"]);
        assert_eq!(lines.wakes_at(true), None);
    }

    #[test]
    fn past_the_bound_what_has_waited_longest_is_given_up() {
        let mut lines = lines(&[("a", 22)]);
        lines.ended(&id("a"), Ended::Gone, at(0));

        for second in [0, 1] {
            match lines.next(true, at(30)) {
                Some(Next::GiveUp(errand, WebhookResult::Dropped)) => {
                    assert_eq!(errand.effect.at, at(second));
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(lines.next(true, at(30)).is_none(), "twenty may wait");
    }

    #[test]
    fn the_oldest_is_dropped_also_where_it_was_tried_and_is_due_later_than_others() {
        let mut lines = lines(&[("a", BOUNDS.waiting_max as u64)]);
        let Some(Next::Try(mut oldest)) = lines.next(true, at(20)) else { panic!("it is due") };
        assert_eq!(oldest.effect.at, at(0));
        lines.ended(&id("a"), Ended::Gone, at(20));
        (oldest.tries, oldest.not_before) = (1, at(500));
        let key = oldest.effect.key;
        lines.add(oldest, at(20));
        lines.add(errand("a", 30), at(30));

        match lines.next(true, at(30)) {
            Some(Next::GiveUp(dropped, WebhookResult::Dropped)) => {
                assert_eq!(dropped.effect.key, key);
            }
            other => panic!("{other:?}"),
        }
        assert!(lines.next(true, at(30)).is_none());
    }

    #[test]
    fn what_waited_over_a_long_stop_is_tried_once_before_it_is_given_up() {
        let mut lines = lines(&[("a", 2)]);

        let Some(Next::Try(mut late)) = lines.next(true, at(5_000)) else { panic!("it is tried") };
        // A wish for a pause is no reason to give up what was not tried.
        lines.ended(&id("a"), Ended::Failed(Some(Duration::from_secs(9))), at(5_000));
        assert!(lines.next(true, at(5_000)).is_none());
        assert_eq!(lines.wakes_at(true), Some(at(5_009)));
        (late.tries, late.not_before) = (1, at(5_020));
        lines.add(late, at(5_000));

        let next = lines.next(true, at(5_009));
        assert!(matches!(next, Some(Next::GiveUp(_, WebhookResult::GivenUp))), "{next:?}");
        assert_eq!(called(&mut lines, at(5_009)), ["a"]);
    }

    #[test]
    fn a_clock_that_was_set_back_leaves_nothing_waiting_for_long() {
        let mut lines = Lines::new(BOUNDS);
        lines.add(errand("a", 90_000), at(100));

        assert_eq!(lines.wakes_at(true), Some(at(700)));
    }

    #[test]
    fn what_is_too_old_is_given_up_also_while_its_hook_rests() {
        let mut lines = lines(&[("a", 1)]);
        lines.ended(&id("a"), Ended::Gone, at(0));

        assert_eq!(lines.wakes_at(true), Some(at(1_000)));
        assert!(lines.next(true, at(999)).is_none());
        let next = lines.next(false, at(1_000));
        assert!(matches!(next, Some(Next::GiveUp(_, WebhookResult::GivenUp))), "{next:?}");
    }

    #[test]
    fn a_hook_that_fails_rests_and_is_then_tried_by_one_call() {
        let mut lines = lines(&[("a", 20)]);
        let mut paused = Vec::new();
        for _ in 0..FAILURES_MAX {
            assert!(lines.next(true, at(20)).is_some());
            paused.extend(lines.ended(&id("a"), Ended::Failed(None), at(20)));
        }

        assert_eq!(paused, [WebhookPause::Failing]);
        assert_eq!(lines.paused(), 1);
        assert!(lines.next(true, at(79)).is_none());
        assert_eq!(lines.wakes_at(true), Some(at(80)));
        assert_eq!(called(&mut lines, at(80)), ["a"]);
        assert_eq!(lines.ended(&id("a"), Ended::Failed(None), at(80)), None, "it was told once");
        assert!(lines.next(true, at(139)).is_none());
        assert_eq!(called(&mut lines, at(140)), ["a"]);
        lines.ended(&id("a"), Ended::Delivered, at(140));
        assert_eq!(called(&mut lines, at(140)).len(), HOOK_CALLS_MAX);
        assert_eq!(lines.paused(), 0);
    }

    #[test]
    fn a_hook_that_is_gone_is_left_alone_until_the_shops_are_loaded_anew() {
        let mut lines = lines(&[("a", 3)]);
        lines.next(true, at(5));

        assert_eq!(lines.ended(&id("a"), Ended::Gone, at(5)), Some(WebhookPause::Gone));
        assert!(lines.next(true, at(900)).is_none());
        lines.begin_anew();
        assert_eq!(called(&mut lines, at(900)), ["a", "a"]);
    }

    #[test]
    fn what_waits_for_its_next_try_at_a_paused_hook_is_tried_when_the_shops_are_loaded_anew() {
        for (ended, tries) in [(Ended::Failed(None), FAILURES_MAX), (Ended::Gone, 1)] {
            let mut lines = lines(&[("a", 1)]);
            for tried in 1..=tries {
                let Some(Next::Try(mut again)) = lines.next(true, at(20)) else { panic!("due") };
                lines.ended(&id("a"), ended, at(20));
                again.tries = tried;
                again.not_before = if tried < tries { at(20) } else { at(500) };
                lines.add(again, at(20));
            }
            let mut of_other = errand("b", 0);
            (of_other.tries, of_other.not_before) = (1, at(500));
            lines.add(of_other, at(20));
            assert_eq!((lines.paused(), called(&mut lines, at(30)).len()), (1, 0));

            lines.begin_anew();

            let Some(Next::Try(first)) = lines.next(true, at(30)) else { panic!("due: {ended:?}") };
            assert_eq!((&*first.effect.what.hook, first.tries), ("a", tries), "{ended:?}");
            assert!(lines.next(true, at(30)).is_none(), "a hook that is not paused has its pauses");
            lines.ended(&id("a"), Ended::Delivered, at(30));
            assert_eq!(lines.wakes_at(true), Some(at(500)));
        }
    }

    #[test]
    fn a_call_that_is_taken_ends_no_pause_that_another_was_told_meanwhile() {
        let mut lines = lines(&[("gone", 3), ("busy", 3)]);
        (0..4).for_each(|_| drop(lines.next(true, at(5))));

        lines.ended(&id("gone"), Ended::Gone, at(5));
        lines.ended(&id("gone"), Ended::Delivered, at(5));
        lines.ended(&id("busy"), Ended::Failed(Some(Duration::from_secs(60))), at(5));
        lines.ended(&id("busy"), Ended::Delivered, at(5));

        assert_eq!(lines.paused(), 1);
        assert!(lines.next(true, at(64)).is_none());
        assert_eq!(called(&mut lines, at(65)), ["busy"]);
    }

    #[test]
    fn a_shorter_pause_ends_no_longer_one() {
        let mut lines = lines(&[("a", 3)]);
        (0..2).for_each(|_| drop(lines.next(true, at(5))));

        lines.ended(&id("a"), Ended::Failed(Some(Duration::from_secs(60))), at(5));
        lines.ended(&id("a"), Ended::Failed(Some(Duration::from_secs(1))), at(6));

        assert_eq!(lines.wakes_at(true), Some(at(65)));
    }

    #[test]
    fn a_hook_that_wants_a_pause_has_it_up_to_a_bound() {
        let mut lines = lines(&[("a", 3)]);
        lines.next(true, at(5));
        lines.ended(&id("a"), Ended::Failed(Some(Duration::from_secs(7))), at(5));

        assert!(lines.next(true, at(11)).is_none());
        assert!(lines.next(true, at(12)).is_some());
        lines.ended(&id("a"), Ended::Failed(Some(Duration::MAX)), at(12));
        assert_eq!(lines.wakes_at(true), Some(at(612)));
    }

    #[test]
    fn a_hook_for_which_nothing_waits_takes_no_room() {
        let mut lines = lines(&[("a", 1)]);
        lines.next(true, at(5));
        lines.ended(&id("a"), Ended::Delivered, at(5));

        assert!(lines.lines.is_empty());
    }
}
