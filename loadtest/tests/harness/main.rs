//! The harness as a user runs it: the built binary against a stand-in router.

mod commands;
mod stand_in;
mod verification;
