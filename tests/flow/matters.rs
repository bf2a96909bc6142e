//! Customers who come back, by another connection, a letter, or after the end of a conversation.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tradewind::domain::{ConversationId, CustomerId, Intent, MessageId, SeatId};
use tradewind::flow::{
    Conversation, CustomerAct, EmailRules, FromEmail, Input, JoinedTo, Kept, SeatAct, Settings,
};
use tradewind::metrics::names::EmailTaken;
use tradewind::protocol::Resume;
use uuid::Uuid;

use super::world::{MINUTE, Socket, World, kinds, needs_person, settings, text};

/// Says something without naming a conversation, as a customer whom the shop vouched for.
fn say_verified(world: &mut World, socket: &Socket, text: &str) {
    say_verified_in(world, socket, None, text);
}

/// The same in a conversation.
fn say_verified_in(
    world: &mut World,
    socket: &Socket,
    conversation: Option<ConversationId>,
    text: &str,
) {
    let id = world.message_id();
    let act = CustomerAct::Send { id, conversation, text: text.into() };
    let mut input = socket.customer_input(act);
    if let Input::Customer(frame) = &mut input {
        let profile = Arc::get_mut(&mut frame.profile).expect("nobody else has it yet");
        profile.verified = Some(CustomerId::from("user-7"));
    }
    world.input(input);
}

fn state(world: &World, id: ConversationId) -> Conversation {
    match Kept::decode(&world.shard.keep(id).expect("it is there")).expect("a conversation") {
        Kept::Conversation(kept) => kept.conversation,
        other => panic!("{other:?}"),
    }
}

/// What a seat has read in notes since the last look, in `accepted` too.
fn notes(seat: &Socket) -> Vec<String> {
    let frames = seat.frames();
    let in_history = frames.iter().filter_map(|frame| frame["notes"].as_array()).flatten();
    let all = in_history.chain(frames.iter().filter(|frame| frame["type"] == "note"));
    all.map(|note| text(note, "text").to_owned()).collect()
}

fn accept(world: &mut World, seat: &Socket) {
    let offer = text(&seat.last("offer"), "offer").parse().expect("an id");
    let at = seat.seat_ref();
    world.schedule(tradewind::schedule::Command::Accept { shop: at.shop, seat: at.id, offer });
}

/// A conversation of a verified customer about one order, which the customer has ended.
fn ended(world: &mut World, ana: &Socket) -> ConversationId {
    say_verified(world, ana, "quiero el dinero del pedido TW-10482");
    let conversation = *world.conversations().last().expect("one");
    world.act(ana, CustomerAct::Close(conversation));
    conversation
}

#[test]
fn a_verified_customer_who_comes_back_goes_on_with_the_matter_also_after_a_restart() {
    let mut world = World::new();
    let ana = world.customer("ana");
    let before = ended(&mut world, &ana);
    world.pass(29 * MINUTE);

    let ana = world.customer("ana");
    say_verified(&mut world, &ana, "¿y mi dinero?");

    let after = *world.conversations().last().expect("one");
    for world in [&world, &world.restarted()] {
        let state = state(world, after);
        assert_eq!(state.goes_on_from(), Some(before));
        let JoinedTo::Ended { ms_ago, .. } = state.joined[0].to else { panic!("it had ended") };
        assert_eq!(Duration::from_millis(ms_ago), 29 * MINUTE);
        assert!(!state.joined[0].same_order);
    }
    let seat = world.seat("lucia");
    accept(&mut world, &seat);
    let notes = notes(&seat);
    assert!(notes[0].contains("ended 29 min ago") && notes[0].contains("TW-10482"), "{notes:?}");
}

#[test]
fn after_the_time_or_with_another_order_or_unverified_it_is_another_matter() {
    let comes_back = |after: Duration, says: &str, is_verified: bool| {
        let mut world = World::new();
        let ana = world.customer("ana");
        ended(&mut world, &ana);
        world.pass(after);
        match is_verified {
            true => say_verified(&mut world, &ana, says),
            false => drop(world.say(&ana, says)),
        }
        let last = *world.conversations().last().expect("one");
        state(&world, last).goes_on_from().is_some()
    };

    assert!(comes_back(10 * MINUTE, "¿y mi dinero del TW-10482?", true));
    assert!(!comes_back(30 * MINUTE, "¿y mi dinero del TW-10482?", true));
    assert!(!comes_back(10 * MINUTE, "¿y mi dinero del TW-20777?", true));
    assert!(!comes_back(10 * MINUTE, "¿y mi dinero del TW-10482?", false));
}

