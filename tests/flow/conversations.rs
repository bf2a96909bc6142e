//! What people see of a conversation, over the public interface of `flow`, with a clock that the
//! tests move and without sockets or disk.

use std::collections::BTreeMap;
use std::time::Duration;

use tradewind::domain::{Guess, Intent, Priority, SeatId, Sentiment, TransferTarget};
use tradewind::flow::{CustomerAct, SeatAct, Settings};
use tradewind::protocol::{CloseCode, Resume};
use tradewind::schedule::Command;
use tradewind::understand::{Hint, Model, Scratch};

use crate::world::{
    MINUTE, World, conversation_of, customer, kinds, numbers, settings, shop, text,
};

#[test]
fn a_question_reaches_a_seat_and_the_answer_comes_back() {
    let mut world = World::new();
    let seat = world.seat("lucia");
    let ana = world.customer("ana");

    let conversation = world.owned(&ana, &seat);
    world.reply(&seat, conversation, "Hola, lo miro ahora.");

    let accepted = seat.frames();
    assert_eq!(kinds(&accepted), ["accepted", "ack"]);
    let history = accepted[0]["history"].as_array().expect("a list");
    assert_eq!(kinds(history), ["message", "queued", "assigned"]);
    assert_eq!(history[0]["language"], "es");
    assert!(history.iter().all(|event| event["type"] == "event"));
    let seen = ana.frames();
    assert_eq!(kinds(&seen), ["ack", "queued", "assigned", "message"]);
    assert_eq!(seen[3]["from"], "seat");
    assert_eq!(numbers(&seen).into_values().next(), Some(vec![1, 2, 3, 4]));
}

#[test]
fn an_acknowledgement_does_not_wait_for_the_model_and_events_do() {
    let mut world = World::new();
    let (one, other) = (world.customer("ana"), world.customer("ana"));
    world.model_waits = true;

    world.say(&one, "hola");
    assert_eq!(kinds(&one.frames()), ["ack"]);
    assert_eq!(kinds(&other.frames()), [""; 0]);

    world.understand();
    let seen = other.frames();
    assert_eq!(seen[0]["kind"], "message");
    assert_eq!(seen[0]["language"], "es");
}

#[test]
fn the_browser_and_the_message_before_lean_a_message_that_two_languages_share() {
    let model = Model::embedded().expect("the shipped model");
    let mut scratch = Scratch::default();
    let mut read = |first: &str, browser: &str| {
        let mut world = World::new();
        let customer = world.customer("ana");
        world.model_waits = true;
        let mut languages = Vec::new();
        for text in [first, "ok"] {
            world.say_with_browser(&customer, text, browser.parse().expect("a language"));
            let waiting = world.unread.front().expect("it waits for the model");
            let hint = Hint { locale: waiting.locale, previous: waiting.previous };
            world.says = model.understand(&waiting.text, &hint, &mut scratch);
            languages.push(world.says.language.label.to_string());
            world.understand();
        }
        languages
    };

    assert_eq!(read("belum sampai", "ms"), ["ms", "ms"]);
    assert_eq!(read("belum sampai", "id"), ["id", "id"]);
    // A clear sentence outweighs the browser.
    assert_eq!(read("bila barang saya nak sampai? dah lama tunggu ni", "en")[0], "ms");
    assert_eq!(read("kapan barang saya sampai? udah lama banget nunggu", "en")[0], "id");
}

#[test]
fn an_acknowledgement_never_overtakes_an_event_that_its_socket_has_not_got() {
    let mut world = World::new();
    let seat = world.seat("lucia");
    let ana = world.customer("ana");
    let conversation = world.owned(&ana, &seat);
    ana.frames();
    world.model_waits = true;

    let (first, second) = (world.message_id(), world.message_id());
    let says = |id| SeatAct::Send { id, text: "un momento".into() };
    let act = CustomerAct::Send { id: second, conversation: None, text: "gracias".into() };
    world.inputs(vec![seat.seat_input(conversation, says(first)), ana.customer_input(act)]);
    assert_eq!(kinds(&ana.frames()), [""; 0]);
    world.understand();

    let seen = ana.frames();
    assert_eq!(kinds(&seen), ["message", "ack"]);
    assert_eq!(numbers(&seen).into_values().next(), Some(vec![4, 5]));
}

