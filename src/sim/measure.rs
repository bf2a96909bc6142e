//! The figures of an outcome.

use std::collections::BTreeMap;

use serde::Serialize;

use super::moment::Moment;
use super::outcome::{Ending, Fate, Outcome, Reply};
use super::policy::{PolicyName, Route};
use super::scenario::Scenario;

/// What counts as answered in time.
pub const TARGET_S: f64 = 15.0;

/// The figures of one run. Times in seconds; shares of all counted contacts, from 0 to 1. Means are
/// those of the answered; the spread of waits is that of the answered, of those who left and of those
/// who still wait at the end alike, so that nobody looks better by letting people leave or wait.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// Which scheduler.
    pub policy: PolicyName,
    /// Contacts counted.
    pub contacts: usize,
    /// Share answered.
    pub answered: f64,
    /// Share that left unanswered.
    pub abandoned: f64,
    /// Share that got a ticket, by the rules of a real shop.
    pub ticketed: f64,
    /// Mean wait of those answered.
    pub mean_wait_s: f64,
    /// Mean wait of those answered, those who left and those who still wait at the end.
    pub mean_wait_all_s: f64,
    /// Half of the waits are at most this.
    pub p50_wait_s: f64,
    /// 95 of 100 waits are at most this.
    pub p95_wait_s: f64,
    /// 99 of 100 waits are at most this.
    pub p99_wait_s: f64,
    /// The longest wait.
    pub max_wait_s: f64,
    /// Share answered within 15 s.
    pub answered_within_15s: f64,
    /// Mean time to the first reply, of those answered.
    pub mean_first_response_s: f64,
    /// Share answered within 15 s in the language in which it is lowest.
    pub worst_language_within_15s: f64,
    /// How unequally the work is shared by the seats: 0 is equally.
    pub gini_occupancy: f64,
    /// Share answered through translation.
    pub translated: f64,
}

/// What the figures are made from, for plots and tables.
#[derive(Clone, Debug)]
pub struct Samples {
    /// Waits of the counted contacts, ascending.
    pub waits_s: Vec<f64>,
    /// Times to the first reply of those answered, ascending.
    pub first_responses_s: Vec<f64>,
    /// Mean wait and number of answered VIPs.
    pub vip: (f64, usize),
    /// By language: contacts, their mean wait, and the share answered within 15 s.
    pub by_language: BTreeMap<String, LanguageFigures>,
    /// Occupancy of each seat in the order of the scenario, from 0 to 1.
    pub occupancy: Vec<f64>,
}

/// The figures of one language.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LanguageFigures {
    /// Contacts counted.
    pub contacts: usize,
    /// Their waits together, in seconds.
    pub waits_s: f64,
    /// Answered within 15 s.
    pub in_time: usize,
}

impl LanguageFigures {
    /// Share answered within 15 s.
    pub fn share_in_time(&self) -> f64 {
        share(self.in_time, self.contacts)
    }
}

impl Samples {
    /// Share of all counted contacts that had their first reply within 15 s.
    pub fn first_responses_in_time(&self, contacts: usize) -> f64 {
        share(self.first_responses_s.partition_point(|time| *time <= TARGET_S), contacts)
    }
}

