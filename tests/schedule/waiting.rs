//! Waiting: languages that nobody speaks, closed hours, full queues, and what customers are told.

use std::time::Duration;

use crate::common::*;
use tradewind::domain::{Priority, SeatState, Timestamp, WaitReason};
use tradewind::schedule::{Contact, Decision, Settings, TicketReason, Why};

fn ticket(decisions: &[Decision]) -> Option<(TicketReason, Option<Timestamp>)> {
    decisions.iter().find_map(|decision| match decision {
        Decision::Ticket { reason, opens_at, .. } => Some((*reason, *opens_at)),
        _ => None,
    })
}

fn why(decisions: &[Decision]) -> Vec<String> {
    let why = decisions.iter().find_map(|decision| match decision {
        Decision::Offered { why, .. } => Some(why.iter().map(Why::to_string).collect()),
        _ => None,
    });
    why.expect("an offer")
}

/// A seat for English, and one for Thai that talks to somebody.
fn with_a_busy_speaker() -> Centre {
    let mut centre =
        Centre::new(vec![seat("ann", &["en"], &["orders"]), seat("nok", &["th"], &["orders"])]);
    centre.ready("ann");
    centre.ready("nok");
    centre.arrive_and_accept(contact(1).language("th"));
    centre.seat_spoke(1);
    centre
}

#[test]
fn a_language_that_nobody_speaks_goes_to_the_fallback_at_once() {
    let mut centre = Centre::new(vec![seat("ann", &["en"], &["orders"])]);
    centre.ready("ann");

    let decisions = centre.arrive(contact(1).language("th"));

    assert_eq!(why(&decisions)[0], "no seat for th, en instead");
}

#[test]
fn a_language_whose_speakers_lack_the_skill_goes_to_the_fallback_at_once() {
    let mut centre =
        Centre::new(vec![seat("ann", &["en"], &["orders"]), seat("nok", &["th"], &["returns"])]);
    centre.ready("ann");
    centre.ready("nok");

    let decisions = centre.arrive(contact(1).language("th"));

    assert_eq!(one_offer(&decisions).1, "ann");
}

#[test]
fn the_fallback_opens_after_its_time_when_no_speaker_is_there() {
    let mut centre =
        Centre::new(vec![seat("ann", &["en"], &["orders"]), seat("nok", &["th"], &["orders"])]);
    centre.ready("ann");

    let decisions = centre.arrive(contact(1).language("th"));
    assert_eq!(offers(&decisions), []);
    assert_eq!(told(&decisions), [(1, 1, WaitReason::Language)]);

    assert_eq!(offers(&centre.until(4_999)), []);
    let decisions = centre.until(5_000);
    assert_eq!(one_offer(&decisions).1, "ann");
    assert_eq!(why(&decisions)[0], "nobody for th is there, en instead");
}

#[test]
fn while_a_speaker_is_there_the_fallback_stays_closed() {
    let mut centre = with_a_busy_speaker();

    centre.arrive(contact(2).language("th"));
    assert_eq!(offers(&centre.until(60_000)), []);

    // The speaker goes, and may come back within seconds.
    assert_eq!(offers(&centre.set_state("nok", SeatState::Away)), []);
    assert_eq!(offers(&centre.until(64_999)), []);
    assert_eq!(one_offer(&centre.until(65_000)).1, "ann");
}

#[test]
fn the_fallback_opens_for_who_waits_also_when_somebody_heavier_has_come_after_the_speaker_left() {
    let mut centre = Centre::new(vec![
        seat("min", &["ko"], &["orders"]),
        seat("eve", &["en"], &["orders"]).slots(2),
    ]);
    centre.ready("min");
    centre.ready("eve");
    assert_eq!(centre.arrive_and_accept(contact(1).language("ko")), "min");
    centre.seat_spoke(1);
    centre.until(10_000);
    centre.arrive(contact(2).language("ko"));
    centre.until(11_000);
    centre.sign_out("min");
    centre.until(12_000);
    centre.arrive(contact(3).language("ko").priority(Priority::Vip));

    assert_eq!(offers(&centre.until(15_999)), []);
    assert_eq!(one_offer(&centre.until(16_000)).2, 2, "five seconds after the speaker has left");
    assert_eq!(one_offer(&centre.until(17_000)).2, 3, "five seconds after it came");
}

