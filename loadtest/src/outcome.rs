//! The result of a run: what `--json` prints, thresholds look at and the report shows.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::schedule::Manners;
use crate::shared::SeatManners;
use crate::stats::{Count, Measure, OfLanguage, Percentiles, Stats};

/// A later harness than this adds visibly to the latencies that it measures.
const LAG_MS_MAX: f64 = 20.0;
/// A harness that takes more leaves too little to a router on the same machine.
const CPU_SHARE_MAX: f64 = 0.5;

/// What the run was asked to do.
#[derive(Clone, Debug, Serialize)]
pub struct Config {
    pub command: &'static str,
    pub version: &'static str,
    pub machine: String,
    pub url: String,
    pub shop: String,
    pub seed: u64,
    pub customers: usize,
    pub seats: usize,
    pub slots: u32,
    /// Null in a closed loop.
    pub rate_per_s: Option<f64>,
    pub duration_s: Option<f64>,
    pub conversations_max: Option<u64>,
    pub visits_per_customer: u32,
    pub messages: String,
    pub customer_manners: Manners,
    pub seat_manners: SeatManners,
}

/// Result of the comparison of what was sent, acknowledged and seen.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Verification {
    pub lost: u64,
    pub duplicated: u64,
    pub out_of_order: u64,
    pub altered: u64,
    /// Conversations that could not be read again at the end; they fail the run.
    pub unaudited: u64,
    pub audited: u64,
    /// In words, the first few.
    pub findings: Vec<String>,
}

/// See the module. Fields may be added, never renamed.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    pub conversations: u64,
    pub messages: u64,
    pub lost: u64,
    pub duplicated: u64,
    pub out_of_order: u64,
    pub errors: BTreeMap<String, u64>,
    pub ack_ms: Percentiles,
    pub understood_ms: Percentiles,
    pub offered_ms: Percentiles,
    pub first_response_machine_s: Percentiles,
    pub first_response_person_s: Percentiles,
    pub within_15s_machine: Option<f64>,
    pub within_15s_person: Option<f64>,
    /// As `within_15s_person`, without the conversations that got a ticket because nobody who could
    /// answer was on shift.
    pub within_15s_person_on_shift: Option<f64>,
    pub cpu_share_of_harness: Option<f64>,
    pub cpu_cores: usize,
    pub cpu_s_of_harness: Option<f64>,

    pub altered: u64,
    pub unaudited: u64,
    pub audited: u64,
    pub findings: Vec<String>,
    /// Reasons to doubt the figures although nothing failed.
    pub warnings: Vec<String>,
    pub unfinished: u64,
    /// Customers' messages that were given up without an acknowledgement.
    pub unacknowledged: u64,

    pub elapsed_s: f64,
    pub arrived: u64,
    pub no_free_customer: u64,
    pub offered_rate_per_s: Option<f64>,
    pub achieved_rate_per_s: f64,
    pub achieved_share: Option<f64>,
    pub messages_per_s: f64,
    pub messages_customer: u64,
    pub messages_seat: u64,
    pub messages_machine: u64,
    pub languages: BTreeMap<String, OfLanguage>,
    pub answered_by_machine: u64,
    pub asked_for_person: u64,
    pub needed_person: u64,
    pub answered_by_person: u64,
    pub tickets: u64,
    pub left: u64,
    pub gave_up: u64,
    pub closed_by_customer: u64,
    pub closed_by_seat: u64,
    pub rated: u64,
    pub reconnected: u64,
    pub resumed: u64,
    pub not_recovered: u64,
    pub resent: u64,
    pub raced_close: u64,
    pub taken_back: u64,
    pub offers_accepted: u64,
    pub offers_withdrawn: u64,
    /// From accepting to the end, as the seats saw it: customers who close by themselves make it
    /// shorter than the mean that was asked for.
    pub handling_s: Percentiles,
    /// What the arrivals that needed a person ask of the slots: 1 is all that they can do.
    pub load: Option<f64>,
    /// Share of the seats' slots that was busy while conversations arrived, on average.
    pub occupancy: Option<f64>,

    pub ack_since_sent_ms: Percentiles,
    pub slot_to_offer_ms: Percentiles,
    pub connect_ms: Percentiles,
    pub resume_ms: Percentiles,
    /// How late the harness itself was: well above a timer's tick means that the harness, not the
    /// server, was the bottleneck.
    pub schedule_lag_ms: Percentiles,

    /// Only of `day`: times that the published day fits into 24 h at this speed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor_to_a_day: Option<f64>,
    pub config: Config,
}

