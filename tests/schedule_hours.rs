//! Shifts and business hours against a table from an independent source, `golden/hours.py`: 32
//! zones, split shifts, past midnight, and every change of the clock in two years.

mod schedule_common;

use std::collections::BTreeMap;

use schedule_common::*;
use tradewind::domain::{Hours, SeatState, Timestamp};
use tradewind::schedule::Command;

const SPANS: [&str; 4] =
    ["Mon-Fri 09:00-12:30", "Mon-Fri 13:15-17:30", "Fri,Sat 22:00-06:00", "Sun 01:30-02:45"];

/// Opening spans of a zone in the week that starts at the instant.
type Golden = BTreeMap<(String, Timestamp), Vec<(Timestamp, Timestamp)>>;

fn golden() -> Golden {
    let at = |text: &str| {
        let text = text.replace('Z', ":00Z");
        let instant: jiff::Timestamp = text.parse().expect("an instant");
        Timestamp::from_millis(u64::try_from(instant.as_millisecond()).expect("after 1970"))
    };
    let mut weeks = Golden::new();
    for line in include_str!("golden/hours.csv").lines().skip(1) {
        let [zone, week, opens, closes] =
            line.split(',').collect::<Vec<_>>().try_into().expect("four columns");
        let week = weeks.entry((zone.to_owned(), at(week))).or_default();
        week.push((at(opens), at(closes)));
    }
    weeks
}

const WEEK: std::time::Duration = std::time::Duration::from_secs(7 * 86_400);

#[test]
fn openings_and_closings_equal_the_golden_table() {
    let golden = golden();
    let zones: std::collections::BTreeSet<_> = golden.keys().map(|(zone, _)| zone).collect();
    assert!(zones.len() >= 30);

    for ((zone, week), expected) in &golden {
        let hours = Hours::parse(zone, &SPANS).expect("hours");
        let mut found = Vec::new();
        // From the closing of a span that runs into the week.
        let mut at = *week;
        while hours.is_open(at) && hours.is_open(at - std::time::Duration::from_millis(1)) {
            at = hours.span_end(at).expect("an end");
        }
        while let Some(opens) = hours.next_open(at).filter(|opens| *opens < *week + WEEK) {
            at = opens;
            while let Some(end) = hours.span_end(at) {
                at = end;
            }
            found.push((opens, at));
        }

        let text = |spans: &[(Timestamp, Timestamp)]| {
            spans.iter().map(|(from, to)| format!("{from} {to}")).collect::<Vec<_>>()
        };
        assert_eq!(text(&found), text(expected), "{zone} in the week of {week}");
        for (opens, closes) in expected {
            let just_before = std::time::Duration::from_millis(1);
            assert!(!hours.is_open(*opens - just_before) && hours.is_open(*opens), "{zone}");
            assert!(hours.is_open(*closes - just_before) && !hours.is_open(*closes), "{zone}");
        }
    }
}

#[test]
fn the_scheduler_opens_and_closes_a_seat_at_the_instants_of_the_golden_table() {
    for ((zone, week), expected) in golden() {
        let seats = vec![seat("ann", &["en"], &["orders"]).hours(&zone, &SPANS)];
        let mut scheduler = Centre::new(seats).scheduler;
        let on_shift =
            |scheduler: &tradewind::schedule::Scheduler| scheduler.seats(&shop())[0].on_shift;
        let state = SeatState::Away;
        let before = week - std::time::Duration::from_millis(1);
        scheduler.apply(before, Command::SignIn { shop: shop(), seat: "ann".into(), state });

        let mut changes = Vec::new();
        let mut was = on_shift(&scheduler);
        let carried_over = was;
        while let Some(at) = scheduler.next_deadline().filter(|at| *at < week + WEEK) {
            scheduler.on_timer(at);
            if on_shift(&scheduler) != was {
                was = !was;
                changes.push(at);
            }
        }

        if carried_over {
            changes.remove(0);
        }
        let expected: Vec<_> = expected
            .iter()
            .flat_map(|(opens, closes)| [*opens, *closes])
            .filter(|at| *at < week + WEEK)
            .collect();
        assert_eq!(changes, expected, "{zone} in the week of {week}");
    }
}
