//! Keeping to the protocol's limit of messages.

use std::time::Duration;

use tokio::time::Instant;

/// A little less than the messages a second, and at once, that the protocol grants one connection
/// (10 and 20): the server counts by arrival, which bunches them. A client that keeps to
/// them is not refused, so that a refusal in the result means something.
const MESSAGES: (f64, f64) = (9.0, 18.0);

/// What is left of the messages that the protocol grants.
#[derive(Debug)]
pub struct Pace {
    left: f64,
    at: Instant,
}

impl Pace {
    /// A fresh connection may send a burst.
    pub fn new(now: Instant) -> Self {
        Self { left: MESSAGES.1, at: now }
    }

    /// Takes one, or says how long until there is one.
    pub fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        *self = Self { left: (self.left + passed * MESSAGES.0).min(MESSAGES.1), at: now };
        if self.left < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - self.left) / MESSAGES.0));
        }
        self.left -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_a_steady_rate_below_the_limit() {
        let start = Instant::now();
        let mut pace = Pace::new(start);

        assert!((0..18).all(|_| pace.take(start).is_ok()));
        let wait = pace.take(start).expect_err("the burst is used up");
        assert!(wait > Duration::from_millis(100));
        let later = start + wait + Duration::from_millis(1);
        assert!(pace.take(later).is_ok());
        assert!(pace.take(later).is_err());
    }
}
