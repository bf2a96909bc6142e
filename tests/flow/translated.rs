//! Conversations between people who do not read each other's language: what each is shown, in which
//! order, and what happens when nothing translates.

use std::time::Duration;

use crate::world::{Socket, World, customer, email_of, kinds, settings, shop, text};
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tradewind::config::shop::{Shop, ShopFiles};
use tradewind::domain::{
    ConversationId, CustomerId, Said, SeatId, SeatState, Translated, Untranslated,
};
use tradewind::flow::{
    CustomerAct, EmailRules, Erase, ForMany, Input, SeatAct, Settings, TextOf, ToTranslate,
    TranslationCame, Whom,
};
use tradewind::journal::PAYLOAD_BYTES_MAX;
use tradewind::protocol::Resume;
use tradewind::schedule::Command;
use tradewind::translate::{TEXT_BYTES_MAX, TRANSLATION_BYTES_MAX};

const ENGINE: &str =
    "[[translation.engines]]\nkind = \"libretranslate\"\nurl = \"http://127.0.0.1:9\"\n";
const ANSWER: &str = "Your refund of 40 EUR is on its way.";
const SAID: &str = "Su reembolso de 40 EUR está en camino.";

fn demo(translation: &str) -> Shop {
    let mut files = ShopFiles::demo();
    let text = files.0.get_mut("shop.toml").expect("the demo shop");
    text.push_str(&format!("\n[translation]\n{translation}"));
    Shop::from_files(&files).expect("a shop")
}

fn translating() -> World {
    World::with_shops(vec![demo(ENGINE)])
}

/// A Spanish customer whom a supervisor has given to a seat that speaks English and French.
fn met(world: &mut World) -> (Socket, Socket, ConversationId) {
    let (ana, kofi, wei) = (world.customer("ana"), world.seat("kofi"), world.seat("wei"));
    world.say(&ana, "quiero mi dinero de vuelta");
    let conversation = world.conversations()[0];
    world.seat_acts(&wei, conversation, SeatAct::Assign(SeatId::from("kofi")));
    world.says.language.label = "en".parse().expect("a language");
    (ana, kofi, conversation)
}

/// What was given to the engines, the oldest first; nothing of it is left.
fn asked(world: &mut World) -> Vec<ToTranslate> {
    std::mem::take(&mut world.to_translate)
}

fn answer(world: &mut World, asked: &ToTranslate, said: Said) {
    let TextOf::Message { conversation, seq } = asked.of else { panic!("no message") };
    let translated = Translated { pair: asked.pair, said };
    world.input(Input::Translated(TranslationCame { conversation, seq, translated }));
}

fn anew(text: &str) -> Said {
    Said::Anew { text: text.into(), by: "libretranslate".into() }
}

/// The customer leaves an address and goes.
fn by_email(world: &mut World, customer: &Socket) {
    world.says.pii = tradewind::understand::pii::find("ana@example.org");
    world.says.language.label = "es".parse().expect("a language");
    world.say(customer, "ana@example.org");
    world.says.pii.clear();
    world.says.language.label = "en".parse().expect("a language");
    customer.link.outbox.close(tradewind::protocol::CloseCode::Draining);
    asked(world);
}

/// The messages among frames, with what they say in another language.
fn said(frames: &[Value]) -> Vec<(&str, Option<&str>)> {
    let messages = frames.iter().filter(|frame| frame["kind"] == "message");
    messages.map(|it| (text(it, "text"), it["translation"]["text"].as_str())).collect()
}