#[test]
fn another_order_is_a_conversation_of_its_own_while_the_first_is_open() {
    let mut world = World::new();
    let (phone, desk) = (world.customer("ana"), world.customer("ana"));
    say_verified(&mut world, &phone, "quiero el dinero del pedido TW-10482");
    say_verified(&mut world, &desk, "el pedido TW-20777 tampoco ha llegado");
    world.pass(MINUTE);

    let ids = world.conversations();
    let [first, second] = ids[..] else { panic!("{ids:?}") };
    say_verified(&mut world, &desk, "del tw 10482 tengo la factura");
    say_verified(&mut world, &phone, "gracias por mirarlo");

    let said = |id| {
        let texts = state(&world, id).events;
        texts.iter().filter(|event| format!("{:?}", event.kind).contains("Customer")).count()
    };
    assert_eq!(world.conversations().len(), 2);
    assert_eq!((said(first), said(second)), (2, 2));
    let joined = state(&world, first).joined;
    assert!(matches!(joined[..], [it] if it.to == JoinedTo::Open && it.same_order), "{joined:?}");
    assert!(!state(&world, second).joined[0].same_order);
}

#[test]
fn another_order_in_a_named_conversation_stays_there_and_its_seat_parts_it_by_a_click() {
    let mut world = World::new();
    let ana = world.customer("ana");
    let seat = world.seat("lucia");
    say_verified(&mut world, &ana, "quiero el dinero del pedido TW-10482");
    accept(&mut world, &seat);
    let first = world.conversations()[0];
    let mut say = |text: &str| {
        say_verified_in(&mut world, &ana, Some(first), text);
        seat.frames()
    };
    assert!(!kinds(&say("del TW-10482 tengo la factura")).contains(&"joined".to_owned()));
    assert!(!kinds(&say("¿cuánto tarda?")).contains(&"joined".to_owned()));

    let frames = say("el pedido TW-20777 tampoco ha llegado");

    let told = frames.iter().find(|frame| frame["type"] == "joined").expect("the evidence");
    let [join] = &told["joins"].as_array().expect("a list")[..] else { panic!("{told}") };
    assert_eq!((text(join, "to"), join["same_order"].as_bool()), ("named", Some(false)));
    let again = say("¿y el TW-20777 cuándo llega?");
    assert!(!kinds(&again).contains(&"joined".to_owned()), "it is told once: {again:?}");
    assert_eq!(world.conversations().len(), 1);
    let seq = join["seq"].as_u64().expect("a number");
    world.seat_acts(&seat, first, SeatAct::Part(Some(seq - 1)));
    assert_eq!(seat.last("error")["code"], "conflict");

    world.seat_acts(&seat, first, SeatAct::Part(Some(seq)));

    let ids = world.conversations();
    let [_, second] = ids[..] else { panic!("{ids:?}") };
    let said = format!("{:?}", state(&world, second).events);
    assert_eq!(said.matches("TW-20777").count(), 2);
    assert!(!said.contains("TW-10482"));
    assert_eq!(seat.last("joined")["joins"], serde_json::json!([]));
    say_verified(&mut world, &ana, "el TW-20777 es un regalo");
    assert!(format!("{:?}", state(&world, second).events).contains("regalo"), "its order is there");
}

#[test]
fn what_joined_is_told_with_the_conversation_and_again_after_a_resume() {
    let mut world = World::new();
    let ana = world.customer("ana");
    let before = ended(&mut world, &ana);
    let seat = world.seat("lucia");
    say_verified(&mut world, &ana, "quiero hablar con alguien");
    accept(&mut world, &seat);

    let join = seat.last("accepted")["joins"][0].clone();
    assert_eq!((text(&join, "to"), text(&join, "earlier")), ("ended", &*before.to_string()));
    assert_eq!(join["ms_ago"], 0);

    let conversation = *world.conversations().last().expect("one");
    let last_seq = [(conversation, 1)].into_iter().collect();
    let back = world.attach(seat.viewer, Resume { last_seq, ..Resume::default() });
    let missed = back.attached().missed;
    assert!(missed.iter().any(|frame| frame.contains("\"joined\"")), "{missed:?}");
}

#[test]
fn another_order_of_who_is_not_verified_is_no_other_matter() {
    let mut world = World::new();
    let ana = world.customer("ana");
    world.say(&ana, "quiero el dinero del pedido TW-10482");
    let conversation = world.conversations()[0];
    let id = world.message_id();
    let text = "el pedido TW-20777 tampoco ha llegado".into();
    world.act(&ana, CustomerAct::Send { id, conversation: Some(conversation), text });

    assert_eq!(state(&world, conversation).joined, []);
}