#[test]
fn a_speaker_whose_connection_flickers_keeps_her_lane() {
    let mut centre = with_a_busy_speaker();
    centre.arrive(contact(2).language("th"));
    centre.until(30_000);

    centre.sign_out("nok");
    assert_eq!(offers(&centre.until(34_000)), []);
    centre.ready("nok");

    assert_eq!(offers(&centre.until(60_000)), []);
    assert_eq!(one_offer(&centre.release(1)).1, "nok");
}

#[test]
fn when_the_shift_of_the_last_speaker_has_ended_those_who_wait_get_a_ticket() {
    let mut centre = Centre::new(vec![
        seat("ann", &["en"], &["orders"]),
        seat("nok", &["th"], &["orders"]).hours("UTC", &["Wed 08:00-10:01"]),
    ]);
    centre.ready("ann");
    centre.ready("nok");
    centre.arrive_and_accept(contact(1).language("th"));
    centre.seat_spoke(1);
    centre.arrive(contact(2).language("th"));
    assert_eq!(ticket(&centre.until(59_999)), None);

    let told = ticket(&centre.until(60_000));

    assert_eq!(told.map(|(reason, _)| reason), Some(TicketReason::Hours));
}

#[test]
fn a_skill_that_nobody_has_gets_a_ticket_without_a_time() {
    let mut centre = Centre::new(vec![seat("ann", &["en"], &["orders"])]);
    centre.ready("ann");

    let decisions = centre.arrive(contact(1).skill("alchemy"));

    assert_eq!(ticket(&decisions), Some((TicketReason::NoSeat, None)));
    assert_eq!(centre.scheduler.totals().waiting, 0);
}

#[test]
fn out_of_hours_a_ticket_says_when_the_next_seat_is_there() {
    // It is Wednesday 10:00 in UTC: 17:00 in Bangkok and 05:00 in New York.
    let mut centre = Centre::new(vec![
        seat("nok", &["th"], &["orders"]).hours("Asia/Bangkok", &["Mon-Fri 08:00-17:00"]),
        seat("joe", &["en"], &["orders"]).hours("America/New_York", &["Mon-Fri 09:00-17:00"]),
    ]);
    centre.ready("nok");
    centre.ready("joe");

    let thai = centre.arrive(contact(1).language("th"));
    let english = centre.arrive(contact(2));

    // New York opens at 14:00 UTC, Bangkok at 01:00: English does not stand in for Thai meanwhile.
    let opens_at = |hours: u64| Some(centre.instant(hours * 3_600_000));
    assert_eq!(ticket(&thai), Some((TicketReason::Hours, opens_at(15))));
    assert_eq!(ticket(&english), Some((TicketReason::Hours, opens_at(4))));
}

#[test]
fn a_shift_that_opens_within_the_promise_is_waited_for_and_served_at_its_opening() {
    let mut centre =
        Centre::new(vec![seat("ann", &["en"], &["orders"]).hours("UTC", &["Wed 10:05-18:00"])]);
    centre.ready("ann");
    assert!(ticket(&centre.arrive(contact(1))).is_some());

    centre.until(180_000);
    let decisions = centre.arrive(contact(2));
    assert_eq!(told(&decisions), [(2, 1, WaitReason::Hours)]);

    assert_eq!(offers(&centre.until(299_999)), []);
    assert_eq!(one_offer(&centre.until(300_000)).2, 2);
}

#[test]
fn the_end_of_a_shift_stops_offers_and_keeps_conversations() {
    let mut centre = Centre::new(vec![
        seat("ann", &["en"], &["orders"]).slots(2).hours("UTC", &["Wed 08:00-10:01"]),
    ]);
    centre.ready("ann");
    centre.arrive_and_accept(contact(1));
    centre.seat_spoke(1);

    let decisions = centre.until(60_000);
    assert_eq!(decisions, []);
    let late = centre.arrive(contact(2));

    let next_week = centre.instant(6 * 86_400_000 + 22 * 3_600_000);
    assert_eq!(ticket(&late), Some((TicketReason::Hours, Some(next_week))));
    assert_eq!(centre.owner(1).as_deref(), Some("ann"));
}

