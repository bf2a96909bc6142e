use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::*;
use crate::config::shop::ShopFiles;
use crate::domain::{CustomerId, CustomerKey, Language, Pair};
use crate::flow::translated::TranslationCame;
use crate::runtime::Internet;

/// An interpreter for the demo shop with one engine, which is yet to run.
struct Asking {
    interpreter: Interpreter,
    owners: Owners,
    shops: Shops,
    clock: Clock,
    phrases: Option<PhraseStore>,
}

impl Asking {
    fn new(engine: std::net::SocketAddr) -> Self {
        let mut files = ShopFiles::demo();
        let engine = format!("kind = \"libretranslate\"\nurl = \"http://{engine}\"");
        files.0.get_mut("shop.toml").expect("the file").push_str(&format!(
            "\n[translation]\ntimeout = \"10s\"\n[[translation.engines]]\n{engine}\n"
        ));
        let shop = Shop::from_files(&files).expect("a shop");
        Self {
            interpreter: Interpreter::new(),
            owners: Owners::new(1, 1),
            shops: Arc::new([(shop.id.clone(), Arc::new(shop))].into_iter().collect()),
            clock: Clock::start(),
            phrases: None,
        }
    }

    fn translate(&self, customer: &str, seq: u64, text: &str) {
        self.interpreter.translate(ToTranslate {
            shop: ShopId::from("demo"),
            of: TextOf::Message { conversation: conversation(customer), seq },
            text: text.into(),
            pair: Pair { from: Language::ENGLISH, to: "de".parse().expect("a language") },
            until: self.clock.now() + Duration::from_secs(60),
        });
    }

    fn run(&self, drain: &CancellationToken) -> tokio::task::JoinHandle<()> {
        let ways = Ways {
            owners: self.owners.clone(),
            incidents: Incidents::new(),
            clock: self.clock,
            metrics: Arc::new(Metrics::new().expect("metrics")),
            languages: (0..CALLS_MAX).map(language).collect(),
            outside: Arc::new(Internet),
            phrases: self.phrases.clone(),
        };
        tokio::spawn(self.interpreter.clone().run(self.shops.clone(), ways, drain.clone()))
    }

    async fn next(&self) -> TranslationCame {
        let Input::Translated(came) = self.owners.first_of(0).await.input else {
            panic!("not a translation")
        };
        came
    }

    /// The next phrases that come, which are whole.
    async fn phrases_come(&self) -> PhrasesCame {
        let Input::Phrases(came) = self.owners.first_of(0).await.input else {
            panic!("no phrases")
        };
        assert_eq!(came.phrases.missing(&came.shop), []);
        came
    }
}

/// One that the shop does not write.
fn language(number: usize) -> Language {
    let letter = |n: usize| char::from(b'a' + u8::try_from(n % 26).expect("a letter"));
    format!("q{}{}", letter(number / 26), letter(number)).parse().expect("a language")
}

fn conversation(customer: &str) -> ConversationId {
    ConversationId::new(1, CustomerKey::of(&"demo".into(), &CustomerId::from(customer)), 1)
}

#[tokio::test]
async fn more_texts_of_a_shop_than_may_wait_stay_as_they_were_written_at_once() {
    // Whoever connects waits for ever.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let asking = Asking::new(listener.local_addr().expect("an address"));
    for seq in 0..=TEXTS_MAX as u64 {
        asking.translate("v", seq, "Where is it?");
    }
    let drain = CancellationToken::new();

    let running = asking.run(&drain);
    let came = asking.next().await;

    drain.cancel();
    running.await.expect("it ends");
    assert_eq!(came.translated.said, Said::AsWritten(Untranslated::Busy));
}

/// An engine that says everything as it is given, and the languages that it was asked for.
async fn echo() -> (std::net::SocketAddr, mpsc::UnboundedReceiver<String>) {
    let (told, seen) = mpsc::unbounded_channel();
    let engine = axum::Router::new().fallback(move |body: String| {
        let asked: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        let to = asked["target"].as_str().expect("a language").to_owned();
        told.send(to).expect("the test listens");
        let texts = asked["q"].as_array().expect("texts").clone();
        async move { axum::Json(serde_json::json!({"translatedText": texts})) }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, engine).await });
    (address, seen)
}

/// The languages that an engine was asked for since this was last looked at.
fn asked_for(seen: &mut mpsc::UnboundedReceiver<String>) -> BTreeSet<String> {
    std::iter::from_fn(|| seen.try_recv().ok()).collect()
}

#[tokio::test]
async fn phrases_that_were_translated_cost_no_call_after_a_restart() {
    let (address, mut seen) = echo().await;
    let folder = tempfile::tempdir().expect("a folder");
    let run = async || {
        let mut asking = Asking::new(address);
        asking.phrases = Some(PhraseStore::of(folder.path()));
        let drain = CancellationToken::new();
        let running = asking.run(&drain);
        asking.interpreter.phrases("demo".into(), language(1));
        asking.phrases_come().await;
        // The second time is for whoever asks: what was kept came unasked.
        asking.interpreter.phrases("demo".into(), language(1));
        let came = asking.phrases_come().await;
        drain.cancel();
        running.await.expect("it ends");
        came.phrases
    };

    let first = run().await;
    assert_eq!(asked_for(&mut seen), [language(1).to_string()].into(), "an engine was asked");
    let again = run().await;

    assert_eq!(first, again);
    assert_eq!(asked_for(&mut seen), BTreeSet::new(), "nobody was asked again");
}

