use jiff::civil::date;

use super::*;

fn at(text: &str) -> Timestamp {
    let instant: jiff::Timestamp = text.parse().expect("an instant");
    Timestamp::from_millis(u64::try_from(instant.as_millisecond()).expect("after 1970"))
}

fn hours(zone: &str, spans: &[&str]) -> Hours {
    Hours::parse(zone, spans).expect("hours")
}

#[test]
fn an_opening_in_the_hour_that_spring_skips_counts_by_the_offset_from_before() {
    // On 2026-03-29 Berlin goes from 02:00 to 03:00: 02:30 is 03:30.
    let hours = hours("Europe/Berlin", &["Sun 02:30-10:00"]);

    assert_eq!(hours.next_open(at("2026-03-28T12:00:00Z")), Some(at("2026-03-29T01:30:00Z")));
}

#[test]
fn a_span_inside_the_skipped_hour_moves_with_its_length_and_one_turned_round_is_left_out() {
    let before = at("2026-03-28T12:00:00Z");

    let inside = hours("Europe/Berlin", &["Sun 02:10-02:40"]);
    let opens = inside.next_open(before).expect("an opening");
    assert_eq!(inside.stretch(opens), Some((opens, at("2026-03-29T01:40:00Z"))));
    assert_eq!(opens, at("2026-03-29T01:10:00Z"));

    // 02:30 is 03:30, which is after 03:15.
    let turned = hours("Europe/Berlin", &["Sun 02:30-03:15"]);
    assert_eq!(turned.next_open(before), Some(at("2026-04-05T00:30:00Z")));
}

#[test]
fn a_time_that_comes_twice_is_the_first_of_the_two() {
    // On 2026-10-25 Berlin goes from 03:00 back to 02:00.
    let hours = hours("Europe/Berlin", &["Sun 01:00-02:30"]);
    let opens = hours.next_open(at("2026-10-24T12:00:00Z")).expect("an opening");

    assert_eq!(hours.stretch(opens), Some((opens, at("2026-10-25T00:30:00Z"))));
    assert!(!hours.is_open(at("2026-10-25T01:15:00Z")), "the second 02:15");
}

#[test]
fn spans_that_touch_are_one_stretch() {
    let hours = hours("Asia/Bangkok", &["Fri 20:00-24:00", "Sat 00:00-03:00", "Sat 02:00-04:00"]);
    let (start, end) = (at("2026-11-27T13:00:00Z"), at("2026-11-27T21:00:00Z"));

    for now in [start, at("2026-11-27T16:59:59Z"), at("2026-11-27T17:00:00Z")] {
        assert_eq!(hours.stretch(now), Some((start, end)));
    }
    assert_eq!(hours.stretch(end), None);
}

#[test]
fn a_stretch_without_an_end_is_followed_for_a_week() {
    let hours = hours("UTC", &["Mon-Sun 00:00-24:00"]);
    let now = at("2026-11-27T13:00:00Z");

    assert!(hours.never_close());
    let end = hours.open_until(now).expect("open");
    assert!(end >= at("2026-12-04T13:00:00Z") && end < at("2026-12-08T00:00:00Z"));
}

#[test]
fn a_holiday_takes_away_what_begins_on_it_and_not_what_runs_into_it() {
    // 2026-12-25 is a Friday.
    let hours = hours("Europe/Berlin", &["Mon-Fri 22:00-06:00"]).closed_on([date(2026, 12, 25)]);

    assert!(hours.is_open(at("2026-12-25T04:59:59Z")), "since Thursday evening");
    assert!(!hours.is_open(at("2026-12-25T05:00:00Z")));
    assert_eq!(hours.next_open(at("2026-12-25T05:00:00Z")), Some(at("2026-12-28T21:00:00Z")));
}

