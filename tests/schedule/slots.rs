//! Slots: what uses them, how wrap-up frees them, and the seat that a customer knows.

use std::num::NonZeroU8;
use std::time::Duration;

use crate::common::*;
use tradewind::domain::{QueueRules, Rules, SeatProfile, SeatState, TransferTarget, WaitReason};
use tradewind::schedule::{Command, Decision, Settings, Why};

fn ruled(rules: Rules, seats: Vec<SeatProfile>) -> Centre {
    Centre::with_rules(Settings::default(), seats, rules)
}

fn wrapping(seconds: u64, seats: Vec<SeatProfile>) -> Centre {
    let rules = Rules { wrap_up: Duration::from_secs(seconds), ..Rules::default() };
    let mut centre = ruled(rules, seats);
    centre.ready("ann");
    centre.arrive_and_accept(contact(1));
    centre.seat_spoke(1);
    centre.arrive(contact(2));
    centre
}

fn wrapping_up(centre: &Centre, seat: &str) -> u32 {
    centre.scheduler.seat(&shop(), &seat.into()).expect("a seat").wrapping_up
}

#[test]
fn a_slot_is_free_when_its_wrap_up_is_over_and_not_before() {
    let mut centre = wrapping(30, vec![seat("ann", &["en"], &["orders"])]);

    let decisions = centre.release(1);
    assert_eq!(offers(&decisions), []);
    assert!(matches!(decisions[..], [Decision::SlotsChanged { .. }]), "the seat is told");
    assert_eq!(wrapping_up(&centre, "ann"), 1);

    assert_eq!(offers(&centre.until(29_999)), []);
    assert_eq!(one_offer(&centre.until(30_000)).2, 2);
    assert_eq!(wrapping_up(&centre, "ann"), 0);
}

#[test]
fn a_seat_that_says_it_is_ready_has_done_its_paperwork() {
    let mut centre = wrapping(30, vec![seat("ann", &["en"], &["orders"])]);
    centre.release(1);

    assert_eq!(one_offer(&centre.set_state("ann", SeatState::Ready)).2, 2);
    assert!(offers(&centre.until(5_000)).is_empty());
}

#[test]
fn a_seat_that_hands_a_conversation_on_wraps_it_up_by_the_skill_that_it_worked_with() {
    let longer = QueueRules { wrap_up: Some(Duration::from_secs(60)), ..QueueRules::default() };
    let rules = Rules {
        wrap_up: Duration::from_secs(30),
        queues: [("refunds".into(), longer)].into(),
        ..Rules::default()
    };
    let seats =
        vec![seat("ann", &["en"], &["orders"]), seat("bob", &["en"], &["orders", "refunds"])];
    let mut centre = ruled(rules, seats);
    centre.ready("ann");
    centre.arrive_and_accept(contact(1));
    centre.seat_spoke(1);
    centre.arrive(contact(2));

    let decisions = centre.tell(Command::Transfer {
        shop: shop(),
        conversation: conversation(1),
        from: "ann".into(),
        to: TransferTarget::Skill("refunds".into()),
    });

    assert_eq!(offers(&decisions), [], "the slot of ann is still in use");
    assert!(decisions.iter().any(|decision| matches!(decision, Decision::SlotsChanged { .. })));
    assert_eq!(wrapping_up(&centre, "ann"), 1);
    assert_eq!(offers(&centre.until(29_999)), []);
    assert_eq!(one_offer(&centre.until(30_000)).2, 2);
}

#[test]
fn a_seat_that_loses_a_conversation_to_a_supervisor_wraps_it_up_if_it_has_written() {
    for has_written in [true, false] {
        let rules = Rules { wrap_up: Duration::from_secs(30), ..Rules::default() };
        let seats = vec![seat("ann", &["en"], &["orders"]), seat("sup", &["de"], &["care"])];
        let mut centre = ruled(rules, seats);
        centre.ready("ann");
        centre.sign_in("sup", SeatState::Away);
        centre.arrive_and_accept(contact(1));
        if has_written {
            centre.seat_spoke(1);
        }
        centre.arrive(contact(2));

        let (contact, by) = (contact(1), "sup".into());
        let decisions = centre.tell(Command::Assign { contact, to: "sup".into(), by });

        assert_eq!(centre.owner(1).as_deref(), Some("sup"));
        assert_eq!(wrapping_up(&centre, "ann"), u32::from(has_written));
        assert_eq!(offers(&decisions).len(), usize::from(!has_written));
    }
}

