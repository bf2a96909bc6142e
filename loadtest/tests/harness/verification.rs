//! The harness as a user runs it, against a router that keeps its promises and against some that
//! do not: a verification that cannot fail proves nothing.

use std::process::Stdio;

use crate::stand_in::{Fault, Router};
use serde_json::Value;
use tokio::process::Command;

async fn run(fault: Fault, more: &[&str]) -> (i32, Value) {
    let address = Router::start(fault).await;
    let output = Command::new(env!("CARGO_BIN_EXE_tradewind-loadtest"))
        .args(["run", "--url", &format!("http://{address}"), "--customers", "200", "--seats", "4"])
        .args(["--rate", "40", "--duration", "3", "--seed", "5", "--handling-s", "0.4"])
        .args(["--first-reply-s", "0.05", "--accept-s", "0.01", "--think-s", "0.05"])
        .args(["--reconnect-share", "0.3", "--away-s", "0.1", "--drain-s", "4", "--json"])
        .args(["--leave-after-s", "0.1"])
        .args(more)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .expect("the harness starts");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let result = serde_json::from_str(&stdout).unwrap_or_else(|why| {
        panic!("no JSON ({why}): {stdout}\n{}", String::from_utf8_lossy(&output.stderr))
    });
    (output.status.code().expect("it was not killed"), result)
}

#[tokio::test]
async fn a_router_that_keeps_its_promises_passes() {
    let (code, result) =
        run(Fault::None, &["--require", "unfinished==0", "--require", "within_15s_person>=0.9"])
            .await;

    assert_eq!(code, 0, "{result:#}");
    assert!(result["conversations"].as_u64() > Some(60), "{result:#}");
    assert!(result["resumed"].as_u64() > Some(5), "{result:#}");
    assert!(result["answered_by_machine"].as_u64() > Some(5), "{result:#}");
    assert_eq!(result["audited"], result["conversations"]);
    assert_eq!(result["errors"], serde_json::json!({}));
}

#[tokio::test]
async fn the_rate_that_was_achieved_is_of_the_time_in_which_conversations_arrived() {
    let (code, result) = run(Fault::None, &[]).await;

    assert_eq!(code, 0, "{result:#}");
    let figure = |name: &str| result[name].as_f64().expect("a figure");
    // Of the 3 s that --duration asks for, with room for a busy machine.
    let rate = figure("conversations") / 3.0;
    assert!((0.9..1.02).contains(&(figure("achieved_rate_per_s") / rate)), "{result:#}");
}

#[tokio::test]
async fn a_router_that_forgets_what_it_acknowledged_fails() {
    let (code, result) = run(Fault::Forgets, &["--patience-s", "6"]).await;

    assert_eq!(code, 1);
    assert!(result["lost"].as_u64() > Some(0), "{result:#}");
}

#[tokio::test]
async fn a_router_that_shows_a_message_twice_fails() {
    let (code, result) = run(Fault::ShowsTwice, &[]).await;

    assert_eq!(code, 1);
    assert!(result["duplicated"].as_u64() > Some(0), "{result:#}");
    assert_eq!(result["lost"], 0);
}

#[tokio::test]
async fn a_router_that_leaves_a_number_out_fails() {
    let (code, result) = run(Fault::Skips, &["--patience-s", "6"]).await;

    assert_eq!(code, 1);
    assert!(result["out_of_order"].as_u64() > Some(0), "{result:#}");
}

#[tokio::test]
async fn a_router_that_keeps_another_text_fails() {
    let (code, result) = run(Fault::Alters, &[]).await;

    assert_eq!(code, 1);
    assert!(result["altered"].as_u64() > Some(0), "{result:#}");
}

#[tokio::test]
async fn a_router_that_acknowledges_nothing_fails() {
    let (code, result) = run(Fault::Silent, &[]).await;

    assert_eq!(code, 1, "{result:#}");
    let given_up = &result["unacknowledged"];
    assert_eq!((&result["messages"], given_up), (&0.into(), &result["arrived"]), "{result:#}");
}

#[tokio::test]
async fn conversations_that_never_opened_were_not_answered_in_time() {
    let (_, result) = run(Fault::Swallows, &[]).await;

    assert!(result["conversations"].as_u64() > Some(20), "{result:#}");
    let in_time = result["within_15s_person"].as_f64().expect("somebody needed a person");
    assert!(in_time < 0.6, "{result:#}");
    assert!(result["unacknowledged"].as_u64() > Some(20), "{result:#}");
}

#[tokio::test]
async fn a_threshold_that_is_missed_sets_the_exit_code() {
    let (code, _) = run(Fault::None, &["--require", "ack_ms.p50<=0.000001"]).await;

    assert_eq!(code, 1);
}
