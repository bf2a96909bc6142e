//! An incident: for half an hour twice as many customers come, and some of those ask the same.

use serde::Serialize;

use super::{Mix, contact};
use crate::sim::measure::{TARGET_S, percentile};
use crate::sim::moment::Moment;
use crate::sim::outcome::{Ending, Fate, Outcome};
use crate::sim::random::Random;
use crate::sim::scenario::Scenario;

/// A busy centre that an incident comes over.
#[derive(Clone, Copy, Debug)]
pub struct Incident {
    /// The centre, with the load without the incident.
    pub mix: Mix,
    /// Share of the incident's customers that is recognised as asking the same.
    pub recognised: f64,
}

/// The incident begins when the centre has been at work for an hour, and takes half of one.
const BEGINS_S: f64 = 3_600.0;
const LASTS_S: f64 = 1_800.0;
/// Hours of arrivals without it: an hour before and one after.
const HOURS: f64 = 2.5;
/// From the first customer until a seat has confirmed the incident and written the answer.
const ANSWERED_AFTER_S: f64 = 120.0;
/// Work of that seat.
const ANSWER_WORK_S: f64 = 120.0;
/// From a late joiner's question to the answer: the bound that the router is measured against.
const LATE_S: f64 = 1.0;
/// The patience of who has no end to it.
const FOR_EVER: Moment = Moment::from_micros(i64::MAX);

/// What an incident drew.
#[derive(Clone, Debug)]
pub struct DrawnIncident {
    /// Everybody who waits for a seat.
    pub scenario: Scenario,
    /// For each contact, whether the answer for all reaches it when it is still waiting then, and its own
    /// patience.
    reached: Vec<Option<Moment>>,
    /// Who gets the answer at once.
    late: usize,
    /// Work that nobody has to do for those.
    late_work_s: f64,
}

/// The figures of the window of the incident, with everybody who came in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct IncidentFigures {
    /// Who came in the window.
    pub contacts: usize,
    /// Who got the answer for all.
    pub followers: usize,
    /// Mean time to the first reply of those who had one.
    pub mean_first_response_s: f64,
    /// Mean time to the first reply of those whom a seat answered.
    pub mean_first_response_by_seats_s: f64,
    /// 95 of 100 waits are at most this.
    pub p95_wait_s: f64,
    /// Share that left unanswered.
    pub abandoned: f64,
    /// Share of all with a first reply within 15 s.
    pub within_15s: f64,
    /// Work of seats that the answer for all has saved, less that of writing it.
    pub saved_s: f64,
}

impl Incident {
    /// Draws the seats and contacts of one seed. Who is recognised is drawn apart, so that the same customers
    /// come whatever share it is.
    pub fn draw(&self, seed: u64) -> DrawnIncident {
        let mut scenario = Mix { hours: HOURS, ..self.mix }.draw(seed);
        scenario.measure_from = Moment::from_s(BEGINS_S);
        // As many again, in the same languages.
        let burst = Mix { hours: LASTS_S / 3_600.0, ..self.mix }.draw(seed ^ 0x1d_c1de_0000_0000);
        let mut chance = Random::new(seed, "recognised");
        let answered_at = Moment::from_s(BEGINS_S + ANSWERED_AFTER_S);
        let mut drawn = DrawnIncident {
            reached: vec![None; scenario.contacts.len()],
            scenario,
            late: 0,
            late_work_s: 0.0,
        };
        for mut asker in burst.contacts {
            asker.at = asker.at + Moment::from_s(BEGINS_S);
            asker.id = format!("i{}", drawn.scenario.contacts.len());
            // Always drawn, so that a larger share holds everybody of a smaller one.
            let is_recognised = chance.unit() < self.recognised;
            if is_recognised && asker.at >= answered_at {
                drawn.late += 1;
                drawn.late_work_s += asker.work_s;
                continue;
            }
            let own = asker.patience;
            if is_recognised {
                let until = answered_at - asker.at;
                asker.patience = Some(own.map_or(until, |own| own.min(until)));
            }
            drawn.reached.push(is_recognised.then(|| own.unwrap_or(FOR_EVER)));
            drawn.scenario.contacts.push(asker);
        }
        if self.recognised > 0.0 {
            let no = drawn.scenario.contacts.len();
            let at_s = BEGINS_S + ANSWERED_AFTER_S - ANSWER_WORK_S;
            let mut writing = contact(no, at_s, 0, ANSWER_WORK_S);
            writing.id = "answer".to_owned();
            drawn.scenario.contacts.push(writing);
            drawn.reached.push(None);
        }
        drawn
    }
}

