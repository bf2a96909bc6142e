//! The rules of single queues: levels, preferences, steps, regions, policies and bounds.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::common::*;
use tradewind::domain::{
    AfterHold, ApprovalRule, Needs, Priority, QueueRules, Regions, Rules, SeatProfile, SeatState,
    Select, SkillId, Step, Timestamp,
};
use tradewind::schedule::{Contact, Decision, RefuseReason, Settings, TicketReason, Why};

fn centre(queue: QueueRules, seats: Vec<SeatProfile>) -> Centre {
    let queues = BTreeMap::from([(SkillId::from("orders"), queue)]);
    Centre::with_rules(Settings::default(), seats, Rules { queues, ..Rules::default() })
}

fn level(level: u8) -> Needs {
    Needs { level, ..Needs::default() }
}

fn any_region() -> Needs {
    Needs { regions: Regions::Any, ..Needs::default() }
}

fn steps(needs: Needs, steps: Vec<Step>) -> QueueRules {
    QueueRules { needs, steps, ..QueueRules::default() }
}

fn after(seconds: u64, needs: Needs) -> Step {
    Step { needs, after: Some(Duration::from_secs(seconds)), ..Step::default() }
}

fn why(decisions: &[Decision]) -> &[Why] {
    let offered = decisions.iter().find_map(|decision| match decision {
        Decision::Offered { why, .. } => Some(why),
        _ => None,
    });
    offered.expect("an offer")
}

#[test]
fn a_step_opens_to_lower_levels_after_its_wait_and_not_before() {
    let rules = steps(level(4), vec![after(10, level(3)), after(20, level(1))]);
    let mut centre = centre(
        rules,
        vec![
            seat("best", &["en"], &["orders"]),
            seat("good", &["en"], &["orders"]).at_level("orders", 3),
            seat("new", &["en"], &["orders"]).at_level("orders", 1),
        ],
    );
    centre.ready("good");
    centre.ready("new");

    assert_eq!(offers(&centre.arrive(contact(1))), []);
    assert_eq!(offers(&centre.until(9_999)), []);
    let first = centre.until(10_000);
    assert_eq!(one_offer(&first).1, "good");
    assert!(why(&first).contains(&Why::Widened { step: 1 }), "{first:?}");
    centre.accept("good", one_offer(&first).0);
    centre.arrive(contact(2));
    assert_eq!(one_offer(&centre.until(30_000)).1, "new");

    // A seat that fits at first needs no step.
    centre.arrive(contact(3));
    assert_eq!(one_offer(&centre.ready("best")).2, 3);
}

#[test]
fn a_seat_of_a_later_step_takes_who_has_waited_for_it_when_it_frees() {
    let rules = steps(level(5), vec![after(10, level(1))]);
    let mut centre = centre(
        rules,
        vec![
            seat("best", &["en"], &["orders"]),
            seat("new", &["en"], &["orders", "refunds"]).at_level("orders", 1),
        ],
    );
    centre.ready("best");
    centre.arrive_and_accept(contact(1));
    centre.ready("new");
    centre.arrive_and_accept(contact(2).skill("refunds"));
    centre.arrive(contact(3));
    centre.until(9_000);
    centre.arrive(contact(4));
    centre.seat_spoke(1);
    centre.seat_spoke(2);
    assert_eq!(offers(&centre.until(12_000)), []);

    // Three has waited 12 s and four 3 s: the step is open to the first only.
    assert_eq!(one_offer(&centre.release(2)).2, 3);
    centre.leave(3);
    assert_eq!(one_offer(&centre.until(19_000)).2, 4);
}

#[test]
fn languages_have_levels_too() {
    let needs = Needs { fluency: 4, ..Needs::default() };
    let rules = steps(needs, vec![after(5, Needs::default())]);
    let mut centre = centre(
        rules,
        vec![
            seat("learner", &["es"], &["orders"]).at_fluency("es", 2),
            seat("native", &["es"], &["orders"]),
        ],
    );
    centre.ready("learner");

    assert_eq!(offers(&centre.arrive(contact(1).language("es"))), []);
    assert_eq!(one_offer(&centre.until(5_000)).1, "learner");
    centre.ready("native");
    assert_eq!(one_offer(&centre.arrive(contact(2).language("es"))).1, "native");
}

