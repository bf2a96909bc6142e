//! One answer for everybody who asks the same, over real sockets.

#[path = "router/mod.rs"]
mod router;

use std::path::Path;
use std::time::{Duration, Instant};

use router::{Client, Router, always_at_work, ask, config, write_shop};
use serde_json::{Value, json};

/// What customers of five languages write when no card is taken.
const ASKED: [(&str, &str); 5] = [
    ("en", "card payments fail at checkout for all of us, known problem?"),
    ("es", "la tarjeta da error al pagar, ¿les pasa a todos?"),
    ("fr", "le paiement par carte ne marche plus, panne ?"),
    ("pt", "erro ao pagar com cartão de crédito, é geral?"),
    ("ko", "카드결제 오류인데 다들 그런가요"),
];
const ANSWER_EN: &str = "Cards work again this evening. Other ways work now.";
const ANSWER_ES: &str = "Las tarjetas vuelven esta tarde. Las otras formas funcionan.";

/// Admits as many customers as a test has, who say nothing while they wait.
const MANY: &str = "[admission]\nshop_messages_per_s = 5000\n[timers]\npeer_dead_after = \"60s\"\n";

fn start(folder: &Path) -> Router {
    // Whenever the test runs, somebody is at work in every language.
    write_shop(folder, "demo", always_at_work);
    Router::start(config(folder, MANY)).expect("a router")
}

/// A seat that looks on and takes nothing.
fn watcher(router: &Router) -> Client {
    let mut seat = router.seat("demo", "lucia");
    seat.send(&json!({"type": "state", "state": "away"}));
    seat.next("state");
    seat.send(&json!({"type": "incidents", "watch": true}));
    seat
}

/// Customers who ask, each in the language of `ASKED` whose turn it is.
fn askers(router: &Router, count: usize) -> Vec<Client> {
    (0..count)
        .map(|n| {
            let mut customer = router.customer("demo");
            customer.say(ASKED[n % ASKED.len()].1);
            customer
        })
        .collect()
}

/// The only incident of the first showing of which `has` holds.
fn incident_until(seat: &mut Client, has: impl Fn(&Value) -> bool) -> Value {
    loop {
        let frame = seat.next("incidents");
        if frame["incidents"].as_array().is_some_and(|it| it.len() == 1)
            && has(&frame["incidents"][0])
        {
            return frame["incidents"][0].clone();
        }
    }
}

fn shown(incident: &Value) -> Vec<Value> {
    let shown = incident["shown"].as_array().expect("followers");
    shown.iter().map(|follower| follower["conversation"].clone()).collect()
}

/// The next message of a machine that holds `part`, with its language.
fn hears(customer: &mut Client, part: &str) -> Value {
    loop {
        let event = customer.next("event");
        if event["text"].as_str().is_some_and(|text| text.contains(part)) {
            return event["language"].clone();
        }
    }
}

fn confirm(seat: &mut Client, incident: &Value, wrong: &[Value]) {
    seat.send(&json!({
        "type": "confirm_incident",
        "incident": incident["incident"],
        "conversations": shown(incident),
        "wrong": wrong,
    }));
}

fn answer(incident: &Value) -> Value {
    json!({
        "type": "answer_incident",
        "incident": incident["incident"],
        "texts": {"en": ANSWER_EN, "es": ANSWER_ES},
        "fallback": "en",
    })
}

#[test]
fn one_seat_answers_once_and_every_follower_gets_it_in_a_language_that_there_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let router = start(folder.path());
    let mut seat = watcher(&router);
    let mut customers = askers(&router, 6);

    let incident = incident_until(&mut seat, |it| it["followers"] == 6);
    assert_eq!((&incident["is_open"], &incident["reaches"]), (&json!(true), &json!(0)));
    assert_eq!(incident["languages"], json!({"en": 2, "es": 1, "fr": 1, "ko": 1, "pt": 1}));
    assert_eq!(seat.refused(&answer(&incident)), "conflict", "nobody is confirmed");
    let texts = incident["shown"].as_array().expect("followers").iter();
    let texts = texts.map(|it| it["text"].as_str().expect("what it asked"));
    assert_eq!(texts.clone().filter(|text| *text == ASKED[0].1).count(), 2);
    assert!(ASKED.iter().all(|(_, asked)| texts.clone().any(|text| text == *asked)), "{incident}");
    let left_out = incident["shown"].as_array().expect("followers").iter();
    let left_out =
        left_out.filter(|it| it["language"] == "ko").map(|it| it["conversation"].clone());
    confirm(&mut seat, &incident, &left_out.collect::<Vec<_>>());
    let confirmed = incident_until(&mut seat, |it| it["reaches"] == 5);
    seat.send(&answer(&confirmed));

    // Everybody but who was left out.
    for (who, language) in [(0, "en"), (1, "es"), (2, "en"), (3, "en"), (5, "en")] {
        let part = if language == "es" { ANSWER_ES } else { ANSWER_EN };
        assert_eq!(hears(&mut customers[who], part), language);
        let source = format!("incident/{}", confirmed["incident"]);
        assert_eq!(customers[who].next("event")["source"], source);
    }
    assert_eq!(seat.refused(&answer(&confirmed)), "conflict", "it has an answer");
    assert_eq!(router.metric("tradewind_flow_answered_for_many_total"), 5.0);
}

