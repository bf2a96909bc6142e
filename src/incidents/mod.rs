//! Tells when many customers ask the same thing, and which questions one answer may serve.
//!
//! Conversations are never merged: a cluster has *followers*, each with its own conversation, place and
//! timer. What may join one is asked in this order, the cheap and the strict first: the [`Gate`] (nothing
//! that needs a look into somebody's account, by [`bound::Bound`]), the same text, nearly the
//! same text ([`simhash`]), the same things and names in whatever language ([`Print`]). What is only near to
//! an open incident, or in doubt to be its writer's own matter, leans to it: its customers follow that one, and it
//! stays a cluster of its own. What an incident took before a nearer one was known goes over to that.
//!
//! **In**: questions that need a person, as text with what was read out of it and a [`Meaning`];
//! what seats confirm, exclude and answer; `now`.
//!
//! **Out**: what a question joins, what is suggested, opened and closed, whom an answer reaches, and the
//! evidence for each; which two open clusters may be one.
//!
//! **Invariants**: a question that the gate refuses never reaches a likeness. Nothing joins without a
//! seat's click unless [`Live::is_automatic`], and open clusters never become one without it. A conversation
//! follows one cluster at most. The same calls give the same results on every machine.
//!
//! **Bounds**: [`CLUSTERS_MAX`] clusters of a shop, [`FOLLOWERS_MAX`] followers of a cluster,
//! [`PRINTS_MAX`] texts of a cluster to compare copies with, [`gate::CHARS_MAX`] characters of a text, of which
//! 160 are kept with each follower.
//!
//! [`Meaning`]: crate::domain::Meaning

mod answered;
pub mod bound;
pub mod bursts;
mod cluster;
pub mod gate;
mod gather;
mod kept;
mod lean;
mod lists;
mod live;
pub mod names;
mod print;
mod promised;
mod rate;
mod same;
pub mod simhash;
mod sort;
mod things;
mod threshold;
mod topic;
mod trust;
mod words;

pub use answered::NotAnswered;
pub use cluster::{
    Answer, Cluster, ClusterId, EXAMPLES_MAX, Example, FOLLOWERS_MAX, Follower, PRINTS_MAX,
    Standing,
};
pub use gate::{Asked, Barred, Gate, Passed};
pub use kept::Kept;
pub use live::{CLUSTERS_MAX, Closed, Joined, Live, Question, Settings, Told};
pub use print::{JOINS_FROM, Match, Print};
pub use promised::StillWaits;
pub use rate::Rate;
pub use same::NotTwo;
pub use threshold::Threshold;
pub use trust::{AUTOMATIC_FALSE_MAX, Trust};
