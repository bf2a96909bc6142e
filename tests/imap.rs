//! What customers answer by e-mail is fetched from their shop's mailbox and joins its conversation, once.

#[path = "mail_server/mod.rs"]
mod mail_server;
#[path = "mailbox/mod.rs"]
mod mailbox;
#[path = "plan/mod.rs"]
mod plan;
#[path = "router/mod.rs"]
mod router;

use std::net::SocketAddr;
use std::path::Path;

use mail_server::MailServer;
use mailbox::dovecot::Dovecot;
use mailbox::{Lying, Mailbox, PASSWORD, letter, settings};
use router::{Client, Router, config, request, write_shop};
use serde_json::{Value, json};
use tradewind::config::{Config, Loaded};
use tradewind::doctor::{Finding, Verdict};
use tradewind::inward::FETCHING_MAX;

const SAYS: &str = "Quiero hablar con una persona, mi correo es ana@example.org";
const ANSWERS: &str = "answers@shop.example";

/// A shop `demo` with a mailbox.
fn shop(folder: &Path, imap: &str) {
    let email = format!("\n[email]\nreply_to = \"{ANSWERS}\"\n{imap}");
    write_shop(folder, "demo", |text| format!("{text}{email}"));
    std::fs::write(folder.join("shops/demo/imap.password"), PASSWORD).expect("a file");
}

fn email(mail: &MailServer) -> String {
    // Whoever waits for a mailbox says nothing meanwhile.
    format!(
        "[timers]\npeer_dead_after = \"1min\"\n\
         [email]\nserver = \"{}\"\ntls = \"none\"\nfrom = \"help@shop.example\"\n",
        mail.address
    )
}

fn start(folder: &Path, mail: &MailServer) -> Router {
    Router::start(config(folder, &email(mail))).expect("it starts")
}

/// A seat with the conversation of a customer of `shop` who has left, and where answers to it go.
fn conversation(router: &Router, shop: &str, mail: &MailServer) -> (Client, Value, String) {
    let mut customer = router.customer(shop);
    customer.say(SAYS);
    let conversation = customer.next("ack")["conversation"].clone();
    let mut seat = router.seat(shop, "lucia");
    let offer = seat.next("offer")["offer"].clone();
    seat.send(&json!({"type": "accept", "offer": offer}));
    seat.next("accepted");
    customer.next("assigned");
    drop(customer);
    while router.metric("tradewind_gateway_widget_connections") > 0.0 {
        std::thread::yield_now();
    }
    let before = mail.letters().len();
    let id = uuid::Uuid::new_v4();
    let text = "Su reembolso está en camino.";
    seat.send(&json!({"type": "send", "id": id, "conversation": conversation, "text": text}));
    seat.next("ack");
    let sent = mail.wait_for(before + 1).remove(before);
    let reply_to = sent.header("Reply-To").expect("an address to answer to").to_owned();
    assert!(reply_to.starts_with("answers+") && reply_to.ends_with("@shop.example"), "{reply_to}");
    (seat, conversation, reply_to)
}

fn bring(router: &Router, folder: &Path, letter: &str) -> (u16, Value) {
    let key = std::fs::read_to_string(folder.join("data/admin.key")).expect("a key");
    let (admin, length) = (router.admin_address, letter.len());
    let (status, body) = request(
        admin,
        &format!(
            "POST /v1/email HTTP/1.1\r\nHost: {admin}\r\nAuthorization: Bearer {key}\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n{letter}"
        ),
    );
    (status, serde_json::from_str(&body).unwrap_or(Value::Null))
}

fn came(router: &Router, result: &str) -> f64 {
    router.metric(&format!("tradewind_flow_emails_came_total{{result=\"{result}\"}}"))
}

