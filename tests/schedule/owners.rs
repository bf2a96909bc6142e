//! Owners who fall silent, lose their connection or hand on; and restarts.

use crate::common::*;
use tradewind::domain::{Priority, SeatId, SeatState, SkillId, TransferTarget, WaitReason};
use tradewind::schedule::{
    Command, Decision, RefuseReason, Settings, TakeBackReason, TicketReason, WithdrawReason,
};

fn two_seats() -> Centre {
    let mut centre = Centre::new(vec![
        seat("ann", &["en"], &["orders"]),
        seat("bob", &["en"], &["orders", "refunds"]),
    ]);
    centre.ready("ann");
    centre.ready("bob");
    centre
}

fn taken_back(decisions: &[Decision]) -> Vec<(String, TakeBackReason)> {
    let taken = |decision: &Decision| match decision {
        Decision::TakenBack { seat, reason, .. } => Some((seat.to_string(), *reason)),
        _ => None,
    };
    decisions.iter().filter_map(taken).collect()
}

fn transfer(centre: &mut Centre, n: u64, from: &str, to: TransferTarget) -> Vec<Decision> {
    centre.tell(Command::Transfer {
        shop: shop(),
        conversation: conversation(n),
        from: SeatId::from(from),
        to,
    })
}

#[test]
fn silent_owner_loses_chat() {
    let mut centre = two_seats();
    assert_eq!(centre.arrive_and_accept(contact(1)), "ann");

    assert_eq!(centre.until(89_999), []);
    let decisions = centre.until(90_000);

    assert_eq!(taken_back(&decisions), [("ann".to_owned(), TakeBackReason::Silent)]);
    let (offer, seat, _) = one_offer(&decisions);
    assert_eq!(seat, "bob");
    assert!(matches!(centre.accept("bob", offer)[..], [Decision::Assigned { fence: 2, .. }]));
}

#[test]
fn the_owners_time_starts_with_the_first_unanswered_message() {
    let mut centre = two_seats();
    centre.arrive_and_accept(contact(1));
    centre.until(10_000);
    centre.seat_spoke(1);
    assert_eq!(centre.until(300_000), []);

    centre.customer_spoke(1);
    centre.until(360_000);
    centre.customer_spoke(1);

    assert_eq!(centre.until(389_999), []);
    assert_eq!(taken_back(&centre.until(390_000)).len(), 1);
}

#[test]
fn a_silent_owner_does_not_get_it_back_while_the_pause_runs() {
    let mut centre = Centre::new(vec![seat("ann", &["en"], &["orders"])]);
    centre.ready("ann");
    centre.arrive_and_accept(contact(1));

    let decisions = centre.until(90_000);
    assert_eq!(offers(&decisions), []);
    assert_eq!(told(&decisions), [(1, 1, WaitReason::Capacity)]);

    assert_eq!(offers(&centre.until(149_999)), []);
    assert_eq!(one_offer(&centre.until(150_000)).1, "ann");
}

#[test]
fn after_the_last_hop_a_silent_owner_keeps_it_and_the_supervisor_is_called() {
    let mut centre = two_seats();
    let mut owner = centre.arrive_and_accept(contact(1));
    for _ in 0..3 {
        let now = centre.now().since(centre.instant(0)).as_millis() as u64;
        let (offer, seat, _) = one_offer(&centre.until(now + 90_000));
        assert_ne!(seat, owner, "never the same seat twice in a row");
        centre.accept(&seat, offer);
        owner = seat;
    }

    let decisions = centre.until(360_000);

    assert_eq!(decisions, [Decision::Escalated { conversation: conversation(1), hops: 3 }]);
    assert_eq!(centre.owner(1), Some(owner));
}

#[test]
fn a_seat_lost_before_its_first_reply_loses_the_conversation_at_once() {
    let mut centre = two_seats();
    centre.arrive_and_accept(contact(1));

    let decisions = centre.sign_out("ann");

    assert_eq!(taken_back(&decisions), [("ann".to_owned(), TakeBackReason::SeatGone)]);
    assert_eq!(one_offer(&decisions).1, "bob");
}

#[test]
fn a_seat_lost_after_its_first_reply_has_the_grace_time_to_come_back() {
    for (back_ms, keeps) in [(19_999, true), (20_000, false)] {
        let mut centre = two_seats();
        centre.arrive_and_accept(contact(1));
        centre.seat_spoke(1);
        assert_eq!(centre.sign_out("ann"), []);

        let lost = centre.until(back_ms);
        centre.ready("ann");
        centre.until(back_ms + 1_000);

        assert_eq!(taken_back(&lost).is_empty(), keeps);
        assert_eq!(centre.owner(1).is_some(), keeps);
    }
}

