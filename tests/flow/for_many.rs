//! One answer for everybody who asks the same, in the conversation of one who does.

use std::time::Duration;

use tradewind::domain::{ConversationId, Guess, Intent, SeatId, Sentiment, ShopId};
use tradewind::flow::{Asks, CustomerAct, ForMany, Input, Report};

use crate::world::{Socket, World, kinds, needs_person, shop, text};

const ANSWER: &str = "Vuelve a mediodía.";

/// A customer who waits, since every seat is away.
fn waiting(world: &mut World) -> (Socket, ConversationId) {
    let ana = world.customer("ana");
    world.say(&ana, "el seguimiento no funciona");
    let waiting = world.scheduler.queue(&shop(), 9);
    assert_eq!(waiting.len(), 1);
    ana.frames();
    (ana, waiting[0].conversation)
}

fn answer(world: &mut World, conversation: ConversationId) {
    world.input(Input::AnsweredForMany(ForMany {
        conversation,
        incident: 3,
        seat: SeatId::from("lucia"),
        text: ANSWER.into(),
        language: "es".parse().expect("a language"),
        translated: None,
        by: "topic",
    }));
}

fn texts(socket: &Socket) -> Vec<String> {
    let frames = socket.frames().into_iter().filter(|frame| frame["kind"] == "message");
    frames.map(|frame| text(&frame, "text").to_owned()).collect()
}

#[test]
fn it_comes_once_whatever_is_told_twice_and_also_over_a_restart() {
    let mut world = World::new();
    let (ana, conversation) = waiting(&mut world);

    answer(&mut world, conversation);
    answer(&mut world, conversation);

    let frames = ana.frames();
    assert_eq!(kinds(&frames), ["message", "answered_by_machine"]);
    assert_eq!(text(&frames[1], "source"), "incident/3");
    assert!(world.scheduler.queue(&shop(), 9).is_empty(), "it waits no longer");
    let mut next = world.restarted();
    assert!(next.scheduler.queue(&shop(), 9).is_empty());
    let ana = next.customer("ana");
    answer(&mut next, conversation);
    assert!(texts(&ana).is_empty());
}

#[test]
fn a_reply_that_is_no_thanks_waits_again_since_the_first_question_also_over_a_restart() {
    for restart in [false, true] {
        let mut world = World::new();
        let (mut ana, conversation) = waiting(&mut world);
        world.pass(Duration::from_secs(30));
        answer(&mut world, conversation);
        if restart {
            world = world.restarted();
            ana = world.customer("ana");
        }
        world.pass(Duration::from_secs(30));

        world.say(&ana, "no es eso, es otra cosa");

        let waiting = world.scheduler.queue(&shop(), 9);
        assert_eq!(waiting.len(), 1, "restart: {restart}");
        assert_eq!(waiting[0].waited_ms, 60_000);
    }
}

/// A customer whom a sentence of the shop has answered, and the question as it was told to the owner of incidents.
fn answered_by_machine(world: &mut World) -> (Socket, Asks) {
    world.says.intent = Guess { label: Intent::PaymentMethods, confidence: 0.99 };
    let ana = world.customer("ana");
    world.say(&ana, "¿con qué puedo pagar?");
    assert_eq!(kinds(&ana.frames()), ["ack", "message", "answered_by_machine"]);
    let [Report::Asks(asks)] = &world.told[..] else { panic!("{:?}", world.told) };
    let asks = asks.clone();
    world.told.clear();
    (ana, asks)
}

#[test]
fn whom_a_machine_has_answered_hears_what_a_seat_knows_beyond_that_once_and_keeps_the_first_place()
{
    let mut world = World::new();
    let (ana, asks) = answered_by_machine(&mut world);
    assert!(!asks.waits && !asks.needs_person);
    assert_eq!(&*asks.text, "¿con qué puedo pagar?");
    world.pass(Duration::from_secs(30));

    answer(&mut world, asks.conversation);
    answer(&mut world, asks.conversation);

    assert_eq!(kinds(&ana.frames()), ["message", "answered_by_machine"]);
    world.says = needs_person();
    world.pass(Duration::from_secs(30));
    world.say(&ana, "no es eso");
    let waiting = world.scheduler.queue(&shop(), 9);
    assert_eq!(waiting.iter().map(|it| it.waited_ms).collect::<Vec<_>>(), [60_000]);
}

#[test]
fn after_a_restart_it_is_told_again_what_a_machine_has_answered() {
    let mut world = World::new();
    let (_, asks) = answered_by_machine(&mut world);

    let mut next = world.restarted();

    assert!(matches!(&next.told[..], [Report::AsksStill(again)] if !again.waits));
    let ana = next.customer("ana");
    answer(&mut next, asks.conversation);
    assert_eq!(texts(&ana), [ANSWER]);
    assert!(next.restarted().told.is_empty(), "it has its answer");
}