/// Works out the figures of an outcome.
pub fn measure(scenario: &Scenario, policy: PolicyName, outcome: &Outcome) -> (Figures, Samples) {
    let counted: Vec<(usize, &Fate)> = outcome
        .fates
        .iter()
        .enumerate()
        .filter(|(no, _)| scenario.contacts[*no].at >= scenario.measure_from)
        .collect();
    let wait_s = |no: usize, fate: &Fate| wait_s(scenario, outcome.ended, no, fate);
    let in_time =
        |no: usize, fate: &Fate| fate.answered_at.is_some() && wait_s(no, fate) <= TARGET_S;

    let mut waits_s: Vec<f64> = counted.iter().map(|(no, fate)| wait_s(*no, fate)).collect();
    let answered = || counted.iter().filter(|(_, fate)| fate.answered_at.is_some());
    let answered_s: Vec<f64> = answered().map(|(no, fate)| wait_s(*no, fate)).collect();
    let mut first_responses_s: Vec<f64> = answered()
        .filter_map(|(no, fate)| match fate.reply {
            Reply::BySettings => {
                Some(wait_s(*no, fate) + scenario.settings.first_reply(fate.open_then))
            }
            Reply::At(at) => Some((at - scenario.contacts[*no].at).max(Moment::START).as_s()),
            Reply::Never => None,
        })
        .collect();
    let mut by_language: BTreeMap<String, LanguageFigures> = BTreeMap::new();
    let mut vips = Vec::new();
    for (no, fate) in &counted {
        let contact = &scenario.contacts[*no];
        let name = scenario.names.languages.name(contact.language).to_owned();
        let language = by_language.entry(name).or_default();
        language.contacts += 1;
        language.waits_s += wait_s(*no, fate);
        language.in_time += usize::from(in_time(*no, fate));
        if contact.vip && fate.answered_at.is_some() {
            vips.push(wait_s(*no, fate));
        }
    }
    let (from, to) = outcome.measured;
    let seconds = (to - from).as_s();
    let occupancy: Vec<f64> = scenario
        .seats
        .iter()
        .zip(&outcome.busy_s)
        .map(
            |(seat, busy)| {
                if seconds > 0.0 { busy / (seconds * f64::from(seat.slots)) } else { 0.0 }
            },
        )
        .collect();
    waits_s.sort_by(f64::total_cmp);
    first_responses_s.sort_by(f64::total_cmp);

    let count = |keep: &dyn Fn(usize, &Fate) -> bool| {
        share(counted.iter().filter(|(no, fate)| keep(*no, fate)).count(), counted.len())
    };
    let figures = Figures {
        policy,
        contacts: counted.len(),
        answered: count(&|_, fate| fate.ending == Ending::Answered),
        abandoned: count(&|_, fate| fate.ending == Ending::Abandoned),
        ticketed: count(&|_, fate| fate.ending == Ending::Ticket),
        mean_wait_s: mean(&answered_s),
        mean_wait_all_s: mean(&waits_s),
        p50_wait_s: percentile(&waits_s, 0.50),
        p95_wait_s: percentile(&waits_s, 0.95),
        p99_wait_s: percentile(&waits_s, 0.99),
        max_wait_s: waits_s.last().copied().unwrap_or(0.0),
        answered_within_15s: count(&in_time),
        mean_first_response_s: mean(&first_responses_s),
        worst_language_within_15s: by_language
            .values()
            .map(LanguageFigures::share_in_time)
            .min_by(f64::total_cmp)
            .unwrap_or(0.0),
        gini_occupancy: gini(&occupancy),
        translated: count(&|_, fate| fate.route == Some(Route::Translated)),
    };
    let vip = (mean(&vips), vips.len());
    (figures, Samples { waits_s, first_responses_s, vip, by_language, occupancy })
}

/// How long a contact waited: until it was answered or left, else to the end.
pub(super) fn wait_s(scenario: &Scenario, ended: Moment, no: usize, fate: &Fate) -> f64 {
    let arrived_at = scenario.contacts[no].at;
    let until = fate.answered_at.or(fate.closed_at).unwrap_or(ended);
    (until - arrived_at).as_s().max(0.0)
}

fn share(part: usize, all: usize) -> f64 {
    if all == 0 { 0.0 } else { part as f64 / all as f64 }
}

pub(super) fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

/// The value at a share of the sorted values, between two of them in proportion.
pub fn percentile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let at = share * last as f64;
    let (low, high) = (at.floor() as usize, at.ceil() as usize);
    sorted[low] + (sorted[high] - sorted[low]) * (at - low as f64)
}

/// Gini coefficient: the mean difference between two values over twice their mean.
fn gini(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (n, total) = (sorted.len() as f64, sorted.iter().sum::<f64>());
    if total <= 0.0 {
        return 0.0;
    }
    let ranked: f64 = sorted.iter().zip(1..).map(|(value, rank)| value * f64::from(rank)).sum();
    2.0 * ranked / (n * total) - (n + 1.0) / n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_shares_have_no_inequality_and_one_for_all_has_nearly_one() {
        assert!(gini(&[0.5, 0.5, 0.5]).abs() < 1e-12);
        assert!((gini(&[0.0, 0.0, 0.0, 0.9]) - 0.75).abs() < 1e-12);
        assert!(gini(&[0.0]).abs() < 1e-12);
    }

    #[test]
    fn percentiles_lie_between_the_values() {
        assert!((percentile(&[1.0, 2.0, 3.0], 0.5) - 2.0).abs() < 1e-12);
        assert!((percentile(&[1.0, 3.0], 0.75) - 2.5).abs() < 1e-12);
        assert!(percentile(&[], 0.5).abs() < 1e-12);
    }
}
