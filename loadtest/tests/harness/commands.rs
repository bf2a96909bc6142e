//! The other commands, as a user runs them, against the stand-in router.

use std::process::Stdio;

use crate::stand_in::{Fault, Router, WELCOME_TAKES};
use serde_json::Value;
use tokio::process::Command;

async fn harness(args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tradewind-loadtest"))
        .args(args)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .expect("the harness starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().expect("it was not killed");
    (code, text(&output.stdout), text(&output.stderr))
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|why| panic!("no JSON ({why}): {text}"))
}

async fn router() -> String {
    format!("http://{}", Router::start(Fault::None).await)
}

#[tokio::test]
async fn a_small_day_is_replayed_whole_and_reported() {
    let url = router().await;
    let report = std::env::temp_dir().join(format!("tradewind-day-{}.html", std::process::id()));

    let (code, out, err) = harness(&[
        "day",
        "--url",
        &url,
        "--conversations",
        "300",
        "--customers",
        "20",
        "--seats",
        "8",
        "--json",
        "--report",
        report.to_str().expect("a plain path"),
        "--require",
        "unfinished==0",
    ])
    .await;

    let html = std::fs::read_to_string(&report).unwrap_or_default();
    let _ = std::fs::remove_file(&report);
    assert_eq!(code, 0, "{err}\n{out}");
    let result = json(&out);
    assert_eq!(result["conversations"], 300);
    assert!(result["factor_to_a_day"].as_f64() > Some(1.0));
    assert!(html.contains("<svg") && html.contains("passed"));
}

#[tokio::test]
async fn a_router_that_is_slow_to_let_clients_in_makes_no_lag_of_the_harness() {
    let url = format!("http://{}", Router::start(Fault::WelcomesLate).await);

    // One message a customer, so that half of all messages are due before the welcome.
    let (code, out, err) = harness(&[
        "day",
        "--url",
        &url,
        "--conversations",
        "20",
        "--customers",
        "20",
        "--turns",
        "0",
        "--seats",
        "8",
        "--json",
    ])
    .await;

    assert_eq!(code, 0, "{err}");
    let result = json(&out);
    let welcome_ms = WELCOME_TAKES.as_secs_f64() * 1e3;
    let figure = |name: &str, at: &str| result[name][at].as_f64().expect("it was measured");
    assert!(figure("connect_ms", "p50") >= welcome_ms * 0.99, "{result:#}");
    assert!(figure("schedule_lag_ms", "p90") < welcome_ms / 2.0, "{result:#}");
}

#[tokio::test]
async fn a_flood_counts_what_is_acknowledged() {
    let url = router().await;

    let (code, out, err) = harness(&[
        "flood",
        "--url",
        &url,
        "--connections",
        "8",
        "--duration",
        "1",
        "--warm-up-s",
        "0.2",
        "--json",
    ])
    .await;

    assert_eq!(code, 0, "{err}");
    let result = json(&out);
    assert!(result["messages"].as_u64() > Some(50), "{result:#}");
    assert_eq!(result["errors"], serde_json::json!({}));
}

#[tokio::test]
async fn a_flood_at_a_rate_keeps_it() {
    let url = router().await;

    let (code, out, err) = harness(&[
        "flood",
        "--url",
        &url,
        "--connections",
        "10",
        "--duration",
        "2",
        "--rate",
        "100",
        "--warm-up-s",
        "0.2",
        "--json",
    ])
    .await;

    assert_eq!(code, 0, "{err}");
    let messages = json(&out)["messages"].as_u64().expect("a count");
    assert!((190..=210).contains(&messages), "{messages}");
}

/// What becomes of a second of a flood at a rate, against a router with a fault.
async fn flood_at_a_rate(fault: Fault, connections: &str, rate: &str, bytes: &str) -> Value {
    let url = format!("http://{}", Router::start(fault).await);
    let (_, out, _) = harness(&[
        "flood",
        "--url",
        &url,
        "--connections",
        connections,
        "--rate",
        rate,
        "--payload-bytes",
        bytes,
        "--duration",
        "1",
        "--warm-up-s",
        "0",
        "--json",
    ])
    .await;
    json(&out)
}

#[tokio::test]
async fn a_refusal_in_a_flood_is_of_the_message_that_it_names() {
    let result = flood_at_a_rate(Fault::RefusesBetween, "2", "40", "256").await;

    let count = |of: &Value| of.as_u64().unwrap_or(0);
    let [refused, not_sent, no_answer] =
        ["rate_limited", "not_sent", "no_answer"].map(|code| count(&result["errors"][code]));
    let messages = count(&result["messages"]);
    assert_eq!(messages + refused + not_sent + no_answer, 40, "{result:#}");
    // Every second one is refused before the one in front of it is acknowledged: on each connection the
    // last one may have none behind it.
    assert!(no_answer <= 2 && messages.abs_diff(refused) <= 2, "{result:#}");
    assert!(messages > 0, "{result:#}");
}

#[tokio::test]
async fn a_flood_at_a_rate_accounts_for_every_message_of_its_schedule() {
    for (fault, connections, rate, bytes) in
        [(Fault::HangsUp, "2", "20", "256"), (Fault::StopsReading, "1", "5000", "16384")]
    {
        let result = flood_at_a_rate(fault, connections, rate, bytes).await;

        let errors = &result["errors"];
        let count = |of: &Value| of.as_u64().unwrap_or(0);
        let [not_sent, no_answer] = ["not_sent", "no_answer"].map(|code| count(&errors[code]));
        assert!(not_sent > 0 && no_answer > 0, "{fault:?}: {result:#}");
        let all = count(&result["messages"]) + not_sent + no_answer;
        assert_eq!(all.to_string(), rate, "{fault:?}: {result:#}");
    }
}

#[tokio::test]
async fn idle_connections_are_all_kept() {
    let url = router().await;
    let pid = std::process::id().to_string();

    let (code, out, err) = harness(&[
        "idle",
        "--url",
        &url,
        "--connections",
        "50",
        "--hold-s",
        "5",
        "--server-pid",
        &pid,
        "--json",
    ])
    .await;

    assert_eq!(code, 0, "{err}");
    let result = json(&out);
    assert_eq!((&result["conversations"], &result["connections_lost"]), (&50.into(), &0.into()));
    assert!(result["bytes_per_connection"].is_number());
}

#[tokio::test]
async fn wrong_use_is_told_before_anything_starts() {
    for args in [
        ["run", "--url", "http://192.0.2.1:80"],
        ["run", "--require", "ack_ms.p98<=5"],
        ["run", "--require", "nonsense"],
        ["run", "--leave-share", "2"],
        ["run", "--customers", "10000000"],
        ["run", "--messages", "/does/not/exist.jsonl"],
        ["flood", "--connections", "10000000"],
    ] {
        let (code, out, err) = harness(&args).await;

        assert_eq!(code, 2, "{args:?}: {err}");
        assert!(out.is_empty() && !err.is_empty(), "{args:?}");
    }
}

#[tokio::test]
async fn where_no_router_listens_it_says_so_before_anything_is_begun() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = gone.local_addr().expect("an address");
    drop(gone);
    let url = format!("http://{address}");

    for command in ["run", "day"] {
        let (code, out, err) = harness(&[command, "--url", &url, "--json"]).await;

        assert_eq!((code, &*out), (2, ""), "{command}: {err}");
        assert!(err.contains(&format!("no router listens at {address}")), "{command}: {err}");
        assert!(!err.contains("seats"), "{command}: {err}");
    }
}
