//! Shops that change while the router works, over real sockets.

#[path = "router/mod.rs"]
mod router;

use router::{Router, config, post, try_config, write_shop};
use serde_json::json;

const COMPLAINT: &str = "Quiero que me devuelvan el dinero de mi pedido, es una vergüenza";

#[test]
fn a_reload_takes_new_seats_and_rules_and_drops_no_conversation() {
    let folder = tempfile::tempdir().expect("a folder");
    write_shop(folder.path(), "demo", str::to_owned);
    let router = Router::start(config(folder.path(), "")).expect("a router");
    let sign_in = |user: &str| {
        let asked = json!({"shop": "demo", "user": user, "password": "demo"});
        post(router.address, "/v1/seat/session", &asked).0
    };
    let mut lucia = router.seat("demo", "lucia");
    let mut customer = router.customer("demo");
    customer.say(COMPLAINT);
    let offer = lucia.next("offer");
    lucia.send(&json!({"type": "accept", "offer": offer["offer"]}));
    let conversation = lucia.next("accepted")["conversation"].clone();
    assert_eq!(sign_in("nova"), 401);

    write_shop(folder.path(), "demo", |text| {
        text.replace("id = \"yuki\"", "id = \"nova\"").replace("slots = 4", "slots = 5")
    });
    let (status, answer) = post(router.admin_address, "/v1/shops/reload", &json!({}));

    assert_eq!((status, &answer["shops"]), (200, &json!(["demo"])));
    assert_eq!((sign_in("nova"), sign_in("yuki")), (201, 401));
    let id = uuid::Uuid::from_u128(77);
    let text = "Sigo aquí";
    lucia.send(&json!({"type": "send", "id": id, "conversation": conversation, "text": text}));
    lucia.next("ack");
    let seen = loop {
        let message = customer.next("message");
        if message["from"] == "seat" {
            break message;
        }
    };
    assert_eq!(seen["text"], text);
    assert_eq!(router.metric("tradewind_config_shops_reloads_total{result=\"taken\"}"), 1.0);
    assert_eq!(router.metric("tradewind_schedule_promises_broken_total"), 0.0);
}

#[test]
fn shops_with_mistakes_are_refused_with_all_of_them_and_the_old_ones_stay() {
    let folder = tempfile::tempdir().expect("a folder");
    write_shop(folder.path(), "demo", str::to_owned);
    let router = Router::start(config(folder.path(), "")).expect("a router");

    write_shop(folder.path(), "demo", |text| {
        text.replace("wrap_up = \"0s\"", "wrap_up = \"9h\"").replace("id = \"kofi\"", "id = \"\"")
    });
    let (status, answer) = post(router.admin_address, "/v1/shops/reload", &json!({}));

    assert_eq!(status, 422);
    let mistakes = answer["mistakes"].to_string();
    assert!(mistakes.contains("routing.wrap_up") && mistakes.contains("seats[2].id"), "{mistakes}");
    router.seat("demo", "kofi");
    assert_eq!(router.metric("tradewind_config_shops_reloads_total{result=\"refused\"}"), 1.0);
}

#[test]
fn a_shop_that_is_added_can_be_used_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    write_shop(folder.path(), "demo", str::to_owned);
    let router = Router::start(config(folder.path(), "")).expect("a router");
    let asked = json!({"shop": "second", "user": "lucia", "password": "demo"});
    assert_eq!(post(router.address, "/v1/seat/session", &asked).0, 404);

    write_shop(folder.path(), "second", str::to_owned);
    let (status, answer) = post(router.admin_address, "/v1/shops/reload", &json!({}));

    assert_eq!(status, 200);
    assert_eq!(answer["shops"], json!(["demo", "second"]));
    assert_eq!((&answer["added"], &answer["removed"]), (&json!(["second"]), &json!([])));
    let mut lucia = router.seat("second", "lucia");
    let mut customer = router.customer("second");
    customer.say(COMPLAINT);
    let offer = lucia.next("offer");
    lucia.send(&json!({"type": "accept", "offer": offer["offer"]}));
    let conversation = lucia.next("accepted")["conversation"].clone();
    let id = uuid::Uuid::from_u128(77);
    let text = "Lo miro";
    lucia.send(&json!({"type": "send", "id": id, "conversation": conversation, "text": text}));
    assert_eq!(lucia.next("ack")["level"], "durable");
    assert_eq!(router.metric("tradewind_schedule_promises_broken_total"), 0.0);
}

