//! What is remembered of decisions, and how it reads.

use std::time::Duration;

use crate::common::*;
use tradewind::domain::{Hours, Rules};
use tradewind::schedule::{
    Explanation, QueueHours, Roster, Scheduler, SearchView, Settings, Standing, Step,
};

fn explain(centre: &Centre, n: u64) -> Explanation {
    centre.scheduler.explain(conversation(n)).expect("a conversation that is remembered")
}

/// Name, removed and left of each filter.
fn filters(search: &SearchView) -> Vec<(&str, u32, u32)> {
    search.filters.iter().map(|filter| (filter.filter, filter.removed, filter.left)).collect()
}

fn steps(explanation: &Explanation) -> Vec<&'static str> {
    let name = |step: &Step| match step {
        Step::Waits { .. } => "waits",
        Step::Offered { .. } => "offered",
        Step::Held { .. } => "held",
        Step::Approved { .. } => "approved",
        Step::Declined { .. } => "declined",
        Step::Withdrawn { .. } => "withdrawn",
        Step::Assigned { .. } => "assigned",
        Step::TakenBack { .. } => "taken back",
        Step::Ticket { .. } => "ticket",
        Step::Escalated { .. } => "escalated",
    };
    explanation.records.iter().map(|record| name(&record.step)).collect()
}

/// Six seats, of which one after the other fails one filter more.
fn six_seats() -> Centre {
    let mut centre = Centre::new(vec![
        seat("a-other-skill", &["es"], &["returns"]),
        seat("b-other-language", &["en"], &["orders"]),
        seat("c-other-region", &["es"], &["orders"]).regions(&["sea"]),
        seat("d-off-shift", &["es"], &["orders"]).hours("UTC", &["Mon 09:00-10:00"]),
        seat("e-not-there", &["es"], &["orders"]),
        seat("f-right", &["es"], &["orders"]).slots(2),
    ]);
    for name in ["a-other-skill", "b-other-language", "c-other-region", "d-off-shift", "f-right"] {
        centre.ready(name);
    }
    centre
}

#[test]
fn an_offer_says_what_each_filter_removed_and_what_the_best_seats_scored() {
    let mut centre = six_seats();

    centre.arrive(contact(1).language("es").region("latam"));

    let explanation = explain(&centre, 1);
    assert_eq!(steps(&explanation), ["offered"]);
    let record = &explanation.records[0];
    let Step::Offered { seat, why } = &record.step else { panic!("an offer") };
    assert_eq!((seat.as_str(), why[0].as_str()), ("f-right", "speaks es"));
    let search = record.search.as_ref().expect("a search");
    let expected = [
        ("seats of the shop", 0, 6),
        ("skill", 1, 5),
        ("language", 1, 4),
        ("region and level", 1, 3),
        ("on shift", 1, 2),
        ("at work", 1, 1),
        ("free slot", 0, 1),
        ("has not just refused it", 0, 1),
    ];
    assert_eq!(filters(search), expected);
    assert_eq!(search.ring, "native");
    let best = &search.seats[0];
    assert_eq!((best.seat.as_str(), best.used, best.slots), ("f-right", 0, 2));
    assert!((best.score - 0.6 * best.price).abs() < 1e-9);
    assert!(matches!(&explanation.now, Standing::Waiting(waiting)
        if waiting.seat.as_ref().is_some_and(|seat| seat.as_str() == "f-right")));
}

#[test]
fn the_chosen_seat_stands_first_and_its_rivals_follow_by_their_score() {
    let seats = ["ann", "bea", "cy", "dee"].map(|name| seat(name, &["en"], &["orders"]).slots(3));
    let mut centre = Centre::new(seats.into());
    for name in ["ann", "bea", "cy", "dee"] {
        centre.ready(name);
    }
    centre.arrive_and_accept(contact(1));

    centre.arrive(contact(2));

    let explanation = explain(&centre, 2);
    let search = explanation.records[0].search.as_ref().expect("a search");
    let Step::Offered { seat, .. } = &explanation.records[0].step else { panic!("an offer") };
    assert_eq!(search.seats.len(), 3);
    assert_eq!(search.seats[0].seat, *seat);
    assert!(search.seats.is_sorted_by(|a, b| a.score <= b.score));
    assert!(search.seats.iter().all(|seat| seat.used == 0), "the busy one is not among them");
}

