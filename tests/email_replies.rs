//! A customer who left the page: the seat's answer comes by e-mail, and what the customer answers there is
//! part of the conversation.

#[path = "mail_server/mod.rs"]
mod mail_server;
#[path = "plan/mod.rs"]
mod plan;
#[path = "router/mod.rs"]
mod router;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use mail_server::{MailServer, Step};
use router::{Client, Router, config, request, write_shop};
use serde_json::{Value, json};

const SAYS: &str = "Quiero hablar con una persona, mi correo es ana@example.org";

fn start(folder: &Path, mail: &MailServer) -> Router {
    start_with(folder, mail, "")
}

fn start_with(folder: &Path, mail: &MailServer, more: &str) -> Router {
    write_shop(folder, "demo", str::to_owned);
    let email = format!(
        "[email]\nserver = \"{}\"\ntls = \"none\"\nfrom = \"help@shop.example\"\n\
         reply_to = \"reply@shop.example\"\nretry_first = \"100ms\"\n{more}",
        mail.address
    );
    Router::start(config(folder, &email)).expect("it starts")
}

/// A seat that has a conversation of a customer who is gone again, and the id of it.
fn left_alone(router: &Router) -> (Client, Value) {
    let mut customer = router.customer("demo");
    customer.say(SAYS);
    let conversation = customer.next("ack")["conversation"].clone();
    let mut seat = router.seat("demo", "lucia");
    let offer = seat.next("offer")["offer"].clone();
    seat.send(&json!({"type": "accept", "offer": offer}));
    seat.next("accepted");
    customer.next("assigned");
    drop(customer);
    while router.metric("tradewind_gateway_widget_connections") > 0.0 {
        std::thread::yield_now();
    }
    (seat, conversation)
}

fn answers(seat: &mut Client, conversation: &Value, text: &str) {
    let id = uuid::Uuid::new_v4();
    seat.send(&json!({"type": "send", "id": id, "conversation": conversation, "text": text}));
    seat.next("ack");
}

/// Hands a letter over as a mail server would.
fn bring(admin: SocketAddr, key: &str, letter: &str) -> (u16, Value) {
    let length = letter.len();
    let (status, body) = request(
        admin,
        &format!(
            "POST /v1/email HTTP/1.1\r\nHost: {admin}\r\nAuthorization: Bearer {key}\r\n\
             Content-Type: message/rfc822\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n\
             {letter}"
        ),
    );
    (status, serde_json::from_str(&body).unwrap_or(Value::Null))
}

fn letter(to: &str, id: &str, headers: &str, body: &str) -> String {
    format!(
        "Message-ID: <{id}@example.org>\r\nFrom: ana@example.org\r\nTo: {to}\r\n\
         Subject: another subject\r\n{headers}\r\n{body}\r\n"
    )
}

#[test]
fn an_answer_by_email_and_the_answer_to_it_are_one_conversation_and_nothing_comes_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let mail = MailServer::start();
    let router = start(folder.path(), &mail);
    let (mut seat, conversation) = left_alone(&router);
    let key = std::fs::read_to_string(folder.path().join("data/admin.key")).expect("a key");
    let admin = router.admin_address;

    answers(&mut seat, &conversation, "Su reembolso está en camino.");
    let sent = mail.wait_for(1).remove(0);
    assert_eq!(sent.to, "ana@example.org");
    let reply_to = sent.header("Reply-To").expect("an address to answer to").to_owned();
    assert_eq!(sent.from, reply_to, "what cannot be delivered comes back there too");

    let quoted = "Gracias, ¿cuándo llega?\r\n\r\nEl lunes, la tienda escribió:\r\n> Su reembolso";
    let written = letter(&reply_to, "one", "", quoted);
    assert_eq!(bring(admin, &key, &written), (200, json!({"result": "taken"})));
    let heard = seat.next("message");
    assert_eq!((&heard["conversation"], &heard["from"]), (&conversation, &json!("customer")));
    assert_eq!(heard["text"], "Gracias, ¿cuándo llega?");

    assert_eq!(bring(admin, &key, &written), (200, json!({"result": "duplicate"})));
    let away = letter(&reply_to, "two", "Auto-Submitted: auto-replied\r\n", "Estoy fuera");
    assert_eq!(bring(admin, &key, &away), (200, json!({"result": "automatic"})));
    let bounce = letter(
        &reply_to,
        "three",
        "Content-Type: multipart/report; report-type=delivery-status\r\n",
        "",
    );
    assert_eq!(bring(admin, &key, &bounce), (200, json!({"result": "not_delivered"})));
    let note = seat.next("note");
    assert!(note["text"].as_str().is_some_and(|text| text.contains("not delivered")), "{note}");

    assert_eq!(mail.letters().len(), 1, "machines are not answered");
}

