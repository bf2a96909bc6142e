//! What shops' own systems are to be told, as the owner of a conversation keeps it.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::oneshot;
use tradewind::config::shop::{Shop, ShopFiles};
use tradewind::domain::{ConversationId, EffectKey, HookEvent, Outward, Progress};
use tradewind::flow::{
    CustomerAct, EffectReport, Erase, Errand, Input, SeatAct, WebhookAsked, Whom,
};

use crate::world::{World, shop};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// The demo shop with a hook that is told everything.
fn told() -> Vec<Shop> {
    let mut files = ShopFiles::demo();
    let events = HookEvent::ALL.map(HookEvent::as_str);
    let hook = format!(
        "\n[[webhooks]]\nname = \"crm\"\nurl = \"https://crm.shop.example/in\"\n\
         events = {events:?}\nsecret_env = \"NONE\"\ninclude_text = true\n"
    );
    files.0.get_mut("shop.toml").expect("the file").push_str(&hook);
    vec![Shop::from_files(&files).expect("a shop")]
}

fn events(errands: &[Errand]) -> Vec<HookEvent> {
    let webhooks = errands.iter().filter_map(|errand| match &errand.effect.what {
        Outward::Webhook(webhook) => Some(webhook.event),
        Outward::Email(_) => None,
    });
    webhooks.collect()
}

fn keys(errands: &[Errand]) -> BTreeSet<EffectKey> {
    errands.iter().map(|errand| errand.effect.key).collect()
}

fn report(world: &mut World, errand: &Errand, progress: Progress) -> bool {
    let (reply, mut kept) = oneshot::channel();
    let (conversation, key) = (errand.conversation, errand.effect.key);
    let report = EffectReport { conversation, key, progress: Some(progress), reply };
    world.input(Input::Effect(report));
    kept.try_recv().expect("it answers in the same turn")
}

fn body(world: &mut World, errand: &Errand) -> Option<Value> {
    let (reply, mut said) = oneshot::channel();
    let asked = WebhookAsked { conversation: errand.conversation, key: errand.effect.key, reply };
    world.input(Input::Webhook(asked));
    let body = said.try_recv().expect("it answers in the same turn")?;
    Some(serde_json::from_slice(&body).expect("JSON"))
}

/// A conversation that a seat has answered twice, and that is closed.
fn closed(world: &mut World) -> ConversationId {
    let (seat, ana) = (world.seat("lucia"), world.customer("ana"));
    let conversation = world.owned(&ana, &seat);
    world.reply(&seat, conversation, "Hola Ana, lo miro");
    world.reply(&seat, conversation, "Ya está");
    world.act(&ana, CustomerAct::Rate(conversation, 5));
    world.seat_acts(&seat, conversation, SeatAct::Close);
    conversation
}

#[test]
fn everything_that_a_hook_is_told_of_is_wanted_once_with_the_event_that_it_tells() {
    let mut world = World::with_shops(told());

    closed(&mut world);

    let told = events(&world.errands);
    let count = |event| told.iter().filter(|it| **it == event).count();
    for event in [
        HookEvent::Opened,
        HookEvent::Assigned,
        HookEvent::Answered,
        HookEvent::Rated,
        HookEvent::Closed,
    ] {
        assert_eq!(count(event), 1, "{event}: {told:?}");
    }
    assert!(count(HookEvent::MessageReceived) >= 1 && count(HookEvent::MessageSent) >= 2);
    assert_eq!(keys(&world.errands).len(), told.len(), "each has a key of its own");
}

#[test]
fn what_is_not_settled_is_wanted_again_after_a_restart_from_journal_or_snapshot() {
    let mut world = World::with_shops(told());
    closed(&mut world);
    let errands = world.errands.clone();
    assert!(report(&mut world, &errands[0], Progress::Done));
    assert!(!report(&mut world, &errands[0], Progress::Done), "it is settled");
    let again_at = world.now + DAY;
    report(&mut world, &errands[1], Progress::Failed { again_at });

    let restarted = [world.started_from_journal(told()), world.started_from_snapshot(told())];

    for again in restarted {
        assert_eq!(keys(&again.errands), keys(&errands[1..]));
        let failed = again.errands.iter().find(|it| it.effect.key == errands[1].effect.key);
        let failed = failed.expect("it is wanted");
        assert_eq!((failed.tries, failed.not_before), (1, again_at));
    }
}

#[test]
fn nothing_is_told_of_what_stood_behind_a_record_that_was_lost() {
    let mut world = World::with_shops(told());
    let conversation = closed(&mut world);
    let whole = world.journal.clone();

    for lost in 1..whole.len() {
        world.journal = whole.clone();
        world.journal.remove(lost);
        let mut again = world.started_from_journal(told());
        let errands = again.errands.clone();

        let untold: Vec<_> =
            errands.iter().filter(|errand| body(&mut again, errand).is_none()).collect();
        assert!(untold.is_empty(), "without record {lost} of {conversation}: {untold:?}");
    }
}

#[test]
fn a_closed_conversation_is_kept_until_everything_of_it_was_told() {
    let mut world = World::with_shops(told());
    let conversation = closed(&mut world);

    world.pass(3 * DAY);
    assert!(world.conversations().contains(&conversation));
    for errand in world.errands.clone() {
        assert!(report(&mut world, &errand, Progress::Done));
    }
    world.pass(2 * DAY);

    assert!(!world.conversations().contains(&conversation));
}

#[test]
fn what_an_erased_customer_said_is_in_nothing_that_waits() {
    let mut world = World::with_shops(told());
    let conversation = closed(&mut world);
    let errands = world.errands.clone();
    let said = errands.iter().find(|errand| {
        body(&mut world, errand).is_some_and(|body| body["data"]["text"] == "Ya está")
    });
    let said = said.expect("it is told").clone();

    let (reply, _) = oneshot::channel();
    let whom = Whom::Conversation(conversation);
    world.input(Input::Erase(Erase { shop: shop(), whom, reply }));

    for mut world in [world.started_from_journal(told()), world.started_from_snapshot(told())] {
        assert_eq!(keys(&world.errands), keys(&errands), "all of it is still told");
        let body = body(&mut world, &said).expect("it is wanted");
        assert_eq!(body["data"]["text"], "[erased]");
        let kept = world.shard.keep(conversation).expect("it is there");
        assert!(!String::from_utf8_lossy(&kept).contains("Ya est"), "nothing of it is kept");
    }
}

#[test]
fn a_hook_that_the_shop_no_longer_has_is_told_nothing() {
    let mut world = World::with_shops(told());
    closed(&mut world);

    let mut restarted = world.started_from_journal(vec![Shop::embedded_demo()]);
    let errand = restarted.errands[0].clone();

    assert_eq!(body(&mut restarted, &errand), None);
    assert!(report(&mut restarted, &errand, Progress::Refused), "and is settled");
}
