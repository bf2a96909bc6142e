//! New seats and rules for a shop that is at work.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::common::*;
use crate::scan::Random;
use crate::shops::{LANGUAGES, SKILLS};
use tradewind::domain::{
    Needs, QueueRules, Rules, SeatId, SeatProfile, SeatState, ShopId, SkillId, Timestamp,
};
use tradewind::schedule::{
    Command, Contact, Decision, Roster, Scheduler, Settings, TakeBackReason, TicketReason, Totals,
};

fn roster(seats: Vec<SeatProfile>, rules: Rules) -> Roster {
    let fallback_language = Some("en".parse().expect("a language"));
    let hours = tradewind::schedule::QueueHours::default();
    Roster { shop: shop(), seats, fallback_language, hours, rules, translation: None }
}

fn reload(centre: &mut Centre, seats: Vec<SeatProfile>, rules: Rules) -> Vec<Decision> {
    let now = centre.now();
    let decisions = centre.scheduler.reload(now, roster(seats, rules));
    assert_eq!(centre.scheduler.audit(), Vec::<String>::new());
    decisions
}

fn crew() -> Vec<SeatProfile> {
    vec![seat("ann", &["en"], &["orders"]).slots(2), seat("bob", &["en"], &["refunds"])]
}

#[test]
fn the_same_shop_again_changes_nothing() {
    let rules = Rules { wrap_up: Duration::from_secs(30), ..Rules::default() };
    let mut centre = Centre::with_rules(Settings::default(), crew(), rules.clone());
    centre.ready("ann");
    centre.arrive_and_accept(contact(1));
    centre.seat_spoke(1);
    centre.arrive(contact(2));
    centre.arrive(contact(3));
    centre.arrive(contact(4));
    let queue = |centre: &Centre| centre.scheduler.queue(&shop(), 9);
    let before = (queue(&centre), centre.scheduler.seats(&shop()), centre.scheduler.totals());

    // Numbers follow names: with somebody new in front everybody has another one.
    let mut more = crew();
    more.push(seat("aaron", &["th"], &["orders"]));
    assert_eq!(reload(&mut centre, more, rules.clone()), []);
    assert_eq!(reload(&mut centre, crew(), rules), []);

    let after = (queue(&centre), centre.scheduler.seats(&shop()), centre.scheduler.totals());
    assert_eq!(before, after);
    assert_eq!(centre.owner(1).as_deref(), Some("ann"));

    centre.release(1);
    let rules = Rules { wrap_up: Duration::from_secs(30), ..Rules::default() };
    reload(&mut centre, crew(), rules);
    let wrapping_up = |centre: &Centre| {
        centre.scheduler.seat(&shop(), &"ann".into()).expect("a seat").wrapping_up
    };
    centre.until(29_999);
    assert_eq!(wrapping_up(&centre), 1, "the wrap-up runs on");
    centre.until(30_000);
    assert_eq!(wrapping_up(&centre), 0);
}

#[test]
fn an_offer_that_runs_can_be_taken_after_the_reload() {
    let mut centre = Centre::new(crew());
    centre.ready("ann");
    let (offer, ..) = one_offer(&centre.arrive(contact(1)));
    let mut more = crew();
    more.push(seat("aaron", &["en"], &["orders"]));

    reload(&mut centre, more, Rules::default());

    let taken = centre.accept("ann", offer);
    assert!(matches!(taken[..], [Decision::Assigned { .. }]), "{taken:?}");
    assert_eq!(centre.until(80_000), [], "no timer of the old offer is left");
}

#[test]
fn new_slots_skills_and_seats_are_used_at_once_in_the_order_of_the_queue() {
    let mut centre = Centre::new(crew());
    centre.ready("ann");
    centre.ready("bob");
    for n in 1..=5 {
        centre.arrive(contact(n));
    }
    let mut better = crew();
    better[0].slots = 3.try_into().expect("not zero");
    better[1].skills.push(SkillId::from("orders"));

    let decisions = reload(&mut centre, better, Rules::default());

    let mut given: Vec<u64> = offers(&decisions).into_iter().map(|(.., n)| n).collect();
    given.sort_unstable();
    assert_eq!(given, [3, 4]);
    assert_eq!(centre.scheduler.totals().waiting, 1);
}

#[test]
fn what_a_seat_held_that_is_gone_goes_to_others_with_its_old_place() {
    let mut centre =
        Centre::new(vec![seat("ann", &["en"], &["orders"]), seat("bob", &["en"], &["orders"])]);
    centre.ready("ann");
    assert_eq!(centre.arrive_and_accept(contact(1)), "ann");
    centre.seat_spoke(1);
    centre.until(10_000);
    centre.arrive(contact(2));
    centre.ready("bob");
    centre.until(11_000);

    let decisions =
        reload(&mut centre, vec![seat("bob", &["en"], &["orders"]).slots(2)], Rules::default());

    let gone = TakeBackReason::SeatGone;
    assert!(matches!(&decisions[0], Decision::TakenBack { reason, .. } if *reason == gone));
    let offered = decisions.iter().find_map(|decision| match decision {
        Decision::Offered { conversation, waiting_ms, .. } => {
            Some((number(*conversation), *waiting_ms))
        }
        _ => None,
    });
    assert_eq!(offered, Some((1, 11_000)));
}

