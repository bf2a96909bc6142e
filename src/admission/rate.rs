//! Token buckets as one number each: the instant up to which the allowance is used (GCRA).

use std::num::NonZeroU32;
use std::time::Duration;

use crate::domain::Timestamp;
use crate::runtime::sync::atomic::{AtomicU64, Ordering};

/// So many a second, and so many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    interval_us: u64,
    tolerance_us: u64,
}

impl Rate {
    /// `per_s` a second with bursts of `burst`; `None` when one of them is zero.
    pub fn new(per_s: u32, burst: u32) -> Option<Self> {
        let (per_s, burst) = (NonZeroU32::new(per_s)?, NonZeroU32::new(burst)?);
        let interval_us = (1_000_000 / u64::from(per_s.get())).max(1);
        Some(Self { interval_us, tolerance_us: interval_us * u64::from(burst.get() - 1) })
    }

    /// The new mark after one more at `now`, or how long to wait for it.
    fn step(self, mark_us: u64, now: Timestamp) -> Result<u64, Duration> {
        let now_us = now.as_millis().saturating_mul(1_000);
        let mark_us = mark_us.max(now_us);
        let ahead_us = mark_us - now_us;
        if ahead_us > self.tolerance_us {
            // Rounded up to whole milliseconds, the unit of time here and of `retry_after_ms`.
            return Err(Duration::from_millis((ahead_us - self.tolerance_us).div_ceil(1_000)));
        }
        Ok(mark_us + self.interval_us)
    }
}

/// The allowance of one connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bucket {
    mark_us: u64,
}

impl Bucket {
    /// Takes one.
    ///
    /// # Errors
    /// How long to wait when nothing is left.
    pub fn take(&mut self, rate: Rate, now: Timestamp) -> Result<(), Duration> {
        self.mark_us = rate.step(self.mark_us, now)?;
        Ok(())
    }
}

/// The allowance that many connections share.
#[derive(Debug)]
pub struct SharedBucket {
    rate: Rate,
    mark_us: AtomicU64,
}

impl SharedBucket {
    /// An unused allowance.
    pub fn new(rate: Rate) -> Self {
        Self { rate, mark_us: AtomicU64::new(0) }
    }

    /// Takes one.
    ///
    /// # Errors
    /// How long to wait when nothing is left.
    pub fn take(&self, now: Timestamp) -> Result<(), Duration> {
        let mut mark = self.mark_us.load(Ordering::Relaxed);
        loop {
            let next = self.rate.step(mark, now)?;
            match self.mark_us.compare_exchange_weak(
                mark,
                next,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Ok(()),
                Err(newer) => mark = newer,
            }
        }
    }

    /// Whether nothing of it is used up.
    pub(super) fn is_full(&self, now: Timestamp) -> bool {
        self.mark_us.load(Ordering::Relaxed) <= now.as_millis().saturating_mul(1_000)
    }
}