#[tokio::test]
async fn a_reload_with_another_timeout_costs_no_phrase() {
    let (address, mut seen) = echo().await;
    let folder = tempfile::tempdir().expect("a folder");
    let mut asking = Asking::new(address);
    let store = PhraseStore::of(folder.path());
    asking.phrases = Some(store.clone());
    let drain = CancellationToken::new();
    let running = asking.run(&drain);
    let ask = |number| asking.interpreter.phrases("demo".into(), language(number));
    for number in [1, 2] {
        ask(number);
        asking.phrases_come().await;
    }
    assert_eq!(asked_for(&mut seen), [1, 2].map(|it| language(it).to_string()).into());

    let mut shop = Shop::clone(&asking.shops[&ShopId::from("demo")]);
    shop.translators.timeout += Duration::from_secs(1);
    let shop = Arc::new(shop);
    asking.interpreter.shops(Arc::new([(shop.id.clone(), shop.clone())].into()));
    for number in [1, 2, 3] {
        ask(number);
        let came = asking.phrases_come().await;
        assert_eq!(came.language, language(number));
    }

    drain.cancel();
    running.await.expect("it ends");
    assert_eq!(asked_for(&mut seen), [language(3).to_string()].into());
    let kept: Vec<Language> = store.read(&shop).into_keys().collect();
    assert_eq!(kept, [1, 2, 3].map(language));
}

#[tokio::test]
async fn a_shop_that_a_reload_brings_back_has_the_phrases_that_were_kept() {
    let (address, mut seen) = echo().await;
    let folder = tempfile::tempdir().expect("a folder");
    let mut asking = Asking::new(address);
    let store = PhraseStore::of(folder.path());
    asking.phrases = Some(store.clone());
    let drain = CancellationToken::new();
    let running = asking.run(&drain);
    asking.interpreter.phrases("demo".into(), language(1));
    let first = asking.phrases_come().await;

    asking.interpreter.shops(Shops::default());
    asking.interpreter.shops(asking.shops.clone());
    let again = asking.phrases_come().await;
    asking.interpreter.phrases("demo".into(), language(2));
    asking.phrases_come().await;

    drain.cancel();
    running.await.expect("it ends");
    assert_eq!((first.language, &first.phrases), (again.language, &again.phrases));
    assert_eq!(asked_for(&mut seen), [1, 2].map(|it| language(it).to_string()).into());
    let kept: Vec<Language> = store.read(&again.shop).into_keys().collect();
    assert_eq!(kept, [1, 2].map(language));
}

#[tokio::test]
async fn a_message_waits_behind_no_phrases_however_many_languages_they_are_wanted_in() {
    let (told, mut seen) = mpsc::unbounded_channel();
    let engine = axum::Router::new().fallback(move |body: String| {
        told.send(body).expect("the test listens");
        // Nobody hears of it again.
        std::future::pending::<()>()
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let asking = Asking::new(listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, engine).await });
    for number in 0..CALLS_MAX {
        asking.interpreter.phrases("demo".into(), language(number));
    }
    asking.interpreter.phrases("demo".into(), "xyz".parse().expect("a language"));
    let drain = CancellationToken::new();
    let running = asking.run(&drain);
    let first = seen.recv().await.expect("it runs");
    assert!(first.contains("\"target\":\"qaa\""), "a phrase: {first}");

    asking.translate("v", 0, "Where is it?");
    let next = tokio::time::timeout(Duration::from_secs(5), seen.recv()).await;

    drain.cancel();
    running.await.expect("it ends");
    let next = next.expect("it waits for no phrase").expect("it runs");
    assert!(next.contains("Where is it?"), "{next}");
}

#[tokio::test]
async fn no_engine_gets_a_text_of_a_customer_whose_erasure_was_confirmed() {
    let (told, mut seen) = mpsc::unbounded_channel();
    let (answers, may_answer) = watch::channel(false);
    let engine = axum::Router::new().fallback(move |body: String| {
        let mut may_answer = may_answer.clone();
        told.send(body).expect("the test listens");
        async move {
            may_answer.wait_for(|may| *may).await.expect("the test goes on");
            axum::Json(serde_json::json!({"translatedText": ["said"]}))
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let asking = Asking::new(listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, engine).await });
    let forget = |customer| asking.interpreter.forget("demo".into(), vec![conversation(customer)]);

    // One is erased before anything has begun, the other behind as many texts as go at a time.
    asking.translate("ana", 0, "I am Ana");
    let ana_is_gone = forget("ana");
    for seq in 0..CALLS_MAX as u64 {
        asking.translate("v", seq, "Where is it?");
    }
    asking.translate("bo", 0, "I am Bo");
    let drain = CancellationToken::new();
    let running = asking.run(&drain);
    ana_is_gone.await.expect("it runs");
    for _ in 0..CALLS_MAX {
        let text = seen.recv().await.expect("it runs");
        assert!(!text.contains("I am"), "{text}");
    }
    forget("bo").await.expect("it runs");
    answers.send(true).expect("the engine listens");
    let last = CALLS_MAX as u64;
    asking.translate("v", last, "the last one");
    while asking.next().await.seq != last {}

    drain.cancel();
    running.await.expect("it ends");
    let text = seen.try_recv().expect("the last one");
    assert!(text.contains("the last one"), "{text}");
    assert!(seen.try_recv().is_err());
}