#[test]
fn letters_join_their_conversation_once_and_are_marked_and_what_is_for_nobody_stays_unread() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mail, inbox) = (MailServer::start(), Mailbox::start());
    shop(folder.path(), &settings(inbox.address, ""));
    let mut router = start(folder.path(), &mail);
    let (mut seat, conversation, reply_to) = conversation(&router, "demo", &mail);

    let written = letter(&reply_to, "one", "", "Gracias, ¿cuándo llega?");
    let one = inbox.put(&written);
    let heard = seat.next("message");
    assert_eq!((&heard["conversation"], &heard["from"]), (&conversation, &json!("customer")));
    assert_eq!(heard["text"], "Gracias, ¿cuándo llega?");
    let away = inbox.put(&letter(&reply_to, "two", "Auto-Submitted: auto-replied\r\n", "Fuera"));
    let stray = inbox.put(&letter("somebody@shop.example", "three", "", "buy this"));
    let last = inbox.put(&letter(&reply_to, "four", "", "¿Y bien?"));
    assert_eq!(seat.next("message")["text"], "¿Y bien?");
    inbox.wait_until("all marked", |inner| inner.letters[&last].is_read);

    assert!(inbox.is_read(one) && inbox.is_read(away), "what was understood is marked");
    assert!(!inbox.is_read(stray), "what is for nobody stays for a person");
    assert_eq!(bring(&router, folder.path(), &written), (200, json!({"result": "duplicate"})));
    assert_eq!((came(&router, "automatic"), came(&router, "not_for_us")), (1.0, 1.0));
    // How far a look came is on disk before the next one begins.
    inbox.wait_for_looks();
    router.stop();
    // The next process goes on where this one was.
    let router = start(folder.path(), &mail);
    inbox.wait_for_looks();
    assert_eq!(inbox.inner().fetched, [one, away, stray, last]);
    assert!(router.metric("tradewind_inward_mailbox_looks_total{result=\"read\"}") >= 1.0);
}

#[test]
fn a_mailbox_that_was_numbered_anew_is_read_from_its_beginning_and_nothing_is_taken_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mail, inbox) = (MailServer::start(), Mailbox::start());
    shop(folder.path(), &settings(inbox.address, ""));
    let router = start(folder.path(), &mail);
    let (mut seat, _, reply_to) = conversation(&router, "demo", &mail);
    let one = inbox.put(&letter(&reply_to, "one", "", "primera"));
    assert_eq!(seat.next("message")["text"], "primera");
    inbox.wait_until("it is marked", |inner| inner.letters[&one].is_read);

    {
        let mut inner = inbox.inner();
        inner.validity = 8;
        let known = inner.letters.remove(&one).expect("it is there");
        let new = letter(&reply_to, "two", "", "segunda");
        inner.letters.insert(1, Lying { raw: new, ..Lying::default() });
        inner.letters.insert(2, known);
    }

    assert_eq!(
        seat.next("message")["text"],
        "segunda",
        "it has the number of one that was settled"
    );
    inbox.wait_until("both were fetched", |inner| inner.fetched == [1, 1, 2]);
    inbox.wait_for_looks();
    assert_eq!((came(&router, "taken"), came(&router, "duplicate")), (2.0, 1.0));
}

#[test]
fn a_mailbox_says_nothing_about_the_conversations_of_another_shop() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mail, inbox) = (MailServer::start(), Mailbox::start());
    shop(folder.path(), &settings(inbox.address, ""));
    let own_mailbox = format!("\n[email]\nreply_to = \"{ANSWERS}\"\n");
    write_shop(folder.path(), "other", |text| format!("{text}{own_mailbox}"));
    let router = start(folder.path(), &mail);
    let (_seat, _, reply_to) = conversation(&router, "other", &mail);

    let foreign = letter(&reply_to, "one", "", "hola");
    let number = inbox.put(&foreign);
    inbox.wait_until("it was fetched", |inner| inner.fetched == [number]);
    inbox.wait_for_looks();

    assert!(!inbox.is_read(number));
    assert_eq!((came(&router, "taken"), came(&router, "unknown")), (0.0, 1.0));
    assert_eq!(bring(&router, folder.path(), &foreign), (200, json!({"result": "taken"})));
}

#[test]
fn a_look_takes_so_many_letters_leaves_what_is_too_large_and_moves_what_is_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mail, inbox) = (MailServer::start(), Mailbox::start());
    shop(folder.path(), &settings(inbox.address, "letters_max = 2\nmove_to = \"Done\""));
    let router = start(folder.path(), &mail);
    let (mut seat, _, reply_to) = conversation(&router, "demo", &mail);

    {
        let mut inner = inbox.inner();
        inner.sessions.clear();
        for number in 1..=7 {
            let raw = letter(&reply_to, &format!("n{number}"), "", &format!("parte {number}"));
            let size = (number == 3).then_some((10 << 20) + 1);
            inner.letters.insert(number, Lying { raw, size, ..Lying::default() });
        }
    }
    for number in [1, 2, 4, 5, 6, 7] {
        assert_eq!(seat.next("message")["text"], format!("parte {number}"));
    }
    inbox.wait_until("the last one was moved", |inner| inner.letters[&7].moved_to.is_some());

    let inner = inbox.inner();
    assert_eq!(inner.letters[&1].moved_to.as_deref(), Some("Done"));
    assert_eq!((&inner.letters[&3].moved_to, inner.fetched.contains(&3)), (&None, false));
    assert!(inner.sessions.iter().all(|fetched| *fetched <= 2), "{:?}", inner.sessions);
    drop(inner);
    assert_eq!(came(&router, "too_large"), 1.0);
}

