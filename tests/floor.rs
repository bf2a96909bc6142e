//! The floor that supervisors watch, over real sockets.

#[path = "router/mod.rs"]
mod router;

use std::path::Path;

use router::{Client, Router, config, post, write_shop};
use serde_json::{Value, json};

const COMPLAINT: &str = "Quiero que me devuelvan el dinero de mi pedido, es una vergüenza";

fn start(folder: &Path) -> Router {
    write_shop(folder, "demo", str::to_owned);
    Router::start(config(folder, "")).expect("a router")
}

fn watch(client: &mut Client) {
    client.send(&json!({"type": "floor", "watch": true}));
}

/// The first change of the floor of which `has` holds.
fn floor_until(client: &mut Client, has: impl Fn(&Value) -> bool) -> Value {
    loop {
        let frame = client.next("floor");
        if has(&frame) {
            return frame;
        }
    }
}

#[test]
fn a_supervisor_sees_a_conversation_from_its_wait_to_its_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let router = start(folder.path());
    let mut lucia = router.seat("demo", "lucia");
    let mut wei = router.seat("demo", "wei");
    wei.send(&json!({"type": "state", "state": "away"}));
    wei.next("state");

    watch(&mut wei);
    let full = wei.next("floor");
    assert_eq!((&full["full"], &full["totals"]["seats"]), (&json!(true), &json!(2)));
    let mut customer = router.customer("demo");
    customer.say(COMPLAINT);

    let offer = lucia.next("offer");
    let id = &offer["conversation"];
    let change = floor_until(&mut wei, |frame| frame["waiting"][0]["reason"] == "offered");
    let row = &change["waiting"][0];
    assert_eq!((&row["conversation"], &row["seat"]), (id, &json!("lucia")));
    assert_eq!(row["deadline"], offer["deadline"]);
    lucia.send(&json!({"type": "accept", "offer": offer["offer"]}));
    let change = floor_until(&mut wei, |frame| frame["running"][0]["seat"] == "lucia");
    assert_eq!(change["full"], false);
    assert_eq!(change["totals"], json!({"waiting": 0, "running": 1, "seats": 2}));
    assert_eq!(change["running"][0]["owes_reply"], true);

    wei.send(&json!({"type": "close", "conversation": id}));
    let change = floor_until(&mut wei, |frame| frame["totals"]["running"] == 0);
    assert_eq!(change["gone"]["conversations"], json!([id]));
    assert!(router.metric("tradewind_flow_floor_frames_total{what=\"changes\"}") >= 3.0);
    assert_eq!(router.metric("tradewind_flow_floor_frames_total{what=\"full\"}"), 1.0);
}

#[test]
fn the_floor_is_for_supervisors_only_and_goes_with_the_role() {
    let folder = tempfile::tempdir().expect("a folder");
    let router = start(folder.path());
    let mut lucia = router.seat("demo", "lucia");
    let mut wei = router.seat("demo", "wei");

    watch(&mut lucia);
    assert_eq!(lucia.next("error")["code"], "forbidden");
    watch(&mut wei);
    wei.next("floor");
    write_shop(folder.path(), "demo", |text| text.replace("supervisor = true\n", ""));
    assert_eq!(post(router.admin_address, "/v1/shops/reload", &json!({})).0, 200);
    assert_eq!(wei.next("error")["code"], "forbidden");

    // What happens now is not told any more; the answer to the next frame is the next frame.
    lucia.send(&json!({"type": "state", "state": "away"}));
    lucia.next("state");
    watch(&mut wei);
    assert_eq!(wei.next_of_any(&["error", "floor"])["type"], "error");
}
