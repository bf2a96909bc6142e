//! Cases with results that others have published or formulas give: they measure the simulator.
//!
//! MMC, MMCAb and SimpleMSK come from the examples of ContactCenters (umontreal-simul), which
//! prints 95 % intervals beside them.

use super::{contact, empty, languages, seat};
use crate::domain::{Hours, HoursError};
use crate::sim::formulas::{self, Queue};
use crate::sim::measure::{mean, wait_s};
use crate::sim::moment::Moment;
use crate::sim::outcome::{Ending, Outcome};
use crate::sim::policy::PolicyName;
use crate::sim::random::Random;
use crate::sim::scenario::Scenario;

/// A case with a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// 12 servers from empty, 480 min.
    Mmc,
    /// The same with abandonment.
    MmcAb,
    /// Three types, two groups, three periods.
    Skills3x2,
    /// 30 servers at load 0.9, steady.
    ErlangC,
    /// 30 servers at load 0.95 with abandonment, steady.
    ErlangA,
}

/// One figure beside its reference.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Comparison {
    /// What it is.
    pub figure: &'static str,
    /// Mean over the days.
    pub value: f64,
    /// Half width of its 95 % interval.
    pub plus_minus: f64,
    /// The reference, lower and upper end.
    pub reference: (f64, f64),
}

impl Comparison {
    /// Whether the value lies in the reference.
    pub fn is_inside(&self) -> bool {
        (self.reference.0..=self.reference.1).contains(&self.value)
    }
}

const MINUTE_S: f64 = 60.0;
const TARGET_S: f64 = 20.0;
/// Closed forms are met within this part.
const TOLERANCE: f64 = 0.03;

/// The queue of the closed forms, in seconds.
const SERVERS: usize = 30;
const SERVICE_S: f64 = 240.0;
const PATIENCE_S: f64 = 450.0;
const STEADY_S: f64 = 40.0 * 3_600.0;
const WARM_UP_S: f64 = 3.0 * 3_600.0;

impl Published {
    /// Every case.
    pub const ALL: [Self; 5] =
        [Self::Mmc, Self::MmcAb, Self::Skills3x2, Self::ErlangC, Self::ErlangA];