#[test]
fn whom_the_machine_has_answered_hears_what_a_seat_answers_to_all_who_ask() {
    let folder = tempfile::tempdir().expect("a folder");
    let router = start(folder.path());
    let mut seat = watcher(&router);
    let _waiting = askers(&router, 5);
    incident_until(&mut seat, |it| it["is_open"] == true);
    let mut customer = router.customer("demo");

    customer.say("which cards can I pay with if card payments fail for everybody at checkout?");
    hears(&mut customer, "PayPal");
    let incident = incident_until(&mut seat, |it| it["machine_answered"] == 1);
    confirm(&mut seat, &incident, &[]);
    let incident = incident_until(&mut seat, |it| it["reaches"] == 6);
    seat.send(&answer(&incident));

    assert_eq!(hears(&mut customer, ANSWER_EN), "en");
}

#[test]
fn two_incidents_that_a_seat_makes_one_have_one_answer() {
    let folder = tempfile::tempdir().expect("a folder");
    let router = start(folder.path());
    let mut seat = watcher(&router);
    let mut customers = askers(&router, 5);
    customers.extend((0..5).map(|_| {
        let mut customer = router.customer("demo");
        customer.say("is the warehouse flooded?");
        customer
    }));
    let two = loop {
        let frame = seat.next("incidents");
        let rows = frame["incidents"].as_array().expect("incidents").clone();
        if rows.len() == 2 && rows.iter().all(|it| it["followers"] == 5) {
            break rows;
        }
    };
    two.iter().for_each(|incident| confirm(&mut seat, incident, &[]));
    let [older, younger] = [0, 1].map(|at| two[at]["incident"].clone());
    let join = |into| json!({"type": "join_incidents", "incident": younger, "into": into});
    assert_eq!(seat.refused(&join(&younger)), "conflict", "it is one");

    seat.send(&join(&older));

    let one = incident_until(&mut seat, |it| it["followers"] == 10 && it["reaches"] == 10);
    assert_eq!((&one["incident"], &one["same_as"]), (&older, &Value::Null));
    assert_eq!(seat.refused(&join(&older)), "not_found", "it is no more");
    seat.send(&answer(&one));
    for customer in &mut customers[5..] {
        hears(customer, ANSWER_EN);
    }
    assert_eq!(router.metric("tradewind_flow_answered_for_many_total"), 10.0);
}

#[test]
fn thanks_end_it_and_anything_else_brings_the_place_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let router = start(folder.path());
    let mut seat = watcher(&router);
    let mut customers = askers(&router, 5);
    let incident = incident_until(&mut seat, |it| it["followers"] == 5);
    confirm(&mut seat, &incident, &[]);
    let confirmed = incident_until(&mut seat, |it| it["reaches"] == 5);
    seat.send(&answer(&confirmed));
    hears(&mut customers[0], ANSWER_EN);
    hears(&mut customers[2], ANSWER_EN);

    customers[0].say("thank you very much!");
    customers[2].say("non, je parle d'autre chose, ma commande 48213 est perdue");

    let event = loop {
        let event = customers[2].next("event");
        if event["kind"] == "queued" && event["place"] == 1 {
            break event;
        }
    };
    assert!(event["seq"].as_u64() > Some(3), "{event}");
    let left = incident_until(&mut seat, |it| it["followers"] == 4);
    assert_eq!(left["answered_by"], "lucia");
}