#[test]
fn a_letter_without_the_key_or_with_another_address_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let mail = MailServer::start();
    let router = start(folder.path(), &mail);
    let (mut seat, conversation) = left_alone(&router);
    answers(&mut seat, &conversation, "Lo miro ahora.");
    let reply_to = mail.wait_for(1)[0].header("Reply-To").expect("an address").to_owned();
    let key = std::fs::read_to_string(folder.path().join("data/admin.key")).expect("a key");
    let (signed, domain) = reply_to.split_once('@').expect("an address");

    let good = letter(&reply_to, "one", "", "hola");
    assert_eq!(bring(router.admin_address, "no-such-key", &good).0, 401);
    let last = if signed.ends_with('0') { '1' } else { '0' };
    let forged = format!("{}{last}@{domain}", &signed[..signed.len() - 1]);
    let (status, problem) = bring(router.admin_address, &key, &letter(&forged, "two", "", "hola"));
    assert_eq!((status, &problem["code"]), (400, &json!("bad_frame")), "{problem}");
    let unsigned = letter("reply@shop.example", "three", "", "hola");
    assert_eq!(bring(router.admin_address, &key, &unsigned).0, 400);
}

#[test]
fn a_letter_that_is_refused_now_is_tried_again_and_one_that_is_refused_for_good_is_told_to_the_seat()
 {
    let folder = tempfile::tempdir().expect("a folder");
    let mail = MailServer::start();
    let router = start(folder.path(), &mail);
    let (mut seat, conversation) = left_alone(&router);

    mail.refuse(&["451 later", "450 later"]);
    answers(&mut seat, &conversation, "Primera respuesta.");
    assert_eq!(mail.wait_for(1).len(), 1);
    assert!(router.metric("tradewind_outward_emails_total{result=\"failed\"}") >= 2.0);
    mail.refuse(&["550 no such mailbox"]);
    answers(&mut seat, &conversation, "Segunda respuesta.");
    let note = seat.next("note");

    assert!(note["text"].as_str().is_some_and(|text| text.contains("refused")), "{note}");
    assert_eq!(mail.letters().len(), 1);
}

#[test]
fn what_was_erased_while_its_email_waited_does_not_go_over_the_wire() {
    let folder = tempfile::tempdir().expect("a folder");
    let mail = MailServer::start();
    let router = start(folder.path(), &mail);
    let (mut seat, conversation) = left_alone(&router);
    let key = std::fs::read_to_string(folder.path().join("data/admin.key")).expect("a key");
    let admin = router.admin_address;
    let erased = json!({"conversation": conversation});
    let (done, erasing) = std::sync::mpsc::channel();

    // The router has connected and is not greeted before the customer is erased.
    mail.at(Step::Connected, move || {
        let said = router::ask(admin, ("POST", "/v1/shops/demo/erasures"), &key, &erased);
        done.send(said).expect("somebody listens");
    });
    answers(&mut seat, &conversation, "Su reembolso está en camino.");
    let (status, said) = erasing.recv().expect("it was tried");
    assert_eq!(status, 200, "{said}");
    mail.wait_for_sessions(|(now, _, ever)| ever == 1 && now == 0);

    assert_eq!((mail.named(), mail.cut_off(), mail.letters().len()), (0, 0, 0));
}

#[test]
fn so_many_sessions_are_open_at_a_time_and_every_letter_goes_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let mail = MailServer::start();
    let router = start_with(folder.path(), &mail, "sessions_max = 2\n");
    let (mut seat, conversation) = left_alone(&router);

    mail.hold(Step::Connected);
    for number in 0..6 {
        answers(&mut seat, &conversation, &format!("Parte {number}."));
    }
    mail.wait_for_sessions(|(now, _, _)| now == 2);
    mail.go_on();
    mail.wait_for(6);

    assert_eq!(mail.sessions().1, 2, "never more at a time");
}

#[test]
fn a_mail_server_that_falls_silent_is_left_after_its_time_and_tried_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let mail = MailServer::start();
    let router = start_with(folder.path(), &mail, "step_max = \"1s\"\n");
    let (mut seat, conversation) = left_alone(&router);

    mail.hold(Step::Greeted);
    answers(&mut seat, &conversation, "Una respuesta.");
    while router.metric("tradewind_outward_emails_total{result=\"failed\"}") < 2.0 {
        std::thread::yield_now();
    }
    mail.go_on();

    assert_eq!(mail.wait_for(1).len(), 1);
}

#[test]
fn so_many_letters_are_brought_at_a_time_and_others_are_told_to_come_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let mail = MailServer::start();
    let router = start(folder.path(), &mail);
    let key = std::fs::read_to_string(folder.path().join("data/admin.key")).expect("a key");
    let admin = router.admin_address;
    // Who is told to go on has a place, and keeps it until its letter is here.
    let held: Vec<TcpStream> = (0..tradewind::inward::READING_MAX)
        .map(|_| {
            let mut stream = TcpStream::connect(admin).expect("a connection");
            let head = format!(
                "POST /v1/email HTTP/1.1\r\nHost: {admin}\r\nAuthorization: Bearer {key}\r\n\
                 Expect: 100-continue\r\nContent-Length: 10\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).expect("sent");
            let mut said = [0; 12];
            stream.read_exact(&mut said).expect("an answer");
            assert_eq!(&said, b"HTTP/1.1 100");
            stream
        })
        .collect();

    let stray = letter("somebody@shop.example", "one", "", "hola");
    let (status, problem) = bring(admin, &key, &stray);
    assert_eq!((status, &problem["code"]), (503, &json!("overloaded")), "{problem}");
    assert_eq!(router.metric("tradewind_flow_emails_came_total{result=\"busy\"}"), 1.0);

    drop(held);
    while bring(admin, &key, &stray).0 == 503 {
        std::thread::yield_now();
    }
    assert_eq!(bring(admin, &key, &stray).0, 400, "there is room again");
}
