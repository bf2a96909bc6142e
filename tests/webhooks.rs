//! What a shop's own system is told, over real sockets, and what happens when it does not listen.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

#[path = "plan/mod.rs"]
mod plan;
#[path = "router/mod.rs"]
mod router;
#[path = "webhook_receiver/mod.rs"]
mod webhook_receiver;

use std::collections::BTreeSet;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use router::{Client, Router, ask, config, post, write_shop};
use serde_json::{Value, json};
use tempfile::TempDir;
use webhook_receiver::{Delivery, Receiver, SECRET, Step, hook};

const PLANTED: &str = "my number is +49 170 5550123";
const ALL: [&str; 10] = [
    "conversation.opened",
    "conversation.assigned",
    "conversation.answered",
    "conversation.transferred",
    "conversation.ticketed",
    "conversation.found_helpful",
    "conversation.rated",
    "conversation.closed",
    "message.received",
    "message.sent",
];
const SETTINGS: &str = "[webhooks]\nreach = \"anywhere\"\nretry_first = \"100ms\"\n";

/// A router whose shop `told` has a hook.
fn told(receiver: &Receiver, events: &[&str], more: &str, settings: &str) -> (TempDir, Router) {
    let folder = tempfile::tempdir().unwrap();
    let lines = hook(&folder.path().join("shops/told"), receiver.address, events, more);
    write_shop(folder.path(), "told", |text| format!("{text}{lines}"));
    let router = Router::start(config(folder.path(), settings)).unwrap();
    (folder, router)
}

fn named<'a>(deliveries: &'a [Delivery], event: &str) -> Vec<&'a Value> {
    deliveries.iter().map(|it| &it.body).filter(|body| body["type"] == event).collect()
}

fn results(router: &Router, result: &str) -> f64 {
    router.metric(&format!("tradewind_outward_webhooks_total{{result=\"{result}\"}}"))
}

/// Has the next delivery wait for its answer until what is returned is dropped.
fn hold(receiver: &Receiver) -> mpsc::Sender<()> {
    let (release, held) = mpsc::channel();
    receiver.at(Step::Kept, move || {
        // It ends when nobody can send any more.
        let _ = held.recv();
    });
    release
}

/// A customer who has said what is looked for later, once the hook has it, and the conversation.
fn told_of_plants(router: &Router, receiver: &Receiver) -> (Client, Value) {
    let mut customer = router.customer("told");
    customer.say(PLANTED);
    let conversation = customer.next("ack")["conversation"].clone();
    receiver.wait_for(|all| !all.is_empty());
    (customer, conversation)
}

fn erase(folder: &TempDir, router: &Router, conversation: &Value) {
    let key = std::fs::read_to_string(folder.path().join("data/admin.key")).unwrap();
    let erasures = ("POST", "/v1/shops/told/erasures");
    let asked = json!({"conversation": conversation});
    let (status, answer) = ask(router.admin_address, erasures, key.trim(), &asked);
    assert_eq!(status, 200, "{answer}");
}

/// Waits until a figure of the router is so.
fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < until, "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_conversation_is_told_from_its_beginning_to_its_end_without_what_was_said() {
    let receiver = Receiver::start();
    let (_folder, router) = told(&receiver, &ALL, "", SETTINGS);
    let mut seat = router.seat("told", "mai");
    let mut customer = router.customer("told");

    customer.say(&format!("I want to talk to a real person, {PLANTED}"));
    let offer = seat.next("offer");
    seat.send(&json!({"type": "accept", "offer": offer["offer"]}));
    seat.next("accepted");
    let conversation = offer["conversation"].clone();
    let id = uuid::Uuid::from_u128(1 << 64);
    seat.send(
        &json!({"type": "send", "id": id, "conversation": conversation, "text": "hello, here I am"}),
    );
    seat.next("ack");
    customer.send(&json!({"type": "rate", "conversation": conversation, "score": 5}));
    customer.send(&json!({"type": "close", "conversation": conversation}));
    let events = ["opened", "assigned", "answered", "rated", "closed"];

    // In whatever order they are told.
    let deliveries = receiver.wait_for(|all| {
        let told = |event: &str| !named(all, event).is_empty();
        events.iter().all(|event| told(&format!("conversation.{event}"))) && told("message.sent")
    });
    for event in events {
        let told = named(&deliveries, &format!("conversation.{event}"));
        assert_eq!(told.len(), 1, "{event}: {told:?}");
        assert_eq!(told[0]["data"]["shop"], "told");
        assert_eq!(told[0]["data"]["conversation"], conversation);
    }
    assert_eq!(named(&deliveries, "conversation.assigned")[0]["data"]["seat"], "mai");
    assert_eq!(named(&deliveries, "conversation.answered")[0]["data"]["by"], "seat");
    assert_eq!(named(&deliveries, "conversation.rated")[0]["data"]["score"], 5);
    assert_eq!(named(&deliveries, "conversation.closed")[0]["data"]["by"], "customer");
    let ids: BTreeSet<&str> = deliveries.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(ids.len(), deliveries.len(), "each came once");
    let said = deliveries.iter().any(|it| String::from_utf8_lossy(&it.bytes).contains("5550123"));
    assert!(!said, "{deliveries:?}");
}