#[test]
fn who_still_waits_when_the_last_shift_ends_gets_a_ticket() {
    let mut centre =
        Centre::new(vec![seat("ann", &["en"], &["orders"]).hours("UTC", &["Wed 08:00-10:01"])]);
    centre.ready("ann");
    centre.arrive_and_accept(contact(1));
    centre.arrive(contact(2));

    let decisions = centre.until(60_000);

    assert!(matches!(ticket(&decisions), Some((TicketReason::Hours, Some(_)))));
    assert_eq!(centre.scheduler.totals().waiting, 0);
}

#[test]
fn a_split_shift_and_one_past_midnight_open_and_close_on_time() {
    let mut centre = Centre::new(vec![
        seat("split", &["en"], &["orders"]).hours("UTC", &["Wed 09:00-11:00", "Wed 12:00-13:00"]),
        seat("night", &["de"], &["orders"]).hours("UTC", &["Wed 22:00-06:00"]),
    ]);
    let on_shift = |centre: &mut Centre, hours: u64| {
        centre.until(hours * 3_600_000);
        let seats = centre.scheduler.seats(&shop());
        seats.iter().map(|seat| seat.on_shift).collect::<Vec<_>>()
    };
    centre.ready("split");

    // Seats by name: night, split. The start is 10:00.
    assert_eq!(on_shift(&mut centre, 0), [false, true]);
    assert_eq!(on_shift(&mut centre, 1), [false, false]);
    assert_eq!(on_shift(&mut centre, 2), [false, true]);
    assert_eq!(on_shift(&mut centre, 3), [false, false]);
    assert_eq!(on_shift(&mut centre, 12), [true, false]);
    assert_eq!(on_shift(&mut centre, 15), [true, false]);
    assert_eq!(on_shift(&mut centre, 20), [false, false]);
}

#[test]
fn nobody_waits_longer_than_the_longest_wait() {
    let mut centre = Centre::new(vec![seat("ann", &["en"], &["orders"])]);
    centre.arrive(contact(1));

    assert_eq!(ticket(&centre.until(599_999)), None);
    let decisions = centre.until(600_000);

    assert_eq!(ticket(&decisions), Some((TicketReason::WaitedTooLong, None)));
}

#[test]
fn who_comes_back_to_a_ticket_in_line_has_the_longest_wait_of_a_live_conversation() {
    let queue_wait_max = 600_000;
    for asks_a_seat in [false, true] {
        let mut centre = Centre::new(vec![seat("ann", &["en"], &["orders"])]);
        centre.ready("ann");
        centre.arrive_and_accept(contact(1));
        centre.seat_spoke(1);
        centre.arrive(contact(2).priority(Priority::Ticket));
        let back_ms = 660_000;
        centre.until(back_ms);
        if asks_a_seat {
            assert_eq!(one_offer(&centre.release(1)).2, 2);
        }

        let decisions = centre.arrive(contact(2));
        assert_eq!(ticket(&decisions), None, "after 11 minutes");
        if asks_a_seat {
            centre.set_state("ann", SeatState::Away);
        }

        assert_eq!(ticket(&centre.until(back_ms + queue_wait_max - 1)), None);
        let decisions = centre.until(back_ms + queue_wait_max);
        assert_eq!(ticket(&decisions), Some((TicketReason::WaitedTooLong, None)));
    }
}

#[test]
fn a_full_queue_gives_tickets_to_newcomers_and_not_to_who_comes_back() {
    let settings = Settings { waiting_max: 2, ..Settings::default() };
    let mut centre = Centre::with(settings, vec![seat("ann", &["en"], &["orders"])]);
    centre.ready("ann");
    centre.arrive_and_accept(contact(1));
    centre.arrive(contact(2));
    centre.arrive(contact(3));

    let refused = centre.arrive(contact(4));
    let returned = centre.sign_out("ann");

    assert_eq!(ticket(&refused), Some((TicketReason::QueueFull, None)));
    assert_eq!(ticket(&returned), None);
    assert_eq!(centre.scheduler.totals().waiting, 3);
}

