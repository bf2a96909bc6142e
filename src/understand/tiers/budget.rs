//! How much time the encoder may take: a bucket of time that fills at a share of one core.

use std::time::{Duration, Instant};

/// What each message adds to what the next is thought to take: most of it is what those before took.
const NEWS: f64 = 0.1;
/// What the first message is thought to take, in seconds.
const FIRST_COST: f64 = 5e-3;
/// Bursts that may be owed at the most: a machine that slept for a minute is no reason to ask nobody for
/// twenty.
const DEBT_MAX: f64 = 10.0;

/// Time that may still be spent. Who asks pays what a message took lately; what it really took is
/// settled afterwards, so that messages which wait are counted already.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Seconds that come back each second.
    share: f64,
    /// Most seconds that are kept.
    burst: f64,
    /// Seconds that are left; below nothing when messages took longer than they were thought to.
    left: f64,
    filled_at: Instant,
    /// Seconds that a message is thought to take.
    cost: f64,
}

impl Budget {
    /// A full bucket that keeps at most `burst` and gets back `share` of the time that passes.
    pub fn new(share: f64, burst: Duration, now: Instant) -> Self {
        let burst = burst.as_secs_f64();
        Self { share, burst, left: burst, filled_at: now, cost: FIRST_COST }
    }

    /// Pays for a message; gives what was paid, or nothing when no time is left.
    pub fn take(&mut self, now: Instant) -> Option<Duration> {
        let passed = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.filled_at = self.filled_at.max(now);
        self.left = (self.left + passed * self.share).min(self.burst);
        if self.left <= 0.0 {
            return None;
        }
        self.left -= self.cost;
        Some(Duration::from_secs_f64(self.cost))
    }

    /// Tells that messages for which `paid` was paid took `took`; `read` of them were read, and the
    /// others came too late for it.
    pub fn settle(&mut self, paid: Duration, read: usize, took: Duration) {
        self.left += paid.as_secs_f64() - took.as_secs_f64();
        self.left = self.left.max(-DEBT_MAX * self.burst);
        for _ in 0..read {
            self.cost += NEWS * (took.as_secs_f64() / read as f64 - self.cost);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Messages that are taken in `passes` milliseconds, ten a millisecond, each of which takes
    /// `each`.
    fn taken(budget: &mut Budget, start: Instant, passes: u32, each: Duration) -> u32 {
        let mut taken = 0;
        for at in 0..passes {
            for _ in 0..10 {
                if let Some(paid) = budget.take(start + at * MS) {
                    taken += 1;
                    budget.settle(paid, 1, each);
                }
            }
        }
        taken
    }

    #[test]
    fn a_flood_gets_the_burst_and_then_the_share_of_the_time_and_no_more() {
        let start = Instant::now();
        let mut budget = Budget::new(0.05, 100 * MS, start);

        // 100 ms at once and 5 % of 10 s are 600 ms: 1,200 messages of half a millisecond.
        let taken = taken(&mut budget, start, 10_000, MS / 2);

        assert!((1_195..=1_205).contains(&taken), "{taken}");
        // After a rest there is the burst again and not what was not used before.
        let later = start + Duration::from_secs(3_600);
        let at_once = std::iter::from_fn(|| budget.take(later)).take(1_000).count();
        assert!((200..=201).contains(&at_once), "{at_once}");
    }

    #[test]
    fn messages_that_wait_are_paid_for_before_anybody_knows_what_they_take() {
        let start = Instant::now();
        let mut budget = Budget::new(0.05, 50 * MS, start);
        let paid = budget.take(start).expect("a full bucket");
        budget.settle(paid, 1, paid);

        let waiting = (0..100).filter(|_| budget.take(start).is_some()).count();

        assert!((8..=10).contains(&waiting), "{waiting}");
    }

    #[test]
    fn one_message_may_take_longer_than_the_burst_and_the_next_then_waits_until_it_is_paid() {
        let start = Instant::now();
        let mut budget = Budget::new(0.1, 50 * MS, start);
        let paid = budget.take(start).expect("a full bucket");
        budget.settle(paid, 1, 150 * MS);

        assert!(budget.take(start + 900 * MS).is_none());
        assert!(budget.take(start + 1_100 * MS).is_some());
    }

    #[test]
    fn a_machine_that_slept_does_not_silence_the_encoder_for_long() {
        let start = Instant::now();
        let mut budget = Budget::new(0.1, 50 * MS, start);
        let paid = budget.take(start).expect("a full bucket");

        budget.settle(paid, 1, Duration::from_secs(60));

        assert!(budget.take(start + Duration::from_secs(4)).is_none());
        assert!(budget.take(start + Duration::from_secs(6)).is_some());
    }

    #[test]
    fn what_was_paid_for_messages_that_nobody_read_comes_back() {
        let start = Instant::now();
        let mut budget = Budget::new(0.05, 10 * MS, start);
        let paid: Duration = std::iter::from_fn(|| budget.take(start)).sum();
        assert!(budget.take(start).is_none());

        budget.settle(paid, 0, Duration::ZERO);

        assert!(budget.take(start).is_some());
    }
}
