//! The end of a shift, and the business hours of a shop and its skills.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::common::*;
use tradewind::domain::{Hours, Rules, SkillId, Timestamp, WaitReason};
use tradewind::schedule::{
    Decision, QueueHours, Roster, Scheduler, Settings, TakeBackReason, TicketReason,
};

const MINUTE: u64 = 60_000;

/// Seats of two slots with their language and shifts. It is Wednesday 10:00 in UTC, and nobody is
/// ever silent for too long.
fn centre(seats: &[(&str, &str, &[&str])]) -> Centre {
    let seats = seats.iter().map(|(id, language, shifts)| {
        seat(id, &[language], &["orders"]).slots(2).hours("UTC", shifts)
    });
    let owner_silence = Duration::from_secs(1 << 30);
    Centre::with(Settings { owner_silence, ..Settings::default() }, seats.collect())
}

fn ticket(decisions: &[Decision]) -> Option<(TicketReason, Option<Timestamp>)> {
    decisions.iter().find_map(|decision| match decision {
        Decision::Ticket { reason, opens_at, .. } => Some((*reason, *opens_at)),
        _ => None,
    })
}

fn taken_back(decisions: &[Decision]) -> Vec<(u64, String, TakeBackReason)> {
    let taken = |decision: &Decision| match decision {
        Decision::TakenBack { conversation, seat, reason } => {
            Some((number(*conversation), seat.to_string(), *reason))
        }
        _ => None,
    };
    decisions.iter().filter_map(taken).collect()
}

#[test]
fn nothing_new_comes_in_the_last_quarter_of_an_hour_and_what_is_open_stays() {
    let mut centre = centre(&[("ann", "en", &["Wed 08:00-10:30"])]);
    centre.ready("ann");
    assert_eq!(centre.arrive_and_accept(contact(1)), "ann");

    centre.until(15 * MINUTE - 1);
    assert_eq!(one_offer(&centre.arrive(contact(2))).1, "ann");
    centre.leave(2);
    centre.until(15 * MINUTE);
    let late = centre.arrive(contact(3));

    let next_week = centre.instant(7 * 24 * 60 * MINUTE - 120 * MINUTE);
    assert_eq!(ticket(&late), Some((TicketReason::Hours, Some(next_week))));
    assert_eq!(centre.owner(1).as_deref(), Some("ann"));
    let view = &centre.scheduler.seats(&shop())[0];
    assert!(view.on_shift && view.ending);
}

#[test]
fn a_short_shift_gives_a_quarter_of_itself_to_its_end() {
    let mut centre = centre(&[("ann", "en", &["Wed 10:00-10:20"])]);
    centre.ready("ann");

    centre.until(15 * MINUTE - 1);
    assert_eq!(offers(&centre.arrive(contact(1))).len(), 1);
    centre.until(15 * MINUTE);
    assert_eq!(offers(&centre.arrive(contact(2))), []);
}

#[test]
fn those_who_wait_when_the_last_seat_drains_are_told_when_it_is_back() {
    let mut centre = centre(&[("ann", "en", &["Wed 08:00-10:30", "Wed 12:00-14:00"])]);
    centre.ready("ann");
    centre.arrive_and_accept(contact(1));
    centre.arrive_and_accept(contact(2));
    centre.until(14 * MINUTE);
    assert_eq!(ticket(&centre.arrive(contact(3))), None);

    let at_noon = centre.instant(120 * MINUTE);
    let told = ticket(&centre.until(15 * MINUTE));

    assert_eq!(told, Some((TicketReason::Hours, Some(at_noon))));
}

#[test]
fn at_the_end_of_a_shift_a_free_colleague_of_the_language_takes_over() {
    let mut centre = centre(&[
        ("ann", "th", &["Wed 08:00-10:30"]),
        ("bob", "en", &["always"]),
        ("nok", "th", &["Wed 10:20-18:00"]),
    ]);
    for seat in ["ann", "bob"] {
        centre.ready(seat);
    }
    centre.arrive_and_accept(contact(1).language("th"));
    centre.arrive_and_accept(contact(2).language("th"));
    centre.until(29 * MINUTE);
    centre.ready("nok");
    assert_eq!(centre.owner(1).as_deref(), Some("ann"), "what is open stays until the end");

    let decisions = centre.until(30 * MINUTE);

    let ended = |n: u64| (n, "ann".to_owned(), TakeBackReason::ShiftEnded);
    assert_eq!(taken_back(&decisions), [ended(1), ended(2)]);
    let offered = offers(&decisions);
    assert!(offered.iter().all(|(_, seat, _)| seat == "nok"), "{offered:?}");
    assert_eq!(offered.len(), 2);
}

#[test]
fn without_a_colleague_the_owner_keeps_it_until_one_is_free() {
    let mut centre = centre(&[
        ("ann", "th", &["Wed 08:00-10:30"]),
        ("bob", "en", &["always"]),
        ("nok", "th", &["Wed 08:00-18:00"]),
    ]);
    for seat in ["ann", "bob"] {
        centre.ready(seat);
    }
    centre.arrive_and_accept(contact(1).language("th"));

    assert_eq!(taken_back(&centre.until(45 * MINUTE)), [], "English does not stand in");
    assert_eq!(centre.owner(1).as_deref(), Some("ann"));
    let decisions = centre.ready("nok");

    assert_eq!(taken_back(&decisions), [(1, "ann".to_owned(), TakeBackReason::ShiftEnded)]);
    assert_eq!(one_offer(&decisions).1, "nok");
}

