//! What clients must not be able to do, and what they are told instead.

use std::sync::Arc;
use std::time::Duration;

use tradewind::domain::{Guess, Intent, OfferId, SeatId, TransferTarget};
use tradewind::flow::{CustomerAct, Input, SeatAct, Settings};
use tradewind::schedule::Command;

use super::world::{World, conversation_of, kinds, numbers, settings, shop, text};

#[test]
fn a_full_conversation_takes_no_further_rating_note_or_wish() {
    let mut world = World::with(Settings { messages_per_conversation_max: 6, ..settings() });
    let seat = world.seat("lucia");
    let ana = world.customer("ana");
    let conversation = world.owned(&ana, &seat);
    for score in [1, 2, 3] {
        world.act(&ana, CustomerAct::Rate(conversation, score));
    }
    ana.frames();

    world.act(&ana, CustomerAct::Rate(conversation, 5));
    assert_eq!(kinds(&ana.frames()), ["error"]);
    for _ in 0..7 {
        world.seat_acts(&seat, conversation, SeatAct::Note("otra vez".into()));
    }
    assert_eq!(seat.last("error")["code"], "conflict");
    world.act(&ana, CustomerAct::Close(conversation));
    assert_eq!(ana.last("event")["kind"], "closed");
}

#[test]
fn typing_is_passed_on_once_a_second() {
    let mut world = World::new();
    let seat = world.seat("lucia");
    let ana = world.customer("ana");
    let conversation = world.owned(&ana, &seat);
    seat.frames();
    ana.frames();

    for _ in 0..3 {
        world.act(&ana, CustomerAct::Typing(conversation));
        world.seat_acts(&seat, conversation, SeatAct::Typing);
    }
    assert_eq!(kinds(&seat.frames()), ["typing"]);
    assert_eq!(kinds(&ana.frames()), ["typing"]);

    world.now = world.now + Duration::from_secs(1);
    world.act(&ana, CustomerAct::Typing(conversation));
    assert_eq!(kinds(&seat.frames()), ["typing"]);
}

#[test]
fn a_seat_that_accepts_what_has_just_ended_is_told_so() {
    let mut world = World::new();
    let seat = world.seat("lucia");
    let ana = world.customer("ana");
    world.say(&ana, "quiero mi dinero de vuelta");
    let offer = seat.last("offer");
    let id: OfferId = text(&offer, "offer").parse().expect("an id");
    let accept = Command::Accept { shop: shop(), seat: SeatId::from("lucia"), offer: id };

    // The scheduler takes the seat's word before it hears of the close.
    let decisions = world.scheduler.apply(world.now, accept);
    world.act(&ana, CustomerAct::Close(conversation_of(&offer)));
    world.inputs(decisions.into_iter().map(Input::Decided).collect());

    let withdrawn = seat.last("withdrawn");
    assert_eq!((&withdrawn["offer"], &withdrawn["reason"]), (&offer["offer"], &"cancelled".into()));
    assert_eq!(world.scheduler.totals().owned, 0);
}

#[test]
fn a_resent_message_is_not_acknowledged_before_what_stands_before_it() {
    let mut world = World::new();
    let seat = world.seat("lucia");
    let ana = world.customer("ana");
    let conversation = world.owned(&ana, &seat);
    ana.frames();
    world.model_waits = true;

    let (first, second) = (world.message_id(), world.message_id());
    let says = SeatAct::Send { id: first, text: "un momento".into() };
    let send = || CustomerAct::Send { id: second, conversation: None, text: "gracias".into() };
    world.inputs(vec![
        seat.seat_input(conversation, says),
        ana.customer_input(send()),
        ana.customer_input(send()),
    ]);
    assert_eq!(kinds(&ana.frames()), [""; 0]);
    world.understand();

    let seen = ana.frames();
    assert_eq!(kinds(&seen), ["message", "ack"]);
    assert_eq!(numbers(&seen).into_values().next(), Some(vec![4, 5]));
}

#[test]
fn one_customer_cannot_fill_the_router_with_ended_conversations() {
    let mut world = World::new();
    let ana = world.customer("ana");
    for n in 0..200 {
        world.say(&ana, &format!("hola {n}"));
        let conversation = conversation_of(&ana.last("ack"));
        world.act(&ana, CustomerAct::Close(conversation));
        ana.frames();
    }

    assert!(world.shard.len() <= 64, "{} are kept", world.shard.len());
    assert_eq!(world.restarted().shard.len(), world.shard.len());
}

