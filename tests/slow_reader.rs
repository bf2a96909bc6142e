//! A reader that does not read: cut with the code that says "reconnect", and given the gap after it.

#[path = "router/mod.rs"]
mod router;

use router::{Client, Router, config, post, write_shop};
use serde_json::{Value, json};

#[test]
fn a_slow_reader_is_cut_with_its_code_and_gets_the_gap_when_it_comes_back() {
    let folder = tempfile::tempdir().expect("a folder");
    write_shop(folder.path(), "first", str::to_owned);
    let lines = "[gateway]\noutbox_bytes_max = \"64KiB\"\nmessages_per_s = 1000\n\
        messages_burst = 1000\n[timers]\npeer_dead_after = \"1min\"\n";
    let router = Router::start(config(folder.path(), lines)).expect("a router");
    let asked = json!({"shop": "first", "locale": "en-GB"});
    let token = post(router.address, "/v1/widget/session", &asked).1["token"].clone();
    let mut writer = Client::open(router.address, "/v1/widget", &token);
    let mut slow = Client::open(router.address, "/v1/widget", &token);
    let mut sent = 0_u64;
    let mut conversation = Value::Null;

    // What the reader leaves unread fills the buffers of the system and then its outbox.
    while router.metric("tradewind_gateway_closed_total{reason=\"slow\"}") == 0.0 {
        assert!(sent < 1_000, "it was never cut");
        let text = format!("{sent} {}", "word ".repeat(3_200));
        let id = uuid::Uuid::now_v7();
        writer.send(&json!({"type": "send", "id": id, "conversation": null, "text": text}));
        conversation = writer.next("ack")["conversation"].clone();
        sent += 1;
    }

    let (mut last, code) = slow.read_to_the_end();
    assert_eq!(code, Some(4002), "after number {last}");
    assert!(last < sent);
    let resume =
        json!({"session": null, "last_seq": {conversation.as_str().expect("an id"): last}});
    let (mut again, welcome) = Client::hello(router.address, "/v1/widget", &token, &resume);
    assert_eq!(welcome["recovered"], true);
    let seq = welcome["conversations"][0]["seq"].as_u64().expect("a number");
    assert!(seq >= sent);
    while last < seq {
        last += 1;
        assert_eq!(again.any().expect("the missed events")["seq"], last);
    }
}
