//! The simulator: its format, what it promises, and figures that others have published.

#[path = "simulate/drawn.rs"]
mod drawn;
#[path = "simulate/recomputed.rs"]
mod recomputed;

use serde_json::{Value, json};
use tradewind::sim::{
    Checks, Ending, Figures, Mix, Outcome, PolicyName, Published, Route, Scenario, assignments,
    measure, simulate,
};

/// Scenarios of the normal run; `TRADEWIND_SIM_SEEDS=5000` for a long one.
const SEEDS: u64 = 300;

fn parse(scenario: &Value) -> Scenario {
    Scenario::parse(&scenario.to_string()).expect("a scenario")
}

fn run(scenario: &Scenario, policy: PolicyName) -> Outcome {
    let outcome = simulate(scenario, policy, Checks::EveryStep, &mut |_| {});
    assert_eq!(outcome.broken, Vec::<String>::new(), "{policy}: {}", scenario.about);
    outcome
}

fn figures(scenario: &Scenario, policy: PolicyName) -> Figures {
    let outcome = simulate(scenario, policy, Checks::Offers, &mut |_| {});
    measure(scenario, policy, &outcome).0
}

fn lines(scenario: &Scenario, outcome: &Outcome) -> Vec<Value> {
    let text = assignments(scenario, outcome);
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn every_promise_holds_after_every_step_of_scenarios_of_every_kind() {
    let seeds = std::env::var("TRADEWIND_SIM_SEEDS").ok().and_then(|n| n.parse().ok());
    let mut endings = [0; 3];
    let mut translated = 0;
    for seed in 0..seeds.unwrap_or(SEEDS) {
        let file = drawn::scenario(seed);
        let scenario = parse(&file);

        let outcome = run(&scenario, PolicyName::Default);

        assert_eq!(
            recomputed::impossible(&file, &lines(&scenario, &outcome)),
            Vec::<String>::new(),
            "seed {seed}"
        );
        for fate in &outcome.fates {
            endings[fate.ending as usize] += 1;
            translated += usize::from(fate.route == Some(Route::Translated));
        }
    }
    // The scenarios must not be so tame that a rule is never met.
    assert!(
        endings.iter().all(|count| *count > 20) && translated > 100,
        "{endings:?} {translated}"
    );
}

#[test]
fn every_rival_gives_contacts_only_to_seats_that_may_have_them() {
    for seed in 1_000..1_020 {
        let file = drawn::scenario(seed);
        let scenario = parse(&file);
        for policy in PolicyName::ALL {
            let outcome = simulate(&scenario, policy, Checks::Offers, &mut |_| {});
            assert_eq!(outcome.broken, Vec::<String>::new(), "{policy}, seed {seed}");
            if policy != PolicyName::PooledBound {
                let wrong = recomputed::impossible(&file, &lines(&scenario, &outcome));
                assert_eq!(wrong, Vec::<String>::new(), "{policy}, seed {seed}");
            }
        }
    }
}

#[test]
fn the_same_file_gives_the_same_bytes() {
    let scenario = parse(&drawn::scenario(7));
    for policy in PolicyName::ALL {
        let bytes = || {
            let outcome = simulate(&scenario, policy, Checks::Offers, &mut |_| {});
            let figures = measure(&scenario, policy, &outcome).0;
            (assignments(&scenario, &outcome), serde_json::to_string(&figures).expect("JSON"))
        };
        assert_eq!(bytes(), bytes(), "{policy}");
    }
}

#[test]
fn the_most_specialised_seat_goes_first_whatever_the_order_of_names() {
    let scenario = parse(&json!({
        "seats": [
            { "id": "a0", "languages": ["en"] },
            { "id": "a1", "languages": ["en", "th", "vi"] },
            { "id": "a2", "languages": ["en", "th"] },
        ],
        "contacts": [
            { "id": "c1", "at_s": 0, "language": "en", "work_s": 240 },
            { "id": "c2", "at_s": 1, "language": "th", "work_s": 240 },
            { "id": "c3", "at_s": 2, "language": "vi", "work_s": 240 },
        ],
    }));

    let lines = lines(&scenario, &run(&scenario, PolicyName::Default));

    let seats: Vec<&str> =
        lines.iter().map(|line| line["seat"].as_str().expect("a seat")).collect();
    assert_eq!(seats, ["a0", "a2", "a1"]);
}

#[test]
fn a_lost_seat_costs_the_grace_and_the_next_one_goes_on_where_it_stopped() {
    let scenario = parse(&json!({
        "settings": { "reconnect_grace_s": 20 },
        "seats": [
            { "id": "a", "languages": ["en"], "events": [{ "at_s": 50, "do": "disconnect" }] },
            { "id": "b", "languages": ["en"], "idle_since_s": 0 },
        ],
        "contacts": [
            { "id": "c1", "at_s": 0, "language": "en", "work_s": 100 },
            { "id": "c2", "at_s": 1, "language": "en", "work_s": 100 },
            { "id": "c3", "at_s": 60, "language": "en", "work_s": 10 },
        ],
    }));

    let lines = lines(&scenario, &run(&scenario, PolicyName::Default));

    // c1 waits from 70 s on, and goes before c3 when b is done with c2.
    assert_eq!(
        lines[0],
        json!({ "contact": "c1", "seat": "b", "offered_at_s": 101.0,
        "answered_at_s": 101.0, "closed_at_s": 151.0, "route": "native", "outcome": "answered" })
    );
    assert_eq!(lines[2]["answered_at_s"], 151.0);
}

#[test]
fn a_seat_that_ignores_an_offer_loses_it_at_its_timeout() {
    let scenario = parse(&json!({
        "settings": { "offer_timeout_s": 12 },
        "seats": [
            { "id": "a", "languages": ["en"], "events": [{ "at_s": 0, "do": "ignore_offers" }],
              "idle_since_s": -10 },
            { "id": "b", "languages": ["en", "th"] },
        ],
        "contacts": [{ "id": "c1", "at_s": 5, "language": "en", "work_s": 10 }],
    }));

    let lines = lines(&scenario, &run(&scenario, PolicyName::Default));

    assert_eq!((&lines[0]["seat"], &lines[0]["answered_at_s"]), (&json!("b"), &json!(17.0)));
}

#[test]
fn whom_no_seat_can_ever_take_has_waited_until_the_last_of_the_others_went() {
    let scenario = parse(&json!({
        "seats": [{ "id": "a", "languages": ["en"] }],
        "contacts": [
            { "id": "c1", "at_s": 10, "language": "th", "work_s": 10 },
            { "id": "c2", "at_s": 100, "language": "en", "work_s": 60 },
        ],
    }));

    let figures = figures(&scenario, PolicyName::Default);

    assert!((figures.max_wait_s - 150.0).abs() < 1e-9, "{figures:?}");
}

#[test]
fn jobs_act_at_their_period_and_workers_give_out_one_of_a_language() {
    let contacts: Vec<Value> = (0..4)
        .map(|no| json!({ "id": format!("c{no}"), "at_s": 1, "language": "en", "work_s": 500 }))
        .collect();
    let scenario = parse(&json!({
        "seats": [{ "id": "a", "languages": ["en"], "slots": 9 }],
        "contacts": contacts,
    }));
    let times = |policy| -> Vec<f64> {
        let lines = lines(&scenario, &run_offers(&scenario, policy));
        lines.iter().map(|line| line["answered_at_s"].as_f64().expect("a time")).collect()
    };

    assert_eq!(times(PolicyName::Job25s), [25.0; 4]);
    assert_eq!(times(PolicyName::Worker5s), [5.0, 10.0, 15.0, 20.0]);
    assert_eq!(times(PolicyName::FifoRoundRobin), [1.0; 4]);
}

fn run_offers(scenario: &Scenario, policy: PolicyName) -> Outcome {
    simulate(scenario, policy, Checks::Offers, &mut |_| {})
}

#[test]
fn a_file_with_many_mistakes_is_told_all_of_them_with_their_places() {
    let file = json!({
        "measure_from_s": -1,
        "settings": { "translation": { "after": 5 } },
        "seats": [{ "id": "a", "languages": [], "slots": 0, "time_zone": "Mars/Base" },
                  { "id": "a", "languages": ["en"], "events": [{ "at_s": 1, "do": "nap" }] }],
        "contacts": [{ "id": "c", "at_s": 0, "language": "en" }],
    });

    let error = Scenario::parse(&file.to_string()).expect_err("mistakes");

    let places = [
        "measure_from_s:",
        "settings.translation.after:",
        "seats[0].languages:",
        "seats[0].slots:",
        "seats[0].time_zone:",
        "seats[1].events[0].do:",
        "seats[1].id:",
        "contacts[0].work_s:",
    ];
    for place in places {
        assert!(error.mistakes().iter().any(|it| it.starts_with(place)), "{place} in {error}");
    }
    assert_eq!(error.mistakes().len(), places.len(), "{error}");
}

#[test]
fn no_policy_beats_the_pooled_bound_and_ours_beats_those_that_poll() {
    let scenario = Mix { seats: 45, hours: 1.5, ..Mix::default() }.draw(3);

    let of = |policy| figures(&scenario, policy).mean_first_response_s;

    let (ours, bound) = (of(PolicyName::Default), of(PolicyName::PooledBound));
    for rival in PolicyName::ALL {
        assert!(of(rival) >= bound, "{rival}");
    }
    assert!(ours + 3.0 < of(PolicyName::Job25s) && ours < of(PolicyName::Worker5s));
}

#[test]
fn translation_shortens_waits_and_helps_rare_languages() {
    let mix = Mix { hours: 2.0, ..Mix::default() };
    let native = figures(&mix.draw(5), PolicyName::Default);
    let translated = figures(&Mix { translation: Some(1.25), ..mix }.draw(5), PolicyName::Default);

    assert!(translated.mean_wait_s < 0.7 * native.mean_wait_s, "{translated:?} {native:?}");
    assert!(translated.worst_language_within_15s > 2.0 * native.worst_language_within_15s);
    assert!(translated.p99_wait_s < 0.6 * native.p99_wait_s);
}

/// Fewer days than `tradewind simulate --case` takes: the reference is widened by their interval.
#[test]
fn published_cases_and_closed_forms_are_met() {
    for (case, days) in [
        (Published::Mmc, 40),
        (Published::MmcAb, 40),
        (Published::Skills3x2, 40),
        (Published::ErlangA, 8),
    ] {
        let figures: Vec<Vec<f64>> = (1..=days)
            .map(|day| {
                let scenario = case.draw(day).expect("hours");
                let outcome = run_offers(&scenario, case.policy());
                assert!(outcome.fates.iter().all(|fate| fate.ending != Ending::Open));
                case.figures(&scenario, &outcome)
            })
            .collect();
        for row in case.compare(&figures) {
            let (low, high) = row.reference;
            let room = 1.5 * row.plus_minus;
            assert!((low - room..=high + room).contains(&row.value), "{}: {row:?}", case.as_str());
        }
    }
}

/// Scenario files with bounds from an independent simulator, where there are any.
#[test]
fn scenario_files_stay_within_their_bounds() {
    let Some(folder) = std::env::var_os("TRADEWIND_SCENARIOS") else {
        eprintln!("skipped: TRADEWIND_SCENARIOS names no folder with scenarios");
        return;
    };
    let folder = std::path::PathBuf::from(folder);
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("a file");
    let expect = |name: &str| -> Value { serde_json::from_str(&read(name)).expect("JSON") };
    let of = |name: &str| {
        let scenario = Scenario::parse(&read(name)).expect("a scenario");
        figures(&scenario, PolicyName::Default)
    };
    let bound = |bounds: &Value, key: &str| bounds[key].as_f64().expect("a number");

    let bounds = expect("mix-load-095.expect.json");
    for (name, kind) in [("mix-load-095", "native"), ("mix-load-095-translated", "translated")] {
        let figures = of(&format!("{name}.json"));
        assert!(figures.mean_wait_s <= bound(&bounds, &format!("{kind}_mean_wait_s_max")));
        assert!(figures.mean_wait_s >= bound(&bounds, "cheat_floor_mean_wait_s"));
        assert!(figures.answered_within_15s >= bound(&bounds, &format!("{kind}_sl15_min")));
    }
    let bounds = expect("overload-120.expect.json");
    let figures = of("overload-120.json");
    assert!(figures.abandoned <= bound(&bounds, "native_aband_max"));
    assert!(figures.abandoned >= bound(&bounds, "cheat_floor_aband"));
    assert!(figures.p99_wait_s <= bound(&bounds, "native_p99_s_max"));
    assert!(figures.gini_occupancy <= bound(&bounds, "gini_max"));
}

#[test]
fn the_example_of_the_documentation_is_a_scenario_and_the_schema_knows_its_fields() {
    let page = std::fs::read_to_string("docs/simulate.md").expect("the page");
    let example = page.split("```json\n").nth(1).and_then(|rest| rest.split("```").next());
    let example: Value = serde_json::from_str(example.expect("an example")).expect("JSON");
    let schema = std::fs::read_to_string("docs/scenario.schema.json").expect("the schema");
    let schema: Value = serde_json::from_str(&schema).expect("JSON");

    parse(&example);
    let known = |schema: &Value, value: &Value| {
        for key in value.as_object().expect("an object").keys() {
            assert!(schema["properties"].get(key).is_some(), "{key} is not in the schema");
        }
    };
    known(&schema, &example);
    known(&schema["properties"]["settings"], &example["settings"]);
    known(&schema["properties"]["seats"]["items"], &example["seats"][0]);
    known(&schema["properties"]["contacts"]["items"], &example["contacts"][0]);
}
