//! Conversations of a whole router whose shop has a service that translates: real sockets on both sides.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::router::{Client, Router, always_at_work, ask, config, write_shop};
use crate::services::{Manners, Services};

const COMPLAINT: &str = "El pago con tarjeta fue rechazado dos veces y no entiendo por qué";
const ANSWER: &str = "I am sorry, the payment works now";
/// What customers of five languages write when no card is taken.
const ASKED: [&str; 5] = [
    "card payments fail at checkout for all of us, known problem?",
    "la tarjeta da error al pagar, ¿les pasa a todos?",
    "le paiement par carte ne marche plus, panne ?",
    "erro ao pagar com cartão de crédito, é geral?",
    "카드결제 오류인데 다들 그런가요",
];

/// What the services of the tests make of a text.
fn said(text: &str) -> String {
    let flip = |c: char| {
        if c.is_uppercase() { c.to_lowercase().collect() } else { c.to_uppercase().collect() }
    };
    text.chars().map(|c| -> String { flip(c) }).collect()
}

struct Centre {
    router: Router,
    services: Services,
    _runtime: tokio::runtime::Runtime,
    folder: tempfile::TempDir,
}

fn centre(manners: Manners) -> Centre {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let services = runtime.block_on(Services::start(manners));
    let folder = tempfile::tempdir().expect("a folder");
    let timeout = if manners == Manners::Polite { "6s" } else { "500ms" };
    let engine = format!(
        "\n[translation]\ntimeout = \"{timeout}\"\n[[translation.engines]]\n\
         kind = \"libretranslate\"\nurl = \"{}\"\nkey_file = \"key\"\n",
        services.address
    );
    write_shop(folder.path(), "demo", |text| always_at_work(text) + &engine);
    std::fs::write(folder.path().join("shops/demo/key"), "key-of-the-shop\n").expect("a file");
    let lines = "[schedule]\nfallback_after = \"0ms\"\n[timers]\npeer_dead_after = \"60s\"\n";
    let router = Router::start(config(folder.path(), lines)).expect("a router");
    Centre { router, services, _runtime: runtime, folder }
}

/// A Spanish customer and a seat of English and French, as nobody of Spanish is there.
fn meet(router: &Router, seat: &mut Client) -> (Client, Value) {
    let mut customer = router.customer("demo");
    customer.say(COMPLAINT);
    let conversation = customer.next("ack")["conversation"].clone();
    let offer = seat.next("offer");
    assert_eq!(offer["conversation"], conversation);
    seat.send(&json!({"type": "accept", "offer": offer["offer"]}));
    seat.next("accepted");
    (customer, conversation)
}

fn write(seat: &mut Client, conversation: &Value, text: &str) {
    let id = uuid::Uuid::now_v7();
    seat.send(&json!({"type": "send", "id": id, "conversation": conversation, "text": text}));
}

/// The next message of a seat or the router that says `text`.
fn hears(customer: &mut Client, text: &str) -> Value {
    loop {
        let event = customer.next("event");
        if event["text"] == text {
            return event;
        }
    }
}

#[test]
fn a_customer_and_a_seat_read_each_other_through_a_real_service() {
    let centre = centre(Manners::Polite);
    let mut seat = centre.router.seat("demo", "kofi");
    let (mut customer, conversation) = meet(&centre.router, &mut seat);

    let read = seat.next("translated");
    assert_eq!(read["translation"]["text"], said(COMPLAINT));
    write(&mut seat, &conversation, ANSWER);

    let heard = hears(&mut customer, ANSWER);
    let translation = json!({
        "from": "en", "language": "es", "text": said(ANSWER), "by": "libretranslate", "reason": null,
    });
    assert_eq!(heard["translation"], translation);
    assert_eq!(seat.next("translated")["translation"], translation);
    assert_eq!(
        centre.router.metric("tradewind_translate_for_customers_total{result=\"translated\"}"),
        1.0
    );
}