#[test]
fn a_ticket_whose_customer_has_written_to_its_owner_is_handed_on_as_a_live_conversation() {
    for (writes, priority) in [(false, Priority::Ticket), (true, Priority::Normal)] {
        let mut centre = Centre::new(vec![seat("ann", &["en"], &["orders"])]);
        centre.ready("ann");
        centre.arrive_and_accept(contact(1).priority(Priority::Ticket));
        if writes {
            centre.customer_spoke(1);
        }

        centre.sign_out("ann");

        let waiting = centre.scheduler.queue(&shop(), 10);
        assert_eq!(waiting.iter().map(|view| view.priority).collect::<Vec<_>>(), [priority]);
    }
}

#[test]
fn an_offer_of_a_lost_seat_goes_to_the_next_at_once() {
    let mut centre = two_seats();
    centre.arrive(contact(1));

    let decisions = centre.sign_out("ann");

    assert!(matches!(decisions[0], Decision::Withdrawn { reason: WithdrawReason::SeatGone, .. }));
    assert_eq!(one_offer(&decisions).1, "bob");
}

#[test]
fn a_lost_seat_with_nobody_else_leaves_its_conversation_first_in_line() {
    let mut centre = Centre::new(vec![seat("ann", &["en"], &["orders"])]);
    centre.ready("ann");
    centre.arrive_and_accept(contact(1));
    centre.until(5_000);
    centre.arrive(contact(2));

    let decisions = centre.sign_out("ann");

    assert_eq!(told(&decisions), [(1, 1, WaitReason::Language)]);
    assert_eq!(one_offer(&centre.ready("ann")).2, 1);
}

#[test]
fn signing_in_twice_is_one_seat() {
    let mut centre = two_seats();
    centre.arrive_and_accept(contact(1));

    assert_eq!(centre.ready("ann"), []);

    assert_eq!(centre.owner(1).as_deref(), Some("ann"));
    assert_eq!(centre.scheduler.totals().seats_signed_in, 2);
    assert_eq!(offers(&centre.arrive(contact(2))).len(), 1);
    assert_eq!(offers(&centre.arrive(contact(3))).len(), 0, "both slots are in use");
}

#[test]
fn a_transfer_to_a_seat_is_offered_to_it_alone_for_two_offer_times() {
    let mut centre = Centre::new(vec![
        seat("ann", &["en"], &["orders"]),
        seat("bob", &["en"], &["orders"]),
        seat("cat", &["de"], &["refunds"]),
    ]);
    for seat in ["ann", "bob", "cat"] {
        centre.ready(seat);
    }
    centre.arrive_and_accept(contact(1));
    centre.arrive_and_accept(contact(2).language("de").skill("refunds"));
    centre.seat_spoke(2);

    // cat is busy: the conversation is kept for her although bob is free.
    let decisions = transfer(&mut centre, 1, "ann", TransferTarget::Seat("cat".into()));
    assert_eq!(taken_back(&decisions), [("ann".to_owned(), TakeBackReason::Transferred)]);
    assert_eq!(told(&decisions), [(1, 1, WaitReason::Capacity)]);
    assert_eq!(offers(&decisions), []);

    // She gets it when she is free, although she has neither language nor skill.
    centre.until(1_000);
    let (offer, seat, n) = one_offer(&centre.release(2));
    assert_eq!((seat.as_str(), n), ("cat", 1));

    // She declines: it is for everyone.
    assert_eq!(one_offer(&centre.decline("cat", offer)).1, "bob");
}

#[test]
fn a_transfer_to_a_busy_seat_is_for_everyone_when_its_time_is_over() {
    let mut centre = two_seats();
    centre.arrive_and_accept(contact(1));
    centre.arrive_and_accept(contact(2));
    centre.seat_spoke(1);
    centre.seat_spoke(2);

    assert_eq!(offers(&transfer(&mut centre, 1, "ann", TransferTarget::Seat("bob".into()))), []);

    // ann handed it on, so she is asked again only after the pause.
    assert_eq!(offers(&centre.until(59_999)), []);
    assert_eq!(one_offer(&centre.until(60_000)).1, "ann");
}

#[test]
fn a_transfer_to_a_seat_that_is_not_there_is_for_everyone_at_once() {
    let mut centre = two_seats();
    centre.arrive_and_accept(contact(1));
    centre.sign_out("bob");
    let mut third = contact(9);
    third.only = None;

    let decisions = transfer(&mut centre, 1, "ann", TransferTarget::Seat("bob".into()));

    assert_eq!(told(&decisions), [(1, 1, WaitReason::Capacity)]);
    assert_eq!(one_offer(&centre.ready("bob")).2, 1);
}

#[test]
fn a_transfer_to_a_skill_goes_to_who_has_it() {
    let mut centre = two_seats();
    centre.arrive_and_accept(contact(1));

    let skill = SkillId::from("refunds");
    let decisions = transfer(&mut centre, 1, "ann", TransferTarget::Skill(skill));

    assert_eq!(one_offer(&decisions).1, "bob");
}

