//! Articles in a conversation: which one is told, and what becomes of a customer whom it does not help.

use std::sync::Arc;
use std::time::Duration;

use tradewind::config::shop::Shop;
use tradewind::domain::{Guess, Intent};
use tradewind::flow::{CustomerAct, Library};
use tradewind::understand::Model;

use crate::world::{Socket, World, conversation_of, kinds, shop, text};

/// The demo shop with its articles, and a customer whose every message is about returns.
fn world() -> (World, Socket) {
    let mut world = World::new();
    let demo = Shop::embedded_demo();
    let shops = Arc::new([(demo.id.clone(), Arc::new(demo))].into_iter().collect());
    let model = Model::embedded().expect("the shipped model");
    world.shard.take_library(Arc::new(Library::new(model, &shops).expect("an index")));
    world.says.intent = Guess { label: Intent::ReturnPolicy, confidence: 0.99 };
    let ana = world.customer("ana");
    (world, ana)
}

#[test]
fn the_article_that_surely_fits_is_told_with_its_source_and_version() {
    let (mut world, ana) = world();

    world.say(&ana, "¿es gratis la devolución o la pago yo?");

    let seen = ana.frames();
    assert_eq!(kinds(&seen), ["ack", "message", "answered_by_machine"]);
    assert_eq!(text(&seen[2], "source"), "knowledge/return-cost@1");
    assert!(text(&seen[1], "text").contains("Devolver es gratis en los países"));
}

#[test]
fn what_no_article_surely_answers_waits_for_a_person_though_the_intent_is_sure() {
    let (mut world, ana) = world();

    world.say(&ana, "¿y si mi vecina abrió la caja?");

    assert_eq!(kinds(&ana.frames()), ["ack", "queued"]);
}

#[test]
fn whom_an_answer_did_not_help_gets_a_person_with_the_place_of_the_question() {
    let (mut world, ana) = world();
    world.say(&ana, "¿es gratis la devolución o la pago yo?");
    let conversation = conversation_of(&ana.frames()[0]);
    world.pass(Duration::from_secs(120));

    world.act(&ana, CustomerAct::Helpful(conversation, false));
    world.act(&ana, CustomerAct::Helpful(conversation, false));

    assert_eq!(kinds(&ana.frames()), ["found_helpful", "queued"]);
    let waiting = world.scheduler.queue(&shop(), 9);
    assert_eq!((waiting.len(), waiting[0].waited_ms), (1, 120_000));
}

#[test]
fn a_word_for_a_person_after_an_answer_has_the_place_of_the_question_too() {
    let (mut world, ana) = world();
    world.say(&ana, "¿es gratis la devolución o la pago yo?");
    world.pass(Duration::from_secs(60));

    world.say(&ana, "persona");

    assert_eq!(world.scheduler.queue(&shop(), 9)[0].waited_ms, 60_000);
}

#[test]
fn an_answer_that_helped_calls_nobody_and_without_an_answer_there_is_nothing_to_judge() {
    let (mut world, ana) = world();
    world.say(&ana, "¿es gratis la devolución o la pago yo?");
    let conversation = conversation_of(&ana.frames()[0]);
    world.act(&ana, CustomerAct::Helpful(conversation, true));
    assert_eq!(kinds(&ana.frames()), ["found_helpful"]);
    assert!(world.scheduler.queue(&shop(), 9).is_empty());

    let eva = world.customer("eva");
    world.say(&eva, "¿y si mi vecina abrió la caja?");
    let conversation = conversation_of(&eva.frames()[0]);
    world.act(&eva, CustomerAct::Helpful(conversation, false));

    assert_eq!(eva.frames()[0]["code"], "conflict");
}