#[test]
fn what_a_seat_says_reaches_the_customer_translated_with_the_original_and_in_order() {
    let mut world = translating();
    let (ana, kofi, conversation) = met(&mut world);
    let reading = asked(&mut world);
    ana.frames();
    kofi.frames();

    world.reply(&kofi, conversation, ANSWER);
    world.says.language.label = "es".parse().expect("a language");
    world.say(&ana, "¿sigue ahí?");

    assert_eq!(reading.len(), 1, "what the customer had said, for the seat");
    assert_eq!(kinds(&kofi.frames()), ["ack"], "it is kept");
    assert!(ana.frames().is_empty(), "nothing overtakes what is being translated");
    let asked = asked(&mut world);
    assert_eq!(asked[0].text.as_ref(), ANSWER);
    assert_eq!((asked[0].pair.from.as_str(), asked[0].pair.to.as_str()), ("en", "es"));

    answer(&mut world, &asked[0], anew(SAID));

    let seen = ana.frames();
    assert_eq!(kinds(&seen), ["message", "ack"]);
    assert_eq!(
        seen[0]["translation"],
        json!({"from": "en", "language": "es", "text": SAID, "by": "libretranslate", "reason": null})
    );
    assert_eq!(text(&seen[0], "text"), ANSWER);
    let told = kofi.frames();
    assert_eq!(kinds(&told), ["translated", "message"], "the seat sees what the customer sees");
    assert_eq!(text(&told[0]["translation"], "text"), SAID);
    assert_eq!(told[0]["seq"], seen[0]["seq"]);
}

#[test]
fn a_seat_that_writes_the_customers_language_is_not_translated() {
    let mut world = translating();
    let (lucia, ana) = (world.seat("lucia"), world.customer("ana"));
    let conversation = world.owned(&ana, &lucia);
    world.reply(&lucia, conversation, "Hola, lo miro ahora.");
    assert!(asked(&mut world).is_empty());

    let (ana, kofi, conversation) = {
        let mut other = translating();
        let met = met(&mut other);
        asked(&mut other);
        world = other;
        met
    };
    ana.frames();
    world.says.language.label = "es".parse().expect("a language");
    world.reply(&kofi, conversation, SAID);

    assert!(asked(&mut world).is_empty(), "it has copied a Spanish sentence");
    assert_eq!(said(&ana.frames()), [(SAID, None)]);
}

#[test]
fn without_an_engine_the_seat_is_told_and_the_customer_gets_it_as_it_was_written() {
    let mut world = World::new();
    let (ana, kofi, conversation) = met(&mut world);
    let accepted = kofi.last("accepted");
    let notes = accepted["notes"].as_array().expect("notes");
    assert!(text(&notes[0], "text").contains("nothing translates"), "{notes:?}");
    ana.frames();

    world.reply(&kofi, conversation, ANSWER);

    let told = kofi.frames();
    assert_eq!(kinds(&told), ["ack", "translated"]);
    assert_eq!(text(&told[1]["translation"], "reason"), "no_engine");
    assert_eq!(said(&ana.frames()), [(ANSWER, None)]);
}

#[test]
fn an_engine_that_fails_or_is_late_holds_nothing_up_for_longer_than_its_time() {
    let mut world = translating();
    let (ana, kofi, conversation) = met(&mut world);
    asked(&mut world);
    ana.frames();
    kofi.frames();
    world.reply(&kofi, conversation, "one");
    world.reply(&kofi, conversation, "two");
    let asked = asked(&mut world);

    // The later one is there first, and waits for the one before.
    answer(&mut world, &asked[1], anew("dos"));
    world.pass(Duration::from_millis(2_999));
    assert!(said(&ana.frames()).is_empty());
    world.pass(Duration::from_millis(1));

    assert_eq!(said(&ana.frames()), [("one", None), ("two", Some("dos"))]);
    let told = kofi.frames();
    let reasons = told.iter().filter(|it| it["type"] == "translated");
    let reasons: Vec<_> = reasons.map(|it| it["translation"]["reason"].as_str()).collect();
    // The customer's question, which nobody translated for the seat, and the seat's own message.
    assert_eq!(reasons, [None, Some("late"), Some("late")]);
    answer(&mut world, &asked[0], anew("uno"));
    assert!(ana.frames().is_empty(), "it comes too late");

    world.reply(&kofi, conversation, "three");
    let failed = self::asked(&mut world);
    answer(&mut world, &failed[0], Said::AsWritten(Untranslated::Failed));
    assert_eq!(said(&ana.frames()), [("three", None)]);
}