impl DrawnIncident {
    /// The figures of an outcome.
    pub fn figures(&self, outcome: &Outcome) -> IncidentFigures {
        let (from, to) = (Moment::from_s(BEGINS_S), Moment::from_s(BEGINS_S + LASTS_S));
        let mut replies = vec![LATE_S; self.late];
        let mut waits = vec![LATE_S; self.late];
        let (mut by_seats, mut left) = (Vec::new(), 0);
        let (mut followers, mut saved_s) = (self.late, self.late_work_s);
        for (no, fate) in outcome.fates.iter().enumerate() {
            let contact = &self.scenario.contacts[no];
            if contact.at < from || contact.at >= to || contact.id == "answer" {
                continue;
            }
            let end = fate.answered_at.or(fate.closed_at).unwrap_or(to);
            let wait_s = (end - contact.at).as_s();
            waits.push(wait_s);
            if fate.answered_at.is_some() {
                let reply = wait_s + self.scenario.settings.first_reply(fate.open_then);
                replies.push(reply);
                by_seats.push(reply);
            } else if self.is_reached(no, fate, wait_s) {
                followers += 1;
                saved_s += contact.work_s;
                replies.push(wait_s);
            } else {
                left += 1;
            }
        }
        if followers > 0 {
            saved_s -= ANSWER_WORK_S;
        }
        waits.sort_by(f64::total_cmp);
        let contacts = waits.len();
        let in_time = replies.iter().filter(|reply| **reply <= TARGET_S).count();
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
        IncidentFigures {
            contacts,
            followers,
            mean_first_response_s: mean(&replies),
            mean_first_response_by_seats_s: mean(&by_seats),
            p95_wait_s: percentile(&waits, 0.95),
            abandoned: left as f64 / contacts.max(1) as f64,
            within_15s: in_time as f64 / contacts.max(1) as f64,
            saved_s,
        }
    }

    /// Whether it was still waiting when the answer for all came.
    fn is_reached(&self, no: usize, fate: &Fate, wait_s: f64) -> bool {
        let left = fate.ending == Ending::Abandoned;
        left && self.reached[no].is_some_and(|patience| wait_s < patience.as_s())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Checks, PolicyName, simulate};

    #[test]
    fn the_more_are_recognised_the_sooner_everybody_is_answered() {
        let mix = Mix { seats: 30, load: 0.8, ..Mix::default() };
        let figures = [0.0, 0.3, 0.6].map(|recognised| {
            let drawn = Incident { mix, recognised }.draw(3);
            let run = simulate(&drawn.scenario, PolicyName::Default, Checks::Offers, &mut |_| {});
            drawn.figures(&run)
        });

        assert!(figures.windows(2).all(|pair| pair[0].contacts == pair[1].contacts));
        assert_eq!((figures[0].followers, figures[0].saved_s), (0, 0.0));
        for pair in figures.windows(2) {
            assert!(pair[1].mean_first_response_s < pair[0].mean_first_response_s, "{pair:?}");
            assert!(pair[1].abandoned < pair[0].abandoned, "{pair:?}");
            assert!(pair[1].saved_s > pair[0].saved_s, "{pair:?}");
        }
    }
}