#[test]
fn the_same_id_again_gets_the_same_acknowledgement_and_shows_nothing_twice() {
    let mut world = World::new();
    let (one, other) = (world.customer("ana"), world.customer("ana"));
    let id = world.message_id();
    let send = |text: &str| CustomerAct::Send { id, conversation: None, text: text.into() };

    world.act(&one, send("hola"));
    let first = one.last("ack");
    world.act(&other, send("hola"));
    let frames = other.frames();
    world.act(&one, send("adiós"));

    let second = frames.iter().find(|frame| frame["type"] == "ack").expect("an ack");
    assert_eq!(second["seq"], first["seq"]);
    assert_eq!(frames.iter().filter(|frame| frame["kind"] == "message").count(), 1);
    assert_eq!(one.last("error")["code"], "conflict");
}

#[test]
fn a_second_connection_joins_the_open_conversation() {
    let mut world = World::new();
    let (one, other) = (world.customer("ana"), world.customer("ana"));

    world.say(&one, "hola");
    world.say(&other, "¿sigues ahí?");

    assert_eq!(conversation_of(&one.last("ack")), conversation_of(&other.last("ack")));
    assert_eq!(world.shard.len(), 1);
}

#[test]
fn a_strangers_conversation_looks_like_none() {
    let mut world = World::new();
    let (ana, bob) = (world.customer("ana"), world.customer("bob"));
    world.say(&ana, "hola");
    let conversation = conversation_of(&ana.last("ack"));
    let id = world.message_id();

    for act in [
        CustomerAct::Send { id, conversation: Some(conversation), text: "x".into() },
        CustomerAct::Person(conversation),
        CustomerAct::Rate(conversation, 1),
        CustomerAct::Close(conversation),
        CustomerAct::Typing(conversation),
    ] {
        world.act(&bob, act);
        assert_eq!(bob.last("error")["code"], "not_found");
    }
    assert!(ana.frames().iter().all(|frame| frame["kind"] != "closed"));
}

#[test]
fn only_the_owner_seat_may_act() {
    let mut world = World::new();
    let seat = world.seat("lucia");
    let ana = world.customer("ana");
    let conversation = world.owned(&ana, &seat);
    let other = world.seat("mai");

    world.reply(&other, conversation, "hola");

    assert_eq!(other.last("error")["code"], "forbidden");
    assert!(ana.frames().iter().all(|frame| frame["from"] != "seat"));
}

#[test]
fn a_message_that_nobody_understands_is_asked_about_once_and_the_next_one_gets_a_place() {
    let mut world = World::new();
    let ana = world.customer("ana");
    world.says.intent.confidence = 0.1;

    world.say(&ana, "lo de siempre");
    let asked = ana.frames();
    assert_eq!(kinds(&asked), ["ack", "message"]);
    assert_eq!(asked[1]["from"], "machine");

    world.say(&ana, "eso mismo");
    assert_eq!(kinds(&ana.frames()), ["ack", "queued"]);
}

#[test]
fn a_customer_who_comes_back_within_the_day_gets_the_seat_of_before() {
    let mut world = World::new();
    let demo = tradewind::config::shop::Shop::embedded_demo();
    let spanish = "es".parse().expect("a language");
    let mut speakers =
        demo.seats.values().filter(|account| account.profile.languages.contains(&spanish));
    let mut speaker = || speakers.next().expect("two speakers").profile.id.clone();
    let seats = [world.seat(speaker().as_str()), world.seat(speaker().as_str())];
    let eva = world.customer("eva");
    world.say(&eva, "quiero mi dinero de vuelta");
    let (first, offer) = seats
        .iter()
        .find_map(|seat| Some((seat, seat.frames().into_iter().find(|f| f["type"] == "offer")?)))
        .expect("an offer");
    let other = if std::ptr::eq(first, &seats[0]) { &seats[1] } else { &seats[0] };
    let conversation = conversation_of(&offer);
    // The other seat is the one that the choice would fall on by itself.
    let offer = text(&offer, "offer").parse().expect("an id");
    world.schedule(Command::Decline { shop: shop(), seat: first.seat_ref().id, offer });
    let offer = text(&other.last("offer"), "offer").parse().expect("an id");
    world.schedule(Command::Accept { shop: shop(), seat: other.seat_ref().id, offer });
    world.reply(other, conversation, "Hola");
    world.act(&eva, CustomerAct::Close(conversation));

    world.pass(MINUTE);
    world.say(&eva, "todavía no llegó el dinero");

    let why = other.last("offer")["why"].to_string();
    assert!(why.contains("the customer spoke to it last"), "{why}");
}

