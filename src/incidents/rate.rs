//! Whether more customers ask something than usually do.

use std::collections::VecDeque;
use std::time::Duration;

use crate::domain::{CustomerId, Timestamp};

/// The time in which customers are counted.
pub const WINDOW: Duration = Duration::from_secs(60);
/// Distinct customers in the window below which nothing opens by itself.
const CUSTOMERS_MIN: usize = 5;
/// How many times the usual number must be there.
const TIMES_USUAL: f64 = 4.0;
/// Probability by chance below which a count is no chance.
const CHANCE_MAX: f64 = 1e-4;
/// In this time the past counts for 1/e: a baseline of hours, which a burst of minutes hardly moves.
pub const MEMORY: Duration = Duration::from_secs(2 * 3_600);
/// Customers a window of something that was never asked before: three an hour.
const USUAL_MIN: f64 = 0.05;
/// Customers that are remembered one by one; more in one window only make it surer.
const ASKERS_MAX: usize = 1_024;

/// Askers of the last window, and how many there usually are.
#[derive(Clone, Debug, Default)]
pub struct Rate {
    recent: VecDeque<(Timestamp, CustomerId)>,
    /// Askers that have left the window, weighed by how long ago.
    past: f64,
    past_at: Timestamp,
}

impl Rate {
    /// With so many askers of the past, weighed by how long ago at `at`.
    pub fn of_past(past: f64, at: Timestamp) -> Self {
        Self { past: past.max(0.0), past_at: at, ..Self::default() }
    }

    /// Everybody who has asked so far, weighed by how long ago.
    pub fn asked(&self, now: Timestamp) -> f64 {
        let mut settled = self.clone();
        settled.settle(now);
        settled.decayed(now) + settled.recent.len() as f64
    }

    /// Takes in who asked at `at`, by `now`; whether the rate has left its baseline.
    pub fn ask(&mut self, now: Timestamp, at: Timestamp, customer: &CustomerId) -> bool {
        self.settle(now);
        if self.recent.iter().all(|(_, known)| known != customer) {
            self.insert(at.min(now), customer.clone());
            self.settle(now);
        }
        self.is_high(now)
    }

    /// Takes in who else has asked the same, by `now`.
    pub fn add(&mut self, now: Timestamp, mut other: Self) {
        self.settle(now);
        other.settle(now);
        let past_at = self.past_at.max(other.past_at);
        self.past = self.decayed(past_at) + other.decayed(past_at);
        self.past_at = past_at;
        for (at, customer) in other.recent {
            match self.recent.iter().position(|it| it.1 == customer) {
                Some(known) if self.recent[known].0 >= at => continue,
                Some(known) => {
                    self.recent.remove(known);
                }
                None => {}
            }
            self.insert(at, customer);
        }
    }

    fn insert(&mut self, at: Timestamp, customer: CustomerId) {
        if self.recent.len() < ASKERS_MAX {
            let place = self.recent.partition_point(|it| it.0 <= at);
            self.recent.insert(place, (at, customer));
        }
    }

    /// Forgets that a customer asked; whether it was known.
    pub fn forget(&mut self, customer: &CustomerId) -> bool {
        let before = self.recent.len();
        self.recent.retain(|(_, known)| known != customer);
        before != self.recent.len()
    }

    /// Distinct customers in the window that ends at `now`.
    pub fn customers(&mut self, now: Timestamp) -> usize {
        self.settle(now);
        self.recent.len()
    }

    /// Customers of a usual window.
    pub fn usual(&self, now: Timestamp) -> f64 {
        let windows = MEMORY.as_secs_f64() / WINDOW.as_secs_f64();
        (self.decayed(now) / windows).max(USUAL_MIN)
    }

    /// Whether it would be high together with these.
    pub fn is_high_with<'a>(
        &self,
        now: Timestamp,
        others: impl Iterator<Item = &'a Self> + Clone,
    ) -> bool {
        let askers = others.clone().map(|other| other.recent.len()).sum::<usize>();
        if self.recent.len() + askers < CUSTOMERS_MIN {
            return false;
        }
        let mut all = self.clone();
        others.for_each(|other| all.add(now, other.clone()));
        all.is_high(now)
    }

    fn is_high(&self, now: Timestamp) -> bool {
        let (customers, usual) = (self.recent.len(), self.usual(now));
        customers >= CUSTOMERS_MIN
            && customers as f64 >= TIMES_USUAL * usual
            && poisson_tail(customers, usual) < CHANCE_MAX
    }

    /// Lets who has left the window become part of the past.
    fn settle(&mut self, now: Timestamp) {
        while let Some((at, _)) = self.recent.front()
            && now.since(*at) >= WINDOW
        {
            let left_at = *at + WINDOW;
            self.past = self.decayed(left_at) + 1.0;
            self.past_at = self.past_at.max(left_at);
            self.recent.pop_front();
        }
    }

    fn decayed(&self, at: Timestamp) -> f64 {
        self.past * (-at.since(self.past_at).as_secs_f64() / MEMORY.as_secs_f64()).exp()
    }
}

