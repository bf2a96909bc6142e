//! Supervisors in the scheduler: what they may do to a conversation, wherever it is.

use std::time::Duration;

use crate::common::*;
use tradewind::domain::{SeatId, SeatProfile, SeatState};
use tradewind::schedule::{
    Command, Contact, Decision, RefuseReason, Settings, TakeBackReason, WithdrawReason,
};

fn centre() -> Centre {
    let mut centre = Centre::new(vec![
        seat("ann", &["en"], &["orders"]),
        seat("bob", &["en"], &["orders"]),
        seat("thi", &["vi"], &["returns"]),
        seat("sup", &["de"], &["care"]),
    ]);
    for seat in ["ann", "bob", "thi"] {
        centre.ready(seat);
    }
    centre.sign_in("sup", SeatState::Away);
    centre
}

fn assign(centre: &mut Centre, contact: Contact, to: &str) -> Vec<Decision> {
    let (to, by) = (SeatId::from(to), SeatId::from("sup"));
    centre.tell(Command::Assign { contact, to, by })
}

fn refusal(decisions: &[Decision]) -> RefuseReason {
    match decisions {
        [Decision::Refused { seat, offer: None, conversation: None, reason, .. }] => {
            assert_eq!(seat.as_str(), "sup", "the supervisor is told");
            *reason
        }
        other => panic!("no refusal: {other:?}"),
    }
}

#[test]
fn a_supervisor_gives_a_conversation_to_a_seat_wherever_it_is() {
    let mut centre = centre();

    // Unknown to the scheduler, as one that a machine has answered: language and skill are the
    // supervisor's choice.
    let decisions = assign(&mut centre, contact(1), "thi");
    assert!(matches!(decisions[..], [Decision::Assigned { offer: None, .. }]), "{decisions:?}");
    assert_eq!(centre.owner(1).as_deref(), Some("thi"));

    // Offered: the offer is withdrawn.
    let (_, asked, _) = one_offer(&centre.arrive(contact(2)));
    let other = if asked == "ann" { "bob" } else { "ann" };
    let decisions = assign(&mut centre, contact(2), other);
    let cancelled = WithdrawReason::Cancelled;
    assert!(matches!(&decisions[0], Decision::Withdrawn { reason, .. } if *reason == cancelled));
    assert_eq!(centre.owner(2).as_deref(), Some(other));

    // Owned: the owner loses it, and the freed slot takes the next who waits.
    centre.arrive_and_accept(contact(3));
    centre.arrive(contact(4));
    let decisions = assign(&mut centre, contact(3), "sup");
    let supervisor = TakeBackReason::Supervisor;
    assert!(matches!(&decisions[0], Decision::TakenBack { reason, .. } if *reason == supervisor));
    assert_eq!(centre.owner(3).as_deref(), Some("sup"), "one takes over also while away");
    assert_eq!(one_offer(&decisions).2, 4);
}

#[test]
fn a_conversation_that_waits_is_taken_out_of_its_lane() {
    let mut centre = centre();
    centre.arrive_and_accept(contact(1));
    centre.arrive_and_accept(contact(2));
    centre.arrive(contact(3));
    centre.arrive(contact(4));

    assign(&mut centre, contact(3), "sup");
    let next = one_offer(&centre.release(1)).2;

    assert_eq!(next, 4);
    assert_eq!(centre.scheduler.totals().waiting, 0);
}

#[test]
fn a_supervisors_move_is_no_hop_and_the_new_owner_must_answer_in_time() {
    let mut centre = centre();
    centre.arrive_and_accept(contact(1));
    for to in ["thi", "sup", "thi", "sup", "thi"] {
        assign(&mut centre, contact(1), to);
    }

    let decisions = centre.until(90_000);

    // Not escalated: none of its moves was a silent owner's.
    assert!(matches!(decisions[0], Decision::TakenBack { reason: TakeBackReason::Silent, .. }));
}

#[test]
fn slots_regions_and_shifts_hold_for_supervisors_too() {
    let off_shift = |seat: SeatProfile| seat.hours("UTC", &["Sat 09:00-10:00"]);
    let mut centre = Centre::new(vec![
        seat("ann", &["en"], &["orders"]),
        seat("eva", &["en"], &["orders"]).regions(&["latam"]),
        off_shift(seat("off", &["en"], &["orders"])),
        seat("sup", &["en"], &["orders"]),
    ]);
    centre.ready("ann");
    centre.ready("eva");
    centre.ready("off");
    centre.arrive_and_accept(contact(1));
    let owner = centre.owner(1).expect("an owner");
    let at_sea = || contact(2).region("sea");

    assert_eq!(refusal(&assign(&mut centre, contact(1), &owner)), RefuseReason::OwnedAlready);
    assert_eq!(refusal(&assign(&mut centre, contact(2), &owner)), RefuseReason::SeatFull);
    assert_eq!(refusal(&assign(&mut centre, at_sea(), "eva")), RefuseReason::WrongRegion);
    assert_eq!(refusal(&assign(&mut centre, contact(2), "off")), RefuseReason::SeatNotThere);
    assert_eq!(refusal(&assign(&mut centre, contact(2), "sup")), RefuseReason::SeatNotThere);
    assert_eq!(refusal(&assign(&mut centre, contact(2), "nobody")), RefuseReason::NotFound);
    centre.set_state("eva", SeatState::Away);
    assert_eq!(refusal(&assign(&mut centre, contact(2), "eva")), RefuseReason::SeatNotThere);
    assert_eq!(centre.scheduler.totals().owned, 1, "a refusal changes nothing");
}

