//! The index of seats gives the same seat as a plain look at every one.

use crate::scan::{Centre, Mix, Random};
use tradewind::domain::Timestamp;

/// Random cases of the normal run; `TRADEWIND_INDEX_CASES=1000000` for a long one.
const CASES: u64 = 100_000;

#[test]
fn the_index_equals_the_plain_scan_in_every_random_case() {
    let wanted = std::env::var("TRADEWIND_INDEX_CASES").ok().and_then(|n| n.parse().ok());
    let wanted: u64 = wanted.unwrap_or(CASES);
    let mut random = Random(2_026);
    let mut cases = 0;
    let mut found = 0;
    for (seats, languages, skills, regions, share) in [
        (1, 1, 1, 1, 30),
        (40, 3, 2, 2, 50),
        (400, 1, 1, 1, 95),
        (400, 30, 10, 8, 60),
        (700, 12, 4, 3, 97),
    ] {
        let mut centre = Centre::random(&mut random, Mix { seats, languages, skills, regions });
        for seat in 0..centre.seats() {
            centre.set_random_load(&mut random, seat, share);
        }
        for case in 0..wanted / 5 {
            if case % 2_000 == 1_000 {
                centre.set_random_prices(&mut random);
            }
            let need = centre.need(&mut random);
            let barred: Vec<usize> =
                (0..random.below(4)).map(|_| random.below(centre.seats())).collect();

            let expected = centre.scan(&need, &barred);
            let lane = centre.lane(&need);
            assert_eq!(
                centre.index.choose(&lane, &barred),
                expected,
                "case {case} of {seats} seats"
            );

            cases += 1;
            if let Some(seat) = expected {
                found += 1;
                // Several cases share an instant, so that idle times are equal now and then.
                centre.take_slot(seat, Timestamp::from_millis(1 + case / 3));
            }
            let other = random.below(centre.seats());
            centre.set_random_load(&mut random, other, share);
        }
    }
    assert_eq!(cases, wanted / 5 * 5);
    assert!((wanted / 5..wanted / 20 * 19).contains(&found), "{found} of {cases} found a seat");
}

#[test]
fn the_other_rules_equal_a_plain_look_at_every_free_seat() {
    let mut random = Random(77);
    let mut found = 0;
    for (mix, full) in [
        (Mix { seats: 30, languages: 2, skills: 1, regions: 1 }, 60),
        (Mix { seats: 300, languages: 8, skills: 4, regions: 3 }, 90),
    ] {
        let mut centre = Centre::random(&mut random, mix);
        let seats = centre.seats();
        let mut turn = vec![0; seats];
        for case in 1..=4_000 {
            for _ in 0..3 {
                let seat = random.below(seats);
                centre.set_random_load(&mut random, seat, full);
            }
            // When each last had a conversation: many at one instant.
            let ended_at = |seat: usize| Timestamp::from_millis((seat * 7 % 5) as u64);
            let need = centre.need(&mut random);
            let barred = random.below(seats);
            let lane = centre.lane(&need);
            let may = |seat: usize| seat != barred;
            let free = || centre.free(&need).filter(|(seat, ..)| may(*seat));
            let first = |key: &dyn Fn(usize, u8) -> (u64, u64)| {
                free()
                    .min_by_key(|(seat, used, idle)| (key(*seat, *used), *idle, *seat))
                    .map(|f| f.0)
            };

            let chosen = centre.index.round_robin(&lane, may);
            assert_eq!(chosen, first(&|seat, _| (turn[seat], 0)), "case {case}: round robin");
            let loaded = centre.index.least_loaded(&lane, may);
            assert_eq!(loaded, first(&|_, used| (used.into(), 0)), "case {case}: least loaded");
            let idle = centre.index.longest_idle(&lane, may, ended_at);
            let by_idle = |seat: usize, used| (u64::from(used > 0), ended_at(seat).as_millis());
            assert_eq!(idle, first(&by_idle), "case {case}: longest idle");

            if let Some(seat) = chosen {
                found += 1;
                turn[seat] = case;
                centre.take_slot(seat, Timestamp::from_millis(1 + case / 3));
            }
        }
    }
    assert!(found > 2_000, "{found} cases found a seat");
}