#[test]
fn a_hook_that_wants_the_text_has_it_and_what_fails_comes_again_under_its_id() {
    let receiver = Receiver::start();
    receiver.answer(&[500, 302, 404], 204);
    let (_folder, router) = told(&receiver, &["message.received"], "include_text = true", SETTINGS);

    router.customer("told").say(PLANTED);
    let deliveries = receiver.wait_for(|all| all.len() == 4);

    let first = &deliveries[0];
    assert_eq!(first.body["data"]["text"], PLANTED);
    assert!(deliveries.iter().all(|it| it.id == first.id && it.bytes == first.bytes));
    wait_until("delivered", || results(&router, "delivered") == 1.0);
    assert_eq!(results(&router, "failed"), 3.0);
}

#[test]
fn what_an_erased_customer_said_is_not_told_though_that_it_happened_is() {
    let receiver = Receiver::start();
    receiver.answer(&[], 503);
    let (folder, router) = told(&receiver, &["message.received"], "include_text = true", SETTINGS);
    let (_customer, conversation) = told_of_plants(&router, &receiver);

    erase(&folder, &router, &conversation);
    receiver.answer(&[], 200);
    let deliveries = receiver.wait_for(|all| all.iter().any(|it| it.status == 200));

    let last = deliveries.iter().find(|it| it.status == 200).unwrap();
    assert_eq!(last.id, deliveries[0].id);
    assert_eq!(last.body["data"]["text"], "[erased]");
}

#[test]
fn a_call_that_waits_is_ended_before_an_erasure_is_confirmed_and_told_anew_without_the_text() {
    let receiver = Receiver::start();
    let held = hold(&receiver);
    // Longer than anything here waits: the call ends by the erasure alone.
    let settings = format!("{SETTINGS}timeout = \"1min\"\n");
    let (folder, router) = told(&receiver, &["message.received"], "include_text = true", &settings);
    let (_customer, conversation) = told_of_plants(&router, &receiver);

    erase(&folder, &router, &conversation);
    let deliveries = receiver.wait_for(|all| all.len() == 2);
    drop(held);

    assert_eq!(deliveries[0].id, deliveries[1].id);
    assert_eq!(deliveries[1].body["data"]["text"], "[erased]");
}

#[test]
fn so_many_calls_are_made_at_a_time_and_the_others_wait() {
    let receiver = Receiver::start();
    let held = hold(&receiver);
    let second = format!(
        "[[webhooks]]\nname = \"erp\"\nurl = \"http://{}/in?from=router\"\n\
         events = [\"message.received\"]\nsecret_file = \"hook.key\"",
        receiver.address
    );
    let settings = format!("{SETTINGS}calls_max = 1\n");
    let (_folder, router) = told(&receiver, &["message.received"], &second, &settings);
    let mut customer = router.customer("told");

    for number in 0..5 {
        customer.say(&format!("this is number {number}"));
        customer.next("ack");
    }
    drop(held);
    let deliveries = receiver.wait_for(|all| all.len() == 10);

    let ids: BTreeSet<&str> = deliveries.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(ids.len(), 10, "each was told once");
    assert_eq!(receiver.open_max(), 1);
}

