//! Texts of customers through the engines of a shop: models on this machine, and real connections to
//! services that speak the four interfaces and are as rough with a text as the worst of them.

mod conversations;
mod letters;
mod local;
#[path = "../mail_server/mod.rs"]
mod mail_server;
#[path = "../plan/mod.rs"]
mod plan;
#[path = "../router/mod.rs"]
mod router;
mod services;

use std::sync::Arc;
use std::time::Duration;

use tradewind::config::shop::{Shop, ShopFiles, Term};
use tradewind::domain::Language;
use tradewind::runtime::Internet;
use tradewind::translate::{
    CALLS_MAX, Desk, EngineError, Glossary, How, Job, Markup, TRANSLATION_BYTES_MAX,
    TranslateError, Translating, Translator, damaged, protect,
};

use services::{Manners, Services};

const TERMS: &str =
    "term,de,ja\nDrift Tote,,\nstore credit,Guthaben,ストアクレジット\nTradewind Plus,,\n";
const KINDS: [&str; 4] = ["deepl", "google", "azure", "libretranslate"];

fn language(code: &str) -> Language {
    code.parse().expect("a language")
}

/// A shop with these engines, each as its lines say, and the glossary above.
fn shop(engines: &[String], timeout: &str) -> Shop {
    // Keys are read when a folder of shops is loaded.
    let folder = tempfile::tempdir().expect("a folder");
    let shop = folder.path().join("shop");
    for (file, text) in &ShopFiles::demo().0 {
        let path = shop.join(file);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    std::fs::write(shop.join("key"), "key-of-the-shop\n").expect("a file");
    std::fs::write(shop.join("glossary.csv"), TERMS).expect("a file");
    let mut text = ShopFiles::demo().0["shop.toml"].clone();
    let settings = format!("glossary = \"glossary.csv\"\ntimeout = \"{timeout}\"\n");
    text.push_str(&format!("\n[translation]\n{settings}"));
    for lines in engines {
        text.push_str(&format!("[[translation.engines]]\n{lines}"));
    }
    std::fs::write(shop.join("shop.toml"), text).expect("a file");
    Shop::load_dir(folder.path()).expect("a shop").remove(0)
}

fn desk_of(engines: &[String], timeout: &str) -> Desk {
    Desk::of(&shop(engines, timeout).translators, &Internet).expect("a desk")
}

/// The desk of a shop with these services, each at its address.
fn desk(services: &[(&str, &str)]) -> Desk {
    let lines = |(kind, url): &(&str, &str)| {
        let project = if *kind == "google" { "project = \"shop-1\"\n" } else { "" };
        format!("kind = \"{kind}\"\nurl = \"{url}\"\nkey_file = \"key\"\n{project}")
    };
    desk_of(&services.iter().map(lines).collect::<Vec<_>>(), "2s")
}

/// The `at`th sentence with what must not change, and those stretches as a translation says them.
fn sentence(at: usize) -> (String, Vec<String>) {
    let corpus = include_str!("../../models/corpus/en.jsonl");
    let row = corpus.lines().nth(at % corpus.lines().count()).expect("a row");
    let row: serde_json::Value = serde_json::from_str(row).expect("JSON");
    let text = row["text"].as_str().expect("a text");
    let number = 10_000 + at * 7;
    let stretches = [
        format!("TW-{number}"),
        format!("SKU-{at}A/{}", at % 7),
        format!("{},{:02} €", at % 900 + 1, at % 100),
        format!("US$ 1,{:03}.50", at % 1000),
        format!("https://shop.example/track?id={number}&l=en"),
        format!("buyer{at}@mail.example"),
        format!("2026-11-{:02}", at % 28 + 1),
        "{first_name}".to_owned(),
        "Drift Tote".to_owned(),
        "store credit".to_owned(),
    ];
    let (one, other) = (&stretches[at % 10], &stretches[(at / 10 + at + 1) % 10]);
    let said = |text: &String| text.replace("store credit", "Guthaben");
    (format!("{one}: {text} & <{other}> ok?"), vec![said(one), said(other)])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_sentences_come_through_each_engine_undamaged_however_rough_it_is() {
    let services = Services::start(Manners::Rough).await;
    let glossary = Glossary::new(Term::table(TERMS).expect("a table"));
    let (from, to) = (language("en"), language("de"));

    for kind in KINDS {
        let desk = desk(&[(kind, &services.address)]);
        let (mut whole, mut pieces) = (0, 0);
        for at in 0..1_000 {
            let (text, wanted) = sentence(at);
            let said = desk.translate(&text, from, to).await.expect("a translation");
            match said.how {
                How::Whole => whole += 1,
                How::Pieces => pieces += 1,
            }
            let stretches = protect(&text, &glossary, Some(from), to).expect("no table");
            assert_eq!(damaged(&stretches, &said.text), 0, "{kind}: {text}\n{}", said.text);
            for stretch in wanted {
                assert!(said.text.contains(&stretch), "{kind}: `{stretch}` in {}", said.text);
            }
        }
        println!("{kind}: {whole} whole, {pieces} in pieces, 0 damaged");
        assert!(
            whole > 100 && pieces > 100,
            "{kind}: the service was not rough enough, or too rough"
        );
    }
    assert_eq!(
        services.leaked(),
        Vec::<String>::new(),
        "the services saw what they must not touch"
    );
}

#[tokio::test]
async fn an_engine_that_is_polite_sees_whole_sentences() {
    let services = Services::start(Manners::Polite).await;

    for kind in KINDS {
        let desk = desk(&[(kind, &services.address)]);
        let text = "Is TW-10001 paid by store credit & \"sent\"?";
        let said = desk.translate(text, language("en"), language("de")).await.expect("one");
        assert_eq!(&*said.text, "iS TW-10001 PAID BY Guthaben & \"SENT\"?", "{kind}");
        assert_eq!((said.how, &*said.engine), (How::Whole, kind));
    }
}

#[tokio::test]
async fn the_next_engine_is_asked_when_one_refuses_and_the_last_reason_is_told() {
    let services = Services::start(Manners::Polite).await;
    let broken = Services::start(Manners::Broken).await;
    let text = "Where is it?";

    let desk = desk(&[("deepl", &broken.address), ("azure", &services.address)]);
    let said = desk.translate(text, language("en"), language("de")).await.expect("a translation");
    assert_eq!(&*said.engine, "azure");

    let desk = self::desk(&[("azure", &services.address), ("google", &broken.address)]);
    let refused = desk.translate(text, language("en"), language("de")).await;
    assert!(refused.is_ok(), "the first one answers");
    let desk = self::desk(&[("google", &broken.address)]);
    let refused = desk.translate(text, language("en"), language("de")).await;
    let error = EngineError::Unavailable("status 500".to_owned());
    assert_eq!(refused, Err(TranslateError::Engine { engine: "google".into(), error }));
    let none = self::desk(&[]).translate(text, language("en"), language("de")).await;
    assert_eq!(none, Err(TranslateError::NoEngine));
}

#[tokio::test]
async fn a_service_that_is_silent_huge_or_sends_elsewhere_has_no_answer() {
    for (manners, wanted) in [
        (Manners::Silent, EngineError::Late),
        (Manners::Huge, EngineError::Answer("larger than the bound")),
        (Manners::Elsewhere, EngineError::Refused(307)),
    ] {
        let services = Services::start(manners).await;
        let desk = desk(&[("deepl", &services.address)]);
        let said = desk.translate("Where is it?", language("en"), language("de")).await;
        let engine = "deepl".into();
        assert_eq!(said, Err(TranslateError::Engine { engine, error: wanted }));
    }
}

#[tokio::test]
async fn the_same_text_is_asked_for_once_until_it_is_forgotten() {
    let services = Services::start(Manners::Polite).await;
    let desk = desk(&[("libretranslate", &services.address)]);
    let ask = || desk.translate("Where is it?", language("en"), language("de"));

    let (first, second) = (ask().await, ask().await);

    assert_eq!(first, second);
    assert_eq!(services.calls(), 1);
    desk.forget();
    assert!(ask().await.is_ok());
    assert_eq!(services.calls(), 2);
}

/// An engine that never answers.
struct Never;

impl Translator for Never {
    fn name(&self) -> &str {
        "never"
    }

    fn markup(&self) -> Markup {
        Markup::Bracket
    }

    fn translate<'a>(&'a self, _: &'a Job) -> Translating<'a> {
        Box::pin(std::future::pending())
    }
}

/// An engine that says everything so many times over.
struct Repeats(usize);

impl Translator for Repeats {
    fn name(&self) -> &str {
        "repeats"
    }

    fn markup(&self) -> Markup {
        Markup::Bracket
    }

    fn translate<'a>(&'a self, job: &'a Job) -> Translating<'a> {
        let said = job.texts.iter().map(|text| text.repeat(self.0)).collect();
        Box::pin(std::future::ready(Ok(said)))
    }
}

/// An engine that says the same of everything.
struct Says(&'static str);

impl Translator for Says {
    fn name(&self) -> &str {
        "says"
    }

    fn markup(&self) -> Markup {
        Markup::Bracket
    }

    fn translate<'a>(&'a self, job: &'a Job) -> Translating<'a> {
        let said = vec![self.0.to_owned(); job.texts.len()];
        Box::pin(std::future::ready(Ok(said)))
    }
}

#[tokio::test]
async fn an_empty_text_in_place_of_words_is_no_answer_and_the_next_engine_is_asked() {
    let desk = |engines: Vec<Arc<dyn Translator>>| {
        Desk::new(engines, Glossary::default(), Duration::from_secs(2))
    };
    let (from, to) = (language("en"), language("de"));

    // As one text, and in pieces around what must not change.
    for text in ["Where is it?", "Is #4711 paid?"] {
        let alone = desk(vec![Arc::new(Says(" "))]).translate(text, from, to).await;
        let both = desk(vec![Arc::new(Says(" ")), Arc::new(Repeats(1))]);
        let next = both.translate(text, from, to).await;

        let error = EngineError::Answer("a text is empty");
        assert_eq!(alone, Err(TranslateError::Engine { engine: "says".into(), error }));
        assert_eq!(&*next.expect("the next engine's").text, text);
    }
}

#[tokio::test]
async fn a_translation_longer_than_any_text_can_become_is_no_answer() {
    let text = "Where is it? ".repeat(1_000);
    let (repeats, fits) = (TRANSLATION_BYTES_MAX / text.len() + 1, 2);
    let desk = |engines: &[usize]| {
        let engine = |times: &usize| -> Arc<dyn Translator> { Arc::new(Repeats(*times)) };
        let engines = engines.iter().map(engine).collect();
        Desk::new(engines, Glossary::default(), Duration::from_secs(2))
    };
    let (from, to) = (language("en"), language("de"));

    let alone = desk(&[repeats]).translate(&text, from, to).await;
    let next = desk(&[repeats, fits]).translate(&text, from, to).await;

    let error = EngineError::Answer("longer than a translation may be");
    assert_eq!(alone, Err(TranslateError::Engine { engine: "repeats".into(), error }));
    assert_eq!(next.expect("the next engine's").text.len(), text.len() * fits);
}

#[tokio::test]
async fn one_text_too_many_at_a_time_is_refused_and_room_comes_back() {
    let desk = Desk::new(vec![Arc::new(Never)], Glossary::default(), Duration::from_millis(200));
    let desk = Arc::new(desk);
    let mut asked = tokio::task::JoinSet::new();
    for at in 0..CALLS_MAX {
        let desk = desk.clone();
        asked.spawn(async move {
            desk.translate(&format!("text {at}"), language("en"), language("de")).await
        });
    }
    // Each is polled once before this task goes on: the runtime looks up after some dozens of them.
    for _ in 0..4 {
        tokio::task::yield_now().await;
    }

    let refused = desk.translate("one more", language("en"), language("de")).await;

    assert_eq!(refused, Err(TranslateError::Busy));
    while let Some(said) = asked.join_next().await {
        let late = TranslateError::Engine { engine: "never".into(), error: EngineError::Late };
        assert_eq!(said.expect("no panic"), Err(late));
    }
    let late = desk.translate("one more", language("en"), language("de")).await;
    assert!(matches!(late, Err(TranslateError::Engine { .. })));
}
