//! Which conversation goes first.

use std::time::Duration;

use crate::domain::{Priority, Timestamp};

/// What decides between two waiting conversations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Its class.
    pub priority: Priority,
    /// When the customer first asked.
    pub arrived_at: Timestamp,
    /// Order of arrival, for those of the same instant.
    pub seq: u64,
}

/// The rank of a claim at one instant; the lowest goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank(u8, u64, Timestamp, u64);

impl Claim {
    /// Ranks by weight × (time waited + 1 s), the largest first. Whoever has waited for
    /// `age_bound` goes before all others, the oldest first: so no stream of heavier
    /// conversations can starve a light one.
    ///
    /// Inside one priority, the earlier arrival always has the lower rank.
    pub fn rank(&self, now: Timestamp, age_bound: Duration) -> Rank {
        let waited = self.counted(now);
        if waited >= age_bound {
            return Rank(0, 0, self.arrived_at, self.seq);
        }
        let index = self.priority.weight().saturating_mul(waited.as_millis() as u64 + 1_000);
        Rank(1, u64::MAX - index, self.arrived_at, self.seq)
    }

    /// Ranks by the places that customers are told. As [`Self::rank`], but that a ticket comes after
    /// all who wait before a screen until it has reached the age bound: whoever has just come
    /// overtakes it within seconds.
    pub fn place_rank(&self, now: Timestamp, age_bound: Duration) -> Rank {
        match self.rank(now, age_bound) {
            Rank(1, index, arrived_at, seq) if self.priority == Priority::Ticket => {
                Rank(2, index, arrived_at, seq)
            }
            rank => rank,
        }
    }

    /// Whether it has reached the age bound.
    pub fn is_aged(&self, now: Timestamp, age_bound: Duration) -> bool {
        self.counted(now) >= age_bound
    }

    /// The wait as it counts against others.
    fn counted(&self, now: Timestamp) -> Duration {
        now.since(self.arrived_at) / self.priority.slowness()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: Duration = Duration::from_secs(120);

    fn claim(priority: Priority, arrived_s: u64) -> Claim {
        let arrived_at = Timestamp::from_millis(arrived_s * 1_000);
        Claim { priority, arrived_at, seq: arrived_s }
    }

    #[test]
    fn a_vip_overtakes_who_has_waited_less_than_three_times_as_long() {
        let vip = claim(Priority::Vip, 20);
        let now = Timestamp::from_millis(30_000);

        // The VIP counts as 3 × 11 s; the others as their wait and one second.
        assert!(vip.rank(now, BOUND) < claim(Priority::Normal, 0).rank(now, BOUND));
        let now = Timestamp::from_millis(25_000);
        assert!(vip.rank(now, BOUND) > claim(Priority::Normal, 0).rank(now, BOUND));
    }

    #[test]
    fn a_ticket_of_last_night_yields_to_who_has_waited_some_seconds_and_not_to_who_has_just_come() {
        let hour = 3_600;
        let ticket = claim(Priority::Ticket, 0);
        let now = Timestamp::from_millis(12 * hour * 1_000);

        let came = |seconds_ago: u64| claim(Priority::Normal, 12 * hour - seconds_ago);
        assert!(ticket.rank(now, BOUND) < came(11).rank(now, BOUND));
        assert!(ticket.rank(now, BOUND) > came(13).rank(now, BOUND));
        assert!(ticket.rank(now, BOUND) < claim(Priority::Ticket, 1).rank(now, BOUND));
        let days_later = Timestamp::from_millis(120 * hour * 1_000);
        assert!(ticket.is_aged(days_later, BOUND) && !ticket.is_aged(now, BOUND));
    }

    #[test]
    fn no_ticket_under_the_age_bound_has_a_place_before_who_has_just_come() {
        let hour = 3_600;
        let now = Timestamp::from_millis(130 * hour * 1_000);
        let came = claim(Priority::Normal, 130 * hour);
        let (aged, ticket) = (claim(Priority::Ticket, 0), claim(Priority::Ticket, 11 * hour));

        assert!(ticket.rank(now, BOUND) < came.rank(now, BOUND));
        assert!(ticket.place_rank(now, BOUND) > came.place_rank(now, BOUND));
        assert!(aged.place_rank(now, BOUND) < came.place_rank(now, BOUND));
        assert!(
            ticket.place_rank(now, BOUND)
                < claim(Priority::Ticket, 12 * hour).place_rank(now, BOUND)
        );
        assert_eq!(came.place_rank(now, BOUND), came.rank(now, BOUND));
    }

    #[test]
    fn at_the_age_bound_the_oldest_goes_first_whatever_its_priority() {
        let old = claim(Priority::Normal, 0);
        let vip = claim(Priority::Vip, 1);

        let before = Timestamp::from_millis(119_999);
        let at = Timestamp::from_millis(120_000);

        assert!(vip.rank(before, BOUND) < old.rank(before, BOUND));
        assert!(old.rank(at, BOUND) < vip.rank(at, BOUND));
    }
}
