//! Conversations that a supervisor has to approve, from the customer's first word to the seat.

use std::time::Duration;

use tradewind::config::shop::{Shop, ShopFiles};
use tradewind::domain::{ConversationId, SeatId, WaitReason};
use tradewind::flow::{ForMany, Input, SeatAct};
use tradewind::schedule::{Decision, RefuseReason};

use crate::world::{Socket, World, kinds, shop, text};

/// The demo shop, whose supervisors have to approve refunds: what every message here asks for.
fn refunds_held() -> Shop {
    let hours = "[hours]\nzone = \"UTC\"\nopen = [\"always\"]\n";
    let queue = "[[queues]]\nskill = \"returns\"\n";
    let rule = "approval = { hold_max = \"10min\", then = \"release\" }\n";
    let mut files = ShopFiles::demo();
    let text = files.0.get_mut("shop.toml").expect("the demo shop");
    assert!(text.contains(hours), "the place for the rule");
    *text = text.replacen(hours, &format!("{hours}{queue}{rule}"), 1);
    Shop::from_files(&files).expect("a shop")
}

fn world() -> World {
    World::with_shops(vec![refunds_held()])
}

fn held(world: &mut World, customer: &Socket) -> ConversationId {
    world.say(customer, "quiero mi dinero de vuelta");
    let waiting = world.scheduler.queue(&shop(), 9);
    let mut held = waiting.iter().filter(|view| view.reason == WaitReason::Approval);
    held.next_back().expect("one is held").conversation
}

#[test]
fn the_customer_is_told_the_supervisor_approves_and_the_seat_gets_it_with_its_old_arrival() {
    let mut world = world();
    let (lucia, wei, ana) = (world.seat("lucia"), world.seat("wei"), world.customer("ana"));
    let conversation = held(&mut world, &ana);
    let queued = ana.last("event");
    assert_eq!((text(&queued, "kind"), text(&queued, "reason")), ("queued", "approval"));
    assert!(queued["wait_s"].is_null(), "nobody knows how long it takes");
    let frame = wei.last("held");
    assert_eq!(text(&frame, "conversation"), conversation.to_string());
    assert!(!kinds(&lucia.frames()).contains(&"offer".to_owned()));
    world.pass(Duration::from_secs(60));

    world.seat_acts(&lucia, conversation, SeatAct::Approve);
    assert_eq!(text(&lucia.last("error"), "code"), "forbidden");
    world.seat_acts(&wei, conversation, SeatAct::Approve);

    assert!(wei.last("held")["until"].is_null());
    let offer = lucia.last("offer");
    assert_eq!(offer["waiting_ms"], 60_000);
}

#[test]
fn who_comes_back_from_an_answer_for_many_is_held_anew_and_the_supervisor_is_told_again() {
    let mut world = world();
    let (wei, ana) = (world.seat("wei"), world.customer("ana"));
    let conversation = held(&mut world, &ana);
    world.input(Input::AnsweredForMany(ForMany {
        conversation,
        incident: 3,
        seat: SeatId::from("lucia"),
        text: "Vuelve a mediodía.".into(),
        language: "es".parse().expect("a language"),
        translated: None,
        by: "topic",
    }));
    assert!(world.scheduler.queue(&shop(), 9).is_empty());
    wei.frames();
    // Longer than a hold lasts.
    world.pass(Duration::from_secs(11 * 60));

    held(&mut world, &ana);

    assert_eq!(text(&wei.last("held"), "conversation"), conversation.to_string());
}

#[test]
fn a_restart_goes_on_holding_to_the_same_end_and_remembers_an_approval() {
    let mut world = world();
    let (_lucia, wei) = (world.seat("lucia"), world.seat("wei"));
    let (ana, ben) = (world.customer("ana"), world.customer("ben"));
    let first = held(&mut world, &ana);
    world.pass(Duration::from_secs(60));
    let second = held(&mut world, &ben);
    world.seat_acts(&wei, second, SeatAct::Approve);

    let mut after = world.restarted_with(vec![refunds_held()]);
    let lucia = after.seat("lucia");

    assert_eq!(text(&lucia.last("offer"), "conversation"), second.to_string());
    let until = |world: &World| {
        let queue = world.scheduler.queue(&shop(), 9).into_iter();
        queue.filter(|view| view.conversation == first).find_map(|view| view.held_until)
    };
    assert!(until(&world).is_some());
    assert_eq!(until(&after), until(&world));
    after.pass(Duration::from_secs(539));
    assert!(until(&after).is_some());
    after.pass(Duration::from_secs(1));
    assert!(until(&after).is_none(), "it goes on");
    let explained = after.scheduler.explain(first).expect("one").to_string();
    assert!(explained.contains("held as long as it may be"), "{explained}");
}

#[test]
fn a_supervisor_closes_or_takes_over_what_is_held() {
    let mut world = world();
    let wei = world.seat("wei");
    let (ana, ben) = (world.customer("ana"), world.customer("ben"));
    let first = held(&mut world, &ana);
    let second = held(&mut world, &ben);

    world.seat_acts(&wei, first, SeatAct::Close);
    world.seat_acts(&wei, second, SeatAct::Assign("wei".into()));

    assert_eq!(ana.last("event")["kind"], "closed");
    assert_eq!(ben.last("event")["kind"], "assigned");
    assert_eq!(world.scheduler.totals().waiting, 0);
    world.seat_acts(&wei, second, SeatAct::Approve);
    let refused = world.decided.last();
    assert!(
        matches!(refused, Some(Decision::Refused { reason: RefuseReason::NotHeld, .. })),
        "{refused:?}"
    );
}