#[test]
fn a_long_queue_opens_a_step_at_once_and_a_short_one_shuts_it() {
    let help = Step { needs: any_region(), longer_than: Some(2), ..Step::default() };
    let mut centre = centre(
        steps(Needs::default(), vec![help]),
        vec![
            seat("home", &["en"], &["orders"]).regions(&["sea"]),
            seat("help", &["en"], &["orders"]).regions(&["latam"]).slots(9),
        ],
    );
    centre.ready("home");
    centre.ready("help");
    centre.arrive_and_accept(contact(1).region("sea"));
    assert_eq!(offers(&centre.arrive(contact(2).region("sea"))), []);
    assert_eq!(offers(&centre.arrive(contact(3).region("sea"))), []);

    let crossed = centre.arrive(contact(4).region("sea"));

    // The third that waits makes the queue too long; the oldest goes, and then it is short again.
    assert_eq!(one_offer(&crossed).1, "help");
    assert_eq!(one_offer(&crossed).2, 2);
    assert_eq!(centre.scheduler.totals().waiting, 2);
    assert!(!why(&crossed).iter().any(|why| matches!(why, Why::Region(_))), "it serves another");
}

#[test]
fn overflow_between_regions_waits_for_its_step_and_names_may_be_given() {
    let also = Needs { regions: Regions::Also(vec!["latam".into()]), ..Needs::default() };
    let mut centre = centre(
        steps(Needs::default(), vec![after(5, also)]),
        vec![
            seat("eu", &["en"], &["orders"]).regions(&["europe"]),
            seat("la", &["en"], &["orders"]).regions(&["latam"]),
        ],
    );
    centre.ready("eu");
    centre.ready("la");

    assert_eq!(offers(&centre.arrive(contact(1).region("sea"))), []);
    assert_eq!(one_offer(&centre.until(5_000)).1, "la", "europe is not named");
}

#[test]
fn a_step_skips_the_wait_while_nobody_who_fits_is_at_work() {
    let rules =
        steps(level(5), vec![Step { needs: level(1), if_nobody_there: true, ..Step::default() }]);
    let mut centre = centre(
        rules,
        vec![
            seat("best", &["en"], &["orders"]),
            seat("new", &["en"], &["orders"]).at_level("orders", 1),
        ],
    );
    centre.ready("best");
    centre.ready("new");
    centre.arrive_and_accept(contact(1));
    centre.seat_spoke(1);
    centre.arrive(contact(2));
    assert_eq!(offers(&centre.until(60_000)), [], "the best is there and busy");

    centre.sign_out("best");
    assert_eq!(offers(&centre.until(64_999)), [], "it may come back within seconds");
    assert_eq!(one_offer(&centre.until(65_000)).1, "new");
}

#[test]
fn residency_holds_in_every_ring_and_for_everybody() {
    let queues = BTreeMap::from([(
        SkillId::from("orders"),
        steps(Needs::default(), vec![after(5, any_region())]),
    )]);
    let rules = Rules { resident: ["eu".into()].into(), queues, ..Rules::default() };
    let mut centre = Centre::with_rules(
        Settings::default(),
        vec![
            seat("inside", &["en"], &["orders"]).regions(&["eu"]),
            seat("outside", &["en"], &["orders"]).regions(&["latam"]),
            seat("world", &["en"], &["orders"]),
        ],
        rules,
    );
    for seat in ["inside", "outside", "world"] {
        centre.ready(seat);
    }
    assert_eq!(centre.arrive_and_accept(contact(1).region("eu")), "inside");
    centre.seat_spoke(1);

    assert_eq!(offers(&centre.arrive(contact(2).region("eu").only("world"))), []);
    assert_eq!(offers(&centre.arrive(contact(3).region("eu").last_seat("outside"))), []);
    assert_eq!(offers(&centre.until(60_000)), [], "no step opens the region");
    let (to, by) = ("outside".into(), "world".into());
    let contact = contact(2).region("eu");
    let refused = centre.tell(tradewind::schedule::Command::Assign { contact, to, by });
    let reason = RefuseReason::WrongRegion;
    assert!(matches!(&refused[..], [Decision::Refused { reason: r, .. }] if *r == reason));
}

