//! Checking passwords: slow by design, so one after another on a thread that yields to all others.
//! A storm of sign-ins then takes what the sockets and the owners of conversations leave, and waits.
//!
//! Shops take turns, and inside a shop its addresses do, so a flood of one delays the others by one
//! check a turn, and fills no place but its own ([`turns`]).

mod turns;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use crate::config::shop::Password;
use crate::domain::{ClientAddress, ShopId};

use turns::Turns;

/// Below everything that somebody is waiting for while talking.
const NICENESS: i32 = 10;
/// What a check is taken to need before one was measured.
const FIRST_GUESS: Duration = Duration::from_millis(50);

/// How many sign-ins may wait.
#[derive(Clone, Copy, Debug)]
pub struct SignInLimits {
    /// Of one shop.
    pub shop_max: usize,
    /// Of one address in it.
    pub address_max: usize,
    /// Of one loopback address in it.
    pub loopback_max: usize,
}

/// The passwords to check. Dropping it ends the thread after what waits.
pub struct PasswordChecks {
    limits: SignInLimits,
    queue: Arc<Queue>,
    took_us: Arc<AtomicU64>,
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    wake: Condvar,
}

#[derive(Default)]
struct Waiting {
    turns: Turns<Check>,
    is_closed: bool,
}

struct Check {
    password: Password,
    given: String,
    reply: oneshot::Sender<bool>,
}

/// Too many wait already.
#[derive(Debug, PartialEq, Eq)]
pub struct Full {
    /// Whether it is the address that has too many, and not the whole shop.
    pub is_of_address: bool,
    /// When half of them should be through.
    pub retry_after: Duration,
}

impl PasswordChecks {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives none.
    pub fn start(limits: SignInLimits) -> io::Result<Self> {
        let checks = Self::new(limits);
        let (queue, measured) = (checks.queue.clone(), checks.took_us.clone());
        let thread = std::thread::Builder::new().name("password-checks".to_owned());
        thread.spawn(move || {
            // Where the system does not let a thread yield, it checks all the same.
            let _ = rustix::process::setpriority_process(None, NICENESS);
            serve(&queue, &measured);
        })?;
        Ok(checks)
    }

    fn new(limits: SignInLimits) -> Self {
        let took_us = Arc::new(AtomicU64::new(micros(FIRST_GUESS)));
        Self { limits, queue: Arc::default(), took_us }
    }

    /// Whether `given` is the password of a seat of `shop`. An address that is not known counts as one.
    ///
    /// # Errors
    /// When as many wait as may.
    pub async fn check(
        &self,
        shop: &ShopId,
        address: Option<ClientAddress>,
        password: Password,
        given: String,
    ) -> Result<bool, Full> {
        let (reply, answer) = oneshot::channel();
        self.put(shop, address, Check { password, given, reply })?;
        self.queue.wake.notify_one();
        // The thread answers everything that it took, so a missing answer is a stop.
        Ok(answer.await.unwrap_or(false))
    }

    fn put(&self, shop: &ShopId, address: Option<ClientAddress>, check: Check) -> Result<(), Full> {
        let SignInLimits { shop_max, address_max, loopback_max } = self.limits;
        let address_max = match address {
            Some(address) if !address.is_loopback() => address_max,
            // The proxy does not say who asks, or it is a program of this machine.
            _ => loopback_max,
        };
        let turns = &mut self.queue.waiting.lock().turns;
        let full = |of_one: usize, is_of_address| {
            let half = u32::try_from(of_one / 2).unwrap_or(u32::MAX).max(1);
            let rivals = u32::try_from(turns.shops()).unwrap_or(u32::MAX).max(1);
            let took = Duration::from_micros(self.took_us.load(Ordering::Relaxed));
            Full { is_of_address, retry_after: took.saturating_mul(half).saturating_mul(rivals) }
        };
        let (of_shop, of_address) = turns.waiting(shop, address);
        if of_address >= address_max {
            return Err(full(of_address, true));
        }
        if of_shop >= shop_max {
            return Err(full(of_shop, false));
        }
        turns.push(shop, address, check);
        Ok(())
    }
}

impl Drop for PasswordChecks {
    fn drop(&mut self) {
        self.queue.waiting.lock().is_closed = true;
        self.queue.wake.notify_one();
    }
}

fn serve(queue: &Queue, took_us: &AtomicU64) {
    while let Some(Check { password, given, reply }) = next(queue) {
        // Who asked may have gone away while waiting.
        if reply.is_closed() {
            continue;
        }
        let began = Instant::now();
        let matches = password.verify(&given);
        took_us.store(micros(began.elapsed()), Ordering::Relaxed);
        let _ = reply.send(matches);
    }
}

/// The next check; `None` once nobody asks any more.
fn next(queue: &Queue) -> Option<Check> {
    let mut waiting = queue.waiting.lock();
    loop {
        if let Some(check) = waiting.turns.pop() {
            return Some(check);
        }
        if waiting.is_closed {
            return None;
        }
        queue.wake.wait(&mut waiting);
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    const LIMITS: SignInLimits = SignInLimits { shop_max: 3, address_max: 2, loopback_max: 3 };

    fn address(last: u8) -> Option<ClientAddress> {
        Some(IpAddr::from([192, 0, 2, last]).into())
    }

    fn asked(
        checks: &PasswordChecks,
        shop: &str,
        from: Option<ClientAddress>,
    ) -> Result<oneshot::Receiver<bool>, Full> {
        let (reply, answer) = oneshot::channel();
        let check =
            Check { password: Password::Demo("demo".to_owned()), given: "demo".to_owned(), reply };
        checks.put(&ShopId::from(shop), from, check).map(|()| answer)
    }

    #[test]
    fn an_address_and_a_shop_fill_their_own_places_and_are_told_when_to_come_back() {
        let checks = PasswordChecks::new(LIMITS);
        checks.took_us.store(1_000, Ordering::Relaxed);
        let waiting: Vec<_> =
            [1, 1, 2].map(|last| asked(&checks, "a", address(last)).expect("room")).into();

        let full =
            |is_of_address, ms| Full { is_of_address, retry_after: Duration::from_millis(ms) };
        assert_eq!(asked(&checks, "a", address(1)).err(), Some(full(true, 1)));
        assert_eq!(asked(&checks, "a", address(3)).err(), Some(full(false, 1)));
        assert!(asked(&checks, "b", address(1)).is_ok(), "another shop has places of its own");
        drop(waiting);
    }

    #[tokio::test]
    async fn a_password_is_checked_and_who_has_gone_costs_nothing() {
        let checks = PasswordChecks::new(LIMITS);
        let gone = asked(&checks, "a", None).expect("room");
        drop(gone);
        let (queue, took_us) = (checks.queue.clone(), checks.took_us.clone());
        let thread = std::thread::spawn(move || serve(&queue, &took_us));
        let demo = || Password::Demo("demo".to_owned());
        let shop = ShopId::from("a");

        assert_eq!(checks.check(&shop, None, demo(), "demo".to_owned()).await, Ok(true));
        assert_eq!(checks.check(&shop, address(1), demo(), "other".to_owned()).await, Ok(false));
        drop(checks);
        thread.join().expect("the thread ends when nobody asks any more");
    }
}