#[test]
fn a_server_that_is_silent_says_too_much_or_refuses_is_tried_again_and_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mail, inbox) = (MailServer::start(), Mailbox::start());
    shop(folder.path(), &settings(inbox.address, "timeout = \"1s\""));
    let router = start(folder.path(), &mail);
    let (mut seat, _, reply_to) = conversation(&router, "demo", &mail);
    let failed = "tradewind_inward_mailbox_looks_total{result=\"failed\"}";
    let failing = "tradewind_inward_mailboxes_failing";
    let flood = b"* OK still here\r\n".repeat(20_000);
    let endless = vec![b'x'; 100 << 10];
    let huge = b"* 1 FETCH (UID 1 BODY[] {4000000000}\r\n".to_vec();

    for (number, (command, said)) in [
        ("UID FETCH", Vec::new()),
        ("LOGIN", flood),
        ("CAPABILITY", endless),
        ("UID FETCH", huge),
        ("SELECT", b"t4 NO gone\r\n".to_vec()),
        ("UID STORE", b"* BYE\r\n".to_vec()),
    ]
    .into_iter()
    .enumerate()
    {
        let before = router.metric(failed);
        inbox.inner().odd = Some((command, said));
        let written = format!("parte {number}");
        inbox.put(&letter(&reply_to, &format!("n{number}"), "", &written));
        while router.metric(failed) <= before {
            std::thread::yield_now();
        }
        assert_eq!(router.metric(failing), 1.0, "{command}");
        inbox.inner().odd = None;
        assert_eq!(seat.next("message")["text"], written, "{command}");
        while router.metric(failing) > 0.0 {
            std::thread::yield_now();
        }
    }

    assert_eq!(came(&router, "taken"), 6.0);
    // A letter that cannot be marked is taken, and holds nobody up.
    inbox.inner().refuses_marks = true;
    for text in ["sin marca", "la siguiente"] {
        inbox.put(&letter(&reply_to, text, "", text));
        assert_eq!(seat.next("message")["text"], text);
    }
}

#[test]
fn letters_that_the_server_does_not_give_hold_up_no_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mail, inbox) = (MailServer::start(), Mailbox::start());
    shop(folder.path(), &settings(inbox.address, ""));
    let router = start(folder.path(), &mail);
    let (mut seat, _, reply_to) = conversation(&router, "demo", &mail);

    {
        let mut inner = inbox.inner();
        for (number, instead) in [(1, Some("NO [SERVERBUG] gone")), (2, Some("MAYBE")), (3, None)] {
            let raw = letter(&reply_to, &format!("n{number}"), "", &format!("parte {number}"));
            inner.letters.insert(number, Lying { raw, instead, ..Lying::default() });
        }
    }
    assert_eq!(seat.next("message")["text"], "parte 3");
    inbox.wait_until("it is marked", |inner| inner.letters[&3].is_read);

    let fetched = |wanted| inbox.inner().fetched.iter().filter(|it| **it == wanted).count();
    assert_eq!((fetched(1), fetched(2)), (1, 3), "refused: it waits; not understood: three looks");
    assert!(!inbox.is_read(1) && !inbox.is_read(2));
    assert_eq!((came(&router, "taken"), came(&router, "given_up")), (1.0, 1.0));
}

#[test]
fn so_many_letters_of_all_mailboxes_are_fetched_at_a_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mail, inbox) = (MailServer::start(), Mailbox::start());
    let shops = FETCHING_MAX + 3;
    let imap = format!("\n[email]\nreply_to = \"{ANSWERS}\"\n{}", settings(inbox.address, ""));
    for number in 0..shops {
        let name = format!("shop-{number}");
        write_shop(folder.path(), &name, |text| format!("{text}{imap}"));
        let password = folder.path().join("shops").join(name).join("imap.password");
        std::fs::write(password, PASSWORD).expect("a file");
    }
    inbox.inner().letters.insert(1, Lying { instead: Some(""), ..Lying::default() });
    let mut router = start(folder.path(), &mail);

    inbox.wait_until("all have seen it", |inner| {
        inner.lists >= shops && inner.fetched.len() >= FETCHING_MAX
    });
    assert_eq!(inbox.inner().fetched.len(), FETCHING_MAX);
    router.stop();
}

