//! What became of every contact.

use serde::Serialize;

use super::moment::Moment;
use super::policy::Route;

/// How a contact ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ending {
    /// Answered and closed.
    Answered,
    /// Left without an answer.
    Abandoned,
    /// Still waiting when nothing more could happen.
    Open,
    /// Given a ticket, by the rules of a real shop.
    Ticket,
}

/// When a contact had its first reply.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reply {
    /// After the answer, as the settings of the scenario say.
    BySettings,
    /// At a time that was recorded.
    At(Moment),
    /// It had none.
    Never,
}

/// One contact at the end of a simulation. One that lost its seat on the way tells of its last one.
#[derive(Clone, Copy, Debug)]
pub struct Fate {
    /// How it ended.
    pub ending: Ending,
    /// The seat that answered.
    pub seat: Option<usize>,
    /// When that seat was asked.
    pub offered_at: Option<Moment>,
    /// When that seat took it.
    pub answered_at: Option<Moment>,
    /// When it was closed, or left.
    pub closed_at: Option<Moment>,
    /// How it was answered.
    pub route: Option<Route>,
    /// Open chats of the seat when it answered, this one included.
    pub open_then: usize,
    /// When its first reply came.
    pub reply: Reply,
}

/// All that a simulation gives.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The contacts, in the order of the scenario.
    pub fates: Vec<Fate>,
    /// For each seat, its slots in use times seconds, in the time that is measured.
    pub busy_s: Vec<f64>,
    /// The time that is measured.
    pub measured: (Moment, Moment),
    /// The last instant that is known: who waits without an end has waited until then. In a simulation
    /// the last contact came or went then.
    pub ended: Moment,
    /// Promises that did not hold, in words; empty unless there is a bug.
    pub broken: Vec<String>,
}

/// One line of the file of assignments.
#[derive(Debug, Serialize)]
pub(super) struct Line<'a> {
    pub contact: &'a str,
    pub seat: Option<&'a str>,
    pub offered_at_s: Option<Moment>,
    pub answered_at_s: Option<Moment>,
    pub closed_at_s: Option<Moment>,
    pub route: Option<Route>,
    pub outcome: Ending,
}