#[test]
fn who_waits_is_told_where_the_seats_went_and_every_later_step_is_kept() {
    let mut centre = six_seats();
    let latin = |n| contact(n).language("es").region("latam");
    centre.arrive_and_accept(latin(1));
    centre.arrive_and_accept(latin(2));

    centre.arrive(latin(3));
    let waiting = explain(&centre, 3);
    let (offer, ..) = one_offer(&centre.release(1));
    centre.decline("f-right", offer);
    let decisions = centre.until(6_000);
    let (offer, ..) = offers(&decisions).pop().expect("asked again after the refusal");
    centre.accept("f-right", offer);

    assert_eq!(steps(&waiting), ["waits"]);
    let search = waiting.records[0].search.as_ref().expect("a search");
    assert_eq!(filters(search)[6], ("free slot", 1, 0));
    assert!(search.seats.is_empty());
    let explanation = explain(&centre, 3);
    let found = steps(&explanation);
    assert_eq!(found[..4], ["waits", "offered", "declined", "waits"]);
    assert_eq!(found.last(), Some(&"assigned"));
    let after_refusal = explanation.records[3].search.as_ref().expect("a search");
    assert_eq!(filters(after_refusal)[7], ("has not just refused it", 1, 0));
    assert!(matches!(&explanation.now, Standing::Owned { seat, .. } if seat.as_str() == "f-right"));
}

#[test]
fn a_ticket_stays_explained_after_the_conversation_has_left() {
    let mut centre = Centre::new(vec![
        seat("d-off-shift", &["en"], &["orders"]).hours("UTC", &["Mon 09:00-10:00"]),
    ]);
    centre.ready("d-off-shift");

    centre.arrive(contact(1));

    let explanation = explain(&centre, 1);
    assert_eq!(explanation.now, Standing::Gone);
    assert_eq!(steps(&explanation), ["ticket"]);
    let search = explanation.records[0].search.as_ref().expect("a search");
    assert_eq!(filters(search)[4], ("on shift", 1, 0));
    assert!(centre.scheduler.explain(conversation(2)).is_none());
}

#[test]
fn an_explanation_reads_as_sentences() {
    let mut centre = six_seats();
    centre.arrive_and_accept(contact(1).language("es").region("latam"));

    let text = explain(&centre, 1).to_string();

    let version = centre.scheduler.explain(conversation(1)).expect("one").rules;
    let expected = format!(
        "conversation 00000000-0000-0000-0000-000000000001 of the shop demo, rules {version}
now: with f-right since 2026-11-25T10:00:00.000Z

2026-11-25T10:00:00.000Z  offered to f-right: speaks es; has the skill orders; serves latam; \
0 of 2 slots in use; least busy and most specialised of the free seats
    asked for es, orders, latam; had waited 0.0 s, beside 0 in the shop
    seats of the shop 6 > skill 5 > language 4 > region and level 3 > on shift 2 > at work 1 > free slot 1 \
> has not just refused it 1
    f-right 0.02 = 0.4 x 0 of 2 slots + 0.6 x price 0.03

2026-11-25T10:00:00.000Z  f-right owns it
"
    );
    assert_eq!(text, expected);
}

#[test]
fn the_version_of_the_rules_follows_seats_hours_and_settings_and_nothing_else() {
    let roster = || Roster {
        shop: shop(),
        seats: vec![seat("ann", &["en"], &["orders"])],
        fallback_language: None,
        hours: QueueHours::default(),
        rules: Rules::default(),
        translation: None,
    };
    let version = |settings: Settings, roster: Roster| {
        let mut scheduler = Scheduler::new(settings, vec![roster]);
        let start = Centre::new(Vec::new()).now();
        scheduler.apply(start, tradewind::schedule::Command::Arrive(contact(1)));
        scheduler.explain(conversation(1)).expect("an explanation").rules
    };
    let plain = version(Settings::default(), roster());

    assert_eq!(version(Settings::default(), roster()), plain);
    let slower = Settings { offer_ttl: Duration::from_secs(7), ..Settings::default() };
    assert_ne!(version(slower, roster()), plain);
    let mut other = roster();
    other.seats[0] = other.seats[0].clone().slots(2);
    assert_ne!(version(Settings::default(), other), plain);
    let holiday = |day: &str| {
        let day = day.parse().expect("a date");
        let hours = Hours::parse("UTC", &["always"]).expect("hours").closed_on([day]);
        Roster { hours: QueueHours { shop: hours, ..QueueHours::default() }, ..roster() }
    };
    let [first, second] =
        ["2026-12-25", "2026-12-26"].map(|day| version(Settings::default(), holiday(day)));
    assert!(first != plain && first != second);
}
