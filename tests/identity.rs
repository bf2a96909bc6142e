//! Customers whom the shop's own server vouches for, and rights that are taken away, over real
//! sockets.

#[path = "router/mod.rs"]
mod router;

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use router::{Client, Router, config, post};
use serde_json::{Value, json};
use tradewind::config::shop::ShopFiles;

const OLD: &str = "the old secret, which is 32 bytes";
const NEW: &str = "the new secret, which is 32 bytes";
/// What the product promises for a right that is taken away.
const CLOSED_WITHIN: Duration = Duration::from_secs(5);

/// The demo shop with a key, changed by `edit`.
fn write_shop(folder: &Path, edit: impl Fn(&str) -> String) {
    let keys = format!(
        "\n[[identity.keys]]\nkid = \"old\"\nalg = \"HS256\"\nsecret = \"{OLD}\"\n\
         [[identity.keys]]\nkid = \"new\"\nalg = \"HS256\"\nsecret = \"{NEW}\"\n"
    );
    for (file, text) in &ShopFiles::demo().0 {
        let path = folder.join("shops/demo").join(file);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        let text = match file.as_str() {
            "shop.toml" => edit(&format!("{text}{keys}")),
            // TW-10482 belongs to one customer.
            "orders.csv" => {
                text.replace("\"Trail running shoes, 42\",", "\"Trail running shoes, 42\",user-7")
            }
            _ => text.clone(),
        };
        std::fs::write(path, text).expect("a file");
    }
}

fn started(folder: &Path) -> Router {
    write_shop(folder, str::to_owned);
    Router::start(config(folder, "")).expect("a router")
}

fn identity(kid: &str, secret: &str, user: &str) -> Value {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let head = part(json!({"alg": "HS256", "kid": kid}));
    let body = part(json!({"sub": user, "aud": "demo", "exp": now.as_secs() + 60}));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
    let tag = ring::hmac::sign(&key, format!("{head}.{body}").as_bytes());
    json!({"jwt": format!("{head}.{body}.{}", URL_SAFE_NO_PAD.encode(tag))})
}

/// Loads the shop as `edit` changes it, and gives how long `client` then stays open.
fn closed_after(
    router: &Router,
    folder: &Path,
    edit: impl Fn(&str) -> String,
    client: &mut Client,
) {
    write_shop(folder, edit);
    let began = Instant::now();
    assert_eq!(post(router.admin_address, "/v1/shops/reload", &json!({})).0, 200);
    assert_eq!(client.close_code(), 4503);
    assert!(began.elapsed() < CLOSED_WITHIN, "{:?}", began.elapsed());
}

#[test]
fn a_verified_customer_has_one_conversation_on_every_device_and_strangers_do_not_see_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let router = started(folder.path());
    let mut phone = router.proved_customer("demo", &identity("old", OLD, "user-7"));
    phone.say("I want to talk to a person. My parcel arrived broken, this is a disgrace.");
    let conversation = phone.next("ack")["conversation"].clone();

    // Signed by the other key of the rotation: the same person.
    let mut laptop = router.proved_customer("demo", &identity("new", NEW, "user-7"));
    let mut other = router.proved_customer("demo", &identity("new", NEW, "user-8"));
    let mut visitor = router.customer("demo");
    laptop.say("and it is the second time");
    other.say("hello, I have a question about a voucher of mine");
    visitor.say("hello, I have a question about a voucher of mine");

    assert_eq!(laptop.next("ack")["conversation"], conversation);
    assert_ne!(other.next("ack")["conversation"], conversation);
    assert_ne!(visitor.next("ack")["conversation"], conversation);
    for stranger in [&mut other, &mut visitor] {
        let id = uuid::Uuid::from_u128(99);
        let text = "let me in";
        let send = json!({"type": "send", "id": id, "conversation": conversation, "text": text});
        assert_eq!(stranger.refused(&send), "not_found");
    }
}