#[test]
fn customers_who_wait_go_before_what_a_colleague_left_behind() {
    let mut centre =
        centre(&[("ann", "en", &["Wed 08:00-10:30"]), ("bea", "en", &["Wed 08:00-18:00"])]);
    centre.ready("ann");
    centre.ready("bea");
    for n in 1..=4 {
        centre.arrive_and_accept(contact(n));
    }
    centre.until(31 * MINUTE);
    let of_ann = (1..=4).find(|n| centre.owner(*n).as_deref() == Some("ann")).expect("one");
    let of_bea: Vec<_> = (1..=4).filter(|n| centre.owner(*n).as_deref() == Some("bea")).collect();
    centre.arrive(contact(9));

    let (offer, _, first) = one_offer(&centre.release(of_bea[0]));
    assert_eq!(first, 9);
    centre.accept("bea", offer);
    let (_, _, second) = one_offer(&centre.release(of_bea[1]));

    assert_eq!(second, of_ann);
}

#[test]
fn a_shift_that_begins_again_keeps_what_nobody_took_over() {
    let mut centre = centre(&[("ann", "en", &["Wed 08:00-10:30", "Wed 10:45-18:00"])]);
    centre.ready("ann");
    centre.arrive_and_accept(contact(1));

    let decisions = centre.until(60 * MINUTE);

    assert_eq!(taken_back(&decisions), []);
    assert_eq!(centre.owner(1).as_deref(), Some("ann"));
}

/// One seat of two teams; returns are open from 10:30 to 12:00 only.
fn two_queues() -> Centre {
    let mut centre = centre(&[]);
    let hours = Hours::parse("UTC", &["Wed 10:30-12:00"]).expect("hours");
    let roster = Roster {
        shop: shop(),
        seats: vec![seat("ann", &["en"], &["orders", "returns"]).slots(3)],
        fallback_language: None,
        rules: Rules::default(),
        translation: None,
        hours: QueueHours {
            by_skill: BTreeMap::from([(SkillId::from("returns"), hours)]),
            ..QueueHours::default()
        },
    };
    let owner_silence = Duration::from_secs(1 << 30);
    centre.scheduler =
        Scheduler::new(Settings { owner_silence, ..Settings::default() }, vec![roster]);
    centre
}

#[test]
fn out_of_hours_department() {
    let mut centre = two_queues();
    centre.ready("ann");

    let orders = centre.arrive(contact(1));
    let returns = centre.arrive(contact(2).skill("returns"));

    assert_eq!(one_offer(&orders).1, "ann");
    let opens_at = centre.instant(30 * MINUTE);
    assert_eq!(ticket(&returns), Some((TicketReason::Hours, Some(opens_at))));
    assert_eq!(offers(&returns), []);
}

#[test]
fn a_queue_that_opens_within_the_promise_is_waited_for_and_served_at_its_opening() {
    let mut centre = two_queues();
    centre.ready("ann");
    centre.until(29 * MINUTE);

    let early = centre.arrive(contact(1).skill("returns"));
    assert_eq!(told(&early), [(1, 1, WaitReason::Hours)]);
    assert_eq!(offers(&centre.until(30 * MINUTE - 1)), []);

    assert_eq!(one_offer(&centre.until(30 * MINUTE)).2, 1);
}

#[test]
fn a_queue_that_closes_sends_those_who_wait_away_with_a_time() {
    let mut centre = two_queues();
    centre.until(119 * MINUTE);
    centre.ready("ann");
    for n in 1..=3 {
        centre.arrive_and_accept(contact(n));
    }
    assert_eq!(ticket(&centre.arrive(contact(4).skill("returns"))), None);

    let next_week = centre.instant(30 * MINUTE + 7 * 24 * 60 * MINUTE);
    let told = ticket(&centre.until(120 * MINUTE));

    assert_eq!(told, Some((TicketReason::Hours, Some(next_week))));
}

#[test]
fn a_ticket_names_the_first_time_at_which_queue_and_seat_are_both_there() {
    let hours = |spans: &[&str]| Hours::parse("UTC", spans).expect("hours");
    let seats = vec![
        seat("ann", &["en"], &["orders"]).hours("UTC", &["Thu 06:00-09:00", "Fri 10:00-12:00"]),
    ];
    let roster = Roster {
        shop: shop(),
        seats,
        fallback_language: None,
        rules: Rules::default(),
        translation: None,
        hours: QueueHours { shop: hours(&["Thu-Fri 09:00-17:00"]), by_skill: BTreeMap::new() },
    };
    let mut centre = centre(&[]);
    centre.scheduler = Scheduler::new(Settings::default(), vec![roster]);

    let told = ticket(&centre.arrive(contact(1)));

    // On Thursday the seat leaves when the shop opens.
    let friday_at_ten = centre.instant(2 * 24 * 60 * MINUTE);
    assert_eq!(told, Some((TicketReason::Hours, Some(friday_at_ten))));
}
