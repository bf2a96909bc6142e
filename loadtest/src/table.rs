//! The result as a table for people.

use crate::outcome::Outcome;
use crate::stats::Percentiles;

/// Name and value of each figure, in the order in which one asks.
pub fn rows(outcome: &Outcome) -> Vec<(String, String)> {
    let mut rows = Rows::default();
    rows.add(
        "conversations",
        format!(
            "{} of {} that arrived, {} languages{}",
            outcome.conversations,
            outcome.arrived,
            outcome.languages.len(),
            some(outcome.no_free_customer, "found no free customer")
        ),
    );
    rows.add(
        "messages acknowledged",
        format!(
            "{} (customers {}, seats {}), {:.1} a second{}",
            outcome.messages,
            outcome.messages_customer,
            outcome.messages_seat,
            outcome.messages_per_s,
            some(outcome.unacknowledged, "were not")
        ),
    );
    rows.add(
        "conversations a second",
        format!(
            "{:.2}{}",
            outcome.achieved_rate_per_s,
            outcome
                .offered_rate_per_s
                .map_or(String::new(), |rate| format!(" of {rate:.2} offered"))
        ),
    );
    if let Some(factor) = outcome.factor_to_a_day {
        rows.add("such days in 24 h", format!("{factor:.0}"));
    }
    rows.add(
        "lost / duplicated / out of order",
        format!(
            "{} / {} / {} ({} conversations read again{}{})",
            outcome.lost,
            outcome.duplicated,
            outcome.out_of_order,
            outcome.audited,
            some(outcome.unaudited, "could not be"),
            some(outcome.altered, "messages altered")
        ),
    );
    rows.add("errors", errors(outcome));
    rows.percentiles("acknowledged", &outcome.ack_ms, "ms");
    rows.percentiles("understood", &outcome.understood_ms, "ms");
    rows.percentiles("offered to a seat", &outcome.offered_ms, "ms");
    rows.percentiles("slot to offer", &outcome.slot_to_offer_ms, "ms");
    rows.percentiles("first response, machine", &outcome.first_response_machine_s, "s");
    rows.percentiles("first response, person", &outcome.first_response_person_s, "s");
    rows.add(
        "within 15 s, machine",
        format!("{} of {}", percent(outcome.within_15s_machine), outcome.answered_by_machine),
    );
    rows.add(
        "within 15 s, person",
        format!(
            "{} of {} that needed one; {} without tickets",
            percent(outcome.within_15s_person),
            outcome.needed_person,
            percent(outcome.within_15s_person_on_shift)
        ),
    );
    rows.add(
        "endings",
        format!(
            "customer closed {}, seat closed {}, tickets {}, left {}, gave up {}, unfinished {}",
            outcome.closed_by_customer,
            outcome.closed_by_seat,
            outcome.tickets,
            outcome.left,
            outcome.gave_up,
            outcome.unfinished
        ),
    );
    rows.add(
        "connections",
        format!(
            "came back {}, resumed {}, not recovered {}, messages sent again {}",
            outcome.reconnected, outcome.resumed, outcome.not_recovered, outcome.resent
        ),
    );
    rows.add(
        "seats",
        format!(
            "{} x {} slots, load {:.2}, occupancy {}, taken back {}",
            outcome.config.seats,
            outcome.config.slots,
            outcome.load.unwrap_or(0.0),
            percent(outcome.occupancy),
            outcome.taken_back
        ),
    );
    rows.percentiles("handling", &outcome.handling_s, "s");
    rows.percentiles("lag of the harness", &outcome.schedule_lag_ms, "ms");
    rows.add(
        "processor share of the harness",
        format!(
            "{} of {} cores ({:.1} s)",
            percent(outcome.cpu_share_of_harness),
            outcome.cpu_cores,
            outcome.cpu_s_of_harness.unwrap_or(0.0)
        ),
    );
    rows.0
}

/// The rows, aligned.
pub fn text(rows: &[(String, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    rows.iter().map(|(name, value)| format!("{name:width$}  {value}\n")).collect()
}

#[derive(Default)]
struct Rows(Vec<(String, String)>);

impl Rows {
    fn add(&mut self, name: &str, value: String) {
        self.0.push((name.into(), value));
    }

    fn percentiles(&mut self, name: &str, percentiles: &Percentiles, unit: &str) {
        if let (Some(p50), Some(p99), Some(p999), Some(max)) =
            (percentiles.p50, percentiles.p99, percentiles.p999, percentiles.max)
        {
            let values = format!(
                "p50 {p50:.2}  p99 {p99:.2}  p99.9 {p999:.2}  longest {max:.2} {unit}  ({} values)",
                percentiles.count
            );
            self.add(name, values);
        }
    }
}

fn some(count: u64, what: &str) -> String {
    if count == 0 { String::new() } else { format!(", {count} {what}") }
}

fn percent(share: Option<f64>) -> String {
    share.map_or("–".into(), |share| format!("{:.1} %", share * 100.0))
}

fn errors(outcome: &Outcome) -> String {
    if outcome.errors.is_empty() {
        return "none".into();
    }
    let each: Vec<_> =
        outcome.errors.iter().map(|(code, count)| format!("{code} {count}")).collect();
    each.join(", ")
}
