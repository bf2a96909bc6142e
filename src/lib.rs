//! Tradewind routes the conversations of a cross-border shop to the right answer or the right seat.
//!
//! The modules stand in the order in which a message travels; `docs/ARCHITECTURE.md` is the map.

pub mod app;
pub mod cli;

pub mod admin;
pub mod backup;
pub mod doctor;
pub mod flow;
pub mod gateway;
pub mod inward;
pub mod journal;
pub mod openid;
pub mod outward;
pub mod sim;

pub mod admission;
pub mod automate;
pub mod channels;
pub mod dedup;
pub mod deliver;
pub mod incidents;
pub mod knowledge;
pub mod schedule;
pub mod translate;
pub mod understand;

pub mod config;
pub mod domain;
pub mod metrics;
pub mod protocol;
pub mod runtime;
pub mod vault;
