//! Questions for which a person was needed and that an article could have answered.

use std::time::Duration;

use tokio::sync::oneshot;
use tradewind::domain::{Guess, Intent, SeatId, Timestamp, TransferTarget};
use tradewind::flow::{EmailRules, Input, SeatAct, Settings, UnansweredQuestion, WantsUnanswered};
use tradewind::understand::pii;

use crate::world::{MINUTE, World, conversation_of, settings, shop};

/// A world in which every message asks about a product.
fn asking(settings: Settings) -> World {
    let mut world = World::with(settings);
    world.says.intent.label = Intent::ProductQuestion;
    world
}

/// What the shop is told, which is the same after a restart.
fn unanswered(world: &mut World) -> Vec<String> {
    let told = |world: &mut World| -> Vec<UnansweredQuestion> {
        let (reply, mut told) = oneshot::channel();
        world.input(Input::Unanswered(WantsUnanswered { shop: shop(), reply }));
        told.try_recv().expect("an answer")
    };
    let live = told(world);
    assert_eq!(live, told(&mut world.restarted()), "a restart changes nothing");
    assert!(live.iter().all(|question| question.intent == Intent::ProductQuestion));
    live.into_iter().map(|question| question.text).collect()
}

#[test]
fn what_is_added_to_a_ticket_takes_the_place_of_no_question() {
    let email = Some(EmailRules { can_reply: true, ..EmailRules::default() });
    let mut world = asking(Settings { email, ..settings() });
    world.says.language.label = "ko".parse().expect("a language");
    // The night of the only seat that speaks Korean.
    world.now = Timestamp::from_millis(1_795_626_000_000);
    let min = world.customer("min");
    world.say(&min, "이 벨트는 가죽인가요?");
    world.says.pii = pii::find("min@example.org");
    world.say(&min, "min@example.org");
    world.says.pii.clear();

    world.pass(8 * 60 * MINUTE);

    assert_eq!(world.scheduler.queue(&shop(), 10).len(), 1, "it is worked off");
    assert_eq!(unanswered(&mut world), ["이 벨트는 가죽인가요?"]);
}

#[test]
fn what_is_said_to_a_seat_is_no_question_that_nobody_answered() {
    let mut world = asking(settings());
    let seat = world.seat("lucia");
    let ana = world.customer("ana");
    let id = world.owned(&ana, &seat);
    world.reply(&seat, id, "¿qué bolso?");
    world.say(&ana, "el rojo, ¿de qué cuero es?");

    let to = TransferTarget::Skill("orders".into());
    world.seat_acts(&seat, id, SeatAct::Transfer(to));

    assert_eq!(world.scheduler.queue(&shop(), 10).len(), 1, "it waits again");
    assert_eq!(unanswered(&mut world), ["quiero mi dinero de vuelta"]);
}

#[test]
fn a_question_that_a_supervisor_takes_before_it_waits_is_on_the_list_at_once() {
    let mut world = asking(Settings { lines_wait_max: Duration::from_secs(5), ..settings() });
    (world.model_waits, world.starts_unread) = (true, true);
    let wei = world.seat("wei");
    let ana = world.customer("ana");
    world.say(&ana, "¿es de cuero?");
    world.say(&ana, "el bolso rojo");
    // The first line waits for what the second one says.
    let second: Vec<_> = world.unread.drain(1..).collect();
    world.understand();
    world.unread.extend(second);
    assert!(unanswered(&mut world).is_empty());

    let id = conversation_of(&ana.last("ack"));
    world.seat_acts(&wei, id, SeatAct::Assign(SeatId::from("wei")));

    assert_eq!(unanswered(&mut world), ["¿es de cuero?\nel bolso rojo"]);
    world.understand();
    assert_eq!(wei.last("accepted")["conversation"], id.to_string());
    assert_eq!(unanswered(&mut world), ["¿es de cuero?\nel bolso rojo"]);
}

#[test]
fn what_a_machine_has_answered_is_no_question_that_nobody_answered() {
    let mut world = World::new();
    world.says.intent = Guess { label: Intent::ReturnPolicy, confidence: 0.99 };
    let wei = world.seat("wei");
    let ana = world.customer("ana");
    world.say(&ana, "¿hasta cuándo puedo devolver algo?");

    let id = conversation_of(&ana.last("ack"));
    world.seat_acts(&wei, id, SeatAct::Assign(SeatId::from("wei")));

    assert_eq!(wei.last("accepted")["conversation"], id.to_string());
    assert!(unanswered(&mut world).is_empty());
}
