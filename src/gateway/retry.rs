//! When a client that is sent away should come back: spread out, so that those who are told at one
//! moment do not meet again.

use std::time::Duration;

/// Handshakes a second that a router of two cores takes beside its work.
const PER_S: u64 = 2_000;
const SPREAD: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// A time to come back, drawn by `draw`, not before `at_least` and far enough spread for `clients` who
/// are told now.
pub fn later(at_least: Duration, clients: usize, draw: u64) -> Duration {
    let clients = u64::try_from(clients).unwrap_or(u64::MAX);
    let spread = Duration::from_secs(clients / PER_S).clamp(SPREAD.0, SPREAD.1);
    let spread_ms = u64::try_from(spread.as_millis()).unwrap_or(u64::MAX);
    at_least + Duration::from_millis(draw % (spread_ms + 1))
}

/// A wait as the wire writes it.
pub fn millis(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_clients_are_spread_over_more_time_and_none_comes_too_early() {
        let waits = |clients: usize| {
            let wait =
                |n: u64| later(Duration::from_millis(500), clients, n.wrapping_mul(0x9e37_79b9));
            let mut waits: Vec<_> = (0..1_000).map(wait).collect();
            waits.sort_unstable();
            (waits[0], waits[500], waits[999])
        };
        let (first, middle, last) = waits(10);
        assert!(first >= Duration::from_millis(500) && last <= Duration::from_millis(1_500));
        assert!((Duration::from_millis(800)..Duration::from_millis(1_200)).contains(&middle));

        let (_, middle, last) = waits(15_000);
        assert!(last <= Duration::from_millis(7_500) && middle > Duration::from_secs(3));
        assert!(waits(usize::MAX).2 <= Duration::from_millis(30_500));
    }
}
