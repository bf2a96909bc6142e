//! What a shop says of itself to customers whose language it did not write: a whole router, a service that
//! translates, and a mail server, over real sockets.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::mail_server::MailServer;
use crate::router::{Client, Router, closed, config, visitor, write_shop};
use crate::services::{Manners, Services};

/// Phrases that a shop has.
const PHRASES: usize = 12;

struct Office {
    router: Router,
    mail: MailServer,
    services: Services,
    _runtime: tokio::runtime::Runtime,
    _folder: tempfile::TempDir,
}

/// A shop that wrote English only, and that is closed today and tomorrow.
fn office(manners: Manners) -> Office {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let services = runtime.block_on(Services::start(manners));
    let mail = MailServer::start();
    let folder = tempfile::tempdir().expect("a folder");
    let engine = format!(
        "\n[translation]\ntimeout = \"500ms\"\n[[translation.engines]]\n\
         kind = \"libretranslate\"\nurl = \"{}\"\nkey_file = \"key\"\n",
        services.address
    );
    write_shop(folder.path(), "demo", |text| closed(text) + &engine);
    let shop = folder.path().join("shops/demo");
    std::fs::write(shop.join("key"), "key-of-the-shop\n").expect("a file");
    for file in std::fs::read_dir(shop.join("answers")).expect("answers") {
        let path = file.expect("a file").path();
        if !path.ends_with("en.toml") {
            std::fs::remove_file(path).expect("removed");
        }
    }
    let lines = format!(
        "[email]\nserver = \"{}\"\ntls = \"none\"\nfrom = \"help@shop.example\"\n",
        mail.address
    );
    let router = Router::start(config(folder.path(), &lines)).expect("a router");
    Office { router, mail, services, _runtime: runtime, _folder: folder }
}

impl Office {
    /// The message of a ticket for a customer who writes Spanish, and the letter after the address is named.
    fn ticket(&self, letters: usize) -> (Value, String) {
        let session = visitor(self.router.address, "demo", &Value::Null);
        let mut customer = Client::open(self.router.address, "/v1/widget", &session["token"]);
        customer.say("Quiero hablar con una persona real sobre mi pedido, por favor");
        customer.next("ticket");
        let told = customer.next("message");
        customer.say("ana@example.org");
        let letters = self.mail.wait_for(letters);
        let content = letters.last().expect("a letter").content.clone();
        // Lines that quoted-printable has folded.
        (told, content.replace("=\r\n", "").replace("\r\n", "\n"))
    }

    fn phrases(&self, result: &str) -> f64 {
        let name = format!("tradewind_translate_phrases_total{{result=\"{result}\"}}");
        self.router.metric(&name)
    }

    /// Waits until the owners have what came of every phrase.
    fn wait_for_phrases(&self, result: &str) {
        let until = Instant::now() + Duration::from_secs(30);
        while self.phrases(result) < PHRASES as f64 {
            assert!(Instant::now() < until, "{} came", self.phrases(result));
        }
    }
}

#[test]
fn phrases_are_translated_once_and_tickets_and_letters_say_them_with_the_original_and_the_number() {
    let office = office(Manners::Polite);
    office.ticket(1);
    office.wait_for_phrases("translated");
    let before = office.services.calls();
    assert!(before <= PHRASES + 3, "{before}: the phrases, and what the first customer was told");

    for number in 2..5 {
        let (told, letter) = office.ticket(number);

        let said = told["translation"]["text"].as_str().expect("a translation");
        assert!(said.starts_with("nONE OF OUR COLLEAGUES"), "{said}");
        assert_eq!(told["translation"]["from"], json!("en"));
        let reference = said.split_once("NUMBER ").and_then(|(_, rest)| rest.split_once(';'));
        let (reference, _) = reference.expect("a number");
        assert!(reference.starts_with("T-") && reference.len() == 9, "{reference}");
        let original = told["text"].as_str().expect("the original");
        assert!(original.starts_with("None of our") && original.contains(reference), "{original}");
        assert!(letter.contains(&format!("Subject: yOUR REQUEST {reference}\n")), "{letter}");
        assert!(letter.contains(&format!("NUMBER {reference}. wE ARE BACK ON 2")), "{letter}");
        assert!(letter.contains("[en] We have received"), "{letter}");
    }
    assert_eq!(office.services.calls(), before, "each phrase once, however many ask");
}

#[test]
fn a_service_that_says_nothing_or_fails_keeps_no_ticket_and_no_letter_waiting() {
    for (manners, reason) in [(Manners::Silent, "late"), (Manners::Broken, "failed")] {
        let office = office(manners);
        let began = Instant::now();

        let (told, letter) = office.ticket(1);

        assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
        assert!(told["text"].as_str().expect("a text").starts_with("None of our"), "{told}");
        assert_eq!(told["translation"]["text"], Value::Null);
        assert!(letter.contains("We have received your request"), "{letter}");
        office.wait_for_phrases(reason);
        assert_eq!(office.phrases("translated"), 0.0);
    }
}
