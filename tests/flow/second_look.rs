//! Messages that the fast tier is not sure of: what waits for the encoder, and for how long.

use std::time::Duration;

use tradewind::domain::{Guess, Intent, Sentiment, Tier};
use tradewind::metrics::names::{Counter, SecondLook};
use tradewind::understand::tiers::Second;

use crate::world::{ENCODER_WAIT_MAX, World, kinds, text};

fn return_policy() -> Option<Second> {
    let intent = Guess { label: Intent::ReturnPolicy, confidence: 0.97 };
    let sentiment = Guess { label: Sentiment::Neutral, confidence: 0.9 };
    Some(Second { intent, sentiment, alternatives: vec![intent], tier: Tier::Encoder })
}

#[test]
fn the_encoders_answer_is_acted_on_in_place_of_the_fast_ones() {
    let mut world = World::new();
    let ana = world.customer("ana");
    world.model_is_unsure = true;

    world.say(&ana, "hasta cuándo se puede");
    assert_eq!(kinds(&ana.frames()), ["ack"]);
    world.look_again(return_policy());

    let seen = ana.frames();
    assert_eq!(kinds(&seen), ["message", "answered_by_machine"]);
    assert_eq!(text(&seen[1], "source"), "faq/return_policy");
    assert!(world.counts.contains(&Counter::Encoder(SecondLook::Answered)));
    assert!(world.counts.contains(&Counter::Understood(Tier::Encoder)));
}

#[test]
fn a_late_encoder_lets_the_fast_answer_stand_at_the_deadline_and_not_before() {
    let mut world = World::new();
    let ana = world.customer("ana");
    world.model_is_unsure = true;

    world.say(&ana, "devuélvanme el dinero");
    ana.frames();
    world.pass(ENCODER_WAIT_MAX - Duration::from_millis(1));
    assert_eq!(kinds(&ana.frames()), [""; 0]);
    assert!(world.shard.waits_for_encoder());
    world.pass(Duration::from_millis(1));

    assert_eq!(kinds(&ana.frames()), ["queued"]);
    assert!(!world.shard.waits_for_encoder());
    assert!(world.counts.contains(&Counter::Encoder(SecondLook::Late)));
    world.look_again(return_policy());
    assert_eq!(kinds(&ana.frames()), [""; 0], "an answer that comes too late changes nothing");
}

#[test]
fn a_failing_encoder_lets_the_fast_answer_stand_at_once() {
    let mut world = World::new();
    let ana = world.customer("ana");
    world.model_is_unsure = true;

    world.say(&ana, "devuélvanme el dinero");
    world.look_again(None);

    assert_eq!(kinds(&ana.frames()), ["ack", "queued"]);
    assert!(world.counts.contains(&Counter::Encoder(SecondLook::Failed)));
}

#[test]
fn what_a_customer_says_next_waits_its_turn_and_other_customers_do_not() {
    let mut world = World::new();
    let (ana, other) = (world.customer("ana"), world.customer("ana"));
    let bob = world.customer("bob");
    world.model_is_unsure = true;
    world.say(&ana, "hasta cuándo se puede");
    world.model_is_unsure = false;

    world.say(&ana, "devuélvanme el dinero");
    world.say(&bob, "devuélvanme el dinero");

    assert_eq!(kinds(&bob.frames()), ["ack", "queued"]);
    assert_eq!(kinds(&other.frames()), [""; 0], "events keep their order");
    world.look_again(return_policy());
    let seen = other.frames();
    // The machine's answer to the first comes before anything that follows from the second.
    let wanted = ["message", "message", "message", "answered_by_machine", "queued"];
    assert_eq!(kinds(&seen), wanted);
    assert_eq!(seen[2]["from"], "machine");
    assert!(!world.asks_encoder(), "nor was anything else asked");
}

#[test]
fn a_restart_looks_anew_at_what_waited_for_the_encoder() {
    let mut world = World::new();
    let ana = world.customer("ana");
    world.model_is_unsure = true;
    world.say(&ana, "devuélvanme el dinero");

    let mut world = world.restarted();
    let ana = world.customer("ana");
    world.say(&ana, "hola?");

    assert_eq!(kinds(&ana.frames()), ["ack"], "it waits for a seat already");
}
