//! Conversations that wait for a supervisor's approval, by a rule of their queue.

use std::time::Duration;

use crate::common::*;
use tradewind::domain::{
    AfterHold, ApprovalRule, QueueRules, Rules, SeatId, ShopId, SkillId, TransferTarget, WaitReason,
};
use tradewind::schedule::{
    Approval, Command, Contact, Decision, RefuseReason, Roster, Settings, Step, TicketReason,
};

const HOLD_MAX: Duration = Duration::from_secs(300);

fn rules(then: AfterHold) -> Rules {
    let approval = Some(ApprovalRule { hold_max: HOLD_MAX, then });
    let queue = QueueRules { approval, ..QueueRules::default() };
    Rules { queues: [(SkillId::from("legal"), queue)].into(), ..Rules::default() }
}

fn seats() -> Vec<tradewind::domain::SeatProfile> {
    vec![seat("ann", &["en"], &["orders", "legal"]), seat("bob", &["en"], &["orders", "legal"])]
}

/// Two seats that are ready, and a queue whose conversations are held.
fn centre(then: AfterHold) -> Centre {
    let mut centre = Centre::with_rules(Settings::default(), seats(), rules(then));
    centre.ready("ann");
    centre.ready("bob");
    centre
}

fn legal(n: u64) -> Contact {
    contact(n).skill("legal")
}

fn approve(centre: &mut Centre, n: u64) -> Vec<Decision> {
    let (conversation, by) = (conversation(n), SeatId::from("sup"));
    centre.tell(Command::Approve { shop: shop(), conversation, by })
}

fn steps(centre: &Centre, n: u64) -> Vec<Step> {
    let explanation = centre.scheduler.explain(conversation(n)).expect("it is remembered");
    explanation.records.into_iter().map(|record| record.step).collect()
}

#[test]
fn a_held_conversation_is_offered_to_nobody_until_it_is_approved_and_goes_by_its_arrival() {
    let mut centre = centre(AfterHold::Ticket);

    let held = centre.arrive(legal(1));

    let until = centre.instant(300_000);
    assert_eq!(held, [Decision::Held { conversation: conversation(1), place: 1, until }]);
    let view = &centre.scheduler.queue(&shop(), 9)[0];
    assert_eq!(
        (view.reason, view.held_until, view.wait_s),
        (WaitReason::Approval, Some(until), None)
    );
    centre.until(10_000);
    assert!(matches!(centre.arrive(legal(2))[..], [Decision::Held { place: 2, .. }]));
    centre.arrive_and_accept(contact(3));
    centre.arrive_and_accept(contact(4));
    centre.arrive(contact(5));
    let approved = approve(&mut centre, 1);
    assert!(matches!(approved[0], Decision::Approved { by: Some(_), .. }), "{approved:?}");
    // Every seat is busy; when one frees, who came first goes first.
    let (_, _, first) = one_offer(&centre.release(3));
    assert_eq!(first, 1);
    let found = steps(&centre, 1);
    assert_eq!(found[0], Step::Held { until });
    assert_eq!(found[1], Step::Approved { by: Some(SeatId::from("sup")) });
    let text = centre.scheduler.explain(conversation(1)).expect("one").to_string();
    assert!(text.contains("waits for a supervisor's approval, until 2026-11-25"), "{text}");
    let text = centre.scheduler.explain(conversation(2)).expect("one").to_string();
    assert!(text.contains("now: waits for approval, place 1, until 2026-11-25"), "{text}");
}

#[test]
fn after_the_longest_hold_it_gets_a_ticket_or_goes_on_as_the_rule_says() {
    let mut strict = centre(AfterHold::Ticket);
    strict.arrive(legal(1));
    assert!(strict.until(299_999).is_empty());
    let over = strict.until(300_000);
    let reason = TicketReason::NotApproved;
    let ticket = Decision::Ticket { conversation: conversation(1), opens_at: None, reason };
    assert_eq!(over, [ticket]);

    let mut lenient = centre(AfterHold::Release);
    lenient.arrive(legal(1));
    assert!(lenient.until(299_999).is_empty());
    let over = lenient.until(300_000);
    assert_eq!(over[0], Decision::Approved { conversation: conversation(1), by: None });
    assert_eq!(one_offer(&over).2, 1);
}

#[test]
fn only_what_is_held_can_be_approved_and_only_by_its_shop() {
    let mut centre = centre(AfterHold::Ticket);
    centre.arrive(legal(1));
    centre.arrive(contact(2));
    let reason = |decisions: &[Decision]| match decisions {
        [Decision::Refused { reason, conversation: None, .. }] => *reason,
        other => panic!("no refusal: {other:?}"),
    };

    assert_eq!(reason(&approve(&mut centre, 2)), RefuseReason::NotHeld);
    assert_eq!(reason(&approve(&mut centre, 9)), RefuseReason::NotFound);
    let (conversation, by) = (conversation(1), SeatId::from("sup"));
    let strangers = Command::Approve { shop: ShopId::from("other"), conversation, by };
    assert_eq!(reason(&centre.tell(strangers)), RefuseReason::NotFound);
    approve(&mut centre, 1);
    assert_eq!(reason(&approve(&mut centre, 1)), RefuseReason::NotHeld);
}