/// How long a run took and what it cost.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// From the first scheduled moment to the end of the last conversation.
    pub elapsed_s: f64,
    /// In which conversations arrived, from the first scheduled moment on.
    pub arriving_s: f64,
    pub cpu_share: Option<f64>,
    pub cpu_s: Option<f64>,
    pub occupancy: Option<f64>,
}

impl Outcome {
    /// Puts the figures together.
    pub fn new(stats: &Stats, verification: Verification, effort: Effort, config: Config) -> Self {
        let ms = |measure| Percentiles::ms(&stats.histogram(measure));
        let s = |measure| Percentiles::s(&stats.histogram(measure));
        let get = |what| stats.get(what);
        let needed_person = get(Count::NeededPerson);
        let on_shift = needed_person - get(Count::NeededPersonOffShift);
        let arrived = get(Count::Arrived);
        let mut outcome = Self {
            conversations: get(Count::Conversations),
            messages: get(Count::Messages),
            lost: verification.lost,
            duplicated: verification.duplicated,
            out_of_order: verification.out_of_order,
            errors: stats.errors(),
            ack_ms: ms(Measure::Ack),
            understood_ms: ms(Measure::Understood),
            offered_ms: ms(Measure::Offered),
            first_response_machine_s: s(Measure::FirstResponseMachine),
            first_response_person_s: s(Measure::FirstResponsePerson),
            within_15s_machine: share(get(Count::MachineWithin15s), get(Count::AnsweredByMachine)),
            within_15s_person: share(get(Count::PersonWithin15s), needed_person),
            within_15s_person_on_shift: share(get(Count::PersonWithin15s), on_shift),
            cpu_share_of_harness: effort.cpu_share.map(round),
            cpu_cores: crate::process::cores(),
            cpu_s_of_harness: effort.cpu_s.map(round),
            altered: verification.altered,
            unaudited: verification.unaudited,
            audited: verification.audited,
            findings: verification.findings,
            warnings: Vec::new(),
            unfinished: get(Count::Unfinished),
            unacknowledged: get(Count::Unacknowledged),
            elapsed_s: round(effort.elapsed_s),
            arrived,
            no_free_customer: get(Count::NoFreeCustomer),
            offered_rate_per_s: config.rate_per_s,
            achieved_rate_per_s: round(rate(get(Count::Conversations), effort.arriving_s)),
            achieved_share: share(get(Count::Conversations), arrived),
            messages_per_s: round(rate(get(Count::Messages), effort.elapsed_s)),
            messages_customer: get(Count::MessagesCustomer),
            messages_seat: get(Count::MessagesSeat),
            messages_machine: get(Count::MessagesMachine),
            languages: stats.languages(),
            answered_by_machine: get(Count::AnsweredByMachine),
            asked_for_person: get(Count::AskedForPerson),
            needed_person,
            answered_by_person: get(Count::PersonAnswered),
            tickets: get(Count::Tickets),
            left: get(Count::Left),
            gave_up: get(Count::GaveUp),
            closed_by_customer: get(Count::ClosedByCustomer),
            closed_by_seat: get(Count::ClosedBySeat),
            rated: get(Count::Rated),
            reconnected: get(Count::Reconnected),
            resumed: get(Count::Resumed),
            not_recovered: get(Count::NotRecovered),
            resent: get(Count::Resent),
            raced_close: get(Count::RacedClose),
            taken_back: get(Count::TakenBack),
            offers_accepted: get(Count::OffersAccepted),
            offers_withdrawn: get(Count::OffersWithdrawn),
            handling_s: s(Measure::Handling),
            load: None,
            occupancy: effort.occupancy.map(round),
            ack_since_sent_ms: ms(Measure::AckSinceSent),
            slot_to_offer_ms: ms(Measure::SlotToOffer),
            connect_ms: ms(Measure::Connect),
            resume_ms: ms(Measure::Resume),
            schedule_lag_ms: ms(Measure::Lag),
            factor_to_a_day: None,
            config,
        };
        let slots = (outcome.config.seats as u64 * u64::from(outcome.config.slots)) as f64;
        outcome.load = outcome.handling_s.mean.filter(|_| slots > 0.0).map(|handling_s| {
            round(rate(outcome.needed_person, effort.arriving_s) * handling_s / slots)
        });
        outcome.warnings = outcome.doubts();
        outcome
    }