/// Probability of `count` or more where `mean` are usual.
fn poisson_tail(count: usize, mean: f64) -> f64 {
    let (mut term, mut below) = ((-mean).exp(), 0.0);
    for n in 0..count {
        below += term;
        term *= mean / (n + 1) as f64;
    }
    (1.0 - below).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000_000 + seconds * 1_000)
    }

    fn customer(n: u64) -> CustomerId {
        CustomerId::from(format!("v_{n}"))
    }

    #[test]
    fn five_customers_in_a_minute_are_high_where_hardly_anybody_asks() {
        let mut rate = Rate::default();

        let high: Vec<bool> =
            (0..5).map(|n| rate.ask(at(n * 10), at(n * 10), &customer(n))).collect();

        assert_eq!(high, [false, false, false, false, true]);
    }

    #[test]
    fn one_customer_who_asks_again_and_five_in_an_hour_are_not() {
        let mut rate = Rate::default();
        assert!((0..20).all(|n| !rate.ask(at(n), at(n), &customer(1))));

        let mut rate = Rate::default();
        assert!((0..20).all(|n| !rate.ask(at(n * 700), at(n * 700), &customer(n))));
    }

    #[test]
    fn what_many_ask_every_minute_needs_four_times_as_many() {
        let mut rate = Rate::default();
        // Three a minute for a day.
        for n in 0..4_320 {
            rate.ask(at(n * 20), at(n * 20), &customer(n));
        }
        let start = 4_320 * 20 + 60;
        assert!((2.5..3.5).contains(&rate.usual(at(start))), "{}", rate.usual(at(start)));

        let burst = |count: u64| {
            let mut rate = rate.clone();
            (0..count).any(|n| rate.ask(at(start + n), at(start + n), &customer(10_000 + n)))
        };
        assert!(!burst(11));
        assert!(burst(14));
    }

    #[test]
    fn two_rates_together_count_every_customer_once_and_both_pasts() {
        let mut rates = [Rate::default(), Rate::default()];
        for (n, rate) in rates.iter_mut().enumerate() {
            (0..10).for_each(|k| {
                rate.ask(at(k * 100 + n as u64), at(k * 100 + n as u64), &customer(k));
            });
        }
        let [mut rate, other] = rates;
        let (usual, apart) = (rate.usual(at(900)), other.usual(at(900)));

        rate.add(at(901), other);

        assert_eq!(rate.customers(at(901)), 1);
        assert!((rate.usual(at(901)) - usual - apart).abs() < 0.01);
    }

    #[test]
    fn who_asks_again_elsewhere_counts_now_and_who_asked_long_ago_does_not() {
        let mut rates = [Rate::default(), Rate::default()];
        rates[0].ask(at(0), at(0), &customer(1));
        (1..6).for_each(|n| {
            rates[1].ask(at(300), at(300), &customer(n));
        });
        let [mut rate, other] = rates;

        assert!(rate.is_high_with(at(301), [&other].into_iter()));
        rate.add(at(301), other);
        assert_eq!(rate.customers(at(301)), 5);

        // As after a restart: who has waited since the night is told at once.
        let mut told_again = Rate::default();
        assert!((0..20).all(|n| !told_again.ask(at(9_000), at(n * 400), &customer(n))));
        assert_eq!(told_again.customers(at(9_000)), 0);
        assert!(told_again.asked(at(9_000)) > 5.0);
        assert!(told_again.asked(at(90_000)) < 0.01, "of late is not yesterday");
    }

    #[test]
    fn the_tail_is_that_of_poisson() {
        assert!((poisson_tail(5, 0.2) - 2.259e-6).abs() < 1e-8);
        assert!((poisson_tail(1, 1.0) - 0.632_12).abs() < 1e-4);
        assert_eq!(poisson_tail(0, 3.0), 1.0);
    }
}