#[test]
fn a_transfer_that_cannot_be_leaves_the_conversation_with_its_owner() {
    let mut centre = two_seats();
    centre.arrive_and_accept(contact(1));
    let nobody = TransferTarget::Seat("nobody".into());
    let no_skill = TransferTarget::Skill("alchemy".into());
    let bob = TransferTarget::Seat("bob".into());

    for (n, from, to, expected) in [
        (1, "ann", nobody, RefuseReason::NotFound),
        (1, "ann", no_skill, RefuseReason::NotFound),
        (1, "ann", TransferTarget::Seat("ann".into()), RefuseReason::Forbidden),
        (1, "bob", bob.clone(), RefuseReason::Forbidden),
        (7, "ann", bob, RefuseReason::NotFound),
    ] {
        let decisions = transfer(&mut centre, n, from, to);
        assert!(
            matches!(&decisions[..], [Decision::Refused { reason, .. }] if *reason == expected),
            "{decisions:?}"
        );
    }
    assert_eq!(centre.owner(1).as_deref(), Some("ann"));
}

#[test]
fn a_chosen_seat_that_is_not_at_work_is_passed_over() {
    // The chosen seat is off shift, then away, then signed out.
    let mut centre = Centre::new(vec![
        seat("old", &["en"], &["orders"]).hours("UTC", &["Mon 08:00-09:00"]),
        seat("new", &["en"], &["orders"]).slots(5),
        seat("gone", &["en"], &["orders"]),
    ]);
    centre.ready("old");
    centre.ready("new");
    centre.sign_in("gone", SeatState::Away);

    assert_eq!(centre.arrive_and_accept(contact(1).only("old")), "new");
    assert_eq!(centre.arrive_and_accept(contact(2).only("gone")), "new");
    centre.sign_out("gone");
    assert_eq!(centre.arrive_and_accept(contact(3).only("gone")), "new");
}

#[test]
fn after_a_restart_an_owner_has_the_grace_time_and_its_fence_stays() {
    let restored = |back_ms: u64| {
        let mut centre = two_seats_offline();
        centre.tell(Command::Restore {
            contact: contact(1),
            seat: "ann".into(),
            fence: 41,
            since: None,
            replied: false,
        });
        let lost = centre.until(back_ms);
        centre.ready("ann");
        (centre, lost)
    };

    let (mut centre, lost) = restored(19_999);
    assert_eq!(lost, []);
    assert_eq!(centre.scheduler.owner(conversation(1)).map(|(_, fence)| fence), Some(41));
    centre.ready("bob");
    let (offer, ..) = one_offer(&centre.arrive(contact(2)));
    assert!(matches!(centre.accept("bob", offer)[..], [Decision::Assigned { fence: 42, .. }]));

    let (centre, lost) = restored(20_000);
    assert_eq!(taken_back(&lost), [("ann".to_owned(), TakeBackReason::SeatGone)]);
    assert_eq!(centre.scheduler.owner(conversation(1)), None);
}

fn two_seats_offline() -> Centre {
    Centre::new(vec![
        seat("ann", &["en"], &["orders"]),
        seat("bob", &["en"], &["orders", "refunds"]),
    ])
}

#[test]
fn a_restored_owner_that_left_the_roster_gives_the_conversation_to_everyone() {
    let mut centre = two_seats();
    let mut old = contact(1);
    old.arrived_at = centre.instant(0);

    let decisions = centre.tell(Command::Restore {
        contact: old,
        seat: "retired".into(),
        fence: 9,
        since: None,
        replied: true,
    });

    assert_eq!(taken_back(&decisions), [("retired".to_owned(), TakeBackReason::SeatGone)]);
    let (offer, seat, _) = one_offer(&decisions);
    assert!(matches!(centre.accept(&seat, offer)[..], [Decision::Assigned { fence: 10, .. }]));
}

#[test]
fn a_returned_conversation_may_wait_as_long_as_a_new_one() {
    let settings = Settings { hops_max: 9, ..Settings::default() };
    let mut centre = Centre::with(settings, vec![seat("ann", &["en"], &["orders"])]);
    centre.ready("ann");
    centre.arrive_and_accept(contact(1));
    centre.seat_spoke(1);
    centre.until(3_000_000);
    centre.sign_out("ann");
    let returned = centre.until(3_020_000);
    assert_eq!(told(&returned).len(), 1);

    assert!(!has_ticket(&centre.until(3_619_999)));
    assert!(has_ticket(&centre.until(3_620_000)));
}

fn has_ticket(decisions: &[Decision]) -> bool {
    decisions.iter().any(|decision| {
        matches!(decision, Decision::Ticket { reason: TicketReason::WaitedTooLong, .. })
    })
}