#[test]
fn a_message_beyond_those_that_may_be_translated_at_a_time_goes_on_as_it_was_written_in_its_place()
{
    let many = Settings { messages_per_conversation_max: 200, ..settings() };
    let mut world = World::set_up(many, vec![demo(ENGINE)]);
    let (ana, kofi, conversation) = met(&mut world);
    asked(&mut world);
    ana.frames();
    let texts: Vec<String> = (0..70).map(|n| format!("message {n}")).collect();

    texts.iter().for_each(|text| world.reply(&kofi, conversation, text));

    let asked = asked(&mut world);
    assert_eq!(asked.len(), 63, "one is the customer's");
    let told = kofi.frames();
    let busy = told.iter().filter(|it| it["translation"]["reason"] == "busy");
    assert_eq!(busy.count(), 7);
    assert!(said(&ana.frames()).is_empty());
    asked.iter().for_each(|it| answer(&mut world, it, anew("dicho")));
    let seen = ana.frames();
    assert_eq!(said(&seen).iter().map(|it| it.0).collect::<Vec<_>>(), texts);
}

#[test]
fn a_restart_asks_anew_for_what_waits_and_keeps_what_was_said() {
    let mut world = translating();
    let (_, kofi, conversation) = met(&mut world);
    let reading = asked(&mut world);
    answer(&mut world, &reading[0], anew("I want my money back"));
    world.reply(&kofi, conversation, ANSWER);

    let mut next = world.restarted_with(vec![demo(ENGINE)]);
    let again = asked(&mut next);
    assert_eq!(again.len(), 1, "what is translated is not asked for again");
    let from_start = |conversation| Resume { session: None, last_seq: [(conversation, 0)].into() };
    let ana = next.attach(customer("ana"), from_start(conversation));
    let missed = |socket: &Socket| -> Vec<Value> {
        let missed = socket.attached().missed;
        missed.iter().map(|frame| serde_json::from_str(frame).expect("JSON")).collect()
    };
    assert_eq!(said(&missed(&ana)), [("quiero mi dinero de vuelta", None)]);
    answer(&mut next, &again[0], anew(SAID));
    assert_eq!(said(&ana.frames()), [(ANSWER, Some(SAID))]);

    let mut last = next.restarted_with(vec![demo(ENGINE)]);
    assert!(asked(&mut last).is_empty());
    let ana = last.attach(customer("ana"), from_start(conversation));
    let question = "quiero mi dinero de vuelta";
    assert_eq!(said(&missed(&ana)), [(question, None), (ANSWER, Some(SAID))]);
    let kofi = last.attach(kofi.viewer.clone(), from_start(conversation));
    let for_seat = [(question, Some("I want my money back")), (ANSWER, Some(SAID))];
    assert_eq!(said(&missed(&kofi)), for_seat);
}

#[test]
fn a_seat_asks_for_what_it_does_not_read_where_the_shop_wants_that() {
    let mut world = World::with_shops(vec![demo(&format!("on_demand = true\n{ENGINE}"))]);
    let (ana, kofi, conversation) = met(&mut world);
    assert!(asked(&mut world).is_empty());
    ana.frames();
    kofi.frames();

    world.seat_acts(&kofi, conversation, SeatAct::Translate(1));
    world.seat_acts(&kofi, conversation, SeatAct::Translate(1));
    let asked = asked(&mut world);
    assert_eq!(asked.len(), 1, "a second click asks for nothing");
    answer(&mut world, &asked[0], anew("I want my money back"));

    assert_eq!(text(&kofi.last("translated")["translation"], "text"), "I want my money back");
    assert!(ana.frames().is_empty(), "it is for the seat");
    world.seat_acts(&kofi, conversation, SeatAct::Translate(1));
    assert!(self::asked(&mut world).is_empty(), "it is known");
    assert_eq!(text(&kofi.last("translated")["translation"], "text"), "I want my money back");
    for (seq, code) in [(2, "not_found"), (99, "not_found")] {
        world.seat_acts(&kofi, conversation, SeatAct::Translate(seq));
        assert_eq!(text(&kofi.last("error"), "code"), code);
    }
}