#[test]
fn other_rules_hold_for_who_waits_already() {
    let seats = || {
        vec![
            seat("best", &["en"], &["orders"]),
            seat("new", &["en"], &["orders"]).at_level("orders", 1).slots(2),
        ]
    };
    let demanding = || {
        let needs = Needs { level: 4, ..Needs::default() };
        let queue = QueueRules { needs, ..QueueRules::default() };
        Rules { queues: [(SkillId::from("orders"), queue)].into(), ..Rules::default() }
    };
    let mut centre = Centre::with_rules(Settings::default(), seats(), demanding());
    centre.sign_in("best", SeatState::WrapUp);
    centre.ready("new");
    assert_eq!(offers(&centre.arrive(contact(1))), []);

    assert_eq!(one_offer(&reload(&mut centre, seats(), Rules::default())).1, "new");
    assert_eq!(offers(&reload(&mut centre, seats(), demanding())), []);
    assert_eq!(centre.scheduler.totals().offered, 1, "who is asked is asked on");
}

#[test]
fn a_skill_that_nobody_has_any_more_is_told_with_a_ticket() {
    let mut centre = Centre::new(vec![seat("bob", &["en"], &["orders"])]);
    centre.ready("bob");
    centre.arrive_and_accept(contact(1));
    centre.arrive(contact(2));

    let decisions = reload(&mut centre, vec![seat("bob", &["en"], &["refunds"])], Rules::default());

    let reason = TicketReason::NoSeat;
    assert!(matches!(&decisions[..], [Decision::Ticket { reason: r, .. }] if *r == reason));
    assert_eq!(centre.owner(1).as_deref(), Some("bob"), "an owner keeps what it has");
}

#[test]
fn nothing_is_lost_over_random_reloads() {
    for seed in 0..12 {
        let mut random = Random(seed);
        let all = crate::shops::rosters(&mut random).pop().expect("a roster");
        let mut scheduler = Scheduler::new(Settings::default(), vec![all.clone()]);
        let mut now = Timestamp::from_millis(START_MS);
        let mut known = BTreeSet::new();
        let mut seen = Vec::new();
        for n in 0..600 {
            now = now + Duration::from_millis(random.below(900) as u64);
            let mut decisions = scheduler.on_timer(now);
            if random.one_in(8) {
                let mut roster = all.clone();
                roster.seats.retain(|_| !random.one_in(4));
                for seat in &mut roster.seats {
                    seat.slots = (1 + random.below(3) as u8).try_into().expect("not zero");
                }
                if random.one_in(2) {
                    roster.rules = Rules::default();
                }
                decisions.extend(scheduler.reload(now, roster));
            }
            let seat = all.seats[random.below(all.seats.len())].id.clone();
            let command = step(&mut random, n, &all, seat, &seen, now);
            match &command {
                Command::Arrive(contact) => drop(known.insert(contact.conversation)),
                Command::Release { conversation } => drop(known.remove(conversation)),
                _ => {}
            }
            decisions.extend(scheduler.apply(now, command));

            assert_eq!(scheduler.audit(), Vec::<String>::new(), "seed {seed}, step {n}");
            for decision in &decisions {
                match decision {
                    Decision::Ticket { conversation, .. } => drop(known.remove(conversation)),
                    Decision::Offered { offer, seat, .. } => seen.push((seat.clone(), *offer)),
                    _ => {}
                }
            }
            let totals = scheduler.totals();
            let held = totals.waiting + totals.offered + totals.owned;
            assert_eq!(held, known.len(), "seed {seed}, step {n}");
        }
    }
}

fn step(
    random: &mut Random,
    n: u64,
    roster: &Roster,
    seat: SeatId,
    seen: &[(SeatId, tradewind::domain::OfferId)],
    now: Timestamp,
) -> Command {
    let shop = roster.shop.clone();
    match random.below(10) {
        0..=3 => {
            let mut contact =
                contact(n).language(random.pick(&LANGUAGES)).skill(random.pick(&SKILLS[..3]));
            contact.shop = shop;
            contact.arrived_at = now;
            contact.last_seat = random.one_in(3).then_some(seat);
            Command::Arrive(contact)
        }
        4..=5 => Command::SignIn { shop, seat, state: SeatState::Ready },
        6..=8 if !seen.is_empty() => {
            let (seat, offer) = seen[seen.len() - 1 - random.below(seen.len().min(6))].clone();
            Command::Accept { shop, seat, offer }
        }
        _ => Command::Release { conversation: conversation(random.below(1 + n as usize) as u64) },
    }
}

#[test]
fn a_shop_that_is_new_works_at_once_and_one_that_is_closed_works_for_nobody() {
    let mut centre = Centre::with_rules(Settings::default(), crew(), Rules::default());
    let other = || ShopId::from("other");
    let now = centre.now();
    let seats = vec![seat("eva", &["en"], &["orders"])];
    let new = Roster { shop: other(), ..roster(seats, Rules::default()) };

    assert_eq!(centre.scheduler.reload(now, new), []);
    let (shop, ready) = (other(), SeatState::Ready);
    centre.tell(Command::SignIn { shop, seat: "eva".into(), state: ready });
    let decisions = centre.arrive(Contact { shop: other(), ..contact(1) });
    assert_eq!(one_offer(&decisions).1, "eva");
    centre.arrive(Contact { shop: other(), ..contact(2) });

    let decisions = centre.scheduler.reload(now, Roster::closed(other()));

    let tickets = decisions.iter().filter(|decision| {
        matches!(decision, Decision::Ticket { reason: TicketReason::NoSeat, .. })
    });
    assert_eq!(tickets.count(), 2, "{decisions:?}");
    assert_eq!(centre.scheduler.totals(), Totals::default());
    assert_eq!(centre.scheduler.audit(), Vec::<String>::new());
    let decisions = centre.arrive(Contact { shop: other(), ..contact(3) });
    assert!(matches!(decisions[..], [Decision::Ticket { .. }]), "{decisions:?}");
}
