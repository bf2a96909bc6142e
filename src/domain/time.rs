//! An instant as a plain value: core code is handed `now`, it never asks for it.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use jiff::fmt::rfc2822::DateTimePrinter;
use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The instant `millis` milliseconds after the Unix epoch.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Time from `earlier` to `self`; zero when `earlier` is later, as after a clock step.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// RFC 3339 in UTC with milliseconds, as the wire protocol writes instants.
    pub fn to_rfc3339(self) -> String {
        let millis = i64::try_from(self.0).unwrap_or(i64::MAX);
        match jiff::Timestamp::from_millisecond(millis) {
            Ok(instant) => format!("{instant:.3}"),
            Err(_) => "9999-12-31T23:59:59.999Z".to_owned(),
        }
    }

    /// As HTTP writes instants (RFC 9110, 5.6.7), in whole seconds.
    pub fn to_http_date(self) -> String {
        let millis = i64::try_from(self.0).unwrap_or(i64::MAX);
        let instant = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX);
        let written = DateTimePrinter::new().timestamp_to_rfc9110_string(&instant);
        written.expect("the years from 1970 to 9999 have four digits")
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(rhs.as_millis()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, rhs: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(rhs.as_millis()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_in_utc_with_milliseconds() {
        assert_eq!(Timestamp::from_millis(1_500).to_rfc3339(), "1970-01-01T00:00:01.500Z");
    }

    #[test]
    fn http_has_instants_in_whole_seconds() {
        let instant = Timestamp::from_millis(784_111_777_999);

        assert_eq!(instant.to_http_date(), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert!(Timestamp::from_millis(u64::MAX).to_http_date().contains(" 9999 "));
    }

    #[test]
    fn a_clock_that_steps_back_gives_zero_and_not_an_underflow() {
        let later = Timestamp::from_millis(10);

        assert_eq!(Timestamp::from_millis(5).since(later), Duration::ZERO);
    }
}
