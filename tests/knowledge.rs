//! The knowledge base as users have it: how good the articles of the demo shop are, articles that are changed
//! while a router works, and the list of what nobody has written.

#[path = "router/mod.rs"]
mod router;

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use router::{Router, ask, config, post, request, write_shop};
use serde_json::{Value, json};

/// A router with the demo shop in a folder, and the key of its management.
fn started(folder: &Path) -> (Router, String) {
    write_shop(folder, "demo", str::to_owned);
    let router = Router::start(config(folder, "")).expect("a router");
    let key = std::fs::read_to_string(folder.join("data/admin.key")).expect("a key");
    (router, key.trim().to_owned())
}

/// Puts a file to the management address.
fn put(address: SocketAddr, path: &str, key: &str, text: &str) -> (u16, Value) {
    let length = text.len();
    let asked = format!(
        "PUT {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{text}"
    );
    let (status, answer) = request(address, &asked);
    (status, serde_json::from_str(&answer).unwrap_or(Value::Null))
}

fn gift_wrapping(price: &str) -> String {
    format!(
        "+++\ntitle = \"Gift wrapping\"\nintents = [\"product_question\"]\n\
         questions = [\"Do you gift wrap?\"]\n+++\nWe wrap it for {price}.\n"
    )
}

#[test]
fn an_article_that_is_put_answers_the_next_customer_and_comes_back_by_its_version() {
    let folder = tempfile::tempdir().expect("a folder");
    let (router, key) = started(folder.path());
    let address = router.admin_address;
    let path = "/v1/shops/demo/articles/return-cost/en";
    let told = || {
        let mut customer = router.customer("demo");
        customer.say("Is sending something back free?");
        customer.next("ack");
        let said = customer.next("message");
        (said["text"].to_string(), customer.next("answered_by_machine")["source"].to_string())
    };
    let (_, shown) = ask(address, ("GET", path), &key, &Value::Null);
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    let new = shown["text"].as_str().expect("a text").replace("Returning is free", "It costs 1 €");

    let (status, answer) = put(address, path, &key, &new);
    assert_eq!((status, &answer["version"], &answer["in_force"]), (200, &json!(2), &json!(true)));
    let (text, source) = told();
    assert!(text.contains("It costs 1 €") && source.contains("return-cost@2"), "{text} {source}");
    let (status, _) = put(address, &format!("{path}?base=1"), &key, &new);
    assert_eq!(status, 409, "somebody was quicker");

    let back = ("POST", &*format!("{path}/rollback"));
    let (status, _) = ask(address, back, &key, &json!({"version": 1}));
    assert_eq!(status, 200);
    let (text, source) = told();
    assert!(text.contains("Returning is free") && source.contains("return-cost@3"), "{source}");
}

#[test]
fn an_article_with_mistakes_or_without_the_key_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (router, key) = started(folder.path());
    let address = router.admin_address;
    let path = "/v1/shops/demo/articles/gifts/en";

    let refund = gift_wrapping("2 €").replace("product_question", "request_refund");
    assert_eq!(put(address, path, &key, &refund).0, 400);
    assert_eq!(put(address, path, "a guess", &gift_wrapping("2 €")).0, 401);
    let long = format!("{}{}", gift_wrapping("2 €"), "a".repeat(300_000));
    assert_eq!(put(address, path, &key, &long).0, 413);

    assert!(!folder.path().join("shops/demo/knowledge/gifts.en.md").exists());
    assert_eq!(put(address, path, &key, &gift_wrapping("2 €")).0, 200);
}

#[test]
fn what_people_had_to_answer_is_listed_with_how_often_it_was_asked() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut router, key) = started(folder.path());
    let asked = ["What material is this jacket made of?", "what material is the jacket made of"];
    for text in asked.iter().chain(&["Your service is a disgrace, I will complain"]) {
        let mut customer = router.customer("demo");
        customer.say(text);
        customer.next_of_any(&["queued", "ticket"]);
    }
    let listed = |router: &Router| {
        let route = ("GET", "/v1/shops/demo/articles/gaps");
        let (status, told) = ask(router.admin_address, route, &key, &Value::Null);
        assert_eq!(status, 200, "{told}");
        serde_json::from_str::<Value>(&told).expect("JSON")
    };
    let live = listed(&router);
    let of_seat = |user: &str| {
        let account = json!({"shop": "demo", "user": user, "password": "demo"});
        let token = post(router.address, "/v1/seat/session", &account).1["token"].clone();
        let token = token.as_str().expect("a token");
        ask(router.address, ("GET", "/v1/seat/gaps"), token, &Value::Null)
    };
    assert_eq!(of_seat("lucia").0, 403);
    let (status, told) = of_seat("wei");
    assert_eq!((status, serde_json::from_str::<Value>(&told).expect("JSON")), (200, live.clone()));
    router.stop();

    let output = Command::new(env!("CARGO_BIN_EXE_tradewind"))
        .args(["knowledge", "gaps", "data", "--shop", "demo", "--json"])
        .current_dir(folder.path())
        .output()
        .expect("the program");

    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let gaps = report["gaps"].as_array().expect("gaps");
    assert_eq!((gaps.len(), &gaps[0]["questions"]), (1, &json!(2)), "{report:#}");
    assert_eq!(gaps[0]["intent"], "product_question");
    assert_eq!(gaps[0]["examples"][0], asked[0]);
    assert_eq!((&live["questions"], &live["gaps"]), (&json!(2), &report["gaps"]));
    let again = Router::start(config(folder.path(), "")).expect("a router");
    assert_eq!(listed(&again), live, "it is the same after a restart");
}

/// What `tradewind knowledge evaluate` says of the kept half of a file.
fn kept(file: &str) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_tradewind"))
        .args(["knowledge", "evaluate", file, "--json"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the program");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    report["kept"].clone()
}

#[test]
fn of_the_kept_questions_a_third_is_answered_alone_and_nearly_all_of_it_rightly() {
    let kept = kept("tests/knowledge/questions.jsonl");

    let figure = |name: &str| kept["all"][name].as_f64().expect("a figure");
    assert!(figure("precision") >= 0.96, "{kept:#}");
    assert!(figure("recall") >= 0.6, "{kept:#}");
    let languages = kept["languages"].as_object().expect("languages");
    assert_eq!(languages.len(), 8);
    for (language, figures) in languages {
        assert!(figures["answered"].as_u64() >= Some(5), "{language}: {figures:#}");
    }
}

#[test]
fn fresh_questions_are_answered_alone_where_there_are_articles_and_nearly_all_rightly() {
    let kept = kept("tests/knowledge/fresh.jsonl");

    assert!(kept["all"]["precision"].as_f64() >= Some(0.95), "{kept:#}");
    let languages = kept["languages"].as_object().expect("languages");
    assert_eq!(languages.len(), 12);
    for (language, figures) in languages {
        let answered = figures["answered"].as_u64();
        match ["it", "ja", "nl", "tr"].contains(&language.as_str()) {
            true => {
                assert_eq!(answered, Some(0), "there is no article in {language}");
                let by_sentence = figures["by_sentence"].as_u64();
                assert!(by_sentence >= Some(1), "the shop's sentences go out: {figures:#}");
            }
            false => assert!(answered >= Some(3), "{language}: {figures:#}"),
        }
    }
}