fn greets(world: &mut World) {
    world.says.intent = Guess { label: Intent::Greeting, confidence: 0.99 };
}

#[test]
fn a_bare_greeting_waits_for_the_question_and_is_then_asked_and_not_routed_on() {
    let mut world = World::new();
    let seat = world.seat("lucia");
    let ana = world.customer("ana");
    greets(&mut world);
    world.say(&ana, "hola");
    assert_eq!(kinds(&ana.frames()), ["ack"]);

    world.pass(Duration::from_millis(3_999));
    assert_eq!(kinds(&ana.frames()), [""; 0]);
    world.pass(Duration::from_millis(1));
    let asked = ana.frames();
    assert_eq!(kinds(&asked), ["message"]);
    assert_eq!((text(&asked[0], "from"), text(&asked[0], "language")), ("machine", "es"));
    assert_eq!(kinds(&seat.frames()), [""; 0], "nobody was offered a greeting");

    world.pass(MINUTE);
    assert_eq!(kinds(&ana.frames()), [""; 0], "asked once");
    world.say(&ana, "hola?");
    assert_eq!(seat.last("offer")["intent"], "greeting", "somebody looks at a second one");
}

#[test]
fn the_question_that_follows_a_greeting_is_what_is_routed_on() {
    let mut world = World::new();
    let seat = world.seat("lucia");
    let ana = world.customer("ana");
    greets(&mut world);
    world.say(&ana, "hola");
    world.pass(Duration::from_secs(2));
    world.says.intent = Guess { label: Intent::RequestRefund, confidence: 0.99 };
    world.say(&ana, "quiero mi dinero de vuelta");

    let offer = seat.last("offer");
    assert_eq!(offer["intent"], "request_refund");
    assert_eq!(offer["waiting_ms"], 2_000, "the greeting began the wait");
    world.pass(Duration::from_secs(3));
    assert!(ana.frames().iter().all(|frame| frame["from"] != "machine"), "nothing is asked");
}

#[test]
fn a_greeting_from_before_a_restart_is_asked_after_it() {
    let mut world = World::new();
    let ana = world.customer("ana");
    greets(&mut world);
    world.say(&ana, "hola");

    let mut restarted = world.restarted();
    let ana = restarted.customer("ana");
    restarted.pass(Duration::from_secs(4));

    assert_eq!(ana.last("event")["from"], "machine");
}

#[test]
fn a_later_turn_that_changes_intent_or_language_re_routes_and_keeps_the_place() {
    let mut world = World::new();
    let (ana, eva) = (world.customer("ana"), world.customer("eva"));
    world.say(&ana, "quiero mi dinero de vuelta");
    let first = world.now;
    world.pass(Duration::from_secs(5));
    world.says.intent.label = Intent::DamagedItem;
    world.say(&eva, "me llegó roto");
    world.pass(Duration::from_secs(5));

    // A word of thanks and what the model is unsure of change nothing.
    for (label, confidence) in [(Intent::ThanksBye, 0.99), (Intent::TrackOrder, 0.2)] {
        world.says.intent = Guess { label, confidence };
        world.say(&ana, &format!("otra cosa {label}"));
        let waiting = world.scheduler.queue(&shop(), 10);
        assert_eq!(waiting[0].skill.as_str(), "returns", "{label}");
    }
    world.says.intent = Guess { label: Intent::PaymentFailed, confidence: 0.9 };
    world.says.language.label = "pt".parse().expect("a language");
    world.say(&ana, "na verdade o pagamento falhou");

    let lucia = world.seat("lucia");
    let offers: Vec<_> = lucia.frames().into_iter().filter(|f| f["type"] == "offer").collect();
    assert_eq!(offers[0]["language"], "pt");
    assert_eq!(offers[0]["waiting_ms"], world.now.since(first).as_millis() as u64);
    assert!(offers[0]["why"].to_string().contains("payments"), "{}", offers[0]["why"]);
    let restarted = world.restarted();
    let waiting = restarted.scheduler.queue(&shop(), 10);
    let mut skills: Vec<_> = waiting.iter().map(|view| view.skill.as_str()).collect();
    skills.sort_unstable();
    assert_eq!(skills, ["payments", "returns"], "the journal knows it too");
}