#[test]
fn what_the_customer_says_later_is_shown_at_once_and_translated_behind() {
    let mut world = translating();
    let (ana, kofi, _) = met(&mut world);
    asked(&mut world);
    kofi.frames();
    world.says.language.label = "es".parse().expect("a language");

    world.say(&ana, "¿y bien?");

    assert_eq!(said(&kofi.frames()), [("¿y bien?", None)]);
    let asked = asked(&mut world);
    assert_eq!((asked[0].pair.from.as_str(), asked[0].pair.to.as_str()), ("es", "en"));
    answer(&mut world, &asked[0], anew("and?"));
    assert_eq!(kinds(&kofi.frames()), ["translated"]);
}

#[test]
fn a_message_whose_language_is_a_mere_guess_is_translated_from_that_of_its_customer() {
    let mut world = translating();
    let (ana, _kofi, _) = met(&mut world);
    asked(&mut world);

    // One guess is nobody's language, the other is the seat's.
    for guess in ["it", "en"] {
        world.says.language.label = guess.parse().expect("a language");
        world.says.language.confidence = 0.4;
        world.say(&ana, &format!("ok, no {guess}"));

        let asked = asked(&mut world);
        assert_eq!(asked.len(), 1, "{guess}");
        assert_eq!((asked[0].pair.from.as_str(), asked[0].pair.to.as_str()), ("es", "en"));
    }
}

#[test]
fn a_seat_gets_a_message_that_was_taken_for_one_in_its_own_language_when_it_asks() {
    let mut world = World::with_shops(vec![demo(&format!("on_demand = true\n{ENGINE}"))]);
    let (ana, kofi, conversation) = met(&mut world);
    world.say(&ana, "no es normal");
    let seq = ana.last("ack")["seq"].as_u64().expect("a number");
    world.says.language.label = "es".parse().expect("a language");
    world.say(&ana, "nadie me contesta");

    world.seat_acts(&kofi, conversation, SeatAct::Translate(seq));

    let asked = asked(&mut world);
    assert_eq!(asked[0].text.as_ref(), "no es normal");
    assert_eq!((asked[0].pair.from.as_str(), asked[0].pair.to.as_str()), ("es", "en"));
}

#[test]
fn what_was_translated_while_a_seat_was_away_is_told_when_it_is_back() {
    let mut world = translating();
    let (_ana, kofi, conversation) = met(&mut world);
    world.reply(&kofi, conversation, ANSWER);
    let asked = asked(&mut world);
    let last = kofi.last("ack")["seq"].as_u64().expect("a number");
    kofi.link.outbox.close(tradewind::protocol::CloseCode::Draining);
    answer(&mut world, &asked[0], anew("I want my money back"));
    answer(&mut world, &asked[1], anew(SAID));

    for mut world in [world.restarted_with(vec![demo(ENGINE)]), world] {
        let resume = Resume { session: None, last_seq: [(conversation, last)].into() };
        let kofi = world.attach(kofi.viewer.clone(), resume);

        let missed = kofi.attached().missed;
        let missed: Vec<Value> =
            missed.iter().map(|frame| serde_json::from_str(frame).expect("JSON")).collect();
        assert_eq!(kinds(&missed), ["translated", "translated"], "and no message again");
        assert_eq!(text(&missed[0]["translation"], "text"), SAID);
        assert_eq!(text(&missed[1]["translation"], "text"), "I want my money back");
    }
}

#[test]
fn what_was_translated_before_the_seat_is_shown_it_is_shown_with_its_translation() {
    let mut world = translating();
    let (ana, kofi, conversation) = met(&mut world);
    asked(&mut world);
    world.reply(&kofi, conversation, ANSWER);
    let held = asked(&mut world);
    world.says.language.label = "es".parse().expect("a language");
    world.say(&ana, "¿sigue ahí?");
    let behind = asked(&mut world);
    kofi.frames();
    ana.frames();

    answer(&mut world, &behind[0], anew("are you still there?"));

    assert!(kofi.frames().is_empty(), "of a message that the seat has not seen it is told nothing");
    answer(&mut world, &held[0], anew(SAID));
    let seen = kofi.frames();
    assert_eq!(said(&seen), [("¿sigue ahí?", Some("are you still there?"))]);
    assert_eq!(said(&ana.frames()), [(ANSWER, Some(SAID))], "the customer reads what is his");
}