#[test]
fn a_shop_that_is_removed_ends_what_is_open_tells_everybody_and_takes_nothing_new() {
    let folder = tempfile::tempdir().expect("a folder");
    write_shop(folder.path(), "demo", str::to_owned);
    write_shop(folder.path(), "second", str::to_owned);
    let router = Router::start(config(folder.path(), "")).expect("a router");
    let mut lucia = router.seat("second", "lucia");
    let (mut owned, mut waits) = (router.customer("second"), router.customer("second"));
    owned.say(COMPLAINT);
    let offer = lucia.next("offer");
    lucia.send(&json!({"type": "accept", "offer": offer["offer"]}));
    lucia.next("accepted");
    lucia.send(&json!({"type": "state", "state": "away"}));
    lucia.next("state");
    waits.say(COMPLAINT);
    waits.next("queued");
    let mut other = router.customer("demo");

    std::fs::remove_dir_all(folder.path().join("shops/second")).expect("removed");
    let (status, answer) = post(router.admin_address, "/v1/shops/reload", &json!({}));

    assert_eq!(status, 200);
    assert_eq!((&answer["added"], &answer["removed"]), (&json!([]), &json!(["second"])));
    for customer in [&mut owned, &mut waits] {
        assert_eq!(customer.next("closed")["by"], "shop");
        assert_eq!(customer.close_code(), 4503);
    }
    assert_eq!(lucia.close_code(), 4503);
    let asked = json!({"shop": "second", "visitor": null, "identity": null});
    assert_eq!(post(router.address, "/v1/widget/session", &asked).0, 404);
    other.say("Hola");
    other.next("ack");
    // The figure is told after each round of the scheduler: two answers are one whole round.
    let mut kofi = router.seat("demo", "kofi");
    kofi.send(&json!({"type": "state", "state": "away"}));
    kofi.next("state");
    assert_eq!(router.metric("tradewind_schedule_waiting"), 0.0);
    assert_eq!(router.metric("tradewind_schedule_promises_broken_total"), 0.0);

    // It may come back, and begins anew.
    write_shop(folder.path(), "second", str::to_owned);
    assert_eq!(post(router.admin_address, "/v1/shops/reload", &json!({})).0, 200);
    let mut lucia = router.seat("second", "lucia");
    router.customer("second").say(COMPLAINT);
    lucia.next("offer");
}

#[test]
fn changed_settings_of_the_program_are_named_as_in_need_of_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    write_shop(folder.path(), "demo", str::to_owned);
    let lines = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let (told, path) = (lines.clone(), folder.path().to_owned());
    let read_again = move || try_config(&path, &told.lock().expect("no panic"));
    let router = Router::start_from(config(folder.path(), ""), Box::new(read_again));
    let router = router.expect("a router");
    let reload = |text: &str| {
        *lines.lock().expect("no panic") = text.to_owned();
        post(router.admin_address, "/v1/shops/reload", &json!({}))
    };

    assert_eq!(reload("").1["needs_restart"], json!([]));
    let (status, answer) = reload("[timers]\noffer = \"8s\"\n[schedule]\nwaiting_max = 7\n");
    assert_eq!(status, 200, "the shops are taken");
    assert_eq!(answer["needs_restart"], json!(["schedule.waiting_max", "timers.offer"]));
    let (status, answer) = reload("[timers]\noffer = \"soon\"\n");
    assert_eq!(status, 422);
    assert!(answer["mistakes"].to_string().contains("timers.offer"), "{answer}");
}

#[test]
fn a_seat_that_is_gone_is_cut_off_and_its_conversation_goes_on_with_another() {
    let folder = tempfile::tempdir().expect("a folder");
    write_shop(folder.path(), "demo", str::to_owned);
    let router = Router::start(config(folder.path(), "")).expect("a router");
    let mut lucia = router.seat("demo", "lucia");
    let mut customer = router.customer("demo");
    customer.say(COMPLAINT);
    let offer = lucia.next("offer");
    lucia.send(&json!({"type": "accept", "offer": offer["offer"]}));
    lucia.next("accepted");
    let mut other = router.seat("demo", "seat-005");

    write_shop(folder.path(), "demo", |text| {
        text.replace("id = \"lucia\"", "id = \"nova\"")
            .replace("en = 30\n", "es = 30\n")
            .replace("\nes = 7\n", "\nen = 7\n")
    });
    assert_eq!(post(router.admin_address, "/v1/shops/reload", &json!({})).0, 200);

    let asked = other.next("offer");
    assert_eq!(asked["conversation"], offer["conversation"]);
}