#[test]
fn an_answer_that_names_an_order_or_a_person_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let router = start(folder.path());
    let mut seat = watcher(&router);
    let _customers = askers(&router, 5);
    let incident = incident_until(&mut seat, |it| it["followers"] == 5);
    confirm(&mut seat, &incident, &[]);
    let confirmed = incident_until(&mut seat, |it| it["reaches"] == 5);

    for text in ["Your order TW-10482 is on its way.", "Write to ana@example.org"] {
        let mut frame = answer(&confirmed);
        frame["texts"]["en"] = json!(text);
        assert_eq!(seat.refused(&frame), "conflict", "{text}");
    }
    let mut frame = answer(&confirmed);
    frame["fallback"] = json!("ja");
    assert_eq!(seat.refused(&frame), "bad_frame", "nobody would get what is not written");
    assert_eq!(router.metric("tradewind_flow_answered_for_many_total"), 0.0);
}

#[test]
fn a_customer_with_an_own_matter_is_never_among_the_followers() {
    let folder = tempfile::tempdir().expect("a folder");
    let router = start(folder.path());
    let mut seat = watcher(&router);
    let mut own = router.customer("demo");
    own.say("card payments fail at checkout, was order 48213 paid?");
    let _customers = askers(&router, 5);

    let incident = incident_until(&mut seat, |it| it["followers"].as_u64() >= Some(5));

    assert_eq!(incident["followers"], 5);
}

#[test]
fn an_incident_goes_on_after_a_restart_with_those_who_still_wait_confirmed_as_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut router = start(folder.path());
    let mut seat = watcher(&router);
    let mut customers = askers(&router, 6);
    let incident = incident_until(&mut seat, |it| it["followers"] == 6);
    confirm(&mut seat, &incident, &[]);
    incident_until(&mut seat, |it| it["reaches"] == 6);
    let conversation = shown(&incident)[0].clone();
    let leaving = customers.iter_mut().find_map(|customer| {
        let of = customer.next("queued")["conversation"].clone();
        (of == conversation).then_some(customer)
    });
    let leaving = leaving.expect("whose it is");
    leaving.send(&json!({"type": "close", "conversation": conversation}));
    leaving.next("closed");
    router.stop();

    let router = Router::start(config(folder.path(), MANY)).expect("a router");
    let mut seat = watcher(&router);

    let again = incident_until(&mut seat, |it| it["followers"] == 5);
    assert_eq!((&again["reaches"], &again["unconfirmed"]), (&json!(5), &json!(0)));
    assert!(!shown(&again).contains(&conversation), "who has left is not asked about");
}

#[test]
fn an_answer_outlives_a_restart_for_whoever_asks_later_and_reaches_nobody_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut router = start(folder.path());
    let mut seat = watcher(&router);
    let mut customers = askers(&router, 5);
    let incident = incident_until(&mut seat, |it| it["followers"] == 5);
    confirm(&mut seat, &incident, &[]);
    incident_until(&mut seat, |it| it["reaches"] == 5);
    seat.send(&answer(&incident));
    customers.iter_mut().for_each(|customer| drop(hears(customer, ".")));
    router.stop();

    let router = Router::start(config(folder.path(), MANY)).expect("a router");
    let mut seat = watcher(&router);
    let again = incident_until(&mut seat, |_| true);
    let told = [&again["incident"], &again["answered_by"], &again["answer"], &again["followers"]];
    assert_eq!(told, [&incident["incident"], &json!("lucia"), &json!(ANSWER_EN), &json!(0)]);

    let mut late = askers(&router, 1).remove(0);
    let waits = incident_until(&mut seat, |it| it["unconfirmed"] == 1);
    assert_eq!(waits["incident"], incident["incident"]);
    confirm(&mut seat, &waits, &[]);
    assert_eq!(hears(&mut late, ANSWER_EN), "en");
}

#[test]
fn what_seats_have_said_of_joins_outlives_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut router = start(folder.path());
    let mut seat = watcher(&router);
    let _customers = askers(&router, 6);
    let incident = incident_until(&mut seat, |it| it["followers"] == 6);
    confirm(&mut seat, &incident, &[]);
    let said = loop {
        let frame = seat.next("incidents");
        if frame["incidents"][0]["reaches"] == 6 {
            break frame["decisions"].clone();
        }
    };
    assert_eq!(said, 5, "that the first asks what the first asks is no decision");
    router.stop();

    let router = Router::start(config(folder.path(), MANY)).expect("a router");
    let frame = watcher(&router).next("incidents");

    assert_eq!((&frame["decisions"], &frame["automatic"]), (&said, &json!(false)));
}