#[test]
fn a_silent_owner_that_loses_a_conversation_wraps_nothing_up() {
    let mut centre = wrapping(30, vec![seat("ann", &["en"], &["orders"])]);
    centre.customer_spoke(1);

    let decisions = centre.until(90_000);

    assert!(matches!(decisions[0], Decision::TakenBack { .. }), "{decisions:?}");
    assert_eq!(wrapping_up(&centre, "ann"), 0);
    assert_eq!(one_offer(&decisions).2, 2);
}

#[test]
fn other_slots_of_the_seat_work_on_during_a_wrap_up() {
    let mut centre = wrapping(30, vec![seat("ann", &["en"], &["orders"]).slots(3)]);
    centre.release(1);

    assert_eq!(one_offer(&centre.arrive(contact(3))).1, "ann");
    assert_eq!(offers(&centre.arrive(contact(4))), [], "two slots and one in wrap-up");
}

#[test]
fn who_has_not_written_has_nothing_to_wrap_up() {
    let rules = Rules { wrap_up: Duration::from_secs(30), ..Rules::default() };
    let mut centre = ruled(rules, vec![seat("ann", &["en"], &["orders"])]);
    centre.ready("ann");
    centre.arrive_and_accept(contact(1));
    centre.arrive(contact(2));

    assert_eq!(one_offer(&centre.release(1)).2, 2);
}

#[test]
fn a_lost_connection_ends_the_wrap_up() {
    let mut centre = wrapping(30, vec![seat("ann", &["en"], &["orders"])]);
    centre.release(1);
    centre.sign_out("ann");

    assert_eq!(one_offer(&centre.ready("ann")).2, 2);
}

#[test]
fn a_chat_that_weighs_two_slots_uses_two() {
    let rules = || Rules { chat_slots: NonZeroU8::new(2).expect("not zero"), ..Rules::default() };
    let mut centre = ruled(rules(), vec![seat("ann", &["en"], &["orders"]).slots(5)]);
    centre.ready("ann");

    for n in 1..=3 {
        centre.arrive(contact(n));
    }

    let view = centre.scheduler.seat(&shop(), &"ann".into()).expect("a seat");
    assert_eq!((view.offered, view.slots), (4, 5), "a fifth slot is too little for a third chat");
    assert_eq!(centre.scheduler.totals().waiting, 1);

    // A seat with fewer slots than a chat weighs still takes one.
    let mut small = ruled(rules(), vec![seat("ann", &["en"], &["orders"])]);
    small.ready("ann");
    assert_eq!(offers(&small.arrive(contact(1))).len(), 1);
}

/// Ann is the dearer of both, so that by itself the choice falls on bob.
fn ann_and_bob() -> Centre {
    let mut centre = Centre::new(vec![
        seat("ann", &["en", "th"], &["orders", "refunds"]).slots(2),
        seat("bob", &["en"], &["orders"]).slots(2),
    ]);
    centre.ready("ann");
    centre.ready("bob");
    centre
}

#[test]
fn a_customer_comes_back_to_the_seat_that_knows_the_matter() {
    let mut centre = ann_and_bob();
    assert_eq!(one_offer(&centre.arrive(contact(1))).1, "bob");

    let decisions = centre.arrive(contact(2).last_seat("ann"));

    let offered = decisions.iter().find_map(|decision| match decision {
        Decision::Offered { seat, why, expires_at, .. } => Some((seat, why, expires_at)),
        _ => None,
    });
    let (seat, why, expires_at) = offered.expect("an offer");
    assert_eq!(seat.as_str(), "ann");
    assert!(why.contains(&Why::KnowsCustomer), "{why:?}");
    assert_eq!(expires_at.since(centre.now()), Duration::from_secs(5), "its head start");
    assert_eq!(one_offer(&centre.until(5_000)).1, "bob", "then it is for everyone");
}

#[test]
fn the_head_start_is_at_most_half_of_what_is_left_of_the_promise() {
    let mut centre = ann_and_bob();
    let mut late = contact(1).last_seat("ann");
    centre.until(9_000);
    late.arrived_at = centre.instant(0);

    let decisions = centre.arrive(late);

    let Some(Decision::Offered { expires_at, .. }) = decisions.first() else {
        panic!("no offer in {decisions:?}")
    };
    assert_eq!(expires_at.since(centre.now()), Duration::from_secs(3));

    let mut centre = ann_and_bob();
    let mut too_late = contact(2).last_seat("ann");
    too_late.arrived_at = centre.instant(0);
    centre.until(14_000);
    assert_eq!(one_offer(&centre.arrive(too_late)).1, "bob", "half a second is no start");
}