#[test]
fn the_same_seat_signed_in_twice_is_one_seat() {
    let mut centre = Centre::new(vec![seat("ann", &["en"], &["orders"]).slots(2)]);
    centre.ready("ann");
    centre.arrive_and_accept(contact(1));

    centre.ready("ann");
    centre.arrive_and_accept(contact(2));
    let third = centre.arrive(contact(3));

    assert_eq!(offers(&third), [], "two slots are two slots");
    assert_eq!(centre.scheduler.totals().seats_signed_in, 1);
    centre.sign_out("ann");
    assert_eq!(centre.scheduler.totals().seats_signed_in, 0);
}

#[test]
fn a_customer_who_leaves_the_queue_is_out_of_it_at_once() {
    let mut centre = Centre::new(vec![seat("ann", &["en"], &["orders"])]);
    centre.ready("ann");
    centre.arrive_and_accept(contact(1));
    for n in 2..=4 {
        centre.arrive(contact(n));
    }

    centre.leave(2);
    assert_eq!(centre.scheduler.totals().waiting, 2);
    centre.release(1);
    // Three is being asked for; leaving frees the slot for four in the same step.
    let decisions = centre.leave(3);

    assert_eq!(one_offer(&decisions).2, 4);
    centre.leave(4);
    let totals = centre.scheduler.totals();
    assert_eq!((totals.waiting, totals.offered, totals.owned), (0, 0, 0));
    let settings = Settings::default();
    let later = settings.queue_wait_max + Duration::from_secs(1);
    assert!(centre.until(later.as_millis() as u64).is_empty(), "no timer is left behind");
}

#[test]
fn the_floor_shows_who_waits_what_runs_and_which_seats_there_are() {
    let mut centre = centre();
    centre.arrive_and_accept(contact(1));
    centre.seat_spoke(1);
    centre.arrive_and_accept(contact(2));
    for n in 3..=5 {
        centre.arrive(contact(n));
    }
    centre.until(7_000);
    centre.customer_spoke(1);

    let floor = centre.scheduler.floor(&shop(), 100);

    let waiting: Vec<u64> = floor.waiting.iter().map(|row| number(row.conversation)).collect();
    assert_eq!(waiting, [3, 4, 5], "in the order of service");
    let row = &floor.waiting[0];
    assert_eq!((row.place, row.deadline), (1, row.arrived_at + Duration::from_secs(15)));
    let running = |n| floor.running.iter().find(|row| row.conversation == conversation(n));
    let (one, two) = (running(1).expect("a row"), running(2).expect("a row"));
    assert_eq!((one.replied, one.owes_reply), (true, true), "the customer has written since");
    assert_eq!((two.replied, two.owes_reply), (false, true));
    let seats: Vec<(&str, u32)> =
        floor.seats.iter().map(|row| (row.seat.as_str(), row.assigned)).collect();
    assert_eq!(seats, [("ann", 1), ("bob", 1), ("sup", 0), ("thi", 0)]);

    // However many there are, the rows are bounded and the totals are not.
    let few = centre.scheduler.floor(&shop(), 1);
    assert_eq!((few.waiting.len(), few.running.len(), few.seats.len()), (1, 1, 1));
    assert_eq!((few.totals.waiting, few.totals.running, few.totals.seats), (3, 2, 4));
    assert_eq!(few.waiting[0], floor.waiting[0]);
}

#[test]
fn the_floor_tells_when_a_shift_ends_and_shows_nobody_who_is_not_there() {
    let late = seat("ann", &["en"], &["orders"]).hours("UTC", &["Mon-Fri 09:00-17:00"]);
    let mut centre = Centre::new(vec![late, seat("bob", &["en"], &["orders"])]);
    centre.ready("ann");

    let floor = centre.scheduler.floor(&shop(), 100);

    assert_eq!(floor.seats.len(), 1);
    let ends_at = floor.seats[0].shift_ends_at.expect("an end");
    assert_eq!(ends_at.since(centre.now()), Duration::from_secs(7 * 3_600));
}
