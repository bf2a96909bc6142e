//! Why a conversation is where it is, asked over HTTP: by a seat of the shop, and at the management
//! address.

mod router;

use std::path::Path;
use std::time::{Duration, Instant};

use router::{Router, config, get, post};
use serde_json::{Value, json};
use tradewind::config::shop::ShopFiles;

/// The demo shop under two names.
fn two_shops(folder: &Path) {
    for name in ["demo", "other"] {
        for (path, text) in ShopFiles::demo().0 {
            let file = folder.join("shops").join(name).join(&path);
            std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
            let text = text.replacen("id = \"demo\"", &format!("id = \"{name}\""), 1);
            std::fs::write(file, text).expect("a file");
        }
    }
}

fn token(router: &Router, shop: &str) -> String {
    let asked = json!({"shop": shop, "user": "mai", "password": "demo"});
    let answer = post(router.address, "/v1/seat/session", &asked).1;
    format!("Authorization: Bearer {}\r\n", answer["token"].as_str().expect("a token"))
}

/// A conversation that `mai` has accepted, and that is closed.
fn answered(router: &Router) -> String {
    let mut seat = router.seat("demo", "mai");
    let mut customer = router.customer("demo");
    customer.say("I want to talk to a person");
    let offer = seat.next("offer");
    seat.send(&json!({"type": "accept", "offer": offer["offer"]}));
    seat.next("accepted");
    let conversation = &offer["conversation"];
    seat.send(&json!({"type": "close", "conversation": conversation}));
    customer.next("closed");
    conversation.as_str().expect("an id").to_owned()
}

#[test]
fn seats_of_the_shop_and_the_management_read_the_same_explanation_also_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    two_shops(folder.path());
    let mut router = Router::start(config(folder.path(), "")).expect("a router");
    let conversation = answered(&router);
    let for_seat = format!("/v1/seat/conversations/{conversation}/explanation");
    let for_management = format!("/v1/conversations/{conversation}/explanation");
    let until = Instant::now() + Duration::from_secs(60);
    // A customer hears of the end before the queue has taken it in.
    while !get(router.admin_address, &for_management, "").1.contains("\"is\":\"gone\"") {
        assert!(Instant::now() < until, "it is closed");
    }
    let mut seen = Vec::new();
    for round in ["before", "after"] {
        let bearer = token(&router, "demo");
        let (status, seats) = get(router.address, &for_seat, &bearer);
        assert_eq!(status, 200, "{round}");
        let (status, managements) = get(router.admin_address, &for_management, "");
        assert_eq!((status, &managements), (200, &seats), "{round}");
        let (status, text) = get(router.admin_address, &for_management, "Accept: text/plain\r\n");
        assert_eq!(status, 200, "{round}");
        assert!(text.contains("offered to mai") && text.contains("mai owns it"), "{text}");
        seen.push((managements, text));

        assert_eq!(get(router.address, &for_seat, "").0, 401, "nobody");
        assert_eq!(get(router.address, &for_seat, &token(&router, "other")).0, 404, "not yours");
        let unknown = "/v1/seat/conversations/00000000-0000-0000-0000-000000000001/explanation";
        assert_eq!(get(router.address, unknown, &bearer).0, 404, "no such conversation");
        if round == "before" {
            drop(router);
            router = Router::start(config(folder.path(), "")).expect("a router");
        }
    }

    assert_eq!(seen[0], seen[1]);
    let json: Value = serde_json::from_str(&seen[0].0).expect("JSON");
    assert_eq!((&json["shop"], &json["now"]["is"]), (&json!("demo"), &json!("gone")));
    let steps: Vec<_> = json["records"].as_array().expect("a list").iter().collect();
    assert!(steps.iter().all(|record| record["rules"] == json["rules"]), "{json:#}");
    let search = &steps[0]["search"];
    assert!(search["filters"].as_array().is_some_and(|filters| filters.len() == 8), "{json:#}");
}
