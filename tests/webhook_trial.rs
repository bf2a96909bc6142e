//! Whoever sets up a hook tries it: `tradewind webhook test` says what the receiver answers and what to do,
//! `tradewind doctor` whether it can be reached.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use serde_json::Value;
use tempfile::TempDir;

#[path = "plan/mod.rs"]
mod plan;
#[path = "router/mod.rs"]
mod router;
#[path = "webhook_receiver/mod.rs"]
mod webhook_receiver;

use router::write_shop;
use webhook_receiver::{Receiver, SECRET};

const ANYWHERE: &[&str] = &["--set", "webhooks.reach=anywhere"];

fn url(receiver: &Receiver) -> String {
    format!("http://{}/in?from=router", receiver.address)
}

/// A folder with a shop `told` whose hook is at `url`.
fn shop_of(url: &str, more: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let lines = format!(
        "\n[[webhooks]]\nname = \"crm\"\nurl = \"{url}\"\nevents = [\"conversation.closed\"]\n\
         secret_file = \"hook.key\"\n{more}\n"
    );
    write_shop(folder.path(), "told", |text| format!("{text}{lines}"));
    let key = folder.path().join("shops/told/hook.key");
    std::fs::write(key, format!("{SECRET}\n")).expect("a file");
    folder
}

/// The exit code and what is printed.
fn tradewind(folder: &Path, arguments: &[&str], more: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tradewind"))
        .args(arguments)
        .args(["--shops", "shops", "--data", "data"])
        .args(more)
        .current_dir(folder)
        .output()
        .expect("the program starts");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).expect("UTF-8"))
}

/// What `webhook test --json` says of the one hook.
fn tried(folder: &Path, more: &[&str]) -> (Option<i32>, Value) {
    let (exit, text) = tradewind(folder, &["webhook", "test", "told", "--json"], more);
    let all: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(all["taken"], exit == Some(0), "{text}");
    (exit, all["webhooks"][0].clone())
}

/// What `doctor --json` says of webhooks: verdict and text.
fn examined(folder: &Path, more: &[&str]) -> (String, String) {
    let (_, text) = tradewind(folder, &["doctor", "--json"], more);
    let all: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let findings = all["findings"].as_array().expect("a list");
    let found = findings.iter().find(|it| it["check"] == "webhooks").expect("a finding");
    let word = |key: &str| found[key].as_str().expect("a text").to_owned();
    (word("verdict"), word("text"))
}

/// Speaks TLS with a certificate for `localhost` that is written to `folder`, takes everything from one after
/// another, and counts who sends something.
fn tls_receiver(folder: &Path) -> (SocketAddr, Arc<AtomicUsize>) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("made");
    std::fs::write(folder.join("root.pem"), made.cert.pem()).expect("a file");
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.expect("a key"));
    let config = Arc::new(config.expect("a certificate"));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it listens");
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = requests.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = rustls::ServerConnection::new(config.clone()).expect("TLS");
            let mut stream = rustls::StreamOwned::new(connection, stream);
            // Who does not believe the certificate, or sends nothing, is let go of.
            if stream.read(&mut [0; 4096]).is_ok_and(|read| read > 0) {
                counted.fetch_add(1, Relaxed);
                let _ = stream.write_all(b"HTTP/1.1 204 so\r\nConnection: close\r\n\r\n");
            }
        }
    });
    (address, requests)
}

#[test]
fn a_test_event_is_signed_as_any_other_and_what_the_receiver_answers_is_told() {
    let receiver = Receiver::start();
    let folder = shop_of(&url(&receiver), "");

    let (exit, row) = tried(folder.path(), ANYWHERE);

    let [delivery] = &receiver.deliveries()[..] else { panic!("one delivery") };
    assert_eq!((exit, &row["taken"], &row["status"]), (Some(0), &true.into(), &200.into()));
    assert_eq!(row["answered_by"], receiver.address.to_string());
    assert_eq!(row["webhook_id"], delivery.id);
    assert!(row["took_ms"].is_u64() && row["advice"].is_null(), "{row}");
    assert_eq!(delivery.body["type"], "webhook.test");
    assert_eq!(delivery.body["data"], serde_json::json!({"shop": "told"}));
    assert_eq!(delivery.signatures, 1);
}

#[test]
fn a_hook_that_does_not_take_it_is_told_with_what_to_do() {
    let receiver = Receiver::start();
    let folder = shop_of(&url(&receiver), "");

    for (status, advice) in
        [(302, "redirects are not followed"), (401, "the same key"), (410, "gone"), (500, "failed")]
    {
        receiver.answer(&[status], 200);
        let (exit, row) = tried(folder.path(), ANYWHERE);
        assert_eq!((exit, &row["status"]), (Some(3), &status.into()), "{row}");
        assert!(row["advice"].as_str().is_some_and(|it| it.contains(advice)), "{row}");
    }
    let arguments = ["webhook", "test", "told", "crm"];
    receiver.answer(&[404], 200);
    let (exit, text) = tradewind(folder.path(), &arguments, ANYWHERE);
    assert_eq!(exit, Some(3), "{text}");
    assert!(text.starts_with("crm: not taken: the hook answers 404, after "), "{text}");
    assert!(text.contains("what to do   nobody is there under that path"), "{text}");
    assert!(!text.contains("from=router"), "a path may hold a secret: {text}");
    assert!(!text.contains("MfKQ9r8GKYqrTwjU"), "{text}");
}