    /// Its name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mmc => "mmc",
            Self::MmcAb => "mmc-ab",
            Self::Skills3x2 => "skills-3x2",
            Self::ErlangC => "erlang-c",
            Self::ErlangA => "erlang-a",
        }
    }

    /// The policy that the reference has: where seats differ, the first group is asked first.
    pub const fn policy(self) -> PolicyName {
        match self {
            Self::Skills3x2 => PolicyName::InOrder,
            Self::Mmc | Self::MmcAb | Self::ErlangC | Self::ErlangA => PolicyName::Default,
        }
    }

    /// Days that make the mean steadier than the reference is wide.
    pub const fn days(self) -> u64 {
        match self {
            Self::Mmc | Self::MmcAb | Self::Skills3x2 => 4_000,
            Self::ErlangC | Self::ErlangA => 200,
        }
    }

    /// Draws one day.
    ///
    /// # Errors
    /// Never, unless the time zone data lack UTC.
    pub fn draw(self, day: u64) -> Result<Scenario, HoursError> {
        Ok(match self {
            Self::Mmc => single(12, 4.2 / MINUTE_S, 2.0 * MINUTE_S, None, 480.0 * MINUTE_S, day),
            Self::MmcAb => {
                let patience = Some(MINUTE_S);
                single(12, 4.2 / MINUTE_S, 2.0 * MINUTE_S, patience, 480.0 * MINUTE_S, day)
            }
            Self::Skills3x2 => skills(day)?,
            Self::ErlangC => steady(0.9, None, day),
            Self::ErlangA => steady(0.95, Some(PATIENCE_S), day),
        })
    }

    /// The figures of one day, in the order of [`Self::compare`].
    pub fn figures(self, scenario: &Scenario, outcome: &Outcome) -> Vec<f64> {
        let counted: Vec<(f64, bool)> = outcome
            .fates
            .iter()
            .enumerate()
            .filter(|(no, _)| scenario.contacts[*no].at >= scenario.measure_from)
            .map(|(no, fate)| {
                (wait_s(scenario, outcome.ended, no, fate), fate.ending == Ending::Answered)
            })
            .collect();
        let all = counted.len() as f64;
        let served = counted.iter().filter(|(_, served)| *served).count() as f64;
        let in_target =
            counted.iter().filter(|(wait, served)| *served && *wait < TARGET_S).count() as f64;
        // The published service level leaves out who left before the target.
        let gone_early = |(wait, served): &&(f64, bool)| !*served && *wait < TARGET_S;
        let due = all - counted.iter().filter(gone_early).count() as f64;
        let waits: Vec<f64> = counted.iter().map(|(wait, _)| *wait).collect();
        // Who does not find a seat free waits at least a microsecond.
        let delayed = waits.iter().filter(|wait| **wait > 0.0).count() as f64;
        match self {
            Self::Mmc => vec![in_target],
            Self::MmcAb => vec![all - served, in_target, due],
            Self::Skills3x2 => vec![served, all - served, in_target, due],
            Self::ErlangC => vec![delayed, waits.iter().sum(), all],
            Self::ErlangA => vec![delayed, waits.iter().sum(), all - served, all],
        }
    }

    /// Sets the figures of many days beside the reference.
    pub fn compare(self, days: &[Vec<f64>]) -> Vec<Comparison> {
        let plain = |figure, at: usize, reference| {
            let values: Vec<f64> = days.iter().map(|day| day[at]).collect();
            let (value, plus_minus) = interval(&values);
            Comparison { figure, value, plus_minus, reference }
        };
        let ratio = |figure, part: usize, reference| {
            let (value, plus_minus) = ratio(days, part);
            Comparison { figure, value, plus_minus, reference }
        };
        let near = |value: f64| (value * (1.0 - TOLERANCE), value * (1.0 + TOLERANCE));
        match self {
            Self::Mmc => vec![plain("answered within 20 s a day", 0, (1812.6, 1819.7))],
            Self::MmcAb => vec![
                plain("abandoned a day", 0, (57.7, 59.6)),
                // Printed with three digits.
                ratio("service level 20 s", 1, (0.9675, 0.9685)),
            ],
            Self::Skills3x2 => vec![
                plain("served a day", 0, (4270.0, 4324.0)),
                plain("abandoned a day", 1, (876.0, 945.0)),
                ratio("service level 20 s", 2, (0.494, 0.509)),
            ],
            Self::ErlangC => {
                let Queue { delayed, mean_wait, .. } =
                    formulas::erlang_c(0.9 * SERVERS as f64 / SERVICE_S, SERVICE_S, SERVERS);
                vec![
                    ratio("delay probability", 0, near(delayed)),
                    ratio("mean wait (s)", 1, near(mean_wait)),
                ]
            }
            Self::ErlangA => {
                let arrivals = 0.95 * SERVERS as f64 / SERVICE_S;
                let Queue { delayed, mean_wait, abandoned } =
                    formulas::erlang_a(arrivals, SERVICE_S, SERVERS, PATIENCE_S);
                vec![
                    ratio("delay probability", 0, near(delayed)),
                    ratio("mean wait (s)", 1, near(mean_wait)),
                    ratio("abandoned", 2, near(abandoned)),
                ]
            }
        }
    }
}

/// Mean and half width of its 95 % interval.
fn interval(values: &[f64]) -> (f64, f64) {
    let (mean, n) = (mean(values), values.len() as f64);
    let square: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, 1.96 * (square / (n - 1.0).max(1.0) / n.max(1.0)).sqrt())
}

/// A part over the last figure, both summed over all days.
fn ratio(days: &[Vec<f64>], part: usize) -> (f64, f64) {
    let parts: Vec<f64> = days.iter().map(|day| day[part]).collect();
    let wholes: Vec<f64> = days.iter().map(|day| day[day.len() - 1]).collect();
    let value = parts.iter().sum::<f64>() / wholes.iter().sum::<f64>().max(1.0);
    // Of a ratio of means, the interval is that of what each day is off by.
    let off: Vec<f64> = parts.iter().zip(&wholes).map(|(a, b)| a - value * b).collect();
    (value, interval(&off).1 / mean(&wholes).max(1.0))
}