#[test]
fn the_longest_translation_and_its_letter_fit_into_one_record() {
    let email = Some(EmailRules { can_reply: true, ..EmailRules::default() });
    let mut world = World::set_up(Settings { email, ..settings() }, vec![demo(ENGINE)]);
    let (ana, kofi, conversation) = met(&mut world);
    by_email(&mut world, &ana);
    let long = "x".repeat(TEXT_BYTES_MAX);
    world.reply(&kofi, conversation, &long);
    let asked = asked(&mut world);

    answer(&mut world, &asked[0], anew(&"ก".repeat(TRANSLATION_BYTES_MAX / 3)));

    let letter = &email_of(&world.errands[0]).text;
    assert!(letter.len() > TRANSLATION_BYTES_MAX + TEXT_BYTES_MAX - 3);
    let longest = world.journal.iter().map(Vec::len).max().expect("records");
    assert!(longest > letter.len() + TRANSLATION_BYTES_MAX - 3, "both are in it: {longest}");
    assert!(longest < PAYLOAD_BYTES_MAX / 2, "{longest}");
}

#[test]
fn an_answer_by_email_waits_for_its_translation_and_holds_both() {
    let email = Some(EmailRules { can_reply: true, ..EmailRules::default() });
    let mut world = World::set_up(Settings { email, ..settings() }, vec![demo(ENGINE)]);
    let (ana, kofi, conversation) = met(&mut world);
    by_email(&mut world, &ana);

    world.reply(&kofi, conversation, ANSWER);
    world.reply(&kofi, conversation, "Anything else?");
    assert!(world.errands.is_empty());
    let asked = asked(&mut world);
    answer(&mut world, &asked[0], anew(SAID));
    answer(&mut world, &asked[1], anew("¿Algo más?"));

    let letters: Vec<_> = world.errands.iter().map(|it| &*email_of(it).text).collect();
    assert_eq!(letters.len(), 2);
    assert!(letters[0].contains(SAID) && letters[0].contains(ANSWER), "{letters:?}");
    assert_ne!(world.errands[0].effect.key, world.errands[1].effect.key);
}

#[test]
fn an_erased_customer_leaves_no_translation_behind() {
    let mut world = translating();
    let (_, kofi, conversation) = met(&mut world);
    world.reply(&kofi, conversation, ANSWER);
    let asked = asked(&mut world);
    answer(&mut world, &asked[1], anew(SAID));

    let (reply, _answer) = oneshot::channel();
    let whom = Whom::Customer(CustomerId::from("ana"));
    world.input(Input::Erase(Erase { shop: shop(), whom, reply }));
    answer(&mut world, &asked[0], anew("I want my money back"));

    let kept = world.shard.keep(conversation).expect("its skeleton");
    for said in [ANSWER, SAID, "I want my money back", "quiero mi dinero"] {
        let found = kept.windows(said.len()).any(|window| window == said.as_bytes());
        assert!(!found, "{said} is still there");
    }
}

#[test]
fn what_the_shop_wrote_in_no_such_language_is_translated_too() {
    let mut world = translating();
    let ana = world.customer("ana");
    world.says.language.label = "yo".parse().expect("a language");
    world.say(&ana, "mo fẹ́ owó mi padà");
    ana.frames();

    world.pass(Duration::from_secs(11 * 60));
    let asked = asked(&mut world);
    assert_eq!(asked.len(), 1, "the ticket's sentence");
    assert_eq!((asked[0].pair.from.as_str(), asked[0].pair.to.as_str()), ("en", "yo"));
    answer(&mut world, &asked[0], anew("a ó padà wá"));

    let seen = ana.frames();
    let message = seen.iter().find(|frame| frame["kind"] == "message").expect("the ticket");
    assert_eq!(message["language"], "en");
    assert_eq!(message["translation"]["text"], "a ó padà wá");
}

