//! What users of other systems complain about, each as a test of its name: conversations.

use std::time::Duration;

use tradewind::config::shop::{Phrase, Shop, ShopFiles};
use tradewind::domain::{Guess, Intent, Language, Timestamp};
use tradewind::flow::{CustomerAct, Settings};

use crate::world::{MINUTE, World, conversation_of, kinds, settings, text};

/// A visitor who opens in many pages at once, or clicks twice, has one conversation.
#[test]
fn one_open_room() {
    let mut world = World::with(Settings { messages_per_conversation_max: 200, ..settings() });
    let pages: Vec<_> = (0..100).map(|_| world.customer("ana")).collect();

    let opens = pages.iter().map(|page| {
        let id = world.message_id();
        page.customer_input(CustomerAct::Send { id, conversation: None, text: "hola".into() })
    });
    let opens: Vec<_> = opens.collect();
    world.inputs(opens);

    assert_eq!(world.shard.len(), 1);
    let conversation = conversation_of(&pages[0].last("ack"));
    let acks: Vec<_> = pages[1..].iter().map(|page| conversation_of(&page.last("ack"))).collect();
    assert_eq!(acks, vec![conversation; 99]);
    assert_eq!(world.scheduler.totals().waiting + world.scheduler.totals().offered, 1);
}

/// Whatever a shop writes into its texts, going over to a person is a step of its own: it cannot be
/// talked away, and it does not go round in circles.
#[test]
fn handoff_is_structured() {
    let mut files = ShopFiles::demo();
    let texts = files.0.get_mut("answers/es.toml").expect("Spanish texts");
    let lines = texts.lines().map(|line| match line.split_once(" = ") {
        Some(("person_hint" | "clarify", _)) => {
            format!(
                "{} = \"No hay personas. person agent operator\"",
                &line[..line.find(" =").unwrap_or(0)]
            )
        }
        _ => line.to_owned(),
    });
    *texts = lines.collect::<Vec<_>>().join("\n");
    let shop = Shop::from_files(&files).expect("a shop");
    let mut world = World::with_shops(vec![shop]);
    let ana = world.customer("ana");
    let answerable = Guess { label: Intent::ReturnPolicy, confidence: 0.99 };
    world.says.intent = answerable;
    world.say(&ana, "¿hasta cuándo puedo devolver algo?");
    let answered = ana.frames();
    assert!(text(&answered[1], "text").contains("No hay personas"), "{answered:?}");

    world.says.intent = Guess { label: Intent::TalkToHuman, confidence: 0.99 };
    world.say(&ana, "una persona por favor");
    assert_eq!(kinds(&ana.frames()), ["ack", "queued"]);

    // It stays with people: nothing that a machine could answer brings the machine back.
    for question in ["¿y los cambios?", "¿y la garantía?", "¿y el plazo?"] {
        world.says.intent = answerable;
        world.say(&ana, question);
        assert_eq!(kinds(&ana.frames()), ["ack"], "{question}");
        world.pass(Duration::from_secs(20));
    }
    assert_eq!(world.scheduler.totals().waiting, 1);
    let seat = world.seat("lucia");
    assert_eq!(seat.frames().iter().filter(|frame| frame["type"] == "offer").count(), 1);
}

/// Every text that the router says by itself is in the customer's language, whichever way leads
/// to it.
#[test]
fn language_kept_in_subflow() {
    let thai: Language = "th".parse().expect("a language");
    let shop = Shop::embedded_demo();
    let thai_texts = shop.knowledge.answers.get(thai).expect("Thai texts");
    let begins = |phrase: Phrase| {
        let text = thai_texts.phrase(phrase).as_str();
        text.split('{').next().unwrap_or_default().trim().to_owned()
    };
    let speaks = |world: &mut World, intent: Intent, confidence: f32| {
        world.says.language.label = thai;
        world.says.intent = Guess { label: intent, confidence };
    };
    let machine_says = |frames: &[serde_json::Value], expected: &str, branch: &str| {
        let said: Vec<_> = frames.iter().filter(|frame| frame["from"] == "machine").collect();
        assert_eq!(said.len(), 1, "{branch}: {frames:#?}");
        assert_eq!(said[0]["language"], "th", "{branch}");
        assert!(text(said[0], "text").contains(expected), "{branch}: {}", said[0]);
    };

    let mut world = World::new();
    let ana = world.customer("ana");
    speaks(&mut world, Intent::ReturnPolicy, 0.99);
    world.say(&ana, "คืนสินค้าได้ถึงเมื่อไหร่");
    machine_says(&ana.frames(), &begins(Phrase::PersonHint), "an answer");
    world.pass(MINUTE * 16);
    machine_says(&ana.frames(), &begins(Phrase::ClosedBySilence), "the end by silence");

    let mut world = World::new();
    let ana = world.customer("ana");
    speaks(&mut world, Intent::Other, 0.1);
    world.say(&ana, "เรื่องนั้น");
    machine_says(&ana.frames(), &begins(Phrase::Clarify), "a question back");

    let mut world = World::new();
    let ana = world.customer("ana");
    speaks(&mut world, Intent::Greeting, 0.99);
    world.say(&ana, "สวัสดี");
    world.pass(Duration::from_secs(4));
    machine_says(&ana.frames(), &begins(Phrase::Clarify), "the question after a greeting");

    let mut world = World::new();
    let (mai, ana) = (world.seat("mai"), world.customer("ana"));
    speaks(&mut world, Intent::RequestRefund, 0.99);
    let conversation = world.owned(&ana, &mai);
    world.reply(&mai, conversation, "สวัสดีค่ะ");
    ana.frames();
    world.pass(MINUTE * 10);
    machine_says(&ana.frames(), &begins(Phrase::StillThere), "a sign of life");

    // Nobody takes it for as long as anybody may wait.
    let mut world = World::new();
    let ana = world.customer("ana");
    world.now = Timestamp::from_millis(1_795_626_000_000);
    speaks(&mut world, Intent::RequestRefund, 0.99);
    world.say(&ana, "ขอเงินคืน");
    ana.frames();
    world.pass(MINUTE * 10);
    machine_says(&ana.frames(), &begins(Phrase::TicketNoTime), "a ticket");
}