#[test]
fn a_date_of_its_own_goes_before_a_holiday_and_before_ramadan() {
    let week = ["Sun-Thu 09:00-18:00"];
    let hours = hours("Asia/Dubai", &week)
        .in_ramadan(&["Sun-Thu 10:00-15:00"])
        .and_then(|hours| hours.on(date(2026, 3, 1), &["20:00-23:00"]))
        .expect("hours")
        .closed_on([date(2026, 3, 1), date(2026, 3, 2)]);
    let opens = |from: &str| {
        let opens = hours.next_open(at(from)).expect("an opening");
        hours.stretch(opens).map(|(from, to)| format!("{from} {to}")).expect("a stretch")
    };

    // Dubai is four hours ahead. The last day before Ramadan, and its first.
    assert_eq!(opens("2026-02-17T00:00:00Z"), "2026-02-17T05:00:00.000Z 2026-02-17T14:00:00.000Z");
    assert_eq!(opens("2026-02-18T00:00:00Z"), "2026-02-18T06:00:00.000Z 2026-02-18T11:00:00.000Z");
    assert_eq!(opens("2026-03-01T00:00:00Z"), "2026-03-01T16:00:00.000Z 2026-03-01T19:00:00.000Z");
    assert_eq!(opens("2026-03-02T00:00:00Z"), "2026-03-03T06:00:00.000Z 2026-03-03T11:00:00.000Z");
    // 2026-03-20 and 21 are Friday and Saturday, after the month.
    assert_eq!(opens("2026-03-20T00:00:00Z"), "2026-03-22T05:00:00.000Z 2026-03-22T14:00:00.000Z");
}

#[test]
fn dated_spans_are_open_once_and_know_the_change_of_clocks() {
    let wall = |text: &str| text.parse::<DateTime>().expect("a wall time");
    let shift = (wall("2026-03-28T22:00"), wall("2026-03-29T06:00"));
    let hours = Hours::on_dates("Europe/Berlin", &[shift]).expect("hours");

    // Seven hours and not eight: the clocks go forward in that night.
    let (opens, closes) = (at("2026-03-28T21:00:00Z"), at("2026-03-29T04:00:00Z"));
    assert_eq!(hours.next_open(at("2026-03-01T00:00:00Z")), Some(opens));
    assert_eq!(hours.stretch(opens), Some((opens, closes)));
    assert_eq!(hours.next_open(closes), None);

    let backwards = Hours::on_dates("UTC", &[(shift.1, shift.0)]).map(|_| ());
    assert!(matches!(backwards, Err(HoursError::DaySpan(_))));
}

#[test]
fn an_opening_after_months_of_closed_days_is_found() {
    let summer = (0..90).map(|n| date(2026, 6, 1).checked_add(n.days()).expect("a day"));
    let hours = hours("UTC", &["Mon 09:00-10:00"]).closed_on(summer);

    assert_eq!(hours.next_open(at("2026-06-01T00:00:00Z")), Some(at("2026-08-31T09:00:00Z")));
}

#[test]
fn always_is_open_and_no_span_is_never_open() {
    let never = Hours::parse::<&str>("UTC", &[]).expect("hours");
    let now = at("2026-11-27T23:00:00Z");

    assert!(Hours::always().is_open(now));
    assert!(!never.is_open(now));
    assert_eq!(never.next_open(now), None);
}

#[test]
fn nonsense_is_refused_with_the_text_named() {
    assert!(matches!(Hours::parse("Mars/Base", &["always"]), Err(HoursError::Zone(_))));
    for text in ["Mon", "Mon 9-18", "Mon 25:00-26:00", "Xyz 09:00-18:00", ""] {
        let error = Hours::parse("UTC", &[text]).map(|_| ());
        assert_eq!(error, Err(HoursError::Span(text.to_owned())));
    }
    let error = Hours::always().on(date(2026, 1, 1), &["Mon 09:00-10:00"]).map(|_| ());
    assert_eq!(error, Err(HoursError::DaySpan("Mon 09:00-10:00".to_owned())));
}