#[test]
fn a_hook_that_does_not_answer_in_time_is_called_again() {
    let receiver = Receiver::start();
    let held = hold(&receiver);
    let settings = format!("{SETTINGS}timeout = \"100ms\"\n");
    let (_folder, router) = told(&receiver, &["message.received"], "", &settings);

    router.customer("told").say("hello");
    let deliveries = receiver.wait_for(|all| all.len() >= 2);
    wait_until("delivered", || results(&router, "delivered") == 1.0);
    drop(held);

    assert_eq!(deliveries[0].id, deliveries[1].id);
    assert!(results(&router, "failed") >= 1.0);
}

#[test]
fn an_answer_that_is_larger_than_what_is_read_is_none() {
    let receiver = Receiver::start();
    receiver.answer_with(&" ".repeat(64 * 1024 + 1));
    let (_folder, router) = told(&receiver, &["message.received"], "", SETTINGS);

    router.customer("told").say("hello");
    wait_until("failed", || results(&router, "failed") >= 1.0);
    assert_eq!(results(&router, "delivered"), 0.0);
    receiver.answer_with(&" ".repeat(64 * 1024));

    wait_until("delivered", || results(&router, "delivered") == 1.0);
}

#[test]
fn while_a_key_is_replaced_both_sign() {
    let receiver = Receiver::start();
    let (folder, router) = told(&receiver, &["message.received"], "", SETTINGS);
    let keys = format!("whsec_{}\n{SECRET}\n", "bmV3IGtleSBvZiB0aGUgaG9vayBvZiB0aGlz");
    std::fs::write(folder.path().join("shops/told/hook.key"), keys).unwrap();
    let (status, answer) = post(router.admin_address, "/v1/shops/reload", &json!({}));
    assert_eq!(status, 200, "{answer}");

    router.customer("told").say("hello");
    let deliveries = receiver.wait_for(|all| !all.is_empty());

    // The receiver has looked that the key from before is one of them.
    assert_eq!(deliveries[0].signatures, 2);
}

#[test]
fn a_hook_that_is_gone_is_left_alone_until_the_shops_are_loaded_anew() {
    let receiver = Receiver::start();
    receiver.answer(&[410], 200);
    let (_folder, router) = told(&receiver, &["message.received"], "", SETTINGS);

    router.customer("told").say("hello");
    let pauses = "tradewind_outward_webhook_pauses_total{reason=\"gone\"}";
    wait_until("paused", || router.metric("tradewind_outward_webhooks_paused") == 1.0);
    assert_eq!(router.metric(pauses), 1.0);
    assert_eq!(receiver.deliveries().len(), 1);

    let (status, answer) = post(router.admin_address, "/v1/shops/reload", &json!({}));
    assert_eq!(status, 200, "{answer}");
    let deliveries = receiver.wait_for(|all| all.len() == 2);
    assert_eq!(deliveries[0].id, deliveries[1].id);
    wait_until("no more paused", || router.metric("tradewind_outward_webhooks_paused") == 0.0);
}

#[test]
fn a_hook_inside_a_network_is_not_called_unless_the_operator_allows_it() {
    let receiver = Receiver::start();
    let settings = "[webhooks]\nretry_first = \"100ms\"\nretry_for = \"1s\"\n";
    let (_folder, router) = told(&receiver, &["message.received"], "", settings);

    router.customer("told").say("hello");

    wait_until("given up", || results(&router, "given_up") == 1.0);
    assert_eq!(receiver.connections(), 0);
}

#[test]
fn past_its_bound_what_has_waited_longest_for_a_hook_is_dropped_and_counted() {
    let receiver = Receiver::start();
    receiver.answer(&[410], 410);
    let settings = format!("{SETTINGS}waiting_max = 10\n");
    let (_folder, router) = told(&receiver, &["message.received"], "", &settings);
    let mut customer = router.customer("told");
    customer.say("hello");
    wait_until("paused", || router.metric("tradewind_outward_webhooks_paused") == 1.0);

    for number in 0..14 {
        customer.say(&format!("and this is number {number}"));
        customer.next("ack");
    }

    wait_until("dropped", || results(&router, "dropped") == 5.0);
    assert_eq!(receiver.deliveries().len(), 1);
}