#[test]
fn who_is_not_verified_has_one_conversation_whatever_order_is_named() {
    let mut world = World::new();
    let ana = world.customer("ana");
    world.say(&ana, "quiero el dinero del pedido TW-10482");
    world.say(&ana, "el pedido TW-20777 tampoco ha llegado");

    let ids = world.conversations();
    assert_eq!(ids.len(), 1);
    assert_eq!(state(&world, ids[0]).joined, []);
}

#[test]
fn a_customer_of_many_orders_has_a_bounded_number_of_open_conversations() {
    let mut world = World::new();
    let ana = world.customer("ana");
    for n in 0..10 {
        say_verified(&mut world, &ana, &format!("el pedido TW-3000{n} no ha llegado"));
    }

    assert_eq!(world.conversations().len(), 4);
}

#[test]
fn of_many_conversations_that_ended_a_moment_ago_only_the_newest_go_on() {
    let goes_on = |order: &str| {
        let mut world = World::new();
        let ana = world.customer("ana");
        for n in 0..9 {
            say_verified(&mut world, &ana, &format!("el pedido TW-3000{n} no ha llegado"));
            let conversation = *world.conversations().last().expect("one");
            world.act(&ana, CustomerAct::Close(conversation));
            world.pass(MINUTE);
        }
        say_verified(&mut world, &ana, &format!("¿y el {order}?"));
        let ids = world.conversations();
        assert_eq!(ids.len(), 10);
        state(&world, ids[9]).goes_on_from().is_some()
    };

    assert!(goes_on("TW-30001"));
    assert!(!goes_on("TW-30000"));
}

#[test]
fn order_numbers_are_looked_for_in_the_last_64_kib_of_a_conversation_only() {
    let joins_by_order = |messages: usize| {
        let mut world = World::new();
        let ana = world.customer("ana");
        say_verified(&mut world, &ana, "quiero el dinero del pedido TW-10482");
        for n in 0..messages {
            say_verified(&mut world, &ana, &format!("{n} {}", "x ".repeat(8 * 1024 - 1)));
        }
        say_verified(&mut world, &ana, "del TW-10482 tengo la factura");
        let ids = world.conversations();
        assert_eq!(ids.len(), 1);
        state(&world, ids[0]).joined.last().expect("it has joined").same_order
    };

    assert!(joins_by_order(3));
    assert!(!joins_by_order(4));
}

#[test]
fn the_machine_does_not_repeat_what_did_not_help_a_moment_ago() {
    let mut world = World::new();
    let mut asks = needs_person();
    asks.intent.label = Intent::ReturnPolicy;
    world.says = asks;
    let ana = world.customer("ana");
    say_verified(&mut world, &ana, "¿puedo devolver zapatos usados?");
    assert!(kinds(&ana.frames()).contains(&"answered_by_machine".to_owned()));
    let before = world.conversations()[0];
    world.act(&ana, CustomerAct::Close(before));
    ana.frames();

    world.pass(MINUTE);
    say_verified(&mut world, &ana, "otra vez: ¿puedo devolverlos?");

    assert!(!kinds(&ana.frames()).contains(&"answered_by_machine".to_owned()));
}

#[test]
fn a_seat_takes_back_that_a_conversation_goes_on_from_another() {
    let mut world = World::new();
    let ana = world.customer("ana");
    ended(&mut world, &ana);
    let seat = world.seat("lucia");
    say_verified(&mut world, &ana, "quiero hablar con alguien");
    accept(&mut world, &seat);
    let conversation = *world.conversations().last().expect("one");
    seat.frames();

    world.seat_acts(&seat, conversation, SeatAct::Part(None));
    world.seat_acts(&seat, conversation, SeatAct::Part(None));

    let frames = seat.frames();
    assert_eq!(kinds(&frames), ["note", "joined", "error"]);
    assert_eq!(frames[1]["joins"], serde_json::json!([]));
    assert_eq!(frames[2]["code"], "conflict");
    assert_eq!(state(&world.restarted(), conversation).goes_on_from(), None);
    let journal = String::from_utf8_lossy(&world.journal.concat()).into_owned();
    assert!(journal.contains("Joined") && journal.contains("Parted"), "the evidence stays");
}