#[test]
fn a_seat_learns_what_it_accepted_before_it_learns_that_it_ended() {
    let mut world = World::new();
    let seat = world.seat("lucia");
    let ana = world.customer("ana");
    world.say(&ana, "quiero mi dinero de vuelta");
    let offer = seat.last("offer");
    let id: OfferId = text(&offer, "offer").parse().expect("an id");
    let accept = Command::Accept { shop: shop(), seat: SeatId::from("lucia"), offer: id };
    let decisions = world.scheduler.apply(world.now, accept);

    // All of it in one turn, behind a message that the model has not looked at.
    world.model_waits = true;
    let message = world.message_id();
    let send = CustomerAct::Send { id: message, conversation: None, text: "¿hola?".into() };
    let mut inputs = vec![ana.customer_input(send)];
    inputs.extend(decisions.into_iter().map(Input::Decided));
    inputs.push(ana.customer_input(CustomerAct::Close(conversation_of(&offer))));
    world.inputs(inputs);
    world.understand();

    assert_eq!(kinds(&seat.frames()), ["accepted", "closed"]);
}

#[test]
fn a_refused_transfer_is_answered_by_its_id_and_does_not_name_the_next_one() {
    let mut world = World::new();
    let seat = world.seat("lucia");
    let ana = world.customer("ana");
    let conversation = world.owned(&ana, &seat);
    seat.frames();
    let skill = |name: &str| SeatAct::Transfer(TransferTarget::Skill(name.into()));
    let frame = uuid::Uuid::from_u128(7);
    let mut unknown = seat.seat_input(conversation, skill("juggling"));
    if let Input::Seat(from) = &mut unknown {
        from.frame = Some(frame);
    }

    // Both are on their way before the scheduler has looked at the first.
    world.inputs(vec![unknown, seat.seat_input(conversation, skill("orders"))]);

    let errors = seat.frames();
    let codes: Vec<_> = errors.iter().map(|error| error["code"].as_str()).collect();
    assert_eq!(codes, [Some("conflict"), Some("not_found")]);
    assert_eq!(errors[1]["id"], frame.to_string());
    world.seat_acts(&seat, conversation, skill("orders"));
    assert_eq!(kinds(&seat.frames())[..2], ["transferred", "taken_back"]);
}

#[test]
fn who_changes_the_subject_again_and_again_moves_in_the_queue_a_bounded_number_of_times() {
    let mut world = World::new();
    let ana = world.customer("ana");
    let mut skills = Vec::new();
    for turn in 0..40 {
        let label = if turn % 2 == 0 { Intent::RequestRefund } else { Intent::PaymentFailed };
        world.says.intent = Guess { label, confidence: 0.9 };
        world.say(&ana, &format!("ahora otra cosa {turn}"));
        skills.push(world.scheduler.queue(&shop(), 1)[0].skill.clone());
    }

    let moves = skills.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert_eq!(moves, 8);
}

#[test]
fn the_last_conversations_are_kept_for_customers_whom_a_shop_vouched_for() {
    let mut world = World::with(Settings { conversations_max: 8, ..settings() });
    for n in 0..7 {
        let stranger = world.customer(&format!("stranger {n}"));
        world.say(&stranger, "hola, quiero mi dinero");
        assert_eq!(stranger.last("ack")["type"], "ack");
    }
    let stranger = world.customer("one more");
    let known = world.customer("known");

    world.say(&stranger, "hola, quiero mi dinero");
    let id = world.message_id();
    let act = CustomerAct::Send { id, conversation: None, text: "hola, quiero mi dinero".into() };
    let mut says = known.customer_input(act);
    if let Input::Customer(from) = &mut says {
        let profile = Arc::get_mut(&mut from.profile).expect("nobody else has it");
        profile.verified = Some("user-7".into());
    }
    world.inputs(vec![says]);

    let error = stranger.last("error");
    assert_eq!(error["code"], "overloaded");
    assert!(error["retry_after_ms"].as_u64().is_some_and(|wait| wait > 0), "{error}");
    assert_eq!(known.last("ack")["type"], "ack");
}
