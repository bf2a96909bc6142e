//! The network between the clients and the router, as streams of bytes: whatever happens to them, what
//! comes out of one is a beginning of what went in.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, duplex, split};
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Bytes on their way before a writer waits.
const WINDOW_BYTES: usize = 64 << 10;

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To the router.
    Up = 0,
    /// To the client.
    Down = 1,
}

/// The way between one client and the router.
#[derive(Clone)]
pub struct Route(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    opened: Notify,
}

struct State {
    random: SmallRng,
    /// Most milliseconds that a piece is on its way.
    delay_ms_max: u64,
    /// Nothing passes for now, by direction.
    is_blocked: [bool; 2],
    wires: Vec<Arc<Wire>>,
}

/// One connection.
struct Wire {
    cut: CancellationToken,
    /// What comes is swallowed, by direction.
    swallows: [AtomicBool; 2],
}

const USUAL_DELAY_MS_MAX: u64 = 60;

impl Route {
    pub fn new(seed: u64) -> Self {
        let state = State {
            random: SmallRng::seed_from_u64(seed),
            delay_ms_max: USUAL_DELAY_MS_MAX,
            is_blocked: [false; 2],
            wires: Vec::new(),
        };
        Self(Arc::new(Inner { state: Mutex::new(state), opened: Notify::new() }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().expect("nobody panics while holding it")
    }

    /// A connection: the client's end and the router's. `None` while the way is blocked.
    pub fn connect(&self) -> Option<(DuplexStream, DuplexStream)> {
        let wire = Arc::new(Wire { cut: CancellationToken::new(), swallows: Default::default() });
        {
            let mut state = self.state();
            if state.is_blocked.contains(&true) {
                return None;
            }
            state.wires.retain(|wire| Arc::strong_count(wire) > 1);
            state.wires.push(wire.clone());
        }
        let (client, near) = duplex(WINDOW_BYTES);
        let (far, router) = duplex(WINDOW_BYTES);
        let (from_client, to_client) = split(near);
        let (from_router, to_router) = split(far);
        let up = self.clone().carry(wire.clone(), Way::Up, from_client, to_router);
        let down = self.clone().carry(wire, Way::Down, from_router, to_client);
        tokio::spawn(up);
        tokio::spawn(down);
        Some((client, router))
    }

    async fn carry(
        self,
        wire: Arc<Wire>,
        way: Way,
        from: ReadHalf<DuplexStream>,
        to: WriteHalf<DuplexStream>,
    ) {
        tokio::select! {
            biased;
            () = wire.cut.cancelled() => {}
            () = self.carry_on(&wire, way, from, to) => {}
        }
    }

    async fn carry_on(
        &self,
        wire: &Wire,
        way: Way,
        mut from: ReadHalf<DuplexStream>,
        mut to: WriteHalf<DuplexStream>,
    ) {
        let mut buffer = vec![0; 4096];
        loop {
            let read = from.read(&mut buffer).await.unwrap_or(0);
            let delay = {
                let mut state = self.state();
                let most = state.delay_ms_max;
                state.random.random_range(1..=most)
            };
            sleep(Duration::from_millis(delay)).await;
            self.passes(way).await;
            if wire.swallows[way as usize].load(Relaxed) {
                if read == 0 {
                    // Nobody hears of the end either.
                    std::future::pending::<()>().await;
                }
                continue;
            }
            if read == 0 || to.write_all(&buffer[..read]).await.is_err() {
                // The peer is gone already, or learns of the end now.
                let _ = to.shutdown().await;
                return;
            }
        }
    }

    async fn passes(&self, way: Way) {
        loop {
            let opened = self.0.opened.notified();
            if !self.state().is_blocked[way as usize] {
                return;
            }
            opened.await;
        }
    }

    /// Lets nothing pass in these directions, or again.
    pub fn block(&self, ways: &[Way], is_blocked: bool) {
        for way in ways {
            self.state().is_blocked[*way as usize] = is_blocked;
        }
        self.0.opened.notify_waiters();
    }

    /// Every piece takes up to this long.
    pub fn slow_down(&self, delay_max: Duration) {
        self.state().delay_ms_max = u64::try_from(delay_max.as_millis()).expect("small").max(1);
    }

    pub fn usual_speed(&self) {
        self.state().delay_ms_max = USUAL_DELAY_MS_MAX;
    }

    /// Whether there is a connection.
    pub fn is_used(&self) -> bool {
        self.state().wires.iter().any(|wire| Arc::strong_count(wire) > 1)
    }

    /// Breaks every connection; what was on its way is gone.
    pub fn reset(&self) {
        for wire in std::mem::take(&mut self.state().wires) {
            wire.cut.cancel();
        }
    }

    /// From now on the open connections swallow what comes in these directions, and nobody is told.
    pub fn swallow(&self, ways: &[Way]) {
        for wire in &self.state().wires {
            for way in ways {
                wire.swallows[*way as usize].store(true, Relaxed);
            }
        }
    }
}
