//! Checking passwords: slow by design, so one after another on a thread that yields to all others.
//! A storm of sign-ins then takes what the sockets and the owners of conversations leave, and waits.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use crate::config::shop::Password;

/// Checks that may wait. At some 40 ms each the last one waits for ten seconds, as long as a client
/// waits for an answer.
const WAITING_MAX: usize = 256;
/// Below everything that somebody is waiting for while talking.
const NICENESS: i32 = 10;
/// What a check is taken to need before one was measured.
const FIRST_GUESS: Duration = Duration::from_millis(50);

/// The queue of passwords to check; clones share it. Dropping the last one ends the thread after what
/// waits.
#[derive(Clone)]
pub struct PasswordChecks {
    queue: mpsc::Sender<Check>,
    took_us: Arc<AtomicU64>,
}

struct Check {
    password: Password,
    given: String,
    reply: oneshot::Sender<bool>,
}

/// Too many wait already.
#[derive(Debug, PartialEq, Eq)]
pub struct Full {
    /// When half of them should be through.
    pub retry_after: Duration,
}

impl PasswordChecks {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives none.
    pub fn start() -> io::Result<Self> {
        let (queue, checks) = mpsc::channel(WAITING_MAX);
        let took_us = Arc::new(AtomicU64::new(micros(FIRST_GUESS)));
        let measured = took_us.clone();
        let thread = std::thread::Builder::new().name("password-checks".to_owned());
        thread.spawn(move || {
            // Where the system does not let a thread yield, it checks all the same.
            let _ = rustix::process::setpriority_process(None, NICENESS);
            serve(checks, &measured);
        })?;
        Ok(Self { queue, took_us })
    }

    /// Whether `given` is the password.
    ///
    /// # Errors
    /// When as many wait as may.
    pub async fn check(&self, password: Password, given: String) -> Result<bool, Full> {
        let (reply, answer) = oneshot::channel();
        if self.queue.try_send(Check { password, given, reply }).is_err() {
            let took = Duration::from_micros(self.took_us.load(Ordering::Relaxed));
            return Err(Full { retry_after: took * (WAITING_MAX as u32 / 2) });
        }
        // The thread answers everything that it took, so a missing answer is a stop.
        Ok(answer.await.unwrap_or(false))
    }
}

fn serve(mut checks: mpsc::Receiver<Check>, took_us: &AtomicU64) {
    while let Some(Check { password, given, reply }) = checks.blocking_recv() {
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

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demo() -> Password {
        Password::Demo("demo".to_owned())
    }

    #[tokio::test]
    async fn a_password_is_checked_and_a_full_queue_says_when_to_come_back() {
        let (queue, checks) = mpsc::channel(1);
        let took_us = Arc::new(AtomicU64::new(1_000));
        let passwords = PasswordChecks { queue, took_us: took_us.clone() };
        let waiting = passwords.check(demo(), "demo".to_owned());
        let mut waiting = Box::pin(waiting);
        // Polled once, it waits in the queue, and nobody works there yet.
        assert!(futures_util::poll!(&mut waiting).is_pending());

        let refused = passwords.check(demo(), "demo".to_owned()).await;
        let thread = std::thread::spawn(move || serve(checks, &took_us));

        assert_eq!(refused, Err(Full { retry_after: Duration::from_millis(128) }));
        assert_eq!(waiting.await, Ok(true));
        assert_eq!(passwords.check(demo(), "other".to_owned()).await, Ok(false));
        drop(passwords);
        thread.join().expect("the thread ends with its queue");
    }
}