#[test]
fn an_erased_customer_is_in_no_example_that_a_seat_is_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let router = start(folder.path());
    let mut seat = watcher(&router);
    let mut first = router.customer("demo");
    first.say("card payments fail at checkout for all of us, is that known, asks Qalani?");
    let conversation = first.next("ack")["conversation"].clone();
    let _others = askers(&router, 5);
    let shows = |it: &Value| it.to_string().contains("Qalani");
    let incident = incident_until(&mut seat, |it| it["followers"] == 6);
    let shows_in = |field: &str| shows(&incident[field]);
    assert!(shows_in("examples") && shows_in("shown"), "{incident}");

    let key = std::fs::read_to_string(folder.path().join("data/admin.key")).expect("a key");
    let whom = json!({"conversation": conversation});
    let path = "/v1/shops/demo/erasures";
    let (status, erased) = ask(router.admin_address, ("POST", path), key.trim(), &whom);
    assert_eq!(status, 200, "{erased}");

    let incident = incident_until(&mut seat, |it| it["followers"] == 5 && !shows(it));
    assert_eq!(incident["examples"].as_array().map(Vec::len), Some(2), "{incident}");
}

#[test]
fn an_erasure_by_conversation_is_no_more_done_when_it_is_asked_for_again_while_the_file_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    // What cannot be written over, and not be removed either.
    let file = folder.path().join("data/incidents/demo.json");
    std::fs::create_dir_all(&file).expect("what is in the way");
    let router = start(folder.path());
    let mut seat = watcher(&router);
    let mut first = router.customer("demo");
    first.say(ASKED[0].1);
    let whom = json!({"conversation": first.next("ack")["conversation"]});
    let _others = askers(&router, 4);
    incident_until(&mut seat, |it| it["followers"] == 5);
    let key = std::fs::read_to_string(folder.path().join("data/admin.key")).expect("a key");
    let path = "/v1/shops/demo/erasures";
    let erase = || ask(router.admin_address, ("POST", path), key.trim(), &whom);

    for _ in 0..2 {
        let (status, refused) = erase();
        assert_eq!(status, 503, "{refused}");
    }
    std::fs::remove_dir(&file).expect("it is out of the way");

    for conversations in [1, 0] {
        let (status, erased) = erase();
        assert_eq!(status, 200, "{erased}");
        let erased: Value = serde_json::from_str(&erased).expect("JSON");
        assert_eq!(erased["conversations"], conversations, "{erased}");
        assert!(file.is_file());
    }
}

/// How many customers the fan-out is timed with; `TRADEWIND_FOLLOWERS=1000` for the figure.
fn followers() -> usize {
    std::env::var("TRADEWIND_FOLLOWERS").ok().and_then(|n| n.parse().ok()).unwrap_or(60)
}

#[test]
fn everybody_has_the_answer_and_who_comes_late_too_and_it_is_told_how_long_that_took() {
    let folder = tempfile::tempdir().expect("a folder");
    let router = start(folder.path());
    let mut seat = watcher(&router);
    let count = followers();
    let mut customers = askers(&router, count);
    // A seat is shown fifty at a time.
    let mut done = 0;
    while done < count {
        let before = done;
        let incident =
            incident_until(&mut seat, |it| it["followers"] == count && it["reaches"] == before);
        confirm(&mut seat, &incident, &[]);
        done = (done + 50).min(count);
        let _ = incident_until(&mut seat, |it| it["reaches"] == done);
        seat.send(&json!({"type": "incidents", "watch": true}));
    }
    let incident = incident_until(&mut seat, |it| it["reaches"] == count);

    let sent_at = Instant::now();
    seat.send(&answer(&incident));
    let mut waits: Vec<Duration> = Vec::new();
    for (n, customer) in customers.iter_mut().enumerate() {
        hears(customer, if ASKED[n % ASKED.len()].0 == "es" { ANSWER_ES } else { ANSWER_EN });
        waits.push(sent_at.elapsed());
    }
    waits.sort();
    let p99 = waits[(waits.len() * 99 / 100).min(waits.len() - 1)];

    let mut late = router.customer("demo");
    let asked_at = Instant::now();
    late.say(ASKED[0].1);
    let automatic = count > 400;
    if !automatic {
        let one = incident_until(&mut seat, |it| it["unconfirmed"] == 1);
        confirm(&mut seat, &one, &[]);
    }
    hears(&mut late, ANSWER_EN);
    println!("{count} followers: p99 {p99:?}; late joiner {:?}", asked_at.elapsed());
}
