//! Admission: who may put how much into the router.
//!
//! **In**: a connection of an address, a message of a known customer or seat.
//! **Out**: leave to connect or to enter the queues, or a [`Refusal`] with a code and a time to try
//! again.
//! **Invariants**: what is refused leaves no trace behind it; one connection cannot use up the share
//! of its shop's others for longer than its burst, nor one address that of another; when too much
//! waits, open conversations are refused last ([`admit`]).
//! **Bounds**: bytes of a text; messages and frames a second for each connection; connections,
//! handshakes and messages a second for each address and each shop; addresses that are remembered.

mod addresses;
mod rate;
mod shed;
mod usage;

use std::sync::Arc;
use std::time::Duration;

pub use addresses::Addresses;
pub use rate::{Bucket, Rate};
pub use shed::{admit, no_room, room};
pub use usage::{Allowance, Place, Usage};

use crate::domain::Timestamp;
use crate::protocol::ErrorCode;

/// What one connection and its shop may send.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest text of a message, in bytes.
    pub text_bytes_max: usize,
    /// Messages of one connection.
    pub messages: Rate,
    /// Frames of any kind of one connection.
    pub frames: Rate,
}

/// Why something was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// For programs.
    pub code: ErrorCode,
    /// For people.
    pub message: &'static str,
    /// When it would be let in.
    pub retry_after: Option<Duration>,
}

/// The gate of one connection.
#[derive(Debug)]
pub struct Gate {
    limits: Arc<Limits>,
    messages: Bucket,
    frames: Bucket,
    /// What its address uses, where that is counted.
    address: Option<Arc<Usage>>,
    shop: Arc<Usage>,
}

impl Gate {
    /// A gate that nobody has passed yet.
    pub fn new(limits: Arc<Limits>, address: Option<Arc<Usage>>, shop: Arc<Usage>) -> Self {
        Self { limits, messages: Bucket::default(), frames: Bucket::default(), address, shop }
    }

    /// Lets a frame in that carries no message.
    ///
    /// # Errors
    /// When the connection sends too many.
    pub fn frame(&mut self, now: Timestamp) -> Result<(), Refusal> {
        self.frames.take(self.limits.frames, now).map_err(|wait| limited("too many frames", wait))
    }

    /// Lets a message in.
    ///
    /// # Errors
    /// When the text is empty or too long, or the connection, its address or its shop sends too many.
    pub fn message(&mut self, now: Timestamp, text: &str) -> Result<(), Refusal> {
        if text.len() > self.limits.text_bytes_max {
            let message = "the text is longer than the limit";
            return Err(Refusal { code: ErrorCode::TooLarge, message, retry_after: None });
        }
        if text.trim().is_empty() {
            let message = "the text is empty";
            return Err(Refusal { code: ErrorCode::TooLarge, message, retry_after: None });
        }
        self.messages
            .take(self.limits.messages, now)
            .map_err(|wait| limited("too many messages on this connection", wait))?;
        if let Some(address) = &self.address {
            address
                .message(now)
                .map_err(|wait| limited("too many messages from this address", wait))?;
        }
        self.shop.message(now).map_err(|wait| limited("too many messages in this shop", wait))
    }
}

const fn limited(message: &'static str, wait: Duration) -> Refusal {
    Refusal { code: ErrorCode::RateLimited, message, retry_after: Some(wait) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(per_s: u32, burst: u32) -> Gate {
        let rate = |per_s, burst| Rate::new(per_s, burst).expect("not zero");
        let limits =
            Limits { text_bytes_max: 8, messages: rate(per_s, burst), frames: rate(100, 100) };
        Gate::new(Arc::new(limits), None, usage(rate(1_000, 3)))
    }

    fn usage(messages: Rate) -> Arc<Usage> {
        let allowance = Allowance { connections_max: 1, handshakes: messages, messages };
        Arc::new(Usage::new(allowance))
    }

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    #[test]
    fn empty_and_oversize_texts_are_refused_and_cost_nothing() {
        let mut gate = gate(1, 1);
        for text in ["", " \n\t", "123456789"] {
            assert_eq!(gate.message(NOW, text).map_err(|r| r.code), Err(ErrorCode::TooLarge));
        }
        assert_eq!(gate.message(NOW, "12345678"), Ok(()));
    }

    #[test]
    fn a_burst_is_let_in_and_then_the_rate_holds() {
        let mut gate = gate(10, 2);
        assert_eq!(gate.message(NOW, "a"), Ok(()));
        assert_eq!(gate.message(NOW, "b"), Ok(()));

        let refusal = gate.message(NOW, "c").expect_err("over the burst");

        assert_eq!(refusal.code, ErrorCode::RateLimited);
        let wait = refusal.retry_after.expect("a time to try again");
        assert_eq!(wait, Duration::from_millis(100));
        assert_eq!(gate.message(NOW + wait, "c"), Ok(()));
    }

    #[test]
    fn a_shop_and_an_address_have_limits_over_all_their_connections() {
        let rate = |burst| Rate::new(10, burst).expect("not zero");
        let limits = Limits { text_bytes_max: 8, messages: rate(3), frames: rate(3) };
        let limits = Arc::new(limits);
        let (address, shop) = (usage(rate(2)), usage(rate(5)));
        let gates = |count, address: Option<&Arc<Usage>>| -> Vec<Gate> {
            let gate = |_| Gate::new(limits.clone(), address.cloned(), shop.clone());
            (0..count).map(gate).collect()
        };
        let admitted = |mut gates: Vec<Gate>| {
            gates.iter_mut().filter_map(|gate| gate.message(NOW, "a").ok()).count()
        };

        assert_eq!(admitted(gates(4, Some(&address))), 2);
        assert_eq!(admitted(gates(4, None)), 3);
    }
}