/// One kind of contact and equal servers.
fn single(
    servers: usize,
    per_s: f64,
    service_s: f64,
    patience_s: Option<f64>,
    length_s: f64,
    day: u64,
) -> Scenario {
    let mut scenario = empty(String::new());
    languages(&mut scenario.names, 1);
    scenario.seats = (0..servers).map(|no| seat(format!("a{no}"), vec![0], 1)).collect();
    let [mut gaps, mut work, mut patience] =
        ["arrivals", "work", "patience"].map(|purpose| Random::new(day, purpose));
    let mut at_s = gaps.exponential(1.0 / per_s);
    while at_s < length_s {
        let mut drawn = contact(scenario.contacts.len(), at_s, 0, work.exponential(service_s));
        drawn.patience = patience_s.map(|mean| Moment::from_s(patience.exponential(mean)));
        scenario.contacts.push(drawn);
        at_s += gaps.exponential(1.0 / per_s);
    }
    scenario
}

fn steady(load: f64, patience_s: Option<f64>, day: u64) -> Scenario {
    let per_s = load * SERVERS as f64 / SERVICE_S;
    let mut scenario = single(SERVERS, per_s, SERVICE_S, patience_s, STEADY_S, day);
    scenario.measure_from = Moment::from_s(WARM_UP_S);
    scenario
}

/// SimpleMSK: contacts of types 0, 1, 2; seats of group 1 serve 0 and 1, those of group 2 serve 1
/// and 2. Rates are per minute and by period.
fn skills(day: u64) -> Result<Scenario, HoursError> {
    const ARRIVALS: [[f64; 3]; 3] = [[4.2, 5.3, 3.2], [5.1, 4.3, 4.8], [6.3, 5.2, 4.8]];
    const BUSY_SHAPE: f64 = 28.7;
    const SERVICE: [f64; 3] = [0.5, 0.6, 0.4];
    const PATIENCE: [f64; 3] = [0.3, 0.4, 0.2];
    const STAFF: [[usize; 4]; 2] = [[12, 18, 9, 9], [15, 20, 11, 11]];
    const PERIOD_MIN: f64 = 120.0;

    let mut scenario = empty(String::new());
    languages(&mut scenario.names, 3);
    for (group, staff) in STAFF.iter().enumerate() {
        for no in 0..*staff.iter().max().unwrap_or(&0) {
            let mut drawn = seat(format!("g{group}-{no:02}"), vec![group, group + 1], 1);
            drawn.hours = Some(shifts(|period| no < staff[period])?);
            scenario.seats.push(drawn);
        }
    }
    let busy = Random::new(day, "busy day").gamma(BUSY_SHAPE) / BUSY_SHAPE;
    let [mut gaps, mut work, mut patience] =
        ["arrivals", "work", "patience"].map(|purpose| Random::new(day, purpose));
    let mut contacts = Vec::new();
    for (kind, rates) in ARRIVALS.iter().enumerate() {
        for (period, rate) in rates.iter().enumerate() {
            let ends = (period + 1) as f64 * PERIOD_MIN;
            let gap = 1.0 / (rate * busy);
            let mut at = period as f64 * PERIOD_MIN + gaps.exponential(gap);
            while at < ends {
                let work_s = work.exponential(1.0 / SERVICE[period]) * MINUTE_S;
                let waits_s = patience.exponential(1.0 / PATIENCE[period]) * MINUTE_S;
                let mut drawn = contact(contacts.len(), at * MINUTE_S, kind, work_s);
                drawn.patience = Some(Moment::from_s(waits_s));
                contacts.push(drawn);
                at += gaps.exponential(gap);
            }
        }
    }
    scenario.contacts = contacts;
    Ok(scenario)
}

/// Shifts of a seat that is there in some of three periods of two hours and the wrap-up after.
fn shifts(is_there: impl Fn(usize) -> bool) -> Result<Hours, HoursError> {
    let day = jiff::civil::date(2026, 1, 1);
    let spans: Vec<_> = (0..4)
        .filter(|period| is_there(*period))
        .map(|period| {
            let starts = day.at(2 * period as i8, 0, 0, 0);
            let ends = if period == 3 {
                day.at(23, 0, 0, 0)
            } else {
                day.at(2 * period as i8 + 2, 0, 0, 0)
            };
            (starts, ends)
        })
        .collect();
    // Periods that touch are one shift.
    let mut joined: Vec<(jiff::civil::DateTime, jiff::civil::DateTime)> = Vec::new();
    for (starts, ends) in spans {
        match joined.last_mut() {
            Some(last) if last.1 == starts => last.1 = ends,
            _ => joined.push((starts, ends)),
        }
    }
    Hours::on_dates("UTC", &joined)
}
