//! Who is offered what, and what becomes of an offer.

use crate::common::*;
use tradewind::domain::{Priority, SeatState, WaitReason};
use tradewind::schedule::{Decision, RefuseReason, Settings, Why, WithdrawReason};

fn two_seats() -> Centre {
    let mut centre =
        Centre::new(vec![seat("ann", &["en"], &["orders"]), seat("bob", &["en"], &["orders"])]);
    centre.ready("ann");
    centre.ready("bob");
    centre
}

#[test]
fn a_conversation_is_offered_at_once_with_its_times_and_reasons() {
    let mut centre = Centre::new(vec![seat("ann", &["en"], &["orders"]).slots(3)]);
    centre.ready("ann");
    centre.until(1_000);

    let mut early = contact(1);
    early.arrived_at = centre.instant(400);
    let decisions = centre.arrive(early);

    let Decision::Offered { seat, expires_at, waiting_ms, deadline, why, .. } = &decisions[0]
    else {
        panic!("an offer comes first: {decisions:?}");
    };
    assert_eq!(seat.as_str(), "ann");
    assert_eq!(*expires_at, centre.instant(7_000));
    assert_eq!(*waiting_ms, 600);
    assert_eq!(*deadline, centre.instant(15_400));
    let texts: Vec<String> = why.iter().map(Why::to_string).collect();
    assert_eq!(
        texts,
        [
            "speaks en",
            "has the skill orders",
            "0 of 3 slots in use",
            "least busy and most specialised of the free seats"
        ]
    );
    assert_eq!(told(&decisions), [(1, 1, WaitReason::Offered)]);
}

#[test]
fn freed_slot_goes_to_oldest() {
    let mut centre = Centre::new(vec![seat("ann", &["en"], &["orders"]).slots(3)]);
    centre.ready("ann");
    for n in 1..=3 {
        centre.until(n * 10);
        centre.arrive_and_accept(contact(n));
    }
    for n in 4..=5 {
        centre.until(n * 10);
        assert_eq!(offers(&centre.arrive(contact(n))), []);
    }
    centre.until(1_000);

    let decisions = centre.release(2);

    let (_, _, next) = one_offer(&decisions);
    assert_eq!(next, 4);
}

#[test]
fn the_least_loaded_seat_is_asked_and_among_equals_the_one_idle_longest() {
    let seats = ["ann", "bob", "cat"].map(|id| seat(id, &["en"], &["orders"]).slots(2));
    let mut centre = Centre::new(seats.to_vec());
    for seat in ["ann", "bob", "cat"] {
        centre.ready(seat);
    }

    let order: Vec<String> = (1..=6)
        .map(|n| {
            centre.until(n * 100);
            centre.arrive_and_accept(contact(n))
        })
        .collect();
    assert_eq!(order, ["ann", "bob", "cat", "ann", "bob", "cat"]);

    // All are free again; ann was asked longest ago.
    (1..=6).for_each(|n| drop(centre.release(n)));
    centre.until(10_000);
    assert_eq!(centre.arrive_and_accept(contact(7)), "ann");
}

#[test]
fn the_most_specialised_seat_goes_first_whatever_the_order_of_names() {
    let mut centre = Centre::new(vec![
        seat("a-both", &["en", "th"], &["orders"]),
        seat("z-english", &["en"], &["orders"]),
    ]);
    centre.ready("a-both");
    centre.ready("z-english");

    assert_eq!(centre.arrive_and_accept(contact(1)), "z-english");
    assert_eq!(centre.arrive_and_accept(contact(2).language("th")), "a-both");
}

#[test]
fn an_unanswered_offer_goes_to_the_next_seat_at_its_expiry_and_not_before() {
    let mut centre = two_seats();
    let (first, ann, _) = one_offer(&centre.arrive(contact(1)));
    assert_eq!(ann, "ann");

    assert_eq!(centre.until(5_999), []);
    let decisions = centre.until(6_000);

    assert!(matches!(
        decisions[0],
        Decision::Withdrawn { offer, reason: WithdrawReason::Expired, .. } if offer == first
    ));
    let (_, seat, _) = one_offer(&decisions);
    assert_eq!(seat, "bob");
}