#[test]
fn a_customer_who_gets_angry_while_waiting_gains_priority_and_keeps_it() {
    let mut world = World::new();
    let ana = world.customer("ana");
    world.say(&ana, "quiero mi dinero de vuelta");
    let priority = |world: &World| world.scheduler.queue(&shop(), 1)[0].priority;
    assert_eq!(priority(&world), Priority::Normal);

    world.says.sentiment = Guess { label: Sentiment::Negative, confidence: 0.95 };
    world.say(&ana, "esto es una vergüenza");
    assert_eq!(priority(&world), Priority::Raised);
    world.says.sentiment = Guess { label: Sentiment::Neutral, confidence: 0.95 };
    world.say(&ana, "gracias por mirar");

    assert_eq!(priority(&world), Priority::Raised);
}

#[test]
fn a_machine_answers_what_it_is_sure_of_and_a_person_comes_when_asked_for() {
    let mut world = World::new();
    let seat = world.seat("lucia");
    let ana = world.customer("ana");
    world.says.intent = Guess { label: Intent::ReturnPolicy, confidence: 0.99 };

    world.say(&ana, "¿hasta cuándo puedo devolver algo?");
    let answered = ana.frames();
    assert_eq!(kinds(&answered), ["ack", "message", "answered_by_machine"]);
    assert_eq!(answered[1]["from"], "machine");
    assert_eq!(answered[2]["source"], "faq/return_policy");
    assert_eq!(kinds(&seat.frames()), [""; 0]);

    let conversation = conversation_of(&answered[0]);
    world.act(&ana, CustomerAct::Person(conversation));
    assert_eq!(seat.last("offer")["intent"], "return_policy");
}

#[test]
fn a_customer_who_says_it_again_after_a_ticket_gets_no_second_one() {
    let mut world = World::new();
    let min = world.customer("min");
    // Korean is spoken by one seat of the demo, in office hours only; this is the middle of its night.
    world.says.language.label = "ko".parse().expect("a language");
    world.now = tradewind::domain::Timestamp::from_millis(1_795_626_000_000);

    world.say(&min, "환불해 주세요 제발 도와주세요");
    world.say(&min, "환불해 주세요 제발 도와주세요!");

    let seen = min.frames();
    assert_eq!(seen.iter().filter(|frame| frame["kind"] == "ticket").count(), 1, "{seen:#?}");
    let ticket = seen.iter().find(|frame| frame["kind"] == "ticket").expect("a ticket");
    assert!(text(ticket, "reference").starts_with("T-"));
    assert!(text(ticket, "opens_at_local").ends_with("-06:00"), "in the customer's zone");
}

#[test]
fn reconnecting_gives_exactly_the_gap_or_says_that_it_cannot() {
    let mut world = World::new();
    let seat = world.seat("lucia");
    let ana = world.customer("ana");
    let conversation = world.owned(&ana, &seat);
    let last = numbers(&ana.frames()).into_values().flatten().max().expect("a number");
    ana.link.outbox.close(CloseCode::Silent);
    for n in 0..3 {
        world.reply(&seat, conversation, &format!("mensaje {n}"));
    }

    let resume = |seq| Resume { session: None, last_seq: BTreeMap::from([(conversation, seq)]) };
    let back = world.attach(customer("ana"), resume(last));
    let attached = back.attached();
    assert_eq!(attached.recovered, 1);
    let missed: Vec<serde_json::Value> =
        attached.missed.iter().map(|f| serde_json::from_str(f).expect("JSON")).collect();
    assert_eq!(numbers(&missed).into_values().next(), Some(vec![last + 1, last + 2, last + 3]));

    let ahead = world.attach(customer("ana"), resume(99));
    assert_eq!(ahead.attached().recovered, 0);
}