#[test]
fn a_preferred_skill_comes_first_and_nobody_waits_for_it() {
    let prefers = QueueRules { prefers: vec!["vip".into()], ..QueueRules::default() };
    let mut centre = centre(
        prefers,
        vec![
            seat("plain", &["en"], &["orders"]).slots(2),
            seat("vip", &["en", "th", "vi"], &["orders", "vip"]),
        ],
    );
    centre.ready("plain");
    centre.ready("vip");

    assert_eq!(centre.arrive_and_accept(contact(1)), "vip", "though it is the dearer one");
    assert_eq!(centre.arrive_and_accept(contact(2)), "plain");
}

#[test]
fn a_full_queue_refuses_with_a_ticket_and_leaves_the_others_alone() {
    let small = QueueRules { waiting_max: Some(2), ..QueueRules::default() };
    let mut centre = centre(small, vec![seat("ann", &["en"], &["orders", "refunds"])]);
    centre.ready("ann");
    centre.arrive_and_accept(contact(1));
    centre.arrive(contact(2));
    centre.arrive(contact(3));

    let refused = centre.arrive(contact(4));
    let other = centre.arrive(contact(5).skill("refunds"));

    let reason = TicketReason::QueueFull;
    assert!(matches!(&refused[..], [Decision::Ticket { reason: r, .. }] if *r == reason));
    assert_eq!(told(&other).len(), 1);
    assert_eq!(centre.scheduler.totals().waiting, 3);
}

/// A ticket of so many hours ago that is worked off.
fn ticket_of(hours_ago: u64, n: u64) -> Contact {
    let arrived_at = Timestamp::from_millis(START_MS - hours_ago * 3_600_000);
    Contact { arrived_at, ..contact(n).priority(Priority::Ticket) }
}

fn is_turned_away(decisions: &[Decision]) -> bool {
    let full = |decision: &Decision| {
        matches!(decision, Decision::Ticket { reason: TicketReason::QueueFull, .. })
    };
    decisions.iter().any(full)
}

#[test]
fn tickets_in_line_fill_no_queue_and_a_full_queue_turns_no_ticket_away() {
    for then in [None, Some(AfterHold::Release)] {
        let approval = then.map(|then| ApprovalRule { hold_max: Duration::from_secs(60), then });
        let small = QueueRules { waiting_max: Some(2), approval, ..QueueRules::default() };
        let mut centre = centre(small, vec![seat("ann", &["en"], &["orders"])]);
        for n in 1..=3 {
            assert!(!is_turned_away(&centre.arrive(ticket_of(12, n))));
        }
        for n in 4..=5 {
            assert!(!is_turned_away(&centre.arrive(contact(n))), "tickets take no room");
        }

        assert!(is_turned_away(&centre.arrive(contact(6))));
        assert!(!is_turned_away(&centre.arrive(ticket_of(12, 7))));
        assert_eq!(centre.scheduler.totals().waiting, 6);
    }
}

#[test]
fn the_bound_of_a_shop_counts_tickets_too() {
    let settings = Settings { waiting_max: 2, ..Settings::default() };
    let mut centre = Centre::with(settings, vec![seat("ann", &["en"], &["orders"])]);
    centre.arrive(ticket_of(12, 1));
    centre.arrive(contact(2));

    assert!(is_turned_away(&centre.arrive(ticket_of(12, 3))));
    assert!(is_turned_away(&centre.arrive(contact(4))));
}

