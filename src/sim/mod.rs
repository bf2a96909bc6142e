//! A contact centre in virtual time.
//!
//! **In**: a [`Scenario`], read from a file, drawn by a parametric case or taken from a journal
//! ([`Recording`]), and the name of a policy: the product's own
//! [`Scheduler`](crate::schedule::Scheduler), or one modelled on another router.
//!
//! **Out**: an [`Outcome`], one fate for each contact, and its [`Figures`].
//!
//! **Invariants**
//! - Time and chance come from the scenario and its seed alone: the same scenario gives the same
//!   outcome, byte for byte.
//! - The product's scheduler is driven through its commands and decisions, as a server drives it;
//!   nothing of it is written anew here.
//! - Every policy meets the same contacts, seats and rules of work. What it asks for is checked
//!   against them from outside ([`Checks`]).
//! - Each contact ends in exactly one way.
//!
//! **Bounds**: seats, contacts and names of a scenario by constants in `parse`; memory in
//! proportion to seats and contacts.

mod cases;
mod chats;
mod check;
mod engine;
mod formulas;
mod measure;
mod moment;
mod outcome;
mod parse;
mod policy;
mod random;
mod read;
mod recorded;
mod rival;
mod scenario;
mod scheduled;
mod write;

use std::fmt::Write as _;

pub use cases::{Comparison, DrawnIncident, Incident, IncidentFigures, Large, Mix, Published};
pub use check::Checks;
pub use formulas::{Queue, erlang_a, erlang_c};
pub use measure::{Figures, LanguageFigures, Samples, TARGET_S, measure, percentile};
pub use moment::Moment;
pub use outcome::{Ending, Fate, Outcome, Reply};
pub use policy::{PolicyName, Route};
pub use random::Random;
pub use read::ScenarioErrors;
pub use recorded::{Recorded, Recording, Span};
pub use scenario::{
    Interner, Names, Scenario, ScenarioSettings, ScenarioTranslation, SeatEvent, ShopRules,
    SimContact, SimSeat,
};

/// Runs a scenario under a policy to its end. `progress` is told the share of contacts that are
/// done, now and then.
pub fn simulate(
    scenario: &Scenario,
    name: PolicyName,
    checks: Checks,
    progress: &mut dyn FnMut(f64),
) -> Outcome {
    match name {
        PolicyName::Default => {
            let checks = match &scenario.rules {
                Some(_) => Checks::Rules { audit: checks == Checks::EveryStep },
                None => checks,
            };
            engine::run(scenario, &mut scheduled::Scheduled::new(scenario), checks, progress)
        }
        rival => {
            let checks = match rival {
                PolicyName::PooledBound => Checks::Pooled,
                // That a job leaves seats idle until it runs is what it is compared for.
                _ => Checks::Offers,
            };
            engine::run(scenario, &mut rival::Rival::new(scenario, rival), checks, progress)
        }
    }
}

/// What the scheduler itself had to do in a simulation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stress {
    /// Commands that it was told.
    pub commands: u64,
    /// Decisions that it made.
    pub decisions: u64,
    /// Different queues that contacts were in.
    pub queues: usize,
    /// Conversations that it held together at the most.
    pub live_max: usize,
    /// Promises that did not hold, in words; empty unless there is a bug.
    pub broken: Vec<String>,
}

/// Runs a scenario under the product's scheduler and counts what it does.
pub fn stress(scenario: &Scenario, checks: Checks, progress: &mut dyn FnMut(f64)) -> Stress {
    let mut policy = scheduled::Scheduled::new(scenario);
    let broken = engine::run(scenario, &mut policy, checks, progress).broken;
    let queue = |contact: &SimContact| (contact.language, contact.skill, contact.region);
    let queues: std::collections::BTreeSet<_> = scenario.contacts.iter().map(queue).collect();
    let (commands, decisions, live_max) = policy.counts();
    Stress { commands, decisions, queues: queues.len(), live_max, broken }
}

/// One JSON line for each contact: who answered it, when and how.
pub fn assignments(scenario: &Scenario, outcome: &Outcome) -> String {
    let mut out = String::with_capacity(outcome.fates.len() * 160);
    for (contact, fate) in scenario.contacts.iter().zip(&outcome.fates) {
        let line = outcome::Line {
            contact: &contact.id,
            seat: fate.seat.map(|seat| scenario.seats[seat].id.as_str()),
            offered_at_s: fate.offered_at,
            answered_at_s: fate.answered_at,
            closed_at_s: fate.closed_at,
            route: fate.route,
            outcome: fate.ending,
        };
        let line = serde_json::to_string(&line).expect("a line of plain values is JSON");
        let _ = writeln!(out, "{line}");
    }
    out
}
