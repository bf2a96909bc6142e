//! Ways to customers beside the widget, and to shops' own systems: how what is said looks on each of them.
//!
//! **In**: what is to be sent, as the owner of a conversation wants it; letters as they came.
//! **Out**: the bytes that are sent, the same for every try; what somebody wrote, and to which conversation.
//! **Invariants**: pure; an address that an answer comes back to is good only with the signature that was made
//! here.
//! **Bounds**: an address has at most 254 bytes and is plain ASCII.

pub mod email;
pub mod webhook;