#[test]
fn a_live_conversation_lines_up_behind_tickets_and_is_served_before_them_some_seconds_later() {
    let small = QueueRules { waiting_max: Some(2), ..QueueRules::default() };
    let mut centre = centre(small, vec![seat("ann", &["en"], &["orders"])]);
    centre.ready("ann");
    centre.arrive_and_accept(contact(1));
    centre.seat_spoke(1);
    centre.arrive(ticket_of(12, 2));
    centre.arrive(ticket_of(12, 3));

    assert_eq!(told(&centre.arrive(contact(4))).len(), 1, "it waits");
    centre.until(13_000);

    assert_eq!(one_offer(&centre.release(1)).2, 4);
}

#[test]
fn tickets_make_no_queue_too_long() {
    let help = Step { needs: any_region(), longer_than: Some(1), ..Step::default() };
    let mut centre = centre(
        steps(Needs::default(), vec![help]),
        vec![
            seat("home", &["en"], &["orders"]).regions(&["sea"]),
            seat("help", &["en"], &["orders"]).regions(&["latam"]),
        ],
    );
    centre.ready("home");
    centre.ready("help");
    centre.arrive_and_accept(contact(1).region("sea"));
    for n in 2..=4 {
        assert_eq!(offers(&centre.arrive(ticket_of(12, n).region("sea"))), []);
    }
    assert_eq!(offers(&centre.arrive(contact(5).region("sea"))), []);

    assert_eq!(one_offer(&centre.arrive(contact(6).region("sea"))).1, "help");
}

/// Three seats that differ in load, in price and in when they were last busy.
fn three(select: Select) -> Centre {
    let mut centre = centre(
        QueueRules { select, ..QueueRules::default() },
        vec![
            seat("a", &["en"], &["orders", "x"]).slots(4),
            seat("b", &["en", "th", "vi"], &["orders", "y"]).slots(4),
            seat("c", &["en"], &["orders", "z"]).slots(4),
        ],
    );
    for seat in ["a", "b", "c"] {
        centre.ready(seat);
    }
    // c talks, b has talked at 1 s, a at 2 s and was offered something last.
    centre.arrive_and_accept(contact(1).skill("z"));
    centre.seat_spoke(1);
    centre.until(500);
    centre.arrive_and_accept(contact(2).skill("y"));
    centre.until(1_000);
    centre.release(2);
    centre.arrive_and_accept(contact(3).skill("x"));
    centre.until(2_000);
    centre.release(3);
    centre
}

#[test]
fn each_policy_asks_another_seat() {
    let first = |select| one_offer(&three(select).arrive(contact(9))).1;

    assert_eq!(first(Select::Balanced), "a", "nothing in use, and cheap");
    assert_eq!(first(Select::RoundRobin), "c", "its last offer is longest ago");
    assert_eq!(first(Select::LeastLoaded), "b", "nothing in use, and longer ago than a");
    assert_eq!(first(Select::LongestIdle), "b", "free since before a");
}

#[test]
fn round_robin_goes_round() {
    let mut centre = three(Select::RoundRobin);

    let order: Vec<String> = (10..16).map(|n| centre.arrive_and_accept(contact(n))).collect();

    assert_eq!(order, ["c", "b", "a", "c", "b", "a"]);
}

#[test]
fn a_queue_has_a_wrap_up_of_its_own() {
    let rules = QueueRules { wrap_up: Some(Duration::from_secs(9)), ..QueueRules::default() };
    let mut centre = centre(rules, vec![seat("ann", &["en"], &["orders", "refunds"])]);
    centre.ready("ann");
    for (n, skill, expected) in [(1, "orders", 1), (2, "refunds", 0)] {
        centre.set_state("ann", SeatState::Ready);
        centre.arrive_and_accept(contact(n).skill(skill));
        centre.seat_spoke(n);
        centre.release(n);
        let view = centre.scheduler.seat(&shop(), &"ann".into()).expect("a seat");
        assert_eq!(view.wrapping_up, expected, "{skill}");
    }
}
