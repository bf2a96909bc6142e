//! A client of the documented wire protocol, version 1, and nothing else: no type is shared with
//! the router, so whatever this client relies on stands in `docs/protocol.md`.

pub mod frame;
pub mod link;
pub mod plain;
pub mod seat;
pub mod session;
pub mod socket;
pub mod widget;