#[test]
fn a_session_that_comes_back_closes_its_older_socket() {
    let mut world = World::new();
    let ana = world.customer("ana");

    let resume = Resume { session: Some(ana.link.session), last_seq: BTreeMap::new() };
    let back = world.attach(customer("ana"), resume);

    assert!(ana.link.outbox.is_closed());
    assert!(!back.link.outbox.is_closed());
}

#[test]
fn a_restart_finds_conversations_places_and_owners() {
    let mut world = World::new();
    let seat = world.seat("lucia");
    let (ana, eva) = (world.customer("ana"), world.customer("eva"));
    let owned = world.owned(&ana, &seat);
    world.reply(&seat, owned, "Hola");
    world.schedule(Command::SetState {
        shop: shop(),
        seat: SeatId::from("lucia"),
        state: tradewind::domain::SeatState::Away,
    });
    world.now = world.now + Duration::from_secs(5);
    world.say(&eva, "¿dónde está mi reembolso?");
    let waiting = world.scheduler.queue(&shop(), 10);

    let mut after = world.restarted();

    assert_eq!(after.shard.len(), 2);
    let owner = after.scheduler.owner(owned).map(|(seat, fence)| (seat.clone(), fence));
    assert_eq!(owner, world.scheduler.owner(owned).map(|(seat, fence)| (seat.clone(), fence)));
    let restored = after.scheduler.queue(&shop(), 10);
    assert_eq!(restored.len(), 1);
    assert_eq!(restored[0].conversation, waiting[0].conversation);
    assert_eq!(restored[0].waited_ms, waiting[0].waited_ms);
    let back = after
        .attach(customer("ana"), Resume { session: None, last_seq: BTreeMap::from([(owned, 0)]) });
    let attached = back.attached();
    assert_eq!((attached.recovered, attached.missed.len()), (1, 4));
}

#[test]
fn a_message_that_nobody_had_looked_at_is_looked_at_after_the_restart() {
    let mut world = World::new();
    let ana = world.customer("ana");
    world.model_waits = true;
    world.say(&ana, "quiero mi dinero de vuelta");
    assert_eq!(ana.frames().len(), 1, "acknowledged");

    let after = world.restarted();

    assert_eq!(after.scheduler.queue(&shop(), 10).len(), 1);
}

#[test]
fn a_silent_customer_is_asked_then_the_conversation_closes_and_the_slot_is_free() {
    let mut world = World::new();
    let seat = world.seat("lucia");
    let ana = world.customer("ana");
    let conversation = world.owned(&ana, &seat);
    world.reply(&seat, conversation, "¿Cuál es su número de pedido?");
    ana.frames();

    world.pass(10 * MINUTE - Duration::from_millis(1));
    assert_eq!(kinds(&ana.frames()), [""; 0]);
    world.pass(Duration::from_millis(1));
    let asked = ana.frames();
    assert_eq!(kinds(&asked), ["message"]);
    assert_eq!(asked[0]["from"], "machine");
    world.pass(5 * MINUTE);
    let closed = ana.last("event");
    assert_eq!((closed["kind"].as_str(), closed["by"].as_str()), (Some("closed"), Some("silence")));
    let free = world.scheduler.seat(&shop(), &SeatId::from("lucia")).expect("a seat");
    assert_eq!(free.assigned, 0);
}

#[test]
fn an_answer_of_the_customer_takes_the_alarm_back() {
    let mut world = World::new();
    let seat = world.seat("lucia");
    let ana = world.customer("ana");
    let conversation = world.owned(&ana, &seat);
    world.reply(&seat, conversation, "¿Cuál es su número de pedido?");
    world.pass(10 * MINUTE);
    world.say(&ana, "es el 10-88213");
    world.reply(&seat, conversation, "Gracias");
    ana.frames();

    world.pass(9 * MINUTE);

    assert!(ana.frames().iter().all(|frame| frame["kind"] != "closed"));
}

#[test]
fn a_closed_conversation_is_forgotten_when_its_resume_window_is_over() {
    let mut world = World::new();
    let ana = world.customer("ana");
    world.say(&ana, "hola");
    let conversation = conversation_of(&ana.last("ack"));
    world.act(&ana, CustomerAct::Close(conversation));

    for _ in 0..=144 {
        world.pass(10 * MINUTE);
    }

    assert!(world.shard.is_empty());
    assert_eq!(world.scheduler.totals().waiting, 0);
}