#[test]
fn a_waiting_customer_is_told_place_wait_and_reason_at_once() {
    let mut centre = Centre::new(vec![seat("ann", &["en"], &["orders"]).slots(2)]);
    assert_eq!(told(&centre.arrive(contact(9))), [(9, 1, WaitReason::Language)]);
    centre.leave(9);
    centre.ready("ann");
    centre.arrive_and_accept(contact(1));
    centre.arrive_and_accept(contact(2));

    let first = centre.arrive(contact(3));
    let second = centre.arrive(contact(4));

    let wait = |decisions: &[Decision]| match decisions {
        [Decision::Waiting { wait_s, .. }] => *wait_s,
        other => panic!("only a place and not {other:?}"),
    };
    assert_eq!(told(&first), [(3, 1, WaitReason::Capacity)]);
    assert_eq!(told(&second), [(4, 2, WaitReason::Capacity)]);
    let ((low_1, high_1), (low_2, high_2)) =
        (wait(&first).expect("an estimate"), wait(&second).expect("an estimate"));
    // Two slots, 240 s each: one comes free after 120 s on average.
    assert!(low_1 < 120 && 120 < high_1, "{low_1}..{high_1}");
    assert!(low_2 < 240 && 240 < high_2, "{low_2}..{high_2}");
    assert!(low_1 < low_2 && high_1 < high_2);
}

#[test]
fn places_are_told_together_and_at_most_once_an_interval() {
    let mut centre = Centre::new(vec![seat("ann", &["en"], &["orders"])]);
    centre.ready("ann");
    centre.arrive_and_accept(contact(1));
    centre.seat_spoke(1);
    for n in 2..=6 {
        centre.arrive(contact(n));
    }
    centre.until(30_000);

    assert_eq!(told(&centre.leave(2)), []);
    centre.until(31_000);
    assert_eq!(told(&centre.leave(3)), []);

    assert_eq!(told(&centre.until(34_999)), []);
    let capacity = WaitReason::Capacity;
    assert_eq!(told(&centre.until(35_000)), [(4, 1, capacity), (5, 2, capacity), (6, 3, capacity)]);
    assert_eq!(told(&centre.until(60_000)), []);
}

#[test]
fn tickets_of_last_night_take_no_place_before_who_has_just_come() {
    let last_night = Timestamp::from_millis(START_MS - 12 * 3_600_000);
    let mut centre = Centre::new(vec![seat("ann", &["en"], &["orders"])]);
    centre.ready("ann");
    centre.arrive_and_accept(contact(1));
    centre.seat_spoke(1);
    for n in 100..200 {
        let ticket = contact(n).priority(Priority::Ticket);
        centre.arrive(Contact { arrived_at: last_night, ..ticket });
    }

    assert_eq!(told(&centre.arrive(contact(2))), [(2, 1, WaitReason::Capacity)]);
    assert_eq!(told(&centre.arrive(contact(3))), [(3, 2, WaitReason::Capacity)]);
    centre.until(6_000);
    centre.leave(2);
    let news = told(&centre.until(12_000));

    let live = news.iter().filter(|(n, ..)| *n < 100).collect::<Vec<_>>();
    assert_eq!(live, [&(3, 1, WaitReason::Capacity)], "also when places are told together");
    let queue = centre.scheduler.queue(&shop(), 3);
    let places: Vec<_> = queue.iter().map(|view| (number(view.conversation), view.place)).collect();
    assert_eq!(places, [(3, 1), (100, 2), (101, 3)]);
}

#[test]
fn a_ticket_changes_nothing_of_the_wait_that_others_are_told_while_it_waits_and_after() {
    let mut centre = Centre::new(vec![seat("ann", &["en"], &["orders", "refunds"])]);
    centre.sign_in("ann", SeatState::WrapUp);
    let told_wait = |centre: &mut Centre, n: u64| {
        let decisions = centre.arrive(contact(n));
        centre.leave(n);
        match decisions[..] {
            [Decision::Waiting { wait_s: Some(wait), .. }] => wait,
            ref other => panic!("a place and not {other:?}"),
        }
    };
    let before = told_wait(&mut centre, 1);

    for n in 100..111 {
        centre.arrive(contact(n).skill("refunds").priority(Priority::Ticket));
    }
    // Places are told anew, for which it is counted who waits for the seat.
    centre.leave(110);
    centre.until(3_600_000);
    assert_eq!(told_wait(&mut centre, 2), before, "the seat serves their lane as well");
    for n in 100..110 {
        assert_eq!(one_offer(&centre.set_state("ann", SeatState::Ready)).2, n);
        centre.set_state("ann", SeatState::WrapUp);
        centre.leave(n);
    }

    assert_eq!(told_wait(&mut centre, 3), before, "they were served an hour late");
}

