//! Shops that change while the router works, over real sockets.

#[path = "router/mod.rs"]
mod router;

use router::{Router, config, post, write_shop};
use serde_json::json;

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
    customer.say("Quiero que me devuelvan el dinero de mi pedido, es una vergüenza");
    let offer = lucia.next("offer");
    lucia.send(&json!({"type": "accept", "offer": offer["offer"]}));
    let conversation = lucia.next("accepted")["conversation"].clone();
    assert_eq!(sign_in("nova"), 401);

    write_shop(folder.path(), "demo", |text| {
        text.replace("id = \"yuki\"", "id = \"nova\"").replace("slots = 4", "slots = 5")
    });
    let (status, answer) = post(router.admin_address, "/v1/shops/reload", &json!({}));

    assert_eq!((status, answer), (200, json!({"shops": ["demo"]})));
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
    write_shop(folder.path(), "demo", |text| text.replace("id = \"demo\"", "id = \"other\""));
    let (status, answer) = post(router.admin_address, "/v1/shops/reload", &json!({}));
    assert_eq!(status, 422);
    assert_eq!(
        answer["mistakes"],
        json!([
            "shop `other` is new: that needs a restart",
            "shop `demo` is gone: that needs a restart"
        ])
    );
    assert_eq!(router.metric("tradewind_config_shops_reloads_total{result=\"refused\"}"), 2.0);
}

#[test]
fn a_seat_that_is_gone_is_cut_off_and_its_conversation_goes_on_with_another() {
    let folder = tempfile::tempdir().expect("a folder");
    write_shop(folder.path(), "demo", str::to_owned);
    let router = Router::start(config(folder.path(), "")).expect("a router");
    let mut lucia = router.seat("demo", "lucia");
    let mut customer = router.customer("demo");
    customer.say("Quiero que me devuelvan el dinero de mi pedido, es una vergüenza");
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
