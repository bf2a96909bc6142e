//! The router's own sources of everything that threads share without waiting for one another, compiled
//! with [shuttle]'s primitives in the place of the real ones, so that `tests/queues.rs` can run them in
//! one order of steps after another.
//!
//! What takes the place of what: `sync.rs` that of `src/runtime/sync.rs`;
//! `tokio::sync` and `parking_lot` are shuttle's packages of those names.
//!
//! The insides of crossbeam's queues and of `AtomicWaker` are not modelled: shuttle sees no step inside
//! another package. In their place stand the simplest things that keep their promises (`stand_ins.rs`),
//! and an order of steps is chosen around each call. What is proved is therefore that the router's code
//! is right if each call happens at one instant, which is what those packages promise and test by
//! themselves. Orders of memory are not modelled either: every access is seen by everybody at once.
#![allow(dead_code, reason = "the router uses the rest of these files")]

mod stand_ins;

/// As in the router.
#[path = "."]
pub mod runtime {
    #[path = "../../src/runtime/inbox.rs"]
    pub mod inbox;
    #[path = "sync.rs"]
    pub mod sync;
}

/// As in the router.
#[path = "."]
pub mod protocol {
    #[path = "../../src/protocol/code.rs"]
    mod code;

    pub use code::{CloseCode, ErrorCode};
}

/// As in the router.
#[path = "."]
pub mod domain {
    #[path = "../../src/domain/time.rs"]
    mod time;

    pub use time::Timestamp;
}

/// As in the router.
#[path = "."]
pub mod deliver {
    #[path = "../../src/deliver/outbox.rs"]
    pub mod outbox;
}

/// As in the router.
#[path = "."]
pub mod admission {
    #[path = "../../src/admission/rate.rs"]
    pub mod rate;
}

/// As in the router.
#[path = "."]
pub mod understand {
    #[path = "../../src/understand/room.rs"]
    pub mod room;
}

#[path = "../../src/journal/mod.rs"]
pub mod journal;
