//! How many lines of the log a shop's provider may fill: some are written because of what strangers
//! send, as often as they like.

use std::collections::BTreeMap;
use std::mem;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::domain::{ShopId, Timestamp};

/// Lines of one shop about one call, in so long. What is beyond is counted as what is written.
const LINES_MAX: u32 = 6;
const PERIOD: Duration = Duration::from_secs(60);

/// What the line is about. Each has lines of its own: forged words of providers leave those about
/// sign-ins theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Call {
    SignIn,
    SignOut,
    LoggedOut,
}

impl Call {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::SignOut => "sign-out",
            Self::LoggedOut => "logged-out",
        }
    }
}

/// The lines that were written of late.
#[derive(Debug, Default)]
pub(super) struct LogLines(Mutex<BTreeMap<(ShopId, Call), Written>>);

#[derive(Debug)]
struct Written {
    since: Timestamp,
    lines: u32,
    left_out: u64,
}

impl LogLines {
    /// Takes a line; gives how many were left out since the last one, or `None` when this one is.
    pub fn take(&self, shop: &ShopId, call: Call, now: Timestamp) -> Option<u64> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let nothing = Written { since: now, lines: 0, left_out: 0 };
        let written = all.entry((shop.clone(), call)).or_insert(nothing);
        if now >= written.since + PERIOD {
            (written.since, written.lines) = (now, 0);
        }
        if written.lines == LINES_MAX {
            written.left_out += 1;
            return None;
        }
        written.lines += 1;
        Some(mem::take(&mut written.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_writes_so_many_lines_a_minute_and_tells_how_many_it_left_out() {
        let lines = LogLines::default();
        let (cafe, tea) = (ShopId::from("cafe"), ShopId::from("tea"));
        let begin = Timestamp::from_millis(1_000_000);
        let flood = |now| -> Vec<u64> {
            (0..100).filter_map(|_| lines.take(&cafe, Call::LoggedOut, now)).collect()
        };

        assert_eq!(flood(begin), [0; 6]);
        assert!(flood(begin + Duration::from_secs(59)).is_empty());
        assert_eq!(lines.take(&cafe, Call::SignIn, begin), Some(0), "another call of the shop");
        assert_eq!(lines.take(&tea, Call::LoggedOut, begin), Some(0), "another shop");
        assert_eq!(flood(begin + Duration::from_secs(60)), [194, 0, 0, 0, 0, 0]);
    }
}