#[test]
fn who_says_more_after_a_machines_answer_or_that_it_helped_hears_nothing_of_an_incident() {
    for helped in [true, false] {
        let mut world = World::new();
        let (ana, asks) = answered_by_machine(&mut world);
        match helped {
            true => world.act(&ana, CustomerAct::Helpful(asks.conversation, true)),
            false => drop(world.say(&ana, "¿y en efectivo?")),
        }
        assert!(matches!(world.told[0], Report::Left(_, id) if id == asks.conversation));
        ana.frames();

        answer(&mut world, asks.conversation);

        // Who asks again waits for a person, and that place stands.
        let expected: &[&str] = if helped { &[] } else { &[ANSWER] };
        assert_eq!(texts(&ana), expected, "helped: {helped}");
    }
}

#[test]
fn thanks_end_it_and_asking_for_a_person_brings_the_place_back() {
    let mut world = World::new();
    let (ana, conversation) = waiting(&mut world);
    answer(&mut world, conversation);
    world.says.intent = Guess { label: Intent::ThanksBye, confidence: 0.9 };

    world.pass(Duration::from_secs(10));
    world.say(&ana, "gracias");
    assert!(world.scheduler.queue(&shop(), 9).is_empty());
    world.says = needs_person();
    world.act(&ana, CustomerAct::Person(conversation));

    let waiting = world.scheduler.queue(&shop(), 9);
    assert_eq!(waiting.iter().map(|it| it.waited_ms).collect::<Vec<_>>(), [10_000]);
}

#[test]
fn thanks_that_are_angry_or_say_more_are_read_by_somebody() {
    let long = format!("gracias {}", "a".repeat(793));
    assert_eq!(long.chars().count(), 801);
    let negative = Guess { label: Sentiment::Negative, confidence: 0.8 };
    let neutral = needs_person().sentiment;
    for (reply, sentiment) in [
        ("gracias por nada", negative),
        ("gracias, TW-10482?", neutral),
        ("gracias\npersona", neutral),
        (long.as_str(), neutral),
    ] {
        let mut world = World::new();
        let (ana, conversation) = waiting(&mut world);
        answer(&mut world, conversation);
        world.says.intent = Guess { label: Intent::ThanksBye, confidence: 0.9 };
        world.says.sentiment = sentiment;

        world.say(&ana, reply);

        assert_eq!(world.scheduler.queue(&shop(), 9).len(), 1, "{reply}");
    }
}

#[test]
fn who_has_said_something_else_meanwhile_gets_nothing_and_waits_on_also_over_a_restart() {
    let mut world = World::new();
    let (ana, conversation) = waiting(&mut world);

    world.say(&ana, "además me cobraron dos veces");
    answer(&mut world, conversation);

    assert!(texts(&ana).iter().all(|text| text != ANSWER));
    let mut next = world.restarted();
    answer(&mut next, conversation);
    assert_eq!(next.scheduler.queue(&shop(), 9).len(), 1);
    assert!(next.told.is_empty(), "no incident is told of it again: {:?}", next.told);
}

#[test]
fn who_surely_complains_or_is_about_to_leave_is_for_a_person_and_joins_nothing_also_after_a_restart()
 {
    let asks = |told: &[Report]| match told {
        [Report::Asks(asks) | Report::AsksStill(asks)] => asks.needs_person,
        _ => panic!("{told:?}"),
    };
    for (intent, confidence, leaving, is_special) in [
        (Intent::RequestRefund, 0.7, 0.0, false),
        (Intent::Complaint, 0.89, 0.0, false),
        (Intent::Complaint, 0.9, 0.0, true),
        (Intent::RequestRefund, 0.7, 0.89, false),
        (Intent::RequestRefund, 0.7, 0.9, true),
    ] {
        let mut world = World::new();
        world.says.intent = Guess { label: intent, confidence };
        world.says.leaving = leaving;

        let (_ana, _) = waiting(&mut world);

        assert_eq!(asks(&world.told), is_special, "{intent:?} {leaving}");
        assert_eq!(asks(&world.restarted().told), is_special, "{intent:?} {leaving}, restarted");
    }
}

#[test]
fn whom_a_seat_has_called_another_matter_is_told_to_no_incident_after_a_restart() {
    let mut world = World::new();
    let (_ana, conversation) = waiting(&mut world);
    let untouched = world.restarted();
    assert!(matches!(untouched.told[..], [Report::AsksStill(_)]), "{:?}", untouched.told);

    world.input(Input::OfItsOwn(shop(), conversation));
    let mut next = world.restarted();

    assert!(next.told.is_empty(), "{:?}", next.told);
    answer(&mut next, conversation);
    assert_eq!(next.scheduler.queue(&shop(), 9).len(), 1, "it waits as before");
}

#[test]
fn a_seat_of_another_shop_says_nothing_of_a_conversation() {
    let mut world = World::new();
    let (_ana, conversation) = waiting(&mut world);
    let written = world.journal.len();

    world.input(Input::OfItsOwn(ShopId::from("another"), conversation));

    assert_eq!(world.journal.len(), written);
    let next = world.restarted();
    assert!(matches!(next.told[..], [Report::AsksStill(_)]), "{:?}", next.told);
}

#[test]
fn whom_a_seat_has_taken_gets_nothing() {
    let mut world = World::new();
    let (lucia, ana) = (world.seat("lucia"), world.customer("ana"));
    let conversation = world.owned(&ana, &lucia);
    ana.frames();

    answer(&mut world, conversation);

    assert!(texts(&ana).is_empty());
}
