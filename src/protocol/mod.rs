//! The frames of wire protocol version 1 as types: what `docs/protocol.md` says, and no more.
//!
//! Parsing is strict about what it needs and ignores what it does not know, so that clients may be
//! newer than the server. Everything here is pure.

mod client;
mod code;
mod floor;
mod json;
mod server;
pub mod session;

pub use client::{ClientFrame, FrameError, Hello, Resume, Target};
pub use code::{CloseCode, ErrorCode};
pub use floor::{FloorFrame, FloorGone, FloorTotals, RunningRow, SeatRow, WaitingRow};
pub use json::json_problem;
pub(crate) use server::maybe_instant;
pub use server::{
    EventFrame, Held, IncidentFollower, IncidentRow, Join, Note, Offer, ServerFrame, encode,
    local_time,
};