#[test]
fn who_leaves_closes_or_is_given_to_a_seat_is_held_no_longer() {
    let mut centre = centre(AfterHold::Ticket);
    for n in 1..4 {
        centre.arrive(legal(n));
    }

    centre.leave(1);
    centre.release(2);
    let (to, by) = (SeatId::from("ann"), SeatId::from("sup"));
    centre.tell(Command::Assign { contact: legal(3), to, by });

    assert_eq!(centre.owner(3).as_deref(), Some("ann"));
    assert_eq!(centre.scheduler.totals().waiting, 0);
    // What a supervisor has given away once needs no approval when it comes back.
    let offered = centre.sign_out("ann");
    assert_eq!(one_offer(&offered).2, 3);
    assert!(centre.until(600_000).iter().all(|d| !matches!(d, Decision::Held { .. })));
}

#[test]
fn a_transfer_or_a_new_subject_is_held_where_its_new_queue_says_so() {
    let mut centre = centre(AfterHold::Release);
    let seat = centre.arrive_and_accept(contact(1));
    let (from, to) = (SeatId::from(seat.as_str()), TransferTarget::Skill("legal".into()));
    let conversation_1 = conversation(1);
    let command = Command::Transfer { shop: shop(), conversation: conversation_1, from, to };
    let moved = centre.tell(command);
    assert!(moved.iter().any(|d| matches!(d, Decision::Held { .. })), "{moved:?}");
    let (offer, ..) = one_offer(&centre.arrive(contact(2)));
    // While a seat that could do that as well is asked, the subject changes.
    let changed = centre.arrive(legal(2));
    assert!(matches!(changed[0], Decision::Withdrawn { offer: o, .. } if o == offer));
    assert!(matches!(changed[1], Decision::Held { place: 2, .. }), "{changed:?}");
    approve(&mut centre, 2);

    let back = centre.arrive(contact(2));
    assert!(offers(&back).len() <= 1);
    let again = centre.arrive(legal(2));

    assert!(again.iter().any(|d| matches!(d, Decision::Held { .. })), "for the other: {again:?}");
}

#[test]
fn a_restart_holds_no_longer_than_before_and_what_was_approved_stays_so() {
    let mut centre = centre(AfterHold::Release);
    let until = centre.instant(20_000);
    let held = Contact { approval: Approval::Held { until }, ..legal(1) };

    let silent = centre.tell(Command::Rejoin(held));
    let approved = Contact { approval: Approval::Given, ..legal(2) };
    let goes_on = centre.tell(Command::Rejoin(approved));
    let late = Contact { approval: Approval::Held { until: centre.now() }, ..legal(3) };
    let over = centre.tell(Command::Rejoin(late));

    assert!(silent.is_empty(), "it was told before: {silent:?}");
    assert_eq!(one_offer(&goes_on).2, 2);
    assert_eq!(over[0], Decision::Approved { conversation: conversation(3), by: None });
    assert!(centre.until(19_999).iter().all(|d| d.conversation() != Some(conversation(1))));
    let over = centre.until(20_000);
    assert_eq!(over[0], Decision::Approved { conversation: conversation(1), by: None });
}

#[test]
fn new_rules_hold_what_they_say_and_let_go_what_they_do_not() {
    let mut centre = centre(AfterHold::Ticket);
    centre.arrive(legal(1));
    let reload = |centre: &mut Centre, rules: Rules| {
        let roster = Roster {
            shop: shop(),
            seats: seats(),
            fallback_language: None,
            hours: tradewind::schedule::QueueHours::default(),
            rules,
            translation: None,
        };
        let now = centre.now();
        let decisions = centre.scheduler.reload(now, roster);
        assert_eq!(centre.scheduler.audit(), Vec::<String>::new());
        decisions
    };

    assert!(reload(&mut centre, rules(AfterHold::Ticket)).is_empty(), "held on, and told before");
    let free = reload(&mut centre, Rules::default());

    assert_eq!(one_offer(&free).2, 1);
}

#[test]
fn a_full_queue_counts_what_is_held() {
    let mut rules = rules(AfterHold::Ticket);
    let queue = rules.queues.get_mut(&SkillId::from("legal")).expect("the queue");
    queue.waiting_max = Some(1);
    let mut centre = Centre::with_rules(Settings::default(), seats(), rules);
    centre.ready("ann");
    centre.arrive(legal(1));

    let full = centre.arrive(legal(2));

    let is_full =
        |d: &Decision| matches!(d, Decision::Ticket { reason: TicketReason::QueueFull, .. });
    assert!(full.iter().any(is_full), "{full:?}");
}