#[test]
fn the_order_of_an_account_is_told_to_its_verified_owner_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let router = started(folder.path());
    let question = "Where is my order TW-10482?";
    let mut owner = router.proved_customer("demo", &identity("new", NEW, "user-7"));
    let mut other = router.proved_customer("demo", &identity("new", NEW, "user-8"));
    let mut visitor = router.customer("demo");

    owner.say(question);
    let answer = owner.next("answered_by_machine");
    assert_eq!(answer["source"], "orders/TW-10482");
    for stranger in [&mut other, &mut visitor] {
        stranger.say(question);
        stranger.next("queued");
    }
}

#[test]
fn a_shop_that_wants_proof_serves_nobody_without_it() {
    let folder = tempfile::tempdir().expect("a folder");
    write_shop(folder.path(), |text| {
        text.replacen("\n[[identity", "\n[identity]\nrequired = true\n[[identity", 1)
    });
    let router = Router::start(config(folder.path(), "")).expect("a router");

    let forged = identity("new", OLD, "user-7");
    for identity in [Value::Null, forged, json!({"user_id": "user-7", "hmac": "0".repeat(64)})] {
        let asked = json!({"shop": "demo", "identity": identity});
        let (status, problem) = post(router.address, "/v1/widget/session", &asked);
        assert_eq!((status, &problem["code"]), (401, &"unauthorized".into()), "{problem}");
    }
    router.proved_customer("demo", &identity("new", NEW, "user-7"));
}

#[test]
fn a_seat_that_is_taken_away_or_gets_another_password_loses_its_open_sockets() {
    let folder = tempfile::tempdir().expect("a folder");
    let router = started(folder.path());
    let mut mai = router.seat("demo", "mai");
    let mut again = router.seat("demo", "mai");
    let mut lucia = router.seat("demo", "lucia");

    let mai_gone = |text: &str| text.replace("id = \"mai\"", "id = \"may\"");
    closed_after(&router, folder.path(), mai_gone, &mut mai);
    assert_eq!(again.close_code(), 4503);
    // Others stay.
    lucia.send(&json!({"type": "ping"}));
    lucia.next("pong");
    let password = |text: &str| {
        mai_gone(text).replace(
            "id = \"lucia\"\ndemo_password = \"demo\"",
            "id = \"lucia\"\ndemo_password = \"another\"",
        )
    };
    closed_after(&router, folder.path(), password, &mut lucia);
}

#[test]
fn a_token_of_before_a_revocation_opens_nothing_after_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let router = started(folder.path());
    let asked = json!({"shop": "demo", "user": "mai", "password": "demo"});
    let token = post(router.address, "/v1/seat/session", &asked).1["token"].clone();
    Client::open(router.address, "/v1/seat", &token);

    write_shop(folder.path(), |text| text.replace("id = \"mai\"", "id = \"may\""));
    assert_eq!(post(router.admin_address, "/v1/shops/reload", &json!({})).0, 200);

    let mut late = Client::connect(router.address, "/v1/seat");
    late.send(&json!({"type": "hello", "token": token, "resume": null}));
    assert_eq!(late.close_code(), 4503);
}

#[test]
fn a_key_that_is_removed_takes_the_sockets_that_it_proved() {
    let folder = tempfile::tempdir().expect("a folder");
    let router = started(folder.path());
    let mut of_old = router.proved_customer("demo", &identity("old", OLD, "user-7"));
    let mut of_new = router.proved_customer("demo", &identity("new", NEW, "user-7"));

    let old_gone = |text: &str| text.replace(OLD, &"x".repeat(32));
    closed_after(&router, folder.path(), old_gone, &mut of_old);

    of_new.send(&json!({"type": "ping"}));
    of_new.next("pong");
    let asked = json!({"shop": "demo", "identity": identity("old", OLD, "user-7")});
    assert_eq!(post(router.address, "/v1/widget/session", &asked).0, 401);
}