#[test]
fn a_message_that_joined_the_wrong_conversation_gets_its_own() {
    let mut world = World::new();
    let (phone, desk) = (world.customer("ana"), world.customer("ana"));
    let seat = world.seat("lucia");
    say_verified(&mut world, &phone, "quiero el dinero del pedido TW-10482");
    accept(&mut world, &seat);
    let first = world.conversations()[0];
    say_verified(&mut world, &desk, "mi hermana pregunta por sus botas");
    world.say(&desk, "son rojas");

    world.seat_acts(&seat, first, SeatAct::Part(None));

    let ids = world.conversations();
    let [_, second] = ids[..] else { panic!("{ids:?}") };
    let said = format!("{:?}", state(&world, second).events);
    assert!(said.contains("botas") && said.contains("rojas") && !said.contains("TW-10482"));
    let stranger = world.seat("mai");
    world.seat_acts(&stranger, first, SeatAct::Part(None));
    assert_eq!(stranger.last("error")["code"], "forbidden");
    assert_eq!(seat.seat_ref().id, SeatId::from("lucia"));
}

#[test]
fn a_letter_and_a_chat_of_one_verified_customer_are_one_matter() {
    let settings = Settings {
        email: Some(EmailRules { can_reply: true, ..EmailRules::default() }),
        ..settings()
    };
    let mut world = World::with(settings);
    let ana = world.customer("ana");
    let before = ended(&mut world, &ana);
    let bring = |world: &mut World, id: u128, text: &str| {
        let (reply, mut taken) = oneshot::channel();
        let id = MessageId::from_uuid(Uuid::from_u128(id));
        let text = Some(text.into());
        world.input(Input::Email(FromEmail { conversation: before, shop: None, id, text, reply }));
        assert_eq!(taken.try_recv().expect("an answer"), EmailTaken::Taken);
    };

    world.pass(MINUTE);
    bring(&mut world, 1, "Sigo esperando el dinero.");
    let by_letter = *world.conversations().last().expect("one");
    assert_eq!(state(&world, by_letter).goes_on_from(), Some(before));

    say_verified(&mut world, &ana, "¿han leído mi correo?");
    bring(&mut world, 2, "Y otra cosa: ¿dónde está TW-20777?");

    assert_eq!(state(&world, by_letter).joined.len(), 2);
    // The matter is that of the order that the first conversation named.
    let other = *world.conversations().last().expect("one");
    assert_eq!(world.conversations().len(), 3);
    assert_eq!(state(&world, other).goes_on_from(), None);
}

#[test]
fn joins_that_are_taken_back_one_after_the_other_move_each_message_once_also_over_a_restart() {
    for restarts in [false, true] {
        let mut world = World::new();
        let mut seat = world.seat("lucia");
        let desk = world.customer("ana");
        say_verified(&mut world, &desk, "quiero el dinero del pedido TW-10482");
        accept(&mut world, &seat);
        let first = world.conversations()[0];
        say_verified(&mut world, &desk, "mi hermana pregunta por sus botas");
        say_verified(&mut world, &desk, "y mi padre por su abrigo");

        world.seat_acts(&seat, first, SeatAct::Part(None));
        say_verified(&mut world, &desk, "TW-10482: y mi abuela por su gorra");
        if restarts {
            world = world.restarted();
            seat = world.seat("lucia");
        }
        world.seat_acts(&seat, first, SeatAct::Part(None));
        world.seat_acts(&seat, first, SeatAct::Part(None));

        let others = world.conversations().into_iter().filter(|id| *id != first);
        let said: Vec<_> = others.map(|id| format!("{:?}", state(&world, id).events)).collect();
        for word in ["botas", "abrigo", "gorra"] {
            let moved: usize = said.iter().map(|events| events.matches(word).count()).sum();
            assert_eq!(moved, 1, "{word}, restarts: {restarts}, {said:#?}");
        }
        assert_eq!(said.len(), 3);
    }
}

#[test]
fn a_conversation_of_which_a_message_goes_to_one_too_many_stays_its_customers() {
    let mut world = World::new();
    let seat = world.seat("lucia");
    let ana = world.customer("ana");
    say_verified(&mut world, &ana, "quiero el dinero del pedido TW-10482");
    accept(&mut world, &seat);
    let first = world.conversations()[0];
    let mut oldest_ended = None;
    for n in 0..63 {
        world.now = world.now + Duration::from_millis(1);
        say_verified(&mut world, &ana, &format!("el pedido TW-{} tampoco", 20_000 + n));
        let other = *world.conversations().last().expect("one");
        oldest_ended.get_or_insert(other);
        world.act(&ana, CustomerAct::Close(other));
    }
    say_verified(&mut world, &ana, "mi hermana pregunta por sus botas");
    assert!(world.shard.take_released().is_empty());

    world.seat_acts(&seat, first, SeatAct::Part(None));

    assert_eq!(world.conversations().len(), 64);
    assert_eq!(world.shard.take_released(), [oldest_ended.expect("one")]);
    let held = world.customer("ana").attached().held;
    assert!(held.iter().any(|it| it.conversation == first), "{held:?}");
}
