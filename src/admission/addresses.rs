//! The addresses of clients that use something, and nothing about the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use dashmap::DashMap;

use crate::domain::{ClientAddress, Timestamp};

use super::usage::{Allowance, Usage};

/// Addresses that are remembered. A new one beyond them is not counted: it is still held to the limits
/// of its shop and of all, and strangers who come from many places must not be able to lock everybody
/// else out.
const REMEMBERED_MAX: usize = 100_000;
/// Addresses that are remembered before those that use nothing any more are looked for.
const SWEPT_AT_LEAST: usize = 1_024;
/// Least time between two sweeps while as many are remembered as may be.
const SWEEP_PAUSE_MS: u64 = 1_000;

/// See the module.
#[derive(Debug)]
pub struct Addresses {
    others: Allowance,
    /// `None`: loopback addresses are not counted.
    loopback: Option<Allowance>,
    used: DashMap<ClientAddress, Arc<Usage>, ahash::RandomState>,
    /// How many are remembered when the next sweep comes.
    sweep_at: AtomicUsize,
    swept_at_ms: AtomicU64,
}

impl Addresses {
    /// Nobody uses anything yet.
    pub fn new(others: Allowance, loopback: Option<Allowance>) -> Self {
        Self {
            others,
            loopback,
            used: DashMap::default(),
            sweep_at: AtomicUsize::new(SWEPT_AT_LEAST),
            swept_at_ms: AtomicU64::new(0),
        }
    }

    /// What an address uses; `None` when it is not counted.
    pub fn of(&self, address: ClientAddress, now: Timestamp) -> Option<Arc<Usage>> {
        let allowance = if address.is_loopback() { self.loopback? } else { self.others };
        if let Some(known) = self.used.get(&address) {
            return Some(known.clone());
        }
        let remembered = self.used.len();
        let may_sweep = remembered < REMEMBERED_MAX
            || now.as_millis() >= self.swept_at_ms.load(Ordering::Relaxed) + SWEEP_PAUSE_MS;
        if remembered >= self.sweep_at.load(Ordering::Relaxed) && may_sweep {
            self.sweep(now);
        }
        if self.used.len() >= REMEMBERED_MAX {
            return None;
        }
        let fresh = || Arc::new(Usage::new(allowance));
        Some(self.used.entry(address).or_insert_with(fresh).clone())
    }

    /// Forgets who uses nothing.
    fn sweep(&self, now: Timestamp) {
        self.swept_at_ms.store(now.as_millis(), Ordering::Relaxed);
        self.used.retain(|_, usage| Arc::strong_count(usage) > 1 || !usage.is_rested(now));
        let next = (2 * self.used.len()).clamp(SWEPT_AT_LEAST, REMEMBERED_MAX);
        self.sweep_at.store(next, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::Duration;

    use super::*;
    use crate::admission::Rate;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn allowance(connections_max: usize) -> Allowance {
        let rate = Rate::new(10, 2).expect("not zero");
        Allowance { connections_max, handshakes: rate, messages: rate }
    }

    fn address(number: u32) -> ClientAddress {
        IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number)).into()
    }

    fn used(addresses: &Addresses, number: u32) -> Arc<Usage> {
        addresses.of(address(number), NOW).expect("it is counted")
    }

    #[test]
    fn what_one_address_uses_up_is_there_for_another() {
        let addresses = Addresses::new(allowance(1), None);
        let place = used(&addresses, 1).place();
        assert!(place.is_some());

        assert!(used(&addresses, 1).place().is_none());
        assert!(used(&addresses, 2).place().is_some());
    }

    #[test]
    fn loopback_addresses_are_counted_where_they_have_limits() {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST).into();
        assert!(Addresses::new(allowance(1), None).of(loopback, NOW).is_none());

        let counted = Addresses::new(allowance(5), Some(allowance(1)));
        let used = || counted.of(loopback, NOW).expect("it is counted");
        let place = used().place();
        assert!(place.is_some() && used().place().is_none());
    }

    #[test]
    fn who_uses_nothing_is_forgotten_and_a_flood_of_addresses_fills_no_memory() {
        let addresses = Addresses::new(allowance(1), None);
        let held = used(&addresses, 0).place().expect("a place");
        used(&addresses, 1).handshake(NOW).expect("the first");
        for number in 2..5_000 {
            drop(used(&addresses, number));
        }

        assert!(addresses.used.len() <= SWEPT_AT_LEAST);
        let known = |number| addresses.used.contains_key(&address(number));
        assert!(known(0) && known(1), "one has a connection, the other connected just now");

        let all: Vec<_> =
            (5_000..200_000).filter_map(|number| addresses.of(address(number), NOW)).collect();
        assert!(addresses.used.len() <= REMEMBERED_MAX && all.len() > REMEMBERED_MAX / 2);
        assert!(addresses.of(address(400_000), NOW).is_none(), "one more is not counted");
        drop((all, held));
        let later = NOW + Duration::from_secs(1);
        assert!(addresses.of(address(400_000), later).is_some());
        assert_eq!(addresses.used.len(), 1);
    }
}