#[test]
fn the_same_seat_is_asked_again_only_when_it_is_the_only_one_and_after_a_pause() {
    let mut centre = Centre::new(vec![seat("ann", &["en"], &["orders"]).slots(2)]);
    centre.ready("ann");
    let (offer, ..) = one_offer(&centre.arrive(contact(1)));

    assert_eq!(offers(&centre.decline("ann", offer)), []);

    assert_eq!(offers(&centre.until(5_999)), []);
    let (_, seat, _) = one_offer(&centre.until(6_000));
    assert_eq!(seat, "ann");
}

#[test]
fn a_seat_that_declined_is_passed_over_while_another_is_free() {
    let mut centre = two_seats();
    let (offer, ann, _) = one_offer(&centre.arrive(contact(1)));
    let (second, bob, _) = one_offer(&centre.decline(&ann, offer));
    assert_eq!((ann.as_str(), bob.as_str()), ("ann", "bob"));

    // bob declines too: ann's pause of one offer time is not over.
    assert_eq!(offers(&centre.decline("bob", second)), []);
    let (_, seat, _) = one_offer(&centre.until(6_000));

    assert_eq!(seat, "ann");
}

#[test]
fn a_seat_that_declines_gets_the_next_conversation() {
    let mut centre = Centre::new(vec![seat("ann", &["en"], &["orders"])]);
    centre.ready("ann");
    let (offer, ..) = one_offer(&centre.arrive(contact(1)));
    centre.arrive(contact(2));

    let (_, _, next) = one_offer(&centre.decline("ann", offer));

    assert_eq!(next, 2);
}

#[test]
fn two_unanswered_offers_in_a_row_set_a_seat_away() {
    let mut centre = Centre::new(vec![seat("ann", &["en"], &["orders"])]);
    centre.ready("ann");
    centre.arrive(contact(1));
    let (_, _, again) = one_offer(&centre.until(12_000));
    assert_eq!(again, 1);

    let decisions = centre.until(18_000);

    let away = decisions.iter().any(|decision| {
        matches!(decision, Decision::SeatState { seat, state: SeatState::Away, .. }
            if seat.as_str() == "ann")
    });
    assert!(away, "{decisions:?}");
    assert_eq!(offers(&decisions), []);
    assert_eq!(offers(&centre.until(60_000)), []);
    let (_, seat, _) = one_offer(&centre.set_state("ann", SeatState::Ready));
    assert_eq!(seat, "ann");
}

#[test]
fn an_answer_between_two_unanswered_offers_keeps_a_seat_ready() {
    let mut centre = Centre::new(vec![seat("ann", &["en"], &["orders"])]);
    centre.ready("ann");
    centre.arrive(contact(1));
    let (offer, ..) = one_offer(&centre.until(12_000));
    centre.decline("ann", offer);

    let decisions = centre.until(24_000);

    assert!(!decisions.iter().any(|decision| matches!(decision, Decision::SeatState { .. })));
}

#[test]
fn single_owner() {
    let mut centre = two_seats();
    let (offer, ann, _) = one_offer(&centre.arrive(contact(1)));
    let refusal = |decisions: Vec<Decision>| match &decisions[..] {
        [Decision::Refused { reason, .. }] => *reason,
        other => panic!("one refusal and not {other:?}"),
    };

    assert_eq!(refusal(centre.accept("bob", offer)), RefuseReason::Forbidden);
    assert!(matches!(centre.accept(&ann, offer)[..], [Decision::Assigned { fence: 1, .. }]));

    assert_eq!(refusal(centre.accept("bob", offer)), RefuseReason::OfferTaken);
    assert_eq!(refusal(centre.accept("ann", offer)), RefuseReason::OfferTaken);
    assert_eq!(refusal(centre.accept("nobody", offer)), RefuseReason::NotFound);
    assert_eq!(centre.owner(1).as_deref(), Some("ann"));
}