#[test]
fn a_service_that_says_nothing_or_fails_keeps_nobody_waiting() {
    for (manners, reason) in [(Manners::Silent, "late"), (Manners::Broken, "failed")] {
        let centre = centre(manners);
        let mut seat = centre.router.seat("demo", "kofi");
        let (mut customer, conversation) = meet(&centre.router, &mut seat);
        assert_eq!(seat.next("translated")["translation"]["reason"], reason);

        let began = Instant::now();
        write(&mut seat, &conversation, ANSWER);

        assert_eq!(hears(&mut customer, ANSWER)["translation"]["text"], Value::Null);
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        assert_eq!(seat.next("translated")["translation"]["reason"], reason);
    }
}

#[test]
fn an_erased_customers_words_are_not_remembered_for_the_next_one() {
    let centre = centre(Manners::Polite);
    let mut seat = centre.router.seat("demo", "kofi");
    let (_first, conversation) = meet(&centre.router, &mut seat);
    seat.next("translated");
    assert_eq!(centre.services.calls(), 1);
    let (_second, _) = meet(&centre.router, &mut seat);
    seat.next("translated");
    assert_eq!(centre.services.calls(), 1, "the same text is the same question");

    let (admin, body) = (centre.router.admin_address, json!({"conversation": conversation}));
    let key = std::fs::read_to_string(centre.folder.path().join("data/admin.key")).expect("a key");
    let (status, answer) = ask(admin, ("POST", "/v1/shops/demo/erasures"), key.trim(), &body);
    assert_eq!(status, 200, "{answer}");

    let (_third, _) = meet(&centre.router, &mut seat);
    seat.next("translated");
    assert_eq!(centre.services.calls(), 2, "it was forgotten with the customer");
}

#[test]
fn an_answer_for_many_is_asked_for_once_in_each_language_and_a_late_joiner_costs_nothing() {
    let centre = centre(Manners::Polite);
    let router = &centre.router;
    let mut seat = router.seat("demo", "lucia");
    seat.send(&json!({"type": "state", "state": "away"}));
    seat.next("state");
    seat.send(&json!({"type": "incidents", "watch": true}));
    let ask = |n: usize| {
        let mut customer = router.customer("demo");
        customer.say(ASKED[n % ASKED.len()]);
        customer
    };
    let mut customers: Vec<Client> = (0..20).map(ask).collect();
    let incident_until = |seat: &mut Client, field: &str, count: u64| loop {
        let frame = seat.next("incidents");
        let found = frame["incidents"].as_array().and_then(|it| it.first().cloned());
        if let Some(incident) = found.filter(|it| it[field] == count) {
            assert_eq!(frame["translates"], true);
            return incident;
        }
    };
    let shown = |incident: &Value| -> Vec<Value> {
        let shown = incident["shown"].as_array().expect("followers").iter();
        shown.map(|it| it["conversation"].clone()).collect()
    };
    let confirm = |incident: &Value| {
        json!({"type": "confirm_incident", "incident": incident["incident"],
               "conversations": shown(incident), "wrong": []})
    };
    let incident = incident_until(&mut seat, "followers", 20);
    seat.send(&confirm(&incident));
    let incident = incident_until(&mut seat, "reaches", 20);

    let began = Instant::now();
    seat.send(&json!({"type": "answer_incident", "incident": incident["incident"],
                      "texts": {"en": ANSWER}, "fallback": "en"}));

    for (n, customer) in customers.iter_mut().enumerate() {
        let heard = hears(customer, ANSWER);
        let wanted = if n % 5 == 0 { Value::Null } else { said(ANSWER).into() };
        assert_eq!(heard["translation"]["text"], wanted, "{n}");
        let source = format!("incident/{}", incident["incident"]);
        assert_eq!(customer.next("event")["source"], source);
    }
    println!("20 customers in 5 languages after {:?}", began.elapsed());
    assert_eq!(centre.services.calls(), 4, "English needs none");

    let mut late = ask(1);
    let incident = incident_until(&mut seat, "unconfirmed", 1);
    seat.send(&confirm(&incident));
    assert_eq!(hears(&mut late, ANSWER)["translation"]["text"], said(ANSWER));
    assert_eq!(centre.services.calls(), 4);
}
