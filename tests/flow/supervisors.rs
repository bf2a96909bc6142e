//! What supervisors do in conversations, over the public interface of `flow`.

use tradewind::config::shop::Shop;
use tradewind::domain::{Guess, Intent, SeatId, SeatState, ShopId};
use tradewind::flow::{CustomerAct, SeatAct};
use tradewind::schedule::Command;

use crate::world::{MINUTE, World, conversation_of, kinds, shop, text};

fn assign(to: &str) -> SeatAct {
    SeatAct::Assign(SeatId::from(to))
}

#[test]
fn a_supervisor_takes_over_and_the_customer_sees_who_answers_now() {
    let mut world = World::new();
    let seat = world.seat("lucia");
    let wei = world.seat("wei");
    let ana = world.customer("ana");
    let conversation = world.owned(&ana, &seat);
    world.reply(&seat, conversation, "Hola");
    seat.frames();
    ana.frames();

    world.seat_acts(&wei, conversation, assign("wei"));

    let taken = seat.last("taken_back");
    assert_eq!(text(&taken, "reason"), "supervisor");
    let accepted = wei.last("accepted");
    assert_eq!(accepted["offer"], serde_json::Value::Null);
    let history = accepted["history"].as_array().expect("a list");
    assert_eq!(kinds(history), ["message", "queued", "assigned", "message", "assigned"]);
    assert_eq!(ana.last("event")["seat"], "wei");
    world.reply(&wei, conversation, "Soy Wei");
    world.reply(&seat, conversation, "¿Sigo yo?");
    assert_eq!(ana.last("event")["text"], "Soy Wei");
    assert_eq!(seat.last("error")["code"], "forbidden");
}

#[test]
fn a_supervisor_assigns_what_a_machine_has_answered_and_what_waits() {
    let mut world = World::new();
    let wei = world.seat("wei");
    let (ana, eva) = (world.customer("ana"), world.customer("eva"));
    world.says.intent = Guess { label: Intent::ReturnPolicy, confidence: 0.99 };
    world.say(&ana, "¿hasta cuándo puedo devolver algo?");
    let answered = conversation_of(&ana.last("ack"));
    world.says.intent = Guess { label: Intent::RequestRefund, confidence: 0.99 };
    world.seat("mai");
    world.say(&eva, "quiero mi dinero de vuelta");
    let waiting = conversation_of(&eva.last("ack"));

    world.seat_acts(&wei, answered, assign("mai"));
    world.seat_acts(&wei, waiting, assign("wei"));

    let (seat, _) = world.scheduler.owner(answered).expect("an owner");
    assert_eq!(seat.as_str(), "mai");
    let (seat, _) = world.scheduler.owner(waiting).expect("an owner");
    assert_eq!(seat.as_str(), "wei");
    assert_eq!(ana.last("event")["kind"], "assigned");
    let mut restarted = world.restarted();
    assert_eq!(restarted.scheduler.owner(answered).map(|(seat, _)| seat.as_str()), Some("mai"));
    let mai = restarted.seat("mai");
    restarted.reply(&mai, answered, "Treinta días.");
    assert_eq!(mai.last("ack")["level"], "durable");
}

#[test]
fn a_supervisor_closes_and_the_slot_is_free() {
    let mut world = World::new();
    let seat = world.seat("lucia");
    let wei = world.seat("wei");
    let (ana, eva) = (world.customer("ana"), world.customer("eva"));
    let owned = world.owned(&ana, &seat);
    world.seat_acts(&wei, owned, SeatAct::Close);

    let closed = seat.last("event");
    assert_eq!((text(&closed, "kind"), text(&closed, "by")), ("closed", "supervisor"));
    assert_eq!(ana.last("event")["by"], "supervisor");
    assert_eq!(world.scheduler.totals().owned, 0);

    // One that waits is out of the queue as well.
    for name in ["lucia", "wei"] {
        let (shop, seat) = (shop(), SeatId::from(name));
        world.schedule(Command::SetState { shop, seat, state: SeatState::Away });
    }
    world.say(&eva, "quiero mi dinero de vuelta");
    let waiting = conversation_of(&eva.last("ack"));
    assert_eq!(world.scheduler.totals().waiting, 1);
    world.seat_acts(&wei, waiting, SeatAct::Close);
    assert_eq!(world.scheduler.totals().waiting, 0);
    assert_eq!(eva.last("event")["by"], "supervisor");

    world.seat_acts(&wei, waiting, assign("wei"));
    assert_eq!(wei.last("error")["code"], "conflict");
}

#[test]
fn only_a_supervisor_of_the_same_shop_may_act_where_he_is_not_the_owner() {
    let mut other = Shop::embedded_demo();
    other.id = ShopId::from("other");
    let mut world = World::with_shops(vec![Shop::embedded_demo(), other]);
    let seat = world.seat("lucia");
    let (mai, stranger) = (world.seat("mai"), world.seat_of(ShopId::from("other"), "wei"));
    let ana = world.customer("ana");
    let conversation = world.owned(&ana, &seat);

    for act in [assign("mai"), SeatAct::Close] {
        world.seat_acts(&mai, conversation, act.clone());
        assert_eq!(mai.last("error")["code"], "forbidden");
        world.seat_acts(&stranger, conversation, act);
        assert_eq!(stranger.last("error")["code"], "not_found", "it looks like none");
    }
    // An owner who is no supervisor hands on by `transfer`.
    world.seat_acts(&seat, conversation, assign("mai"));
    assert_eq!(seat.last("error")["code"], "forbidden");

    assert_eq!(world.asked_by_seats, 0, "the scheduler is not even asked");
    assert_eq!(world.scheduler.owner(conversation).map(|(s, _)| s.as_str()), Some("lucia"));
    world.act(&ana, CustomerAct::Close(conversation));
    assert_eq!(ana.last("event")["by"], "customer");
}

#[test]
fn a_supervisor_must_take_over_before_speaking_for_the_shop() {
    let mut world = World::new();
    let seat = world.seat("lucia");
    let wei = world.seat("wei");
    let ana = world.customer("ana");
    let conversation = world.owned(&ana, &seat);

    world.reply(&wei, conversation, "Hola");

    assert_eq!(wei.last("error")["code"], "forbidden");
    assert!(ana.frames().iter().all(|frame| frame["from"] != "seat"));
}

#[test]
fn supervisors_are_told_of_a_conversation_that_lost_its_owner_too_often() {
    let mut world = World::new();
    let wei = world.seat("wei");
    let seat = world.seat("lucia");
    let (away, there) = (SeatState::Away, SeatState::Ready);
    let (shop, id) = (shop(), SeatId::from("wei"));
    world.schedule(Command::SetState { shop: shop.clone(), seat: id, state: away });
    let ana = world.customer("ana");
    let conversation = world.owned(&ana, &seat);

    for _ in 0..3 {
        world.pass(MINUTE * 2);
        let id = SeatId::from("lucia");
        world.schedule(Command::SetState { shop: shop.clone(), seat: id, state: there });
        world.pass(MINUTE);
        if let Some(offer) = seat.frames().iter().rfind(|frame| frame["type"] == "offer") {
            let (seat, offer) = (SeatId::from("lucia"), text(offer, "offer").parse().expect("id"));
            world.schedule(Command::Accept { shop: shop.clone(), seat, offer });
        }
    }
    world.pass(MINUTE * 2);

    let told = wei.last("escalated");
    assert_eq!(conversation_of(&told), conversation);
    assert_eq!(told["hops"], 3);
}