#[test]
fn an_answer_at_the_instant_of_expiry_is_too_late() {
    let mut centre = two_seats();
    let (offer, ann, _) = one_offer(&centre.arrive(contact(1)));
    let late = centre.instant(6_000);

    let command =
        tradewind::schedule::Command::Accept { shop: shop(), seat: ann.as_str().into(), offer };
    let decisions = centre.scheduler.apply(late, command);

    assert!(matches!(
        decisions.last(),
        Some(Decision::Refused { reason: RefuseReason::OfferExpired, .. })
    ));
    assert_eq!(one_offer(&decisions).1, "bob");
}

#[test]
fn a_customer_who_leaves_frees_the_seat_for_the_next() {
    let mut centre = Centre::new(vec![seat("ann", &["en"], &["orders"])]);
    centre.ready("ann");
    centre.arrive(contact(1));
    centre.arrive(contact(2));
    centre.arrive(contact(3));

    assert_eq!(centre.leave(2), []);
    let decisions = centre.leave(1);

    assert!(matches!(decisions[0], Decision::Withdrawn { reason: WithdrawReason::Cancelled, .. }));
    assert_eq!(one_offer(&decisions).2, 3);
}

#[test]
fn offers_of_a_seat_that_goes_away_pass_on_and_it_gets_no_new_ones() {
    for state in [SeatState::Away, SeatState::WrapUp] {
        let mut centre = two_seats();
        centre.arrive(contact(1));

        let (_, seat, n) = one_offer(&centre.set_state("ann", state));

        assert_eq!((seat.as_str(), n), ("bob", 1));
        assert_eq!(offers(&centre.arrive(contact(2))), []);
    }
}

#[test]
fn heavier_conversations_go_first_until_the_age_bound() {
    let mut centre = Centre::new(vec![seat("ann", &["en"], &["orders"])]);
    centre.ready("ann");
    centre.arrive_and_accept(contact(1));
    centre.seat_spoke(1);
    centre.until(1_000);
    centre.arrive(contact(2));
    centre.until(20_000);
    centre.arrive(contact(3).priority(Priority::Vip));

    // 3 × 31 s against 50 s.
    centre.until(50_000);
    let (offer, _, next) = one_offer(&centre.release(1));
    assert_eq!(next, 3);
    centre.accept("ann", offer);
    centre.seat_spoke(3);

    centre.until(119_000);
    centre.arrive(contact(4).priority(Priority::Vip));
    centre.until(121_000);
    assert_eq!(one_offer(&centre.release(3)).2, 2);
}

#[test]
fn no_stream_of_vips_makes_a_normal_conversation_wait_beyond_the_age_bound_and_one_handling() {
    let mut centre = Centre::new(vec![seat("ann", &["en"], &["orders"])]);
    centre.ready("ann");
    let vip = |n: u64| contact(n).priority(Priority::Vip);
    centre.arrive_and_accept(vip(100));
    centre.arrive(contact(1));

    let mut serving = 100;
    for n in 0..40 {
        centre.until((n + 1) * 10_000);
        centre.arrive(vip(101 + n));
        let (offer, _, next) = one_offer(&centre.release(serving));
        centre.accept("ann", offer);
        serving = next;
        if next == 1 {
            break;
        }
    }

    assert_eq!(serving, 1);
    let bound = Settings::default().age_bound.as_millis() as u64;
    assert!(centre.now() <= centre.instant(bound + 10_000));
}

#[test]
fn a_changed_need_keeps_the_place() {
    let mut centre = Centre::new(vec![seat("ann", &["en"], &["orders", "refunds"])]);
    centre.ready("ann");
    centre.arrive_and_accept(contact(1));
    centre.until(1_000);
    centre.arrive(contact(2));
    centre.until(2_000);
    centre.arrive(contact(3).skill("refunds"));
    centre.until(30_000);
    centre.arrive(contact(2).skill("refunds"));

    assert_eq!(one_offer(&centre.release(1)).2, 2);
}