#[test]
fn a_transfer_keeps_the_arrival_time_and_tells_both_sides() {
    let mut world = World::new();
    let seat = world.seat("lucia");
    let ana = world.customer("ana");
    let conversation = world.owned(&ana, &seat);
    seat.frames();
    world.now = world.now + Duration::from_secs(30);

    let to = TransferTarget::Skill("orders".into());
    world.seat_acts(&seat, conversation, SeatAct::Transfer(to));

    assert_eq!(kinds(&seat.frames())[..2], ["transferred", "taken_back"]);
    assert!(kinds(&ana.frames()).contains(&"transferred".to_owned()));
    assert_eq!(world.scheduler.queue(&shop(), 1)[0].waited_ms, 30_000);
    let after = world.restarted();
    assert_eq!(after.scheduler.queue(&shop(), 1)[0].skill.as_str(), "orders");
}

#[test]
fn at_the_end_of_a_shift_a_colleague_takes_over_with_a_summary() {
    // It is Wednesday 09:46:40 in UTC.
    let day = "zone = \"America/Mexico_City\"\nshifts = [\"always\"]\nslots = 3";
    let ends = "shifts = [\"Wed 08:00-10:15\"]\n\n[[seats]]\nid = \"ines\"\n\
                demo_password = \"demo\"\nlanguages = [\"es\"]\nslots = 1";
    let mut world = World::with_shop(day, ends);
    let lucia = world.seat("lucia");
    let ana = world.customer("ana");
    let conversation = world.owned(&ana, &lucia);
    world.reply(&lucia, conversation, "Se lo devuelvo mañana a las 9");
    let ines = world.seat("ines");

    world.pass(Duration::from_secs(28 * 60 + 19));
    assert_eq!(kinds(&ines.frames()), Vec::<String>::new(), "a minute too early");
    world.pass(Duration::from_secs(1));

    assert_eq!(lucia.last("taken_back")["reason"], "shift_ended");
    let offer = ines.last("offer");
    assert_eq!(conversation_of(&offer), conversation);
    let command = Command::Accept {
        shop: shop(),
        seat: "ines".into(),
        offer: text(&offer, "offer").parse().expect("an id"),
    };
    world.schedule(command);
    let accepted = ines.last("accepted");
    let summary = text(&accepted["notes"][0], "text");
    for part in [
        "Language: es.",
        "Wants: request_refund",
        "Asked: “quiero mi dinero de vuelta”",
        "Was told last: “Se lo devuelvo mañana a las 9”",
        "Was with: lucia.",
    ] {
        assert!(summary.contains(part), "{part} is not in:\n{summary}");
    }
}

#[test]
fn a_note_is_seen_by_the_seat_and_makes_no_gap() {
    let mut world = World::new();
    let seat = world.seat("lucia");
    let ana = world.customer("ana");
    let conversation = world.owned(&ana, &seat);
    ana.frames();

    world.seat_acts(&seat, conversation, SeatAct::Note("cliente antiguo".into()));
    world.reply(&seat, conversation, "Hola");

    assert!(kinds(&seat.frames()).contains(&"note".to_owned()));
    let seen = ana.frames();
    assert_eq!(kinds(&seen), ["message"]);
    assert_eq!(seen[0]["seq"], 4);
}

#[test]
fn bounds_refuse_with_a_reason_and_harm_nobody_else() {
    let small = Settings { conversations_max: 2, messages_per_conversation_max: 3, ..settings() };
    let mut world = World::with(small);
    let sockets: Vec<_> = ["ana", "eva", "bob"].map(|name| world.customer(name)).into();

    for socket in &sockets {
        world.say(socket, "hola, quiero mi dinero");
    }
    assert_eq!(sockets[2].last("error")["code"], "overloaded");
    world.say(&sockets[0], "¿hola?");
    world.say(&sockets[0], "¿hola??");
    world.say(&sockets[0], "¿hay alguien?");
    assert_eq!(sockets[0].last("error")["code"], "conflict");
    world.say(&sockets[1], "gracias");
    assert_eq!(sockets[1].last("ack")["type"], "ack");
}
