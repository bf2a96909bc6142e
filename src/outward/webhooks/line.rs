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
    /// Longest that a hook is left alone because it wants that.
    pub wish_max: Duration,
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

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Rests {
    #[default]
    No,
    Until(Timestamp),
    /// Until the shops are loaded anew.
    ForGood,
}

#[derive(Debug, Default)]
struct Line {
    /// By due time; the number keeps those of one instant apart.
    waiting: BTreeMap<(Timestamp, u64), Errand<Webhook>>,
    calls: usize,
    /// In a row.
    failures: u32,
    rests: Rests,
}

/// What waits for every hook.
#[derive(Debug)]
pub(super) struct Lines {
    bounds: Bounds,
    lines: BTreeMap<HookId, Line>,
    added: u64,
    /// Whose turn was the last: the others come first.
    last: Option<HookId>,
}

impl Line {
    fn is_failing(&self) -> bool {
        self.failures >= FAILURES_MAX
    }

    /// A hook that fails is tried by one call at a time.
    fn has_room(&self) -> bool {
        self.calls < if self.is_failing() { 1 } else { HOOK_CALLS_MAX }
    }

    /// When it has to be looked at for what waits first.
    fn wakes_at(&self, bounds: &Bounds, may_call: bool) -> Option<Timestamp> {
        let ((due, _), first) = self.waiting.first_key_value()?;
        let expires = first.effect.at + bounds.up_to;
        let tried = match self.rests {
            _ if !may_call || !self.has_room() => None,
            Rests::No => Some(*due),
            Rests::Until(at) => Some(at.max(*due)),
            Rests::ForGood => None,
        };
        Some(tried.map_or(expires, |at| at.min(expires)))
    }

    fn next(&mut self, bounds: &Bounds, may_call: bool, now: Timestamp) -> Option<Next> {
        if self.waiting.len() <= bounds.waiting_max
            && self.wakes_at(bounds, may_call).is_none_or(|at| at > now)
        {
            return None;
        }
        let (_, first) = self.waiting.pop_first()?;
        if self.waiting.len() >= bounds.waiting_max {
            return Some(Next::GiveUp(first, WebhookResult::Dropped));
        }
        if first.effect.at + bounds.up_to <= now {
            return Some(Next::GiveUp(first, WebhookResult::GivenUp));
        }
        self.calls += 1;
        Some(Next::Try(first))
    }

    fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.calls == 0 && self.failures == 0 && self.rests == Rests::No
    }
}

impl Lines {
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, lines: BTreeMap::new(), added: 0, last: None }
    }

    /// Puts an errand where it waits.
    pub fn add(&mut self, errand: Errand<Webhook>) {
        self.added += 1;
        let line = self.lines.entry(id_of(&errand)).or_default();
        line.waiting.insert((errand.not_before, self.added), errand);
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
                if let Some(next) = line.next(&self.bounds, may_call, now) {
                    self.last = Some(id.clone());
                    return Some(next);
                }
            }
        }
        None
    }

    /// When [`Self::next`] next has something; without `may_call` when nothing may be called.
    pub fn wakes_at(&self, may_call: bool) -> Option<Timestamp> {
        self.lines.values().filter_map(|line| line.wakes_at(&self.bounds, may_call)).min()
    }

    /// Takes note of how a call ended; why the hook is left alone from now, if that is new.
    pub fn ended(&mut self, id: &HookId, ended: Ended, now: Timestamp) -> Option<WebhookPause> {
        let line = self.lines.get_mut(id)?;
        line.calls = line.calls.saturating_sub(1);
        let was_failing = line.is_failing();
        let paused = match ended {
            Ended::Uncalled => None,
            Ended::Delivered => {
                (line.failures, line.rests) = (0, Rests::No);
                None
            }
            Ended::Gone => {
                let is_new = line.rests != Rests::ForGood;
                line.rests = Rests::ForGood;
                is_new.then_some(WebhookPause::Gone)
            }
            Ended::Failed(wish) => {
                line.failures = line.failures.saturating_add(1);
                let wish = wish.map(|wish| wish.min(self.bounds.wish_max));
                let rest = Some(self.bounds.rest).filter(|_| line.is_failing());
                if let Some(rest) = rest.max(wish).filter(|_| line.rests != Rests::ForGood) {
                    line.rests = Rests::Until(now + rest);
                }
                (line.is_failing() && !was_failing).then_some(WebhookPause::Failing)
            }
        };
        if line.is_idle() {
            self.lines.remove(id);
        }
        paused
    }

    /// Tries every hook again, as the shops were loaded anew.
    pub fn begin_anew(&mut self) {
        for line in self.lines.values_mut() {
            (line.failures, line.rests) = (0, Rests::No);
        }
        self.lines.retain(|_, line| !line.is_idle());
    }

    /// Hooks that fail or are gone.
    pub fn paused(&self) -> usize {
        let is_paused = |line: &&Line| line.is_failing() || line.rests == Rests::ForGood;
        self.lines.values().filter(is_paused).count()
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
        wish_max: Duration::from_secs(600),
    };

    fn at(second: u64) -> Timestamp {
        Timestamp::from_millis(second * 1_000)
    }

    fn errand(hook: &str, wanted_s: u64) -> Errand<Webhook> {
        let conversation = ConversationId::from_uuid(uuid::Uuid::from_u128(1));
        let what = Webhook { hook: hook.into(), event: HookEvent::Closed, seq: wanted_s };
        let key = EffectKey::of_webhook(conversation, 1, &what);
        let effect = Effect { key, at: at(wanted_s), what };
        let (shop, not_before) = (ShopId::from("demo"), at(wanted_s));
        Errand { shop, conversation, effect, tries: 0, not_before, ending_at: None }
    }

    fn lines(hooks: &[(&str, u64)]) -> Lines {
        let mut lines = Lines::new(BOUNDS);
        for (hook, count) in hooks {
            (0..*count).for_each(|second| lines.add(errand(hook, second)));
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
    fn nothing_is_called_before_its_time() {
        let mut lines = Lines::new(BOUNDS);
        lines.add(errand("a", 5));

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