#[test]
fn an_answer_for_many_is_shown_with_what_it_says_in_the_language_of_each() {
    let mut world = translating();
    let ana = world.customer("ana");
    world.say(&ana, "el seguimiento no funciona");
    ana.frames();
    let conversation = world.conversations()[0];
    let (from, to) = ("en".parse().expect("a language"), "es".parse().expect("a language"));
    let pair = tradewind::domain::Pair { from, to };
    world.input(Input::AnsweredForMany(ForMany {
        conversation,
        incident: 3,
        seat: SeatId::from("lucia"),
        text: "Back at noon.".into(),
        language: from,
        translated: Some(Translated { pair, said: anew("Vuelve a mediodía.") }),
        by: "topic",
    }));

    assert_eq!(said(&ana.frames()), [("Back at noon.", Some("Vuelve a mediodía."))]);
    world.act(&ana, CustomerAct::Person(conversation));
    assert_eq!(world.scheduler.queue(&shop(), 9).len(), 1);
}

/// What a customer has been shown: numbers in their order, and the texts of the seat.
#[derive(Default)]
struct Shown {
    numbers: Vec<u64>,
    replies: Vec<String>,
    translated: usize,
}

impl Shown {
    fn take(&mut self, frames: &[Value]) {
        for frame in frames.iter().filter(|it| it["type"] == "event" || it["type"] == "ack") {
            self.numbers.push(frame["seq"].as_u64().expect("a number"));
            if frame["from"] == "seat" {
                self.replies.push(text(frame, "text").to_owned());
                self.translated += usize::from(frame["translation"]["text"].is_string());
            }
        }
    }
}

/// A conversation in which engines answer in any order, fail, say nothing, and the router is killed.
fn random_conversation(seed: u64) -> usize {
    let mut random = SmallRng::seed_from_u64(seed);
    let many = Settings { messages_per_conversation_max: 500, ..settings() };
    let mut world = World::set_up(many, vec![demo(ENGINE)]);
    let (mut ana, mut kofi, conversation) = met(&mut world);
    let (mut shown, mut written) = (Shown::default(), Vec::new());
    for step in 0..60 {
        match random.random_range(0..10) {
            0..3 => {
                world.says.language.label = "en".parse().expect("a language");
                written.push(format!("reply {step}"));
                world.reply(&kofi, conversation, &format!("reply {step}"));
            }
            3..5 => {
                world.says.language.label = "es".parse().expect("a language");
                world.say(&ana, &format!("mensaje {step}"));
            }
            5..8 => {
                let mut asked = asked(&mut world);
                asked.shuffle(&mut random);
                for text in asked {
                    match random.random_range(0..5) {
                        0 => {}
                        1 => answer(&mut world, &text, Said::AsWritten(Untranslated::Failed)),
                        _ => answer(&mut world, &text, anew("dicho")),
                    }
                }
            }
            8 => world.pass(Duration::from_millis(random.random_range(1..2_000))),
            _ => {
                shown.take(&ana.frames());
                world = world.restarted_with(vec![demo(ENGINE)]);
                let last = shown.numbers.last().copied().unwrap_or_default();
                let resume = |seq| Resume { session: None, last_seq: [(conversation, seq)].into() };
                ana = world.attach(customer("ana"), resume(last));
                let missed = ana.attached().missed;
                let missed = missed.iter().map(|it| serde_json::from_str(it).expect("JSON"));
                shown.take(&missed.collect::<Vec<Value>>());
                kofi = world.attach(kofi.viewer.clone(), resume(0));
                let (shop, seat) = (shop(), SeatId::from("kofi"));
                world.schedule(Command::SignIn { shop, seat, state: SeatState::Ready });
            }
        }
        shown.take(&ana.frames());
    }
    world.pass(Duration::from_secs(3));
    shown.take(&ana.frames());

    let all: Vec<u64> = (1..=shown.numbers.len() as u64).collect();
    assert_eq!(shown.numbers, all, "seed {seed}: every number once and in order");
    assert_eq!(shown.replies, written, "seed {seed}: nothing is lost or waits for ever");
    shown.translated
}

#[test]
fn whatever_engines_do_and_whenever_the_router_is_killed_every_message_comes_once_and_in_order() {
    let translated: usize = (0..40).map(random_conversation).sum();

    assert!(translated > 100, "only {translated} were translated");
}