#[test]
fn a_shop_that_is_loaded_anew_has_its_new_mailbox_read_and_the_old_one_no_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mail, old, new) = (MailServer::start(), Mailbox::start(), Mailbox::start());
    shop(folder.path(), &settings(old.address, ""));
    let router = start(folder.path(), &mail);
    let (mut seat, _, reply_to) = conversation(&router, "demo", &mail);
    old.wait_for_looks();

    shop(folder.path(), &settings(new.address, ""));
    let key = std::fs::read_to_string(folder.path().join("data/admin.key")).expect("a key");
    let reload = ("POST", "/v1/shops/reload");
    let (status, said) = router::ask(router.admin_address, reload, &key, &Value::Null);
    assert_eq!(status, 200, "{said}");
    new.put(&letter(&reply_to, "one", "", "aquí"));
    assert_eq!(seat.next("message")["text"], "aquí");

    let before = old.inner().connections;
    new.wait_for_looks();
    assert_eq!(old.inner().connections, before);
}

/// What doctor says of the mailboxes.
fn examined(config: Config) -> Finding {
    let loaded = Loaded { config, origins: Default::default(), ignored: Vec::new() };
    let found = tradewind::doctor::examine(&Ok(loaded));
    found.into_iter().find(|finding| finding.check == "mailboxes").expect("it is examined")
}

#[test]
fn doctor_tells_whether_a_mailbox_can_be_read_and_repeats_no_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let inbox = Mailbox::start();
    shop(folder.path(), &settings(inbox.address, "move_to = \"Done\""));
    let good = examined(config(folder.path(), ""));
    assert_eq!(good.verdict, Verdict::Good, "{}", good.text);
    assert!(inbox.inner().fetched.is_empty(), "nothing is read");

    std::fs::write(folder.path().join("shops/demo/imap.password"), "wrong-horse").expect("a file");
    let refused = examined(config(folder.path(), ""));
    assert_eq!(refused.verdict, Verdict::Wrong);
    assert!(refused.text.contains("refuses the name and password"), "{}", refused.text);
    assert!(!refused.text.contains("horse"), "{}", refused.text);

    shop(folder.path(), &settings(inbox.address, "move_to = \"Nowhere\""));
    let nowhere = examined(config(folder.path(), ""));
    assert!(nowhere.text.contains("the folder of move_to"), "{}", nowhere.text);
}

/// What a shop's file says of a real server.
fn of_dovecot(address: SocketAddr, tls: &str, roots: &Path, more: &str) -> String {
    format!(
        "\n[email.imap]\nhost = \"localhost\"\nport = {}\ntls = \"{tls}\"\nuser = \"answers\"\n\
         password_file = \"imap.password\"\nca_file = {roots:?}\nevery = \"1s\"\n{more}\n",
        address.port()
    )
}

#[test]
fn a_real_server_is_read_over_tls_and_starttls_and_letters_are_marked_or_moved() {
    let Some(dovecot) = Dovecot::start() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let mail = MailServer::start();
    shop(folder.path(), &of_dovecot(dovecot.tls, "tls", &dovecot.roots, ""));
    let good = examined(config(folder.path(), ""));
    assert_eq!(good.verdict, Verdict::Good, "{}", good.text);
    let router = start(folder.path(), &mail);
    let (mut seat, _, reply_to) = conversation(&router, "demo", &mail);

    dovecot.put("one", &letter(&reply_to, "one", "", "por TLS"));
    assert_eq!(seat.next("message")["text"], "por TLS");
    dovecot.wait_until("it is marked", |it| it.is_read("one"));
    let moves = of_dovecot(dovecot.plain, "starttls", &dovecot.roots, "move_to = \"Done\"");
    shop(folder.path(), &moves);
    let key = std::fs::read_to_string(folder.path().join("data/admin.key")).expect("a key");
    let reload = ("POST", "/v1/shops/reload");
    assert_eq!(router::ask(router.admin_address, reload, &key, &Value::Null).0, 200);
    dovecot.put("two", &letter(&reply_to, "two", "", "por STARTTLS"));
    assert_eq!(seat.next("message")["text"], "por STARTTLS");
    // The first one is found again from another address, and moved as what it is.
    dovecot.wait_until("both are moved", |it| it.count_in("Done") == 2);

    assert_eq!((came(&router, "taken"), came(&router, "duplicate")), (2.0, 1.0));
    shop(folder.path(), &of_dovecot(dovecot.tls, "tls", Path::new("other.pem"), ""));
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("made");
    std::fs::write(folder.path().join("shops/demo/other.pem"), made.cert.pem()).expect("a file");
    let refused = examined(config(folder.path(), ""));
    assert!(refused.text.contains("certificate"), "{}", refused.text);
}