#[test]
fn who_is_moved_back_by_a_heavier_conversation_is_told() {
    let mut centre = Centre::new(vec![seat("ann", &["en"], &["orders"])]);
    centre.ready("ann");
    centre.arrive_and_accept(contact(1));
    centre.seat_spoke(1);
    centre.arrive(contact(2));
    centre.arrive(contact(3).priority(Priority::Vip));

    assert_eq!(told(&centre.until(5_000)), [(2, 2, WaitReason::Capacity)]);
}

#[test]
fn waiting_customers_hear_when_the_reason_changes() {
    let mut centre =
        Centre::new(vec![seat("nok", &["th"], &["returns"]), seat("som", &["th"], &["orders"])]);
    assert_eq!(told(&centre.arrive(contact(1).language("th"))), [(1, 1, WaitReason::Language)]);

    centre.until(10_000);
    centre.ready("nok");
    centre.until(20_000);
    centre.sign_in("som", SeatState::WrapUp);

    // The first change reaches lanes that som serves only; nok serves none of them.
    assert_eq!(told(&centre.until(25_000)), [(1, 1, WaitReason::Capacity)]);
}

#[test]
fn short_handling_times_shorten_the_expected_wait() {
    let expected = |handled_ms: u64| {
        let mut centre = Centre::new(vec![seat("ann", &["en"], &["orders"])]);
        centre.ready("ann");
        for n in 0..100 {
            centre.until(n * (handled_ms + 100));
            centre.arrive_and_accept(contact(n));
            centre.seat_spoke(n);
            centre.until(n * (handled_ms + 100) + handled_ms);
            centre.release(n);
        }
        centre.arrive_and_accept(contact(1_000));
        let decisions = centre.arrive(contact(1_001));
        match decisions[..] {
            [Decision::Waiting { wait_s: Some(wait), .. }] => wait,
            ref other => panic!("a place and not {other:?}"),
        }
    };

    assert!(expected(10_000).1 < 60);
    assert!(expected(400_000).1 > 600);
}

#[test]
fn the_views_show_who_waits_for_what_and_which_seat_holds_what() {
    let mut centre = Centre::new(vec![
        seat("ann", &["en", "de"], &["orders"]).slots(3),
        seat("bob", &["en"], &["refunds"]),
    ]);
    centre.ready("ann");
    centre.arrive_and_accept(contact(1));
    centre.arrive(contact(2));
    centre.arrive(contact(3).skill("refunds"));
    centre.until(3_000);

    let queue = centre.scheduler.queue(&shop(), 10);
    let seats = centre.scheduler.seats(&shop());

    let waiting: Vec<_> = queue
        .iter()
        .map(|view| (number(view.conversation), view.reason, view.waited_ms, view.place))
        .collect();
    assert_eq!(
        waiting,
        [(2, WaitReason::Offered, 0, 1), (3, WaitReason::Skill, 0, 1)],
        "as of the last command"
    );
    assert_eq!(queue[0].seat.as_ref().map(|seat| seat.as_str()), Some("ann"));
    assert_eq!(centre.scheduler.queue(&shop(), 1).len(), 1);
    let rows: Vec<_> = seats
        .iter()
        .map(|view| (view.seat.as_str(), view.state, view.assigned, view.offered, view.slots))
        .collect();
    assert_eq!(rows, [("ann", Some(SeatState::Ready), 1, 1, 3), ("bob", None, 0, 0, 1)]);
}

#[test]
fn the_promise_and_the_longest_wait_can_be_set() {
    let settings = Settings {
        promise: Duration::from_secs(3_600),
        queue_wait_max: Duration::from_secs(30),
        ..Settings::default()
    };
    let mut centre = Centre::with(
        settings,
        vec![seat("ann", &["en"], &["orders"]).hours("UTC", &["Wed 10:59-18:00"])],
    );

    assert_eq!(ticket(&centre.arrive(contact(1))), None);
    assert!(ticket(&centre.until(30_000)).is_some());
}
