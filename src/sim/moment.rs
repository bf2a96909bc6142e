//! Time inside a simulation.

use std::ops::{Add, Sub};

use serde::{Serialize, Serializer};

/// Microseconds since the start of a simulation; negative before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(i64);

/// The farthest moment that a scenario may name: a hundred years.
pub(super) const SECONDS_MAX: f64 = 3.2e9;

impl Moment {
    /// The start.
    pub const START: Self = Self(0);

    /// The moment so many microseconds after the start.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// The moment so many seconds after the start, to the nearest microsecond.
    pub fn from_s(seconds: f64) -> Self {
        Self((seconds * 1e6).round() as i64)
    }

    /// Seconds since the start.
    pub fn as_s(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// Microseconds since the start.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// The next moment after this one that is a whole multiple of `period`.
    pub fn next_multiple(self, period: Self) -> Self {
        Self((self.0.div_euclid(period.0) + 1) * period.0)
    }
}

impl Add for Moment {
    type Output = Self;

    fn add(self, rhs: Self) -> Self {
        Self(self.0.saturating_add(rhs.0))
    }
}

impl Sub for Moment {
    type Output = Self;

    fn sub(self, rhs: Self) -> Self {
        Self(self.0.saturating_sub(rhs.0))
    }
}

/// Written as seconds.
impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.as_s())
    }
}
