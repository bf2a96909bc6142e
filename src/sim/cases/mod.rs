//! Contact centres drawn by chance from a few parameters.

mod incident;
mod large;
mod mix;
mod published;

pub use incident::{DrawnIncident, Incident, IncidentFigures};
pub use large::Large;
pub use mix::Mix;
pub use published::{Comparison, Published};

use std::time::Duration;

use super::moment::Moment;
use super::parse::DEFAULT_START;
use super::scenario::{Names, Scenario, ScenarioSettings, SimContact, SimSeat};

/// A scenario without seats and contacts.
fn empty(about: String) -> Scenario {
    Scenario {
        about,
        measure_from: Moment::START,
        starts_at: DEFAULT_START,
        settings: ScenarioSettings::default(),
        seats: Vec::new(),
        contacts: Vec::new(),
        names: Names::default(),
        rules: None,
    }
}

fn seat(id: String, languages: Vec<usize>, slots: u8) -> SimSeat {
    SimSeat {
        id,
        languages,
        skills: Vec::new(),
        regions: Vec::new(),
        slots,
        idle_since: Moment::START,
        hours: None,
        events: Vec::new(),
    }
}

fn contact(no: usize, at_s: f64, language: usize, work_s: f64) -> SimContact {
    SimContact {
        id: format!("c{no}"),
        at: Moment::from_s(at_s),
        language,
        skill: None,
        region: None,
        vip: false,
        work_s,
        patience: None,
    }
}

/// Names `l0`, `l1` … for so many languages.
fn languages(names: &mut Names, count: usize) {
    (0..count).for_each(|no| {
        names.languages.number(&format!("l{no}"));
    });
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
