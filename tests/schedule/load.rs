//! Many who wait: what customers are told is bounded and comes true.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::chance::{exponential, seconds, varied};
use crate::common::*;
use crate::scan::Random;
use tradewind::domain::{ConversationId, Priority, Rules, SeatId, SeatState, Timestamp};
use tradewind::schedule::{Command, Decision, QueueHours, Roster, Scheduler, Settings};

const LANGUAGES: [&str; 5] = ["en", "es", "th", "vi", "pt"];

#[test]
fn twenty_thousand_waiting_conversations_are_told_their_places_at_most_once_an_interval() {
    const WAITING: u64 = 20_000;
    let seats = (0..500).map(|n| {
        seat(&format!("seat-{n:03}"), &[LANGUAGES[n % 5], LANGUAGES[(n + 1) % 5]], &["orders"])
            .slots(3)
    });
    let settings = Settings { waiting_max: usize::MAX, ..Settings::default() };
    let roster = Roster {
        shop: shop(),
        seats: seats.collect(),
        fallback_language: None,
        hours: QueueHours::default(),
        rules: Rules::default(),
        translation: None,
    };
    let mut scheduler = Scheduler::new(settings, vec![roster]);
    let mut now = Timestamp::from_millis(START_MS);
    for n in 0..500 {
        let seat = SeatId::from(format!("seat-{n:03}"));
        let state = SeatState::Ready;
        scheduler.apply(now, Command::SignIn { shop: shop(), seat, state });
    }
    let mut owned = Vec::new();
    for n in 0..WAITING + 1_500 {
        let arrival = contact(n).language(LANGUAGES[n as usize % 5]);
        for decision in scheduler.apply(now, Command::Arrive(arrival)) {
            if let Decision::Offered { offer, shop, seat, conversation, .. } = decision {
                scheduler.apply(now, Command::Accept { shop, seat, offer });
                owned.push(conversation);
            }
        }
    }
    assert_eq!(scheduler.totals().waiting as u64, WAITING);
    now = now + Duration::from_secs(10);
    scheduler.on_timer(now);

    // A thousand conversations close within a second, and each slot goes to the next.
    let (mut told_at_once, mut offered) = (0, 0);
    for conversation in owned.into_iter().take(1_000) {
        now = now + Duration::from_millis(1);
        let decisions = scheduler.apply(now, Command::Release { conversation });
        told_at_once += told(&decisions).iter().filter(|(_, place, _)| *place > 1).count();
        offered += offers(&decisions).len();
    }
    let mut told_by_timer: BTreeMap<ConversationId, u32> = BTreeMap::new();
    let end = now + Duration::from_millis(5_900);
    while let Some(at) = scheduler.next_deadline().filter(|at| *at <= end) {
        let decisions = scheduler.on_timer(at);
        assert!(decisions.len() <= 1_000, "no offer waits for the telling");
        for decision in decisions {
            if let Decision::Waiting { conversation, .. } = decision {
                *told_by_timer.entry(conversation).or_default() += 1;
            }
        }
    }

    assert_eq!(offered, 1_000);
    assert_eq!(told_at_once, 0, "closing tells nobody else at once");
    assert!(told_by_timer.values().all(|times| *times == 1));
    assert!(told_by_timer.len() > 10_000, "{} were told", told_by_timer.len());
    assert_eq!(scheduler.audit(), Vec::<String>::new());
}

#[test]
fn nine_in_ten_are_served_before_the_upper_end_that_they_were_told() {
    for (load, seats) in [(1.0, 10), (1.1, 10), (1.05, 40), (0.97, 3)] {
        let promised: Vec<_> = (0..3).flat_map(|seed| Waits::simulate(seed, load, seats)).collect();

        let share = |f: fn(&(f64, u32, u32)) -> bool| {
            promised.iter().filter(|wait| f(wait)).count() as f64 / promised.len() as f64
        };
        let before_upper = share(|(waited, _, high)| *waited <= f64::from(*high));
        let after_lower = share(|(waited, low, _)| *waited >= f64::from(*low));
        println!(
            "load {load}, {seats} seats: {} waited, {before_upper:.3} before the \
             upper end, {after_lower:.3} after the lower end",
            promised.len()
        );
        assert!(promised.len() > 300);
        assert!(before_upper >= 0.9, "{before_upper}");
        assert!(after_lower >= 0.8, "{after_lower}");
    }
}

/// One lane of seats with two slots, handling times as in life: mean 60 s and varying by more
/// than that.
struct Waits;

impl Waits {
    fn simulate(seed: u64, load: f64, seats: usize) -> Vec<(f64, u32, u32)> {
        const HANDLING_S: f64 = 60.0;
        let mut random = Random(seed);
        let rows = (0..seats).map(|n| seat(&format!("{n}"), &["en"], &["orders"]).slots(2));
        let settings = Settings {
            queue_wait_max: Duration::from_secs(100_000),
            owner_silence: Duration::from_secs(100_000),
            ..Settings::default()
        };
        let roster = Roster {
            shop: shop(),
            seats: rows.collect(),
            fallback_language: None,
            hours: QueueHours::default(),
            rules: Rules::default(),
            translation: None,
        };
        let mut scheduler = Scheduler::new(settings, vec![roster]);
        let start = Timestamp::from_millis(START_MS);
        for n in 0..seats {
            let seat = SeatId::from(n.to_string());
            let state = SeatState::Ready;
            scheduler.apply(start, Command::SignIn { shop: shop(), seat, state });
        }

        let gap_s = HANDLING_S / (2.0 * seats as f64 * load);
        let mut closing: std::collections::BTreeSet<(Timestamp, ConversationId)> = [].into();
        let mut promises: BTreeMap<ConversationId, (Timestamp, u32, u32)> = BTreeMap::new();
        let mut waits = Vec::new();
        let mut arrival = start;
        for n in 0..3_000 {
            arrival = arrival + seconds(gap_s * exponential(&mut random));
            loop {
                let closes = closing.first().copied().filter(|(at, _)| *at <= arrival);
                let (now, command) = match closes {
                    Some((at, conversation)) => {
                        closing.pop_first();
                        (at, Command::Release { conversation })
                    }
                    None => (arrival, Command::Arrive(contact(n).priority(Priority::Normal))),
                };
                let mut decisions = scheduler.apply(now, command);
                while let Some(decision) = decisions.pop() {
                    match decision {
                        Decision::Offered { offer, shop, seat, conversation, .. } => {
                            if let Some((at, low, high)) = promises.remove(&conversation) {
                                waits.push((now.since(at).as_secs_f64(), low, high));
                            }
                            let accept = Command::Accept { shop, seat, offer };
                            scheduler.apply(now, accept);
                            let takes_s = HANDLING_S * varied(&mut random);
                            closing.insert((now + seconds(takes_s), conversation));
                        }
                        Decision::Waiting { conversation, wait_s, .. }
                            if number(conversation) == n && closes.is_none() =>
                        {
                            let is_offered = decisions.iter().any(|d| {
                                matches!(d, Decision::Offered { conversation: c, .. }
                                    if *c == conversation)
                            });
                            if let (Some((low, high)), false) = (wait_s, is_offered) {
                                promises.insert(conversation, (now, low, high));
                            }
                        }
                        _ => {}
                    }
                }
                if closes.is_none() {
                    break;
                }
            }
        }
        waits
    }
}