    fn doubts(&self) -> Vec<String> {
        let mut doubts = Vec::new();
        if self.no_free_customer > 0 {
            doubts.push(format!(
                "{} conversations found no free customer: raise --customers",
                self.no_free_customer
            ));
        }
        if let Some(lag) = self.schedule_lag_ms.p99.filter(|lag| *lag > LAG_MS_MAX) {
            doubts.push(format!(
                "the harness itself was late, p99 {lag} ms: the latencies are at most the router's"
            ));
        }
        if let Some(share) = self.cpu_share_of_harness.filter(|share| *share > CPU_SHARE_MAX) {
            doubts.push(format!("the harness took {share} of the machine's processor time"));
        }
        doubts
    }

    /// What makes a run fail whatever is required of it: the verification itself, and that there was
    /// something to verify.
    pub fn broken_promises(&self) -> Vec<String> {
        let nothing = match (self.arrived, self.messages, self.audited) {
            (1.., 0, _) => Some("no message was acknowledged"),
            (1.., _, 0) => Some("no conversation could be read again"),
            _ => None,
        };
        let counts = [
            ("lost", self.lost),
            ("duplicated", self.duplicated),
            ("out_of_order", self.out_of_order),
            ("altered", self.altered),
            ("unaudited", self.unaudited),
        ]
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| format!("{name} is {count}"));
        nothing.map(str::to_owned).into_iter().chain(counts).collect()
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| round(part as f64 / whole as f64))
}

/// How many a second; none where a run was stopped before anything was due.
fn rate(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
}

fn round(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A result of a made-up run.
    pub fn outcome_of(stats: &Stats) -> Outcome {
        let manners = Manners {
            turns: 2.0,
            think_s: 2.0,
            look_s: 0.5,
            content_share: 0.6,
            closes_share: 0.3,
            leave_share: 0.02,
            leave_after_s: 3.0,
            reconnect_share: 0.05,
            away_s: 1.0,
            rate_share: 0.5,
        };
        let seat_manners =
            SeatManners { accept_s: 0.1, first_reply_s: 1.0, reply_s: 1.0, handling_s: 10.0 };
        let config = Config {
            command: "run",
            version: "0",
            machine: "a test".into(),
            url: "http://127.0.0.1:8080".into(),
            shop: "demo".into(),
            seed: 1,
            customers: 1,
            seats: 1,
            slots: 3,
            rate_per_s: Some(1.0),
            duration_s: Some(1.0),
            conversations_max: None,
            visits_per_customer: 10,
            messages: "built-in sample".into(),
            customer_manners: manners,
            seat_manners,
        };
        let effort = Effort {
            elapsed_s: 10.0,
            arriving_s: 10.0,
            cpu_share: None,
            cpu_s: None,
            occupancy: None,
        };
        Outcome::new(stats, Verification::default(), effort, config)
    }

    #[tokio::test]
    async fn the_documented_keys_are_there_and_empty_ones_are_null() {
        let stats = Stats::new(tokio::time::Instant::now());

        let value = serde_json::to_value(outcome_of(&stats)).expect("plain data");

        for key in [
            "conversations",
            "messages",
            "lost",
            "duplicated",
            "out_of_order",
            "errors",
            "ack_ms",
            "understood_ms",
            "offered_ms",
            "first_response_machine_s",
            "first_response_person_s",
            "within_15s_machine",
            "within_15s_person",
            "cpu_share_of_harness",
        ] {
            assert!(value.get(key).is_some(), "{key}");
        }
        assert!(value["ack_ms"]["p999"].is_null());
        assert!(value["within_15s_person"].is_null());
    }

    #[tokio::test]
    async fn a_run_without_anything_to_verify_has_failed() {
        let stats = Stats::new(tokio::time::Instant::now());
        assert_eq!(outcome_of(&stats).broken_promises(), Vec::<String>::new(), "nothing arrived");

        stats.arrived();
        assert_eq!(outcome_of(&stats).broken_promises(), ["no message was acknowledged"]);

        stats.count(Count::Messages);
        let mut outcome = outcome_of(&stats);
        assert_eq!(outcome.broken_promises(), ["no conversation could be read again"]);

        outcome.audited = 1;
        assert_eq!(outcome.broken_promises(), Vec::<String>::new());
    }

    #[tokio::test]
    async fn who_left_waiting_and_who_got_a_ticket_were_not_answered_in_time() {
        let stats = Stats::new(tokio::time::Instant::now());
        for _ in 0..10 {
            stats.count(Count::NeededPerson);
        }
        for _ in 0..6 {
            stats.count(Count::PersonWithin15s);
        }
        for _ in 0..2 {
            stats.count(Count::NeededPersonOffShift);
        }

        let outcome = outcome_of(&stats);

        assert_eq!(outcome.within_15s_person, Some(0.6));
        assert_eq!(outcome.within_15s_person_on_shift, Some(0.75));
    }
}