#[test]
fn a_full_seat_is_not_waited_for_and_one_in_wrap_up_is_for_the_head_start() {
    let mut centre = ann_and_bob();
    centre.arrive_and_accept(contact(1).last_seat("ann"));
    centre.arrive_and_accept(contact(2).last_seat("ann"));
    assert_eq!(one_offer(&centre.arrive(contact(3).last_seat("ann"))).1, "bob");

    centre.release(1);
    centre.set_state("ann", SeatState::WrapUp);
    let decisions = centre.arrive(contact(4).last_seat("ann"));
    assert_eq!(offers(&decisions), []);
    assert_eq!(told(&decisions), [(4, 1, WaitReason::Capacity)]);
    assert_eq!(one_offer(&centre.until(5_000)).1, "bob");
}

fn is_ready(centre: &Centre, seat: &str) -> bool {
    let view = centre.scheduler.seat(&shop(), &seat.into()).expect("a seat");
    view.state == Some(SeatState::Ready)
}

#[test]
fn a_known_seat_that_frees_when_its_head_start_is_all_but_over_is_asked_for_as_long_as_any() {
    let mut centre = wrapping(30, vec![seat("ann", &["en"], &["orders"])]);
    centre.leave(2);
    centre.release(1);
    let wraps_until = 30_000;
    // Its head start would end 100 ms after the wrap-up.
    centre.until(wraps_until - 4_900);
    assert_eq!(offers(&centre.arrive(contact(3).last_seat("ann"))), [], "it is kept for ann");

    let decisions = centre.until(wraps_until);

    let Some(Decision::Offered { expires_at, why, .. }) =
        decisions.iter().find(|decision| matches!(decision, Decision::Offered { .. }))
    else {
        panic!("no offer in {decisions:?}")
    };
    assert!(why.contains(&Why::KnowsCustomer), "{why:?}");
    assert_eq!(expires_at.since(centre.now()), Duration::from_secs(6));
}

#[test]
fn a_seat_that_lets_head_starts_pass_is_there_and_not_set_away() {
    let mut centre = Centre::new(vec![seat("ann", &["en"], &["orders"])]);
    centre.ready("ann");

    for n in 1..=3 {
        assert_eq!(one_offer(&centre.arrive(contact(n).last_seat("ann"))).1, "ann");
        let now = centre.now().since(centre.instant(0)).as_millis() as u64;
        centre.until(now + 5_000);
        centre.leave(n);
        assert!(is_ready(&centre, "ann"), "after {n} offers of 5 s");
    }
}

#[test]
fn no_forward_to_offline() {
    let shift = |spans: &[&str]| {
        let mut centre = Centre::new(vec![
            seat("ann", &["en"], &["orders"]).hours("UTC", spans),
            seat("bob", &["en"], &["orders"]),
        ]);
        centre.ready("ann");
        centre.ready("bob");
        centre
    };
    // The clock starts on a Wednesday at 10:00.
    let mut ended = shift(&["Wed 08:00-09:00"]);
    assert_eq!(one_offer(&ended.arrive(contact(1).last_seat("ann"))).1, "bob");

    let mut ends_soon = shift(&["Wed 08:00-10:14"]);
    let decisions = ends_soon.arrive(contact(4).last_seat("ann"));
    let known = |why: &Vec<Why>| why.contains(&Why::KnowsCustomer);
    assert!(!decisions.iter().any(|d| matches!(d, Decision::Offered { why, .. } if known(why))));

    let mut lasts = shift(&["Wed 08:00-10:15"]);
    assert_eq!(one_offer(&lasts.arrive(contact(1).last_seat("ann"))).1, "ann");

    let mut away = shift(&["always"]);
    away.set_state("ann", SeatState::Away);
    assert_eq!(one_offer(&away.arrive(contact(1).last_seat("ann"))).1, "bob");
    away.sign_out("ann");
    assert_eq!(offers(&away.arrive(contact(2).last_seat("ann"))), [], "or it waits in line");
}

#[test]
fn a_known_seat_that_lacks_language_skill_or_region_is_passed_over() {
    let mut centre = Centre::new(vec![
        seat("ann", &["en"], &["orders"]).regions(&["latam"]).slots(3),
        seat("bob", &["en", "th"], &["orders", "refunds"]).slots(3),
    ]);
    centre.ready("ann");
    centre.ready("bob");

    for (n, contact) in
        [contact(1).language("th"), contact(2).skill("refunds"), contact(3).region("sea")]
            .into_iter()
            .enumerate()
    {
        let decisions = centre.arrive(contact.last_seat("ann"));
        assert_eq!(one_offer(&decisions).1, "bob", "{n}");
    }
}