#[test]
fn a_hook_that_cannot_be_reached_is_told_by_the_test_and_by_doctor_and_gets_nothing() {
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let closed = nobody.local_addr().expect("it listens");
    drop(nobody);
    let receiver = Receiver::start();

    for (url, more, set, error, advice) in [
        (url(&receiver), "", &[][..], "not a public one", "webhooks.reach"),
        (format!("http://{closed}/"), "", ANYWHERE, "cannot be reached", "something listens"),
        (
            // No resolver asks anybody for a label that is too long.
            format!("https://{}.example/", "x".repeat(64)),
            "",
            ANYWHERE,
            "the name is not known",
            "how the host of url is spelled",
        ),
    ] {
        let folder = shop_of(&url, more);
        let (exit, row) = tried(folder.path(), set);
        assert_eq!(exit, Some(3), "{row}");
        assert!(row["error"].as_str().is_some_and(|it| it.contains(error)), "{row}");
        assert!(row["advice"].as_str().is_some_and(|it| it.contains(advice)), "{row}");
        let (verdict, text) = examined(folder.path(), set);
        assert_eq!(verdict, "wrong", "{text}");
        assert!(text.contains(error) && text.contains(advice), "{text}");
    }
    assert_eq!(receiver.connections(), 0);
}

#[test]
fn a_certificate_is_looked_at_by_the_test_and_by_doctor_and_doctor_sends_nothing() {
    let roots = tempfile::tempdir().expect("a folder");
    let (address, requests) = tls_receiver(roots.path());
    let url = format!("https://localhost:{}/in", address.port());
    let root = format!("ca_file = {:?}", roots.path().join("root.pem"));

    let believed = shop_of(&url, &root);
    let (exit, row) = tried(believed.path(), ANYWHERE);
    assert_eq!((exit, &row["status"]), (Some(0), &204.into()), "{row}");
    let (verdict, text) = examined(believed.path(), ANYWHERE);
    assert_eq!(verdict, "good", "{text}");
    assert!(text.contains("is reached at 127.0.0.1:"), "{text}");
    // Whoever is answered now came after the doctor.
    let (exit, row) = tried(believed.path(), ANYWHERE);
    assert_eq!(exit, Some(0), "{row}");
    assert_eq!(requests.load(Relaxed), 2, "one of each test and none of the doctor");

    let unknown = shop_of(&url, "");
    let (exit, row) = tried(unknown.path(), ANYWHERE);
    assert_eq!(exit, Some(3), "{row}");
    assert!(row["error"].as_str().is_some_and(|it| it.starts_with("TLS failed")), "{row}");
    let (verdict, text) = examined(unknown.path(), ANYWHERE);
    assert_eq!(verdict, "wrong");
    assert!(text.contains("TLS failed") && text.contains("ca_file"), "{text}");
}

#[test]
fn doctor_sends_nothing_to_a_hook_in_clear() {
    let receiver = Receiver::start();
    let folder = shop_of(&url(&receiver), "");

    let (verdict, text) = examined(folder.path(), ANYWHERE);

    assert_eq!(verdict, "good", "{text}");
    // Whoever is answered now came after the doctor.
    let (_, row) = tried(folder.path(), ANYWHERE);
    receiver.wait_for_sessions_of_now();
    assert_eq!(receiver.connections(), 2);
    let [delivery] = &receiver.deliveries()[..] else { panic!("one delivery") };
    assert_eq!(row["webhook_id"], delivery.id, "that of the test and none of the doctor");
}

#[test]
fn a_path_that_the_receiver_repeats_is_not_printed() {
    let receiver = Receiver::start();
    receiver.answer(&[404, 404], 200);
    receiver.answer_with("Cannot POST /in?from=router");
    let folder = shop_of(&url(&receiver), "");

    let (_, row) = tried(folder.path(), ANYWHERE);
    let (_, text) = tradewind(folder.path(), &["webhook", "test", "told"], ANYWHERE);

    assert_eq!(row["answer_begins"], "Cannot POST …");
    assert!(text.contains("Cannot POST …") && !text.contains("from=router"), "{text}");
}

#[test]
fn a_hook_that_says_nothing_is_waited_for_no_longer_than_the_settings_say() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = silent.local_addr().expect("it listens");
    let settings = ["--set", "webhooks.reach=anywhere", "--set", "webhooks.timeout=200ms"];
    let folder = shop_of(&format!("https://{address}/"), "");

    let (exit, row) = tried(folder.path(), &settings);

    assert_eq!((exit, &row["error"]), (Some(3), &"no answer in time".into()), "{row}");
    let took_ms = row["took_ms"].as_u64().expect("a number");
    assert!((200..5_000).contains(&took_ms), "the usual time is 10 s: {row}");
    let (verdict, text) = examined(folder.path(), &settings);
    assert_eq!(verdict, "wrong");
    assert!(text.contains("no answer in time"), "{text}");
}

#[test]
fn a_shop_or_hook_that_is_not_there_is_a_failure_and_a_shop_with_mistakes_is_not_looked_at() {
    let receiver = Receiver::start();
    let folder = shop_of(&url(&receiver), "");

    for (arguments, error) in [
        (&["webhook", "test", "bar"][..], "there is no shop `bar`"),
        (&["webhook", "test", "told", "erp"], "has no hook `erp`"),
    ] {
        let (exit, text) = tradewind(folder.path(), arguments, ANYWHERE);
        assert_eq!(exit, Some(1), "{text}");
        assert!(text.contains(error), "{text}");
    }
    std::fs::write(folder.path().join("shops/told/hook.key"), "whsec_short\n").expect("a file");
    let (verdict, text) = examined(folder.path(), ANYWHERE);
    assert_eq!((&*verdict, &*text), ("odd", "not looked at: the shops have mistakes"));
    assert_eq!(receiver.connections(), 0);
}