#[test]
fn a_changed_need_moves_the_offer_only_when_the_asked_seat_cannot_do_it() {
    let mut centre = Centre::new(vec![
        seat("ann", &["en"], &["orders", "returns"]),
        seat("bob", &["en"], &["orders", "returns", "refunds"]),
    ]);
    centre.ready("ann");
    centre.ready("bob");
    assert_eq!(one_offer(&centre.arrive(contact(1))).1, "ann");

    assert_eq!(centre.arrive(contact(1).skill("returns").priority(Priority::Raised)), []);
    let decisions = centre.arrive(contact(1).skill("refunds"));

    assert!(matches!(decisions[0], Decision::Withdrawn { reason: WithdrawReason::Cancelled, .. }));
    assert_eq!(one_offer(&decisions).1, "bob");
}

#[test]
fn offers_that_were_open_side_by_side_count_as_one_absence() {
    let mut centre = Centre::new(vec![seat("ann", &["en"], &["orders"]).slots(3)]);
    centre.ready("ann");
    (1..=3).for_each(|n| drop(centre.arrive(contact(n))));
    let is_away = |decisions: Vec<Decision>| {
        decisions.iter().any(|decision| matches!(decision, Decision::SeatState { .. }))
    };

    assert!(!is_away(centre.until(17_999)));
    assert!(is_away(centre.until(18_000)));
}

#[test]
fn the_same_arrival_twice_is_one() {
    let mut centre = two_seats();
    centre.arrive(contact(1));

    assert_eq!(centre.arrive(contact(1)), []);
    assert_eq!(centre.scheduler.totals().offered, 1);
}

#[test]
fn load_counts_open_only() {
    let mut centre = Centre::new(vec![
        seat("ann", &["en"], &["orders"]).slots(3),
        seat("bob", &["en"], &["orders"]).slots(3),
    ]);
    centre.ready("ann");
    // ann has had many conversations while bob was on leave.
    for n in 0..20 {
        centre.until(n * 1_000);
        centre.arrive_and_accept(contact(n));
        centre.release(n);
    }
    centre.ready("bob");

    let seats: Vec<String> = (100..106).map(|n| centre.arrive_and_accept(contact(n))).collect();

    assert_eq!(seats.iter().filter(|seat| *seat == "bob").count(), 3);
    assert_eq!(seats[..2], ["bob", "ann"]);
}

#[test]
fn backlog_flush_fair() {
    let mut centre = Centre::new(vec![
        seat("ann", &["en"], &["orders"]).slots(3),
        seat("bob", &["en"], &["orders"]).slots(3),
    ]);
    // An outage: sixty wait and nobody is there.
    for n in 0..60 {
        centre.until(n * 100);
        centre.arrive(contact(n));
    }

    let given = |decisions: &[Decision]| -> Vec<u64> {
        offers(decisions).into_iter().map(|(_, _, n)| n).collect()
    };
    let first = given(&centre.ready("ann"));
    let second = given(&centre.ready("bob"));

    assert_eq!(first, [0, 1, 2], "the first one back gets what it has slots for, not everything");
    assert_eq!(second, [3, 4, 5]);
    assert_eq!(centre.scheduler.totals().waiting, 54);
}

#[test]
fn a_region_that_a_seat_does_not_serve_is_a_hard_filter() {
    let mut centre = Centre::new(vec![
        seat("asia", &["en"], &["orders"]).regions(&["sea"]).slots(5),
        seat("all", &["en"], &["orders"]).slots(1),
    ]);
    centre.ready("asia");
    centre.ready("all");

    assert_eq!(centre.arrive_and_accept(contact(1).region("latam")), "all");
    assert_eq!(centre.arrive_and_accept(contact(2).region("sea")), "asia");
    assert_eq!(offers(&centre.arrive(contact(3).region("latam"))), []);
    assert_eq!(centre.arrive_and_accept(contact(4)), "asia");
}

#[test]
fn ids_of_offers_of_a_later_start_differ() {
    let id_at = |ms: u64| {
        let mut centre = Centre::new(vec![seat("ann", &["en"], &["orders"])]);
        centre.until(ms);
        centre.ready("ann");
        one_offer(&centre.arrive(contact(1))).0
    };

    assert_eq!(id_at(5), id_at(5));
    assert_ne!(id_at(5), id_at(6));
}
